"""Dynamic programming against closed forms, loops in NumPy, and one method against another."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies.dynamic_programming import (
    Exogenous,
    Grid,
    Problem,
    policy_iteration,
    time_iteration,
    value_iteration,
)
from descend.economies.dynamic_programming.grid import lagrange
from descend.economies.dynamic_programming.value_iteration import maximise
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.models.growth import StochasticGrowth
from descend.economies.models.irreversible import IrreversibleGrowth
from descend.economies.models.savings import IncomeFluctuation
from descend.errors import DataError, DescendError


def box(economy, count=500, seed=0):
    """States drawn from an economy's box, chains by position."""
    draw = np.random.default_rng(seed)
    states = {n: draw.uniform(a, b, count) for n, (a, b) in economy.states().items()}
    sizes = {n: len(c) for n, c in economy.shocks().items()}
    return states | {n: draw.integers(0, size, count) for n, size in sizes.items()}


def largest(a, b):
    return float(np.max(np.abs(a / b - 1)))


# -- between grid points ------------------------------------------------------------------------


def test_a_cubic_is_read_off_without_error(x64):
    cubic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 0.3])
    grid = Grid(0.0, 3.0, 12, power=2.0)
    values, slopes = jnp.asarray(cubic(grid.points)), grid.slopes() @ cubic(grid.points)
    for x in (0.0, 0.01, 1.234, 2.99, 3.0):
        assert float(grid.spline(jnp.asarray(x), values, jnp.asarray(slopes))) == pytest.approx(
            cubic(x), abs=1e-12
        )
    even = np.linspace(-1, 1, 9)
    x = np.array([-1.0, -0.3, 0.77, 1.0])
    assert lagrange(even, x) @ cubic(even) == pytest.approx(cubic(x), abs=1e-12)


def test_an_autoregression_on_nodes_keeps_three_moments():
    found = Exogenous.autoregressive(0.9, [-0.1, 0.1], [0.5, 0.5], nodes=21)
    mean = 0.9 * found.values
    assert found.transition.sum(axis=1) == pytest.approx(1.0)
    assert found.transition @ found.values == pytest.approx(mean)
    assert found.transition @ found.values**2 == pytest.approx(mean**2 + 0.01)
    assert found.transition @ found.values**3 == pytest.approx(mean**3 + 3 * mean * 0.01)


@pytest.mark.parametrize(
    ("f", "best"),
    [
        (lambda u: -((u - 1.3) ** 2), 1.3),
        (lambda u: u, 4.0),
        (lambda u: -u, 0.0),
        (lambda u: jnp.sin(3 * u) + 0.2 * u, (np.arccos(-0.2 / 3) + 2 * np.pi) / 3),  # two humps
    ],
)
def test_the_largest_of_one_number(x64, f, best):
    # a maximum is told by its value to the square root of rounding only
    assert float(maximise(f, jnp.asarray(0.0), jnp.asarray(4.0))) == pytest.approx(best, abs=1e-7)


# -- closed forms -------------------------------------------------------------------------------


@pytest.mark.slow
def test_growth_with_log_utility_and_full_depreciation():
    economy = StochasticGrowth(sigma=1.0, delta=1.0)
    found = time_iteration(economy, points=200).policy(box(economy))
    # consumption is linear in resources, so that the straight line makes no error
    assert found["consumed"] == pytest.approx(1 - 0.36 * 0.99, rel=1e-8)
    by_value = policy_iteration(economy, points=100).policy(box(economy))
    assert by_value["consumed"] == pytest.approx(1 - 0.36 * 0.99, rel=1e-5)


def test_a_cake_is_eaten_at_the_known_rate():
    economy = IncomeFluctuation(income=0.0, positions=2)
    kappa = 1 - (0.96 * 1.01 ** (1 - 1.5)) ** (1 / 1.5)
    a = np.linspace(2, 10, 50)
    states = {"a": a, "z": np.zeros(50)}
    euler = time_iteration(economy)
    assert euler.converged
    # a change of 1e-10 at the end of iterations that shrink by 0.97 leaves 3e-9
    assert euler.policy(states)["consumption"] == pytest.approx(kappa * 1.01 * a, rel=1e-8)
    value = policy_iteration(economy, points=200)
    # value iteration keeps next cakes on the grid, which ends at a thousandth of the largest
    assert value.policy(states)["consumption"] == pytest.approx(kappa * 1.01 * a, rel=1e-3)


# -- one method against another -----------------------------------------------------------------


def test_value_policy_and_time_iteration_agree_on_growth():
    economy = StochasticGrowth()
    states = box(economy)
    euler = time_iteration(economy)
    value = value_iteration(economy, points=40)
    howard = policy_iteration(economy, points=40)
    assert euler.converged
    assert value.converged
    assert howard.converged
    assert howard.iterations < 10 < 1000 < value.iterations
    # V is within tolerance beta / (1 - beta) of its limit
    assert value.value == pytest.approx(howard.value, abs=1e-8)
    wanted = euler.policy(states)["consumption"]
    assert largest(value.policy(states)["consumption"], wanted) < 1e-5  # asked for: 1e-4
    assert largest(howard.policy(states)["consumption"], wanted) < 1e-5


@pytest.mark.slow
def test_value_and_time_iteration_agree_where_borrowing_is_limited():
    economy = IncomeFluctuation()
    states = box(economy)
    euler = time_iteration(economy).policy(states)
    howard = policy_iteration(economy, points=300).policy(states)
    assert largest(howard["consumption"], euler["consumption"]) < 1e-3
    binds = euler["wanted"] > euler["consumption"] * (1 + 1e-9)
    assert 0 < binds.mean() < 0.5
    assert np.abs(euler["saved"][binds]).max() < 1e-12


def test_the_grid_search_is_the_loop_on_the_slide():
    economy = StochasticGrowth()
    found = value_iteration(economy, points=30, method="grid", tolerance=1e-8)
    k = found.problem.grid.points
    chances, levels = np.array([[0.9, 0.1], [0.1, 0.9]]), (0.99, 1.01)
    value = np.zeros((30, 2))
    for _ in range(found.iterations):
        new = np.empty_like(value)
        for z, level in enumerate(levels):
            ahead = value @ chances[z]
            for i in range(30):
                c = level * k[i] ** 0.36 + 0.975 * k[i] - k
                new[i, z] = max(-1 / c[j] + 0.99 * ahead[j] for j in range(30) if c[j] > 0)
        value = new
    # the chain's transition has the rounding of float64
    assert found.value == pytest.approx(value, abs=1e-9)
    howard = policy_iteration(economy, points=30, method="grid")
    assert howard.value == pytest.approx(value, abs=1e-5)
    assert howard.choice == pytest.approx(found.choice)


def test_a_choice_that_is_not_the_next_state():
    """A cake again; the choice is the share eaten, the next cake follows from it."""
    beta, s = 0.9, 2.0
    problem = Problem(
        grid=Grid(0.005, 2.0, 120, power=3.0),
        exogenous=Exogenous(np.zeros(1), np.ones((1, 1))),
        reward=lambda x, z, u: (u * x) ** (1 - s) / (1 - s),
        bounds=lambda x, z: (1e-3, 1 - 0.005 / jnp.maximum(x, 0.00501)),  # some is left
        discount=beta,
        transition=lambda x, z, u: (1 - u) * x,
    )
    found = policy_iteration(problem)
    x = np.linspace(1.0, 2.0, 20)
    shares = found.policy({"x": x, "z": np.zeros(20)})["choice"]
    # 1 - beta^(1/s), but for the end of the grid: some cake is kept for ever
    assert shares == pytest.approx(1 - beta ** (1 / s), rel=1e-2)


def test_irreversible_growth_satisfies_its_conditions_between_grid_points():
    economy = IrreversibleGrowth()
    found = time_iteration(economy)
    now = box(economy)
    p = found.policy(now)
    k, m = (1 - 0.025) * now["k"] + p["investment"], p["multiplier"]
    ahead = 0.0
    for e in (-1, 1):
        a = 0.9 * now["a"] + e * 0.01 * np.sqrt(1 - 0.9**2)
        q = found.policy({"k": k, "a": a})
        gross = 0.36 * np.exp(a) * k**-0.64 + 0.975 * (1 - q["multiplier"])
        ahead = ahead + 0.5 * q["consumption"] ** -2 * gross
    euler = (0.99 * ahead / (1 - m)) ** -0.5 / p["consumption"] - 1
    assert np.abs(euler).max() < 1e-6  # straight lines between 1000 points
    slack = p["investment"] / economy.least - 1
    assert slack.min() > -1e-12
    assert m.min() >= 0
    assert np.abs(slack * m).max() < 1e-12
    assert 0.2 < (m > 0).mean() < 0.6


# -- what is said and refused -------------------------------------------------------------------


def test_a_run_cut_short_says_so():
    found = time_iteration(StochasticGrowth(), points=50, most=3)
    assert not found.converged
    assert "NOT converged" in found.status
    assert "3 iterations" in found.status


def test_what_is_refused():
    economy = StochasticGrowth()
    with pytest.raises(DescendError, match="BrockMirman has no budget"):
        time_iteration(BrockMirman())
    with pytest.raises(DescendError, match="unknown method 'golden'"):
        value_iteration(economy, points=20, method="golden")
    with pytest.raises(DescendError, match="at most 8000"):
        policy_iteration(economy, points=5000)
    with pytest.raises(DescendError, match="low < high"):
        Grid(1.0, 1.0, 10)
    for options in ({"low": "a"}, {"high": np.inf}, {"size": 5.5}, {"power": None}):
        with pytest.raises(DescendError, match=f"Grid: {next(iter(options))} must be"):
            Grid(**{"low": 0.0, "high": 1.0, "size": 10, **options})
    with pytest.raises(DescendError, match="the class StochasticGrowth has no budget"):
        time_iteration(StochasticGrowth)
    for solver in (time_iteration, value_iteration, policy_iteration):
        for options in ({"points": "many"}, {"tolerance": np.nan}, {"most": 0}):
            with pytest.raises(DescendError, match=f"{next(iter(options))} must be a"):
                solver(economy, **options)
    found = time_iteration(economy, points=50)
    with pytest.raises(DataError, match="z is missing"):
        found.policy({"k": [30.0]})
    with pytest.raises(DataError, match="from 0 to 1"):
        found.policy({"k": [30.0], "z": [2]})
    with pytest.raises(DescendError, match="beta R must be < 1"):
        IncomeFluctuation(R=1.05)
