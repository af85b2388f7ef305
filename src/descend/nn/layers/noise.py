"""Layers that are random in training and fixed at prediction: Dropout, DropConnect."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn.layers.base import Layer, fraction
from descend.nn.layers.dense import Dense


def _keep(layer: Layer, key: jax.Array | None, rate: Any, shape: tuple[int, ...]) -> jax.Array:
    if key is None:
        raise DescendError(
            f"{layer.label} needs a key in training: apply(..., key=jax.random.key(0))"
        )
    return jax.random.bernoulli(key, 1.0 - rate, shape)


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
        keep = _keep(self, key, self.rate, x.shape)
        return jnp.where(keep, x / (1.0 - self.rate), jnp.zeros_like(x)), state


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
            dropped = jnp.where(keep, kernel / (1.0 - self.rate), jnp.zeros_like(kernel))
            params = params | {"kernel": dropped}
        return super().apply(params, state, x)
