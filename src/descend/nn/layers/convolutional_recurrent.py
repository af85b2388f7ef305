"""Convolutions over time: ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, for films and maps in a sequence."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from descend.errors import DescendError
from descend.nn import recurrence
from descend.nn.checks import fraction, positive_int
from descend.nn.convolve import convolve
from descend.nn.layers.base import Arrays, Key, Shape, plus
from descend.nn.layers.cells import States, WholeCell
from descend.nn.layers.convolution import places, plus_bias, require_padding, whole_numbers
from descend.nn.layers.recurrent import OwnCell


@dataclass(frozen=True, eq=False)
class ConvLSTMCell(WholeCell):
    """One step: an LSTM whose products are convolutions (`*`).

        i, f, o = sigma(x * W + h * U + b),   g = tanh(x * W + h * U + b),
        c' = f c + i g,                       h' = o tanh(c')

    Args:
        filters: channels of h and c.
        kernel_size: places in the window, of both convolutions.
        strides, padding, dilation_rate: how the window slides over x; over h it keeps the size.
        activation: tanh above.
        recurrent_activation: sigma.
        use_bias: whether b is there.
        unit_forget_bias: whether the forget gate's bias starts at 1.
        dropout, recurrent_dropout: shares of x and h set to 0 in training, the same at every step;
            a rate above 0 may be swept.

    Arrays: kernel (window, channels, 4 filters), recurrent_kernel (window, filters, 4 filters),
    bias (4 filters,); the gates in the order i, f, g, o.

    Source: Shi et al. 2015; the LSTM in scheidegger-2020, "LONG SHORT-TERM MEMORY (LSTM)".
    """

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    _: KW_ONLY
    dilation_rate: Any = 1
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    dropout: Any = 0.0
    recurrent_dropout: Any = 0.0
    rank: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "filters")
        for field in ("kernel_size", "strides", "dilation_rate"):
            whole_numbers(self, field, self.rank)
        require_padding(self, "valid", "same")
        fraction(self, "dropout")
        fraction(self, "recurrent_dropout")

    @property
    def swept(self) -> tuple[str, ...]:
        """The rates that are above 0."""
        rates = ("dropout", "recurrent_dropout")
        numbers = {rate: getattr(self, rate) for rate in rates}
        return tuple(r for r, v in numbers.items() if not isinstance(v, (int, float)) or v > 0)

    @property
    def stochastic(self) -> bool:
        """Whether there is dropout."""
        return bool(self.swept)

    def penalty(self, params: Arrays) -> jax.Array | None:
        """Penalties, the recurrent kernel's under Keras's name `recurrent_regularizer`."""
        total = super().penalty(params)
        if self.recurrent_regularizer is None or "recurrent_kernel" not in params:
            return total
        return plus(total, self.recurrent_regularizer(params["recurrent_kernel"]))

    def output_shape(self, step_shape: Shape) -> Shape:
        """(*space', filters)."""
        return (*places(self, step_shape, "steps of "), self.filters)

    def state_shapes(self, step_shape: Shape) -> tuple[Shape, ...]:
        """Of h and c."""
        return (self.output_shape(step_shape),) * 2

    def state_names(self, step_shape: Shape) -> tuple[str, ...]:
        """h and c."""
        return ("h", "c")

    def draw(self, key: jax.Array, step_shape: Shape) -> Arrays:
        """kernel, recurrent_kernel, bias."""
        width = 4 * self.filters
        recurrent = (*self.kernel_size, self.filters, width)
        params = {
            "kernel": self.kernel_initializer(key, (*self.kernel_size, step_shape[-1], width)),
            "recurrent_kernel": self.recurrent_initializer(jax.random.fold_in(key, 1), recurrent),
        }
        if self.use_bias:
            bias = self.bias_initializer(jax.random.fold_in(key, 2), (width,))
            open_forget = bias.at[self.filters : 2 * self.filters].set(1.0)
            params["bias"] = open_forget if self.unit_forget_bias else bias
        return params

    def build(self, input_shape: Any) -> Any:
        """(x, h, c) -> (h', h', c')."""
        states = self.state_shapes(tuple(input_shape[0]))
        return (states[0], *states)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The weights."""
        return self.draw(key, tuple(input_shape[0])), {}

    def run(
        self,
        params: Arrays,
        x: jax.Array,
        states: States,
        *,
        mask: jax.Array | None = None,
        key: Key = None,
        training: bool = False,
    ) -> tuple[jax.Array, States]:
        """Step over time, the input's convolution taken for all steps at once."""
        drop: Any = None
        if training and self.stochastic:
            first, second = jax.random.split(self._key(key))
            x = x * self._drop(first, self.dropout, (x.shape[0], 1, *x.shape[2:]), x.dtype)
            drop = self._drop(second, self.recurrent_dropout, states[0].shape, x.dtype)
        batch, time = x.shape[:2]
        how = (self.strides, self.padding, self.dilation_rate, 1)
        rows = jnp.reshape(x, (batch * time, *x.shape[2:]))
        z = plus_bias(convolve(rows, params["kernel"], *how), params)
        z = jnp.swapaxes(jnp.reshape(z, (batch, time, *z.shape[1:])), 0, 1)
        same = ((1,) * self.rank, "same", (1,) * self.rank, 1)

        def step(before: States, now: Any) -> tuple[States, jax.Array]:
            z, real = now
            h, c = before
            z = z + convolve(h if drop is None else h * drop, params["recurrent_kernel"], *same)
            i, f, g, o = jnp.split(z, 4, axis=-1)
            i, f, o = map(self.recurrent_activation, (i, f, o))
            c = f * c + i * self.activation(g)
            new = recurrence.hold(real, (o * self.activation(c), c), before)
            return new, new[0]

        first_states = tuple(s.astype(z.dtype) for s in states)
        last, h = lax.scan(step, first_states, (z, None if mask is None else mask.T))
        return jnp.swapaxes(h, 0, 1), last

    def _key(self, key: jax.Array | None) -> jax.Array:
        if key is None:
            raise DescendError(
                f"{self.label} needs a key in training: apply(..., key=jax.random.key(0))"
            )
        return key

    def _drop(self, key: jax.Array, rate: Any, shape: Shape, dtype: Any) -> jax.Array:
        keep = jax.random.bernoulli(key, 1.0 - rate, shape)
        return jnp.where(keep, 1.0 / (1.0 - rate), 0.0).astype(dtype)


@dataclass(frozen=True, eq=False)
class ConvLSTM1D(OwnCell, ConvLSTMCell):
    """An LSTM whose products are convolutions, over signals in time: (time, places, channels).

    The formula of one step is that of ConvLSTMCell, ConvLSTM2D's with one axis less.

    Args:
        filters, activation, recurrent_activation, use_bias, unit_forget_bias: as in ConvLSTM2D.
        kernel_size, strides, padding, dilation_rate: as in Conv1D, without "causal".
        dropout, recurrent_dropout: shares set to 0 in training, as in ConvLSTM2D.
        kernel_initializer, recurrent_initializer, bias_initializer: as in ConvLSTM2D.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: as in ConvLSTM2D.
        return_sequences, return_state, go_backwards, stateful, batch_size: as in LSTM.

    Arrays: kernel (kernel_size, channels, 4 filters), recurrent_kernel
    (kernel_size, filters, 4 filters), bias (4 filters,). Output (places', filters), with
    `return_sequences` (time, places', filters).

    Raises:
        DescendError, ShapeError: as in ConvLSTM2D.

    Source: Shi et al. 2015, "Convolutional LSTM Network".

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import ConvLSTM1D
        >>> ConvLSTM1D(3, kernel_size=2)(Input((5, 8, 1))).shape  # 5 steps of 8 places
        (7, 3)
    """

    rank: ClassVar[int] = 1
    taps: ClassVar[bool] = False


@dataclass(frozen=True, eq=False)
class ConvLSTM2D(OwnCell, ConvLSTMCell):
    """An LSTM whose products are convolutions (`*`), over a film: (time, height, width, channels).

        i, f, o = sigma(x * W + h * U + b),   g = tanh(x * W + h * U + b),
        c' = f c + i g,                       h' = o tanh(c')

    Args:
        filters: channels of h and c.
        kernel_size: pixels in the window, of both convolutions; a number or a pair.
        strides, padding, dilation_rate: as in Conv2D, for the window over x; that over h keeps the
            size.
        activation, recurrent_activation: tanh and sigma above, by name or function.
        use_bias: whether b is there.
        unit_forget_bias: whether the forget gate's bias starts at 1.
        dropout, recurrent_dropout: shares of x and h set to 0 in training, the same at every step.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b are drawn.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of W, U and b.
        return_sequences, return_state, go_backwards, stateful, batch_size: as in LSTM.

    Arrays: kernel W (kh, kw, channels, 4 filters), recurrent_kernel U (kh, kw, filters, 4 filters),
    bias b (4 filters,); the gates in the order i, f, g, o. Output (height', width', filters), with
    `return_sequences` (time, height', width', filters).

    Raises:
        DescendError: a size that is no whole number >= 1, a padding that is neither "valid" nor
            "same", a share not in [0, 1), `stateful` without a batch size.
        ShapeError: steps that are no images; states of another shape; a batch of another size where
            `stateful`.

    Source: Shi et al. 2015, "Convolutional LSTM Network"; the LSTM in scheidegger-2020, "LONG
    SHORT-TERM MEMORY (LSTM)".

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import ConvLSTM2D
        >>> ConvLSTM2D(3, kernel_size=2)(Input((5, 8, 8, 1))).shape  # 5 images of 8 x 8
        (7, 7, 3)
    """

    rank: ClassVar[int] = 2
    taps: ClassVar[bool] = False


@dataclass(frozen=True, eq=False)
class ConvLSTM3D(OwnCell, ConvLSTMCell):
    """An LSTM whose products are convolutions, over volumes in time: (time, a, b, c, channels).

    The formula of one step is that of ConvLSTMCell, ConvLSTM2D's with one axis more.

    Args:
        filters, activation, recurrent_activation, use_bias, unit_forget_bias: as in ConvLSTM2D.
        kernel_size, strides, padding, dilation_rate: as in Conv3D.
        dropout, recurrent_dropout: shares set to 0 in training, as in ConvLSTM2D.
        kernel_initializer, recurrent_initializer, bias_initializer: as in ConvLSTM2D.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: as in ConvLSTM2D.
        return_sequences, return_state, go_backwards, stateful, batch_size: as in LSTM.

    Arrays: as in ConvLSTM2D with one axis more. Output (a', b', c', filters), with
    `return_sequences` (time, a', b', c', filters).

    Raises:
        DescendError, ShapeError: as in ConvLSTM2D.

    Source: Shi et al. 2015, "Convolutional LSTM Network".

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import ConvLSTM3D
        >>> ConvLSTM3D(3, kernel_size=2)(Input((5, 8, 8, 8, 1))).shape  # 5 volumes of 8 x 8 x 8
        (7, 7, 7, 3)
    """

    rank: ClassVar[int] = 3
    taps: ClassVar[bool] = False
