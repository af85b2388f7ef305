"""Layers that lengthen or shorten the space axes: upsampling, zero padding, cropping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.convolution import AXES, whole_numbers


@dataclass(frozen=True, eq=False)
class _UpSampling(Layer):
    size: Any = 2
    rank: ClassVar[int]
    interpolation: ClassVar[str] = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_numbers(self, "size", self.rank)

    def build(self, input_shape: Shape) -> Shape:
        """Every space axis `size` times as long."""
        self.require_rank(input_shape, self.rank + 1, AXES[self.rank])
        space = zip(input_shape[:-1], self.size, strict=True)
        return (*(n * times for n, times in space), input_shape[-1])

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Each cell repeated, or the line through neighbours."""
        if self.interpolation == "bilinear":
            shape = (x.shape[0], *self.build(x.shape[1:]))
            return jax.image.resize(x, shape, "bilinear", antialias=False).astype(x.dtype), state
        # (batch, a, 1, b, 1, channels) spread over (batch, a, times, b, times, channels)
        space = tuple(zip(x.shape[1:-1], self.size, strict=True))
        apart = x.reshape(x.shape[0], *(m for n, _ in space for m in (n, 1)), x.shape[-1])
        spread = (x.shape[0], *(m for pair in space for m in pair), x.shape[-1])
        shape = (x.shape[0], *self.build(x.shape[1:]))
        return jnp.broadcast_to(apart, spread).reshape(shape), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Each step's entry repeated, for sequences."""
        return None if mask is None or self.rank > 1 else jnp.repeat(mask, self.size[0], axis=1)


@dataclass(frozen=True, eq=False)
class UpSampling1D(_UpSampling):
    """Each step `size` times: (time, channels) -> (time size, channels).

    Args:
        size: number of times.

    Raises:
        DescendError: `size` that is no whole number >= 1.
        ShapeError: an input that is not (time, channels).

    Source: Keras's API, UpSampling1D.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import UpSampling1D
        >>> model = Sequential([Input((2, 1)), UpSampling1D(2)])
        >>> model.predict(np.array([[[1.0], [2.0]]])).ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class UpSampling2D(_UpSampling):
    """Each pixel spread over a block: (height, width, channels) -> (height s, width s', channels).

    Args:
        size: s, or (s, s').
        interpolation: "nearest" (the pixel repeated) or "bilinear" (a line from pixel to pixel).

    Raises:
        DescendError: `size` that is no whole number >= 1 or a pair of them; another interpolation.
        ShapeError: an input that is not (height, width, channels).

    Source: Keras's API, UpSampling2D.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import UpSampling2D
        >>> model = Sequential([Input((1, 2, 1)), UpSampling2D(2)])
        >>> model.predict(np.array([[[[1.0], [2.0]]]]))[0, :, :, 0].tolist()
        [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """

    interpolation: str = "nearest"  # type: ignore[misc]
    rank: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.interpolation not in ("nearest", "bilinear"):
            raise DescendError(
                f"UpSampling2D: interpolation must be 'nearest' or 'bilinear', "
                f"got {self.interpolation!r}"
            )


@dataclass(frozen=True, eq=False)
class UpSampling3D(_UpSampling):
    """Each cell spread over a block: (a, b, c, channels) -> (a s, b s', c s'', channels).

    Args:
        size: s, or one an axis.

    Raises:
        DescendError: `size` that is no whole number >= 1 or three of them.
        ShapeError: an input that is not (a, b, c, channels).

    Source: Keras's API, UpSampling3D.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import UpSampling3D
        >>> UpSampling3D((1, 2, 3))(Input((4, 4, 4, 1))).shape
        (4, 8, 12, 1)
    """

    rank: ClassVar[int] = 3


# -- edges --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Edges(Layer):
    rank: ClassVar[int]
    field: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, self.field, self._pairs(getattr(self, self.field)))

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(before, behind) of each space axis."""
        pairs: tuple[tuple[int, int], ...] = getattr(self, self.field)
        return pairs

    def _pairs(self, value: Any) -> tuple[tuple[int, int], ...]:
        several = isinstance(value, (tuple, list))
        # for sequences a pair is (before, behind); for more axes one entry an axis
        entries = tuple(value) if several else (value,) * self.rank
        if self.rank == 1 and len(entries) == 2 and several:
            entries = (entries,)
        pairs = tuple(tuple(e) if isinstance(e, (tuple, list)) else (e, e) for e in entries)
        good = [len(p) == 2 and all(type(n) is int and n >= 0 for n in p) for p in pairs]
        if len(pairs) != self.rank or not all(good):
            raise DescendError(
                f"{type(self).__name__}: {self.field} must be a whole number >= 0, one an axis, or "
                f"{self.rank} pair(s) (before, behind), got {value!r}"
            )
        return pairs

    def build(self, input_shape: Shape) -> Shape:
        """The space axes longer by what is added, or shorter by what is cut."""
        self.require_rank(input_shape, self.rank + 1, AXES[self.rank])
        sign = 1 if self.field == "padding" else -1
        space = zip(input_shape[:-1], self.pairs, strict=True)
        size = tuple(n + sign * sum(pair) for n, pair in space)
        if min(size) < 1:
            raise ShapeError(
                f"{self.label}: cutting {self.pairs} off an input of shape {tuple(input_shape)} "
                f"leaves nothing; cut less."
            )
        return (*size, input_shape[-1])

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Zeros around, or the edges off."""
        return self.changed(x, ((0, 0), *self.pairs, (0, 0))), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Changed like the sequence: steps that were added are not real."""
        if mask is None or self.rank > 1:
            return None
        return self.changed(mask, ((0, 0), *self.pairs))

    def changed(self, x: jax.Array, pairs: tuple[tuple[int, int], ...]) -> jax.Array:
        """The array with zeros added or cells cut off, a pair an axis."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class _ZeroPadding(_Edges):
    padding: Any = 1
    field: ClassVar[str] = "padding"

    def changed(self, x: jax.Array, pairs: Any) -> jax.Array:
        """Zeros added."""
        return jnp.pad(x, pairs)


@dataclass(frozen=True, eq=False)
class _Cropping(_Edges):
    cropping: Any = 1
    field: ClassVar[str] = "cropping"

    def changed(self, x: jax.Array, pairs: Any) -> jax.Array:
        """Cells cut off."""
        return x[tuple(slice(a, n - b) for n, (a, b) in zip(x.shape, pairs, strict=True))]


@dataclass(frozen=True, eq=False)
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and behind a sequence: (time, channels) -> (time + p + q, channels).

    Args:
        padding: number of zeros p = q at each end, or the pair (p, q): before, behind.

    Raises:
        DescendError: `padding` that is no whole number >= 0 and no pair of them.
        ShapeError: an input that is not (time, channels).

    Source: Keras's API, ZeroPadding1D.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import ZeroPadding1D
        >>> model = Sequential([Input((2, 1)), ZeroPadding1D((1, 2))])
        >>> model.predict(np.array([[[1.0], [2.0]]])).ravel().tolist()
        [0.0, 1.0, 2.0, 0.0, 0.0]
    """

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image.

    Args:
        padding: pixels added: p on every side, (p, q) above and below, left and right, or
            ((top, bottom), (left, right)).

    Input (height, width, channels); the output is larger by what is added.

    Raises:
        DescendError: `padding` of another form.
        ShapeError: an input that is not (height, width, channels).

    Source: Keras's API, ZeroPadding2D.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import ZeroPadding2D
        >>> model = Sequential([Input((1, 1, 1)), ZeroPadding2D(((1, 0), (1, 1)))])
        >>> model.predict(np.array([[[[7.0]]]]))[0, :, :, 0].tolist()
        [[0.0, 0.0, 0.0], [0.0, 7.0, 0.0]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class ZeroPadding3D(_ZeroPadding):
    """Zeros around a volume.

    Args:
        padding: cells added: p on every side, one number an axis, or three pairs (before, behind).

    Input (a, b, c, channels); the output is larger by what is added.

    Raises:
        DescendError: `padding` of another form.
        ShapeError: an input that is not (a, b, c, channels).

    Source: Keras's API, ZeroPadding3D.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import ZeroPadding3D
        >>> ZeroPadding3D((0, 1, 2))(Input((4, 4, 4, 1))).shape
        (4, 6, 8, 1)
    """

    rank: ClassVar[int] = 3


@dataclass(frozen=True, eq=False)
class Cropping1D(_Cropping):
    """Steps cut off a sequence: (time, channels) -> (time - p - q, channels).

    Args:
        cropping: number of steps p = q cut off at each end, or the pair (p, q): before, behind.

    Raises:
        DescendError: `cropping` that is no whole number >= 0 and no pair of them.
        ShapeError: an input that is not (time, channels), or of which nothing is left.

    Source: Keras's API, Cropping1D.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Cropping1D
        >>> model = Sequential([Input((4, 1)), Cropping1D((1, 2))])
        >>> model.predict(np.array([[[1.0], [2.0], [3.0], [4.0]]])).ravel().tolist()
        [2.0]
    """

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class Cropping2D(_Cropping):
    """The edges cut off an image.

    Args:
        cropping: pixels cut off: p on every side, (p, q) above and below, left and right, or
            ((top, bottom), (left, right)).

    Input (height, width, channels); the output is smaller by what is cut off.

    Raises:
        DescendError: `cropping` of another form.
        ShapeError: an input that is not (height, width, channels), or of which nothing is left.

    Source: Keras's API, Cropping2D.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Cropping2D
        >>> model = Sequential([Input((2, 2, 1)), Cropping2D(((1, 0), (0, 1)))])
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> model.predict(x.reshape(1, 2, 2, 1)).ravel().tolist()  # without top and right
        [3.0]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class Cropping3D(_Cropping):
    """The edges cut off a volume.

    Args:
        cropping: cells cut off: p on every side, one number an axis, or three pairs
            (before, behind).

    Input (a, b, c, channels); the output is smaller by what is cut off.

    Raises:
        DescendError: `cropping` of another form.
        ShapeError: an input that is not (a, b, c, channels), or of which nothing is left.

    Source: Keras's API, Cropping3D.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import Cropping3D
        >>> Cropping3D((0, 1, 2))(Input((6, 6, 6, 1))).shape
        (6, 4, 2, 1)
    """

    rank: ClassVar[int] = 3
