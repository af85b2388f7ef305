"""Images read off at other places: one affine map a row, one formula for every geometric change."""

from __future__ import annotations

import jax
import jax.numpy as jnp

INTERPOLATIONS = ("bilinear", "nearest")
# How an image goes on past its edge, and what a frame of one pixel around it then holds.
FILL_MODES = {"constant": "constant", "nearest": "edge", "reflect": "edge", "wrap": "wrap"}


def resample(
    images: jax.Array,
    matrix: jax.Array,
    shift: jax.Array,
    *,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> jax.Array:
    """y(p) = x(A p + s): the output at place p from the centre is the input at A p + s.

    Places are (row, column) in pixels from the middle of the image, row downwards. Between pixels
    the four around are weighed by distance ("bilinear"), or the next one is taken ("nearest").

    Args:
        images: x (n, height, width, channels).
        matrix: A (n, 2, 2), one map a row of the batch.
        shift: s (n, 2).
        fill_mode: past the edge of a b c d comes "constant" k k | a b c d | k k with k the fill
            value; "nearest" a a | a b c d | d d; "reflect" b a | a b c d | d c;
            "wrap" c d | a b c d | a b.
        fill_value: k.

    Returns:
        y, of the images' shape and dtype. Differentiable in x, and by pieces in A and s.
    """
    _, height, width, _ = images.shape
    wide = jnp.promote_types(images.dtype, jnp.float32)
    a = matrix.astype(wide)[..., None, None]
    s = shift.astype(wide)[..., None, None]
    row, column = from_centre(height, wide)[None, :, None], from_centre(width, wide)[None, None, :]
    y = a[:, 0, 0] * row + a[:, 0, 1] * column + s[:, 0] + (height - 1) / 2
    x = a[:, 1, 0] * row + a[:, 1, 1] * column + s[:, 1] + (width - 1) / 2
    if interpolation == "nearest":
        y, x = jnp.floor(y + 0.5), jnp.floor(x + 0.5)
    y, x = _inside(y, height, fill_mode), _inside(x, width, fill_mode)
    filling = {"constant_values": fill_value} if fill_mode == "constant" else {}
    frame = ((0, 0), (1, 1), (1, 1), (0, 0))
    framed = jnp.pad(images, frame, FILL_MODES[fill_mode], **filling)
    return _read(framed, y, x, interpolation).astype(images.dtype)


def from_centre(size: int, dtype: jnp.dtype) -> jax.Array:
    """Places of `size` pixels, the middle being 0: -1.5, -.5, .5, 1.5. Returns (size,)."""
    return jnp.arange(size, dtype=dtype) - (size - 1) / 2


def _inside(place: jax.Array, size: int, fill_mode: str) -> jax.Array:
    """Where in a framed axis (0 to size + 1) a place anywhere on the line is to be read."""
    if fill_mode == "wrap":
        inside = _modulo(place, size)
    elif fill_mode == "reflect":
        around = _modulo(place + 0.5, 2 * size)
        inside = jnp.minimum(around, 2 * size - around) - 0.5
    else:
        inside = jnp.clip(place, -1, size)
    return inside + 1


def _modulo(place: jax.Array, period: int) -> jax.Array:
    # quicker than jnp.mod; a rounding to just outside of [0, period) lands in the frame
    return place - period * jnp.floor(place / period)


def _read(framed: jax.Array, y: jax.Array, x: jax.Array, interpolation: str) -> jax.Array:
    n, height, width, channels = framed.shape
    # the last pixel but one: there is always a next one to weigh
    row = jnp.minimum(jnp.floor(y), height - 2)
    column = jnp.minimum(jnp.floor(x), width - 2)
    flat = framed.reshape(n, height * width, channels)

    def pixels(row: jax.Array, column: jax.Array) -> jax.Array:
        index = (row * width + column).reshape(n, -1, 1)
        # the frame holds every place asked for; four plain gathers beat one of 2 x 2 windows
        values = jnp.take_along_axis(flat, index, axis=1, mode="promise_in_bounds")
        return values.reshape(*y.shape, channels)

    if interpolation == "nearest":
        return pixels(y.astype(jnp.int32), x.astype(jnp.int32))
    down, right = (y - row)[..., None], (x - column)[..., None]
    i, j = row.astype(jnp.int32), column.astype(jnp.int32)
    above = (1 - right) * pixels(i, j) + right * pixels(i, j + 1)
    below = (1 - right) * pixels(i + 1, j) + right * pixels(i + 1, j + 1)
    return (1 - down) * above + down * below
