"""The last part of the series: put aside, sealed, opened once and counted."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from descend.data.frames import load_frame
from descend.errors import CheckpointError, DataError, DescendError
from descend.forecasting import AR, Drift, Forecaster, Naive, fit_series, open_last_part
from descend.forecasting.beside import rivals_of
from descend.forecasting.prepare import prepare_series
from descend.forecasting.recipe import reopen_series
from descend.tables.seal import read_seal, record_opening

HOW = {"time": "day", "target": "sold", "by": "shop", "known": ["offer"], "observed": ["fuel"]}
SMALL = Forecaster(2, context=6, network="linear", updates=20, seeds=1)
ORIGINS = 5


def shops() -> pd.DataFrame:
    """Two shops, 60 days, and 2 days to come with their offers."""
    days = pd.date_range("2024-01-01", periods=62, freq="D")
    rng = np.random.default_rng(0)
    rows = []
    for shop, level in (("north", 20.0), ("south", 300.0)):
        sold = level * (1 + 0.3 * np.sin(np.arange(62)) + 0.1 * rng.normal(size=62))
        offer = rng.random(62) < 0.3
        one = {"day": days, "shop": shop, "sold": sold, "offer": offer, "fuel": rng.normal(size=62)}
        rows.append(pd.DataFrame(one))
        rows[-1].loc[60:, "sold"] = np.nan
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def sealed():
    return fit_series(load_frame(shops()), SMALL, origins=ORIGINS, sealed=True, **HOW)


@pytest.fixture(scope="module")
def opened(sealed):
    return open_last_part(sealed, [Drift()])


def test_the_last_part_is_what_the_origins_forecast(sealed):
    assert sealed.seal.rows == 2 * 6
    assert sealed.trained_before == "2024-02-23"  # the 60 days end on 2024-02-29
    assert not sealed.seal.opened
    assert sealed.test is None


def test_the_seal_is_of_values_in_any_order_and_of_the_last_part_alone(sealed):
    def digest(frame):
        return prepare_series(load_frame(frame), 2, origins=ORIGINS, **HOW).seal.digest

    frame = shops()
    assert digest(frame) == sealed.seal.digest
    mixed = frame.sample(frac=1, random_state=0)
    assert digest(mixed.assign(day=mixed["day"].dt.strftime("%Y-%m-%d"))) == sealed.seal.digest
    early, late = frame.index[3], frame.index[frame["day"] == pd.Timestamp("2024-02-27")][0]
    for column in ("sold", "fuel"):
        other = frame.copy()
        other.loc[early, column] += 1.0
        assert digest(other) == sealed.seal.digest
        other.loc[late, column] += 1.0
        assert digest(other) != sealed.seal.digest


def test_training_sees_nothing_of_a_sealed_part(sealed):
    frame = shops()
    late = frame["day"] > pd.Timestamp("2024-02-23")
    frame.loc[late, "sold"] *= 1000
    frame.loc[late, "fuel"] = 1e6
    other = fit_series(load_frame(frame), SMALL, origins=ORIGINS, sealed=True, **HOW)
    for a, b in zip(
        jax.tree.leaves(sealed.forecaster.fitted.networks.params),
        jax.tree.leaves(other.forecaster.fitted.networks.params),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_each_opening_is_counted(opened):
    assert len(opened.seal.openings) == 1
    assert opened.seal.warning is None
    row = opened.test.table().loc[SMALL.name]
    assert opened.seal.openings[0].figures["MASE"] == row["MASE"]
    again = replace(opened, seal=opened.seal.open({"MASE": 1.0}, source="x"))
    assert "was opened before" in again.seal.warning
    assert "These are the same rows" in again.seal.warning


def test_the_file_holds_the_seal_and_every_opening(sealed, opened, tmp_path):
    path = tmp_path / "shops.descend"
    sealed.save(path)
    assert read_seal(path) == sealed.seal
    found = reopen_series(path, load_frame(shops()))
    assert found.trained_before == sealed.trained_before
    np.testing.assert_allclose(found.predict()["forecast"], sealed.predict()["forecast"], rtol=1e-6)
    record_opening(path, opened.seal.openings[0].figures, source="shops")
    record_opening(path, {"MASE": 0.5}, source="shops")
    assert len(reopen_series(path, load_frame(shops())).seal.openings) == 2
    assert len(Forecaster.load(path).predict()) == 4


def test_another_table_is_refused(sealed, tmp_path):
    path = tmp_path / "shops.descend"
    sealed.save(path)
    frame = shops()
    frame.loc[57, "sold"] += 1
    with pytest.raises(DataError, match=r"are not those that .* its content has changed"):
        reopen_series(path, load_frame(frame))
    with pytest.raises(DataError, match="it lacks 'fuel'"):
        reopen_series(path, load_frame(shops().drop(columns="fuel")))
    sealed.forecaster.save(path)
    with pytest.raises(CheckpointError, match="has no seal"):
        reopen_series(path, load_frame(shops()))


def test_without_origins_there_is_no_last_part():
    series = pd.DataFrame({"day": range(60), "sold": np.sin(np.arange(60.0))})
    fitted = fit_series(load_frame(series), SMALL, time="day", target="sold", origins=0)
    assert fitted.seal is None
    with pytest.raises(DescendError, match="no part of the series was put aside"):
        open_last_part(fitted)
    with pytest.raises(DescendError, match="origins=0 puts none aside"):
        fit_series(load_frame(series), SMALL, time="day", target="sold", origins=0, sealed=True)


def test_rivals_that_take_long_or_need_more_values_are_left_out_and_named():
    table = load_frame(shops())
    prepared = prepare_series(table, 2, origins=ORIGINS, **HOW)
    every, none = rivals_of(prepared, "all")
    names = ["LinearForecaster", "Drift", "AR", "Theta", "ETS", "ARIMA"]
    assert [m.name for m in every[:-1]] == names
    assert every[-1].name == "Mean(AR, Theta, ETS, ARIMA)"
    assert none == []
    long = prepare_series(table, 2, origins=50, **HOW)
    few, said = rivals_of(replace(long, panel=replace(long.panel, season=600)), "auto")
    assert not {"ETS", "ARIMA"} & {m.name for m in few}
    assert "ETS and ARIMA are left out: 100 fits" in said[0]
    assert rivals_of(prepared, [AR(), Naive()])[0] == [AR(), Naive()]
    short = prepare_series(
        load_frame(shops()[:9]), 2, time="day", target="sold", season=1, origins=1
    )
    said = rivals_of(short, "all")[1]
    assert "ARIMA is left out: it needs 12 values, and the shortest history has 7" in said
    with pytest.raises(DescendError, match="one of auto, quick, all"):
        rivals_of(prepared, "some")
