"""How a network does on each group of rows: how many they are, base rate, error rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.tables.judging.costs import decide
from descend.tables.judging.plain import (
    Figures,
    chance,
    class_numbers,
    distributions,
    group_names,
    share,
    truth,
    vector,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rate(Figures):
    """A share of rows with its 95% interval (Wilson); NaN where there is no row to count.

    Attributes:
        share: of them; low, high: of the interval.
        rows: that it is a share of.
    """

    share: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class GroupFigures(Figures):
    """Figures of one group.

    Attributes:
        group: its name; None for all rows.
        rows: how many.
        figures: by name; rates are Rate, the rest numbers.
    """

    group: str | None
    rows: int
    figures: dict[str, Rate | float]


@dataclass(frozen=True)
class Groups(Figures):
    """Figures of all rows (the first) and of each group."""

    parts: tuple[GroupFigures, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a group; of rates the share and both ends."""
        import pandas as pd

        rows = []
        for part in self.parts:
            row: dict[str, Any] = {"group": part.group, "rows": part.rows}
            for name, figure in part.figures.items():
                if isinstance(figure, Rate):
                    row |= {
                        name: figure.share,
                        f"{name}_low": figure.low,
                        f"{name}_high": figure.high,
                    }
                else:
                    row[name] = figure
            rows.append(row)
        return pd.DataFrame(rows)


def _rate(hits: float, rows: int) -> Rate:
    from statsmodels.stats.proportion import proportion_confint

    if not rows:
        return Rate(math.nan, math.nan, math.nan, 0)
    low, high = proportion_confint(hits, rows, method="wilson")
    return Rate(float(hits / rows), float(low), float(high), int(rows))


def _parts(groups: Any, rows: int) -> list[tuple[str | None, np.ndarray]]:
    names = group_names(groups, rows)
    return [(None, np.ones(rows, bool)), *((g, names == g) for g in sorted(set(names)))]


@aligned("y", "probability", "groups")
def event_by_group(y: Any, probability: Any, groups: Any, *, threshold: float = 0.5) -> Groups:
    """Base rate and error rates of an event in each group.

    Args:
        y: (n,) the truth, 0 or 1.
        probability: (n,) predicted.
        groups: (n,) labels; a missing one is a group of its own.
        threshold: positive from here on.

    Returns:
        `base_rate`, `predicted_mean`, `called_rate` (called positive), `error_rate`,
        `false_positive_rate`, `false_negative_rate`.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = chance("probability", probability)
    y = truth("y", y, len(p))
    share("threshold", threshold)

    def figures(rows: np.ndarray) -> dict[str, Rate | float]:
        d = decide(y[rows], p[rows], threshold)
        positives = d.true_positive + d.false_negative
        return {
            "base_rate": _rate(positives, d.rows),
            "predicted_mean": float(p[rows].mean()),
            "called_rate": _rate(d.true_positive + d.false_positive, d.rows),
            "error_rate": _rate(d.false_positive + d.false_negative, d.rows),
            "false_positive_rate": _rate(d.false_positive, d.rows - positives),
            "false_negative_rate": _rate(d.false_negative, positives),
        }

    return _all(figures, _parts(groups, len(p)))


@aligned("y", "probabilities", "groups")
def classes_by_group(y: Any, probabilities: Any, groups: Any) -> Groups:
    """Error rate and log-loss of a classifier in each group.

    Args:
        y: (n,) class numbers.
        probabilities: (n, k).
        groups: (n,) labels; a missing one is a group of its own.

    Returns:
        `error_rate` and `log_loss`.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = distributions("probabilities", probabilities)
    y = class_numbers("y", y, p.shape[1], len(p))
    wrong = p.argmax(axis=1) != y
    loss = -np.log(np.maximum(p[np.arange(len(p)), y], np.finfo(np.float32).eps))

    def figures(rows: np.ndarray) -> dict[str, Rate | float]:
        error = _rate(wrong[rows].sum(), int(rows.sum()))
        return {"error_rate": error, "log_loss": float(loss[rows].mean())}

    return _all(figures, _parts(groups, len(p)))


@aligned("y", "predicted", "groups")
def values_by_group(y: Any, predicted: Any, groups: Any) -> Groups:
    """Mean, bias and errors of predicted values in each group.

    Args:
        y: (n,) true values.
        predicted: (n,).
        groups: (n,) labels; a missing one is a group of its own.

    Returns:
        `mean`, `predicted_mean`, `bias` (predicted less true), `rmse`, `mae`.

    Raises:
        DataError: shapes that do not fit.
    """
    y = vector("y", y)
    m = vector("predicted", predicted, len(y))
    off = m - y

    def figures(rows: np.ndarray) -> dict[str, Rate | float]:
        return {
            "mean": float(y[rows].mean()),
            "predicted_mean": float(m[rows].mean()),
            "bias": float(off[rows].mean()),
            "rmse": float(np.sqrt(np.mean(off[rows] ** 2))),
            "mae": float(np.abs(off[rows]).mean()),
        }

    return _all(figures, _parts(groups, len(y)))


def _all(figures: Any, parts: list[tuple[str | None, np.ndarray]]) -> Groups:
    return Groups(tuple(GroupFigures(g, int(rows.sum()), figures(rows)) for g, rows in parts))
