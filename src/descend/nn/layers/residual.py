"""Residual networks: what a layer adds to its input, instead of what it makes of it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from descend.nn.checks import positive_int
from descend.nn.layers.block import Block
from descend.nn.layers.convolution import Conv2D
from descend.nn.layers.dense import Activation, Dense
from descend.nn.layers.merge import Add
from descend.nn.layers.normalization import BatchNormalization
from descend.nn.symbols import Symbol


@dataclass(frozen=True, eq=False)
class Residual(Block):
    """The residual block Res(z) = z + g(MM(g(MM(z)))), MM(z) = z W + b.

    Args:
        activation: g, by name or function (descend.nn.activations).
        depth: number of g(MM(.)); two in the lecture.
        kernel_initializer, bias_initializer: how all W and b are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of all W and of all b; None: no penalty.

    Arrays: dense_0.kernel (d, d), dense_0.bias (d,), dense_1.kernel, ... Input and output (..., d).

    Raises:
        DescendError: `depth` that is no whole number >= 1.
        ShapeError: the input has no feature axis.

    Source: hull-2023, "Larger Modules from Smaller Ones".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Residual, Sequential
        >>> model = Sequential([Input((1,)), Residual(activation="relu", depth=1)])
        >>> model.set_weights([[[2.0]], [1.0]])  # W and b
        >>> model.predict(np.array([[3.0], [-3.0]])).tolist()  # 3 + 7, and -3 + 0
        [[10.0], [-3.0]]
    """

    activation: Any = "relu"
    depth: int = 2
    _: KW_ONLY
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "depth")

    def wire(self, z: Any) -> Any:
        """z plus what the layers make of it."""
        y, shape = z, z.trial(0)
        if not shape:
            self.require_rank(shape, 1, "(..., features)")
        for i in range(self.depth):
            y = Dense(
                shape[-1],
                self.activation,
                kernel_initializer=self.kernel_initializer,
                bias_initializer=self.bias_initializer,
                name=f"dense_{i}",
            )(y)
        return Add(name="add")([z, y])


@dataclass(frozen=True, eq=False)
class ResNetS(Block):
    """The simplified residual network ResNet-S(x) = MM(Res(Res(... Res(x)))).

    Args:
        units: columns of the last MM, which has no activation.
        blocks: number of Res.
        activation, depth: function and number of layers of each Res (see Residual).
        kernel_initializer, bias_initializer: how all W and b are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of all W and of all b; None: no penalty.

    Arrays: res_0.dense_0.kernel, ..., dense.kernel (d, units), dense.bias (units,). Input (..., d),
    output (..., units).

    Raises:
        DescendError: `units`, `blocks` or `depth` that is no whole number >= 1.
        ShapeError: the input has no feature axis.

    Source: hull-2023, "Larger Modules from Smaller Ones".

    Example:
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import ResNetS
        >>> model = Sequential([Input((3,)), ResNetS(1, blocks=2)])
        >>> model.output_shape, model.count_params()  # 2 * 2 * (3 * 3 + 3) + (3 + 1)
        ((None, 1), 52)
    """

    units: int
    blocks: int = 2
    activation: Any = "relu"
    depth: int = 2
    _: KW_ONLY
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("units", "blocks", "depth"):
            positive_int(self, field)

    def wire(self, x: Any) -> Any:
        """The blocks one behind the other, then the product."""
        start = {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
        }
        for i in range(self.blocks):
            x = Residual(self.activation, self.depth, name=f"res_{i}", **start)(x)
        return Dense(self.units, name="dense", **start)(x)


@dataclass(frozen=True, eq=False)
class ResidualConv2D(Block):
    """The basic block of a residual network of images: two convolutions and a skip connection.

        y = g(s(x) + BN(conv(g(BN(conv_strided(x))))))

    The shortcut s is x where the shapes agree, else BN of a 1 x 1 convolution with the same
    strides. Convolutions keep the image's size up to the strides ("same").

    Args:
        filters: channels of the output.
        kernel_size: pixels of the window of both convolutions, a number or a pair.
        strides: step of the first one's window, a number or a pair.
        activation: g, by name or function (descend.nn.activations).
        batch_normalization: whether the BN are there; without them the convolutions have a bias.
        momentum, epsilon: share of the moving statistics that stays, and number added to the
            variance, as in BatchNormalization.
        kernel_initializer, bias_initializer: how kernels and biases are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of all kernels and biases; None: no penalty.

    Arrays: conv_0.kernel (kernel, kernel, channels, filters), conv_1.kernel, with bn_0.gamma,
    bn_0.beta, those of bn_1, or conv_0.bias, conv_1.bias; where the shortcut is a convolution those
    of shortcut_conv and shortcut_bn. State: moving_mean and moving_variance of each BN. Input
    (batch, height, width, channels).

    Raises:
        DescendError: a size that is no whole number >= 1, a momentum not in [0, 1), a negative
            epsilon.
        ShapeError: the input is not an image.

    Source: hull-2023, "Larger Modules from Smaller Ones"; He et al. 2016.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import ResidualConv2D
        >>> ResidualConv2D(4, strides=2)(Input((8, 8, 3))).shape
        (4, 4, 4)
    """

    filters: int
    kernel_size: Any = 3
    strides: Any = 1
    activation: Any = "relu"
    batch_normalization: bool = True
    _: KW_ONLY
    momentum: float = 0.99
    epsilon: float = 1e-3
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    mixes_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.convolution(self.kernel_size, self.strides, "conv_0")  # says what is wrong early
        BatchNormalization(momentum=self.momentum, epsilon=self.epsilon)

    def convolution(self, kernel_size: Any, strides: Any, name: str) -> Conv2D:
        """A convolution of this block."""
        return Conv2D(
            self.filters,
            kernel_size,
            strides=strides,
            padding="same",
            use_bias=not self.batch_normalization,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            name=name,
        )

    def normalized(self, x: Symbol, name: str) -> Symbol:
        """BN(x), or x without normalisation."""
        if not self.batch_normalization:
            return x
        normalize = BatchNormalization(momentum=self.momentum, epsilon=self.epsilon, name=name)
        y: Symbol = normalize(x)
        return y

    def wire(self, x: Any) -> Any:
        """The two convolutions, the shortcut, their sum."""
        y = self.convolution(self.kernel_size, self.strides, "conv_0")(x)
        y = Activation(self.activation, name="activation_0")(self.normalized(y, "bn_0"))
        y = self.convolution(self.kernel_size, 1, "conv_1")(y)
        y = self.normalized(y, "bn_1")
        if y.shape != x.shape:
            x = self.convolution(1, self.strides, "shortcut_conv")(x)
            x = self.normalized(x, "shortcut_bn")
        return Activation(self.activation, name="activation_1")(Add(name="add")([x, y]))
