"""Images changed at random in training: mirrored, lit, stretched in contrast, erased, cropped.

Every row of a batch gets a draw of its own, from the step's key, inside the compiled step. At
prediction these layers leave their input as it is (RandomCrop takes the middle). Moving, turning
and zooming are in affine.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.layers.base import Layer, Shape, positive_int

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


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

    def apply(self, params, state, x, *, key=None, training=False):
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
        found = super().numbers()
        return {n: v for n, v in found.items() if v is not None and not isinstance(v, tuple)}


@dataclass(frozen=True, eq=False)
class RandomFlip(Augmentation):
    """Mirrors an image with probability 1/2.

    Args:
        mode: "horizontal" (left to right), "vertical" (top to bottom), or
            "horizontal_and_vertical": each with a draw of its own (Keras takes one for both).
    """

    mode: str = "horizontal_and_vertical"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "mode", FLIPS)

    def augment(self, x, key):
        """X or its mirror image."""
        for axis, name in ((1, "vertical"), (2, "horizontal")):
            if name in self.mode:
                flip = jax.random.bernoulli(jax.random.fold_in(key, axis), 0.5, (len(x),))
                x = jnp.where(_per_image(flip), jnp.flip(x, axis), x)
        return x


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
        _range(self, "value_range")

    def augment(self, x, key):
        """clip(x + delta)."""
        low, high = self.value_range
        delta = _per_image(drawn(key, self.factor, len(x))) * (high - low)
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
        _range(self, "value_range")

    def augment(self, x, key):
        """clip(mean + c (x - mean)), the mean over the places of one image and channel."""
        factor = self.factor
        low, high = factor if isinstance(factor, tuple) else (factor, factor)
        stretch = _per_image(1.0 + drawn(key, (-low, high), len(x)))
        wide = _wide(x)
        mean = jnp.mean(wide, axis=(1, 2), keepdims=True)
        return jnp.clip(mean + stretch * (wide - mean), *self.value_range).astype(x.dtype)


@dataclass(frozen=True, eq=False)
class RandomErasing(Augmentation):
    """Puts a rectangle of noise, or of one colour, over a part of an image (cutout).

    Args:
        factor: the probability of erasing, itself drawn for each image from a pair, or from (0, f)
            for a number f; (1, 1) always erases.
        scale: pair, or (0, f) for a number f; the height's and the width's shares are drawn as
            square roots of it, so that it bounds the share of the area.
        fill_value: a number, or one a channel; None: normal noise times the high value. All are
            clipped to the range.
        value_range: (low, high) that pixels lie in; give (0, 1) for scaled images.

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation"; DeVries and Taylor 2017.
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
        _range(self, "value_range")
        if isinstance(self.fill_value, list):
            object.__setattr__(self, "fill_value", tuple(self.fill_value))

    def build(self, input_shape):
        """(height, width, channels), the same."""
        shape = super().build(input_shape)
        if isinstance(self.fill_value, tuple) and len(self.fill_value) != shape[-1]:
            raise ShapeError(
                f"{self.label}: fill_value has {len(self.fill_value)} numbers, the images have "
                f"{shape[-1]} channels"
            )
        return shape

    def augment(self, x, key):
        """X outside of the rectangle, the filling inside."""
        n, height, width, _ = x.shape
        tall, broad, chance, hit, noise = jax.random.split(key, 5)
        rows = self._covered(tall, n, height)[:, :, None, None]
        columns = self._covered(broad, n, width)[:, None, :, None]
        erased = _uniform(hit, n) < drawn(chance, self.factor, n, from_zero=True)
        low, high = self.value_range
        if self.fill_value is None:
            filling = high * jax.random.normal(noise, x.shape, jnp.float32)
        else:
            filling = jnp.asarray(self.fill_value, jnp.float32).reshape(1, 1, 1, -1)
        filling = jnp.clip(filling, low, high).astype(x.dtype)
        return jnp.where(_per_image(erased) & rows & columns, filling, x)

    def _covered(self, key: jax.Array, n: int, size: int) -> jax.Array:
        """Which of `size` rows or columns the rectangle covers: (n, size)."""
        share, place = jax.random.split(key)
        length = size * jnp.sqrt(drawn(share, self.scale, n, from_zero=True))[:, None]
        start = _uniform(place, n)[:, None] * (size - length)
        index = jnp.arange(size)[None, :]
        return (index >= start) & (index < start + length)


@dataclass(frozen=True, eq=False)
class RandomCrop(Augmentation):
    """Cuts a window of (height, width) out of an image; the middle one at prediction.

    Args:
        height, width: of the window, at most the image's. (Keras would stretch smaller images.)
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "height")
        positive_int(self, "width")

    def build(self, input_shape):
        """(h, w, channels) -> (height, width, channels)."""
        tall, broad, channels = super().build(input_shape)
        if tall < self.height or broad < self.width:
            raise ShapeError(
                f"{self.label}: cannot cut ({self.height}, {self.width}) out of images of "
                f"({tall}, {broad}); give a window that fits"
            )
        return self.height, self.width, channels

    def augment(self, x, key):
        """A window whose corner is drawn evenly from all that fit."""
        n, tall, broad, channels = x.shape
        down, right = jax.random.split(key)
        top = jax.random.randint(down, (n,), 0, tall - self.height + 1)
        left = jax.random.randint(right, (n,), 0, broad - self.width + 1)
        window = (self.height, self.width, channels)
        return jax.vmap(lambda image, i, j: jax.lax.dynamic_slice(image, (i, j, 0), window))(
            x, top, left
        )

    def at_prediction(self, x):
        """The middle window."""
        top, left = (x.shape[1] - self.height) // 2, (x.shape[2] - self.width) // 2
        return x[:, top : top + self.height, left : left + self.width]


# -- draws ----------------------------------------------------------------------------------------


def _uniform(key: jax.Array, n: int) -> jax.Array:
    # always float32, so that one key draws the same for images of any dtype
    return jax.random.uniform(key, (n,), jnp.float32)


def drawn(key: jax.Array, factor: Any, n: int, *, from_zero: bool = False) -> jax.Array:
    """(n,) from the pair, or from (-f, f) or (0, f) for a number f."""
    if isinstance(factor, tuple):
        low, high = factor
    else:
        high = jnp.abs(factor)
        low = 0.0 if from_zero else -high
    return low + (high - low) * _uniform(key, n)


def _per_image(numbers: jax.Array) -> jax.Array:
    return numbers[:, None, None, None]


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


# -- checks ---------------------------------------------------------------------------------------


def one_of(layer: Layer, field: str, known: tuple[str, ...]) -> None:
    """Raise DescendError unless the field holds one of the words known."""
    if getattr(layer, field) not in known:
        raise DescendError(
            f"{type(layer).__name__}: {field} must be one of {', '.join(map(repr, known))}, got "
            f"{getattr(layer, field)!r}"
        )


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
    given = value if pair else (value,)
    numbers = all(isinstance(v, (int, float, np.number)) for v in given)
    if (
        not numbers
        or (pair and len(given) != 2)
        or not all(least <= v <= high and not (open_below and v == least) for v in given)
    ):
        raise DescendError(
            f"{type(layer).__name__}: {field} must be a number or a pair of numbers in "
            f"{'(' if open_below else '['}{least:g}, {high:g}], got {value!r}"
        )
    stored = tuple(map(float, given)) if pair else float(value)
    object.__setattr__(layer, field, stored)


def _range(layer: Layer, field: str) -> None:
    value = getattr(layer, field)
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not value[0] < value[1]:
        raise DescendError(
            f"{type(layer).__name__}: {field} must be a pair (low, high), got {value!r}"
        )
    object.__setattr__(layer, field, (float(value[0]), float(value[1])))
