"""An environment's discount: what algorithms learn with, and what returns are counted by."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Choice, Environment, QLearning, check_environment, load_agents, make
from descend.agents.dqn import DQN
from descend.agents.ppo import PPO
from descend.errors import DescendError
from descend.statement import parameter

LIMIT = 12


@dataclass(frozen=True)
class Plain(Environment):
    """Taking pays 1 for ever, waiting nothing."""

    limit: int = parameter(LIMIT, least=1)
    actions = Choice(2, ("wait", "take"))

    def reset(self, key):
        return jnp.int32(0)

    def step(self, state, action, key):
        return state, 1.0 * action, False

    def observe(self, state):
        return jnp.ones(1)


@dataclass(frozen=True)
class Annuity(Plain):
    """It is worth 1 / (1 - discount)."""

    discount: float = parameter(0.5, least=0, below=1, doc="discount factor")


def geometric(gamma):
    return sum(gamma**t for t in range(LIMIT))


LEARNER = QLearning(rate=0.5, epsilon=0.5)
OPTIONS = {"seeds": 2, "evaluations": 1, "episodes": 3, "verbose": 0}


@pytest.mark.parametrize("made", [QLearning(), DQN(), PPO()])
def test_algorithms_take_it(made):
    usual = {"QLearning": 0.95, "DQN": 0.99, "PPO": 0.98}[made.label]
    other = made.with_parameters({"gamma": 0.7})
    for environment, gamma in ((Annuity(), 0.5), (Annuity(discount=0.9), 0.9), (Plain(), usual)):
        task = made.task(environment, 5000)
        assert task.hyper()["gamma"] == task.algorithm.gamma == gamma
        assert other.task(environment, 5000).hyper()["gamma"] == 0.7  # what is said holds
    assert made.gamma is None


def test_the_economists_environments_state_theirs():
    stated = {"job-search": 0.99, "inventory": 0.98, "brock-mirman": 0.9, "portfolio": 0.96}
    for name, gamma in stated.items():
        assert make(name).discount == gamma
    assert make("cart-pole").discount is None


@pytest.fixture(scope="module")
def agents():
    """Two seeds of each of three discounts."""
    grid = {"environment.discount": [0.25, 0.5, 0.9]}
    return LEARNER.learn(Annuity(), 2000, grid=grid, **OPTIONS)


def test_values_and_returns_are_discounted(agents):
    """A sweep of the discount is one of gamma: Q = 1 / (1 - gamma), cut short or not."""
    judged = agents.evaluate(4)
    assert judged.discounted
    assert str(judged).startswith("discounted return")
    for agent, returns in zip(agents, judged.returns, strict=True):
        gamma = agent.settings["environment.discount"]
        assert agent.settings["gamma"] == gamma
        np.testing.assert_allclose(agent.table()[0, 1], 1 / (1 - gamma), rtol=1e-3)
        np.testing.assert_allclose(returns, geometric(gamma), rtol=1e-5)
        assert agent.history.history["val_return"][-1] == pytest.approx(geometric(gamma), rel=1e-5)
        assert agent.episode().total == pytest.approx(geometric(gamma), rel=1e-5)
    # in training half of the actions are drawn: half of the rewards at most are waited for
    for agent in agents:
        most = geometric(agent.settings["environment.discount"])
        assert 0.4 * most < agent.history.history["return"][-1] < most


def test_a_sweep_of_gamma_changes_no_return():
    """Who learns with another gamma is judged by the environment's."""
    found = LEARNER.learn(Annuity(), 2000, grid={"gamma": [0.1, 0.8]}, **OPTIONS)
    np.testing.assert_allclose(found.evaluate(2).returns, geometric(0.5), rtol=1e-5)
    tables = [agent.table()[0, 1] for agent in found]
    np.testing.assert_allclose(tables, np.repeat([1 / 0.9, 5.0], 2), rtol=1e-3)


def test_without_one_returns_are_sums():
    found = LEARNER.learn(Plain(), 500, **OPTIONS)
    judged = found.evaluate(2)
    assert not judged.discounted
    assert str(judged).startswith("return")
    np.testing.assert_array_equal(judged.returns, LIMIT)
    assert found[0].episode().total == LIMIT


def test_it_is_kept_in_a_file(agents, tmp_path):
    agents.save(tmp_path / "annuity.descend")
    again = load_agents(tmp_path / "annuity.descend", Annuity)
    assert [a.hyper["gamma"] for a in again] == [0.25, 0.25, 0.5, 0.5, 0.9, 0.9]
    np.testing.assert_array_equal(again.evaluate(2).returns, agents.evaluate(2).returns)


def test_a_discount_that_is_none():
    @dataclass(frozen=True)
    class Wrong(Plain):
        discount = "high"

    with pytest.raises(DescendError, match="discount must be a number from 0 to 1, or None"):
        check_environment(Wrong())
