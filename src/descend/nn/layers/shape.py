"""Layers that only rearrange numbers: Flatten, Reshape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.layers.base import Layer, Shape


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """(batch, a, b, ...) -> (batch, a b ...)."""

    def build(self, input_shape: Shape) -> Shape:
        """The product of the axes."""
        return (math.prod(input_shape),)

    def apply(self, params, state, x, *, key=None, training=False):
        """Reshape, batch axis kept."""
        return jnp.reshape(x, (x.shape[0], -1)), state


@dataclass(frozen=True, eq=False)
class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape), row-major; one axis may be -1.

    Raises:
        ShapeError: the two shapes hold different counts of numbers.
    """

    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = tuple(self.target_shape)
        object.__setattr__(self, "target_shape", shape)
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

    def apply(self, params, state, x, *, key=None, training=False):
        """Reshape, batch axis kept."""
        return jnp.reshape(x, (x.shape[0], *self.target_shape)), state
