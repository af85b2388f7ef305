"""Which seed is the solution, and how accurate it is."""

from __future__ import annotations

import numpy as np

from descend.economies.accuracy import SETS, Accuracy, Measure
from descend.economies.problem import Problem
from descend.economies.progress import Log
from descend.economies.solution import Seed
from descend.economies.watching import WATCHED, Candidates


def choose(problem: Problem, candidates: Candidates, log: Log) -> tuple[int, Accuracy, list[Seed]]:
    """(position of the first seed, by its score, that is solved, else of the first of all; its
    accuracy; all seeds).

    Ctrl-C ends the judging: what was judged by then decides, and where nothing was, the last check
    in training stands in its place, which no verdict takes for a solution.
    """
    plan = problem.plan
    measure = Measure(problem.judge, plan.size, problem.rule.name, plan.seed + 2_000_003)
    ranked = np.argsort(candidates.scores, kind="stable").tolist()
    judged: dict[int, Accuracy] = {}
    try:
        for seed in ranked:
            judged[seed] = measure(candidates.of(seed), problem.numbers, problem.aims)
            if judged[seed].verdict.solved:
                break
    except KeyboardInterrupt:
        count = plan.seeds - len(judged)
        log.say(f"interrupted: {count} of {plan.seeds} seeds were not judged")
    winner = next((s for s, accuracy in judged.items() if accuracy.verdict.solved), ranked[0])
    accuracy = judged[winner] if judged else _of_check(problem, candidates, winner)
    set_back = candidates.repairs[:, 0] / np.maximum(candidates.repairs[:, 1], 1)
    seeds = [
        Seed(
            seed=plan.seed + i,
            residual=float(candidates.residuals[i]),
            reached=judged[i].verdict.solved if i in judged else bool(candidates.scores[i] <= 1),
            set_back=float(set_back[i]),
        )
        for i in problem.seeds
    ]
    log.say(accuracy.status)
    count = sum(s.reached for s in seeds)
    choice = f"seed {seeds[winner].seed} is kept"
    log.say(f"{count} of {plan.seeds} seeds reached the aim; {choice}")
    for name, least in accuracy.sets["box"]["slack"].items():
        if not any(accuracy.sets[s]["binding"][name] for s in SETS):
            log.say(
                f"warning: the constraint {name!r} never binds on any set (slack at least "
                f"{least:.2g}): can the policy reach it?"
            )
    return winner, accuracy, seeds


def _of_check(problem: Problem, candidates: Candidates, seed: int) -> Accuracy:
    """What the last check in training says of a seed, as an accuracy that was interrupted."""
    figures = candidates.figures[seed] or {"ergodic mean": float(candidates.residuals[seed])}
    return Accuracy.interrupted_at(
        problem.judge.rule.name, problem.rule.name, figures, WATCHED, problem.aims
    )
