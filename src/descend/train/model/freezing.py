"""Which arrays training changes, and which are frozen.

The update rule sees the trained arrays alone: for the others there is no gradient to compute, no
memory to keep, no decay and no penalty.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax

from descend.nn.graph import Graph

Names = frozenset[tuple[str, str]]


def trained_arrays(graph: Graph) -> Names:
    """(layer, array) of every parameter that training changes."""
    # tracing wires the blocks, which then know of what is frozen inside them; the key is a shape
    # too, so that nothing is left behind in a program that is being traced
    key = jax.eval_shape(jax.random.key, 0)
    params, _ = jax.eval_shape(partial(Graph.init, graph), key)
    layers = graph.layers
    return frozenset(
        (layer, array)
        for layer, arrays in params.items()
        for array in arrays
        if layers[layer].trains(array)
    )


def part(params: Mapping[str, Mapping[str, Any]], names: Names) -> dict[str, dict[str, Any]]:
    """The arrays of those names; layers of which none is left are left out."""
    result: dict[str, dict[str, Any]] = {}
    for layer, arrays in params.items():
        matches = {array: value for array, value in arrays.items() if (layer, array) in names}
        if matches:
            result[layer] = matches
    return result


def merged(
    params: Mapping[str, Mapping[str, Any]], changed: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """`params` with the arrays of `changed` in their places."""
    return {layer: {**arrays, **changed.get(layer, {})} for layer, arrays in params.items()}
