"""The networks by name, and what their outputs stand for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from descend.errors import DescendError
from descend.forecasting.heads import Normal, Quantiles, head_of
from descend.forecasting.networks import NETWORKS, Sizes, network


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_untrained_network_forecasts_the_centre_of_its_scale(kind):
    sizes = Sizes(context=24, features=3, future=2, horizon=5, outputs=2)
    graph = network(kind, sizes)
    x, future = jnp.ones((4, 24, 3)), jnp.ones((4, 5, 2))

    @jax.jit
    def forward(key):
        return graph.apply(*graph.init(key), (x, future))[0]

    y = forward(jax.random.key(0))
    assert y.shape == (4, 5, 2)
    assert (y == 0).all()


def test_a_causal_convolution_reaches_over_the_whole_context():
    graph = network("tcn", Sizes(24, 1, 0, 2, 1))
    params, layers = jax.jit(graph.init)(jax.random.key(0))
    params = jax.tree.map(lambda a: np.asarray(a) + 0.05, params)

    def last(x):
        return graph.apply(params, layers, x)[0].sum()

    gradient = np.asarray(jax.jit(jax.grad(last))(0.1 * jnp.ones((1, 24, 1))))[0, :, 0]
    assert (gradient != 0).all()


def test_hidden_units_are_those_asked_for():
    wide = network("mlp", Sizes(10, 1, 0, 2, 1, hidden=(7, 5)))
    shapes = jax.tree.leaves(jax.eval_shape(wide.init, jax.random.key(0))[0])
    assert {a.shape for a in shapes} == {(10, 7), (7,), (7, 5), (5,), (5, 2), (2,), (10, 2)}
    with pytest.raises(DescendError, match="hidden must be a multiple of 4"):
        network("transformer", Sizes(10, 1, 0, 2, 1, hidden=(6,)))


def test_quantiles_never_cross():
    head = Quantiles(levels=(0.1, 0.25, 0.5, 0.9))
    z = jax.random.normal(jax.random.key(0), (50, 3, 4)) * 20
    ordered = np.asarray(head.ordered(z))
    assert (np.diff(ordered, axis=-1) >= 0).all()
    assert np.allclose(ordered[..., 2], head.point(z))
    assert np.allclose(head.quantiles(z, (0.25, 0.9)), ordered[..., [1, 3]])


def test_pinball_is_least_at_the_quantiles():
    y = np.random.default_rng(0).normal(size=(4000, 1)).astype(np.float32)
    head = Quantiles(levels=(0.1, 0.5, 0.9))

    def cost(q):
        return head.rows(y, jnp.broadcast_to(q[None, None], (4000, 1, 3))).mean()

    # raw outputs whose ordered quantiles are those of the sample
    q = np.quantile(y, [0.1, 0.5, 0.9])
    inverse = lambda gap: np.log(np.expm1(gap))
    raw = jnp.asarray([inverse(q[1] - q[0]), q[1], inverse(q[2] - q[1])], jnp.float32)
    assert float(jnp.abs(jax.jit(jax.grad(cost))(raw)).max()) < 0.002


def test_the_normal_head_is_a_normal_density():
    head = Normal()
    z = jnp.asarray([[[0.3, 0.7]]])
    spread = float(head.spread(z)[0, 0])
    y = jnp.asarray([[1.1]])
    assert np.isclose(float(head.rows(y, z)[0]), -norm.logpdf(1.1, 0.3, spread), rtol=1e-5)
    assert np.allclose(
        head.quantiles(z, (0.2, 0.9))[0, 0], norm.ppf([0.2, 0.9], 0.3, spread), rtol=1e-5
    )


@pytest.mark.parametrize("loss", ["absolute", "squared", "quantiles", "normal"])
def test_a_missing_target_costs_nothing_and_has_no_gradient(loss):
    head = head_of(loss, (0.1, 0.9))
    z = jnp.ones((1, 3, head.outputs))
    y = jnp.asarray([[0.0, jnp.nan, 2.0]])
    cost, gradient = jax.jit(jax.value_and_grad(lambda z: head.rows(y, z).sum()))(z)
    assert np.isfinite(cost)
    assert np.isfinite(gradient).all()
    assert (np.asarray(gradient)[0, 1] == 0).all()
