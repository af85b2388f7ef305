"""From columns to numbers, by what the training rows taught and nothing else.

number      (x - mean) / sd; a missing one becomes the median
boolean     0 or 1; a missing one becomes the more frequent
category    one 0/1 number a level of the training rows; an unseen level is all zeros
any of them, missing somewhere in the training rows: a 0/1 number more that says so
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from descend.data.sources import unknown_column
from descend.errors import DataError
from descend.tables.columns import kind_of, numbers, text, truths

MOST_LEVELS = 50  # of a category; rarer ones are all zeros, as unseen ones are


@dataclass(frozen=True)
class Column:
    """How one column is encoded.

    Attributes:
        name: of the column.
        kind: "number", "boolean" or "category".
        missing: whether some training row had none, so that a 0/1 number says so.
        mean, sd, fill: of a number or boolean; `fill` stands in for a missing value.
        levels: of a category.
    """

    name: str
    kind: str
    missing: bool = False
    mean: float = 0.0
    sd: float = 1.0
    fill: float = 0.0
    levels: tuple[str, ...] = ()

    def outputs(self) -> list[str]:
        """Names of the numbers that this column becomes."""
        names = [f"{self.name}={level}" for level in self.levels] or [self.name]
        return [*names, f"{self.name} missing"] if self.missing else names


@dataclass
class Noted:
    """What an encoding met in one column: counts of rows, and an example of what was unknown."""

    missing: int = 0
    unreadable: int = 0
    unseen: int = 0
    example: str = ""


@dataclass(frozen=True)
class Encoder:
    """The encoding of a table's inputs.

    Attributes:
        columns: those that are used, in order.
        dropped: {column: why it is not used}.
    """

    columns: tuple[Column, ...]
    dropped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Encoder:
        """Learn the encoding from training rows.

        Raises:
            DataError: an infinite value, or no column that can be used.
        """
        used, dropped = [], {}
        for name in frame.columns:
            found = _learn(str(name), frame[name])
            if isinstance(found, str):
                dropped[str(name)] = found
            else:
                used.append(found)
        if not used:
            why = "; ".join(f"{name}: {reason}" for name, reason in list(dropped.items())[:5])
            raise DataError(
                f"no column is left to predict from ({why or 'the target is the only one'})"
            )
        return cls(tuple(used), dropped)

    def names(self) -> list[str]:
        """Names of the numbers a row becomes."""
        return [name for column in self.columns for name in column.outputs()]

    def transform(
        self, frame: pd.DataFrame, where: str = "the table"
    ) -> tuple[np.ndarray, dict[str, Noted]]:
        """Encode rows.

        Args:
            frame: must have all used columns; others are not looked at.
            where: names the table in an error.

        Returns:
            x (n, numbers) in float32, and {column: Noted} of what was missing or unknown.

        Raises:
            DataError: a column that is not there, no rows, an infinite value, text for numbers.
        """
        have = [str(c) for c in frame.columns]
        absent = [c.name for c in self.columns if c.name not in have]
        if len(absent) == 1:
            raise unknown_column(absent[0], have, where)
        if absent:
            listed = ", ".join(map(repr, absent[:10])) + (", ..." if len(absent) > 10 else "")
            raise DataError(f"{where} lacks {len(absent)} columns that the model needs: {listed}")
        if not len(frame):
            raise DataError(f"{where} has no rows")
        frame = frame.set_axis(have, axis="columns")
        blocks, notes = [], {}
        for column in self.columns:
            block, noted = _encode(column, frame[column.name], where)
            blocks.append(block)
            if noted != Noted():
                notes[column.name] = noted
        return np.concatenate(blocks, axis=1, dtype=np.float32), notes

    def to_json(self) -> dict[str, Any]:
        """The encoder as plain JSON."""
        return {"columns": [asdict(c) for c in self.columns], "dropped": dict(self.dropped)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Encoder:
        """What `to_json` gave."""
        columns = [Column(**{**c, "levels": tuple(c["levels"])}) for c in saved["columns"]]
        return cls(tuple(columns), dict(saved["dropped"]))


def _learn(name: str, column: pd.Series) -> Column | str:
    """How a column is encoded, or why it is dropped."""
    kind = kind_of(column)
    if kind == "empty":
        return "missing in every training row"
    if kind == "date":
        return "dates are not used yet"
    if kind == "other":
        return "holds neither numbers nor text"
    if kind == "category":
        return _learn_category(name, column)
    values, _ = numbers(column) if kind == "number" else truths(column)
    _require_finite(name, values, "the table")
    lost = np.isnan(values)
    known = values[~lost]
    if not lost.any() and _counts_rows(column, values):
        return "numbers the rows"
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(known.mean()), float(known.std())
    if not np.isfinite(sd):
        raise DataError(f"the column {name!r} holds numbers too large to square; rescale it")
    if sd <= 1e-12 * abs(mean) or np.ptp(known) == 0:
        if not lost.any():
            return f"constant, {known[0]:g} in every training row"
        sd = 1.0  # the value says nothing, whether it is missing may
    if kind == "boolean":
        common = float(mean >= 0.5)
        return Column(name, kind, bool(lost.any()), fill=common)
    return Column(name, kind, bool(lost.any()), mean, sd, fill=float(np.median(known)))


def _learn_category(name: str, column: pd.Series) -> Column | str:
    words = text(column)
    counts = words.value_counts()
    missing = bool(words.isna().any())
    if len(counts) == 1 and not missing:
        return f"constant, {counts.index[0]!r} in every training row"
    if len(counts) > 2 and counts.iloc[0] == 1:
        return "every value is different, like a name or an identifier"
    # by frequency, ties by name: the order of the rows must not matter
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    levels = sorted(str(level) for level, _ in ranked[:MOST_LEVELS])
    return Column(name, "category", missing, levels=tuple(levels))


def _counts_rows(column: pd.Series, values: np.ndarray) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ... by row of the file, as programs write it."""
    places = np.asarray(column.index, np.float64)
    return (
        len(values) > 2
        and bool((values - places == values[0] - places[0]).all())
        and (values[0] - places[0] in (0.0, 1.0))
    )


def _require_finite(name: str, values: np.ndarray, where: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"{where}: the column {name!r} holds {int(infinite.sum())} infinite value(s); "
            "correct them, or leave them empty to count as missing"
        )


def _encode(column: Column, given: pd.Series, where: str) -> tuple[np.ndarray, Noted]:
    """The numbers (n, outputs) of one column."""
    noted = Noted()
    if column.kind == "category":
        words = text(given)
        lost = words.isna().to_numpy(bool)
        place = words.map({level: i for i, level in enumerate(column.levels)})
        found = place.notna().to_numpy(bool)
        block = np.zeros((len(words), len(column.levels)), np.float32)
        block[np.flatnonzero(found), place[found].to_numpy(dtype=np.int64)] = 1.0
        unseen = ~found & ~lost
        noted.unseen = int(unseen.sum())
        if noted.unseen:
            noted.example = str(words[unseen].iloc[0])
    else:
        values, strangers = numbers(given) if column.kind == "number" else truths(given)
        _require_finite(column.name, values, where)
        noted.unreadable = int(strangers.sum())
        if noted.unreadable:
            noted.example = str(given[strangers].iloc[0])
        if noted.unreadable > len(given) / 2:
            wanted = "numbers" if column.kind == "number" else "true or false"
            raise DataError(
                f"{where}: the column {column.name!r} should hold {wanted}, as in training, and "
                f"holds {noted.example!r} (and {noted.unreadable - 1} more like it)"
            )
        lost = np.isnan(values)
        filled = np.where(lost, column.fill, values)
        block = ((filled - column.mean) / column.sd)[:, None].astype(np.float32)
    noted.missing = int(lost.sum()) - noted.unreadable
    if column.missing:
        block = np.concatenate([block, lost[:, None].astype(np.float32)], axis=1)
    return block, noted
