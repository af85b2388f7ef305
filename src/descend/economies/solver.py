"""Solve an economy: weights by Adam on simulated paths, polished, several seeds as one program.

    1  the statement is checked (descend.economies.checks)
    2  first-order updates on states that the present policies pass (learner)
    3  Gauss-Newton or L-BFGS steps (polish)
    4  every seed is judged by a finer rule than it was trained with; the best one is the solution

What is kept of a seed is not its last weights and not those of its lowest cost, but those that did
best under the finer rule (watching).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.checks import check_bounds, check_statement
from descend.economies.choosing import choose
from descend.economies.floats import precision
from descend.economies.homotopy import follow
from descend.economies.learner import Learner, TrainingState
from descend.economies.plan import Plan, keywords, plan_of
from descend.economies.problem import Problem, quick
from descend.economies.progress import Event, Log
from descend.economies.solution import Solution
from descend.economies.stages import first_order, polish
from descend.economies.statement import Economy
from descend.economies.watching import Candidates, Check
from descend.errors import CheckpointError, DescendError
from descend.files import writable
from descend.train.engine.runtime import prepare
from descend.train.saving.checkpoint import read


def solve(
    economy: Economy,
    plan: Plan | None = None,
    *,
    start_from: Solution | None = None,
    verbose: int | Callable[[Event], Any] = 1,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    **changes: Any,
) -> Solution:
    """Policies of an economy over its whole state space, and how wrong they are.

        cost = 1/N sum_i 1/m sum_j G_j(x_i, policy(x_i))^2

        solve(BrockMirman(), aim=1e-5, seeds=4)
        solve(BrockMirman(), Plan(aim=1e-5, seeds=4))

    Args:
        economy: Economy, the statement to be solved.
        plan: Plan of how it is solved; where none is given, the economy's own.
        start_from: Solution whose weights are the beginning (same sizes; other parameters).
        verbose: number or function: 0 says nothing, 1 prints the log on standard error; a function
            gets every event (`descend.economies.Event`), whose `str` is the line of the log.
        checkpoint: name of a file that holds the run after every check; `resume` goes on from one.
        resume: name of the checkpoint of the same run to go on from.
        aim: residual to reach, a number or {figure: value}; this and all that follow are fields of
            Plan, in place of what the plan has.
        seeds, seed: number of networks side by side; number that every random draw follows from.
        updates, learning_rate, optimizer: number of first-order updates at most; the rate of Adam;
            a rule in its place.
        polish, polishing_steps: name of the method behind them; number of its steps at most.
        hidden, activation: numbers of units of the hidden layers; name of their function.
        paths, periods, batch, box: numbers of simulated paths, of their periods between updates, of
            points of an update; the share of these drawn from the box.
        rule, judged_by: names of the rules that take expectations, in training and in judging.
        dtype: name of the number type, "float64" or "float32".
        over: {parameter: (low, high)}, parameters that become states.
        homotopy: {parameter: value to begin with}, from which the economy is followed.
        size: Size, the numbers of points that the final accuracy is measured on.

    Returns:
        The Solution. `solution.verdict.solved` says whether the aim was met and nothing else speaks
        against it; `solution.status` says so in words, the worst news first. Ctrl-C ends the
        training or the judging, and the best weights so far are returned with what is known.

    Raises:
        DescendError: a statement that cannot be right (with the line), or an argument out of range.
        CheckpointError: a file to resume from that is none of the same run.
        KeyboardInterrupt: Ctrl-C before anything was judged.

    Source: scheidegger-2020, "Deep Equilibrium Nets"; Azinovic, Gaegauf and Scheidegger 2022.

    Example:
        A share of output sqrt(k) is saved; the one condition holds where that share is .3.

        >>> from dataclasses import dataclass
        >>> from descend.economies import Economy, Share, Size, solve
        >>> @dataclass(frozen=True)
        ... class Solow(Economy):
        ...     def states(self):
        ...         return {"k": (0.01, 1.0)}
        ...     def policies(self):
        ...         return {"saving": Share()}
        ...     def transition(self, now, policy, shock):
        ...         return {"k": policy.saving * now.k**0.5}
        ...     def conditions(self, now, policy, E):
        ...         return {"rule": policy.saving / 0.3 - 1}
        >>> few = Size(paths=2, burn=2, periods=2, thin=1, box=4, stressed=4, stability=20)
        >>> solution = solve(Solow(), seeds=1, updates=0, hidden=(), size=few, verbose=0)
        >>> solution.verdict.solved, solution.policy({"k": [0.2, 0.4]})["saving"].round(3).tolist()
        (True, [0.3, 0.3])
    """
    prepare()
    if not isinstance(economy, Economy):
        raise DescendError(
            "solve: expected an economy, such as BrockMirman(), got "
            f"{economy.__name__ if isinstance(economy, type) else repr(economy)}"
        )
    if start_from is not None and not isinstance(start_from, Solution):
        raise DescendError(
            f"solve: start_from must be a Solution, such as solve gives, got {start_from!r}"
        )
    plan = plan_of(economy, plan, changes)
    with precision(plan.dtype):
        problem = Problem.of(economy, plan, None if start_from is None else start_from.network)
        log = Log(verbose)
        aims = ", ".join(f"{words} {value:.0e}" for words, value in problem.aims.items())
        log.say(f"aim: {aims}" + (f" ({problem.aim_of})" if problem.aim_of else ""))
        check_bounds(problem.system, plan.beginnings)
        check_statement(problem.system, problem.graph, problem.rule, log.say)
        candidates = _trained(problem, log, start_from, checkpoint, resume)
        winner, accuracy, seeds = choose(problem, candidates, log)
        return Solution(
            economy=economy,
            network=problem.network,
            params=candidates.of(winner),
            dtype=plan.dtype,
            over=problem.system.over,
            rule=problem.rule.name,
            judged_by=problem.judge.rule.name,
            accuracy=accuracy,
            seeds=seeds,
            events=log.events,
            seconds=log.seconds,
        )


# the fields of Plan stand in the signature, so that help() and editors show them
solve.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        *(p for p in inspect.signature(solve).parameters.values() if p.kind != p.VAR_KEYWORD),
        *(p.replace(kind=p.KEYWORD_ONLY) for p in keywords()),
    ],
    return_annotation="Solution",
)


def _trained(
    problem: Problem,
    log: Log,
    start_from: Solution | None,
    checkpoint: str | Path | None,
    resume: str | Path | None,
) -> Candidates:
    """The best weights of every seed, after all stages or up to Ctrl-C."""
    plan = problem.plan
    file = None if checkpoint is None else writable(checkpoint)
    began_in = None if resume is None else _stage_of(resume)
    learner, check = problem.learner(), Check(problem)
    state = _beginning(problem, learner, start_from)
    if plan.beginnings and began_in is None:
        state = follow(problem, learner, state, check, log)
    candidates = Candidates(check, state)
    try:
        if began_in is None:  # a solution to start from may be the best, or all that is asked for
            candidates.judge(state, problem.seeds)
        first = began_in in (None, problem.optimizer.name)
        if plan.updates and first and not candidates.met(problem.seeds):
            first_order(problem, learner, state, candidates, log, checkpoint=file, resume=resume)
            began_in = None
        if plan.polish and problem.rule.sampled:
            log.say("a rule that draws its nodes gives no equations to polish: left out")
        elif plan.polish and plan.polishing_steps and not candidates.met(problem.seeds):
            polish(problem, candidates, log, checkpoint=file, began_in=began_in, resume=resume)
        if not candidates.judged:  # nothing was trained: what it began with is judged
            candidates.judge(state, problem.seeds)
    except KeyboardInterrupt:
        if not candidates.judged:
            raise
        log.say("interrupted: the best policies so far are judged")
    return candidates


def _beginning(problem: Problem, learner: Learner, start_from: Solution | None) -> TrainingState:
    """The state before the first update, with a leading axis of seeds."""
    plan = problem.plan
    keys = jax.vmap(jax.random.key)(np.arange(plan.seed, plan.seed + plan.seeds))
    hyper = learner.hyper()
    if start_from is None:
        return quick(jax.vmap(lambda key: learner.init(key, hyper)))(keys)
    start_from.fits(problem.system)
    params = jax.tree.map(jnp.asarray, start_from.params)
    return quick(jax.vmap(lambda key: learner.start(params, key, hyper)))(keys)


def _stage_of(path: str | Path) -> str:
    """The stage that a checkpoint was written in."""
    described, _ = read(path)
    identity = described.get("identity")
    identity = identity if isinstance(identity, dict) else {}
    if described["kind"] != "checkpoint" or "stage" not in identity:
        raise CheckpointError(f"{path} is not a checkpoint of `solve`")
    return identity["stage"]
