"""Dense, dropout, PReLU and their kin: what the suite over all layers does not say of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit

from descend.errors import DescendError, ShapeError
from descend.nn import activations, initializers, layers
from descend.nn.graph import Graph
from descend.nn.layers import (
    Add,
    AlphaDropout,
    Concatenate,
    Dense,
    Dot,
    DropConnect,
    Dropout,
    GaussianDropout,
    Layer,
    Normalization,
    Permute,
    PReLU,
    RepeatVector,
    Reshape,
    Softmax,
    Subtract,
)
from descend.nn.symbols import Input

NORMAL = initializers.Normal(0.5)


# -- random layers ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_a_share_and_scales_it(rate, seed):
    """scheidegger-2020, "Regularization in NN: Dropout"; 4.5 standard errors, see initialisers."""
    x = jnp.full((200, 100), 3.0)
    y, _ = Dropout(rate).apply({}, {}, x, key=jax.random.key(seed), training=True)
    y = np.asarray(y)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 3.0 / (1 - rate), rtol=1e-6)
    error = np.sqrt(rate * (1 - rate) / y.size)
    assert abs(kept.mean() - (1 - rate)) < 4.5 * error
    assert abs(y.mean() - 3.0) < 4.5 * 3.0 * error / (1 - rate)
    other, _ = Dropout(rate).apply({}, {}, x, key=jax.random.key(seed + 100), training=True)
    assert not np.array_equal(y, other)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_dropconnect_is_dense_on_average(rate, seed):
    """itam-2023, 1.7: E over masks of x (W * mask)/(1 - rate) + b is Dense; z-bound 4.5 each."""
    layer = DropConnect(4, rate=rate, bias_initializer=NORMAL)
    dense = Dense(4)
    params, _ = layer.init(jax.random.key(seed), (6,))
    x = jax.random.normal(jax.random.key(seed + 50), (3, 6))
    want, _ = dense.apply(params, {}, x)
    np.testing.assert_array_equal(layer.apply(params, {}, x)[0], want)  # at prediction: exactly
    count = 4000
    masked = lambda key: layer.apply(params, {}, x, key=key, training=True)[0]
    drawn = np.asarray(jit(jax.vmap(masked))(jax.random.split(jax.random.key(seed), count)))
    # Var sum_j x_j w_j m_j / (1 - rate) = rate / (1 - rate) sum_j (x_j w_j)^2
    variance = rate / (1 - rate) * np.square(x) @ np.square(params["kernel"])
    assert (np.abs(drawn.mean(axis=0) - want) < 4.5 * np.sqrt(variance / count)).all()
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.3)


def test_dropout_along_an_axis_with_a_seed_of_its_own():
    """noise_shape: a feature goes at all steps of a row or at none; seed: other draws."""
    x, key = jnp.ones((40, 5, 7)), jax.random.key(0)
    y = [
        Dropout(0.5, (None, 1, None), seed).apply({}, {}, x, key=key, training=True)[0]
        for seed in (None, 1, 1)
    ]
    assert (y[0] == y[0][:, :1]).all()
    assert 0.3 < float(jnp.mean(y[0] == 0)) < 0.7
    assert not np.array_equal(y[0], y[1])
    np.testing.assert_array_equal(y[1], y[2])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_other_dropouts_keep_mean_and_variance(rate):
    """Of a standard normal x: AlphaDropout gives mean 0, variance 1 (Klambauer et al. 2017, eq.
    11); GaussianDropout's factor has mean 1 and variance rate / (1 - rate). 4.5 standard errors."""
    x, key = jax.random.normal(jax.random.key(1), (1000, 100)), jax.random.key(2)
    y = np.asarray(AlphaDropout(rate).apply({}, {}, x, key=key, training=True)[0])
    assert abs(y.mean()) < 4.5 / np.sqrt(y.size)
    assert abs(y.var() - 1) < 4.5 * np.sqrt(((y**2 - 1) ** 2).mean() / y.size)
    ones = jnp.ones((1000, 100))
    factor = np.asarray(GaussianDropout(rate).apply({}, {}, ones, key=key, training=True)[0])
    variance = rate / (1 - rate)
    assert abs(factor.mean() - 1) < 4.5 * np.sqrt(variance / factor.size)
    assert abs(factor.var() - variance) < 4.5 * variance * np.sqrt(2 / factor.size)


def test_dropconnect_drops_weights_not_outputs():
    """One mask for the batch: equal rows stay equal, and single weights are missing."""
    layer = DropConnect(50, rate=0.5)
    params = {"kernel": jnp.ones((2, 50)), "bias": jnp.zeros(50)}
    y, _ = layer.apply(params, {}, jnp.ones((3, 2)), key=jax.random.key(0), training=True)
    np.testing.assert_array_equal(y[0], y[1])
    assert set(np.asarray(y[0]).tolist()) == {0.0, 2.0, 4.0}  # both, one or no weight dropped


@pytest.mark.parametrize("layer", [Dropout(0.5), DropConnect(2)])
def test_random_layers_need_a_key_in_training_only(layer):
    params, _ = layer.init(jax.random.key(0), (3,))
    x = jnp.ones((2, 3))
    layer.apply(params, {}, x)
    with pytest.raises(DescendError, match=r"needs a key.*key=jax.random.key"):
        layer.apply(params, {}, x, training=True)
    for rate in (-0.1, 1.0, 1.5):
        with pytest.raises(DescendError, match=r"rate must be in \[0, 1\)"):
            type(layer)(*(() if isinstance(layer, Dropout) else (2,)), rate=rate)


# -- formulas and errors ------------------------------------------------------------------------


def test_dense_is_the_lectures_matrix_product(x64):
    """hull-2023, "Vectorizing the Neural Network": a = ReLU(W x + b), W = kernel transposed."""
    layer = Dense(3, "relu")
    kernel, bias = np.arange(6.0).reshape(2, 3) - 2, np.array([0.5, -1.0, 2.0])
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    y, _ = layer.apply({"kernel": kernel, "bias": bias}, {}, x)
    want = np.maximum(0, [kernel.T @ row + bias for row in x])
    np.testing.assert_allclose(y, want, rtol=1e-14)


def test_prelu_with_slope_001_is_leaky_relu():
    """raviv-2022: "Leaky ReLU is a special case of parametric ReLU"."""
    layer = PReLU(initializers.Constant(0.01))
    params, _ = layer.init(jax.random.key(0), (5,))
    x = jnp.linspace(-2, 2, 20).reshape(4, 5)
    np.testing.assert_array_equal(layer.apply(params, {}, x)[0], activations.leaky_relu(x))
    assert (PReLU().init(jax.random.key(0), (5,))[0]["alpha"] == 0.25).all()


def test_dense_starts_with_zero_bias_and_glorot_kernel():
    params, state = Dense(200).init(jax.random.key(0), (100,))
    assert (params["bias"] == 0).all()
    assert float(jnp.abs(params["kernel"]).max()) <= np.sqrt(6 / 300)
    assert state == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "units must be a whole number >= 1"),
        (lambda: Dense(-3), "units must be a whole number >= 1"),
        (lambda: Dense(2.5), "units must be a whole number >= 1"),
        (lambda: Dense(3, "rellu"), "Did you mean 'relu'"),
        (lambda: Dense(3, kernel_initializer="gloro_uniform"), "Did you mean 'glorot_uniform'"),
        (lambda: Dense(3, kernel_regularizer="l4"), "unknown regularizer"),
        (lambda: Reshape((0,)), "whole numbers >= 1"),
        (lambda: Reshape((-1, -1)), "at most one -1"),
        (lambda: Permute((1, 3)), "must order the axes"),
        (lambda: RepeatVector(0), "whole number >= 1"),
        (lambda: Dense(3, compute_dtype="bfloat"), "compute_dtype must be a floating-point type"),
        (lambda: Dense(3, compute_dtype="int32"), "compute_dtype must be a floating-point type"),
        (lambda: Dense(3, use_bias="no"), "Dense: use_bias must be True or False, got 'no'"),
        (lambda: layers.ELU("a"), "ELU: alpha must be a finite number, got 'a'"),
        (lambda: layers.ZeroPadding1D(None), "padding must be a whole number >= 0"),
        (lambda: Dropout(None), r"rate must be in \[0, 1\), got None"),
        (lambda: Dropout(0.5, seed=-1), "seed must be a whole number >= 0 or None, got -1"),
        (lambda: PReLU(shared_axes="a"), "shared_axes must be a whole number or a tuple"),
    ],
)
def test_bad_descriptions(make, message):
    with pytest.raises(DescendError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "shapes", "message"),
    [
        (lambda: Dense(3), [()], "(features,)"),
        (lambda: Dense(3), [(2,), (3,)], "takes one input"),
        (lambda: Reshape((5,)), [(4,)], "cannot reshape"),
        (lambda: Reshape((3, -1)), [(4,)], "cannot reshape"),
        (lambda: Add(), [(4,), (3,)], "must have one shape"),
        (lambda: Add(), [(4,)], "two or more inputs"),
        (lambda: Concatenate(), [(4,)], "two or more inputs"),
        (lambda: Concatenate(axis=1), [(4, 2), (4, 3)], "must agree in every axis but 1"),
        (lambda: Concatenate(axis=2), [(4,), (4,)], "axis 2 must name axes of the input"),
        (lambda: Concatenate(axis=0), [(4,), (4,)], "axis 0 must name.*the batch"),
        (lambda: Subtract(), [(4,)] * 3, "takes two inputs, got 3"),
        (lambda: Dot(1), [(4,)] * 3, "takes two inputs, got 3"),
        (lambda: Dot((1, 2)), [(4,), (3, 5)], "must have one length, got 4 and 5"),
        (lambda: Softmax(3), [(4,)], "axis 3 must name"),
        (lambda: Dropout(noise_shape=(None, 2)), [(4,)], "must have an entry for every axis"),
        (lambda: Normalization(), [(4,)], "knows nothing yet"),
        (lambda: Concatenate(), [(4,), (2, 4)], "must agree in every axis"),
        (lambda: PReLU(shared_axes=(5,)), [(4,)], "axis (5,) must name"),
        (lambda: PReLU(shared_axes=0), [(4,)], "axis 0 must name"),
        (lambda: layers.FeatureScale(), [()], "(..., features)"),
        (lambda: layers.Residual(), [()], "(..., features)"),
        (lambda: layers.Rescaling([1.0, 2.0]), [(3,)], "one a channel"),
        (lambda: layers.GlobalMaxPooling1D(), [(4, 4, 1)], "(time, channels)"),
        (lambda: layers.Arithmetic("add"), [(4,)], "two or more inputs"),
        (lambda: layers.Arithmetic("matmul"), [(3,), (3,)], "matmul does not fit"),
        (lambda: layers.Arithmetic("add", (1, 2, 3)), [()], "add does not fit"),
        (lambda: layers.Lambda(lambda x: x.T), [(3,)], "a row for each row"),
        (lambda: layers.Index(((1, None, None),)), [(1,)], "leaves nothing of an input"),
    ],
)
def test_shapes_that_do_not_fit(make, shapes, message):
    symbols = [Input(s) for s in shapes]
    with pytest.raises(DescendError, match=message.replace("(", r"\(").replace(")", r"\)")):
        make()(symbols if len(symbols) > 1 else symbols[0])
    if len(shapes) == 1 and issubclass(type(make()), (Add, Concatenate)):
        with pytest.raises(ShapeError, match=message):
            make()(symbols)


def test_a_list_of_one_symbol_is_that_symbol():
    assert Dense(8)([Input((4, 3))]).shape == Dense(8)(Input((4, 3))).shape == (4, 8)


def test_a_layer_is_called_on_symbols_only():
    with pytest.raises(DescendError, match=r"layer.apply\(params, state, x\)"):
        Dense(3)(np.ones((2, 2)))


def test_a_users_layer_obeys_the_same_contract():
    from dataclasses import dataclass as describe

    @describe(frozen=True, eq=False)
    class Scale(Layer):
        factor: float = 2.0

        def apply(self, params, state, x, *, key=None, training=False):
            return self.factor * x, state

    symbol = Input((3,))
    graph = Graph(symbol, Scale(3.0)(symbol))
    y, _ = graph.apply(*graph.init(jax.random.key(0)), jnp.ones((2, 3)))
    np.testing.assert_array_equal(y, np.full((2, 3), 3.0))
    assert "Scale" not in layers.base.REGISTRY  # handed to load_model by name instead
