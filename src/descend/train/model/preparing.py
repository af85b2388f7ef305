"""Arrays made ready for a network, by Keras's names, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descend.errors import DataError


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Integer classes (...) as one-hot rows (..., num_classes), float32.

    Args:
        x: integers from 0; a last axis of length one is dropped.
        num_classes: number of classes; by default the largest class and one.

    Raises:
        DataError: negative or broken numbers, or a class beyond num_classes.
    """
    labels = np.asarray(x)
    whole = labels.astype(np.int64)
    if labels.dtype.kind not in "biuf" or not np.array_equal(whole, labels):
        raise DataError("to_categorical: expected whole numbers from 0, the classes")
    if whole.ndim > 1 and whole.shape[-1] == 1:
        whole = whole[..., 0]
    classes = int(whole.max(initial=-1)) + 1 if num_classes is None else num_classes
    if whole.size and (whole.min() < 0 or whole.max() >= classes):
        wrong = whole.min() if whole.min() < 0 else whole.max()
        raise DataError(f"to_categorical: class {wrong} is not among the classes 0..{classes - 1}")
    return np.eye(classes, dtype=np.float32)[whole]


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """x divided by its norm along an axis (rows of length one); zeros stay zeros."""
    array = np.asarray(x, float)
    length = np.atleast_1d(np.linalg.norm(array, order, axis))
    length[length == 0] = 1
    return array / np.expand_dims(length, axis)


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Sequences of different length as one array (n, maxlen, ...).

    Args:
        sequences: n lists or arrays of numbers.
        maxlen: length of the result; by default the longest sequence's.
        dtype: dtype of the result.
        padding, truncating: end at which is filled and cut: "pre" or "post".
        value: number that is filled in.

    Raises:
        DataError: what is no sequence; rows of different shape.
    """
    for name, end in (("padding", padding), ("truncating", truncating)):
        if end not in ("pre", "post"):
            raise DataError(f"pad_sequences: {name} must be 'pre' or 'post', got {end!r}")
    try:
        parts = [np.asarray(s) for s in sequences]
    except (TypeError, ValueError) as error:
        raise DataError(f"pad_sequences: {error}") from None
    if any(p.ndim == 0 or p.dtype == object for p in parts):
        raise DataError("pad_sequences: expected a list of sequences of numbers")
    length = max((len(p) for p in parts), default=0) if maxlen is None else maxlen
    shapes = {p.shape[1:] for p in parts if len(p)} or {()}
    if len(shapes) > 1:
        raise DataError(f"pad_sequences: steps of different shapes: {sorted(shapes)}")
    out = np.full((len(parts), length, *shapes.pop()), value, np.dtype(dtype))
    for row, part in zip(out, parts, strict=True):
        cut = part[-length:] if truncating == "pre" else part[:length]
        if length and len(cut):
            row[slice(-len(cut), None) if padding == "pre" else slice(len(cut))] = cut
    return out
