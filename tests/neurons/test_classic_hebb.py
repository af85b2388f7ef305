"""Hebb's rule against its closed forms; Oja's against principal components."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from descend.errors import DataError, DescendError, DivergenceError
from descend.neurons.classic import HebbAssociator, HebbUnit


def cloud(seed=0, k=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(300, k)) @ np.diag(np.linspace(2, 0.4, k)) @ rng.normal(size=(k, k)) / 2


@pytest.mark.parametrize("seed", range(5))
def test_oja_becomes_the_first_principal_component(seed):
    """The stationary weights fluctuate by about eta |x|^2: a cosine within 1e-3 at eta .001."""
    x = cloud(seed) + 5.0
    unit = HebbUnit(learning_rate=1e-3, max_iter=150, random_state=seed).fit(x)
    pca = PCA(1).fit(x)
    direction = unit.components_[0] / np.linalg.norm(unit.components_)
    assert abs(direction @ pca.components_[0]) > 1 - 1e-3
    assert unit.history_["length"][-1] == pytest.approx(1, abs=0.02)
    assert unit.history_["variance"][-1] == pytest.approx(
        pca.explained_variance_[0] * 299 / 300, rel=2e-3
    )
    assert unit.transform(x).shape == (300, 1)
    np.testing.assert_allclose(unit.transform(x).mean(), 0, atol=1e-9)


def test_hebbs_rule_is_a_product_and_grows_without_end():
    """w <- (1 + eta x x') w, row after row: the matrix product itself; |w| only grows."""
    x = cloud(1)[:40]
    unit = HebbUnit(rule="hebb", learning_rate=0.01, max_iter=3, centre=False, random_state=4)
    unit.fit(x)
    random = np.random.RandomState(4)
    w = random.standard_normal(4)
    w /= np.linalg.norm(w)
    for _ in range(3):
        for row in random.permutation(40):
            w = (np.eye(4) + 0.01 * np.outer(x[row], x[row])) @ w
    np.testing.assert_allclose(unit.weights_, w, rtol=1e-12)
    assert (np.diff([1, *unit.history_["length"]]) > 0).all()
    with pytest.raises(DivergenceError, match="take rule='oja'"):
        unit.set_params(learning_rate=1.0, max_iter=1000).fit(cloud(1))
    with pytest.raises(DivergenceError, match="learning rate well below"):
        HebbUnit(learning_rate=10.0).fit(cloud(1))


def test_the_associator_is_a_sum_over_the_past():
    """w_T = eta sum_t (1 - decay)^(T - t) x_t y_t."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (30, 5)), rng.integers(0, 2, (30, 2))
    unit = HebbAssociator(learning_rate=0.2, decay=0.1, threshold=0.5).fit(x, y)
    weight = 0.2 * 0.9 ** np.arange(29, -1, -1)
    np.testing.assert_allclose(unit.weights_, (x * weight[:, None]).T @ y, rtol=1e-12)
    np.testing.assert_array_equal(unit.predict(x), x @ unit.weights_ > 0.5)
    assert unit.history_["weights"].shape == (31, 5, 2)
    # going on from there is the same as having lived through all of it
    first = HebbAssociator(learning_rate=0.2, decay=0.1).fit(x[:10], y[:10])
    rest = HebbAssociator(learning_rate=0.2, decay=0.1).fit(x[10:], y[10:], first.weights_)
    np.testing.assert_allclose(rest.weights_, unit.weights_, rtol=1e-12)


def test_connections_of_neurons_that_never_fire_together_die_away():
    never = HebbAssociator(decay=0.05).fit([[1], [0]] * 50, [[0], [1]] * 50, start=[[1.0]])
    np.testing.assert_allclose(never.history_["weights"][:, 0, 0], 0.95 ** np.arange(101))
    always = HebbAssociator(decay=0.05).fit([[1]] * 400, [1] * 400)
    assert always.weights_[0, 0] == pytest.approx(0.1 / 0.05, rel=1e-6)
    assert (np.diff(always.history_["weights"][:, 0, 0]) > 0).all()


def test_errors():
    with pytest.raises(DataError, match="y must hold zeros and ones"):
        HebbAssociator().fit([[1], [0]], [2, 0])
    with pytest.raises(DescendError, match=r"decay must lie in \[0, 1\), got 1"):
        HebbAssociator(decay=1).fit([[1]], [1])
    with pytest.raises(DescendError, match=r"unknown rule 'oya'. Did you mean 'oja'\?"):
        HebbUnit(rule="oya").fit(cloud())
    for start, message in (
        ([[1.0], [2.0]], r"the shape \(1, 1\)"),
        ([1.0], "rows of finite numbers"),
    ):
        with pytest.raises(DataError, match=f"start must .*{message}"):
            HebbAssociator().fit([[1]], [1], start=start)
