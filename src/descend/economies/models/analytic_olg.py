"""Overlapping generations with a closed form, for any number of cohorts."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from descend.economies.outputs import Share
from descend.economies.shocks import Chain
from descend.economies.statement import Economy
from descend.statement import parameter


@dataclass(frozen=True)
class AnalyticOLG(Economy):
    """A cohorts live A periods; the young alone work; log utility; shocks to output and capital.

        max E sum_h beta^(h-1) log c^h,   c^h + a^h = income^h = R k^h + w l^h,   k'^(h+1) = a^h
        K = sum_h k^h,  w = (1 - alpha) eta K^alpha,  R = alpha eta K^(alpha-1) + 1 - delta

    Exact policy: age h saves the share b_h = beta (1 - beta^(A-h)) / (1 - beta^(A-h+1)) of its
    income, whatever the state. The state is what the ages 2 to A hold (the newborn hold nothing).

    Source: Krueger and Kubler 2004; Azinovic, Gaegauf and Scheidegger 2022 (six cohorts).
    """

    cohorts: int = parameter(6, least=2, doc="number of cohorts, A")
    beta: float = parameter(0.7, above=0, doc="discount factor of a period of life")
    alpha: float = parameter(0.3, above=0, below=1, doc="capital's share of output")
    spread: float = parameter(0.05, least=0, below=1, doc="output is 1 - spread or 1 + spread")
    low_depreciation: float = parameter(0.5, least=0, most=1, doc="in good times")
    high_depreciation: float = parameter(0.9, least=0, most=1, doc="in bad times")

    def shares(self):
        """b_h for h = 1, ..., A - 1."""
        left = self.cohorts - np.arange(1, self.cohorts)
        return self.beta * _sum(self.beta, left) / _sum(self.beta, left + 1)

    def steady(self):
        """Holdings of the ages 2 to A where shocks are at their means, under the exact policy."""
        b = [float(x) for x in np.asarray(self.shares())]
        k = np.full(self.cohorts - 1, 0.1)
        for _ in range(500):
            total = k.sum()
            gross = self.alpha * total ** (self.alpha - 1)
            gross += 1 - (self.low_depreciation + self.high_depreciation) / 2
            wage = (1 - self.alpha) * total**self.alpha
            income = np.append(wage, gross * k[:-1])
            k = np.asarray(b) * income
        return k

    def states(self):
        """Holdings from 2^-s to 2^s times the steady state, s = sqrt(h - 1): luck adds up."""
        steady = self.steady()
        wide = 2 ** np.sqrt(np.arange(1, self.cohorts))
        return {"k": (steady / wide, steady * wide)}

    def start(self):
        """The steady state."""
        return {"k": self.steady()}

    def shocks(self):
        """Productivity and depreciation, each high or low, all four alike, without memory."""
        low, high = self.low_depreciation, self.high_depreciation
        eta = jnp.array([-1.0, -1.0, 1.0, 1.0]) * self.spread + 1
        delta = jnp.stack([jnp.asarray(d, eta.dtype) for d in (low, high, low, high)])
        return {"z": Chain.iid({"eta": eta, "delta": delta}, jnp.full(4, 0.25))}

    def policies(self):
        """The share of its income that each age but the last saves."""
        return {"saving": Share(shape=(self.cohorts - 1,))}

    def income(self, state):
        """(incomes of all ages (A,), R)."""
        total = jnp.sum(state.k)
        gross = self.alpha * state.z.eta * total ** (self.alpha - 1) + 1 - state.z.delta
        wage = (1 - self.alpha) * state.z.eta * total**self.alpha
        return jnp.concatenate([wage[None], gross * state.k]), gross

    def consumption(self, state, policy):
        """Of all ages, (A,); the oldest eat all they have."""
        income, _ = self.income(state)
        return income * (1 - jnp.append(policy.saving, 0.0))

    def transition(self, now, policy, shock):
        """What an age saves is what the next one holds."""
        income, _ = self.income(now)
        return {"k": policy.saving * income[:-1]}

    def conditions(self, now, policy, E):
        """1 / (beta E[R' / c'^(h+1)]) / c^h - 1: a share of the age's consumption."""
        c = self.consumption(now, policy)[:-1]
        expected = E(lambda s, p, _: self.income(s)[1] / self.consumption(s, p)[1:])
        return {"euler": 1 / (self.beta * expected) / c - 1}

    def definitions(self, now, policy):
        """Capital, its gross return, the wage."""
        income, gross = self.income(now)
        return {"K": jnp.sum(now.k), "R": gross, "wage": income[0]}

    def exact(self, now):
        """Saving shares b_h."""
        return {"saving": self.shares()}


def _sum(beta, n):
    """1 + beta + ... + beta^(n-1): (1 - beta^n) / (1 - beta), right at beta = 1 too."""
    powers = np.arange(n.max())
    return jnp.sum(jnp.where(powers < n[:, None], beta**powers, 0.0), axis=1)
