"""How one column becomes numbers: learned from training rows, the same for rows to come.

    number      standard: (x - mean) / sd
                robust:   s = (x - median) / IQR, then s / sqrt(1 + (s / 3)^2), below 3 in size
                (an IQR of 0: half the range)
    boolean     0 or 1
    category    one 0/1 number a level of the training rows, all zeros for rare ones;
                or, with more than `one_hot` levels, a whole number that an embedding looks up:
                0 for rare ones, the last for missing ones
    ordered     one 0/1 number a level but the lowest: whether the value reaches it
    date        years since the training rows' first, and what varies of month, weekday and hour
    text        the numbers of its words and pairs of words, for an embedding (`texts.py`)

An entry that is missing is an input of its own: where some training row misses one, a 0/1 number
more says so. In the place of what is not there stands something neutral, which no level or number
is taken for: the median of a number, else what the training rows' inputs are on average (the share
of each level, the share of rows that reach it). A level that training did not see is told as a rare
one where training had rare ones, else by the same neutral inputs, without the mark of a missing
one. An embedding's vector that no training row looks up is the mean of those they do
(`descend.tables.network`).

The robust scaling is that of RealMLP (Holzmueller et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.tables.columns import dates, day_first, numbers, text, truths
from descend.tables.texts import Vocabulary, learn_vocabulary

MOST_LEVELS = 50  # of a category in 0/1 numbers; rarer ones are all zeros
MOST_EMBEDDED = 5000  # levels that an embedding holds; rarer ones share a vector
FAR = 0.5  # of the training rows' range; a number further outside of it is remarked on
YEAR = 365.2425 * 24 * 3600  # seconds
SHOWN = 40  # characters of a text in a remark
# part: (first, how many, its name in pandas)
PARTS = {"month": (1, 12, "month"), "weekday": (0, 7, "day_of_week"), "hour": (0, 24, "hour")}


@dataclass(frozen=True)
class Column:
    """How one column is encoded.

    Attributes:
        name: name of the column.
        kind: "number", "boolean", "category", "ordered", "date" or "text".
        missing: whether some training row had none, so that a 0/1 number says so.
        rare: whether some training row was of a level that is not kept.
        centre, scale: centre and scale of a number (in its units) or of a date's years.
        squash: whether the scaled number is kept below 3 in size.
        fill: numbers in the place of what is missing: a number in the column's units; of other
            kinds what the training rows' inputs are on average. () of an embedded category.
        low, high: least and largest of the training rows' numbers, or seconds since 1970.
        levels: levels of a category or an ordered column.
        embedded: whether a category becomes a whole number for an embedding.
        parts: parts of a date; day_first: whether 3/4/2020 is in April.
        vocabulary: words of a text, None of other kinds.
    """

    name: str
    kind: str
    missing: bool = False
    rare: bool = False
    centre: float = 0.0
    scale: float = 1.0
    squash: bool = False
    fill: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    levels: tuple[str, ...] = ()
    embedded: bool = False
    parts: tuple[str, ...] = ()
    day_first: bool = False
    vocabulary: Vocabulary | None = None

    def outputs(self) -> list[str]:
        """Names of the numbers that this column becomes; what an embedding takes is none."""
        if self.embedded or self.vocabulary:
            names = []
        elif self.kind == "date":
            names = [f"{self.name} {part}" for part in self._date_parts()]
        elif self.kind == "ordered":
            names = [f"{self.name}>={level}" for level in self.levels[1:]]
        else:
            names = [f"{self.name}={level}" for level in self.levels] or [self.name]
        return [*names, f"{self.name} missing"] if self.missing else names

    @property
    def codes(self) -> int:
        """How many whole numbers an embedding of it knows: rare, the levels, missing."""
        return len(self.levels) + 1 + self.missing

    @property
    def length(self) -> int:
        """How many words and pairs of a text are told at most; 0 of other kinds."""
        return self.vocabulary.length if self.vocabulary else 0

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
        missing, unreadable, unseen, outside: counts of rows; outside: of numbers and dates further
            from the training rows' range than `FAR` of its width.
        example: example of what was unreadable, unseen or outside.
        row: row of the example, counted from 1.
    """

    missing: int = 0
    unreadable: int = 0
    unseen: int = 0
    outside: int = 0
    example: str = ""
    row: int = 0

    def show(self, entries: pd.Series, unknown: np.ndarray) -> None:
        """Keep the first of the unknown entries, (n,) of them marked."""
        first = int(np.argmax(unknown))
        self.example, self.row = str(entries.iloc[first]), first + 1

    def is_news(self, column: Column) -> bool:
        """Whether there was something that the training rows did not have."""
        lost = self.missing and not column.missing
        return bool(lost or self.unreadable or self.unseen or self.outside)

    def remarks(self, column: Column) -> list[str]:
        """What was met, and what the network is told in its place; one line a kind."""
        lines = []
        neutral = ""
        if not column.missing:
            neutral = f", which no training row is; told as {_neutral(column)}"
        if self.missing:
            lines.append(f"{column.name}: {self.missing:,} missing{neutral}")
        if self.unreadable:
            lines.append(
                f"{column.name}: {self.unreadable:,} not readable, the first {self.example!r} in "
                f"row {self.row:,}; as if missing{neutral}"
            )
        if self.unseen and column.vocabulary:
            lines.append(
                f"{column.name}: {self.unseen:,} texts without a word that training saw, such as "
                f"{_cut(self.example)!r} in row {self.row:,}; told as empty"
            )
        elif self.unseen:
            stand_in = "a rare level" if column.rare else _neutral(column)
            lines.append(
                f"{column.name}: {self.unseen:,} of a level that training did not see or keep, "
                f"such as {self.example!r} in row {self.row:,}; told as {stand_in}"
            )
        if self.outside:
            low, high = _shown(column, column.low), _shown(column, column.high)
            example = "" if self.unreadable else f", such as {self.example} in row {self.row:,}"
            lines.append(
                f"{column.name}: {self.outside:,} far outside of the training rows' {low} to "
                f"{high}{example}; a prediction there is a guess"
            )
        return lines


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _neutral(column: Column) -> str:
    if column.vocabulary:
        return "an empty text"
    if column.kind == "number":
        return f"the training rows' median, {column.fill[0]:g}"
    return "the average of the training rows"


def _shown(column: Column, value: float) -> str:
    if column.kind == "date":
        return str(pd.Timestamp(value, unit="s").date())
    return f"{value:.6g}"


# -- learning -----------------------------------------------------------------------------------


def learn(
    name: str, column: pd.Series, kind: str, scaling: str, one_hot: int | None
) -> Column | str:
    """How a column is encoded, or why it is dropped.

    Raises:
        DataError: an infinite value, or numbers too large to square.
    """
    if kind == "date":
        return _learn_date(name, column)
    if kind == "ordered":
        return _learn_ordered(name, column)
    if kind == "category":
        return _learn_category(name, column, one_hot)
    if kind == "text":
        return _learn_text(name, column)
    values, strangers = numbers(column) if kind == "number" else truths(column)
    require_finite(name, values, "the table")
    lost = np.isnan(values)
    known = values[~lost]
    if not len(known):
        example = f", such as {column[strangers].iloc[0]!r}" if strangers.any() else ""
        return f"no training row holds a {'number' if kind == 'number' else 'truth value'}{example}"
    low, high = float(known.min()), float(known.max())
    with np.errstate(over="ignore"):  # `_scale` says so
        constant = high - low <= 1e-12 * abs(low)
    if constant:
        if not lost.any():
            return f"constant, {low:g} in every training row"
        # the value says nothing, whether it is missing may
        return Column(name, kind, True, centre=low, fill=(low,), low=low, high=high)
    if kind == "boolean":
        return Column(name, kind, bool(lost.any()), fill=(float(known.mean()),))
    centre, scale = _scale(name, known, scaling)
    if scale == 0:
        return f"constant, {low:g} in every training row"
    return Column(
        name,
        kind,
        bool(lost.any()),
        centre=centre,
        scale=scale,
        squash=scaling == "robust",
        fill=(float(np.median(known)),),
        low=low,
        high=high,
    )


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


def _learn_text(name: str, column: pd.Series) -> Column | str:
    learned = learn_vocabulary(name, column)
    if isinstance(learned, str):
        return learned
    return Column(name, "text", bool(text(column).isna().any()), vocabulary=learned)


def _learn_category(name: str, column: pd.Series, one_hot: int | None) -> Column:
    words = text(column)
    counts = words.value_counts()
    missing = bool(words.isna().any())
    embedded = one_hot is not None and len(counts) > one_hot
    most = MOST_EMBEDDED if embedded else MOST_LEVELS
    # by frequency, ties by name: the order of the rows must not matter
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    levels = tuple(sorted(str(level) for level, _ in ranked[:most]))
    fill = () if embedded else tuple(float(counts[level]) / counts.sum() for level in levels)
    rare = len(counts) > most
    return Column(name, "category", missing, rare, fill=fill, levels=levels, embedded=embedded)


def _learn_ordered(name: str, column: pd.Series) -> Column:
    words = text(column)
    order = order_of(column)
    reached = pd.Index(order).get_indexer(pd.Index(words.dropna().astype(object)))
    fill = tuple(float((reached >= i).mean()) for i in range(1, len(order)))
    return Column(name, "ordered", bool(words.isna().any()), fill=fill, levels=tuple(order))


def order_of(column: pd.Series) -> list[str]:
    """The levels that are there, from the lowest: a category's own order, else by size or name."""
    present = set(text(column).dropna().unique())
    if isinstance(column.dtype, pd.CategoricalDtype):
        every = text(pd.Series(column.cat.categories)).unique()
        return [str(level) for level in every if level in present]
    levels = pd.Series(sorted(present), dtype="string")
    sizes, strangers = numbers(levels)
    if not strangers.any():  # text puts 10 before 2
        levels = levels.iloc[np.argsort(sizes, kind="stable")]
    return levels.tolist()


def _learn_date(name: str, column: pd.Series) -> Column | str:
    turned = day_first(column)
    when, _ = dates(column, turned)
    known = when.dropna()
    if known.empty:
        return "no training row holds a date that can be read"
    lost = len(known) < len(when)
    seconds = _seconds(known)
    first, last = float(seconds.min()), float(seconds.max())
    if first == last and not lost:
        return f"constant, {known.iloc[0]} in every training row"
    parts = ["years"] if last > first else []
    parts += [part for part in PARTS if parts and _part(known, part).nunique() > 1]
    learned = Column(
        name,
        "date",
        lost,
        centre=first,
        scale=max((last - first) / YEAR, 1e-9),
        low=first,
        high=last,
        parts=tuple(parts),
        day_first=turned,
    )
    return replace(learned, fill=tuple(_date_inputs(learned, known).mean(axis=0).tolist()))


def require_finite(name: str, values: np.ndarray, where: str) -> None:
    """Raises DataError where a value is infinite."""
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"{where}: the column {name!r} holds {int(infinite.sum())} infinite value(s); "
            "correct them, or leave them empty to count as missing"
        )


# -- encoding -----------------------------------------------------------------------------------


def encode(column: Column, entries: pd.Series, where: str, noted: Noted) -> np.ndarray:
    """The numbers (n, outputs) of one column, behind its code where it is embedded.

    Args:
        where: names the table in an error.
        noted: record of what is met; it is changed.

    Raises:
        DataError: an infinite value, text for numbers.
    """
    if column.kind in ("category", "ordered"):
        block, lost = _encode_levels(column, entries, noted)
    elif column.kind == "date":
        block, lost = _encode_date(column, entries, noted)
    elif column.vocabulary:
        lost = text(entries).isna().to_numpy(bool)
        block = np.empty((len(entries), 0), np.float32)
    else:
        block, lost = _encode_number(column, entries, where, noted)
    noted.missing = int(lost.sum()) - noted.unreadable
    if column.missing:
        block = np.concatenate([block, lost[:, None].astype(np.float32)], axis=1)
    return block


def encode_text(column: Column, entries: pd.Series, noted: Noted) -> np.ndarray:
    """The numbers (n, length) of a text's words, 0 behind them.

    Args:
        noted: record of what is met; it is changed.
    """
    assert column.vocabulary is not None
    ids = column.vocabulary.numbers(entries)
    empty = ~ids.any(axis=1) & text(entries).notna().to_numpy(bool)
    noted.unseen = int(empty.sum())
    if noted.unseen:
        noted.show(text(entries), empty)
    return ids


def _encode_levels(
    column: Column, entries: pd.Series, noted: Noted
) -> tuple[np.ndarray, np.ndarray]:
    words = text(entries)
    lost = words.isna().to_numpy(bool)
    place = words.map({level: i for i, level in enumerate(column.levels)})
    known = place.notna().to_numpy(bool)
    unseen = ~known & ~lost
    noted.unseen = int(unseen.sum())
    if noted.unseen:
        noted.show(words, unseen)
    code = np.where(known, place.fillna(-1).to_numpy(dtype=np.int64), -1)
    if column.embedded:
        code = code + 1
        if column.missing:
            code[lost] = column.codes - 1
        return code[:, None].astype(np.float32), lost
    levels = np.arange(len(column.levels))
    if column.kind == "ordered":
        block = (code[:, None] >= levels[None, 1:]).astype(np.float32)
    else:
        block = (code[:, None] == levels[None]).astype(np.float32)
    block[lost if column.rare else lost | unseen] = column.fill
    return block, lost


def _encode_number(
    column: Column, entries: pd.Series, where: str, noted: Noted
) -> tuple[np.ndarray, np.ndarray]:
    values, strangers = numbers(entries) if column.kind == "number" else truths(entries)
    require_finite(column.name, values, where)
    noted.unreadable = int(strangers.sum())
    if noted.unreadable:
        noted.show(entries, strangers)
    if noted.unreadable > len(entries) / 2:
        wanted = "numbers" if column.kind == "number" else "true or false"
        raise DataError(
            f"{where}: the column {column.name!r} should hold {wanted}, as in training, and "
            f"holds {noted.example!r} (and {noted.unreadable - 1} more like it)"
        )
    if column.kind == "number":
        _note_outside(column, values, entries, noted)
    lost = np.isnan(values)
    scaled = (np.where(lost, column.fill[0], values) - column.centre) / column.scale
    if column.squash:
        with np.errstate(over="ignore"):  # far out, the root is the ratio itself
            scaled = scaled / np.hypot(1, scaled / 3)
    return scaled[:, None].astype(np.float32), lost


def _note_outside(column: Column, values: np.ndarray, entries: pd.Series, noted: Noted) -> None:
    room = FAR * (column.high - column.low)
    outside = (values < column.low - room) | (values > column.high + room)  # not where NaN
    noted.outside = int(outside.sum())
    if noted.outside and not noted.unreadable:
        noted.show(entries, outside)


def _encode_date(column: Column, entries: pd.Series, noted: Noted) -> tuple[np.ndarray, np.ndarray]:
    when, unread = dates(entries, column.day_first)
    lost = when.isna().to_numpy(bool)
    noted.unreadable = int(unread.sum())
    if noted.unreadable:
        noted.show(entries, unread)
    block = np.empty((len(when), len(column.fill)), np.float32)
    block[lost] = column.fill
    if not lost.all():
        known = when[~lost]
        _note_outside(column, _all(_seconds(known), ~lost), entries, noted)
        block[~lost] = _date_inputs(column, known)
    return block, lost


def _all(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The values at the places that are known, NaN at others."""
    all_values = np.full(len(known), np.nan)
    all_values[known] = values
    return all_values


def _date_inputs(column: Column, when: pd.Series) -> np.ndarray:
    """The numbers (n, inputs) of dates that are all known."""
    blocks = []
    if "years" in column.parts:
        blocks.append((_seconds(when) - column.centre) / YEAR / column.scale)
    for part in column.parts:
        if part != "years":
            low, count, _ = PARTS[part]
            angle = 2 * np.pi * (_part(when, part).to_numpy(np.float64) - low) / count
            blocks += [np.sin(angle), np.cos(angle)]
    return np.stack(blocks, axis=1) if blocks else np.empty((len(when), 0))


def _seconds(when: pd.Series) -> np.ndarray:
    return when.astype("datetime64[s]").astype("int64").to_numpy(np.float64)


def _part(when: pd.Series, part: str) -> pd.Series:
    return getattr(when.dt, PARTS[part][2])
