"""Text files: what is found of their encoding, delimiter and numbers, against what was written."""

import gzip
import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from data_files import peak_of, write_loans
from hypothesis import given, settings
from hypothesis import strategies as st

from descend.data import delimited
from descend.data.encoding import find_encoding
from descend.data.numerals import find_numerals, plain_numbers
from descend.data.sources import load
from descend.errors import DataError

FRAME = pd.DataFrame(
    {
        "größe": [1.5, 2.25, np.nan, 1234567.125],
        "anzahl": [1, 20, 300, 4000],
        "ort": ["Köln, am Rhein", "Ulm; oder", 'das "neue" | alte', "zwei\nZeilen"],
    }
)
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 by its byte-order mark",
    "utf-16": "UTF-16 by its byte-order mark",
    "utf-16-le": "UTF-16-LE as it seems",
    "utf-16-be": "UTF-16-BE as it seems",
    "utf-32": "UTF-32 by its byte-order mark",
    "cp1252": "read as cp1252",
    "latin-1": "read as cp1252",
}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@pytest.mark.parametrize(("encoding", "delimiter"), list(itertools.product(ENCODINGS, DELIMITERS)))
def test_a_file_of_any_encoding_and_delimiter_comes_back(tmp_path, encoding, delimiter):
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, index=False, sep=delimiter, encoding=encoding)
    table = load(path)
    pd.testing.assert_frame_equal(table.frame, FRAME)
    assert ENCODINGS[encoding] in table.note
    assert f"divided by {DELIMITERS[delimiter]}" in table.note


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_decimal_commas_are_found_and_said(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, index=False, sep=delimiter, decimal=",")
    table = load(path)
    pd.testing.assert_frame_equal(table.frame, FRAME)
    assert "decimal commas" in table.note


def test_a_byte_without_meaning_in_windows_makes_it_latin_1(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,K\xf6ln\x9d\n")
    table = load(path)
    assert table.frame["b"].tolist() == ["Köln\x9d"]
    assert "read as latin-1" in table.note


def test_the_users_encoding_is_taken_and_checked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,Łódź\n2,x\n".encode("cp1250"))
    assert load(path, encoding="cp1250").frame["b"].tolist() == ["Łódź", "x"]
    for given_, message in (
        ("utf-8", r"line 2: 0xa3 is not UTF-8"),
        ("utf-16", "holds zero bytes, and this one has none"),
        ("klingon", "no encoding 'klingon'"),
        ("base64", "no encoding 'base64'"),
    ):
        with pytest.raises(DataError, match=message):
            load(path, encoding=given_)


def test_a_wrong_encoding_deep_in_a_file_is_named_by_its_line(tmp_path):
    path = tmp_path / "a.csv"
    lines = [b"a,b"] + [b"%d,word" % i for i in range(300_000)]
    lines[250_000] = b"1,K\xf6ln"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(DataError, match="line 250001: 0xf6"):
        load(path, encoding="utf-8")
    assert find_encoding(path).note == "not UTF-8 (line 250001), read as cp1252"


def test_bytes_that_are_also_utf_8_are_remarked_upon(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,Köln\n".encode())
    assert "its bytes are valid UTF-8" in load(path, encoding="latin-1").note


def test_a_character_cut_at_the_end_is_not_utf_8(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,Köl".encode() + b"\xc3")
    with pytest.raises(DataError, match="line 2"):
        load(path, encoding="utf-8")


# -- delimiters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a b  c\n1 2  3\n  4  5 6\n", ["a", "b", "c"]),
        ('"a" "b"\n"1" 2 3\n"2" 4 5\n', ["(column 1)", "a", "b"]),
        ("a,b\nUlm,2,3\nBonn,4,5\n", ["(column 1)", "a", "b"]),
        ("name of person\nJohn Smith Miller\n", ["name of person"]),
        ("house price\n12 000\n9 500\n", ["house price"]),
        ("sep=;\na;b,c\n1;2\n", ["a", "b,c"]),
        ("price, EUR;size\n1,5;2\n2,5;3\n", ["price, EUR", "size"]),
        ("a,b;c\n1,2\n3,4\n", ["a", "b;c"]),
        ('"two\nlines",b\n1,2\n', ["two\nlines", "b"]),
        ("one\n1\n2\n", ["one"]),
    ],
)
def test_the_delimiter_is_found(tmp_path, content, columns):
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert list(load(path).frame.columns) == columns


def test_blanks_and_other_marks_may_be_asked_for(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a b\nx  y\n")
    assert load(path, delimiter="blanks").frame["b"].tolist() == ["y"]
    path.write_text("a#b\n1#2\n")
    assert load(path, delimiter="#").frame["b"].tolist() == [2]
    with pytest.raises(DataError, match="must be one character"):
        load(path, delimiter="##")


def test_quoted_line_breaks_count_as_one_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\r\n1,"x\r\ny, z"\r\n2,w\r\n')
    frame = load(path).frame
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].tolist() == ["x\r\ny, z", "w"]


# -- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "delimiter", "decimal", "thousands"),
    [
        (["1.5", "2"], ",", ".", None),
        (["1,5", "2"], ";", ",", None),
        (["1,234", "999"], ",", ".", ","),
        (["1,234", "1,5"], ";", ",", None),
        (["1,234"], ";", ",", None),
        (["1,234,567", "1,234"], ";", ".", ","),
        (["1,234.5"], ";", ".", ","),
        (["1.234", "2"], ";", ".", None),
        (["1.234.567", "2"], ";", ",", "."),
        (["1.234,5", "2"], ";", ",", "."),
        (["1.234", "0,5"], ";", ",", "."),
        (["1 234", "12\u00a0345\u202f678,5"], ";", ",", " "),
        (["1'234.5", "1\u2019234"], ",", ".", "'"),
        (["01.02.2020", "03.04.2021"], ";", ".", None),
        (["192.168.1.1"], ";", ".", None),
        (["a,b", "1,2 and 3"], ";", ".", None),
    ],
)
def test_how_numbers_are_written(words, delimiter, decimal, thousands):
    found = find_numerals([words], delimiter)
    assert (found.decimal, found.thousands) == (decimal, thousands)


def test_the_users_marks_win(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b\n1,234;2\n")
    assert load(path).frame["a"].tolist() == [1.234]
    assert load(path, decimal=".", thousands=",").frame["a"].tolist() == [1234]
    assert load(path, decimal=".", thousands="").frame["a"].tolist() == ["1,234"]
    for how, message in (
        ({"decimal": "x"}, "a point or a comma"),
        ({"thousands": "x"}, "a blank, an apostrophe or none"),
        ({"decimal": ",", "thousands": ","}, "cannot be both"),
    ):
        with pytest.raises(DataError, match=message):
            load(path, **how)


def test_what_could_have_been_read_otherwise_is_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"1,234",2\n')
    table = load(path)
    assert table.frame["a"].tolist() == [1234]
    assert "1,234 is read as 1234" in table.note
    path.write_text("a;b\n1,5;2.25\n3,5;4.25\n1,5;x\n")
    assert "numbers with decimal commas (3) and points (2)" not in load(path).note  # b is text
    path.write_text("a;b\n1,5;2.25\n3,5;4.25\n1,5;1\n")
    assert "numbers with decimal commas (3) and points (2)" in load(path).note


@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e9, 1e9).map(lambda v: round(v, 3))),
        min_size=2,
        max_size=30,
    ).filter(lambda v: any(isinstance(x, float) for x in v)),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", " ")]),
)
@settings(max_examples=80, deadline=None)
def test_numbers_written_with_marks_are_read_back(values, marks):
    decimal, thousands = marks
    swap = str.maketrans({",": thousands, ".": decimal})
    words = [None if v is None else f"{v:,.3f}".translate(swap) for v in values]
    found = find_numerals([[w or "" for w in words]], ";", decimal, thousands)
    column, _ = plain_numbers(pd.Series(words, dtype="str"), found)
    np.testing.assert_array_equal(
        column.to_numpy(float), np.array([np.nan if v is None else v for v in values])
    )


def test_a_stranger_among_numbers_stays_to_be_seen(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b\n" + "1.234,5;1\n" * 30 + "n/k;2\n")
    column = load(path).frame["a"]
    assert column.iloc[0] == "1234.5"
    assert column.iloc[-1] == "n/k"


def test_truths_among_decimal_commas_stay_truths(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b\n1,5;True\n2,5;\n3,5;False\n")
    frame = load(path).frame
    assert frame["a"].tolist() == [1.5, 2.5, 3.5]
    assert frame["b"].tolist()[::2] == [True, False]


def test_dates_and_addresses_are_no_thousands(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b;c\n1.234,5;01.02.2020;10.0.0.1\n2.500,0;03.04.2020;10.0.0.2\n")
    frame = load(path).frame
    assert frame["a"].tolist() == [1234.5, 2500.0]
    assert frame["b"].tolist() == ["01.02.2020", "03.04.2020"]
    assert frame["c"].tolist() == ["10.0.0.1", "10.0.0.2"]


def test_a_code_keeps_its_zeros(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("zip,share\n01067,0.5\n10115,0.25\n")
    frame = load(path).frame
    assert frame["zip"].tolist() == ["01067", "10115"]
    assert frame["share"].tolist() == [0.5, 0.25]


# -- in pieces --------------------------------------------------------------------------------


def write_long(path, rows=60_000):
    """A file of several pieces whose columns change their kind on the way."""
    i = np.arange(rows)
    late = i >= rows - 10
    frame = pd.DataFrame(
        {
            "whole": i,
            "gap": pd.array(np.where(i % 7 == 0, -1, i), dtype="Int64"),
            "late word": np.where(late, "n/k", i.astype(str)),
            "late number": np.where(late, "1.5", ""),
            "late text": np.where(late, "x", ""),
            "true then word": np.where(late, "maybe", np.where(i % 2, "True", "False")),
            "true": np.where(i % 3 == 0, "True", "False"),
            "true or missing": np.where(late, "", np.where(i % 3 == 0, "True", "False")),
            "real": i / 8,
            "word": np.char.add("w", (i % 50).astype(str)),
        }
    )
    frame.loc[frame["gap"] == -1, "gap"] = pd.NA
    frame.to_csv(path, index=False)


def test_a_file_read_in_pieces_is_as_if_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "long.csv"
    write_long(path)
    whole = pd.read_csv(path, low_memory=False)
    monkeypatch.setattr(delimited, "CHUNK", 2**17)
    found = load(path).frame
    pd.testing.assert_frame_equal(found, whole)


def test_a_malformed_line_in_a_later_piece_is_named(tmp_path, monkeypatch):
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 50_000 + "1,2,3\n" + "1,2\n" * 10)
    monkeypatch.setattr(delimited, "CHUNK", 2**16)
    with pytest.raises(DataError, match="line 50002: expected 2 fields, found 3"):
        load(path)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize(
    "rows", [300_000, pytest.param(2_000_000, marks=pytest.mark.slow)], ids=["300k", "2M"]
)
def test_reading_takes_less_than_three_times_the_frame(tmp_path, rows):
    write_loans(tmp_path / "loans.csv", rows)
    write_loans(tmp_path / "few.csv", 1000)
    peak, size, shape = peak_of(tmp_path / "loans.csv", tmp_path / "few.csv")
    assert shape == (rows, 10)
    assert size / 2 < peak < 3 * size  # below half of it, nothing was measured


def test_a_compressed_file_is_read_alike(tmp_path):
    write_loans(tmp_path / "a.csv", 500)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    pd.testing.assert_frame_equal(load(tmp_path / "a.csv").frame, load(tmp_path / "a.csv.gz").frame)
