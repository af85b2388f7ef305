"""How predictions of single rows change with a column: what average marginal effects average."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DataError, unknown
from descend.tables.judging.plain import vector
from descend.tables.judging.weighted import frequent_levels, spread

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("number", "ordered", "category")
MOST_LEVELS = 30
# of a standard deviation: below it a step is lost in the last digits of float32 predictions
LEAST_UNIT = 0.01


@dataclass(frozen=True)
class Change:
    """The change of each row's prediction with one column, or with one of its levels.

    Attributes:
        name, column, kind, level, base: as in `descend.tables.judging.effects.Effect`.
        values: (members, n), one member where there are none; refits: (refits, n), of networks
            trained anew, (0, n) without them.
        rows: (n,) booleans: those that are averaged over.
        other: (values, rows) of the other view of a number, or None.
    """

    name: str
    column: str
    kind: str
    level: str | None
    base: str | None
    values: np.ndarray
    refits: np.ndarray
    rows: np.ndarray
    other: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Networks:
    """The predictions of a frame by every network there is: members first, then refits."""

    predict: Callable[[pd.DataFrame], Any]
    predict_members: Callable[[pd.DataFrame], Any] | None
    predict_refits: Callable[[pd.DataFrame], Any] | None

    def __call__(self, frame: pd.DataFrame) -> Predictions:
        """Predict rows of raw columns."""
        if self.predict_members is None:
            members = vector("what `predict` gave", self.predict(frame), len(frame))[None]
        else:
            members = _several("predict_members", self.predict_members(frame), len(frame))
        if self.predict_refits is None:
            return Predictions(members, np.empty((0, len(frame))))
        refits = _several("predict_refits", self.predict_refits(frame), len(frame))
        if len(refits) < 2:
            raise DataError("one refit has no spread; train at least two networks anew")
        return Predictions(members, refits)


@dataclass(frozen=True)
class Predictions:
    """Predictions of members (members, n) and of refits (refits, n)."""

    members: np.ndarray
    refits: np.ndarray

    def less(self, other: Predictions, by: Any = 1.0) -> Predictions:
        """The difference a unit: (self - other) / by."""
        return Predictions((self.members - other.members) / by, (self.refits - other.refits) / by)


def _several(what: str, values: Any, rows: int) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or array.shape[1] != rows or not np.isfinite(array).all():
        raise DataError(
            f"what `{what}` gave: expected finite numbers of shape (members, {rows}), got "
            f"{array.shape}"
        )
    return array


def as_numbers(column: pd.Series) -> np.ndarray:
    """(n,) float64; NaN where there is no number."""
    import pandas as pd

    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def is_number(column: pd.Series, kind: str | None) -> bool:
    """Whether a column has a slope or a unit: numbers other than 0 and 1 alone."""
    from pandas.api import types

    if kind is not None:
        return kind == "number"
    if types.is_bool_dtype(column.dtype) or not types.is_numeric_dtype(column.dtype):
        return False
    return not np.isin(as_numbers(column.dropna()), (0.0, 1.0)).all()


def unfit(column: pd.Series, kind: str | None) -> str | None:
    """Why a column has no effect; None if it has."""
    from pandas.api import types

    known = column.dropna()
    if known.empty:
        return "it has no values"
    if types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype):
        return "it holds dates"
    if is_number(column, kind):
        values = as_numbers(column)
        if np.nanmin(values, initial=np.inf) >= np.nanmax(values, initial=-np.inf):
            return "it has one value or none that is a number"
        return None
    levels = known.nunique()
    if levels < 2:
        return "it has one value"
    if levels > MOST_LEVELS:
        return f"it has {levels} levels, more than {MOST_LEVELS}"
    return None


def changes(
    predict: Networks,
    frame: pd.DataFrame,
    column: Any,
    *,
    kind: str | None,
    base: Any,
    width: float | None,
    step: float,
    seen: tuple[float, float] | None,
    weights: np.ndarray,
) -> list[Change]:
    """The changes that `average_marginal_effects` averages; arguments as there."""
    if is_number(frame[column], kind):
        return [_of_number(predict, frame, column, width, step, seen, weights)]
    results = []
    if kind == "ordered" or (kind is None and _in_order(frame[column])):
        results.append(_level_up(predict, frame, column))
    return [*results, *_against_base(predict, frame, column, base, weights)]


def _with(frame: pd.DataFrame, column: Any, values: Any) -> pd.DataFrame:
    changed = frame.copy()
    changed[column] = values
    return changed


def _of_number(
    predict: Networks,
    frame: pd.DataFrame,
    column: Any,
    width: float | None,
    step: float,
    seen: tuple[float, float] | None,
    weights: np.ndarray,
) -> Change:
    """The change of a unit of a whole number, else the slope; the other view beside it."""
    x = as_numbers(frame[column])
    known = np.isfinite(x)
    size = spread(x[known], weights[known])
    h = step * size if width is None else width
    if not h > 0:
        raise DataError(f"the step of the column {column!r} must be above 0, got {h!r}")

    def at(values: np.ndarray) -> Predictions:
        return predict(_with(frame, column, values))

    # of what was added after rounding, not of h
    slope = at(x + h).less(at(x - h), np.where(known, (x + h) - (x - h), 1.0))
    whole = bool((x[known] == np.floor(x[known])).all()) and width is None
    unit = 1.0 if whole and size * LEAST_UNIT <= 1 else None
    more = unit or size
    largest = np.nanmax(x) if seen is None else seen[1]
    inside = known & (x + more <= largest)
    name = str(column)
    if not inside.any():
        return Change(name, name, "slope", None, None, slope.members, slope.refits, known)
    moved = at(np.where(inside, x + more, x)).less(at(x), more)
    first, rows, other, others = (
        (moved, inside, slope, known) if unit else (slope, known, moved, inside)
    )
    return Change(
        name,
        name,
        "unit" if unit else "slope",
        None,
        None,
        first.members,
        first.refits,
        rows,
        (other.members, others),
    )


def _in_order(column: pd.Series) -> bool:
    import pandas as pd

    return isinstance(column.dtype, pd.CategoricalDtype) and bool(column.dtype.ordered)


def _ordered_levels(column: pd.Series) -> list[Any]:
    """Levels that occur, by their type's order, else by the alphabet."""
    import pandas as pd

    present = set(column.dropna().unique())
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [level for level in column.cat.categories if level in present]
    return sorted(present, key=str)


def _level_up(predict: Networks, frame: pd.DataFrame, column: Any) -> Change:
    import pandas as pd

    entries = frame[column]
    levels = _ordered_levels(entries)
    after = dict(itertools.pairwise(levels))
    rows = entries.isin(list(after)).to_numpy(bool)
    moved = pd.Series([after.get(v, v) for v in entries], dtype=entries.dtype)
    change = predict(_with(frame, column, moved)).less(predict(frame))
    name = str(column)
    return Change(name, name, "level up", None, None, change.members, change.refits, rows)


def _against_base(
    predict: Networks, frame: pd.DataFrame, column: Any, base: Any, weights: np.ndarray
) -> list[Change]:
    """Each level but the base against it."""
    import pandas as pd

    entries = frame[column]
    known = entries.notna().to_numpy(bool)
    levels = frequent_levels(entries[known], weights[known])
    truth = set(levels) <= {0, 1}  # False and True as well
    if base is None:
        base = min(levels) if truth else levels[0]
    if base not in levels:
        raise unknown(f"level of {column!r}", base, map(str, levels))
    if not truth and _in_order(entries):
        levels = _ordered_levels(entries)

    def at(level: Any) -> Predictions:
        return predict(_with(frame, column, pd.Series([level] * len(frame), dtype=entries.dtype)))

    start, results = at(base), []
    for level in levels:
        if level != base:
            change = at(level).less(start)
            name = str(column) if truth else f"{column}[{level}]"
            results.append(
                Change(
                    name,
                    str(column),
                    "level",
                    str(level),
                    str(base),
                    change.members,
                    change.refits,
                    known,
                )
            )
    return results
