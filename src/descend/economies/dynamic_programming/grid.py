"""Grids of one state, and functions between their points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn import checks


@dataclass(frozen=True)
class Grid:
    """Points of one state, from low to high.

        low + (high - low) (i / (n - 1))^power,   i = 0 .. n - 1

    Args:
        low, high: numbers, the ends.
        size: number of points, n >= 4.
        power: number >= 1: 1 for even steps; above 1 the points crowd at the lower end.

    Raises:
        DescendError: a low end that is not below the high one, fewer than four points, a power
            below one, or anything that is no number.

    Source: descend's own.

    Example:
        >>> from descend.economies.dynamic_programming import Grid
        >>> Grid(0.0, 4.0, 5).points.tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0]
        >>> Grid(0.0, 4.0, 5, power=2).points.tolist()
        [0.0, 0.25, 1.0, 2.25, 4.0]
    """

    low: float
    high: float
    size: int
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.finite_number(self, "low")
        checks.finite_number(self, "high")
        checks.whole_number(self, "size", 4)
        checks.finite_number(self, "power", least=1)
        if not self.low < self.high:
            raise DescendError(f"a grid needs low < high, got {self.low:g} and {self.high:g}")

    @property
    def points(self) -> np.ndarray:
        """(n,), rising."""
        return self.low + (self.high - self.low) * np.linspace(0, 1, self.size) ** self.power

    def cell(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(i, t, width): x lies the share t behind point i; beyond the ends t leaves [0, 1]."""
        share = jnp.clip((x - self.low) / (self.high - self.low), 0, 1) ** (1 / self.power)
        i = jnp.clip((share * (self.size - 1)).astype(jnp.int32), 0, self.size - 2)
        points = jnp.asarray(self.points)
        width = points[i + 1] - points[i]
        return i, (x - points[i]) / width, width

    def slopes(self) -> np.ndarray:
        """The matrix (n, n) from values at the points to the slopes of their cubic spline there."""
        from scipy.interpolate import CubicSpline

        return CubicSpline(self.points, np.eye(self.size)).derivative()(self.points)

    def spline(self, x: jax.Array, values: jax.Array, slopes: jax.Array) -> jax.Array:
        """The cubic between the points: values and slopes (n,) at its ends. At one x."""
        i, t, width = self.cell(x)
        a, b = values[i], values[i + 1]
        p, q = width * slopes[i], width * slopes[i + 1]
        return a + t * (p + t * (3 * (b - a) - 2 * p - q + t * (2 * (a - b) + p + q)))

    def linear(self, x: jax.Array, values: jax.Array) -> jax.Array:
        """The straight line between the points. At one x."""
        i, t, _ = self.cell(x)
        return (1 - t) * values[i] + t * values[i + 1]


def lagrange(points: Any, x: Any) -> np.ndarray | jax.Array:
    """Weights (..., m) of even points (m,): a cubic through the four next to x, (...,).

    f(x) ~ sum_i weights_i f(points_i). The weights sum to 1; outer ones are negative.
    """
    xp = jnp if isinstance(x, jax.Array) else np
    m = len(points)
    place = (x - points[0]) / (points[1] - points[0])
    first = xp.clip(xp.floor(place) - 1, 0, m - 4)
    weights: Any = 0.0
    for j in range(4):
        others = [i for i in range(4) if i != j]
        weight: Any = np.prod([1 / (j - i) for i in others])
        for i in others:
            weight = weight * (place - first - i)
        hit = xp.arange(m) == (first + j)[..., None]
        weights = weights + xp.where(hit, weight[..., None], 0.0)
    return weights
