"""The area under a curve over thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn import checks
from descend.train.metrics.base import Metric, ratio, same_shapes
from descend.train.metrics.thresholds import confusion, even, shares

METHODS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, by Keras's approximation.

    The curve is known at `num_thresholds` points; the exact area: `sklearn.metrics.roc_auc_score`.

    Args:
        num_thresholds: number of thresholds, in even steps from 0 to 1.
        curve: "ROC" (true against false positive rate) or "PR" (precision against recall).
        summation_method: "interpolation", "minoring" or "majoring": the height of the curve between
            two thresholds. For PR, interpolation is that of Davis and Goadrich (2006).
        name: name in the logs.
        dtype: dtype as in Keras; without effect.
        thresholds: thresholds of one's own in [0, 1].
        multi_label: whether each column has its curve, and the areas are averaged.
        num_labels: number of columns as in Keras; without effect, they are counted.
        label_weights: weights of the columns in that average.
        from_logits: whether predictions are logits.

    Raises:
        DescendError: an unknown curve or summation_method, fewer than two thresholds, or one
            outside [0, 1].
        ShapeError: targets and predictions of different shapes.

    Source: Keras's API, metrics.AUC; Davis and Goadrich 2006.

    Example:
        >>> from descend.train.metrics import AUC
        >>> round(AUC()([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8]), 2)  # three of four pairs in order
        0.75
    """

    larger_is_better = True

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        super().__init__(name)
        if str(curve).upper() not in ("ROC", "PR"):
            raise DescendError(f"{self.name}: curve must be 'ROC' or 'PR', got {curve!r}")
        if str(summation_method).lower() not in METHODS:
            raise DescendError(
                f"{self.name}: summation_method must be one of {METHODS}, got {summation_method!r}"
            )
        self.curve, self.method = str(curve).upper(), str(summation_method).lower()
        if thresholds is None:
            self.num_thresholds = num_thresholds
            checks.whole_number(self, "num_thresholds", 2)
            inner = even(num_thresholds)[1:-1]
        else:
            inner = sorted(shares(self.name, thresholds))
        self.thresholds = [-1e-7, *inner, 1 + 1e-7]
        self.multi_label = checks.true_or_false(self, "multi_label", multi_label)
        self.from_logits = checks.true_or_false(self, "from_logits", from_logits)
        self.label_weights = label_weights
        if label_weights is not None:
            checks.finite_numbers(self, "label_weights", least=0)

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, 2 labels thresholds): true and false positives."""
        same_shapes(self.name, y, prediction)
        p = jax.nn.sigmoid(prediction) if self.from_logits else prediction
        if not self.multi_label:
            return confusion(y, p, self.thresholds, ("tp", "fp"))
        n, labels = p.shape
        one = lambda y, p: confusion(y, p, self.thresholds, ("tp", "fp"))  # noqa: E731
        each = one(y.reshape(-1, 1), p.reshape(-1, 1)).reshape(n, labels, 2, -1)
        return jnp.moveaxis(each, 2, 1).reshape(n, -1)

    def finish(self, total: Any, weight: Any) -> Any:
        """Return the area."""
        counts = np.asarray(total, np.float64)
        counts = counts.reshape(*counts.shape[:-1], 2, -1, len(self.thresholds))
        tp, fp = counts[..., 0, :, :], counts[..., 1, :, :]
        # below the first threshold there is nothing: all ones, all zeros
        ones, zeros = tp[..., :1], fp[..., :1]
        if self.curve == "PR" and self.method == "interpolation":
            areas = _interpolated(tp, fp, ones)
        else:
            recall = ratio(tp, tp * 0 + ones)
            if self.curve == "ROC":
                x, height = ratio(fp, fp * 0 + zeros), recall
            else:
                x, height = recall, ratio(tp, tp + fp)
            left, right = height[..., :-1], height[..., 1:]
            between = {
                "interpolation": (left + right) / 2,
                "minoring": np.minimum(left, right),
                "majoring": np.maximum(left, right),
            }[self.method]
            areas = ((x[..., :-1] - x[..., 1:]) * between).sum(axis=-1)
        if self.label_weights is not None:
            if np.shape(self.label_weights) != areas.shape[-1:]:
                raise DescendError(
                    f"{self.name}: label_weights must be one for each of the {areas.shape[-1]} "
                    f"label(s), got {self.label_weights!r}"
                )
            return np.average(areas, axis=-1, weights=self.label_weights)
        return areas.mean(axis=-1)


def _interpolated(tp: np.ndarray, fp: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """Davis and Goadrich (2006): precision is no straight line between two points of the PR curve.

    sum slope (dTP + c log(P_a / P_b)) / ones, P = TP + FP, slope = dTP / dP, c = TP_b - slope P_b
    """
    positive = tp + fp
    d_tp, d_p = tp[..., :-1] - tp[..., 1:], positive[..., :-1] - positive[..., 1:]
    before, after = positive[..., :-1], positive[..., 1:]
    slope = ratio(d_tp, np.maximum(d_p, 0))
    constant = tp[..., 1:] - slope * after
    both = (before > 0) & (after > 0)
    logs = np.log(np.where(both, before, 1) / np.where(both, after, 1))
    return ratio(slope * (d_tp + constant * logs), d_tp * 0 + ones).sum(axis=-1)
