"""What is said of values that only their owner can judge, and what is done where it is certain."""

import numpy as np
import pandas as pd
import pytest

from descend.data.table import Table
from descend.errors import DataError
from descend.tables.columns import kind_of, truths, with_missing
from descend.tables.describe import judge, parse_na
from descend.tables.messy import panel, remarks
from descend.tables.options import FitOptions
from descend.tables.predictor import TablePredictor
from descend.tables.prepare import prepare_table
from descend.tables.recipe import fit_table
from descend.tables.target import Target, hints, read_target

RNG = np.random.default_rng(0)
INCOME = RNG.lognormal(10, 1, 600).round()


def told(column):
    return [words for _, words in remarks(pd.DataFrame({"x": column}))]


@pytest.mark.parametrize(
    ("column", "codes"),
    [
        (np.where(RNG.random(600) < 0.1, -9999, INCOME), ["-9999"]),
        (np.where(RNG.random(600) < 0.05, 99999, INCOME), ["99999"]),
        (np.where(RNG.random(600) < 0.05, 999, RNG.integers(18, 80, 600)), ["999"]),
        (np.where(RNG.random(600) < 0.02, -99, np.where(RNG.random(600) < 0.02, 99, 1.5)), []),
        (np.r_[np.full(8, -8), np.full(9, -9), RNG.integers(0, 40, 583)], ["-9", "-8"]),
        (np.r_[np.full(30, 5000), RNG.normal(0, 9, 570)], ["5000"]),
        (RNG.integers(0, 100, 600), []),  # 99 is one of them
        (RNG.integers(0, 10, 600), []),  # so are 7, 8 and 9
        (np.where(RNG.random(600) < 0.4, 0, RNG.uniform(5e4, 2e5, 600)), []),  # zeros of a balance
        (np.r_[np.zeros(500), RNG.uniform(3, 4, 100)], []),  # a log that is 0 for none
        (np.r_[INCOME, 1e9], []),  # one outlier
        (RNG.integers(0, 2, 600), []),
    ],
)
def test_codes_for_missing_are_found_and_nothing_else(column, codes):
    words = told(column)
    if not codes:
        assert not words
        return
    (line,) = words
    assert " ".join(f"--na x={code}" for code in codes) in line


def test_spellings_blanks_and_money_are_remarked_on():
    (line,) = told(["France", "FRANCE", "Spain", "france"] * 5)
    assert "'FRANCE' (5), 'France' (5), 'france' (5)" in line or "'France' (5)" in line
    assert "case alone" in line
    assert told(["France ", "Spain", "France", "Spain"]) == [
        "1 entries have blanks around them, which are left out"
    ]
    (line,) = told(["$1,234.5", "€3", "$7", "€8"] * 5)
    assert "stay text" in line
    (line,) = told(["$1.5", "$3", "$7", "$8.25"] * 5)
    assert "$ is left out" in line
    assert told(["a", "b", "c", "b"]) == []


def test_blanks_around_words_are_no_part_of_them():
    frame = pd.DataFrame({"land": ["France ", "France", " Spain", "Spain"], "y": [1.0, 2, 3, 4]})
    assert judge("land", frame["land"]).why == "text, 2 levels"
    table = Table("t", "t", pd.concat([frame] * 10, ignore_index=True), "y", "", "")
    prepared = prepare_table(table, FitOptions())
    assert prepared.encoder.names() == ["land=France", "land=Spain"]
    later, noted = prepared.encoder.transform(pd.DataFrame({"land": ["Spain  "]}))
    assert later.numbers.tolist() == [[0, 1]]
    assert not noted


# -- true and false -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        (["Y", "1", "TRUE", "yes", "0", "N"], "boolean"),
        (["Yes", "yes ", "NO", "no"], "boolean"),
        (["yes", "no"], "category"),  # two levels are one 0/1 number each way
        (["yes", "YES", "y"], "category"),  # there is no no
        (["yes", "no", "unknown"], "category"),
        (["0", "1", "2"], "number"),
    ],
)
def test_truths_in_several_spellings(levels, kind):
    column = pd.Series(levels * 4)
    assert kind_of(column) == kind
    if kind == "boolean":
        judged = judge("x", column)
        assert (judged.kind, judged.doubt) == ("boolean", True)
        values = truths(column)[0]
        assert values[:4].tolist() == ([1, 1, 1, 1] if levels[0] == "Y" else [1, 1, 0, 0])


def test_a_target_of_five_spellings_has_two_classes():
    column = pd.Series(["Yes", "yes ", " YES", "No", "no", "No", "Yes"] * 5, name="y")
    target, y = read_target(column.to_frame())
    assert target.classes == ("No", "Yes")  # the most frequent spellings
    assert y[:6].tolist() == [1, 1, 1, 0, 0, 0]
    assert target.reason == "it is true or false, in 5 spellings"
    later = pd.DataFrame({"y": ["YES", "0", "no", "Yes"]})
    assert target.read(later).tolist() == [1, 0, 0, 1]
    with pytest.raises(DataError, match="'maybe' is no class"):
        target.read(pd.DataFrame({"y": ["maybe"]}))


# -- what the user says ---------------------------------------------------------------------------


def test_values_that_count_as_missing():
    frame = pd.DataFrame({"a": [1, -9999, 3], "b": ["x", "?", " ? "], "c": ["1", "-9999.0", "5"]})
    na = parse_na(["a=-9999", "b=?", "c=-9999", "d=1"])
    assert with_missing(frame, na).isna().to_numpy().tolist() == [
        [False, False, False],
        [True, True, True],
        [False, True, False],
    ]
    with pytest.raises(DataError, match="COLUMN=VALUE"):
        parse_na(["-9999"])


def test_told_missing_and_told_kinds_hold_in_training():
    n = 40
    frame = pd.DataFrame(
        {"a": np.arange(n) % 7, "b": np.arange(n) % 5 + 0.5, "y": np.arange(n) % 4}
    )
    frame.loc[:9, "a"] = -9999
    table = Table("t", "t", frame, "y", "", "")
    prepared = prepare_table(table, FitOptions(na={"a": ("-9999",)}, task="regression"))
    assert prepared.encoder.columns[0].low == 0
    assert prepared.encoder.names() == ["a", "a missing", "b"]
    with pytest.raises(DataError, match="no row holds '-1' in 'a'"):
        prepare_table(table, FitOptions(na={"a": ("-1",)}))
    with pytest.raises(DataError, match="Did you mean 'a'"):
        prepare_table(table, FitOptions(na={"A": ("-1",)}))
    # the target's kind counts as those of the inputs do
    assert prepare_table(table, FitOptions(kinds={"y": "category"})).target.classifies
    written = frame.assign(y=[f"{v},5" for v in frame["y"]])
    wrong = Table("t", "t", written, "y", "", "")
    for column in ("y", "a"):
        bad = wrong if column == "y" else Table("t", "t", frame.assign(a=written["y"]), "y", "", "")
        with pytest.raises(DataError, match=rf"'{column}' should hold numbers, as asked for"):
            prepare_table(bad, FitOptions(kinds={column: "number"}))


# -- the target and the rows ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "word"),
    [
        (RNG.poisson(3, 500), "--task count"),
        (RNG.integers(0, 4, 500), "--task count"),
        (RNG.beta(2, 2, 500), "--task share"),
        (10 ** RNG.uniform(-3, 9, 500), "'log(y) ~ .'"),
        (np.where(RNG.random(500) < 0.2, 0, 10 ** RNG.uniform(1, 7, 500)), "'log1p(y) ~ .'"),
        (RNG.normal(0, 1, 500), None),
        (RNG.uniform(1e5, 9e5, 500).round(), None),
        (RNG.integers(0, 2, 500), None),
    ],
)
def test_another_task_or_scale_is_named(y, word):
    target, values = read_target(pd.DataFrame({"y": y}))
    found = hints(target, values)
    assert [word in line for line in found] == ([True] if word else [])
    asked: tuple[Target, np.ndarray] = read_target(pd.DataFrame({"y": y}), target.task)
    assert hints(*asked) == []


def test_the_units_of_a_panel_are_named():
    n = 30
    frame = pd.DataFrame(
        {
            "year": np.tile(np.arange(8), n),
            "nr": np.repeat(np.arange(n) * 7, 8),
            "wage": RNG.normal(size=8 * n),
        }
    )
    found = panel(frame)
    assert found.column == "nr"
    assert "30 values in 8 rows each" in found.words
    assert "--group nr" in found.words
    assert panel(frame.drop(columns="nr")) is None
    assert panel(frame.assign(nr=RNG.integers(0, 30, 8 * n))[["year", "wage"]]) is None


def test_told_missing_values_are_so_in_rows_to_come(tmp_path):
    n = 60
    frame = pd.DataFrame({"a": RNG.normal(size=n), "y": RNG.normal(size=n)})
    frame.loc[:9, "a"] = -9999
    options = FitOptions(na={"a": ("-9999",)}, recipe="mlp", hidden=(2,), epochs=1)
    path = tmp_path / "a.descend"
    fit_table(Table("t", "t", frame, "y", "", ""), options).save(path)
    predictor = TablePredictor.load(path)
    coded, noted = predictor.predict(pd.DataFrame({"a": [-9999, 0.5]}))
    empty, _ = predictor.predict(pd.DataFrame({"a": [np.nan, 0.5]}))
    pd.testing.assert_frame_equal(coded, empty)
    assert predictor.encoder.remarks(noted) == ["a: 1 missing"]
