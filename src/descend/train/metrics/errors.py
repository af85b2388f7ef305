"""Metrics of numeric targets, and losses as metrics."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn import checks, losses
from descend.nn.losses.regression import unit
from descend.train.metrics.base import Metric, same_shapes


class LossMetric(Metric):
    """A loss without weights, averaged over the rows.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: options of the loss.
    """

    of: ClassVar[type[losses.Loss]]

    larger_is_better = False

    def __init__(self, name: str | None = None, dtype: Any = None, **options: Any):
        self.loss = checks.made(self.of, options)
        super().__init__(name)

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return self.loss.rows(y, prediction)


class MeanSquaredError(LossMetric):
    """The mean of (yhat - y)^2 over all rows and columns.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: scheidegger-2020, "Mean squared error (MSE)".

    Example:
        >>> from descend.train.metrics import MeanSquaredError
        >>> MeanSquaredError()([[0.0], [0.0]], [[1.0], [3.0]])
        5.0
    """

    of = losses.MeanSquaredError


class RootMeanSquaredError(LossMetric):
    """The root of the mean of (yhat - y)^2 over all rows and columns, in units of y.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.RootMeanSquaredError.

    Example:
        >>> from descend.train.metrics import RootMeanSquaredError
        >>> RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]])
        5.0
    """

    of = losses.MeanSquaredError

    def finish(self, total: Any, weight: Any) -> Any:
        """Return the root."""
        return np.sqrt(total / weight)


class MeanAbsoluteError(LossMetric):
    """The mean of `|yhat - y|` over all rows and columns.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.MeanAbsoluteError.

    Example:
        >>> from descend.train.metrics import MeanAbsoluteError
        >>> MeanAbsoluteError()([[0.0], [0.0]], [[1.0], [3.0]])
        2.0
    """

    of = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(LossMetric):
    """100 times the mean of `|yhat - y| / |y|`, in percent.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.MeanAbsolutePercentageError.

    Example:
        >>> from descend.train.metrics import MeanAbsolutePercentageError
        >>> MeanAbsolutePercentageError()([[4.0], [2.0]], [[5.0], [3.0]])
        37.5
    """

    of = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(LossMetric):
    """The mean of (log(1 + yhat) - log(1 + y))^2.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.MeanSquaredLogarithmicError.

    Example:
        >>> from descend.train.metrics import MeanSquaredLogarithmicError
        >>> round(MeanSquaredLogarithmicError()([[1.0]], [[3.0]]), 3)  # (log 2)^2
        0.48
    """

    of = losses.MeanSquaredLogarithmicError


class LogCoshError(LossMetric):
    """The mean of log cosh(yhat - y).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.LogCoshError.

    Example:
        >>> from descend.train.metrics import LogCoshError
        >>> round(LogCoshError()([[0.0]], [[10.0]]), 3)  # 10 - log 2
        9.307
    """

    of = losses.LogCosh

    def __init__(self, name: str = "logcosh", dtype: Any = None):
        super().__init__(name)


class Poisson(LossMetric):
    """The mean of mu - y log mu, of counts y and their predicted mean mu.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss, `from_logits`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.Poisson.

    Example:
        >>> from descend.train.metrics import Poisson
        >>> round(Poisson()([[3.0]], [[2.0]]), 3)  # 2 - 3 log 2
        -0.079
    """

    of = losses.Poisson


class KLDivergence(LossMetric):
    """The mean of D(y || p) = sum_k y_k log(y_k / p_k).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: scheidegger-2020, "Cross entropy loss function".

    Example:
        >>> from descend.train.metrics import KLDivergence
        >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 3)
        0.144
    """

    of = losses.KLDivergence

    def __init__(self, name: str = "kl_divergence", dtype: Any = None):
        super().__init__(name)


class Hinge(LossMetric):
    """The mean of max(1 - y yhat, 0), y in {-1, 1} (0 is taken as -1).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.Hinge.

    Example:
        >>> from descend.train.metrics import Hinge
        >>> Hinge()([[1.0], [-1.0]], [[2.0], [0.5]])
        0.75
    """

    of = losses.Hinge


class SquaredHinge(LossMetric):
    """The mean of max(1 - y yhat, 0)^2, y in {-1, 1} (0 is taken as -1).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.SquaredHinge.

    Example:
        >>> from descend.train.metrics import SquaredHinge
        >>> SquaredHinge()([[1.0], [-1.0]], [[2.0], [0.5]])
        1.125
    """

    of = losses.SquaredHinge


class CategoricalHinge(LossMetric):
    """The mean of max(0, 1 + the largest yhat of a wrong class - yhat of the right one).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss; there are none but `reduction`.
    Raises:
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.CategoricalHinge.

    Example:
        >>> from descend.train.metrics import CategoricalHinge
        >>> CategoricalHinge()([[1.0, 0.0]], [[0.5, 0.25]])
        0.75
    """

    of = losses.CategoricalHinge


class BinaryCrossentropy(LossMetric):
    """The mean of -[y log p + (1-y) log(1-p)].

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss, `from_logits` and `label_smoothing`.
    Raises:
        ShapeError: targets and predictions of different shapes.
        DescendError: label_smoothing outside [0, 1].
    Source: hull-2023, "Binary Classification and Loss Function".

    Example:
        >>> from descend.train.metrics import BinaryCrossentropy
        >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]]), 3)  # log 2
        0.693
    """

    of = losses.BinaryCrossentropy


class CategoricalCrossentropy(LossMetric):
    """The mean of - sum_k y_k log p_k, y one-hot.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss, `from_logits` and `label_smoothing`.
    Raises:
        ShapeError: targets and predictions of different shapes.
        DescendError: label_smoothing outside [0, 1].
    Source: raviv-2022, "Cross entropy loss".

    Example:
        >>> from descend.train.metrics import CategoricalCrossentropy
        >>> round(CategoricalCrossentropy()([[1.0, 0.0]], [[0.25, 0.75]]), 3)  # log 4
        1.386
    """

    of = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(LossMetric):
    """The mean of - log p_y, y an integer class, (n,); predictions (n, classes).

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        options: arguments of the loss, `from_logits`.
    Raises:
        ShapeError: labels that are not (n,), or fewer than two classes.
    Source: hull-2023, "Multi-Class Classification".

    Example:
        >>> from descend.train.metrics import SparseCategoricalCrossentropy
        >>> round(SparseCategoricalCrossentropy()([0], [[0.25, 0.75]]), 3)  # log 4
        1.386
    """

    of = losses.SparseCategoricalCrossentropy


class CosineSimilarity(Metric):
    """The mean of <y, yhat> / (`|y| |yhat|`) over the last axis: 1 for the same direction.

    Args:
        name, dtype: name in the logs; Keras's data type, without effect.
        axis: axis of the vectors; -1, the last, and no other.
    Raises:
        DescendError: another axis.
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.CosineSimilarity.

    Example:
        >>> from descend.train.metrics import CosineSimilarity
        >>> CosineSimilarity()([[1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, 3.0]])
        0.5
    """

    larger_is_better = True

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(name)
        if axis != -1:
            raise DescendError(f"{name}: axis must be -1, the last, got {axis}")

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        same_shapes(self.name, y, prediction)
        cosine = jnp.sum(unit(y.astype(prediction.dtype)) * unit(prediction), axis=-1)
        return cosine.reshape(len(cosine), -1).mean(axis=-1)


class R2Score(Metric):
    """1 - sum (y - yhat)^2 / sum (y - mean y)^2, the share of the variance that is explained.

    Args:
        class_aggregation: mean over several columns: "uniform_average",
            "variance_weighted_average", or None for each column's (by hand only).
        num_regressors: number p of the adjusted form 1 - (1 - R2)(n - 1)/(n - p - 1); 0 for the
            plain one.
        name, dtype: name in the logs; Keras's data type, without effect.
    Raises:
        DescendError: an unknown class_aggregation, a negative number; None for several columns in
            `compile`.
        ShapeError: targets and predictions of different shapes.
    Source: Keras's API, metrics.R2Score.

    Example:
        >>> from descend.train.metrics import R2Score
        >>> R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]])  # 1 - 1 / 2
        0.5
    """

    larger_is_better = True

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name)
        known = ("uniform_average", "variance_weighted_average", None)
        if class_aggregation not in known:
            raise DescendError(
                f"{name}: class_aggregation must be one of {known}, got {class_aggregation!r}"
            )
        self.aggregation, self.num_regressors = class_aggregation, num_regressors
        checks.whole_number(self, "num_regressors", 0)

    def require(self, classes: Any) -> Any:
        """Raise DescendError unless it is one number."""
        if self.aggregation is None and classes > 1:
            raise DescendError(
                f"{self.name} of {classes} columns: give class_aggregation='uniform_average'"
            )

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, 3 columns): y^2, y, (y - yhat)^2 of each."""
        same_shapes(self.name, y, prediction)
        y = y.astype(prediction.dtype).reshape(len(y), -1)
        error = y - prediction.reshape(len(y), -1)
        return jnp.concatenate([y**2, y, error**2], axis=-1)

    def finish(self, total: Any, weight: Any) -> Any:
        """Return R2."""
        total = np.asarray(total, np.float64)
        squares, sums, residual = np.split(total, 3, axis=-1)
        n = np.asarray(weight, np.float64)[..., None]
        spread = squares - sums / n * sums
        with np.errstate(invalid="ignore", divide="ignore"):
            score = 1 - residual / spread
            score = np.where(np.isinf(score), 0.0, score)  # a column that does not vary
            if self.aggregation == "uniform_average":
                score = score.mean(axis=-1)
            elif self.aggregation == "variance_weighted_average":
                score = (score * spread).sum(axis=-1) / spread.sum(axis=-1)
            elif score.shape[-1] == 1:
                score = score[..., 0]
            if self.num_regressors:
                freedom = np.asarray(weight, np.float64) - self.num_regressors - 1
                score = np.where(freedom > 0, 1 - (1 - score) * (weight - 1) / freedom, score)
        return score


class Mean(Metric):
    """The weighted mean of values, by hand: `update_state(values, sample_weight)`.

    Args:
        name, dtype: as in `Metric`.
    Raises:
        DescendError: in `compile`: it takes values, not targets and predictions.
    Source: Keras's API, metrics.Mean.

    Example:
        >>> from descend.train.metrics import Mean
        >>> Mean()([1.0, 5.0], sample_weight=[3.0, 1.0])
        2.0
    """

    def require(self, classes: Any) -> Any:
        """Raise DescendError: it cannot be used in `compile`."""
        raise DescendError(
            f"{type(self).__name__} takes values, not targets and predictions: it is used by hand, "
            "and cannot be given to compile"
        )

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add values of any shape."""
        values = np.asarray(values, np.float64)
        weight = np.ones(()) if sample_weight is None else np.asarray(sample_weight, np.float64)
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
        weight = np.broadcast_to(weight, values.shape)
        self._total = np.sum(values * weight) + (0.0 if self._total is None else self._total)
        self._weight = weight.sum() + (self._weight or 0.0)


class Sum(Mean):
    """The weighted sum of values, by hand: `update_state(values, sample_weight)`.

    Args:
        name, dtype: as in `Metric`.
    Raises:
        DescendError: in `compile`: it takes values, not targets and predictions.
    Source: Keras's API, metrics.Sum.

    Example:
        >>> from descend.train.metrics import Sum
        >>> Sum()([1.0, 5.0], sample_weight=[3.0, 1.0])
        8.0
    """

    def finish(self, total: Any, weight: Any) -> Any:
        """Return the sum."""
        return total
