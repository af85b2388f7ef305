"""How well a probability parts two classes, at all thresholds: AUC, Gini, KS, curves, gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError
from descend.tables.judging.plain import Figures, chance, truth

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Discrimination(Figures):
    """How well a probability parts positives from negatives.

    Attributes:
        rows, positives: how many.
        auc: area under the ROC curve: the chance that a positive ranks above a negative.
        gini: 2 auc - 1.
        ks: largest gap between the two distribution functions (Kolmogorov-Smirnov).
        ks_at: the threshold where it is.
        average_precision: area under the precision-recall curve, as a sum of steps.
    """

    rows: int
    positives: int
    auc: float
    gini: float
    ks: float
    ks_at: float
    average_precision: float

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        import pandas as pd

        return pd.DataFrame([vars(self)])


@aligned("y", "probability")
def discrimination(y: Any, probability: Any) -> Discrimination:
    """AUC, Gini, KS and average precision.

    Args:
        y: (n,) the truth, 0 or 1, both there.
        probability: (n,) predicted.

    Raises:
        DataError: shapes that do not fit, values out of range, one class only.
    """
    from sklearn import metrics

    p = chance("probability", probability)
    y = truth("y", y, len(p), both=True)
    false, true, thresholds = metrics.roc_curve(y, p, drop_intermediate=False)
    auc = float(metrics.auc(false, true))
    at = int((true - false).argmax())
    return Discrimination(
        rows=len(y),
        positives=int(y.sum()),
        auc=auc,
        gini=2 * auc - 1,
        ks=float(true[at] - false[at]),
        ks_at=float(thresholds[at]),
        average_precision=float(metrics.average_precision_score(y, p)),
    )


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
        """One row a point."""
        import pandas as pd

        return pd.DataFrame(list(self.points), columns=[self.x, self.y, "threshold"])


@aligned("y", "probability")
def roc_points(y: Any, probability: Any, *, most: int = 200) -> Curve:
    """The ROC curve: true positive rate over false positive rate.

    Args:
        y: (n,) the truth, 0 or 1, both there.
        probability: (n,) predicted.
        most: points kept, spread evenly along the curve; both ends are.

    Raises:
        DataError: shapes that do not fit, values out of range, one class only.
    """
    from sklearn import metrics

    p = chance("probability", probability)
    y = truth("y", y, len(p), both=True)
    false, true, thresholds = metrics.roc_curve(y, p)
    return _curve("false positive rate", "true positive rate", false, true, thresholds, most)


@aligned("y", "probability")
def precision_recall_points(y: Any, probability: Any, *, most: int = 200) -> Curve:
    """The precision-recall curve; arguments as in `roc_points`."""
    from sklearn import metrics

    p = chance("probability", probability)
    y = truth("y", y, len(p), both=True)
    precision, recall, thresholds = metrics.precision_recall_curve(y, p, drop_intermediate=True)
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
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)))
        kept = np.unique(np.concatenate([[0], kept, [len(a) - 1]]))
        a, b, thresholds = a[kept], b[kept], thresholds[kept]
    return Curve(x, y, tuple(zip(a.tolist(), b.tolist(), thresholds.tolist(), strict=True)))


@dataclass(frozen=True)
class Gains(Figures):
    """Rows ranked by probability and cut into parts, the most probable first.

    Attributes:
        rows: in each part; positives: of them.
        least: the smallest probability in it.
        rate: share of positives.
        lift: rate over that of all rows.
        found: share of all positives in this part and those before.
        gap: found less the share of all negatives so far, the distance that KS is the largest of.
    """

    rows: tuple[int, ...]
    positives: tuple[int, ...]
    least: tuple[float, ...]
    rate: tuple[float, ...]
    lift: tuple[float, ...]
    found: tuple[float, ...]
    gap: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a part."""
        import pandas as pd

        return pd.DataFrame(vars(self))


@aligned("y", "probability")
def gains(y: Any, probability: Any, *, parts: int = 10) -> Gains:
    """The table of gains and lift.

    Rows of one probability stand in the order of the table; where they are many, no cut between
    them has a meaning.

    Args:
        y: (n,) the truth, 0 or 1, both there.
        probability: (n,) predicted.
        parts: equally large; 10 for deciles.

    Raises:
        DataError: shapes that do not fit, values out of range, one class only, fewer rows than
            parts.
    """
    p = chance("probability", probability)
    y = truth("y", y, len(p), both=True)
    if not 1 <= parts <= len(y):
        raise DataError(f"parts must be between 1 and the number of rows, {len(y)}; got {parts}")
    order = np.argsort(-p, kind="stable")
    ends = np.round(np.linspace(0, len(y), parts + 1)).astype(int)
    rows = np.diff(ends)
    positives = np.add.reduceat(y[order].astype(int), ends[:-1])
    found = np.cumsum(positives) / y.sum()
    rate = positives / rows
    table = (
        rows,
        positives,
        p[order][ends[1:] - 1],
        rate,
        rate / y.mean(),
        found,
        found - np.cumsum(rows - positives) / (~y).sum(),
    )
    return Gains(*(tuple(column.tolist()) for column in table))
