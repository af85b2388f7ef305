"""How numbers, indices and weights are written."""

from __future__ import annotations

from typing import Any

import numpy as np

OVER_UNITS = ("softmax", "log_softmax")  # activations that take the z of all units


def show(value: float) -> str:
    """A number to six digits."""
    return f"{value:.6g}"


def joined(index: tuple[int, ...]) -> str:
    """An index as a subscript: "3", "1,0"."""
    return ",".join(map(str, index))


def letter_of(array: str) -> str:
    """How a weight is written: b for a bias, u for a recurrent kernel, w for all others."""
    last = array.rpartition(".")[2]
    return {"bias": "b", "recurrent_kernel": "u"}.get(last, "w")


def norm(*arrays: Any) -> float:
    """The root of the sum of squares."""
    squares = [np.sum(np.square(np.asarray(a, np.float64))) for a in arrays if a is not None]
    return float(np.sqrt(np.sum(squares)))
