"""Reliability, Brier and temperature against scikit-learn, hand numbers and finite differences."""

import json

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from descend.errors import DescendError
from descend.tables.judging.calibration import (
    Temperature,
    brier,
    fit_temperature,
    reliability,
    top_class,
)


@pytest.fixture(scope="module")
def cancer():
    """Truth and probabilities of a classifier of two columns, on rows of its own."""
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x[:, :2])
    a, b, c, d = train_test_split(x, y, test_size=0.6, random_state=0)
    return d, LogisticRegression().fit(a, c).predict_proba(b)[:, 1]


@pytest.mark.parametrize("how", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [5, 10])
def test_the_curve_is_scikit_learns(cancer, how, bins):
    y, p = cancer
    found = reliability(y, p, bins=bins, how=how)
    observed, predicted = calibration_curve(y, p, n_bins=bins, strategy=how)
    if how == "quantile":  # scikit-learn's edges lie between two rows, ours are values that occur
        inner = np.quantile(p, np.arange(1, bins) / bins, method="inverted_cdf")
        place = np.digitize(p, inner, right=True)
        observed, predicted = ([v[place == i].mean() for i in range(bins)] for v in (y, p))
    np.testing.assert_allclose(found.observed, observed, rtol=1e-12)
    np.testing.assert_allclose(found.predicted, predicted, rtol=1e-12)
    assert sum(found.count) == len(y)
    frame = found.to_frame()
    assert (frame["low"] <= frame["observed"]).all()
    assert (frame["observed"] <= frame["high"] + 1e-12).all()
    assert (frame["lower"] <= frame["predicted"]).all()
    assert (frame["predicted"] <= frame["upper"]).all()


def test_errors_by_hand():
    p = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9]
    y = [0, 0, 0, 1, 1, 1]
    found = reliability(y, p, bins=2, how="uniform")
    assert found.count == (4, 2)
    # gaps .25 - .1 in four rows, 1 - .9 in two
    assert found.expected_error == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert found.largest_error == pytest.approx(0.15)
    assert json.loads(json.dumps(found.to_json()))["expected_error"] == found.expected_error
    # Wilson's interval of 1 in 4: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n)
    z = 1.959963984540054
    half = z * np.sqrt(0.25 * 0.75 / 4 + z**2 / 64)
    np.testing.assert_allclose(
        [found.low[0], found.high[0]],
        (0.25 + z**2 / 8 + np.array([-half, half])) / (1 + z**2 / 4),
    )


def test_equal_probabilities_share_a_bin():
    p = np.repeat([0.2, 0.7], [95, 5])
    found = reliability(np.zeros(100), p, bins=10)
    assert found.count == (95, 5)
    assert reliability([1, 0], [0.3, 0.3]).count == (2,)


def test_calibrated_probabilities_have_a_small_error_and_shifted_ones_do_not():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.05, 0.75, 20_000)
        y = rng.random(20_000) < p
        # ten bins of 2,000: an average gap of about .8 sqrt(.25 / 2000) = .009
        assert reliability(y, p).expected_error < 0.015
        assert reliability(y, p + 0.2).expected_error == pytest.approx(0.2, abs=0.015)


def test_the_brier_score_is_scikit_learns_and_its_parts_add_up(cancer):
    y, p = cancer
    for how in ("uniform", "quantile"):
        found = brier(y, p, how=how)
        assert found.score == pytest.approx(metrics.brier_score_loss(y, p), rel=1e-12)
        parts = found.reliability - found.resolution + found.uncertainty + found.within
        assert parts == pytest.approx(found.score, rel=1e-12)
        assert found.skill == pytest.approx(metrics.d2_brier_score(y, p), rel=1e-12)


def test_murphys_decomposition_by_hand():
    # two forecasts: .2 for five rows with one event, .6 for five with four
    p = np.repeat([0.2, 0.6], 5)
    y = [1, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    found = brier(y, p)
    assert found.reliability == pytest.approx(0.5 * 0 + 0.5 * 0.2**2)
    assert found.resolution == pytest.approx(0.3**2)
    assert found.uncertainty == pytest.approx(0.25)
    assert found.within == pytest.approx(0, abs=1e-15)
    assert brier([1, 1], [0.5, 0.5]).to_json()["skill"] is None


def digits(seed):
    """Probabilities of an overconfident classifier (too little regularised) on new rows."""
    x, y = load_digits(return_X_y=True)
    a, b, c, d = train_test_split(x / 16, y, train_size=300, random_state=seed)
    return d, LogisticRegression(C=1000, max_iter=2000).fit(a, c).predict_proba(b)


@pytest.fixture(scope="module")
def ten():
    return digits(0)


def test_the_temperature_is_scikit_learns(ten):
    y, p = ten
    found = fit_temperature(y, p)
    # scikit-learn's own, private there: the same loss by bounded search over log(1 / T)
    from scipy.optimize import minimize_scalar

    z = np.log(p)

    def loss(log_inverse):
        q = np.exp(np.exp(log_inverse) * z)
        return metrics.log_loss(y, q / q.sum(axis=1, keepdims=True))

    best = minimize_scalar(loss, bounds=(-5, 5), options={"xatol": 1e-10})
    # the loss is flat at its minimum: half the digits
    assert found.temperature == pytest.approx(np.exp(-best.x), rel=1e-6)
    assert found.before == pytest.approx(metrics.log_loss(y, p), rel=1e-9)
    assert found.after == pytest.approx(best.fun, rel=1e-9)
    assert found.after < found.before
    assert found.temperature > 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(seed, true):
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, (20_000, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1).clip(max=3)
    bold = np.exp(true * z) / np.exp(true * z).sum(axis=1, keepdims=True)
    # the standard error of log T is about 1 %
    assert fit_temperature(y, bold).temperature == pytest.approx(true, rel=0.05)


def test_a_temperature_helps_on_other_rows_and_keeps_the_order(ten):
    y, p = ten
    half = len(y) // 2
    found = fit_temperature(y[:half], p[:half])
    q = found.apply(p[half:])
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-12)
    assert metrics.log_loss(y[half:], q) < metrics.log_loss(y[half:], p[half:])
    np.testing.assert_array_equal(q.argmax(axis=1), p[half:].argmax(axis=1))
    before = reliability(*top_class(y[half:], p[half:])).expected_error
    assert reliability(*top_class(y[half:], q)).expected_error < before
    assert Temperature.from_json(json.loads(json.dumps(found.to_json()))) == found
    np.testing.assert_allclose(Temperature(1.0, 1, 0.0, 0.0).apply(p), p, rtol=1e-6, atol=1e-12)


def test_one_event_is_two_classes(cancer):
    y, p = cancer
    both = np.stack([1 - p, p], axis=1)
    one, two = fit_temperature(y, p), fit_temperature(y, both)
    assert one.temperature == pytest.approx(two.temperature, rel=1e-9)
    np.testing.assert_allclose(one.apply(p), two.apply(both)[:, 1], rtol=1e-9)


def test_weights_count_like_rows(ten):
    y, p = ten
    weights = np.random.default_rng(0).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), weights)
    heavy = fit_temperature(y, p, weights=weights)
    assert heavy.temperature == pytest.approx(fit_temperature(y[rows], p[rows]).temperature)


def test_ends_of_the_range():
    # always right: as bold as can be; always wrong: as cautious
    assert fit_temperature([0, 1], [[0.9, 0.1], [0.2, 0.8]]).temperature == pytest.approx(1e-3)
    assert fit_temperature([1, 0], [[0.9, 0.1], [0.2, 0.8]]).temperature == pytest.approx(1e3)
    found = fit_temperature([0, 0, 1], np.array([[1.0, 0.0]] * 3, np.float32))
    assert np.isfinite(found.before)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: reliability([0, 2], [0.1, 0.2]), "expected 0 and 1"),
        (lambda: reliability([0, 1], [0.1, 1.2]), r"in \[0, 1\], got 1.2 in row 1"),
        (lambda: reliability([0, 1], [0.1, 0.2], how="equal"), "unknown kind of bins"),
        (lambda: brier([0, 1], [0.1, 0.2], bins=0), "bins must be at least 1"),
        (lambda: fit_temperature([0, 2], [0.1, 0.2]), "class numbers from 0 to 1"),
        (lambda: fit_temperature([0, 1], [0.1, 0.2], weights=[0, 0]), "weights"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DescendError, match=match):
        call()
