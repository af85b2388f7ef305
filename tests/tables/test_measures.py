"""Measures of counted rows equal scikit-learn's on the rows drawn."""

import numpy as np
import pytest
from sklearn import metrics

from descend.errors import DataError, DescendError
from descend.tables.judging.measures import MEASURES, Measure, mean_loss, measure, pinball

RNG = np.random.default_rng(0)
N = 60
EVENT = RNG.random(N) < 0.4
CHANCE = RNG.random(N).round(1).clip(0.1, 0.9)  # ties
CLASSES = RNG.integers(0, 3, N)
SHARES = RNG.dirichlet(np.ones(3), N)
Y = RNG.poisson(3, N).astype(float) + 1
VALUES = RNG.gamma(3, 1, N)
COUNTS = RNG.integers(0, 4, (7, N)).astype(float)

CASES = {
    "accuracy": (
        EVENT,
        CHANCE,
        lambda y, p, w: metrics.accuracy_score(y, p >= 0.5, sample_weight=w),
    ),
    "log_loss": (EVENT, CHANCE, lambda y, p, w: metrics.log_loss(y, p, sample_weight=w)),
    "brier": (EVENT, CHANCE, lambda y, p, w: metrics.brier_score_loss(y, p, sample_weight=w)),
    "auc": (EVENT, CHANCE, lambda y, p, w: metrics.roc_auc_score(y, p, sample_weight=w)),
    "mse": (Y, VALUES, lambda y, p, w: metrics.mean_squared_error(y, p, sample_weight=w)),
    "mae": (Y, VALUES, lambda y, p, w: metrics.mean_absolute_error(y, p, sample_weight=w)),
    "rmse": (Y, VALUES, lambda y, p, w: metrics.root_mean_squared_error(y, p, sample_weight=w)),
    "r2": (Y, VALUES, lambda y, p, w: metrics.r2_score(y, p, sample_weight=w)),
    "poisson_deviance": (
        Y,
        VALUES,
        lambda y, p, w: metrics.mean_poisson_deviance(y, p, sample_weight=w),
    ),
}


def test_every_measure_is_compared():
    assert set(CASES) == set(MEASURES)


@pytest.mark.parametrize("name", CASES)
def test_named_measures_are_scikit_learns(name):
    y, predicted, theirs = CASES[name]
    found = measure(name).prepare(y, predicted)(COUNTS)
    expected = [theirs(y, predicted, w) for w in COUNTS]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert measure(name)(y, predicted) == pytest.approx(theirs(y, predicted, None), rel=1e-10)


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "brier"])
def test_several_classes(name):
    theirs = {
        "accuracy": lambda w: metrics.accuracy_score(
            CLASSES, SHARES.argmax(axis=1), sample_weight=w
        ),
        "log_loss": lambda w: metrics.log_loss(CLASSES, SHARES, sample_weight=w),
        "brier": lambda w: metrics.brier_score_loss(CLASSES, SHARES, sample_weight=w),
    }[name]
    found = MEASURES[name].prepare(CLASSES, SHARES)(COUNTS)
    np.testing.assert_allclose(found, [theirs(w) for w in COUNTS], rtol=1e-10)


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "brier", "auc"])
def test_one_event_may_come_as_two_classes(name):
    both = np.stack([1 - CHANCE, CHANCE], axis=1)
    one, two = (MEASURES[name].prepare(EVENT, p)(COUNTS) for p in (CHANCE, both))
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_pinball_and_own_losses():
    for level in (0.1, 0.5, 0.9):
        assert pinball(level)(Y, VALUES) == pytest.approx(
            metrics.mean_pinball_loss(Y, VALUES, alpha=level)
        )
    own = mean_loss("cubed", lambda y, p: np.abs(y - p) ** 3)
    assert own(Y, VALUES) == pytest.approx(np.mean(np.abs(Y - VALUES) ** 3))


def test_a_function_sees_the_rows_drawn():
    own = measure(metrics.r2_score, better="higher")
    assert (own.name, own.better) == ("r2_score", "higher")
    found = own.prepare(Y, VALUES)(COUNTS)
    np.testing.assert_allclose(found, MEASURES["r2"].prepare(Y, VALUES)(COUNTS), rtol=1e-10)
    with pytest.raises(DataError, match="weights cannot"):
        own(Y, VALUES, np.full(N, 0.5))
    assert measure(own) is own
    assert isinstance(own, Measure)


def test_what_a_draw_leaves_undefined_is_nan():
    only_negatives = np.where(EVENT, 0.0, 1.0)[None]
    assert np.isnan(MEASURES["auc"].prepare(EVENT, CHANCE)(only_negatives)[0])
    one_row = np.eye(N)[:1] * 5
    assert np.isnan(MEASURES["r2"].prepare(Y, VALUES)(one_row)[0])
    assert np.isnan(MEASURES["mse"].prepare(Y, VALUES)(np.zeros((1, N)))[0])


@pytest.mark.parametrize(
    ("name", "y", "predicted", "match"),
    [
        ("log_loss", [0, 1], [0.1, 1.5], "in \\[0, 1\\]"),
        ("log_loss", [0, 1], [0.1, np.nan], "in \\[0, 1\\]"),
        ("log_loss", [0, 2], [0.1, 0.5], "class numbers from 0 to 1"),
        ("mse", [0, 1], [0.1], "rows"),
        ("auc", [0, 1], np.ones((2, 3)), "one number a row"),
        ("poisson_deviance", [0, 1], [0.0, 1.0], "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(name, y, predicted, match):
    with pytest.raises(DataError, match=match):
        MEASURES[name](y, predicted)


def test_unknown_names():
    with pytest.raises(DescendError, match="Did you mean 'rmse'"):
        measure("rsme")
