"""How often intervals and sets hold the truth, on rows they were not calibrated on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError
from descend.tables.judging.plain import Figures, class_numbers, group_names, vector
from descend.tables.judging.weighted import row_weights, share_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Covered(Figures):
    """How often intervals or sets held the truth on rows they were not calibrated on.

    Attributes:
        group: name; None for all rows.
        rows: how many; the rest is weighted.
        share: share of the rows that are covered; low, high: its 95% interval (Wilson).
        size: mean width of the intervals, or mean number of classes in the sets.
        empty: share of sets without a class; NaN for intervals.
        single: share of sets with one class; NaN for intervals.
    """

    group: str | None
    rows: int
    share: float
    low: float
    high: float
    size: float
    empty: float
    single: float


@dataclass(frozen=True)
class Coverage(Figures):
    """Coverage on all rows (the first) and in each group."""

    parts: tuple[Covered, ...]

    @property
    def share(self) -> float:
        """Share of all rows that are covered."""
        return self.parts[0].share

    def to_frame(self) -> pd.DataFrame:
        """One row a group, the first for all rows."""
        import pandas as pd

        return pd.DataFrame([vars(part) for part in self.parts])


@aligned("y", "lower", "upper", "groups", "weights")
def interval_coverage(
    y: Any, lower: Any, upper: Any, *, groups: Any = None, weights: Any = None
) -> Coverage:
    """How often [lower, upper] held y.

    Args:
        y: (n,) targets of rows that the intervals were not calibrated on.
        lower, upper: (n,) ends; may be infinite.
        groups: (n,) labels.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit.
    """
    y = vector("y", y)
    ends = [np.asarray(end, np.float64) for end in (lower, upper)]
    for name, end in zip(("lower", "upper"), ends, strict=True):
        if end.shape != y.shape:
            raise DataError(f"{name}: expected shape {y.shape}, got {end.shape}")
    inside = (ends[0] <= y) & (y <= ends[1])
    return _coverage(inside, ends[1] - ends[0], np.full(len(y), np.nan), groups, weights)


@aligned("y", "sets", "groups", "weights")
def set_coverage(y: Any, sets: Any, *, groups: Any = None, weights: Any = None) -> Coverage:
    """How often the set of a row held its class.

    Args:
        y: (n,) class numbers of rows that the sets were not calibrated on.
        sets: (n, k) booleans.
        groups: (n,) labels; those of the true classes show what each class gets.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit.
    """
    sets = np.asarray(sets)
    if sets.ndim != 2 or sets.dtype != bool:
        raise DataError(f"sets: expected booleans (n, classes), got {sets.dtype} {sets.shape}")
    y = class_numbers("y", y, sets.shape[1], len(sets))
    sizes = sets.sum(axis=1).astype(float)
    return _coverage(sets[np.arange(len(y)), y], sizes, sizes, groups, weights)


def by_true_class(y: Any, sets: Any, classes: Sequence[str], *, weights: Any = None) -> Coverage:
    """How often the sets held the class, among the rows of each true class, in their order.

    Args:
        y, sets, weights: as in `set_coverage`.
        classes: names of the k classes; those without a row are left out.

    Raises:
        DataError: shapes that do not fit.
    """
    names = np.asarray(classes, object)[class_numbers("y", y, len(classes))]
    every = set_coverage(y, sets, groups=names, weights=weights).parts
    parts = {part.group: part for part in every}
    return Coverage((every[0], *(parts[name] for name in classes if name in parts)))


def _coverage(
    inside: np.ndarray, size: np.ndarray, count: np.ndarray, groups: Any, weights: Any
) -> Coverage:
    w = row_weights(weights, len(inside))

    def part(name: str | None, rows: np.ndarray) -> Covered:
        own, counts = w[rows], not np.isnan(count[rows]).any()

        def mean(values: np.ndarray) -> float:
            return float(np.average(values[rows], weights=own)) if own.any() else math.nan

        return Covered(
            name,
            int(rows.sum()),
            *share_interval(inside[rows], own),
            mean(size),
            mean(count == 0) if counts else math.nan,
            mean(count == 1) if counts else math.nan,
        )

    parts = [part(None, np.ones(len(inside), bool))]
    if groups is not None:
        names = group_names(groups, len(inside))
        parts += [part(name, names == name) for name in sorted(set(names))]
    return Coverage(tuple(parts))
