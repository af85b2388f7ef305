"""Growth with investment that cannot fall below a bound: a constraint that binds now and then."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from descend.economies.dynamic_programming.grid import Grid
from descend.economies.dynamic_programming.problem import Budget, Exogenous
from descend.economies.outputs import Free
from descend.economies.point import Point
from descend.economies.shocks import Chain
from descend.economies.statement import Economy
from descend.statement import parameter


@dataclass(frozen=True)
class IrreversibleGrowth(Economy):
    """max E sum beta^t c_t^(1-sigma) / (1-sigma),  c + i = e^a k^alpha,  k' = (1-delta) k + i.

    i >= phi i_ss, with the multiplier mu; a' = rho a + e, e = +-std (1 - rho^2)^(1/2), each with
    probability 1/2, so that std is the standard deviation of a. With mu = m c^-sigma:

        1 - m = beta E[c'^-sigma (alpha y' / k' + (1 - delta) (1 - m'))] c^sigma

    The policy is one number, `wanted`: i = phi i_ss (1 + max(wanted, 0)) and m = max(-wanted, 0).
    So i >= phi i_ss, m >= 0 and complementarity hold exactly and the kink is where it should be.
    (Stated with two unknowns and Fischer-Burmeister, networks stopped short of the kink: the bound
    never came to bind.) Capital is clipped to its box; see `Economy` on what that does not do.

    Complementarity by one number: Garcia and Zangwill 1981.
    Source: Christiano and Fisher 2000; the numbers are usual for quarters.
    """

    beta: float = parameter(0.99, above=0, below=1, doc="discount factor")
    sigma: float = parameter(2.0, above=0, doc="relative risk aversion")
    alpha: float = parameter(0.36, above=0, below=1, doc="capital's share of output")
    delta: float = parameter(0.025, above=0, most=1, doc="depreciation")
    rho: float = parameter(0.9, least=0, below=1, doc="persistence of productivity")
    std: float = parameter(0.01, above=0, doc="standard deviation of log productivity")
    phi: float = parameter(
        0.975, least=0, below=1, doc="least investment over that of steady state"
    )

    def steady(self):
        """(capital, output) where a = 0 for ever."""
        k = (self.alpha / (1 / self.beta - 1 + self.delta)) ** (1 / (1 - self.alpha))
        return k, k**self.alpha

    @property
    def least(self):
        """The least investment."""
        return self.phi * self.delta * self.steady()[0]

    @property
    def innovation(self):
        """Of log productivity, up or down."""
        return self.std * (1 - self.rho**2) ** 0.5

    def states(self):
        """Capital from 0.8 to 1.2 of its steady state; log productivity within 3 deviations."""
        k, _ = self.steady()
        return {"k": (0.8 * k, 1.2 * k), "a": (-3 * self.std, 3 * self.std)}

    def shocks(self):
        """The innovation."""
        return {"e": Chain.iid(self.innovation * jnp.array([-1.0, 1.0]), jnp.full(2, 0.5))}

    def policies(self):
        """Investment wanted over the least, less one; about 1 / phi - 1 in the steady state."""
        return {"wanted": Free(centre=1 / self.phi - 1, scale=0.05)}

    def multiplier(self, policy):
        """m."""
        return jnp.maximum(-policy.wanted, 0.0)

    def output(self, state):
        """e^a k^alpha."""
        return jnp.exp(state.a) * state.k**self.alpha

    def investment(self, policy):
        """What is wanted, or the least."""
        return self.least * (1 + jnp.maximum(policy.wanted, 0.0))

    def consumption(self, state, policy):
        """Output less investment."""
        return self.output(state) - self.investment(policy)

    def transition(self, now, policy, shock):
        """k' = (1 - delta) k + i, a' = rho a + e."""
        low, high = self.states()["k"]
        k = (1 - self.delta) * now.k + self.investment(policy)
        return {"k": jnp.clip(k, low, high), "a": self.rho * now.a + shock.e}

    def conditions(self, now, policy, E):
        """(beta E[...] / (1 - m))^(-1/sigma) / c - 1: a share of consumption."""

        def worth(s, p, _):
            kept = (1 - self.delta) * (1 - self.multiplier(p))
            return self.consumption(s, p) ** -self.sigma * (
                self.alpha * self.output(s) / s.k + kept
            )

        target = (self.beta * E(worth) / (1 - self.multiplier(policy))) ** (-1 / self.sigma)
        return {"euler": target / self.consumption(now, policy) - 1}

    def aim(self):
        """1e-4, a dollar in 10,000: a network rounds the kink, which keeps it from less."""
        return {"ergodic mean": 1e-4}

    def constraints(self, now, policy, E):
        """i / (phi i_ss) - 1, and m."""
        return {"irreversible": (jnp.maximum(policy.wanted, 0.0), self.multiplier(policy))}

    def definitions(self, now, policy):
        """Output, consumption, investment, the multiplier m."""
        return {
            "output": self.output(now),
            "consumption": self.consumption(now, policy),
            "investment": self.investment(policy),
            "multiplier": self.multiplier(policy),
        }

    def budget(self, points=1000):
        """For dynamic programming: capital from 0.6 to 1.4 of its steady state."""

        def output(k, a):
            return self.output(Point("state", {"k": k, "a": a}))

        def policies(k, a, c, multiplier):
            y = output(k, a)
            return {
                "wanted": (y - c) / self.least - 1 - multiplier,
                "output": y,
                "consumption": c,
                "investment": y - c,
                "multiplier": multiplier,
            }

        k, _ = self.steady()
        e = self.innovation
        return Budget(
            grid=Grid(0.6 * k, 1.4 * k, points),
            exogenous=Exogenous.autoregressive(self.rho, [-e, e], [0.5, 0.5]),
            resources=lambda k, a: output(k, a) + (1 - self.delta) * k,
            least=lambda k: (1 - self.delta) * k + self.least,
            discount=self.beta,
            curvature=self.sigma,
            names=("k", "a"),
            policies=policies,
        )
