"""Members of one program are the runs that they would be alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from descend.agents import Box, Choice, Environment, parameter
from descend.agents.deterministic import DDPG
from descend.agents.dqn import DQN
from descend.train.rules import Adam

QUICK = {"evaluations": 2, "episodes": 3, "verbose": 0}


@dataclass(frozen=True)
class Sliding(Environment):
    """A number that is pushed; it should stay near 0."""

    slope: float = parameter(1.0, above=0)
    limit: int = parameter(6, least=1)

    actions = Box(-1.0, 1.0)

    def reset(self, key):
        return jax.random.uniform(key, minval=-1)

    def step(self, state, action, key):
        to = state + action[0] + 0.1 * jax.random.normal(key)
        return to, -self.slope * to**2, abs(to) > 2

    def observe(self, state):
        return state[None]


@dataclass(frozen=True)
class Stepping(Sliding):
    """The same with two steps to choose from."""

    actions = Choice(2)

    def step(self, state, action, key):
        return super().step(state, (2.0 * action - 1)[None], key)


ADAM = Adam(0.01)
SMALL = {
    "DQN": DQN(
        hidden=(8,), environments=2, updates=1, batch=8, warmup=16, lookahead=2, optimizer=ADAM,
    ),
    "DDPG": DDPG(hidden=(8,), environments=2, batch=8, warmup=16),
}  # fmt: skip


def learn(name, environment, **options):
    return SMALL[name].learn(environment, 200, **QUICK, **options)


def weights(agent, which="last"):
    """An agent's weights, taken by NumPy: nothing is compiled for each of many comparisons."""
    return jax.tree.map(lambda a: np.asarray(a)[agent.index], getattr(agent.group, which))


def near(one, other):
    """As far as a batched product of matrices rounds like a single one.

    Measured behind 200 steps: 9e-8 in the weights, and nothing where a device has one member. (A
    rounded Q that chooses another action would make it 1e-2.)
    """
    assert one.history.history.keys() == other.history.history.keys()
    for log, values in one.history.history.items():
        np.testing.assert_allclose(values, other.history.history[log], rtol=1e-4, err_msg=log)
    for which in ("last", "best"):
        close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
        jax.tree.map(close, weights(one, which), weights(other, which))


@pytest.mark.parametrize(("name", "env"), [("DQN", Stepping()), ("DDPG", Sliding())])
def test_members_are_the_runs_that_they_would_be_alone(name, env):
    """Four, two of them on each of two devices. PPO's are in test_sweeps.py."""
    four = learn(name, env, seeds=[5, 6, 7, 8])
    alone = learn(name, env, seeds=[7])
    near(four[2], alone[0])
    for other in (0, 1, 3):
        leaves = map(jax.tree.leaves, (weights(four[other]), weights(four[2])))
        assert all((a != b).any() for a, b in zip(*leaves, strict=True))
