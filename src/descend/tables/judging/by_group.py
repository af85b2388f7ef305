"""How a network does on each group of rows: how many they are, base rate, error rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
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
from descend.tables.judging.weighted import row_weights, share_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rate(Figures):
    """A share of rows with its 95% interval (Wilson); NaN where there is no row to count.

    Attributes:
        share: share of the rows; low, high: ends of its interval.
        rows: number of rows that it is a share of; the share itself is weighted.
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
        figures: figures by name, weighted; rates are Rate, the rest numbers.
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


def _rate(hits: np.ndarray, weights: np.ndarray) -> Rate:
    return Rate(*share_interval(hits, weights), len(hits))


def _parts(groups: Any, rows: int) -> list[tuple[str | None, np.ndarray]]:
    names = group_names(groups, rows)
    return [(None, np.ones(rows, bool)), *((g, names == g) for g in sorted(set(names)))]


@aligned("y", "probability", "groups", "weights")
def event_by_group(
    y: Any, probability: Any, groups: Any, *, threshold: float = 0.5, weights: Any = None
) -> Groups:
    """Base rate and error rates of an event in each group.

    Args:
        y: (n,) the truth, 0 or 1.
        probability: (n,) predicted.
        groups: (n,) labels; a missing one is a group of its own.
        threshold: positive from here on.
        weights: (n,) of the rows.

    Returns:
        `base_rate`, `predicted_mean`, `called_rate` (called positive), `error_rate`,
        `false_positive_rate`, `false_negative_rate`.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = chance("probability", probability)
    y, w = truth("y", y, len(p)), row_weights(weights, len(p))
    called = p >= share("threshold", threshold)

    def figures(rows: np.ndarray) -> dict[str, Rate | float]:
        return {
            "base_rate": _rate(y[rows], w[rows]),
            "predicted_mean": _mean(p[rows], w[rows]),
            "called_rate": _rate(called[rows], w[rows]),
            "error_rate": _rate((called != y)[rows], w[rows]),
            "false_positive_rate": _rate(called[rows & ~y], w[rows & ~y]),
            "false_negative_rate": _rate(~called[rows & y], w[rows & y]),
        }

    return _all(figures, _parts(groups, len(p)))


@aligned("y", "probabilities", "groups", "weights")
def classes_by_group(y: Any, probabilities: Any, groups: Any, *, weights: Any = None) -> Groups:
    """Error rate and log-loss of a classifier in each group.

    Args:
        y: (n,) class numbers.
        probabilities: (n, k).
        groups: (n,) labels; a missing one is a group of its own.
        weights: (n,) of the rows.

    Returns:
        `error_rate` and `log_loss`.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = distributions("probabilities", probabilities)
    y = class_numbers("y", y, p.shape[1], len(p))
    wrong, w = p.argmax(axis=1) != y, row_weights(weights, len(p))
    loss = -np.log(np.maximum(p[np.arange(len(p)), y], np.finfo(np.float32).eps))

    def figures(rows: np.ndarray) -> dict[str, Rate | float]:
        error = _rate(wrong[rows], w[rows])
        return {"error_rate": error, "log_loss": _mean(loss[rows], w[rows])}

    return _all(figures, _parts(groups, len(p)))


@aligned("y", "predicted", "groups", "weights")
def values_by_group(y: Any, predicted: Any, groups: Any, *, weights: Any = None) -> Groups:
    """Mean, bias and errors of predicted values in each group.

    Args:
        y: (n,) true values.
        predicted: (n,).
        groups: (n,) labels; a missing one is a group of its own.
        weights: (n,) of the rows.

    Returns:
        `mean`, `predicted_mean`, `bias` (predicted less true), `rmse`, `mae`.

    Raises:
        DataError: shapes that do not fit.
    """
    y = vector("y", y)
    m = vector("predicted", predicted, len(y))
    off, w = m - y, row_weights(weights, len(y))

    def figures(rows: np.ndarray) -> dict[str, Rate | float]:
        weights_here = w[rows]
        return {
            "mean": _mean(y[rows], weights_here),
            "predicted_mean": _mean(m[rows], weights_here),
            "bias": _mean(off[rows], weights_here),
            "rmse": math.sqrt(_mean(off[rows] ** 2, weights_here)),
            "mae": _mean(np.abs(off[rows]), weights_here),
        }

    return _all(figures, _parts(groups, len(y)))


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    """NaN where no row has a weight."""
    return float(np.average(values, weights=weights)) if weights.any() else math.nan


def _all(figures: Any, parts: list[tuple[str | None, np.ndarray]]) -> Groups:
    return Groups(tuple(GroupFigures(g, int(rows.sum()), figures(rows)) for g, rows in parts))
