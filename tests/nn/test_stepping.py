"""A network read step by step gives what it gives for the whole sequence, or says why it cannot."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES
from layer_cases.case import draw, jit
from layer_cases.case import start as begun

from descend.errors import DescendError
from descend.nn import layers as nn
from descend.nn import stepping
from descend.nn.graph import Graph
from descend.nn.symbols import Input

TIME, FEATURES = 7, 4
PIECES = (1, 3, 1, 2)
SEQUENCE = {"return_sequences": True}


def network(*layers, shape=(TIME, FEATURES), dtype="float32"):
    x = h = Input(shape, dtype=dtype)
    for layer in layers:
        h = layer(h)
    return Graph(x, h)


def both(graph, x, steps=None):
    """(the output of the whole, of the pieces one after the other)."""
    params, state = graph.init(jax.random.key(0))
    # zeros would hide what a bias, a scale or a position does
    noise = iter(jax.random.split(jax.random.key(1), 100))
    params = jax.tree.map(lambda a: a + 0.3 * jax.random.normal(next(noise), a.shape), params)

    def read(params, state, x):
        kept, parts, at = stepping.start(graph, len(x), steps), [], 0
        for k in PIECES:
            y, kept = stepping.step(graph, params, state, kept, x[:, at : at + k])
            parts.append(y)
            at += k
        return graph.apply(params, state, x)[0], jnp.concatenate(parts, axis=1)

    return jit(read)(params, state, x)


READ = {
    "pointwise": lambda: (nn.Dense(5, "tanh"), nn.LayerNormalization(), nn.Dropout(0.5)),
    "other norms": lambda: (nn.RMSNormalization(), nn.UnitNormalization(), nn.Softmax()),
    "plain": lambda: (nn.SimpleRNN(5, **SEQUENCE),),
    "lstm on lstm": lambda: (nn.LSTM(5, **SEQUENCE), nn.LSTM(3, **SEQUENCE)),
    "gru": lambda: (nn.GRU(5, **SEQUENCE),),
    "gru before": lambda: (nn.GRU(5, reset_after=False, **SEQUENCE),),
    "cells": lambda: (nn.RNN([nn.GRUCell(3), nn.LSTMCell(2)], **SEQUENCE),),
    "causal": lambda: (nn.Conv1D(5, 3, padding="causal", activation="tanh"),),
    "dilated": lambda: (nn.Conv1D(4, 2, padding="causal", dilation_rate=3, groups=2),),
    "of one step": lambda: (nn.Conv1D(5, 1),),
    "attention": lambda: (nn.MultiHeadAttention(2, 3, use_causal_mask=True),),
    "rotary": lambda: (nn.MultiHeadAttention(2, 4, use_causal_mask=True, rotary=50.0),),
    "positions": lambda: (nn.PositionEmbedding(9), nn.SinePositionEncoding(), nn.RotaryEmbedding()),
    "decoder": lambda: (nn.TransformerDecoder(8, 2), nn.TransformerDecoder(8, 2)),
    "encoder": lambda: (nn.TransformerEncoder(8, 2, use_causal_mask=True, normalize_first=True),),
    "each step": lambda: (nn.TimeDistributed(nn.Dense(3)), nn.Residual()),
}


@pytest.mark.parametrize("name", READ)
def test_pieces_give_what_the_whole_gives(name):
    x = np.random.default_rng(0).normal(size=(2, TIME, FEATURES)).astype(np.float32)
    whole, pieces = both(network(*READ[name]()), x)
    np.testing.assert_allclose(pieces, whole, rtol=2e-5, atol=2e-5)


def test_tokens_and_joined_layers():
    x = Input((TIME,), dtype="int32")
    a = nn.Embedding(6, 4)(x)
    b = nn.LSTM(4, **SEQUENCE)(a)
    graph = Graph(x, nn.Dense(6)(nn.Concatenate()([nn.Add()([a, b]), b])))
    tokens = np.random.default_rng(0).integers(6, size=(3, TIME))
    whole, pieces = both(graph, tokens)
    np.testing.assert_allclose(pieces, whole, rtol=2e-5, atol=2e-5)


def test_a_layer_that_stands_twice_keeps_two_things():
    x = Input((TIME, 4))
    lstm = nn.LSTM(4, **SEQUENCE)
    data = np.random.default_rng(0).normal(size=(2, TIME, 4)).astype(np.float32)
    whole, pieces = both(Graph(x, lstm(lstm(x))), data)
    np.testing.assert_allclose(pieces, whole, rtol=2e-5, atol=2e-5)


def test_half_precision_is_that_of_the_whole():
    x = np.random.default_rng(0).normal(size=(2, TIME, FEATURES)).astype(np.float32)
    half = {"compute_dtype": "bfloat16"}
    graph = network(
        nn.LSTM(5, **SEQUENCE, **half), nn.MultiHeadAttention(2, 3, use_causal_mask=True, **half)
    )
    whole, pieces = both(graph, x)
    assert whole.dtype == jnp.float32  # `apply` widens outputs
    np.testing.assert_allclose(pieces, whole, rtol=0.1, atol=0.05)
    kept = stepping.start(graph, 2)
    after = stepping.step(graph, *graph.init(jax.random.key(0)), kept, x[:, :1])[1]
    assert jax.tree.map(jnp.result_type, after) == jax.tree.map(jnp.result_type, kept)


def test_logits_are_given_step_by_step():
    x = np.random.default_rng(0).normal(size=(2, TIME, FEATURES)).astype(np.float32)
    graph = network(nn.GRU(5, **SEQUENCE), nn.Dense(3, "softmax"))
    params, state = graph.init(jax.random.key(0))
    z, _ = stepping.step(graph, params, state, stepping.start(graph, 2), x, logits=(True,))
    want, _ = graph.apply(params, state, x, logits=(True,))
    np.testing.assert_allclose(z, want, rtol=2e-5, atol=2e-5)


REFUSED = {
    "both ends": (lambda: nn.Bidirectional(nn.LSTM(2, **SEQUENCE)), "both ends"),
    "from the end": (lambda: nn.LSTM(2, go_backwards=True, **SEQUENCE), "from its end"),
    "the last step": (lambda: nn.LSTM(2), "return_sequences"),
    "not causal": (lambda: nn.MultiHeadAttention(2, 3), "use_causal_mask"),
    "an encoder": (lambda: nn.TransformerEncoder(8, 2), "use_causal_mask"),
    "centred": (lambda: nn.Conv1D(3, 3, padding="same"), "causal"),
    "strides": (lambda: nn.Conv1D(3, 3, strides=2, padding="causal"), "strides"),
    "along time": (lambda: nn.LayerNormalization(axis=1), "axis=1"),
    "a mean": (lambda: nn.GlobalAveragePooling1D(), "later steps"),
    "a reshape": (lambda: nn.Permute((2, 1)), "later steps"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_looks_ahead_is_refused_by_name(name):
    make, why = REFUSED[name]
    layer = make()
    graph = network(nn.Dense(4), layer)
    with pytest.raises(DescendError, match=why) as error:
        stepping.start(graph)
    assert "step by step" in str(error.value)


def test_masks_and_other_sequences_are_refused():
    with pytest.raises(DescendError, match="mask_zero"):
        stepping.start(network(nn.Embedding(3, 2, mask_zero=True), shape=(TIME,), dtype="int32"))
    x, e = Input((5, 4)), Input((6, 4))
    with pytest.raises(DescendError, match="another sequence"):
        stepping.start(Graph([x, e], nn.TransformerDecoder(8, 2)(x, e)))
    with pytest.raises(DescendError, match="how many steps"):
        stepping.start(network(nn.TransformerDecoder(8, 2), shape=(None, 4)))
    graph = network(nn.Conv1D(3, 2, padding="causal", activation="softmax"))
    weights, x = graph.init(jax.random.key(0)), np.zeros((1, 1, 4), np.float32)
    with pytest.raises(DescendError, match="softmax"):
        stepping.step(graph, *weights, stepping.start(graph), x, logits=(True,))


SEQUENCES = {
    name: case
    for name, case in CASES.items()
    if case.make().looks_ahead == "" and not case.several and len(case.input_shape) >= 2
}


def test_there_are_layers_of_many_kinds():
    assert len({type(case.make()) for case in SEQUENCES.values()}) > 20


@pytest.mark.parametrize("name", SEQUENCES, ids=lambda name: name.replace(" ", "_"))
def test_no_layer_says_wrongly_that_it_looks_nowhere_ahead(name):
    case = SEQUENCES[name]
    layer, time = case.make(), case.input_shape[0]
    x = draw(case.input_shape, case.batch, 0, domain=case.domain, kinked=case.kinked)
    params, state = begun(layer, case.input_shape)
    try:
        kept = layer.start(case.input_shape, case.batch, time)
    except DescendError:  # a layer inside looks ahead
        assert layer.inner() or isinstance(layer, nn.Block)
        return
    parts = []
    for at in range(time):
        y, kept = layer.step(params, state, kept, jnp.asarray(x[:, at : at + 1]))
        parts.append(y)
    got = jax.tree.map(lambda *steps: jnp.concatenate(steps, axis=1), *parts)
    want = layer.apply(params, state, jnp.asarray(x))[0]
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_users_step_is_in_the_layers_precision_without_a_word_of_his():
    seen = []

    class Doubles(nn.Layer):
        looks_ahead = ""

        def build(self, input_shape):
            return input_shape

        def apply(self, params, state, x, *, key=None, training=False):
            return 2 * x, state

        def step(self, params, state, kept, x, *, key=None, training=False):
            seen.append(x.dtype)
            return 2 * x, kept

    Doubles(compute_dtype="bfloat16").step({}, {}, (), np.ones((1, 1, 2), np.float32))
    assert seen == [jnp.bfloat16]
