"""Backtests: who sees what at an origin, how forecasts are judged, what is said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from statsmodels.datasets import macrodata, sunspots

from descend.errors import DataError, DataWarning, DescendError
from descend.forecasting import (
    AR,
    ETS,
    Drift,
    Mean,
    Method,
    Naive,
    Panel,
    SeasonalNaive,
    Theta,
    backtest,
    diebold_mariano,
    measures,
    repeats_last_value,
)


@dataclass(frozen=True)
class Fixed(Method):
    """Forecasts by a function of the history (and of the future, for a cheat)."""

    rule: str = "last"
    seeds: int = 1

    def backtest(self, panel, origins, horizon, levels, refit=True):
        out = np.full((self.seeds, *origins.shape, horizon, 1 + len(levels)), np.nan)
        for i, s in zip(*np.nonzero(origins), strict=True):
            start, n = panel.starts[s], origins[i, s]
            y = panel.values[start : start + n]
            for k in range(self.seeds):
                for h in range(horizon):
                    if self.rule == "cheat":
                        out[k, i, s, h] = panel.values[start + n + h]
                    elif self.rule == "off by one":
                        out[k, i, s, h] = panel.values[start + n + h - 1]
                    elif self.rule == "past":
                        out[k, i, s, h] = y.sum()
                    elif self.rule == "fails once" and i == 1:
                        out[k, i, s, h] = np.nan
                    else:
                        out[k, i, s, h] = y[-1] + k
        return out


def months(n=60, seed=0):
    t = np.arange(n)
    y = 50 + 5 * np.sin(t * np.pi / 6) + np.random.default_rng(seed).normal(0, 1, n)
    return pd.DataFrame({"month": pd.date_range("2010-01", periods=n, freq="MS"), "sold": y})


def wave(n=80, seed=0):
    """A series whose changes can be forecast, in a panel."""
    y = [0.0, 1.0]
    for shock in np.random.default_rng(seed).normal(0, 0.3, n - 2):
        y.append(1.5 * y[-1] - 0.8 * y[-2] + shock)
    return Panel.of(np.array(y))


def test_origins_are_the_last_whose_outcomes_are_there():
    frame = months(40)
    done = backtest(Fixed(), frame, time="month", target="sold", horizon=3, origins=4, step=2)
    past = done.histories
    assert past.known[:, 0].tolist() == [31, 33, 35, 37]
    assert past.moments.astype("datetime64[M]").astype(str).tolist() == [
        "2012-07", "2012-09", "2012-11", "2013-01",
    ]  # fmt: skip
    y = frame["sold"].to_numpy()
    np.testing.assert_array_equal(past.truth[-1, 0], y[37:40])
    np.testing.assert_array_equal(past.truth[0, 0], y[31:34])
    assert past.last[:, 0].tolist() == y[[30, 32, 34, 36]].tolist()
    assert str(past.times[-1, 0, -1])[:7] == "2013-04"
    assert past.scale[0, 0] == measures.naive_scale(y[:31], 12)


def test_off_by_one_would_show():
    """Keras's weather listing forecasts a step later than it says: here truth and forecast meet."""
    panel = Panel.of(np.random.default_rng(0).normal(size=60).cumsum())
    with pytest.warns(DataWarning, match="off by one.*yesterday's value.*the last value itself"):
        done = backtest([Fixed("cheat"), Fixed("off by one")], panel, horizon=2, origins=10)
    figures = done.table()
    assert figures.loc["Fixed(rule='cheat')", "MAE"] == 0
    assert figures.loc["Fixed(rule='off by one')", "MAE"] > 0.3


def test_histories_of_a_window():
    panel = Panel.of(np.arange(30.0) ** 2)
    done = backtest([Fixed("past"), Naive()], panel, horizon=2, origins=3, window=5)
    given = done.forecasts["Fixed(rule='past')"][0, :, 0, 0, 0]
    y = np.arange(30.0) ** 2
    assert given.tolist() == [y[n - 5 : n].sum() for n in (26, 27, 28)]
    np.testing.assert_array_equal(done.histories.truth[:, 0, 1], y[[27, 28, 29]])
    cheat = backtest(Fixed("cheat"), panel, horizon=2, origins=3, window=5)
    with pytest.raises(DataError, match="no outcome for which every method"):
        cheat.table()  # the future is not in those rows


def test_several_series_are_at_one_date():
    rows = [months(40, 1).assign(shop="a"), months(36, 2).assign(shop="b", sold=lambda f: f.sold)]
    rows[1]["month"] += pd.DateOffset(months=4)
    rows.append(months(20, 3).assign(shop="ended"))
    frame = pd.concat(rows)
    how = {"time": "month", "target": "sold", "by": "shop", "horizon": 2, "origins": 3}
    done = backtest(Naive(), frame, **how)
    past = done.histories
    assert past.known.tolist() == [[36, 32, 0], [37, 33, 0], [38, 34, 0]]
    assert np.isnan(past.truth[:, 2]).all()
    long = done.to_frame()
    assert set(long["series"]) == {"a", "b"}
    assert len(long) == 2 * 3 * 2 * 2  # methods (seasonal naive beside), origins, series, steps
    row = long[(long.method == "Naive") & (long.series == "b")].iloc[0]
    assert row.forecast == rows[1]["sold"].iloc[31]
    assert row.outcome == rows[1]["sold"].iloc[32]


def test_figures_are_those_of_the_measures():
    frame = months(60)
    done = backtest([Drift(), Naive()], frame, time="month", target="sold", horizon=4, origins=8)
    past, y = done.histories, frame["sold"].to_numpy()
    one = done.forecasts["Naive"][0, :, 0]
    table = done.table()
    each = [
        measures.mase(past.truth[i, 0], one[i, :, 0], y[: past.known[i, 0]], 12) for i in range(8)
    ]
    row = table.loc["Naive"]
    assert row["MASE"] == pytest.approx(np.mean(each))
    assert row["sMAPE"] == pytest.approx(measures.smape(past.truth[:, 0], one[..., 0]))
    assert row["RMSE"] == pytest.approx(measures.rmse(past.truth[:, 0], one[..., 0]))
    assert row["pinball"] == pytest.approx(
        measures.pinball(past.truth[:, 0], one[..., 1:], done.levels)
    )
    inside = measures.coverage(past.truth[:, 0], one[..., 1], one[..., 5])
    assert row["coverage 90 %"] == pytest.approx(inside)
    assert row["width 90 %"] == pytest.approx(measures.width(one[..., 1], one[..., 5]))
    assert done.naive == "SeasonalNaive"
    assert table.loc["SeasonalNaive", "skill"] == 0
    assert row["skill"] == pytest.approx(1 - row["MASE"] / table.loc["SeasonalNaive", "MASE"])
    assert table["MASE"].is_monotonic_increasing
    steps = done.by_horizon()
    assert steps.loc[("Naive", 2), "MAE"] == pytest.approx(
        measures.mae(past.truth[:, 0, 1], one[:, 1, 0])
    )
    assert (steps["forecasts"] == 8).all()
    assert steps.loc["Naive", "MASE"].mean() == pytest.approx(row["MASE"])


def test_naive_forecasts_are_always_beside():
    frame = months(60)
    how = {"time": "month", "target": "sold", "horizon": 1, "origins": 5}
    assert set(backtest(Drift(), frame, **how).methods) == {"Drift", "SeasonalNaive", "Naive"}
    assert set(backtest(Drift(), frame, season=1, **how).methods) == {"Drift", "Naive"}
    own = backtest([SeasonalNaive(12)], frame, **how)
    assert set(own.methods) == {"SeasonalNaive(season=12)", "Naive"}


def test_methods_are_judged_where_all_have_a_forecast():
    panel = Panel.of(np.random.default_rng(0).normal(size=40).cumsum())
    with pytest.warns(DataWarning, match="yesterday's value"):
        done = backtest([Fixed("fails once"), Naive()], panel, horizon=1, origins=6)
    assert done.judged[:, 0, 0].tolist() == [True, False, True, True, True, True]
    assert done.by_horizon().loc[("Naive", 1), "forecasts"] == 5
    kept = [0, 2, 3, 4, 5]
    error = done.histories.truth[kept, 0, 0] - done.forecasts["Naive"][0, kept, 0, 0, 0]
    assert done.table().loc["Naive", "MAE"] == pytest.approx(np.abs(error).mean())


def test_seeds_are_a_spread():
    panel = Panel.of(np.arange(30.0))
    done = backtest(Fixed(seeds=3), panel, horizon=1, origins=6)
    row = done.table().loc["Fixed(seeds=3)"]
    # the outcome is the last value and one: seeds add 0, 1 and 2
    assert (row["MASE least"], row["MASE"], row["MASE most"]) == (0, pytest.approx(2 / 3), 1)
    assert row["seeds"] == 3
    assert len(done.to_frame().query("method == 'Fixed(seeds=3)'")) == 3 * 6


def test_a_forecast_that_is_yesterdays_value_is_named():
    walk = Panel.of(np.random.default_rng(1).normal(size=200).cumsum())
    with pytest.warns(DataWarning, match="AR: this forecast is yesterday's value") as told:
        done = backtest(AR(), walk, horizon=1, origins=60)
    assert len(told) == 1
    assert any("yesterday" in words for words in done.remarks)
    # a wave that turns is forecast, not repeated: no warning (they are errors in tests)
    done = backtest(AR(), wave(), horizon=1, origins=40)
    assert done.table().loc["AR", "skill"] > 0.2


def test_repeating_is_told_from_forecasting():
    generator = np.random.default_rng(2)
    last = generator.normal(size=300).cumsum()
    truth = last + generator.normal(size=300)
    repeated = repeats_last_value(truth, last + generator.normal(0, 0.05, 300), last)
    assert repeated.repeats
    assert repeated.to_last < 0.1 < repeated.to_outcome
    assert repeats_last_value(truth, last, last).p_value is None
    assert not repeats_last_value(truth, 0.7 * last + 0.3 * truth, last).repeats
    both = repeats_last_value(
        np.stack([truth, truth], 1), np.stack([last, truth], 1), np.stack([last, last], 1)
    )
    assert not both.repeats
    with pytest.raises(DataError, match="at least 5 origins"):
        repeats_last_value(truth[:4], last[:4], last[:4])
    with pytest.raises(DataError, match="one shape"):
        repeats_last_value(truth, last[:4], last[:4])


def test_comparing_is_diebold_and_mariano_with_the_overlap_of_origins():
    panel = wave(120)
    done = backtest([AR(), Drift()], panel, horizon=3, origins=40, step=2)
    past = done.histories
    assert [past.overlap(h) for h in (1, 2, 3)] == [1, 1, 2]
    errors = {
        n: past.truth[:, 0, 2] - done.forecasts[n][0, :, 0, 2, 0] for n in ("AR", "Drift", "Naive")
    }
    wanted = diebold_mariano(errors["AR"], errors["Drift"], 2, alternative="less")
    with pytest.warns(DataWarning, match="special case"):
        found = done.compare(AR(), "Drift", 3, alternative="less")
    assert found.statistic == pytest.approx(wanted.statistic)
    assert found.lags == 1
    with pytest.warns(DataWarning, match="special case") as told:
        frame = done.compare("AR", "Naive")
    assert len(told) == 1
    assert frame.index.tolist() == [1, 2, 3, "mean"]
    wanted = diebold_mariano(errors["AR"], errors["Naive"], 2)
    assert frame.loc[3, "p_value"] == pytest.approx(wanted.p_value)
    assert (frame["note"] == "").all()
    with pytest.raises(DescendError, match="unknown method of this backtest 'ARR'.*'AR'"):
        done.compare("ARR", "Naive")
    with pytest.raises(DescendError, match="two methods"):
        done.compare("AR", "AR")
    with pytest.raises(DataError, match="1 to 3 steps ahead, got 4"):
        done.compare("AR", "Drift", 4)


def test_comparing_on_rolling_histories_warns_of_nothing():
    done = backtest([AR(), Naive()], wave(120), horizon=1, origins=30, window=50)
    assert done.compare("AR", "Naive", 1, alternative="less").p_value < 0.05


def test_too_few_origins_for_a_test_are_said():
    done = backtest([Drift(), SeasonalNaive(3)], wave(60), horizon=4, origins=6)
    frame = done.compare(SeasonalNaive(3), "Drift")
    assert frame["note"].str.contains("needs at least 8 of them").tolist() == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert frame["p_value"].isna().tolist() == [False, False, False, True, True]
    with pytest.raises(DataError, match="needs at least 8"):
        done.compare("SeasonalNaive", "Drift", 4)


def test_intervals_are_calibrated_on_earlier_origins():
    panel = Panel.of(np.random.default_rng(0).standard_t(3, size=300).cumsum())
    done = backtest(Naive(), panel, horizon=2, origins=150)
    found = done.conformal(0.9)
    assert found.loc[("Naive", 1), "forecasts"] == 150 - 9
    assert found.loc[("Naive", 2), "forecasts"] == 150 - 10
    assert abs(found.loc[("Naive", 1), "coverage"] - 0.9) < 0.06
    assert "own coverage" in found
    low, high = done.intervals("Naive", 0.8)  # levels without these: around the point forecast
    np.testing.assert_allclose(high[20:] + low[20:], 2 * done.forecasts["Naive"][0, 20:, ..., 0])


def test_a_mean_runs_its_parts_once():
    runs = []

    @dataclass(frozen=True)
    class Counted(Naive):
        def backtest(self, *arguments, **more):
            runs.append(self.name)
            return super().backtest(*arguments, **more)

    methods = [Counted(), Mean((Counted(), Drift())), Drift()]
    done = backtest(methods, wave(), horizon=1, origins=4)
    assert runs == ["Counted"]
    both = (done.forecasts["Counted"] + done.forecasts["Drift"]) / 2
    np.testing.assert_allclose(done.forecasts["Mean(Counted, Drift)"], both)


def test_pictures():
    frame = months(60)
    done = backtest([Drift(), Naive()], frame, time="month", target="sold", horizon=6, origins=8)
    left, right = done.plot("Drift").axes
    assert left.get_title() == "Drift from 2014-06-01"
    assert (left.get_xlabel(), left.get_ylabel()) == ("month", "sold")
    labels = {t.get_text() for t in left.get_legend().get_texts()}
    assert labels == {"known", "outcome", "90 % interval", "50 % interval", "forecast"}
    assert {line.get_label() for line in right.lines} == {"Drift", "SeasonalNaive", "Naive"}
    assert right.get_ylabel() == "MASE"
    assert done.plot(origin=0, measure="RMSE").axes[1].get_ylabel() == "RMSE"
    for wrong, words in (
        ({"method": "drift"}, "unknown method"),
        ({"series": "x"}, "unknown series"),
        ({"origin": 8}, "from -8 to 7"),
        ({"measure": "mse"}, "unknown measure"),
    ):
        with pytest.raises(DescendError, match=words):
            done.plot(**wrong)


def test_a_series_that_never_changes_has_no_mase():
    done = backtest(Fixed("past"), Panel.of(np.full(30, 2.0)), horizon=1, origins=6)
    table = done.table()
    assert np.isnan(table.loc["Naive", "MASE"])
    assert table.loc["Naive", "MAE"] == 0


BAD = [
    (lambda f: backtest([], f), DescendError, "takes methods such as"),
    (lambda f: backtest(["AR"], f), DescendError, "takes methods such as .* got 'AR'"),
    (lambda f: backtest([AR(), AR()], f), DescendError, "two methods are named 'AR'"),
    (lambda f: backtest(AR(), f, horizon=3), DataError, "name the table's columns"),
    (lambda f: named(f, horizon=None), DescendError, "how many steps ahead"),
    (lambda f: named(f, horizon=0), DescendError, "whole number >= 1"),
    (lambda f: named(f, origins=0), DataError, "origins must be a whole number >= 1"),
    (lambda f: named(f, step=1.5), DataError, "step must be a whole number >= 1"),
    (lambda f: named(f, window=1), DataError, "window must be a whole number >= 2"),
    (lambda f: named(f, levels=(0, 0.5)), DescendError, r"levels must be numbers in \(0, 1\)"),
    (lambda f: named(f, horizon=70), DataError, "need at least .* the longest series has 60"),
    (lambda f: named(f, origins=60), DataError, "need at least .* the longest series has 60"),
    (lambda f: named(f, origins=50), DataError, "not more than a season of 12"),
    (lambda f: named(f, vintage="released"), DataError, "released"),
    (lambda f: named(f.assign(sold=np.nan)), DataError, "no value at all"),
    (lambda f: named(f[:3]), DataError, "need at least"),
    (lambda f: named(pd.concat([f, f])), DataError, "stands in rows"),
    (lambda f: backtest(Wrong(), wave(), horizon=2), DescendError, "should return"),
]


@dataclass(frozen=True)
class Wrong(Method):
    def backtest(self, panel, origins, horizon, levels, refit=True):
        return np.zeros((1, *origins.shape, horizon))


def named(frame, horizon=3, **how):
    return backtest(Naive(), frame, time="month", target="sold", horizon=horizon, **how)


@pytest.mark.parametrize(("call", "error", "words"), BAD, ids=[b[2][:25] for b in BAD])
def test_what_cannot_be_done_is_one_clear_error(call, error, words):
    with pytest.raises(error, match=words):
        call(months(60))


@pytest.mark.slow
def test_classics():
    """Ratios of MASE that other software found (statsforecast), with origins of its own choice.

    US inflation 4 quarters ahead: ETS and Theta .95 where the last value has 1.15. Sunspots 5 years
    ahead: smoothing without a season 4.08 where the value of 11 years before has 1.79.
    """
    inflation = Panel.of(macrodata.load_pandas().data["infl"].to_numpy())
    done = backtest([Theta(), ETS()], inflation, horizon=4, origins=80, verbose=0)
    mase = done.table()["MASE"]
    assert mase["ETS"] / mase["Naive"] == pytest.approx(0.95 / 1.15, abs=0.03)
    assert mase["Theta"] / mase["Naive"] == pytest.approx(0.95 / 1.15, abs=0.03)
    spots = Panel.of(sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()[:289])
    with pytest.warns(DataWarning, match="ETS: this forecast is yesterday's value"):
        done = backtest([SeasonalNaive(11), ETS()], spots, horizon=5, origins=50, verbose=0)
    mase = done.table()["MASE"]
    ratio = mase["ETS"] / mase["SeasonalNaive(season=11)"]
    assert ratio == pytest.approx(4.08 / 1.79, abs=0.1)


def test_two_horizons_are_refused():
    @dataclass(frozen=True)
    class Ahead(Fixed):
        horizon: int = 6

    with pytest.raises(DescendError, match="forecasts 6 steps ahead, and 3 are asked for"):
        backtest(Ahead(), wave(), horizon=3)
    assert backtest(Ahead(), wave(), origins=3).histories.horizon == 6
