"""In which order PyTorch, with channels first, lays out the features of a flattened image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from descend.errors import DescendError
from descend.nn.graph import Graph, Node
from descend.nn.layers.base import Shape
from descend.nn.layers.dense import Activation, Dense, PReLU
from descend.nn.layers.merge import Concatenate, Merge
from descend.nn.layers.noise import Dropout, GaussianNoise
from descend.nn.layers.normalization import (
    BatchNormalization,
    LayerNormalization,
    RMSNormalization,
)
from descend.nn.layers.shape import Flatten, Reshape

# our feature i is PyTorch's feature order[i]; None: the same
Order = Any
_BY_FEATURE = (BatchNormalization, LayerNormalization, RMSNormalization, PReLU)


def orders_of(graph: Graph, channels_last: set[str]) -> dict[str, tuple[Order, Order]]:
    """For each layer where it matters, the order of its input's features and of its output's.

    Args:
        graph: the network.
        channels_last: Flatten and Reshape layers that have the same order in both.

    Raises:
        DescendError: features in two orders meet, or reach a layer that cannot follow.
    """
    wanted_orders = _orders_before_images(graph, channels_last)
    known: dict[int, Order] = {}  # place of a value -> order of its features
    pairs: dict[str, tuple[Order, Order]] = {}
    for node in graph.nodes:
        name = str(node.layer.name)
        orders = [known.get(place) for place in node.sources]
        order, after = orders[0], None
        if _flattens(node):
            channels_first = name not in channels_last and _is_image(graph, node)
            after = (
                order if len(node.input_shape) == 1 else _order(node.input_shape, channels_first)
            )
        elif isinstance(node.layer, Reshape) and len(node.input_shape) == 1:
            wanted = _order(_whole_output(node), _makes_image(graph, node, channels_last))
            count = math.prod(node.input_shape)
            if wanted is not None and order is None and _fed(graph, node.sources[0]):
                raise _lost(node, "puts channels last", count)
            if order is not None and not _same([order, wanted]):
                raise _lost(node, "takes them in another order", count)
        elif isinstance(node.layer, Dense):
            after = wanted_orders.get(name)
            _note(pairs, node, (order, after))
        elif isinstance(node.layer, Concatenate) and any(o is not None for o in orders):
            after = _joined(orders, [shape[-1] for shape in node.input_shape])
        elif isinstance(node.layer, Merge):
            if not _same(orders):
                raise _lost(node, "joins them with others in our own order", 0)
            after = order
        elif _keeps(node):
            after = order
            if isinstance(node.layer, _BY_FEATURE):
                _note(pairs, node, (order, order))
        elif order is not None:
            raise _lost(node, "cannot take them in PyTorch's order", len(order))
        for part in range(len(node.output_shapes)):
            known[node.place + part] = after
    return {name: pair for name, pair in pairs.items() if any(o is not None for o in pair)}


def _order(shape: Shape, channels_first: bool) -> Order:
    """Channels-last places as places of the same array channels first; None where all the same."""
    if not channels_first or shape[-1] == 1 or math.prod(shape[:-1]) == 1:
        return None
    first = np.arange(math.prod(shape)).reshape(shape[-1], *shape[:-1])
    return np.moveaxis(first, 0, -1).ravel()


def _whole_output(node: Node) -> Shape:
    """The output's shape, whole."""
    return node.layer.build(node.input_shape)


def _orders_before_images(graph: Graph, channels_last: set[str]) -> dict[str, Order]:
    """The order that a Reshape to an image asks of the Dense layer before it."""
    orders: dict[str, Order] = {}
    for node in graph.nodes:
        if not isinstance(node.layer, Reshape) or len(node.input_shape) != 1:
            continue
        order = _order(_whole_output(node), _makes_image(graph, node, channels_last))
        before = _fed(graph, node.sources[0])
        while order is not None and before is not None:
            if isinstance(before.layer, Dense):
                name = str(before.layer.name)
                if name in orders and not _same([orders[name], order]):
                    raise _lost(node, "takes them in another order", len(order))
                orders[name] = order
            before = _fed(graph, before.sources[0]) if _keeps(before) else None
    return orders


def _fed(graph: Graph, place: int) -> Node | None:
    """The node that gives a value; None for an input."""
    return next((n for n in graph.nodes if n.place <= place < n.place + len(n.output_shapes)), None)


def _flattens(node: Node) -> bool:
    to_one = isinstance(node.layer, Reshape) and len(node.output_shapes[0]) == 1
    return isinstance(node.layer, Flatten) or to_one


def _keeps(node: Node) -> bool:
    """Whether a layer works on each feature by itself: noise, activations, normalisation."""
    return isinstance(node.layer, (Activation, Dropout, GaussianNoise, *_BY_FEATURE))


def _is_image(graph: Graph, node: Node) -> bool:
    """Whether PyTorch would have channels first here: images, and what a Conv1D gives."""
    if len(node.input_shape) > 2:
        return True
    before = _fed(graph, node.sources[0])
    while before is not None and len(node.input_shape) == 2:
        kind = type(before.layer).__name__
        if "Conv1D" in kind:
            return True
        if not (_keeps(before) or "Pooling1D" in kind or "Padding1D" in kind):
            return False
        before = _fed(graph, before.sources[0])
    return False


def _makes_image(graph: Graph, node: Node, channels_last: set[str]) -> bool:
    """Whether a Reshape makes what PyTorch has with channels first."""
    if node.layer.name in channels_last or len(node.output_shapes[0]) < 2:
        return False
    behind = [n for n in graph.nodes if node.place in n.sources]
    return len(node.output_shapes[0]) > 2 or any("Conv1D" in type(n.layer).__name__ for n in behind)


def _joined(orders: list[Order], widths: list[int]) -> Order:
    parts, start = [], 0
    for order, width in zip(orders, widths, strict=True):
        parts.append((np.arange(width) if order is None else order) + start)
        start += width
    return np.concatenate(parts)


def _same(orders: list[Order]) -> bool:
    first = orders[0]
    return all((o is None and first is None) or np.array_equal(o, first) for o in orders)


def _note(pairs: dict[str, tuple[Order, Order]], node: Node, pair: tuple[Order, Order]) -> None:
    name = str(node.layer.name)
    known_pair = pairs.setdefault(name, pair)
    if not (_same([known_pair[0], pair[0]]) and _same([known_pair[1], pair[1]])):
        raise _lost(node, "is shared between features in two orders", 0)


def _lost(node: Node, why: str, count: int) -> DescendError:
    return DescendError(
        f"from_torch_state: {node.layer.label} {why}: the {count or ''} features of an image that "
        "PyTorch flattens channels first, ours channels last. Put a Dense layer between, or name "
        "the Flatten or Reshape in channels_last if PyTorch's network permutes there."
    )
