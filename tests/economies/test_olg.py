"""Overlapping generations: beside closed forms, a simulation in NumPy, and a hand computation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies.accuracy import Size
from descend.economies.models.analytic_olg import AnalyticOLG
from descend.economies.models.constrained_olg import ConstrainedOLG
from descend.economies.point import Point
from descend.economies.solver import solve
from descend.economies.system import Position, System

BETA, ALPHA = 0.7, 0.3
ETA, DELTA = (0.95, 0.95, 1.05, 1.05), (0.5, 0.9, 0.5, 0.9)
SMALL = Size(paths=20, burn=50, periods=20, thin=1, box=100, stressed=100, stability=50)


def shares(cohorts):
    """The closed form, in NumPy."""
    left = cohorts - np.arange(1, cohorts)
    return BETA * (1 - BETA**left) / (1 - BETA ** (left + 1))


def simulated(periods, seed, cohorts=6):
    """K and R under the exact policy, without descend."""
    draws = np.random.default_rng(seed).integers(0, 4, periods)
    holdings, found = np.full(cohorts - 1, 0.1), []
    for z in draws:
        total = holdings.sum()
        gross = ALPHA * ETA[z] * total ** (ALPHA - 1) + 1 - DELTA[z]
        found.append((total, gross))
        wage = (1 - ALPHA) * ETA[z] * total**ALPHA
        holdings = shares(cohorts) * np.append(wage, gross * holdings[:-1])
    return np.array(found[200:]).T


def exact_residuals(economy, values, position):
    """The Euler residuals of the exact policy at a point, expectations taken by hand."""
    chain = economy.shocks()["z"]
    now = Point("state", {"k": values, "z": chain.value(position)})
    policy = Point("policy", economy.exact(now))

    def E(f):
        after = economy.transition(now, policy, None)["k"]
        states = [Point("state", {"k": after, "z": chain.value(i)}) for i in range(4)]
        return sum(f(s, policy, None) for s in states) / 4

    return economy.conditions(now, policy, E)["euler"]


def test_shares_are_those_of_the_reference():
    expected = [0.659999, 0.639393, 0.605211, 0.543379, 0.411765]
    # the reference has six digits
    np.testing.assert_allclose(np.asarray(AnalyticOLG().shares()), expected, atol=2e-6)


@pytest.mark.parametrize("cohorts", [6, 24])
def test_the_exact_policy_has_no_residual(x64, cohorts):
    economy = AnalyticOLG(cohorts=cohorts)
    for factor in (0.6, 1.0, 1.7):
        for position in range(4):
            found = exact_residuals(economy, jnp.asarray(factor * economy.steady()), position)
            # the reference reaches 9e-16; a few more roundings are allowed
            assert float(jnp.max(jnp.abs(found))) < 5e-15


@pytest.mark.parametrize("cohorts", [6, 24, 48])
def test_the_exact_policy_stays_in_the_box(x64, cohorts):
    """Where it were left, paths would be set back and no policy could meet an aim."""
    economy = AnalyticOLG(cohorts=cohorts)
    system = System(economy)
    rng = np.random.default_rng(0)
    holdings = np.tile(economy.steady(), (200, 1))
    count = 0
    for _ in range(300):
        z = rng.integers(0, 4, 200)
        total = holdings.sum(axis=1)
        gross = ALPHA * np.take(ETA, z) * total ** (ALPHA - 1) + 1 - np.take(DELTA, z)
        wage = (1 - ALPHA) * np.take(ETA, z) * total**ALPHA
        income = np.column_stack([wage, gross[:, None] * holdings])
        holdings = shares(cohorts) * income[:, :-1]
        where = Position(jnp.asarray(holdings), jnp.zeros((200, 1), int), jnp.zeros((200, 0)))
        count += int(jax.vmap(system.outside)(where).sum())
    assert count <= 1  # of 60,000; a longer simulation in NumPy loses 3 in a million


def test_the_simulated_economy_is_that_of_the_reference():
    capital, gross = simulated(15_200, seed=0)
    # the mean of 15,000 periods varies by some .002 from seed to seed; extremes by the draw
    assert capital.mean() == pytest.approx(0.706, abs=0.006)
    assert (capital.min(), capital.max()) == pytest.approx((0.546, 0.929), abs=0.01)
    assert gross.mean() == pytest.approx(0.687, abs=0.006)


def test_a_quick_solve_finds_the_closed_form():
    solution = solve(
        AnalyticOLG(), aim=1e-6, seeds=1, updates=0, hidden=(16,), box=0.0, size=SMALL, verbose=0
    )
    assert solution.verdict.solved
    paths = solution.simulate(200, 10)
    np.testing.assert_allclose(
        paths.policies["saving"], np.broadcast_to(shares(6), (10, 200, 5)), atol=1e-3
    )
    assert paths.set_back == 0
    # its own simulation agrees with the one in NumPy: 2,000 periods instead of 15,000
    capital, _ = simulated(15_200, seed=1)
    assert paths.definitions["K"].mean() == pytest.approx(capital.mean(), rel=0.02)


# -- the constrained economy --------------------------------------------------------------------


def by_hand(economy, holdings, x, eta, delta):
    """(consumption, savings, price of a unit held, R) from the budget, age by age, in NumPy."""
    years, cost = 56 / economy.cohorts, economy.zeta * economy.cohorts / 56
    labour = np.asarray(economy.labour())
    capital, total = holdings.sum(), labour.sum()
    gross = 1 - delta + years * 0.3 * eta * (total / capital) ** 0.7
    wage = years * 0.7 * eta * (capital / total) ** 0.3
    eaten, saved, price = [], [], []
    for h in range(economy.cohorts):
        worth = 0.0 if h == 0 else gross * holdings[h - 1]
        budget = lambda a, w=worth, h=h: wage * labour[h] + w - a - cost / 2 * (a - w) ** 2
        if h == economy.cohorts - 1:
            a = 0.0
        elif x[h] <= 0:
            a = economy.floor
        else:  # bisect on the budget for the savings that leave the consumption x asks for
            wanted = budget(economy.floor) * np.exp(-x[h])
            low, high = economy.floor, 50.0
            for _ in range(200):
                a = (low + high) / 2
                low, high = (a, high) if budget(a) > wanted else (low, a)
        eaten.append(budget(a))
        saved.append(a)
        price.append(1 + cost * (a - worth))
    return np.array(eaten), np.array(saved), np.array(price), gross


def test_residuals_are_those_of_a_hand_computation(x64):
    economy = ConstrainedOLG(cohorts=4, floor=-0.05)
    holdings, x = np.array([0.3, 2.0, 2.5]), np.array([-0.1, 0.2, 0.3])
    years = 14
    discount, kept = 0.95**years, (1 - 0.095 - 0.095) ** years
    bad, held = 0.028 / 0.328, (1 - 0.028 - 0.3) ** years
    etas = (0.978, 1.022)
    deltas = (1 - 0.92**years, 1 - 0.89**years)
    eaten, saved, price, _ = by_hand(economy, holdings, x, etas[0], deltas[1])
    expected = np.zeros(3)
    for i, eta in enumerate(etas):
        for j, delta in enumerate(deltas):
            chance = (1 + kept) / 2 if i == 0 else (1 - kept) / 2
            chance *= bad + held * (1 - bad) if j == 1 else (1 - bad) * (1 - held)
            then, _, later, gross = by_hand(economy, saved[:-1], x, eta, delta)
            expected += chance * gross * later[1:] * then[1:] ** -2
    wish = (discount * expected / price[:-1]) ** -0.5 / eaten[:-1] - 1
    # and the same as the economy says it
    chains = economy.shocks()
    state = lambda k, i, j: Point(
        "state",
        {"k": k, "eta": chains["eta"].value(i), "delta": chains["delta"].value(j)},
    )
    now = state(jnp.asarray(holdings), 0, 1)
    policy = Point("policy", {"plan": jnp.asarray(x)})

    def E(f):
        after = economy.transition(now, policy, None)["k"]
        rows = (np.asarray(chains["eta"].transition)[0], np.asarray(chains["delta"].transition)[1])
        return sum(
            rows[0][i] * rows[1][j] * f(state(after, i, j), policy, None)
            for i in range(2)
            for j in range(2)
        )

    found = economy.conditions(now, policy, E)["euler"]
    # shocks()' values pass float32 where no dtype is given; the bisection is exact to roundings
    np.testing.assert_allclose(found, wish - np.maximum(-x, 0), rtol=1e-9, atol=1e-12)
    slack, multiplier = economy.constraints(now, policy, E)["floor"]
    np.testing.assert_allclose(slack, (saved[:-1] + 0.05) / eaten[:-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(multiplier, [0.1, 0, 0])


def test_the_budget_adds_up_without_adjustment_costs(x64):
    economy = ConstrainedOLG(cohorts=5, zeta=0.0)
    k = jnp.asarray([0.1, 1.0, 2.0, 1.5])
    now = Point("state", {"k": k, "eta": 1.022, "delta": 0.6})
    policy = Point("policy", {"plan": jnp.asarray([-0.2, 0.1, 0.5, 0.3])})
    eaten, saved, value = economy.households(now, policy)
    total = economy.years * 1.022 * k.sum() ** 0.3 * economy.labour().sum() ** 0.7
    np.testing.assert_allclose(eaten.sum() + saved.sum(), total + 0.4 * k.sum(), rtol=1e-12)
    np.testing.assert_allclose(value, 1.0)
    assert saved[0] == pytest.approx(0.0, abs=1e-15)
    assert saved[-1] == pytest.approx(0.0, abs=1e-15)


def test_fifty_six_cohorts_are_those_of_the_paper():
    shocks = ConstrainedOLG(cohorts=56).shocks()
    eta, delta = (np.asarray(shocks[n].transition) for n in ("eta", "delta"))
    np.testing.assert_allclose(eta, [[0.905, 0.095], [0.095, 0.905]], rtol=1e-6)
    np.testing.assert_allclose(delta, [[0.972, 0.028], [0.3, 0.7]], rtol=1e-6)
    np.testing.assert_allclose(shocks["delta"].values, [0.08, 0.11], rtol=1e-5)
    # 20 cohorts: the chain moves 2.8 times a period; its long run stays
    other = ConstrainedOLG().shocks()["delta"]
    np.testing.assert_allclose(other.stationary(), shocks["delta"].stationary(), rtol=1e-6)


@pytest.mark.slow
def test_the_young_are_at_the_floor_and_others_are_not():
    solution = solve(
        ConstrainedOLG(cohorts=6),
        aim=1e-3,
        seeds=1,
        updates=1500,
        polish=None,
        hidden=(32, 32),
        learning_rate=0.005,
        box=0.0,
        size=SMALL,
        verbose=0,
    )
    assert solution.verdict.solved
    ergodic = solution.accuracy.sets["ergodic"]
    assert ergodic["binding"]["floor_1"] == 1.0
    assert all(ergodic["binding"][f"floor_{h}"] == 0.0 for h in (3, 4, 5))
    assert ergodic["slack"]["floor_1"] == pytest.approx(0.0, abs=1e-12)
    assert ergodic["set back"] == 0
    # what they may owe is what they owe: the same economy with a lower floor binds there
    steady = ConstrainedOLG(cohorts=6, floor=-0.1).steady[0]
    assert steady[0] == pytest.approx(-0.1)
    assert jax.config.jax_enable_x64 is False
