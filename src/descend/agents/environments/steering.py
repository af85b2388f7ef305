"""A car to be kept in its lane on a road that bends, by the angle of its front wheels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import GREY, PALE, WHITE, Canvas
from descend.agents.environment import Box, Environment
from descend.errors import DescendError
from descend.palette import BLUE, ORANGE, YELLOW
from descend.statement import parameter

AHEAD = (0.0, 10.0, 20.0)  # metres before the car at which it sees how the road bends


class Car(NamedTuple):
    """Where the car is, seen from the road.

    distance: along the middle of the lane, m; offset: to its left, m; heading: to the left of the
    lane's direction, rad; phase: of the road's bends, rad.
    """

    distance: jax.Array
    offset: jax.Array
    heading: jax.Array
    phase: jax.Array


@dataclass(frozen=True)
class Steering(Environment):
    """Each step in the lane pays 1 - (offset / half of its width)^2; leaving the lane ends it.

        s' = v cos h / (1 - k e)          distance along the middle of the lane
        e' = v sin h                      offset, m to the left
        h' = v tan(a) / l - k s'          heading against the lane, rad
        k  = bend sin(2 pi s / wave + phase)         curvature of the lane, 1/m

    The kinematic bicycle: wheels roll without slipping, a is the steering angle within +- .5 rad
    (one beyond counts as the bound), to the left positive. v is constant, steps are Euler's. In the
    middle of the lane tan a = l k keeps the car there, so the best return is one a step; to steer
    straight on loses the lane at the first bend. It is over where |e| > width / 2, or |h| > pi / 2.

    The car sees its offset (a share of half of the width), its heading, and the curvature where it
    is and 10 and 20 m ahead (shares of `bend`).

    Raises:
        DescendError: a bend whose centre lies in the lane.

    Source: scheidegger-2020, "Example: learn to drive" (action: steering angle) and "Discrete &
    continuous actions"; Kendall et al. 2018, Learning to Drive in a Day. The car: Snider 2009,
    Automatic Steering Methods for Autonomous Automobile Path Tracking.
    """

    speed: float = parameter(10.0, above=0, doc="speed of the car, m/s")
    wheelbase: float = parameter(2.5, above=0, doc="distance between the axles, m")
    width: float = parameter(4.0, above=0, doc="width of the lane, m")
    bend: float = parameter(0.04, above=0, doc="curvature of the sharpest bend, 1/m")
    wave: float = parameter(100.0, above=0, doc="length of road with a bend to either side, m")
    interval: float = parameter(0.1, above=0, doc="seconds of a step")
    limit: int = parameter(500, least=1, doc="steps after which an episode is cut short")

    actions = Box(-0.5, 0.5, ("steering angle, rad",))
    variables = (
        "offset, half widths",
        "heading, rad",
        *(f"bend in {at:g} m" for at in AHEAD),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bend * self.width / 2 >= 1:
            raise DescendError(
                f"Steering: half of the width, {self.width / 2:g} m, must be below the radius of "
                f"the sharpest bend, {1 / self.bend:g} m"
            )

    def reset(self, key: jax.Array) -> Car:
        """Near the middle of the lane, nearly along it, anywhere on the road."""
        offset, heading, phase = jax.random.uniform(key, (3,), minval=-1)
        return Car(jnp.zeros(()), self.width / 8 * offset, 0.1 * heading, math.pi * phase)

    def curvature(self, state: Car, ahead: float = 0.0) -> jax.Array:
        """Return how the road bends some metres ahead of the car, 1/m, to the left positive."""
        turn = 2 * math.pi * (state.distance + ahead) / self.wave
        return self.bend * jnp.sin(turn + state.phase)

    def step(self, state: Car, action: jax.Array, key: jax.Array) -> tuple[Car, Any, Any]:
        """Steer for one interval."""
        angle = jnp.clip(action[0], self.actions.low[0], self.actions.high[0])
        bend = self.curvature(state)
        along = self.speed * jnp.cos(state.heading) / (1 - bend * state.offset)
        turn = self.speed * jnp.tan(angle) / self.wheelbase - bend * along
        new = Car(
            state.distance + self.interval * along,
            state.offset + self.interval * self.speed * jnp.sin(state.heading),
            state.heading + self.interval * turn,
            state.phase,
        )
        away = new.offset / (self.width / 2)
        over = (jnp.abs(away) > 1) | (jnp.abs(new.heading) > math.pi / 2)
        return new, jnp.where(over, 0.0, 1 - away**2), over

    def observe(self, state: Car) -> jax.Array:
        """Offset, heading, and how the road bends here and ahead."""
        bends = [self.curvature(state, ahead) / self.bend for ahead in AHEAD]
        return jnp.stack([state.offset / (self.width / 2), state.heading, *bends])

    def picture(self, state: Car) -> np.ndarray:
        """The road from above, as the car drives up: 12 m behind it to 36 m ahead."""
        s, offset, heading, phase = (float(value) for value in state)
        step = np.linspace(-14.0, 44.0, 59)  # along the lane, the car's place among them
        wave = 2 * math.pi / float(self.wave)
        # the lane's direction is the integral of its curvature, in closed form
        bends = -float(self.bend) / wave * np.cos(wave * (s + step) + phase)
        turned = bends - bends[14] - heading + math.pi / 2
        ways = np.stack([np.cos(turned), np.sin(turned)], axis=-1)
        middle = np.concatenate([np.zeros((1, 2)), np.cumsum((ways[1:] + ways[:-1]) / 2, axis=0)])
        left = np.stack([-ways[:, 1], ways[:, 0]], axis=-1)
        middle = middle - middle[14] - offset * left[14]
        canvas = Canvas(-20.0, -12.0, 20.0, 36.0)
        canvas.rectangle((-20.0, -12.0), (20.0, 36.0), PALE)
        width = float(self.width)
        for extra, colour in ((0.6, WHITE), (0.0, GREY)):  # its edges are what grey leaves of white
            for start, end in zip(middle[:-1].tolist(), middle[1:].tolist(), strict=True):
                canvas.line(start, end, width + extra, colour)
        for start, end in zip(middle[:-2:4].tolist(), middle[1:-1:4].tolist(), strict=True):
            canvas.line(start, end, 0.25, YELLOW)
        canvas.line((0.0, 0.0), (0.0, 2.5), 1.8, BLUE)  # the rear axle at 0, 0
        canvas.line((-0.5, 2.3), (0.5, 2.3), 0.5, ORANGE)
        return canvas.picture()
