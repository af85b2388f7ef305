"""Penalties on the size of the weights, added to the cost.

Source: itam-2023 (1.7 "Regularizers": L1 and L2), hull-2023 ("Improvements and Variants").
The strengths may be swept: `sweep(model, {"l2": [0, 1e-4, 1e-3]}, ...)`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, unknown


@dataclass(frozen=True)
class L1L2:
    """penalty(W) = l1 sum |w| + l2 sum w^2, a scalar.

    Args:
        l1: strength of the absolute-value penalty, >= 0.
        l2: strength of the squared penalty, >= 0 (Keras's convention: no factor 1/2).

    Raises:
        DescendError: a negative strength.
    """

    l1: Any = 0.0
    l2: Any = 0.0

    def __post_init__(self) -> None:
        for field in ("l1", "l2"):
            value = getattr(self, field)
            if isinstance(value, (int, float)) and not value >= 0:
                raise DescendError(f"{field} penalty must be >= 0, got {value}")

    def __call__(self, weights: jax.Array) -> jax.Array:
        """The penalty of one array."""
        total = jnp.zeros((), weights.dtype)
        # a plain zero adds nothing to the program; in training strengths are traced and stay
        if not (isinstance(self.l1, (int, float)) and self.l1 == 0):
            total = total + self.l1 * jnp.sum(jnp.abs(weights))
        if not (isinstance(self.l2, (int, float)) and self.l2 == 0):
            total = total + self.l2 * jnp.sum(jnp.square(weights))
        return total


def L1(l1: float = 0.01) -> L1L2:
    """l1 sum |w|."""
    return L1L2(l1=l1)


def L2(l2: float = 0.01) -> L1L2:
    """l2 sum w^2."""
    return L1L2(l2=l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """l1 sum |w| + l2 sum w^2."""
    return L1L2(l1, l2)


l1, l2 = L1, L2  # Keras's other names


def get(identifier: str | L1L2 | dict[str, Any] | None) -> L1L2 | None:
    """The penalty meant by "l1", "l2", "l1_l2", an instance, its JSON form, or None."""
    if identifier is None or isinstance(identifier, L1L2):
        return identifier
    if isinstance(identifier, dict):
        return L1L2(**identifier)
    named = {"l1": L1L2(l1=0.01), "l2": L1L2(l2=0.01), "l1_l2": L1L2(l1=0.01, l2=0.01)}
    named |= {"L1": named["l1"], "L2": named["l2"], "L1L2": named["l1_l2"]}
    if not isinstance(identifier, str) or identifier not in named:
        raise unknown("regularizer", identifier, named)
    return named[identifier]


def describe(regularizer: L1L2 | None) -> dict[str, Any] | None:
    """The JSON form."""
    return None if regularizer is None else asdict(regularizer)
