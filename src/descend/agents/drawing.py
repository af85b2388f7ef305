"""Pictures of environments by NumPy alone: lines, discs and rectangles in an environment's units.

    canvas = Canvas(-2, -1, 2, 1)                       left, bottom, right, top
    canvas.line((0, 0), (1, 1), 0.1, BLUE)
    canvas.picture()                                    uint8 (height, width, 3)

Every shape is a signed distance: negative inside, positive outside. The half pixel around zero is
mixed, which is what keeps a slow movement smooth in a film.

Source: descend's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from descend.palette import BLACK, BLUE, ORANGE

if TYPE_CHECKING:
    from descend.agents.environments.cart_pole import Cart, CartPole

GREY, PALE, WHITE = "#999999", "#E6E6E6", "#FFFFFF"

Point = Sequence[float]  # x, y
Part = tuple[slice, slice]
EVERYWHERE: Part = (slice(None), slice(None))


def rgb(colour: str) -> np.ndarray:
    """Return the three numbers, 0 to 255, of a colour written "#0072B2"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)


class Canvas:
    """A white array to draw on, x to the right and y upwards, square pixels.

    Args:
        left, bottom, right, top: edges, in the environment's units.
        height: number of pixels; the width follows from the edges.
    """

    def __init__(
        self, left: float, bottom: float, right: float, top: float, height: int = 160
    ) -> None:
        self.scale = height / (top - bottom)  # pixels a unit
        width = 2 * round((right - left) * self.scale / 2)  # even: films are coded by two
        self.x = left + (np.arange(width) + 0.5)[None, :] / self.scale
        self.y = top - (np.arange(height) + 0.5)[:, None] / self.scale
        self._mixed = np.full((height, width, 3), 255.0)

    def paint(self, distance: np.ndarray, colour: str, part: Part = EVERYWHERE) -> None:
        """Paint where a signed distance, in units, (height, width) of a part, is negative."""
        share = np.clip(0.5 - distance * self.scale, 0, 1)[..., None]
        self._mixed[part] += share * (rgb(colour) - self._mixed[part])

    def _near(self, low: Point, high: Point) -> Part:
        """Rows and columns of the pixels within two of a rectangle: a small shape costs little."""
        left, top = self.x[0, 0], self.y[0, 0]
        rows = [(top - high[1]) * self.scale - 2, (top - low[1]) * self.scale + 3]
        columns = [(low[0] - left) * self.scale - 2, (high[0] - left) * self.scale + 3]
        first, last, start, end = (max(0, math.floor(edge)) for edge in (*rows, *columns))
        return slice(first, last), slice(start, end)

    def line(self, start: Point, end: Point, width: float, colour: str) -> None:
        """Draw a line with round ends; its width is in units."""
        low = (min(start[0], end[0]) - width / 2, min(start[1], end[1]) - width / 2)
        high = (max(start[0], end[0]) + width / 2, max(start[1], end[1]) + width / 2)
        part = rows, columns = self._near(low, high)
        x, y = self.x[:, columns] - start[0], self.y[rows] - start[1]
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = dx * dx + dy * dy
        along = np.clip((x * dx + y * dy) / (length or 1.0), 0, 1)  # share of the way; a point: 0
        self.paint(np.hypot(x - along * dx, y - along * dy) - width / 2, colour, part)

    def disc(self, centre: Point, radius: float, colour: str) -> None:
        """Draw a disc."""
        self.line(centre, centre, 2 * radius, colour)

    def rectangle(self, low: Point, high: Point, colour: str) -> None:
        """Draw a rectangle between its lower left and its upper right corner."""
        part = rows, columns = self._near(low, high)
        x, y = self.x[:, columns], self.y[rows]
        wide, tall = np.maximum(low[0] - x, x - high[0]), np.maximum(low[1] - y, y - high[1])
        self.paint(np.maximum(wide, tall), colour, part)

    def picture(self) -> np.ndarray:
        """Return what was drawn, uint8 (height, width, 3)."""
        return np.rint(self._mixed).astype(np.uint8)


def cart_pole(state: Cart, environment: CartPole) -> np.ndarray:
    """Return a picture of the cart and its pole, uint8 (height, width, 3).

    Args:
        state: state of a `CartPole`.
        environment: the cart-pole itself, whose lengths are drawn.

    Source: descend's own.
    """
    x, angle = float(state.x), float(state.angle)
    edge, long = float(environment.widest), 2 * float(environment.length)
    canvas = Canvas(-1.1 * edge, -0.35 * edge, 1.1 * edge, max(long, edge / 2) + 0.25 * edge, 120)
    canvas.line((-1.1 * edge, -0.08 * edge), (1.1 * edge, -0.08 * edge), 0.02 * edge, GREY)
    for side in (-edge, edge):  # where an episode ends
        canvas.line((side, -0.2 * edge), (side, 0.04 * edge), 0.03 * edge, GREY)
    canvas.rectangle((x - 0.16 * edge, -0.08 * edge), (x + 0.16 * edge, 0.08 * edge), BLUE)
    tip = (x + long * math.sin(angle), 0.06 * edge + long * math.cos(angle))
    canvas.line((x, 0.06 * edge), tip, 0.06 * edge, ORANGE)
    canvas.disc((x, 0.06 * edge), 0.03 * edge, BLACK)
    return canvas.picture()
