"""The Task of a translator: tell each token of a translation, given the true ones before it.

    J(w) = 1/n sum_t [(1 - s) (-log p_w(y_t | y_1 .. y_{t-1}, x)) + s mean_k (-log p_w(k | ...))]

over the n real tokens of a batch, ends counted: nothing is asked at padding, and nothing there is
looked at. Reading the true tokens, and not those that the network would have written itself, is
called teacher forcing; with it all places of a sentence are learned at once. The second term, of
weight s, is label smoothing.

Source: Williams and Zipser 1989 (teacher forcing); Szegedy et al. 2016 (label smoothing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import activations
from descend.nn.graph import Graph, full_precision
from descend.nn.losses import SparseCategoricalCrossentropy
from descend.text.task import logits_of
from descend.text.translation.buckets import Sentences
from descend.train.engine.task import Batch, Logs, State
from descend.train.model.network_task import NetworkTask

LOSS = SparseCategoricalCrossentropy(from_logits=True)


class NextOfTranslation(NetworkTask):
    """Tell the next token of a translation.

    Args:
        graph: network of two inputs, tokens of the source (steps,) and of the translation so far
            (time,), and one output, (time, tokens).
        rule: update rule.
        smoothing: s, in [0, 1).
    """

    def __init__(self, graph: Graph, rule: Any, smoothing: float = 0.0):
        super().__init__(graph, rule)
        self.smoothing = smoothing
        self.logits = logits_of(graph)

    def told(
        self, params: Any, layers: Any, x: Sentences, hyper: Mapping[str, Any], **options: Any
    ) -> tuple[jax.Array, Any]:
        """Return the logits at every place of the translation, and the layers' new state."""
        numbers = {name: hyper[name] for name in self.graph.numbers()}
        z, _, layers = self.graph.apply_masked(
            params,
            layers,
            (x.source, x.given),
            masks=(x.source != 0, None),
            numbers=numbers,
            logits=self.logits,
            **options,
        )
        return full_precision(z), layers

    def step(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """Make one update."""
        key = self.key(state) if self.graph.stochastic else None

        def cost(params: Any) -> Any:
            z, layers = self.told(
                params, state.layers, batch.data, state.hyper, key=key, training=True
            )
            total, count, spread = nats_of(z, batch.data.target)
            total_cost = (1 - self.smoothing) * total + self.smoothing * spread
            j = total_cost / jnp.maximum(count, 1)
            penalty = self.graph.penalty(self.trained(params))
            j = j if penalty is None else j + penalty
            return j, (layers, {"loss": (total, count)})

        state, _, (layers, logs) = self.update(state, cost)
        return self.stepped(state, layers), logs

    def evaluate(self, state: State, batch: Batch) -> Logs:
        """Return the sum of -log p over the real tokens, and how many they are."""
        z, _ = self.told(state.params, state.layers, batch.data, state.hyper)
        return {"loss": nats_of(z, batch.data.target)[:2]}


def nats_of(z: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Over the real tokens: the sum of -log p of the true one, their number, and the sum of the
    mean of -log p over all tokens there are."""
    z, y = z.reshape(-1, z.shape[-1]), target.reshape(-1)
    real = (y != 0).astype(z.dtype)
    errors = LOSS.rows(y, z)
    spread = jax.nn.logsumexp(z, axis=-1) - jnp.mean(z, axis=-1)
    return jnp.sum(errors * real), jnp.sum(real), jnp.sum(spread * real)


def require_network(graph: Graph, sizes: tuple[int, int]) -> None:
    """Raise unless a network reads a source and a translation so far, and tells each next token.

    Args:
        graph: the network.
        sizes: numbers there are on each side.

    Raises:
        DescendError: not two inputs and one output.
        ShapeError: inputs that are no sequences of numbers, or an output that is not one number a
            token at every place of the translation.
    """
    if len(graph.input_shapes) != 2 or not graph.single_output:
        raise DescendError(
            f"{graph.name}: a translator's network has two inputs, the tokens of the source and of "
            "the translation so far, and one output"
        )
    source, given = graph.input_shapes
    (output,) = graph.output_shapes
    if len(source) != 1 or len(given) != 1 or len(output) != 2 or output[0] != given[0]:
        raise ShapeError(
            f"{graph.name}: a translator's network takes (steps,) and (time,) token numbers and "
            f"gives (time, tokens), got inputs of shapes {source} and {given} and an output of "
            f"shape {output}"
        )
    if output[1] != sizes[1]:
        raise ShapeError(
            f"{graph.name}: translations are made of {sizes[1]} numbers (padding, tokens, the end) "
            f"and the network tells {output[1]}: make its last layer Dense({sizes[1]})"
        )
    link, ends = graph.output_links()[0], graph.nodes[-1].layer
    if link is None and getattr(ends, "activation", activations.linear) is not activations.linear:
        raise DescendError(
            f"{graph.name}: the output is to be logits (no activation) or probabilities (softmax "
            f"as the activation of the last layer), got {ends.label} with {ends.activation}"  # type: ignore[attr-defined]
        )
