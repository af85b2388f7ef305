"""Layers that only rearrange numbers: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.checks import entries, positive_int
from descend.nn.layers.base import Arrays, Key, Layer, Shape


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """All axes of a row in one: (batch, a, b, ...) -> (batch, a b ...), the last axis the fastest.

    Raises:
        Nothing of its own.

    Source: Keras's API, Flatten.

    Example:
        >>> import numpy as np
        >>> from descend import Flatten, Input, Sequential
        >>> model = Sequential([Input((2, 2)), Flatten()])
        >>> model.predict(np.array([[[1.0, 2.0], [3.0, 4.0]]])).tolist()
        [[1.0, 2.0, 3.0, 4.0]]
    """

    def build(self, input_shape: Shape) -> Shape:
        """The product of the axes."""
        return (math.prod(input_shape),)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Reshape, batch axis kept."""
        return jnp.reshape(x, (x.shape[0], -1)), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Steps are no longer apart: None."""
        return None


@dataclass(frozen=True, eq=False)
class Reshape(Layer):
    """The numbers of a row in another shape, row-major: (batch, ...) -> (batch, the target shape).

    Args:
        target_shape: axes of a row of the output, the batch axis left out; one may be -1, which is
            then what the others leave.

    Raises:
        DescendError: axes that are neither whole numbers >= 1 nor -1, or more than one -1.
        ShapeError: the two shapes hold different counts of numbers.

    Source: Keras's API, Reshape.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Reshape, Sequential
        >>> model = Sequential([Input((4,)), Reshape((2, -1))])
        >>> model.predict(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist()
        [[[1.0, 2.0], [3.0, 4.0]]]
    """

    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = entries(self, "target_shape", "whole numbers >= 1 with at most one -1")
        whole = all(isinstance(d, int) and (d > 0 or d == -1) for d in shape)
        if not whole or shape.count(-1) > 1:
            raise DescendError(
                f"Reshape: target_shape must be whole numbers >= 1 with at most one -1, got {shape}"
            )

    def build(self, input_shape: Shape) -> Shape:
        """The target shape, its -1 filled in."""
        have = math.prod(input_shape)
        known = math.prod(d for d in self.target_shape if d != -1)
        fits = have % known == 0 if -1 in self.target_shape else have == known
        if not fits:
            raise ShapeError(
                f"{self.label}: cannot reshape an input of shape {tuple(input_shape)} "
                f"({have} numbers) to {self.target_shape}."
            )
        return tuple(have // known if d == -1 else d for d in self.target_shape)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Reshape, batch axis kept."""
        return jnp.reshape(x, (x.shape[0], *self.target_shape)), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The mask where the first axis keeps its length, else None."""
        return mask if self.build(x.shape[1:])[0] == x.shape[1] else None


@dataclass(frozen=True, eq=False)
class Permute(Layer):
    """(batch, a, b, ...) with its axes in another order: Permute((2, 1)) swaps a and b.

    Args:
        dims: axes of the input in their new order, counted from 1; the batch axis stays first.

    Raises:
        DescendError: `dims` that do not hold 1, 2, ..., each once.
        ShapeError: an input with another number of axes.

    Source: Keras's API, Permute.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Permute
        >>> model = Sequential([Input((2, 2)), Permute((2, 1))])
        >>> model.predict(np.array([[[1.0, 2.0], [3.0, 4.0]]])).tolist()
        [[[1.0, 3.0], [2.0, 4.0]]]
    """

    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        dims = entries(self, "dims", "the axes 1, 2, ... in their new order")
        whole = all(isinstance(d, int) for d in dims)
        if not whole or sorted(dims) != list(range(1, len(dims) + 1)):
            raise DescendError(f"Permute: dims must order the axes 1, 2, ..., got {dims}")

    def build(self, input_shape: Shape) -> Shape:
        """The axes in their new order."""
        self.require_rank(input_shape, len(self.dims), f"{len(self.dims)} axes")
        return tuple(input_shape[d - 1] for d in self.dims)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Transpose, batch axis kept."""
        return jnp.transpose(x, (0, *self.dims)), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The mask where time stays first, else None."""
        return mask if self.dims[0] == 1 else None


@dataclass(frozen=True, eq=False)
class RepeatVector(Layer):
    """The same vector at each of n steps: (batch, d) -> (batch, n, d).

    Args:
        n: number of steps.

    Raises:
        DescendError: `n` that is no whole number >= 1.
        ShapeError: an input that is not (features,).

    Source: Keras's API, RepeatVector.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RepeatVector
        >>> model = Sequential([Input((2,)), RepeatVector(3)])
        >>> model.predict(np.array([[1.0, 2.0]])).tolist()
        [[[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]]
    """

    n: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "n")

    def build(self, input_shape: Shape) -> Shape:
        """(d,) -> (n, d)."""
        self.require_rank(input_shape, 1, "(features,)")
        return (self.n, *input_shape)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Repeat along a new axis."""
        return jnp.repeat(x[:, None], self.n, axis=1), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Every step is real: None."""
        return None
