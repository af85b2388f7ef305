"""Merton's problem in discrete time: how much to consume, how much to risk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Box, Environment
from descend.errors import DescendError
from descend.statement import parameter

NODES = 64  # of the Gauss-Hermite rule for the return


class Chosen(NamedTuple):
    """A policy that does not depend on wealth, and what it is worth.

    risky: share of what is saved that is put at risk. consumed: share of wealth that is consumed in
    a period. value: function of wealth, the discounted sum of rewards; None where there is no
    such sum (continuous time).
    """

    risky: float
    consumed: float
    value: Any = None


@dataclass(frozen=True)
class Portfolio(Environment):
    """Wealth W; a share is consumed, of the rest a share pi is put at risk.

        W' = (W - c) (e^r + pi (e^x - e^r)),     x ~ N(mu - sigma^2 / 2, sigma^2)
        max E sum_t beta^t u(c_t),               u(c) = ((c / c0)^(1-gamma) - 1) / (1 - gamma)

    log(c / c0) where gamma = 1; c0 only sets size and zero of the rewards. All numbers are of a
    period, a year by default. Rates are continuously compounded: E e^x = e^mu.

    In continuous time pi = (mu - r) / (gamma sigma^2) whatever wealth is (`merton`). In discrete
    time pi is the maximum of E R^(1-gamma) / (1-gamma), R the gross return, again whatever wealth
    is, and the share consumed is 1 - (beta E R^(1-gamma))^(1/gamma) (`exact`); both go to Merton's
    as the period gets short. pi lies between 0 and 1: a return may come near -100 % or be without
    bound, and who owes could lose all. An agent sees the logarithm of wealth; episodes begin
    between half and twice one.

    Source: Merton 1969; Samuelson 1969 (discrete time).
    """

    mu: float = parameter(0.08, doc="log of the risky asset's mean gross return")
    r: float = parameter(0.03, doc="log of the safe asset's gross return")
    sigma: float = parameter(0.2, above=0, doc="standard deviation of the risky log return")
    gamma: float = parameter(2.0, above=0, doc="relative risk aversion")
    beta: float = parameter(0.96, above=0, below=1, doc="discount factor")
    unit: float = parameter(0.05, above=0, doc="consumption c0 whose utility is zero")
    least: float = parameter(0.01, above=0, below=1, doc="share of wealth consumed, at least")
    most: float = parameter(0.15, above=0, below=1, doc="share of wealth consumed, at most")
    limit: int = parameter(30, least=1, doc="steps after which an episode is cut short")

    variables = ("log wealth",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.least < self.most:
            raise DescendError(
                f"Portfolio: least must be below most, got {self.least:g} and {self.most:g}"
            )

    @property
    def actions(self) -> Box:
        """The share put at risk, the share consumed."""
        return Box((0.0, self.least), (1.0, self.most), ("risky", "consumed"))

    @property
    def discount(self) -> float:
        """The discount factor of the answer."""
        return self.beta

    def reset(self, key: jax.Array) -> jax.Array:
        """Log wealth."""
        return math.log(2.0) * jax.random.uniform(key, minval=-1.0)

    def step(self, state: jax.Array, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """Consume, save, wait for the return."""
        risky, consumed = action[0], action[1]
        power = 1 - jnp.asarray(self.gamma, float)
        log = state + jnp.log(consumed) - jnp.log(jnp.asarray(self.unit, float))
        # near a gamma of 1 the difference would cancel: it is that of exp and 1
        utility = jnp.where(
            power == 0, log, jnp.expm1(power * log) / jnp.where(power == 0, 1, power)
        )
        shock = self.sigma * jax.random.normal(key)
        excess = jnp.expm1(self.mu - self.r - self.sigma**2 / 2 + shock)
        grown = state + jnp.log1p(-consumed) + self.r + jnp.log1p(risky * excess)
        return grown, utility, False

    def observe(self, state: jax.Array) -> jax.Array:
        """Log wealth."""
        return state[None]

    def best_action(self, state: jax.Array) -> jax.Array:
        """The best shares, whatever wealth is."""
        best = self.exact()
        return jnp.array([best.risky, best.consumed])

    def certain(self, value: Any) -> Any:
        """The consumption that is worth as much if it is certain for ever: (1 - beta) V = u(c)."""
        power, worth = 1 - self.gamma, (1 - self.beta) * np.asarray(value, float)
        log = worth if power == 0 else np.log1p(power * worth) / power
        return self.unit * np.exp(log)

    def merton(self) -> Chosen:
        """The answer in continuous time; consumption is a rate there, discounted at -log beta.

        pi = (mu - r) / (gamma sigma^2)
        c / W = (-log beta - (1 - gamma) (r + (mu - r)^2 / (2 gamma sigma^2))) / gamma
        """
        premium, variance = self.mu - self.r, self.gamma * self.sigma**2
        certain = self.r + premium**2 / (2 * variance)
        rate = (-math.log(self.beta) - (1 - self.gamma) * certain) / self.gamma
        return Chosen(premium / variance, rate)

    def exact(self) -> Chosen:
        """The best shares in discrete time, by quadrature, and the value of wealth.

            V(W) = (kappa^-gamma (W / c0)^(1-gamma) - 1 / (1 - beta)) / (1 - gamma),
            kappa = c / W,  the utility of c / c0

        Raises:
            DescendError: a best share of consumption that the actions do not reach; below zero it
                says that utility has no bound, beta E R^(1-gamma) > 1.
        """
        from scipy.optimize import minimize_scalar

        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        weights = weights / weights.sum()
        excess = np.expm1(self.mu - self.r - self.sigma**2 / 2 + self.sigma * nodes)
        power = 1 - self.gamma

        def log_worth(risky: float) -> float:
            """log (E R^(1-gamma))^(1/(1-gamma)): the certain return that is as good."""
            log_return = self.r + np.log1p(risky * excess)
            if power == 0:
                return float(weights @ log_return)
            return float(np.log(weights @ np.exp(power * log_return)) / power)

        inside = minimize_scalar(
            lambda risky: -log_worth(risky),
            bounds=(0, 1),
            method="bounded",
            options={"xatol": 1e-12},
        )
        risky = max((0.0, 1.0, float(inside.x)), key=log_worth)
        worth = log_worth(risky)
        shrink = self.beta * math.exp(power * worth)
        consumed = 1 - shrink ** (1 / self.gamma)
        if not self.least <= consumed <= self.most:
            raise DescendError(
                f"Portfolio: the best share to consume, {consumed:.4g}, does not lie between least "
                f"({self.least:g}) and most ({self.most:g})"
            )
        beta, unit = self.beta, self.unit

        def value_of(wealth: Any) -> Any:
            log = np.log(np.asarray(wealth, float) / unit)
            if power == 0:  # c falls or grows by log(1 - kappa) + E log R a period
                growth = math.log1p(-consumed) + worth
                return (log + math.log(consumed) + beta / (1 - beta) * growth) / (1 - beta)
            return (consumed**-self.gamma * np.exp(power * log) - 1 / (1 - beta)) / power

        return Chosen(risky, consumed, value_of)
