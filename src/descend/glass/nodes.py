"""Every node of a network as a function by itself, at the numbers of a traced step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.glass.tracing import batch_of, nodes_by_name

if TYPE_CHECKING:
    from descend.glass.tracing import Trace


class _Collector:
    """A tap that keeps every node's own function and what it was applied to."""

    def __init__(self) -> None:
        self.calls: dict[int, tuple[Callable[..., Any], Any]] = {}

    def __call__(self, name: str, x: Any, y: Any) -> None:
        """Nothing is changed."""

    def called(self, number: int, f: Callable[..., Any], x: Any) -> None:
        """Keep it."""
        self.calls[number] = (f, x)


class Nodes:
    """The nodes of a traced network; masks, noise and states are those of the step.

    Attributes:
        names: of the nodes' places, in order.
        calls: {node: (f(params, x) -> output, x)}; f gives z where the loss takes logits.
        mixes: whether rows of this batch see each other.
    """

    def __init__(self, trace: Trace):
        self.trace, self.nodes = trace, trace.model.nodes
        task, state = trace.task, trace.state
        self.names = nodes_by_name(trace.model)
        key = jax.random.fold_in(state.key, state.steps) if task.stochastic else None
        numbers = task.optimizer.numbers_now(state.hyper, state.steps)
        self.params = task.gradient_at(state, numbers)
        layers = task.fresh(state).layers if task.carries else state.layers
        collector = _Collector()
        task.cost(self.params, layers, batch_of(trace), state.hyper, key, True, collector)
        self.calls = collector.calls
        together = any(node.layer.mixes_rows for node in self.nodes)
        self.mixes = task.mixup is not None or (trace.rows > 1 and together)

    def derivatives(self) -> int:
        """How many numbers all derivatives of outputs by inputs have, for one row."""
        total = 0
        for number, name in enumerate(self.names):
            read = sum(_size(x) for x in listed(self.calls[number][1]))
            total += read * sum(_size(a) for a in listed(self.trace.places[name].a))
        return total

    def own(self, number: int) -> Any:
        """The parameters of a node."""
        return self.params.get(str(self.nodes[number].layer.name), {})

    def uses(self, layer: str) -> list[int]:
        """The nodes of a layer."""
        return [i for i, node in enumerate(self.nodes) if node.layer.name == layer]

    def slope(self, number: int) -> list[Any]:
        """The gradient of the cost by a node's outputs; by its z where the loss takes logits."""
        place = self.trace.places[self.names[number]]
        return listed(place.delta if place.slope is None else place.slope)

    def direct(self, consumed: dict[int, Any]) -> dict[int, Any]:
        """The gradient of the cost by each output of the network as such.

        Args:
            consumed: by value, the part of its gradient that comes by the nodes that read it.
        """
        found: dict[int, Any] = {}
        for number, node in enumerate(self.nodes):
            for k, slope in enumerate(self.slope(number)):
                at = node.place + k
                if at in self.trace.model.outputs_at:
                    rest = np.asarray(slope, np.float64)
                    if at in consumed:  # of float32 numbers: what is left of rounding is none
                        size = np.abs(rest).max(initial=0.0)
                        rest = rest - np.asarray(consumed[at], np.float64)
                        rest = np.where(np.abs(rest) > 1e-5 * size, rest, 0.0)
                    found[at] = rest
        return found


def listed(values: Any) -> list[Any]:
    """One value, or a tuple of them, as a list."""
    return list(values) if isinstance(values, (tuple, list)) else [values]


def alike(values: Any, like: Any) -> Any:
    """Values in the form and the precision of `like`, an array or a tuple of them."""
    cast = [jnp.asarray(v, a.dtype) for v, a in zip(listed(values), listed(like), strict=True)]
    return tuple(cast) if isinstance(like, tuple) else cast[0]


def _size(a: Any) -> int:
    return int(np.prod(a.shape[1:]))
