"""Metrics: what is reported beside the cost, one number a row, averaged over the rows.

Source: scheidegger-2020, "Evaluating a classifier"; raviv-2022, "Cross entropy loss"
("classification error is a crude measure ... sometimes it is useful to look at both").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import ShapeError, unknown
from descend.nn import losses


def _as_it_is(mean: Any) -> Any:
    return mean


@dataclass(frozen=True)
class Metric:
    """A name, a function (y, prediction) -> (n,), and what is done to the mean at the end."""

    name: str
    rows: Callable[[jax.Array, jax.Array], jax.Array]
    finish: Callable[[Any], Any] = _as_it_is
    saved: str | None = None  # by which `get` finds it again; None for code of the user's


def binary_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where p > 1/2 agrees with y in {0, 1}; mean over outputs. y, prediction (n, ...)."""
    _require("binary_accuracy", y.shape, prediction.shape, prediction.shape)
    return _share((prediction > 0.5) == (y > 0.5), prediction)


def categorical_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where the most probable class is that of the one-hot y. y, prediction (n, classes)."""
    _require("categorical_accuracy", y.shape, prediction.shape, prediction.shape)
    return _share(jnp.argmax(prediction, -1) == jnp.argmax(y, -1), prediction)


def sparse_categorical_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where the most probable class is the integer y. y (n,), prediction (n, classes)."""
    _require("sparse_categorical_accuracy", y.shape, prediction.shape[:-1], prediction.shape)
    return _share(jnp.argmax(prediction, -1) == y.astype(jnp.int32), prediction)


def _require(name: str, y: tuple, wanted: tuple, prediction: tuple) -> None:
    if y != wanted:
        raise ShapeError(
            f"{name}: with predictions of shape {prediction} targets must have shape {wanted}, "
            f"got {y}; metrics=['accuracy'] chooses the form that fits the loss"
        )


def _share(hits: jax.Array, prediction: jax.Array) -> jax.Array:
    """The share of hits in each row, (n,)."""
    return hits.astype(prediction.dtype).reshape(hits.shape[0], -1).mean(axis=-1)


BY_NAME: dict[str, Callable] = {
    "binary_accuracy": binary_accuracy,
    "categorical_accuracy": categorical_accuracy,
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
}


def get(identifier: Any, loss: losses.Loss, classes: int) -> Metric:
    """The metric meant by a name, a loss, or a function (y, prediction) -> (n,).

    Args:
        identifier: "accuracy" (or "acc") takes the form that fits the loss, as in Keras; "rmse";
            any name in BY_NAME; any loss; or a function.
        loss: the loss of the output.
        classes: width of the output.
    """
    saved = identifier if isinstance(identifier, str) else None
    return dataclasses.replace(_find(identifier, loss, classes), saved=saved)


def _find(identifier: Any, loss: losses.Loss, classes: int) -> Metric:
    if identifier in ("accuracy", "acc"):
        if isinstance(loss, losses.SparseCategoricalCrossentropy):
            return Metric(identifier, sparse_categorical_accuracy)
        if isinstance(loss, losses.BinaryCrossentropy) or classes == 1:
            return Metric(identifier, binary_accuracy)
        return Metric(identifier, categorical_accuracy)
    if identifier == "rmse":
        return Metric("rmse", losses.MeanSquaredError().rows, np.sqrt)
    if isinstance(identifier, str):
        if identifier in BY_NAME:
            return Metric(identifier, BY_NAME[identifier])
        if identifier in losses.BY_NAME or identifier in losses.ALIASES:
            return Metric(identifier, losses.get(identifier).rows)
        raise unknown("metric", identifier, ["accuracy", "rmse", *BY_NAME, *losses.BY_NAME])
    if isinstance(identifier, losses.Loss):
        return Metric(identifier.name, identifier.rows)
    if callable(identifier):
        return Metric(getattr(identifier, "__name__", "metric"), _checked(identifier))
    raise unknown("metric", identifier, ["accuracy", "rmse", *BY_NAME, *losses.BY_NAME])


def _checked(function: Callable) -> Callable:
    def rows(y, prediction):
        values = function(y, prediction)
        if jnp.shape(values) != jnp.shape(y)[:1]:
            raise ShapeError(
                f"metric {getattr(function, '__name__', function)!r} returned shape "
                f"{jnp.shape(values)}, expected one number a row: {jnp.shape(y)[:1]}"
            )
        return values

    return rows
