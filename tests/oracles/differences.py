"""Finite differences in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

# Central differences err by step^2 |f'''| / 6 (about 1e-10 for f''' of order one) plus rounding
# 1e-16 |f| / step (1e-11): directional derivatives hold to about 1e-8 absolute for functions of
# order one. The tolerance leaves a factor of 100 for third derivatives of deep networks.
STEP = 1e-5
RTOL, ATOL = 1e-6, 1e-6


def directions(tree: Any, count: int, rng: np.random.Generator) -> list[Any]:
    """Random directions of unit length over all leaves of a pytree."""
    leaves, structure = jax.tree.flatten(tree)
    found = []
    for _ in range(count):
        drawn = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]
        length = np.sqrt(sum((d**2).sum() for d in drawn))
        found.append(jax.tree.unflatten(structure, [d / length for d in drawn]))
    return found


def slope(f: Callable[[Any], Any], at: Any, direction: Any, step: float = STEP) -> float:
    """The central difference of f along a direction, a float64 number."""
    plus = jax.tree.map(lambda a, d: np.asarray(a) + step * d, at, direction)
    minus = jax.tree.map(lambda a, d: np.asarray(a) - step * d, at, direction)
    return (float(f(plus)) - float(f(minus))) / (2 * step)


def inner(a: Any, b: Any) -> float:
    """The inner product of two pytrees."""
    products = jax.tree.map(lambda x, y: float(np.sum(np.asarray(x) * np.asarray(y))), a, b)
    return sum(jax.tree.leaves(products))


def assert_gradient(
    f: Callable[[Any], Any], gradient: Any, at: Any, rng: np.random.Generator, count: int = 4
) -> None:
    """`gradient` agrees with central differences of f along `count` random directions."""
    for direction in directions(at, count, rng):
        want = slope(f, at, direction)
        np.testing.assert_allclose(inner(gradient, direction), want, rtol=RTOL, atol=ATOL)
