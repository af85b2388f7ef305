"""Data with dates of publication: what was known when, and which value counts as the outcome."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from descend.data.frames import load_frame
from descend.data.table import unknown_column
from descend.errors import DataError
from descend.forecasting import dates
from descend.nn import checks

OUTCOMES = ("first", "last")
MOST_BEFORE = 0.5  # of the rows that may be published before their own date


class Vintages:
    """A table whose rows carry the date on which they were published.

    A date of the series may have many rows: its first release and its revisions. The table holds
    either whole vintages (every date again in each) or only what changed; in both cases what was
    known at a moment is the latest row of each date that was published by then.

    Args:
        frame: pandas or polars frame, a row a date and publication (and series).
        time: column of the dates that the values are of.
        published: column of the dates on which they were published, or of the vintages' dates.
        by: column that tells series apart; None: there is one.

    Raises:
        DataError: a column that is not there; times that are none; two rows of the same date,
            publication and series; more than half of the rows published before their own date.

    Source: descend's own, after Croushore and Stark (2001), "A real-time data set for
    macroeconomists".

    Example:
        >>> import pandas as pd
        >>> from descend.forecasting import Vintages
        >>> table = pd.DataFrame({
        ...     "quarter": ["2024Q1", "2024Q1", "2024Q2"],
        ...     "published": ["2024-05-10", "2024-08-15", "2024-08-15"],
        ...     "growth": [0.6, 0.7, 0.5],
        ... })
        >>> gdp = Vintages(table, time="quarter", published="published")
        >>> gdp.at("2024-06-01").growth.tolist(), gdp.at("2024-09-01").growth.tolist()
        ([0.6], [0.7, 0.5])
        >>> gdp.outcomes("growth", "first").growth.tolist()
        [0.6, 0.5]
    """

    def __init__(self, frame: Any, *, time: str, published: str, by: str | None = None):
        rows = load_frame(frame, name="vintages").frame
        for column in (time, published, *([] if by is None else [by])):
            if column not in rows.columns:
                raise unknown_column(column, rows.columns, "the table")
        self.time, self.published, self.by = time, published, by
        self._moments, self.remarks = dates.read(rows[published], published)
        self._times, more = dates.read(rows[time], time)
        self.remarks += more
        self._series = np.zeros(len(rows), np.int64)
        if by is not None:
            self._series = pd.factorize(rows[by].astype(str))[0].astype(np.int64)
        if self._moments.dtype == self._times.dtype:
            early = float((self._moments < self._times).mean())
            if early > MOST_BEFORE:
                raise DataError(
                    f"{early:.0%} of the rows are published ({published!r}) before their own date "
                    f"({time!r}): are the two columns exchanged, or are these forecasts?"
                )
        order = np.lexsort((self._moments, self._times, self._series))
        self._rows = rows.iloc[order].reset_index(drop=True)
        self._moments, self._times = self._moments[order], self._times[order]
        self._series = self._series[order]
        twice = ~self._new & ~_changed(self._moments)
        if twice.any():
            row = int(twice.argmax())
            raise DataError(
                f"{dates.shown(self._times[row])} was published twice on "
                f"{dates.shown(self._moments[row])} (and {int(twice.sum()) - 1} more such rows); "
                "give by=, the column that tells series apart, or keep one row each"
            )

    @cached_property
    def _new(self) -> np.ndarray:
        """Where the rows of another date or series begin."""
        return _changed(self._times) | _changed(self._series)

    @cached_property
    def moments(self) -> np.ndarray:
        """The dates of publication, each once, rising."""
        return np.unique(self._moments)

    def moment(self, when: Any) -> Any:
        """A date in the form of the column of publications; raises DataError where it is none."""
        if isinstance(when, (np.datetime64, np.integer)):
            return when
        return dates.read(pd.Series([when]), self.published)[0][0]

    def at(self, moment: Any) -> pd.DataFrame:
        """The table as it was known at a moment: of each date its latest row published by then.

        Args:
            moment: a date; what was published on it is known.

        Returns:
            The rows, by series and date; none where nothing was published yet.

        Raises:
            DataError: a moment that is no date.
        """
        here = np.flatnonzero(self._moments <= self.moment(moment))
        # the rows of a date are in the order of their publication: the last one by then counts
        return self._rows.iloc[here[_last_of(self._groups[here])]].reset_index(drop=True)

    def outcomes(self, target: str, which: str | int = "last") -> pd.DataFrame:
        """Of each date, one published value of the target: what forecasts are judged by.

        Args:
            target: column of the values; rows where it is missing count as not published.
            which: "first", "last", or a whole number k for the k-th published value; a date that
                was not published so often has none.

        Returns:
            A row a date: time, `by` where there is one, the target, and when it was published.

        Raises:
            DataError: a word or number that is none of these; a column that is not there.
        """
        if target not in self._rows.columns:
            raise unknown_column(target, self._rows.columns, "the table")
        if which not in OUTCOMES and not checks.is_whole(which):
            raise DataError(
                f"the outcome must be 'first', 'last' or a whole number (the k-th published "
                f"value), got {which!r}"
            )
        here = np.flatnonzero(self._rows[target].notna().to_numpy())
        groups = self._groups[here]
        if which == "last":
            chosen = here[_last_of(groups)]
        else:
            k = 1 if which == "first" else checks.whole("outcome", which, 1, error=DataError)
            begins = np.flatnonzero(np.diff(groups, prepend=-1))
            ends = np.append(begins[1:], len(groups))
            chosen = here[(begins + k - 1)[begins + k - 1 < ends]]
        columns = [self.time, *([] if self.by is None else [self.by]), target, self.published]
        return self._rows.iloc[chosen][columns].reset_index(drop=True)

    @cached_property
    def _groups(self) -> np.ndarray:
        """Number of the date and series of each row."""
        return np.cumsum(self._new)


def _changed(values: np.ndarray) -> np.ndarray:
    """Where a value differs from the one before; the first does."""
    return np.append(True, values[1:] != values[:-1])


def _last_of(groups: np.ndarray) -> np.ndarray:
    """Places of the last row of each group; groups lie together."""
    return np.flatnonzero(np.append(np.diff(groups) != 0, True)) if len(groups) else groups
