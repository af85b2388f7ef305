"""Economies as environments, beside closed forms and dynamic programming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.economy import EconomyEnvironment, raw_of
from descend.agents.exact import discounted
from descend.economies import Bounded, Chain, Economy, Free, Normal, Positive, Share, Simplex
from descend.economies.dynamic_programming import time_iteration, value_iteration
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.models.growth import StochasticGrowth
from descend.economies.models.savings import IncomeFluctuation
from descend.errors import DataError, DescendError
from descend.statement import StatementError, parameter

PATHS = 1000


def crra(c, curvature):
    """c^(1-s) / (1-s), log c where s = 1."""
    linear = jnp.asarray(curvature) == 1
    power = c ** (1 - curvature) / jnp.where(linear, 1, 1 - curvature)
    return jnp.where(linear, jnp.log(c), power)


@dataclass(frozen=True)
class Saver(BrockMirman):
    def reward(self, now, policy):
        return jnp.log(self.consumption(now, policy))

    def value(self, now, saving=None):
        best = self.alpha * self.beta
        s = best if saving is None else saving
        of_k, of_a = self.alpha / (1 - best), 1 / ((1 - best) * (1 - self.beta * self.rho))
        constant = (jnp.log(1 - s) + self.beta * of_k * jnp.log(s)) / (1 - self.beta)
        return constant + of_k * jnp.log(now.k) + of_a * now.a


@dataclass(frozen=True)
class Planner(StochasticGrowth):
    def reward(self, now, policy):
        after = self.transition(now, policy, None)["k"]
        return crra(self.resources(now) - after, self.sigma)


@dataclass(frozen=True)
class Household(IncomeFluctuation):
    def reward(self, now, policy):
        after = self.transition(now, policy, None)["a"]
        return crra(self.cash(now) - self.limit - after, self.gamma)


@dataclass(frozen=True)
class Zoo(Economy):
    """Every kind of state, shock and policy."""

    size: float = parameter(2.0, above=0, doc="size of a policy")

    def states(self):
        return {"x": (np.zeros(2), np.ones(2)), "y": (0.01, 1.0)}

    def shocks(self):
        return {"e": Normal([0.1, 0.2], 0.5), "z": Chain([1.0, 2.0], [[0.9, 0.1], [0.4, 0.6]])}

    def policies(self):
        return {
            "share": Share(start=0.2),
            "mix": Simplex(shape=(3,)),
            "debt": Free(centre=1.0, scale=2.0),
            "price": Positive(scale=self.size),
            "hours": Bounded(low=1.0, high=3.0, shape=(2,)),
        }

    def transition(self, now, policy, shock):
        return {"x": 0.5 * now.x + shock.e, "y": 0.5 * now.y + 0.1 * policy.share * shock.z}

    def reward(self, now, policy):
        return policy.price + jnp.sum(policy.mix) + now.z


def constant(action):
    return lambda seen, legal, key: jnp.asarray(action, jnp.result_type(float))


# -- Brock and Mirman --------------------------------------------------------------------------


def test_the_closed_form():
    """alpha .36, beta .9, no shock: saving .324, v = -9.3173 + .5325 log k."""
    saver = EconomyEnvironment(Saver(sigma=0.0))
    v = saver.exact_value({"k": [1.0, np.e], "a": [0.0, 0.0]})
    assert v[0] == pytest.approx(-9.3173, abs=5e-5)
    assert v[1] - v[0] == pytest.approx(0.5325, abs=5e-5)
    shares = np.linspace(0.1, 0.6, 501)
    values = [float(saver.exact_value({"k": [0.2], "a": [0.0]}, saving=s)[0]) for s in (0.2, 0.5)]
    assert max(values) < saver.exact_value({"k": [0.2], "a": [0.0]})[0]
    # the share at which the closed form of every constant share is largest
    best = np.log(1 - shares) + 0.9 * 0.36 / (1 - 0.324) * np.log(shares)
    assert shares[best.argmax()] == pytest.approx(0.324, abs=5e-4)


@jax.jit
def saved(action, position, keys):
    """Discounted returns of a constant action; behind 150 periods lies 1e-7 of a value."""
    saver = EconomyEnvironment(Saver(sigma=0.05))
    return discounted(saver, constant(action), position, keys, gamma=0.9, steps=150)


@pytest.mark.parametrize("saving", [0.324, 0.2])
def test_simulated_returns_are_the_closed_form(saving):
    saver = EconomyEnvironment(Saver(sigma=0.05))
    states = {"k": np.full(PATHS, 0.2), "a": np.full(PATHS, -0.1)}
    value = saver.exact_value(states, saving=saving)[0]
    action = saver.action({"saving": saving})
    for seed in range(3):
        keys = jax.random.split(jax.random.key(seed), PATHS)
        returns = np.asarray(saved(action, saver.positions(states), keys))
        assert abs(returns.mean() - value) < 4 * returns.std() / np.sqrt(PATHS) + 1e-4


def test_a_step_by_hand():
    saver = EconomyEnvironment(Saver(sigma=0.0))
    position = jax.tree.map(lambda x: x[0], saver.positions({"k": 0.2, "a": 0.1}))
    after, reward, over = saver.step(position, saver.action({"saving": 0.3}), jax.random.key(0))
    output = np.exp(0.1) * 0.2**0.36
    np.testing.assert_allclose(after.values, [0.3 * output, 0.095], rtol=1e-5)
    assert float(reward) == pytest.approx(np.log(0.7 * output), rel=1e-5)
    assert over is False
    seen = np.asarray(saver.observe(position))
    steady = 0.324 ** (1 / 0.64)
    assert seen[0] == pytest.approx((0.2 - 1.25 * steady) / (0.75 * steady), abs=1e-5)


def test_policies_are_told_as_a_solution_tells_them():
    saver = EconomyEnvironment(Saver())
    states = {"k": [0.1, 0.2], "a": 0.0}
    told = saver.policies(constant(saver.action({"saving": 0.324})), states)
    assert set(told) == {"saving", "output", "consumption"}
    np.testing.assert_allclose(told["saving"], 0.324, rtol=1e-5)
    np.testing.assert_allclose(told["consumption"], 0.676 * told["output"], rtol=1e-5)
    back = saver.states(saver.positions(states))
    np.testing.assert_allclose(back["k"], [0.1, 0.2], rtol=1e-6)
    with pytest.raises(DataError, match="a is missing"):
        saver.policies(constant(jnp.zeros(1)), {"k": [0.1]})


# -- beside dynamic programming ----------------------------------------------------------------


def rule_of(environment, table):
    """A policy read off a table (points, positions) over the box of one state."""
    (output,) = environment.system.outputs.values()
    raw = jnp.asarray(raw_of(output, table), jnp.result_type(float))
    grid = jnp.linspace(-1.0, 1.0, len(table))
    return lambda seen, legal, key: jnp.interp(seen[0], grid, raw[:, jnp.argmax(seen[1:])])[None]


def test_growth_is_worth_what_dynamic_programming_says():
    """The planner's policy by time iteration, played; its value by value iteration on a grid."""
    planner = EconomyEnvironment(Planner(beta=0.95), reach=6.0)
    k, z = np.repeat(np.linspace(*planner.economy.states()["k"], 100), 2), np.tile([0, 1], 100)
    euler = time_iteration(planner.economy, points=200)
    table = euler.policy({"k": k, "z": z})["consumed"].reshape(100, 2)
    solved = value_iteration(planner.economy, points=500, method="grid", tolerance=1e-6)
    assert solved.converged
    points = solved.problem.grid.points
    at = np.abs(points - 0.9 * points.mean()).argmin()
    position = planner.positions({"k": np.full(100, points[at]), "z": np.zeros(100)})
    keys = jax.random.split(jax.random.key(0), 100)
    # raw numbers of the best policy, and of consuming all
    best = rule_of(planner, table)
    rule = lambda all_of_it: lambda *seen: jnp.where(all_of_it, jnp.array([6.0]), best(*seen))
    play = jax.jit(
        lambda which: discounted(planner, rule(which), position, keys, gamma=0.95, steps=250)
    )
    returns, value = np.asarray(play(False)), solved.value[at, 0]
    # behind 250 periods lies 3e-6 of a value of some -10
    assert abs(returns.mean() - value) < 4 * returns.std() / np.sqrt(100) + 1e-3
    # the clip of capital from below gives nothing to those who consume all
    assert np.asarray(play(True)).mean() < value - 0.1


def test_savings_are_worth_what_dynamic_programming_says():
    household = EconomyEnvironment(Household(positions=3), reach=6.0)
    a, z = np.repeat(np.linspace(0, 10, 400), 3), np.tile(np.arange(3), 400)
    euler = time_iteration(household.economy, points=300)
    rule = rule_of(household, euler.policy({"a": a, "z": z})["wanted"].reshape(400, 3))
    solved = value_iteration(household.economy, points=400, method="grid", tolerance=1e-6)
    assert solved.converged
    at = np.abs(solved.problem.grid.points - 2).argmin()
    states = {"a": np.full(PATHS, solved.problem.grid.points[at]), "z": 1}
    keys = jax.random.split(jax.random.key(0), PATHS)
    play = jax.jit(lambda p: discounted(household, rule, p, keys, gamma=0.96, steps=250))
    returns = np.asarray(play(household.positions(states)))
    assert abs(returns.mean() - solved.value[at, 1]) < 4 * returns.std() / np.sqrt(PATHS) + 5e-3


# -- any economy -------------------------------------------------------------------------------


def test_every_kind_of_state_shock_and_policy():
    zoo = EconomyEnvironment(Zoo())
    checked = check_environment(zoo)
    assert checked.actions.shape == (8,)
    assert checked.actions.names == (
        *("share", "mix_1", "mix_2", "mix_3", "debt", "price", "hours_1", "hours_2"),
    )
    assert zoo.variables == ("x_1", "x_2", "y", "z at 0", "z at 1")
    assert checked.observation == (5,)
    wanted = {
        "share": 0.3,
        "mix": np.array([0.2, 0.3, 0.5]),
        "debt": -2.0,
        "price": 1.5,
        "hours": np.array([1.2, 2.5]),
    }
    states = {"x": np.zeros((1, 2)), "y": [0.5], "z": [1]}
    told = zoo.policies(constant(zoo.action(wanted)), states)
    for name, value in wanted.items():
        np.testing.assert_allclose(told[name][0], value, rtol=1e-5)
    centre = zoo.policies(constant(np.zeros(8)), states)
    np.testing.assert_allclose(centre["price"], 2.0, rtol=1e-6)
    np.testing.assert_allclose(centre["mix"], 1 / 3, rtol=1e-6)


def test_actions_stay_within_reach():
    zoo = EconomyEnvironment(Zoo())
    ends = {"share": 0.0, "mix": [1, 0, 0], "debt": 1e9, "price": 0.0, "hours": [1.0, 3.0]}
    action = zoo.action(ends)
    assert np.isfinite(action).all()
    assert np.abs(action).max() <= zoo.reach
    with pytest.raises(DescendError, match="needs the policy debt, price"):
        zoo.action({"share": 0.1, "mix": [1, 0, 0], "hours": [1.0, 3.0]})


def test_shocks_follow_the_law():
    zoo = EconomyEnvironment(Zoo())
    keys = jax.random.split(jax.random.key(0), 20_000)
    states = {"x": np.zeros((2, 2)), "y": [0.5, 0.5], "z": [0, 1]}
    step = lambda p, k: zoo.step(p, jnp.zeros(8), k)[0]
    after = jax.jit(jax.vmap(jax.vmap(step, (None, 0)), (0, None)))(zoo.positions(states), keys)
    moved = np.asarray(after.chains)[:, :, 0].mean(axis=1)
    np.testing.assert_allclose(moved, [0.1, 0.6], atol=4 * 0.5 / 141)
    e = np.asarray(after.values)[0, :, :2]
    np.testing.assert_allclose(e.std(axis=0), [0.1, 0.2], rtol=0.03)
    assert np.corrcoef(e.T)[0, 1] == pytest.approx(0.5, abs=0.03)


def test_episodes_begin_in_the_share_of_the_box():
    keys = jax.random.split(jax.random.key(0), 5000)
    saver = EconomyEnvironment(Saver())
    begin = jax.jit(lambda s: jax.vmap(saver.bound({"spread": s}).reset)(keys).values[:, 0])
    low, high = saver.economy.states()["k"]
    for spread in (0.0, 0.5, 1.0):
        k = np.asarray(begin(spread))
        reach = spread * (high - low) / 2
        assert k.min() == pytest.approx((low + high) / 2 - reach, abs=1e-3)
        assert k.max() == pytest.approx((low + high) / 2 + reach, abs=1e-3)


def test_parameters_of_the_economy():
    saver = EconomyEnvironment(Saver(), limit=50)
    assert saver.discount == 0.9
    assert saver.parameters()["economy.alpha"] == 0.36
    other = saver.with_parameters({"economy.alpha": 0.3, "limit": 20})
    assert (other.economy.alpha, other.limit) == (0.3, 20)
    assert saver.with_parameters(saver.parameters()) == saver
    assert hash(saver) == hash(EconomyEnvironment(Saver(), limit=50))
    with pytest.raises(DescendError, match="gamma"):
        saver.with_parameters({"economy.gamma": 1.0})
    with pytest.raises(DescendError, match="must be > 0"):
        saver.with_parameters({"economy.alpha": -1.0})
    position = jax.tree.map(lambda x: x[0], saver.positions({"k": 0.2, "a": 0.0}))

    def after(alpha):
        bound = saver.bound({"economy.alpha": alpha}).bound({"economy.sigma": 0.0})
        return bound.step(position, jnp.zeros(1), jax.random.key(0))[0].values[0]

    np.testing.assert_allclose(
        jax.vmap(after)(jnp.array([0.3, 0.4])), 0.5 * 0.2 ** np.array([0.3, 0.4]), rtol=1e-5
    )


def test_economies_that_are_no_environment():
    @dataclass(frozen=True)
    class Silent(Zoo):
        reward: Any = None

    with pytest.raises(DescendError, match=r"Silent has no reward\(now, policy\)"):
        EconomyEnvironment(Silent())
    with pytest.raises(DescendError, match="needs an Economy"):
        EconomyEnvironment(3)

    @dataclass(frozen=True)
    class Vector(Zoo):
        def reward(self, now, policy):
            return now.x

    with pytest.raises(StatementError, match=r"Vector.reward.*one number"):
        check_environment(EconomyEnvironment(Vector()))

    @dataclass(frozen=True)
    class Wrong(Zoo):
        def reward(self, now, policy):
            return now.nothing

    with pytest.raises(StatementError, match=r"Wrong.reward.*return now.nothing"):
        check_environment(EconomyEnvironment(Wrong()))
    with pytest.raises(DescendError, match="no closed form"):
        EconomyEnvironment(Zoo()).exact_value({"x": np.zeros((1, 2)), "y": [0.5], "z": [1]})
    assert EconomyEnvironment(Zoo()).discount is None  # it has no beta
