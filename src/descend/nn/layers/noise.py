"""Layers that are random in training and fixed at prediction: Dropout and its kin."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn.layers.base import Layer, fraction
from descend.nn.layers.dense import Dense


def _require_key(layer: Layer, key: jax.Array | None) -> jax.Array:
    if key is None:
        raise DescendError(
            f"{layer.label} needs a key in training: apply(..., key=jax.random.key(0))"
        )
    return key


def _keep(layer: Layer, key: jax.Array | None, rate: Any, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bernoulli(_require_key(layer, key), 1.0 - rate, shape)


@dataclass(frozen=True, eq=False)
class Dropout(Layer):
    """In training each number is set to 0 with probability `rate`, the rest scaled by 1/(1 - rate).

    Prediction leaves its input as it is: the mean over all masks of a linear unit.
    The rate may be swept.

    Source: scheidegger-2020, "Regularization in NN: Dropout"; itam-2023, 1.7.
    """

    rate: Any = 0.5
    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("rate",)

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction(self, "rate")

    def apply(self, params, state, x, *, key=None, training=False):
        """X * mask / (1 - rate) in training, else x."""
        if not training:
            return x, state
        keep = _keep(self, key, self.rate, self._mask_shape(x))
        scale = jnp.asarray(1.0 - self.rate, x.dtype)
        return jnp.where(keep, x / scale, jnp.zeros_like(x)), state

    def _mask_shape(self, x):
        return x.shape


@dataclass(frozen=True, eq=False)
class SpatialDropout(Dropout):
    """Base of dropout that drops whole channels: one draw a row and channel, shared by all places.

    Neighbouring places of a feature map say nearly the same; dropping them one by one would leave
    the map readable (Tompson et al. 2015).
    """

    rank: ClassVar[int]

    def build(self, input_shape):
        """The shape as it is; raises ShapeError unless it is (places..., channels)."""
        places = {1: "steps", 2: "rows, columns", 3: "planes, rows, columns"}[self.rank]
        self.require_rank(input_shape, self.rank + 1, f"({places}, channels)")
        return input_shape

    def _mask_shape(self, x):
        return (x.shape[0], *([1] * self.rank), x.shape[-1])


@dataclass(frozen=True, eq=False)
class SpatialDropout1D(SpatialDropout):
    """Drops whole channels of (steps, channels)."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class SpatialDropout2D(SpatialDropout):
    """Drops whole channels of (rows, columns, channels)."""

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class SpatialDropout3D(SpatialDropout):
    """Drops whole channels of (planes, rows, columns, channels)."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, eq=False)
class GaussianNoise(Layer):
    """In training x + e, e ~ N(0, stddev^2); at prediction x.

    Args:
        stddev: standard deviation of the noise, in units of x; may be swept.

    Source: itam-2023, 1.7 "Regularizers" (noise makes the weights more robust); Bishop (1995): for
    small noise the same as an L2 penalty on the network's slope.
    """

    stddev: Any
    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("stddev",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.stddev, (int, float)) and not self.stddev >= 0:
            raise DescendError(f"GaussianNoise: stddev must be >= 0, got {self.stddev!r}")

    def apply(self, params, state, x, *, key=None, training=False):
        """X + e in training, else x."""
        if not training:
            return x, state
        drawn_in = jnp.promote_types(x.dtype, jnp.float32)  # the same draw in any precision
        noise = jax.random.normal(_require_key(self, key), x.shape, drawn_in)
        return x + (self.stddev * noise).astype(x.dtype), state


@dataclass(frozen=True, eq=False)
class DropConnect(Dense):
    """Dense whose weights, not outputs, are dropped in training: a = g(x (W * mask)/(1-rate) + b).

    Args:
        rate: probability that a weight is set to 0; one mask a step, shared by the batch.

    Arrays as in Dense. Source: itam-2023, 1.7 "DropOut" (drop-connect); Wan et al. 2013.
    """

    _: KW_ONLY
    rate: Any = 0.5
    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("rate",)

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction(self, "rate")

    def apply(self, params, state, x, *, key=None, training=False):
        """Dense with a masked kernel in training, Dense at prediction."""
        if training:
            kernel = params["kernel"]
            keep = _keep(self, key, self.rate, kernel.shape)
            scale = jnp.asarray(1.0 - self.rate, kernel.dtype)
            dropped = jnp.where(keep, kernel / scale, jnp.zeros_like(kernel))
            params = params | {"kernel": dropped}
        return super().apply(params, state, x)
