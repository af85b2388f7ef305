"""Recurrent layers: SimpleRNN, LSTM, GRU, and RNN for any cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.checks import positive_int
from descend.nn.layers.base import Arrays, Key, Layer, prefixed, scoped
from descend.nn.layers.cells import Cell, GatedCell, GRUCell, LSTMCell, SimpleRNNCell
from descend.nn.layers.stacked import StackedRNNCells
from descend.nn.layers.tapping import Tap
from descend.nn.symbols import gives_several


@dataclass(frozen=True, eq=False)
class OverTime(Layer):
    """A cell stepped over a sequence: what RNN, SimpleRNN, LSTM and GRU share.

    Input (batch, time, features), or a list `[x, *first_states]`; the same:
    `layer(x, initial_state=[h, c])`. The states start at 0 where none are given. At a masked step
    the states stay what they were and the output is repeated, so that a padded sequence gives what
    the unpadded one gives.

    Args:
        return_sequences: whether the output is that of every step, (batch, time, units), not that
            of the last, (batch, units).
        return_state: whether the last states are returned behind the output.
        go_backwards: whether the sequence is read from its end; the outputs are then in that order.
        stateful: whether row i of a batch goes on where row i of the batch before ended, in
            training and in prediction; the layer's state then holds "h" (and "c"), of shape
            (batch_size, units).
        batch_size: rows in every batch, needed where `stateful`; by default those of the Input.

    Raises:
        ShapeError: an input that is no sequence; states of another shape; where `stateful`, a batch
            of another size.
    """

    _: KW_ONLY
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    batch_size: int | None = None
    joins: ClassVar[bool] = True
    uses_mask: ClassVar[bool] = True
    taps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "batch_size", optional=True)

    def meet_rows(self, rows: Callable[[], int | None]) -> None:
        """Take over the batch size of the Input."""
        if self.stateful and self.batch_size is None:
            object.__setattr__(self, "batch_size", rows())
            self._require_batch_size()

    def _require_batch_size(self) -> None:
        if self.batch_size is None:
            raise DescendError(
                f"{self.label}: stateful=True needs batch_size=, the number of rows in every "
                "batch, for which the states are kept; here, or in Input(batch_size=)"
            )

    def reset_states(self) -> None:
        """Forget what was carried over from earlier batches, in all networks over this layer."""
        identity = self.identity
        if identity.source is not None:
            raise DescendError(f"{self.label} is in training; reset its states between two fits")
        identity.state = jax.tree.map(jnp.zeros_like, identity.state)

    @property
    def carries(self) -> bool:
        """Whether the states go on from batch to batch."""
        return self.stateful

    def stepped(self) -> Cell:
        """The cell."""
        raise NotImplementedError

    def inside(self, params: Arrays) -> Arrays:
        """The cell's parameters."""
        return params

    def named(self, params: Arrays) -> Arrays:
        """The layer's parameters, from the cell's."""
        return params

    def __call__(self, inputs: Any, initial_state: Any = None) -> Any:
        """Put this layer behind a symbol, or behind [x, *first states]."""
        return super().__call__(with_states(inputs, initial_state))

    def build(self, input_shape: Any) -> Any:
        """(time, d) -> (units,) or (time, units); the states' shapes where they are returned."""
        x, *first_states = input_shape if gives_several(input_shape) else (input_shape,)
        if len(x) < 2:
            self.require_rank(x, 2, "(time, features)")
        cell, step = self.stepped(), tuple(x[1:])
        if isinstance(cell, GatedCell):
            self.require_rank(x, 2, "(time, features)")
        states = cell.state_shapes(step)
        if not isinstance(cell, OverTime):
            cell.build((step, *states))
        if first_states and tuple(map(tuple, first_states)) != states:
            raise ShapeError(
                f"{self.label}: expected first states of shapes {list(states)}, got {first_states}"
            )
        step_output = cell.output_shape(step)
        output = (x[0], *step_output) if self.return_sequences else step_output
        return (output, *states) if self.return_state else output

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The cell's weights, and where `stateful` the states, zeros."""
        x = input_shape[0] if gives_several(input_shape) else input_shape
        step = tuple(x[1:])
        state: Arrays = {}
        if self.stateful:
            self._require_batch_size()
            names, shapes = self.stepped().state_names(step), self.stepped().state_shapes(step)
            state = {
                name: jnp.zeros((self.batch_size, *shape))
                for name, shape in zip(names, shapes, strict=True)
            }
        return self.named(self.stepped().draw(key, step)), state

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
        tap: Tap | None = None,
    ) -> tuple[Any, Arrays]:
        """The output of the last step, or of all, and the last states where they are returned."""
        x, *states = x if isinstance(x, (list, tuple)) else (x,)
        steps = _first_mask(mask)
        states = states or self._start(state, x)
        if self.go_backwards:
            x, steps = x[:, ::-1], None if steps is None else steps[:, ::-1]
        cell = self.stepped()
        outputs, last = cell.run(
            self.inside(params),
            x,
            tuple(states),
            mask=steps,
            key=key,
            training=training,
            **({"tap": tap} if tap is not None and cell.taps else {}),
        )
        if self.stateful:
            names = self.stepped().state_names(x.shape[2:])
            pairs = zip(names, last, strict=True)
            state = {name: array.astype(state[name].dtype) for name, array in pairs}
        y = outputs if self.return_sequences else outputs[:, -1]
        return ((y, *last) if self.return_state else y), state

    def _start(self, state: Arrays, x: jax.Array) -> list[jax.Array]:
        shapes = self.stepped().state_shapes(x.shape[2:])
        if not self.stateful:
            return [jnp.zeros((x.shape[0], *shape), x.dtype) for shape in shapes]
        if x.shape[0] != self.batch_size:
            raise ShapeError(
                f"{self.label} is stateful with batch_size={self.batch_size}: every batch has so "
                f"many rows, got one of {x.shape[0]}"
            )
        return [state[name].astype(x.dtype) for name in self.stepped().state_names(x.shape[2:])]

    @property
    def looks_ahead(self) -> str:
        """Something where it begins at the end, or gives other things than every step's output."""
        if self.go_backwards:
            return "it reads the sequence from its end (go_backwards=True)"
        if self.return_state or not self.return_sequences:
            return (
                "what it gives is not the output of every step and nothing else "
                "(return_sequences=True, return_state=False)"
            )
        return ""

    def start(self, input_shape: Any, rows: int, steps: int | None) -> Any:
        """States of zero."""
        super().start(input_shape, rows, steps)
        if gives_several(input_shape):
            raise DescendError(
                f"{self.label} cannot be read step by step: it is given first states"
            )
        shapes = self.stepped().state_shapes(tuple(input_shape[1:]))
        return tuple(jnp.zeros((rows, *shape)) for shape in shapes)

    def start_with(
        self,
        params: Arrays,
        state: Arrays,
        input_shape: Any,
        steps: int | None,
        inputs: tuple[Any, ...],
        masks: tuple[Any, ...],
    ) -> Any:
        """The first states that are given."""
        if inputs[0] is not None or any(a is None for a in inputs[1:]):
            return super().start_with(params, state, input_shape, steps, inputs, masks)
        super().start(input_shape, len(inputs[1]), steps)  # refuses what looks ahead
        return inputs[1:]

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
        """The cell goes on from the states kept."""
        return self.stepped().run(self.inside(params), x, kept, key=key, training=training)

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The input's mask in the order of the outputs where all steps are returned, else None."""
        real = _first_mask(mask) if self.return_sequences else None
        real = real[:, ::-1] if real is not None and self.go_backwards else real
        if not self.return_state:
            return real
        first = x[0] if isinstance(x, (list, tuple)) else x
        return (real, *[None] * len(self.stepped().state_shapes(first.shape[2:])))


@dataclass(frozen=True, eq=False)
class RNN(OverTime):
    """Any cell over a sequence, or several cells on top of each other: RNN([LSTMCell(8), ...]).

    Args:
        cell: cell, or a list of them (StackedRNNCells).
        return_sequences, return_state, go_backwards, stateful, batch_size: as in LSTM.

    Input (batch, time, features), or a list `[x, *first_states]`. Arrays: the cell's, named
    "cell.kernel", ....

    Raises:
        DescendError: `cell` is no cell and no list of them; `stateful` without a batch size.
        ShapeError: an input that is no sequence; states of another shape; where `stateful`, a batch
            of another size.

    Source: scheidegger-2020, "RECURRENT NEURAL NETS"; Keras's API, RNN.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import RNN, GRUCell, LSTMCell
        >>> RNN([GRUCell(4), LSTMCell(2)], return_sequences=True)(Input((5, 3))).shape
        (5, 2)
    """

    cell: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.cell, Sequence):
            object.__setattr__(self, "cell", StackedRNNCells(tuple(self.cell)))
        if not isinstance(self.cell, Cell) or isinstance(self.cell, OverTime):
            raise DescendError(
                f"{self.label}: expected a cell such as LSTMCell(8), or a list of cells, got "
                f"{self.cell!r}"
            )

    @property
    def stochastic(self) -> bool:
        """Whether the cell is."""
        return bool(self.cell.stochastic)

    def stepped(self) -> Cell:
        """The cell."""
        cell: Cell = self.cell
        return cell

    def inside(self, params: Arrays) -> Arrays:
        """The cell's parameters."""
        return scoped(params, "cell")

    def named(self, params: Arrays) -> Arrays:
        """Those, as the layer names them."""
        return prefixed("cell", params)


class OwnCell(OverTime):
    """A layer that is its own cell: the cell's fields, and those of a sequence."""

    def stepped(self) -> Any:
        """Itself."""
        return self


@dataclass(frozen=True, eq=False)
class SimpleRNN(OwnCell, SimpleRNNCell):
    """A layer that uses its own output as input, over a sequence: h_t = g(x_t W + h_{t-1} U + b).

    Args:
        units: number of units u.
        activation: g, by name or function.
        use_bias: whether b is there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b are drawn.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of W, U and b.
        dropout, recurrent_dropout: shares of x and h set to 0 in training, as in LSTM.
        return_sequences, return_state, go_backwards, stateful, batch_size: as in LSTM.

    Arrays: kernel W (d, u), recurrent_kernel U (u, u), bias b (u,). Input (batch, time, d), output
    (batch, u), with `return_sequences` (batch, time, u).

    Raises:
        DescendError: `units` that is no whole number >= 1, a share not in [0, 1), `stateful`
            without a batch size.
        ShapeError: an input that is not (time, features); states of another shape; where
            `stateful`, a batch of another size.

    Source: scheidegger-2020, "RECURRENT NEURAL NETS".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential, SimpleRNN
        >>> one = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
        >>> model = Sequential([Input((3, 1)), SimpleRNN(1, activation="linear", **one)])
        >>> model.predict(np.array([[[1.0], [2.0], [3.0]]])).tolist()  # W = U = 1, b = 0: the sum
        [[6.0]]
    """


@dataclass(frozen=True, eq=False)
class LSTM(OwnCell, LSTMCell):
    """A long short-term memory over a sequence; the formula of one step is LSTMCell's.

    Args:
        units: number of units u.
        activation, recurrent_activation: tanh and sigma of the formula, by name or function.
        use_bias: whether b is there.
        unit_forget_bias: whether the forget gate's bias starts at 1.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b are drawn, by
            name or object.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of W, U and b; None:
            no penalty.
        dropout: share of the inputs set to 0 in training, the same ones at every step.
        recurrent_dropout: share of h set to 0 in training where it enters the product with U.
        return_sequences: whether the output is that of every step, not that of the last.
        return_state: whether the last states are returned behind the output: [y, h, c].
        go_backwards: whether the sequence is read from its end; the outputs are then in that order.
        stateful: whether row i of a batch goes on where row i of the batch before ended.
        batch_size: rows in every batch, needed where `stateful`; by default those of the Input.

    Arrays: kernel W (d, 4 u), recurrent_kernel U (u, 4 u), bias b (4 u,). Input (batch, time, d),
    output (batch, u), with `return_sequences` (batch, time, u). First states, 0 by default:
    `layer(x, initial_state=[h, c])`. At a masked step the states stay and the output is repeated.

    Raises:
        DescendError: `units` that is no whole number >= 1, a share not in [0, 1), `stateful`
            without a batch size.
        ShapeError: an input that is not (time, features); states of another shape; where
            `stateful`, a batch of another size.

    Source: scheidegger-2020, "LONG SHORT-TERM MEMORY (LSTM)".

    Example:
        >>> from descend import LSTM, Input, Sequential
        >>> model = Sequential([Input((5, 3)), LSTM(2)])
        >>> model.output_shape, model.count_params()  # 4 (3 * 2 + 2 * 2 + 2)
        ((None, 2), 48)
    """


@dataclass(frozen=True, eq=False)
class GRU(OwnCell, GRUCell):
    """A gated recurrent unit over a sequence; the formula of one step is GRUCell's.

    Args:
        units: number of units u.
        activation, recurrent_activation: tanh and sigma of the formula, by name or function.
        use_bias: whether the b are there.
        reset_after: whether the gate q acts behind the product with U, as in GRUCell.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b are drawn.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of W, U and b.
        dropout, recurrent_dropout: shares of x and h set to 0 in training, as in LSTM.
        return_sequences, return_state, go_backwards, stateful, batch_size: as in LSTM.

    Arrays: kernel W (d, 3 u), recurrent_kernel U (u, 3 u), bias (2, 3 u), (3 u,) without
    `reset_after`. Input (batch, time, d), output (batch, u), with `return_sequences`
    (batch, time, u).

    Raises:
        DescendError, ShapeError: as in LSTM.

    Source: hull-2023, "Specialized Layer: Recurrent Layers"; Cho et al. 2014.

    Example:
        >>> from descend import GRU, Input, Sequential
        >>> model = Sequential([Input((5, 3)), GRU(2)])
        >>> model.output_shape, model.count_params()  # 3 (3 * 2 + 2 * 2 + 2 * 2)
        ((None, 2), 42)
    """


def with_states(inputs: Any, initial_state: Any) -> Any:
    """[x, *first states], of x and the states, if any."""
    if initial_state is None:
        return inputs
    lists = [a if isinstance(a, (list, tuple)) else [a] for a in (inputs, initial_state)]
    return [*lists[0], *lists[1]]


def _first_mask(mask: Any) -> Any:
    """The sequence's mask, where states have come with it."""
    return mask[0] if isinstance(mask, (tuple, list)) else mask
