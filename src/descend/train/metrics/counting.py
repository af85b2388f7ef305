"""Metrics of hits and misses at a threshold: counts, precision, recall, F.

A prediction above the threshold says yes; with several columns, each for itself.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn import checks
from descend.train.metrics.base import Metric, ratio, same_shapes
from descend.train.metrics.thresholds import KINDS, confusion, even, shares


class Counting(Metric):
    """Base: counts at thresholds, and what they come to."""

    larger_is_better = True
    kinds: tuple[str, ...] = ()

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(name)
        self._several = isinstance(thresholds, (list, tuple, np.ndarray))
        chosen = [0.5 if thresholds is None else thresholds]
        self.thresholds = shares(self.name, thresholds if self._several else chosen)

    def require(self, classes: Any) -> Any:
        """Raise DescendError unless it is one number an epoch."""
        if len(self.thresholds) > 1:
            raise DescendError(
                f"{self.name}: one threshold gives one number an epoch, got "
                f"{len(self.thresholds)}; compile with a metric for each, under names of their own"
            )

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, kinds * thresholds)."""
        same_shapes(self.name, y, prediction)
        return confusion(y, prediction, self.thresholds, self.kinds)

    def finish(self, total: Any, weight: Any) -> Any:
        """Return what `value` makes of the counts."""
        total = np.asarray(total)
        total = total[..., None] if len(self.kinds) * len(self.thresholds) == 1 else total
        counts = np.split(total, len(self.kinds), axis=-1)
        value = self.value(*counts)
        return value if self._several else value[..., 0]

    def value(self, *counts: np.ndarray) -> np.ndarray:
        """Return the number for each threshold, (..., thresholds)."""
        return counts[0]


class TruePositives(Counting):
    """How many y = 1 are above the threshold.

    Args:
        thresholds: threshold in [0, 1], or several (by hand: several numbers); .5 by default.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a threshold outside [0, 1], or several in `compile`.
    Source: scheidegger-2020, "Evaluating a classifier".
    Example:
        >>> from descend.train.metrics import TruePositives
        >>> TruePositives()([0, 1, 1, 1], [0.9, 0.8, 0.3, 0.2])
        1.0
    """

    kinds = ("tp",)


class FalsePositives(Counting):
    """How many y = 0 are above the threshold.

    Args:
        thresholds: threshold in [0, 1], or several (by hand: several numbers); .5 by default.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a threshold outside [0, 1], or several in `compile`.
    Source: scheidegger-2020, "Evaluating a classifier".
    Example:
        >>> from descend.train.metrics import FalsePositives
        >>> FalsePositives()([0, 1, 1, 1], [0.9, 0.8, 0.3, 0.2])
        1.0
    """

    kinds = ("fp",)
    larger_is_better = False


class FalseNegatives(Counting):
    """How many y = 1 are not above the threshold.

    Args:
        thresholds: threshold in [0, 1], or several (by hand: several numbers); .5 by default.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a threshold outside [0, 1], or several in `compile`.
    Source: scheidegger-2020, "Evaluating a classifier".
    Example:
        >>> from descend.train.metrics import FalseNegatives
        >>> FalseNegatives()([0, 1, 1, 1], [0.9, 0.8, 0.3, 0.2])
        2.0
    """

    kinds = ("fn",)
    larger_is_better = False


class TrueNegatives(Counting):
    """How many y = 0 are not above the threshold.

    Args:
        thresholds: threshold in [0, 1], or several (by hand: several numbers); .5 by default.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a threshold outside [0, 1], or several in `compile`.
    Source: scheidegger-2020, "Evaluating a classifier".
    Example:
        >>> from descend.train.metrics import TrueNegatives
        >>> TrueNegatives()([0, 1, 1, 1], [0.9, 0.8, 0.3, 0.2])
        0.0
    """

    kinds = ("tn",)


class Precision(Counting):
    """TP / (TP + FP): which share of what is above the threshold is a one; 0 where nothing is.

    Args:
        thresholds: threshold in [0, 1], or several by hand; .5 by default, none with `top_k`.
        top_k: number k of the largest columns of a row that alone say yes.
        class_id: column that alone counts.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a threshold outside [0, 1], several in `compile`, a column that is not there.
    Source: Keras's API, metrics.Precision.
    Example:
        >>> from descend.train.metrics import Precision
        >>> Precision()([0, 1, 1, 1], [0.9, 0.8, 0.3, 0.2])
        0.5
    """

    kinds = ("tp", "fp")

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(thresholds, name)
        self.top_k, self.class_id = top_k, class_id
        checks.positive_int(self, "top_k", optional=True)
        checks.whole_number(self, "class_id", 0, optional=True)
        if top_k is not None and thresholds is None:
            self.thresholds = [-np.inf]

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, 2 thresholds)."""
        same_shapes(self.name, y, prediction)
        if self.top_k is not None:
            if self.top_k > prediction.shape[-1]:
                raise DescendError(f"{self.name}: top_k={self.top_k} of {prediction.shape} columns")
            least = jax.lax.top_k(prediction, self.top_k)[0][..., -1:]
            prediction = jnp.where(prediction >= least, prediction, -jnp.inf)
        if self.class_id is not None:
            y, prediction = (_column(a, self.class_id, self.name) for a in (y, prediction))
        return confusion(y, prediction, self.thresholds, self.kinds)

    def value(self, *counts: Any) -> Any:
        """Return the ratio."""
        hits, others = counts
        return ratio(hits, hits + others)


class Recall(Precision):
    """TP / (TP + FN): which share of the ones is above the threshold; 0 where there are none.

    Args:
        thresholds, top_k, class_id: what says yes, as in `Precision`.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a threshold outside [0, 1], several in `compile`, a column that is not there.
    Source: Keras's API, metrics.Recall.
    Example:
        >>> from descend.train.metrics import Recall
        >>> round(Recall()([0, 1, 1, 1], [0.9, 0.8, 0.3, 0.2]), 3)
        0.333
    """

    kinds = ("tp", "fn")


class _ShareAtValue(Metric):
    """Base: the largest of one share among the thresholds where another is large enough."""

    larger_is_better = True
    share, constraint = "", ""  # of _SHARES

    def __init__(
        self,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
    ):
        super().__init__(name)
        (self.at,) = shares(self.name, [value], self.constraint)
        self.num_thresholds, self.class_id = num_thresholds, class_id
        checks.positive_int(self, "num_thresholds")
        checks.whole_number(self, "class_id", 0, optional=True)
        self.thresholds = even(num_thresholds)

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, 4 thresholds)."""
        same_shapes(self.name, y, prediction)
        if self.class_id is not None:
            y, prediction = (_column(a, self.class_id, self.name) for a in (y, prediction))
        return confusion(y, prediction, self.thresholds, KINDS)

    def finish(self, total: Any, weight: Any) -> Any:
        """Return the largest share."""
        counts = dict(zip(KINDS, np.split(np.asarray(total), 4, axis=-1), strict=True))
        share, other = (_SHARES[name](**counts) for name in (self.share, self.constraint))
        return np.where(other >= self.at, share, 0.0).max(axis=-1)


_SHARES: dict[str, Any] = {
    "sensitivity": lambda tp, fn, **_: ratio(tp, tp + fn),
    "specificity": lambda tn, fp, **_: ratio(tn, tn + fp),
    "precision": lambda tp, fp, **_: ratio(tp, tp + fp),
}
_SHARES["recall"] = _SHARES["sensitivity"]


class SensitivityAtSpecificity(_ShareAtValue):
    """The largest TP / (TP + FN) among thresholds where TN / (TN + FP) >= specificity.

    Args:
        specificity: share in [0, 1] that is asked for.
        num_thresholds: number of thresholds, in even steps from 0 to 1.
        class_id: column that alone counts.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a share outside [0, 1], no threshold, a column that is not there.
    Source: Keras's API, metrics.SensitivityAtSpecificity.
    Example:
        >>> from descend.train.metrics import SensitivityAtSpecificity
        >>> SensitivityAtSpecificity(1.0)([0, 0, 1, 1], [0.2, 0.6, 0.4, 0.8])
        0.5
    """

    share, constraint = "sensitivity", "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name)


class SpecificityAtSensitivity(_ShareAtValue):
    """The largest TN / (TN + FP) among thresholds where TP / (TP + FN) >= sensitivity.

    Args:
        sensitivity: share in [0, 1] that is asked for.
        num_thresholds: number of thresholds, in even steps from 0 to 1.
        class_id: column that alone counts.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a share outside [0, 1], no threshold, a column that is not there.
    Source: Keras's API, metrics.SpecificityAtSensitivity.
    Example:
        >>> from descend.train.metrics import SpecificityAtSensitivity
        >>> SpecificityAtSensitivity(1.0)([0, 0, 1, 1], [0.2, 0.6, 0.4, 0.8])
        0.5
    """

    share, constraint = "specificity", "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name)


class PrecisionAtRecall(_ShareAtValue):
    """The largest TP / (TP + FP) among thresholds where TP / (TP + FN) >= recall.

    Args:
        recall: share in [0, 1] that is asked for.
        num_thresholds: number of thresholds, in even steps from 0 to 1.
        class_id: column that alone counts.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a share outside [0, 1], no threshold, a column that is not there.
    Source: Keras's API, metrics.PrecisionAtRecall.
    Example:
        >>> from descend.train.metrics import PrecisionAtRecall
        >>> round(PrecisionAtRecall(1.0)([0, 0, 1, 1], [0.2, 0.6, 0.4, 0.8]), 3)
        0.667
    """

    share, constraint = "precision", "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name)


class RecallAtPrecision(_ShareAtValue):
    """The largest TP / (TP + FN) among thresholds where TP / (TP + FP) >= precision.

    Args:
        precision: share in [0, 1] that is asked for.
        num_thresholds: number of thresholds, in even steps from 0 to 1.
        class_id: column that alone counts.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: a share outside [0, 1], no threshold, a column that is not there.
    Source: Keras's API, metrics.RecallAtPrecision.
    Example:
        >>> from descend.train.metrics import RecallAtPrecision
        >>> RecallAtPrecision(1.0)([0, 0, 1, 1], [0.2, 0.6, 0.4, 0.8])
        0.5
    """

    share, constraint = "recall", "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name)


def _column(array: jax.Array, number: int, name: str) -> jax.Array:
    if array.ndim < 2 or not 0 <= number < array.shape[-1]:
        raise DescendError(f"{name}: there is no column {number} in an array of {array.shape}")
    return array[..., number]


class FBetaScore(Metric):
    """(1 + beta^2) P R / (beta^2 P + R) of each column; P precision, R recall.

    Args:
        average: "macro" the mean over the columns, "weighted" that by their ones, "micro" of all
            columns' counts together, or None for each column's (by hand only).
        beta: weight > 0 of recall relative to precision.
        threshold: value above which a column says yes; None: only a row's largest column does.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: an unknown average, a number out of range; in `compile` several columns but no
            average, one column but no threshold.
    Source: Keras's API, metrics.FBetaScore.
    Example:
        >>> from descend.train.metrics import FBetaScore
        >>> score = FBetaScore(beta=2.0, threshold=0.5)  # P = 1/2, R = 1/3
        >>> round(score([[0], [1], [1], [1]], [[0.9], [0.8], [0.3], [0.2]]), 3)
        0.357
    """

    larger_is_better = True

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name)
        if average not in (None, "micro", "macro", "weighted"):
            raise DescendError(
                f"{name}: average must be None, 'micro', 'macro' or 'weighted', got {average!r}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        checks.finite_number(self, "beta", above=0)
        checks.finite_number(self, "threshold", above=0, optional=True)
        if threshold is not None and threshold > 1:
            raise DescendError(f"{name}: threshold must be in (0, 1], got {threshold}")

    def require(self, classes: Any) -> Any:
        """Raise DescendError unless it is one number an epoch, with something to choose from."""
        if self.average is None and classes > 1:
            raise DescendError(
                f"{self.name} of {classes} columns is {classes} numbers: give average='macro', "
                "'weighted' or 'micro'"
            )
        if self.threshold is None and classes == 1:
            raise DescendError(
                f"{self.name} of one column: give threshold=0.5, else its largest column, which is "
                "the only one, always says yes"
            )

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, 3 columns): TP, FP, FN of each column."""
        same_shapes(self.name, y, prediction)
        p, y = prediction, y.astype(prediction.dtype)
        if self.threshold is None:
            predicted = (p >= p.max(axis=-1, keepdims=True)) & (jnp.abs(p) > 1e-9)
        else:
            predicted = p > self.threshold
        predicted = predicted.astype(p.dtype)
        counts = (predicted * y, predicted * (1 - y), (1 - predicted) * y)
        return jnp.concatenate([c.reshape(-1, *c.shape[-1:]) for c in counts], axis=-1)

    def finish(self, total: Any, weight: Any) -> Any:
        """Return F."""
        hits, false, missed = np.split(np.asarray(total, np.float64), 3, axis=-1)
        ones = hits + missed
        if self.average == "micro":
            hits, false, missed = (c.sum(axis=-1, keepdims=True) for c in (hits, false, missed))
        tiny = 1e-7
        precision, recall = hits / (hits + false + tiny), hits / (hits + missed + tiny)
        square = self.beta**2
        f = (1 + square) * precision * recall / (square * precision + recall + tiny)
        if self.average == "weighted":
            return (f * ones / (ones.sum(axis=-1, keepdims=True) + tiny)).sum(axis=-1)
        return f if self.average is None and f.shape[-1] > 1 else f.mean(axis=-1)


class F1Score(FBetaScore):
    """2 P R / (P + R) of each column; P precision, R recall.

    Args:
        average, threshold: mean over the columns, and what says yes, as in `FBetaScore`.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: as in `FBetaScore`.
    Source: Keras's API, metrics.F1Score.
    Example:
        >>> from descend.train.metrics import F1Score
        >>> score = F1Score(threshold=0.5)  # P = 1/2, R = 1/3
        >>> round(score([[0], [1], [1], [1]], [[0.9], [0.8], [0.3], [0.2]]), 3)
        0.4
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name)
