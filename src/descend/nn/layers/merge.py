"""Layers that join several inputs: Add (the residual connection), Concatenate and their kin."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from descend.errors import ShapeError
from descend.nn.layers.base import Layer, Shape


@dataclass(frozen=True, eq=False)
class Merge(Layer):
    """Base of layers called on a list of symbols: Add()([a, b])."""

    joins: ClassVar[bool] = True

    def require_several(self, input_shapes: tuple[Shape, ...]) -> None:
        """Raise ShapeError unless there are at least two inputs."""
        several = len(input_shapes) >= 2 and all(isinstance(s, tuple) for s in input_shapes)
        if not several:
            raise ShapeError(f"{self.label} joins two or more inputs: call it on a list of them.")

    def output_mask(self, x, mask):
        """A step is real where it is real in every input that has a mask."""
        masks = [m for m in mask if m is not None]
        return functools.reduce(jnp.logical_and, masks) if masks else None


@dataclass(frozen=True, eq=False)
class Alike(Merge):
    """Base of layers that combine inputs of one shape, number by number."""

    def build(self, input_shape: tuple[Shape, ...]) -> Shape:
        """All inputs must have one shape."""
        self.require_several(input_shape)
        if len(set(input_shape)) > 1:
            raise ShapeError(f"{self.label}: the inputs must have one shape, got {input_shape}.")
        return input_shape[0]

    def apply(self, params, state, x, *, key=None, training=False):
        """The inputs combined."""
        return self.combine(x), state

    def combine(self, x: tuple[jax.Array, ...]) -> jax.Array:
        """The formula."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Add(Alike):
    """y = x_1 + x_2 + ...; with a skip connection, Res(z) = z + f(z) (hull-2023)."""

    def combine(self, x):
        """The sum."""
        return functools.reduce(jnp.add, x)


@dataclass(frozen=True, eq=False)
class Multiply(Alike):
    """y = x_1 x_2 ..., number by number: a gate (scheidegger-2020, "LSTM FORGET GATE")."""

    def combine(self, x):
        """The product."""
        return functools.reduce(jnp.multiply, x)


@dataclass(frozen=True, eq=False)
class Average(Alike):
    """y = (x_1 + x_2 + ...) / n."""

    def combine(self, x):
        """The mean."""
        return functools.reduce(jnp.add, x) / len(x)


@dataclass(frozen=True, eq=False)
class Maximum(Alike):
    """y = max(x_1, x_2, ...), number by number."""

    def combine(self, x):
        """The greatest."""
        return functools.reduce(jnp.maximum, x)


@dataclass(frozen=True, eq=False)
class Concatenate(Merge):
    """Join along one axis: `axis` counts without the batch axis if >= 0, from the end if < 0."""

    axis: int = -1

    def build(self, input_shape: tuple[Shape, ...]) -> Shape:
        """All axes but the joined one must agree."""
        self.require_several(input_shape)
        rank = len(input_shape[0])
        if not -rank <= self.axis < rank:
            raise ShapeError(
                f"{self.label}: axis {self.axis} is not in inputs of shape {input_shape}."
            )
        axis = self.axis % rank
        rests = {s[:axis] + s[axis + 1 :] for s in input_shape}
        if len(rests) > 1 or len({len(s) for s in input_shape}) > 1:
            raise ShapeError(
                f"{self.label}: the inputs must agree in every axis but {self.axis}, "
                f"got {input_shape}."
            )
        joined = sum(s[axis] for s in input_shape)
        return (*input_shape[0][:axis], joined, *input_shape[0][axis + 1 :])

    def apply(self, params, state, x, *, key=None, training=False):
        """Concatenation; the batch axis is never the joined one."""
        axis = self.axis if self.axis < 0 else self.axis + 1
        return jnp.concatenate(x, axis=axis), state

    def output_mask(self, x, mask):
        """Joined along time where that is the axis, else real where all are."""
        if self.axis % (x[0].ndim - 1) != 0 or all(m is None for m in mask):
            return super().output_mask(x, mask)
        full = (
            jnp.ones(a.shape[:2], bool) if m is None else m for a, m in zip(x, mask, strict=True)
        )
        return jnp.concatenate(list(full), axis=1)
