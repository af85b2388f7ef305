"""The networks of agents: what is seen -> hidden layers -> heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from descend.nn.graph import Graph
from descend.nn.initializers import VarianceScaling
from descend.nn.layers import (
    Activation,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    LayerNormalization,
)
from descend.nn.layers.base import Layer
from descend.nn.symbols import Input

ROOT2 = 2**0.5


def network(
    shape: tuple[int, ...],
    hidden: Sequence[int | Layer],
    heads: Mapping[str, tuple[int, float]],
    *,
    activation: str = "relu",
    normalize: bool = False,
    beside: int = 0,
    name: str = "network",
) -> Graph:
    """A network from observations of a shape to heads, {head: its numbers (batch, n)}.

    Pictures (height, width, channels) first go through a convolution of 16 filters of 3 x 3, unless
    `hidden` has layers of its own. Weights are drawn with variance gain^2 / n_in, gain sqrt(2).

    Args:
        hidden: units of dense layers, or layers.
        heads: {name: (numbers put out, gain of its weights)}.
        activation: of the dense layers that units stand for.
        normalize: whether layer normalisation stands before each activation.
        beside: numbers of a second input (an action), which joins what is seen before the first
            dense layer.
    """
    x = seen = Input(shape, name="observation")
    inputs: Any = seen
    if len(shape) == 3 and not any(isinstance(layer, Layer) for layer in hidden):
        hidden = (Conv2D(16, 3, activation=activation, kernel_initializer=_drawn(ROOT2)), *hidden)
    front = [layer for layer in hidden if isinstance(layer, Layer)]
    for layer in front:
        x = layer.another()(x)
    if len(x.shape) > 1:
        x = Flatten()(x)
    if beside:
        action = Input((beside,), name="action")
        x, inputs = Concatenate()([x, action]), [seen, action]
    units: Any
    for place, units in enumerate(hidden[len(front) :], 1):
        x = Dense(units, kernel_initializer=_drawn(ROOT2), name=f"hidden{place}")(x)
        if normalize:
            x = LayerNormalization(name=f"normal{place}")(x)
        x = Activation(activation, name=f"active{place}")(x)
    outputs = {
        head: Dense(numbers, kernel_initializer=_drawn(gain), name=head)(x)
        for head, (numbers, gain) in heads.items()
    }
    return Graph(inputs, outputs, name)


def _drawn(gain: float) -> VarianceScaling:
    return VarianceScaling(scale=gain**2)


def outputs(graph: Graph, params: Any, *inputs: Any) -> dict[str, jax.Array]:
    """What the heads put out for a batch of observations (and of actions): {head: (batch, n)}."""
    inputs = tuple(jnp.asarray(x, jnp.result_type(float)) for x in inputs)
    values = graph.apply(params, {}, inputs[0] if len(inputs) == 1 else inputs)[0]
    return dict(zip(graph.form, values, strict=True))
