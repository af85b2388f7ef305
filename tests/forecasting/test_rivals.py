"""Classical methods: against numbers worked out by hand, and statsmodels' own forecasts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.ar_model import AutoReg, ar_select_order
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.statespace.sarimax import SARIMAX

from descend.errors import DataError, DataWarning, DescendError
from descend.forecasting import AR, ARIMA, ETS, Drift, Mean, Naive, Panel, SeasonalNaive, Theta
from descend.forecasting.rivals.arima import Order, aicc, differences
from descend.forecasting.rivals.base import Normal, Past, Rival, known
from descend.forecasting.rivals.smoothing import Form

LEVELS = (0.05, 0.5, 0.95)
Z = 1.6448536269514722  # of the normal distribution, at .95
METHODS = (
    Naive(),
    SeasonalNaive(),
    Drift(),
    AR(),
    ETS(),
    Theta(),
    ARIMA((1, 1, 0)),
    Mean((Naive(), Drift())),
)


def seasonal_series(n=72, seed=0):
    t = np.arange(n)
    wave = 3 * np.sin(t * np.pi / 2)
    return 20 + 0.05 * t + wave + np.random.default_rng(seed).normal(0, 0.5, n)


def autoregressive(n=200, phi=0.7, seed=1):
    y = [0.0]
    for shock in np.random.default_rng(seed).normal(size=n - 1):
        y.append(1 + phi * y[-1] + shock)
    return np.array(y)


def test_naive_forecasts_by_hand():
    y = [1.0, 3.0, 2.0, 6.0]
    naive = Naive().forecast(y, 4, levels=LEVELS)
    assert naive.forecast.tolist() == [6] * 4
    spread = np.sqrt((4 + 1 + 16) / 3)
    np.testing.assert_allclose(naive[0.95], 6 + Z * spread * np.sqrt([1, 2, 3, 4]))
    np.testing.assert_allclose(naive[0.5], 6)
    drift = Drift().forecast(y, 2, levels=LEVELS)
    np.testing.assert_allclose(drift.forecast, [6 + 5 / 3, 6 + 10 / 3])
    spread = np.std([2, -1, 4], ddof=1)
    np.testing.assert_allclose(
        drift[0.05], drift.forecast - Z * spread * np.sqrt([1 * 4 / 3, 2 * 5 / 3])
    )
    season = SeasonalNaive(2).forecast(y, 5, levels=LEVELS)
    assert season.forecast.tolist() == [2, 6, 2, 6, 2]
    spread = np.sqrt((1 + 9) / 2)
    np.testing.assert_allclose(
        season[0.95], season.forecast + Z * spread * np.sqrt([1, 1, 2, 2, 3])
    )


def test_an_autoregression_goes_on_as_statsmodels_does():
    y = autoregressive()
    form = AR("bic").choose(Past(y, 1))
    assert form == 1
    ahead = AR("bic").forecast(y, 8, levels=LEVELS)
    theirs = AutoReg(y, form).fit()
    np.testing.assert_allclose(ahead.forecast, theirs.forecast(8), rtol=1e-9)
    phi = theirs.params[1]
    spread = np.sqrt(np.sum(theirs.resid**2) / (len(y) - 3))
    # the variance of an AR(1) h steps ahead: s^2 (1 - phi^2h) / (1 - phi^2)
    h = np.arange(1, 9)
    deviation = spread * np.sqrt((1 - phi ** (2 * h)) / (1 - phi**2))
    np.testing.assert_allclose(ahead[0.95] - ahead.forecast, Z * deviation, rtol=1e-9)


@pytest.mark.parametrize("lags", [0, 3])
def test_any_number_of_lags(lags):
    y = autoregressive(120)
    rival, past = AR(), Past(y, 1)
    seen = rival.ahead(past, lags, rival.fit(past, lags), 5)
    np.testing.assert_allclose(seen.mean, AutoReg(y, lags).fit().forecast(5), rtol=1e-9)
    assert (np.diff(seen.deviation) >= 0).all()


@pytest.mark.parametrize("criterion", ["aic", "bic", "hqic"])
def test_the_number_of_lags_is_statsmodels(criterion):
    for y in (autoregressive(100), seasonal_series(90), np.random.default_rng(2).normal(size=60)):
        found = AR(criterion, most=8).choose(Past(y, 1))
        theirs = ar_select_order(y, 8, ic=criterion, trend="c")
        assert found == len(theirs.ar_lags or [])
    assert AR().choose(Past(np.full(40, 3.0), 1)) == 0


def test_arima_sums_up_as_the_whole_model_does():
    y = seasonal_series(80)
    order = Order(1, 1, 1, 0, 1, 1, False)
    rival, past = ARIMA(), Past(y, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = rival.fit(past, order)
    seen = rival.ahead(past, order, parameters, 10)
    whole = SARIMAX(
        y, order=(1, 1, 1), seasonal_order=(0, 1, 1, 4), concentrate_scale=True,
        initialization="approximate_diffuse",
    )  # fmt: skip
    theirs = whole.smooth(parameters).get_forecast(10)
    # its first values are diffuse and here they are given: the two agree to a part in a thousand
    np.testing.assert_allclose(seen.mean, theirs.predicted_mean, rtol=2e-3)
    np.testing.assert_allclose(seen.deviation, theirs.se_mean, rtol=3e-2)


def test_a_random_walk_is_differenced_and_noise_is_not():
    shocks = np.random.default_rng(0).normal(size=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert differences(Past(np.cumsum(shocks), 1)) == (0, 1)
        assert differences(Past(shocks, 1)) == (0, 0)
        assert differences(Past(seasonal_series(100), 4))[0] == 1


def test_no_neighbour_of_the_order_found_is_better():
    past = Past(autoregressive(60, 0.8), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ARIMA().choose(past)
        score = aicc(past, found)
        others = [aicc(past, found._replace(p=p, q=q)) for p in range(2) for q in range(2)]
    assert (found.d, found.D, found.constant) == (0, 0, True)
    assert found.p + found.q > 0
    assert score <= min(others) + 1e-9


def test_a_random_walk_has_an_order_without_parameters():
    y = np.random.default_rng(0).normal(size=60).cumsum()
    past, order = Past(y, 1), Order(0, 1, 0, 0, 0, 0, False)
    d = np.diff(y)
    # the likelihood of normal noise with its own variance, which is no parameter here
    wanted = len(d) * (np.log(2 * np.pi * np.mean(d**2)) + 1)
    assert aicc(past, order) == pytest.approx(wanted, abs=2.1)
    seen = ARIMA().ahead(past, order, ARIMA().fit(past, order), 3)
    np.testing.assert_allclose(seen.mean, y[-1])
    np.testing.assert_allclose(seen.deviation, np.sqrt(np.mean(d**2) * np.arange(1, 4)), rtol=1e-6)


def test_smoothing_is_that_of_statsmodels():
    y = seasonal_series()
    ahead = ETS(4).forecast(y, 6, levels=LEVELS)
    form = ETS().choose(Past(y, 4))
    assert form.seasonal is not None
    given = Form(None, False, "add")
    rival, past = ETS(), Past(y, 4)
    seen = rival.ahead(past, given, rival.fit(past, given), 6)
    theirs = ETSModel(pd.Series(y), seasonal="add", seasonal_periods=4).fit(disp=False)
    np.testing.assert_allclose(seen.mean, theirs.forecast(6), rtol=1e-6)
    ends = theirs.get_prediction(start=72, end=77).pred_int(alpha=0.1)
    np.testing.assert_allclose(seen.quantiles(np.array(LEVELS))[:, 2], ends.iloc[:, 1], rtol=1e-6)
    assert ahead.shape == (6, 4)


def test_seasons_in_per_cent_have_simulated_quantiles():
    y = seasonal_series() ** 2
    form = Form("add", False, "mul")
    rival, past = ETS(), Past(y, 4)
    seen = rival.ahead(past, form, rival.fit(past, form), 4)
    low, middle, high = seen.quantiles(np.array(LEVELS)).T
    assert (low < middle).all()
    assert (middle < high).all()
    np.testing.assert_allclose(middle, seen.mean, rtol=0.05)


def test_theta_is_that_of_statsmodels():
    y = seasonal_series()
    ahead = Theta(4).forecast(y, 6, levels=LEVELS)
    done = ThetaModel(y, period=4).fit()
    np.testing.assert_allclose(ahead.forecast, done.forecast(6), rtol=1e-9)
    flat = Theta().forecast(autoregressive(100), 5, levels=LEVELS)
    width = (flat[0.95] - flat[0.05]).to_numpy()
    assert (np.diff(width) > 0).all()


def test_theta_half_the_slope():
    """On a straight line the smoothing parameter is one: the last value and half a slope a step."""
    ahead = Theta().forecast(2.0 * np.arange(60), 3, levels=())
    np.testing.assert_allclose(ahead.forecast, 118 + np.arange(1, 4), atol=0.1)


def test_gaps_are_bridged_and_a_ragged_edge_is_forecast():
    y = np.array([np.nan, 1, 2, np.nan, 4, 5, np.nan, np.nan])
    past = known(y, 1)
    assert past.values.tolist() == [1, 2, 3, 4, 5]
    assert past.late == 2
    ahead = Drift().forecast(y, 2, levels=())
    np.testing.assert_allclose(ahead.forecast, [8, 9])  # 6 and 7 are of dates that have gone by


@pytest.mark.parametrize("rival", METHODS, ids=lambda r: type(r).__name__)
def test_what_comes_later_changes_nothing(rival):
    y = seasonal_series(48)
    later = y.copy()
    later[40:] = 1e6
    origins = np.array([[36], [40]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        one = rival.backtest(Panel.of(y, season=4), origins, 3, LEVELS)
        two = rival.backtest(Panel.of(later, season=4), origins, 3, LEVELS)
    assert one.shape == (1, 2, 1, 3, 4)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, two)
    assert (np.diff(one[..., 1:], axis=-1) >= 0).all()


@pytest.mark.parametrize("rival", [AR(), ETS(select="every"), Theta()], ids=lambda r: r.name)
def test_each_origin_is_fitted_anew(rival):
    """Not the last fit gone on with: an origin's forecasts are those of its history alone."""
    y = seasonal_series(60)
    together = rival.backtest(Panel.of(y, season=4), np.array([[40], [50]]), 2, LEVELS)
    alone = rival.forecast(y[:50], 2, season=4, levels=LEVELS)
    np.testing.assert_allclose(together[0, 1, 0], alone.to_numpy(), rtol=1e-9)


def test_without_refitting_the_first_parameters_are_kept():
    y = autoregressive(100)
    rival, panel, origins = AR("bic"), Panel.of(y), np.array([[40], [90]])
    kept = rival.backtest(panel, origins, 1, (), refit=False)
    form = rival.choose(Past(y[:40], 1))
    (constant, *slopes), _ = rival.fit(Past(y[:40], 1), form)
    by_hand = constant + np.array(slopes) @ y[90 - form : 90][::-1]
    np.testing.assert_allclose(kept[0, 1, 0, 0, 0], by_hand)
    assert kept[0, 1, 0, 0, 0] != rival.backtest(panel, origins, 1, ())[0, 1, 0, 0, 0]


def test_a_form_is_chosen_once_and_for_a_series_known_at_two_times():
    y, chosen = seasonal_series(40), []

    @dataclass(frozen=True)
    class Noted(Rival):
        select: str = "first"

        def least(self, season):
            return 1

        def choose(self, past):
            chosen.append(len(past.values))
            return "form"

        def ahead(self, past, form, parameters, steps):
            assert form == "form"
            return Normal(np.full(steps, past.values[-1]), np.ones(steps))

    Noted().backtest(Panel.of(y), np.array([[10], [20]]), 1, ())
    two = Panel.of([y[:11], y[:21]], names=["a", "a"])
    Noted().backtest(two, np.array([[10, 0], [0, 20]]), 1, ())
    Noted(select="every").backtest(Panel.of(y), np.array([[10], [20]]), 1, ())
    assert chosen == [10, 10, 10, 20]


def test_a_series_that_takes_no_part_has_no_forecast():
    panel = Panel.of([np.arange(9.0), np.arange(9.0)])
    found = Naive().backtest(panel, np.array([[5, 0]]), 1, ())
    assert found[0, 0, 0, 0, 0] == 4
    assert np.isnan(found[0, 0, 1]).all()


@dataclass(frozen=True)
class Fragile(Rival):
    """Fails on histories of some lengths, and does not converge on others."""

    fails: tuple[int, ...] = ()
    unsettled: tuple[int, ...] = ()

    def least(self, season):
        return 2

    def ahead(self, past, form, parameters, steps):
        from statsmodels.tools.sm_exceptions import ConvergenceWarning

        if len(past.values) in self.fails:
            raise np.linalg.LinAlgError("Singular matrix")
        if len(past.values) in self.unsettled:
            warnings.warn("no", ConvergenceWarning, stacklevel=1)
        return Normal(np.zeros(steps), np.ones(steps))


def test_failures_are_named_and_not_hidden():
    panel, origins = Panel.of(np.arange(20.0)), np.array([[5], [6], [7]])
    with pytest.warns(DataWarning, match="1 of 3 fits failed.*origin 2 of 3, 6 values.*Singular"):
        found = Fragile(fails=(6,)).backtest(panel, origins, 2, LEVELS)
    assert np.isnan(found[0, 1]).all()
    assert np.isfinite(found[0, [0, 2]]).all()
    with pytest.raises(DataError, match="3 of 3 fits failed"):
        Fragile(fails=(5, 6, 7)).backtest(panel, origins, 2, LEVELS)
    with pytest.warns(DataWarning, match="at 2 of 3 fits the optimiser stopped before"):
        Fragile(unsettled=(5, 7)).backtest(panel, origins, 2, LEVELS)


@pytest.mark.parametrize("rival", METHODS[:-1], ids=lambda r: type(r).__name__)
def test_a_series_of_three_points_is_refused(rival):
    short = np.array([1.0, 2.0]) if isinstance(rival, Naive) else np.array([1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="needs at least"):
        rival.backtest(Panel.of(short, season=4), np.array([[len(short)]]), 1, ())


def test_a_mean_of_methods_and_of_their_seeds():
    y = np.array([1.0, 3, 2, 6, 7])
    panel, origins = Panel.of(y), np.array([[5]])
    parts = [m.backtest(panel, origins, 2, LEVELS) for m in (Naive(), Drift())]
    found = Mean((Naive(), Drift())).backtest(panel, origins, 2, LEVELS)
    np.testing.assert_allclose(found, (parts[0] + parts[1]) / 2)
    three = np.concatenate([parts[0], parts[0] + 1, parts[0] + 2])
    mixed = Mean((Naive(), Drift())).combine([parts[1], three])
    np.testing.assert_allclose(mixed, (three + parts[1]) / 2)


def test_names_show_what_is_not_usual():
    assert AR().name == "AR"
    assert AR("bic").name == "AR(criterion='bic')"
    assert SeasonalNaive(12).name == "SeasonalNaive(season=12)"
    assert Mean((Naive(), AR("bic"))).name == "Mean(Naive, AR(criterion='bic'))"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AR("xic"), "criterion must be one of 'aic', 'bic', 'hqic'"),
        (lambda: AR(most=0), "most must be a whole number >= 1"),
        (lambda: SeasonalNaive(0), "season must be a whole number >= 1"),
        (lambda: ETS(select="always"), "select must be one of 'first', 'every'"),
        (lambda: ARIMA((1, 0)), "order must be three whole numbers >= 0"),
        (lambda: ARIMA((1, -1, 0)), "order must be three whole numbers >= 0"),
        (lambda: ARIMA(seasonal=(1, 0, 0)), "belong to an order"),
        (lambda: ARIMA((1, 0, 0), constant="yes"), "constant must be True or False"),
        (lambda: Theta("monthly"), "season must be a whole number >= 1"),
        (lambda: Mean((AR(),)), "at least two methods"),
        (lambda: Mean((AR(), "ETS")), "at least two methods"),
    ],
)
def test_wrong_settings_are_refused(make, words):
    with pytest.raises(DescendError, match=words):
        make()
