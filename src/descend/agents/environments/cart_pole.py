"""A pole on a cart, to be kept upright by pushing the cart left or right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import cart_pole
from descend.agents.environment import Choice, Environment
from descend.statement import parameter


class Cart(NamedTuple):
    """Position and velocity of the cart, angle from upright and angular velocity of the pole."""

    x: jax.Array
    speed: jax.Array
    angle: jax.Array
    spin: jax.Array


@dataclass(frozen=True)
class CartPole(Environment):
    """Each step that the pole stands pays 1; it is over where pole or cart leave their bounds.

        temp   = (F + m_p l w^2 sin a) / (m_c + m_p)
        w'     = (g sin a - cos a temp) / (l (4/3 - m_p cos^2 a / (m_c + m_p)))
        x''    = temp - m_p l w' cos a / (m_c + m_p)          Euler steps of `interval` seconds

    l is half of the pole's length. It begins with all four numbers between -.05 and .05.

    Source: Barto, Sutton and Anderson 1983; the numbers are those of Gymnasium's CartPole-v1.
    """

    gravity: float = parameter(9.8, above=0, doc="gravity, m/s^2")
    cart: float = parameter(1.0, above=0, doc="mass of the cart, kg")
    pole: float = parameter(0.1, above=0, doc="mass of the pole, kg")
    length: float = parameter(0.5, above=0, doc="half of the pole's length, m")
    force: float = parameter(10.0, above=0, doc="force of a push, N")
    interval: float = parameter(0.02, above=0, doc="seconds of a step")
    widest: float = parameter(2.4, above=0, doc="distance from the middle that ends an episode, m")
    steepest: float = parameter(
        12 * 2 * 3.141592653589793 / 360, above=0, doc="angle that ends an episode, rad"
    )
    limit: int = parameter(500, least=1, doc="steps after which an episode is cut short")

    actions = Choice(2, ("left", "right"))
    variables = ("position, m", "velocity, m/s", "angle, rad", "angular velocity, rad/s")

    def reset(self, key: jax.Array) -> Cart:
        """Near the middle, nearly upright, nearly at rest."""
        return Cart(*jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05))

    def step(self, state: Cart, action: jax.Array, key: jax.Array) -> tuple[Cart, Any, Any]:
        """Push for one interval."""
        force = jnp.where(action == 1, self.force, -self.force)
        cos, sin = jnp.cos(state.angle), jnp.sin(state.angle)
        mass, moment = self.cart + self.pole, self.pole * self.length
        push = (force + moment * state.spin**2 * sin) / mass
        turn = (self.gravity * sin - cos * push) / (
            self.length * (4.0 / 3.0 - self.pole * cos**2 / mass)
        )
        gain = push - moment * turn * cos / mass
        new = Cart(
            state.x + self.interval * state.speed,
            state.speed + self.interval * gain,
            state.angle + self.interval * state.spin,
            state.spin + self.interval * turn,
        )
        over = (jnp.abs(new.x) > self.widest) | (jnp.abs(new.angle) > self.steepest)
        return new, 1.0, over

    def observe(self, state: Cart) -> jax.Array:
        """The four numbers."""
        return jnp.stack(state)

    def picture(self, state: Cart) -> np.ndarray:
        """The cart on its track and the pole."""
        return cart_pole(state, self)
