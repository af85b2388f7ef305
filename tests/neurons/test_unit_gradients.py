"""The textbook's gradients, the house's losses, and small steps that end where Newton does."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neurons import real_tables

from descend import Dense, Input, Model, sweep
from descend.neurons import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit
from descend.neurons.likelihood import (
    BERNOULLI,
    GAUSSIAN,
    MULTINOMIAL,
    POISSON,
    derivatives,
    responses,
)
from descend.neurons.newton import information, maximise
from descend.nn import losses
from descend.train.rules import Adam

FAMILIES = {
    "gaussian": (GAUSSIAN, 1),
    "bernoulli": (BERNOULLI, 1),
    "multinomial": (MULTINOMIAL, 3),
    "poisson": (POISSON, 1),
}


def rows(family, outputs, seed, n=50):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, outputs))
    y = {
        GAUSSIAN: rng.normal(size=n),
        BERNOULLI: rng.integers(0, 2, n),
        MULTINOMIAL: rng.integers(0, outputs + 1, n),
        POISSON: rng.poisson(2, n),
    }[family]
    return z, y


@pytest.mark.parametrize(("family", "outputs"), FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_target_minus_response(family, outputs, seed):
    """raviv-2022, "Multinomial logistic regression": x (1{y = k} - P(y = k | x))."""
    z, y = rows(family, outputs, seed)
    _, first, second = derivatives(family, z, y)
    mean = responses(family, z)
    seen = y[:, None]
    if family is MULTINOMIAL:
        seen, mean = (y[:, None] == np.arange(1, outputs + 1)).astype(float), mean[:, 1:]
    np.testing.assert_allclose(first, seen - mean, rtol=1e-13, atol=1e-14)
    variance = {
        GAUSSIAN: lambda m: np.ones((len(m), 1, 1)),
        BERNOULLI: lambda m: (m * (1 - m))[:, :, None],
        MULTINOMIAL: lambda m: m[:, :, None] * (np.eye(outputs) - m[:, None, :]),
        POISSON: lambda m: m[:, :, None],
    }[family](mean)
    np.testing.assert_allclose(-second, variance, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("family", "outputs", "loss", "constant"),
    [
        (GAUSSIAN, 1, losses.SquaredError(), lambda y: 0),
        (BERNOULLI, 1, losses.BinaryCrossentropy(), lambda y: 0),
        (MULTINOMIAL, 3, losses.SparseCategoricalCrossentropy(), lambda y: 0),
        (POISSON, 1, losses.Poisson(), lambda y: jax.scipy.special.gammaln(y + 1)),
    ],
    ids=FAMILIES,
)
def test_the_log_likelihood_is_minus_the_loss(family, outputs, loss, constant, x64):
    z, y = rows(family, outputs, 0)
    value, _, _ = derivatives(family, z, y)
    target = jnp.asarray(y) if family is MULTINOMIAL else jnp.asarray(y, float)[:, None]
    expected = -loss.rows(target, jnp.asarray(responses(family, z))) - constant(jnp.asarray(y))
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_information_is_the_sum_over_rows():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(20, 3)), rng.uniform(1, 2, 20)
    z, y = rows(MULTINOMIAL, 2, 1, 20)
    _, _, second = derivatives(MULTINOMIAL, z, y)
    expected = -sum(
        w * np.kron(h, np.outer(r, r)) for w, h, r in zip(weight, second, x, strict=True)
    )
    np.testing.assert_allclose(information(x, weight, second), expected, rtol=1e-12, atol=1e-14)


def test_newton_needs_one_step_for_least_squares():
    """The Gaussian likelihood is quadratic; a second step finds nothing left to gain."""
    real = real_tables.grunfeld()
    x = np.column_stack([np.ones(len(real.x)), real.x])
    y, ones = real.y.to_numpy(), np.ones(len(real.x))
    start = np.zeros((3, 1))
    found = maximise(GAUSSIAN, x, y, ones, 0 * ones, start, 1)
    unit = LinearUnit().fit(real.x, real.y)
    np.testing.assert_allclose(found.params[:, 0], unit.estimates_.values, rtol=1e-10)
    assert maximise(GAUSSIAN, x, y, ones, 0 * ones, start, 5).iterations == 2


def trained(x, y, layer, loss, seeds, rate=0.05, epochs=1500):
    """The weights that Adam finds with all rows in a batch: {seed: (kernel, bias)}."""
    i = Input((x.shape[1],), name="x")
    model = Model(i, Dense(*layer, name="unit")(i))
    model.compile(optimizer=Adam(rate), loss=loss)
    many = sweep(model, {"seed": seeds}, x, y, batch_size=len(x), epochs=epochs)
    return [
        (np.asarray(m.model.params["unit"]["kernel"]), np.asarray(m.model.params["unit"]["bias"]))
        for m in many
    ]


def standard(frame):
    values = frame.to_numpy(float)
    return (values - values.mean(axis=0)) / values.std(axis=0)


SEEDS = range(4)
# of standardised inputs: Adam works in float32, where a gradient's rounding is 1e-7; the curvature
# of these likelihoods is down to a hundredth, and Adam's last steps still wander a little
ATOL = 1e-4


def test_small_steps_reach_least_squares():
    real = real_tables.grunfeld()
    x, y = standard(real.x), standard(real.y.to_frame())
    unit = LinearUnit().fit(x, y[:, 0])
    for kernel, bias in trained(x, y, (1, "linear"), "mse", SEEDS):
        np.testing.assert_allclose(kernel[:, 0], unit.coef_, atol=ATOL)
        np.testing.assert_allclose(bias[0], unit.intercept_, atol=ATOL)


def test_small_steps_reach_the_logit():
    real = real_tables.spector()
    x, y = standard(real.x), real.y.to_numpy(float)
    unit = LogisticUnit().fit(x, y)
    for kernel, bias in trained(x, y[:, None], (1, "sigmoid"), "binary_crossentropy", SEEDS):
        np.testing.assert_allclose(kernel[:, 0], unit.coef_[0], atol=ATOL)
        np.testing.assert_allclose(bias, unit.intercept_, atol=ATOL)


def test_small_steps_reach_the_multinomial_logit():
    real = real_tables.wine()
    x, y = standard(real.x), real.y.to_numpy()
    unit = SoftmaxUnit(base=2).fit(x, y)
    loss = "sparse_categorical_crossentropy"
    for kernel, bias in trained(x, y, (3, "softmax"), loss, SEEDS):
        # only differences between classes are determined
        np.testing.assert_allclose((kernel - kernel[:, 2:]).T, unit.coef_, atol=ATOL)
        np.testing.assert_allclose(bias - bias[2], unit.intercept_, atol=ATOL)


def test_small_steps_reach_the_poisson_regression():
    real = real_tables.fair_children()
    x, y = standard(real.x)[:1000], real.y.to_numpy(float)[:1000]
    unit = PoissonUnit().fit(x, y)
    for kernel, bias in trained(x, y[:, None], (1, "exponential"), "poisson", SEEDS, epochs=600):
        np.testing.assert_allclose(kernel[:, 0], unit.coef_, atol=ATOL)
        np.testing.assert_allclose(bias[0], unit.intercept_, atol=ATOL)
