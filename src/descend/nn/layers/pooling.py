"""Layers that make space coarser: pooling by windows, and over all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.convolution import AXES, Windowed, require_padding, whole_numbers
from descend.nn.pool import average_pool, max_pool


class _Spatial(Layer):
    rank: ClassVar[int]

    def size(self, input_shape: Shape) -> Shape:
        """The space axes of the input; raises ShapeError unless the rank fits."""
        self.require_rank(input_shape, self.rank + 1, AXES[self.rank])
        return input_shape[:-1]

    def output_mask(self, x: Any, mask: Any) -> Any:
        """None, where a layer does not know better."""
        return None


# -- windows ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Pooling(Windowed, Layer):
    pool_size: Any = 2
    strides: Any = None
    padding: str = "valid"
    pool: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_numbers(self, "pool_size", self.rank)
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        whole_numbers(self, "strides", self.rank)
        require_padding(self, "valid", "same")

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """The window."""
        return tuple(self.pool_size)

    @property
    def dilation_rate(self) -> tuple[int, ...]:
        """Windows have no holes."""
        return (1,) * self.rank

    def build(self, input_shape: Shape) -> Shape:
        """(*space, channels) -> (*space', channels)."""
        return (*self.windowed(input_shape), input_shape[-1])

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
    ) -> tuple[Any, Arrays]:
        """The largest or the mean of every window; of a sequence, over its real steps alone."""
        if mask is None:
            return self.windows(x), state
        mask = mask[..., None]
        y = self.of_real(x, mask)
        return jnp.where(self._some(mask), y, jnp.zeros((), y.dtype)), state

    def windows(self, x: jax.Array) -> jax.Array:
        """Every window's largest number, or mean."""
        y: jax.Array = type(self).pool(x, self.pool_size, self.strides, self.padding)
        return y

    def of_real(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """The same over the real steps; anything where a window has none."""
        raise NotImplementedError

    def _some(self, mask: jax.Array) -> jax.Array:
        """Whether a window has a real step."""
        floats = mask.astype(jnp.float32)
        return max_pool(floats, self.pool_size, self.strides, self.padding) > 0

    def output_mask(self, x: Any, mask: Any) -> Any:
        """A window is real if a step in it is; None for images."""
        return None if mask is None or self.rank > 1 else self._some(mask[..., None])[..., 0]


class _Max(_Pooling):
    pool = staticmethod(max_pool)

    def of_real(self, x: jax.Array, mask: Any) -> jax.Array:
        """Padded steps are the lowest."""
        return self.windows(jnp.where(mask, x, jnp.finfo(x.dtype).min))


class _Average(_Pooling):
    pool = staticmethod(average_pool)

    def of_real(self, x: jax.Array, mask: Any) -> jax.Array:
        """The mean with zeros at padded steps, over the share of real ones."""
        share = self.windows(mask.astype(x.dtype))
        total = self.windows(jnp.where(mask, x, jnp.zeros((), x.dtype)))
        return total / jnp.where(share > 0, share, jnp.ones((), x.dtype))


@dataclass(frozen=True, eq=False)
class MaxPooling1D(_Max):
    """The largest number of every window of a sequence, channel by channel.

    Args:
        pool_size: steps in a window.
        strides: steps from window to window; None: pool_size.
        padding: "valid", or "same" (ceil(time / strides) windows; padded cells do not count).

    Input (time, channels), output (time', channels). With a mask the real steps of a window count,
    and a window without any is masked.

    Raises:
        DescendError: a size that is no whole number >= 1, or another padding.
        ShapeError: an input that is not (time, channels), or shorter than the window.

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, MaxPooling1D, Sequential
        >>> model = Sequential([Input((4, 1)), MaxPooling1D(2)])
        >>> model.predict(np.array([[[1.0], [3.0], [6.0], [2.0]]])).ravel().tolist()
        [3.0, 6.0]
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class MaxPooling2D(_Max):
    """The largest number of every window of an image, channel by channel.

    Args:
        pool_size, strides, padding: as in MaxPooling1D; each size a number, or a pair.

    Input (height, width, channels), output (height', width', channels).

    Raises:
        DescendError: a size that is no whole number >= 1, or another padding.
        ShapeError: an input that is no image, or smaller than the window.

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, MaxPooling2D, Sequential
        >>> model = Sequential([Input((4, 4, 1)), MaxPooling2D(2)])
        >>> model.predict(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class MaxPooling3D(_Max):
    """The largest number of every window of a volume, channel by channel.

    Args:
        pool_size, strides, padding: as in MaxPooling1D; each size a number, or three.

    Input (a, b, c, channels), output (a', b', c', channels).

    Raises:
        DescendError: a size that is no whole number >= 1, or another padding.
        ShapeError: an input that is no volume, or smaller than the window.

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import MaxPooling3D
        >>> model = Sequential([Input((2, 2, 2, 1)), MaxPooling3D(2)])
        >>> model.predict(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel().tolist()
        [7.0]
    """

    rank: ClassVar[int] = 3


@dataclass(frozen=True, eq=False)
class AveragePooling1D(_Average):
    """The mean of every window of a sequence, channel by channel.

    Args:
        pool_size, strides: as in MaxPooling1D.
        padding: "valid", or "same": the mean is then over the cells without padding, as in Keras.

    Input (time, channels), output (time', channels). With a mask the mean is over the real steps.

    Raises:
        DescendError: a size that is no whole number >= 1, or another padding.
        ShapeError: an input that is not (time, channels), or shorter than the window.

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import AveragePooling1D
        >>> model = Sequential([Input((4, 1)), AveragePooling1D(2)])
        >>> model.predict(np.array([[[1.0], [3.0], [6.0], [2.0]]])).ravel().tolist()
        [2.0, 4.0]
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class AveragePooling2D(_Average):
    """The mean of every window of an image, channel by channel.

    Args:
        pool_size, strides, padding: as in AveragePooling1D; each size a number, or a pair.

    Input (height, width, channels), output (height', width', channels).

    Raises:
        DescendError: a size that is no whole number >= 1, or another padding.
        ShapeError: an input that is no image, or smaller than the window.

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import AveragePooling2D, Input, Sequential
        >>> model = Sequential([Input((4, 4, 1)), AveragePooling2D(2)])
        >>> model.predict(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
        [[2.5, 4.5], [10.5, 12.5]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class AveragePooling3D(_Average):
    """The mean of every window of a volume, channel by channel.

    Args:
        pool_size, strides, padding: as in AveragePooling1D; each size a number, or three.

    Input (a, b, c, channels), output (a', b', c', channels).

    Raises:
        DescendError: a size that is no whole number >= 1, or another padding.
        ShapeError: an input that is no volume, or smaller than the window.

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import AveragePooling3D
        >>> model = Sequential([Input((2, 2, 2, 1)), AveragePooling3D(2)])
        >>> model.predict(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel().tolist()
        [3.5]
    """

    rank: ClassVar[int] = 3


# -- all of space -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Global(_Spatial):
    _: KW_ONLY
    keepdims: bool = False

    def build(self, input_shape: Shape) -> Shape:
        """(*space, channels) -> (channels,), or (1, ..., 1, channels) with keepdims."""
        space = self.size(input_shape)
        return (*(1 for _ in space if self.keepdims), input_shape[-1])

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
    ) -> tuple[Any, Arrays]:
        """The largest or the mean over space; padded steps are left out."""
        real = None if mask is None else mask[..., None]
        return self.over(x, real, tuple(range(1, x.ndim - 1))), state

    def over(self, x: jax.Array, real: Any, axes: tuple[int, ...]) -> jax.Array:
        """Over these axes, where `real` is None or True."""
        raise NotImplementedError


class _GlobalMax(_Global):
    def over(self, x: jax.Array, real: Any, axes: Any) -> jax.Array:
        """The largest."""
        if real is not None:
            lowest = jnp.finfo(x.dtype).min  # also what a sequence without a real step gives
            x = jnp.where(real, x, jnp.asarray(lowest, x.dtype))
        return jnp.max(x, axes, keepdims=self.keepdims)


class _GlobalAverage(_Global):
    def over(self, x: jax.Array, real: Any, axes: Any) -> jax.Array:
        """The mean, taken in at least float32."""
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if real is None:
            return jnp.mean(wide, axes, keepdims=self.keepdims).astype(x.dtype)
        total = jnp.sum(jnp.where(real, wide, 0), axes, keepdims=self.keepdims)
        steps = jnp.sum(real, axes, keepdims=self.keepdims, dtype=wide.dtype)
        return (total / jnp.maximum(steps, 1)).astype(x.dtype)


@dataclass(frozen=True, eq=False)
class GlobalMaxPooling1D(_GlobalMax):
    """The largest number of a sequence, channel by channel: (time, channels) -> (channels,).

    Args:
        keepdims: whether the time axis stays, with length 1.

    With a mask, over the real steps.

    Raises:
        ShapeError: an input that is not (time, channels).

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GlobalMaxPooling1D
        >>> model = Sequential([Input((3, 2)), GlobalMaxPooling1D()])
        >>> model.predict(np.array([[[1.0, 5.0], [3.0, 4.0], [2.0, 3.0]]])).tolist()
        [[3.0, 5.0]]
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class GlobalMaxPooling2D(_GlobalMax):
    """The largest number of an image, channel by channel: (height, width, channels) -> (channels,).

    Args:
        keepdims: whether the space axes stay, with length 1.

    Raises:
        ShapeError: an input that is not (height, width, channels).

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GlobalMaxPooling2D
        >>> model = Sequential([Input((2, 2, 2)), GlobalMaxPooling2D()])
        >>> model.predict(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
        [[6.0, 7.0]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class GlobalMaxPooling3D(_GlobalMax):
    """The largest number of a volume, channel by channel: (a, b, c, channels) -> (channels,).

    Args:
        keepdims: whether the space axes stay, with length 1.

    Raises:
        ShapeError: an input that is not (a, b, c, channels).

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GlobalMaxPooling3D
        >>> model = Sequential([Input((2, 2, 2, 1)), GlobalMaxPooling3D()])
        >>> model.predict(np.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
        [[7.0]]
    """

    rank: ClassVar[int] = 3


@dataclass(frozen=True, eq=False)
class GlobalAveragePooling1D(_GlobalAverage):
    """The mean of a sequence, channel by channel: (time, channels) -> (channels,).

    Args:
        keepdims: whether the time axis stays, with length 1.

    With a mask, over the real steps; 0 for a sequence that has none.

    Raises:
        ShapeError: an input that is not (time, channels).

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import GlobalAveragePooling1D, Input, Sequential
        >>> model = Sequential([Input((3, 2)), GlobalAveragePooling1D()])
        >>> model.predict(np.array([[[1.0, 5.0], [3.0, 4.0], [2.0, 3.0]]])).tolist()
        [[2.0, 4.0]]
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of an image, channel by channel: (height, width, channels) -> (channels,).

    Args:
        keepdims: whether the space axes stay, with length 1.

    Raises:
        ShapeError: an input that is not (height, width, channels).

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import GlobalAveragePooling2D, Input, Sequential
        >>> model = Sequential([Input((2, 2, 2)), GlobalAveragePooling2D()])
        >>> model.predict(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()  # of 0, 2, 4, 6; 1, 3, 5, 7
        [[3.0, 4.0]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class GlobalAveragePooling3D(_GlobalAverage):
    """The mean of a volume, channel by channel: (a, b, c, channels) -> (channels,).

    Args:
        keepdims: whether the space axes stay, with length 1.

    Raises:
        ShapeError: an input that is not (a, b, c, channels).

    Source: hull-2023, "Specialized Layer: Pooling".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GlobalAveragePooling3D
        >>> model = Sequential([Input((2, 2, 2, 1)), GlobalAveragePooling3D()])
        >>> model.predict(np.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
        [[3.5]]
    """

    rank: ClassVar[int] = 3
