"""A car in a valley, too weak to drive up at once: it must swing back to gain speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import PALE, Canvas
from descend.agents.environment import Choice, Environment
from descend.palette import BLUE, GREEN
from descend.statement import parameter


class Car(NamedTuple):
    """Position along the valley and velocity, a step being the unit of time."""

    x: jax.Array
    speed: jax.Array


@dataclass(frozen=True)
class Valley(Environment):
    """The valley that both mountain cars drive in; its height is sin(3 x).

        v <- v + pull - gravity cos(3 x)   within +- fastest        then x <- x + v, within its ends

    The left end is a wall, which stops the car. It begins between -.6 and -.4, near the bottom at
    -pi / 6, at rest.

    Source: Moore 1990; Sutton and Barto, Reinforcement Learning, example 10.1.
    """

    gravity: float = parameter(0.0025, above=0, doc="gravity, units a step^2")
    leftmost: float = parameter(-1.2, below=-0.6, doc="left end of the valley, a wall")
    rightmost: float = parameter(0.6, above=-0.4, doc="right end of the valley")
    fastest: float = parameter(0.07, above=0, doc="bound on the velocity, units a step")

    variables = ("position", "velocity")

    def reset(self, key: jax.Array) -> Car:
        """Near the bottom, at rest."""
        return Car(jax.random.uniform(key, minval=-0.6, maxval=-0.4), jnp.zeros(()))

    def roll(self, state: Car, pull: Any) -> Car:
        """Return where a pull, units a step^2, leads to in one step."""
        speed = state.speed + pull - self.gravity * jnp.cos(3 * state.x)
        speed = jnp.clip(speed, -self.fastest, self.fastest)
        x = jnp.clip(state.x + speed, self.leftmost, self.rightmost)
        return Car(x, jnp.where((x <= self.leftmost) & (speed < 0), 0.0, speed))

    def observe(self, state: Car) -> jax.Array:
        """Position and velocity."""
        return jnp.stack(state)

    def drawn(self, state: Car, goal: float) -> np.ndarray:
        """Return a picture of the valley, the car and a flag at the goal."""
        left, right = float(self.leftmost), float(self.rightmost)
        canvas = Canvas(left - 0.05, -0.1, right + 0.05, 1.15, 120)

        def height(x: Any) -> Any:
            return 0.45 * np.sin(3 * x) + 0.5

        # the vertical distance, shortened to that across a slope, keeps the edge sharp
        slope = 1.35 * np.cos(3 * canvas.x)
        canvas.paint((canvas.y - height(canvas.x)) / np.hypot(1, slope), PALE)
        flag = (goal, height(goal))
        canvas.line(flag, (flag[0], flag[1] + 0.14), 0.012, GREEN)
        canvas.rectangle((flag[0], flag[1] + 0.09), (flag[0] + 0.08, flag[1] + 0.15), GREEN)
        x = float(state.x)
        canvas.disc((x, height(x) + 0.05), 0.05, BLUE)
        return canvas.picture()


@dataclass(frozen=True)
class MountainCar(Valley):
    """Each step costs 1 until the car has reached the goal: pull left, not at all, or right.

        v <- v + (action - 1) force - gravity cos(3 x)          x <- x + v

    It is over where x >= goal and v >= 0.

    Source: Moore 1990; Sutton and Barto, Reinforcement Learning, example 10.1. The numbers are
    those of Gymnasium's MountainCar-v0.
    """

    force: float = parameter(0.001, above=0, doc="force of the motor, units a step^2")
    goal: float = parameter(0.5, above=-0.4, doc="position to reach")
    limit: int = parameter(200, least=1, doc="steps after which an episode is cut short")

    actions = Choice(3, ("left", "stay", "right"))

    def step(self, state: Car, action: jax.Array, key: jax.Array) -> tuple[Car, Any, Any]:
        """Pull for one step."""
        new = self.roll(state, (action - 1) * self.force)
        return new, -1.0, (new.x >= self.goal) & (new.speed >= 0)

    def picture(self, state: Car) -> np.ndarray:
        """The valley, the car and the goal."""
        return self.drawn(state, float(self.goal))
