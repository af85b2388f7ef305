"""Series by built-in name."""

from __future__ import annotations

import pytest

from descend.data import series
from descend.data.series import SERIES, load_series
from descend.data.sources import load
from descend.errors import DataError


@pytest.mark.parametrize(
    ("name", "rows", "target"),
    [("airpassengers", 144, 112), ("macrodata", 203, 0.0), ("sunspots", 309, 5.0)],
)
def test_a_classic_is_at_hand(name, rows, target):
    table = load(name)
    assert len(table.frame) == rows
    assert table.frame[table.target].iloc[0] == target
    assert table.note == SERIES[name].note


def test_passengers_add_up_as_printed():
    # Box and Jenkins, series G: the totals of the first and the last year
    frame = load_series("airpassengers").frame
    totals = frame.groupby(frame["month"].dt.year)["passengers"].sum()
    assert (totals[1949], totals[1960]) == (1520, 5714)


def test_what_is_not_there_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DESCEND_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"python tools/fill_cache.py etth1"):
        load_series("etth1", download=False)


@pytest.mark.skipif(not series.ETTH1.cached(), reason="ETTh1 is not in the cache")
def test_etth1_has_its_hours():
    frame = load_series("etth1", download=False).frame
    assert frame.shape == (17_420, 8)


@pytest.mark.skipif(not series.M4_HOURLY.cached(), reason="M4 hourly is not in the cache")
def test_m4_has_its_series():
    frame = load_series("m4_hourly", download=False).frame
    assert frame["series"].nunique() == 414
    assert (frame["part"] == "test").sum() == 414 * 48
    first = frame[frame["series"] == "H1"]
    assert first["value"].iloc[:3].tolist() == [605, 586, 586]
    assert first["hour"].is_monotonic_increasing
    assert first["value"][first["part"] == "test"].iloc[0] == 619
