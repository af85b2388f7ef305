"""Cells of a CSV file that a spreadsheet would run, marked as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

RUN = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+|inf|nan)(?:e[-+]?\d+)?%?"
# a dash for nothing, a number, or one with its interval and a remark, as tables of ours have them
_INTERVAL = rf" \({_NUMBER} to {_NUMBER}\)(?:, [\w ]+)?"
_HARMLESS = re.compile(rf"-|{_NUMBER}(?:{_INTERVAL})?", re.IGNORECASE)


def as_text(cell: Any) -> Any:
    """The cell with an apostrophe in front, if it is a text that a spreadsheet takes as a formula.

    That is one that begins with = + - @, a tab or a carriage return and is no number (nor one
    with its interval). The
    apostrophe is how spreadsheets themselves mark a text; other readers see it as part of it.

    Example:
        >>> as_text("=1+2"), as_text("-3.5"), as_text("a=b")
        ("'=1+2", '-3.5', 'a=b')
    """
    if not isinstance(cell, str) or not cell.startswith(RUN) or _HARMLESS.fullmatch(cell):
        return cell
    return f"'{cell}"


def rows_as_text(rows: Iterable[Iterable[Any]]) -> tuple[list[list[Any]], int]:
    """Rows of cells, each `as_text`; and how many were changed."""
    before = [list(row) for row in rows]
    after = [[as_text(cell) for cell in row] for row in before]
    pairs = (zip(old, new, strict=True) for old, new in zip(before, after, strict=True))
    return after, sum(old is not new for row in pairs for old, new in row)


def frame_as_text(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """A table whose texts and names of columns are `as_text`; and how many were changed."""
    text, changed = frame.copy(deep=False), 0
    for name in frame.columns:
        if frame[name].dtype.kind in "biufcmM":
            continue
        old = list(frame[name])
        new = [as_text(cell) for cell in old]
        changed += sum(a is not b for a, b in zip(old, new, strict=True))
        text[name] = new
    text.columns = [as_text(name) for name in frame.columns]
    changed += sum(old != new for old, new in zip(frame.columns, text.columns, strict=True))
    return text, changed


def remark(changed: int) -> str:
    """What to tell who gets the file; "" where nothing was changed."""
    if not changed:
        return ""
    count = "1 cell begins" if changed == 1 else f"{changed:,} cells begin"
    return (
        f"{count} with = + - or @, which a spreadsheet would run as a formula: an apostrophe "
        "stands in front"
    )
