"""Images lit and stretched in contrast at random in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.nn.layers.augmentation.base import (
    Augmentation,
    check_factor,
    check_range,
    drawn,
    per_image,
)


@dataclass(frozen=True, eq=False)
class RandomBrightness(Augmentation):
    """Adds a share of the range of values to an image: y = clip(x + factor (high - low)).

    Args:
        factor: number or pair in [-1, 1].
        value_range: (low, high) that pixels lie in; give (0, 1) for scaled images.
    """

    factor: Any
    value_range: tuple[float, float] = (0.0, 255.0)
    swept: ClassVar[tuple[str, ...]] = ("factor",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "factor")
        check_range(self, "value_range")

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """clip(x + delta)."""
        low, high = self.value_range
        delta = per_image(drawn(key, self.factor, len(x))) * (high - low)
        return jnp.clip(_wide(x) + delta, low, high).astype(x.dtype)


@dataclass(frozen=True, eq=False)
class RandomContrast(Augmentation):
    """Stretches each channel about its mean: y = clip(mean + c (x - mean)).

    Args:
        factor: c is drawn from (1 - factor, 1 + factor); a pair (a, b): from (1 - a, 1 + b).
            (Keras documents the same and draws from (1, 1 + factor) for a number.)
        value_range: (low, high) that pixels lie in; give (0, 1) for scaled images.
    """

    factor: Any
    value_range: tuple[float, float] = (0.0, 255.0)
    swept: ClassVar[tuple[str, ...]] = ("factor",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "factor", 0.0, 1.0, pair_from=-1.0)
        check_range(self, "value_range")

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """clip(mean + c (x - mean)), the mean over the places of one image and channel."""
        factor = self.factor
        low, high = factor if isinstance(factor, tuple) else (factor, factor)
        stretch = per_image(1.0 + drawn(key, (-low, high), len(x)))
        wide = _wide(x)
        mean = jnp.mean(wide, axis=(1, 2), keepdims=True)
        return jnp.clip(mean + stretch * (wide - mean), *self.value_range).astype(x.dtype)


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
