"""Numbers of the report on a table, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.page import paragraph

MOST_ROWS = 60  # of a table of columns; the JSON has them all


def said(value: float | int | None) -> str:
    """A figure with four significant digits, whole from 10,000 on; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def interval(found: Mapping[str, Any]) -> str:
    """An estimate with its interval; without one where there is none."""
    value = said(found["estimate"])
    if found["low"] is None or found["high"] is None:
        return value
    return f"{value} ({end(found['low'])} to {end(found['high'])})"


def end(value: float | int | None) -> str:
    """An end of an interval: three significant digits, whole from 1,000 on."""
    if value is None or isinstance(value, int):
        return said(value)
    return f"{value:,.3g}" if abs(value) < 1e3 else f"{value:,.0f}"


def chance(value: float | None) -> str:
    """A probability; also a very small one without an exponent."""
    return "-" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{value:.1%}"


def short_hash(digest: str) -> str:
    """Enough of a hash to tell it from others."""
    return digest[:12]


def cell(value: Any) -> str:
    """A number as a figure, anything else as text."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return said(value) if number or value is None else str(value)


def more(count: int, shown: int, what: str) -> str:
    """A paragraph on what a table leaves out; nothing where it is whole."""
    left = count - shown
    return paragraph(f"{left:,} more {what} are in the JSON.") if left > 0 else ""
