"""Convolutions of sequences, images and volumes, and their transposes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.checks import positive_int
from descend.nn.convolve import (
    Sliding,
    convolve,
    convolve_transpose,
    moved,
    output_size,
    per_axis,
    span,
    transposed_size,
)
from descend.nn.layers.base import Arrays, Key, Layer, Shape

AXES = {1: "(time, channels)", 2: "(height, width, channels)", 3: "(a, b, c, channels)"}


def whole_numbers(layer: Layer, field: str, rank: int, least: int = 1) -> None:
    """Store the field as a tuple of `rank` whole numbers >= least; raises DescendError."""
    value = getattr(layer, field)
    numbers = per_axis(value, rank) if isinstance(value, (int, tuple, list)) else ()
    if len(numbers) != rank or not all(type(n) is int and n >= least for n in numbers):
        raise DescendError(
            f"{type(layer).__name__}: {field} must be a whole number >= {least} or {rank} of them, "
            f"got {value!r}"
        )
    object.__setattr__(layer, field, numbers)


def require_padding(layer: Layer, *known: str) -> None:
    """Raise DescendError unless the layer's padding is one of these; case does not count."""
    padding = layer.padding.lower() if isinstance(layer.padding, str) else None  # type: ignore[attr-defined]
    if padding not in known:
        raise DescendError(
            f"{type(layer).__name__}: padding must be one of {', '.join(map(repr, known))}, "
            f"got {layer.padding!r}"  # type: ignore[attr-defined]
        )
    object.__setattr__(layer, "padding", padding)


def places(layer: Any, input_shape: Shape, of: str = "") -> Shape:
    """The space axes of what a layer's window gives; `of` goes before the axes in a ShapeError."""
    layer.require_rank(input_shape, layer.rank + 1, of + AXES[layer.rank])
    sliding = (layer.kernel_size, layer.strides, layer.dilation_rate)
    size = output_size(layer.padding, input_shape[:-1], *sliding)
    if min(size) < 1:
        raise ShapeError(
            f"{layer.label}: a window of {layer.kernel_size} does not fit {of or 'an input of '}"
            f"shape {tuple(input_shape)}; make it smaller or use padding='same'."
        )
    return size


class Windowed:
    """What layers with a sliding window share: `rank` space axes, their lengths, their mask.

    A mask counts for sequences: padded steps enter as 0, like the padding at the edges, so that a
    padded sequence gives what it gives alone (with "same" and strides > 1 the windows lie as those
    of the padded length). An output step is real if its step of the input, the o s-th, is; with
    "valid" if all the steps it sees are.
    """

    rank: ClassVar[int]
    kernel_size: Any
    strides: Any
    dilation_rate: Any
    padding: str

    def windowed(self, input_shape: Shape) -> Shape:
        """The space axes of the output; raises ShapeError."""
        return places(self, input_shape)

    def output_mask(self, x: Any, mask: Any) -> Any:
        """One entry an output step, for sequences; None for images."""
        if mask is None or self.rank > 1:
            return None
        if self.padding != "valid":
            return mask[:, :: self.strides[0]]
        how = Sliding(self.strides, ((0, 0),), self.dilation_rate)
        windows = [step[..., 0] for step in moved(how, self.kernel_size, mask[..., None], False)]
        return jnp.all(jnp.stack(windows), axis=0)


def without_padding(x: jax.Array, mask: Any) -> jax.Array:
    """A sequence whose padded steps are 0."""
    return x if mask is None else jnp.where(mask[..., None], x, jnp.zeros((), x.dtype))


def plus_bias(z: jax.Array, params: Any) -> jax.Array:
    """z + b, if there is a bias."""
    return z + params["bias"].reshape((1,) * (z.ndim - 1) + (-1,)) if "bias" in params else z


@dataclass(frozen=True, eq=False)
class _Convolution(Windowed, Layer):
    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    _: KW_ONLY
    dilation_rate: Any = 1
    groups: int = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    rank: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "filters")
        positive_int(self, "groups")
        for field in ("kernel_size", "strides", "dilation_rate"):
            whole_numbers(self, field, self.rank)
        require_padding(self, "valid", "same", *(["causal"] if self.rank == 1 else []))
        if self.filters % self.groups:
            raise DescendError(
                f"{type(self).__name__}: filters must be a multiple of groups, "
                f"got {self.filters} and {self.groups}"
            )

    def build(self, input_shape: Shape) -> Shape:
        """(*space, channels) -> (*space', filters)."""
        size = self.windowed(input_shape)
        if input_shape[-1] % self.groups:
            raise ShapeError(
                f"{self.label}: the {input_shape[-1]} channels of an input of shape "
                f"{tuple(input_shape)} cannot be cut into {self.groups} groups."
            )
        return (*size, self.filters)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """kernel (*kernel_size, channels / groups, filters) and bias (filters,)."""
        shape = (*self.kernel_size, input_shape[-1] // self.groups, self.filters)
        params = {"kernel": self.kernel_initializer(key, shape)}
        if self.use_bias:
            params["bias"] = self.bias_initializer(jax.random.fold_in(key, 1), (self.filters,))
        return params, {}

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
        """g(x * W + b)."""
        x = without_padding(x, mask)
        return self.activation(self.preactivation(params, x)), state

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """z = x * W + b, before the activation."""
        how = (self.strides, self.padding, self.dilation_rate, self.groups)
        return plus_bias(convolve(x, params["kernel"], *how), params)


@dataclass(frozen=True, eq=False)
class Conv1D(_Convolution):
    """A convolution along time: a[o] = g(sum_t x[o s + t d - p] W[t] + b).

    Args:
        filters: number of kernels, each a channel of the output.
        kernel_size: steps in the window.
        strides: steps from window to window.
        padding: "valid" (none), "same" (output of length ceil(time / strides)) or "causal" (no
            output sees a later step).
        dilation_rate: steps from tap to tap in the window.
        groups: number of blocks that the channels are cut into, each with filters of its own.
        activation: g, by name or function (descend.nn.activations); None: g(z) = z.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of W and b; None: no penalty.

    Arrays: kernel W (kernel_size, channels / groups, filters), bias b (filters,). Input
    (time, channels), output (time', filters); any length goes at `apply`. With a mask padded steps
    enter as 0, like the padding at the edges.

    Raises:
        DescendError: a number that is no whole number >= 1, another padding, `filters` that are no
            multiple of `groups`.
        ShapeError: another rank, a window longer than the input, channels not a multiple of groups.

    Source: hull-2023, "Specialized Layer: Convolutional".

    Example:
        >>> import numpy as np
        >>> from descend import Conv1D, Input, Sequential
        >>> model = Sequential([Input((4, 1)), Conv1D(1, kernel_size=2)])
        >>> model.set_weights([[[[1.0]], [[10.0]]], [0.0]])  # this step, and ten times the next
        >>> model.predict(np.array([[[1.0], [2.0], [3.0], [4.0]]])).ravel().tolist()
        [21.0, 32.0, 43.0]
    """

    rank: ClassVar[int] = 1
    uses_mask: ClassVar[bool] = True

    @property
    def looks_ahead(self) -> str:
        """Something where a window reaches beyond its step, or steps are left out."""
        if self.padding != "causal" and self.kernel_size != (1,):
            return f"its windows reach beyond their step (padding={self.padding!r}, not 'causal')"
        return "" if self.strides == (1,) else "it leaves steps out (strides > 1)"

    def start(self, input_shape: Any, rows: int, steps: int | None) -> Any:
        """Zeros for the steps before the first, as the padding has them."""
        super().start(input_shape, rows, steps)
        return jnp.zeros(
            (rows, span(self.kernel_size[0], self.dilation_rate[0]) - 1, input_shape[-1])
        )

    def step(
        self,
        params: Arrays,
        state: Arrays,
        kept: Any,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """The windows that end at the next steps."""
        x = jnp.concatenate([kept.astype(x.dtype), x], axis=1)
        how = (self.strides, "valid", self.dilation_rate, self.groups)
        y = self.activation(plus_bias(convolve(x, params["kernel"], *how), params))
        return y, x[:, x.shape[1] - kept.shape[1] :]


@dataclass(frozen=True, eq=False)
class Conv2D(_Convolution):
    """A convolution of images: a[o] = g(sum_t x[o s + t d - p] W[t] + b), o and t pairs.

    Args:
        filters: number of kernels, each a channel of the output.
        kernel_size, strides: pixels in the window and from window to window: a number or a pair.
        padding: "valid" (none) or "same" (output of height ceil(height / strides), so the width).
        dilation_rate: pixels from tap to tap in the window, a number or a pair.
        groups: number of blocks that the channels are cut into, each with filters of its own.
        activation: g, by name or function (descend.nn.activations); None: g(z) = z.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of W and b; None: no penalty.

    Arrays: kernel W (kh, kw, channels / groups, filters), bias b (filters,). Input
    (height, width, channels), output (height', width', filters); images of any size go at `apply`.

    Raises:
        DescendError: a number that is no whole number >= 1, another padding, `filters` that are no
            multiple of `groups`.
        ShapeError: no image, a window larger than the image, channels not a multiple of groups.

    Source: hull-2023, "Specialized Layer: Convolutional"; scheidegger-2020, "CONVOLUTIONAL NEURAL
    NETS".

    Example:
        >>> import numpy as np
        >>> from descend import Conv2D, Input, Sequential
        >>> model = Sequential([Input((3, 3, 1)), Conv2D(1, kernel_size=2)])
        >>> model.set_weights([np.ones((2, 2, 1, 1)), [0.0]])  # the sum of each window of 2 x 2
        >>> x = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
        >>> model.predict(x.reshape(1, 3, 3, 1))[0, :, :, 0].tolist()
        [[8.0, 12.0], [20.0, 24.0]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class Conv3D(_Convolution):
    """A convolution of volumes, or of films. As Conv2D with one axis more.

    Args:
        filters, kernel_size, strides, padding, dilation_rate, groups: as in Conv2D, each size a
            number or three.
        activation, use_bias: as in Conv2D.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in Conv2D.

    Arrays: kernel (k_a, k_b, k_c, channels / groups, filters), bias (filters,). Input
    (a, b, c, channels), output (a', b', c', filters).

    Raises:
        DescendError, ShapeError: as in Conv2D.

    Source: hull-2023, "Specialized Layer: Convolutional".

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import Conv3D
        >>> Conv3D(4, kernel_size=3)(Input((8, 8, 8, 1))).shape  # 8 - 3 + 1
        (6, 6, 6, 4)
    """

    rank: ClassVar[int] = 3


@dataclass(frozen=True, eq=False)
class _Transpose(Layer):
    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    _: KW_ONLY
    output_padding: Any = None
    dilation_rate: Any = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    rank: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "filters")
        for field in ("kernel_size", "strides", "dilation_rate"):
            whole_numbers(self, field, self.rank)
        if self.output_padding is not None:
            whole_numbers(self, "output_padding", self.rank, least=0)
        require_padding(self, "valid", "same")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise DescendError(
                f"{type(self).__name__}: strides > 1 and dilation_rate > 1 do not go together, got "
                f"{self.strides} and {self.dilation_rate}"
            )

    def build(self, input_shape: Shape) -> Shape:
        """(*space, channels) -> (*space', filters)."""
        self.require_rank(input_shape, self.rank + 1, AXES[self.rank])
        how = (self.kernel_size, self.strides, self.dilation_rate, self.output_padding)
        return (*transposed_size(self.padding, input_shape[:-1], *how), self.filters)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """kernel (*kernel_size, filters, channels) and bias (filters,)."""
        shape = (*self.kernel_size, self.filters, input_shape[-1])
        params = {"kernel": self.kernel_initializer(key, shape)}
        if self.use_bias:
            params["bias"] = self.bias_initializer(jax.random.fold_in(key, 1), (self.filters,))
        return params, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """g(x spread by W, + b)."""
        return self.activation(self.preactivation(params, x)), state

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """z, before the activation."""
        how = (self.strides, self.padding, self.dilation_rate, self.output_padding)
        return plus_bias(convolve_transpose(x, params["kernel"], *how), params)

    def output_mask(self, x: Any, mask: Any) -> Any:
        """None: its outputs mix steps."""
        return None


@dataclass(frozen=True, eq=False)
class Conv1DTranspose(_Transpose):
    """Each step spread over a window: z[o s + t d - p] += x[o] W[t]'. From short to long.

    Args:
        filters, kernel_size, strides, dilation_rate, activation, use_bias: as in Conv1D.
        padding: "valid": (n - 1) s + max(k, s) steps come out of n; "same": n s.
        output_padding: None, or steps added behind to (n - 1) s + k ("valid") or
            (n - 1) s + k mod 2 ("same").
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in Conv1D.

    Arrays: kernel W (kernel_size, filters, channels), bias b (filters,). Input (time, channels),
    output (time', filters). Loses the mask.

    Raises:
        DescendError: a number that is no whole number >= 1 (`output_padding`: >= 0), another
            padding, `strides` and `dilation_rate` both above 1.
        ShapeError: an input that is not (time, channels).

    Source: Dumoulin and Visin, "A guide to convolution arithmetic" (2016).

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Conv1DTranspose
        >>> model = Sequential([Input((2, 1)), Conv1DTranspose(1, kernel_size=2, strides=2)])
        >>> model.set_weights([[[[1.0]], [[10.0]]], [0.0]])
        >>> model.predict(np.array([[[1.0], [2.0]]])).ravel().tolist()
        [1.0, 10.0, 2.0, 20.0]
    """

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class Conv2DTranspose(_Transpose):
    """Each pixel spread over a window. As Conv1DTranspose with one axis more.

    Args:
        filters, kernel_size, strides, dilation_rate, activation, use_bias: as in Conv2D.
        padding, output_padding: as in Conv1DTranspose, for height and width; a number or a pair.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in Conv2D.

    Arrays: kernel (kh, kw, filters, channels), bias (filters,). Input (height, width, channels),
    output (height', width', filters).

    Raises:
        DescendError: as in Conv1DTranspose.
        ShapeError: an input that is not (height, width, channels).

    Source: Dumoulin and Visin, "A guide to convolution arithmetic" (2016).

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Conv2DTranspose
        >>> model = Sequential([Input((1, 2, 1)), Conv2DTranspose(1, kernel_size=2, strides=2)])
        >>> model.set_weights([np.ones((2, 2, 1, 1)), [0.0]])
        >>> model.predict(np.array([[[[1.0], [2.0]]]]))[0, :, :, 0].tolist()
        [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class Conv3DTranspose(_Transpose):
    """Each cell spread over a window. As Conv1DTranspose with two axes more.

    Args:
        filters, kernel_size, strides, dilation_rate, activation, use_bias: as in Conv3D.
        padding, output_padding: as in Conv1DTranspose, for each space axis; a number or three.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in Conv2D.

    Arrays: kernel (k_a, k_b, k_c, filters, channels), bias (filters,). Input (a, b, c, channels),
    output (a', b', c', filters).

    Raises:
        DescendError: as in Conv1DTranspose.
        ShapeError: an input that is not (a, b, c, channels).

    Source: Dumoulin and Visin, "A guide to convolution arithmetic" (2016).

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import Conv3DTranspose
        >>> Conv3DTranspose(4, kernel_size=3, strides=2)(Input((8, 8, 8, 1))).shape  # 7 * 2 + 3
        (17, 17, 17, 4)
    """

    rank: ClassVar[int] = 3
