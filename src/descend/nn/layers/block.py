"""A layer made of layers: the larger modules that hull-2023 builds from smaller ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from descend.nn import stepping
from descend.nn.graph import Graph
from descend.nn.layers.base import Arrays, Key, Layer, plus, prefixed, scoped
from descend.nn.layers.stepped import Fixed
from descend.nn.layers.tapping import Tap
from descend.nn.symbols import Input, gives_several


@dataclass(frozen=True, eq=False)
class Block(Layer):
    """Base of a layer whose formula is a small graph of other layers.

    A subclass writes `wire(*symbols)`: from the symbols of its inputs to the symbol (or symbols) of
    its output, calling named layers in between. Arrays are named "layer.array". Everything else
    (shapes, weights, masks, penalties, random layers, running statistics) follows from the graph.

    A class whose `wire` uses a random layer sets `stochastic`, one with batch normalisation
    `mixes_rows`. Regularisers stay with the block: `wire` does not hand them on.

    Args:
        name, compute_dtype, trainable: see Layer; they hold for all layers inside.

    Raises:
        Nothing of its own; what the layers inside raise for the shape of the input.

    Source: hull-2023, "Larger Modules from Smaller Ones".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.nn.layers import Add, Block
        >>> class Skip(Block):
        ...     def wire(self, x):
        ...         return Add(name="add")([x, Dense(3, "relu", name="dense")(x)])
        >>> Sequential([Input((3,)), Skip()]).count_params()  # 3 * 3 weights and 3 biases
        12
    """

    uses_mask: ClassVar[bool] = True
    taps: ClassVar[bool] = True

    def wire(self, *symbols: Any) -> Any:
        """The symbol of the output, for the symbols of the inputs."""
        raise NotImplementedError

    def graph(self, input_shape: Any) -> Graph:
        """The inner graph for an input shape (a tuple of shapes for several inputs)."""
        # kept with this description; one with traced numbers is another object
        graphs: dict[Any, Graph] = vars(self).setdefault("_graphs", {})
        if input_shape not in graphs:
            shapes = input_shape if gives_several(input_shape) else (input_shape,)
            symbols = [Input(s, name=f"input_{i}") for i, s in enumerate(shapes)]
            outputs = self.wire(*symbols)
            inputs = symbols if len(symbols) > 1 else symbols[0]
            dtype, trainable = self.compute_dtype, self.trainable
            graphs[input_shape] = Graph(inputs, outputs, self.label, dtype, trainable)
        return graphs[input_shape]

    def trains(self, array: str) -> bool:
        """Where a layer inside may be frozen by itself: as `init` has wired it."""
        layer, _, rest = array.partition(".")
        graphs = vars(self).get("_graphs", {}).values()
        return self.trainable and all(g.layers[layer].trains(rest) for g in graphs)

    def build(self, input_shape: Any) -> Any:
        """What the inner graph gives."""
        graph = self.graph(input_shape)
        return graph.output_shapes[0] if graph.single_output else graph.output_shapes

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The arrays of all layers inside, named "layer.array"."""
        params, state = self.graph(input_shape).init(key)
        return flat(params), flat(state)

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
        """The inner graph's output; a mask (batch,) leaves out rows, (batch, time) steps."""
        several = isinstance(x, tuple)
        graph = self.graph(tuple(a.shape[1:] for a in x) if several else x.shape[1:])
        rows = mask if getattr(mask, "ndim", 0) == 1 else None
        masks = None if rows is not None or mask is None else mask if several else (mask,)
        y, _, new = graph.apply_masked(
            nested(params),
            nested(state),
            x,
            key=key,
            training=training,
            tap=tap,
            rows=rows,
            masks=masks,
        )
        return y, flat(new)

    looks_ahead: ClassVar[str] = ""  # the layers inside say for themselves

    def start(self, input_shape: Any, rows: int, steps: int | None) -> Any:
        """What the layers inside keep."""
        super().start(input_shape, rows, steps)
        return stepping.of_layers(self.graph(input_shape), rows, steps)

    def start_with(
        self,
        params: Arrays,
        state: Arrays,
        input_shape: Any,
        steps: int | None,
        inputs: tuple[Any, ...],
        masks: tuple[Any, ...],
    ) -> Any:
        """What the layers inside keep, and the inputs that are given whole."""
        graph = self.graph(input_shape)
        kept = stepping.start_with(graph, nested(params), nested(state), inputs, masks, steps)
        return {"whole": Fixed(inputs), "inside": kept}

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
        """The inner graph's output at the next steps."""
        options: dict[str, Any] = {"key": key, "training": training}
        arrays = nested(params), nested(state)
        if not isinstance(kept, dict):
            several = isinstance(x, tuple)
            graph = self.graph(tuple(a.shape[1:] for a in x) if several else x.shape[1:])
            return stepping.step(graph, *arrays, kept, x, **options)
        whole, read = kept["whole"].of, iter(x if isinstance(x, tuple) else (x,))
        inputs: tuple[Any, ...] = tuple(next(read) if a is None else None for a in whole)
        shapes = (a if b is None else b for a, b in zip(inputs, whole, strict=True))
        graph = self.graph(tuple(a.shape[1:] for a in shapes))
        y, inside = stepping.step(graph, *arrays, kept["inside"], inputs, **options)
        return y, {**kept, "inside": inside}

    def output_mask(self, x: Any, mask: Any) -> Any:
        """That of its (first) input."""
        return mask[0] if isinstance(mask, tuple) else mask

    def penalty(self, params: Arrays) -> jax.Array | None:
        """A regulariser of the block holds for that array of every layer inside."""
        total = None
        for name, array in params.items():
            regularizer = getattr(self, f"{name.rpartition('.')[2]}_regularizer", None)
            if regularizer is not None:
                total = plus(total, regularizer(array))
        return total


def flat(arrays: Mapping[str, Arrays]) -> Arrays:
    """A graph's arrays as those of one layer: "dense.kernel"."""
    return {
        name: array
        for layer, of_layer in arrays.items()
        for name, array in prefixed(layer, of_layer).items()
    }


def nested(arrays: Arrays) -> dict[str, Arrays]:
    """The arrays of one layer as a graph has them: {"dense": {"kernel": ...}}."""
    layers = dict.fromkeys(name.partition(".")[0] for name in arrays)
    return {layer: scoped(arrays, layer) for layer in layers}
