"""Parts made by time: the latest rows are the test, those before them the validation."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

LEAST_OF_SHARE = 0.5  # of the rows asked for, where rows of the same time must not be cut

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
Gap = float | str | datetime.timedelta


def by_time(
    times: Any, gap: Gap | None, sizes: tuple[int, int, int]
) -> tuple[Parts, np.ndarray, str]:
    """Training, validation and test rows by time, the rows left out, and in words the spans.

    Args:
        times: (n,) numbers, dates or ISO text. Rows of the same time stay in one part.
        gap: rows less than this before a later part are left out of the earlier one.
        sizes: rows for training, validation, test; no test rows make no test part.

    Raises:
        DataError: a row without a time, or with text that is none; all times equal; one time with
            so many rows that a part would have less than half of those asked for; a gap that leaves
            nothing, is negative, or does not suit the times.
    """
    values = _moments(times).to_numpy()
    moments, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    parts = 3 if sizes[2] else 2
    if len(moments) < parts:
        why = "all times are equal" if len(moments) == 1 else "there are only two times"
        raise DataError(
            f"{why} ({_named(moments[0])}); at least {parts} are needed, because rows of the "
            "same time stay in one part"
        )
    # rows from each moment on: a part begins at the moment where this is nearest to what it asks
    later = np.concatenate([[len(values)], len(values) - np.cumsum(counts)])
    tested = len(moments)
    if sizes[2]:
        tested = 2 + int(np.abs(later[2:-1] - sizes[2]).argmin())
    checked = 1 + int(np.abs(later[1:tested] - later[tested] - sizes[1]).argmin())
    begins = (0, checked, tested, len(moments))
    rows = [
        np.flatnonzero((places >= low) & (places < high))
        for low, high in itertools.pairwise(begins)
    ]
    for part, wanted in zip(rows, sizes, strict=True):
        if wanted and len(part) < max(2, LEAST_OF_SHARE * wanted):
            common = int(counts.argmax())
            raise DataError(
                f"times that stay whole give parts of {', '.join(str(len(r)) for r in rows)} rows, "
                f"where {', '.join(map(str, sizes))} were asked for: "
                f"{counts[common]} of {len(values)} rows are of {_named(moments[common])}. Choose "
                "other shares, or a finer time"
            )
    left_out = np.zeros(0, np.int64)
    gap_words = ""
    if gap is not None:
        width = _width(gap, moments[0])
        earlier = [
            rows[i][values[rows[i]] <= moments[begins[i + 1]] - width] for i in range(parts - 1)
        ]
        for name, part, before in zip(("training", "validation"), earlier, rows, strict=False):
            if len(part) < 2:
                raise DataError(
                    f"a gap of {gap} leaves {len(part)} of {len(before)} {name} rows; choose a "
                    "smaller one"
                )
        rows[: parts - 1] = earlier
        left_out = np.setdiff1d(np.arange(len(values)), np.concatenate(rows))
        gap_words = f"; {len(left_out):,} rows within the gap of {gap} are left out"
    train, validation, test = rows
    spans = [f"{_named(values[r].min())} to {_named(values[r].max())}" for r in rows if len(r)]
    how = f"by time: training {spans[0]}, validation {spans[1]}"
    how += f", test {spans[2]}" if sizes[2] else ""
    return (train, validation, test), left_out, how + gap_words


def _moments(time: Any) -> pd.Series:
    """The times as a Series of numbers or of dates, nothing missing."""
    import pandas as pd

    series = pd.Series(time).reset_index(drop=True)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if isinstance(series.dtype, pd.PeriodDtype):
        series = pd.Series(series.dt.to_timestamp())
    lost = series.isna()
    types = pd.api.types
    if not (types.is_numeric_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype)):
        read = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
        strange = read.isna() & ~lost
        if strange.any():
            row = int(strange.argmax())
            raise DataError(
                f"the time in row {row + 1} is {str(series.iloc[row])!r}, which is neither a "
                f"number nor a date as in 2024-12-31 (and {int(strange.sum()) - 1} more); write "
                "dates that way, or convert the column with pandas.to_datetime"
            )
        series = read
    elif types.is_numeric_dtype(series.dtype):
        series = pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan))
        lost = lost | ~np.isfinite(series)
    if lost.any():
        raise DataError(
            f"row {int(lost.argmax()) + 1} has no time (and {int(lost.sum()) - 1} more); fill in "
            "the time column, or leave those rows out"
        )
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series


def _width(gap: Gap, moment: Any) -> Any:
    """The gap in the unit in which times are subtracted."""
    import pandas as pd

    dates = isinstance(moment, np.datetime64)
    wanted = 'a time span such as "30 days"' if dates else "a number, as the times are"
    try:
        width = pd.Timedelta(gap).to_timedelta64() if dates else float(gap)  # type: ignore[arg-type]
        negative = width < (np.timedelta64(0) if dates else 0.0)
    except (ValueError, TypeError):
        raise DataError(f"the gap must be {wanted}, got {gap!r}") from None
    if negative or width != width or (dates and isinstance(gap, (int, float))):
        raise DataError(f"the gap must be {wanted}, not negative, got {gap!r}")
    return width


def _named(moment: Any) -> str:
    if isinstance(moment, np.datetime64):
        return str(moment.astype("datetime64[s]")).removesuffix("T00:00:00")
    return f"{moment:.15g}"
