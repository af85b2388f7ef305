"""Features of the calendar, known for every date: where in the year, week or day it lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DataError, DescendError, unknown
from descend.forecasting.dates import unit_of

# name -> the share of the cycle that has gone by at a date, in [0, 1)
CYCLES: dict[str, Any] = {
    "month": lambda d: (d.month - 1) / 12,
    "quarter": lambda d: (d.quarter - 1) / 4,
    "week": lambda d: (d.day_of_year - 1) / 366,
    "monthday": lambda d: (d.day - 1) / 31,
    "weekday": lambda d: d.day_of_week / 7,
    "hour": lambda d: d.hour / 24,
    "minute": lambda d: d.minute / 60,
}
# by the unit of the frequency
USUAL = {
    "M": ("month",),
    "Q": ("quarter",),
    "W": ("week",),
    "D": ("weekday", "week"),
    "B": ("weekday", "week"),
    "h": ("hour", "weekday", "week"),
    "min": ("minute", "hour", "weekday"),
}


def chosen(calendar: bool | Sequence[str], frequency: str) -> tuple[str, ...]:
    """The cycles that are meant: True for those usual at a frequency.

    Raises:
        DataError: the times are whole numbers.
        DescendError: an unknown name.
    """
    if not calendar:
        return ()
    if not frequency:
        raise DataError("calendar features need dates, and the times are whole numbers")
    if calendar is True:
        return USUAL.get(unit_of(frequency), ())
    names = (calendar,) if isinstance(calendar, str) else tuple(calendar)
    for name in names:
        if name not in CYCLES:
            raise unknown("calendar feature", name, CYCLES)
    if len(set(names)) < len(names):
        raise DescendError(f"a calendar feature is named twice: {', '.join(names)}")
    return names


def names_of(cycles: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns that the cycles make, two each."""
    return tuple(f"{cycle} {wave}" for cycle in cycles for wave in ("sine", "cosine"))


def features(times: np.ndarray, cycles: Sequence[str]) -> np.ndarray:
    """Sine and cosine of each cycle, (rows, 2 cycles): December lies beside January."""
    dates = pd.DatetimeIndex(times.ravel())
    columns = []
    for cycle in cycles:
        angle = 2 * np.pi * np.asarray(CYCLES[cycle](dates), np.float64)
        columns += [np.sin(angle), np.cos(angle)]
    if not columns:
        return np.zeros((*times.shape, 0))
    return np.stack(columns, axis=-1).reshape(*times.shape, len(columns))
