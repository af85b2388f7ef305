"""Losses as functions of arrays, by Keras's names: the mean over the last axis.

    mean_squared_error([[0, 1]], [[1, 1]])      -> [0.5]

Each takes (y_true, y_pred) and the arguments of its class, and returns the shape without the last
axis (for integer classes: that of y_true). Given to `compile`, it is its class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.losses import classification, likelihood, regression
from descend.nn.losses.base import Formula, snake


def _function(loss: Any) -> Callable[..., jax.Array]:
    name = "kl_divergence" if loss is classification.KLDivergence else snake(loss.__name__)

    def over_the_last_axis(
        y_true: Any, y_pred: Any, *options: Any, axis: int = -1, **named: Any
    ) -> jax.Array:
        if axis != -1:
            raise DescendError(f"{name}: axis must be -1, the last, got {axis}; move it there")
        formula: Formula = loss(*options, **named)
        p = jnp.asarray(y_pred, jnp.result_type(float))
        y = jnp.asarray(y_true)
        if isinstance(formula, classification.SparseCategoricalCrossentropy):
            y = y[..., 0] if y.ndim == p.ndim else y
            flat = formula.rows(y.reshape(-1), p.reshape(-1, p.shape[-1]))
            return flat.reshape(y.shape)
        y = y.astype(p.dtype)
        if y.ndim == p.ndim - 1 and p.shape[-1] == 1:
            y = y[..., None]
        elif p.ndim == y.ndim - 1 and y.shape[-1] == 1:
            p = p[..., None]
        if y.shape != p.shape or not y.ndim:
            raise ShapeError(
                f"{name}: y_true has shape {y.shape}, y_pred {p.shape}; they must be equal"
            )
        width = y.shape[-1]
        return formula.rows(y.reshape(-1, width), p.reshape(-1, width)).reshape(y.shape[:-1])

    over_the_last_axis.__name__ = over_the_last_axis.__qualname__ = name
    over_the_last_axis.__doc__ = f"{loss.__doc__.splitlines()[0]} Of arrays; see the module."
    over_the_last_axis.loss = loss  # type: ignore[attr-defined]
    return over_the_last_axis


binary_crossentropy = _function(classification.BinaryCrossentropy)
binary_focal_crossentropy = _function(classification.BinaryFocalCrossentropy)
categorical_crossentropy = _function(classification.CategoricalCrossentropy)
categorical_focal_crossentropy = _function(classification.CategoricalFocalCrossentropy)
categorical_hinge = _function(classification.CategoricalHinge)
cosine_similarity = _function(regression.CosineSimilarity)
hinge = _function(classification.Hinge)
huber = _function(regression.Huber)
kl_divergence = _function(classification.KLDivergence)
log_cosh = _function(regression.LogCosh)
mean_absolute_error = _function(regression.MeanAbsoluteError)
mean_absolute_percentage_error = _function(regression.MeanAbsolutePercentageError)
mean_squared_error = _function(regression.MeanSquaredError)
mean_squared_logarithmic_error = _function(regression.MeanSquaredLogarithmicError)
poisson = _function(likelihood.Poisson)
sparse_categorical_crossentropy = _function(classification.SparseCategoricalCrossentropy)
squared_hinge = _function(classification.SquaredHinge)
