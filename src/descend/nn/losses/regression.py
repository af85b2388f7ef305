"""Losses of numeric targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import checks
from descend.nn.losses.base import PROBABILITY_FLOOR, Formula, per_row, shown


@dataclass(frozen=True)
class SquaredError(Formula):
    """L = 1/2 sum_k (yhat_k - y_k)^2, or without the half.

    Args:
        half: whether the sum is halved (hull-2023), or not (raviv-2022).

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: hull-2023, "Regression and Mean-Square Cost Function"; raviv-2022, "Take the basic
    regression setup for example".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import SquaredError
        >>> y, p = np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]])
        >>> float(SquaredError()(y, p)), float(SquaredError(half=False)(y, p))
        (5.0, 10.0)
    """

    half: bool = True

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        total = per_row(jnp.square(prediction - y), jnp.sum)
        return 0.5 * total if self.half else total


@dataclass(frozen=True)
class MeanSquaredError(Formula):
    """L = mean_k (yhat_k - y_k)^2.

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: scheidegger-2020, "Mean squared error (MSE)".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import MeanSquaredError
        >>> y, p = np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]])
        >>> float(MeanSquaredError()(y, p))
        5.0
        >>> float(MeanSquaredError()(y, p, np.array([3.0, 1.0])))  # the first row thrice
        3.0
    """

    short: ClassVar[str] = "mse"

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(jnp.square(prediction - y))


@dataclass(frozen=True)
class MeanAbsoluteError(Formula):
    """L = mean_k `|yhat_k - y_k|`.

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.MeanAbsoluteError.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import MeanAbsoluteError
        >>> y, p = np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]])
        >>> float(MeanAbsoluteError()(y, p))
        2.0
    """

    short: ClassVar[str] = "mae"

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(jnp.abs(prediction - y))


@dataclass(frozen=True)
class Huber(Formula):
    """L = mean_k of e^2/2 where `|e|` <= delta, else delta (`|e|` - delta/2), e = yhat_k - y_k.

    Args:
        delta: size of an error > 0 above which it counts linearly, in units of y.

    Raises:
        DescendError: delta is not positive.
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Huber 1964, "Robust Estimation of a Location Parameter".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import Huber
        >>> y, p = np.array([[0.0], [0.0]]), np.array([[0.5], [3.0]])
        >>> Huber().rows(y, p).tolist()  # .5^2 / 2, and 3 - 1/2
        [0.125, 2.5]
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.finite_number(self, "delta", above=0)

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        size = jnp.abs(prediction - y)
        inside = jnp.minimum(size, self.delta)  # keeps the unused branch finite
        return per_row(0.5 * jnp.square(inside) + self.delta * (size - inside))


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Formula):
    """L = 100 mean_k `|yhat_k - y_k|` / max(`|y_k|`, 1e-7), in percent.

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.MeanAbsolutePercentageError.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import MeanAbsolutePercentageError
        >>> y, p = np.array([[4.0], [2.0]]), np.array([[5.0], [3.0]])
        >>> MeanAbsolutePercentageError().rows(y, p).tolist()
        [25.0, 50.0]
    """

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        scale = jnp.maximum(jnp.abs(y), PROBABILITY_FLOOR)
        return 100 * per_row(jnp.abs((prediction - y) / scale))


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Formula):
    """L = mean_k (log(1 + yhat_k) - log(1 + y_k))^2, of numbers above zero (1e-7 where not).

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.MeanSquaredLogarithmicError.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import MeanSquaredLogarithmicError
        >>> y, p = np.array([[1.0]]), np.array([[3.0]])
        >>> round(float(MeanSquaredLogarithmicError()(y, p)), 3)  # (log 2)^2
        0.48
    """

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        def log(a: jax.Array) -> jax.Array:  # as Keras
            return jnp.log(jnp.maximum(a, PROBABILITY_FLOOR) + 1)

        return per_row(jnp.square(log(prediction) - log(y)))


@dataclass(frozen=True)
class LogCosh(Formula):
    """L = mean_k log cosh(yhat_k - y_k): e^2/2 near zero, `|e|` - log 2 far away.

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.LogCosh.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import LogCosh
        >>> y, p = np.array([[0.0], [0.0]]), np.array([[0.0], [10.0]])
        >>> print(np.asarray(LogCosh().rows(y, p)).round(3))  # 10 - log 2
        [0.    9.307]
    """

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        error = prediction - y
        return per_row(error + jax.nn.softplus(-2 * error) - jnp.log(2.0).astype(error.dtype))


@dataclass(frozen=True)
class CosineSimilarity(Formula):
    """L = - <y, yhat> / (`|y| |yhat|`) over the last axis: -1 for the same direction.

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.CosineSimilarity.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import CosineSimilarity
        >>> y, p = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> abs(CosineSimilarity().rows(y, p)).tolist()
        [1.0, 0.0]
    """

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

    Raises:
        DescendError: no levels, or one outside (0, 1).
        ShapeError: targets that are not (n, 1) or predictions that are not (n, levels), when it is
            called.

    Source: Koenker and Bassett 1978.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import Quantile
        >>> y, p = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])  # one too low, one too high
        >>> Quantile((0.75,)).rows(y, p).tolist()
        [0.75, 0.25]
    """

    levels: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        super().__post_init__()
        levels = checks.entries(self, "levels", "numbers between 0 and 1")  # a file gives a list
        if not levels or not all(checks.is_number(tau) and 0 < tau < 1 for tau in levels):
            raise DescendError(f"quantile: levels must lie between 0 and 1, got {levels}")

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
