"""Accuracies: the share of rows whose class is right.

Source: scheidegger-2020, "Evaluating a classifier"; raviv-2022, "Cross entropy loss"
("classification error is a crude measure ... sometimes it is useful to look at both").
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import checks
from descend.train.metrics.base import Metric


def binary_accuracy(y: jax.Array, prediction: jax.Array, threshold: float = 0.5) -> jax.Array:
    """1 where p > threshold agrees with y in {0, 1}, else 0; the mean over a row's outputs.

    Args:
        y: targets in {0, 1}, (n, ...).
        prediction: probabilities p, (n, ...).
        threshold: value above which the prediction is a one.

    Returns:
        Array (n,), the share that is right in each row.

    Raises:
        ShapeError: targets and predictions of different shapes.

    Source: scheidegger-2020, "Evaluating a classifier".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.metrics import binary_accuracy
        >>> binary_accuracy(jnp.array([1, 0, 1]), jnp.array([0.9, 0.8, 0.7])).tolist()
        [1.0, 0.0, 1.0]
    """
    _require("binary_accuracy", y.shape, prediction.shape, prediction.shape)
    return _share((prediction > threshold) == (y > 0.5), prediction)


def categorical_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where the most probable class is that of the one-hot y, else 0.

    Args:
        y: one-hot targets, (n, classes).
        prediction: probabilities or logits, (n, classes).

    Returns:
        Array (n,), ones and zeros.

    Raises:
        ShapeError: targets and predictions of different shapes, or fewer than two classes.

    Source: scheidegger-2020, "Evaluating a classifier"; raviv-2022, "Cross entropy loss".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.metrics import categorical_accuracy
        >>> y, p = jnp.array([[1, 0], [1, 0]]), jnp.array([[0.9, 0.1], [0.2, 0.8]])
        >>> categorical_accuracy(y, p).tolist()
        [1.0, 0.0]
    """
    _require("categorical_accuracy", y.shape, prediction.shape, prediction.shape)
    _require_classes("categorical_accuracy", prediction.shape)
    return _share(jnp.argmax(prediction, -1) == jnp.argmax(y, -1), prediction)


def sparse_categorical_accuracy(y: jax.Array, prediction: jax.Array) -> jax.Array:
    """1 where the most probable class is the integer y, else 0.

    Args:
        y: classes from 0 on, (n,).
        prediction: probabilities or logits, (n, classes).

    Returns:
        Array (n,), ones and zeros.

    Raises:
        ShapeError: labels that are not (n,), or fewer than two classes.

    Source: scheidegger-2020, "Evaluating a classifier"; raviv-2022, "Cross entropy loss".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.metrics import sparse_categorical_accuracy
        >>> y, p = jnp.array([0, 0]), jnp.array([[0.9, 0.1], [0.2, 0.8]])
        >>> sparse_categorical_accuracy(y, p).tolist()
        [1.0, 0.0]
    """
    _require("sparse_categorical_accuracy", y.shape, prediction.shape[:-1], prediction.shape)
    _require_classes("sparse_categorical_accuracy", prediction.shape)
    return _share(jnp.argmax(prediction, -1) == y.astype(jnp.int32), prediction)


def top_k_categorical_accuracy(y: jax.Array, prediction: jax.Array, k: int = 5) -> jax.Array:
    """1 where the class of the one-hot y is among the k most probable, else 0.

    Args:
        y: one-hot targets, (n, classes).
        prediction: probabilities or logits, (n, classes).
        k: number of most probable classes that count.

    Returns:
        Array (n,), ones and zeros.

    Raises:
        ShapeError: targets and predictions of different shapes, or fewer than two classes.

    Source: Keras's API, metrics.TopKCategoricalAccuracy.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.metrics import top_k_categorical_accuracy
        >>> p = jnp.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
        >>> top_k_categorical_accuracy(jnp.array([[0, 1, 0], [0, 0, 1]]), p, k=2).tolist()
        [1.0, 0.0]
    """
    _require("top_k_categorical_accuracy", y.shape, prediction.shape, prediction.shape)
    return sparse_top_k_categorical_accuracy(jnp.argmax(y, -1), prediction, k)


def sparse_top_k_categorical_accuracy(y: jax.Array, prediction: jax.Array, k: int = 5) -> jax.Array:
    """1 where the integer class y is among the k most probable, else 0.

    Args:
        y: classes from 0 on, (n,).
        prediction: probabilities or logits, (n, classes).
        k: number of most probable classes that count.

    Returns:
        Array (n,), ones and zeros.

    Raises:
        ShapeError: labels that are not (n,), or fewer than two classes.

    Source: Keras's API, metrics.SparseTopKCategoricalAccuracy.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.metrics import sparse_top_k_categorical_accuracy
        >>> p = jnp.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
        >>> sparse_top_k_categorical_accuracy(jnp.array([1, 2]), p, k=2).tolist()
        [1.0, 0.0]
    """
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
    """The share of rows where prediction and target are the same number.

    Args:
        name, dtype: as in `Metric`.

    Raises:
        ShapeError: targets and predictions of different shapes.

    Source: scheidegger-2020, "Evaluating a classifier".

    Example:
        >>> from descend.train.metrics import Accuracy
        >>> Accuracy()([1, 2, 3, 4], [1, 2, 3, 0])
        0.75
    """

    larger_is_better = True

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        _require(self.name, y.shape, prediction.shape, prediction.shape)
        return _share(y == prediction, prediction)


class BinaryAccuracy(Metric):
    """The share of rows where p > threshold agrees with y in {0, 1} (`binary_accuracy`).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        threshold: value in (0, 1) above which the prediction is a one.

    Raises:
        DescendError: a threshold outside (0, 1).
        ShapeError: targets and predictions of different shapes.

    Source: scheidegger-2020, "Evaluating a classifier".

    Example:
        >>> from descend.train.metrics import BinaryAccuracy
        >>> BinaryAccuracy()([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
        0.75
    """

    larger_is_better = True

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(name)
        if not checks.is_number(threshold) or not 0 < threshold < 1:
            raise DescendError(f"{name}: threshold must lie between 0 and 1, got {threshold!r}")
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
    """The share of rows whose most probable class is that of the one-hot y.

    Args:
        name, dtype: as in `Metric`.

    Raises:
        ShapeError: targets and predictions of different shapes, or fewer than two classes.

    Source: scheidegger-2020, "Evaluating a classifier".

    Example:
        >>> from descend.train.metrics import CategoricalAccuracy
        >>> CategoricalAccuracy()([[1, 0], [1, 0]], [[0.9, 0.1], [0.2, 0.8]])
        0.5
    """

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return categorical_accuracy(y, prediction)


class SparseCategoricalAccuracy(_ClassAccuracy):
    """The share of rows whose most probable class is the integer y.

    Args:
        name, dtype: as in `Metric`.

    Raises:
        ShapeError: labels that are not (n,), or fewer than two classes.

    Source: scheidegger-2020, "Evaluating a classifier".

    Example:
        >>> from descend.train.metrics import SparseCategoricalAccuracy
        >>> SparseCategoricalAccuracy()([0, 0], [[0.9, 0.1], [0.2, 0.8]])
        0.5
    """

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return sparse_categorical_accuracy(y, prediction)


class TopKCategoricalAccuracy(_ClassAccuracy):
    """The share of rows where the class of the one-hot y is among the k most probable.

    Args:
        k: number of most probable classes that count.
        name, dtype: name in the logs; Keras's data type, without effect.

    Raises:
        DescendError: k is no whole number >= 1.
        ShapeError: targets and predictions of different shapes, or fewer than two classes.

    Source: Keras's API, metrics.TopKCategoricalAccuracy.

    Example:
        >>> from descend.train.metrics import TopKCategoricalAccuracy
        >>> TopKCategoricalAccuracy(k=2)([[0, 1, 0], [0, 0, 1]], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
        0.5
    """

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name or type(self).called)
        self.k = k
        checks.positive_int(self, "k")

    called = "top_k_categorical_accuracy"

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return top_k_categorical_accuracy(y, prediction, self.k)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of rows where the integer class y is among the k most probable.

    Args:
        k: number of most probable classes that count.
        name, dtype: name in the logs; Keras's data type, without effect.

    Raises:
        DescendError: k is no whole number >= 1.
        ShapeError: labels that are not (n,), or fewer than two classes.

    Source: Keras's API, metrics.SparseTopKCategoricalAccuracy.

    Example:
        >>> from descend.train.metrics import SparseTopKCategoricalAccuracy
        >>> SparseTopKCategoricalAccuracy(k=2)([1, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
        0.5
    """

    called = "sparse_top_k_categorical_accuracy"

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return sparse_top_k_categorical_accuracy(y, prediction, self.k)
