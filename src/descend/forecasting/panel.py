"""From a table to series: one or many, on one grid of dates, with what is known beside them."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from descend.data.frames import load_frame
from descend.data.table import unknown_column
from descend.errors import DataError
from descend.forecasting import calendar as calendars
from descend.forecasting import dates


@dataclass(frozen=True, eq=False)
class Panel:
    """Series one after the other, a row a date; what `panel` makes of a table.

    Args:
        values: target (rows,), float64, NaN where it is missing.
        starts: whole numbers (series + 1,): the rows of series i are starts[i] : starts[i + 1].
        times: dates (rows,), datetime64[ns], or whole numbers.
        names: name of each series; "" for a single one.
        frequency: pandas' alias of the frequency; "" where times are whole numbers.
        season: steps of the season, 1 for none.
        known: covariates (rows, k) that are known in advance, calendar features last; the rows
            behind a series' last value are dates to come.
        observed: covariates (rows, o) that are known up to the origin only.
        known_names, observed_names: names of their columns.
        remarks: list of what was said of frequency, gaps and dates.
        columns: names of the table's columns (time, target, by); "" for no `by`.
        calendar: cycles whose sine and cosine stand in `known`.
        step: distance of times that are whole numbers.
        lost: counts of what the table did not give: "rows left out", "dates without a row", "rows
            without a value", and "filled: NAME" of each covariate.

    Raises:
        DataError: arrays that do not fit each other.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import Panel
        >>> Panel.of(np.arange(5.0), season=4).lengths.tolist()
        [5]
    """

    values: np.ndarray
    starts: np.ndarray
    times: np.ndarray
    names: tuple[str, ...]
    frequency: str = ""
    season: int = 1
    known: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    observed: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    known_names: tuple[str, ...] = ()
    observed_names: tuple[str, ...] = ()
    remarks: list[str] = field(default_factory=list)
    columns: tuple[str, str, str] = ("time", "target", "")
    calendar: tuple[str, ...] = ()
    step: int = 1
    lost: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.values)
        values = np.asarray(self.values)
        if values.ndim != 1 or np.isinf(values).any():
            raise DataError(
                "Panel: values should be one array (rows,) of numbers, the series one after the "
                f"other, NaN where one is missing; got shape {values.shape}, "
                f"{int(np.isinf(values).sum())} of them infinite"
            )
        for name in ("known", "observed"):
            columns = len(getattr(self, f"{name}_names"))
            if not columns:
                object.__setattr__(self, name, np.zeros((rows, 0)))
            if getattr(self, name).shape != (rows, columns):
                raise DataError(
                    f"Panel: {name} should have shape {(rows, columns)}, and has "
                    f"{getattr(self, name).shape}"
                )
        starts = np.asarray(self.starts)
        good = len(starts) == len(self.names) + 1 and starts[0] == 0 and starts[-1] == rows
        if not good or len(self.times) != rows or (np.diff(starts) < 1).any():
            raise DataError(
                f"Panel: {rows} values, {len(self.times)} times, {len(self.names)} names and "
                f"starts {starts.tolist()} do not fit each other"
            )

    @classmethod
    def of(
        cls, series: Any, season: int = 1, names: Sequence[str] | None = None, **more: Any
    ) -> Panel:
        """Make a panel of one array (time,) or a list of them, with times 0, 1, 2, ..."""
        single = not isinstance(series, (list, tuple))
        try:
            several = [np.asarray(s, np.float64) for s in ([series] if single else series)]
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"Panel.of takes arrays of numbers (time,): {error}") from None
        if not several or any(s.ndim != 1 for s in several):
            raise DataError(
                "Panel.of takes an array (time,), or a list of such arrays; got "
                + (f"shapes {', '.join(str(s.shape) for s in several[:3])}" if several else "none")
            )
        starts = np.concatenate([[0], np.cumsum([len(s) for s in several])])
        times = np.concatenate([np.arange(len(s)) for s in several])
        usual = [""] if len(several) == 1 else [str(i) for i in range(len(several))]
        listed = tuple(usual if names is None else names)
        return cls(np.concatenate(several), starts, times, listed, season=season, **more)

    @classmethod
    def from_frame(cls, frame: Any, time: str, target: str, **how: Any) -> Panel:
        """Make a panel of a table's columns.

        Args:
            frame: pandas or polars frame, a row a date (and series).
            time: column of the dates: dates, periods, ISO text (2024-12, 2024Q4), whole numbers.
            target: column to forecast.
            how: `by`, `known`, `observed`, `frequency`, `season`, `calendar`, as in
                `Forecaster.fit`.
        """
        return panel(frame, time, target, **how)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series up to its last value, (series,)."""
        real = ~np.isnan(self.values)
        ends = [
            np.flatnonzero(real[a:b]).max(initial=-1) + 1
            for a, b in itertools.pairwise(self.starts)
        ]
        return np.asarray(ends, np.int64)

    def history(self, i: int) -> np.ndarray:
        """Return the values of series i up to its last one."""
        return self.values[self.starts[i] : self.starts[i] + self.lengths[i]]

    def dates_ahead(self, horizon: int) -> np.ndarray:
        """Return the dates behind the last value of each series, (series, horizon)."""
        ends = self.starts[:-1] + self.lengths
        ahead = [dates.after(self.times[e - 1], horizon, self.frequency, self.step) for e in ends]
        return np.stack(ahead)

    def tail(self, rows: int) -> Panel:
        """Return the last `rows` rows of each series that have a value, and those to come."""
        begins = self.starts[:-1] + np.maximum(self.lengths - rows, 0)
        kept = np.concatenate(
            [np.arange(a, b) for a, b in zip(begins, self.starts[1:], strict=True)]
        )
        arrays = {n: getattr(self, n)[kept] for n in ("values", "times", "known", "observed")}
        starts = np.concatenate([[0], np.cumsum(self.starts[1:] - begins)])
        return replace(self, starts=starts, **arrays)


def panel(
    frame: Any,
    time: str,
    target: str,
    by: str | None = None,
    known: Sequence[str] = (),
    observed: Sequence[str] = (),
    frequency: str | None = None,
    season: int | None = None,
    calendar: bool | Sequence[str] = (),
) -> Panel:
    """The series of a table, on one grid of dates.

    Rows are sorted by date; a date between a series' first and last value that has no row becomes
    a gap (NaN). Both are said in `remarks`, and so is the frequency that was inferred.

    Args:
        frame: pandas or polars frame, a row a date (and series).
        time: column of the dates: dates, periods, ISO text (2024-12, 2024Q4), or whole numbers.
        target: column to forecast.
        by: column that tells the series apart; None: there is one.
        known: columns of numbers that are known in advance, also for the dates to come: append
            those rows without a target.
        observed: columns of numbers that are known up to the present only.
        frequency: pandas' alias, such as "MS", "QS", "D", "h"; inferred where it is None.
        season: steps of the season; by default that of the frequency (months 12, hours 24).
        calendar: True for the usual features of the calendar, or some of "month", "quarter",
            "week", "monthday", "weekday", "hour", "minute"; known in advance.

    Returns:
        A `Panel`.

    Raises:
        DataError: a column that is not there or cannot be used; a date twice; dates of no
            frequency, or of several; covariates that are missing.
        DescendError: an unknown calendar feature.

    Source: descend's own; pandas' infer_freq and date_range.

    Example:
        >>> import pandas as pd
        >>> from descend.forecasting.panel import panel
        >>> frame = pd.DataFrame({"month": ["2024-03", "2024-01", "2024-05"], "sold": [3, 1, 5]})
        >>> sales = panel(frame, "month", "sold", frequency="MS")
        >>> sales.values.tolist()
        [1.0, nan, 3.0, nan, 5.0]
        >>> sales.remarks[-1]
        '2 of 5 dates have no row (2024-02-01, 2024-04-01): gaps'
    """
    known, observed = _listed(known, "known"), _listed(observed, "observed")
    rows = _rows(frame, time, target, by, known, observed)
    moments, remarks = dates.read(rows[time], time)
    codes, names = _codes(rows, by)
    order = np.lexsort((moments, codes))
    moved = (np.diff(codes) == 0) & (np.diff(moments).astype(np.int64) < 0)
    if moved.any():
        remarks.append("rows were not in the order of their dates, and are sorted")
    _require_once(moments, codes, names, order)
    moments, codes = moments[order], codes[order]
    y = _numbers(rows[target], target)[order]
    covariates = {c: _numbers(rows[c], c)[order] for c in (*known, *observed)}
    kept = _kept(y, codes, names, moments, target, keep_future=bool(known))
    lost = {"rows left out": int((~kept).sum())}
    if not kept.all():
        remarks.append(f"{lost['rows left out']} rows before the first or behind the last value "
                       "are left out")  # fmt: skip
    y, moments, codes = y[kept], moments[kept], codes[kept]
    covariates = {name: values[kept] for name, values in covariates.items()}
    found = dates.grid(moments, codes, names, frequency)
    remarks += found.remarks
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    last = np.append(begins[1:], len(codes)) - 1
    first = found.places[begins]
    sizes = found.places[last] - first + 1
    starts = np.concatenate([[0], np.cumsum(sizes)])
    place = starts[codes] + found.places - first[codes]

    def laid(values: np.ndarray) -> np.ndarray:
        whole = np.full(starts[-1], np.nan)
        whole[place] = values
        return whole

    times = np.concatenate([found.times[a : a + n] for a, n in zip(first, sizes, strict=True)])
    values = laid(y)
    _say_gaps(values, starts, place, times, remarks, lost)
    cycles = calendars.chosen(calendar, found.frequency)
    own = [
        _filled(laid(values_of), values, starts, times, names, c, c in known, remarks, lost)
        for c, values_of in covariates.items()
    ]
    table = np.stack(own, axis=1) if own else np.zeros((len(values), 0))
    season = dates.season_of(found.frequency) if season is None else _season(season)
    return Panel(
        values=values,
        starts=starts,
        times=times,
        names=names,
        frequency=found.frequency,
        season=season,
        known=np.concatenate([table[:, : len(known)], calendars.features(times, cycles)], axis=1),
        observed=table[:, len(known) :],
        known_names=(*known, *calendars.names_of(cycles)),
        observed_names=observed,
        remarks=remarks,
        columns=(time, target, by or ""),
        calendar=cycles,
        step=found.step,
        lost=lost,
    )


# -- the table ----------------------------------------------------------------------------------


def _listed(columns: Any, what: str) -> tuple[str, ...]:
    if isinstance(columns, str):
        columns = (columns,)
    listed = tuple(columns)
    if not all(isinstance(c, str) for c in listed):
        raise DataError(f"{what} must name columns, got {listed!r}")
    return listed


def _rows(
    frame: Any, time: str, target: str, by: str | None, known: Any, observed: Any
) -> pd.DataFrame:
    of_index = isinstance(frame, pd.DataFrame) and time not in frame.columns
    if of_index and time in frame.index.names:
        frame = frame.reset_index()
    rows = load_frame(frame, name="series").frame
    used = [time, target, *([] if by is None else [by]), *known, *observed]
    if not all(isinstance(c, str) for c in used):
        strange = next(c for c in used if not isinstance(c, str))
        raise DataError(f"time=, target= and by= must name columns of the table, got {strange!r}")
    for column in used:
        if column not in rows.columns:
            raise unknown_column(column, rows.columns, "the table")
    if len(set(used)) < len(used):
        twice = next(c for c in used if used.count(c) > 1)
        raise DataError(
            f"column {twice!r} is named twice among time, target, by, known and observed; each has "
            "one part (the target's own past is always seen)"
        )
    return rows


def _codes(rows: pd.DataFrame, by: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if by is None:
        return np.zeros(len(rows), np.int64), ("",)
    lost = rows[by].isna().to_numpy()
    if lost.any():
        raise DataError(
            f"row {int(lost.argmax()) + 1} has no {by!r}, so that it belongs to no series (and "
            f"{int(lost.sum()) - 1} more); fill it in, or leave those rows out"
        )
    codes, levels = pd.factorize(rows[by].astype(str))
    return codes.astype(np.int64), tuple(str(level) for level in levels)


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    """A column as floats, NaN where it is missing."""
    types = pd.api.types
    if types.is_bool_dtype(column.dtype) or types.is_any_real_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif column.dtype.kind in "cmM":  # which pandas would turn into numbers of some meaning
        raise DataError(
            f"column {name!r} must hold numbers, and holds {column.iloc[0]!r} and the like "
            f"({column.dtype}); convert it first"
        )
    else:
        try:
            read = pd.to_numeric(column, errors="coerce")
        except OverflowError:  # a whole number beyond the largest float
            read = column.map(lambda v: np.nan if isinstance(v, int) and abs(v) > 1e300 else v)
            read = pd.to_numeric(read, errors="coerce")
        values = read.to_numpy(dtype=np.float64, na_value=np.nan)
        strange = np.isnan(values) & ~column.isna().to_numpy()
        if strange.any():
            row = int(strange.argmax())
            raise DataError(
                f"column {name!r} must hold numbers, and row {row + 1} holds "
                f"{reprlib.repr(column.iloc[row])}; convert it first (words: a column of 0 and 1 "
                "for each)"
            )
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(f"column {name!r} holds an infinite number in row {infinite.argmax() + 1}")
    return values


def _season(season: Any) -> int:
    if isinstance(season, bool) or not isinstance(season, (int, np.integer)) or season < 1:
        raise DataError(f"season must be a whole number >= 1 of steps, got {season!r}")
    return int(season)


# -- its series ---------------------------------------------------------------------------------


def _of(name: str) -> str:
    return f" of series {name!r}" if name else ""


def _require_once(
    moments: np.ndarray, codes: np.ndarray, names: tuple[str, ...], order: np.ndarray
) -> None:
    times, series = moments[order], codes[order]
    twice = (times[1:] == times[:-1]) & (series[1:] == series[:-1])
    if twice.any():
        at = int(twice.argmax())
        rows = sorted(int(r) + 1 for r in order[at : at + 2])
        more = int(twice.sum()) - 1
        advice = "give by=, the column that tells series apart, or keep one row a date"
        raise DataError(
            f"date {dates.shown(times[at])}{_of(names[series[at]])} stands in rows {rows[0]} and "
            f"{rows[1]}" + (f" (and {more} more such rows)" if more else "") + f"; {advice}"
        )


def _kept(
    y: np.ndarray,
    codes: np.ndarray,
    names: tuple[str, ...],
    moments: np.ndarray,
    target: str,
    keep_future: bool,
) -> np.ndarray:
    """Rows from a series' first value to its last, or on where covariates are known."""
    real = ~np.isnan(y)
    rows = np.arange(len(y))
    first = np.full(len(names), len(y))
    last = np.full(len(names), -1)
    np.minimum.at(first, codes[real], rows[real])
    np.maximum.at(last, codes[real], rows[real])
    if (last < 0).any():
        name = names[int((last < 0).argmax())]
        raise DataError(f"{target!r}{_of(name)} has no value at all; leave it out")
    return (rows >= first[codes]) & ((rows <= last[codes]) | keep_future)


def _say_gaps(
    values: np.ndarray,
    starts: np.ndarray,
    place: np.ndarray,
    times: np.ndarray,
    remarks: list[str],
    lost: dict[str, int],
) -> None:
    """Say how many dates have no row, and how many rows between others no value."""
    absent = np.ones(len(values), bool)
    absent[place] = False
    lost["dates without a row"] = int(absent.sum())
    if absent.any():
        remarks.append(
            f"{int(absent.sum())} of {len(values)} dates have no row "
            f"({dates.listed(times[absent])}): gaps"
        )
    empty = np.isnan(values) & ~absent
    for a, b in itertools.pairwise(starts):  # the dates to come are no gap
        empty[a + np.flatnonzero(~np.isnan(values[a:b])).max() + 1 : b] = False
    lost["rows without a value"] = int(empty.sum())
    if empty.any():
        remarks.append(f"{int(empty.sum())} rows have no value ({dates.listed(times[empty])})")


def _filled(
    column: np.ndarray,
    values: np.ndarray,
    starts: np.ndarray,
    times: np.ndarray,
    names: tuple[str, ...],
    name: str,
    in_advance: bool,
    remarks: list[str],
    counts: dict[str, int],
) -> np.ndarray:
    """A covariate whose gaps hold its last value before them; what comes later is never used."""
    filled = column.copy()
    carried = 0  # dates
    for i, (a, b) in enumerate(itertools.pairwise(starts)):
        own = column[a:b]
        lost = np.isnan(own)
        if not lost.any():
            continue
        end = int(np.flatnonzero(~np.isnan(values[a:b])).max()) + 1
        if lost[0]:
            raise DataError(
                f"{name!r} has no value on {dates.shown(times[a])}, the first date"
                f"{_of(names[i])}; begin later, or leave the column out"
            )
        if in_advance and lost[end:].any():
            where = a + end + int(lost[end:].argmax())
            raise DataError(
                f"{name!r} is to be known in advance, and has no value on "
                f"{dates.shown(times[where])}{_of(names[i])}; fill it in, or name it in observed="
            )
        filled[a:b] = pd.Series(own).ffill().to_numpy()
        carried += int(lost[:end].sum())
    counts[f"filled: {name}"] = carried
    if carried:
        remarks.append(f"{name!r} has no value on {carried} dates: its last one before is used")
    return filled
