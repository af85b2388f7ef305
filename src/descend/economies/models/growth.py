"""Stochastic growth: CRRA utility, partial depreciation, productivity high or low."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from descend.economies.dynamic_programming.grid import Grid
from descend.economies.dynamic_programming.problem import Budget, Exogenous
from descend.economies.outputs import Share
from descend.economies.point import Point
from descend.economies.shocks import Chain
from descend.economies.statement import Economy
from descend.economies.utility import crra
from descend.statement import parameter


@dataclass(frozen=True)
class StochasticGrowth(Economy):
    """max E sum beta^t c_t^(1-sigma) / (1-sigma),  c + k' = z k^alpha + (1-delta) k.

    There is no closed form, except with log utility and full depreciation (sigma = delta = 1),
    where the share 1 - alpha beta of output is consumed.

    What is consumed is a share of output, so that capital comes down from wherever it is. (It is
    clipped to its box as well; a clip keeps no one from a wrong policy: see `Economy`.)

    Source: Brock and Mirman 1972; the numbers are usual for quarters.
    """

    beta: float = parameter(0.99, above=0, below=1, doc="discount factor")
    sigma: float = parameter(2.0, above=0, doc="relative risk aversion")
    alpha: float = parameter(0.36, above=0, below=1, doc="capital's share of output")
    delta: float = parameter(0.025, above=0, most=1, doc="depreciation")
    spread: float = parameter(0.01, least=0, below=1, doc="z is 1 - spread or 1 + spread")
    stay: float = parameter(0.9, above=0, below=1, doc="probability that z stays")

    def steady(self):
        """(capital, the share of output consumed) where z = 1 for ever."""
        k = (self.alpha / (1 / self.beta - 1 + self.delta)) ** (1 / (1 - self.alpha))
        return k, 1 - self.delta * k ** (1 - self.alpha)

    def states(self):
        """Capital, from 0.7 to 1.3 of its steady state."""
        k, _ = self.steady()
        return {"k": (0.7 * k, 1.3 * k)}

    def shocks(self):
        """Productivity."""
        return {"z": Chain.persistent(1 + self.spread * jnp.array([-1.0, 1.0]), self.stay)}

    def policies(self):
        """The share of output that is consumed."""
        return {"consumed": Share(start=self.steady()[1])}

    def output(self, state):
        """z k^alpha."""
        return state.z * state.k**self.alpha

    def resources(self, state):
        """Output and what is left of capital."""
        return self.output(state) + (1 - self.delta) * state.k

    def gross(self, state):
        """What another unit of capital gives: alpha y / k + 1 - delta."""
        return self.alpha * self.output(state) / state.k + 1 - self.delta

    def consumption(self, state, policy):
        """Of output, the share."""
        return policy.consumed * self.output(state)

    def transition(self, now, policy, shock):
        """Next capital is what was not consumed."""
        low, high = self.states()["k"]
        return {"k": jnp.clip(self.resources(now) - self.consumption(now, policy), low, high)}

    def conditions(self, now, policy, E):
        """(beta E[c'^-sigma R'])^(-1/sigma) / c - 1: a share of consumption."""
        worth = E(lambda s, p, _: self.consumption(s, p) ** -self.sigma * self.gross(s))
        wanted = (self.beta * worth) ** (-1 / self.sigma)
        return {"euler": wanted / self.consumption(now, policy) - 1}

    def aim(self):
        """1e-5: with so slow a state, consumption is wrong by some thirty times its residual."""
        return {"ergodic mean": 1e-5}

    def definitions(self, now, policy):
        """Output, consumption, investment."""
        y, c = self.output(now), self.consumption(now, policy)
        return {"output": y, "consumption": c, "investment": y - c}

    def reward(self, now, policy):
        """u of what next capital leaves: its box gives nothing away."""
        after = self.transition(now, policy, None)["k"]
        return crra(self.resources(now) - after, self.sigma)

    def exact(self, now):
        """1 - alpha beta where utility is log and capital lasts one period."""
        known = isinstance(self.sigma, (int, float)) and isinstance(self.delta, (int, float))
        if known and self.sigma == 1 and self.delta == 1:
            return {"consumed": (1 - self.alpha * self.beta) * jnp.ones_like(now.k)}
        return {}

    def budget(self, points=1000):
        """For dynamic programming: capital from 0.4 to 1.6 of its steady state."""

        def at(k, z):
            return Point("state", {"k": k, "z": z})

        def policies(k, z, c, multiplier):
            policy = {"consumed": c / self.output(at(k, z))}
            return policy | self.definitions(at(k, z), Point("policy", policy))

        k, _ = self.steady()
        return Budget(
            grid=Grid(0.4 * k, 1.6 * k, points),
            exogenous=Exogenous.chain(self.shocks()["z"]),
            resources=lambda k, z: self.resources(at(k, z)),
            least=None,
            discount=self.beta,
            curvature=self.sigma,
            names=("k", "z"),
            policies=policies,
        )
