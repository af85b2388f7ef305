"""Layers that join several inputs: Add (the residual connection), Concatenate, Dot, ..."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from descend.errors import DescendError, ShapeError
from descend.nn.checks import whole_number
from descend.nn.layers.axes import along_steps, axes_in
from descend.nn.layers.base import Arrays, Key, Layer, Shape


@dataclass(frozen=True, eq=False)
class Merge(Layer):
    """Base of layers called on a list of symbols: Add()([a, b])."""

    joins: ClassVar[bool] = True

    def require_several(self, input_shapes: tuple[Shape, ...]) -> None:
        """Raise ShapeError unless there are at least two inputs."""
        several = len(input_shapes) >= 2 and all(isinstance(s, tuple) for s in input_shapes)
        if not several:
            raise ShapeError(f"{self.label} joins two or more inputs: call it on a list of them.")

    def output_mask(self, x: Any, mask: Any) -> Any:
        """A step is real where it is real in every input that has a mask."""
        masks = [m for m in mask if m is not None]
        return functools.reduce(jnp.logical_and, masks) if masks else None


@dataclass(frozen=True, eq=False)
class Alike(Merge):
    """Base of layers that combine inputs of one shape, number by number."""

    looks_ahead: ClassVar[str] = ""

    def build(self, input_shape: tuple[Shape, ...]) -> Shape:
        """All inputs must have one shape."""
        self.require_several(input_shape)
        if len(set(input_shape)) > 1:
            raise ShapeError(f"{self.label}: the inputs must have one shape, got {input_shape}.")
        return input_shape[0]

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The inputs combined."""
        return self.combine(x), state

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The formula."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Add(Alike):
    """The sum of its inputs, y = x_1 + x_2 + ...; with a skip connection, Res(z) = z + f(z).

    Called on a list of two or more symbols: Add()([a, b]). The output has their shape.

    Raises:
        ShapeError: fewer than two inputs, or inputs of different shapes.

    Source: hull-2023, "Larger Modules from Smaller Ones".

    Example:
        >>> import numpy as np
        >>> from descend import Add, Input, Model
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Add()([a, b]))
        >>> model.predict([np.array([[1.0, 5.0]]), np.array([[3.0, 1.0]])]).tolist()
        [[4.0, 6.0]]
    """

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The sum."""
        return functools.reduce(jnp.add, x)


@dataclass(frozen=True, eq=False)
class Multiply(Alike):
    """The product of its inputs, y = x_1 x_2 ..., number by number: a gate.

    Called on a list of two or more symbols: Multiply()([a, b]). The output has their shape.

    Raises:
        ShapeError: fewer than two inputs, or inputs of different shapes.

    Source: scheidegger-2020, "LSTM FORGET GATE".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Multiply
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Multiply()([a, b]))
        >>> model.predict([np.array([[1.0, 5.0]]), np.array([[3.0, 1.0]])]).tolist()
        [[3.0, 5.0]]
    """

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The product."""
        return functools.reduce(jnp.multiply, x)


@dataclass(frozen=True, eq=False)
class Average(Alike):
    """The mean of its inputs, y = (x_1 + x_2 + ...) / n, number by number.

    Called on a list of two or more symbols: Average()([a, b]). The output has their shape.

    Raises:
        ShapeError: fewer than two inputs, or inputs of different shapes.

    Source: Keras's API, Average.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Average
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Average()([a, b]))
        >>> model.predict([np.array([[1.0, 5.0]]), np.array([[3.0, 1.0]])]).tolist()
        [[2.0, 3.0]]
    """

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The mean."""
        return functools.reduce(jnp.add, x) / len(x)


@dataclass(frozen=True, eq=False)
class Maximum(Alike):
    """The greatest of its inputs, y = max(x_1, x_2, ...), number by number.

    Called on a list of two or more symbols: Maximum()([a, b]). The output has their shape.

    Raises:
        ShapeError: fewer than two inputs, or inputs of different shapes.

    Source: Keras's API, Maximum.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Maximum
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Maximum()([a, b]))
        >>> model.predict([np.array([[1.0, 5.0]]), np.array([[3.0, 1.0]])]).tolist()
        [[3.0, 5.0]]
    """

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The greatest."""
        return functools.reduce(jnp.maximum, x)


@dataclass(frozen=True, eq=False)
class Minimum(Alike):
    """The least of its inputs, y = min(x_1, x_2, ...), number by number.

    Called on a list of two or more symbols: Minimum()([a, b]). The output has their shape.

    Raises:
        ShapeError: fewer than two inputs, or inputs of different shapes.

    Source: Keras's API, Minimum.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Minimum
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Minimum()([a, b]))
        >>> model.predict([np.array([[1.0, 5.0]]), np.array([[3.0, 1.0]])]).tolist()
        [[1.0, 1.0]]
    """

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The least."""
        return functools.reduce(jnp.minimum, x)


@dataclass(frozen=True, eq=False)
class Subtract(Alike):
    """The difference of two inputs, y = x_1 - x_2.

    Called on a list of two symbols: Subtract()([a, b]). The output has their shape.

    Raises:
        ShapeError: anything but two inputs, or inputs of different shapes.

    Source: Keras's API, Subtract.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Subtract
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Subtract()([a, b]))
        >>> model.predict([np.array([[1.0, 5.0]]), np.array([[3.0, 1.0]])]).tolist()
        [[-2.0, 4.0]]
    """

    def build(self, input_shape: tuple[Shape, ...]) -> Shape:
        """Two inputs of one shape."""
        shape = super().build(input_shape)
        if len(input_shape) != 2:
            raise ShapeError(f"{self.label} takes two inputs, got {len(input_shape)}.")
        return shape

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The difference."""
        return x[0] - x[1]


@dataclass(frozen=True, eq=False)
class Concatenate(Merge):
    """Its inputs side by side, joined along one axis.

    Args:
        axis: place of that axis: 1 is the first behind the batch, -1 the last, as in Keras.

    Raises:
        DescendError: an axis that is no whole number.
        ShapeError: fewer than two inputs, inputs that differ in another axis, or no such axis.

    Source: Keras's API, Concatenate.

    Example:
        >>> import numpy as np
        >>> from descend import Concatenate, Input, Model
        >>> a, b = Input((2,)), Input((1,))
        >>> model = Model([a, b], Concatenate()([a, b]))
        >>> model.predict([np.array([[1.0, 2.0]]), np.array([[3.0]])]).tolist()
        [[1.0, 2.0, 3.0]]
    """

    axis: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self, "axis")

    @property
    def looks_ahead(self) -> str:
        """Something where the axis is that of the steps."""
        return along_steps(self.axis)

    def build(self, input_shape: tuple[Shape, ...]) -> Shape:
        """All axes but the joined one must agree."""
        self.require_several(input_shape)
        axis = axes_in(self, input_shape[0], self.axis)[0] - 1
        rests = {s[:axis] + s[axis + 1 :] for s in input_shape}
        if len(rests) > 1 or len({len(s) for s in input_shape}) > 1:
            raise ShapeError(
                f"{self.label}: the inputs must agree in every axis but {self.axis}, "
                f"got {input_shape}."
            )
        joined = sum(s[axis] for s in input_shape)
        return (*input_shape[0][:axis], joined, *input_shape[0][axis + 1 :])

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Concatenation; the batch axis is never the joined one."""
        return jnp.concatenate(x, axis=self.axis), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Joined along time where that is the axis, else real where all are."""
        if self.axis % x[0].ndim != 1 or all(m is None for m in mask):
            return super().output_mask(x, mask)
        full = (
            jnp.ones(a.shape[:2], bool) if m is None else m for a, m in zip(x, mask, strict=True)
        )
        return jnp.concatenate(list(full), axis=1)


@dataclass(frozen=True, eq=False)
class Dot(Merge):
    """Products of two inputs, summed along one axis of each: y_ij = sum_k a_ik b_jk.

    The other axes of the first input come first, then those of the second; two vectors give one
    number, (batch, 1).

    Args:
        axes: axis of both inputs, or a pair; 1 is the first behind the batch, -1 the last.
        normalize: whether both are first scaled to length one along it: the cosine of their angle.

    Raises:
        DescendError: `axes` that are neither a whole number nor a pair of them.
        ShapeError: anything but two inputs; axes that are not there or of different lengths.

    Source: hull-2023, "Specialized Layer: Attention Mechanisms" (the score q.k).

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Dot
        >>> a, b = Input((2,)), Input((2,))
        >>> model = Model([a, b], Dot(1)([a, b]))
        >>> model.predict([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()  # 3 + 8
        [[11.0]]
    """

    axes: int | tuple[int, int]
    normalize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        pair = tuple(self.axes) if isinstance(self.axes, (list, tuple)) else (self.axes,) * 2
        if len(pair) != 2 or not all(type(a) is int for a in pair):
            raise DescendError(f"Dot: axes must be a whole number or a pair, got {self.axes!r}")
        object.__setattr__(self, "axes", pair)

    def _places(self, shapes: tuple[Shape, ...]) -> tuple[int, int]:
        first, second = (
            axes_in(self, shape, axis)[0]
            for shape, axis in zip(shapes, self.axes, strict=True)  # type: ignore[arg-type]
        )
        return first, second

    def build(self, input_shape: tuple[Shape, ...]) -> Shape:
        """The other axes of both; (1,) where there are none."""
        self.require_several(input_shape)
        if len(input_shape) != 2:
            raise ShapeError(f"{self.label} takes two inputs, got {len(input_shape)}.")
        a, b = input_shape
        i, j = self._places(input_shape)
        if a[i - 1] != b[j - 1]:
            raise ShapeError(
                f"{self.label}: the inputs' axes {self.axes} must have one length, got "
                f"{a[i - 1]} and {b[j - 1]} in {input_shape}."
            )
        return (*a[: i - 1], *a[i:], *b[: j - 1], *b[j:]) or (1,)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The sum of products."""
        a, b = x
        i, j = self._places((a.shape[1:], b.shape[1:]))
        if self.normalize:
            a, b = of_length_one(a, (i,)), of_length_one(b, (j,))
        letters = iter("cdefghijklmn")
        first = ["b" if p == 0 else "a" if p == i else next(letters) for p in range(a.ndim)]
        second = ["b" if p == 0 else "a" if p == j else next(letters) for p in range(b.ndim)]
        rest = [n for n in (*first, *second[1:]) if n not in "ab"]
        y = jnp.einsum(f"{''.join(first)},{''.join(second)}->b{''.join(rest)}", a, b)
        return (y if rest else y[:, None]), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """None: steps are no longer apart."""
        return None


def of_length_one(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """x / sqrt(sum x^2) along some axes; zeros stay zeros, their gradient too."""
    square = jnp.sum(jnp.square(x), axis=axes, keepdims=True)
    return x * lax.rsqrt(jnp.maximum(square, jnp.asarray(1e-12, x.dtype)))


# -- Keras's functions of the same names --------------------------------------------------------


def add(inputs: Any, **options: Any) -> Any:
    """The sum of symbols: `Add()(inputs)`."""
    return Add(**options)(inputs)


def subtract(inputs: Any, **options: Any) -> Any:
    """The difference of two symbols: `Subtract()(inputs)`."""
    return Subtract(**options)(inputs)


def multiply(inputs: Any, **options: Any) -> Any:
    """The product of symbols: `Multiply()(inputs)`."""
    return Multiply(**options)(inputs)


def average(inputs: Any, **options: Any) -> Any:
    """The mean of symbols: `Average()(inputs)`."""
    return Average(**options)(inputs)


def maximum(inputs: Any, **options: Any) -> Any:
    """The greatest of symbols: `Maximum()(inputs)`."""
    return Maximum(**options)(inputs)


def minimum(inputs: Any, **options: Any) -> Any:
    """The least of symbols: `Minimum()(inputs)`."""
    return Minimum(**options)(inputs)


def concatenate(inputs: Any, axis: int = -1, **options: Any) -> Any:
    """`Concatenate(axis)` called on symbols, in one step.

    Args:
        inputs: list of two or more symbols.
        axis: place of the axis that is joined, as in Concatenate.
        options: further arguments of the layer, such as `name`.

    Returns:
        The symbol of the layer's output.

    Raises:
        DescendError, ShapeError: as in Concatenate, and for an input that is no symbol.

    Source: Keras's API, concatenate.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import concatenate
        >>> concatenate([Input((2,)), Input((3,))]).shape
        (5,)
    """
    return Concatenate(axis, **options)(inputs)


def dot(inputs: Any, axes: Any, normalize: bool = False, **options: Any) -> Any:
    """`Dot(axes, normalize)` called on symbols, in one step.

    Args:
        inputs: list of two symbols.
        axes, normalize: axes that are summed along and whether both are scaled first, as in Dot.
        options: further arguments of the layer, such as `name`.

    Returns:
        The symbol of the layer's output.

    Raises:
        DescendError, ShapeError: as in Dot, and for an input that is no symbol.

    Source: Keras's API, dot.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import dot
        >>> dot([Input((5, 4)), Input((3, 4))], axes=2).shape  # each of 5 rows with each of 3
        (5, 3)
    """
    return Dot(axes, normalize, **options)(inputs)


for _layer, _function in (
    (Add, add),
    (Subtract, subtract),
    (Multiply, multiply),
    (Average, average),
    (Maximum, maximum),
    (Minimum, minimum),
):
    _function.__doc__ = f"""{_function.__doc__}

    Args:
        inputs: list of symbols of one shape.
        options: further arguments of the layer, such as `name`.

    Returns:
        The symbol of the layer's output, of the inputs' shape.

    Raises:
        DescendError, ShapeError: as in {_layer.__name__}, and for an input that is no symbol.

    Source: Keras's API, {_function.__name__}.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import {_function.__name__}
        >>> {_function.__name__}([Input((2,)), Input((2,))]).shape
        (2,)
    """
