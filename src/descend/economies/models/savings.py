"""Income fluctuates, borrowing is limited: how much to save."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp

from descend.economies.dynamic_programming.grid import Grid
from descend.economies.dynamic_programming.problem import Budget, Exogenous
from descend.economies.outputs import Positive
from descend.economies.point import Point
from descend.economies.shocks import Chain
from descend.economies.statement import Economy
from descend.economies.utility import crra
from descend.errors import DescendError
from descend.statement import parameter


@dataclass(frozen=True)
class IncomeFluctuation(Economy):
    """max E sum beta^t c_t^(1-gamma) / (1-gamma),  c + a' = R a + income e^z,  a' >= -limit.

    z is an AR(1) as a chain. The policy is `wanted`, the consumption w that the Euler equation asks
    for; what is consumed is c = min(w, m), m = R a + income e^z + limit the cash that may be spent.
    The limit binds where w > m; its multiplier, as a share of consumption wanted, is 1 - m / w.
    Assets are clipped to their box; a network that saves for ever ends at its top, as the verdict
    says (NOT solved: periods at the edge of the box). Without income and limit a cake is eaten:
    c = kappa R a, kappa = 1 - (beta R^(1-gamma))^(1/gamma).

    Raises:
        DescendError: beta R >= 1: assets would grow for ever.

    Source: Deaton 1991; Carroll 2006. Complementarity by one number: Garcia and Zangwill 1981.
    """

    beta: float = parameter(0.96, above=0, below=1, doc="discount factor")
    gamma: float = parameter(1.5, above=0, doc="relative risk aversion")
    R: float = parameter(1.01, above=0, doc="gross return on assets")
    rho: float = parameter(0.9, least=0, below=1, doc="persistence of log income")
    std: float = parameter(0.15, least=0, doc="standard deviation of its innovation")
    positions: int = parameter(5, least=2, most=50, doc="of the chain of income")
    income: float = parameter(1.0, least=0, doc="its scale; 0 for a cake that is eaten")
    limit: float = parameter(0.0, least=0, doc="what may be borrowed")
    top: float = parameter(10.0, above=0, doc="upper end of the box of assets")

    def __post_init__(self):
        super().__post_init__()
        if self.beta * self.R >= 1:
            raise DescendError(
                f"IncomeFluctuation: beta R must be < 1, else assets grow for ever; got "
                f"{self.beta:g} * {self.R:g} = {self.beta * self.R:g}"
            )
        spread = self.std * ((self.positions - 1) / (1 - self.rho**2)) ** 0.5
        worst = self.income * math.exp(-spread)
        if self.limit > 0 and worst <= (self.R - 1) * self.limit:
            raise DescendError(
                f"IncomeFluctuation: at the limit {self.limit:g} the lowest income, {worst:g}, "
                "does not pay the interest; lower the limit"
            )

    def states(self):
        """Assets, from the limit (a cake: from a hundredth of the top) to the top."""
        low = -self.limit if self.income > 0 else self.top / 100
        return {"a": (low, self.top)}

    def shocks(self):
        """Log income."""
        return {"z": Chain.rouwenhorst(self.positions, self.rho, self.std)}

    def policies(self):
        """Consumption wanted."""
        return {"wanted": Positive(scale=max(self.income, 0.05 * self.top))}

    def cash(self, state):
        """What may be spent: R a + income e^z + limit."""
        return self.R * state.a + self.income * jnp.exp(state.z) + self.limit

    def consumption(self, state, policy):
        """What is wanted, or all the cash."""
        return jnp.minimum(policy.wanted, self.cash(state))

    def transition(self, now, policy, shock):
        """What is left, above the limit."""
        left = self.cash(now) - self.consumption(now, policy) - self.limit
        return {"a": jnp.clip(left, *self.states()["a"])}

    def conditions(self, now, policy, E):
        """(beta R E[c'^-gamma])^(-1/gamma) / w - 1: a share of consumption."""
        worth = E(lambda s, p, _: self.consumption(s, p) ** -self.gamma)
        target = (self.beta * self.R * worth) ** (-1 / self.gamma)
        return {"euler": target / policy.wanted - 1}

    def aim(self):
        """2e-3, two dollars in 1,000: a network rounds the kink at the limit, ends near 1e-3."""
        return {"ergodic mean": 2e-3}

    def constraints(self, now, policy, E):
        """The borrowing limit: what is left of cash; what is missing to the consumption wanted."""
        m, w = self.cash(now), policy.wanted
        return {"limit": (jnp.maximum(1 - w / m, 0.0), jnp.maximum(1 - m / w, 0.0))}

    def definitions(self, now, policy):
        """Income, consumption, next assets."""
        c = self.consumption(now, policy)
        after = self.cash(now) - c - self.limit
        return {"earned": self.income * jnp.exp(now.z), "consumption": c, "saved": after}

    def reward(self, now, policy):
        """u of what next assets leave: what their box cuts off is consumed."""
        after = self.transition(now, policy, None)["a"]
        return crra(self.cash(now) - self.limit - after, self.gamma)

    def exact(self, now):
        """What is eaten of a cake."""
        if isinstance(self.income, (int, float)) and self.income == 0 and self.limit == 0:
            kappa = 1 - (self.beta * self.R ** (1 - self.gamma)) ** (1 / self.gamma)
            return {"wanted": kappa * self.R * now.a}
        return {}

    def budget(self, points=2000):
        """For dynamic programming: assets to twice the top, crowded at the limit."""

        def at(a, z):
            return Point("state", {"a": a, "z": z})

        def policies(a, z, c, multiplier):
            # mu / u'(c) = 1 - (c / w)^gamma
            cash = self.cash(at(a, z))
            return {
                "wanted": c * (1 - multiplier) ** (-1 / self.gamma),
                "earned": self.income * jnp.exp(z),
                "consumption": c,
                "saved": cash - c - self.limit,
            }

        low = -self.limit if self.income > 0 else self.top / 1000
        # the box's own lower end is no bound of the cake: it is eaten beyond that
        return Budget(
            grid=Grid(low, 2 * self.top, points, power=3.0),
            exogenous=Exogenous.chain(self.shocks()["z"]),
            resources=lambda a, z: self.cash(at(a, z)) - self.limit,
            least=(lambda a: jnp.full_like(a, -self.limit)) if self.income > 0 else None,
            discount=self.beta,
            curvature=self.gamma,
            names=("a", "z"),
            policies=policies,
        )
