"""Growth and saving by a network, beside time iteration."""

from __future__ import annotations

import numpy as np
import pytest

from descend.economies.dynamic_programming import time_iteration
from descend.economies.models.growth import StochasticGrowth
from descend.economies.models.irreversible import IrreversibleGrowth
from descend.economies.models.savings import IncomeFluctuation
from descend.economies.solver import solve
from descend.errors import DescendError

QUICK = {"seeds": 1, "hidden": (16, 16), "verbose": 0}


def bound_share(economy, reference, periods=300, paths=300):
    """How often investment is at its bound along paths of the reference's own."""
    draw = np.random.default_rng(0)
    k, a, found = np.full(paths, economy.steady()[0]), np.zeros(paths), []
    for t in range(periods):
        p = reference.policy({"k": k, "a": a})
        if t >= 100:
            found.append(np.mean(p["multiplier"] > 0))
        k = (1 - economy.delta) * k + p["investment"]
        a = economy.rho * a + economy.innovation * draw.choice([-1, 1], paths)
    return np.mean(found)


@pytest.mark.slow
def test_growth_is_within_1e_4_of_time_iteration_over_the_box():
    economy = StochasticGrowth()
    solution = solve(economy, aim=1e-9, updates=400, polishing_steps=15, **QUICK)
    made = solution.compare(time_iteration(economy), points=2000)
    assert made.figure("consumption", "max relative", "box") < 1e-4
    assert made.figure("consumption", "max relative", "ergodic") < 1e-4
    assert solution.accuracy.stable


@pytest.mark.slow
def test_irreversible_growth_binds_as_often_as_in_time_iteration():
    economy = IrreversibleGrowth()
    reference = time_iteration(economy, points=500)
    solution = solve(economy, aim=1e-9, updates=1000, polishing_steps=20, **QUICK)
    made = solution.compare(reference, points=4000)
    shares = made.binding.loc[("ergodic", "irreversible")]
    assert abs(shares["solution"] - shares["reference"]) < 0.01  # at the same states
    # and where each lives: 60,000 and 10,000 points of persistent paths know it to about 0.005
    own = solution.accuracy.sets["ergodic"]["binding"]["irreversible"]
    assert abs(own - bound_share(economy, reference)) < 0.01
    assert 0.15 < own < 0.3
    assert made.figure("consumption", "max relative", "box") < 1e-3
    assert made.figure("consumption", "max absolute", "kink") < 3e-3


@pytest.mark.slow
def test_saving_under_a_borrowing_limit():
    economy = IncomeFluctuation()
    solution = solve(economy, aim=1e-9, updates=1000, polishing_steps=20, **QUICK)
    made = solution.compare(time_iteration(economy), points=2000)
    shares = made.binding.loc[("ergodic", "limit")]
    assert abs(shares["solution"] - shares["reference"]) < 0.02
    assert made.figure("consumption", "mean relative", "ergodic") < 2e-3


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (StochasticGrowth, {"beta": 1.0}),
        (StochasticGrowth, {"delta": 1.2}),
        (IrreversibleGrowth, {"phi": 1.0}),
        (IncomeFluctuation, {"beta": 0.995}),
        (IncomeFluctuation, {"limit": 200.0}),
    ],
)
def test_parameters_out_of_range_are_refused(cls, values):
    with pytest.raises(DescendError, match=next(iter(values)) + ".*|beta R"):
        cls(**values)
