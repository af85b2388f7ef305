"""Parquet, Stata, Excel and JSON lines, each written by another library."""

import datetime
import json
import sys

import numpy as np
import pandas as pd
import pytest
from data_files import peak_of, write_loans

from descend.data.sources import load
from descend.errors import DataError, MissingExtraError
from descend.tables.describe import judge
from descend.tables.encoder import Encoder

# -- Stata --------------------------------------------------------------------------------------

LABELLED = pd.DataFrame(
    {
        "health": pd.Categorical(
            ["good", "poor", None, "fair"], ["poor", "fair", "good", "excellent"], ordered=True
        ),
        "income": [1000.5, np.nan, 30.0, 4.0],
        "age": np.array([41, 25, 33, 19], np.int8),
        "town": ["Köln", "", "Ulm", "Bonn"],
        "born": pd.to_datetime(["1980-01-31", "1999-12-01", None, "2001-05-05"]),
    }
)
LABELS = {"health": "self-rated health", "income": "monthly, in euro"}


@pytest.mark.parametrize("version", [114, 117, 118, 119])
def test_stata_labels_types_and_dates(tmp_path, version):
    path = tmp_path / "people.dta"
    LABELLED.to_stata(
        path,
        write_index=False,
        version=version,
        variable_labels=LABELS,
        data_label="a survey",
        convert_dates={"born": "td"},
    )
    table = load(path)
    frame = table.frame
    assert table.labels == LABELS
    assert table.note == (
        "Stata file, 'a survey'; value labels as categories without an order: health (--kind "
        "health=ordered takes the order of its codes)"
    )
    assert table.name == "people"
    assert not frame["health"].cat.ordered
    assert frame["health"].cat.categories.tolist() == ["poor", "fair", "good"]
    assert frame["health"].astype("object").tolist()[:2] == ["good", "poor"]
    assert frame["health"].isna().tolist() == [False, False, True, False]
    np.testing.assert_array_equal(frame["income"], LABELLED["income"])
    assert frame["age"].tolist() == [41, 25, 33, 19]
    assert frame["town"].fillna("-").tolist() == ["Köln", "-", "Ulm", "Bonn"]
    assert frame["born"].iloc[0] == pd.Timestamp("1980-01-31")
    assert frame["born"].isna().tolist() == [False, False, True, False]


def test_value_labels_have_no_order_unless_asked_for_and_then_that_of_their_codes(tmp_path):
    path = tmp_path / "a.dta"
    frame = pd.DataFrame({"grade": np.array([3, 1, 2, 1], np.int8)})
    frame.to_stata(path, write_index=False, value_labels={"grade": {3: "A", 1: "C", 2: "B"}})
    column = load(path).frame["grade"]
    assert column.cat.categories.tolist() == ["C", "B", "A"]
    assert judge("grade", column).kind == "category"
    asked = judge("grade", column, "ordered")
    assert (asked.kind, asked.why) == ("ordered", "as asked for: C < B < A")
    encoder = Encoder.fit(column.to_frame(), kinds={"grade": "ordered"})
    assert encoder.names() == ["grade>=B", "grade>=A"]
    asked = judge("grade", pd.Series(["mid", "low", "high", "low"]), "ordered")
    assert (asked.why, asked.doubt) == (
        "as asked for: high < low < mid, the order of the alphabet",
        True,
    )


def test_labels_of_some_values_leave_a_number(tmp_path):
    path = tmp_path / "a.dta"
    frame = pd.DataFrame(
        {"age": np.array([-9, 41, 25], np.int8), "b": np.array([1, 2, 1], np.int8)}
    )
    frame.to_stata(
        path,
        write_index=False,
        value_labels={"age": {-9: "refused"}, "b": {1: "yes", 2: "no"}},
    )
    table = load(path)
    assert list(table.frame.columns) == ["age", "b"]
    assert table.frame["age"].tolist() == [-9, 41, 25]
    assert table.frame["b"].tolist() == ["yes", "no", "yes"]
    assert "labels of some values or of two alike are not used: age" in table.note


def test_two_codes_of_one_label_leave_a_number(tmp_path):
    path = tmp_path / "a.dta"
    frame = pd.DataFrame({"a": np.array([1, 2, 3], np.int8), "b": np.array([1, 2, 1], np.int8)})
    frame.to_stata(
        path,
        write_index=False,
        value_labels={"a": {1: "one", 2: "two", 3: "tow"}, "b": {1: "yes", 2: "no"}},
    )
    content = path.read_bytes()
    assert content.count(b"tow") == 1
    path.write_bytes(content.replace(b"tow", b"two"))
    table = load(path)
    assert table.frame["a"].tolist() == [1, 2, 3]
    assert table.frame["b"].tolist() == ["yes", "no", "yes"]
    assert table.note.endswith("not used: a")


def test_stata_in_pieces_is_as_if_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.dta"
    grades = pd.Categorical.from_codes(np.arange(90) % 3, ["C", "B", "A"])
    frame = pd.DataFrame({"grade": grades, "n": np.arange(90, dtype=np.int16)})
    frame = frame.sort_values("grade", ascending=False).reset_index(drop=True)
    frame.loc[5, "grade"] = None
    frame.loc[:40, "n"] = 3
    frame.to_stata(path, write_index=False)
    monkeypatch.setattr("descend.data.formats.STATA_ROWS", 7)  # each with one grade or two
    pd.testing.assert_frame_equal(load(path).frame, frame, check_categorical=True)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.3, 0.5, 0.9])
def test_a_stata_file_cut_short(tmp_path, share):
    path = tmp_path / "a.dta"
    LABELLED.to_stata(path, write_index=False, version=118, convert_dates={"born": "td"})
    content = path.read_bytes()
    path.write_bytes(content[: max(1, int(len(content) * share))])
    with pytest.raises(DataError, match="not a whole Stata file"):
        load(path)


# -- Excel --------------------------------------------------------------------------------------


def workbook(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


ROWS = [
    ["town", "size", "sold", "when"],
    ["Köln", 1.5, True, datetime.datetime(2020, 1, 31)],
    ["Ulm", None, False, datetime.datetime(2021, 2, 1)],
    [None, 3, True, None],
]


def test_the_first_sheet_that_holds_anything_is_read(tmp_path):
    path = workbook(tmp_path / "a.xlsx", Notes=[], Homes=ROWS, Other=[["x"], [1]])
    table = load(path)
    frame = table.frame
    assert frame.columns.tolist() == ["town", "size", "sold", "when"]
    assert frame["town"].fillna("-").tolist() == ["Köln", "Ulm", "-"]
    np.testing.assert_array_equal(frame["size"].to_numpy(float), [1.5, np.nan, 3])
    assert frame["sold"].tolist() == [True, False, True]
    assert pd.api.types.is_datetime64_any_dtype(frame["when"].dtype)
    assert table.note == "Excel workbook, sheet 'Homes' (others: Notes, Other)"


def test_a_sheet_by_name_or_number(tmp_path):
    path = workbook(tmp_path / "a.xlsx", Homes=ROWS, Other=[["x"], [1]])
    assert load(path, sheet="Other").frame["x"].tolist() == [1]
    assert load(path, sheet="2").frame["x"].tolist() == [1]
    with pytest.raises(DataError, match="no sheet 'other'; its sheets: Homes, Other"):
        load(path, sheet="other")


def test_rows_and_columns_that_are_empty_are_left_out(tmp_path):
    rows = [[None] * 5, [None] * 5, ["a", "b", None, None, "c"], [1, 2, None, None, 3], [None] * 5]
    path = workbook(tmp_path / "a.xlsx", One=[*rows, [4, 5, None, "kept", 6]])
    frame = load(path).frame
    assert frame.columns.tolist() == ["a", "b", "(column 4)", "c"]
    assert frame["a"].tolist() == [1, 4]
    assert frame["(column 4)"].fillna("-").tolist() == ["-", "kept"]


def test_words_and_errors_of_excel_that_mean_missing(tmp_path):
    rows = [["a", "b"], [1, "x"], ["#N/A", "NA"], ["=1/0", ""], [4, "y"]]
    frame = load(workbook(tmp_path / "a.xlsx", One=rows)).frame
    # the formula was never reckoned by Excel, so the file holds no value of it
    np.testing.assert_array_equal(frame["a"], [1, np.nan, 4])
    assert frame["b"].fillna("-").tolist() == ["x", "-", "y"]


def test_a_workbook_in_pieces_is_as_if_read_whole(tmp_path, monkeypatch):
    rows = [["a", "b", "c"]] + [[i, f"w{i}", None if i < 50 else i / 2] for i in range(100)]
    path = workbook(tmp_path / "a.xlsx", One=rows)
    whole = load(path).frame
    monkeypatch.setattr("descend.data.formats.EXCEL_BLOCK", 7)
    pd.testing.assert_frame_equal(load(path).frame, whole)
    pd.testing.assert_frame_equal(whole, pd.read_excel(path))


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ({"A": [], "B": []}, "none of its sheets holds anything"),
        ({"A": [["a", "b"]]}, "2 column names and no rows"),
        ({"A": [["a", "b", "a"], [1, 2, 3]]}, "more than one column called 'a'"),
        ({"A": [[1, 2], [3, 4]]}, "should hold the columns' names"),
    ],
)
def test_a_bad_workbook_is_one_clear_error(tmp_path, sheets, message):
    path = workbook(tmp_path / "a.xlsx", **sheets)
    with pytest.raises(DataError, match=message):
        load(path)


def test_a_damaged_workbook(tmp_path):
    path = workbook(tmp_path / "a.xlsx", Homes=ROWS * 50)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not a whole Excel workbook"):
        load(path)
    middle = len(content) // 2
    path.write_bytes(content[:middle] + b"\0" * 200 + content[middle + 200 :])
    with pytest.raises(DataError, match="not a whole Excel workbook"):
        load(path)


def test_excel_without_openpyxl_names_the_extra(tmp_path, monkeypatch):
    import sys

    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"'openpyxl'.*descend\[excel\]"):
        load(path)


def test_numbers_written_as_text_in_a_workbook_are_numbers(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    frame = pd.DataFrame(
        {
            "Preis": ["300.000,00", "466.274,99", "1,50"],
            "Satz": ["1,5 %", "2 %", "NA"],
            "Ort": ["NA", "Köln", "Ulm"],
            "x": [1.5, 2.5, 3.5],
        }
    )
    frame.to_excel(path, index=False)
    table = load(path, keep_na=("Ort",))
    np.testing.assert_allclose(table.frame["Preis"], [300_000, 466_274.99, 1.5])
    np.testing.assert_allclose(table.frame["Satz"], [0.015, 0.02, np.nan])
    assert table.frame["Ort"].tolist() == ["NA", "Köln", "Ulm"]
    assert table.frame["x"].tolist() == [1.5, 2.5, 3.5]
    assert "decimal commas, points between thousands; Satz: 9% is read as 0.09" in table.note
    assert "read as missing: Ort 1 x 'NA'" in load(path).note
    assert load(path, decimal=".", thousands="").frame["Preis"].iloc[0] == "300.000,00"


# -- JSON lines ---------------------------------------------------------------------------------

RECORDS = [
    {"age": 41, "town": {"name": "Köln", "size": 1.1}, "key": "007", "paid": True},
    {"age": None, "town": {"name": "Ulm"}, "key": "008", "paid": False},
    {"age": 33.5, "key": "009", "paid": True, "later": "x"},
]


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".ndjson"])
def test_json_lines(tmp_path, ending):
    import gzip

    path = tmp_path / f"a{ending}"
    text = "\n".join(json.dumps(r, ensure_ascii=False) for r in RECORDS) + "\n\n"
    path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    table = load(path)
    frame = table.frame
    assert table.name == "a"
    assert set(frame.columns) == {"age", "town.name", "town.size", "key", "paid", "later"}
    np.testing.assert_array_equal(frame["age"], [41, np.nan, 33.5])
    assert frame["key"].tolist() == ["007", "008", "009"]  # a key stays one
    assert frame["town.name"].fillna("-").tolist() == ["Köln", "Ulm", "-"]
    assert frame["later"].fillna("-").tolist() == ["-", "-", "x"]


def test_json_lines_in_pieces_are_as_if_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    records = [{"a": i, "b": f"w{i}", **({"c": i / 2} if i > 50 else {})} for i in range(100)]
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    whole = load(path).frame
    monkeypatch.setattr("descend.data.formats.LINES", 7)
    pd.testing.assert_frame_equal(load(path).frame, whole)
    pd.testing.assert_frame_equal(whole, pd.DataFrame(records))


def test_a_deeply_nested_line_is_no_crash(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}")
    with pytest.raises(DataError, match="line 1"):
        load(path)


# -- Parquet ------------------------------------------------------------------------------------


def test_parquet_keeps_categories_and_their_order(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    LABELLED.to_parquet(path)
    frame = load(path).frame
    assert frame["health"].cat.ordered
    assert frame["health"].cat.categories.tolist() == ["poor", "fair", "good", "excellent"]
    assert frame["born"].iloc[0] == pd.Timestamp("1980-01-31")


def test_a_named_index_of_parquet_is_a_column_and_a_nameless_one_is_not(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"x": [1.5, 2.5]}, index=pd.Index(["a", "b"], name="key"))
    frame.to_parquet(path)
    found = load(path).frame
    assert found["x"].tolist() == [1.5, 2.5]
    assert found["key"].tolist() == ["a", "b"]
    frame.rename_axis(None).to_parquet(path)
    assert load(path).frame.columns.tolist() == ["x"]


# -- any of them --------------------------------------------------------------------------------


def write_as(path, frame):
    """Write a frame as the ending says, by pandas."""
    ending = path.name.partition(".")[2]
    if ending == "xlsx":
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    elif ending == "dta":
        frame.to_stata(path, write_index=False, version=118)
    elif ending == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    elif ending.startswith("jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)


KINDS = ["csv", "csv.gz", "jsonl", "jsonl.gz", "dta", "xlsx", "parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_never_end_in_another_error(tmp_path, kind):
    """Bytes changed or cut out at random: a table, or one clear error that names the file."""
    whole, path = tmp_path / f"whole.{kind}", tmp_path / f"damaged.{kind}"
    write_as(whole, LABELLED.astype({"health": "str", "born": "str"}))
    content, rng = whole.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        damaged = bytearray(content)
        for place in rng.integers(0, len(damaged), rng.choice([0, 1, 3, 20])):
            damaged[place] = rng.integers(256)
        begin = rng.integers(len(damaged))
        del damaged[begin : begin + rng.choice([0, 1, 10, 100, 10_000])]
        path.write_bytes(bytes(damaged))
        try:
            load(path)
        except DataError as error:
            refused += 1
            assert path.name in str(error)  # noqa: PT017 - not every damage is one
    assert refused > 5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize("kind", ["parquet", "dta", "jsonl", "xlsx"])
def test_reading_takes_less_than_three_times_the_frame(tmp_path, kind):
    write_loans(tmp_path / "loans.csv", 400_000)
    frame = pd.read_csv(tmp_path / "loans.csv").rename(columns={"default": "late"})
    write_as(tmp_path / f"loans.{kind}", frame)
    write_as(tmp_path / f"few.{kind}", frame.head(1000))
    peak, size, shape = peak_of(tmp_path / f"loans.{kind}", tmp_path / f"few.{kind}")
    assert shape == (400_000, 10)
    assert size / 2 < peak < 3 * size
