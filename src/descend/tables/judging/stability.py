"""Whether later rows still look like those of training: the population stability index.

Source: Siddiqi (2006), ch. "Scorecard Management Reports", for the index and its bands; Yurdakul
(2018) for its distribution where nothing has shifted.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DataError, unknown
from descend.tables.judging.plain import Figures

if TYPE_CHECKING:
    import pandas as pd

SMALL, LARGE = 0.1, 0.25
# An empty part would make the index infinite. Half a row for it, not a fixed share: that would let
# each part that a small sample happens to miss look like a large shift.
LEAST_ROWS = 0.5
MOST_LEVELS = 50


@dataclass(frozen=True)
class Shift(Figures):
    """How far the distribution of one column has moved.

        index = sum over parts of (b - a) log(b / a)

    Attributes:
        name: of the column or score.
        index: the population stability index.
        noise: its 95% quantile if both samples came from one distribution.
        parts: in words; reference, current: shares a and b of the rows in each.
        rows: of both samples.
    """

    name: str
    index: float
    noise: float
    parts: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    rows: tuple[int, int]

    @property
    def band(self) -> str:
        """The index in words: "stable" below 0.1, "some shift" below 0.25, else "large shift".

        "within noise" where so small samples would show as much without any shift.
        """
        if self.index < SMALL:
            return "stable"
        if self.index <= self.noise:
            return "within noise"
        return "some shift" if self.index < LARGE else "large shift"

    def to_frame(self) -> pd.DataFrame:
        """One row a part."""
        import pandas as pd

        return pd.DataFrame(
            {"part": self.parts, "reference": self.reference, "current": self.current}
        )

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON, with the band."""
        return {**super().to_json(), "band": self.band}


@dataclass(frozen=True)
class Stability(Figures):
    """The shifts of several columns, the largest first."""

    shifts: tuple[Shift, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a column."""
        import pandas as pd

        return pd.DataFrame(
            {
                "name": [s.name for s in self.shifts],
                "index": [s.index for s in self.shifts],
                "noise": [s.noise for s in self.shifts],
                "band": [s.band for s in self.shifts],
            }
        )


def shift(
    reference: Any, current: Any, *, name: str = "score", bins: int = 10, kind: str | None = None
) -> Shift:
    """The population stability index of one column or score.

    Numbers and dates are parted at the quantiles of the reference; categories by level; what is
    missing, and levels that the reference does not have, are parts of their own.

    Args:
        reference: (n,) training rows' values.
        current: (m,) later rows' values.
        name: of the column.
        bins: at most so many parts of numbers.
        kind: "number" or "category" where the guess by type is wrong.

    Raises:
        DataError: no rows. DescendError: a kind that is not known.
    """
    import pandas as pd

    if kind not in (None, "number", "category"):
        raise unknown("kind", kind, ("number", "category"))
    if bins < 2:
        raise DataError(f"bins must be at least 2, got {bins}")
    before, after = (
        values.reset_index(drop=True) if isinstance(values, pd.Series) else pd.Series(values)
        for values in (reference, current)
    )
    if before.empty or after.empty:
        raise DataError(
            f"{name}: {len(before)} reference rows and {len(after)} current ones; both are needed"
        )
    numeric = kind == "number" or (kind is None and _measured(before) and _measured(after))
    table = _cut(before, after, bins) if numeric else _levels(before, after)
    table = [row for row in table if row[1] or row[2]]
    parts = tuple(row[0] for row in table)
    counts = np.array([row[1:] for row in table], float).T
    shares = counts / counts.sum(axis=1, keepdims=True)
    a, b = np.maximum(counts, LEAST_ROWS) / counts.sum(axis=1, keepdims=True)
    return Shift(
        name=name,
        index=float(np.sum((b - a) * np.log(b / a))),
        noise=_noise(len(parts), len(before), len(after)),
        parts=parts,
        reference=tuple(shares[0].tolist()),
        current=tuple(shares[1].tolist()),
        rows=(len(before), len(after)),
    )


def _measured(column: pd.Series) -> bool:
    from pandas.api import types

    if types.is_bool_dtype(column.dtype):
        return False
    return types.is_numeric_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype)


def _noise(parts: int, before: int, after: int) -> float:
    """Without a shift the index is about (1/n + 1/m) times a chi-squared of parts - 1."""
    from scipy.stats import chi2

    return float((1 / before + 1 / after) * chi2.ppf(0.95, parts - 1)) if parts > 1 else 0.0


# name of a part, rows of the reference in it, rows of the current table
Part = tuple[str, int, int]


def _cut(before: pd.Series, after: pd.Series, bins: int) -> list[Part]:
    """The parts of numbers or dates, cut at quantiles of the reference."""
    (x, missing), (z, gone) = _known(before), _known(after)
    # the inverse distribution function: values that occur, of dates as well
    places = np.ceil(len(x) * np.arange(1, bins) / bins).astype(int) - 1
    edges = np.unique(np.sort(x)[places]) if len(x) else x
    rows = [np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) for v in (x, z)]
    ends = [_said(e) for e in edges]
    names = ["known"]
    if ends:
        inner = [f"({a}, {b}]" for a, b in itertools.pairwise(ends)]
        names = [f"<= {ends[0]}", *inner, f"> {ends[-1]}"]
    found = [(n, int(a), int(b)) for n, a, b in zip(names, *rows, strict=True)]
    return [*found, ("(missing)", missing, gone)]


def _known(column: pd.Series) -> tuple[np.ndarray, int]:
    """What is there, as numbers or dates of NumPy, and how many rows have nothing."""
    import pandas as pd

    if not _measured(column):
        column = pd.to_numeric(column, errors="coerce")
    known = column.dropna()
    missing = len(column) - len(known)
    if isinstance(known.dtype, pd.DatetimeTZDtype):
        known = known.dt.tz_convert(None)
    if pd.api.types.is_datetime64_any_dtype(known.dtype):
        return known.to_numpy(), missing
    return known.to_numpy(dtype=np.float64), missing


def _said(edge: Any) -> str:
    return str(edge)[:10] if isinstance(edge, np.datetime64) else f"{float(edge):.6g}"


def _levels(before: pd.Series, after: pd.Series) -> list[Part]:
    """The levels of the reference; rare ones of very many are put together."""
    from descend.tables.columns import text

    words = [text(column) for column in (before, after)]
    counts, later = (column.value_counts() for column in words)
    kept, rare = counts.index[:MOST_LEVELS], counts.index[MOST_LEVELS:]
    return [
        *((str(v), int(counts[v]), int(later.get(v, 0))) for v in kept),
        ("(other levels)", int(counts[rare].sum()), int(later[later.index.isin(rare)].sum())),
        ("(new levels)", 0, int(later[~later.index.isin(counts.index)].sum())),
        ("(missing)", int(words[0].isna().sum()), int(words[1].isna().sum())),
    ]


def stability(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    bins: int = 10,
    kinds: Mapping[str, str] | None = None,
) -> Stability:
    """The population stability index of each column.

    Args:
        reference: training rows.
        current: later rows, or the test part.
        columns: to judge; None for all of the reference.
        bins: at most so many parts of numbers.
        kinds: {column: "number" or "category"} where the guess by type is wrong.

    Raises:
        DataError: no rows. DescendError: a column that one of the tables does not have.
    """
    names = list(reference.columns if columns is None else columns)
    for table in (reference, current):
        for column in names:
            if column not in table.columns:
                raise unknown("column", column, map(str, table.columns))
    kinds = dict(kinds or {})
    found = [
        shift(reference[c], current[c], name=str(c), bins=bins, kind=kinds.get(c)) for c in names
    ]
    return Stability(tuple(sorted(found, key=lambda s: -s.index)))
