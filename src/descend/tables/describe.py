"""A table looked at before anything is learned from it: one row a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from descend.data.table import unknown_column
from descend.errors import DataError, unknown
from descend.tables.columns import KINDS, Kind, dates, is_code, kind_of, numbers, text, truths
from descend.tables.encoding import order_of
from descend.tables.identifiers import names_rows, numbers_rows
from descend.tables.texts import require_texts

NOTHING = ("identifier", "text", "constant", "empty", "other")  # what says nothing of other rows
LEVELS_SHOWN = 4
FEW_VALUES = 10  # whole numbers of so few values may be codes
FREE_TEXT = 30  # characters an entry has on average where people wrote it


@dataclass(frozen=True)
class Judgement:
    """What a column is taken for.

    Attributes:
        kind: one of `columns.KINDS`, or "identifier", "text", "constant" for one that says nothing
            about rows to come.
        why: the reason in words.
        doubt: whether a reader should look whether it is right.
    """

    kind: str
    why: str
    doubt: bool = False


def judge(name: str, column: pd.Series, kind: str | None = None, *, row: str = "row") -> Judgement:
    """What a column is, and why.

    Args:
        kind: the user's word; it is checked against the values.
        row: what a row is called, such as "training row" where these are some of the table's.

    Raises:
        DataError: a kind that the values are not of, with the first row that is not.
    """
    if kind is not None:
        return _as_told(name, column, kind)
    kind_found = kind_of(column)
    known = column.dropna()
    if kind_found == "empty":
        return Judgement("empty", f"missing in all {len(column):,} {row}s")
    if kind_found == "other":
        return Judgement("other", f"holds {type(known.iloc[0]).__name__}, no numbers or text")
    distinct = _distinct(known)
    if distinct == 1 and len(known) == len(column) > 1:
        return Judgement("constant", f"{text(known[:1]).iloc[0]!r} in every {row}")
    if kind_found == "number":
        return _judged_number(name, column, distinct)
    if kind_found == "boolean":
        if pd.api.types.is_bool_dtype(column.dtype) or distinct == 2:
            return Judgement(kind_found, "holds true and false")
        spelled = ", ".join(map(repr, sorted(text(known).unique())[:6]))
        return Judgement(kind_found, f"true and false in {distinct} spellings: {spelled}", True)
    if kind_found == "ordered":
        return Judgement(kind_found, f"{len(column.cat.categories)} levels that have an order")
    if kind_found == "date":
        return _judged_date(column)
    return _judged_words(name, known, distinct)


def _judged_number(name: str, column: pd.Series, distinct: int) -> Judgement:
    values, strangers = numbers(column)
    known = values[~np.isnan(values)]
    whole = bool(np.isfinite(known).all() and (known == np.floor(known)).all())
    names = "" if strangers.any() else numbers_rows(name, values)
    if names:
        return Judgement("identifier", names, doubt=names != "numbers the rows")
    if strangers.any():
        row = int(np.argmax(strangers))
        return Judgement(
            "number",
            f"numbers, but {int(strangers.sum()):,} entries are none, such as "
            f"{str(column.iloc[row])!r} in row {row + 1:,}; they count as missing",
            doubt=True,
        )
    if not whole:
        return Judgement("number", "numbers")
    if distinct == 2:  # one 0/1 number, whatever the two mean
        return Judgement("number", f"two whole numbers, {known.min():g} and {known.max():g}")
    if distinct <= FEW_VALUES:
        return Judgement("number", f"whole numbers, only {distinct} different ones: codes?", True)
    return Judgement("number", "whole numbers")


def _judged_date(column: pd.Series) -> Judgement:
    if not pd.api.types.is_string_dtype(column.dtype):
        return Judgement("date", "holds dates or times")
    wrong = dates(column)[1]
    if wrong.any():
        row = int(np.argmax(wrong))
        return Judgement(
            "date",
            f"written as dates, but {int(wrong.sum()):,} are none, such as "
            f"{str(column.iloc[row])!r} in row {row + 1:,}",
            doubt=True,
        )
    return Judgement("date", "text written as dates")


def _judged_words(name: str, known: pd.Series, distinct: int) -> Judgement:
    words = text(known)
    length = float(words.str.len().mean())
    if distinct > len(known) / 2 and len(known) > 2 and length > FREE_TEXT:
        return Judgement("text", f"free text, {length:.0f} characters on average")
    names = names_rows(name, words)
    if names:
        return Judgement("identifier", names, doubt=distinct < len(known))
    if isinstance(known.dtype, pd.CategoricalDtype):
        return Judgement("category", f"{distinct:,} levels")
    if is_code(known):
        return Judgement("category", f"digits that begin with 0: {distinct:,} codes", True)
    return Judgement("category", f"text, {distinct:,} levels")


def _as_told(name: str, column: pd.Series, kind: str) -> Judgement:
    if kind not in KINDS:
        raise unknown(f"kind of the column {name!r}:", kind, KINDS)
    readers: dict[str, Callable] = {"number": numbers, "boolean": truths, "date": dates}
    reader = readers.get(kind)
    wrong = reader(column)[1] if reader else np.zeros(len(column), bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        entry = str(column.iloc[row])
        more = f" (and {int(wrong.sum()) - 1:,} more such rows)" if wrong.sum() > 1 else ""
        wanted = {"number": "numbers", "boolean": "true or false", "date": "dates"}[kind]
        raise DataError(
            f"the column {name!r} should hold {wanted}, as asked for, and row {row + 1:,} holds "
            f"{entry!r}{more}. Correct it, leave it empty, or choose another kind"
        )
    if kind == "ordered":
        return _as_ordered(column)
    if kind == "text":
        require_texts(name, column)
    return Judgement(kind, "as asked for")


def _as_ordered(column: pd.Series) -> Judgement:
    levels = order_of(column)
    listed = (
        levels if len(levels) <= LEVELS_SHOWN else [*levels[: LEVELS_SHOWN - 1], "...", levels[-1]]
    )
    own = isinstance(column.dtype, pd.CategoricalDtype)
    by_name = not own and bool(numbers(pd.Series(levels, dtype="string"))[1].any())
    why = f"as asked for: {' < '.join(listed)}" + (", the order of the alphabet" if by_name else "")
    return Judgement("ordered", why, by_name)


def _distinct(known: pd.Series) -> int:
    if pd.api.types.is_numeric_dtype(known.dtype):
        return int(known.nunique())
    return int(text(known).nunique())


def judge_all(frame: pd.DataFrame, kinds: Mapping[str, Kind] | None = None) -> dict[str, Judgement]:
    """{column: what it is}, with the user's word where there is one.

    Raises:
        DataError: kinds of columns that are not there, or that the values are not of.
    """
    kinds = kinds or {}
    for name in kinds:
        if name not in frame.columns:
            raise unknown_column(name, frame.columns, "the table")
    return {str(name): judge(str(name), frame[name], kinds.get(str(name))) for name in frame}


def describe(
    frame: pd.DataFrame,
    kinds: Mapping[str, Kind] | None = None,
    labels: Mapping[str, str] | None = None,
    judged: Mapping[str, Judgement] | None = None,
) -> pd.DataFrame:
    """One row a column of a table.

    Args:
        kinds: {column: kind} in place of what the values suggest.
        labels: {column: what it holds}; a column of the answer where there are any.
        judged: what `judge_all` gave, to spare the work.

    Returns:
        Columns: column, kind, why, missing (rows), distinct (values), example (the first value),
        min, median, max (of numbers and dates), levels (the most frequent, with their shares),
        and label.

    Raises:
        DataError: as `judge_all`.
    """
    rows = []
    for name, judgement in (judged or judge_all(frame, kinds)).items():
        column = frame[name]
        known = column.dropna()
        if judgement.kind == "other":
            known = known.map(str)
        row = {
            "column": name,
            "kind": judgement.kind,
            "why": judgement.why,
            "missing": int(column.isna().sum()),
            "distinct": _distinct(known),
            "example": str(text(known[:1]).iloc[0]) if len(known) else "",
            **_range(column, judgement.kind),
            "levels": _levels(known, judgement.kind),
        }
        if labels:
            row["label"] = labels.get(name, "")
        rows.append(row)
    return pd.DataFrame(rows)


def _range(column: pd.Series, kind: str) -> dict[str, str]:
    nothing = {"min": "", "median": "", "max": ""}
    if kind == "number":
        values = numbers(column)[0]
        values = values[~np.isnan(values)]
        if not len(values):
            return nothing
        figures = (values.min(), float(np.median(values)), values.max())
        return dict(zip(nothing, (f"{f:.6g}" for f in figures), strict=True))
    if kind == "date":
        moments = dates(column)[0].dropna().sort_values()
        if moments.empty:
            return nothing
        ends = [str(moments.iloc[i]) for i in (0, (len(moments) - 1) // 2, -1)]
        return dict(zip(nothing, (s.removesuffix(" 00:00:00") for s in ends), strict=True))
    return nothing


def _levels(known: pd.Series, kind: str) -> str:
    if kind not in ("category", "ordered", "boolean") or not len(known):
        return ""
    words = text(known)
    counts = words.value_counts()
    # by frequency, ties by name: the order of the rows must not matter
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    frequent = [f"{level} {count / len(words):.0%}" for level, count in ranked[:LEVELS_SHOWN]]
    more = len(ranked) - LEVELS_SHOWN
    return ", ".join(frequent) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class Overview:
    """Facts of a table as a whole.

    Attributes:
        rows, columns: how many.
        duplicates: rows equal to an earlier one.
        hidden: rows equal to an earlier one but for identifiers, such as a number of the row.
        identifiers: the columns left out for that.
        memory: bytes.
        missing_rows: rows with something missing.
    """

    rows: int
    columns: int
    duplicates: int
    hidden: int
    identifiers: tuple[str, ...]
    memory: int
    missing_rows: int


def overview(frame: pd.DataFrame, judged: Mapping[str, Judgement] | None = None) -> Overview:
    """Rows, columns, duplicate rows, memory in bytes, rows with something missing.

    Args:
        judged: what `judge_all` gave, to spare the work.
    """
    judged = judged or judge_all(frame)
    named = tuple(name for name, one in judged.items() if one.kind == "identifier")
    rest = frame[[c for c in frame.columns if str(c) not in named]]
    twice = _duplicates(frame)
    return Overview(
        *frame.shape,
        twice,
        _duplicates(rest) if named and rest.shape[1] else twice,
        named,
        int(frame.memory_usage(deep=True).sum()),
        int(frame.isna().any(axis=1).sum()),
    )


def _duplicates(frame: pd.DataFrame) -> int:
    try:
        return int(frame.duplicated().sum())
    except TypeError:  # lists and the like
        return int(frame.astype("str").duplicated().sum())


def parse_kinds(pairs: Sequence[str]) -> dict[str, Kind]:
    """["zip=category"] -> {"zip": "category"}; also for `FitOptions.kinds`.

    Raises:
        DataError: no "=", a column named twice. DescendError: a kind that there is not.
    """
    kinds: dict[str, Kind] = {}
    for one in pairs:
        name, mark, kind = one.rpartition("=")
        if not mark or not name:
            raise DataError(f"expected COLUMN=KIND, such as zip=category; got {one!r}")
        if kind not in KINDS:
            raise unknown(f"kind of the column {name!r}:", kind, KINDS)
        if name in kinds:
            raise DataError(f"the column {name!r} is given two kinds")
        kinds[name] = kind
    return kinds


def parse_na(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """["income=-9999", "income=999999"] -> {"income": ("-9999", "999999")}.

    Raises:
        DataError: no "=".
    """
    values: dict[str, tuple[str, ...]] = {}
    for one in pairs:
        name, mark, value = one.rpartition("=")
        if not mark or not name or not value:
            raise DataError(f"expected COLUMN=VALUE, such as income=-9999; got {one!r}")
        values[name] = (*values.get(name, ()), value)
    return values
