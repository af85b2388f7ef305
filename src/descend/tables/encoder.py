"""From columns to the network's inputs, by what the training rows taught and nothing else.

    number      standard: (x - mean) / sd
                robust:   s = (x - median) / IQR, then s / sqrt(1 + (s / 3)^2), below 3 in size
                (an IQR of 0: half the range); a missing one becomes the median
    boolean     0 or 1; a missing one becomes the more frequent
    category    one 0/1 number a level of the training rows, an unseen level is all zeros;
                or, with more than `one_hot` levels, a whole number that an embedding looks up,
                0 for rare, unseen and missing ones
    ordered     one 0/1 number a level but the lowest: whether the value reaches it
    date        years since the training rows' first, and what varies of month, weekday and hour
    any of them, missing somewhere in the training rows: a 0/1 number more that says so

The robust scaling is that of RealMLP (Holzmueller et al. 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descend.data.sources import unknown_column
from descend.errors import DataError
from descend.tables.columns import dates, day_first, numbers, text, truths
from descend.tables.describe import NOTHING, judge

MOST_LEVELS = 50  # of a category in 0/1 numbers; rarer ones are all zeros, as unseen ones are
MOST_EMBEDDED = 5000  # levels that an embedding holds; rarer ones share a vector
YEAR = 365.2425 * 24 * 3600  # seconds
# part: (first, how many, its name in pandas)
PARTS = {"month": (1, 12, "month"), "weekday": (0, 7, "day_of_week"), "hour": (0, 24, "hour")}


class Encoded(NamedTuple):
    """Rows as a network takes them: numbers (n, p) float32, codes of embeddings (n, q) int32."""

    numbers: np.ndarray
    codes: np.ndarray

    def rows(self, which: Any) -> Encoded:
        """Some of the rows."""
        return Encoded(self.numbers[which], self.codes[which])

    def inputs(self) -> Any:
        """What the network is called with: one array, or two where there are embeddings."""
        parts = [a for a in self if a.shape[1]]
        return parts[0] if len(parts) == 1 else parts


class Part(NamedTuple):
    """Rows of a part: inputs, targets as `Head.forward` gives them, weights (n,) or None."""

    x: Encoded
    y: np.ndarray
    weight: np.ndarray | None = None


@dataclass(frozen=True)
class Column:
    """How one column is encoded.

    Attributes:
        name: of the column.
        kind: "number", "boolean", "category", "ordered" or "date".
        missing: whether some training row had none, so that a 0/1 number says so.
        centre, scale: of a number, and of a date's years.
        squash: whether the scaled number is kept below 3 in size.
        fill: stands in for a missing number or truth value, in the column's units.
        levels: of a category or an ordered column.
        embedded: whether a category becomes a whole number for an embedding.
        parts: of a date; day_first: whether 3/4/2020 is in April.
        first: of a date, in seconds since 1970.
    """

    name: str
    kind: str
    missing: bool = False
    centre: float = 0.0
    scale: float = 1.0
    squash: bool = False
    fill: float = 0.0
    levels: tuple[str, ...] = ()
    embedded: bool = False
    parts: tuple[str, ...] = ()
    day_first: bool = False

    def outputs(self) -> list[str]:
        """Names of the numbers that this column becomes (an embedding's code is none of them)."""
        if self.embedded:
            names = []
        elif self.kind == "date":
            names = [f"{self.name} {part}" for part in self._date_parts()]
        elif self.kind == "ordered":
            names = [f"{self.name}>={level}" for level in self.levels[1:]]
        else:
            names = [f"{self.name}={level}" for level in self.levels] or [self.name]
        return [*names, f"{self.name} missing"] if self.missing else names

    def continuous(self) -> int:
        """How many of its first outputs are numbers of many values: 1 or 0."""
        return int(self.kind == "number" or (self.kind == "date" and "years" in self.parts))

    def _date_parts(self) -> list[str]:
        waves = [
            f"{part} {wave}" for part in self.parts if part != "years" for wave in ("sin", "cos")
        ]
        return (["years"] if "years" in self.parts else []) + waves


@dataclass
class Noted:
    """What an encoding met in one column.

    Attributes:
        missing, unreadable, unseen: counts of rows.
        example: of what was unreadable or unseen.
        row: of the example, counted from 1.
    """

    missing: int = 0
    unreadable: int = 0
    unseen: int = 0
    example: str = ""
    row: int = 0

    def show(self, given: pd.Series, unknown: np.ndarray) -> None:
        """Keep the first of the unknown entries, (n,) of them marked."""
        first = int(np.argmax(unknown))
        self.example, self.row = str(given.iloc[first]), first + 1


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
    def fit(
        cls,
        frame: pd.DataFrame,
        *,
        scaling: str = "standard",
        one_hot: int | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Encoder:
        """Learn the encoding from training rows.

        Args:
            scaling: "standard" or "robust".
            one_hot: categories with more levels are embedded; None embeds none.
            kinds: {column: kind} in place of what the values suggest.

        Raises:
            DataError: an infinite value, or no column that can be used.
        """
        used, dropped = [], {}
        kinds = kinds or {}
        for name in frame.columns:
            judged = judge(str(name), frame[name], kinds.get(str(name)), row="training row")
            if judged.kind == "constant" and pd.api.types.is_float_dtype(frame[name].dtype):
                _require_finite(str(name), numbers(frame[name])[0], "the table")
            if judged.kind in NOTHING:
                dropped[str(name)] = f"{judged.kind}: {judged.why}"
                continue
            found = _learn(str(name), frame[name], judged.kind, scaling, one_hot)
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

    def continuous(self) -> tuple[int, ...]:
        """Places among `names` of what may take any value, not 0 or 1 alone."""
        found: list[int] = []
        begin = 0
        for column in self.columns:
            found += range(begin, begin + column.continuous())
            begin += len(column.outputs())
        return tuple(found)

    @property
    def embedded(self) -> dict[str, int]:
        """{category: how many whole numbers its embedding knows}."""
        return {c.name: len(c.levels) + 1 for c in self.columns if c.embedded}

    def transform(
        self, frame: pd.DataFrame, where: str = "the table"
    ) -> tuple[Encoded, dict[str, Noted]]:
        """Encode rows.

        Args:
            frame: must have all used columns; others are not looked at.
            where: names the table in an error.

        Returns:
            The rows, and {column: Noted} of what was missing or unknown.

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
        found = np.empty((len(frame), len(self.names())), np.float32)
        codes = np.empty((len(frame), len(self.embedded)), np.int32)
        notes, begin, code = {}, 0, 0
        for column in self.columns:
            noted = Noted()
            block = _encode(column, frame[column.name], where, noted)
            if column.embedded:
                codes[:, code] = block[:, 0]
                block, code = block[:, 1:], code + 1
            found[:, begin : begin + block.shape[1]] = block
            begin += block.shape[1]
            if noted != Noted():
                notes[column.name] = noted
        return Encoded(found, codes), notes

    def to_json(self) -> dict[str, Any]:
        """The encoder as plain JSON."""
        return {"columns": [asdict(c) for c in self.columns], "dropped": dict(self.dropped)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Encoder:
        """What `to_json` gave."""
        tuples = ("levels", "parts")
        columns = [Column(**{**c, **{k: tuple(c[k]) for k in tuples}}) for c in saved["columns"]]
        return cls(tuple(columns), dict(saved["dropped"]))


# -- learning -----------------------------------------------------------------------------------


def _learn(
    name: str, column: pd.Series, kind: str, scaling: str, one_hot: int | None
) -> Column | str:
    """How a column is encoded, or why it is dropped."""
    if kind == "date":
        return _learn_date(name, column)
    if kind == "ordered":
        return _learn_ordered(name, column)
    if kind == "category":
        return _learn_category(name, column, one_hot)
    values, strangers = numbers(column) if kind == "number" else truths(column)
    _require_finite(name, values, "the table")
    lost = np.isnan(values)
    known = values[~lost]
    if not len(known):
        shown = f", such as {column[strangers].iloc[0]!r}" if strangers.any() else ""
        return f"no training row holds a {'number' if kind == 'number' else 'truth value'}{shown}"
    with np.errstate(over="ignore"):  # `_scale` says so
        constant = np.ptp(known) <= 1e-12 * abs(known[0])
    if constant:
        if not lost.any():
            return f"constant, {known[0]:g} in every training row"
        # the value says nothing, whether it is missing may
        return Column(name, kind, True, centre=float(known[0]), fill=float(known[0]))
    if kind == "boolean":
        return Column(name, kind, bool(lost.any()), fill=float(known.mean() >= 0.5))
    centre, scale = _scale(name, known, scaling)
    if scale == 0:
        return f"constant, {known[0]:g} in every training row"
    median = float(np.median(known))
    return Column(name, kind, bool(lost.any()), centre, scale, scaling == "robust", median)


def _scale(name: str, known: np.ndarray, scaling: str) -> tuple[float, float]:
    """(centre, scale) of numbers that are not all the same."""
    with np.errstate(over="ignore", invalid="ignore"):
        centre, scale = float(known.mean()), float(known.std())
        if scaling == "robust":
            low, centre, high = map(float, np.percentile(known, [25, 50, 75]))
            scale = high - low or float(np.ptp(known)) / 2
    if not np.isfinite(scale):
        raise DataError(f"the column {name!r} holds numbers too large to square; rescale it")
    return centre, scale


def _learn_category(name: str, column: pd.Series, one_hot: int | None) -> Column:
    words = text(column)
    counts = words.value_counts()
    missing = bool(words.isna().any())
    embedded = one_hot is not None and len(counts) > one_hot
    most = MOST_EMBEDDED if embedded else MOST_LEVELS
    # by frequency, ties by name: the order of the rows must not matter
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    levels = sorted(str(level) for level, _ in ranked[:most])
    return Column(name, "category", missing, levels=tuple(levels), embedded=embedded)


def _learn_ordered(name: str, column: pd.Series) -> Column:
    words = text(column)
    present = set(words.dropna().unique())
    if isinstance(column.dtype, pd.CategoricalDtype):
        order = [str(level) for level in column.cat.categories if str(level) in present]
    else:
        order = sorted(present)
    return Column(name, "ordered", bool(words.isna().any()), levels=tuple(order))


def _learn_date(name: str, column: pd.Series) -> Column | str:
    turned = day_first(column)
    when, _ = dates(column, turned)
    known = when.dropna()
    if known.empty:
        return "no training row holds a date that can be read"
    lost = len(known) < len(when)
    seconds = _seconds(known)
    first, span = float(seconds.min()), float(np.ptp(seconds))
    if span == 0 and not lost:
        return f"constant, {known.iloc[0]} in every training row"
    parts = ["years"] if span else []
    parts += [part for part in PARTS if span and _part(known, part).nunique() > 1]
    scale = max(span / YEAR, 1e-9)
    middle = float(np.median(seconds))
    return Column(
        name, "date", lost, first, scale, fill=middle, parts=tuple(parts), day_first=turned
    )


def _require_finite(name: str, values: np.ndarray, where: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"{where}: the column {name!r} holds {int(infinite.sum())} infinite value(s); "
            "correct them, or leave them empty to count as missing"
        )


# -- encoding -----------------------------------------------------------------------------------


def _encode(column: Column, given: pd.Series, where: str, noted: Noted) -> np.ndarray:
    """The numbers (n, outputs) of one column, behind its code where it is embedded."""
    if column.kind in ("category", "ordered"):
        block, lost = _encode_levels(column, given, noted)
    elif column.kind == "date":
        block, lost = _encode_date(column, given, noted)
    else:
        block, lost = _encode_number(column, given, where, noted)
    noted.missing = int(lost.sum()) - noted.unreadable
    if column.missing:
        block = np.concatenate([block, lost[:, None].astype(np.float32)], axis=1)
    return block


def _encode_levels(column: Column, given: pd.Series, noted: Noted) -> tuple[np.ndarray, np.ndarray]:
    words = text(given)
    lost = words.isna().to_numpy(bool)
    place = words.map({level: i for i, level in enumerate(column.levels)})
    found = place.notna().to_numpy(bool)
    unseen = ~found & ~lost
    noted.unseen = int(unseen.sum())
    if noted.unseen:
        noted.show(words, unseen)
    code = np.where(found, place.fillna(-1).to_numpy(dtype=np.int64), -1)
    if column.embedded:
        return (code + 1)[:, None].astype(np.float32), lost
    levels = np.arange(len(column.levels))
    if column.kind == "ordered":
        return (code[:, None] >= levels[None, 1:]).astype(np.float32), lost
    return (code[:, None] == levels[None]).astype(np.float32), lost


def _encode_number(
    column: Column, given: pd.Series, where: str, noted: Noted
) -> tuple[np.ndarray, np.ndarray]:
    values, strangers = numbers(given) if column.kind == "number" else truths(given)
    _require_finite(column.name, values, where)
    noted.unreadable = int(strangers.sum())
    if noted.unreadable:
        noted.show(given, strangers)
    if noted.unreadable > len(given) / 2:
        wanted = "numbers" if column.kind == "number" else "true or false"
        raise DataError(
            f"{where}: the column {column.name!r} should hold {wanted}, as in training, and "
            f"holds {noted.example!r} (and {noted.unreadable - 1} more like it)"
        )
    lost = np.isnan(values)
    scaled = (np.where(lost, column.fill, values) - column.centre) / column.scale
    if column.squash:
        with np.errstate(over="ignore"):  # far out, the root is the ratio itself
            scaled = scaled / np.hypot(1, scaled / 3)
    return scaled[:, None].astype(np.float32), lost


def _encode_date(column: Column, given: pd.Series, noted: Noted) -> tuple[np.ndarray, np.ndarray]:
    when, unread = dates(given, column.day_first)
    lost = when.isna().to_numpy(bool)
    noted.unreadable = int(unread.sum())
    if noted.unreadable:
        noted.show(given, unread)
    filled = when.fillna(pd.Timestamp(column.fill, unit="s"))
    blocks = []
    if "years" in column.parts:
        blocks.append((_seconds(filled) - column.centre) / YEAR / column.scale)
    for part in column.parts:
        if part != "years":
            low, count, _ = PARTS[part]
            angle = 2 * np.pi * (_part(filled, part).to_numpy(np.float64) - low) / count
            blocks += [np.sin(angle), np.cos(angle)]
    stacked = np.stack(blocks, axis=1) if blocks else np.empty((len(when), 0))
    return stacked.astype(np.float32), lost


def _seconds(when: pd.Series) -> np.ndarray:
    return when.astype("datetime64[s]").astype("int64").to_numpy(np.float64)


def _part(when: pd.Series, part: str) -> pd.Series:
    return getattr(when.dt, PARTS[part][2])
