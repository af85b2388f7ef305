"""Parts of images erased at random in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import ShapeError
from descend.nn.checks import finite_numbers
from descend.nn.layers.augmentation.base import (
    Augmentation,
    check_factor,
    check_range,
    drawn,
    per_image,
    uniform,
)


@dataclass(frozen=True, eq=False)
class RandomErasing(Augmentation):
    """Puts a rectangle of noise, or of one colour, over a part of an image (cutout).

    Args:
        factor: probability of erasing, itself drawn for each image from a pair, or from (0, f)
            for a number f; (1, 1) always erases.
        scale: pair, or (0, f) for a number f; the height's and the width's shares are drawn as
            square roots of it, so that it bounds the share of the area.
        fill_value: number, or one a channel; None: normal noise times the high value. All are
            clipped to the range.
        value_range: (low, high) that pixels lie in; give (0, 1) for scaled images.

    At prediction images stay as they are.

    Raises:
        DescendError: `factor` or `scale` out of [0, 1], a `fill_value` that is no number and no
            list of them, or a range that is no pair (low, high).
        ShapeError: an input that is no image, or with other channels than `fill_value` has.

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation"; DeVries and Taylor 2017.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomErasing
        >>> model = Sequential([Input((1, 2, 1)), RandomErasing(0.5, fill_value=0.0)])
        >>> model.predict(np.array([[[[1.0], [2.0]]]])).ravel().tolist()  # `fit` alone changes them
        [1.0, 2.0]
    """

    factor: Any = 1.0
    scale: Any = (0.02, 0.33)
    fill_value: Any = None
    value_range: tuple[float, float] = (0.0, 255.0)
    swept: ClassVar[tuple[str, ...]] = ("factor", "scale")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "factor", 0.0, 1.0)
        check_factor(self, "scale", 0.0, 1.0)
        check_range(self, "value_range")
        if self.fill_value is not None:
            finite_numbers(self, "fill_value")

    def build(self, input_shape: Any) -> Any:
        """(height, width, channels), the same."""
        shape = super().build(input_shape)
        if self.fill_value is not None and np.shape(self.fill_value) not in ((), shape[-1:]):
            raise ShapeError(
                f"{self.label}: fill_value must be a number, or one for each of the {shape[-1]} "
                f"channels of the images, got {self.fill_value!r}"
            )
        return shape

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """x outside of the rectangle, the filling inside."""
        n, height, width, _ = x.shape
        tall, broad, chance, hit, noise = jax.random.split(key, 5)
        rows = self._covered(tall, n, height)[:, :, None, None]
        columns = self._covered(broad, n, width)[:, None, :, None]
        erased = uniform(hit, n) < drawn(chance, self.factor, n, from_zero=True)
        low, high = self.value_range
        if self.fill_value is None:
            filling = high * jax.random.normal(noise, x.shape, jnp.float32)
        else:
            filling = jnp.asarray(self.fill_value, jnp.float32).reshape(1, 1, 1, -1)
        filling = jnp.clip(filling, low, high).astype(x.dtype)
        return jnp.where(per_image(erased) & rows & columns, filling, x)

    def _covered(self, key: jax.Array, n: int, size: int) -> jax.Array:
        """Which of `size` rows or columns the rectangle covers: (n, size)."""
        share, place = jax.random.split(key)
        length = size * jnp.sqrt(drawn(share, self.scale, n, from_zero=True))[:, None]
        start = uniform(place, n)[:, None] * (size - length)
        index = jnp.arange(size)[None, :]
        return (index >= start) & (index < start + length)
