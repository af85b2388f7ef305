"""Writing a translation: beam search, all sentences side by side, as one compiled loop.

The sentence is read once. At each step the decoder reads one token for each of the `beam` partial
translations of each sentence, with what it has kept of those before (`nn/stepping.py`); of all
their continuations the `beam` of the largest

    log p(y_1 .. y_n | x) = sum_t log p(y_t | y_1 .. y_{t-1}, x)

go on. One that has ended leaves the beam; of all that have ended the one of the largest
log p / n^penalty is the translation. The loop stops where none that goes on could still become
better: since log p only falls, its value is at most log p / limit^penalty. A beam of one takes the
likeliest token at each step (greedy search).

Source: Sutskever, Vinyals and Le 2014, 3.2; Huang, Zhao and Ma 2017 for when to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from descend.nn import stepping
from descend.nn.graph import Graph, full_precision
from descend.nn.layers.stepped import Fixed
from descend.text.task import logits_of

NEVER = -jnp.inf


class Found(NamedTuple):
    """Translations, one a sentence.

    Attributes:
        tokens: their numbers, (rows, steps): the end, and 0 behind it.
        nats: log p of each, its end included, (rows,).
    """

    tokens: jax.Array
    nats: jax.Array


class Searching(NamedTuple):
    """The loop's state; arrays (rows, beam, ...) of those that go on, (rows, ...) of the best."""

    t: jax.Array
    kept: Any
    last: jax.Array  # the token that is read next
    tokens: jax.Array
    nats: jax.Array  # log p; -inf where there is none
    best: jax.Array
    best_nats: jax.Array
    best_value: jax.Array  # log p / n^penalty


def searcher(graph: Graph, steps: int, beam: int, end: int) -> Callable[..., Found]:
    """A function (params, layers, source, limit, penalty) -> Found.

    Its `source` are the numbers (rows, time) of sentences, 0 behind their ends; `limit` <= steps
    the most tokens of a translation, its end counted: the last can only be the end.

    Args:
        graph: the network.
        steps: tokens that there is room for.
        beam: partial translations of a sentence.
        end: number of the end, and of the beginning.
    """
    logits = logits_of(graph)

    def search(params: Any, layers: Any, source: Any, limit: Any, penalty: Any) -> Found:
        rows = source.shape[0]

        def read(kept: Any, tokens: jax.Array) -> tuple[jax.Array, Any]:
            z, kept = stepping.step(
                graph, params, layers, kept, (None, tokens.reshape(-1, 1)), logits=logits
            )
            log_p = jax.nn.log_softmax(full_precision(z)[:, -1])
            return log_p.reshape(rows, beam, -1), kept

        def one(s: Searching) -> Searching:
            log_p, kept = read(s.kept, s.last)
            size = log_p.shape[-1]
            never = jnp.arange(size) == 0  # padding stands for no token
            never |= (s.t == limit - 1) & (jnp.arange(size) != end)
            total = s.nats[..., None] + jnp.where(never[None, None], NEVER, log_p)
            nats, place = lax.top_k(total.reshape(rows, -1), beam)
            parent, token = place // size, place % size
            tokens = jnp.take_along_axis(s.tokens, parent[..., None], axis=1)
            tokens = lax.dynamic_update_index_in_dim(tokens, token, s.t, 2)
            ended = (token == end) & (nats > NEVER)
            value = jnp.where(ended, nats / (s.t + 1.0) ** penalty, NEVER)
            k = jnp.argmax(value, axis=1, keepdims=True)
            top = jnp.take_along_axis(value, k, axis=1)[:, 0]
            better = top > s.best_value
            ending = jnp.take_along_axis(tokens, k[..., None], axis=1)[:, 0]
            best_value = jnp.where(better, top, s.best_value)
            nats_on = jnp.where(ended, NEVER, nats)
            hope = jnp.max(nats_on, axis=1) / (1.0 * limit) ** penalty
            nats_on = jnp.where((best_value >= hope)[:, None], NEVER, nats_on)
            return Searching(
                s.t + 1,
                _of_parents(kept, parent),
                token,
                tokens,
                nats_on,
                jnp.where(better[:, None], ending, s.best),
                jnp.where(better, jnp.take_along_axis(nats, k, axis=1)[:, 0], s.best_nats),
                best_value,
            )

        kept = stepping.start_with(
            graph, params, layers, (source, None), (source != 0, None), steps
        )
        none = jnp.full((rows,), NEVER)
        found = lax.while_loop(
            lambda s: (s.t < limit) & jnp.any(s.nats > NEVER),
            one,
            Searching(
                jnp.zeros((), jnp.int32),
                jax.tree.map(lambda a: jnp.repeat(a, beam, axis=0) if a.ndim else a, kept),
                jnp.full((rows, beam), end, jnp.int32),
                jnp.zeros((rows, beam, steps), jnp.int32),
                jnp.full((rows, beam), NEVER).at[:, 0].set(0.0),  # they begin alike
                jnp.zeros((rows, steps), jnp.int32),
                none,
                none,
            ),
        )
        return Found(found.best, found.best_nats)

    return search


def _of_parents(kept: Any, parent: jax.Array) -> Any:
    """What is kept of the partial translations that were gone on from, (rows, beam)."""
    rows, beam = parent.shape
    at = (jnp.arange(rows)[:, None] * beam + parent).reshape(-1)

    def pick(a: Any) -> Any:
        return a if isinstance(a, Fixed) or not a.ndim else a[at]

    return jax.tree.map(pick, kept, is_leaf=lambda a: isinstance(a, Fixed))
