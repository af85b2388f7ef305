"""The linear forecaster against scikit-learn's ridge, and in the cases where it is exact."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from descend.data import series
from descend.errors import DataError, DescendError
from descend.forecasting import LinearForecaster, Panel

RNG = np.random.default_rng(1)
WALK = np.cumsum(RNG.normal(size=120))


def windows(values: np.ndarray, context: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Every window with its last value taken off, one after the other."""
    rows = [values[i : i + context + horizon] for i in range(len(values) - context - horizon + 1)]
    table = np.stack([row - row[context - 1] for row in rows])
    return table[:, :context], table[:, context:]


def with_drift(x: np.ndarray, unit: float) -> np.ndarray:
    """A column as large as the others beside: its weight, the drift, is shrunk like theirs."""
    return np.column_stack([x, np.full(len(x), unit)])


def test_it_is_scikit_learns_ridge_on_every_window():
    context, horizon, origin = 6, 3, 100
    found = LinearForecaster(context=context, penalty=0.5).backtest(
        Panel.of(WALK), np.array([[origin]]), horizon, (0.1,)
    )
    x, y = windows(WALK[:origin], context, horizon)
    unit = np.sqrt((x**2).mean())
    z = with_drift(x, unit)
    ridge = Ridge(0.5 * (z**2).sum() / z.shape[1], fit_intercept=False).fit(z, y)
    past = WALK[origin - context : origin]
    expected = past[-1] + ridge.predict(with_drift((past - past[-1])[None], unit))[0]
    assert np.allclose(found[0, 0, 0, :, 0], expected, rtol=1e-8)
    assert np.isnan(found[..., 1]).all()  # it says nothing of quantiles


def test_the_penalty_is_the_one_that_forecasts_held_windows_best():
    context, horizon, origin = 6, 3, 100
    method = LinearForecaster(context=context, validation=0.3, anew=False)
    found = method.backtest(Panel.of(WALK), np.array([[origin]]), horizon, ())[0, 0, 0, :, 0]
    x, y = windows(WALK[:70], context, horizon)
    held_x, held_y = windows(WALK[70 - context : origin], context, horizon)
    unit = np.sqrt((x**2).mean())
    z, held_z = with_drift(x, unit), with_drift(held_x, unit)
    of = (z**2).sum() / z.shape[1]
    fits = [Ridge(10 ** (k / 2) * of, fit_intercept=False).fit(z, y) for k in range(-12, 5)]
    errors = [((held_y - fit.predict(held_z)) ** 2).sum() for fit in fits]
    past = WALK[origin - context : origin]
    best = fits[int(np.argmin(errors))]
    ahead = best.predict(with_drift((past - past[-1])[None], unit))[0]
    assert np.allclose(found, past[-1] + ahead, rtol=1e-6)


def test_a_line_that_is_linear_in_its_past_is_forecast_exactly():
    wave = 3 + np.sin(np.arange(80) * 0.7) + 0.1 * np.arange(80)
    found = LinearForecaster(context=6).backtest(Panel.of(wave), np.array([[70]]), 5, ())
    assert np.allclose(found[0, 0, 0, :, 0], wave[70:75], atol=1e-3)


def test_origins_know_nothing_of_what_comes_later():
    later = WALK.copy()
    later[90:] = 1e6
    origins = np.array([[60], [75], [90]])
    method = LinearForecaster(context=6)
    before = method.backtest(Panel.of(WALK), origins, 3, ())
    assert np.array_equal(before, method.backtest(Panel.of(later), origins, 3, ()))
    alone = method.backtest(Panel.of(WALK[:90]), origins[1:2], 3, ())
    assert np.array_equal(before[:, 1:2], alone)


def test_without_refitting_the_first_origins_map_serves_all():
    origins = np.array([[60], [90]])
    method = LinearForecaster(context=6)
    once = method.backtest(Panel.of(WALK), origins, 3, (), refit=False)
    anew = method.backtest(Panel.of(WALK), origins, 3, ())
    assert np.array_equal(once[:, 0], anew[:, 0])
    assert not np.allclose(once[:, 1], anew[:, 1])


def test_missing_targets_and_absent_series_are_left_out():
    values = WALK.copy()
    values[50] = np.nan
    panel = Panel.of([values, WALK[::-1].copy()])
    found = LinearForecaster(context=8).backtest(panel, np.array([[100, 0], [110, 100]]), 2, ())
    assert np.isnan(found[0, 0, 1]).all()
    assert np.isfinite(found[0, 1]).all()
    assert np.isfinite(found[0, 0, 0]).all()


def test_wrong_settings_are_refused():
    with pytest.raises(DescendError, match="context must be a whole number >= 1"):
        LinearForecaster(context=0)
    with pytest.raises(DescendError, match="penalty must be a finite number > 0"):
        LinearForecaster(penalty=-1.0)
    with pytest.raises(DataError, match="validation must be a share below 1"):
        LinearForecaster(validation=1.0)
    with pytest.raises(DataError, match="the series has 10 rows, and a window needs 14"):
        LinearForecaster(context=12).backtest(Panel.of(WALK[:20]), np.array([[10]]), 2, ())


@pytest.mark.slow
@pytest.mark.skipif(not series.ETTH1.cached(), reason="ETTh1 is not in the cache")
def test_the_figures_of_etth1():
    """All windows of the test, horizon 96: .370 for seven channels, .053 for the oil's."""
    frame = series.load_series("etth1", download=False).frame.drop(columns="date")
    values = frame.to_numpy(float)[: 8640 + 2 * 2880]
    values = (values - values[:8640].mean(axis=0)) / values[:8640].std(axis=0)
    origins = 11520 + np.arange(2785)
    for columns, expected in ((slice(None), 0.370), (slice(6, 7), 0.053)):
        panel = Panel.of(list(values[:, columns].T))
        method = LinearForecaster(context=336, validation=0.25, anew=False)
        at = np.repeat(origins[:, None], len(panel), axis=1)
        found = method.backtest(panel, at, 96, (), refit=False)[0, ..., 0]
        rows = origins[:, None] + np.arange(96)
        truth = values[:, columns][rows].transpose(0, 2, 1)
        assert abs(((found - truth) ** 2).mean() - expected) < 0.002
