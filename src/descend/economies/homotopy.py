"""From an easier economy to the one that is asked for."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from descend.economies.learner import Learner, TrainingState, steps_of
from descend.economies.problem import Problem, arrays, quick
from descend.economies.progress import Log
from descend.economies.watching import Check
from descend.errors import DescendError
from descend.train.engine import placement
from descend.train.engine.feeds import Steps
from descend.train.engine.training import train

STRIDE = 0.25  # of the way, the longest step
FOLLOWED = 1e-2  # a step has succeeded when some seed's mean residual is below this


def follow(
    problem: Problem, learner: Learner, state: TrainingState, check: Check, log: Log
) -> TrainingState:
    """Solve where the plan's homotopy begins, then in steps to the economy itself.

    A step that leaves no seed with a residual below FOLLOWED is halved and tried again.
    """
    plan, target = problem.plan, problem.numbers
    beginning = plan.beginnings

    def moved(state: TrainingState, share: float, updates: int) -> TrainingState:
        way = {n: (1 - share) * beginning[n] + share * target[n] for n in target}
        return _moved(problem, learner, state, way, updates)

    reached, stride = 0.0, STRIDE
    state = moved(state, 0.0, plan.updates)
    while reached < 1.0:
        share = min(reached + stride, 1.0)
        ahead = moved(state, share, plan.updates // 4)
        residual = min(_residual(check, ahead, seed) for seed in problem.seeds)
        if residual <= FOLLOWED:
            state, reached = ahead, share
            stride = min(2 * stride, STRIDE)
            log.say(f"homotopy: {reached:.1%} of the way, mean residual {residual:.1e}")
            continue
        stride /= 2
        log.say(f"homotopy: {share:.1%} of the way failed ({residual:.1e}); the step is halved")
        if stride < STRIDE / 32:
            raise DescendError(
                f"homotopy: stuck at {reached:.1%} of the way from {beginning} to {target}. Begin "
                "nearer, or give more updates."
            )
    return _moved(problem, learner, state, target, 0)


def _moved(
    problem: Problem, learner: Learner, state: TrainingState, way: Mapping[str, float], updates: int
) -> TrainingState:
    """The state after some updates of the economy with the parameters `way`."""
    hyper = arrays(learner.hyper() | {f"parameter.{name}": value for name, value in way.items()})
    state = placement.on_one(state)
    state = quick(jax.vmap(lambda s: learner.begin(s, hyper)))(state)
    if not updates:
        return state
    steps = steps_of(learner)
    run = train(  # half of a way is no solution: Ctrl-C ends the call
        learner,
        Steps(steps),
        max(1, updates // steps),
        state=state,
        members=problem.plan.seeds,
        on_interrupt="raise",
    )
    return run.state


def _residual(check: Check, state: TrainingState, seed: int) -> float:
    """A seed's mean residual under its own parameters; infinite where it is not finite."""
    residual = check(state, seed)[0]["ergodic mean"]
    return residual if np.isfinite(residual) else np.inf
