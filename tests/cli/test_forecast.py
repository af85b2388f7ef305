"""`descend forecast`: what a user types, sees and finds on disk."""

from __future__ import annotations

import pandas as pd
import pytest

from descend.cli.main import run
from descend.forecasting import Forecaster

QUICK = (
    "--horizon",
    "3",
    "--context",
    "12",
    "--updates",
    "20",
    "--seeds",
    "1",
    "--network",
    "linear",
    "--rivals",
    "quick",
)


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """Run `descend forecast ...` in an empty folder: (exit status, standard output, errors)."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments):
        status = run(["forecast", *arguments])
        return status, *capsys.readouterr()

    return ask


def test_a_table_is_forecast_judged_and_saved(said, tmp_path):
    flights = ("airpassengers", "--time", "month", "--target", "passengers")
    status, out, errors = said(*flights, *QUICK, "--origins", "3")
    assert status == 0, errors
    assert "note: frequency inferred: monthly (MS)" in errors
    assert "forecasts from 3 earlier dates, 1 to 3 steps ahead:" in out
    assert "SeasonalNaive" in out
    assert "saved the forecaster to airpassengers.descend, 3 forecasts to" in out
    ahead = pd.read_csv(tmp_path / "airpassengers-forecast.csv")
    assert ahead.columns.tolist() == ["month", "forecast", "q0.1", "q0.5", "q0.9"]
    assert ahead["month"].iloc[0] == "1961-01-01"
    again = Forecaster.load(tmp_path / "airpassengers.descend").predict()
    assert (abs(again["forecast"] / ahead["forecast"] - 1) < 1e-5).all()


def test_wrong_input_is_one_line(said, tmp_path):
    (tmp_path / "x.csv").write_text("day,y\n2024-01-01,1\n2024-01-01,2\n2024-01-02,3\n")
    status, _, errors = said("x.csv", "--time", "day", "--target", "y", *QUICK)
    assert status == 1
    assert errors.startswith("error: date 2024-01-01 stands in rows 1 and 2; give by=")
    assert errors.count("\n") == 1
    status, _, errors = said("x.csv", "--time", "when", "--target", "y", *QUICK)
    assert "has no column 'when'" in errors
    assert said("x.csv", "--target", "y", *QUICK)[0] == 2
    assert not (tmp_path / "x.descend").exists()
