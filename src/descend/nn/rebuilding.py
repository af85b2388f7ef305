"""A graph's symbols again: from its description, or with other layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descend.nn.graph import Graph
from descend.nn.layers.base import Layer, layer_from
from descend.nn.symbols import Input, Symbol, alone, arranged, connect, listed


def symbols_from_config(
    config: Mapping[str, Any], custom: Mapping[str, type[Layer]] | None = None
) -> tuple[Any, Any]:
    """The (inputs, outputs) symbols of a graph described by `Graph.config`.

    Raises:
        DescendError: a layer class that is neither descend's nor in `custom`.
    """
    layers = {name: layer_from(entry, custom) for name, entry in config["layers"].items()}
    inputs = [Input(tuple(i["shape"]), name=i["name"], dtype=i["dtype"]) for i in config["inputs"]]
    outputs = _wired(
        inputs,
        [(layers[n["layer"]], n["sources"], n.get("training")) for n in config["nodes"]],
        config["outputs"],
    )
    return (
        inputs[0] if config["single_input"] else inputs,
        arranged(outputs, 1 if config["single_output"] else config.get("keys")),
    )


def symbols_over(graph: Graph, layers: Mapping[str, Layer]) -> tuple[Any, Any]:
    """The (inputs, outputs) symbols of a graph with other layers in the places of its own."""
    inputs = [
        Input(s.shape, name=n, dtype=s.dtype)
        for n, s in zip(graph.input_names, graph.input_symbols, strict=True)
    ]
    nodes = [(layers[str(n.layer.name)], n.sources, n.call.training) for n in graph.nodes]
    outputs = _wired(inputs, nodes, graph.outputs_at)
    return (
        inputs[0] if graph.single_input else inputs,
        arranged(outputs, graph.form),
    )


def _wired(
    inputs: list[Symbol], nodes: Sequence[tuple[Any, ...]], outputs_at: Sequence[int]
) -> list[Symbol]:
    values: list[Any] = list(inputs)
    for layer, sources, training in nodes:
        values += listed(connect(layer, alone([values[i] for i in sources]), training))
    return [values[i] for i in outputs_at]
