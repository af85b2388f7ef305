"""Layers that prepare data: numbers scaled, put into classes, counted.

They have no weights. In a network they are part of the compiled step; called on arrays they give
arrays, so that data can be prepared once, before training.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DescendError, ShapeError
from descend.nn.checks import (
    finite_numbers,
    fraction,
    nested_floats,
    one_of,
    positive_int,
)
from descend.nn.layers.axes import axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer
from descend.nn.symbols import Symbol

MODES = ("int", "one_hot", "multi_hot", "count")


class Preparing(Layer):
    """Base of these layers; those with `adapt` learn from data before they are used."""

    def __call__(self, inputs: Any) -> Any:
        """On a symbol: put this layer behind it. On an array: its output, an array."""
        if self._symbolic(inputs):
            vars(self)["_placed"] = True
            return super().__call__(inputs)
        x = jnp.asarray(inputs)
        self.build(x.shape[1:])
        return np.asarray(self.apply({}, {}, x)[0])

    def _symbolic(self, inputs: Any) -> bool:
        """Whether it is called in a network, or in the `call` of a layer, and not on data."""
        first = inputs[0] if isinstance(inputs, (list, tuple)) and inputs else inputs
        return isinstance(first, (Symbol, jax.core.Tracer))

    def _learn(self, **fields: Any) -> None:
        """Put in what `adapt` has found; a network that has the layer would not see it."""
        if vars(self).get("_placed"):
            raise DescendError(
                f"{self.label}: adapt comes before the layer is put into a network; make a new "
                "layer, adapt it, and build the network with it"
            )
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _adapted_to(self, data: Any) -> np.ndarray:
        """The numbers that `adapt` is given; raises DataError where they are none."""
        try:
            x = np.asarray(data, np.float64)
        except (TypeError, ValueError):  # text, or rows of different length
            x = np.asarray(np.nan)
        if x.ndim < 1 or not x.size or not np.isfinite(x).all():
            raise DataError(
                f"{self.label}: adapt needs rows of finite numbers; fill or drop what is not"
            )
        return x

    def _require_learned(self, *fields: str) -> None:
        if any(getattr(self, field) is None for field in fields):
            raise DescendError(
                f"{self.label} knows nothing yet: call adapt(data) with the training rows first, "
                f"or give {' and '.join(fields)}"
            )


@dataclass(frozen=True, eq=False)
class Rescaling(Preparing):
    """y = scale x + offset: Rescaling(1 / 255) brings pixels to [0, 1].

    Args:
        scale: number, or one a channel.
        offset: number, or one a channel, in units of y.

    In a network and on arrays.

    Raises:
        DescendError: anything but finite numbers.
        ShapeError: more or fewer numbers than the input has channels.

    Source: Keras's API, Rescaling.

    Example:
        >>> from descend.nn.layers import Rescaling
        >>> Rescaling(2.0, offset=-1.0)([[0.0, 0.5, 1.0]]).tolist()  # [0, 1] to [-1, 1]
        [[-1.0, 0.0, 1.0]]
    """

    scale: Any
    offset: Any = 0.0
    looks_ahead: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("scale", "offset"):
            finite_numbers(self, field)

    def build(self, input_shape: Any) -> Any:
        """The input's."""
        for field in ("scale", "offset"):
            shape = np.shape(getattr(self, field))
            if shape not in ((), tuple(input_shape[-1:])):
                raise ShapeError(
                    f"{self.label}: {field} must be a number, or one a channel, for an input of "
                    f"shape {tuple(input_shape)} (without the batch axis); got an array of {shape}"
                )
        return input_shape

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above; whole numbers become float32."""
        x = _floats(x)
        along = (1,) * (x.ndim - 1) + (-1,)
        scale, offset = (
            v if np.ndim(v) == 0 else jnp.asarray(v, x.dtype).reshape(along)
            for v in (self.scale, self.offset)
        )
        return x * scale + offset, state


@dataclass(frozen=True, eq=False)
class Normalization(Preparing):
    """y = (x - mean) / max(sqrt(variance), 1e-7), with the moments of the training rows.

    Args:
        axis: axes that have moments of their own; -1: each feature. None: one mean and variance.
        mean, variance: moments, instead of `adapt`; in units of x.
        invert: whether y = mean + x max(sqrt(variance), 1e-7): back to x's units.

    In a network and on arrays. `adapt(rows)` learns the moments, before it is put into a network.

    Raises:
        DescendError: used before `adapt`; one of mean and variance alone; moments that are no
            finite numbers, or a negative variance; `adapt` of a layer that stands in a network.
        DataError: `adapt` is given numbers that are not finite.
        ShapeError: an input that the moments do not fit.

    Source: scheidegger-2020, "RECIPE FOR USING MLP (II)"; the moments are the biased ones.

    Example:
        >>> from descend.nn.layers import Normalization
        >>> scale = Normalization()
        >>> scale.adapt([[1.0], [3.0]])  # mean 2, deviation 1
        >>> scale([[1.0], [5.0]]).tolist()
        [[-1.0], [3.0]]
    """

    axis: int | tuple[int, ...] | None = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis is not None:
            axis_or_axes(self)
        if (self.mean is None) != (self.variance is None):
            raise DescendError("Normalization: give mean and variance, or neither and call adapt")
        if self.mean is not None:
            finite_numbers(self, "mean")
            finite_numbers(self, "variance", least=0)

    def adapt(self, data: Any) -> None:
        """Learn the moments from rows (n, ...), a row each."""
        x = self._adapted_to(data)
        x = x[:, None] if x.ndim == 1 else x
        over = tuple(a for a in range(x.ndim) if a not in self._own(x.shape[1:]))
        moments = {"mean": np.mean(x, over), "variance": np.var(x, over)}
        self._learn(**{name: nested_floats(value) for name, value in moments.items()})

    def _own(self, shape: Any) -> tuple[int, ...]:
        return () if self.axis is None else axes_in(self, shape, self.axis)

    def build(self, input_shape: Any) -> Any:
        """The input's."""
        self._require_learned("mean", "variance")
        expected = tuple(input_shape[a - 1] for a in self._own(input_shape))
        for moment in (self.mean, self.variance):
            shape = np.shape(moment)
            if shape and shape != expected:
                raise ShapeError(
                    f"{self.label} has moments of shape {shape}, its input of shape "
                    f"{tuple(input_shape)} needs {expected}"
                )
        return input_shape

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        x = _floats(x)
        axes = self._own(x.shape[1:])
        shape = tuple(n if a in axes else 1 for a, n in enumerate(x.shape))
        moments = (
            np.broadcast_to(np.reshape(v, shape if np.ndim(v) else (1,) * x.ndim), shape)
            for v in (self.mean, np.maximum(np.sqrt(self.variance), 1e-7))
        )
        mean, scale = (jnp.asarray(moment, x.dtype) for moment in moments)
        return (mean + x * scale if self.invert else (x - mean) / scale), state


@dataclass(frozen=True, eq=False)
class CategoryEncoding(Preparing):
    """Whole numbers 0..num_tokens - 1 as zeros and ones.

    Args:
        num_tokens: count of the different numbers.
        output_mode: "one_hot" (each number a vector), "multi_hot" (one vector a row: which numbers
            occur in it) or "count" (how often).

    Input (n,) or () of whole numbers; output (num_tokens,), for "one_hot" (n, num_tokens) where
    n > 1. A number out of range sets nothing. In a network and on arrays.

    Raises:
        DescendError: `num_tokens` that is no whole number >= 1, or another `output_mode`.
        ShapeError: a row with more than one axis.

    Source: Keras's API, CategoryEncoding.

    Example:
        >>> from descend.nn.layers import CategoryEncoding
        >>> CategoryEncoding(3, output_mode="one_hot")([[0], [2]]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    num_tokens: int
    output_mode: str = "multi_hot"
    indexes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "num_tokens")
        one_of(self, "output_mode", MODES[1:])

    def build(self, input_shape: Any) -> Any:
        """That of `encoded`."""
        return encoded_shape(self, input_shape, self.num_tokens)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Zeros and ones."""
        return encoded(x, self.output_mode, self.num_tokens, self.compute_dtype), state

    def check_rows(self, x: np.ndarray) -> str | None:
        """Numbers out of range."""
        low, high = x.min(), x.max()
        if low < 0 or high >= self.num_tokens:
            return (
                f"{self.label} knows the numbers 0 to {self.num_tokens - 1}, got "
                f"{low if low < 0 else high}"
            )
        return None


@dataclass(frozen=True, eq=False)
class Discretization(Preparing):
    """Which interval a number lies in: 0 below the first boundary, 1 up to the second, ...

    Args:
        bin_boundaries: boundaries, rising; a number equal to one lies above it.
        num_bins: number of intervals that `adapt` makes, of about as many numbers each.
        epsilon: share of the numbers that `adapt` may be wrong by.
        output_mode: "int", or zeros and ones as in CategoryEncoding.

    In a network and on arrays. `adapt(data)` learns the boundaries, before it is put into a
    network.

    Raises:
        DescendError: neither boundaries nor their number, or both; boundaries that do not rise;
            an `epsilon` not in [0, 1); another `output_mode`; used before `adapt`; `adapt` of a
            layer that stands in a network.
        DataError: `adapt` is given anything but finite numbers.
        ShapeError: a row with more than one axis, where zeros and ones are put out.

    Source: Keras's API, Discretization.

    Example:
        >>> from descend.nn.layers import Discretization
        >>> Discretization([0.0, 10.0])([[-5.0, 5.0, 10.0]]).tolist()
        [[0, 1, 2]]
    """

    bin_boundaries: Any = None
    num_bins: int | None = None
    epsilon: float = 0.01
    output_mode: str = "int"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "output_mode", MODES)
        fraction(self, "epsilon")
        if (self.bin_boundaries is None) == (self.num_bins is None):
            raise DescendError(
                "Discretization: give bin_boundaries, or num_bins and call adapt(data), not both; "
                f"got bin_boundaries={self.bin_boundaries!r}, num_bins={self.num_bins!r}"
            )
        if self.num_bins is not None:
            positive_int(self, "num_bins")
            vars(self)["_bins"] = self.num_bins
            return
        finite_numbers(self, "bin_boundaries", empty=True)
        edges = self.bin_boundaries
        if np.ndim(edges) != 1 or any(b <= a for a, b in itertools.pairwise(edges)):
            raise DescendError(
                f"Discretization: bin_boundaries must rise, numbers in one row, got {edges}"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """As in Layer; older files hold what was learned and the number asked for."""
        learned = config.get("bin_boundaries") is not None
        return super().from_config({**config, "num_bins": None} if learned else config)

    def adapt(self, data: Any) -> None:
        """Learn the boundaries: quantiles of all numbers in `data`.

        As Keras: every 1/epsilon-th part of the sorted numbers stands for its last one.
        """
        bins = vars(self).get("_bins")
        if bins is None:
            raise DescendError(f"{self.label}: it has its boundaries; adapt needs num_bins")
        values = np.sort(self._adapted_to(data).astype(np.float32).ravel())
        step = max(len(values) * self.epsilon, 1)
        points = values[int(step - 1) :: int(step)].astype(np.float64)
        share = 1.0 / bins
        if len(points) * share >= 1:
            reached = np.arange(1, len(points) + 1) / len(points)
            points = np.interp(share + np.arange(0.0, 1.0, share), reached, points)
        edges = nested_floats(np.asarray(points[:-1], np.float32))
        self._learn(bin_boundaries=edges, num_bins=None)

    def build(self, input_shape: Any) -> Any:
        """The input's, or that of `encoded`."""
        self._require_learned("bin_boundaries")
        if self.output_mode == "int":
            return input_shape
        return encoded_shape(self, input_shape, len(self.bin_boundaries) + 1)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The intervals."""
        x = _floats(x)
        index = jnp.searchsorted(jnp.asarray(self.bin_boundaries, x.dtype), x, side="right")
        return encoded(index, self.output_mode, len(self.bin_boundaries) + 1, x.dtype), state


# -- whole numbers as zeros and ones ------------------------------------------------------------


def encoded_shape(layer: Any, input_shape: Any, depth: int) -> tuple[int, ...]:
    """The shape of `encoded`; raises ShapeError for what is no row of numbers."""
    if len(input_shape) > 1:
        layer.require_rank(input_shape, 1, "(n,) whole numbers")
    if layer.output_mode == "one_hot" and input_shape and input_shape[0] > 1:
        return (*input_shape, depth)
    return (depth,)


def encoded(index: jax.Array, mode: str, depth: int, dtype: Any = None) -> jax.Array:
    """Whole numbers as they are ("int"), or as zeros and ones; see CategoryEncoding."""
    if mode == "int":
        return index
    hot = jax.nn.one_hot(index.astype(jnp.int32), depth, dtype=dtype or jnp.float32)
    if hot.ndim == 2:
        return hot
    if mode == "one_hot":
        return hot[:, 0] if hot.shape[1] == 1 else hot
    return jnp.max(hot, axis=1) if mode == "multi_hot" else jnp.sum(hot, axis=1)


def _floats(x: jax.Array) -> jax.Array:
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
