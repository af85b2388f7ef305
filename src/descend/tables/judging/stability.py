"""Whether later rows still look like those of training: the population stability index.

What chance makes is seen by dealing the rows (or whole groups of them) anew to the two samples, the
parts of the column included: with small samples, many levels, levels that only one sample has and
rows that belong together it is far from the chi-squared distribution of large ones.

Source: Siddiqi (2006), ch. "Scorecard Management Reports", for the index and its bands; Westfall
and Young (1993) for the largest of many columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
LEVEL = 0.01  # from which probability on by chance a shift is called one
DEALT, LEAST_DEALT = 299, 99  # times that rows are dealt to the samples; where there is much to do
WORK = 100_000_000  # rows times columns times deals, about


@dataclass(frozen=True)
class Shift(Figures):
    """How far the distribution of one column has moved.

        index = sum over parts of (b - a) log(b / a)

    Attributes:
        name: name of the column or score.
        index: the population stability index.
        noise: its 95% quantile if both samples came from one distribution, by dealing.
        chance: how often the dealing makes so large an index, of any column looked at with it.
        parts: the parts in words; reference, current: shares a and b of the rows in each.
        rows: number of rows of both samples.
    """

    name: str
    index: float
    noise: float
    chance: float
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
        if self.chance > LEVEL:
            return "within noise"
        return "some shift" if self.index < LARGE else "large shift"

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row a part."""
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
        """Make a frame of one row a column."""
        import pandas as pd

        return pd.DataFrame(
            {
                "name": [s.name for s in self.shifts],
                "index": [s.index for s in self.shifts],
                "noise": [s.noise for s in self.shifts],
                "chance": [s.chance for s in self.shifts],
                "band": [s.band for s in self.shifts],
            }
        )


def shift(
    reference: Any,
    current: Any,
    *,
    name: str = "score",
    bins: int = 10,
    kind: str | None = None,
    units: tuple[Any, Any] | None = None,
    seed: int = 0,
) -> Shift:
    """The population stability index of one column or score.

    Numbers and dates are parted at the quantiles of the reference; categories by level; what is
    missing, and levels that the reference does not have, are parts of their own.

    Args:
        reference: (n,) training rows' values.
        current: (m,) later rows' values.
        name: name of the column.
        bins: number of parts of numbers, at most.
        kind: "number" or "category" where the guess by type is wrong.
        units: labels of the rows of both, dealt together; None where each row stands alone.
        seed: seed of the dealing.

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
    result, indices = _dealt(before, after, name, bins, kind, _deals(before, after, units, 1, seed))
    return _judged([result], [indices])[0]


def _deals(before: Any, after: Any, units: Any, columns: int, seed: int) -> np.ndarray:
    """(deals, n + m) which rows are current ones, with as many units as there are."""
    import pandas as pd

    n, m = len(before), len(after)
    count = int(np.clip(WORK // ((n + m) * columns), LEAST_DEALT, DEALT))
    unit, drawn = np.arange(n + m), m
    if units is not None:
        labels = np.concatenate([np.asarray(u, object) for u in units])
        unit = pd.factorize(labels, use_na_sentinel=False)[0]
        drawn = len(np.unique(unit[n:]))
    rng = np.random.default_rng(seed)
    flags = np.zeros((count, unit.max() + 1), bool)
    for row in flags:
        row[rng.permutation(len(row))[:drawn]] = True
    return flags[:, unit]


def _dealt(
    before: pd.Series, after: pd.Series, name: str, bins: int, kind: str | None, deals: np.ndarray
) -> tuple[Shift, np.ndarray]:
    """The shift, its chance not yet known, and the index of each deal."""
    import pandas as pd

    numeric = kind == "number" or (kind is None and _measured(before) and _measured(after))
    table = _cut(before, after, bins) if numeric else _levels(before, after)
    table = [row for row in table if row[1] or row[2]]
    counts = np.array([row[1:] for row in table], float).T
    shares = counts / counts.sum(axis=1, keepdims=True)
    again: Callable[[np.ndarray], np.ndarray]
    if numeric:
        (x, _), (z, _) = _known(before), _known(after)
        values = np.concatenate([x, z])
        known = np.concatenate([before.notna(), after.notna()])
        if not _measured(before) or not _measured(after):
            known = np.concatenate(
                [pd.to_numeric(v, errors="coerce").notna() for v in (before, after)]
            )
        again = _recut(values, known, bins)
    else:
        from descend.tables.columns import text

        words = pd.concat([text(before), text(after)], ignore_index=True)
        again = _relevel(pd.factorize(words)[0])
    indices = _index(again(deals))
    result = Shift(
        name=name,
        index=float(_index(counts[None])[0]),
        noise=float(np.quantile(indices, 0.95)),
        chance=1.0,
        parts=tuple(row[0] for row in table),
        reference=tuple(shares[0].tolist()),
        current=tuple(shares[1].tolist()),
        rows=(len(before), len(after)),
    )
    return result, indices


def _index(counts: np.ndarray) -> np.ndarray:
    """(deals,) of counts (deals, 2, parts), reference and current; empty parts do not count."""
    shares = np.maximum(counts, LEAST_ROWS) / counts.sum(axis=2, keepdims=True)
    a, b = shares[:, 0], shares[:, 1]
    return np.where(counts.any(axis=1), (b - a) * np.log(b / a), 0.0).sum(axis=1)


def _recut(values: np.ndarray, known: np.ndarray, bins: int) -> Callable[[np.ndarray], np.ndarray]:
    """Flags of the current rows (deals, n) -> counts, cut at quantiles of the other rows."""
    order = np.argsort(values, kind="stable")
    placed = np.flatnonzero(known)[order]
    # of each value in its order the last one that is equal
    last = np.searchsorted(values[order], values[order], side="right") - 1
    steps = np.arange(1, bins) / bins

    def counts(deals: np.ndarray) -> np.ndarray:
        missing = deals.sum(axis=1), (~deals).sum(axis=1)
        if not len(placed):
            return np.stack([missing[1], missing[0]], axis=1)[:, :, None].astype(float)
        later = np.cumsum(deals[:, placed], axis=1)
        earlier = np.arange(1, len(placed) + 1) - later
        wanted = np.maximum(np.ceil(earlier[:, -1:] * steps), 1)
        # the rows one behind the other rise, so that one search finds the places in all of them
        apart = (np.arange(len(deals)) * (len(placed) + 2))[:, None]
        positions = np.searchsorted((earlier + apart).ravel(), (wanted + apart).ravel())
        places = positions.reshape(wanted.shape) - (np.arange(len(deals)) * len(placed))[:, None]
        ends = last[np.minimum(places, len(placed) - 1)]
        both = []
        for up_to, rows in ((earlier, missing[1]), (later, missing[0])):
            until = np.concatenate([np.take_along_axis(up_to, ends, 1), up_to[:, -1:]], axis=1)
            inside = np.diff(until, axis=1, prepend=0)
            both.append(np.concatenate([inside, (rows - until[:, -1])[:, None]], axis=1))
        return np.stack(both, axis=1).astype(float)

    return counts


def _relevel(codes: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Flags of the current rows (deals, n) -> counts by level; codes are -1 where missing."""
    levels = int(codes.max()) + 2
    whole = np.bincount(codes + 1, minlength=levels)

    def counts(deals: np.ndarray) -> np.ndarray:
        deal, row = np.nonzero(deals)
        flat = np.bincount(deal * levels + codes[row] + 1, minlength=len(deals) * levels)
        current = flat.reshape(len(deals), levels)
        each = np.stack([whole - current, current], axis=1)
        missing, rest = each[:, :, :1], each[:, :, 1:]
        new = np.where(rest[:, :1] == 0, rest, 0).sum(axis=2, keepdims=True)
        known = np.where(rest[:, :1] > 0, rest, 0)
        order = np.argsort(-known[:, :1], axis=2, kind="stable")
        ranked = np.take_along_axis(known, np.broadcast_to(order, known.shape), 2)
        other = ranked[:, :, MOST_LEVELS:].sum(axis=2, keepdims=True)
        return np.concatenate([ranked[:, :, :MOST_LEVELS], other, new, missing], axis=2).astype(
            float
        )

    return counts


def _judged(shifts: list[Shift], dealt: list[np.ndarray]) -> list[Shift]:
    """Add the chance of each: how often the largest standardised index of a deal is as large."""
    indices = np.stack(dealt)
    mean = indices.mean(axis=1, keepdims=True)
    sd = np.maximum(indices.std(axis=1, keepdims=True), 1e-12)
    largest = ((indices - mean) / sd).max(axis=0)
    observed = (np.array([s.index for s in shifts]) - mean[:, 0]) / sd[:, 0]
    chance = (1 + (largest[None] >= observed[:, None] - 1e-9).sum(axis=1)) / (1 + len(largest))
    return [replace(s, chance=float(c)) for s, c in zip(shifts, chance, strict=True)]


def _measured(column: pd.Series) -> bool:
    from pandas.api import types

    if types.is_bool_dtype(column.dtype):
        return False
    return types.is_numeric_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype)


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
    rows_of_bins = [(n, int(a), int(b)) for n, a, b in zip(names, *rows, strict=True)]
    return [*rows_of_bins, ("(missing)", missing, gone)]


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
    frequent, rare = counts.index[:MOST_LEVELS], counts.index[MOST_LEVELS:]
    return [
        *((str(v), int(counts[v]), int(later.get(v, 0))) for v in frequent),
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
    units: tuple[Any, Any] | None = None,
    seed: int = 0,
) -> Stability:
    """The population stability index of each column.

    Args:
        reference: training rows.
        current: later rows, or the test part.
        columns: columns to judge; None for all of the reference.
        bins: number of parts of numbers, at most.
        kinds: {column: "number" or "category"} where the guess by type is wrong.
        units: labels of the rows of both tables, dealt together; None where each row stands alone.
        seed: seed of the dealing.

    Raises:
        DataError: no rows. DescendError: a column that one of the tables does not have.
    """
    names = list(reference.columns if columns is None else columns)
    for table in (reference, current):
        for column in names:
            if column not in table.columns:
                raise unknown("column", column, map(str, table.columns))
    if not names or reference.empty or current.empty:
        raise DataError(
            f"{len(names)} columns, {len(reference)} reference rows and {len(current)} current "
            "ones; all are needed"
        )
    kinds = dict(kinds or {})
    deals = _deals(reference, current, units, len(names), seed)
    pairs = [
        _dealt(
            reference[c].reset_index(drop=True),
            current[c].reset_index(drop=True),
            str(c),
            bins,
            kinds.get(c),
            deals,
        )
        for c in names
    ]
    shifts = _judged([one for one, _ in pairs], [indices for _, indices in pairs])
    return Stability(tuple(sorted(shifts, key=lambda s: -s.index)))
