"""Every algorithm of choices learns a corridor whose values are known."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Choice, Environment, parameter
from descend.agents.actor_critic import ActorCritic
from descend.agents.dqn import DQN
from descend.agents.ppo import PPO
from descend.agents.pqn import PQN
from descend.agents.reinforce import REINFORCE
from descend.train.rules import Adam

GAMMA = 0.8


@dataclass(frozen=True)
class Corridor(Environment):
    """Five cells, the last of which pays 1 and is the end; an episode begins in any other.

    After three steps it is cut short, so that nobody ever comes from the first cell to the end:
    what it is worth follows from where an episode was cut, and from nothing else.
    """

    limit: int = parameter(3, least=1)

    actions = Choice(2, ("left", "right"))

    def reset(self, key):
        return jax.random.randint(key, (), 0, 4)

    def step(self, state, action, key):
        to = jnp.maximum(state + 2 * action - 1, 0)
        return to, jnp.where(to == 4, 1.0, 0.0), to == 4

    def observe(self, state):
        return jax.nn.one_hot(state, 5)


@dataclass(frozen=True)
class Walled(Corridor):
    """A wall to the left of the second cell: there one cannot go back."""

    def legal(self, state):
        return (jnp.arange(2) == 1) | (state != 1)


def optimal():
    """(V, Q) of the four cells, by value iteration in NumPy."""
    value = np.zeros(5)
    for _ in range(50):
        left, right = value[[0, 0, 1, 2]], value[[1, 2, 3, 4]]
        q = np.stack([GAMMA * left, GAMMA * right + np.array([0, 0, 0, 1])], axis=1)
        value[:4] = q.max(axis=1)
    return value[:4], q


VALUE, Q = optimal()
CELLS = np.eye(5)[:4]
OPTIONS = {"seeds": 2, "evaluations": 2, "episodes": 20, "verbose": 0}
# with the wall they also prove that nobody goes where it is not allowed
ENVIRONMENTS = [
    pytest.param(Corridor(), id="open", marks=pytest.mark.slow),
    pytest.param(Walled(), id="walled"),
]
COMMON = {"hidden": (8,), "optimizer": Adam(0.02), "gamma": GAMMA}


def test_the_values_by_hand():
    assert pytest.approx([GAMMA**3, GAMMA**2, GAMMA, 1]) == VALUE
    assert (Q[:, 1] > Q[:, 0]).all()


def always_right(agents, legal=None):
    for agent in agents:
        assert agent.act(CELLS, legal=legal).tolist() == [1] * 4, agent.settings
        assert agent.diverged is None
    judged = agents.evaluate(50)
    # from the first cell nobody arrives in three steps, from the others all do
    np.testing.assert_array_equal(judged.returns == 1, judged.terminated)
    assert set(judged.lengths[judged.terminated].tolist()) == {1, 2, 3}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_dqn(env):
    a = DQN(**COMMON, lookahead=1, environments=4, updates=2, batch=32, warmup=64, tau=0.05)
    agents = a.learn(env, 2000, **OPTIONS)
    legal = np.array([[True, True], [env == Corridor(), True], [True, True], [True, True]])
    always_right(agents, legal)
    for agent in agents:
        q = agent.thoughts(CELLS)["q"]
        # 500 rounds: a tenth of the largest value; one that took a cut for an end is .5 away
        np.testing.assert_allclose(q[legal], Q[legal], atol=0.1)


def test_pqn():
    a = PQN(**COMMON, environments=8, walk=8, passes=4, batch=32, lambda_=0.5)
    agents = a.learn(Corridor(), 2500, **OPTIONS)
    always_right(agents)
    for agent in agents:
        np.testing.assert_allclose(agent.thoughts(CELLS)["q"][:, 1], Q[:, 1], atol=0.1)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_ppo(env):
    a = PPO(**COMMON, environments=8, walk=8, passes=8, batch=32, lambda_=0.9)
    agents = a.learn(env, 2500, **OPTIONS)
    always_right(agents)
    for agent in agents:
        # the value of the policy, which still explores: below the best, and not far
        value = agent.thoughts(CELLS)["value"]
        assert (value < VALUE + 0.1).all()
        assert (value > VALUE - 0.25).all()


def test_actor_critic():
    a = ActorCritic(**COMMON | {"optimizer": Adam(0.05)}, environments=8, walk=8)
    always_right(a.learn(Corridor(), 6000, **OPTIONS))


def test_reinforce():
    """It sums up to the end of an episode only: here all of them arrive."""
    a = REINFORCE(**COMMON | {"optimizer": Adam(0.05)}, environments=8)
    agents = a.learn(Corridor(limit=12), 6000, **OPTIONS)
    for agent in agents:
        assert agent.act(CELLS).tolist() == [1] * 4
    assert (agents.evaluate(50).returns == 1).all()
