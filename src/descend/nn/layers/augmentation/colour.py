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
        factor: pair (a, b) in [-1, 1] that the share is drawn from, for each image; a number f
            stands for (-f, f).
        value_range: (low, high) that pixels lie in; give (0, 1) for scaled images.

    At prediction images stay as they are.

    Raises:
        DescendError: a factor out of bounds, or a range that is no pair (low, high).
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomBrightness.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomBrightness
        >>> model = Sequential([Input((1, 1, 1)), RandomBrightness((0.2, 0.2))])
        >>> x = np.array([[[[100.0]]]])
        >>> float(model.predict(x)[0, 0, 0, 0]), float(model(x, training=True)[0, 0, 0, 0])
        (100.0, 151.0)
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
        factor: share f: c is drawn from (1 - f, 1 + f); a pair (a, b): from (1 - a, 1 + b). (Keras
            documents the same and draws from (1, 1 + f) for a number.)
        value_range: (low, high) that pixels lie in; give (0, 1) for scaled images.

    At prediction images stay as they are.

    Raises:
        DescendError: a factor out of bounds, or a range that is no pair (low, high).
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomContrast.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomContrast
        >>> model = Sequential([Input((1, 2, 1)), RandomContrast((-1.0, 1.0))])  # c = 2 always
        >>> np.ravel(model(np.array([[[[100.0], [120.0]]]]), training=True)).tolist()
        [90.0, 130.0]
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
