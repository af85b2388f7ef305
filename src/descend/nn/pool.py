"""Pooling: the largest number or the mean of every window. Pure functions, channels last.

A window is taken one axis at a time: k + k terms for a square of k x k, each one fused loop.

Source: hull-2023, "Specialized Layer: Pooling".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from descend.errors import ShapeError
from descend.nn.convolve import Padding, Sliding, moved, output_size, pads, per_axis

# A longer side of a window is pooled by the compiler's own loop instead of one term a place.
LONG = 32


def max_pool(
    x: jax.Array, window: Sequence[int], strides: Any = None, padding: Padding = "valid"
) -> jax.Array:
    """The largest number of every window, channel by channel.

        y[o, c] = max_t x[o s + t - p, c]

    The gradient goes to the first (row-major) of equal numbers. A NaN in a window stays one.

    Args:
        x: (batch, *space, channels).
        window: a whole number, or one an axis.
        strides: step of the window, by axis; None is the window (no overlap).
        padding: cells added, as in `descend.nn.convolve.pads`; padded cells never win.

    Returns:
        (batch, *space', channels).

    Raises:
        ShapeError: the window is longer than the padded input.

    Source: hull-2023, "Specialized Layer: Pooling".
    """
    lowest = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    return _pool(x, window, strides, padding, lowest, _larger, lax.max)


def average_pool(
    x: jax.Array, window: Sequence[int], strides: Any = None, padding: Padding = "valid"
) -> jax.Array:
    """The mean of every window over the cells that are not padding, channel by channel.

        y[o, c] = mean_t x[o s + t - p, c]

    Arguments, result and errors as in `max_pool`. Source: hull-2023, "Specialized Layer: Pooling".
    """
    total = _pool(x, window, strides, padding, 0, lax.add, lax.add)
    return total / _counts(x, window, strides, padding).astype(x.dtype)


def _pool(
    x: jax.Array,
    window: Sequence[int],
    strides: Any,
    padding: Padding,
    empty: float,
    join: Callable[..., Any],
    loop: Callable[..., Any],
) -> jax.Array:
    how, window = _sliding(x, window, strides, padding)
    if max(window) > LONG:
        every = ((0, 0), *how.pads, (0, 0))
        start = jnp.asarray(empty, x.dtype)
        strides = (1, *how.strides, 1)
        y: jax.Array = lax.reduce_window(x, start, loop, (1, *window, 1), strides, every)
        return y
    still = Sliding((1,) * len(window), ((0, 0),) * len(window), how.dilation)
    for axis in reversed(range(len(window))):  # the last first: then the first of ties wins
        alone = [1] * len(window)
        alone[axis] = window[axis]
        if window[axis] == how.strides[axis] == 1 and not any(how.pads[axis]):
            continue
        along = Sliding(
            _put(still.strides, axis, how.strides[axis]),
            _put(still.pads, axis, how.pads[axis]),
            still.dilation,
        )
        x = functools.reduce(join, moved(along, tuple(alone), x, empty))
    return x


def _larger(a: Any, b: Any) -> jax.Array:
    return jnp.where((b > a) | (b != b), b, a)


def _put(values: tuple[Any, ...], axis: int, value: Any) -> tuple[Any, ...]:
    return (*values[:axis], value, *values[axis + 1 :])


def _sliding(
    x: jax.Array, window: Sequence[int], strides: Any, padding: Padding
) -> tuple[Sliding, tuple[int, ...]]:
    rank = x.ndim - 2
    window = per_axis(window, rank)
    strides = window if strides is None else per_axis(strides, rank)
    once, size = (1,) * rank, x.shape[1:-1]
    around = pads(padding, size, window, strides, once)
    if min(output_size(around, size, window, strides, once)) < 1:
        raise ShapeError(f"a pooling window of {window} is longer than the padded input of {size}")
    return Sliding(strides, around, once), window


def _counts(x: jax.Array, window: Sequence[int], strides: Any, padding: Padding) -> np.ndarray:
    """How many real cells each window holds: (1, *space', 1)."""
    how, window = _sliding(x, window, strides, padding)
    counts = np.ones((1,) * x.ndim)
    for axis, (n, k, s, (before, behind)) in enumerate(
        zip(x.shape[1:-1], window, how.strides, how.pads, strict=True)
    ):
        starts = np.arange(0, before + n + behind - k + 1, s) - before
        real = np.minimum(starts + k, n) - np.maximum(starts, 0)
        counts = counts * np.expand_dims(real, [i for i in range(x.ndim) if i != axis + 1])
    return counts
