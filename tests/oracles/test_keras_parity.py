"""Against Keras (the lectures' library): layers, losses, parameter counts, names.

The only module that imports Keras. Skipped where it is not installed (it is in the bench extra);
each thing checked here has an oracle without Keras elsewhere.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import descend as ds
from descend.nn import initializers, losses
from descend.nn.layers import Activation, Add, Concatenate, Dense, Flatten, PReLU, Reshape

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's import warns about its own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)
    tf = pytest.importorskip("tensorflow", exc_type=ImportError)

if keras.backend.backend() != "tensorflow":
    pytest.skip("gradients are taken with TensorFlow's tape", allow_module_level=True)

ACTIVATIONS = ["relu", "sigmoid", "tanh", "elu", "selu", "softplus", "softmax", "gelu", "swish"]
KERAS_NAMES = {"swish": "silu"}


def shape(rng, axes):
    return tuple(int(n) for n in rng.integers(1, 8, axes))


def dense(rng):
    name, units, bias = str(rng.choice(ACTIVATIONS)), int(rng.integers(1, 9)), bool(rng.integers(2))
    theirs = keras.layers.Dense(units, KERAS_NAMES.get(name, name), use_bias=bias)
    return Dense(units, name, use_bias=bias), theirs, shape(rng, rng.integers(1, 3))


def activation(rng):
    name = str(rng.choice(ACTIVATIONS))
    theirs = keras.layers.Activation(KERAS_NAMES.get(name, name))
    return Activation(name), theirs, tuple(n + 1 for n in shape(rng, 2))


def prelu(rng):
    return PReLU(initializers.Normal(0.4)), keras.layers.PReLU(), shape(rng, rng.integers(1, 3))


def reshape(rng):
    a, b, c = shape(rng, 3)
    return Reshape((c, -1)), keras.layers.Reshape((c, -1)), (a, b * c)


def concatenate(rng):
    a, b, c = shape(rng, 3)
    return Concatenate(), keras.layers.Concatenate(), ((c, a), (c, b), (c, a))


def add(rng):
    return Add(), keras.layers.Add(), (shape(rng, 2),) * int(rng.integers(2, 5))


def flatten(rng):
    return Flatten(), keras.layers.Flatten(), shape(rng, 3)


LAYERS = [dense, activation, prelu, reshape, concatenate, add, flatten]


@pytest.mark.parametrize("make", LAYERS, ids=lambda f: f.__name__)
def test_forward_and_gradient(make):
    """The same weights over 10 random configurations: 1e-5 relative in float32."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        ours, theirs, input_shape = make(rng)
        several = isinstance(input_shape[0], tuple)
        draw = lambda s, rng=rng: rng.standard_normal(s).astype(np.float32)
        x = [draw((5, *s)) for s in (input_shape if several else (input_shape,))]
        shapes = jax.eval_shape(lambda o=ours, s=input_shape: o.init(jax.random.key(0), s)[0])
        params = {k: draw(v.shape) for k, v in shapes.items()}
        weight = draw((5, *ours.build(input_shape)))

        def f(params, x, ours=ours, weight=weight, several=several):
            y, _ = ours.apply(params, {}, tuple(x) if several else x[0])
            return jnp.sum(weight * y), y

        both = jax.jit(jax.value_and_grad(f, argnums=(0, 1), has_aux=True))
        (_, y), gradients = both(params, x)

        theirs.build([(None, *s) for s in input_shape] if several else (None, *input_shape))
        names = [w.name for w in theirs.weights]
        assert sorted(names) == sorted(params), "arrays are named as in Keras"
        theirs.set_weights([params[name] for name in names])
        tensors = [tf.constant(a) for a in x]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            out = theirs(tensors if several else tensors[0])
            total = tf.reduce_sum(out * weight)
        wanted = tape.gradient(total, [*(w.value for w in theirs.weights), *tensors])
        got = [*(gradients[0][name] for name in names), *gradients[1]]
        np.testing.assert_allclose(y, out.numpy(), rtol=1e-5, atol=1e-6)
        for g, w in zip(got, wanted, strict=True):
            scale = float(np.abs(w.numpy()).max())
            np.testing.assert_allclose(g, w.numpy(), rtol=1e-5, atol=1e-5 * max(scale, 1e-3))


def _pair(build):
    """The same listing in both libraries; only the module differs."""
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


@pytest.mark.parametrize("build", [_iris, _branches, _reshaped], ids=lambda f: f.__name__[1:])
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
        want = theirs(y, prediction).numpy()
        # Keras adds its 1e-7 inside some logarithms
        np.testing.assert_allclose(
            ours.rows(y, prediction), want, rtol=2e-5, atol=2e-6, err_msg=name
        )
