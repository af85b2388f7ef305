"""Images mirrored, cropped, moved, turned and zoomed at random in training.

The last three are affine maps of places, each one resampling.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import ShapeError
from descend.nn.checks import finite_number, one_of, positive_int
from descend.nn.layers.augmentation.base import Augmentation, check_factor, drawn, per_image
from descend.nn.resampling import FILL_MODES, INTERPOLATIONS, resample

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


@dataclass(frozen=True, eq=False)
class RandomFlip(Augmentation):
    """Mirrors an image with probability 1/2.

    Args:
        mode: "horizontal" (left to right), "vertical" (top to bottom), or
            "horizontal_and_vertical": each with a draw of its own (Keras takes one for both).

    At prediction images stay as they are.

    Raises:
        DescendError: another mode.
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomFlip.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomFlip
        >>> model = Sequential([Input((1, 2, 1)), RandomFlip("horizontal")])
        >>> y = model(np.tile([[[[1.0], [2.0]]]], (50, 1, 1, 1)), training=True)  # 50 images
        >>> np.unique(np.reshape(y, (50, 2)), axis=0).tolist()
        [[1.0, 2.0], [2.0, 1.0]]
    """

    mode: str = "horizontal_and_vertical"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "mode", FLIPS)

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """x or its mirror image."""
        for axis, name in ((1, "vertical"), (2, "horizontal")):
            if name in self.mode:
                flip = jax.random.bernoulli(jax.random.fold_in(key, axis), 0.5, (len(x),))
                x = jnp.where(per_image(flip), jnp.flip(x, axis), x)
        return x


@dataclass(frozen=True, eq=False)
class RandomCrop(Augmentation):
    """Cuts a window of (height, width) out of an image; the middle one at prediction.

    Args:
        height, width: size of the window in pixels, at most the image's. (Keras stretches smaller
            images.)

    Raises:
        DescendError: a size that is no whole number >= 1.
        ShapeError: an input that is no image, or smaller than the window.

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomCrop.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomCrop
        >>> model = Sequential([Input((3, 3, 1)), RandomCrop(1, 3)])
        >>> model.predict(np.arange(9.0).reshape(1, 3, 3, 1)).ravel().tolist()
        [3.0, 4.0, 5.0]
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "height")
        positive_int(self, "width")

    def build(self, input_shape: Any) -> Any:
        """(h, w, channels) -> (height, width, channels)."""
        tall, broad, channels = super().build(input_shape)
        if tall < self.height or broad < self.width:
            raise ShapeError(
                f"{self.label}: cannot cut ({self.height}, {self.width}) out of images of "
                f"({tall}, {broad}); give a window that fits"
            )
        return self.height, self.width, channels

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """A window whose corner is drawn evenly from all that fit."""
        n, tall, broad, channels = x.shape
        down, right = jax.random.split(key)
        top = jax.random.randint(down, (n,), 0, tall - self.height + 1)
        left = jax.random.randint(right, (n,), 0, broad - self.width + 1)
        window = (self.height, self.width, channels)
        return jax.vmap(lambda image, i, j: jax.lax.dynamic_slice(image, (i, j, 0), window))(
            x, top, left
        )

    def at_prediction(self, x: jax.Array) -> jax.Array:
        """The middle window."""
        top, left = (x.shape[1] - self.height) // 2, (x.shape[2] - self.width) // 2
        return x[:, top : top + self.height, left : left + self.width]


@dataclass(frozen=True, eq=False)
class Affine(Augmentation):
    """Base of what reads images off at other places: `places` says where, one resampling does it.

    Args:
        fill_mode: what lies past the edge: "reflect", "constant", "nearest" or "wrap" (see
            descend.nn.resampling).
        interpolation: "bilinear" or "nearest".
        fill_value: number past the edge where `fill_mode` is "constant".
    """

    _: KW_ONLY
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    fill_value: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "fill_mode", tuple(FILL_MODES))
        one_of(self, "interpolation", INTERPOLATIONS)
        finite_number(self, "fill_value")

    def places(self, key: jax.Array, n: int, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        """A (n, 2, 2) and s (n, 2): the output at p from the centre is the input at A p + s."""
        raise NotImplementedError

    def augment(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """x(A p + s) at every place p."""
        return resample(
            x,
            *self.places(key, len(x), (x.shape[1], x.shape[2])),
            interpolation=self.interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
        )


@dataclass(frozen=True, eq=False)
class RandomTranslation(Affine):
    """Moves an image by shares of its height and width; positive is down and right.

    Args:
        height_factor, width_factor: number or pair in [-1, 1] that the share is drawn from, for
            each image; a number f stands for (-f, f).
        fill_mode: "reflect", "constant", "nearest" or "wrap": what lies past the edge.
        interpolation: "bilinear" or "nearest".
        fill_value: number past the edge where `fill_mode` is "constant".

    At prediction images stay as they are.

    Raises:
        DescendError: a factor out of bounds, an unknown fill mode or interpolation, a
            `fill_value` that is no finite number.
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomTranslation.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomTranslation
        >>> right = RandomTranslation(0.0, (0.5, 0.5), fill_mode="constant")  # half of it, always
        >>> model = Sequential([Input((1, 2, 1)), right])
        >>> np.ravel(model(np.array([[[[1.0], [2.0]]]]), training=True)).tolist()
        [0.0, 1.0]
    """

    height_factor: Any
    width_factor: Any
    swept: ClassVar[tuple[str, ...]] = ("height_factor", "width_factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "height_factor")
        check_factor(self, "width_factor")

    def places(self, key: jax.Array, n: int, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        """A = 1, s = -(share of the size)."""
        down, right = jax.random.split(key)
        move = _moved(drawn(down, self.height_factor, n), drawn(right, self.width_factor, n), size)
        return jnp.broadcast_to(jnp.eye(2)[None], (n, 2, 2)), move


@dataclass(frozen=True, eq=False)
class RandomRotation(Affine):
    """Turns an image about its middle; positive is counter-clockwise.

    Args:
        factor: number or pair, as shares of a full turn: .1 is up to 36 degrees either way.
        fill_mode, interpolation, fill_value: what lies past the edge, as in RandomTranslation.

    At prediction images stay as they are.

    Raises:
        DescendError: a factor out of [-1, 1], an unknown fill mode or interpolation, a
            `fill_value` that is no finite number.
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomRotation.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomRotation
        >>> model = Sequential([Input((1, 2, 1)), RandomRotation((0.5, 0.5))])  # half a turn
        >>> np.ravel(model(np.array([[[[1.0], [2.0]]]]), training=True)).round().tolist()
        [2.0, 1.0]
    """

    factor: Any
    swept: ClassVar[tuple[str, ...]] = ("factor",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "factor")

    def places(self, key: jax.Array, n: int, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        """A the rotation matrix, s = 0."""
        return _turned(drawn(key, self.factor, n)), jnp.zeros((n, 2))


@dataclass(frozen=True, eq=False)
class RandomZoom(Affine):
    """Zooms about the middle; positive zooms out: .2 shows 1.2 times the height.

    Args:
        height_factor: number or pair in (-1, 1], drawn for each image; a number f: from (-f, f).
        width_factor: number or pair; None: the height's draw, which keeps the shape of things.
        fill_mode, interpolation, fill_value: what lies past the edge, as in RandomTranslation.

    At prediction images stay as they are.

    Raises:
        DescendError: a factor out of bounds, an unknown fill mode or interpolation, a
            `fill_value` that is no finite number.
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomZoom.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomZoom
        >>> model = Sequential([Input((1, 2, 1)), RandomZoom(0.2)])
        >>> model.predict(np.array([[[[1.0], [2.0]]]])).ravel().tolist()  # `fit` alone changes them
        [1.0, 2.0]
    """

    height_factor: Any
    width_factor: Any = None
    swept: ClassVar[tuple[str, ...]] = ("height_factor", "width_factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "height_factor", -1.0, 1.0, open_below=True)
        if self.width_factor is not None:
            check_factor(self, "width_factor", -1.0, 1.0, open_below=True)

    def places(self, key: jax.Array, n: int, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        """A = diag(1 + the factors), s = 0."""
        tall, broad = jax.random.split(key)
        height = drawn(tall, self.height_factor, n)
        width = height if self.width_factor is None else drawn(broad, self.width_factor, n)
        return _zoomed(height, width), jnp.zeros((n, 2))


@dataclass(frozen=True, eq=False)
class RandomAffine(Affine):
    """Zooms, turns, then moves an image, read off once: quicker and less blurred than three layers.

    Args:
        rotation_factor: number or pair that the turn is drawn from, as in RandomRotation.
        translation_factor: number or pair that both moves are drawn from, as in RandomTranslation.
        zoom_factor: number or pair that the zoom is drawn from, as RandomZoom's height_factor; the
            width is zoomed alike.
        fill_mode, interpolation, fill_value: what lies past the edge, as in RandomTranslation.

    At prediction images stay as they are.

    Raises:
        DescendError: a factor out of bounds, an unknown fill mode or interpolation, a
            `fill_value` that is no finite number.
        ShapeError: an input that is not (height, width, channels).

    Source: itam-2023, 1.7 "Dataset Augmentation"; Keras's API, RandomAffine.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RandomAffine
        >>> turned = RandomAffine(rotation_factor=0.1, zoom_factor=0.2)
        >>> model = Sequential([Input((1, 2, 1)), turned])
        >>> model.predict(np.array([[[[1.0], [2.0]]]])).ravel().tolist()  # `fit` alone changes them
        [1.0, 2.0]
    """

    rotation_factor: Any = 0.0
    translation_factor: Any = 0.0
    zoom_factor: Any = 0.0
    swept: ClassVar[tuple[str, ...]] = ("rotation_factor", "translation_factor", "zoom_factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factor(self, "rotation_factor")
        check_factor(self, "translation_factor")
        check_factor(self, "zoom_factor", -1.0, 1.0, open_below=True)

    def places(self, key: jax.Array, n: int, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        """The last change is undone first: p -> Z R (p - t)."""
        turn, down, right, zoom = jax.random.split(key, 4)
        z = drawn(zoom, self.zoom_factor, n)
        matrix = _times(_zoomed(z, z), _turned(drawn(turn, self.rotation_factor, n)))
        share = self.translation_factor
        move = _moved(drawn(down, share, n), drawn(right, share, n), size)
        return matrix, _times(matrix, move[..., None])[..., 0]


# -- maps of places (row, column) -----------------------------------------------------------------


def _moved(down: jax.Array, right: jax.Array, size: tuple[int, int]) -> jax.Array:
    return -jnp.stack([down * size[0], right * size[1]], axis=-1)


def _turned(share: jax.Array) -> jax.Array:
    c, s = jnp.cos(2 * jnp.pi * share), jnp.sin(2 * jnp.pi * share)
    return jnp.stack([jnp.stack([c, s], -1), jnp.stack([-s, c], -1)], axis=-2)


def _zoomed(height: jax.Array, width: jax.Array) -> jax.Array:
    return jnp.stack([1 + height, 1 + width], axis=-1)[..., None] * jnp.eye(2)[None]


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    # full digits also where products are cut to bfloat16 by default
    return jnp.matmul(a, b, precision="highest")
