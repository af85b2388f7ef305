"""The chain rule of one weight through whole layers: the error, pulled back along one way only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from descend.glass.step.chain import Path
from descend.glass.step.nodes import Nodes, alike
from descend.nn.symbols import listed

MOST_MULTIPLIED = 256  # ways whose product is taken
Way = tuple[tuple[int, int], ...]  # nodes, each with the number of the input by which it is entered
START = -1  # in the place of that number: the way begins at this node's weights


def through_layers(
    nodes: Nodes, layer: str, array: str, at: tuple[int, ...], most: int
) -> tuple[list[Path], int]:
    """The largest ways from a weight to the cost, for the whole batch, and the count of all."""
    pulls = {i: jax.vjp(f, nodes.params_of(i), x) for i, (f, x) in nodes.functions.items()}
    readers: dict[int, list[tuple[int, int]]] = {}  # value -> (node, number of its input)
    consumed: dict[int, Any] = {}
    for i, node in enumerate(nodes.nodes):
        y, pull = pulls[i]
        back = listed(pull(alike(nodes.slope(i), y))[1])
        for slot, (source, part) in enumerate(zip(node.sources, back, strict=True)):
            readers.setdefault(source, []).append((i, slot))
            if jnp.issubdtype(part.dtype, jnp.inexact):
                consumed[source] = consumed.get(source, 0) + part
    ends = nodes.direct(consumed)

    def ways(value: int, way: Way) -> Iterator[tuple[int, Way]]:
        """Every way on from a value to an output of the network, and that output."""
        if value in ends:
            yield value, way
        for reader, slot in readers.get(value, ()):
            for k in range(len(nodes.nodes[reader].output_shapes)):
                yield from ways(nodes.nodes[reader].place + k, (*way, (reader, slot)))

    def product(end: int, way: Way) -> float:
        error, value = ends[end], end
        for number, slot in reversed(way):
            y, pull = pulls[number]
            errors = [jnp.zeros_like(a) for a in listed(y)]
            errors[value - nodes.nodes[number].place] = error
            params, back = pull(alike(errors, y))
            if slot == START:
                return float(params[array][at])
            error, value = listed(back)[slot], nodes.nodes[number].sources[slot]
        raise AssertionError("a way begins at the weight")

    paths: list[Path] = []
    count = 0
    for start in nodes.uses(layer):
        for k in range(len(nodes.nodes[start].output_shapes)):
            for end, way in ways(nodes.nodes[start].place + k, ((start, START),)):
                count += 1
                if len(paths) < MOST_MULTIPLIED:
                    places = tuple(nodes.names[i] for i, _ in way)
                    paths.append(Path(places, (), product(end, way)))
    paths.sort(key=lambda path: -abs(path.product))
    return paths[:most], count
