"""The test of two forecasts: published numbers, another package, and its size by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.sandwich_covariance import S_hac_simple

from descend.errors import DataError, DataWarning, DescendError
from descend.forecasting import clark_west, diebold_mariano
from descend.forecasting.equal_accuracy import long_run_variance

TRUTH = np.array([10.0, 20, 30, 40, 50])
ONE, TWO = np.array([11.0, 21, 29, 42, 53]), np.array([13.0, 26, 24, 40, 59])


def test_the_oracle():
    """PyPI's `dieboldmariano`, its README: squared loss, one-sided."""
    done = diebold_mariano(TRUTH - ONE, TRUTH - TWO, alternative="less")
    assert done.statistic == pytest.approx(-2.22299, abs=5e-6)
    assert done.p_value == pytest.approx(0.045156, abs=5e-7)
    other = diebold_mariano(TRUTH - TWO, TRUTH - ONE, alternative="greater")
    assert (other.statistic, other.p_value) == (-done.statistic, pytest.approx(done.p_value))
    assert diebold_mariano(TRUTH - ONE, TRUTH - TWO).p_value == pytest.approx(2 * done.p_value)


def test_the_variance_is_newey_and_wests():
    d = np.random.default_rng(0).normal(size=60).cumsum()
    for lags in (0, 1, 5, 20):
        theirs = S_hac_simple((d - d.mean())[:, None], nlags=lags)[0, 0] / len(d)
        assert long_run_variance(d, lags) == pytest.approx(theirs, rel=1e-10)


def test_a_variance_is_never_negative():
    """Losses that alternate: the unweighted sum of autocovariances is below zero there."""
    first = np.array([2.0, 1, 2, 1, 2, 1, 2, 1.1])
    second = np.array([1.0, 2, 1, 2, 1, 2, 1, 2])
    d = first**2 - second**2
    centred = d - d.mean()
    unweighted = centred @ centred + 2 * centred[1:] @ centred[:-1]
    assert unweighted < 0
    done = diebold_mariano(first, second, 2)
    weighted = (centred @ centred + centred[1:] @ centred[:-1]) / len(d)
    corrected = np.sqrt((len(d) + 1 - 4 + 2 / len(d)) / len(d))
    assert done.statistic == pytest.approx(d.mean() / np.sqrt(weighted / len(d)) * corrected)
    assert done.lags == 1
    generator = np.random.default_rng(1)
    for _ in range(200):
        n = int(generator.integers(8, 30))
        assert long_run_variance(generator.normal(size=n), int(generator.integers(0, n))) >= 0


def test_its_size_where_errors_overlap():
    """Forecasts 3 steps ahead, both as good: 5 % are rejected, give or take."""
    generator, rejected, runs = np.random.default_rng(2), 0, 2000
    for _ in range(runs):
        a, b = (np.convolve(generator.normal(size=62), [1, 1, 1], "valid") for _ in range(2))
        rejected += diebold_mariano(a, b, 3).p_value < 0.05
    # four standard errors of the simulation are .02
    assert 0.03 < rejected / runs < 0.08


def test_other_losses():
    a, b = TRUTH - ONE, TRUTH - TWO
    absolute = diebold_mariano(a, b, loss="absolute")
    given = diebold_mariano(np.abs(a), np.abs(b), loss="none")
    assert absolute == given
    assert "the first loss is the smaller" in str(absolute)


def test_the_package_of_the_bank_of_england():
    """Unweighted unless that is negative, then weighted as here; its horizon is ours less one."""
    theirs = pytest.importorskip("forecast_evaluation.tests.diebold_mariano")
    pandas = pytest.importorskip("pandas")
    d = np.random.default_rng(3).normal(size=40)
    found = theirs.diebold_mariano_test(pandas.Series(d), 0)
    done = diebold_mariano(d, np.zeros(40), loss="none")
    assert done.statistic == pytest.approx(found["dm_statistic"], rel=1e-9)
    assert done.p_value == pytest.approx(found["p_value"], rel=1e-9)
    wave = np.tile([1.0, -0.9], 20) + 0.01 * d
    found = theirs.diebold_mariano_test(pandas.Series(wave), 1)
    done = diebold_mariano(wave, np.zeros(40), 2, loss="none")
    assert done.statistic == pytest.approx(found["dm_statistic"], rel=1e-9)


def test_nested_models_are_warned_about():
    with pytest.warns(DataWarning, match="special case of the other.*clark_west"):
        diebold_mariano(TRUTH - ONE, TRUTH - TWO, nested=True)


def test_clark_and_west_by_hand():
    y, large = np.array([1.0, 2, 3, 2, 4]), np.array([1.0, 1, 2, 2, 3])
    f = 2 * y * large  # with zeros as the smaller model's forecasts
    done = clark_west(y, np.zeros(5), large)
    assert done.mean == f.mean() == 10
    assert done.statistic == pytest.approx(10 / np.sqrt(60.8 / 5))
    assert done.p_value == pytest.approx(stats.norm.sf(done.statistic))


def test_clark_and_west_find_what_the_plain_test_misses():
    """A regressor that matters a little: its noise hides it from the plain comparison."""
    generator, plain, adjusted = np.random.default_rng(4), 0, 0
    for _ in range(200):
        x = generator.normal(size=100)
        y = 0.25 * x + generator.normal(size=100)
        ahead = np.array([x[t] * (x[:t] @ y[:t]) / (x[:t] @ x[:t]) for t in range(20, 100)])
        z = y[20:]
        plain += diebold_mariano(z, z - ahead, alternative="greater").p_value < 0.05
        adjusted += clark_west(z, 0 * z, ahead).p_value < 0.05
    assert adjusted > plain + 20


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: diebold_mariano(TRUTH, ONE, 5), DataError, "needs at least 10 of them"),
        (lambda: diebold_mariano(TRUTH, ONE, 9), DataError, "needs at least 18 of them"),
        (lambda: diebold_mariano(TRUTH[:4], ONE[:4]), DataError, "needs at least 5 of them"),
        (lambda: diebold_mariano(TRUTH, ONE[:4]), DataError, "got 5 and 4 errors"),
        (lambda: diebold_mariano(ONE, ONE), DataError, "are they the same forecasts"),
        (lambda: diebold_mariano(ONE * np.nan, ONE), DataError, "5 of 5 are missing"),
        (lambda: diebold_mariano(ONE[None], ONE), DataError, r"shape \(n,\)"),
        (lambda: diebold_mariano(TRUTH, ONE, 0), DataError, "whole number >= 1"),
        (lambda: diebold_mariano(TRUTH, ONE, loss="square"), DescendError, "mean 'squared'"),
        (lambda: diebold_mariano(TRUTH, ONE, alternative="more"), DescendError, "alternative"),
        (lambda: clark_west(TRUTH, ONE, ONE), DataError, "the same everywhere"),
        (lambda: clark_west(TRUTH, ONE, ONE[:4]), DataError, "5, 5 and 4"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
