"""Losses of numeric targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.losses.base import PROBABILITY_FLOOR, Formula, per_row, shown


@dataclass(frozen=True)
class SquaredError(Formula):
    """L = 1/2 sum_k (yhat_k - y_k)^2, or without the half (hull-2023; raviv-2022 `half=False`)."""

    half: bool = True

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        total = per_row(jnp.square(prediction - y), jnp.sum)
        return 0.5 * total if self.half else total


@dataclass(frozen=True)
class MeanSquaredError(Formula):
    """L = mean_k (yhat_k - y_k)^2 (scheidegger-2020, "Mean squared error (MSE)")."""

    short: ClassVar[str] = "mse"

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(jnp.square(prediction - y))


@dataclass(frozen=True)
class MeanAbsoluteError(Formula):
    """L = mean_k |yhat_k - y_k|."""

    short: ClassVar[str] = "mae"

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(jnp.abs(prediction - y))


@dataclass(frozen=True)
class Huber(Formula):
    """L = mean_k of e^2/2 where |e| <= delta, else delta (|e| - delta/2) (Huber 1964)."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.delta > 0:
            raise DescendError(f"huber: delta must be positive, got {self.delta}")

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        size = jnp.abs(prediction - y)
        inside = jnp.minimum(size, self.delta)  # keeps the unused branch finite
        return per_row(0.5 * jnp.square(inside) + self.delta * (size - inside))


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Formula):
    """L = 100 mean_k |yhat_k - y_k| / max(|y_k|, 1e-7)."""

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        scale = jnp.maximum(jnp.abs(y), PROBABILITY_FLOOR)
        return 100 * per_row(jnp.abs((prediction - y) / scale))


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Formula):
    """L = mean_k (log(1 + yhat_k) - log(1 + y_k))^2, of numbers above zero (1e-7 where not)."""

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        def log(a: jax.Array) -> jax.Array:  # as Keras
            return jnp.log(jnp.maximum(a, PROBABILITY_FLOOR) + 1)

        return per_row(jnp.square(log(prediction) - log(y)))


@dataclass(frozen=True)
class LogCosh(Formula):
    """L = mean_k log cosh(yhat_k - y_k): e^2/2 near zero, |e| - log 2 far away."""

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        error = prediction - y
        return per_row(error + jax.nn.softplus(-2 * error) - jnp.log(2.0).astype(error.dtype))


@dataclass(frozen=True)
class CosineSimilarity(Formula):
    """L = - <y, yhat> / (|y| |yhat|) over the last axis: -1 for the same direction."""

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(-jnp.sum(unit(y) * unit(prediction), axis=-1))


def unit(a: jax.Array) -> jax.Array:
    """Vectors of length one along the last axis; what is shorter than 1e-7 stays short."""
    length = jnp.linalg.norm(a, axis=-1, keepdims=True)
    return a / jnp.maximum(length, PROBABILITY_FLOOR)


@dataclass(frozen=True)
class Quantile(Formula):
    """L = mean_q max(tau_q e, (tau_q - 1) e), e = y - yhat_q: least at the tau_q-quantile of y.

    Args:
        levels: tau_1, tau_2, ... in (0, 1). Targets (n, 1), predictions (n, levels).

    Source: Koenker and Bassett 1978.
    """

    levels: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "levels", tuple(self.levels))  # a file gives a list
        if not self.levels or not all(0 < tau < 1 for tau in self.levels):
            raise DescendError(f"quantile: levels must lie between 0 and 1, got {self.levels}")

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """(n, 1) against (n, levels)."""
        if y != (*prediction[:1], 1) or prediction[1:] != (len(self.levels),):
            raise ShapeError(
                f"{self.name}: expected targets (n, 1) and predictions (n, {len(self.levels)}), "
                f"got {shown(y)} and {shown(prediction)}"
            )

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        error = y - prediction
        tau = jnp.asarray(self.levels, prediction.dtype)[None]
        return per_row(jnp.maximum(tau * error, (tau - 1) * error))
