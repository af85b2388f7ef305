"""Numbers of the report on a table, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def digits(value: float | int | None) -> str:
    """A number with four significant digits, whole from 10,000 on; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def interval(figure: Mapping[str, Any], name: str = "estimate") -> str:
    """A figure with the ends of its interval; without them where there are none.

    Args:
        figure: with the keys "low", "high" and `name`.
        name: the key of the figure itself.
    """
    value = digits(figure[name])
    if figure["low"] is None or figure["high"] is None:
        return value
    return f"{value} ({end(figure['low'])} to {end(figure['high'])})"


def end(value: float | int | None) -> str:
    """An end of an interval: three significant digits, whole from 1,000 on."""
    if value is None or isinstance(value, int):
        return digits(value)
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
    return digits(value) if number or value is None else str(value)
