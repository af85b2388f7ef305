"""Normalisation: by the batch, by the row, by groups of channels, by the root mean square.

All take numbers z apart into their mean m and standard deviation s and put a learned one in their
place, LN(z) = beta + gamma (z - m) / s (hull-2023, "Layer Normalization"). They differ in what the
mean is over. Statistics are taken in float32 or wider, whatever the input. As in Keras, an axis > 0
counts the batch axis, which is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from descend.errors import ShapeError
from descend.nn.checks import finite_number, fraction, positive_int, whole_number
from descend.nn.initializers import Constant
from descend.nn.layers.axes import along_steps, axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer, Shape

ONES = Constant(1.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Normalization(Layer):
    """What the layers with gamma and beta share."""

    beta_initializer: Any = "zeros"
    gamma_initializer: Any = ONES
    beta_regularizer: Any = None
    gamma_regularizer: Any = None
    if TYPE_CHECKING:  # fields of the subclasses, in Keras's order behind the axis
        epsilon: float
        center: bool
        scale: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "epsilon", least=0)

    def drawn(self, key: jax.Array, shape: Shape) -> dict[str, jax.Array]:
        """gamma and beta, each of `shape`, where the layer has them."""
        params = {}
        if self.scale:
            params["gamma"] = self.gamma_initializer(key, shape)
        if self.center:
            params["beta"] = self.beta_initializer(jax.random.fold_in(key, 1), shape)
        return params

    def scaled(
        self, params: Arrays, x: jax.Array, mean: jax.Array, variance: jax.Array, shape: Shape
    ) -> jax.Array:
        """(x - mean) gamma / sqrt(variance + epsilon) + beta, arrays reshaped to `shape`."""
        factor = lax.rsqrt(variance + self.epsilon)
        if self.scale:
            factor = factor * jnp.reshape(params["gamma"], shape)
        y = (x - mean) * factor
        return y + jnp.reshape(params["beta"], shape) if self.center else y


@dataclass(frozen=True, eq=False)
class BatchNormalization(_Normalization):
    """Each channel to mean beta and standard deviation gamma, over the rows of a batch.

        training:    y = gamma (x - m) / sqrt(v + epsilon) + beta
                     moving = momentum moving + (1 - momentum) (m, v)
        prediction:  the same with the moving mean and variance

    m and v (biased) are over all axes but `axis`; masked steps and the rows that only fill up the
    last batch are left out of them. A frozen layer (trainable=False) predicts in training too.

    Args:
        axis: axis of the channels, the batch being 0.
        momentum: share of the moving statistics that stays at a step, in [0, 1).
        epsilon: number added to the variance, >= 0.
        center, scale: whether beta and gamma are there.
        beta_initializer, gamma_initializer: how beta and gamma are drawn, by name or object.
        moving_mean_initializer, moving_variance_initializer: how the moving statistics start.
        beta_regularizer, gamma_regularizer: penalties of beta and gamma; None: no penalty.

    Arrays: gamma, beta (channels,); state: moving_mean, moving_variance (channels,).

    Raises:
        DescendError: an axis that is no whole number, a momentum not in [0, 1), or a negative
            epsilon.
        ShapeError: the input has no such axis.

    Source: scheidegger-2020, "REMARK: BATCH NORMALIZATION"; itam-2023, 1.7 "Batch Normalization";
    Ioffe and Szegedy 2015.

    Example:
        >>> import numpy as np
        >>> from descend import BatchNormalization, Input, Sequential
        >>> model = Sequential([Input((1,)), BatchNormalization(epsilon=0.0)])
        >>> model(np.array([[1.0], [3.0]]), training=True).tolist()  # mean 2, deviation 1
        [[-1.0], [1.0]]
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    _: KW_ONLY
    moving_mean_initializer: Any = "zeros"
    moving_variance_initializer: Any = ONES
    uses_mask: ClassVar[bool] = True
    mixes_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self, "axis")
        fraction(self, "momentum")

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        axes_in(self, input_shape, self.axis)
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """gamma and beta; the moving mean and variance."""
        (axis,) = axes_in(self, input_shape, self.axis)
        shape = (input_shape[axis - 1],)
        state = {
            "moving_mean": self.moving_mean_initializer(jax.random.fold_in(key, 2), shape),
            "moving_variance": self.moving_variance_initializer(jax.random.fold_in(key, 3), shape),
        }
        return self.drawn(key, shape), state

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
        """By the batch's statistics in training, by the moving ones at prediction."""
        dtype = self.compute_dtype or jnp.result_type(x, *params.values(), *state.values())
        (axis,) = axes_in(self, x.shape[1:], self.axis)
        shape = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
        x = _wide(x)
        if training and self.trainable:
            mean, variance = _moments_of_rows(x, axis, mask)
            new = {"moving_mean": mean, "moving_variance": variance}
            state = {
                name: self.momentum * old + (1 - self.momentum) * jnp.reshape(new[name], old.shape)
                for name, old in state.items()
            }
        else:
            mean = jnp.reshape(state["moving_mean"], shape)
            variance = jnp.reshape(state["moving_variance"], shape)
        return self.scaled(params, x, mean, variance, shape).astype(dtype), state


@dataclass(frozen=True, eq=False)
class LayerNormalization(_Normalization):
    """Each row (each step) by itself: LN(z) = beta + gamma (z - m) / sqrt(v + epsilon).

    Args:
        axis: axis, or axes, that m and v (biased) are over.
        epsilon: number added to the variance, >= 0; the lecture's LN has none.
        center, scale: whether beta and gamma are there; without both it is the lecture's LN-S.
        beta_initializer, gamma_initializer: how beta and gamma are drawn, by name or object.
        beta_regularizer, gamma_regularizer: penalties of beta and gamma; None: no penalty.

    Arrays: gamma, beta, of the shape of those axes.

    Raises:
        DescendError: an axis that is no whole number, or a negative epsilon.
        ShapeError: the input has no such axis.

    Source: hull-2023, "Layer Normalization"; Ba, Kiros and Hinton 2016.

    Example:
        >>> import numpy as np
        >>> from descend import Input, LayerNormalization, Sequential
        >>> model = Sequential([Input((2,)), LayerNormalization(epsilon=0.0)])
        >>> model.predict(np.array([[1.0, 3.0], [0.0, 80.0]])).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    uses_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        axis_or_axes(self)

    @property
    def looks_ahead(self) -> str:
        """Something where the axis is that of the steps."""
        return along_steps(self.axis)

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        axes_in(self, input_shape, self.axis)
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """gamma and beta."""
        axes = axes_in(self, input_shape, self.axis)
        return self.drawn(key, tuple(input_shape[a - 1] for a in axes)), {}

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
        """beta + gamma (x - m) / sqrt(v + epsilon)."""
        dtype = jnp.result_type(x, *params.values())
        axes = axes_in(self, x.shape[1:], self.axis)
        shape = tuple(n if i in axes else 1 for i, n in enumerate(x.shape))
        x = _wide(x)
        mean, variance = _moments(x, axes, mask if 1 in axes else None)
        return self.scaled(params, x, mean, variance, shape).astype(dtype), state


@dataclass(frozen=True, eq=False)
class GroupNormalization(_Normalization):
    """Each row's channels in groups, each group by its own mean and variance over space or time.

    Args:
        groups: number of groups of channels; -1: each channel by itself (instance normalisation).
        axis: axis of the channels, the batch being 0.
        epsilon: number added to the variance, >= 0.
        center, scale: whether beta and gamma are there.
        beta_initializer, gamma_initializer: how beta and gamma are drawn, by name or object.
        beta_regularizer, gamma_regularizer: penalties of beta and gamma; None: no penalty.

    Arrays: gamma, beta (channels,).

    Raises:
        DescendError: `groups` that is neither a whole number >= 1 nor -1, an axis that is no whole
            number, or a negative epsilon.
        ShapeError: the input has no such axis, or `groups` does not divide its channels.

    Source: Wu and He 2018; the formula as in hull-2023, "Layer Normalization".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import GroupNormalization
        >>> model = Sequential([Input((4,)), GroupNormalization(groups=2, epsilon=0.0)])
        >>> model.predict(np.array([[1.0, 3.0, 10.0, 18.0]])).tolist()  # 2 -+ 1 and 14 -+ 4
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    uses_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self, "axis")
        if self.groups != -1:
            positive_int(self, "groups")

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        (axis,) = axes_in(self, input_shape, self.axis)
        channels = input_shape[axis - 1]
        if self.groups != -1 and channels % self.groups:
            raise ShapeError(
                f"{self.label}: groups={self.groups} must divide the channels, got {channels} of "
                f"them on axis {self.axis} of an input of shape {tuple(input_shape)}."
            )
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """gamma and beta."""
        (axis,) = axes_in(self, input_shape, self.axis)
        return self.drawn(key, (input_shape[axis - 1],)), {}

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
        """The channel axis as (groups, channels of a group), and back."""
        dtype = jnp.result_type(x, *params.values())
        (axis,) = axes_in(self, x.shape[1:], self.axis)
        channels = x.shape[axis]
        split = (channels if self.groups == -1 else self.groups, -1)
        grouped = jnp.reshape(_wide(x), (*x.shape[:axis], *split, *x.shape[axis + 1 :]))
        shape = tuple(n if i in (axis, axis + 1) else 1 for i, n in enumerate(grouped.shape))
        over = tuple(i for i in range(1, grouped.ndim) if i != axis)
        # with channels on the first axis, no axis left is time
        mean, variance = _moments(grouped, over, mask if axis > 1 else None)
        y = self.scaled(params, grouped, mean, variance, shape)
        return jnp.reshape(y, x.shape).astype(dtype), state


@dataclass(frozen=True, eq=False)
class RMSNormalization(Layer):
    """Layer normalisation without the mean: y = scale x / sqrt(mean(x^2) + epsilon).

    Args:
        axis: axis, or axes, that the mean is over.
        epsilon: number added to the mean square, >= 0.

    Arrays: scale, of the shape of those axes.

    Raises:
        DescendError: an axis that is no whole number, or a negative epsilon.
        ShapeError: the input has no such axis.

    Source: Zhang and Sennrich 2019.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RMSNormalization
        >>> model = Sequential([Input((2,)), RMSNormalization()])
        >>> print(model.predict(np.array([[1.0, 7.0]])).round(2))  # by 5, the root of (1 + 49) / 2
        [[0.2 1.4]]
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-6
    uses_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        axis_or_axes(self)
        finite_number(self, "epsilon", least=0)

    @property
    def looks_ahead(self) -> str:
        """Something where the axis is that of the steps."""
        return along_steps(self.axis)

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        axes_in(self, input_shape, self.axis)
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """scale, of ones."""
        axes = axes_in(self, input_shape, self.axis)
        return {"scale": ONES(key, tuple(input_shape[a - 1] for a in axes))}, {}

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
        """scale x / sqrt(mean(x^2) + epsilon)."""
        dtype = jnp.result_type(x, params["scale"])
        axes = axes_in(self, x.shape[1:], self.axis)
        shape = tuple(n if i in axes else 1 for i, n in enumerate(x.shape))
        x = _wide(x)
        average = _average(x.shape, axes, mask if 1 in axes else None)
        factor = lax.rsqrt(average(x * x) + self.epsilon)
        return (x * (factor * jnp.reshape(params["scale"], shape))).astype(dtype), state


# -- means and variances -----------------------------------------------------------------------


def _moments(x: jax.Array, axes: tuple[int, ...], mask: Any) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance over some axes, which are kept with length one."""
    average = _average(x.shape, axes, mask)
    mean = average(x)
    apart = x - mean
    return mean, average(apart * apart)


def _moments_of_rows(x: jax.Array, axis: int, mask: Any) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance of each channel, in one pass over the batch.

    v = mean((x - c)^2) - (mean(x) - c)^2 for any c. With c the mean of the first of N rows the two
    terms do not cancel, however large the mean: that row's distance from the mean is part of the
    variance, so (mean(x) - c)^2 <= N v, and at most a factor N of rounding is added.
    """
    axes = tuple(i for i in range(x.ndim) if i != axis)
    real = None if mask is None else mask[:1]
    center = lax.stop_gradient(_average((1, *x.shape[1:]), axes, real)(x[:1]))
    average = _average(x.shape, axes, mask)
    apart = x - center
    mean = average(apart)
    # without a real number in the first row c is 0, and rounding may go below it
    return mean + center, jnp.maximum(average(apart * apart) - mean * mean, 0.0)


def _average(shape: Shape, axes: tuple[int, ...], mask: Any) -> Callable[[jax.Array], jax.Array]:
    """The mean over some axes, kept with length one, of what the mask says is real.

    A mask (batch,) or (batch, time) holds for the first axes; where nothing is real the mean is 0.
    """
    if mask is None:
        return lambda values: jnp.mean(values, axes, keepdims=True)
    real = jnp.reshape(mask, mask.shape + (1,) * (len(shape) - mask.ndim))
    # the mask has length one along some axes, and counts as often as they are long
    times = math.prod(shape[a] for a in axes if real.shape[a] == 1)
    count = jnp.maximum(jnp.sum(real, axes, keepdims=True) * times, 1)
    zero = jnp.zeros((), jnp.float32)
    return lambda values: (
        jnp.sum(jnp.where(real, values, zero.astype(values.dtype)), axes, keepdims=True)
        / count.astype(values.dtype)
    )


def _wide(x: jax.Array) -> jax.Array:
    """In float32 or wider."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
