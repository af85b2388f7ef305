"""Forecaster: training, forecasts, backtests as one program, files; the traps of others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from descend import Dense, Flatten, Input, Reshape, Sequential
from descend.errors import CheckpointError, DataError, DescendError, NotFittedError
from descend.forecasting import Forecaster, Panel
from descend.train.saving import checkpoint

RNG = np.random.default_rng(0)
MONTHS = pd.date_range("2010-01-01", periods=120, freq="MS")
SEASON = np.sin(np.arange(132) * np.pi / 6)
QUICK = {"context": 12, "updates": 60, "seeds": 2, "learning_rate": 0.01}


def frame(noise: float = 0.05) -> pd.DataFrame:
    """Two shops whose sales have one season, at other levels; the second opened later."""
    rng = np.random.default_rng(1)
    parts = []
    for shop, level, first in (("north", 10.0, 0), ("south", 500.0, 24)):
        sold = level * (1 + 0.2 * SEASON[:120] + noise * rng.normal(size=120))
        parts.append(pd.DataFrame({"month": MONTHS, "sold": sold, "shop": shop})[first:])
    return pd.concat(parts)


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    forecaster = Forecaster(horizon=6, network="linear", loss="quantiles", **QUICK)
    return forecaster.fit(frame(), time="month", target="sold", by="shop", calendar=True)


# -- forecasts ----------------------------------------------------------------------------------


def test_forecasts_are_a_table_by_series_and_date(fitted):
    ahead = fitted.predict()
    assert ahead.columns.tolist() == [
        "shop", "month", "forecast", "q0.1", "q0.5", "q0.9", "spread",
    ]  # fmt: skip
    assert ahead["shop"].tolist() == ["north"] * 6 + ["south"] * 6
    assert ahead["month"].iloc[0] == pd.Timestamp("2020-01-01")
    truth = np.outer([10, 500], 1 + 0.2 * SEASON[120:126]).ravel()
    assert (abs(ahead["forecast"] / truth - 1) < 0.15).all()
    assert (ahead["q0.1"] < ahead["q0.5"]).all()
    assert (ahead["q0.5"] < ahead["q0.9"]).all()
    assert np.allclose(ahead["q0.5"], ahead["forecast"])


def test_a_later_history_is_forecast_from_without_training(fitted):
    other = pd.DataFrame(
        {"month": MONTHS[40:70], "sold": 3 * (1 + 0.2 * SEASON[40:70]), "shop": "new"}
    )
    ahead = fitted.predict(other)
    assert ahead["month"].iloc[0] == MONTHS[70]
    assert (abs(ahead["forecast"] / (3 * (1 + 0.2 * SEASON[70:76])) - 1) < 0.15).all()


def test_the_curves_show_training_and_validation(fitted):
    curves = fitted.curves
    assert {"seed", "updates", "loss", "val_loss"} <= set(curves.columns)
    assert set(curves["seed"]) == {0, 1}
    assert any("frequency inferred: monthly (MS)" in remark for remark in fitted.remarks)


def test_a_file_holds_all_that_a_forecast_needs(fitted, tmp_path):
    fitted.save(tmp_path / "shops.descend")
    again = Forecaster.load(tmp_path / "shops.descend")
    pd.testing.assert_frame_equal(again.predict(), fitted.predict())
    assert again.horizon == 6
    assert again.name == fitted.name
    assert again.remarks == fitted.remarks
    pd.testing.assert_frame_equal(again.curves, fitted.curves)
    again.save(tmp_path / "again.descend")
    written = checkpoint.read(tmp_path / "again.descend")[0]
    assert written == checkpoint.read(tmp_path / "shops.descend")[0]


def test_files_that_are_something_else_are_refused(fitted, tmp_path):
    path = tmp_path / "shops.descend"
    fitted.save(path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    (tmp_path / "edited.descend").write_bytes(content)
    with pytest.raises(CheckpointError, match="its digest does not match"):
        Forecaster.load(tmp_path / "edited.descend")
    model = Sequential([Input((1,)), Dense(1)])
    model.save(tmp_path / "model.descend")
    with pytest.raises(CheckpointError, match="holds a model, not a forecaster"):
        Forecaster.load(tmp_path / "model.descend")
    described, arrays = checkpoint.read(path)
    described["settings"]["loss"] = "cubed"
    checkpoint.write(
        path, "forecaster", {k: v for k, v in described.items() if k != "kind"}, arrays
    )
    with pytest.raises(CheckpointError, match="unknown loss of a forecast 'cubed'"):
        Forecaster.load(path)


def test_fitting_leaves_the_settings_and_begins_anew_each_time():
    """ "Retrain" that goes on with the last fit: the second is the first again."""
    settings = Forecaster(horizon=3, network="mlp", **QUICK | {"seeds": 1, "updates": 30})
    panel = Panel.of(10 + SEASON[:60], season=12)
    first = settings.fit(panel)
    again = first.fit(panel).predict()
    pd.testing.assert_frame_equal(again, first.predict())
    with pytest.raises(NotFittedError, match="fit returns the one that is"):
        settings.predict()


def test_a_series_moved_and_stretched_is_forecast_moved_and_stretched():
    """Scales are the windows' own: nothing is learned of the sample's level."""
    settings = Forecaster(horizon=3, network="mlp", **QUICK | {"seeds": 1, "updates": 30})
    values = np.cumsum(np.random.default_rng(2).normal(size=60))
    plain = settings.fit(Panel.of(values)).predict()["forecast"]
    moved = settings.fit(Panel.of(64 * values + 4096)).predict()["forecast"]
    assert np.allclose(moved, 64 * plain + 4096, rtol=1e-4)


# -- backtests ----------------------------------------------------------------------------------

ORIGINS = np.array([[60, 50], [80, 70], [100, 90]])


@pytest.fixture(scope="module")
def two() -> Panel:
    rng = np.random.default_rng(3)
    return Panel.of([5 + SEASON[:120] + 0.1 * rng.normal(size=120),
                     90 + 9 * SEASON[10:120] + rng.normal(size=110)], season=12)  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> Forecaster:
    return Forecaster(horizon=4, network="mlp", **QUICK)


@pytest.fixture(scope="module")
def backtested(settings, two) -> np.ndarray:
    return settings.backtest(two, ORIGINS, 4, ())


def test_each_origin_gives_what_it_would_give_alone(settings, two, backtested):
    """All origins and seeds are members of one program, and none knows of the others."""
    assert backtested.shape == (2, 3, 2, 4, 1)
    assert not np.array_equal(backtested[0], backtested[1])
    cut = Panel.of([two.history(0)[:80], two.history(1)[:70]], season=12)
    alone = settings.backtest(cut, ORIGINS[1:2], 4, ())
    assert np.allclose(alone[:, 0], backtested[:, 1], rtol=1e-3)


def test_nothing_behind_an_origin_changes_its_forecasts(settings, two, backtested):
    """Windows across a split, scaling by the whole sample: a canary of absurd values."""
    values = two.values.copy()
    values[100:120] = 1e6
    values[120 + 90 :] = -1e6
    spoilt = dataclasses.replace(two, values=values)
    assert np.array_equal(settings.backtest(spoilt, ORIGINS, 4, ()), backtested)


def test_without_refitting_the_first_origins_networks_serve_all(settings, two, backtested):
    once = settings.backtest(two, ORIGINS, 4, (), refit=False)
    assert np.allclose(once[:, 0], backtested[:, 0], rtol=1e-3)
    assert not np.allclose(once[:, 2], backtested[:, 2], rtol=1e-3)


def test_a_series_that_takes_no_part_is_neither_seen_nor_forecast(settings, two):
    absent = ORIGINS.copy()
    absent[:, 1] = 0
    found = settings.backtest(two, absent, 4, (0.25, 0.75))
    assert np.isnan(found[:, :, 1]).all()
    assert np.isfinite(found[:, :, 0, :, 0]).all()
    assert np.isnan(found[:, :, 0, :, 1:]).all()  # absolute errors say nothing of quantiles
    alone = settings.backtest(Panel.of(two.history(0), season=12), absent[:, :1], 4, ())
    assert np.allclose(found[:, :, 0, :, :1], alone[:, :, 0], rtol=1e-3)


def test_quantiles_are_trained_at_the_levels_that_are_asked(two):
    method = Forecaster(horizon=4, network="linear", loss="quantiles", **QUICK)
    found = method.backtest(two, ORIGINS[:1], 4, (0.05, 0.25, 0.95))
    assert (np.diff(found[..., 1:], axis=-1) > 0).all()
    normal = dataclasses.replace(method, loss="normal")
    found = normal.backtest(two, ORIGINS[:1], 4, (0.05, 0.5, 0.95))
    assert (np.diff(found[..., 1:], axis=-1) > 0).all()
    assert np.allclose(found[..., 0], found[..., 2], rtol=1e-5)


# -- covariates ---------------------------------------------------------------------------------


def noise(kind: str, values: np.ndarray) -> float:
    """Mean absolute error on noise with the target itself as a covariate, over its own size."""
    panel = Panel.of(values, **{kind: values[:, None], f"{kind}_names": ("canary",)})
    origins = np.arange(150, 200)[:, None]
    method = Forecaster(
        horizon=1,
        context=4,
        network="linear",
        centre=None,
        scale=None,
        seeds=1,
        updates=300,
        learning_rate=0.02,
    )
    found = method.backtest(panel, origins[::10], 1, ())[0, :, 0, 0, 0]
    return float(abs(found - values[origins[::10, 0]]).mean() / abs(values).mean())


def test_a_canary_equal_to_the_future_changes_nothing_unless_it_is_declared_known():
    values = RNG.normal(size=200)
    assert noise("observed", values) > 0.5
    assert noise("known", values) < 0.3  # so that the test above can fail


def test_known_covariates_must_reach_over_the_horizon():
    days = pd.date_range("2020-01-01", periods=60, freq="D")
    table = pd.DataFrame({"day": days, "y": RNG.normal(size=60), "open": np.arange(60) % 2})
    table.loc[57:, "y"] = np.nan
    settings = Forecaster(horizon=3, context=6, network="linear", seeds=1, updates=10)
    fitted = settings.fit(table, time="day", target="y", known=["open"])
    assert fitted.predict()["day"].tolist() == days[57:].tolist()
    with pytest.raises(DataError, match=r"open must be known for 3 dates behind 2020-02-26"):
        fitted.predict(table[:57])


# -- networks of the user's ---------------------------------------------------------------------


def test_a_model_of_ones_own_is_copied_and_trained():
    model = Sequential([Input((12, 1)), Flatten(), Dense(3), Reshape((3, 1))], name="mine")
    before = model.get_weights()[0].copy()
    settings = Forecaster(horizon=3, network=model, **QUICK)
    ahead = settings.fit(Panel.of(10 + SEASON[:60], season=12)).predict()
    assert np.isfinite(ahead["forecast"]).all()
    assert (model.get_weights()[0] == before).all()
    assert settings.name.startswith("mine")


def test_a_model_of_other_shapes_says_which_are_wanted():
    model = Sequential([Input((12, 2)), Flatten(), Dense(3), Reshape((3, 1))])
    with pytest.raises(DescendError, match=r"should take \(12, 1\) and put out \(3, 1\)"):
        Forecaster(horizon=3, network=model, **QUICK).fit(Panel.of(SEASON[:60]))


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizon": 0}, "horizon must be a whole number >= 1, got 0"),
        ({"horizon": 2.5}, "horizon must be a whole number >= 1, got 2.5"),
        ({"context": -1}, "context must be a whole number >= 1"),
        ({"network": "mpl"}, "unknown network 'mpl'. Did you mean 'mlp'"),
        ({"loss": "abs"}, "unknown loss of a forecast 'abs'"),
        ({"levels": (0.9, 0.1)}, "levels must be rising numbers between 0 and 1"),
        ({"levels": (0, 1)}, "levels must be rising numbers between 0 and 1"),
        ({"hidden": (3, 0)}, "hidden must be a tuple of units"),
        ({"seeds": 0}, r"seeds \(number of networks\) must be >= 1"),
        ({"validation": 0.7}, "validation"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"epochs": 3}, "unknown parameter of Forecaster 'epochs'"),
    ],
)
def test_settings_are_checked_when_they_are_made(options, words):
    with pytest.raises(DescendError, match=words):
        Forecaster(**{"horizon": 3} | options)


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (np.arange(3.0), {}, "the series has 3 rows, and a window needs 7"),
        (np.arange(20.0), {"horizon": 30}, "the series has 20 rows, and a window needs 31"),
        (np.arange(30.0), {"context": 40}, "a smaller context= (now 40) or horizon="),
        (np.where(np.arange(60) % 3, np.nan, 1.0)[:58], {"context": 8}, "no window of 14 rows"),
    ],
)
def test_a_history_that_is_too_short_says_what_is_needed(values, options, words):
    with pytest.raises(DataError) as error:
        Forecaster(**{"horizon": 6} | options).fit(Panel.of(values))
    assert words in str(error.value)


def test_a_table_needs_its_columns_named():
    with pytest.raises(DataError, match="name the columns of the table: time=, the dates"):
        Forecaster(horizon=2).fit(frame())
