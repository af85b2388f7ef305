"""Losses that are minus a log likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn import checks
from descend.nn.losses.base import PROBABILITY_FLOOR, Formula, per_row, shown


@dataclass(frozen=True)
class Poisson(Formula):
    """L = mean_k mu_k - y_k log mu_k, counts y >= 0; from logits z = log mu: e^z - y z.

    Minus the log likelihood of a Poisson distribution without log y!, which no weight changes.

    Args:
        from_logits: whether predictions are z = log mu; else they are mu.

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.Poisson.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import Poisson
        >>> y, mu = np.array([[3.0]]), np.array([[2.0]])
        >>> round(float(Poisson()(y, mu)), 3)  # 2 - 3 log 2
        -0.079
    """

    from_logits: bool = False
    link: ClassVar[str | None] = "exponential"

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        if self.from_logits:
            return per_row(jnp.exp(prediction) - y * prediction)
        log_mu = jnp.log(jnp.maximum(prediction, PROBABILITY_FLOOR))
        return per_row(prediction - y * log_mu)


@dataclass(frozen=True)
class Tobit(Formula):
    """Minus the log likelihood of y = max(y*, limit), `y* ~ N(mu, sigma^2)`.

        y > limit:   log sigma + ((y - mu) / sigma)^2 / 2 + log(2 pi) / 2
        y <= limit:  -log Phi((limit - mu) / sigma)

    Targets (n, 1), predictions (n, 2): mu, log sigma.

    Args:
        limit: value at which y is censored from below.

    Raises:
        DescendError: a limit that is no finite number.
        ShapeError: targets that are not (n, 1) or predictions that are not (n, 2), when it is
            called.

    Source: Tobin 1958.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import Tobit
        >>> y, p = np.array([[0.0]]), np.array([[0.0, 0.0]])  # censored, mu = 0, sigma = 1
        >>> round(float(Tobit()(y, p)), 3)  # -log Phi(0) = log 2
        0.693
    """

    limit: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.finite_number(self, "limit")

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """(n, 1) against (n, 2)."""
        if y != (*prediction[:1], 1) or prediction[1:] != (2,):
            raise ShapeError(
                f"{self.name}: expected targets (n, 1) and predictions (n, 2), mu and log sigma; "
                f"got {shown(y)} and {shown(prediction)}"
            )

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        mean, log_sd = prediction[:, 0], prediction[:, 1]
        standardised = (y[:, 0] - mean) * jnp.exp(-log_sd)
        limit = (self.limit - mean) * jnp.exp(-log_sd)
        density = log_sd + 0.5 * jnp.square(standardised) + 0.5 * np.log(2 * np.pi)
        return jnp.where(y[:, 0] > self.limit, density, -jax.scipy.stats.norm.logcdf(limit))


@dataclass(frozen=True)
class NegativeLogLikelihood(Formula):
    """L = -log p(y | prediction), a log density of the user's (maximum likelihood).

    Args:
        log_density: function (y, prediction) -> (n,) in jax.numpy. It is code, so a saved model
            does not carry it: compile again after `load_model`.

    Raises:
        DescendError: no function.
        ShapeError: targets and predictions of different numbers of rows, or a density that gives
            something else than one number a row, when it is called.

    Source: scheidegger-2020, "Cross entropy loss function".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.nn.losses import NegativeLogLikelihood
        >>> exponential = NegativeLogLikelihood(  # log of lambda e^(-lambda y), lambda predicted
        ...     lambda y, p: (jnp.log(p) - p * y)[:, 0]
        ... )
        >>> round(float(exponential(jnp.array([[3.0]]), jnp.array([[2.0]]))), 3)  # 6 - log 2
        5.307
    """

    log_density: Callable[[jax.Array, jax.Array], jax.Array] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.log_density):
            raise DescendError(
                "NegativeLogLikelihood needs log_density, a function (y, prediction) -> (n,)"
            )

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Rows must agree; the density decides what a row is."""
        if y[:1] != prediction[:1]:
            raise ShapeError(f"{self.name}: {y[0]} targets against {prediction[0]} predictions")

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        rows = -self.log_density(y, prediction)
        if rows.shape != y.shape[:1]:
            raise ShapeError(
                f"log_density returned shape {rows.shape}, expected one number a row: {y.shape[:1]}"
            )
        return rows
