"""McCall's job search: which wage to accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice, Environment
from descend.agents.exact import Finite
from descend.errors import DescendError
from descend.statement import parameter


@dataclass(frozen=True)
class JobSearch(Environment):
    """Every period offers a wage; who rejects it lives on compensation, who accepts keeps it.

        v(w) = max{ w / (1 - beta),  c + beta E v(w') }

    Wages w are evenly spaced; their law is beta-binomial, P(i) = C(n, i) B(i + a, n - i + b) /
    B(a, b) for i = 0 .. n, n = offers - 1.

    All rewards are multiplied by 1 - beta: a value is the wage that would be worth as much if it
    were paid for ever. Accepting so pays w once, which stands for the job and ends the episode, and
    rejecting pays (1 - beta) c; Q(reject) is the reservation wage itself. What is chosen does not
    depend on it. A job that pays period by period would have the same value, but its learner has
    to carry w back through 1 / (1 - beta) periods, by targets that are guesses of its own; here the
    worth of a job is seen, not guessed, and it is of size 10 to 60, not 1,000 to 6,000.

    An episode begins with a wage drawn evenly (with probability `even`; else from the law), so that
    wages that the law offers once in 40,000 periods are learned too. An offer is seen as one of
    `offers` classes.

    Source: McCall 1970; the numbers are those of QuantEcon, "Job Search VII: A McCall Worker
    Q-Learns".
    """

    compensation: float = parameter(25.0, least=0, doc="compensation of a period without a job")
    beta: float = parameter(0.99, least=0, below=1, doc="discount factor")
    offers: int = parameter(11, least=2, most=1000, doc="number of wages")
    lowest: float = parameter(10.0, least=0, doc="wage that is the lowest")
    highest: float = parameter(60.0, above=0, doc="wage that is the highest")
    a: float = parameter(200.0, above=0, doc="weight of high wages in their law")
    b: float = parameter(100.0, above=0, doc="weight of low wages in their law")
    even: float = parameter(1.0, least=0, most=1, doc="probability of an even first draw")
    limit: int = parameter(1000, least=1, doc="steps after which an episode is cut short")

    actions = Choice(2, ("reject", "accept"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lowest < self.highest:
            raise DescendError(
                f"JobSearch: lowest must be below highest, got {self.lowest:g} and {self.highest:g}"
            )

    @property
    def discount(self) -> float:
        """The discount factor of the answer."""
        return self.beta

    @property
    def variables(self) -> tuple[str, ...]:
        """The wages."""
        return tuple(f"wage {wage:g}" for wage in self.wages())

    def wages(self, xp: Any = np) -> Any:
        """The wages (offers,), by NumPy or JAX."""
        return self.lowest + (self.highest - self.lowest) * xp.linspace(0.0, 1.0, self.offers)

    def chances(self, xp: Any = np) -> Any:
        """The probabilities of the wages (offers,), by NumPy or JAX.

        By their ratios, P(i + 1) / P(i) = (n - i) (a + i) / ((i + 1) (b + n - 1 - i)): gamma
        functions of 200 would cost single precision four digits.
        """
        n, i = self.offers - 1, np.arange(self.offers - 1, dtype=float)
        ratios = (n - i) * (self.a + i) / ((i + 1) * (self.b + n - 1 - i))
        weights = xp.concatenate([xp.ones(1), xp.cumprod(xp.asarray(ratios))])
        return weights / weights.sum()

    def reset(self, key: jax.Array) -> jax.Array:
        """An offer, its place among the wages."""
        which, even, drawn = jax.random.split(key, 3)
        return jnp.where(
            jax.random.uniform(which) < self.even,
            jax.random.randint(even, (), 0, self.offers),
            self._offer(drawn),
        )

    def _offer(self, key: jax.Array) -> jax.Array:
        return jax.random.categorical(key, jnp.log(self.chances(jnp))).astype(jnp.int32)

    def step(self, state: jax.Array, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """Take the wage for ever, or draw another."""
        accepted = action == 1
        rejecting = (1 - self.beta) * self.compensation
        reward = jnp.where(accepted, self.wages(jnp)[state], rejecting)
        return self._offer(key), reward, accepted

    def observe(self, state: jax.Array) -> jax.Array:
        """The offer, one-hot."""
        return jax.nn.one_hot(state, self.offers)

    def exact(self) -> Finite:
        """Value (offers,) and Q (offers, 2), in wages; divided by 1 - beta, in present values."""
        rejecting = np.full(self.offers, (1 - self.beta) * self.compensation)
        transitions = np.zeros((self.offers, 2, self.offers))
        transitions[:, 0] = self.chances()
        return Finite(np.stack([rejecting, self.wages()], 1), transitions, self.beta)

    def reservation_wage(self) -> float:
        """The wage h that is as good as going on: h = (1 - beta) c + beta E max(w, h)."""
        from scipy.optimize import brentq

        wages, chances = self.wages(), self.chances()
        idle = (1 - self.beta) * self.compensation

        def excess(h: float) -> float:
            return idle + self.beta * float(chances @ np.maximum(wages, h)) - h

        most = max(self.highest, self.compensation)
        return float(brentq(excess, 0.0, most + 1.0, xtol=1e-12))
