"""The report on a forecaster: the page stands alone, its numbers are recomputed from the table."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report.read_page import Read
from scipy import stats

from descend.cli.main import run
from descend.data.frames import load_frame
from descend.errors import DescendError
from descend.forecasting import AR, Drift, Forecaster, fit_series
from descend.report.forecast.document import document_of
from descend.report.forecast.page import render
from descend.report.forecast.write import forecast_report
from descend.tables.seal import read_seal, record_opening

EVIL = "<script>alert('log')</script> & \"more\""
MONTHS, ORIGINS, HORIZON = 72, 10, 2
HOW = {"time": "month", "target": "sold", "by": "shop", "observed": ["fuel"], "origins": ORIGINS}
SMALL = Forecaster(HORIZON, context=12, network="linear", loss="quantiles", updates=50, seeds=2)


def shops() -> pd.DataFrame:
    """Two shops; north has a month without a row, one without a value and one without fuel."""
    months = pd.date_range("2015-01", periods=MONTHS, freq="MS")
    rng = np.random.default_rng(0)
    rows = []
    for shop, level in (("north", 20.0), (EVIL, 300.0)):
        wave = level * (2 + np.sin(np.arange(MONTHS) * np.pi / 6) + 0.2 * rng.normal(size=MONTHS))
        one = {"month": months, "shop": shop, "sold": wave, "fuel": rng.normal(size=MONTHS)}
        rows.append(pd.DataFrame(one).assign(colour="blue"))
    table = pd.concat(rows, ignore_index=True)
    table.loc[5, "sold"] = np.nan
    table.loc[6, "fuel"] = np.nan
    return table.drop(index=8)


@pytest.fixture(scope="module")
def fitted():
    return fit_series(load_frame(shops()), SMALL, rivals=[AR(), Drift()], **HOW)


@pytest.fixture(scope="module")
def written(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecast")
    files = forecast_report(fitted, folder / "shops.html", command=EVIL)
    assert {f.name for f in folder.iterdir()} == {"shops.html", "shops.json"}
    return [f.read_text() for f in files]


@pytest.fixture(scope="module")
def found(written):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(written[1], parse_constant=refuse)


@pytest.fixture(scope="module")
def rows(fitted):
    """All forecasts, a row each, with the unit of MASE from the table itself."""
    frame = fitted.test.to_frame()
    units = {}
    for shop, own in shops().groupby("shop"):
        values = own.set_index("month")["sold"].asfreq("MS")
        for origin in frame["origin"].unique():
            past = values[:origin]
            units[shop, origin] = (past - past.shift(12)).abs().mean()
    unit = [units[key] for key in zip(frame["series"], frame["origin"], strict=True)]
    frame["error"] = (frame["outcome"] - frame["forecast"]).abs()
    return frame.assign(scaled=frame["error"] / unit)


def method(found, name):
    return next(m for m in found["test"]["methods"] if m["method"] == name)


# -- the page -------------------------------------------------------------------------------------


def test_the_page_is_whole_and_stands_alone(written):
    read = Read(written[0])
    assert read.open == []
    assert not read.all("script") + read.all("link") + read.all("iframe")
    for _, attrs in read.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
    assert "<script" not in written[0]
    ids = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    assert all(a["href"][1:] in ids for a in read.all("a"))
    assert all(len(image["alt"]) > 30 for image in read.all("img"))
    assert len(read.all("img")) == 2 * 2 + 3  # two fans a series; errors, coverage, learning
    assert sum(EVIL in part for part in read.text["pre"]) == 1


def test_the_page_says_what_the_json_says(written, found):
    cells = Read(written[0]).text["td"]
    own = next(m for m in found["test"]["methods"] if m["forecaster"])
    for value in (own["MASE"], own["RMSE"], found["forecast"]["series"][0]["ahead"]["forecast"][1]):
        assert f"{value:,.4g}" in cells
    assert found["identity"]["test_sha256"] in cells


# -- its numbers ----------------------------------------------------------------------------------


def test_the_naive_forecast_is_recomputed_from_the_table(found):
    scaled, errors = [], []
    for _, own in shops().groupby("shop"):
        values = own.set_index("month")["sold"].asfreq("MS").to_numpy()
        for known in range(MONTHS - HORIZON - ORIGINS + 1, MONTHS - HORIZON + 1):
            past, came = values[:known], values[known : known + HORIZON]
            off = abs(came - past[-1])
            errors += [*off]
            scaled += [*(off / np.nanmean(abs(past[12:] - past[:-12])))]
    naive = method(found, "Naive")
    assert naive["MASE"] == pytest.approx(np.mean(scaled), rel=1e-9)
    assert naive["RMSE"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-9)
    by_step = np.reshape(scaled, (-1, HORIZON)).mean(axis=0)
    assert found["by_horizon"]["Naive"]["MASE"] == pytest.approx(by_step, rel=1e-9)


def test_the_figures_of_the_forecaster(found, rows):
    own = rows[rows["method"] == SMALL.name]
    by_seed = own.groupby("seed")
    figures = method(found, SMALL.name)
    assert figures["MASE"] == pytest.approx(own["scaled"].mean(), rel=1e-9)
    assert figures["seeds"] == 2
    assert figures["MASE least"] == pytest.approx(by_seed["scaled"].mean().min(), rel=1e-9)
    rmse = by_seed["error"].apply(lambda e: np.sqrt((e**2).mean())).mean()
    assert figures["RMSE"] == pytest.approx(rmse, rel=1e-9)
    smape = 200 * (own["error"] / (own["outcome"].abs() + own["forecast"].abs())).mean()
    assert figures["sMAPE"] == pytest.approx(smape, rel=1e-9)
    naive = min(method(found, n)["MASE"] for n in ("Naive", "SeasonalNaive"))
    assert figures["skill"] == pytest.approx(1 - figures["MASE"] / naive, rel=1e-9)
    inside = (own[0.1] <= own["outcome"]) & (own["outcome"] <= own[0.9])
    assert figures["coverage 80 %"] == pytest.approx(inside.mean())
    assert found["intervals"]["own"] == pytest.approx(list(inside.groupby(own["step"]).mean()))
    by_shop = own.groupby("series")["scaled"].mean().sort_values()
    assert [r["series"] for r in found["by_series"]] == by_shop.index.tolist()
    assert [r["MASE"] for r in found["by_series"]] == pytest.approx(list(by_shop), rel=1e-9)


def test_one_step_ahead_the_test_of_equal_accuracy_is_students(found, rows):
    first = rows[rows["step"] == 1]
    losses = {
        name: first[first["method"] == name].groupby("origin")["scaled"].mean()
        for name in (SMALL.name, "AR")
    }
    expected = stats.ttest_rel(losses[SMALL.name], losses["AR"])
    steps = next(r["steps"] for r in found["tests"]["rivals"] if r["rival"] == "AR")
    assert steps[0]["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert steps[0]["statistic"] == pytest.approx(expected.statistic, rel=1e-9)


def test_what_is_forecast_is_what_predict_says(found, fitted):
    ahead = fitted.predict()
    for shop, own in ahead.groupby("shop"):
        given = found["forecast"]["all"][shop]
        assert given["forecast"] == pytest.approx(own["forecast"].tolist())
        assert given["quantiles"]["q0.9"] == pytest.approx(own["q0.9"].tolist())
    assert given["times"] == ["2021-01-01", "2021-02-01"]


def test_what_was_lost_is_counted(found):
    data = found["data"]
    assert (data["rows"], data["values"]) == (2 * MONTHS - 1, 2 * MONTHS - 2)
    assert data["unused_columns"] == ["colour"]
    assert (data["dates_without_a_row"], data["rows_without_a_value"]) == (1, 1)
    assert data["filled"] == {"fuel": 2}  # the month without a row has no fuel either
    assert [s["gaps"] for s in data["series"]] == [2, 0]
    assert data["judged"]["judged"] == data["judged"]["forecasts"] == 2 * ORIGINS * HORIZON


# -- what speaks against it -----------------------------------------------------------------------


def test_a_forecast_that_is_the_last_value_is_called_so(fitted):
    test = fitted.test
    last = np.repeat(test.forecasts["Naive"], SMALL.seeds, axis=0)
    worse = replace(fitted, test=replace(test, forecasts={**test.forecasts, SMALL.name: last}))
    d = document_of(worse)
    assert d["last_value"]["repeats"] is True
    assert "this forecast is yesterday's value" in render(d).replace("&#x27;", "'")
    assert any("is no better than" in line for line in d["warnings"])
    assert document_of(fitted)["last_value"]["repeats"] is False


def test_a_sealed_part_is_not_shown(fitted):
    with pytest.raises(DescendError, match="is sealed, and a report shows"):
        document_of(replace(fitted, test=None))


def test_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shops().to_csv("shops.csv", index=False)
    columns = "--time month --target sold --by shop --horizon 2 --network linear --updates 20"
    asked = ["forecast", "shops.csv", *columns.split(), "--context", "12", "--seeds", "1"]
    asked += ["--origins", "5", "--rivals", "quick"]
    assert run([*asked, "--sealed", "--report", "a.html"]) == 2
    capsys.readouterr()
    assert run([*asked, "--sealed"]) == 0
    out = capsys.readouterr().out
    assert "MASE" not in out
    assert "descend report shops.descend shops.csv opens it" in out
    assert not read_seal("shops.descend").opened
    assert run(["report", "shops.descend", "shops.csv", "--group", "shop"]) == 1
    assert "leave out --group" in capsys.readouterr().err
    record_opening("shops.descend", {"MASE": 1.0}, source="an earlier look")
    assert run(["report", "shops.descend", "shops.csv"]) == 0
    out, errors = capsys.readouterr()
    assert "was opened before" in errors
    assert "wrote shops.html" in out
    found = json.loads((tmp_path / "shops.json").read_text())
    assert len(found["identity"]["openings"]) == len(read_seal("shops.descend").openings) == 2
    assert found["identity"]["trained_before"] == "2020-06-01"
    page = (tmp_path / "shops.html").read_text()
    assert "class='status warn'" in page
