"""Layers that prepare data: numbers scaled, put into classes, counted.

They have no weights. In a network they are part of the compiled step; called on arrays they give
arrays, so that data can be prepared once, before training.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DescendError, ShapeError
from descend.nn.layers.axes import axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer
from descend.nn.layers.checks import positive_int
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
        Nothing of its own.

    Source: Keras's API, Rescaling.

    Example:
        >>> from descend.nn.layers import Rescaling
        >>> Rescaling(2.0, offset=-1.0)([[0.0, 0.5, 1.0]]).tolist()  # [0, 1] to [-1, 1]
        [[-1.0, 0.0, 1.0]]
    """

    scale: Any
    offset: Any = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("scale", "offset"):
            object.__setattr__(self, field, _nested_floats(getattr(self, field)))

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
        DescendError: used before `adapt`; one of mean and variance alone; `adapt` of a layer that
            stands in a network.
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
        for field in ("mean", "variance"):
            value = getattr(self, field)
            object.__setattr__(self, field, None if value is None else _nested_floats(value))
        if (self.mean is None) != (self.variance is None):
            raise DescendError("Normalization: give mean and variance, or neither and call adapt")

    def adapt(self, data: Any) -> None:
        """Learn the moments from rows (n, ...), a row each."""
        x = np.asarray(data, np.float64)
        x = x[:, None] if x.ndim == 1 else x
        if not np.isfinite(x).all():
            raise DataError(f"{self.label}: adapt needs finite numbers; fill or drop what is not")
        over = tuple(a for a in range(x.ndim) if a not in self._own(x.shape[1:]))
        moments = {"mean": np.mean(x, over), "variance": np.var(x, over)}
        self._learn(**{name: _nested_floats(value) for name, value in moments.items()})

    def _own(self, shape: Any) -> tuple[int, ...]:
        return () if self.axis is None else axes_in(self, shape, self.axis)

    def build(self, input_shape: Any) -> Any:
        """The input's."""
        self._require_learned("mean", "variance")
        expected = tuple(input_shape[a - 1] for a in self._own(input_shape))
        shape = np.shape(self.mean)
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
        require_mode(self, MODES[1:])

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
        DescendError: neither boundaries nor their number; boundaries that do not rise; another
            `output_mode`; used before `adapt`; `adapt` of a layer that stands in a network.
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
        require_mode(self, MODES)
        if self.bin_boundaries is not None:
            edges = _nested_floats(self.bin_boundaries)
            if any(b <= a for a, b in itertools.pairwise(edges)):
                raise DescendError(f"Discretization: bin_boundaries must rise, got {edges}")
            object.__setattr__(self, "bin_boundaries", edges)
        elif self.num_bins is None:
            raise DescendError(
                "Discretization: give bin_boundaries, or num_bins and call adapt(data)"
            )
        else:
            positive_int(self, "num_bins")

    def adapt(self, data: Any) -> None:
        """Learn the boundaries: quantiles of all numbers in `data`.

        As Keras: every 1/epsilon-th part of the sorted numbers stands for its last one.
        """
        if self.num_bins is None:
            raise DescendError(f"{self.label}: it has its boundaries; adapt needs num_bins")
        values = np.sort(np.asarray(data, np.float32).ravel())
        step = max(len(values) * self.epsilon, 1)
        points = values[int(step - 1) :: int(step)].astype(np.float64)
        share = 1.0 / self.num_bins
        if len(points) * share >= 1:
            reached = np.arange(1, len(points) + 1) / len(points)
            points = np.interp(share + np.arange(0.0, 1.0, share), reached, points)
        self._learn(bin_boundaries=_nested_floats(np.asarray(points[:-1], np.float32)))

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


def require_mode(layer: Any, known: tuple[str, ...]) -> None:
    """Raise DescendError unless the layer's output_mode is one of these."""
    if layer.output_mode not in known:
        raise DescendError(
            f"{type(layer).__name__}: output_mode must be one of {', '.join(map(repr, known))}, "
            f"got {layer.output_mode!r}"
        )


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


def _nested_floats(value: Any) -> Any:
    """A number, or nested tuples of numbers, which JSON can hold."""
    value = np.asarray(value, np.float64)
    return float(value) if value.ndim == 0 else tuple(_nested_floats(v) for v in value)
