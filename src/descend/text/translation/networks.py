"""The networks of a translator by name.

    recurrent     an encoder reads the sentence, and hands its last state to a decoder
    attention     the same, and the decoder looks back at every step of the encoder
    transformer   attention alone

Each has two inputs, the tokens of the source and those of the translation so far, and tells the
next token of the translation at every place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from descend.errors import DescendError, unknown
from descend.nn.initializers import RandomNormal
from descend.nn.layers import (
    GRU,
    Attention,
    Bidirectional,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    Rescaling,
    SinePositionEncoding,
    TransformerDecoder,
    TransformerEncoder,
)
from descend.nn.symbols import Input, Symbol
from descend.text.translation.pairs import Languages
from descend.train.model import Model

NAMES = ("transformer", "attention", "recurrent")
SIDES = ("source", "given")


class Sizes(NamedTuple):
    """What a network's layers are made with.

    Attributes:
        units: numbers in a layer, and of an embedding.
        layers: layers, or blocks, of the encoder, and as many of the decoder.
        dropout: share that is dropped in training.
        heads: heads of a transformer's attention.
        wide: rows of the network inside a transformer's block; None: 2 units, since pairs are few
            where a translator is trained in an hour.
    """

    units: int
    layers: int
    dropout: float
    heads: int = 4
    wide: int | None = None


DEFAULTS = {
    "transformer": Sizes(192, 3, 0.2),
    "attention": Sizes(256, 1, 0.3),
    "recurrent": Sizes(256, 1, 0.3),
}


def sized(name: Any, sizes: Mapping[str, Any]) -> Sizes:
    """The sizes of the network of a name.

    Args:
        name: one of `NAMES`.
        sizes: `Sizes` that are not the default ones; None stands for the default.

    Raises:
        DescendError: another name; units that the heads, or two directions, do not divide.
    """
    if name not in NAMES:
        raise unknown("network of a translator", name, NAMES)
    size = DEFAULTS[name]._replace(**{k: v for k, v in sizes.items() if v is not None})
    divisor = size.heads if name == "transformer" else 2
    if size.units % divisor:
        why = "the heads" if name == "transformer" else "two, the directions of the encoder,"
        raise DescendError(f"{why} must divide the units: {size.units} is no multiple of {divisor}")
    return size


def network(name: Any, languages: Languages, seed: int, sizes: Mapping[str, Any]) -> Model:
    """The network of a name: see `sized`."""
    size = sized(name, sizes)
    source = Input((None,), name="source", dtype="int32")
    given = Input((None,), name="given", dtype="int32")
    make = _transformer if name == "transformer" else _recurrent
    h = make(source, given, languages, size, attends=name != "recurrent")
    return Model([source, given], Dense(languages.sizes[1], name="next")(h), name=name, seed=seed)


def _recurrent(
    source: Symbol, given: Symbol, languages: Languages, size: Sizes, attends: bool
) -> Symbol:
    """Encoder and decoder with gates.

    The encoder reads in both directions. What a decoder's layer begins with, and how it attends:

        s_0 = tanh(W [h forward at the end; h backward at the beginning])
        a_t = softmax(s_t W h_1..n),   tanh(W [sum_i a_ti h_i; s_t])

    Source: Cho et al. 2014 (the unit, encoder and decoder); Bahdanau, Cho and Bengio 2015 (the
    encoder, s_0); Luong, Pham and Manning 2015 (attention: global, its score "general").
    """
    memory, h = (
        _dropped(x, size, side)
        for side, x in zip(SIDES, _embedded(source, given, languages, size.units), strict=True)
    )
    states = []
    for i in range(size.layers):
        cell = GRU(size.units // 2, return_sequences=True, return_state=True)
        memory, forward, backward = Bidirectional(cell, name=f"encoder_{i}")(memory)
        both = Concatenate(name=f"ends_{i}")([forward, backward])
        states.append(Dense(size.units, "tanh", name=f"handed_over_{i}")(both))
    for i, state in enumerate(states):
        cell = GRU(size.units, return_sequences=True, name=f"decoder_{i}")
        h = cell(h, initial_state=state)
    if attends:
        query = Dense(size.units, use_bias=False, name="query")(h)
        context = Attention(name="attention")([query, memory])
        joined = Concatenate(name="context")([context, h])
        h = Dense(size.units, "tanh", use_bias=False, name="attended")(joined)
    return _dropped(h, size, "output")


def _transformer(
    source: Symbol, given: Symbol, languages: Languages, size: Sizes, attends: bool
) -> Symbol:
    """Blocks of attention, each normalised first.

    Source: Vaswani et al. 2017; Xiong et al. 2020 for the place of the normalisation.
    """
    wide = 2 * size.units if size.wide is None else size.wide
    options: dict[str, Any] = {"dropout": size.dropout, "normalize_first": True}
    scale = Rescaling(math.sqrt(size.units), name="scale")
    memory, h = (
        _dropped(SinePositionEncoding(name=f"{side}_positions")(scale(x)), size, side)
        for side, x in zip(SIDES, _embedded(source, given, languages, size.units), strict=True)
    )
    for i in range(size.layers):
        memory = TransformerEncoder(wide, size.heads, name=f"encoder_{i}", **options)(memory)
    memory = LayerNormalization(epsilon=1e-5, name="memory")(memory)
    for i in range(size.layers):
        h = TransformerDecoder(wide, size.heads, name=f"decoder_{i}", **options)(h, memory)
    return LayerNormalization(epsilon=1e-5, name="norm")(h)


def _embedded(source: Symbol, given: Symbol, languages: Languages, units: int) -> list[Symbol]:
    """Both sides' vectors, by one table where they have the same tokens."""
    draw = RandomNormal(stddev=units**-0.5)
    if languages.shared:
        one = Embedding(languages.sizes[0], units, draw, name="embedding")
        return [one(source), one(given)]
    sides = zip(SIDES, languages.sizes, (source, given), strict=True)
    return [Embedding(n, units, draw, name=f"{side}_embedding")(x) for side, n, x in sides]


def _dropped(x: Symbol, size: Sizes, name: str) -> Symbol:
    return Dropout(size.dropout, name=f"{name}_dropout")(x) if size.dropout else x
