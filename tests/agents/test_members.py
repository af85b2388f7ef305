"""Members of one program are the runs that they would be alone; what is no number is a group."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Box, Environment, make, parameter
from descend.agents.deterministic import DDPG
from descend.agents.dqn import DQN
from descend.agents.ppo import PPO
from descend.train.rules import Adam

QUICK = {"evaluations": 2, "episodes": 3, "verbose": 0}
POLE = make("cart-pole", limit=50)


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


ADAM = Adam(0.01)
SMALL = {
    "PPO": PPO(hidden=(8,), environments=2, walk=16, passes=2, batch=16, optimizer=ADAM),
    "DQN": DQN(
        hidden=(8,), environments=2, updates=1, batch=8, warmup=16, lookahead=2, optimizer=ADAM,
    ),
    "DDPG": DDPG(hidden=(8,), environments=2, batch=8, warmup=16),
}  # fmt: skip


def learn(name, environment=POLE, **options):
    return SMALL[name].learn(environment, 200, **QUICK, **options)


def near(one, other):
    """As far as a batched product of matrices rounds like a single one.

    A difference of 1e-7 in an update is one of 1e-5 behind 200 of Adam's, whose steps do not
    shrink with the slope; where a rounded Q chooses another action the runs part for good, and the
    difference is of the order 1e-2.
    """
    assert one.history.history.keys() == other.history.history.keys()
    for log, values in one.history.history.items():
        np.testing.assert_allclose(values, other.history.history[log], rtol=1e-3, err_msg=log)
    for which in ("last", "best"):
        close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
        jax.tree.map(close, one.weights(which), other.weights(which))


@pytest.mark.parametrize(("name", "env"), [("PPO", POLE), ("DQN", POLE), ("DDPG", Sliding())])
def test_members_are_the_runs_that_they_would_be_alone(name, env):
    both = learn(name, env, seeds=[5, 7])
    alone = learn(name, env, seeds=[7])
    near(both[1], alone[0])
    weights = map(jax.tree.leaves, (both[0].weights(), both[1].weights()))
    assert all((a != b).any() for a, b in zip(*weights, strict=True))  # not of each other


def test_numbers_of_algorithm_rule_and_environment_are_members():
    """Eight settings are one program; two of them, made as agents of their own, are the same."""
    grid = {"gamma": [0.8, 0.98], "learning_rate": [0.01, 0.03], "environment.gravity": [5.0, 9.8]}
    agents = learn("PPO", grid=grid)
    assert len(agents.groups) == 1
    assert len(agents) == 8
    wanted = {"gamma": 0.8, "learning_rate": 0.03, "environment.gravity": 5.0}
    own = PPO(
        hidden=(8,), environments=2, walk=16, passes=2, batch=16, optimizer=Adam(0.03), gamma=0.8
    )
    heavy = own.learn(make("cart-pole", limit=50, gravity=5.0), 200, **QUICK)
    places = [i for i, a in enumerate(agents) if a.settings == wanted | {"seed": 0}]
    assert len(places) == 1
    near(agents[places[0]], heavy[0])
    # each number makes a difference
    weights = [np.concatenate([w.ravel() for w in jax.tree.leaves(a.weights())]) for a in agents]
    for i in range(8):
        for j in range(i):
            assert (weights[i] != weights[j]).any(), (agents[i].settings, agents[j].settings)
    # agents are judged, and play, in the environment that they learnt in
    judged = agents.evaluate(5)
    np.testing.assert_array_equal(judged.returns[places[0]], heavy.evaluate(5).returns[0])
    played, apart = agents[places[0]].episode(), heavy[0].episode()
    np.testing.assert_allclose(played.rewards, apart.rewards)
    np.testing.assert_allclose(played.observations, apart.observations, atol=1e-4)
    frame = agents.to_frame()
    assert {"gamma", "learning_rate", "environment.gravity", "seed"} <= set(frame.columns)
    assert len(frame) == 8


def test_a_whole_number_for_a_parameter_is_a_number_too():
    """gravity=10 is 10.0: sweeping it makes members, not a program each."""
    env = Sliding(slope=2)
    agents = learn("DDPG", env, grid={"environment.slope": [1.0, 2.0]})
    assert len(agents.groups) == 1


def test_what_is_no_number_makes_groups():
    """Widths and limits are programs; the agents come in the order of the grid all the same."""
    agents = PPO(environments=2, walk=8, passes=1, batch=16, optimizer=ADAM, hidden=(4,)).learn(
        Sliding(), 64, grid={"gamma": [0.9, 0.99], "hidden": [(4,), (6,)]}, seeds=[3], **QUICK
    )
    assert len(agents.groups) == 2
    assert [a.settings["hidden"] for a in agents] == [(4,), (6,), (4,), (6,)]
    assert [a.settings["gamma"] for a in agents] == [0.9, 0.9, 0.99, 0.99]
    for agent in agents:
        width = agent.weights()["actor"]["hidden1"]["kernel"].shape[1]
        assert (width,) == agent.settings["hidden"]
        assert agent.hyper["gamma"] == agent.settings["gamma"]
        assert agent.act(np.zeros(1)).shape == (1,)
    assert agents.evaluate(4).returns.shape == (4, 4)
    for place, agent in enumerate(agents):  # rows are those of their agents
        one = agent.episode()
        assert one.total == pytest.approx(float(agents.evaluate(1).returns[place, 0]), rel=1e-5)
    assert agents.curves().shape == (2, 4)


def test_a_member_that_diverges_leaves_the_others_alone():
    """A rate of 1e30 is marked; its neighbour is as without it."""
    agents = learn("DDPG", Sliding(), grid={"critic.learning_rate": [1e30, 1e-3]}, seeds=[7])
    assert agents[0].diverged == 1
    assert agents[1].diverged is None
    near(agents[1], learn("DDPG", Sliding(), seeds=[7, 8])[0])
    assert agents.to_frame()["diverged"].tolist() == [True, False]
    assert all(np.isfinite(w).all() for w in jax.tree.leaves(agents[0].weights()))
    assert np.isfinite(agents.evaluate(3).returns).all()
    assert jnp.isfinite(agents[0].act(np.ones(1))).all()
