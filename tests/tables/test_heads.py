"""Heads: what goes into training comes back in the target's units."""

import json

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm

from descend.tables.heads import (
    HEADS,
    Censored,
    Classes,
    Counts,
    Quantiles,
    Shares,
    Values,
    head_from,
)

RNG = np.random.default_rng(0)


def test_every_head_is_read_again_from_its_json():
    y = RNG.integers(0, 3, 30).astype(float)
    for head in HEADS.values():
        fitted = head.fit(np.clip(y, 0, 1) if head is Shares else y)
        assert head_from(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_values_there_and_back():
    y = RNG.normal(5, [1, 100], (40, 2))
    head = Values.fit(y)
    z = head.forward(y)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1)
    np.testing.assert_allclose(head.predict(np.stack([z, z], axis=1)), y)  # two members
    one = Values.fit(y[:, 0])
    assert one.predict(one.forward(y[:, 0])[:, None]).shape == (40,)
    far = one.predict(np.array([[[99.0]], [[-99.0]]]))
    assert far.tolist() == [y[:, 0].max(), y[:, 0].min()]  # within what training saw


def test_weights_are_as_if_rows_were_repeated():
    y, weight = RNG.normal(size=30), RNG.integers(1, 4, 30)
    again = np.repeat(y, weight)
    for head in (Values, Counts, Quantiles, Censored):
        a, b = head.fit(abs(y), weight=weight), head.fit(abs(again))
        for name, value in a.to_json().items():
            if name != "task":
                np.testing.assert_allclose(value, b.to_json()[name])


def test_members_are_averaged_behind_the_link():
    p = RNG.dirichlet(np.ones(3), (8, 4)).astype(np.float32)
    found = Classes(3).predict(p)
    np.testing.assert_allclose(found, p.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-14)
    counts = Counts.fit(np.array([0.0, 1, 5]))
    np.testing.assert_allclose(counts.predict(np.array([[[1.0], [3.0]]])), [4.0])
    np.testing.assert_allclose(counts.forward(np.array([4.0])), [[2.0]])


def test_quantiles_do_not_cross():
    y = RNG.normal(size=50)
    head = Quantiles.fit(y, levels=(0.9, 0.1, 0.5))
    assert head.levels == (0.1, 0.5, 0.9)
    found = head.predict(RNG.normal(size=(20, 3, 3)))
    assert found.shape == (20, 3)
    assert (np.diff(found, axis=1) >= 0).all()


@pytest.mark.parametrize(("mean", "log_sd"), [(0.5, 0.0), (-2.0, 0.3), (3.0, -1.0)])
def test_the_mean_of_a_censored_normal(mean, log_sd):
    """Against the integral of max(y*, 0) over the normal density."""
    sd = np.exp(log_sd)
    exact, _ = integrate.quad(lambda v: v * norm.pdf(v, mean, sd), 0, mean + 40 * sd)
    head = Censored(scale=2.5)
    found = head.predict(np.array([[[mean, log_sd]]]))
    assert found[0] == pytest.approx(2.5 * exact, rel=1e-7)
