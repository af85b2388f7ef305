"""What the values of a table suggest that only its owner can decide; said with what to do.

What is certain is done and said where it is done: blanks around words (`data.frames.as_text`),
money, percentages and brackets (`data.numerals`), truth values in several spellings (`columns`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from descend.data.numerals import find_numerals, plain_numbers, undressed
from descend.tables.columns import kind_of, numbers, text
from descend.tables.describe import FEW_VALUES
from descend.tables.identifiers import key_name

# A value is taken for a code of "missing" if it is one that surveys use (9s, 8s or 7s alone) in at
# least so many rows and lies apart: outside of the others by a quarter of their range, below zero
# where they are not, or ten times as often as any other. Any whole number but 0 and 1, if it stands
# in one row of a hundred, outside of the others by all of their range.
CODE_ROWS, CODE_GAP, OFTENER = 3, 0.25, 10
OFTEN_ROWS, OFTEN, OFTEN_GAP = 5, 0.01, 1.0
_SIGN = r"^[($€£¥₹]|[%)€£¥₹]$"
SAMPLE, MOSTLY = 1000, 0.5  # entries that show how numbers are written; share that have a sign
SHOWN = 3  # spellings or values in one remark
# A column names the units of a panel if it has so many values, each in two rows or more.
PANEL_UNITS = 20


class Remark(NamedTuple):
    """A column, and what is to be looked at in it."""

    column: str
    words: str


def remarks(frame: pd.DataFrame) -> list[Remark]:
    """What a reader should look at, column by column."""
    lines = []
    for name in map(str, frame.columns):
        column = frame[name]
        kind = kind_of(column)
        if kind == "number":
            words = [*_codes(name, column)]
        elif kind == "category":
            words = [*_case(column), *_blanks(column), *_dressed(column)]
        elif kind == "boolean":
            words = [*_blanks(column)]
        else:
            words = []
        lines += [Remark(name, one) for one in words]
    return lines


def panel(frame: pd.DataFrame) -> Remark | None:
    """The column that seems to name the units of a panel: each value in the same two rows or more.

    Rows of one unit in two parts of a split make the test too good.
    """
    for name in map(str, frame.columns):
        column = frame[name]
        kind = kind_of(column)
        if kind not in ("number", "category") or column.isna().any():
            continue
        if kind == "number" and not pd.api.types.is_integer_dtype(column.dtype):
            continue
        counts = column.value_counts()
        if len(counts) < PANEL_UNITS or counts.min() < 2:
            continue
        balanced = counts.min() == counts.max()
        if balanced or (key_name(name) and len(counts) > len(column) / 50):
            rows = f"{counts.min()}" if balanced else f"{counts.min()} to {counts.max()}"
            return Remark(
                name,
                f"{len(counts):,} values in {rows} rows each, as the units of a panel: --group "
                f"{name} keeps the rows of one unit out of two parts of the split",
            )
    return None


def _codes(name: str, column: pd.Series) -> Iterator[str]:
    """Numbers that stand there often and far from all others: codes of "missing"?"""
    values = numbers(column)[0]
    values = values[np.isfinite(values)]
    levels, counts = np.unique(values, return_counts=True)
    whole = levels == np.floor(levels)
    nines = np.array([_of_surveys(v) for v in levels]) & (counts >= CODE_ROWS)
    if whole.all() and len(levels) <= FEW_VALUES:
        nines &= np.abs(levels) > 10 * np.median(np.abs(values))  # 7, 8 and 9 of a short scale
    others, frequent = levels[~nines], counts[~nines]
    if len(others) < 3:
        return
    low, high = others[0], others[-1]
    away = np.maximum(levels - high, low - levels)
    far = (away > CODE_GAP * (high - low)) | ((levels < 0) & (low >= 0))
    far |= (counts >= OFTENER * frequent.max()) & (np.abs(levels) >= 100)
    codes = set(map(int, np.flatnonzero(nines & far)))
    for end, rest in ((0, others[1:]), (-1, others[:-1])):
        gap, width = abs(others[end] - rest[end]), rest[-1] - rest[0]
        often = frequent[end] >= max(OFTEN_ROWS, OFTEN * len(values))
        plausible = others[end] == np.floor(others[end]) and abs(others[end]) > 1
        if often and plausible and gap > OFTEN_GAP * width:
            codes.add(int(np.searchsorted(levels, others[end])))
    if not codes:
        return
    left = np.delete(levels, sorted(codes))
    listed = ", ".join(f"{levels[i]:g} in {counts[i]:,} rows" for i in sorted(codes))
    advice = " ".join(f"--na {name}={levels[i]:.15g}" for i in sorted(codes))
    one = len(codes) == 1
    yield (
        f"{listed}, apart from the others ({left[0]:g} to {left[-1]:g}): "
        f"{'a code' if one else 'codes'} for missing? {advice} takes {'it' if one else 'them'} so"
    )


def _of_surveys(value: float) -> bool:
    """Whether a number is 9s, 8s or 7s alone: -99, 999, 7777."""
    digits = f"{abs(value):.0f}"
    return value == round(value) and len(set(digits)) == 1 and digits[0] in "789"


def _case(column: pd.Series) -> Iterator[str]:
    counts = text(column).value_counts()
    names = pd.Series(counts.index, dtype="string")
    groups = names.groupby(names.str.casefold().to_numpy(object)).agg(list)
    alike = [group for group in groups if len(group) > 1]
    if alike:
        listed = "; ".join(", ".join(f"{w!r} ({counts[w]:,})" for w in g) for g in alike[:SHOWN])
        more = f" and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
        yield (
            f"levels that differ in upper and lower case alone: {listed}{more}; if they mean the "
            "same, write them alike"
        )


def _blanks(column: pd.Series) -> Iterator[str]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    raw = column.dropna().astype("string")
    count = int((raw != raw.str.strip()).sum())
    if count:
        yield f"{count:,} entries have blanks around them, which are left out"


def _dressed(column: pd.Series) -> Iterator[str]:
    words = text(column).dropna()
    if not words.str.contains(_SIGN, regex=True).any():
        return
    plain, how = plain_numbers(words, find_numerals([words.iloc[:SAMPLE].tolist()], ","))
    if how and pd.api.types.is_numeric_dtype(plain.dtype):
        yield f"numbers ({how}) that are taken as text here; from a text file they are read so"
    elif words.map(lambda word: undressed(word) != word).mean() > MOSTLY:
        yield (
            "numbers with different signs ($, €, %, brackets), which may mean different things, so "
            "they stay text; write them with one"
        )
