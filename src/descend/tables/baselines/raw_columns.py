"""Raw columns as trees and linear models take them: numbers, and categories by their levels.

The baselines and the leakage checks stand beside the network, so they read a table by themselves:
what an encoder of the network's gets wrong does not reach them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.tables.columns import kind_of, numbers, text, truths

MOST_LEVELS = 250  # of a category, the most frequent; histogram boosting can hold 255
LEAST_DATES = 0.9  # share of a text column's dates that must be readable


@dataclass(frozen=True)
class PlainColumns:
    """How raw columns are read, as the training rows have it.

    Attributes:
        kinds: {column: "number", "boolean", "date" or "category"} of those used, in order.
        levels: {category: its levels}.
        dropped: {column: why it is not used}.
    """

    kinds: dict[str, str]
    levels: dict[str, tuple[str, ...]]
    dropped: dict[str, str]

    @classmethod
    def fit(cls, train: pd.DataFrame) -> PlainColumns:
        """Learn kinds and levels from training rows.

        Raises:
            DataError: no column can be used.
        """
        kinds: dict[str, str] = {}
        levels: dict[str, tuple[str, ...]] = {}
        dropped: dict[str, str] = {}
        for name, column in train.items():
            key, kind = str(name), str(kind_of(column))
            if kind in ("empty", "other"):
                dropped[key] = "nothing that can be read"
            elif kind in ("number", "boolean", "date"):
                value = _values(column, kind)
                if (
                    kind == "date"
                    and np.isnan(value).mean() > 1 - LEAST_DATES * column.notna().mean()
                ):
                    dropped[key] = "dates that cannot be read"
                elif not _varies(value):
                    dropped[key] = "constant"
                else:
                    kinds[key] = kind
            else:
                counts = text(column).value_counts()
                if len(counts) > 2 and counts.iloc[0] == 1:
                    dropped[key] = "every value is different"
                elif len(counts) == 1 and column.notna().all():
                    dropped[key] = "constant"
                else:
                    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
                    kinds[key] = "category"
                    levels[key] = tuple(sorted(str(level) for level, _ in ranked[:MOST_LEVELS]))
        if not kinds:
            raise DataError("no column can be used to predict from: all are constant or unreadable")
        return cls(kinds, levels, dropped)

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns of float64 (NaN where missing) and of pandas categories; the index is dropped.

        A date becomes days since 1970, month and day of the week. A level that no training row has
        counts as missing.

        Raises:
            DataError: a column that is not there.
        """
        columns = {str(name): column for name, column in frame.items()}
        absent = [name for name in self.kinds if name not in columns]
        if absent:
            raise DataError(f"the rows lack the column(s) {', '.join(map(repr, absent[:10]))}")
        read: dict[str, np.ndarray | pd.Categorical] = {}
        for name, kind in self.kinds.items():
            column = columns[name]
            if kind == "category":
                levels = pd.Index(self.levels[name], dtype=object)
                places = levels.get_indexer(pd.Index(text(column).astype(object)))
                read[name] = pd.Categorical.from_codes(places, categories=levels)
                continue
            values = _values(column, kind)
            read[name] = values
            if kind == "date":
                days = pd.to_datetime(pd.Series(values), unit="D")
                read[f"{name} month"] = days.dt.month.to_numpy(np.float64)
                read[f"{name} weekday"] = days.dt.day_of_week.to_numpy(np.float64)
        return pd.DataFrame(read)


def _values(column: pd.Series, kind: str) -> np.ndarray:
    """A column of numbers, truth values or dates (as days since 1970), NaN where missing."""
    if kind == "number":
        return numbers(column)[0]
    if kind == "boolean":
        return truths(column)[0]
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return column.dt.total_seconds().to_numpy(np.float64) / 86400
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = pd.to_datetime(
            column.astype("string"), format="ISO8601", errors="coerce", utc=True
        )
    moments = column.to_numpy(dtype="datetime64[s]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 86400)


def _varies(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and (np.ptp(known) > 0 or len(known) < len(values))
