"""SpectralNormalization against the singular value decomposition, and Keras."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DescendError
from descend.nn.layers import Dense, Flatten, SpectralNormalization


def test_after_many_steps_the_largest_singular_value_is_one(x64):
    """And the gradient is that of x W / sigma(W), sigma by numpy's decomposition."""
    rng = np.random.default_rng(0)
    layer = SpectralNormalization(Dense(3, use_bias=False), 200)
    w, x, weights = (rng.standard_normal(s) for s in ((4, 3), (5, 4), (5, 3)))
    state = {"vector_u": jnp.asarray(rng.standard_normal((1, 3)))}

    def ours(w):
        y, _ = layer.apply({"layer.kernel": w}, state, x, training=True)
        return jnp.sum(weights * y)

    def wanted(w):
        return np.sum(weights * (x @ w)) / np.linalg.svd(w)[1][0]

    np.testing.assert_allclose(ours(jnp.asarray(w)), wanted(w), rtol=1e-9)
    gradient = jax.grad(ours)(jnp.asarray(w))
    for i, j in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[i, j] = 1e-6
        slope = (wanted(w + step) - wanted(w - step)) / 2e-6
        np.testing.assert_allclose(gradient[i, j], slope, rtol=1e-6, atol=1e-8)


def test_a_training_step_from_the_same_u_gives_keras_s_output():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns about its own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
    theirs = keras.layers.SpectralNormalization(keras.layers.Dense(3), power_iterations=2)
    x = np.random.default_rng(1).standard_normal((5, 4)).astype("float32")
    with jax.numpy_rank_promotion("allow"):
        theirs(x)
        kernel, u = np.array(theirs.layer.kernel.value), np.array(theirs.vector_u.value)
        want = np.asarray(theirs(x, training=True))
    params = {"layer.kernel": kernel, "layer.bias": np.zeros(3, np.float32)}
    layer = SpectralNormalization(Dense(3), 2)
    y, new = layer.apply(params, {"vector_u": u}, x, training=True)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new["vector_u"], theirs.vector_u.value, rtol=1e-5, atol=1e-6)


def test_a_layer_without_a_matrix_is_refused():
    with pytest.raises(DescendError, match="no kernel or embeddings"):
        SpectralNormalization(Flatten()).init(jax.random.key(0), (3,))
