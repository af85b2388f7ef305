"""What columns are taken for, and their description."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from descend.data.sources import BUILT_IN, load
from descend.errors import DataError, DescendError
from descend.tables.columns import dates, kind_of, numbers, truths
from descend.tables.describe import describe, judge, judge_all, overview, parse_kinds

N = 60
RNG = np.random.default_rng(0)
COLUMNS = {
    # name -> (values, kind_of, judged)
    "income": (RNG.normal(size=N), "number", "number"),
    "age": (RNG.integers(18, 90, N), "number", "number"),
    "nullable": (pd.array([1, None] * (N // 2), "Int64"), "number", "number"),
    "words of numbers": (RNG.integers(1, 9, N).astype(str), "number", "number"),
    "nearly numbers": (["?", *RNG.normal(size=N - 1).astype(str)], "number", "number"),
    "decimals": ([decimal.Decimal(i) / 7 for i in range(N)], "number", "number"),
    "true": (RNG.random(N) > 0.5, "boolean", "boolean"),
    "true or missing": ([True, False, None] * (N // 3), "boolean", "boolean"),
    "town": (RNG.choice(["Ulm", "Bonn"], N), "category", "category"),
    "zip": (RNG.choice(["01067", "10115"], N), "category", "category"),
    "categories": (pd.Categorical(RNG.choice(["a", "b"], N)), "category", "category"),
    "grade": (
        pd.Categorical(["C", "A"] * (N // 2), ["C", "B", "A"], ordered=True),
        "ordered",
        "ordered",
    ),
    "day": (pd.date_range("2020-01-01", periods=N), "date", "date"),
    "day in words": ([f"{1 + i % 28}.02.2020" for i in range(N)], "date", "date"),
    "clock": ([datetime.time(i % 24) for i in range(N)], "date", "date"),
    "nothing": ([None] * N, "empty", "empty"),
    "lists": ([[i] for i in range(N)], "other", "other"),
    "always": (["EUR"] * N, "category", "constant"),
    "always 3": ([3] * N, "number", "constant"),
    "3 or missing": ([3, None] * (N // 2), "number", "number"),
    "row": (range(1, N + 1), "number", "identifier"),
    "shuffled row": (RNG.permutation(N), "number", "identifier"),
    "customer_id": (RNG.choice(10**6, N, replace=False), "number", "identifier"),
    "customerId": (RNG.choice(10**6, N, replace=False), "number", "identifier"),
    "paid": (RNG.choice(10**6, N, replace=False), "number", "number"),
    "name": ([f"person {i}" for i in range(N)], "category", "identifier"),
    "remark": (
        [f"{i} " + "a long remark on many things " * 2 for i in range(N)],
        "category",
        "text",
    ),
}
FRAME = pd.DataFrame({name: pd.Series(values) for name, (values, *_) in COLUMNS.items()})


@pytest.mark.parametrize("name", COLUMNS)
def test_kinds(name):
    _, kind, judged = COLUMNS[name]
    assert kind_of(FRAME[name]) == kind
    assert judge(name, FRAME[name]).kind == judged


def test_the_target_of_every_built_in_table_is_what_it_is():
    found = {name: judge_all(load(name).frame) for name in BUILT_IN}
    assert found["iris"]["species"].kind == "category"
    assert found["diabetes"]["progression"].kind == "number"
    assert found["randhie"]["mdvis"].kind == "number"
    kinds = {j.kind for table in found.values() for j in table.values()}
    assert kinds == {"number", "category", "constant"}  # digits: corners without ink
    assert {n for n, j in found["digits"].items() if j.kind == "constant"} == {
        "pixel_0_0", "pixel_4_0", "pixel_4_7"
    }  # fmt: skip


def test_strangers_are_named_by_their_row():
    why = judge("x", FRAME["nearly numbers"]).why
    assert "1 entries are none, such as '?' in row 1" in why
    assert judge("x", FRAME["nearly numbers"]).doubt


def test_a_kind_that_is_asked_for_is_checked_against_the_values():
    column = pd.Series(["1.5", "2", "n/k", None, "?"])
    assert judge("income", column, "category").kind == "category"
    with pytest.raises(DataError, match=r"'income' should hold numbers.*row 3 holds 'n/k' \(and 1"):
        judge("income", column, "number")
    with pytest.raises(DataError, match="should hold dates, as asked for, and row 1 holds '1.5x'"):
        judge("day", pd.Series(["1.5x", "2020-01-01"]), "date")
    with pytest.raises(DataError, match="should hold true or false.*row 2 holds 'maybe'"):
        judge("paid", pd.Series(["true", "maybe"]), "boolean")
    with pytest.raises(DescendError, match="Did you mean 'category'"):
        judge("town", FRAME["town"], "categroy")
    with pytest.raises(DataError, match="Did you mean 'income'"):
        judge_all(FRAME, {"incme": "number"})


def test_kinds_in_words():
    assert parse_kinds(["zip=category", "a=b=number"]) == {"zip": "category", "a=b": "number"}
    for given, message in (
        (["zip"], "expected COLUMN=KIND"),
        (["=number"], "expected COLUMN=KIND"),
        (["zip=numbr"], "Did you mean 'number'"),
        (["a=number", "a=date"], "given two kinds"),
    ):
        with pytest.raises(DescendError, match=message):
            parse_kinds(given)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["2020-02-01", "2020-12-31"], ["2020-02-01", "2020-12-31"]),
        (["01.02.2020", "03.04.2021"], ["2020-02-01", "2021-04-03"]),
        (["01/02/2020", "03/04/2021"], ["2020-01-02", "2021-03-04"]),
        (["01/02/2020", "13/04/2021"], ["2020-02-01", "2021-04-13"]),
        (["01.02.2020", "04.13.2021"], ["2020-01-02", "2021-04-13"]),
        (["2020-02-01 12:30", "2020-02-02T01:00:00"], ["2020-02-01 12:30", "2020-02-02 01:00"]),
        (["2020-02-01", "13.04.2021"], ["2020-02-01", "2021-04-13"]),
        (["2020-02-01", None, "soon"], ["2020-02-01", None, None]),
    ],
)
def test_dates_in_words(words, expected):
    moments, strange = dates(pd.Series(words, dtype="str"))
    pd.testing.assert_series_equal(
        moments, pd.to_datetime(pd.Series(expected, dtype="str")), check_dtype=False
    )
    assert strange.tolist() == [w == "soon" for w in words]


def test_other_kinds_of_moments():
    zone = pd.Series(pd.to_datetime(["2020-02-01 12:00", None])).dt.tz_localize("Europe/Berlin")
    assert dates(zone)[0].iloc[0] == pd.Timestamp("2020-02-01 11:00")
    words = pd.Series(["2020-02-01 12:00+01:00", "2020-07-01 12:00+02:00"])
    assert dates(words)[0].dt.hour.tolist() == [11, 10]
    assert dates(FRAME["clock"])[0].iloc[5] == pd.Timestamp("1970-01-01 05:00")
    spans = pd.Series(pd.to_timedelta(["1 day", None]))
    assert dates(spans)[0].iloc[0] == pd.Timestamp("1970-01-02")
    months = pd.Series(pd.period_range("2020-01", periods=2, freq="M"))
    assert dates(months)[0].dt.month.tolist() == [1, 2]
    assert not any(dates(c)[1].any() for c in (zone, words, FRAME["clock"], spans, months))


def test_reading_numbers_and_truths():
    values, strange = numbers(pd.Series([" 1.5", "2", "x", None, "nan", ""]))
    np.testing.assert_array_equal(values, [1.5, 2, np.nan, np.nan, np.nan, np.nan])
    assert strange.tolist() == [False, False, True, False, False, False]
    values, strange = truths(pd.Series(["True", "0", "maybe", None]))
    np.testing.assert_array_equal(values, [1, 0, np.nan, np.nan])
    assert strange.tolist() == [False, False, True, False]


def test_the_description():
    found = describe(FRAME, {"age": "category"}, {"income": "in euro"}).set_index("column")
    assert list(found.index) == list(FRAME.columns)
    assert found.loc["income", "label"] == "in euro"
    assert found.loc["age", "kind"] == "category"
    assert found.loc["age", "why"] == "as asked for"
    row = found.loc["income"]
    expected = FRAME["income"].describe()
    assert float(row["min"]) == pytest.approx(expected["min"], rel=1e-5)
    assert float(row["median"]) == pytest.approx(expected["50%"], rel=1e-5)
    assert float(row["max"]) == pytest.approx(expected["max"], rel=1e-5)
    share = (FRAME["town"] == "Ulm").mean()
    assert f"Ulm {share:.0%}" in found.loc["town", "levels"]
    assert found.loc["grade", "levels"] == "A 50%, C 50%"
    assert found.loc["day", "min"] == "2020-01-01"
    assert found.loc["day in words", "max"] == "2020-02-28"
    np.testing.assert_array_equal(found["missing"], FRAME.isna().sum())
    assert found.loc["town", "distinct"] == 2
    assert found.loc["name", "example"] == "person 0"
    assert found.loc["nothing", "example"] == ""


def test_the_description_does_not_depend_on_the_order_of_rows():
    shuffled = FRAME.sample(frac=1, random_state=1).reset_index(drop=True)
    leave = ["example", "why"]  # these name rows
    first = describe(FRAME).drop(columns=leave)
    pd.testing.assert_frame_equal(first, describe(shuffled).drop(columns=leave))


def test_the_overview():
    frame = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "x", None]})
    found = overview(frame)
    assert (found.rows, found.columns, found.duplicates, found.missing_rows) == (3, 2, 1, 1)
    assert found.memory == frame.memory_usage(deep=True).sum()
    assert overview(pd.DataFrame({"a": [[1], [1]]})).duplicates == 1
