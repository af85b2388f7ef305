"""Where a network looks in the source: the weights of its layers that attend to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.nn.layers import Attention, Block, MultiHeadAttention
from descend.nn.layers.base import scoped
from descend.text.translation.buckets import padded
from descend.text.translation.learning import widths
from descend.text.translation.pairs import Languages, shown
from descend.text.translation.results import Alignment
from descend.train.model import Model

Looked = dict[str, jax.Array]


def looker(graph: Graph) -> Callable[[Any, Any, Any, Any], Looked]:
    """A function (params, layers, source, given) -> {layer: weights (rows, heads, time, steps)}.

    Of every layer that is given two sequences and attends with one to the other, in the order in
    which they stand; without masks, so for rows that are not padded.
    """

    def look(params: Any, layers: Any, source: Any, given: Any) -> Looked:
        inputs: dict[str, Any] = {}

        def tap(name: str, x: Any, y: Any) -> None:
            inputs[name] = x

        graph.apply(params, layers, (source, given), tap=tap)
        found: Looked = {}
        for name, x in inputs.items():
            layer, arrays = _inside(graph, params, name, inputs)
            attends = isinstance(layer, (Attention, MultiHeadAttention))
            if attends and isinstance(x, tuple) and x[0] is not x[1]:
                found[name] = layer.attention_weights(arrays, x)
        return found

    return look


def _inside(graph: Graph, params: Any, name: str, inputs: dict[str, Any]) -> tuple[Any, Any]:
    """The layer "outer.inner" and its arrays; None where it is in something else than blocks."""
    first, *rest = name.split(".")
    layer, arrays, path = graph.layers.get(first), params.get(first, {}), first
    for part in rest:
        if not isinstance(layer, Block):
            return None, {}
        x = inputs[path]
        shape = tuple(a.shape[1:] for a in x) if isinstance(x, tuple) else x.shape[1:]
        layer = layer.graph(shape).layers.get(part)
        arrays, path = scoped(arrays, part), f"{path}.{part}"
    return layer, arrays


class Looker:
    """A network's weights of attention, for a sentence and its translation.

    Args:
        model: network.
        languages: tokenisers of both sides.
    """

    def __init__(self, model: Model, languages: Languages):
        self.model, self.languages = model, languages
        self._look = jax.jit(looker(model))

    def look(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        """The weights, for numbers with their ends; raises DescendError where nothing attends."""
        steps, time = widths(self.model)
        n, m = len(target), len(source)
        given = np.append(np.int32(self.languages.end), target[:-1])
        looked = self._look(
            *self.model.current_weights(),
            padded([source], steps or m),
            padded([given], time or n),
        )
        if not looked:
            raise DescendError(
                f"the network {self.model.name!r} does not attend to the source: what it knows of "
                "a sentence is in the state that it hands over. Translator('attention') does"
            )
        heads = max(weights.shape[1] for weights in looked.values())
        cut = [np.asarray(weights[0, :, :n, :m]) for weights in looked.values()]
        return Alignment(
            shown(self.languages.source, source),
            shown(self.languages.target, target),
            np.stack([np.broadcast_to(weights, (heads, n, m)) for weights in cut]),
            tuple(looked),
        )
