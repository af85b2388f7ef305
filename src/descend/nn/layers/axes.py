"""Which axes a layer works along, counted as Keras counts: the batch is axis 0, -1 is the last."""

from __future__ import annotations

from typing import Any

from descend.errors import DescendError, ShapeError


def axes_in(layer: Any, input_shape: Any, axis: int | tuple[int, ...]) -> tuple[int, ...]:
    """The places of `axis` in an array, in order.

    Args:
        layer: whose axes they are.
        input_shape: without the batch axis.
        axis: 1 is the first axis behind the batch, -1 the last.

    Raises:
        ShapeError: no such axis, the batch, or one twice.
    """
    rank = len(input_shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    places = [a if a >= 0 else a + rank + 1 for a in axes]
    if any(not 1 <= a <= rank for a in places) or len(set(places)) < len(places):
        raise ShapeError(
            f"{layer.label}: axis {axis} must name axes of the input, each once (1 is the first "
            "behind the batch, which is 0 and left alone; -1 is the last), got an input of shape "
            f"{tuple(input_shape)} (without the batch axis)."
        )
    return tuple(sorted(places))


def axis_or_axes(layer: Any, field: str = "axis") -> None:
    """Make a list of axes a tuple; raise DescendError for anything but whole numbers."""
    value = getattr(layer, field)
    several = isinstance(value, (list, tuple))
    axes = tuple(value) if several else (value,)
    if not axes or any(isinstance(a, bool) or not isinstance(a, int) for a in axes):
        raise DescendError(
            f"{type(layer).__name__}: {field} must be a whole number or a tuple of them, "
            f"got {value!r}"
        )
    if several:
        object.__setattr__(layer, field, axes)


def along_steps(axis: int | tuple[int, ...]) -> str:
    """`looks_ahead` of a layer that works along `axis` of (batch, time, ...): "" behind time."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if all(a == -1 or a > 1 for a in axes):
        return ""
    return f"it works along the steps (axis={axis})"
