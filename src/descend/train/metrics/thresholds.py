"""What metrics at thresholds share: hits and misses of each row, and the thresholds themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn import checks

KINDS = ("tp", "fp", "fn", "tn")


def confusion(
    y: jax.Array, prediction: jax.Array, thresholds: Sequence[float], kinds: Sequence[str]
) -> jax.Array:
    """Counts of each row, (n, kinds * thresholds): hits and misses summed over the columns."""
    n = len(prediction)
    p = prediction.reshape(n, -1, 1)
    positive = (y.reshape(n, -1, 1) != 0).astype(p.dtype)
    predicted = (p > jnp.asarray(thresholds, p.dtype)[None, None, :]).astype(p.dtype)
    of = {
        "tp": lambda: positive * predicted,
        "fp": lambda: (1 - positive) * predicted,
        "fn": lambda: positive * (1 - predicted),
        "tn": lambda: (1 - positive) * (1 - predicted),
    }
    return jnp.concatenate([of[kind]().sum(axis=1) for kind in kinds], axis=-1)


def shares(name: str, values: Any, what: str = "thresholds") -> list[float]:
    """The values as floats; raises DescendError unless all lie between 0 and 1."""
    listed = list(values) if np.iterable(values) else []
    if not listed or not all(checks.is_number(t) and 0 <= t <= 1 for t in listed):
        raise DescendError(f"{name}: {what} must lie between 0 and 1, got {values!r}")
    return [float(t) for t in listed]


def even(count: int) -> list[float]:
    """Thresholds from just below 0 to 1 in even steps; [.5] for one."""
    if count == 1:
        return [0.5]
    return [-1e-7, *(i / (count - 1) for i in range(1, count - 1)), 1.0]
