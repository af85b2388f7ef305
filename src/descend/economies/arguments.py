"""Numbers that the functions of this package are given, checked in one place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from descend.errors import DescendError
from descend.nn.checks import is_number


def whole(name: str, value: Any, least: int) -> int:
    """The value as an int; raises DescendError unless it is a whole number >= `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise DescendError(f"{name} must be a whole number >= {least}, got {value!r}")
    return int(value)


def number(
    name: str, value: Any, *, above: float | None = None, least: float | None = None
) -> float:
    """The value as a float; raises DescendError unless it is a finite number in the range."""
    low = -math.inf if least is None else least
    if not is_number(value) or value < low or (above is not None and not value > above):
        bound = f" > {above:g}" if above is not None else "" if least is None else f" >= {least:g}"
        raise DescendError(f"{name} must be a finite number{bound}, got {value!r}")
    return float(value)
