"""Tables as series: dates read, sorted, laid on a grid; what is refused, in one clear line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from descend.errors import DataError, DescendError
from descend.forecasting import Panel
from descend.forecasting.dates import in_words, season_of
from descend.forecasting.panel import panel


def table(dates, values=None, **columns) -> pd.DataFrame:
    values = np.arange(1.0, len(dates) + 1) if values is None else values
    return pd.DataFrame({"date": dates, "y": values, **columns})


# -- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "frequency", "season"),
    [
        (pd.date_range("2020-01-01", periods=8, freq="MS"), "MS", 12),
        (pd.date_range("2020-01-31", periods=8, freq="ME"), "ME", 12),
        (pd.date_range("2020-01-01", periods=8, freq="QS"), "QS-JAN", 4),
        (pd.date_range("1990-01-01", periods=8, freq="YS"), "YS-JAN", 1),
        (pd.date_range("2020-01-06", periods=12, freq="B"), "B", 5),
        (pd.date_range("2020-01-01", periods=12, freq="D"), "D", 7),
        (pd.date_range("2020-01-01", periods=30, freq="h"), "h", 24),
        (pd.date_range("2020-01-01", periods=30, freq="15min"), "15min", 96),
        (pd.date_range("2020-01-05", periods=9, freq="W"), "W-SUN", 52),
        (pd.period_range("2020-01", periods=8, freq="M"), "MS", 12),
        (["2019Q4", "2020Q1", "2020 Q2", "2020-Q3"], "QS-JAN", 4),
        (["2020-01", "2020-02", "2020-03"], "MS", 12),
        ([194911, 194912, 195001, 195002], "MS", 12),
        ([20200130, 20200131, 20200201], "D", 7),
        ([1949.0, 1949.083, 1949.167, 1949.25, 1949.333], "MS", 12),
        ([1949.0, 1949.25, 1949.5, 1949.75], "QS-JAN", 4),
        ([1700, 1701, 1702], "", 1),
        ([1.0, 2.0, 3.0], "", 1),
    ],
)
def test_the_frequency_is_inferred(dates, frequency, season):
    found = panel(table(dates), "date", "y")
    assert (found.frequency, found.season) == (frequency, season)
    assert len(found.values) == len(dates)
    assert not np.isnan(found.values).any()
    if frequency:
        assert any("frequency inferred" in remark for remark in found.remarks)


def test_gaps_become_missing_values_and_are_said():
    dates = pd.date_range("2020-01-01", periods=24, freq="MS")
    found = panel(table(dates).drop(index=[3, 4, 10]), "date", "y")
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [3, 4, 10]
    assert found.frequency == "MS"
    said = "3 of 24 dates have no row (2020-04-01, 2020-05-01, 2020-11-01): gaps"
    assert said in found.remarks


def test_a_row_without_a_value_is_said_apart_from_a_missing_row():
    dates = pd.date_range("2020-01-01", periods=6, freq="D")
    found = panel(table(dates, [1, np.nan, 3, 4, 5, np.nan]), "date", "y")
    assert found.lengths.tolist() == [5]
    assert "1 rows have no value (2020-01-02)" in found.remarks
    assert any("1 rows before the first or behind the last value" in r for r in found.remarks)


def test_unsorted_rows_are_sorted_and_said():
    dates = pd.date_range("2020-01-01", periods=5, freq="D")
    shuffled = table(dates).iloc[[2, 0, 1, 4, 3]]
    found = panel(shuffled, "date", "y")
    assert found.values.tolist() == [1, 2, 3, 4, 5]
    assert "rows were not in the order of their dates, and are sorted" in found.remarks


def test_holidays_among_business_days_are_gaps():
    days = pd.date_range("2021-03-01", periods=40, freq="B").drop("2021-04-02")
    found = panel(table(days), "date", "y")
    assert found.frequency == "B"
    assert int(np.isnan(found.values).sum()) == 1


def test_dates_in_the_middle_of_months_are_months_and_said():
    days = (15, 14, 16, 15, 15, 17, 15, 14)
    dates = [f"2020-{month:02d}-{day}" for month, day in enumerate(days, 1)]
    found = panel(table(dates), "date", "y")
    assert found.frequency == "MS"
    assert "dates such as 2020-01-15 are taken as the months that they lie in" in found.remarks


def test_a_time_zone_is_taken_in_utc_and_said():
    # an hour is missing in local time, none in UTC
    dates = pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Rome")
    found = panel(table(dates), "date", "y")
    assert not np.isnan(found.values).any()
    assert "times in 'date' are of Europe/Rome; they are taken in UTC" in found.remarks


def test_several_series_keep_their_own_ends():
    dates = pd.date_range("2020-01-01", periods=6, freq="D")
    both = pd.concat([table(dates, by="b"), table(dates[2:], by="a")])
    found = panel(both, "date", "y", by="by")
    assert found.names == ("b", "a")
    assert found.starts.tolist() == [0, 6, 10]
    assert found.lengths.tolist() == [6, 4]
    assert found.times[6] == np.datetime64("2020-01-03")
    assert found.history(1).tolist() == [1, 2, 3, 4]


def test_the_index_may_hold_the_dates():
    dates = pd.date_range("2020-01-01", periods=5, freq="D", name="date")
    found = panel(pd.DataFrame({"y": np.arange(5.0)}, index=dates), "date", "y")
    assert found.times[0] == np.datetime64("2020-01-01")


# -- covariates ---------------------------------------------------------------------------------


def test_rows_to_come_are_kept_where_something_is_known_of_them():
    dates = pd.date_range("2020-01-01", periods=8, freq="D")
    y = [1, 2, 3, 4, 5, 6, np.nan, np.nan]
    found = panel(table(dates, y, open=[0, 1] * 4), "date", "y", known="open")
    assert found.lengths.tolist() == [6]
    assert len(found.values) == 8
    assert found.known[:, 0].tolist() == [0, 1] * 4


def test_a_covariates_gap_holds_its_last_value_and_never_a_later_one():
    dates = pd.date_range("2020-01-01", periods=5, freq="D")
    found = panel(table(dates, x=[1, np.nan, np.nan, 4, np.nan]), "date", "y", observed=["x"])
    assert found.observed[:, 0].tolist() == [1, 1, 1, 4, 4]
    assert "'x' has no value on 3 dates: its last one before is used" in found.remarks


def test_calendar_features_are_known_of_every_date():
    dates = pd.date_range("2020-01-01", periods=24, freq="MS")
    found = panel(table(dates), "date", "y", calendar=True)
    assert found.known_names == ("month sine", "month cosine")
    assert np.allclose(found.known[0], found.known[12])
    assert np.allclose(found.known[6], [0, -1])  # July lies across from January


def test_the_tail_holds_the_last_rows_and_those_to_come():
    dates = pd.date_range("2020-01-01", periods=8, freq="D")
    frame = table(dates, [*range(7), np.nan], x=range(8))
    end = panel(frame, "date", "y", known="x").tail(3)
    assert end.values[:3].tolist() == [4, 5, 6]
    assert end.known[:, 0].tolist() == [4, 5, 6, 7]
    assert end.dates_ahead(2)[0].astype("datetime64[D]").astype(str).tolist() == [
        "2020-01-08",
        "2020-01-09",
    ]


# -- refused ------------------------------------------------------------------------------------

DAYS = pd.date_range("2020-01-01", periods=6, freq="D")
MONTHS = pd.date_range("2020-01-01", periods=12, freq="MS")


def mixed() -> pd.DataFrame:
    quarters = pd.date_range("2020-01-01", periods=8, freq="QS")
    return pd.concat([table(MONTHS.append(MONTHS + pd.DateOffset(years=1)), by="m"),
                      table(quarters, by="q")])  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "how", "words"),
    [
        (table(DAYS), {"time": "day"}, "the table has no column 'day'. Did you mean"),
        (table(DAYS), {"target": "x"}, "the table has no column 'x'"),
        (table(DAYS), {"by": "country"}, "the table has no column 'country'"),
        (table(DAYS), {"observed": ["y"]}, "column 'y' is named twice"),
        (table(DAYS.insert(2, DAYS[1])), {},
         "date 2020-01-02 stands in rows 2 and 3; give by=, the column that tells series apart"),
        (table(DAYS.insert(2, DAYS[1]), by="a"), {"by": "by"},
         "date 2020-01-02 of series 'a' stands in rows 2 and 3"),
        (table(DAYS.where(DAYS.day != 3)), {}, "row 3 has no time in 'date' (and 0 more)"),
        (table(["2020-01-01", "soon", "2020-01-03"]), {},
         "the time in row 2 of 'date' is 'soon', which is no date as in 2024-12-31"),
        (table([True, False]), {}, "the times in 'date' are True and False"),
        (table([1.0, 2.2, 3.7]), {}, "neither whole numbers nor years with months or quarters"),
        (table(DAYS[[0, 1, 5]].append(DAYS[5:] + pd.Timedelta("7h"))), {}, "no frequency: "),
        (table(DAYS[:2]), {}, "the series has 2 dates (2020-01-01, 2020-01-02), too few to see"),
        (table(DAYS), {"frequency": "monthly"}, "unknown frequency 'monthly'; those of pandas"),
        (table(DAYS), {"frequency": "W-SUN"}, "5 of 6 dates do not fit weekly (W-SUN)"),
        (table([1, 2, 3]), {"frequency": "MS"}, "is for dates, and the times are whole numbers"),
        (mixed(), {"by": "by"}, "irregular times, or series of different frequencies"),
        (table([1, 2, 3, 50]), {}, "has 4 of the 50 times (steps of 1) between its first"),
        (table(DAYS, list("abcdef")), {}, "column 'y' must hold numbers, and row 1 holds 'a'"),
        (table(DAYS, [1, 2, np.inf, 4, 5, 6]), {}, "'y' holds an infinite number in row 3"),
        (table(DAYS, [np.nan] * 6), {}, "'y' has no value at all"),
        (table(DAYS, by=["a", None, "a", "a", "a", "a"]), {"by": "by"}, "row 2 has no 'by'"),
        (table(DAYS, x=[np.nan, 2, 3, 4, 5, 6]), {"observed": ["x"]},
         "'x' has no value on 2020-01-01, the first date"),
        (table(DAYS, [1, 2, 3, 4, np.nan, np.nan], x=[1, 2, 3, 4, 5, np.nan]), {"known": ["x"]},
         "'x' is to be known in advance, and has no value on 2020-01-06"),
        (table([1, 2, 3]), {"calendar": True}, "calendar features need dates"),
        (table(DAYS), {"season": 0}, "season must be a whole number >= 1 of steps, got 0"),
        (table(DAYS)[:0], {}, "columns and no rows"),
        ([1, 2, 3], {}, "expected a pandas or polars frame, got list"),
        (table(DAYS), {"known": [3]}, "known must name columns"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(frame, how, words):
    options = {"time": "date", "target": "y"} | how
    with pytest.raises(DataError) as error:
        panel(frame, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_calendar_feature_suggests_the_nearest():
    with pytest.raises(
        DescendError, match=r"unknown calendar feature 'mont'. Did you mean 'month'"
    ):
        panel(table(MONTHS), "date", "y", calendar=["mont"])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="do not fit each other"):
        Panel(np.zeros(3), np.array([0, 2]), np.arange(3), ("",))
    with pytest.raises(DataError, match=r"known should have shape \(3, 1\)"):
        Panel(np.zeros(3), np.array([0, 3]), np.arange(3), ("",), known_names=("x",))


def test_words_and_seasons_of_frequencies():
    assert in_words("MS") == "monthly (MS)"
    assert in_words("QS-OCT") == "quarterly (QS-OCT)"
    assert [season_of(f) for f in ("2h", "QE-DEC", "BME", "5min", "W-MON", "3D")] == [
        12, 4, 12, 288, 52, 1,
    ]  # fmt: skip
