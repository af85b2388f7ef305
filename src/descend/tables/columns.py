"""What a column holds, and reading it as numbers, truth values, dates or text.

A CSV file does not say what its columns are. These rules guess, alike for inputs and target, and
count what they could not read so that it can be reported.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from descend.data.frames import as_text as text

Kind = Literal["number", "boolean", "category", "ordered", "date", "text", "empty", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# So large a share of numbers makes a text column numeric; the rest ("?", "n/a.") counts as missing.
NUMERIC_SHARE = 0.9
_DATE = r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ].*)?\s*"
_PARTS = r"^\s*(\d{1,2})([-/.])(\d{1,2})[-/.](\d{2,4})(.*)"
_CODE = r"\s*0\d+\s*"
_TRUTH = {
    **dict.fromkeys(("true", "1", "yes", "y"), 1.0),
    **dict.fromkeys(("false", "0", "no", "n"), 0.0),
}
SPELLINGS = 3  # of true and false in one column of text, from which it is taken for that
_DATES = (datetime.date, datetime.time, datetime.timedelta)


def kind_of(column: pd.Series) -> Kind:
    """What a column is: judged by its type and, for text, by its values."""
    types = pd.api.types
    known = column.dropna()
    if known.empty:
        return "empty"
    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_complex_dtype(column.dtype):
        return "other"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "ordered" if column.cat.ordered else "category"
    if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
        return "date"  # datetime, timedelta, period, interval
    return _kind_of_objects(known)


def _kind_of_objects(known: pd.Series) -> Kind:
    if known.dtype == object:
        inferred = pd.api.types.infer_dtype(known)
        if inferred == "boolean":
            return "boolean"
        if isinstance(known.iloc[0], _DATES):
            return "date"
        if inferred not in ("string", "integer", "floating", "mixed-integer-float", "decimal"):
            plain = known.map(lambda v: isinstance(v, (str, int, float)))
            if not plain.all():
                return "other"  # lists, bytes, structs
    counts = text(known).value_counts()  # each value is judged once, however often it occurs
    levels = counts.index.to_series()
    strangers = int(counts[numbers(levels)[1]].sum())
    if strangers <= (1 - NUMERIC_SHARE) * len(known):
        return "category" if is_code(levels) else "number"
    if levels.str.fullmatch(_DATE).all():
        return "date"
    if len(levels) >= SPELLINGS and levels.str.lower().isin(_TRUTH).all():
        sides = levels.str.lower().map(_TRUTH)
        return "boolean" if sides.nunique() == 2 else "category"
    return "category"


def is_code(known: pd.Series) -> bool:
    """Whether text holds digits of which some begin with 0: a postcode, a key, no quantity."""
    words = text(known)
    return bool(words.str.fullmatch(_CODE).any() and words.str.fullmatch(r"\s*\d+\s*").all())


def numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """A column as float64, NaN where missing; and which entries are there but are no number."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values, np.zeros(len(column), bool)
    words = text(column)
    values = pd.to_numeric(words.str.strip(), errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    said_missing = words.str.strip().str.lower().isin(["", "nan"]).to_numpy(bool)
    return values, (words.notna().to_numpy(bool) & np.isnan(values) & ~said_missing)


def truths(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """A column as 0. and 1., NaN where missing; and which entries are there but are neither.

    True, yes, y and 1 in any case are 1; false, no, n and 0 are 0.
    """
    words = text(column)
    values = words.str.strip().str.lower().map(_TRUTH).to_numpy(dtype=np.float64, na_value=np.nan)
    return values, words.notna().to_numpy(bool) & np.isnan(values)


def with_missing(frame: pd.DataFrame, na: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The table with some values of its columns missing, such as {"income": ["-9999"]}.

    A column that is not there is passed over.
    """
    changed = {
        name: frame[name].mask(holds(frame[name], values))
        for name, values in na.items()
        if name in frame.columns
    }
    return frame.assign(**changed) if changed else frame


def holds(column: pd.Series, values: Sequence[str]) -> np.ndarray:
    """Which entries (n,) are one of some values: equal as numbers, or as text."""
    sizes = pd.to_numeric(pd.Series(list(values), dtype="string"), errors="coerce").dropna()
    same = text(column).isin([value.strip() for value in values]).to_numpy(bool)
    if kind_of(column) == "number" and len(sizes):
        return same | np.isin(numbers(column)[0], sizes.to_numpy(np.float64))
    return same


def dates(column: pd.Series, day_first: bool | None = None) -> tuple[pd.Series, np.ndarray]:
    """A column as datetime64, NaT where missing; and which entries are there but are no date.

    Moments with a zone become UTC; times of day and spans of time count from 1970.

    Args:
        day_first: whether 3/4/2020 is in April; None decides by `day_first` of these rows.
    """
    moments = _moments(column, day_first)
    return moments, column.notna().to_numpy(bool) & moments.isna().to_numpy(bool)


def _moments(column: pd.Series, first: bool | None) -> pd.Series:
    types = pd.api.types
    if types.is_datetime64_any_dtype(column.dtype):
        return column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if types.is_timedelta64_dtype(column.dtype):
        return pd.Timestamp(0) + column
    words = text(column)
    if column.dtype == object and isinstance(column.dropna().iloc[:1].squeeze(), datetime.time):
        words = "1970-01-01 " + words
    places, levels = pd.factorize(words)
    times = _parsed(pd.Series(levels, dtype="string"), first)
    return times.reindex(places).set_axis(column.index)


def _parsed(words: pd.Series, first: bool | None) -> pd.Series:
    times = _to_datetime(words)
    if (
        day_first(words) if first is None else first
    ):  # pandas would turn the year-month-day of others round as well
        turned = words.str.match(_PARTS).fillna(False).astype(bool)
        times = times.where(~turned, _to_datetime(words[turned], day_first=True))
    return times


def _to_datetime(words: pd.Series, day_first: bool = False) -> pd.Series:
    times = pd.to_datetime(words, errors="coerce", format="mixed", utc=True, dayfirst=day_first)
    return times.dt.tz_localize(None)


def day_first(column: pd.Series) -> bool:
    """Whether dates such as 3/4/2020 have the day first, decided for the whole column.

    By a number above 12 if there is one; else points mean the day first and slashes the month.
    """
    if not (column.dtype == object or pd.api.types.is_string_dtype(column.dtype)):
        return False
    parts = column.dropna().astype("str").str.extract(_PARTS).dropna()
    if parts.empty:
        return False
    first, second = parts[0].astype(int), parts[2].astype(int)
    if (first > 12).any() != (second > 12).any():
        return bool((first > 12).any())
    return bool((parts[1] == ".").mean() > 0.5)
