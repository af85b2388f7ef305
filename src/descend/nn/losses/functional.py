"""Losses as functions of arrays, by Keras's names: the mean over the last axis.

    mean_squared_error([[0, 1]], [[1, 1]])      -> [0.5]

Each takes (y_true, y_pred) and the arguments of its class, and returns the shape without the last
axis (for integer classes: that of y_true). Given to `compile`, it is its class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.losses import classification, likelihood, regression
from descend.nn.losses.base import Formula, snake

# what `help` says of each; its class has the formula and the source
_DOC = """{formula}

Args:
    y_true: targets, {targets}.
    y_pred: predictions, (..., k).
    {options}: as in `{loss}`.
    axis: axis of the k numbers; -1, the last, and no other.

Returns:
    Array (...,), the loss of each row.

Raises:
    ShapeError: targets and predictions of different shapes.
    DescendError: another axis, or an argument that `{loss}` refuses.

{source}

Example:
    >>> from descend.nn.losses import {name}
    >>> round(float({name}({call})[0]), 3)
    {result}
"""


def _function(loss: Any, call: str, result: str) -> Callable[..., jax.Array]:
    """The function of a class; `call` and `result` are its example."""
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

    # for `help` and editors: the class's own arguments stand behind the arrays
    whole = inspect.signature(over_the_last_axis)
    y_true, y_pred, *_, axis, _ = whole.parameters.values()
    options = inspect.signature(loss).parameters
    over_the_last_axis.__signature__ = whole.replace(  # type: ignore[attr-defined]
        parameters=[y_true, y_pred, *options.values(), axis]
    )
    over_the_last_axis.__name__ = over_the_last_axis.__qualname__ = name
    sparse = loss is classification.SparseCategoricalCrossentropy
    text = inspect.cleandoc(loss.__doc__)
    over_the_last_axis.__doc__ = _DOC.format(
        formula=text.partition("\n")[0],
        targets="whole numbers from 0 to k - 1, (...,)" if sparse else "(..., k)",
        loss=loss.__name__,
        options=", ".join(options),
        source=text[text.index("Source:") : text.index("Example:")].strip(),
        name=name,
        call=call,
        result=result,
    )
    over_the_last_axis.loss = loss  # type: ignore[attr-defined]
    return over_the_last_axis


binary_crossentropy = _function(
    classification.BinaryCrossentropy, "[[1.0, 0.0]], [[0.5, 0.5]]", "0.693"
)
binary_focal_crossentropy = _function(
    classification.BinaryFocalCrossentropy, "[[1.0, 0.0]], [[0.5, 0.5]]", "0.173"
)
categorical_crossentropy = _function(
    classification.CategoricalCrossentropy, "[[1.0, 0.0]], [[0.25, 0.75]]", "1.386"
)
categorical_focal_crossentropy = _function(
    classification.CategoricalFocalCrossentropy, "[[1.0, 0.0]], [[0.5, 0.5]], alpha=1.0", "0.173"
)
categorical_hinge = _function(
    classification.CategoricalHinge, "[[1.0, 0.0]], [[0.5, 0.25]]", "0.75"
)
cosine_similarity = _function(regression.CosineSimilarity, "[[1.0, 0.0]], [[2.0, 0.0]]", "-1.0")
hinge = _function(classification.Hinge, "[[1.0, -1.0]], [[2.0, 0.5]]", "0.75")
huber = _function(regression.Huber, "[[0.0, 0.0]], [[0.5, 3.0]]", "1.312")
kl_divergence = _function(classification.KLDivergence, "[[0.5, 0.5]], [[0.25, 0.75]]", "0.144")
log_cosh = _function(regression.LogCosh, "[[0.0]], [[10.0]]", "9.307")
mean_absolute_error = _function(regression.MeanAbsoluteError, "[[0.0, 1.0]], [[1.0, 4.0]]", "2.0")
mean_absolute_percentage_error = _function(
    regression.MeanAbsolutePercentageError, "[[4.0, 2.0]], [[5.0, 3.0]]", "37.5"
)
mean_squared_error = _function(regression.MeanSquaredError, "[[0.0, 1.0]], [[1.0, 4.0]]", "5.0")
mean_squared_logarithmic_error = _function(
    regression.MeanSquaredLogarithmicError, "[[1.0]], [[3.0]]", "0.48"
)
poisson = _function(likelihood.Poisson, "[[3.0]], [[2.0]]", "-0.079")
sparse_categorical_crossentropy = _function(
    classification.SparseCategoricalCrossentropy, "[0], [[0.25, 0.75]]", "1.386"
)
squared_hinge = _function(classification.SquaredHinge, "[[1.0, -1.0]], [[2.0, 0.5]]", "1.125")
