"""Times of observations: reading them, the frequency they follow, the grid they lie on."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descend.errors import DataError

SHOWN = 3  # dates listed in a remark or an error
LEAST_SHARE = 0.5  # of the grid's dates that a series must have between its first and its last
TRIED = 20  # series, the longest first, that are asked for their frequency
MOST = 2**26  # dates that a grid may have
YEARS = (1678, 2261)  # whole ones that nanoseconds in 64 bits reach
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
WORDS = {"M": "monthly", "Q": "quarterly", "Y": "yearly", "W": "weekly", "B": "business-daily"}
WORDS |= {"D": "daily", "h": "hourly", "min": "by the minute", "s": "by the second"}
# steps in the season of a frequency, by the unit of its alias
SEASONS = {"M": 12, "Q": 4, "Y": 1, "W": 52, "B": 5, "D": 7}
IN_A_DAY = {"h": 24, "min": 1440, "s": 86400}


class Grid(NamedTuple):
    """Dates at equal steps, and where on it the rows lie.

    Attributes:
        times: every date from the first to the last, datetime64[ns] or whole numbers.
        places: (n,) number of each row's date.
        frequency: pandas' alias; "" for whole numbers.
        step: distance of whole numbers; 1 for dates.
        remarks: what there is to say.
    """

    times: np.ndarray
    places: np.ndarray
    frequency: str
    step: int
    remarks: list[str]


def shown(moment: Any) -> str:
    """A date without a time of day where that is midnight; a whole number as it is."""
    if isinstance(moment, (np.datetime64, pd.Timestamp)):
        return str(pd.Timestamp(moment)).removesuffix(" 00:00:00")
    return str(int(moment))


def listed(moments: Any) -> str:
    """The first few of some dates, in words."""
    words = ", ".join(shown(m) for m in moments[:SHOWN])
    return words + (", ..." if len(moments) > SHOWN else "")


# -- reading ------------------------------------------------------------------------------------


def read(column: pd.Series, name: str) -> tuple[np.ndarray, list[str]]:
    """Times (n,), datetime64[ns] or int64, and remarks; raises DataError for what is no time."""
    series = pd.Series(column).reset_index(drop=True)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    lost = series.isna().to_numpy()
    if lost.any():
        raise DataError(
            f"row {int(lost.argmax()) + 1} has no time in {name!r} (and {int(lost.sum()) - 1} "
            "more); fill it in, or leave those rows out"
        )
    if isinstance(series.dtype, pd.PeriodDtype):
        return _dates(series.dt.to_timestamp()), []
    if pd.api.types.is_bool_dtype(series.dtype):
        raise DataError(f"the times in {name!r} are True and False; name a column of dates")
    if pd.api.types.is_numeric_dtype(series.dtype):
        return _numbers(series.to_numpy(dtype=np.float64), name)
    remarks = []
    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        series = _text(series, name)
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        zone = str(series.dtype.tz)
        if zone not in ("UTC", "utc"):
            remarks.append(f"times in {name!r} are of {zone}; they are taken in UTC")
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return _dates(series), remarks


def _dates(series: pd.Series) -> np.ndarray:
    try:
        moments = series.to_numpy().astype("datetime64[us]")
        years = moments.astype("datetime64[Y]").astype(np.int64) + 1970
    except (ValueError, OverflowError) as error:
        raise DataError(f"these dates cannot be used: {error}") from None
    beyond = (years < YEARS[0]) | (years > YEARS[1])  # NumPy would bring them to another century
    if beyond.any():
        row = int(beyond.argmax())
        raise DataError(
            f"the date in row {row + 1} is of the year {years[row]}, and those from {YEARS[0]} to "
            f"{YEARS[1]} can be used; give years as whole numbers"
        )
    return moments.astype("datetime64[ns]")


def _text(series: pd.Series, name: str) -> pd.Series:
    words = series.astype(str).str.strip()
    quarters = words.str.fullmatch(r"\d{4}[\s:-]*[Qq][1-4]")
    if quarters.all():
        digits = words.str.extract(r"(\d{4})[\s:-]*[Qq]([1-4])").astype(int)
        return _months(digits[0].to_numpy(), 3 * digits[1].to_numpy() - 2)
    found = pd.to_datetime(words, format="ISO8601", errors="coerce", utc=True)
    strange = found.isna()
    if strange.any():
        row = int(strange.to_numpy().argmax())
        raise DataError(
            f"the time in row {row + 1} of {name!r} is {words.iloc[row]!r}, which is no date as in "
            f"2024-12-31, 2024-12 or 2024Q4 (and {int(strange.sum()) - 1} more); write dates that "
            "way, or convert the column with pandas.to_datetime"
        )
    return found


def _months(years: np.ndarray, months: np.ndarray) -> pd.Series:
    return pd.to_datetime(pd.DataFrame({"year": years, "month": months, "day": 1}))


def _numbers(values: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Whole numbers as they are; 194901, 19490131 and 1949.083 as the dates they stand for."""
    if not np.isfinite(values).all():
        raise DataError(f"the times in {name!r} hold an infinite number")
    first = f"{values[0]:.10g}"
    if (values == np.round(values)).all():
        whole = values.astype(np.int64)
        years, months = whole // 100, whole % 100
        if ((years >= 1500) & (years < 2300) & (months >= 1) & (months <= 12)).all():
            return _dates(_months(years, months)), [f"times such as {first} are read as months"]
        if ((whole >= 15000101) & (whole < 23000000)).all():
            words = pd.Series(whole).astype(str)
            days = pd.to_datetime(words, format="%Y%m%d", errors="coerce")
            if not days.isna().any():
                return _dates(days), [f"times such as {first} are read as days"]
        return whole, []
    for parts, what, near in ((4, "quarters", 0.05), (12, "months", 0.1)):
        counted = values * parts
        at = np.round(counted).astype(np.int64)
        if (abs(counted - at) < near).all() and (abs(values) < 3000).all():
            months = at % parts * (12 // parts) + 1
            note = f"times such as {first} are read as {what} of a year"
            return _dates(_months(at // parts, months)), [note]
    raise DataError(
        f"the times in {name!r} ({listed_numbers(values)}) are neither whole numbers nor years "
        "with months or quarters as their fraction; give dates"
    )


def listed_numbers(values: np.ndarray) -> str:
    """The first few numbers, in words."""
    return ", ".join(f"{v:.8g}" for v in values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")


# -- the frequency ------------------------------------------------------------------------------


def unit_of(frequency: str) -> str:
    """The unit of an alias: M for "MS" and "BME", Q for "QS-OCT", h for "6h"."""
    bare = re.sub(r"^-?\d+", "", frequency).partition("-")[0]
    for unit in ("M", "Q", "Y"):
        if bare in (f"{unit}S", f"{unit}E", f"B{unit}S", f"B{unit}E"):
            return unit
    return bare


def in_words(frequency: str) -> str:
    """An alias with its meaning: "monthly (MS)"."""
    if not frequency:
        return "whole numbers"
    word = WORDS.get(unit_of(frequency))
    return f"{word} ({frequency})" if word and not frequency[0].isdigit() else frequency


def season_of(frequency: str) -> int:
    """Steps of the usual season: 12 for months, 4 for quarters, 24 for hours, 96 for 15min."""
    unit = unit_of(frequency)
    count = int((re.match(r"\d+", frequency) or ["1"])[0])
    if unit in IN_A_DAY:
        return max(IN_A_DAY[unit] // count, 1) if IN_A_DAY[unit] % count == 0 else 1
    whole = SEASONS.get(unit, 1)
    return whole // count if whole % count == 0 else 1


def offset(frequency: str) -> Any:
    """The step of an alias; raises DataError for one that pandas does not know."""
    try:
        found = pd.tseries.frequencies.to_offset(frequency)
    except (ValueError, TypeError):
        found = None
    if found is None or found.n < 1:
        raise DataError(
            f"unknown frequency {frequency!r}; those of pandas are meant: 'MS' month start, 'ME' "
            "month end, 'QS' quarter start, 'YS' year start, 'W-SUN' week, 'D' day, 'B' business "
            "day, 'h' hour, '15min'"
        )
    return found


def inferred(times: np.ndarray) -> str | None:
    """The frequency of one series' dates, ascending and distinct, gaps or not; None: irregular."""
    if len(times) < 3:
        return None
    index = pd.DatetimeIndex(times)
    with warnings.catch_warnings():  # pandas 3.1 says that 4 will give an offset, not its alias
        warnings.filterwarnings("ignore", "A future version of pandas", DeprecationWarning)
        found: Any = pd.infer_freq(index)
    if found is not None:
        return found if isinstance(found, str) else found.freqstr
    steps, counts = np.unique(np.diff(times), return_counts=True)
    usual = pd.Timedelta(steps[counts.argmax()])
    for alias in _candidates(usual, index):
        if np.isin(times, pd.date_range(index[0], index[-1], freq=alias).to_numpy()).all():
            return alias
    return None


def _candidates(usual: pd.Timedelta, index: pd.DatetimeIndex) -> Sequence[str]:
    """Frequencies whose step is about the usual one."""
    days, month = usual / pd.Timedelta(days=1), MONTHS[index[0].month - 1]
    if 27.5 < days < 31.5:
        return ("MS", "ME", "BMS", "BME")
    if 88 < days < 93:
        return [f"{kind}-{month}" for kind in ("QS", "QE", "BQS", "BQE")]
    if 364 < days < 367:
        return [f"{kind}-{month}" for kind in ("YS", "YE", "BYS", "BYE")]
    if days == 7:
        return [f"W-{DAYS[index[0].weekday()]}"]
    if days == 1:
        return ("D",) if (index.day_of_week >= 5).any() else ("B", "D")
    return [pd.tseries.frequencies.to_offset(usual).freqstr]


# -- the grid -----------------------------------------------------------------------------------


def grid(times: np.ndarray, codes: np.ndarray, names: Sequence[str], frequency: str | None) -> Grid:
    """The grid of all series' times.

    Args:
        times: (n,) ascending and distinct within a series.
        codes: (n,) number of each row's series, ascending.
        names: name of each series, for messages.
        frequency: pandas' alias, or None where it is to be inferred.

    Raises:
        DataError: times that lie on no grid, series of different frequencies, an unknown one.
    """
    if times.dtype.kind == "i":
        if frequency is not None:
            raise DataError(
                f"frequency={frequency!r} is for dates, and the times are whole numbers such as "
                f"{times[0]}; leave it out, or convert the times with pandas.to_datetime"
            )
        return _whole(times, codes, names)
    remarks = []
    if frequency is None:
        frequency = _common(times, codes)
        if frequency is None:
            frequency, snapped = _snapped(times, codes, None)
            if snapped is None:
                raise DataError(_irregular(times, codes, names))
            remarks.append(_said(times, snapped, frequency))
            times = snapped
        remarks.insert(0, f"frequency inferred: {in_words(frequency)}")
    frequency = offset(frequency).freqstr
    dates = _range(times, frequency)
    places = np.searchsorted(dates, times).clip(0, max(len(dates) - 1, 0))
    off = dates[places] != times if len(dates) else np.ones(len(times), bool)
    if off.any():
        other, snapped = _snapped(times, codes, frequency)
        if snapped is None:
            raise DataError(_off_grid(times, codes, names, off, frequency))
        remarks.append(_said(times, snapped, other))
        dates = _range(snapped, other)
        places, frequency = np.searchsorted(dates, snapped), other
    _require_dense(places, codes, names, in_words(frequency))
    return Grid(dates, places, frequency, 1, remarks)


def after(last: Any, steps: int, frequency: str, step: int = 1) -> np.ndarray:
    """The `steps` dates (or whole numbers) that follow one."""
    if not frequency:
        return int(last) + step * np.arange(1, steps + 1)
    dates = pd.date_range(pd.Timestamp(last), periods=steps + 1, freq=frequency)[1:]
    return dates.to_numpy().astype("datetime64[ns]")


def _range(times: np.ndarray, frequency: str) -> np.ndarray:
    step = offset(frequency)
    if isinstance(step, pd.tseries.offsets.Tick):
        span = int((times.max() - times.min()) / np.timedelta64(1, "ns"))
        _require_few(span // step.nanos, times, in_words(frequency))
    dates = pd.date_range(times.min(), times.max(), freq=frequency)
    return dates.to_numpy().astype("datetime64[ns]")


def _common(times: np.ndarray, codes: np.ndarray) -> str | None:
    """The frequency of the longest series that has one."""
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(begins[1:], len(codes))
    longest = np.argsort(-(ends - begins), kind="stable")[:TRIED]
    found = (inferred(times[begins[i] : ends[i]]) for i in longest)
    return next((alias for alias in found if alias is not None), None)


def _snapped(
    times: np.ndarray, codes: np.ndarray, frequency: str | None
) -> tuple[str, np.ndarray | None]:
    """Dates as the months, quarters or years that they lie in, where each has one at most."""
    units = [unit_of(frequency)] if frequency else _likely(times, codes)
    for unit in units:
        if unit not in ("M", "Q", "Y"):
            continue
        index = pd.DatetimeIndex(times).to_period({"M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}[unit])
        starts = index.to_timestamp().to_numpy().astype("datetime64[ns]")
        twice = (np.diff(starts) == np.timedelta64(0)) & (np.diff(codes) == 0)
        if not twice.any():
            return {"M": "MS", "Q": "QS-JAN", "Y": "YS-JAN"}[unit], starts
    return frequency or "", None


def _likely(times: np.ndarray, codes: np.ndarray) -> list[str]:
    """Units whose length is about the usual step."""
    same = np.diff(codes) == 0
    if not same.any():
        return []
    days = float(np.median(np.diff(times)[same]) / np.timedelta64(1, "D"))
    spans = {"M": (27, 35), "Q": (85, 100), "Y": (350, 380)}
    return [unit for unit, (low, high) in spans.items() if low <= days <= high]


def _said(before: np.ndarray, after_it: np.ndarray, frequency: str) -> str:
    word = {"M": "months", "Q": "quarters", "Y": "years"}[unit_of(frequency)]
    row = int((before != after_it).argmax())
    return f"dates such as {shown(before[row])} are taken as the {word} that they lie in"


def _whole(times: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> Grid:
    same = np.diff(codes) == 0
    distances = np.concatenate([np.diff(times)[same], (times - times.min())[times > times.min()]])
    step = int(np.gcd.reduce(distances)) if len(distances) else 1
    _require_few(int(times.max() - times.min()) // step, times, f"steps of {step}")
    whole = np.arange(times.min(), times.max() + 1, step)
    places = (times - times.min()) // step
    _require_dense(places, codes, names, f"steps of {step}")
    remarks = [] if step == 1 else [f"times are whole numbers in steps of {step}"]
    return Grid(whole, places, "", step, remarks)


def _require_few(count: int, times: np.ndarray, what: str) -> None:
    """Raise DataError where a grid would not go into memory."""
    if count > MOST:
        raise DataError(
            f"between {shown(times.min())} and {shown(times.max())} lie {count:,} times ({what}), "
            f"and {MOST:,} may: is one of them a slip? Else give a longer frequency="
        )


def _require_dense(places: np.ndarray, codes: np.ndarray, names: Sequence[str], what: str) -> None:
    """Raise DataError where a series has less than half of its dates: it has another frequency."""
    counts = np.bincount(codes, minlength=len(names))
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(begins[1:], len(codes)) - 1
    spans = places[ends] - places[begins] + 1
    rows = counts[codes[begins]]
    thin = (rows < LEAST_SHARE * spans) & (rows > 1)
    if thin.any():
        i = int(thin.argmax())
        name = names[int(codes[begins[i]])]
        raise DataError(
            f"{_of(name)}has {rows[i]} of the {spans[i]} times ({what}) between its first and its "
            "last: irregular times, or series of different frequencies. Bring them to one "
            "frequency, such as frame.resample('MS').mean(), or give frequency="
        )


def _of(name: str) -> str:
    return f"series {name!r} " if name else "the series "


def _irregular(times: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> str:
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(begins[1:], len(codes))
    i = int((ends - begins).argmax())
    first = times[begins[i] : ends[i]]
    if len(first) < 3:
        return (
            f"{_of(names[int(codes[begins[i]])])}has {len(first)} dates ({listed(first)}), too few "
            "to see their frequency; give frequency='MS' (months), 'D' (days), ..."
        )
    return (
        f"the dates of {_of(names[int(codes[begins[i]])]).strip()} follow no frequency: "
        f"{listed(first)}. Bring them to one, such as frame.resample('MS').mean(), or give "
        "frequency="
    )


def _off_grid(
    times: np.ndarray, codes: np.ndarray, names: Sequence[str], off: np.ndarray, frequency: str
) -> str:
    row = int(off.argmax())
    return (
        f"{int(off.sum())} of {len(times)} dates do not fit {in_words(frequency)}: "
        f"{_of(names[int(codes[row])])}has {shown(times[row])}. Bring all series to one frequency, "
        "such as frame.resample('MS').mean(), or give the one they have (frequency=)"
    )
