"""Penalties: itam-2023, 1.7 "Regularizers" (L1 and L2)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DescendError
from descend.nn import regularizers
from descend.nn.layers import Dense, DropConnect, PReLU

STRENGTHS = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.1, 0.4)]
W = np.random.default_rng(0).normal(size=(5, 3))


@pytest.mark.parametrize(("l1", "l2"), STRENGTHS)
def test_formula_and_gradient(l1, l2, x64):
    penalty = regularizers.L1L2(l1, l2)
    want = l1 * np.abs(W).sum() + l2 * (W**2).sum()
    np.testing.assert_allclose(penalty(jnp.asarray(W)), want, rtol=1e-12)
    gradient = jax.grad(penalty)(jnp.asarray(W))
    np.testing.assert_allclose(gradient, l1 * np.sign(W) + 2 * l2 * W, rtol=1e-12)


def test_traced_strength_equals_the_constant(x64):
    """A sweep hands strengths over as traced arrays; zero must then cost zero too."""
    f = jax.jit(lambda l1, l2, w: regularizers.L1L2(l1, l2)(w))
    for l1, l2 in STRENGTHS:
        np.testing.assert_allclose(f(l1, l2, W), regularizers.L1L2(l1, l2)(jnp.asarray(W)))
    # the derivative by the strength is the norm itself
    np.testing.assert_allclose(jax.grad(f, argnums=1)(0.1, 0.4, W), (W**2).sum(), rtol=1e-12)


def test_names_and_round_trip():
    assert regularizers.get("l1") == regularizers.L1(0.01) == regularizers.L1L2(0.01, 0.0)
    assert regularizers.get("l2") == regularizers.L2(0.01) == regularizers.L1L2(0.0, 0.01)
    assert regularizers.get("l1_l2") == regularizers.L1L2(0.01, 0.01)
    assert regularizers.get(None) is None
    assert regularizers.describe(None) is None
    for l1, l2 in STRENGTHS:
        penalty = regularizers.L1L2(l1, l2)
        assert regularizers.get(regularizers.describe(penalty)) == penalty


@pytest.mark.parametrize("bad", [{"l1": -0.1}, {"l2": -1}, {"l2": float("nan")}, {"l1": "much"}])
def test_a_negative_strength_is_refused(bad):
    with pytest.raises(DescendError, match="must be a finite number >= 0"):
        regularizers.L1L2(**bad)


@pytest.mark.parametrize("bad", ["l3", 0.01, [0.01]])
def test_an_unknown_penalty_is_refused(bad):
    with pytest.raises(DescendError, match="unknown regularizer"):
        regularizers.get(bad)


def test_an_unknown_strength_is_refused():
    with pytest.raises(DescendError, match="unknown argument of L1L2 'l3'"):
        regularizers.get({"l3": 0.1})


@pytest.mark.parametrize("cls", [Dense, DropConnect])
def test_a_layer_adds_the_penalties_of_its_arrays(cls, x64):
    layer = cls(3, kernel_regularizer=regularizers.L1L2(0.1, 0.2), bias_regularizer="l2")
    params = {"kernel": jnp.asarray(W), "bias": jnp.arange(3.0)}
    want = 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum() + 0.01 * 5
    np.testing.assert_allclose(layer.penalty(params), want, rtol=1e-12)
    assert cls(3).penalty(params) is None


def test_prelu_alpha_may_be_penalised():
    layer = PReLU(alpha_regularizer="l1")
    np.testing.assert_allclose(layer.penalty({"alpha": jnp.array([0.5, -0.25])}), 0.0075)
