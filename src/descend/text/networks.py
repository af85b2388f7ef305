"""The networks of a language model by name: recurrent ones, and a transformer."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from descend.errors import unknown
from descend.nn import stepping
from descend.nn.graph import Graph
from descend.nn.layers import (
    GRU,
    LSTM,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    PositionEmbedding,
    SimpleRNN,
    TransformerDecoder,
)
from descend.nn.symbols import Input
from descend.train.model import Model

RECURRENT = {"rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}
NAMES = (*RECURRENT, "transformer")
WIDTH = 64  # numbers that a token is, at most, where a recurrent network reads it


class Sizes(NamedTuple):
    """What a network's layers are made with.

    Attributes:
        units: numbers in a layer.
        layers: layers, or blocks, on top of each other.
        dropout: share that is dropped between them in training.
        heads: heads of a transformer's attention.
    """

    units: int
    layers: int
    dropout: float
    heads: int = 4


DEFAULTS = {
    "rnn": Sizes(512, 1, 0.0),
    "gru": Sizes(512, 1, 0.0),
    "lstm": Sizes(512, 1, 0.0),
    "transformer": Sizes(128, 4, 0.0),
}


def network(name: str, tokens: int, context: int, seed: int, **sizes: Any) -> Model:
    """The network of a name.

    Args:
        name: "rnn", "gru", "lstm" or "transformer".
        tokens: numbers of the tokenisers' tokens, padding counted.
        context: tokens a transformer sees.
        seed: seed of the weights.
        sizes: `Sizes` that are not the default ones; None stands for the default.

    Raises:
        DescendError: another name.
    """
    if name not in NAMES:
        raise unknown("network of a language model", name, NAMES)
    given = {key: value for key, value in sizes.items() if value is not None}
    size = DEFAULTS[name]._replace(**given)
    if name == "transformer":
        return _transformer(tokens, context, seed, size)
    return _recurrent(name, tokens, seed, size)


def _recurrent(name: str, tokens: int, seed: int, size: Sizes) -> Model:
    x = Input((None,), name="tokens", dtype="int32")
    h = Embedding(tokens, min(size.units, WIDTH), name="embedding")(x)
    for i in range(size.layers):
        h = RECURRENT[name](size.units, return_sequences=True, name=f"{name}_{i}")(h)
        if size.dropout:
            h = Dropout(size.dropout, name=f"dropout_{i}")(h)
    return Model(x, Dense(tokens, name="next")(h), name=name, seed=seed)


def _transformer(tokens: int, context: int, seed: int, size: Sizes) -> Model:
    x = Input((context,), name="tokens", dtype="int32")
    h = Embedding(tokens, size.units, name="embedding")(x)
    h = PositionEmbedding(context, name="positions")(h)
    for i in range(size.layers):
        h = TransformerDecoder(
            4 * size.units,
            size.heads,
            dropout=size.dropout,
            activation="gelu",
            normalize_first=True,
            name=f"block_{i}",
        )(h)
    h = LayerNormalization(epsilon=1e-5, name="norm")(h)
    return Model(x, Dense(tokens, name="next")(h), name="transformer", seed=seed)


def endless(graph: Graph) -> bool:
    """Whether a network can be read on for ever: what it keeps counts no steps and has no end."""
    kept = jax.eval_shape(lambda: stepping.start(graph, 1, 2))
    return all(leaf.ndim > 0 for leaf in jax.tree.leaves(kept))
