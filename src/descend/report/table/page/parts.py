"""What sections of the page share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from descend.report.page import paragraph, table

MOST_ROWS = 60  # of a table of columns; the JSON has them all


def pairs(caption: str, values: Sequence[tuple[str, Any]]) -> str:
    """A table of (what, value); those without a value are left out."""
    rows = [[name, str(value)] for name, value in values if value not in (None, "")]
    return table(caption, ["what", "value"], rows, words=2)


def more(count: int, most: int, what: str) -> str:
    """A paragraph on what a table leaves out; nothing where it is whole."""
    rest = count - most
    return paragraph(f"{rest:,} more {what} are in the JSON.") if rest > 0 else ""
