"""What the functions of `glass` are given, checked in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.errors import DataError, DescendError
from descend.nn.checks import whole
from descend.train.model.model import Model


def require_model(model: Any, what: str) -> Model:
    """The model; raises DescendError where it is none."""
    if not isinstance(model, Model):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise DescendError(f"{what} looks into a descend Model (or Sequential), got {got}")
    return model


def require_points(points: Any, what: str) -> None:
    """Raise DescendError unless `points` is a whole number >= 2."""
    whole(f"{what}: points", points, 2)


def whole_index(index: Any, shape: tuple[int, ...], what: str) -> tuple[int, ...]:
    """An index into an array, as a tuple; raises DataError where it is not one."""
    numbers = tuple(index) if isinstance(index, (tuple, list)) else (index,)
    inside = len(numbers) == len(shape) and all(
        isinstance(i, (int, np.integer)) and 0 <= i < size
        for i, size in zip(numbers, shape, strict=True)
    )
    if not inside:
        if len(shape) == 1:
            got = numbers[0] if len(numbers) == 1 else numbers
            raise DataError(f"{what} has numbers 0 to {shape[0] - 1}, got {got}")
        expected = ", ".join(f"0..{size - 1}" for size in shape)
        raise DataError(
            f"{what} has {len(shape)} axes, of {shape or 'one number'}: expected an index "
            f"({expected}), counted from 0, got {index!r}"
        )
    return tuple(int(i) for i in numbers)
