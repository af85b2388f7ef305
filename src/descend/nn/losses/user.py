"""Losses and metrics that are functions of the user's: one number a row out of what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError

TRIED = 7  # rows of a trial


def rows_of(function: Callable[..., Any], y: Any, prediction: Any, what: str) -> jax.Array:
    """One number a row, (n,), of what a function (y, prediction) returns.

    An array whose first axis is the rows is averaged over its other axes. A scalar is taken as the
    mean of what the function gives for single rows, which `require_mean` makes sure of.

    Raises:
        DescendError: the function does what JAX cannot trace.
        ShapeError: neither one number nor one a row.
    """
    n = jnp.shape(prediction)[0]
    values = call(function, y, prediction, what)
    if values.shape == ():

        def one(a: jax.Array, b: jax.Array) -> jax.Array:
            return call(function, a[None], b[None], what)

        return jax.vmap(one)(jnp.asarray(y), jnp.asarray(prediction))
    if values.shape[0] != n:
        raise ShapeError(
            f"{what} returned shape {values.shape}, expected one number a row: ({n},), or (n, ...)"
        )
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))


def call(function: Callable[..., Any], y: Any, prediction: Any, what: str) -> jax.Array:
    """What the function returns, as an array of floats; DescendError if JAX cannot trace it."""
    try:
        return jnp.asarray(function(y, prediction), jnp.result_type(float))
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise DescendError(
            f"{what} is part of a compiled program and must be written with jax.numpy (or "
            "descend.keras.ops): NumPy functions, float(), and `if` on a value do not work inside. "
            f"jnp.where stands for `if`. JAX says: {str(error).splitlines()[0]}"
        ) from None


def require_mean(
    function: Callable[..., Any], y: np.ndarray, prediction: np.ndarray, what: str
) -> None:
    """Raise DescendError if a function returns a scalar that is not the mean over the rows.

    Args:
        y, prediction: a few rows to try it on.
    """
    whole = jax.eval_shape(lambda a, b: call(function, a, b, what), y, prediction)
    if whole.shape != ():
        return
    together = call(function, jnp.asarray(y), jnp.asarray(prediction), what)
    apart = jnp.mean(rows_of(function, y, prediction, what))
    if not np.allclose(together, apart, rtol=1e-3, atol=1e-6, equal_nan=True):
        raise DescendError(
            f"{what} returns one number for a whole batch that is not the mean of what it gives "
            "for single rows, so batches, their padding and weights could not be put together. "
            "Return one number a row, such as jnp.mean(..., axis=-1); what is no mean, such as a "
            "root, is a Metric with rows and finish."
        )
