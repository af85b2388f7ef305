"""Every algorithm of numbers learns to bring a number to 0, where the best action is known."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
import pytest

from descend.agents import Box, Environment, parameter
from descend.agents.deterministic import DDPG, TD3
from descend.agents.ppo import PPO
from descend.agents.sac import SAC
from descend.train.rules import Adam


@dataclass(frozen=True)
class Tracking(Environment):
    """x' = x + a, and the reward is -x'^2: the best action is -x, and Q(x, a) = -(x + a)^2.

    The bounds are not even, so that 0 is not the middle of what a network puts out.
    """

    limit: int = parameter(5, least=1)

    actions = Box(-1.5, 2.5)

    def reset(self, key):
        return jax.random.uniform(key, minval=-1.0)

    def step(self, state, action, key):
        to = state + action[0]
        return to, -(to**2), abs(to) > 3

    def observe(self, state):
        return state[None]


X = np.linspace(-1, 1, 21)[:, None]
COMMON = {"hidden": (16,), "gamma": 0.5, "environments": 2, "batch": 32, "warmup": 100}
RULES = {"actor": Adam(0.005), "critic": Adam(0.01)}


def finds_the_target(agents, within):
    for agent in agents:
        assert agent.diverged is None
        action = agent.act(X)
        error = np.abs(action + X)
        assert error.mean() < within, (agent.settings, action[:, 0].round(2))
        far = agent.act(np.linspace(-50, 50, 11)[:, None])
        assert ((far >= -1.5) & (far <= 2.5)).all()  # whatever the network puts out
    # one who does nothing loses x^2 each of 5 steps, 5/3 on average
    assert (agents.evaluate(50).means > -0.3).all()


@pytest.mark.parametrize(
    "a",
    [
        DDPG(**COMMON, **RULES, noise_size=0.3, tau=0.02),
        TD3(**COMMON, **RULES, noise_size=0.3, tau=0.02),
        SAC(**COMMON, **RULES, temperature=Adam(0.01), alpha=0.2, tau=0.02),
    ],
    ids=["DDPG", "TD3", "SAC"],
)
def test_actors_and_critics(a):
    agents = a.learn(Tracking(), 2400, seeds=2, evaluations=2, episodes=10, verbose=0)
    finds_the_target(agents, 0.2)
    for agent in agents:
        # Q of its own action is about 0, the most that there is. TD3 takes the lower of two
        # critics, a pessimist of its own making; SAC counts entropy besides
        q = agent.thoughts(X)["q"]
        assert isinstance(a, SAC) or np.abs(q).mean() < (0.5 if isinstance(a, TD3) else 0.3)


def test_ppo():
    a = PPO(
        hidden=(16,), gamma=0.5, environments=8, walk=16, passes=8, batch=64, lambda_=0.9,
        optimizer=Adam(0.01),
    )  # fmt: skip
    agents = a.learn(Tracking(), 8000, seeds=2, evaluations=2, episodes=10, verbose=0)
    finds_the_target(agents, 0.25)
