"""The network of a policy: features of a point -> raw numbers of the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

from descend.economies.system import System
from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.nn.layers import Dense
from descend.nn.symbols import Input


@dataclass(frozen=True)
class Shape:
    """A multilayer perceptron: units of its hidden layers, and their activation."""

    hidden: tuple[int, ...] = (32, 32)
    activation: str = "swish"

    def __post_init__(self) -> None:
        good = all(isinstance(n, int) and n >= 1 for n in self.hidden)
        if not good or not isinstance(self.hidden, tuple):
            raise DescendError(f"hidden must be a tuple of whole numbers >= 1, got {self.hidden!r}")

    def graph(self, system: System) -> Graph:
        """The network; its last layer starts at zero, so that policies start where outputs say."""
        x = inputs = Input((system.inputs,))
        for units in self.hidden:
            x = Dense(units, self.activation)(x)
        return Graph(inputs, Dense(system.raw, kernel_initializer="zeros")(x), "policy")


def function(graph: Graph, params: Mapping[str, Any]) -> Callable[[jax.Array], jax.Array]:
    """Features (inputs,) -> raw numbers (raw,)."""
    return lambda features: graph.apply(params, {}, features[None])[0][0]
