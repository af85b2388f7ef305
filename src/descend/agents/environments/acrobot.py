"""Two links that hang from a fixed joint; only the joint between them has a motor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import GREY, Canvas
from descend.agents.environment import Choice, Environment
from descend.palette import BLACK, BLUE, ORANGE
from descend.statement import parameter


class Links(NamedTuple):
    """Angle of the upper link from hanging, of the lower from the upper; angular velocities."""

    upper: jax.Array
    lower: jax.Array
    upper_spin: jax.Array
    lower_spin: jax.Array


@dataclass(frozen=True)
class Acrobot(Environment):
    """Each step costs 1 until the tip stands `height` lengths of a link above the fixed joint.

        d_1  = m c^2 + m (l^2 + c^2 + 2 l c cos b) + 2 I
        d_2  = m (c^2 + l c cos b) + I
        f_2  = m c g sin(a + b)
        f_1  = m (c + l) g sin a + f_2 - m l c b' (b' + 2 a') sin b
        b''  = (u + f_1 d_2 / d_1 - f_2 - m l c a'^2 sin b) / (m c^2 + I - d_2^2 / d_1)
        a''  = -(d_2 b'' + f_1) / d_1

    a, b are the angles of the upper and the lower link, l a link's length, c where its mass is
    centred, u the torque: -1, 0 or 1 N m. One step of Runge and Kutta's fourth order every
    `interval`; then the velocities are cut to their bounds. It is over where
    -cos a - cos(a + b) > height; that step costs nothing. It begins with all four numbers between
    -.1 and .1.

    Source: Sutton 1996; Sutton and Barto, Reinforcement Learning, first edition, 11.3. The numbers
    are those of Gymnasium's Acrobot-v1 (equations of the book).
    """

    gravity: float = parameter(9.8, above=0, doc="gravity, m/s^2")
    mass: float = parameter(1.0, above=0, doc="mass of a link, kg")
    length: float = parameter(1.0, above=0, doc="length of a link, m")
    centre: float = parameter(0.5, above=0, doc="distance of a link's centre from its joint, m")
    inertia: float = parameter(1.0, above=0, doc="moment of inertia of a link, kg m^2")
    interval: float = parameter(0.2, above=0, doc="seconds of a step")
    fastest_upper: float = parameter(
        4 * math.pi, above=0, doc="bound on the upper link's angular velocity, rad/s"
    )
    fastest_lower: float = parameter(
        9 * math.pi, above=0, doc="bound on the lower link's angular velocity, rad/s"
    )
    height: float = parameter(1.0, above=-2, below=2, doc="height to reach, lengths of a link")
    limit: int = parameter(500, least=1, doc="steps after which an episode is cut short")

    actions = Choice(3, ("torque -1", "none", "torque 1"))
    variables = (
        "cosine of the upper angle",
        "sine of the upper angle",
        "cosine of the lower angle",
        "sine of the lower angle",
        "upper angular velocity, rad/s",
        "lower angular velocity, rad/s",
    )

    def reset(self, key: jax.Array) -> Links:
        """Hanging, nearly at rest."""
        return Links(*jax.random.uniform(key, (4,), minval=-0.1, maxval=0.1))

    def change(self, state: Links, torque: jax.Array) -> Links:
        """What the four numbers change by in a second."""
        a, b, a_spin, b_spin = state
        m, l, c, g = self.mass, self.length, self.centre, self.gravity
        sin, cos = jnp.sin(b), jnp.cos(b)
        d_1 = m * c**2 + m * (l**2 + c**2 + 2 * l * c * cos) + 2 * self.inertia
        d_2 = m * (c**2 + l * c * cos) + self.inertia
        f_2 = m * c * g * jnp.sin(a + b)
        f_1 = m * (c + l) * g * jnp.sin(a) + f_2
        f_1 = f_1 - m * l * c * b_spin * (b_spin + 2 * a_spin) * sin
        pull = torque + f_1 * d_2 / d_1 - f_2 - m * l * c * a_spin**2 * sin
        gain = pull / (m * c**2 + self.inertia - d_2**2 / d_1)
        return Links(a_spin, b_spin, -(d_2 * gain + f_1) / d_1, gain)

    def step(self, state: Links, action: jax.Array, key: jax.Array) -> tuple[Links, Any, Any]:
        """Turn the motor for one interval."""
        torque = jnp.asarray(action - 1, state.upper.dtype)
        first, h = jnp.stack(state), self.interval

        def rate(place: jax.Array) -> jax.Array:
            return jnp.stack(self.change(Links(*place), torque))

        k_1 = rate(first)
        k_2 = rate(first + h / 2 * k_1)
        k_3 = rate(first + h / 2 * k_2)
        k_4 = rate(first + h * k_3)
        a, b, a_spin, b_spin = first + h / 6 * (k_1 + 2 * k_2 + 2 * k_3 + k_4)
        new = Links(
            (a + math.pi) % (2 * math.pi) - math.pi,
            (b + math.pi) % (2 * math.pi) - math.pi,
            jnp.clip(a_spin, -self.fastest_upper, self.fastest_upper),
            jnp.clip(b_spin, -self.fastest_lower, self.fastest_lower),
        )
        over = -jnp.cos(new.upper) - jnp.cos(new.upper + new.lower) > self.height
        return new, jnp.where(over, 0.0, -1.0), over

    def observe(self, state: Links) -> jax.Array:
        """Cosines and sines of the angles, without the jump at a turn, and both velocities."""
        a, b = state.upper, state.lower
        turns = [jnp.cos(a), jnp.sin(a), jnp.cos(b), jnp.sin(b)]
        return jnp.stack([*turns, state.upper_spin, state.lower_spin])

    def picture(self, state: Links) -> np.ndarray:
        """The two links, and the height to reach; lengths in those of a link."""
        a, b = float(state.upper), float(state.lower)
        joint = (math.sin(a), -math.cos(a))
        tip = (joint[0] + math.sin(a + b), joint[1] - math.cos(a + b))
        canvas, height = Canvas(-2.2, -2.2, 2.2, 2.2), float(self.height)
        canvas.line((-2.2, height), (2.2, height), 0.04, GREY)
        canvas.line((0.0, 0.0), joint, 0.18, BLUE)
        canvas.line(joint, tip, 0.18, ORANGE)
        canvas.disc((0.0, 0.0), 0.06, BLACK)
        canvas.disc(joint, 0.06, BLACK)
        return canvas.picture()
