"""A network that is read step by step: as its layers say (layers/stepped.py), in their order.

    kept = start(graph, rows=1)                                  nothing is read yet
    y, kept = step(graph, params, state, kept, x)                the next steps, x (rows, k, ...)

What `step` gives for the pieces of a sequence, one after the other and of whatever lengths, is what
`Graph.apply` gives for the whole sequence. That is how a language model writes (pieces of one
step), how a long text is read (pieces of many), and how a recurrent network is trained on streams.

Of a network of several inputs some may be given whole: what depends on them alone, as a
translator's encoder, is computed once.

    kept = start_with(graph, params, state, (sentence, None), (mask, None), steps=40)
    y, kept = step(graph, params, state, kept, (None, x))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from descend.errors import DescendError
from descend.nn.graph import Graph, raw_output
from descend.nn.symbols import alone, listed

Kept = tuple[Any, ...]  # of every node, in their order


def start(graph: Graph, rows: int = 1, steps: int | None = None) -> Kept:
    """What the layers keep before the first step.

    Args:
        graph: a network over sequences.
        rows: sequences that are read side by side.
        steps: the most steps that will be read; by default as many as the Input has, if it says.

    Returns:
        What `step` takes and gives, a pytree of arrays.

    Raises:
        DescendError: a layer that looks ahead, named; an input that is no sequence; a layer that
            needs to know `steps`.
    """
    shapes = graph.input_shapes
    if not all(shapes):
        raise DescendError(f"{graph.name} cannot be read step by step: its input has no steps")
    steps = shapes[0][0] if steps is None else steps
    return of_layers(graph, rows, steps)


def of_layers(graph: Graph, rows: int, steps: int | None) -> Kept:
    """What the layers keep before the first step; `steps` None where it is open how many come."""
    return tuple(node.layer.start(node.input_shape, rows, steps) for node in graph.nodes)


def start_with(
    graph: Graph,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    inputs: Sequence[Any],
    masks: Sequence[Any],
    steps: int | None = None,
) -> Kept:
    """What the layers keep before the first step where some inputs are given whole.

    Args:
        graph: a network of several inputs.
        params, state: arrays in the form that `Graph.init` returns.
        inputs: one an input: an array (rows, ...), or None where it is read step by step.
        masks: the mask (rows, time) of each, or None.
        steps: the most steps that will be read of the others.

    Returns:
        What `step` takes and gives; `layers.stepped.Fixed` marks what no step changes.

    Raises:
        DescendError: a layer that looks ahead, or that cannot read one input step by step where
            another is whole; an output that no step would change.
    """
    rows = next(len(a) for a in inputs if a is not None)
    values, value_masks, kept = list(inputs), list(masks), []
    for node in graph.nodes:
        layer = node.layer
        arrays = params.get(str(layer.name), {}), state.get(str(layer.name), {})
        given = tuple(values[i] for i in node.sources)
        mask = tuple(value_masks[i] for i in node.sources)
        y: Any = [None] * len(node.output_shapes)
        y_mask: Any = y
        if all(a is None for a in given):
            kept.append(layer.start(node.input_shape, rows, steps))
        elif any(a is None for a in given):
            kept.append(layer.start_with(*arrays, node.input_shape, steps, given, mask))
        else:
            kept.append(())
            x, masks_in = alone(list(given)), alone(list(mask))
            options = {"mask": masks_in} if layer.uses_mask else {}
            y = listed(layer.apply(*arrays, x, **options)[0])
            if layer.gives_mask or any(m is not None for m in mask):
                y_mask = listed(layer.output_mask(x, masks_in))
        values += y
        value_masks += y_mask
    for at, name in zip(graph.outputs_at, graph.output_names, strict=True):
        if values[at] is not None:
            raise DescendError(
                f"{graph.name} cannot be read step by step: its output {name!r} depends on what is "
                "given whole alone"
            )
    return tuple(kept)


def step(
    graph: Graph,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    kept: Kept,
    x: Any,
    *,
    key: jax.Array | None = None,
    training: bool = False,
    numbers: Mapping[str, Any] | None = None,
    logits: Sequence[bool] = (),
) -> tuple[Any, Kept]:
    """The network's output at the next steps, and what is kept behind them.

    Args:
        graph: the network.
        params, state: arrays in the form that `Graph.init` returns.
        kept: from `start`, or from the last `step`.
        x: array (rows, k, ...), the next k steps, or a tuple of them for several inputs, None for
            one that was given whole. No more steps may be read than `start` was told: that is the
            caller's to see to.
        key, training, numbers, logits: as for `Graph.apply`. Running statistics stay as they are.

    Returns:
        (output or tuple of outputs, what is kept).
    """
    layers = graph.layers if not numbers else graph.with_numbers(numbers)
    values: list[Any] = [x] if graph.single_input else list(x)
    ends = {place for place, raw in zip(graph.outputs_at, logits, strict=False) if raw}
    new = []
    for number, (node, before) in enumerate(zip(graph.nodes, kept, strict=True)):
        name = str(node.layer.name)
        stepped = [values[i] for i in node.sources if values[i] is not None]
        if not stepped:  # computed in `start_with`
            values += [None] * len(node.output_shapes)
            new.append(before)
            continue
        inputs = alone(stepped)
        arrays = params.get(name, {}), state.get(name, {})
        if node.place in ends and not jax.tree.leaves(before):
            y, after = raw_output(layers[name], arrays[0], {}, inputs)[0], before
        elif node.place in ends:
            raise DescendError(
                f"{layers[name].label} gives no logits step by step: put its softmax into a layer "
                'of its own behind it, Activation("softmax")'
            )
        else:
            options: dict[str, Any] = {}
            if key is not None and layers[name].stochastic:
                options["key"] = jax.random.fold_in(key, number)
            y, after = layers[name].step(
                *arrays, before, inputs, training=training and not node.frozen, **options
            )
        values += listed(y)
        new.append(after)
    outputs = tuple(values[i] for i in graph.outputs_at)
    return (outputs[0] if graph.single_output else outputs), tuple(new)
