"""Overlapping generations with a borrowing limit, aggregate shocks and costly adjustment."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.outputs import Free
from descend.economies.point import Point
from descend.economies.shocks import Chain
from descend.economies.statement import Economy, fb
from descend.errors import DescendError
from descend.statement import parameter

LIFE = 56  # years from the first cohort to the last
DEAREST = 1e-2  # least price of a unit not liquidated: keeps the root's slope finite


@dataclass(frozen=True)
class ConstrainedOLG(Economy):
    """A cohorts share an adult life of 56 years; all work, most in the middle of their lives.

        max E sum_h beta^h c_h^(1 - gamma) / (1 - gamma)
        c_h + a_h + zeta/2 (a_h - q_h)^2 = w l_h + q_h,   q_h = R k_h,   a_h >= floor,   a_A = 0
        k'_(h+1) = a_h,  k_1 = 0,  K = sum_h k_h,  w and R from eta K^alpha L^(1 - alpha), delta

    Parameters are those of a year. A period is n = 56 / A years: the discount factor is beta^n,
    depreciation 1 - (1 - delta)^n, the chains move n times, output is n times a year's, and the
    cost of an adjustment spread over n years is zeta / n. With 56 cohorts they are the paper's.

    A policy is one number x for each age but the last, without bounds. Where x > 0 the age saves
    and x = log(most it could eat / what it eats); where x <= 0 it is at its floor and -x is by
    what share of its consumption it would like to eat more. The floor is thus reached exactly, and
    x goes through it smoothly.

    Source: after Azinovic, Gaegauf and Scheidegger 2022 (one asset here; shocks, endowments and
    adjustment cost as in the authors' published script); x: Garcia and Zangwill 1981.
    """

    cohorts: int = parameter(20, least=3, doc="number of cohorts, A")
    beta: float = parameter(0.95, above=0, doc="discount factor of a year")
    gamma: float = parameter(2.0, above=0, doc="relative risk aversion")
    alpha: float = parameter(0.3, above=0, below=1, doc="capital's share of output")
    zeta: float = parameter(0.5, least=0, doc="cost of adjusting what one holds")
    floor: float = parameter(0.0, most=0, doc="least that a household may hold")
    spread: float = parameter(0.022, least=0, below=1, doc="output is 1 - spread or 1 + spread")
    low_depreciation: float = parameter(0.08, least=0, below=1, doc="a year, in good times")
    high_depreciation: float = parameter(0.11, least=0, below=1, doc="a year, in bad times")

    @property
    def years(self):
        """Of a period."""
        return LIFE / self.cohorts

    def labour(self):
        """Endowments of all ages (A,): a hump from .6, from two thirds of life on down to half."""
        age = np.arange(self.cohorts) / self.cohorts
        hump = 0.6 + 0.762 * (1 - (2 * np.minimum(age, 2 / 3) - 1) ** 2)
        return hump * (1 - 0.5 * np.clip(6 * (age - 2 / 3), 0, 1))

    def states(self):
        """What the ages 2 to A hold, around the steady state; from the floor where that is near."""
        held = self.steady[0] - self.floor
        room = 0.02 * held.max()
        low = np.maximum(0.75 * held - room, 0)
        return {"k": (self.floor + low, self.floor + 1.2 * held + room)}

    def start(self):
        """The steady state."""
        return {"k": self.steady[0]}

    def shocks(self):
        """Productivity, 8 in 10 of whose deviation outlives a year; depreciation, bad 1 year in 12.

        Both are 2-state chains, independent of each other: 4 states together.
        """
        eta = jnp.array([-1.0, 1.0]) * self.spread + 1
        delta = jnp.stack(
            [jnp.asarray(d, eta.dtype) for d in (self.low_depreciation, self.high_depreciation)]
        )
        return {
            "eta": Chain(eta, _after(self.years, 0.095, 0.095)),
            "delta": Chain(1 - (1 - delta) ** self.years, _after(self.years, 0.028, 0.3)),
        }

    def policies(self):
        """x for each age but the last."""
        return {"plan": Free(shape=(self.cohorts - 1,), centre=self.steady[1])}

    def prices(self, state):
        """(R, w) of a period."""
        capital, labour = jnp.sum(state.k), float(self.labour().sum())
        output = self.years * state.eta * capital**self.alpha * labour ** (1 - self.alpha)
        gross = self.alpha * output / capital + 1 - state.delta
        return gross, (1 - self.alpha) * output / labour

    def households(self, state, policy):
        """(consumption, savings, value of a unit held in units of consumption), each (A,).

        A unit held is worth p = 1 + zeta (a - q) units of consumption. What goes from wages into
        savings, t = w l - c, gives a - q = 2 t / (1 + p), p = sqrt(1 + 2 zeta t).
        """
        gross, wage = self.prices(state)
        cost = self.zeta / self.years
        income = wage * self.labour()
        worth = gross * jnp.append(0.0, state.k)
        least = self._floors() - worth
        least = jnp.maximum(least, -1 / jnp.maximum(cost, 1e-9))  # beyond it a sale costs its worth
        most = income - least - cost / 2 * least**2
        eaten = most * jnp.exp(-jnp.maximum(jnp.append(policy.plan, 0.0), 0))
        saved = income - eaten
        value = jnp.sqrt(jnp.maximum(1 + 2 * cost * saved, DEAREST**2))
        return eaten, worth + 2 * saved / (1 + value), value

    def _floors(self):
        return jnp.append(jnp.full(self.cohorts - 1, self.floor), 0.0)

    def transition(self, now, policy, shock):
        """What an age saves is what the next one holds."""
        return {"k": self.households(now, policy)[1][:-1]}

    def wish(self, now, policy, E):
        """By what share of its consumption each age but the last would eat more if it could.

        (beta E[R' p' c'^-gamma] / p)^(-1/gamma) / c - 1: zero where the Euler equation holds.
        """

        def tomorrow(state, policy, _):
            eaten, _, value = self.households(state, policy)
            return self.prices(state)[0] * value[1:] * eaten[1:] ** -self.gamma

        eaten, _, value = self.households(now, policy)
        worth = self.beta**self.years * E(tomorrow) / value[:-1]
        return worth ** (-1 / self.gamma) / eaten[:-1] - 1

    def conditions(self, now, policy, E):
        """An age's wish to eat more is what its policy says, nothing where it saves."""
        return {"euler": self.wish(now, policy, E) - jnp.maximum(-policy.plan, 0)}

    def aim(self):
        """1e-3 of consumption for the worst age, which the source's figures are of the size of."""
        return {"ergodic mean": 1e-3}

    def plan(self):
        """Many first-order updates on paths alone, of a wider network; no polishing.

        A box of independent holdings is far from where twenty cohorts live.
        """
        wide = {"hidden": (64, 64), "box": 0.0}
        return {**wide, "updates": 8000, "learning_rate": 0.003, "polish": None}

    def constraints(self, now, policy, E):
        """Savings above the floor, and the wish to eat more: both in consumption."""
        eaten, held, _ = self.households(now, policy)
        slack = (held[:-1] - self.floor) / eaten[:-1]
        return {"floor": (slack, jnp.maximum(-policy.plan, 0))}

    def consumption_errors(self, now, policy, E):
        """fb(slack, wish): a binding floor excuses a wish of any size."""
        slack, _ = self.constraints(now, policy, E)["floor"]
        return {"euler": fb(slack, self.wish(now, policy, E))}

    def definitions(self, now, policy):
        """Capital, its gross return and the wage, of a period."""
        gross, wage = self.prices(now)
        return {"K": jnp.sum(now.k), "R": gross, "wage": wage}

    @functools.cached_property
    def steady(self):
        """(holdings, x) of a life where shocks stay at their means: where all conditions hold."""
        from scipy.optimize import least_squares

        count = self.cohorts - 1
        shocks = self.shocks()
        means = {n: float(np.dot(c.stationary(), c.values)) for n, c in shocks.items()}

        def off(guess):
            now = Point("state", {"k": guess[:count]} | means)
            policy = Point("policy", {"plan": guess[count:]})
            wrong = self.conditions(now, policy, lambda f: f(now, policy, None))["euler"]
            return jnp.append(wrong, self.transition(now, policy, None)["k"] - guess[:count])

        age = np.arange(1, self.cohorts) / self.cohorts
        first = np.append(20 * age**2 * (1 - age) + 0.05, np.full(count, 0.5))
        with jax.enable_x64(True):
            run, slope = jax.jit(off), jax.jit(jax.jacfwd(off))
            found = least_squares(run, first, slope, method="trf", x_scale="jac", max_nfev=500)
        if not found.cost < 1e-12:
            raise DescendError(
                f"ConstrainedOLG: no steady state found for {self.parameters()}; the conditions "
                f"are off by {abs(found.fun).max():.1e}. Take numbers nearer to the defaults."
            )
        return found.x[:count], found.x[count:]


def _after(years, leave, back):
    """The transition matrix of two states after so many years; chances to move within one."""
    share = leave / (leave + back)
    kept = (1 - leave - back) ** years
    rest = np.array([1 - share, share])
    return kept * np.eye(2) + (1 - kept) * rest
