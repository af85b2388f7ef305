"""The stages of a solve: first-order updates of all seeds, then each seed's polishing.

A stage begins from the candidates that the one before it left, and leaves better ones. Ctrl-C ends
it with a KeyboardInterrupt when the candidates are up to date.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.learner import Learner, TrainingState, steps_of
from descend.economies.polish import RESIDUALS, GaussNewton
from descend.economies.problem import Problem, arrays, on_host
from descend.economies.progress import Log
from descend.economies.watching import CHECKS, Candidates, Watch
from descend.train.engine import placement
from descend.train.engine.feeds import Steps
from descend.train.engine.run import Run
from descend.train.engine.training import train
from descend.train.rules import LBFGS

APART = 10  # periods between the points of a path that are polished on: nearer ones are too alike
STALLED = 25  # polishing steps without getting better by a tenth: the seed is done


def first_order(
    problem: Problem,
    learner: Learner,
    state: TrainingState,
    candidates: Candidates,
    log: Log,
    *,
    checkpoint: Path | None,
    resume: Any,
) -> None:
    """All seeds as one program."""
    name, steps = problem.optimizer.name, steps_of(learner)
    epochs = -(-problem.plan.updates // steps)
    watch = Watch(
        candidates,
        log,
        name,
        None,
        problem.seeds,
        steps=steps,
        every=max(1, epochs // CHECKS),
        checkpoint=checkpoint,
    )
    run = train(
        learner,
        Steps(steps),
        epochs,
        state=state,
        callbacks=[watch],
        members=problem.plan.seeds,
        identity=problem.identity(name),
        resume=resume,
    )
    candidates.paths = on_host(run.state.paths)
    candidates.repairs = np.asarray(run.state.repairs, float)
    if run.diverged:
        log.say(f"{len(run.diverged)} of {problem.plan.seeds} seeds became non-finite and stopped")
    _raise_if_interrupted(run)


def polish(
    problem: Problem,
    candidates: Candidates,
    log: Log,
    *,
    checkpoint: Path | None,
    began_in: str | None,
    resume: Any,
) -> None:
    """One seed after the other, from its best weights: a step's system fills all cores.

    Args:
        began_in: the stage that a checkpoint to go on from was written in, or None.
    """
    plan, task = problem.plan, polisher(problem)
    hyper = arrays(task.hyper())
    # away from the devices that the members were spread over, else all of them repeat it
    for seed in problem.seeds:
        number = plan.seed + seed
        stage = f"{plan.polish}, seed {number}"
        if candidates.met([seed]) or began_in not in (None, stage):
            continue
        state = TrainingState(
            params=candidates.of(seed),
            optimizer=None,
            key=jax.random.fold_in(jax.random.key(number), 1),
            hyper=hyper,
            steps=jnp.zeros((), jnp.int32),
            paths=jax.tree.map(lambda a, seed=seed: a[seed], candidates.paths),
            repairs=candidates.repairs[seed].astype(jnp.result_type(float)),
        )
        state = task.begin(placement.on_one(state), hyper)
        watch = Watch(
            candidates,
            log,
            str(plan.polish),
            number,
            [seed],
            steps=1,
            every=1,
            patience=STALLED,
            waiting=sum(not candidates.met([other]) for other in problem.seeds[seed + 1 :]),
            checkpoint=checkpoint,
        )
        run = train(
            task,
            Steps(1),
            plan.polishing_steps,
            state=placement.on_one(state),
            callbacks=[watch],
            identity=problem.identity(stage),
            resume=resume if began_in else None,
        )
        began_in = None
        _raise_if_interrupted(run)


def polisher(problem: Problem) -> Learner:
    """The Task of the polishing."""
    plan, system = problem.plan, problem.system
    rows = plan.sampling
    if plan.polish == "lbfgs":
        periods = max(rows.periods, -(-1024 // rows.paths))
        more = replace(rows, batch=1024, periods=periods)
        return Learner(system, problem.graph, problem.rule, LBFGS(), more)
    shapes = jax.eval_shape(problem.graph.init, jax.random.key(0))[0]
    size = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    points = max(min(3 * size, RESIDUALS) // _conditions(problem), 32)
    periods = APART * -(-points // rows.paths)
    more = replace(rows, batch=points, periods=periods)
    return GaussNewton(system, problem.graph, problem.rule, problem.optimizer, more)


def _conditions(problem: Problem) -> int:
    """How many residuals a point has."""
    system = problem.system
    network = lambda features: jnp.zeros(system.raw)  # noqa: E731

    def at_one(key: jax.Array) -> Any:
        point = jax.tree.map(lambda a: a[0], system.begin(key, 1))
        return system.residuals(network, point, problem.rule, problem.numbers)

    shapes = jax.eval_shape(at_one, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def _raise_if_interrupted(run: Run) -> None:
    """Ctrl-C has ended the training: the stages behind it are not begun."""
    if run.history.interrupted:
        raise KeyboardInterrupt
