"""Layers around layers: Bidirectional, TimeDistributed; and Masking, where masks come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn.checks import finite_number, one_of
from descend.nn.layers.base import Arrays, Key, Layer, Shape, prefixed, scoped
from descend.nn.layers.recurrent import OverTime, with_states
from descend.nn.layers.tapping import Tap, through_tap, with_tap
from descend.nn.symbols import gives_several

_MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "concat": lambda a, b: jnp.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


@dataclass(frozen=True, eq=False)
class Bidirectional(Layer):
    """A recurrent layer that reads the sequence forwards, and one that reads it backwards.

    With a mask the backward layer reads each sequence from its own last real step. The outputs of
    all steps are aligned in time.

    Args:
        layer: forward layer: an LSTM, a GRU, ...
        backward_layer: backward one; `layer`'s copy by default, with weights of its own.
        merge_mode: way in which their outputs become one: "concat" (along the features), "sum",
            "mul", "ave"; None returns both.

    First states are given as to the layer, the forward ones first; with `return_state` the last
    states follow the output in the same order.

    Arrays: "forward_layer.kernel", "backward_layer.kernel", ...

    Raises:
        DescendError: layers that are not recurrent, read the same way or return different things;
            an unknown `merge_mode`.
        ShapeError: outputs that cannot be merged, or first states for one layer alone.

    Source: Schuster and Paliwal 1997.

    Example:
        >>> from descend import LSTM, Bidirectional, Input
        >>> x = Input((5, 2))
        >>> Bidirectional(LSTM(3))(x).shape, Bidirectional(LSTM(3), merge_mode="sum")(x).shape
        ((6,), (3,))
    """

    layer: Any
    backward_layer: Any = None
    merge_mode: str | None = "concat"
    joins: ClassVar[bool] = True
    uses_mask: ClassVar[bool] = True
    taps: ClassVar[bool] = True
    copies: ClassVar[bool] = True  # as Keras's
    looks_ahead: ClassVar[str] = "it reads the sequence from both ends"

    def __post_init__(self) -> None:
        super().__post_init__()
        for layer in (self.layer, self._backward):
            if not isinstance(layer, OverTime):
                raise DescendError(
                    f"{self.label}: expected a recurrent layer such as LSTM(8), got {layer!r}"
                )
        one_of(self, "merge_mode", (*_MERGES, None))
        if self.layer.go_backwards == self._backward.go_backwards:
            raise DescendError(
                f"{self.label}: one of the two layers must have go_backwards=True, the other not"
            )
        for field in ("return_sequences", "return_state", "stateful"):
            if getattr(self.layer, field) != getattr(self._backward, field):
                raise DescendError(f"{self.label}: the two layers must have the same {field}")

    @property
    def _backward(self) -> Any:
        if self.backward_layer is not None or not isinstance(self.layer, OverTime):
            return self.backward_layer or self.layer
        return dataclasses.replace(self.layer, go_backwards=not self.layer.go_backwards)

    def inner(self) -> dict[str, Any]:
        """Both layers."""
        return {"forward_layer": self.layer, "backward_layer": self._backward}

    @property
    def stochastic(self) -> bool:
        """Whether a layer is."""
        return any(layer.stochastic for layer in self.inner().values())

    @property
    def carries(self) -> bool:
        """Whether the states of the two go on from batch to batch."""
        return bool(self.layer.carries)

    @property
    def batch_size(self) -> int | None:
        """The batch that a stateful layer is made for."""
        rows: int | None = self.layer.batch_size
        return rows

    def __call__(self, inputs: Any, initial_state: Any = None) -> Any:
        """Put this layer behind a symbol, or behind [x, *first states]."""
        return super().__call__(with_states(inputs, initial_state))

    def _inputs(self, given: Any, states: bool) -> tuple[Any, Any]:
        """What each layer is given, of x or [x, *first states]."""
        if not states or len(given) == 1:
            x = given[0] if states else given
            return x, x
        x, *first = given
        half = len(first) // 2
        if len(first) % 2:
            raise ShapeError(
                f"{self.label}: first states are given for both layers, got {len(first)}"
            )
        return (x, *first[:half]), (x, *first[half:])

    def build(self, input_shape: Any) -> Any:
        """The merged output, and both layers' states where they are returned."""
        inputs = self._inputs(input_shape, gives_several(input_shape))
        built: list[Any] = [
            layer.build(shape) for layer, shape in zip(self.inner().values(), inputs, strict=True)
        ]
        (a, *first), (b, *second) = built if self.layer.return_state else [[s] for s in built]
        if self.merge_mode == "concat":
            outputs: list[Shape] = [(*a[:-1], a[-1] + b[-1])]
        elif self.merge_mode is None:
            outputs = [a, b]
        elif a == b:
            outputs = [a]
        else:
            raise ShapeError(
                f"{self.label}: merge_mode={self.merge_mode!r} needs outputs of one shape, got "
                f"{a} and {b}"
            )
        outputs += [*first, *second]
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Both layers' arrays."""
        params: Arrays = {}
        state: Arrays = {}
        inputs = self._inputs(input_shape, gives_several(input_shape))
        for number, ((name, layer), shape) in enumerate(
            zip(self.inner().items(), inputs, strict=True)
        ):
            layer_params, layer_state = layer.init(jax.random.fold_in(key, number), shape)
            params |= prefixed(name, layer_params)
            state |= prefixed(name, layer_state)
        return params, state

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
        """Both layers' outputs, merged."""
        inputs = self._inputs(x, isinstance(x, (tuple, list)))
        outputs: list[jax.Array] = []
        states: list[jax.Array] = []
        new_state: Arrays = {}
        for number, ((name, layer), layer_input) in enumerate(
            zip(self.inner().items(), inputs, strict=True)
        ):
            layer, inside = with_tap(layer, name, tap)
            y, layer_state = layer.apply(
                scoped(params, name),
                scoped(state, name),
                layer_input,
                key=None if key is None else jax.random.fold_in(key, number),
                training=training,
                mask=mask,
                **inside,
            )
            y = through_tap(tap, name, layer_input, y)
            y, *last = y if layer.return_state else (y,)
            backwards = layer.return_sequences and layer.go_backwards
            outputs.append(y[:, ::-1] if backwards else y)
            states += last
            new_state |= prefixed(name, layer_state)
        if self.merge_mode is not None:
            outputs = [_MERGES[self.merge_mode](*outputs)]
        result = (*outputs, *states)
        return (result if len(result) > 1 else result[0]), new_state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The input's mask where all steps are returned, else None."""
        mask = mask[0] if isinstance(mask, (tuple, list)) else mask
        steps = mask if self.layer.return_sequences else None
        x = x[0] if isinstance(x, (tuple, list)) else x
        states = 0
        if self.layer.return_state:
            cells = [layer.stepped() for layer in self.inner().values()]
            states = sum(len(cell.state_shapes(x.shape[2:])) for cell in cells)
        outputs = 2 if self.merge_mode is None else 1
        masks = (*[steps] * outputs, *[None] * states)
        return masks if len(masks) > 1 else steps


@dataclass(frozen=True, eq=False)
class TimeDistributed(Layer):
    """A layer applied to every step of a sequence by itself: (batch, time, ...) -> the same.

    Args:
        layer: any layer of one input; steps count as rows.

    Arrays: "layer.kernel", ... Where the layer's rows see each other (batch normalisation), masked
    steps are left out.

    Raises:
        DescendError: `layer` is no layer.
        ShapeError: an input without a time axis.

    Source: Keras's API, TimeDistributed.

    Example:
        >>> from descend import Dense, Input, Sequential, TimeDistributed
        >>> model = Sequential([Input((5, 3)), TimeDistributed(Dense(2))])
        >>> model.output_shape, model.count_params()  # one Dense for all steps: 3 * 2 + 2
        ((None, 5, 2), 8)
    """

    layer: Any
    uses_mask: ClassVar[bool] = True
    taps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layer, Layer):
            raise DescendError(f"{self.label}: expected a layer, got {self.layer!r}")

    @property
    def stochastic(self) -> bool:
        """Whether the layer is."""
        return bool(self.layer.stochastic)

    @property
    def mixes_rows(self) -> bool:
        """Whether the layer's rows see each other."""
        return bool(self.layer.mixes_rows)

    def build(self, input_shape: Any) -> Any:
        """(time, ...) -> (time, what the layer makes of the rest)."""
        if len(input_shape) < 2:
            self.require_rank(input_shape, 2, "(time, features), or more axes")
        built = self.layer.build(tuple(input_shape[1:]))
        if gives_several(built):
            return tuple((input_shape[0], *shape) for shape in built)
        return (input_shape[0], *built)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The layer's arrays."""
        params, state = self.layer.init(key, tuple(input_shape[1:]))
        return prefixed("layer", params), prefixed("layer", state)

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
        """The layer's output on every step."""
        batch, time = x.shape[:2]
        layer, options = with_tap(self.layer, "layer", tap)
        if key is not None:
            options["key"] = key
        if self.layer.mixes_rows and self.layer.uses_mask and mask is not None:
            rows = mask if mask.ndim == 2 else jnp.broadcast_to(mask[:, None], (batch, time))
            options["mask"] = rows.reshape(-1)
        rows = x.reshape(batch * time, *x.shape[2:])
        y, layer_state = layer.apply(
            scoped(params, "layer"), scoped(state, "layer"), rows, training=training, **options
        )
        y = through_tap(tap, "layer", rows, y)
        y = jax.tree.map(lambda a: a.reshape(batch, time, *a.shape[1:]), y)
        return y, prefixed("layer", layer_state)

    looks_ahead: ClassVar[str] = ""

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The input's mask, for every output."""
        built = self.layer.build(tuple(x.shape[2:]))
        return (mask,) * len(built) if gives_several(built) else mask


@dataclass(frozen=True, eq=False)
class Masking(Layer):
    """Leaves out the steps whose features all equal `mask_value`: padding.

    The layers behind it skip those steps; their features are set to 0.

    Args:
        mask_value: number that the padding holds.

    Input (batch, time, features).

    Raises:
        DescendError: a `mask_value` that is no finite number.
        ShapeError: an input that is not (time, features).

    Source: Keras's API, Masking.

    Example:
        >>> import numpy as np
        >>> from descend import GlobalAveragePooling1D, Input, Masking, Sequential
        >>> model = Sequential([Input((3, 1)), Masking(), GlobalAveragePooling1D()])
        >>> model.predict(np.array([[[2.0], [4.0], [0.0]]])).tolist()  # the mean of two steps
        [[3.0]]
    """

    mask_value: float = 0.0
    gives_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "mask_value")

    def build(self, input_shape: Shape) -> Shape:
        """The same."""
        self.require_rank(input_shape, 2, "(time, features)")
        return input_shape

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x, zero at the steps left out."""
        return x * self._real(x)[..., None].astype(x.dtype), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """True where a feature differs from `mask_value` (and the input's mask is True)."""
        return self._real(x) if mask is None else self._real(x) & mask

    def _real(self, x: jax.Array) -> jax.Array:
        return jnp.any(x != self.mask_value, axis=-1)
