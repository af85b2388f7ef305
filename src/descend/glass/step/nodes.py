"""Every node of a network as a function by itself, at the numbers of a recorded step."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from descend.glass.step.record import Step
from descend.nn.symbols import listed


class Nodes:
    """The nodes of a recorded network; masks, noise and states are those of the step.

    Attributes:
        names: the names of the nodes' places, in order.
        functions: {node: (f(params, x) -> output, x)}; f gives z where the loss takes logits.
        mixes: whether rows of this batch see each other.
    """

    def __init__(self, step: Step):
        self.step, self.nodes, self.names = step, step.model.nodes, step.node_names
        self.params, self.functions = step.functions
        together = any(node.layer.mixes_rows for node in self.nodes)
        self.mixes = step.task.mixup is not None or (step.rows > 1 and together)

    def derivatives(self) -> int:
        """Count the numbers in all derivatives of outputs by inputs, for one row."""
        total = 0
        for number, name in enumerate(self.names):
            read = sum(_size(x) for x in listed(self.functions[number][1]))
            total += read * sum(_size(a) for a in listed(self.step.places[name].a))
        return total

    def params_of(self, number: int) -> Any:
        """Return the parameters of a node."""
        return self.params.get(str(self.nodes[number].layer.name), {})

    def uses(self, layer: str) -> list[int]:
        """Return the nodes of a layer."""
        return [i for i, node in enumerate(self.nodes) if node.layer.name == layer]

    def slope(self, number: int) -> list[Any]:
        """Return the gradient of the cost by a node's outputs; by its z for logits."""
        place = self.step.places[self.names[number]]
        return listed(place.delta if place.slope is None else place.slope)

    def direct(self, consumed: dict[int, Any]) -> dict[int, Any]:
        """Return the gradient of the cost by each output of the network as such.

        Args:
            consumed: {value: the part of its gradient that comes by the nodes that read it}.
        """
        direct: dict[int, Any] = {}
        for number, node in enumerate(self.nodes):
            for k, slope in enumerate(self.slope(number)):
                at = node.place + k
                if at in self.step.model.outputs_at:
                    rest = np.asarray(slope, np.float64)
                    if at in consumed:  # of float32 numbers: what is left of rounding is none
                        size = np.abs(rest).max(initial=0.0)
                        rest = rest - np.asarray(consumed[at], np.float64)
                        rest = np.where(np.abs(rest) > 1e-5 * size, rest, 0.0)
                    direct[at] = rest
        return direct


def alike(values: Any, like: Any) -> Any:
    """Values in the form and the precision of `like`, an array or a tuple of them."""
    cast = [jnp.asarray(v, a.dtype) for v, a in zip(listed(values), listed(like), strict=True)]
    return tuple(cast) if isinstance(like, tuple) else cast[0]


def _size(a: Any) -> int:
    return int(np.prod(a.shape[1:]))
