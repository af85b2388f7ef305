"""Deciding by a probability: costs, thresholds, and how well it parts the classes.

A row is called positive where its probability is at least the threshold. Source:
scheidegger-2020, "Evaluating a classifier" (the confusion matrix); Elkan (2001) for the costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError
from descend.tables.judging.plain import Figures, chance, distributions, truth, vector
from descend.tables.judging.weighted import row_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Costs(Figures):
    """What each outcome costs, in any one unit; a gain is a negative cost.

    Raises:
        DataError: a mistake that is not dearer than the right decision.
    """

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(c) for c in vars(self).values()):
            raise DataError(f"costs must be finite numbers, got {vars(self)}")
        for wrong, right in (
            ("false_positive", "true_negative"),
            ("false_negative", "true_positive"),
        ):
            if getattr(self, wrong) <= getattr(self, right):
                raise DataError(
                    f"the cost {wrong}={getattr(self, wrong):g} must be above "
                    f"{right}={getattr(self, right):g}: otherwise one decision is always as good"
                )

    @property
    def threshold(self) -> float:
        """The best threshold for calibrated probabilities.

        (c_fp - c_tn) / (c_fp - c_tn + c_fn - c_tp)
        """
        positive = self.false_positive - self.true_negative
        return positive / (positive + self.false_negative - self.true_positive)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Costs:
        """The costs that `to_json` described."""
        return cls(**described)


@dataclass(frozen=True)
class Decisions(Figures):
    """What deciding at a threshold comes to; a ratio over nothing is NaN.

    Attributes:
        threshold: rows with at least this probability are called positive.
        rows: how many.
        true_positive, false_positive, false_negative, true_negative: counts, or sums of weights.
        accuracy: share decided rightly.
        sensitivity: share of the positives that was found (recall, true positive rate).
        specificity: share of the negatives that was left alone.
        precision: share of those called positive that are.
        negative_precision: share of those called negative that are.
        f1: harmonic mean of precision and sensitivity.
        balanced_accuracy: mean of sensitivity and specificity.
        matthews: correlation of decision and truth.
        cost: mean a row; NaN where no costs were given.
    """

    threshold: float
    rows: int
    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    accuracy: float
    sensitivity: float
    specificity: float
    precision: float
    negative_precision: float
    f1: float
    balanced_accuracy: float
    matthews: float
    cost: float

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row."""
        import pandas as pd

        return pd.DataFrame([vars(self)])


@aligned("y", "probability", "weights")
def decide(
    y: Any,
    probability: Any,
    threshold: float,
    costs: Costs | None = None,
    *,
    weights: Any = None,
) -> Decisions:
    """The confusion matrix at a threshold and what follows from it.

    Args:
        y: (n,) the truth, 0 or 1.
        probability: (n,) predicted.
        threshold: positive from here on.
        costs: costs of the outcomes.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = chance("probability", probability)
    y = truth("y", y, len(p))
    called = p >= threshold
    w = row_weights(weights, len(p))
    counts: list[float] = [float(w[a & b].sum()) for a in (y, ~y) for b in (called, ~called)]
    if weights is None:
        counts = list(map(int, counts))
    tp, fn, fp, tn = counts
    total = tp + fn + fp + tn
    below = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return Decisions(
        threshold=float(threshold),
        rows=len(y),
        true_positive=tp,
        false_positive=fp,
        false_negative=fn,
        true_negative=tn,
        accuracy=(tp + tn) / total,
        sensitivity=sensitivity,
        specificity=specificity,
        precision=_ratio(tp, tp + fp),
        negative_precision=_ratio(tn, tn + fn),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        balanced_accuracy=(sensitivity + specificity) / 2,
        matthews=_ratio(tp * tn - fp * fn, below),
        cost=math.nan if costs is None else float(_cost(costs, tp, fp, fn, tn)) / total,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _cost(costs: Costs, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    return (
        costs.true_positive * tp
        + costs.false_positive * fp
        + costs.false_negative * fn
        + costs.true_negative * tn
    )


@dataclass(frozen=True)
class Threshold(Figures):
    """A threshold chosen by stated costs.

    Attributes:
        costs: costs of the outcomes.
        calibrated: the closed form, best where probabilities are calibrated.
        chosen: threshold of least cost on the rows given; of several, the nearest to the closed
            form.
        at_calibrated, at_chosen: mean cost a row at each.
        never, always: mean cost of calling no row, or every row, positive.
    """

    costs: Costs
    calibrated: float
    chosen: float
    at_calibrated: float
    at_chosen: float
    never: float
    always: float

    def to_frame(self) -> pd.DataFrame:
        """One row for each way to decide."""
        import pandas as pd

        return pd.DataFrame(
            {
                "rule": ["least cost here", "calibrated", "never", "always"],
                "threshold": [self.chosen, self.calibrated, math.nan, math.nan],
                "cost": [self.at_chosen, self.at_calibrated, self.never, self.always],
            }
        )


@aligned("y", "probability", "weights")
def choose_threshold(y: Any, probability: Any, costs: Costs, *, weights: Any = None) -> Threshold:
    """The threshold of least mean cost, beside the closed form.

    All thresholds that decide differently are tried: those half-way between neighbouring
    probabilities, 0 (always) and just above the largest (never).

    Args:
        y: (n,) the truth, 0 or 1, of validation rows: a threshold chosen on the test part would
            flatter.
        probability: (n,) predicted.
        costs: costs of the outcomes.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = chance("probability", probability)
    y, w = truth("y", y, len(p)), row_weights(weights, len(p))
    values, place = np.unique(p, return_inverse=True)
    positives = np.bincount(place, y * w)
    negatives = np.bincount(place, ~y * w)
    # at candidate i the rows of values[i:] are called positive
    tp = np.append(np.cumsum(positives[::-1])[::-1], 0)
    fp = np.append(np.cumsum(negatives[::-1])[::-1], 0)
    mean = _cost(costs, tp, fp, tp[0] - tp, fp[0] - fp) / w.sum()
    middles = (values[1:] + values[:-1]) / 2
    # two neighbours of float spacing have no number between them: the upper one parts them
    middles = np.where(middles > values[:-1], middles, values[1:])
    candidates = np.concatenate([[0.0], middles, [np.nextafter(max(values[-1], 1.0), 2.0)]])
    # costs that differ by a rounding error are equal
    best = np.flatnonzero(mean <= mean.min() + 1e-12 * (1 + abs(mean.min())))
    chosen = best[np.abs(candidates[best] - costs.threshold).argmin()]
    closed = int(np.searchsorted(values, costs.threshold))
    return Threshold(
        costs=costs,
        calibrated=costs.threshold,
        chosen=float(candidates[chosen]),
        at_calibrated=float(mean[closed]),
        at_chosen=float(mean[chosen]),
        never=float(mean[-1]),
        always=float(mean[0]),
    )


def cheapest_class(probabilities: Any, costs: Any) -> np.ndarray:
    """The class of least expected cost of each row, (n,): argmin_j sum_i p_i cost[i, j].

    Args:
        probabilities: (n, k).
        costs: (k, k); costs[i, j] of deciding j where i is true.

    Raises:
        DataError: shapes that do not fit, costs that are no numbers.
    """
    p = distributions("probabilities", probabilities)
    matrix = np.asarray(costs, np.float64)
    k = p.shape[1]
    if matrix.shape != (k, k):
        raise DataError(
            f"costs: expected shape {(k, k)}, true class by decision, got {matrix.shape}"
        )
    vector("costs", matrix.ravel())
    return (p @ matrix).argmin(axis=1)
