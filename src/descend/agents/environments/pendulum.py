"""A rod that hangs from a motor too weak to lift it at once: it must be swung up and held."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import PALE, Canvas
from descend.agents.environment import Box, Environment
from descend.palette import BLACK, VERMILION
from descend.statement import parameter


class Rod(NamedTuple):
    """Angle from upright, counted on beyond a turn, and angular velocity."""

    angle: jax.Array
    spin: jax.Array


@dataclass(frozen=True)
class Pendulum(Environment):
    """The reward counts, every step, how far from upright and at rest the rod is, and the effort.

        w'    = 3 g / (2 l) sin a + 3 / (m l^2) u         a rod about its end: inertia m l^2 / 3
        w    <- w + w' interval, within +- fastest        then a <- a + w interval
        reward = -(a^2 + .1 w^2 + .001 u^2)               a between -pi and pi; before the step

    u is the torque, within 2 N m; one beyond counts as 2. An episode never terminates. It begins at
    any angle, with an angular velocity between -1 and 1.

    Source: the numbers are those of Gymnasium's Pendulum-v1; a continuous action as in
    scheidegger-2020, "Discrete & continuous actions".
    """

    gravity: float = parameter(10.0, above=0, doc="gravity, m/s^2")
    mass: float = parameter(1.0, above=0, doc="mass of the rod, kg")
    length: float = parameter(1.0, above=0, doc="length of the rod, m")
    interval: float = parameter(0.05, above=0, doc="seconds of a step")
    fastest: float = parameter(8.0, above=0, doc="bound on the angular velocity, rad/s")
    limit: int = parameter(200, least=1, doc="steps after which an episode is cut short")

    actions = Box(-2.0, 2.0, ("torque, N m",))
    variables = ("cosine of the angle", "sine of the angle", "angular velocity, rad/s")

    def reset(self, key: jax.Array) -> Rod:
        """Any angle, nearly at rest."""
        angle, spin = jax.random.uniform(key, (2,), minval=-1)
        return Rod(math.pi * angle, spin)

    def step(self, state: Rod, action: jax.Array, key: jax.Array) -> tuple[Rod, Any, Any]:
        """Turn the motor for one interval."""
        low, high = self.actions.low[0], self.actions.high[0]
        torque = jnp.clip(action[0], low, high)
        away = (state.angle + math.pi) % (2 * math.pi) - math.pi
        cost = away**2 + 0.1 * state.spin**2 + 0.001 * torque**2
        weight = 1.5 * self.gravity / self.length * jnp.sin(state.angle)
        spin = state.spin + self.interval * (weight + 3 * torque / (self.mass * self.length**2))
        spin = jnp.clip(spin, -self.fastest, self.fastest)
        return Rod(state.angle + self.interval * spin, spin), -cost, False

    def observe(self, state: Rod) -> jax.Array:
        """Cosine and sine of the angle, without the jump at a turn, and the angular velocity."""
        return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.spin])

    def picture(self, state: Rod) -> np.ndarray:
        """The rod; upright is up."""
        canvas, angle = Canvas(-1.2, -1.2, 1.2, 1.2), float(state.angle)
        canvas.line((0.0, 0.0), (0.0, 1.0), 0.03, PALE)  # where it is wanted
        canvas.line((0.0, 0.0), (-math.sin(angle), math.cos(angle)), 0.16, VERMILION)
        canvas.disc((0.0, 0.0), 0.05, BLACK)
        return canvas.picture()
