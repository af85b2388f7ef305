"""Normalisation: what the suite over all layers does not ask."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit, start

from descend.errors import DescendError, ShapeError
from descend.nn.layers import Dense
from descend.nn.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from descend.nn.symbols import Input
from descend.train.model.model import Model

RNG = np.random.default_rng(3)
Z = np.array([[1.0, 2.0, 3.0, 6.0]], np.float32)  # mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5


def run(layer, x, *, params=None, state=None, **options):
    """(output, new state), from gamma = 1, beta = 0, moving mean 0 and variance 1 if not given."""
    drawn, held = start(layer, x.shape[1:])
    fresh = {n: np.zeros_like(a) if n in ("beta", "moving_mean") else np.ones_like(a)
             for n, a in (drawn | held).items()}  # fmt: skip
    given = {n: fresh[n] for n in drawn} | (params or {})
    training = options.pop("training", False)
    apply = jit(partial(layer.apply, training=training))
    return apply(given, state or {n: fresh[n] for n in held}, jnp.asarray(x), **options)


def test_the_lectures_layer_norm():
    """LN-S(z) = (z - m) / s and LN(z) = beta + gamma LN-S(z) (hull-2023, "Layer Normalization")."""
    plain, _ = run(LayerNormalization(epsilon=0.0, center=False, scale=False), Z)
    want = np.array([[-2.0, -1.0, 0.0, 3.0]]) / np.sqrt(3.5)
    np.testing.assert_allclose(plain, want, rtol=1e-6)
    gamma, beta = np.float32([1, 2, 3, 4]), np.float32([0.5, 0, -1, 2])
    y, _ = run(LayerNormalization(epsilon=0.0), Z, params={"gamma": gamma, "beta": beta})
    np.testing.assert_allclose(y, beta + gamma * want, rtol=1e-6)


def test_rms_norm_by_hand():
    y, _ = run(RMSNormalization(epsilon=0.0), Z)
    np.testing.assert_allclose(y, Z / np.sqrt((1 + 4 + 9 + 36) / 4), rtol=1e-6)


def test_group_norm_by_hand():
    """Two groups of two channels, over two steps: 1, 3, 5, 7 and 2, 2, 4, 4."""
    x = np.array([[[1, 3, 2, 4], [5, 7, 2, 4]]], np.float32)
    y, _ = run(GroupNormalization(2, epsilon=0.0), x)
    low, high = 1 / np.sqrt(5), 3 / np.sqrt(5)
    want = [[[-high, -low, -1, 1], [low, high, -1, 1]]]
    np.testing.assert_allclose(y, want, rtol=1e-6)


def test_one_group_is_layer_norm_and_a_group_each_is_instance_norm():
    x = RNG.standard_normal((3, 4, 5, 6)).astype(np.float32)
    one, _ = run(GroupNormalization(1), x)
    rows, _ = run(LayerNormalization((1, 2, 3)), x)
    np.testing.assert_allclose(one, rows, rtol=1e-5, atol=1e-6)
    each, _ = run(GroupNormalization(-1), x)
    space, _ = run(LayerNormalization((1, 2)), x)
    np.testing.assert_allclose(each, space, rtol=1e-5, atol=1e-6)


def test_batch_norm_in_training_and_at_prediction():
    x = RNG.standard_normal((7, 3)).astype(np.float32) * [1, 5, 0.1] + [0, 3, -2]
    layer = BatchNormalization(momentum=0.9, epsilon=1e-5)
    y, state = run(layer, x, training=True)
    mean, variance = x.mean(0), x.var(0)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state["moving_mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(state["moving_variance"], 0.9 + 0.1 * variance, rtol=1e-5)
    y, after = run(layer, x, state=state)
    want = (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * variance + 1e-5)
    np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-5)
    for name, array in state.items():
        np.testing.assert_array_equal(after[name], array)


@pytest.mark.parametrize(
    ("shape", "mask"),
    [
        ((6, 3), [1, 1, 1, 1, 0, 0]),
        ((6, 4, 5, 3), [1, 0, 1, 1, 1, 0]),
        ((3, 4, 3), [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]),
        ((3, 4, 2, 3), [[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0]]),
    ],
)
def test_padding_leaves_the_statistics_exactly_those_of_what_is_real(shape, mask):
    """Statistics and outputs equal those of the rows and steps that are real, whatever fills."""
    real = np.array(mask, bool)
    x = RNG.standard_normal(shape).astype(np.float32) * 2 + 1
    filled = x.copy()
    filled[~real] = 1e4
    layer = BatchNormalization(momentum=0.0)
    y, state = run(layer, filled, training=True, mask=real)
    kept = x[real].reshape(-1, shape[-1])
    np.testing.assert_allclose(state["moving_mean"], kept.mean(0), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(state["moving_variance"], kept.var(0), rtol=2e-5)
    alone, _ = run(layer, x[real], training=True)  # unpadded, as rows
    np.testing.assert_allclose(np.asarray(y)[real], alone, rtol=2e-5, atol=1e-5)


def test_padding_takes_no_part_in_the_gradient():
    x = RNG.standard_normal((4, 3)).astype(np.float32)
    real, weight = np.array([True, True, True, False]), RNG.standard_normal((4, 3))
    layer = BatchNormalization()

    def f(x, mask):
        params, state = layer.init(jax.random.key(0), (3,))
        y, _ = layer.apply(params, state, x, training=True, mask=mask)
        return jnp.sum(jnp.where(mask[:, None], y * weight[: len(x)], 0.0))

    grad = jit(jax.grad(f))
    padded = grad(x, real)
    np.testing.assert_array_equal(padded[3], 0)
    alone = grad(x[:3], real[:3])
    np.testing.assert_allclose(padded[:3], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 4), (16, 8, 8, 4)])
@pytest.mark.parametrize("outlier", [False, True])
def test_a_large_mean_loses_no_digits(shape, outlier):
    """Mean 1000, standard deviation 1; also where the first row is far from all others."""
    x = (1000 + RNG.standard_normal(shape)).astype(np.float32)
    if outlier:
        x[0] = 0.0
    y, state = run(BatchNormalization(momentum=0.0, epsilon=0.0), x, training=True)
    wide = x.astype(np.float64).reshape(-1, 4)
    mean, deviation = wide.mean(0), wide.std(0)
    np.testing.assert_allclose(state["moving_mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(state["moving_variance"], deviation**2, rtol=1e-4)
    np.testing.assert_allclose(y, (x - mean) / deviation, atol=1e-3)
    y, _ = run(LayerNormalization(epsilon=0.0), x)
    apart = x[1:].astype(np.float64) - x[1:].mean(-1, keepdims=True, dtype=np.float64)
    want = apart / np.sqrt((apart**2).mean(-1, keepdims=True))
    np.testing.assert_allclose(y[1:], want, atol=1e-2)  # of four numbers, now and then all close


def test_a_channel_that_never_changes_gives_beta():
    x = np.full((5, 2), 1234.5, np.float32)
    y, state = run(BatchNormalization(momentum=0.0), x, training=True)
    np.testing.assert_array_equal(y, 0)
    np.testing.assert_array_equal(state["moving_variance"], 0)


def test_sixteen_bits_have_statistics_of_thirty_two():
    """The sum of 4096 bfloat16 ones is 256 in bfloat16."""
    x = jnp.asarray(np.full((4096, 2), [1, 2]), jnp.bfloat16)
    layer = BatchNormalization(momentum=0.0, compute_dtype="bfloat16")
    y, state = run(layer, x, training=True)
    np.testing.assert_array_equal(state["moving_mean"], [1, 2])
    assert state["moving_mean"].dtype == jnp.float32
    assert y.dtype == jnp.bfloat16


def test_a_model_with_a_ragged_last_batch_learns_the_statistics_of_its_rows():
    """10 rows in batches of 4, 4 and 2: the moving mean is that of the three means."""
    x = RNG.standard_normal((10, 3)).astype(np.float32)
    symbol = Input((3,))
    layer = BatchNormalization(momentum=0.5, name="bn")
    model = Model(symbol, Dense(1)(layer(symbol)))
    model.compile(optimizer="sgd", loss="mse")
    model.fit(x, x[:, :1], epochs=1, batch_size=4, shuffle=False, verbose=0)
    moving, variance = np.zeros(3), np.ones(3)
    for first in (0, 4, 8):
        batch = x[first : first + 4]
        moving, variance = (moving + batch.mean(0)) / 2, (variance + batch.var(0)) / 2
    state = model.layer_state["bn"]
    np.testing.assert_allclose(state["moving_mean"], moving, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(state["moving_variance"], variance, rtol=1e-5)


def test_masked_steps_are_not_in_statistics_over_time():
    x = RNG.standard_normal((2, 5, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    for layer in (GroupNormalization(2), LayerNormalization((1, 2)), RMSNormalization((1, 2))):
        short, _ = run(layer, x[:1, :3])
        y, _ = run(layer, x, mask=mask)
        np.testing.assert_allclose(y[:1, :3], short, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNormalization(momentum=1.0), r"momentum must be in \[0, 1\)"),
        (lambda: LayerNormalization(epsilon=-1.0), "epsilon must be a finite number >= 0"),
        (lambda: LayerNormalization("last"), "axis must be a whole number or a tuple"),
        (lambda: RMSNormalization(()), "axis must be a whole number or a tuple"),
        (lambda: GroupNormalization(0), "groups must be a whole number >= 1"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(DescendError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (BatchNormalization(3), (3, 4), r"axis 3 must name axes of the input.*\(3, 4\)"),
        (LayerNormalization((1, -2)), (3, 4), "each once"),
        (GroupNormalization(3), (5, 4), "groups=3 must divide the channels, got 4"),
        (RMSNormalization(-3), (3, 4), "axis -3"),
        (LayerNormalization(0), (3, 4), "axis 0 must name.*the batch, which is 0"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.build(shape)
