"""Brock and Mirman: growth with log utility and full depreciation; the answer is known."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from descend.economies.outputs import Share
from descend.economies.shocks import Normal
from descend.economies.statement import Economy
from descend.statement import parameter


@dataclass(frozen=True)
class BrockMirman(Economy):
    """max E sum beta^t log c_t,  c + k' = e^a k^alpha,  a' = rho a + e,  e ~ N(0, sigma^2).

    The exact policy saves the share alpha beta of output, whatever the state. Its residual vanishes
    for every shock, so that this economy cannot tell a wrong rule for expectations.

    Source: Brock and Mirman 1972.
    """

    alpha: float = parameter(0.36, above=0, below=1, doc="capital's share of output")
    beta: float = parameter(0.9, above=0, below=1, doc="discount factor")
    rho: float = parameter(0.95, least=0, below=1, doc="persistence of productivity")
    sigma: float = parameter(0.01, least=0, doc="standard deviation of its shock")

    def states(self):
        """Capital from half to twice its steady state; log productivity."""
        steady = (self.alpha * self.beta) ** (1 / (1 - self.alpha))
        wide = 3 * self.sigma / (1 - self.rho**2) ** 0.5 + 1e-3
        return {"k": (0.5 * steady, 2.0 * steady), "a": (-wide, wide)}

    def shocks(self):
        """The innovation of log productivity."""
        return {"e": Normal(self.sigma)}

    def policies(self):
        """The share of output that is saved."""
        return {"saving": Share()}

    def output(self, state):
        """e^a k^alpha."""
        return jnp.exp(state.a) * state.k**self.alpha

    def transition(self, now, policy, shock):
        """Next capital is what was saved."""
        return {"k": policy.saving * self.output(now), "a": self.rho * now.a + shock.e}

    def consumption(self, state, policy):
        """What is not saved."""
        return (1 - policy.saving) * self.output(state)

    def conditions(self, now, policy, E):
        """1 - beta E[ R' / c' ] c, R' = alpha y' / k'."""
        c = self.consumption(now, policy)
        discounted = E(lambda s, p, e: self.alpha * self.output(s) / s.k / self.consumption(s, p))
        return {"euler": 1 - self.beta * c * discounted}

    def aim(self):
        """A dollar in 100,000 on paths, in 10,000 anywhere in the box: it is smooth and small."""
        return {"ergodic mean": 1e-5, "box mean": 1e-4}

    def definitions(self, now, policy):
        """Output and consumption."""
        return {"output": self.output(now), "consumption": self.consumption(now, policy)}

    def exact(self, now):
        """Saving = alpha beta."""
        return {"saving": self.alpha * self.beta * jnp.ones_like(now.k)}

    def reward(self, now, policy):
        """log c."""
        return jnp.log(self.consumption(now, policy))

    def value(self, now, saving=None):
        """Of saving that share for ever, by default the best one: E + F log k + G a.

        F = alpha / (1 - alpha beta),  G = 1 / ((1 - alpha beta) (1 - beta rho)),
        E = (log(1 - s) + beta F log s) / (1 - beta)
        """
        best = self.alpha * self.beta
        share = best if saving is None else saving
        of_k, of_a = self.alpha / (1 - best), 1 / ((1 - best) * (1 - self.beta * self.rho))
        constant = (jnp.log(1 - share) + self.beta * of_k * jnp.log(share)) / (1 - self.beta)
        return constant + of_k * jnp.log(now.k) + of_a * now.a
