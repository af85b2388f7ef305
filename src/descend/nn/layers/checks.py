"""What the fields of a layer may hold, checked when the layer is made."""

from __future__ import annotations

import numpy as np

from descend.errors import DescendError


def positive_int(owner: object, field: str) -> None:
    """Raise DescendError unless the field holds a whole number >= 1."""
    value = getattr(owner, field)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise DescendError(
            f"{type(owner).__name__}: {field} must be a whole number >= 1, got {value!r}"
        )
    object.__setattr__(owner, field, int(value))  # numpy's would not go into JSON


def fraction(owner: object, field: str) -> None:
    """Raise DescendError unless the field holds a number in [0, 1) (or a traced array)."""
    value = getattr(owner, field)
    if isinstance(value, (int, float)) and not 0 <= value < 1:
        raise DescendError(f"{type(owner).__name__}: {field} must be in [0, 1), got {value!r}")


def one_of(owner: object, field: str, known: tuple[str, ...]) -> None:
    """Raise DescendError unless the field holds one of the words known."""
    if getattr(owner, field) not in known:
        raise DescendError(
            f"{type(owner).__name__}: {field} must be one of {', '.join(map(repr, known))}, got "
            f"{getattr(owner, field)!r}"
        )
