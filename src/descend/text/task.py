"""The Task of a language model: a network that tells the next token at every place.

    J(w) = 1/n sum_t -log p_w(x_t | x_1 .. x_{t-1})

A recurrent network learns on streams: what it remembers of the text goes on from step to step, and
the gradient reaches as far back as a step is long (truncated back-propagation through time). Any
other learns on windows.

Source: scheidegger-2020, "RECURRENT NEURAL NETS"; Williams and Peng 1990 for the truncation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import activations, stepping
from descend.nn.graph import Graph, full_precision
from descend.nn.losses import SparseCategoricalCrossentropy
from descend.text.feeds import Tokens
from descend.train.engine.task import Batch, Logs
from descend.train.model.network_task import NetworkTask

LOSS = SparseCategoricalCrossentropy(from_logits=True)


class Reading(NamedTuple):
    """The state of a language model in training: `State`, and what each row remembers."""

    params: Any
    layers: Any
    optimizer: Any
    key: jax.Array
    hyper: dict[str, jax.Array]
    steps: jax.Array
    kept: Any


class NextToken(NetworkTask):
    """Tell the next token.

    Args:
        graph: network of one input (time,), token numbers, and one output (time, tokens).
        rule: update rule.
        rows: rows of a batch, where streams are read; None for windows.

    Raises:
        DescendError: a network that cannot be read step by step.
    """

    def __init__(self, graph: Graph, rule: Any, rows: int | None = None):
        super().__init__(graph, rule)
        self.rows = rows
        self.logits = logits_of(graph)

    def start(self, params: Any, layers: Any, noise: jax.Array, hyper: Mapping[str, Any]) -> Any:
        """Return the state from given weights: nothing is read yet."""
        begun = super().start(params, layers, noise, hyper)
        kept = () if self.rows is None else stepping.start(self.graph, self.rows)
        return Reading(*begun, kept=kept)

    def told(
        self, params: Any, layers: Any, x: Any, hyper: Mapping[str, Any], **options: Any
    ) -> tuple[jax.Array, Any]:
        """Return the logits of every next token, and the layers' new state."""
        numbers = {name: hyper[name] for name in self.graph.numbers()}
        raw, layers = self.graph.apply(
            params, layers, x, numbers=numbers, logits=self.logits, **options
        )
        return raw, layers

    def step(self, state: Reading, batch: Batch) -> tuple[Reading, Logs]:
        """Make one update."""
        tokens: Tokens = batch.data
        key = jax.random.fold_in(state.key, state.steps) if self.graph.stochastic else None

        def cost(params: Any) -> Any:
            kept, layers = state.kept, state.layers
            if self.rows is None:
                z, layers = self.told(params, layers, tokens.x, state.hyper, key=key, training=True)
            else:
                z, kept = self._read_on(params, state, tokens, key)
            total, count = _nats(z, tokens)
            j = total / jnp.maximum(count, 1)
            penalty = self.graph.penalty(self.trained(params))
            j = j if penalty is None else j + penalty
            return j, (layers, kept, {"loss": (total, count)})

        state, _, (layers, kept, logs) = self.update(state, cost)  # type: ignore[arg-type,assignment]
        new: Any = self.stepped(state, layers)  # type: ignore[arg-type]
        return new._replace(kept=kept), logs

    def _read_on(self, params: Any, state: Reading, tokens: Tokens, key: Any) -> tuple[Any, Any]:
        """The logits of the next tokens of each stream, and what is remembered then."""
        kept = jax.tree.map(
            lambda a: jnp.where(tokens.begins.reshape(-1, *(1,) * (a.ndim - 1)), 0, a), state.kept
        )
        numbers = {name: state.hyper[name] for name in self.graph.numbers()}
        z, kept = stepping.step(
            self.graph,
            params,
            state.layers,
            jax.lax.stop_gradient(kept),
            tokens.x,
            key=key,
            training=True,
            numbers=numbers,
            logits=self.logits,
        )
        return full_precision(z), kept

    def evaluate(self, state: Reading, batch: Batch) -> Logs:
        """Return the sum of -log p over the tokens that count, and how many they are."""
        z, _ = self.told(state.params, state.layers, batch.data.x, state.hyper)
        return {"loss": _nats(z, batch.data)}


def _nats(z: jax.Array, tokens: Tokens) -> tuple[jax.Array, jax.Array]:
    """The sum of -log p over the tokens that count, and their number."""
    errors = LOSS.rows(tokens.y.reshape(-1), z.reshape(-1, z.shape[-1]))
    real = tokens.real.reshape(-1).astype(errors.dtype)
    return jnp.sum(errors * real), jnp.sum(real)


def logits_of(graph: Graph) -> tuple[bool, ...]:
    """What `Graph.apply(logits=)` is told: whether a softmax at the end is left out."""
    return tuple(link == "softmax" for link in graph.output_links())


def require_network(graph: Graph, tokens: int) -> None:
    """Raise unless a network reads token numbers and tells each next one.

    Raises:
        DescendError: several inputs or outputs.
        ShapeError: an input that is no sequence of numbers, or an output that is not one number a
            token at every step.
    """
    if not (graph.single_input and graph.single_output):
        raise DescendError(
            f"{graph.name}: a language model's network has one input, the tokens, and one output"
        )
    (shape,), (output,) = graph.input_shapes, graph.output_shapes
    if len(shape) != 1 or len(output) != 2 or output[0] != shape[0]:
        raise ShapeError(
            f"{graph.name}: a language model's network takes (context,) token numbers and gives "
            f"(context, tokens), got an input of shape {shape} and an output of shape {output}"
        )
    if output[1] != tokens:
        raise ShapeError(
            f"{graph.name}: the text has {tokens} tokens, padding counted, and the network tells "
            f"{output[1]}: make its last layer Dense({tokens})"
        )
    ends = graph.nodes[-1].layer
    function = getattr(ends, "activation", activations.linear)
    if graph.output_links()[0] is None and function is not activations.linear:
        raise DescendError(
            f"{graph.name}: the output is to be logits (no activation) or probabilities (softmax "
            f"as the activation of the last layer); the last layer is {ends.label}"
        )
