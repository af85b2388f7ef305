"""Bootstrap intervals against SciPy's and the normal theory; they cover as often as they say."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from descend.errors import DataError, DescendError
from descend.tables.judging.bootstrap import Draws, bootstrap, compare, interval


def event(seed, n=300):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    y = rng.random(n) < 1 / (1 + np.exp(-2 * z))
    good = 1 / (1 + np.exp(-2 * z))
    return y, good, 1 / (1 + np.exp(-2 * (z + rng.normal(0, 1.5, n))))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_are_scipys(method):
    """Same theory, other draws: ends agree within their Monte Carlo error."""
    y, p, _ = event(0)
    found = bootstrap("brier", y, p, method=method, resamples=5000)
    theirs = stats.bootstrap(
        ((y - p) ** 2,), np.mean, method=method, n_resamples=5000, rng=np.random.default_rng(1)
    )
    assert found.method == method
    assert found.estimate == pytest.approx(metrics.brier_score_loss(y, p))
    # an end of 5,000 draws has a standard error of about 2.7 / sqrt(5000) = .04 of the error
    near = 0.2 * found.error
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=near)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=near)
    assert found.error == pytest.approx(theirs.standard_error, rel=0.05)


def test_bca_of_a_skewed_figure_is_scipys():
    """The variance of skewed values, from the same draws as SciPy's."""
    x = np.random.default_rng(3).lognormal(0, 1, 60)
    spread = lambda y, p: np.var(y)
    plain = bootstrap(spread, x, x, resamples=2000)
    found = bootstrap(spread, x, x, resamples=2000, method="bca")
    theirs = stats.bootstrap((x,), np.var, n_resamples=2000, rng=np.random.default_rng(0))
    low, high = theirs.confidence_interval
    assert found.high == pytest.approx(high, rel=1e-9)
    assert found.low == pytest.approx(low, rel=1e-9)
    assert found.high > 1.1 * plain.high


@pytest.mark.parametrize("seed", range(3))
def test_the_error_of_a_mean_is_the_textbooks(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=500)
    found = bootstrap("mse", y, np.zeros(500), resamples=4000, seed=seed)
    # standard deviation of 4,000 draws: 1 / sqrt(8000) = 1.1 %
    assert found.error == pytest.approx(np.std(y**2) / np.sqrt(500), rel=0.05)


def test_intervals_cover_as_often_as_they_say():
    """AUC of 200 samples; the truth from one of 400,000 rows."""
    y, p, _ = event(10_000, 400_000)
    truth = metrics.roc_auc_score(y, p)
    hits = 0
    for seed in range(200):
        found = bootstrap("auc", *event(seed, 150)[:2], resamples=400, level=0.9)
        hits += found.low <= truth <= found.high
    # binomial standard deviation .021; percentile intervals fall short by a point or two
    assert 0.83 <= hits / 200 <= 0.96


@pytest.mark.parametrize("what", ["auc", "log_loss", "accuracy"])
def test_the_difference_is_paired(what):
    y, good, bad = event(1, 2000)
    found = compare(what, y, good, bad)
    assert found.winner == "first"
    assert found.difference.estimate == pytest.approx(found.first.estimate - found.second.estimate)
    assert found.first_better > 0.99
    assert compare(what, y, bad, good).winner == "second"
    alone = bootstrap(what, y, good)
    assert (found.first.estimate, found.first.low) == (alone.estimate, alone.low)
    same = compare(what, y, good, good)
    assert (same.difference.low, same.difference.high) == (0, 0)
    assert same.winner is None
    assert same.first_better == 0


def test_pairing_sees_what_apart_would_hide():
    y = np.random.default_rng(0).normal(size=400)
    off = np.random.default_rng(1).normal(size=400)
    found = compare("mse", y, y + off, y + 1.05 * off)
    assert found.winner == "first"
    assert found.first.high > found.second.low  # the intervals of each overlap


def test_clusters_are_drawn_whole():
    """Twenty copies of each row tell no more than one: the error is that of the rows."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=100)
    copies = np.repeat(y, 20)
    clusters = np.repeat([f"village {i}" for i in range(100)], 20)
    one = bootstrap("mse", y, np.zeros(100), resamples=3000)
    whole = bootstrap("mse", copies, np.zeros(2000), clusters=clusters, resamples=3000)
    assert whole.error == pytest.approx(one.error, rel=1e-9)  # even the same draws
    assert whole.clusters == 100
    naive = bootstrap("mse", copies, np.zeros(2000), resamples=3000)
    assert naive.error == pytest.approx(one.error / np.sqrt(20), rel=0.1)


def test_weights_of_rows():
    y, p, _ = event(0)
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    found = bootstrap("log_loss", y, p, weights=weights)
    assert found.estimate == pytest.approx(metrics.log_loss(y, p, sample_weight=weights))


def test_draws_repeat_whatever_the_size_of_a_batch(monkeypatch):
    y, p, _ = event(0)
    whole = bootstrap("auc", y, p, resamples=100)
    monkeypatch.setattr("descend.tables.judging.bootstrap.AT_ONCE", 7 * len(y))
    assert bootstrap("auc", y, p, resamples=100) == whole
    assert bootstrap("auc", y, p, resamples=100, seed=1) != whole
    bca = bootstrap("auc", y, p, resamples=100, method="bca")
    monkeypatch.setattr("descend.tables.judging.bootstrap.AT_ONCE", 10**6)
    assert bootstrap("auc", y, p, resamples=100, method="bca") == bca


def test_undefined_draws_are_counted_and_too_many_leave_no_interval():
    y = np.array([1] + [0] * 9)
    found = bootstrap("auc", y, np.linspace(0.1, 0.9, 10), resamples=2000)
    # the one positive is missing from a draw with probability .9^10 = .349
    assert found.undefined / 2000 == pytest.approx(0.9**10, abs=0.04)
    assert np.isfinite(found.low)
    rare = interval("never", lambda w: np.where(w[:, 0] > 3, 1.0, np.nan), Draws(10))
    assert rare.undefined > 1900
    assert rare.to_json()["low"] is None


def test_a_figure_without_spread_falls_back():
    y = np.array([0, 1] * 20)
    found = bootstrap("accuracy", y, y.astype(float), method="bca")
    assert (found.low, found.estimate, found.high, found.method) == (1, 1, 1, "percentile")


def test_many_rows_take_the_percentile_and_say_so(monkeypatch):
    monkeypatch.setattr("descend.tables.judging.bootstrap.BCA_UNITS", 100)
    y, p, _ = event(0)
    assert bootstrap("brier", y, p, method="bca", resamples=50).method == "percentile"


def test_as_json_and_table():
    y, good, bad = event(0)
    found = compare("auc", y, good, bad, resamples=200)
    described = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert described["winner"] == found.winner
    assert described["difference"]["low"] == found.difference.low
    assert list(found.to_frame()["name"]) == ["first", "second", "first - second"]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: bootstrap("auc", [1], [0.5]), "1 row; a bootstrap needs"),
        (lambda: bootstrap("mse", [1, 2], [1, 2], clusters=["a", "a"]), "1 cluster"),
        (lambda: bootstrap("mse", [1, 2], [1, 2], clusters=["a"]), "clusters: 1 rows"),
        (lambda: bootstrap("mse", [1, 2], [1, 2], weights=[-1, 1]), "weights"),
        (lambda: bootstrap("mse", [1, 2], [1, 2], level=95), "level must be between"),
        (lambda: bootstrap("mse", [1, 2], [1, 2], resamples=1), "resamples"),
        (lambda: bootstrap("mse", [1, 2], [1, 2], method="BCA"), "Known: bca, percentile"),
        (lambda: compare("mse", [1, 2], [1, 2], [1]), "rows"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DescendError, match=match):
        call()


def test_refusals_are_data_errors():
    with pytest.raises(DataError):
        Draws(1)
