"""What a loss is, and what the formulas share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import checks
from descend.nn.losses.user import rows_of

PROBABILITY_FLOOR = 1e-7  # probabilities are clipped to [floor, 1 - floor] before the logarithm
REDUCTIONS = ("sum_over_batch_size", "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """One row's error.

    A loss of one's own is written as in Keras, with jax.numpy (or descend.keras.ops):

        class Squared(Loss):
            def call(self, y_true, y_pred):
                return jnp.mean((y_true - y_pred) ** 2, axis=-1)

    It is code, so a saved model does not carry it: compile again after `load_model`.

    Args:
        name: name shown in messages; by default the class's in small letters.
        reduction: what calling the loss makes of the rows: "sum_over_batch_size" and
            "mean_with_sample_weight" the mean, "sum", or "none". A cost is always the mean.
        dtype: data type as in Keras; without effect.

    Raises:
        DescendError: an unknown reduction; a class without `call`, when it is used.
        ShapeError: targets and predictions have different numbers of rows, or `call` returns
            neither one number a row nor their mean.

    Source: Keras's API, losses.Loss; raviv-2022, "Cost- loss-, error-, objective-, and
    risk-function".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.nn.losses import Loss
        >>> class Largest(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
        >>> float(Largest()(jnp.zeros((2, 2)), jnp.array([[1.0, -3.0], [0.0, 1.0]])))
        2.0
    """

    name: str
    reduction: str | None = "sum_over_batch_size"

    def __init_subclass__(cls, **options: Any) -> None:
        """A class whose `__init__` does not call this one's, a dataclass, has a name too."""
        super().__init_subclass__(**options)
        if "name" not in vars(cls) and not is_dataclass(cls):
            cls.name = snake(cls.__name__)

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or snake(type(self).__name__)
        self.reduction = _reduction(self.name, reduction)

    @property
    def link(self) -> str | None:
        """The output activation whose logits `from_logits=True` expects; None: no such form."""
        return None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The formula of a loss of the user's: an array whose first axis is the rows."""
        raise DescendError(
            f"{type(self).__name__} has no formula: write a method call(self, y_true, y_pred) that "
            "returns one number a row"
        )

    def rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        """Loss of each row.

        Args:
            y: targets, (n, ...).
            prediction: (n, ...).

        Returns:
            (n,).

        Raises:
            ShapeError: the shapes differ; nothing is broadcast.
        """
        y, prediction = jnp.asarray(y), jnp.asarray(prediction)
        self.check_shapes(y.shape, prediction.shape)
        return self._rows(y, prediction)

    def __call__(
        self, y: jax.Array, prediction: jax.Array, sample_weight: jax.Array | None = None
    ) -> jax.Array:
        """The cost sum_i w_i L_i / sum_i w_i, a scalar; `sample_weight` has shape (n,).

        With `reduction` "sum" it is sum_i w_i L_i, with "none" the (n,) numbers w_i L_i.
        """
        rows = self.rows(y, prediction)
        weight = jnp.ones_like(rows) if sample_weight is None else jnp.asarray(sample_weight)
        if weight.shape != rows.shape:
            raise ShapeError(
                f"{self.name}: weights must be one per row, shape {rows.shape}, got {weight.shape}"
            )
        if self.reduction in ("none", None):
            return rows * weight
        total = jnp.sum(rows * weight)
        return total if self.reduction == "sum" else total / jnp.sum(weight)

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Raise ShapeError unless targets and predictions fit each other: here their rows."""
        if tuple(y[:1]) != tuple(prediction[:1]):
            raise ShapeError(f"{self.name}: {y[:1]} targets against {prediction[:1]} predictions")

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return rows_of(self.call, y, prediction, f"the loss {self.name!r}")


@dataclass(frozen=True)
class Formula(Loss):
    """A loss of this package: a frozen description; subclasses give the formula in `_rows`.

    Args:
        name: name shown in messages, by keyword; that of the class by default.
        reduction: what calling the loss makes of the rows, by keyword: "sum_over_batch_size" and
            "mean_with_sample_weight" the mean, "sum", or "none".

    Raises:
        DescendError: an unknown reduction, or a label_smoothing outside [0, 1].
        ShapeError: targets and predictions of different shapes, when it is called; nothing is
            broadcast.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import MeanSquaredError
        >>> y, p = np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]])
        >>> loss = MeanSquaredError(reduction="none")
        >>> loss(y, p).tolist(), loss.name
        ([1.0, 9.0], 'mse')
    """

    name: str = field(default="", kw_only=True)  # empty: that of the class
    reduction: str | None = field(default="sum_over_batch_size", kw_only=True)

    short: ClassVar[str] = ""  # the class's own name, where it is not snake_case of it

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.short or snake(type(self).__name__))
        _reduction(self.name, self.reduction)
        checks.bools(self)
        smoothing = getattr(self, "label_smoothing", 0.0)
        if not checks.is_number(smoothing) or not 0 <= smoothing <= 1:
            raise DescendError(
                f"{self.name}: label_smoothing must lie between 0 and 1, got {smoothing!r}"
            )

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Raise ShapeError unless the shapes are equal."""
        if tuple(y) != tuple(prediction):
            raise ShapeError(
                f"{self.name}: targets have shape {shown(y)}, predictions {shown(prediction)}. "
                f"They must be equal, nothing is broadcast; {_advice(y, prediction)}"
            )

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        raise NotImplementedError


def snake(name: str) -> str:
    """MeanSquaredError -> mean_squared_error."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _reduction(name: str, reduction: Any) -> Any:
    if reduction not in REDUCTIONS:
        raise DescendError(
            f"{name}: reduction must be one of {', '.join(map(repr, REDUCTIONS))}, got "
            f"{reduction!r}"
        )
    return reduction


def shown(shape: tuple[int, ...]) -> str:
    """(3, 2) as "(n, 2)": the rows are not what is wrong."""
    return (
        "("
        + ", ".join("n" if i == 0 else str(d) for i, d in enumerate(shape))
        + (",)" if len(shape) == 1 else ")")
    )


def _advice(y: tuple[int, ...], prediction: tuple[int, ...]) -> str:
    if len(y) == 1 and len(prediction) == 2 and prediction[1] == 1:
        return "reshape the targets with y[:, None]."
    if len(y) == 2 and y[1] == 1 and len(prediction) == 1:
        return "reshape the targets with y[:, 0]."
    if len(y) == 1 and len(prediction) == 2:
        return (
            f"for integer class labels use the loss 'sparse_categorical_crossentropy'; "
            f"for {prediction[1]} numeric targets give y with {prediction[1]} columns."
        )
    return "give the last layer as many units as there are target columns."


def per_row(errors: jax.Array, reduce: Callable[..., Any] = jnp.mean) -> jax.Array:
    """(n, ...) -> (n,)."""
    return reduce(errors, axis=tuple(range(1, errors.ndim))) if errors.ndim > 1 else errors
