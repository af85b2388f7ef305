"""Attention: each query's mean of the values, weighted by how well their keys answer it.

    attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V

Sources: hull-2023, "Specialized Layer: Attention Mechanisms"; Vaswani et al. 2017, eq. 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Scores below this are as good as forbidden, and far from float32's end, so that a row of nothing
# but forbidden scores has exp(score - FLOOR) = 0.
FLOOR = -1e30


def dot_product_attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    *,
    scale: Any = None,
    bias: jax.Array | None = None,
    mask: jax.Array | None = None,
    causal: bool = False,
    dropout: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """softmax(Q K^T scale + bias) V, for every head.

    Args:
        query: (batch, time, heads, d).
        key: (batch, steps, heads, d).
        value: (batch, steps, heads, d').
        scale: 1 / sqrt(d) by default.
        bias: added to the scores, broadcast to (batch, heads, time, steps); -inf forbids.
        mask, causal, dropout: see `attend`.

    Returns:
        (batch, time, heads, d').
    """
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    # the products' sums and the scores are float32 or wider: softmax loses nothing to bfloat16
    wide = jnp.promote_types(jnp.result_type(query, key), jnp.float32)
    scores = jnp.einsum("bqhd,bkhd->bhqk", query * scale, key, preferred_element_type=wide)
    if bias is not None:
        scores = scores + jnp.broadcast_to(bias, scores.shape)
    return attend(scores, value, mask=mask, causal=causal, dropout=dropout)


def attend(
    scores: jax.Array,
    value: jax.Array,
    *,
    mask: jax.Array | None = None,
    causal: bool = False,
    dropout: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """softmax(scores) V: the mean of the values, weighted by the softmax of the scores.

    Args:
        scores: (batch, heads, time, steps).
        value: (batch, steps, heads, d).
        mask: booleans, False where a step is never looked at: (batch, steps) for padding,
            (batch, time, steps) or (batch, heads, time, steps) for any pattern.
        causal: whether step i sees steps 0..i only.
        dropout: applied to the weights.

    Returns:
        (batch, time, heads, d); zeros for a query that may look at nothing.
    """
    allowed = None if mask is None else _four_axes(mask)
    if causal:
        past = jnp.tri(scores.shape[2], scores.shape[3], dtype=bool)[None, None]
        allowed = past if allowed is None else allowed & past
    if allowed is not None:
        scores = jnp.where(allowed, scores, jnp.finfo(scores.dtype).min)
    # softmax does not change when a number is taken off all scores, so none is differentiated by
    top = lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))
    weights = jnp.exp(scores - jnp.maximum(top, FLOOR))
    # Divided by behind the product: (time, d) divisions instead of (time, steps), which on a CPU
    # saves a fifth of a transformer's step. The largest weight is 1, so a smaller total is 0.
    total = jnp.maximum(jnp.sum(weights, axis=-1), 0.5)
    if dropout is not None:
        weights = dropout(weights)
    mean = jnp.einsum(
        "bhqk,bkhd->bqhd",
        weights.astype(value.dtype),
        value,
        preferred_element_type=total.dtype,
    )
    return (mean / jnp.swapaxes(total, 1, 2)[..., None]).astype(value.dtype)


def _four_axes(mask: jax.Array) -> jax.Array:
    """A mask of padding, or of (time, steps), as one of the scores."""
    if mask.ndim == 2:
        return mask[:, None, None, :]
    return mask[:, None] if mask.ndim == 3 else mask


def sinusoids(
    steps: int, features: int, max_wavelength: float = 10000.0, first: Any = 0
) -> np.ndarray | jax.Array:
    """P[t, 2i] = sin(t / w^{2i/d}), P[t, 2i + 1] = cos(t / w^{2i/d}); (steps, features).

    In float64, or where the first step t is an array (read step by step) in JAX's own width.

    Source: Vaswani et al. 2017, 3.5.
    """
    place = np.arange(features)
    t, xp = _steps(steps, first)
    angles = t[:, None] * (max_wavelength ** (-2.0 * (place // 2) / features))[None]
    waves: np.ndarray | jax.Array = xp.where((place % 2 == 0)[None], xp.sin(angles), xp.cos(angles))
    return waves


def _steps(steps: int, first: Any) -> tuple[Any, Any]:
    """The numbers of `steps` steps, and the module that computes with them."""
    if isinstance(first, int):
        return first + np.arange(steps), np
    return first + jnp.arange(steps, dtype=jnp.result_type(float)), jnp


def rotate(
    x: jax.Array, max_wavelength: float = 10000.0, scaling_factor: float = 1.0, first: Any = 0
) -> jax.Array:
    """Turn pairs of features by an angle that grows with the step (rotary position embedding).

        y_i       = x_i cos(a) - x_{i+d/2} sin(a)
        y_{i+d/2} = x_{i+d/2} cos(a) + x_i sin(a),    a = (t / s) / w^{2i/d},  i < d/2

    The inner product of two rotated vectors depends on how far apart they are, not on where.

    Args:
        x: (batch, time, ..., d), d even; pairs are (i, i + d/2), as in KerasHub.
        max_wavelength: w.
        scaling_factor: s; 2 makes a text twice as long look as long as those seen in training.
        first: the number of x's first step; an array where a sequence is read step by step.

    Returns:
        An array like x.

    Source: Su et al. 2021.
    """
    steps, half = x.shape[1], x.shape[-1] // 2
    frequency = max_wavelength ** (-np.arange(half) / half)
    t, xp = _steps(steps, first)
    angles = t[:, None] / scaling_factor * frequency[None]
    shape = (1, steps, *(1,) * (x.ndim - 3), half)
    cos, sin = (jnp.asarray(f(angles).reshape(shape), x.dtype) for f in (xp.cos, xp.sin))
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)
