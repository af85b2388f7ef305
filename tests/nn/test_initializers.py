"""Initialisers: moments and bounds over large draws, orthogonality, descriptions.

A mean of n draws lies within 4.5 standard errors of its expectation but for 7 times in a million;
fixed seeds make the tests repeatable, the bound says that they are not tuned to them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from descend.errors import DescendError
from descend.nn import initializers as init
from descend.nn.layers import Dense

Z = 4.5
SHAPES = [(300, 200), (40, 1500), (2000, 30)]
SEEDS = range(3)

# name -> variance as a function of (n_in, n_out); the sources are in descend.nn.initializers
VARIANCE = {
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
}
# Standard deviation of a unit normal cut at +-2; drawn numbers are rescaled by its inverse.
CUT = 0.87962566103423978


def draw(initializer, seed, shape):
    return np.asarray(init.get(initializer)(jax.random.key(seed), shape), np.float64)


def assert_moments(w, variance, kurtosis):
    """Mean 0 and the variance within Z standard errors; kurtosis = E w^4 / variance^2."""
    n = w.size
    assert abs(w.mean()) < Z * np.sqrt(variance / n)
    error = variance * np.sqrt((kurtosis - 1) / n)
    assert abs((w**2).mean() - variance) < Z * error


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", VARIANCE)
def test_variance_scaling(name, shape, seed):
    w = draw(name, seed, shape)
    variance = VARIANCE[name](*shape)
    if name.endswith("uniform"):  # U(-l, l) has variance l^2 / 3
        limit = np.sqrt(3 * variance)
        assert np.abs(w).max() <= limit * (1 + 1e-6)
        assert np.abs(w).max() > 0.999 * limit  # of 60,000 draws one comes this close
        assert_moments(w, variance, 9 / 5)
    else:
        bound = 2 * np.sqrt(variance) / CUT
        assert np.abs(w).max() <= bound * (1 + 1e-6)
        assert np.abs(w).max() > 0.99 * bound
        assert_moments(w, variance, 3)  # 3 is above the cut normal's kurtosis: a wider bound


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_and_uniform(seed):
    w = draw(init.Normal(0.3), seed, (400, 150))
    assert_moments(w, 0.09, 3)
    assert np.abs(w).max() > 3 * 0.3  # not truncated: beyond 3 sigma lie 160 of 60,000
    u = draw(init.Uniform(-1.0, 3.0), seed, (400, 150))
    assert -1 <= u.min() < -0.99
    assert 2.99 < u.max() <= 3
    assert_moments(u - 1, 16 / 12, 9 / 5)


@pytest.mark.parametrize("shape", [(20, 20), (50, 8), (8, 50)])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthogonal(shape, gain):
    w = draw(init.Orthogonal(gain), 1, shape)
    product = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(shape)), atol=1e-5)


def test_zeros_and_constant():
    np.testing.assert_array_equal(draw("zeros", 0, (3, 4)), np.zeros((3, 4)))
    np.testing.assert_array_equal(draw(init.Constant(2.5), 0, (3,)), np.full(3, 2.5))
    np.testing.assert_array_equal(draw(init.Constant([1.0, 2.0]), 0, (3, 2)), [[1.0, 2.0]] * 3)


@pytest.mark.parametrize("name", init.BY_NAME)
def test_dtype_seed_and_round_trip(name):
    rule = init.get(name)
    key = jax.random.key(3)

    def dtype(*wanted):
        return jax.eval_shape(lambda key: rule(key, (6, 5), *wanted), key).dtype

    assert dtype() == jnp.float32
    if name != "orthogonal":  # LAPACK has no QR in half precision
        assert dtype(jnp.float16) == jnp.float16
    with jax.enable_x64(True):
        assert dtype() == jnp.float64
    described = init.describe(rule)
    assert described[0] == name
    assert init.get(described) == rule
    np.testing.assert_array_equal(rule(key, (6, 5)), init.get(described)(key, (6, 5)))
    if name not in ("zeros", "ones", "constant", "identity"):
        assert not np.array_equal(rule(key, (6, 5)), rule(jax.random.key(4), (6, 5)))


def test_a_seed_of_its_own_decides_alone():
    rule = init.HeNormal(seed=5)
    a, b = (rule(jax.random.key(k), (6, 5)) for k in (0, 1))
    np.testing.assert_array_equal(a, b)
    assert init.get(init.describe(rule)) == rule
    np.testing.assert_array_equal(init.get("identity")(jax.random.key(0), (2, 3)), np.eye(2, 3))
    scaled = init.VarianceScaling(2.0, "fan_out", "uniform")(jax.random.key(0), (300, 200))
    assert float(jnp.abs(scaled).max()) == pytest.approx((3 * 2 / 200) ** 0.5, rel=1e-3)


def test_parameters_survive_the_round_trip():
    for rule in (
        init.Normal(0.2),
        init.Uniform(-2.0, 1.0),
        init.Constant(3.0),
        init.Orthogonal(2.0),
    ):
        assert init.get(init.describe(rule)) == rule


def test_bad_initializers():
    with pytest.raises(DescendError, match="Did you mean 'glorot_uniform'"):
        init.get("glorot_unifrom")
    with pytest.raises(DescendError, match="Did you mean 'stddev'"):
        init.get(["normal", {"stdd": 1}])
    for bad in ([], {}, ["normal", 1], [["normal"], {}], ["normal", {"stddev": "wide"}]):
        with pytest.raises(DescendError):
            init.get(bad)
    for make in (lambda: init.Constant("one"), lambda: init.Orthogonal(None)):
        with pytest.raises(DescendError, match="must (be a|hold) finite number"):
            make()
    with pytest.raises(DescendError, match="seed must be a whole number >= 0"):
        init.Zeros(seed="a")
    with pytest.raises(DescendError, match="stddev must be a finite number > 0"):
        init.Normal(0.0)
    with pytest.raises(DescendError, match="must be below"):
        init.Uniform(1.0, 1.0)
    for name in (*VARIANCE, "orthogonal"):
        with pytest.raises(DescendError, match=r"cannot draw an array of shape \(5,\)"):
            init.get(name)(jax.random.key(0), (5,))
    with pytest.raises(DescendError, match="initializer"):
        Dense(3, kernel_initializer=jax.random.normal)


def test_keras_names():
    """ "ones" and the random ones; a truncated normal ends at two standard deviations."""
    assert init.get("ones") == init.Ones()
    assert init.get("random_normal") == init.RandomNormal(0.0, 0.05)
    assert init.get("random_uniform") == init.RandomUniform(-0.05, 0.05)
    np.testing.assert_array_equal(draw("identity", 0, (3, 2)), np.eye(3, 2))
    w = draw(init.TruncatedNormal(stddev=0.1), 0, (300, 200))
    assert 0.199 < np.abs(w).max() <= 0.2
    assert_moments(w, (0.1 * CUT) ** 2, 3.0)
    with pytest.raises(DescendError, match="unit matrix"):
        draw("identity", 0, (3,))


def test_members_of_orthogonal_weights_are_drawn_one_after_the_other():
    """Several batched decompositions in one program wait for each other for ever (jaxlib 0.10)."""
    rule, keys = init.Orthogonal(), jax.random.split(jax.random.key(0), 3)
    batched = jax.vmap(lambda key: rule(key, (5, 4)))
    for w, key in zip(batched(keys), keys, strict=True):
        np.testing.assert_array_equal(w, rule(key, (5, 4)))

    def decomposed(jaxpr):
        for equation in jaxpr.eqns:
            if "qr" in equation.primitive.name or "householder" in equation.primitive.name:
                yield from (variable.aval.shape for variable in equation.invars)
            for inside in jaxprs_in_params(equation.params):
                yield from decomposed(inside)

    shapes = list(decomposed(jax.make_jaxpr(batched)(keys).jaxpr))
    assert shapes
    assert all(len(shape) < 3 for shape in shapes)  # no axis of members
