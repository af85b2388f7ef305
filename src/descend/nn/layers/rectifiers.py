"""Activations that are layers with arguments: ReLU, LeakyReLU, ELU, Softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn import activations
from descend.nn.layers.axes import axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer


@dataclass(frozen=True, eq=False)
class ReLU(Layer):
    """max(0, x), and with arguments

        y = max_value              where x >= max_value
        y = x                      where threshold <= x < max_value
        y = negative_slope (x - threshold)  else.

    Args:
        max_value: most that comes out, or None; 6.0 in MobileNet.
        negative_slope: slope below the threshold, >= 0.
        threshold: least x that is passed on, >= 0.

    Source: scheidegger-2020, "Few activation functions".
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("max_value", "negative_slope", "threshold"):
            value = getattr(self, field)
            if not (value is None and field == "max_value") and not value >= 0:
                raise DescendError(f"ReLU: {field} must be a number >= 0, got {value!r}")

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        if not self.threshold and not self.negative_slope:
            y = activations.relu(x)
        else:
            low = self.negative_slope * (x - self.threshold)
            y = (
                jnp.where(x >= self.threshold, x, low)
                if self.threshold
                else jnp.where(x > 0, x, low)
            )
        return (y if self.max_value is None else jnp.minimum(y, self.max_value)), state


@dataclass(frozen=True, eq=False)
class LeakyReLU(Layer):
    """x where x > 0, else negative_slope x.

    Args:
        negative_slope: slope below 0; .3, as Keras's layer has it (the activation of the name
            "leaky_relu" has .01, as raviv-2022). Also under its old name `alpha`.

    Source: raviv-2022, "More activation functions"; Maas et al. 2013.
    """

    negative_slope: float = 0.3
    renamed: ClassVar[dict[str, str]] = {"alpha": "negative_slope"}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        return activations.leaky_relu(x, self.negative_slope), state


@dataclass(frozen=True, eq=False)
class ELU(Layer):
    """x where x > 0, else alpha (e^x - 1).

    Args:
        alpha: minus the value that it goes to far below 0.

    Source: raviv-2022, "More activation functions"; Clevert et al. 2016.
    """

    alpha: float = 1.0

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        return activations.elu(x, self.alpha), state


@dataclass(frozen=True, eq=False)
class Softmax(Layer):
    """e^{x_i} / sum_j e^{x_j} along an axis, or several together.

    Args:
        axis: axis, or axes, along which the shares sum to one.

    With a mask of the steps of a sequence and `axis=1`, masked steps have share 0.

    Raises:
        ShapeError: the input has no such axis.

    Source: itam-2023, 1.6; hull-2023, "Activation Functions".
    """

    axis: int | tuple[int, ...] = -1
    uses_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        axis_or_axes(self)

    def build(self, input_shape: Any) -> Any:
        """The input's."""
        axes_in(self, input_shape, self.axis)
        return input_shape

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
        """The shares."""
        axes = axes_in(self, x.shape[1:], self.axis)
        real = None
        if mask is not None and 1 in axes:
            real = jnp.reshape(mask, mask.shape + (1,) * (x.ndim - 2))
        return jax.nn.softmax(x, axis=axes, where=real), state
