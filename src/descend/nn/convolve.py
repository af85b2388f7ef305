"""Convolution and pooling as pure functions of arrays, for one to three space axes, channels last.

A convolution slides a window over the input and takes the same weighted sum at every place:

    y[o, f] = sum_{t, c} x[o s + t d - p, c] kernel[t, c, f]      stride s, dilation d, padding p

Its two gradients are convolutions too. The compiler writes them in axis orders for which its CPU
library has no fast form inside a loop, and every training step lies in one (`jax.lax.scan` over the
batches): a step then takes ten times as long. So on a CPU the gradients are written here as plain
convolutions of rearranged arrays; elsewhere they are the compiler's own. `jax.custom_vjp` carries
this: gradients of gradients and Hessians (`jax.hessian`) work, `jax.jvp` alone does not.

Source: hull-2023, "Specialized Layer: Convolutional", "Specialized Layer: Pooling";
scheidegger-2020, "Convolutional Neural Nets".
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from descend.errors import DescendError, ShapeError

Pair = tuple[int, int]
Padding = str | Sequence[Pair]


class Sliding(NamedTuple):
    """How a window slides: one entry a space axis."""

    strides: tuple[int, ...]
    pads: tuple[Pair, ...]  # cells added before and after; negative ones are cut off
    dilation: tuple[int, ...]
    groups: int = 1


# -- lengths ------------------------------------------------------------------------------------


def span(window: int, dilation: int = 1) -> int:
    """Cells from the first to the last tap of a dilated window."""
    return (window - 1) * dilation + 1


def pads(
    padding: Padding, size: Sequence[int], window: Sequence[int], strides: Any, dilation: Any
) -> tuple[Pair, ...]:
    """Cells added before and after each space axis.

    Args:
        padding: "valid" (none), "same" (output length ceil(n / stride), the odd cell behind, as in
            Keras), "causal" (all before: no output sees a later step), or pairs, one an axis.
        size, window, strides, dilation: one entry a space axis.

    Raises:
        DescendError: another padding.
    """
    reach = tuple(map(span, window, dilation))
    if padding == "valid":
        return ((0, 0),) * len(reach)
    if padding == "causal":
        return tuple((r - 1, 0) for r in reach)
    if padding == "same":
        steps = zip(size, strides, reach, strict=True)
        missing = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in steps]
        return tuple((m // 2, m - m // 2) for m in missing)
    if isinstance(padding, str) or len(padding) != len(reach):
        raise DescendError(
            f"padding must be 'valid', 'same', 'causal' or {len(reach)} pairs (before, after), "
            f"got {padding!r}"
        )
    return tuple((int(a), int(b)) for a, b in padding)


def output_size(
    padding: Padding, size: Sequence[int], window: Sequence[int], strides: Any, dilation: Any
) -> tuple[int, ...]:
    """Length of each space axis after a window has slid over it; below 1 where it does not fit."""
    around = pads(padding, size, window, strides, dilation)
    return tuple(
        (n + sum(p) - span(k, d)) // s + 1
        for n, p, k, s, d in zip(size, around, window, strides, dilation, strict=True)
    )


def transposed_size(
    padding: str,
    size: Sequence[int],
    window: Sequence[int],
    strides: Any,
    dilation: Any,
    extra: Any = None,
) -> tuple[int, ...]:
    """Length of each space axis after a transposed convolution, by Keras's rule.

    n s for "same", (n - 1) s + max(span, s) for "valid"; with output padding e (`extra`, one entry
    an axis) (n - 1) s + span mod 2 + e and (n - 1) s + span + e.
    """
    return tuple(n for n, _ in _transposed(padding, size, window, strides, dilation, extra))


def _transposed(
    padding: Padding,
    size: Sequence[int],
    window: Sequence[int],
    strides: Any,
    dilation: Any,
    extra: Any,
) -> Iterator[Pair]:
    """Output length, and the padding before of the convolution that is transposed, an axis."""
    if padding not in ("same", "valid"):
        raise DescendError(f"padding must be 'valid' or 'same', got {padding!r}")
    extra = (None,) * len(window) if extra is None else extra
    for n, k, s, d, e in zip(size, window, strides, dilation, extra, strict=True):
        reach = span(k, d)
        if padding == "valid":
            before, whole = 0, reach + (max(s - reach, 0) if e is None else e)
        else:
            whole = s if e is None else reach % 2 + e
            around = whole + reach - 2
            before = max(reach - 1 - (around + 1) // 2, 0)
        yield (n - 1) * s + whole, before


# -- convolution --------------------------------------------------------------------------------


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Any = 1,
    padding: Padding = "valid",
    dilation: Any = 1,
    groups: int = 1,
) -> jax.Array:
    """Sums of `kernel` times every window of x.

        y[o, f] = sum_{t, c} x[o s + t d - p, c] kernel[t, c, f]

    Args:
        x: (batch, *space, channels), one to three space axes.
        kernel: (*window, channels / groups, filters).
        strides, dilation: a whole number, or one an axis.
        padding: cells added before and after each axis, see `pads`.
        groups: the channels are cut into so many blocks, each with its own filters.

    Returns:
        (batch, *space', filters).

    Raises:
        ShapeError: channels or filters do not fit; the window is longer than the padded input.

    Source: hull-2023, "Specialized Layer: Convolutional".
    """
    x, kernel = _promoted(x, kernel)
    rank = x.ndim - 2
    strides, dilation = per_axis(strides, rank), per_axis(dilation, rank)
    window, size = kernel.shape[:-2], x.shape[1:-1]
    around = pads(padding, size, window, strides, dilation)
    if kernel.shape[-2] * groups != x.shape[-1] or kernel.shape[-1] % groups:
        raise ShapeError(
            f"a kernel of shape {kernel.shape} (window, channels / groups, filters) in {groups} "
            f"group(s) does not fit {x.shape[-1]} channels"
        )
    if min(output_size(around, size, window, strides, dilation)) < 1:
        raise ShapeError(f"a window of {window} is longer than the padded input of {size}")
    if groups == 1 and not any(map(any, around)) and all(k == 1 for k in window):
        places = (slice(None), *(slice(None, None, s) for s in strides))
        return x[places] @ kernel.reshape(kernel.shape[-2:])  # one product
    y: jax.Array = _convolve(Sliding(strides, around, dilation, groups), x, kernel)
    return y


def _promoted(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Both in the wider of their dtypes: the compiler's convolution takes no two."""
    dtype = jnp.promote_types(x.dtype, kernel.dtype)
    return x.astype(dtype), kernel.astype(dtype)


def depthwise(
    x: jax.Array, kernel: jax.Array, strides: Any = 1, padding: Padding = "valid", dilation: Any = 1
) -> jax.Array:
    """A convolution of every channel by itself.

        y[o, (c, m)] = sum_t x[o s + t d - p, c] kernel[t, c, m]

    Args:
        x: (batch, *space, channels).
        kernel: (*window, channels, multiplier).
        strides, padding, dilation: see `convolve`.

    Returns:
        (batch, *space', channels multiplier), the multiplier running fastest, as in Keras.

    Source: Chollet, "Xception" (2017).
    """
    channels = kernel.shape[-2]
    kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
    return convolve(x, kernel, strides, padding, dilation, groups=channels)


def convolve_transpose(
    x: jax.Array,
    kernel: jax.Array,
    strides: Any = 1,
    padding: str = "valid",
    dilation: Any = 1,
    extra: Any = None,
) -> jax.Array:
    """Every number of x spread over a window: the gradient of `convolve` by its input, as a layer.

        y[o s + t d - p, f] += sum_c x[o, c] kernel[t, f, c]

    Args:
        x: (batch, *space, channels).
        kernel: (*window, filters, channels).
        strides, dilation: a whole number, or one an axis.
        padding: "same" or "valid"; the lengths are those of `transposed_size`.
        extra: output padding: None, a whole number, or one an axis.

    Returns:
        (batch, *space', filters).

    Raises:
        ShapeError: the channels do not fit.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic" (2016).
    """
    x, kernel = _promoted(x, kernel)
    rank = x.ndim - 2
    strides, dilation = per_axis(strides, rank), per_axis(dilation, rank)
    extra = None if extra is None else per_axis(extra, rank)
    size, window = x.shape[1:-1], kernel.shape[:-2]
    if kernel.shape[-1] != x.shape[-1]:
        raise ShapeError(
            f"a kernel of shape {kernel.shape} (window, filters, channels) does not fit "
            f"{x.shape[-1]} channels"
        )
    ends = list(_transposed(padding, size, window, strides, dilation, extra))
    around = tuple(
        (before, (n - 1) * s + span(k, d) - length - before)
        for (length, before), n, k, s, d in zip(ends, size, window, strides, dilation, strict=True)
    )
    size_out = tuple(length for length, _ in ends)
    y: jax.Array = _spread(Sliding(strides, around, dilation), size_out, x, kernel)
    return y


def per_axis(value: Any, rank: int) -> tuple[int, ...]:
    """A whole number for each axis, or the numbers given."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


# -- with gradients that are fast on a CPU ------------------------------------------------------


# The rules call plain functions only, so that a gradient may itself be differentiated forward.


def _forward(how: Sliding, x: jax.Array, kernel: jax.Array) -> Any:
    library = functools.partial(_library, how)
    if how.groups > 1:
        cpu = functools.partial(_in_groups, how)
    elif _few(kernel):
        cpu = functools.partial(_by_patches, how)
    else:
        return library(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=cpu, default=library)


def _backward(how: Sliding, saved: tuple[jax.Array, jax.Array], dy: jax.Array) -> Any:
    def library(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
        return jax.vjp(functools.partial(_library, how), x, kernel)[1](dy)

    cpu = functools.partial(_gradients, how)
    return lax.platform_dependent(*saved, dy, cpu=cpu, default=library)


_convolve = jax.custom_vjp(_forward, nondiff_argnums=(0,))
_convolve.defvjp(lambda how, x, kernel: (_forward(how, x, kernel), (x, kernel)), _backward)


def _spread_backward(
    how: Sliding, size: tuple[int, ...], saved: tuple[jax.Array, jax.Array], dy: jax.Array
) -> Any:
    def library(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
        return jax.vjp(functools.partial(_by_input, how, size), x, kernel)[1](dy)

    def cpu(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        return _library(how, dy, kernel), _by_kernel(how, kernel.shape[:-2], dy, x)

    return lax.platform_dependent(*saved, dy, cpu=cpu, default=library)


def _spread_forward(how: Sliding, size: tuple[int, ...], x: jax.Array, kernel: jax.Array) -> Any:
    return _by_input(how, size, x, kernel)


_spread = jax.custom_vjp(_spread_forward, nondiff_argnums=(0, 1))
_spread.defvjp(
    lambda how, size, x, kernel: (_spread_forward(how, size, x, kernel), (x, kernel)),
    _spread_backward,
)


# -- as convolutions of the compiler ------------------------------------------------------------


def _library(
    how: Sliding, x: jax.Array, kernel: jax.Array, inflate: Sequence[int] | None = None
) -> jax.Array:
    """The compiler's convolution; `inflate` sets so many places apart the cells of x."""
    around = how.pads
    if inflate is None and any(p < 0 for pair in around for p in pair):
        cuts = [(min(a, 0), min(b, 0), 0) for a, b in around]
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *cuts, (0, 0, 0)])
        around = tuple((max(a, 0), max(b, 0)) for a, b in around)
    space = "DHW"[-len(around) :]
    return lax.conv_general_dilated(
        x,
        kernel,
        how.strides,
        around,
        lhs_dilation=inflate,
        rhs_dilation=how.dilation,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=how.groups,
    )


def _by_input(how: Sliding, size: tuple[int, ...], dy: jax.Array, kernel: jax.Array) -> jax.Array:
    """dJ/dx: dy set `strides` apart, convolved with the kernel turned round and transposed."""
    axes = range(len(size))
    around = []
    for i in axes:
        before, reach = how.pads[i][0], span(kernel.shape[i], how.dilation[i])
        behind = size[i] - 1 - (dy.shape[1 + i] - 1) * how.strides[i] + before
        around.append((reach - 1 - before, behind))
    turned = jnp.swapaxes(jnp.flip(kernel, tuple(axes)), -1, -2)
    once = (1,) * len(size)
    apart = None if how.strides == once else how.strides
    return _library(Sliding(once, tuple(around), how.dilation), dy, turned, apart)


def _by_kernel(how: Sliding, window: tuple[int, ...], x: jax.Array, dy: jax.Array) -> jax.Array:
    """dJ/dkernel: x convolved with dy, rows in the place of channels, channels in that of rows."""
    around = []
    for i, k in enumerate(window):
        before = how.pads[i][0]
        needed = (k - 1) * how.dilation[i] + (dy.shape[1 + i] - 1) * how.strides[i] + 1
        around.append((before, needed - x.shape[1 + i] - before))
    turned = Sliding(how.dilation, tuple(around), how.strides)
    last = x.ndim - 1
    x = jnp.transpose(x, (last, *range(1, last), 0))  # (channels, *space, batch)
    dy = jnp.moveaxis(dy, 0, -2)  # (*space', batch, filters)
    return jnp.moveaxis(_library(turned, x, dy), 0, -2)


def _few(kernel: jax.Array) -> bool:
    """Whether patches are faster: grey or colour pictures and few filters.

    The compiler's convolution gathers a window channel by channel, which costs more than the sums
    where both are few. Patches of at most twice the output's size keep the memory in check.
    """
    *window, channels, filters = kernel.shape
    return channels <= 4 and filters <= 16 and math.prod(window) * channels <= 2 * filters


def _by_patches(how: Sliding, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A convolution as one product: every window laid out as a row, times the kernel."""
    rows = jnp.concatenate(list(moved(how, kernel.shape[:-2], x)), axis=-1)
    return rows @ kernel.reshape(-1, kernel.shape[-1])


def _in_groups(how: Sliding, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A grouped convolution: one a group, or a sum over the window where a group is a channel."""
    if kernel.shape[-2] == 1:
        return _over_taps(how, x, kernel)
    one = how._replace(groups=1)
    parts = [_library(one, x, kernel) for x, kernel in _groups(how, x, kernel)]
    return jnp.concatenate(parts, axis=-1)


def _gradients(
    how: Sliding, x: jax.Array, kernel: jax.Array, dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(dJ/dx, dJ/dkernel) of a convolution, in the forms that are fast on a CPU."""
    if how.groups == 1:
        if _few(kernel):
            dx, dkernel = jax.vjp(functools.partial(_by_patches, how), x, kernel)[1](dy)
            return dx, dkernel
        dx = _by_input(how, x.shape[1:-1], dy, kernel)
        return dx, _by_kernel(how, kernel.shape[:-2], x, dy)
    if kernel.shape[-2] == 1:
        dx, dkernel = jax.vjp(functools.partial(_over_taps, how), x, kernel)[1](dy)
        return dx, dkernel
    each = how._replace(groups=1)
    gradients = [_gradients(each, *group) for group in _groups(how, x, kernel, dy)]
    dxs, dkernels = zip(*gradients, strict=True)
    return jnp.concatenate(dxs, axis=-1), jnp.concatenate(dkernels, axis=-1)


def _groups(how: Sliding, *arrays: jax.Array) -> Iterator[tuple[jax.Array, ...]]:
    """The arrays' last axis cut into the groups."""
    return zip(*(jnp.split(a, how.groups, axis=-1) for a in arrays), strict=True)


def _over_taps(how: Sliding, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Depthwise: the sum over the window's places t of x moved by t times kernel[t]."""
    window, channels = kernel.shape[:-2], x.shape[-1]
    weights = kernel.reshape(-1, *(1,) * (x.ndim - 1), channels, kernel.shape[-1] // channels)
    terms = (a[..., None] * w for a, w in zip(moved(how, window, x), weights, strict=True))
    y: jax.Array = functools.reduce(operator.add, terms)
    return y.reshape(*y.shape[:-2], -1)


def moved(
    how: Sliding, window: tuple[int, ...], x: jax.Array, fill: Any = 0
) -> Iterator[jax.Array]:
    """What every output sees at each place in the window, row-major: (batch, *space', c) each."""
    size = output_size(how.pads, x.shape[1:-1], window, how.strides, how.dilation)
    x = jnp.asarray(x)
    x = lax.pad(
        x, jnp.asarray(fill, x.dtype), [(0, 0, 0), *((a, b, 0) for a, b in how.pads), (0, 0, 0)]
    )
    for place in itertools.product(*map(range, window)):
        steps = zip(place, how.dilation, size, how.strides, strict=True)
        cells = (slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in steps)
        yield x[(slice(None), *cells)]
