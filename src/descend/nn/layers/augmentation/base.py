"""What all random changes of images share: when they act, how they draw, what factors they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn.checks import is_number
from descend.nn.layers.base import Arrays, Key, Layer, Shape


@dataclass(frozen=True, eq=False)
class Augmentation(Layer):
    """Base of these layers: `augment` in training, `at_prediction` else.

    Input (height, width, channels); whole numbers become float32. A factor is a number or a pair:
    the pair (a, b) is drawn from evenly, a number f stands for (-f, f) unless the layer says
    otherwise. A factor that is a number may be swept, a pair may not.

    Source: itam-2023, 1.7 "Dataset Augmentation".
    """

    stochastic: ClassVar[bool] = True
    augments: ClassVar[bool] = True

    def build(self, input_shape: Shape) -> Shape:
        """(height, width, channels), the same."""
        self.require_rank(input_shape, 3, "(height, width, channels)")
        return tuple(input_shape)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """`augment` with the step's key in training, `at_prediction` else."""
        if not jnp.issubdtype(x.dtype, jnp.floating):
            x = x.astype(jnp.float32)
        if not training:
            return self.at_prediction(x), state
        if key is None:
            raise DescendError(
                f"{self.label} needs a key in training: apply(..., key=jax.random.key(0))"
            )
        return self.augment(x, key), state

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """The images (n, height, width, channels), each changed by its own draw."""
        raise NotImplementedError

    def at_prediction(self, x: jax.Array) -> jax.Array:
        """The images as they are."""
        return x

    def numbers(self) -> dict[str, float]:
        """As in Layer; a pair, or a factor left out, is no number to sweep."""
        numbers = super().numbers()
        return {n: v for n, v in numbers.items() if v is not None and not isinstance(v, tuple)}


# -- draws ----------------------------------------------------------------------------------------


def uniform(key: jax.Array, n: int) -> jax.Array:
    """Numbers (n,) in [0, 1)."""
    # always float32, so that one key draws the same for images of any dtype
    return jax.random.uniform(key, (n,), jnp.float32)


def drawn(key: jax.Array, factor: Any, n: int, *, from_zero: bool = False) -> jax.Array:
    """(n,) from the pair, or from (-f, f) or (0, f) for a number f."""
    if isinstance(factor, tuple):
        low, high = factor
    else:
        high = jnp.abs(factor)
        low = 0.0 if from_zero else -high
    numbers: jax.Array = low + (high - low) * uniform(key, n)
    return numbers


def per_image(numbers: jax.Array) -> jax.Array:
    """Numbers (n,) that multiply or join images (n, height, width, channels)."""
    return numbers[:, None, None, None]


# -- checks ---------------------------------------------------------------------------------------


def check_factor(
    layer: Layer,
    field: str,
    low: float = -1.0,
    high: float = 1.0,
    *,
    open_below: bool = False,
    pair_from: float | None = None,
) -> None:
    """Store a number as float and a pair as tuple of floats; DescendError if out of bounds."""
    value = getattr(layer, field)
    if isinstance(value, (jax.Array, np.ndarray)):
        return  # swept: a traced number
    pair = isinstance(value, (tuple, list))
    least = low if pair_from is None or not pair else pair_from
    ends = value if pair else (value,)
    if (
        not all(map(is_number, ends))
        or (pair and len(ends) != 2)
        or not all(least <= v <= high and not (open_below and v == least) for v in ends)
    ):
        raise DescendError(
            f"{type(layer).__name__}: {field} must be a number or a pair of numbers in "
            f"{'(' if open_below else '['}{least:g}, {high:g}], got {value!r}"
        )
    stored = tuple(map(float, ends)) if pair else float(value)
    object.__setattr__(layer, field, stored)


def check_range(layer: Layer, field: str) -> None:
    """Store a pair (low, high) as floats; DescendError if it is none."""
    value = getattr(layer, field)
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value))
    if not pair or not value[0] < value[1]:
        raise DescendError(
            f"{type(layer).__name__}: {field} must be a pair (low, high), got {value!r}"
        )
    object.__setattr__(layer, field, (float(value[0]), float(value[1])))
