"""A shop's inventory: how much to order when orders have a fixed cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice, Environment
from descend.agents.exact import Finite
from descend.statement import parameter


@dataclass(frozen=True)
class Inventory(Environment):
    """Stock x, order a, demand D: what is sold pays 1 a unit, what is ordered comes at the end.

        reward = min(x, D) - c a - kappa 1{a > 0},     x' = max(x - D, 0) + a <= K
        P(D = d) = (1 - p)^d p,  d = 0, 1, 2, ...

    Money is in units of the price. Ordering more than there is room for is not legal. The best
    policy orders up to a level once the stock has fallen low (an S-s rule). Episodes begin with any
    stock; the stock is seen as one of K + 1 classes.

    With little in stock neighbouring orders differ by .003 in value, of 13, while to order nothing
    for an empty shelf loses everything: judge a policy by the share of the value that it loses
    (`exact().value_lost`), not by how many of its orders are the best ones.

    Source: Scarf 1960; the numbers are those of QuantEcon, "Inventory management via Q-learning".
    """

    capacity: int = parameter(20, least=1, most=500, doc="room for stock, K")
    stop: float = parameter(0.7, above=0, below=1, doc="probability p that no more is asked for")
    cost: float = parameter(0.2, least=0, doc="cost c of a unit")
    fixed: float = parameter(0.8, least=0, doc="cost kappa of an order, whatever its size")
    beta: float = parameter(0.98, least=0, below=1, doc="discount factor")
    limit: int = parameter(200, least=1, doc="steps after which an episode is cut short")

    @property
    def actions(self) -> Choice:
        """How much to order, 0 to K."""
        return Choice(self.capacity + 1)

    @property
    def variables(self) -> tuple[str, ...]:
        """The stocks."""
        return tuple(f"stock {x}" for x in range(self.capacity + 1))

    @property
    def discount(self) -> float:
        """The discount factor of the answer."""
        return self.beta

    def reset(self, key: jax.Array) -> jax.Array:
        """Any stock."""
        return jax.random.randint(key, (), 0, self.capacity + 1)

    def step(self, state: jax.Array, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """Sell, pay for the order, put it on the shelf."""
        # the inverse of P(D >= d) = (1 - p)^d; 1 - u is never 0
        tail = 1 - jax.random.uniform(key)
        asked = jnp.floor(jnp.log(tail) / jnp.log1p(-jnp.asarray(self.stop, float)))
        sold = jnp.minimum(state, asked.astype(jnp.int32))
        ordered = jnp.minimum(action, self.capacity - state)
        reward = sold - self.cost * ordered - self.fixed * (ordered > 0)
        return (state - sold + ordered).astype(jnp.int32), reward, False

    def observe(self, state: jax.Array) -> jax.Array:
        """The stock, one-hot."""
        return jax.nn.one_hot(state, self.capacity + 1)

    def legal(self, state: jax.Array) -> jax.Array:
        """Orders that there is room for."""
        return jnp.arange(self.capacity + 1) <= self.capacity - state

    def exact(self) -> Finite:
        """Value (K + 1,), Q and the best orders."""
        K, p = self.capacity, self.stop
        transitions, sold = np.zeros((K + 1, K + 1, K + 1)), np.zeros(K + 1)
        x, order = np.arange(K + 1), np.arange(K + 1)
        legal = order[None, :] <= K - x[:, None]
        for stock in range(K + 1):
            # d units are asked for, d < stock, or so many that the shelf is empty
            chances = np.append((1 - p) ** np.arange(stock) * p, (1 - p) ** stock)
            sold[stock] = chances @ np.arange(stock + 1)
            for ordered in range(K - stock + 1):
                left = np.arange(stock, -1, -1) + ordered
                transitions[stock, ordered, left] = chances
        rewards = sold[:, None] - self.cost * order - self.fixed * (order > 0)
        return Finite(rewards, transitions, self.beta, legal)
