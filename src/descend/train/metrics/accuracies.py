"""Accuracies: the share of rows whose class is right.

Source: scheidegger-2020, "Evaluating a classifier"; raviv-2022, "Cross entropy loss"
("classification error is a crude measure ... sometimes it is useful to look at both").
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.train.metrics.base import Metric


def binary_accuracy(y: jax.Array, prediction: jax.Array, threshold: float = 0.5) -> jax.Array:
    """1 where p > threshold agrees with y in {0, 1}; mean over outputs. y, prediction (n, ...)."""
    _require("binary_accuracy", y.shape, prediction.shape, prediction.shape)
    return _share((prediction > threshold) == (y > 0.5), prediction)


def categorical_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where the most probable class is that of the one-hot y. y, prediction (n, classes)."""
    _require("categorical_accuracy", y.shape, prediction.shape, prediction.shape)
    _require_classes("categorical_accuracy", prediction.shape)
    return _share(jnp.argmax(prediction, -1) == jnp.argmax(y, -1), prediction)


def sparse_categorical_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where the most probable class is the integer y. y (n,), prediction (n, classes)."""
    _require("sparse_categorical_accuracy", y.shape, prediction.shape[:-1], prediction.shape)
    _require_classes("sparse_categorical_accuracy", prediction.shape)
    return _share(jnp.argmax(prediction, -1) == y.astype(jnp.int32), prediction)


def top_k_categorical_accuracy(y: jax.Array, prediction: jax.Array, k: int = 5) -> jax.Array:
    """1 where the class of the one-hot y is among the k most probable."""
    _require("top_k_categorical_accuracy", y.shape, prediction.shape, prediction.shape)
    return sparse_top_k_categorical_accuracy(jnp.argmax(y, -1), prediction, k)


def sparse_top_k_categorical_accuracy(y: jax.Array, prediction: jax.Array, k: int = 5) -> jax.Array:
    """1 where the integer class y is among the k most probable. y (n,), prediction (n, classes)."""
    name = "sparse_top_k_categorical_accuracy"
    _require(name, y.shape, prediction.shape[:-1], prediction.shape)
    _require_classes(name, prediction.shape)
    true_score = jnp.take_along_axis(prediction, y.astype(jnp.int32)[..., None], axis=-1)
    return _share(jnp.sum(prediction > true_score, axis=-1) < k, prediction)


Form = tuple[Any, ...]  # a shape


def _require(
    name: str, y: tuple[Any, ...], wanted: tuple[Any, ...], prediction: tuple[Any, ...]
) -> None:
    if y != wanted:
        raise ShapeError(
            f"{name}: with predictions of shape {prediction} targets must have shape {wanted}, "
            f"got {y}; metrics=['accuracy'] chooses the form that fits the loss"
        )


def _require_classes(name: str, prediction: tuple[Any, ...]) -> None:
    if len(prediction) < 2 or prediction[-1] < 2:
        raise ShapeError(
            f"{name}: predictions of shape {prediction} hold one column, whose largest class is "
            "always the first, so every row would be right; use 'binary_accuracy'"
        )


def _share(hits: jax.Array, prediction: jax.Array) -> jax.Array:
    """The share of hits in each row, (n,)."""
    return hits.astype(prediction.dtype).reshape(hits.shape[0], -1).mean(axis=-1)


class Accuracy(Metric):
    """1 where prediction and target are the same number."""

    larger_is_better = True

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        _require(self.name, y.shape, prediction.shape, prediction.shape)
        return _share(y == prediction, prediction)


class BinaryAccuracy(Metric):
    """`binary_accuracy`.

    Args:
        name: name in the logs.
        dtype: dtype as in Keras; without effect.
        threshold: value above which the prediction is a one.
    """

    larger_is_better = True

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(name)
        if not 0 < threshold < 1:
            raise DescendError(f"{name}: threshold must lie between 0 and 1, got {threshold}")
        self.threshold = threshold

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return binary_accuracy(y, prediction, self.threshold)


class _ClassAccuracy(Metric):
    larger_is_better = True

    def require(self, classes: int) -> None:
        """Raise DescendError unless there are two or more classes."""
        _require_classes(self.name, ("n", classes))


class CategoricalAccuracy(_ClassAccuracy):
    """`categorical_accuracy`."""

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return categorical_accuracy(y, prediction)


class SparseCategoricalAccuracy(_ClassAccuracy):
    """`sparse_categorical_accuracy`."""

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return sparse_categorical_accuracy(y, prediction)


class TopKCategoricalAccuracy(_ClassAccuracy):
    """`top_k_categorical_accuracy`.

    Args:
        k: number of most probable classes that count.
        name: name in the logs.
        dtype: dtype as in Keras; without effect.
    """

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name or type(self).called)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise DescendError(f"{self.name}: k must be a whole number >= 1, got {k!r}")
        self.k = k

    called = "top_k_categorical_accuracy"

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return top_k_categorical_accuracy(y, prediction, self.k)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """`sparse_top_k_categorical_accuracy`; arguments as of TopKCategoricalAccuracy."""

    called = "sparse_top_k_categorical_accuracy"

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return sparse_top_k_categorical_accuracy(y, prediction, self.k)
