"""AUC, Gini, KS, curves and gains against scikit-learn, SciPy and hand numbers."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from descend.errors import DataError
from descend.tables.judging.discrimination import (
    discrimination,
    gains,
    precision_recall_points,
    roc_points,
)


def drawn(seed, n=3000, digits=3):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n).round(digits)
    return rng.random(n) < p, p


@pytest.mark.parametrize("seed", range(3))
def test_figures_against_scikit_learn_and_scipy(seed):
    y, p = drawn(seed)
    found = discrimination(y, p)
    assert found.auc == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-12)
    assert found.gini == pytest.approx(2 * found.auc - 1)
    ks = stats.ks_2samp(p[y], p[~y])
    assert found.ks == pytest.approx(ks.statistic, rel=1e-12)
    assert np.mean(p[y] >= found.ks_at) - np.mean(p[~y] >= found.ks_at) == pytest.approx(found.ks)
    assert found.average_precision == pytest.approx(metrics.average_precision_score(y, p))
    assert (found.rows, found.positives) == (3000, y.sum())
    json.dumps(found.to_json(), allow_nan=False)


def test_curves_keep_their_ends_and_their_area():
    y, p = drawn(0, digits=9)
    whole = roc_points(y, p, most=10_000).to_frame()
    few = roc_points(y, p, most=100)
    assert len(few.points) <= 102
    x, t = few.to_frame().iloc[:, 0], few.to_frame().iloc[:, 1]
    assert (x.iloc[0], t.iloc[0], x.iloc[-1], t.iloc[-1]) == (0, 0, 1, 1)
    assert metrics.auc(whole.iloc[:, 0], whole.iloc[:, 1]) == pytest.approx(
        metrics.roc_auc_score(y, p), rel=1e-12
    )
    # points left out of a concave curve of length < 2, 100 of them: chords of .02
    assert metrics.auc(x, t) == pytest.approx(metrics.roc_auc_score(y, p), abs=1e-3)
    json.dumps(few.to_json(), allow_nan=False)

    curve = precision_recall_points(y, p, most=10_000).to_frame()
    for _, (recall, precision, threshold) in curve.iloc[1::50].iterrows():
        called = p >= threshold
        assert recall == pytest.approx(metrics.recall_score(y, called))
        assert precision == pytest.approx(metrics.precision_score(y, called))
    assert curve["recall"].is_monotonic_increasing


def test_gains_by_hand():
    p = np.linspace(1, 0.1, 10)
    y = [1, 1, 1, 0, 1, 0, 0, 0, 0, 0]
    found = gains(y, p, parts=5)
    assert found.rows == (2, 2, 2, 2, 2)
    assert found.positives == (2, 1, 1, 0, 0)
    np.testing.assert_allclose(found.lift, [2.5, 1.25, 1.25, 0, 0])
    np.testing.assert_allclose(found.found, [0.5, 0.75, 1, 1, 1])
    np.testing.assert_allclose(found.gap, [0.5, 0.75 - 1 / 6, 1 - 2 / 6, 1 - 4 / 6, 0], atol=1e-12)
    np.testing.assert_allclose(found.least, [0.9, 0.7, 0.5, 0.3, 0.1])
    assert list(found.to_frame()["rate"]) == [1, 0.5, 0.5, 0, 0]


def test_gains_of_single_rows_hold_ks():
    y, p = drawn(1, n=200, digits=9)
    assert max(gains(y, p, parts=200).gap) == pytest.approx(discrimination(y, p).ks)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: discrimination([1, 1], [0.1, 0.2]), "every row is positive"),
        (lambda: gains([0, 1], [0.1, 0.2], parts=3), "parts must be between 1"),
        (lambda: roc_points([0, 1], [0.1, 0.2], most=1), "most must be"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DataError, match=match):
        call()
