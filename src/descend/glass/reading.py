"""What the functions of `glass` are given, checked in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.errors import DescendError
from descend.train.model import Model


def require_model(model: Any, what: str) -> Model:
    """The model; raises DescendError where it is none."""
    if not isinstance(model, Model):
        given = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise DescendError(f"{what} looks into a descend Model (or Sequential), got {given}")
    return model


def require_points(points: Any, what: str) -> None:
    """Raise DescendError unless `points` is a whole number >= 2."""
    whole = isinstance(points, (int, np.integer)) and not isinstance(points, bool)
    if not whole or points < 2:
        raise DescendError(f"{what}: points must be a whole number >= 2, got {points!r}")
