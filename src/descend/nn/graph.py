"""A network: a directed graph of layers, joined into one `init` and one `apply`."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import activations
from descend.nn.layers.base import Arrays, Layer, Shape, plus
from descend.nn.layers.tapping import Tap, through_tap, with_tap
from descend.nn.naming import input_names, numbered, unique_names
from descend.nn.symbols import (
    Call,
    OpenShape,
    Symbol,
    alone,
    arranged,
    connect,
    fits,
    listed,
    require_same_arrays,
)


@dataclass(frozen=True)
class Node:
    """One call of a layer in a graph: where it takes its inputs and what shapes they have."""

    layer: Layer
    sources: tuple[int, ...]  # places in the list of values: inputs first, then nodes' outputs
    place: int  # of its first output
    input_shape: Any  # where sizes are left open, with one that stands for them
    output_shapes: tuple[OpenShape, ...]
    call: Call

    @property
    def frozen(self) -> bool:
        """Whether it was called with training=False: it then always works as at prediction."""
        return self.call.training is False


class Graph:
    """The functional core of a network.

    Args:
        inputs: the symbol of an Input, or a list of them.
        outputs: the symbol of a layer's output, or a list or dict of them.
        name: shown by `summary()`.
        compute_dtype: what layers compute in that do not say so themselves, as "bfloat16".
        trainable: False freezes all layers.

    Raises:
        DescendError: an output that does not depend on the inputs given, an input that nothing
            uses, or two layers to which somebody gave one name.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str = "model",
        compute_dtype: str | None = None,
        trainable: bool = True,
    ) -> None:
        self.name = name
        self.default_dtype, self._trainable = compute_dtype, trainable
        self.single_input = not isinstance(inputs, (list, tuple))
        keys = tuple(outputs) if isinstance(outputs, Mapping) else None
        outputs = list(outputs.values()) if isinstance(outputs, Mapping) else outputs
        self.single_output = not isinstance(outputs, (list, tuple))
        self.form: Any = 1 if self.single_output else keys  # of the outputs, see `arranged`
        self._inputs: list[Symbol] = [inputs] if self.single_input else list(inputs)
        self._outputs: list[Symbol] = [outputs] if self.single_output else list(outputs)
        for symbol in (*self._inputs, *self._outputs):
            if not isinstance(symbol, Symbol):
                raise DescendError(
                    f"Model: inputs and outputs are symbols, made by Input and by calling layers "
                    f"on it; got {type(symbol).__name__}"
                )
        self._close()

    # -- joining ------------------------------------------------------------------------------

    def _close(self) -> None:
        place: dict[int, int] = {id(s): i for i, s in enumerate(self._inputs)}
        first: dict[int, int] = {}  # place of a call's first output
        order: list[Call] = []
        count = len(self._inputs)

        # Depth first without recursion, so that a deep network does not meet Python's limit.
        stack = [(s, False) for s in reversed(self._outputs)]
        while stack:
            symbol, ready = stack.pop()
            if id(symbol) in place:
                continue
            call = symbol.call
            if call is None:
                raise DescendError(
                    f"Model: an output depends on {symbol!r}, which is not among the inputs given"
                )
            if id(call) in first:
                place[id(symbol)] = first[id(call)] + symbol.part
            elif ready:
                first[id(call)] = count
                place[id(symbol)] = count + symbol.part
                order.append(call)
                count += len(call.shapes)
            else:
                stack.append((symbol, True))
                stack.extend((s, False) for s in reversed(call.inputs))

        used = {id(s) for call in order for s in call.inputs} | {id(s) for s in self._outputs}
        for symbol in self._inputs:
            if symbol.call is not None:
                raise DescendError(f"Model: {symbol!r} is among the inputs; inputs come from Input")
            if id(symbol) not in used:
                raise DescendError(f"Model: the input {symbol!r} is not used by any output")

        layers = unique_names([call.layer for call in order], self.default_dtype, self._trainable)
        self.input_names = tuple(input_names(self._inputs))
        self.nodes: tuple[Node, ...] = tuple(
            Node(
                layer=layers[id(call.layer.identity)],
                sources=tuple(place[id(i)] for i in call.inputs),
                place=first[id(call)],
                input_shape=alone([i.trial(0) for i in call.inputs]),
                output_shapes=call.shapes,
                call=call,
            )
            for call in order
        )
        self.outputs_at: tuple[int, ...] = tuple(place[id(s)] for s in self._outputs)
        named_at = [self._name_at(i) for i in self.outputs_at]
        self.output_names = tuple(numbered(named_at) if self.form in (1, None) else self.form)
        self._layers: dict[str, Layer] = {}
        for node in self.nodes:
            self._layers.setdefault(str(node.layer.name), node.layer)
            vars(node.layer).setdefault("_graph_calls", []).append(node.call)
        self.input_shapes = tuple(s.shape for s in self._inputs)
        self.output_shapes = tuple(s.shape for s in self._outputs)
        self._check_shared()
        self.stochastic = any(layer.stochastic for layer in self._layers.values())
        self.noisy = any(_noisy(layer) for layer in self._layers.values())
        self.carries = any(layer.carries for layer in self._layers.values())
        self.mixes_rows = any(layer.mixes_rows for layer in self._layers.values())

    @property
    def input_symbols(self) -> list[Symbol]:
        """What it was closed over."""
        return self._inputs

    @property
    def output_symbols(self) -> list[Symbol]:
        """What it computes, as symbols."""
        return self._outputs

    @property
    def layers(self) -> Any:
        """The layers by name, in their order."""
        return self._layers

    @property
    def layer_names(self) -> list[str]:
        """Their names."""
        return list(self._layers)

    def _check_shared(self) -> None:
        """A layer called twice must need the same arrays both times."""
        first: dict[str, Node] = {}
        for node in self.nodes:
            other = first.setdefault(str(node.layer.name), node)
            require_same_arrays(node.layer, other.input_shape, node.input_shape)

    def _node_at(self, place: int) -> Node | None:
        """The node that gives a value; None for an input."""
        return next((n for n in reversed(self.nodes) if n.place <= place), None)

    def _name_at(self, place: int) -> str:
        node = self._node_at(place)
        return str(node.layer.name) if node else self.input_names[place]

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Put this whole graph behind other symbols; its layers are shared, not copied.

        With training=False they work as at prediction, also while the new network is trained:
        dropout is off, batch normalisation uses its moving statistics.
        """
        symbols = [inputs] if isinstance(inputs, Symbol) else list(inputs)
        if len(symbols) != len(self._inputs):
            raise ShapeError(f"{self.name} has {len(self._inputs)} inputs, got {len(symbols)}")
        for symbol, shape in zip(symbols, self.input_shapes, strict=True):
            if not fits(symbol.shape, shape):
                raise ShapeError(
                    f"{self.name} expects an input of shape {shape}, got {symbol.shape}"
                )
        values = list(symbols)
        for node in self.nodes:
            sources = alone([values[i] for i in node.sources])
            fixed = False if node.frozen else training
            values += listed(connect(node.layer, sources, fixed, self))
        return arranged([values[i] for i in self.outputs_at], self.form)

    def meet(self, x: Any) -> Any:
        """Wire the network for data where it waits for a shape; the data, as they were."""
        return x

    # -- the functional core ------------------------------------------------------------------

    def init(self, key: jax.Array) -> tuple[dict[str, Arrays], dict[str, Arrays]]:
        """Draw all parameters and layer states: ({layer: {array}}, {layer: {array}})."""
        params: dict[str, Arrays] = {}
        state: dict[str, Arrays] = {}
        keys = jax.random.split(key, max(len(self._layers), 1))
        for node in self.nodes:
            name = str(node.layer.name)
            if name in params:  # shared: drawn once
                continue
            drawn, layer_state = node.layer.init(keys[len(params)], node.input_shape)
            params[name] = drawn
            if layer_state:
                state[name] = layer_state
        return {name: arrays for name, arrays in params.items() if arrays}, state

    def apply(
        self,
        params: Mapping[str, Arrays],
        state: Mapping[str, Arrays],
        x: Any,
        *,
        key: jax.Array | None = None,
        training: bool = False,
        numbers: Mapping[str, Any] | None = None,
        logits: Sequence[bool] = (),
        tap: Tap | None = None,
        rows: jax.Array | None = None,
    ) -> tuple[Any, dict[str, Arrays]]:
        """The network's output on a batch.

        Args:
            params, state: arrays in the form that `init` returns.
            x: an array (batch, ...), or a tuple of them for several inputs.
            key: random key of layers that are random in training.
            training: whether random layers are active and running statistics are updated.
            numbers: values for `self.numbers()` that replace those of the description.
            logits: flags, one an output: whether to leave out its final sigmoid or softmax (see
                `output_links`); none by default.
            tap: function, called as tap(layer name, input, output) at every layer; layers inside
                a layer are named "outer.inner". What it returns takes the output's place.
            rows: (batch,), nonzero for a real row, 0 for one that only fills up the batch.

        Returns:
            (output or tuple of outputs, new state).
        """
        y, _, new_state = self.apply_masked(
            params,
            state,
            x,
            key=key,
            training=training,
            numbers=numbers,
            logits=logits,
            tap=tap,
            rows=rows,
        )
        return jax.tree.map(full_precision, y), new_state

    def apply_masked(
        self,
        params: Mapping[str, Arrays],
        state: Mapping[str, Arrays],
        x: Any,
        *,
        key: jax.Array | None = None,
        training: bool = False,
        numbers: Mapping[str, Any] | None = None,
        logits: Sequence[bool] = (),
        tap: Tap | None = None,
        rows: jax.Array | None = None,
        masks: Sequence[Any] | None = None,
        noise: bool = False,
    ) -> tuple[Any, tuple[Any, ...], dict[str, Arrays]]:
        """`apply`, with the masks of sequences; half precision stays half.

        Args:
            masks: one an input, (batch, time) or None.
            noise: whether random layers (dropout) are active, and they alone: neither batch
                statistics nor augmentation.
            others: see `apply`.

        Returns:
            (output or tuple of outputs, a mask or None for each output, new state).
        """
        layers = self._layers if not numbers else self.with_numbers(numbers)
        values: list[Any] = [x] if self.single_input else list(x)
        value_masks: list[Any] = list(masks) if masks is not None else [None] * len(values)
        new_state = dict(state)
        ends = {place for place, raw in zip(self.outputs_at, logits, strict=False) if raw}
        for number, node in enumerate(self.nodes):
            name = str(node.layer.name)
            layer = layers[name]
            inputs = alone([values[i] for i in node.sources])
            mask = alone([value_masks[i] for i in node.sources])
            options: dict[str, Any] = {}
            if layer.uses_mask:
                options["mask"] = _with_rows(mask, rows) if layer.mixes_rows else mask
            if node.place in ends:
                compute = functools.partial(raw_output, layer)
            else:
                layer, tap_options = with_tap(layer, name, tap)
                options |= tap_options
                if layer.stochastic and key is not None:
                    options["key"] = jax.random.fold_in(key, number)
                active = (training or (noise and _noisy(layer))) and not node.frozen
                compute = functools.partial(layer.apply, training=active, **options)
            layer_state = new_state.get(name, {})
            with jax.named_scope(name):  # says in a profile, and in `glass`, whose it is
                y, new_layer_state = compute(params.get(name, {}), layer_state, inputs)
            if (see_node := getattr(tap, "called", None)) is not None:
                see_node(number, lambda p, x, f=compute, s=layer_state: f(p, s, x)[0], inputs)
            if new_layer_state:
                new_state[name] = new_layer_state
            y = through_tap(tap, name, inputs, y)
            values += listed(y)
            if _any_mask(mask) or layer.gives_mask:
                value_masks += listed(layer.output_mask(inputs, mask))
            else:
                value_masks += [None] * len(node.output_shapes)
        outputs = tuple(values[i] for i in self.outputs_at)
        output_masks = tuple(value_masks[i] for i in self.outputs_at)
        return (outputs[0] if self.single_output else outputs), output_masks, new_state

    def shapes_for(self, x: Sequence[Any]) -> tuple[Shape, ...]:
        """The outputs' shapes, without batch axis, for given input arrays: no size left open."""
        if not any(None in shape for shape in self.output_shapes):
            return self.output_shapes  # type: ignore[return-value]
        rows = [jax.ShapeDtypeStruct((1, *jnp.shape(a)[1:]), jnp.asarray(a[:0]).dtype) for a in x]

        def run(key: jax.Array, rows: Any) -> Any:
            return self.apply(*self.init(key), rows[0] if self.single_input else rows)[0]

        outputs = jax.eval_shape(run, jax.random.key(0), rows)
        return tuple(y.shape[1:] for y in listed(outputs))

    def forget(self, state: Mapping[str, Arrays]) -> dict[str, Arrays]:
        """The state with what layers carry from batch to batch at zero."""
        return {
            name: jax.tree.map(jnp.zeros_like, arrays) if self._layers[name].carries else arrays
            for name, arrays in state.items()
        }

    def output_links(self) -> tuple[str | None, ...]:
        """For each output, "sigmoid" or "softmax" where that ends it, so that logits can be had.

        A cross-entropy from logits is exact where one from probabilities has lost its digits; this
        is where the trainer learns that it may take the logits instead.
        """
        links: list[str | None] = []
        for place in self.outputs_at:
            node = self._node_at(place)
            if node is None:
                links.append(None)
                continue
            function = getattr(node.layer, "activation", None)
            feeds_another = any(place in n.sources for n in self.nodes)
            plain = function in (activations.sigmoid, activations.softmax) and not feeds_another
            exposes = hasattr(node.layer, "preactivation") and not node.layer.stochastic
            links.append(getattr(function, "__name__", None) if plain and exposes else None)
        return tuple(links)

    def penalty(
        self, params: Mapping[str, Arrays], numbers: Mapping[str, Any] | None = None
    ) -> jax.Array | None:
        """Sum of the penalties of layers that are not frozen, or None where there are none."""
        layers = self._layers if not numbers else self.with_numbers(numbers)
        total = None
        for name, layer in layers.items():
            if layer.trainable:
                total = plus(total, layer.penalty(params.get(name, {})))
        return total

    def numbers(self) -> dict[str, float]:
        """The numbers of all layers that a sweep may vary: {"dropout.rate": .5, ...}."""
        return {
            f"{name}.{path}": value
            for name, layer in self._layers.items()
            for path, value in layer.numbers().items()
        }

    def with_numbers(self, numbers: Mapping[str, Any]) -> dict[str, Layer]:
        """The layers with some numbers replaced; plain numbers out of range raise DescendError."""
        by_layer: dict[str, dict[str, Any]] = {}
        for path, value in numbers.items():
            name, _, field = path.partition(".")
            by_layer.setdefault(name, {})[field] = value
        return {
            name: layer.with_numbers(by_layer[name]) if name in by_layer else layer
            for name, layer in self._layers.items()
        }

    # -- description --------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The graph in JSON form; `symbols_from_config` reads it back."""
        return {
            "name": self.name,
            "inputs": [
                {"name": n, "shape": list(s.shape), "dtype": s.dtype}
                for n, s in zip(self.input_names, self._inputs, strict=True)
            ],
            "layers": {name: layer.described() for name, layer in self._layers.items()},
            "nodes": [
                {"layer": n.layer.name, "sources": list(n.sources)}
                | ({"training": False} if n.frozen else {})
                for n in self.nodes
            ],
            "outputs": list(self.outputs_at),
            "single_input": self.single_input,
            "single_output": self.single_output,
            "keys": None if self.form == 1 else self.form,
        }

    @functools.cached_property
    def array_names(self) -> tuple[tuple[str, str, bool], ...]:
        """(layer, array, trained) of every array, by layer: parameters, then running statistics.

        That is the order of Keras's `get_weights`.
        """
        names: list[tuple[str, str, bool]] = []

        def record(key: jax.Array) -> None:  # what passes through jit comes back sorted by name
            params, state = self.init(key)
            for layer in self._layers:
                names.extend((layer, array, True) for array in params.get(layer, {}))
                names.extend((layer, array, False) for array in state.get(layer, {}))

        jax.eval_shape(record, jax.random.key(0))
        return tuple(names)

    @functools.cached_property
    def repeats(self) -> bool:
        """Whether a layer uses its weights at many places of a row: at steps, at pixels.

        The count of parameters then says little about the work.
        """
        weighted = {layer for layer, _, _ in self.array_names}
        shapes = [
            shape
            for node in self.nodes
            if node.layer.name in weighted
            for shape in (node.input_shape if len(node.sources) > 1 else [node.input_shape])
        ]
        return any(len(shape) > 1 for shape in shapes)

    def parameter_counts(self) -> dict[str, int]:
        """Count of numbers in each layer, running statistics included, as Keras counts."""
        arrays = jax.eval_shape(self.init, jax.random.key(0))
        sizes = [
            {k: sum(a.size for a in jax.tree.leaves(v)) for k, v in part.items()} for part in arrays
        ]
        return {name: sum(part.get(name, 0) for part in sizes) for name in self._layers}


def raw_output(layer: Any, params: Arrays, state: Arrays, x: Any) -> tuple[Any, Arrays]:
    """What stands before a layer's activation, in the form of `apply`."""
    return layer.preactivation(params, x), {}


def _noisy(layer: Layer) -> bool:
    """Whether a layer is random inside the network: dropout and its kin."""
    return layer.stochastic and not layer.mixes_rows and not layer.augments


def _any_mask(mask: Any) -> bool:
    return any(m is not None for m in listed(mask))


def _with_rows(mask: Any, rows: jax.Array | None) -> Any:
    """A mask of steps that also leaves out the rows that only fill up a batch."""
    if rows is None:
        return mask
    if isinstance(mask, tuple):
        return tuple(_with_rows(one, rows) for one in mask)
    real = rows > 0
    return real if mask is None else mask & real[:, None]


def full_precision(y: jax.Array) -> jax.Array:
    """An output of mixed precision as float32: losses and predictions keep their digits."""
    half = jnp.issubdtype(y.dtype, jnp.floating) and jnp.finfo(y.dtype).bits < 32
    return y.astype(jnp.float32) if half else y
