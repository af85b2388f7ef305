"""What a network puts out for a horizon, the loss it is trained by, and the forecast it stands for.

    loss        outputs a step       cost of a step                 point forecast
    absolute    z                    |y - z|                        z, a median
    squared     z                    (y - z)^2                      z, a mean
    quantiles   z_1, ..., z_q        pinball, mean over levels      the quantile at .5
    normal      m, s                 -log N(y; m, s^2)              m

Quantiles do not cross: they are the middle one, and steps > 0 up and down from it. All is on the
window's own scale. Sources: Koenker and Bassett 1978 (pinball); scheidegger-2020 and hull-2023,
"Loss Functions".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from descend.errors import DescendError, ShapeError, unknown
from descend.nn.losses.base import Formula

LEAST_SPREAD = 1e-3  # of a normal, on the scale of the window


@dataclass(frozen=True)
class Head(Formula):
    """One of the table's rows: a loss of y (n, horizon), NaN where it does not count."""

    @property
    def outputs(self) -> int:
        """Numbers a step of the horizon."""
        return 1

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """(n, horizon) against (n, horizon, outputs)."""
        if (*y, self.outputs) != tuple(prediction):
            raise ShapeError(
                f"{self.name}: the network should put out (horizon, outputs) = "
                f"{(*y[1:], self.outputs)}, and puts out {tuple(prediction[1:])}"
            )

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        real = jnp.isfinite(y)
        errors = self.errors(jnp.where(real, y, 0.0), prediction)
        return jnp.sum(jnp.where(real, errors, 0.0), axis=1) / y.shape[1]

    def errors(self, y: jax.Array, z: jax.Array) -> jax.Array:
        """Cost of each step (n, horizon)."""
        raise NotImplementedError

    def point(self, z: jax.Array) -> jax.Array:
        """Point forecasts of outputs (..., outputs)."""
        return z[..., 0]

    def quantiles(self, z: jax.Array, levels: Sequence[float]) -> jax.Array:
        """Quantiles (..., levels) of outputs (..., outputs); NaN where the head says nothing."""
        return jnp.full((*z.shape[:-1], len(levels)), jnp.nan)


@dataclass(frozen=True)
class Absolute(Head):
    """`|y - z|`."""

    def errors(self, y: jax.Array, z: jax.Array) -> jax.Array:
        """Absolute errors."""
        return jnp.abs(y - z[..., 0])


@dataclass(frozen=True)
class Squared(Head):
    """(y - z)^2."""

    def errors(self, y: jax.Array, z: jax.Array) -> jax.Array:
        """Squared errors."""
        return jnp.square(y - z[..., 0])


@dataclass(frozen=True)
class Quantiles(Head):
    """Pinball at several levels, of quantiles that do not cross."""

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    @property
    def outputs(self) -> int:
        """One a level."""
        return len(self.levels)

    def errors(self, y: jax.Array, z: jax.Array) -> jax.Array:
        """Mean over the levels."""
        tau = jnp.asarray(self.levels, z.dtype)[None, None]
        error = y[..., None] - self.ordered(z)
        return jnp.mean(jnp.maximum(tau * error, (tau - 1) * error), axis=-1)

    def ordered(self, z: jax.Array) -> jax.Array:
        """Quantiles (..., levels), rising."""
        middle = self.middle
        steps = jax.nn.softplus(z)
        centre = z[..., middle : middle + 1]
        above = centre + jnp.cumsum(steps[..., middle + 1 :], axis=-1)
        below = centre - jnp.cumsum(steps[..., :middle][..., ::-1], axis=-1)[..., ::-1]
        return jnp.concatenate([below, centre, above], axis=-1)

    @property
    def middle(self) -> int:
        """The place of the level nearest to .5."""
        return int(np.argmin(np.abs(np.asarray(self.levels) - 0.5)))

    def point(self, z: jax.Array) -> jax.Array:
        """The median."""
        return z[..., self.middle]

    def quantiles(self, z: jax.Array, levels: Sequence[float]) -> jax.Array:
        """Those of the levels it was trained at."""
        places = [self.levels.index(level) for level in levels]
        return self.ordered(z)[..., jnp.asarray(places, jnp.int32)]


@dataclass(frozen=True)
class Normal(Head):
    """A normal distribution: mean, and softplus of the second number as its spread."""

    usual: ClassVar[tuple[float, ...]] = (0.1, 0.5, 0.9)

    @property
    def outputs(self) -> int:
        """Mean and spread."""
        return 2

    def errors(self, y: jax.Array, z: jax.Array) -> jax.Array:
        """Minus the log of the density."""
        spread = self.spread(z)
        error = (y - z[..., 0]) / spread
        return 0.5 * jnp.square(error) + jnp.log(spread) + 0.5 * math.log(2 * math.pi)

    def spread(self, z: jax.Array) -> jax.Array:
        """Its standard deviation."""
        return jax.nn.softplus(z[..., 1]) + LEAST_SPREAD

    def quantiles(self, z: jax.Array, levels: Sequence[float]) -> jax.Array:
        """Those of the distribution."""
        at = jnp.asarray(norm.ppf(np.asarray(levels, float)), z.dtype)
        at = at.reshape((1,) * (z.ndim - 1) + (-1,))
        return z[..., :1] + self.spread(z)[..., None] * at


HEADS: dict[str, type[Head]] = {
    "absolute": Absolute,
    "squared": Squared,
    "quantiles": Quantiles,
    "normal": Normal,
}


def head_of(loss: str, levels: Sequence[float]) -> Head:
    """The head of a loss; raises DescendError for an unknown one."""
    if loss not in HEADS:
        raise unknown("loss of a forecast", loss, HEADS)
    if loss != "quantiles":
        return HEADS[loss]()
    return Quantiles(levels=tuple(sorted({*map(float, levels), 0.5})))


def require_levels(levels: Any) -> tuple[float, ...]:
    """Levels of quantiles, rising, each in (0, 1); raises DescendError."""
    listed = tuple(levels) if isinstance(levels, (tuple, list, np.ndarray)) else ()
    good = all(isinstance(v, (float, np.floating)) and 0 < v < 1 for v in listed)
    if (not listed and levels != ()) or not good or list(listed) != sorted(set(listed)):
        raise DescendError(
            f"levels must be rising numbers between 0 and 1, such as (.1, .5, .9), got {levels!r}"
        )
    return tuple(float(v) for v in listed)
