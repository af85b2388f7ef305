"""Penalties on the size of the weights, added to the cost.

Source: itam-2023 (1.7 "Regularizers": L1 and L2), hull-2023 ("Improvements and Variants").
The strengths may be swept: `sweep(model, {"l2": [0, 1e-4, 1e-3]}, ...)`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import unknown
from descend.nn import checks


@dataclass(frozen=True)
class L1L2:
    """penalty(W) = l1 sum `|w|` + l2 sum w^2, a scalar that is added to the cost.

    Args:
        l1: strength of the absolute-value penalty, >= 0.
        l2: strength of the squared penalty, >= 0 (Keras's convention: no factor 1/2).

    Raises:
        DescendError: a negative strength.

    Source: itam-2023, 1.7 "Regularizers"; hull-2023, "Improvements and Variants".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.nn.regularizers import L1L2
        >>> float(L1L2(l1=1.0, l2=0.5)(jnp.array([3.0, -4.0])))  # 7 + 25 / 2
        19.5
    """

    l1: Any = 0.0
    l2: Any = 0.0

    def __post_init__(self) -> None:
        checks.finite_number(self, "l1", least=0)
        checks.finite_number(self, "l2", least=0)

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
    """The penalty l1 sum `|w|`, which makes weights exactly zero (the lasso).

    Args:
        l1: strength, >= 0.

    Returns:
        An `L1L2`.

    Raises:
        DescendError: a negative strength.

    Source: itam-2023, 1.7 "Regularizers"; hull-2023, "Improvements and Variants".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.nn.regularizers import L1
        >>> float(L1(0.5)(jnp.array([3.0, -4.0])))
        3.5
    """
    return L1L2(l1=l1)


def L2(l2: float = 0.01) -> L1L2:
    """The penalty l2 sum w^2, which makes weights small (the ridge).

    Args:
        l2: strength, >= 0 (no factor 1/2).

    Returns:
        An `L1L2`.

    Raises:
        DescendError: a negative strength.

    Source: itam-2023, 1.7 "Regularizers"; hull-2023, "Improvements and Variants".

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.nn.regularizers import L2
        >>> float(L2(0.5)(jnp.array([3.0, -4.0])))
        12.5
    """
    return L1L2(l2=l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """The penalty l1 sum `|w|` + l2 sum w^2 (the elastic net).

    Args:
        l1, l2: strengths of the two penalties, >= 0.

    Returns:
        An `L1L2`.

    Raises:
        DescendError: a negative strength.

    Source: Keras's API, regularizers.L1L2; Zou and Hastie 2005.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.nn.regularizers import l1_l2
        >>> float(l1_l2(1.0, 0.5)(jnp.array([3.0, -4.0])))  # 7 + 25 / 2
        19.5
    """
    return L1L2(l1, l2)


l1, l2 = L1, L2  # Keras's other names


def get(identifier: str | L1L2 | dict[str, Any] | None) -> L1L2 | None:
    """The penalty meant by "l1", "l2", "l1_l2", an instance, its JSON form, or None.

    Args:
        identifier: name (of strengths .01), `L1L2`, dict {"l1": ..., "l2": ...}, or None for none.

    Returns:
        An `L1L2`, or None.

    Raises:
        DescendError: an unknown name or argument, or a strength that is no finite number >= 0.

    Source: Keras's API, regularizers.get.

    Example:
        >>> from descend.nn.regularizers import get
        >>> get("l2"), get({"l1": 0.1})
        (L1L2(l1=0.0, l2=0.01), L1L2(l1=0.1, l2=0.0))
    """
    if identifier is None or isinstance(identifier, L1L2):
        return identifier
    if isinstance(identifier, dict):
        return checks.made(L1L2, identifier)
    named = {"l1": L1L2(l1=0.01), "l2": L1L2(l2=0.01), "l1_l2": L1L2(l1=0.01, l2=0.01)}
    named |= {"L1": named["l1"], "L2": named["l2"], "L1L2": named["l1_l2"]}
    if not isinstance(identifier, str) or identifier not in named:
        raise unknown("regularizer", identifier, named)
    return named[identifier]


def describe(regularizer: L1L2 | None) -> dict[str, Any] | None:
    """The JSON form of a penalty.

    Args:
        regularizer: an `L1L2`, or None.

    Returns:
        A dict {"l1": ..., "l2": ...}, of which `get` makes the penalty again; None for None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.nn.regularizers import L2, describe
        >>> describe(L2(0.5))
        {'l1': 0.0, 'l2': 0.5}
    """
    return None if regularizer is None else asdict(regularizer)
