"""Data with dates of publication: nothing is known before it was published."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from descend.errors import DataError, DataWarning
from descend.forecasting import (
    AR,
    Drift,
    Forecaster,
    LinearForecaster,
    Naive,
    Vintages,
    backtest,
)

QUARTERS = pd.period_range("2010Q1", "2019Q4", freq="Q")


def released(revisions=3, seed=0, lag=45, whole=False):
    """A growth rate published 45 days after its quarter, and revised a quarter later, and again.

    Values: 100 t + k of quarter t in its k-th release, so that every number says what it is.
    """
    rows = []
    for t, quarter in enumerate(QUARTERS):
        for k in range(revisions):
            day = (quarter + k).end_time.normalize() + pd.Timedelta(days=lag)
            rows.append((str(quarter), day, 100.0 * t + k))
    table = pd.DataFrame(rows, columns=["quarter", "published", "growth"])
    return table.sample(frac=1, random_state=seed)  # in no order at all


HOW = {"time": "quarter", "published": "published"}
BACK = {"time": "quarter", "target": "growth", "vintage": "published"}


def test_what_was_known_at_a_date():
    table = Vintages(released(), **HOW)
    on_the_day = table.at("2010-05-15")  # 45 days after March
    assert on_the_day["growth"].tolist() == [0]
    assert table.at("2010-05-14").empty
    later = table.at("2011-02-14")
    assert later["quarter"].tolist() == ["2010Q1", "2010Q2", "2010Q3", "2010Q4"]
    assert later["growth"].tolist() == [2, 102, 201, 300]
    assert table.at("2030-01-01")["growth"].tolist() == [100 * t + 2 for t in range(40)]


def test_the_outcome_is_a_stated_release():
    table = Vintages(released(), **HOW)
    for which, k in (("first", 0), (1, 0), (2, 1), (3, 2), ("last", 2)):
        found = table.outcomes("growth", which)
        assert found["growth"].tolist() == [100 * t + k for t in range(40)]
    assert table.outcomes("growth", 4).empty
    blank = released().assign(growth=lambda f: f.growth.where(f.growth != 0))
    first = Vintages(blank, **HOW).outcomes("growth", "first")
    assert first["growth"].iloc[0] == 1  # a row without a value is no release


def test_whole_vintages_and_revisions_alone_are_one_thing():
    sparse = released()
    moments = np.sort(sparse["published"].unique())
    table = Vintages(sparse, **HOW)
    whole = pd.concat([table.at(m).assign(published=m) for m in moments])
    again = Vintages(whole, **HOW)
    for m in moments[[0, 5, -1]]:
        np.testing.assert_array_equal(table.at(m)["growth"], again.at(m)["growth"])
    first = again.outcomes("growth", "first")
    np.testing.assert_array_equal(first["growth"], table.outcomes("growth", "first")["growth"])


@pytest.fixture(scope="module")
def real_time():
    return backtest(Naive(), released(), horizon=2, origins=8, outcome="first", **BACK)


def test_histories_are_as_they_were_known(real_time):
    past = real_time.histories
    for i, moment in enumerate(past.moments):
        known = Vintages(released(), **HOW).at(moment)["growth"].to_numpy()
        place = past.places[i, 0]
        start, rows = past.panel.starts[place], past.known[i, place]
        np.testing.assert_array_equal(past.panel.values[start : start + rows], known)
        assert np.isnan(past.panel.values[start + rows : past.panel.starts[place + 1]]).all()
        assert known[-1] % 100 == 0  # the latest quarter in its first release
        assert known[-2] % 100 == 1
        np.testing.assert_array_equal(past.truth[i, 0], known[-1] + [100, 200])
    assert (np.count_nonzero(past.known, axis=1) == 1).all()
    assert np.isfinite(real_time.forecasts["Naive"]).all()
    assert real_time.table().loc["Naive", "MAE"] == 150


def test_outcomes_by_their_last_release():
    done = backtest(Naive(), released(), horizon=1, origins=5, outcome="last", **BACK)
    assert (done.histories.truth % 100 == 2).all()
    assert (done.histories.last % 100 == 0).all()


METHODS = (
    AR(),
    Drift(),
    LinearForecaster(context=4),
    Forecaster(horizon=1, context=4, network="linear", updates=10, seeds=1),
)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_later_releases_change_nothing(method):
    """Revised data used as if they had been known would."""
    table = released()
    generator = np.random.default_rng(1)
    table["growth"] = table["growth"] / 100 + generator.normal(size=len(table)).cumsum() / 30
    how = {**BACK, "horizon": 1, "origins": 6, "outcome": "first"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of such data much may be said
        before = backtest(method, table, **how)
    moment = before.histories.moments[2]
    changed = table.copy()
    changed.loc[changed["published"] > moment, "growth"] = -1e6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        after = backtest(method, changed, **how)
    name = method.name
    np.testing.assert_array_equal(before.forecasts[name][:, :3], after.forecasts[name][:, :3])
    assert not np.array_equal(before.forecasts[name][:, 3:], after.forecasts[name][:, 3:])


def test_a_ragged_edge_stays_ragged():
    """Orders are known a month before output: they are not carried into the quarter to come."""
    full = released(revisions=1).assign(orders=lambda f: f.growth + 7)
    early = full.assign(growth=np.nan, published=full["published"] - pd.Timedelta(days=35))
    done = backtest(
        Naive(),
        pd.concat([full, early]),
        horizon=1,
        origins=4,
        observed=["orders"],
        outcome="first",
        **BACK,
    )
    past = done.histories
    assert past.position[:, 0].tolist() == [37, 37, 38, 38]
    for i in range(4):
        place = past.places[i, 0]
        start, rows = past.panel.starts[place], past.known[i, place]
        values, orders = past.panel.values, past.panel.observed[:, 0]
        history = slice(start, start + rows)
        np.testing.assert_array_equal(orders[history], values[history] + 7)
        assert np.isnan(orders[start + rows : past.panel.starts[place + 1]]).all()


def test_several_series_with_their_own_lags():
    table = pd.concat([released(lag=45).assign(of="output"), released(lag=120).assign(of="trade")])
    done = backtest(Naive(), table, by="of", horizon=1, origins=8, outcome="first", **BACK)
    past = done.histories
    assert past.names == ("output", "trade")
    both = (past.places >= 0).all(axis=1)
    behind = (past.position[:, 0] - past.position[:, 1])[both]
    assert set(behind.tolist()) == {0, 1}
    assert (past.last[past.places >= 0] % 100 == 0).all()
    # two dates of publication a quarter: a forecast of one overlaps with the next origin's
    assert past.overlap(1) == 2


def test_margins_know_only_outcomes_that_were_published():
    how = {**BACK, "horizon": 1, "origins": 30}
    first = backtest(Naive(), released(), outcome="first", **how)
    _, high = first.intervals("Naive", 0.8)
    assert np.isinf(high[:4]).all()
    assert np.isfinite(high[4:, 0, 0]).all()
    last = backtest(Naive(), released(), outcome="last", **how)
    _, high = last.intervals("Naive", 0.8)
    # the third release comes half a year after the first: two more origins pass
    assert np.isinf(high[:6]).all()
    assert np.isfinite(high[6:, 0, 0]).all()


def test_windows_of_vintages():
    done = backtest(Drift(), released(), horizon=1, origins=4, window=6, outcome="first", **BACK)
    past = done.histories
    assert past.known.max() == 6
    place = past.places[0, 0]
    values = past.panel.values[past.panel.starts[place] :][:6]
    drift = values[-1] + (values[-1] - values[0]) / 5
    assert done.forecasts["Drift"][0, 0, 0, 0, 0] == pytest.approx(drift)


BAD = [
    (lambda t: Vintages(t, time="day", published="published"), "day"),
    (lambda t: Vintages(t, time="quarter", published="out"), "out"),
    (lambda t: Vintages(t.rename(columns={"quarter": "published", "published": "quarter"}), **HOW),
     "columns exchanged"),
    (lambda t: Vintages(pd.concat([t, t]), **HOW), "published twice on"),
    (lambda t: Vintages(t, **HOW).at("soon"), "soon"),
    (lambda t: Vintages(t, **HOW).outcomes("gdp"), "gdp"),
    (lambda t: Vintages(t, **HOW).outcomes("growth", "final"), "'first', 'last' or a whole"),
    (lambda t: Vintages(t, **HOW).outcomes("growth", 0), "whole number >= 1"),
    (lambda t: Vintages(t.assign(published=None), **HOW), "no time in 'published'"),
    (lambda t: backtest(Naive(), t, horizon=1, origins=90, outcome="first", **BACK),
     "90 origins were asked for, and .* have 1 outcomes"),
    (lambda t: backtest(Naive(), t, horizon=50, outcome="first", **BACK), "take a shorter horizon"),
    (lambda t: backtest(Naive(), t, horizon=1, origins=2, outcome="best", **BACK), "'first'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), BAD, ids=[b[1][:20] for b in BAD])
def test_what_cannot_be_used_is_one_clear_error(call, words):
    with pytest.raises(DataError, match=words):
        call(released())
