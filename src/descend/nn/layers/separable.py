"""Convolutions channel by channel: depthwise, and depthwise followed by a mixing of channels."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax

from descend.nn.checks import positive_int
from descend.nn.convolve import convolve, depthwise
from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.convolution import (
    Windowed,
    plus_bias,
    require_padding,
    whole_numbers,
    without_padding,
)


@dataclass(frozen=True, eq=False)
class _ByChannel(Windowed, Layer):
    rank: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "depth_multiplier")
        for field in ("kernel_size", "strides", "dilation_rate"):
            whole_numbers(self, field, self.rank)
        require_padding(self, "valid", "same", *(["causal"] if self.rank == 1 else []))

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
        """g(z)."""
        x = without_padding(x, mask)
        return self.activation(self.preactivation(params, x)), state  # type: ignore[attr-defined]

    def depthwise(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        """Each channel convolved by itself."""
        return depthwise(x, kernel, self.strides, self.padding, self.dilation_rate)


@dataclass(frozen=True, eq=False)
class _Depthwise(_ByChannel):
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    depth_multiplier: int = 1
    _: KW_ONLY
    dilation_rate: Any = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    depthwise_regularizer: Any = None
    bias_regularizer: Any = None

    def build(self, input_shape: Shape) -> Shape:
        """(*space, channels) -> (*space', channels * depth_multiplier)."""
        return (*self.windowed(input_shape), input_shape[-1] * self.depth_multiplier)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """kernel (*kernel_size, channels, depth_multiplier), bias (channels multiplier,)."""
        shape = (*self.kernel_size, input_shape[-1], self.depth_multiplier)
        params = {"kernel": self.depthwise_initializer(key, shape)}
        if self.use_bias:
            many = (input_shape[-1] * self.depth_multiplier,)
            params["bias"] = self.bias_initializer(jax.random.fold_in(key, 1), many)
        return params, {}

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """z = each channel of x * its kernels, + b."""
        return plus_bias(self.depthwise(x, params["kernel"]), params)

    def penalty(self, params: Arrays) -> jax.Array | None:
        """That of the kernel, whose field is called `depthwise_regularizer`, and of the bias."""
        return super().penalty(params | {"depthwise": params["kernel"]})


@dataclass(frozen=True, eq=False)
class DepthwiseConv1D(_Depthwise):
    """Each channel convolved by itself: z[o, (c, m)] = sum_t x[o s + t d - p, c] W[t, c, m].

    Args:
        kernel_size, strides, padding, dilation_rate, activation, use_bias: as in Conv1D.
        depth_multiplier: number of outputs that each channel gets.
        depthwise_initializer, bias_initializer: how W and b are drawn, by name or object.
        depthwise_regularizer, bias_regularizer: penalties of W and b; None: no penalty.

    Arrays: kernel W (kernel_size, channels, depth_multiplier), bias (channels depth_multiplier,).
    Input (time, channels), output (time', channels depth_multiplier). Mask as in Conv1D.

    Raises:
        DescendError: a number that is no whole number >= 1, or another padding.
        ShapeError: an input that is not (time, channels), or shorter than the window.

    Source: Chollet, "Xception" (2017).

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import DepthwiseConv1D
        >>> model = Sequential([Input((3, 2)), DepthwiseConv1D(kernel_size=2)])
        >>> model.set_weights([np.ones((2, 2, 1)), np.zeros(2)])  # sums of two steps
        >>> model.predict(np.array([[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]])).tolist()
        [[[3.0, 30.0], [5.0, 50.0]]]
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(_Depthwise):
    """Each channel of an image convolved by itself. As DepthwiseConv1D with one axis more.

    Args:
        kernel_size, strides, padding, dilation_rate, activation, use_bias: as in Conv2D.
        depth_multiplier: number of outputs that each channel gets.
        depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer: as in
            DepthwiseConv1D.

    Arrays: kernel (kh, kw, channels, depth_multiplier), bias (channels depth_multiplier,). Input
    (height, width, channels), output (height', width', channels depth_multiplier).

    Raises:
        DescendError: a number that is no whole number >= 1, or another padding.
        ShapeError: an input that is no image, or smaller than the window.

    Source: Chollet, "Xception" (2017).

    Example:
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import DepthwiseConv2D
        >>> model = Sequential([Input((5, 5, 3)), DepthwiseConv2D(kernel_size=2)])
        >>> model.output_shape, model.count_params()  # 2 * 2 * 3 weights and 3 biases
        ((None, 4, 4, 3), 15)
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class _Separable(_ByChannel):
    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    _: KW_ONLY
    dilation_rate: Any = 1
    depth_multiplier: int = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    pointwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    depthwise_regularizer: Any = None
    pointwise_regularizer: Any = None
    bias_regularizer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "filters")

    def build(self, input_shape: Shape) -> Shape:
        """(*space, channels) -> (*space', filters)."""
        return (*self.windowed(input_shape), self.filters)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Depthwise kernel, pointwise kernel (1, ..., channels multiplier, filters), bias."""
        channels, m = input_shape[-1], self.depth_multiplier
        deep = (*self.kernel_size, channels, m)
        mixing = (*(1,) * self.rank, channels * m, self.filters)
        keys = [jax.random.fold_in(key, i) for i in range(3)]
        params = {
            "depthwise_kernel": self.depthwise_initializer(keys[0], deep),
            "pointwise_kernel": self.pointwise_initializer(keys[1], mixing),
        }
        if self.use_bias:
            params["bias"] = self.bias_initializer(keys[2], (self.filters,))
        return params, {}

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """z = (each channel of x * its kernels) mixed by the pointwise kernel, + b."""
        z = self.depthwise(x, params["depthwise_kernel"])
        return plus_bias(convolve(z, params["pointwise_kernel"]), params)

    def penalty(self, params: Arrays) -> jax.Array | None:
        """Those of the two kernels and of the bias."""
        kernels = {n: params[f"{n}_kernel"] for n in ("depthwise", "pointwise")}
        return super().penalty(params | kernels)


@dataclass(frozen=True, eq=False)
class SeparableConv1D(_Separable):
    """A depthwise convolution, then one product mixing the channels: fewer weights than Conv1D.

    Args:
        filters: channels that come out.
        kernel_size, strides, padding, dilation_rate, activation, use_bias: as in Conv1D.
        depth_multiplier: count of numbers that each channel gives to the mixing.
        depthwise_initializer, pointwise_initializer, bias_initializer: how the two kernels and b
            are drawn, by name or object.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties of these; None: no
            penalty.

    Arrays: depthwise_kernel (kernel_size, channels, depth_multiplier), pointwise_kernel
    (1, channels depth_multiplier, filters), bias (filters,). Mask as in Conv1D.

    Raises:
        DescendError: a number that is no whole number >= 1, or another padding.
        ShapeError: an input that is not (time, channels), or shorter than the window.

    Source: Chollet, "Xception" (2017).

    Example:
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import SeparableConv1D
        >>> model = Sequential([Input((10, 2)), SeparableConv1D(4, kernel_size=3)])
        >>> model.output_shape, model.count_params()  # 3 * 2 + 2 * 4 + 4; of a Conv1D 3 * 2 * 4 + 4
        ((None, 8, 4), 18)
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class SeparableConv2D(_Separable):
    """A depthwise convolution of images, then one product mixing the channels. As SeparableConv1D.

    Args:
        filters, depth_multiplier: as in SeparableConv1D.
        kernel_size, strides, padding, dilation_rate, activation, use_bias: as in Conv2D.
        depthwise_initializer, pointwise_initializer, bias_initializer: as in SeparableConv1D.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: as in SeparableConv1D.

    Arrays: depthwise_kernel (kh, kw, channels, depth_multiplier), pointwise_kernel
    (1, 1, channels depth_multiplier, filters), bias (filters,).

    Raises:
        DescendError: a number that is no whole number >= 1, or another padding.
        ShapeError: an input that is no image, or smaller than the window.

    Source: Chollet, "Xception" (2017).

    Example:
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import SeparableConv2D
        >>> model = Sequential([Input((10, 10, 2)), SeparableConv2D(4, kernel_size=3)])
        >>> model.output_shape, model.count_params()  # 3 * 3 * 2 + 2 * 4 + 4
        ((None, 8, 8, 4), 30)
    """

    rank: ClassVar[int] = 2
