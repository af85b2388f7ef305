"""Solve an economy: weights by Adam on simulated paths, polished, several seeds as one program.

    1  the statement is checked (descend.economies.checks)
    2  first-order updates on states that the present policies pass (descend.economies.learner)
    3  Gauss-Newton or L-BFGS steps (descend.economies.polish)
    4  every seed is judged by a finer rule than it was trained with; the best one is the solution

What is kept of a seed is not its last weights and not those of its lowest cost, but those that did
best under the finer rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from descend.economies import expectations
from descend.economies.accuracy import Size
from descend.economies.plan import (
    Plan,
    aims_of,
    homotopy_of,
    network_of,
    optimizer_of,
    over_of,
    polishing_of,
    sampling_of,
    whole,
)
from descend.economies.points import Ground
from descend.economies.solution import Solution, precision
from descend.economies.solving import Solving
from descend.economies.statement import Economy
from descend.errors import DescendError
from descend.train.optimizers import Optimizer
from descend.train.runtime import prepare


def solve(
    economy: Economy,
    *,
    aim: float | Mapping[str, float] | None = None,
    seeds: int = 4,
    updates: int = 1000,
    polish: str | None = "gauss-newton",
    polishing_steps: int = 60,
    hidden: tuple[int, ...] = (32, 32),
    activation: str = "swish",
    paths: int = 256,
    periods: int = 10,
    batch: int = 256,
    box: float = 0.25,
    learning_rate: float = 0.005,
    optimizer: Optimizer | str | None = None,
    rule: str | None = None,
    judged_by: str | None = None,
    dtype: str = "float64",
    over: Mapping[str, tuple[float, float]] | None = None,
    start_from: Solution | None = None,
    homotopy: Mapping[str, float] | None = None,
    size: Size | None = None,
    seed: int = 0,
    verbose: int | Callable[[str], None] = 1,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
) -> Solution:
    """Policies of an economy over its whole state space, and how wrong they are.

        cost = 1/N sum_i 1/m sum_j G_j(x_i, policy(x_i))^2

    Args:
        economy: the statement.
        aim: what to reach: a number for the mean residual of the worst condition on the ergodic
            set, or a dict such as {"ergodic mean": 5e-5, "ergodic max": 5e-4, "box mean": 1e-3};
            training stops when every seed has met it. None: the economy's own, `Economy.aim`. A
            policy is wrong by more than its residual, often by ten times as much.
        seeds: how many networks are trained side by side from different weights; the best by the
            judging rule that is solved is the solution, and how many reached the aim is reported.
        updates: first-order updates at most.
        polish: "gauss-newton", "lbfgs" or None, behind the first-order updates.
        polishing_steps: its steps at most; a seed that has not become better by a tenth in 25 steps
            is left as it is.
        hidden, activation: of the network.
        paths, periods, batch: simulated side by side; periods that each goes on for between
            rounds of updates; points of an update, at most paths * periods.
        box: share of every batch drawn from the economy's box instead of the paths. 0 trains on
            the ergodic set alone, 1 on the box alone: see the lab "box_only" on both.
        learning_rate: of Adam, falling to a hundredth along a cosine.
        optimizer: in place of that Adam.
        rule: that takes expectations in training; by default gauss-hermite:5 for one or two
            normal shocks, monomial:3 beyond. See `descend.economies.expectations`.
        judged_by: the finer rule of the accuracy.
        dtype: "float64" or "float32", of weights, states and everything between.
        over: {parameter: (low, high)}: parameters that become states; solve once, use for every
            value.
        start_from: a solution whose weights are the beginning (same sizes; other parameters).
        homotopy: {parameter: value to begin with}: the economy is solved there first and followed
            to its own values; a step that fails is halved.
        size: how many points the final accuracy stands on.
        seed: of everything drawn.
        verbose: 0 says nothing, 1 shows progress and the log; a function gets every line of it.
        checkpoint: a file that holds the run after every check; `resume` goes on from one.

    Returns:
        The Solution. `solution.verdict.solved` says whether the aim was met and nothing else speaks
        against it; `solution.status` says so in words, the worst news first.

    Raises:
        DescendError: a statement that cannot be right (with the line), or an argument out of range.

    Source: scheidegger-2020, "Deep Equilibrium Nets"; Azinovic, Gaegauf and Scheidegger 2022.
    """
    prepare()
    with precision(dtype):
        if not isinstance(economy, Economy):
            raise DescendError(
                "solve: expected an economy, such as BrockMirman(), got "
                f"{economy.__name__ if isinstance(economy, type) else repr(economy)}"
            )
        begins = homotopy_of(homotopy, economy)
        ground = Ground(economy, over_of(over), traced=tuple(begins))
        aims, whose = aims_of(aim, economy)
        plan = Plan(
            aim=aims,
            aim_of=whose,
            seeds=whole("seeds", seeds, 1),
            updates=whole("updates", updates, 0),
            polish=polishing_of(polish),
            polishing_steps=whole("polishing_steps", polishing_steps, 0),
            network=start_from.network
            if start_from is not None
            else network_of(hidden, activation),
            sampling=sampling_of(paths, periods, batch, box),
            optimizer=optimizer_of(optimizer, learning_rate, updates),
            rule=rule or expectations.for_training(ground.law.dimensions),
            judged_by=judged_by or expectations.for_judging(ground.law.dimensions),
            dtype=dtype,
            seed=whole("seed", seed, 0),
        )
        return Solving(ground, plan, size or Size(), verbose).run(
            start_from, begins, checkpoint, resume
        )
