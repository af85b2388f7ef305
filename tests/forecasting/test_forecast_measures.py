"""Measures of forecasts against numbers worked out by hand and against published ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error

from descend.errors import DataError
from descend.forecasting import measures


def test_the_unit_of_mase_is_of_the_history_alone():
    history = [2.0, 4, 3, 7, 8]  # changes 2, 1, 4, 1; over two steps 1, 3, 5
    assert measures.naive_scale(history) == 2
    assert measures.naive_scale(history, 2) == 3
    assert measures.mase([10, 10], [12, 6], history) == 3 / 2
    assert measures.mase([10, 10], [12, 6], history, 2) == 1
    # the outcome's own movements are not in it
    assert measures.mase([1e6, -1e6], [1e6 + 2, -1e6 + 2], history) == 1
    assert measures.naive_scale([1, np.nan, 3, 5]) == 2
    assert measures.mase([1], [2], [5, 5, 5]) == np.inf


def test_smape_counts_to_200():
    assert measures.smape([100.0], [50.0]) == pytest.approx(200 * 50 / 150)
    assert measures.smape([1.0], [-1.0]) == 200
    assert measures.smape([0.0, 2.0], [0.0, 2.0]) == 0
    assert measures.smape([np.nan, 1.0], [1.0, 1.0]) == 0


def test_owa_of_published_rows():
    """M4 hourly: seasonal naive .628; ES-RNN 9.328 and .893 give .440."""
    assert measures.owa(13.912, 1.193) == pytest.approx(0.628, abs=1e-3)
    assert measures.owa(9.328, 0.893) == pytest.approx(0.440, abs=1e-3)
    assert measures.owa(18.383, 2.395) == 1
    assert measures.owa(6, 2, naive=(12, 1)) == 1.25


def test_errors_are_those_of_scikit_learn():
    truth, forecast = np.random.default_rng(0).normal(size=(2, 30))
    assert measures.rmse(truth, forecast) == pytest.approx(root_mean_squared_error(truth, forecast))
    assert measures.mae(truth, forecast) == pytest.approx(mean_absolute_error(truth, forecast))
    both = np.stack([forecast - 1, forecast + 1], axis=1)
    theirs = [mean_pinball_loss(truth, both[:, k], alpha=a) for k, a in enumerate((0.1, 0.8))]
    assert measures.pinball(truth, both, (0.1, 0.8)) == pytest.approx(np.mean(theirs))


def test_coverage_and_width():
    truth = [1.0, 2.0, 3.0, np.nan]
    low, high = [1.0, 2.5, 0.0, 0.0], [2.0, 3.5, 3.0, 1.0]
    assert measures.coverage(truth, low, high) == 2 / 3  # both ends belong to an interval
    assert measures.width(low, high) == 1.5
    assert np.isnan(measures.coverage([np.nan], [0.0], [1.0]))


def test_skill():
    assert measures.skill(0.5, 2.0) == 0.75
    assert measures.skill(3.0, 2.0) == -0.5
    assert np.isnan(measures.skill(1.0, 0.0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: measures.naive_scale([1.0, 2.0], 2), "a season of 2 steps needs more than 2"),
        (lambda: measures.naive_scale([[1.0, 2.0]]), "one series"),
        (lambda: measures.mae([1.0, 2.0], [[1.0], [2.0]]), "must have one shape"),
        (lambda: measures.pinball([1.0], [[1.0]], (1.5,)), r"numbers in \(0, 1\)"),
        (lambda: measures.pinball([1.0], [1.0], (0.5,)), r"need quantiles of shape \(1, 1\)"),
        (lambda: measures.owa(1.0, 1.0, (0.0, 1.0)), "must be > 0"),
    ],
)
def test_wrong_arguments_are_refused(call, words):
    with pytest.raises(DataError, match=words):
        call()
