"""Cells, one step of a recurrence: SimpleRNNCell, LSTMCell, GRUCell."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from descend.errors import DescendError, ShapeError
from descend.nn import recurrence
from descend.nn.checks import fraction, positive_int
from descend.nn.layers.base import Arrays, Key, Layer, Shape, plus
from descend.nn.layers.tapping import Tap, through_tap
from descend.nn.recurrence import Gated, GatedBefore, LongShort, Recurrence, Simple, Through
from descend.nn.symbols import gives_several

States = tuple[jax.Array, ...]


@dataclass(frozen=True, eq=False)
class Cell(Layer):
    """One step of a recurrence: a layer called on `[x, *states]` that returns `(output, *states)`.

    For a cell of your own, define `state_shapes` and the layer's `build`, `init` and `apply`;
    `RNN` steps it over time.
    """

    joins: ClassVar[bool] = True

    def state_shapes(self, step_shape: Shape) -> tuple[Shape, ...]:
        """The shapes of the states, without the batch axis, for the shape of one step of input."""
        raise NotImplementedError

    def state_names(self, step_shape: Shape) -> tuple[str, ...]:
        """How a stateful layer names the states it keeps."""
        return tuple(f"state_{i}" for i in range(len(self.state_shapes(step_shape))))

    def draw(self, key: jax.Array, step_shape: Shape) -> Arrays:
        """The parameters for the shape of one step of input."""
        return self.init(key, (tuple(step_shape), *self.state_shapes(step_shape)))[0]

    def output_shape(self, step_shape: Shape) -> Shape:
        """The shape of one step of output."""
        built: Any = self.build((tuple(step_shape), *self.state_shapes(step_shape)))
        return tuple(built[0])

    def require_states(self, input_shape: Any) -> tuple[Shape, ...]:
        """The shapes of the states; raises ShapeError where a cell is called on anything else."""
        step = tuple(input_shape[0]) if gives_several(input_shape) else (1,)
        states = self.state_shapes(step)
        if not gives_several(input_shape) or tuple(map(tuple, input_shape[1:])) != states:
            raise ShapeError(
                f"{self.label}: a cell is called on a list [x, *states] of shapes "
                f"[(features,), {', '.join(map(str, states))}], got {input_shape}"
            )
        return states

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
        """Step over time: x (batch, time, ...) -> (outputs (batch, time, ...), last states).

        At a masked step the states stay and the output is repeated (zeros before the first).
        """
        shape = self.output_shape(x.shape[2:])
        keys = {"key": key} if self.stochastic and training else {}

        def step(carry: Any, now: Any) -> Any:
            before, output = carry
            x, real = now
            (new, *states), _ = self.apply(params, {}, (x, *before), training=training, **keys)
            values = recurrence.hold(real, (new, *states), (output, *before))
            return (values[1:], values[0]), values[0]

        first = (tuple(states), jnp.zeros((x.shape[0], *shape), x.dtype))
        now = (_time_first(x), None if mask is None else mask.T)
        (last, _), outputs = lax.scan(step, first, now)
        return _time_first(outputs), last


@dataclass(frozen=True, eq=False)
class WholeCell(Cell):
    """A cell that writes `run`, which is faster than step by step: a step is a run of one."""

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        tap: Tap | None = None,
    ) -> tuple[Any, Arrays]:
        """One step."""
        x, *states = x
        tapped: dict[str, Any] = {} if tap is None else {"tap": tap}
        output, last = self.run(
            params, x[:, None], tuple(states), key=key, training=training, **tapped
        )
        return (output[:, 0], *last), state


@dataclass(frozen=True, eq=False)
class GatedCell(WholeCell):
    """What SimpleRNNCell, LSTMCell and GRUCell share: arguments and arrays as in LSTM.

    A dropout above 0 may be swept.
    """

    units: int
    activation: Any = "tanh"
    _: KW_ONLY
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    dropout: Any = 0.0
    recurrent_dropout: Any = 0.0
    taps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "units")
        fraction(self, "dropout")
        fraction(self, "recurrent_dropout")

    @property
    def recurrence(self) -> Recurrence:
        """The formula of one step."""
        raise NotImplementedError

    @property
    def swept(self) -> tuple[str, ...]:
        """The rates that are above 0."""
        rates = ("dropout", "recurrent_dropout")
        return tuple(r for r in rates if not _is_zero(getattr(self, r)))

    @property
    def stochastic(self) -> bool:
        """Whether there is dropout."""
        return bool(self.swept)

    def penalty(self, params: Arrays) -> jax.Array | None:
        """Penalties, the recurrent kernel's under Keras's name `recurrent_regularizer`."""
        total = super().penalty(params)
        if self.recurrent_regularizer is None or "recurrent_kernel" not in params:
            return total
        recurrent = self.recurrent_regularizer(params["recurrent_kernel"])
        return plus(total, recurrent)

    def state_shapes(self, step_shape: Shape) -> tuple[Shape, ...]:
        """(units,) each."""
        return ((self.units,),) * self.recurrence.states

    def state_names(self, step_shape: Shape) -> tuple[str, ...]:
        """h, and c of an LSTM."""
        return ("h", "c")[: self.recurrence.states]

    def output_shape(self, step_shape: Shape) -> Shape:
        """(units,)."""
        return (self.units,)

    def build(self, input_shape: Any) -> Any:
        """((d,), (units,), ...) -> ((units,), (units,), ...)."""
        states = self.require_states(input_shape)
        self.require_rank(input_shape[0], 1, "(features,)")
        return (self.output_shape(()), *states)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The weights."""
        return self.draw(key, input_shape[0]), {}

    def draw(self, key: jax.Array, step_shape: Shape) -> Arrays:
        """kernel, recurrent_kernel, bias."""
        width = self.units * self.recurrence.gates
        params = {
            "kernel": self.kernel_initializer(key, (step_shape[-1], width)),
            "recurrent_kernel": self.recurrent_initializer(
                jax.random.fold_in(key, 1), (self.units, width)
            ),
        }
        if self.use_bias:
            params["bias"] = self._bias(jax.random.fold_in(key, 2), width)
        return params

    def _bias(self, key: jax.Array, width: int) -> jax.Array:
        bias: jax.Array = self.bias_initializer(key, (width,))
        return bias

    def _biases(self, params: Arrays) -> tuple[jax.Array | None, jax.Array | None]:
        """The biases of the input's and of the recurrent product."""
        return (params["bias"] if self.use_bias else None), None

    def run(
        self,
        params: Arrays,
        x: jax.Array,
        states: States,
        *,
        mask: jax.Array | None = None,
        key: Key = None,
        training: bool = False,
        tap: Tap | None = None,
    ) -> tuple[jax.Array, States]:
        """Step over time, the input's product taken for all steps at once."""
        drop = None
        if training and self.stochastic:
            keys = self._keys(key)
            x = x * self._drop(keys[0], self.dropout, (x.shape[0], 1, x.shape[2]), x.dtype)
            drop = self._drop(keys[1], self.recurrent_dropout, states[0].shape, x.dtype)
        inside, recurrent = self._biases(params)
        # time comes first inside: a step is then one block of memory
        z = _time_first(x) @ params["kernel"]
        z = z if inside is None else z + inside[None, None]
        # the gradient here is that of every step's z, to which this part is added
        z = through_tap(tap, ":inputs", x, z)
        states = tuple(s.astype(z.dtype) for s in states)
        through = Through(states, None if mask is None else mask.T, drop)
        arguments = (self.recurrence, z, params["recurrent_kernel"], recurrent, through)
        h, last = recurrence.recur(*arguments)
        if getattr(tap, "details", False):
            through_tap(tap, ":z", h, recurrence.preactivations(*arguments, h))
        return _time_first(h), last

    def _keys(self, key: jax.Array | None) -> jax.Array:
        if key is None:
            raise DescendError(
                f"{self.label} needs a key in training: apply(..., key=jax.random.key(0))"
            )
        return jax.random.split(key)

    def _drop(self, key: jax.Array, rate: Any, shape: Shape, dtype: Any) -> jax.Array:
        keep = jax.random.bernoulli(key, 1.0 - rate, shape)
        return jnp.where(keep, 1.0 / (1.0 - rate), 0.0).astype(dtype)


@dataclass(frozen=True, eq=False)
class SimpleRNNCell(GatedCell):
    """h' = g(x W + h U + b): one step of a layer that uses its own output as input.

    Called on [x, h], returns (h', h'). Arguments and arrays: SimpleRNN, but those of a sequence.

    Raises:
        DescendError: `units` that is no whole number >= 1, or a dropout not in [0, 1).
        ShapeError: inputs that are not [(features,), (units,)], one (units,) for each state.

    Source: scheidegger-2020, "RECURRENT NEURAL NETS".

    Example:
        >>> from descend.nn.layers import SimpleRNNCell
        >>> SimpleRNNCell(2).state_shapes((3,))  # h, for a step of 3 features
        ((2,),)
    """

    @property
    def recurrence(self) -> Recurrence:
        """The formula of one step."""
        return Simple(self.activation)


@dataclass(frozen=True, eq=False)
class LSTMCell(GatedCell):
    """One step of a long short-term memory:

        i, f, o = sigma(x W + h U + b),   g = tanh(x W + h U + b),   c' = f c + i g,
        h' = o tanh(c'),

    each gate with its own columns of W, U, b, in the order i, f, g, o. Called on [x, h, c], returns
    (h', h', c'). Other arguments and arrays: LSTM.

    Args:
        recurrent_activation: sigma, by name or function.
        unit_forget_bias: whether the forget gate's bias starts at 1, open (Jozefowicz et al. 2015).

    Raises:
        DescendError, ShapeError: as in SimpleRNNCell.

    Source: scheidegger-2020, "LSTM FORGET GATE", "LSTM NEW STATE", "LSTM OUTPUT".

    Example:
        >>> from descend.nn.layers import LSTMCell
        >>> LSTMCell(2).state_shapes((3,))  # h and c, for a step of 3 features
        ((2,), (2,))
    """

    _: KW_ONLY
    recurrent_activation: Any = "sigmoid"
    unit_forget_bias: bool = True

    @property
    def recurrence(self) -> Recurrence:
        """The formula of one step."""
        return LongShort(self.activation, self.recurrent_activation)

    def _bias(self, key: jax.Array, width: int) -> jax.Array:
        bias = super()._bias(key, width)
        if not self.unit_forget_bias:
            return bias
        return bias.at[self.units : 2 * self.units].set(1.0)


@dataclass(frozen=True, eq=False)
class GRUCell(GatedCell):
    """One step of a gated recurrent unit:

        z, q = sigma(x W + b_0 + h U + b_1),   n = tanh(x W + b_0 + q (h U + b_1)),
        h' = z h + (1 - z) n,

    each with its own columns of W and U, in the order z, q, n. Called on [x, h], returns (h', h').
    Other arguments and arrays: GRU.

    Args:
        recurrent_activation: sigma, by name or function.
        reset_after: whether the gate q acts behind the product with U. Else it acts on h before,
            n = tanh(x W + b + (q h) U), as in Cho et al. 2014; there is then one bias.

    Raises:
        DescendError, ShapeError: as in SimpleRNNCell.

    Source: hull-2023, "Specialized Layer: Recurrent Layers".

    Example:
        >>> from descend.nn.layers import GRUCell
        >>> GRUCell(2).state_shapes((3,))  # h, for a step of 3 features
        ((2,),)
    """

    _: KW_ONLY
    recurrent_activation: Any = "sigmoid"
    reset_after: bool = True

    @property
    def recurrence(self) -> Recurrence:
        """The formula of one step."""
        formula = Gated if self.reset_after else GatedBefore
        return formula(self.activation, self.recurrent_activation)

    def _bias(self, key: jax.Array, width: int) -> jax.Array:
        shape = (2, width) if self.reset_after else (width,)
        bias: jax.Array = self.bias_initializer(key, shape)
        return bias

    def _biases(self, params: Arrays) -> tuple[jax.Array | None, jax.Array | None]:
        if not (self.use_bias and self.reset_after):
            return super()._biases(params)
        return params["bias"][0], params["bias"][1]


def _time_first(x: jax.Array) -> jax.Array:
    """(batch, time, ...) <-> (time, batch, ...)."""
    return jnp.swapaxes(x, 0, 1)


def _is_zero(rate: Any) -> bool:
    return isinstance(rate, (int, float)) and rate == 0  # a traced rate is one that is not
