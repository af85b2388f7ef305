"""How well a probability parts two classes, at all thresholds: AUC, Gini, KS, curves, gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError
from descend.tables.judging.plain import Figures, chance, truth
from descend.tables.judging.weighted import row_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Discrimination(Figures):
    """How well a probability parts positives from negatives.

    Attributes:
        rows, positives: how many; the rest is weighted.
        rate: share of the positives.
        auc: area under the ROC curve: the chance that a positive ranks above a negative.
        gini: 2 auc - 1.
        ks: largest gap between the two distribution functions (Kolmogorov-Smirnov).
        ks_at: the threshold where it is.
        average_precision: area under the precision-recall curve, as a sum of steps.
    """

    rows: int
    positives: int
    rate: float
    auc: float
    gini: float
    ks: float
    ks_at: float
    average_precision: float

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row."""
        import pandas as pd

        return pd.DataFrame([vars(self)])


@aligned("y", "probability", "weights")
def discrimination(y: Any, probability: Any, *, weights: Any = None) -> Discrimination:
    """AUC, Gini, KS and average precision.

    Args:
        y: (n,) the truth, 0 or 1, both there.
        probability: (n,) predicted.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range, one class only.
    """
    from sklearn import metrics

    y, p, w = _that_weigh(y, probability, weights)
    false, true, thresholds = metrics.roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    auc = float(metrics.auc(false, true))
    at = int((true - false).argmax())
    return Discrimination(
        rows=len(y),
        positives=int(y.sum()),
        rate=float(np.average(y, weights=w)),
        auc=auc,
        gini=2 * auc - 1,
        ks=float(true[at] - false[at]),
        ks_at=float(thresholds[at]),
        average_precision=float(metrics.average_precision_score(y, p, sample_weight=w)),
    )


def _that_weigh(
    y: Any, probability: Any, weights: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, probability and weight of the rows that have one, both classes among them."""
    p = chance("probability", probability)
    w = row_weights(weights, len(p))
    counts = w > 0
    return truth("y", truth("y", y, len(p))[counts], both=True), p[counts], w[counts]


@dataclass(frozen=True)
class Curve(Figures):
    """Points of a curve over all thresholds.

    Attributes:
        x, y: their names.
        points: (x, y, threshold), in the order of x.
    """

    x: str
    y: str
    points: tuple[tuple[float, float, float], ...]

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row a point."""
        import pandas as pd

        return pd.DataFrame(list(self.points), columns=[self.x, self.y, "threshold"])


@aligned("y", "probability", "weights")
def roc_points(y: Any, probability: Any, *, most: int = 200, weights: Any = None) -> Curve:
    """The ROC curve: true positive rate over false positive rate.

    Args:
        y: (n,) the truth, 0 or 1, both there.
        probability: (n,) predicted.
        most: points kept, spread evenly along the curve; both ends are.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range, one class only.
    """
    from sklearn import metrics

    y, p, w = _that_weigh(y, probability, weights)
    false, true, thresholds = metrics.roc_curve(y, p, sample_weight=w)
    return _curve("false positive rate", "true positive rate", false, true, thresholds, most)


@aligned("y", "probability", "weights")
def precision_recall_points(
    y: Any, probability: Any, *, most: int = 200, weights: Any = None
) -> Curve:
    """The precision-recall curve; arguments as in `roc_points`."""
    from sklearn import metrics

    y, p, w = _that_weigh(y, probability, weights)
    precision, recall, thresholds = metrics.precision_recall_curve(
        y, p, sample_weight=w, drop_intermediate=True
    )
    order = np.arange(len(recall))[::-1]
    return _curve(
        "recall",
        "precision",
        recall[order],
        precision[order],
        np.append(thresholds, np.inf)[order],
        most,
    )


def _curve(
    x: str, y: str, a: np.ndarray, b: np.ndarray, thresholds: np.ndarray, most: int
) -> Curve:
    if most < 2:
        raise DataError(f"most must be at least 2, got {most}")
    if len(a) > most:
        # evenly along the way, so that steep parts keep their points
        way = np.append(0.0, np.cumsum(np.hypot(np.diff(a), np.diff(b))))
        places = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)))
        places = np.unique(np.concatenate([[0], places, [len(a) - 1]]))
        a, b, thresholds = a[places], b[places], thresholds[places]
    return Curve(x, y, tuple(zip(a.tolist(), b.tolist(), thresholds.tolist(), strict=True)))


@dataclass(frozen=True)
class Gains(Figures):
    """Rows ranked by probability and cut into parts, the most probable first.

    Attributes:
        rows: number of rows in each part, or their weight; positives: those of them that are
            positive.
        least: the smallest probability in it.
        rate: share of positives.
        lift: rate over that of all rows.
        found: share of all positives in this part and those before.
        gap: found less the share of all negatives so far, the distance that KS is the largest of.
    """

    rows: tuple[float, ...]
    positives: tuple[float, ...]
    least: tuple[float, ...]
    rate: tuple[float, ...]
    lift: tuple[float, ...]
    found: tuple[float, ...]
    gap: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row a part."""
        import pandas as pd

        return pd.DataFrame(vars(self))


@aligned("y", "probability", "weights")
def gains(y: Any, probability: Any, *, parts: int = 10, weights: Any = None) -> Gains:
    """The table of gains and lift.

    Rows of one probability stand in the order of the table; where they are many, no cut between
    them has a meaning. A row whose weight reaches over a cut counts on both sides of it.

    Args:
        y: (n,) the truth, 0 or 1, both there.
        probability: (n,) predicted.
        parts: equally large, of equal weight; 10 for deciles.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range, one class only, fewer rows than
            parts.
    """
    y, p, w = _that_weigh(y, probability, weights)
    if not 1 <= parts <= len(y):
        raise DataError(f"parts must be between 1 and the number of rows, {len(y)}; got {parts}")
    order = np.argsort(-p, kind="stable")
    y, p, w = y[order], p[order], w[order]
    so_far, positives_so_far = (np.append(0.0, np.cumsum(v)) for v in (w, w * y))
    ends = np.linspace(0, so_far[-1], parts + 1)
    if weights is None:
        ends = np.round(ends)  # no row is cut
    rows = np.diff(ends)
    positives = np.diff(np.interp(ends, so_far, positives_so_far))
    last = np.searchsorted(so_far, ends[1:] * (1 - 1e-12)) - 1
    shares = np.cumsum(positives) / positives_so_far[-1]
    rate = positives / rows
    negatives = so_far[-1] - positives_so_far[-1]
    table = (
        rows,
        positives,
        p[last],
        rate,
        rate / np.average(y, weights=w),
        shares,
        shares - np.cumsum(rows - positives) / negatives,
    )
    return Gains(*(tuple(column.tolist()) for column in table))
