"""Layers that are random in training and fixed at prediction: Dropout and its kin."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.checks import entries, finite_number, fraction, optional_seed
from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.dense import Dense


def _require_key(layer: Layer, key: jax.Array | None) -> jax.Array:
    if key is None:
        raise DescendError(
            f"{layer.label} needs a key in training: apply(..., key=jax.random.key(0))"
        )
    seed = getattr(layer, "seed", None)
    return key if seed is None else jax.random.fold_in(key, seed)


def _keep(layer: Layer, key: jax.Array | None, rate: Any, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bernoulli(_require_key(layer, key), 1.0 - rate, shape)


@dataclass(frozen=True, eq=False)
class Dropping(Layer):
    """Base of the layers that set numbers to 0, or near it, in training.

    Prediction leaves its input as it is. The rate may be swept. All draws follow from the seed of
    `fit`, and those of one layer besides from its own `seed`, if it has one.
    """

    rate: Any = 0.5
    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("rate",)
    looks_ahead: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction(self, "rate")

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """`dropped` in training, else x."""
        if not training:
            return x, state
        return self.dropped(x, _keep(self, key, self.rate, self.mask_shape(x))), state

    def mask_shape(self, x: jax.Array) -> tuple[int, ...]:
        """The shape of what is drawn."""
        return x.shape

    def dropped(self, x: jax.Array, keep: jax.Array) -> jax.Array:
        """x / (1 - rate) where `keep`, else 0."""
        return jnp.where(keep, x / jnp.asarray(1.0 - self.rate, x.dtype), jnp.zeros_like(x))


@dataclass(frozen=True, eq=False)
class Shaped(Dropping):
    """Base of those that can drop whole axes together."""

    noise_shape: tuple[int | None, ...] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        optional_seed(self)
        if self.noise_shape is not None:
            entries(self, "noise_shape", "a tuple with 1 or None for every axis")

    def build(self, input_shape: Any) -> Any:
        """The input's; raises ShapeError where `noise_shape` does not fit it."""
        wanted = self.noise_shape or (None,) * (len(input_shape) + 1)
        sizes = zip(wanted[1:], input_shape, strict=False)
        if len(wanted) != len(input_shape) + 1 or any(n not in (None, 1, m) for n, m in sizes):
            raise ShapeError(
                f"{self.label}: noise_shape={self.noise_shape} must have an entry for every axis "
                f"of the input {(None, *input_shape)}: 1 to drop along it together, else None"
            )
        return input_shape

    def mask_shape(self, x: jax.Array) -> Shape:
        """`noise_shape`, None standing for the input's."""
        wanted = self.noise_shape or (None,) * x.ndim
        return tuple(m if n is None else n for n, m in zip(wanted, x.shape, strict=True))


@dataclass(frozen=True, eq=False)
class Dropout(Shaped):
    """In training each number is set to 0 with probability `rate`, the rest scaled by 1/(1 - rate).

    Prediction leaves its input as it is: the mean over all masks of a linear unit.
    The rate may be swept.

    Args:
        rate: share set to 0, in [0, 1).
        noise_shape: shape of the draw, the batch axis counted: (None, 1, None) drops a feature at
            all steps of a row or at none.
        seed: number that this layer's draws depend on besides the seed of `fit`.

    Raises:
        DescendError: a rate not in [0, 1), or a seed that is no whole number >= 0.
        ShapeError: a `noise_shape` that does not fit the input.

    Source: scheidegger-2020, "REGULARIZATION IN NN: DROPOUT"; itam-2023, 1.7 "DropOut".

    Example:
        >>> import numpy as np
        >>> from descend import Dropout, Input, Sequential
        >>> model = Sequential([Input((100,)), Dropout(0.5)])
        >>> np.unique(model.predict(np.ones((1, 100)))).tolist()
        [1.0]
        >>> np.unique(model(np.ones((1, 100)), training=True)).tolist()
        [0.0, 2.0]
    """


@dataclass(frozen=True, eq=False)
class AlphaDropout(Shaped):
    """Dropout for SELU networks: numbers are set to SELU's lower end, mean and variance stay.

        y = a (x keep + p (1 - keep)) + b,   p = -lambda alpha = -1.7581,
        a = ((1 - rate) (1 + rate p^2))^(-1/2),   b = -a p rate.

    Args:
        rate, noise_shape, seed: as in Dropout.

    Raises:
        DescendError: a rate not in [0, 1), or a seed that is no whole number >= 0.
        ShapeError: a `noise_shape` that does not fit the input.

    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import AlphaDropout
        >>> model = Sequential([Input((10000,)), AlphaDropout(0.2)])
        >>> x = np.random.default_rng(0).normal(size=(1, 10000))
        >>> round(float(np.std(model(x, training=True))), 1)  # as before
        1.0
    """

    def dropped(self, x: jax.Array, keep: jax.Array) -> jax.Array:
        """The formula above."""
        low = -1.7580993408473766
        a = ((1.0 - self.rate) * (1.0 + self.rate * low**2)) ** -0.5
        y: jax.Array = a * jnp.where(keep, x, jnp.asarray(low, x.dtype)) - a * low * self.rate
        return y.astype(x.dtype)


@dataclass(frozen=True, eq=False)
class GaussianDropout(Dropping):
    """In training x times a draw from N(1, rate / (1 - rate)): dropout's mean and variance.

    Args:
        rate: share that dropout would set to 0, in [0, 1); may be swept.
        seed: number that this layer's draws depend on besides the seed of `fit`.

    Raises:
        DescendError: a rate not in [0, 1), or a seed that is no whole number >= 0.

    Source: Srivastava et al. 2014, "Dropout" (its section on multiplicative Gaussian noise).

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GaussianDropout
        >>> model = Sequential([Input((10000,)), GaussianDropout(0.2)])
        >>> y = model(np.ones((1, 10000)), training=True)
        >>> round(float(np.mean(y)), 1), round(float(np.std(y)), 1)  # the root of .2 / .8
        (1.0, 0.5)
    """

    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        optional_seed(self)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x (1 + e) in training, else x."""
        if not training:
            return x, state
        drawn_in = jnp.promote_types(x.dtype, jnp.float32)  # the same draw in any precision
        noise = jax.random.normal(_require_key(self, key), x.shape, drawn_in)
        spread = jnp.sqrt(self.rate / (1.0 - self.rate))
        return x * (1.0 + spread * noise).astype(x.dtype), state


@dataclass(frozen=True, eq=False)
class SpatialDropout(Dropping):
    """Base of dropout that drops whole channels: one draw a row and channel, shared by all places.

    Neighbouring places of a feature map say nearly the same; dropping them one by one would leave
    the map readable (Tompson et al. 2015).
    """

    seed: int | None = None
    rank: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        optional_seed(self)

    def build(self, input_shape: Any) -> Any:
        """The shape as it is; raises ShapeError unless it is (places..., channels)."""
        places = {1: "steps", 2: "rows, columns", 3: "planes, rows, columns"}[self.rank]
        self.require_rank(input_shape, self.rank + 1, f"({places}, channels)")
        return input_shape

    def mask_shape(self, x: jax.Array) -> Shape:
        """One draw a row and channel."""
        return (x.shape[0], *([1] * self.rank), x.shape[-1])


@dataclass(frozen=True, eq=False)
class SpatialDropout1D(SpatialDropout):
    """Drops whole channels of (steps, channels) in training, the rest scaled by 1/(1 - rate).

    Args:
        rate: share of the channels set to 0, in [0, 1); one draw a row and channel, shared by all
            steps. It may be swept.
        seed: number that this layer's draws depend on besides the seed of `fit`.

    Raises:
        DescendError: a rate not in [0, 1), or a seed that is no whole number >= 0.
        ShapeError: an input that is not (steps, channels).

    Source: Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import SpatialDropout1D
        >>> model = Sequential([Input((3, 50)), SpatialDropout1D(0.5)])
        >>> y = np.asarray(model(np.ones((1, 3, 50)), training=True))
        >>> bool((y == y[:, :1]).all())  # a channel is dropped at all steps or at none
        True
    """

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class SpatialDropout2D(SpatialDropout):
    """Drops whole channels of (rows, columns, channels) in training, the rest scaled as in Dropout.

    Args:
        rate, seed: share of the channels set to 0, and number of the draws, as in SpatialDropout1D.

    Raises:
        DescendError: a rate not in [0, 1), or a seed that is no whole number >= 0.
        ShapeError: an input that is not (rows, columns, channels).

    Source: Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import SpatialDropout2D
        >>> model = Sequential([Input((2, 2, 50)), SpatialDropout2D(0.5)])
        >>> y = np.asarray(model(np.ones((1, 2, 2, 50)), training=True))
        >>> bool((y == y[:, :1, :1]).all())  # a channel is dropped at all pixels or at none
        True
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class SpatialDropout3D(SpatialDropout):
    """Drops whole channels of (planes, rows, columns, channels) in training, as SpatialDropout2D.

    Args:
        rate, seed: share of the channels set to 0, and number of the draws, as in SpatialDropout1D.

    Raises:
        DescendError: a rate not in [0, 1), or a seed that is no whole number >= 0.
        ShapeError: an input that is not (planes, rows, columns, channels).

    Source: Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import SpatialDropout3D
        >>> model = Sequential([Input((1, 2, 2, 50)), SpatialDropout3D(0.5)])
        >>> y = np.asarray(model(np.ones((1, 1, 2, 2, 50)), training=True))
        >>> bool((y == y[:, :, :1, :1]).all())  # a channel is dropped in all cells or in none
        True
    """

    rank: ClassVar[int] = 3


@dataclass(frozen=True, eq=False)
class GaussianNoise(Layer):
    """In training x + e, e ~ N(0, stddev^2); at prediction x.

    Args:
        stddev: standard deviation of the noise, in units of x; may be swept.
        seed: number that this layer's draws depend on besides the seed of `fit`.

    Raises:
        DescendError: a `stddev` that is no finite number >= 0; a seed that is no whole number >= 0.

    Source: itam-2023, 1.7 "Regularizers" (noise makes the weights more robust); Bishop (1995): for
    small noise the same as an L2 penalty on the network's slope.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GaussianNoise
        >>> model = Sequential([Input((10000,)), GaussianNoise(0.1)])
        >>> round(float(np.std(model(np.ones((1, 10000)), training=True))), 2)
        0.1
    """

    stddev: Any
    seed: int | None = None
    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("stddev",)
    looks_ahead: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "stddev", least=0)
        optional_seed(self)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x + e in training, else x."""
        if not training:
            return x, state
        drawn_in = jnp.promote_types(x.dtype, jnp.float32)  # the same draw in any precision
        noise = jax.random.normal(_require_key(self, key), x.shape, drawn_in)
        return x + (self.stddev * noise).astype(x.dtype), state


@dataclass(frozen=True, eq=False)
class DropConnect(Dense):
    """Dense whose weights, not outputs, are dropped in training: a = g(x (W mask)/(1-rate) + b).

    Args:
        units, activation, use_bias: number of neurons, g and whether b is there, as in Dense.
        kernel_initializer, bias_initializer: how W and b are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of W and b; None: no penalty.
        rate: probability that a weight is set to 0, in [0, 1); one mask a step, for all rows.

    Arrays, input and output as in Dense.

    Raises:
        DescendError: `units` that is no whole number >= 1, or a rate not in [0, 1).
        ShapeError: the input has no feature axis.

    Source: itam-2023, 1.7 "DropOut" (drop-connect); Wan et al. 2013.

    Example:
        >>> import numpy as np
        >>> from descend import DropConnect, Input, Sequential
        >>> model = Sequential([Input((4,)), DropConnect(1, rate=0.5, kernel_initializer="ones")])
        >>> model.predict(np.ones((1, 4))).tolist()
        [[4.0]]
        >>> float(model(np.ones((1, 4)), training=True)[0, 0]) in (0.0, 2.0, 4.0, 6.0, 8.0)
        True
    """

    _: KW_ONLY
    rate: Any = 0.5
    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("rate",)

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction(self, "rate")

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Dense with a masked kernel in training, Dense at prediction."""
        if training:
            kernel = params["kernel"]
            keep = _keep(self, key, self.rate, kernel.shape)
            scale = jnp.asarray(1.0 - self.rate, kernel.dtype)
            dropped = jnp.where(keep, kernel / scale, jnp.zeros_like(kernel))
            params = params | {"kernel": dropped}
        return super().apply(params, state, x)
