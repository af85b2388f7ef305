"""Images brought to one size: Resizing, CenterCrop."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn.checks import finite_number, one_of, positive_int
from descend.nn.layers.base import Arrays, Key
from descend.nn.layers.preparing import Preparing

# Keras's names -> jax.image.resize's
_METHODS = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@dataclass(frozen=True, eq=False)
class Resizing(Preparing):
    """Images of any size drawn to (height, width).

    Args:
        height, width: size of the output, in pixels.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether edges are first cut off, so that nothing is distorted.
        pad_to_aspect_ratio: whether edges are first added, for the same.
        fill_mode: "constant", the only one: the added edges are of one number.
        fill_value: number of which they are.
        antialias: whether it is smoothed where it is made smaller.

    Input (h, w, channels), output (height, width, channels). In a network and on arrays.

    Raises:
        DescendError: a size that is no whole number >= 1, an unknown interpolation or fill mode, a
            `fill_value` that is no finite number, both ways to keep the aspect ratio.
        ShapeError: an input that is no image.

    Source: Keras's API, Resizing.

    Example:
        >>> import numpy as np
        >>> from descend.nn.layers import Resizing
        >>> image = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
        >>> print(Resizing(2, 2)(image)[0, :, :, 0].round(3))  # each the mean of 2 x 2 pixels
        [[ 2.5  4.5]
         [10.5 12.5]]
    """

    height: int
    width: int
    interpolation: str = "bilinear"
    _: KW_ONLY
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = "constant"
    fill_value: float = 0.0
    antialias: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "height")
        positive_int(self, "width")
        one_of(self, "interpolation", tuple(_METHODS))
        one_of(self, "fill_mode", ("constant",))
        finite_number(self, "fill_value")
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise DescendError("Resizing: crop_to_aspect_ratio or pad_to_aspect_ratio, not both")

    def build(self, input_shape: Any) -> Any:
        """(h, w, channels) -> (height, width, channels)."""
        self.require_rank(input_shape, 3, "(height, width, channels)")
        return (self.height, self.width, input_shape[-1])

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The images drawn anew."""
        x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
        tall, broad = x.shape[1:3]
        # the size of the target's form that the image can hold, or that can hold the image
        fit = (int(broad * self.height / self.width), int(tall * self.width / self.height))
        if self.crop_to_aspect_ratio:
            size = (max(min(tall, fit[0]), 1), max(min(broad, fit[1]), 1))
            x = middle(x, *size)
        elif self.pad_to_aspect_ratio:
            add = (max(fit[0] - tall, 0), max(fit[1] - broad, 0))
            edges = [(0, 0), *((n // 2, n - n // 2) for n in add), (0, 0)]
            x = jnp.pad(x, edges, constant_values=self.fill_value)
        shape = (x.shape[0], self.height, self.width, x.shape[3])
        method = _METHODS[self.interpolation]
        return jax.image.resize(x, shape, method, antialias=self.antialias).astype(x.dtype), state


@dataclass(frozen=True, eq=False)
class CenterCrop(Preparing):
    """The middle of an image; one that is smaller is cut to the form and drawn larger.

    Args:
        height, width: size of the output, in pixels.

    Input (h, w, channels), output (height, width, channels). In a network and on arrays.

    Raises:
        DescendError: a size that is no whole number >= 1.
        ShapeError: an input that is no image.

    Source: Keras's API, CenterCrop.

    Example:
        >>> import numpy as np
        >>> from descend.nn.layers import CenterCrop
        >>> CenterCrop(1, 3)(np.arange(15).reshape(1, 3, 5, 1)).ravel().tolist()
        [6, 7, 8]
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "height")
        positive_int(self, "width")

    def build(self, input_shape: Any) -> Any:
        """(h, w, channels) -> (height, width, channels)."""
        self.require_rank(input_shape, 3, "(height, width, channels)")
        return (self.height, self.width, input_shape[-1])

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The middle."""
        if x.shape[1] >= self.height and x.shape[2] >= self.width:
            return middle(x, self.height, self.width), state
        larger = Resizing(self.height, self.width, crop_to_aspect_ratio=True)
        return larger.apply({}, {}, x)[0], state


def middle(x: jax.Array, height: int, width: int) -> jax.Array:
    """The middle window of images (n, h, w, channels)."""
    top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    return x[:, top : top + height, left : left + width]


def resized(
    x: jax.Array, height: int, width: int, interpolation: str, antialias: bool
) -> jax.Array:
    """Images (n, h, w, channels) drawn to a size."""
    shape = (x.shape[0], height, width, x.shape[3])
    method = _METHODS[interpolation]
    y: jax.Array = jax.image.resize(x, shape, method, antialias=antialias)
    return y.astype(x.dtype)
