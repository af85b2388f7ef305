"""Writing: a language model's own tokens, drawn one after the other in one compiled scan.

At each step the network reads one token, with what it has kept of those before (`nn/stepping.py`),
and the next is drawn from

    p_i ~ exp(z_i / temperature),    of the top_k likeliest tokens, or of the likeliest that make up
                                     top_p of the probability

A network of a fixed context that is full reads the last half of what is written again, and goes on.

Source: Holtzman et al. 2020 for top_p; Fan, Lewis and Dauphin 2018 for top_k.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from descend.nn import stepping
from descend.nn.graph import Graph, full_precision
from descend.text.task import logits_of


class Drawing(NamedTuple):
    """How the next token is drawn.

    Attributes:
        temperature: number the logits are divided by; 0: the likeliest token.
        top_k: how many of the likeliest tokens may come; None: all.
        top_p: share of the probability that the likeliest tokens make up, which may come.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None


def narrowed(z: jax.Array, temperature: Any, drawing: Drawing) -> jax.Array:
    """Logits (tokens,) of the distribution that is drawn from; -inf where nothing may come."""
    z = z / jnp.maximum(temperature, 1e-6)
    if drawing.top_k is not None and drawing.top_k < z.shape[-1]:
        least = lax.top_k(z, drawing.top_k)[0][-1]
        z = jnp.where(z < least, -jnp.inf, z)
    if drawing.top_p is not None:
        down = -jnp.sort(-z)
        before = jnp.cumsum(jax.nn.softmax(down)) - jax.nn.softmax(down)  # of the likelier ones
        least = jnp.min(jnp.where(before < drawing.top_p, down, jnp.inf))
        z = jnp.where(z < least, -jnp.inf, z)
    return z


def writer(
    graph: Graph, total: int, context: int | None, drawing: Drawing
) -> Callable[..., jax.Array]:
    """A function (params, layers, prompt, length, temperature, key) -> tokens (total,).

    The first `length` tokens are those of `prompt` (total,), the rest is drawn.

    Args:
        graph: the network.
        total: tokens in all.
        context: tokens that the network can read, None where there is no end.
        drawing: how tokens are drawn; its temperature matters only in being 0 or not.
    """
    logits = logits_of(graph)
    again = 0 if context is None else context // 2

    def write(
        params: Any, layers: Any, prompt: Any, length: Any, temperature: Any, key: Any
    ) -> jax.Array:
        def read(kept: Any, tokens: Any) -> Any:
            z, kept = stepping.step(graph, params, layers, kept, tokens[None], logits=logits)
            return full_precision(z)[0, -1], kept

        def begin() -> Any:
            return stepping.start(graph, 1, context)

        def again_from(text: Any, t: Any) -> Any:
            _, kept = read(begin(), lax.dynamic_slice_in_dim(text, t - again, again))
            return kept, jnp.asarray(again, jnp.int32)

        def one(carry: Any, t: Any) -> Any:
            kept, used, text = carry
            if context is not None:
                kept, used = lax.cond(
                    used == context,
                    lambda: again_from(text, t),
                    lambda: (kept, used),
                )
            z, kept = read(kept, lax.dynamic_slice_in_dim(text, t, 1))
            z = narrowed(z.at[0].set(-jnp.inf), temperature, drawing)  # 0 stands for no token
            if drawing.temperature == 0:
                drawn = jnp.argmax(z)
            else:
                drawn = jax.random.categorical(jax.random.fold_in(key, t), z)
            token = jnp.where(t + 1 < length, text[t + 1], drawn.astype(jnp.int32))
            return (kept, used + 1, text.at[t + 1].set(token)), None

        first = (begin(), jnp.zeros((), jnp.int32), prompt)
        (_, _, text), _ = lax.scan(one, first, jnp.arange(total - 1, dtype=jnp.int32))
        return text

    return write
