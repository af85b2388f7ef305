"""Settings that are numbers are swept as members of one program, all others make groups."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from descend.agents import Box, Environment, make, parameter
from descend.agents.ppo import PPO
from descend.errors import DescendError
from descend.train.rules import Adam

QUICK = {"evaluations": 2, "episodes": 3, "verbose": 0}
POLE = make("cart-pole", limit=50)
SMALL = PPO(hidden=(8,), environments=2, walk=16, passes=2, batch=16, optimizer=Adam(0.01))


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


def test_numbers_of_algorithm_rule_and_environment_are_members():
    """The first setting, made as an agent of its own, is the same; the others differ by one.

    The last diverges at once, which is marked and leaves the others alone.
    """
    first = {"gamma": 0.8, "learning_rate": 0.03, "environment.gravity": 5.0}
    others = [
        {"gamma": 0.98}, {"learning_rate": 0.01}, {"environment.gravity": 9.8},
        {"learning_rate": 1e30},
    ]  # fmt: skip
    with pytest.warns(UserWarning, match="1 of 5 agents by .* came to values that are no numbers"):
        agents = SMALL.learn(POLE, 200, grid=[first, *(first | o for o in others)], **QUICK)
    assert len(agents.groups) == 1
    assert [a.settings for a in agents] == [first | o | {"seed": 0} for o in ({}, *others)]
    own = dataclasses.replace(SMALL, optimizer=Adam(0.03), gamma=0.8)
    alone = own.learn(make("cart-pole", limit=50, gravity=5.0), 200, **QUICK)[0]
    near(agents[0], alone)
    for agent in agents:
        leaves = [map(jax.tree.leaves, (weights(agent), weights(other))) for other in agents]
        equal = [all((a == b).all() for a, b in zip(*pair, strict=True)) for pair in leaves]
        assert sum(equal) == 1  # each number makes a difference
    # agents play, and are judged, in the environment that they learnt in
    apart, judged = alone.episode(), agents.evaluate(1)
    assert judged.lengths[0, 0] == len(apart)
    assert np.isfinite(judged.returns).all()
    played = agents[0].episode()
    np.testing.assert_allclose(played.observations, apart.observations, atol=1e-4)
    frame = agents.to_frame()
    assert list(frame["environment.gravity"]) == [5.0, 5.0, 5.0, 9.8, 5.0]
    assert {"gamma", "learning_rate", "seed"} <= set(frame.columns)
    assert [a.diverged for a in agents] == [None] * 4 + [1]
    assert frame["diverged"].tolist() == [False] * 4 + [True]
    assert all(np.isfinite(w).all() for w in jax.tree.leaves(weights(agents[4])))
    assert np.isfinite(agents[4].act(np.ones(4)))


def test_a_whole_number_for_a_parameter_is_a_number_too():
    """slope=2 is 2.0: sweeping it makes members, and one program may be written to a file."""
    env, grid = Sliding(slope=2), {"environment.slope": [1.0, 2.0]}
    with pytest.raises(DescendError, match="1 steps are not enough"):  # and not: 2 programs
        SMALL.learn(env, 1, grid=grid, checkpoint="never.descend", **QUICK)


def test_what_is_no_number_makes_groups():
    """Widths and limits are programs; the agents come in the order of the grid all the same."""
    grid = {"gamma": [0.9, 0.99], "hidden": [(4,), (6,)]}
    a = PPO(environments=2, walk=8, passes=1, batch=16)
    agents = a.learn(Sliding(), 64, grid=grid, seeds=[3], **QUICK)
    assert len(agents.groups) == 2
    assert [a.settings["hidden"] for a in agents] == [(4,), (6,), (4,), (6,)]
    assert [a.settings["gamma"] for a in agents] == [0.9, 0.9, 0.99, 0.99]
    for agent in agents:
        width = weights(agent)["actor"]["hidden1"]["kernel"].shape[1]
        assert (width,) == agent.settings["hidden"]
        assert agent.hyper["gamma"] == agent.settings["gamma"]
    judged = agents.evaluate(4)
    assert judged.returns.shape == (4, 4)
    assert judged.settings == [a.settings for a in agents]
    # rows are those of their agents: the second is the first of its group
    total = agents[1].episode().total
    assert total == pytest.approx(float(judged.returns[1, 0]), rel=1e-5)
    assert len({float(r) for r in judged.returns[:, 0]}) == 4
    assert agents.curves().shape == (2, 4)
