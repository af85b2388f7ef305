"""Metrics of numeric targets, and losses as metrics."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn import losses
from descend.nn.losses.regression import unit
from descend.train.metrics.base import Metric, same_shapes


class LossMetric(Metric):
    """A loss without weights, averaged over the rows.

    Args:
        name: name in the logs.
        dtype: dtype as in Keras; without effect.
        options: options of the loss.
    """

    of: ClassVar[type[losses.Loss]]

    larger_is_better = False

    def __init__(self, name: str | None = None, dtype: Any = None, **options: Any):
        self.loss = self.of(**options)
        super().__init__(name)

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return self.loss.rows(y, prediction)


class MeanSquaredError(LossMetric):
    """The mean of (yhat - y)^2."""

    of = losses.MeanSquaredError


class RootMeanSquaredError(LossMetric):
    """The root of the mean of (yhat - y)^2 over all rows and columns."""

    of = losses.MeanSquaredError

    def finish(self, total: Any, weight: Any) -> Any:
        """Return the root."""
        return np.sqrt(total / weight)


class MeanAbsoluteError(LossMetric):
    """The mean of |yhat - y|."""

    of = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(LossMetric):
    """100 times the mean of |yhat - y| / |y|."""

    of = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(LossMetric):
    """The mean of (log(1 + yhat) - log(1 + y))^2."""

    of = losses.MeanSquaredLogarithmicError


class LogCoshError(LossMetric):
    """The mean of log cosh(yhat - y)."""

    of = losses.LogCosh

    def __init__(self, name: str = "logcosh", dtype: Any = None):
        super().__init__(name)


class Poisson(LossMetric):
    """The mean of mu - y log mu."""

    of = losses.Poisson


class KLDivergence(LossMetric):
    """The mean of D(y || p)."""

    of = losses.KLDivergence

    def __init__(self, name: str = "kl_divergence", dtype: Any = None):
        super().__init__(name)


class Hinge(LossMetric):
    """The mean of max(1 - y yhat, 0)."""

    of = losses.Hinge


class SquaredHinge(LossMetric):
    """The mean of max(1 - y yhat, 0)^2."""

    of = losses.SquaredHinge


class CategoricalHinge(LossMetric):
    """The categorical hinge loss."""

    of = losses.CategoricalHinge


class BinaryCrossentropy(LossMetric):
    """The binary cross-entropy; `from_logits`, `label_smoothing` as of the loss."""

    of = losses.BinaryCrossentropy


class CategoricalCrossentropy(LossMetric):
    """The cross-entropy of one-hot targets; `from_logits`, `label_smoothing` as of the loss."""

    of = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(LossMetric):
    """The cross-entropy of integer classes; `from_logits` as of the loss."""

    of = losses.SparseCategoricalCrossentropy


class CosineSimilarity(Metric):
    """The mean of <y, yhat> / (|y| |yhat|) over the last axis: 1 for the same direction."""

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
        name: name in the logs.
        dtype: dtype as in Keras; without effect.
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
        if num_regressors < 0:
            raise DescendError(f"{name}: num_regressors must be >= 0, got {num_regressors}")
        self.aggregation, self.regressors = class_aggregation, num_regressors

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
            if self.regressors:
                freedom = np.asarray(weight, np.float64) - self.regressors - 1
                score = np.where(freedom > 0, 1 - (1 - score) * (weight - 1) / freedom, score)
        return score


class Mean(Metric):
    """The weighted mean of values, by hand: `update_state(values, sample_weight)`."""

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
    """The weighted sum of values, by hand: `update_state(values, sample_weight)`."""

    def finish(self, total: Any, weight: Any) -> Any:
        """Return the sum."""
        return total
