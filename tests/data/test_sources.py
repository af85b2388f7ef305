"""Tables by name and from files."""

import gzip

import numpy as np
import pandas as pd
import pytest

from descend.data.sources import BUILT_IN, load
from descend.errors import DataError

SHAPES = {
    "iris": (150, 5, "species"),
    "digits": (1797, 65, "digit"),
    "wine": (178, 14, "class"),
    "breast_cancer": (569, 31, "diagnosis"),
    "diabetes": (442, 11, "progression"),
    "fair": (6366, 9, "affairs"),
    "randhie": (20190, 10, "mdvis"),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_tables_have_their_rows_and_target(name):
    table = load(name)
    rows, columns, target = SHAPES[name]
    assert table.frame.shape == (rows, columns)
    assert table.target == target
    assert target in table.frame.columns
    assert not table.frame.isna().any(axis=None)
    assert load(name).digest == table.digest


def test_classes_carry_their_names():
    assert set(load("iris").frame["species"]) == {"setosa", "versicolor", "virginica"}
    assert load("breast_cancer").frame["diagnosis"].value_counts()["malignant"] == 212


FRAME = pd.DataFrame({"size": [1.5, 2.0, np.nan], "town": ["Ulm", "Bonn, am Rhein", "Köln"]})


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"])
def test_a_file_comes_back_as_it_was_written(tmp_path, ending):
    path = tmp_path / f"homes{ending}"
    if ending == ".parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="\t" if "tsv" in ending else ",")
    table = load(path)
    pd.testing.assert_frame_equal(table.frame, FRAME)
    assert table.name == "homes"
    assert table.target is None


def test_semicolons_a_byte_order_mark_and_blanks_are_understood(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffa; b\n1; x\n2; y\n".encode())
    frame = load(path).frame
    assert list(frame.columns) == ["a", "b"]
    assert frame["b"].tolist() == ["x", "y"]


def test_a_nameless_column_of_row_numbers_gets_a_name(tmp_path):
    path = tmp_path / "a.csv"
    FRAME.to_csv(path)
    assert list(load(path).frame.columns) == ["(column 1)", "size", "town"]


BAD = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n\n", "is empty"),
    "names.csv": (b"a,b\n", "no rows"),
    "twice.csv": (b"a,b,a\n1,2,3\n", "more than one column called 'a'"),
    "long.csv": (b"a,b\n1,2\n3,4,5\n", "line 3: expected 2 fields, found 3"),
    "longer.csv": (b"a,b\n1,2,3\n3,4,5\n", "the rows have more fields"),
    "quote.csv": (b'a,b\n1,"2\n3,4\n', "never closed"),
    "half.csv": (
        "a,b\n1,Köln\n2,Über\n3,Gräz\n".encode() + b"4,\xf6\n",
        "line 5: a byte that is not",
    ),
    "bytes.csv": (b"a\0b,c\n1,2\n", "not a text file"),
    "plain.csv.gz": (b"a,b\n1,2\n", "not compressed by gzip"),
    "cut.csv.gz": (gzip.compress(b"a,b\n1,2\n" * 99)[:-20], "damaged"),
    "text.parquet": (b"a,b\n1,2\n", "not a whole Parquet file"),
    "nothing.parquet": (b"", "is empty"),
    "numbers.csv": (b"5.1,3.5\n4.9,3.0\n", "Put a line of names first"),
    "table.xlsx": (b"PK", "not a whole Excel workbook"),
    "old.xlsx": (b"\xd0\xcf\x11\xe0 and so on", "old .xls workbook or has a password"),
    "table.xls": (b"\xd0\xcf\x11\xe0", "Save it as .xlsx"),
    "table.sav": (b"$FL2", "Export it from SPSS"),
    "text.dta": (b"a,b\n1,2\n", "not a whole Stata file"),
    "list.jsonl": (b'[{"a": 1}]\n', "line 1: expected an object"),
    "cut.jsonl": (b'{"a": 1}\n{"a": \n', "line 2 is not JSON"),
    "twice.jsonl": (b'{"a": 1, "a": 2}\n', "line 1 has more than one column called 'a'"),
    "blank.jsonl": (b"\n\n", "is empty"),
    "latin.jsonl": ('{"a": 1}\n{"a": "Köln"}'.encode("latin-1"), "line 2 is not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_clear_error(tmp_path, name):
    content, message = BAD[name]
    path = tmp_path / name
    if name.endswith(".xlsx"):
        pytest.importorskip("openpyxl")
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(path)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_a_parquet_file_cut_short(tmp_path):
    path = tmp_path / "a.parquet"
    FRAME.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="not a whole Parquet file"):
        load(path)


def test_a_folder_and_a_name_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(DataError, match="Did you mean 'iris'"):
        load("irsi")
    (tmp_path / "houses.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"Did you mean 'houses\.csv'"):
        load(tmp_path / "house.csv")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    import sys

    from descend.errors import MissingExtraError

    file = tmp_path / "t.parquet"
    file.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"'pyarrow'.*descend\[parquet\]"):
        load(str(file))


def test_a_setting_that_does_not_go_with_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"sheet is for files ending in \.xlsx"):
        load(path, sheet="1")
    with pytest.raises(DataError, match="no setting 'colour'"):
        load(path, colour="red")
    with pytest.raises(DataError, match="iris is a built-in table; encoding is for files"):
        load("iris", encoding="utf-8")
    assert load(path, sheet=None).frame.shape == (1, 2)
