"""Against Keras (the lectures' library): losses, parameter counts, names.

Layers are compared in tests/nn/test_layer_peers.py. Skipped where Keras is not installed (it is in
the bench extra); each thing checked here has an oracle without Keras elsewhere.
"""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pytest

import descend as ds
from descend.nn import losses

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's import warns about its own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)


def _pair(build):
    """The same listing in both libraries; only the module differs."""
    with jax.numpy_rank_promotion("allow"):  # Keras, on its JAX backend, broadcasts as it likes
        return build(ds), build(keras.layers, keras)


def _iris(layers, top=None):
    """itam-2023, 1.8."""
    top = top or layers
    i = layers.Input((2,))
    h = layers.Dense(units=32, activation="relu", name="hidden1")(i)
    h = layers.Dense(units=64, activation="relu", name="hidden2")(h)
    h = layers.Dense(units=32, activation="relu", name="hidden3")(h)
    return top.Model(i, layers.Dense(units=2)(h))


def _branches(layers, top=None):
    top = top or layers
    a, b = layers.Input((4, 3)), layers.Input((5,))
    left = layers.PReLU()(layers.Dense(7)(a))
    shared = layers.Dense(6, activation="tanh")
    right = layers.Add()([shared(b), shared(b)])
    joined = layers.Concatenate()([layers.Flatten()(left), layers.Dropout(0.3)(right)])
    outputs = [layers.Dense(1)(joined), layers.Dense(3, activation="softmax")(joined)]
    return top.Model([a, b], outputs)


def _reshaped(layers, top=None):
    top = top or layers
    stack = [
        layers.Input((12,)),
        layers.Dense(8, use_bias=False),
        layers.Activation("relu"),
        layers.Reshape((2, 4)),
        layers.Dense(5),
        layers.PReLU(),
        layers.Flatten(),
        layers.Dense(2),
        layers.PReLU(),
    ]
    return top.Sequential(stack)


def _images(layers, top=None):
    top = top or layers
    stack = [
        layers.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, strides=2, padding="same", use_bias=False),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
    return top.Sequential(stack)


def _sequences(layers, top=None):
    top = top or layers
    stack = [
        layers.Input((20,)),
        layers.Embedding(100, 16, mask_zero=True),
        layers.Bidirectional(layers.LSTM(8, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(6)),
        layers.GRU(5, return_sequences=True),
        layers.LayerNormalization(),
        layers.SimpleRNN(4),
        layers.Dense(1, name="out"),  # Keras counts the Dense inside TimeDistributed
    ]
    return top.Sequential(stack)


def _attention(layers, top=None):
    top = top or layers
    i = layers.Input((12, 16))
    h = layers.MultiHeadAttention(num_heads=4, key_dim=4)(i, i)
    h = layers.LayerNormalization()(layers.Add()([i, h]))
    h = layers.Conv1D(8, 3, padding="causal")(h)
    return top.Model(i, layers.Dense(2)(layers.GlobalAveragePooling1D()(h)))


@pytest.mark.parametrize(
    "build",
    [_iris, _branches, _reshaped, _images, _sequences, _attention],
    ids=lambda f: f.__name__[1:],
)
def test_names_shapes_and_parameter_counts(build):
    keras.backend.clear_session()  # its automatic names count through the session
    ours, theirs = _pair(build)
    counts = ours.parameter_counts()
    layers = {
        layer.name: layer
        for layer in theirs.layers
        if not isinstance(layer, keras.layers.InputLayer)
    }
    assert sum(counts.values()) == theirs.count_params()
    assert sorted(counts.values()) == sorted(layer.count_params() for layer in layers.values())
    assert set(counts) == set(layers)
    outputs = theirs.outputs
    assert list(ours.output_shapes) == [tuple(o.shape[1:]) for o in outputs]
    if build is not _branches:  # in a chain the order is the same too
        assert list(counts.items()) == [(n, layer.count_params()) for n, layer in layers.items()]


def _rows(rng, n=11, k=4):
    onehot = np.eye(k)[rng.integers(0, k, n)]
    soft, p = rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n) * 0.96 + 0.01
    z, numbers = 3 * rng.standard_normal((n, k)), rng.standard_normal((n, k))
    binary, q = rng.integers(0, 2, (n, k)) * 1.0, rng.uniform(0.02, 0.98, (n, k))
    p = p / p.sum(axis=1, keepdims=True)  # Keras normalises probabilities, we take them as given
    L = keras.losses
    none = {"reduction": "none"}
    return {
        "mse": (losses.MeanSquaredError(), L.MeanSquaredError(**none), numbers, z),
        "mae": (losses.MeanAbsoluteError(), L.MeanAbsoluteError(**none), numbers, z),
        "huber": (losses.Huber(0.7), L.Huber(delta=0.7, **none), numbers, z),
        "bce": (losses.BinaryCrossentropy(), L.BinaryCrossentropy(**none), binary, q),
        "bce logits": (
            losses.BinaryCrossentropy(True),
            L.BinaryCrossentropy(from_logits=True, **none),
            binary,
            z,
        ),
        "cce": (losses.CategoricalCrossentropy(), L.CategoricalCrossentropy(**none), onehot, p),
        "cce logits": (
            losses.CategoricalCrossentropy(True),
            L.CategoricalCrossentropy(from_logits=True, **none),
            soft,
            z,
        ),
        "sparse": (
            losses.SparseCategoricalCrossentropy(),
            L.SparseCategoricalCrossentropy(**none),
            onehot.argmax(axis=1),
            p,
        ),
        "sparse logits": (
            losses.SparseCategoricalCrossentropy(True),
            L.SparseCategoricalCrossentropy(from_logits=True, **none),
            onehot.argmax(axis=1),
            z,
        ),
        "kld": (losses.KLDivergence(), L.KLDivergence(**none), soft, p),
    }


def test_losses_row_by_row():
    for name, (ours, theirs, y, prediction) in _rows(np.random.default_rng(0)).items():
        y = y.astype(np.int32 if y.ndim == 1 else np.float32)
        prediction = prediction.astype(np.float32)
        want = np.asarray(theirs(y, prediction))
        # Keras adds its 1e-7 inside some logarithms
        np.testing.assert_allclose(
            ours.rows(y, prediction), want, rtol=2e-5, atol=2e-6, err_msg=name
        )
