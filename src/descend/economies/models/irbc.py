"""International real business cycles: N countries share risk and capital; the test of scale."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from descend.economies.outputs import Bounded, Positive
from descend.economies.shocks import Normal
from descend.economies.statement import Economy, fb
from descend.statement import parameter


@dataclass(frozen=True)
class IRBC(Economy):
    """A planner for N countries; capital is costly to adjust, productivity partly common.

        max E sum_t beta^t sum_j tau_j u_j(c_j),    u_j'(c) = c^(-1/gamma_j)
        sum_j [ y_j + (1 - delta) k_j - k_j' - kappa/2 k_j g_j^2 - c_j ] = 0         (lambda)
        y_j = A e^(a_j) k_j^zeta,   g_j = k_j'/k_j - 1,   a_j' = rho a_j + sigma (e + e_j)

    Where there are no shocks, k_j = 1 and lambda = 1: A = (1 - beta (1 - delta)) / (zeta beta) and
    tau_j = (A - delta)^(1/gamma_j). The shocks e, e_1, ..., e_N are independent standard normals,
    so that those of two countries have correlation 1/2. gamma_j, the intertemporal elasticity of
    substitution, goes evenly from `low_ies` to `high_ies` over the countries.

    Source: Brumm and Scheidegger 2017, "Using adaptive sparse grids to solve high-dimensional
    dynamic models", Econometrica 85(5).
    """

    countries: int = parameter(2, least=1, doc="number of countries, N")
    beta: float = parameter(0.99, above=0, below=1, doc="discount factor")
    zeta: float = parameter(0.36, above=0, below=1, doc="capital's share of output")
    delta: float = parameter(0.01, above=0, most=1, doc="depreciation")
    kappa: float = parameter(0.5, least=0, doc="cost of adjusting capital")
    rho: float = parameter(0.95, least=0, below=1, doc="persistence of productivity")
    sigma: float = parameter(0.01, above=0, doc="deviation of the common and of each own shock")
    low_ies: float = parameter(0.25, above=0, doc="elasticity of substitution of country 1")
    high_ies: float = parameter(1.0, above=0, doc="elasticity of substitution of country N")

    @property
    def scale(self):
        """A: output of a country where its capital and productivity are 1."""
        return (1 - self.beta * (1 - self.delta)) / (self.zeta * self.beta)

    @property
    def ies(self):
        """gamma_j, (N,)."""
        return self.low_ies + (self.high_ies - self.low_ies) * np.linspace(0, 1, self.countries)

    def states(self):
        """Capital within a fifth of its steady state; log productivity, about 3.5 deviations."""
        ones = np.ones(self.countries)
        wide = 0.8 * self.sigma / (1 - self.rho) * ones
        return {"k": (0.8 * ones, 1.2 * ones), "a": (-wide, wide)}

    def shocks(self):
        """e + e_j: variance 2 sigma^2, correlation 1/2."""
        return {"e": Normal(2**0.5 * self.sigma * jnp.ones(self.countries), correlation=0.5)}

    def policies(self):
        """Next capital over k^0.9, which is a tenth nearer to its steady state; lambda.

        So a solve begins on a stable path. From constant capital, on the border of the explosive
        ones, some end there: their residuals are small, too.
        """
        return {"growth": Bounded(0.75, 1.25, shape=(self.countries,)), "price": Positive()}

    def transition(self, now, policy, shock):
        """Capital as chosen."""
        return {"k": self.next_capital(now, policy), "a": self.rho * now.a + shock.e}

    def next_capital(self, state, policy):
        """k' = growth k^0.9, (N,)."""
        return policy.growth * state.k**0.9

    def output(self, state):
        """A e^a k^zeta, (N,)."""
        return self.scale * jnp.exp(state.a) * state.k**self.zeta

    def consumption(self, policy):
        """tau c^(-1/gamma) = lambda, solved for c, (N,)."""
        return (self.scale - self.delta) * policy.price**-self.ies

    def multiplier(self, policy):
        """mu_j: what it would be worth to take capital away; nothing, since it can be."""
        return jnp.zeros(self.countries)

    def value_of_capital(self, state, policy):
        """What a unit of capital gives to its holder at the head of a period, (N,)."""
        g = self.next_capital(state, policy) / state.k - 1
        product = self.zeta * self.output(state) / state.k
        kept = 1 - self.delta
        worth = product + kept + self.kappa / 2 * g * (g + 2)
        return policy.price * worth - kept * self.multiplier(policy)

    def conditions(self, now, policy, E):
        """Euler errors as shares of the cost of a unit of capital; excess demand, of consumption.

        1 - (beta E[value of capital'] + mu) / (lambda (1 + kappa g))
        """
        g = self.next_capital(now, policy) / now.k - 1
        gain = self.beta * E(lambda s, p, _: self.value_of_capital(s, p)) + self.multiplier(policy)
        cost = policy.price * (1 + self.kappa * g)
        consumed = self.consumption(policy)
        left = self.output(now) - self.delta * now.k - now.k * (g + self.kappa / 2 * g**2)
        return {"euler": 1 - gain / cost, "resources": jnp.sum(consumed - left) / jnp.sum(consumed)}

    def consumption_errors(self, now, policy, E):
        """Euler errors as the consumption that u' would ask for, over the actual one, less 1."""
        errors = self.conditions(now, policy, E)
        return {**errors, "euler": (1 - errors["euler"]) ** -self.ies - 1}

    def definitions(self, now, policy):
        """Output, consumption and investment, a country."""
        return {
            "output": self.output(now),
            "consumption": self.consumption(policy),
            "investment": self.next_capital(now, policy) - (1 - self.delta) * now.k,
        }


@dataclass(frozen=True)
class IrreversibleIRBC(IRBC):
    """As IRBC, and no country's investment is negative.

        k_j' - (1 - delta) k_j >= 0        (mu_j >= 0)

    On simulated paths this never binds; it does on about a quarter of the box. Train with points of
    the box: what is said of the paths alone says nothing about the kink.

    Source: Brumm and Scheidegger 2017.
    """

    def policies(self):
        """Also the multiplier of each country's constraint."""
        multiplier = Positive(0.01, shape=(self.countries,))
        return {**super().policies(), "mu": multiplier}

    def multiplier(self, policy):
        """mu_j, (N,)."""
        return policy.mu

    def aim(self):
        """1e-4 on paths; 1e-3 in the box, where the constraint binds (the source: about 2e-3)."""
        return {"ergodic mean": 1e-4, "box mean": 1e-3}

    def constraints(self, now, policy, E):
        """Investment as a share of the capital that is left; mu as one of the price of goods."""
        slack = self.next_capital(now, policy) / now.k / (1 - self.delta) - 1
        return {"investment": (slack, policy.mu / policy.price)}

    def conditions(self, now, policy, E):
        """Also fb(slack, multiplier), as `constraints` has them."""
        slack, mu = self.constraints(now, policy, E)["investment"]
        return {**super().conditions(now, policy, E), "irreversibility": fb(slack, mu)}
