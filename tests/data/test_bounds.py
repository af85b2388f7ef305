"""What is read at most, and that nothing beyond it is lost without a word; each file made here."""

import gzip
import json
import zipfile

import pytest

from descend.data.bounds import EXCEL_ROWS, MOST_COLUMNS
from descend.data.formula import parse
from descend.data.frames import load_frame
from descend.data.sources import load
from descend.errors import DataError


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


# -- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [",,\n", ";;\n", "\n,,\n", '"",""\n'])
def test_a_first_line_without_names_is_no_line_to_skip(tmp_path, first):
    path = write(tmp_path / "a.csv", first + "town,x,y\nUlm,1,2\nBonn,3,4\n")
    with pytest.raises(DataError, match=r"line \d: the first line should hold the columns' names"):
        load(path)


def test_blank_lines_before_the_names_are_none_of_the_rows(tmp_path):
    frame = load(write(tmp_path / "a.csv", "\n  \r\n\nk\n1\n2\n")).frame
    assert frame["k"].tolist() == [1, 2]


def test_a_header_longer_than_the_sample_is_whole(tmp_path):
    names = [f"{'a_long_name_' * 40}{i:06}" for i in range(600)]  # 292,000 characters
    path = write(tmp_path / "a.csv", ",".join(names) + "\n" + ",".join(["1"] * 600) + "\n")
    assert list(load(path).frame) == names


@pytest.mark.parametrize("size", [200_000, 2_000_000])
def test_a_huge_cell_among_the_names_is_one_clear_error(tmp_path, size):
    path = write(tmp_path / "a.csv", "x," + "n" * size + "\n1,2\n")
    with pytest.raises(DataError, match=rf"whose name is {size:,} characters"):
        load(path)


def test_too_many_columns_are_refused_wherever_they_are(tmp_path):
    names = [f"c{i}" for i in range(MOST_COLUMNS + 1)]
    row = json.dumps(dict.fromkeys(names, 1))
    paths = [
        write(tmp_path / "a.csv", ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n"),
        write(tmp_path / "one.jsonl", row + "\n"),
        # each line has few, all of them together too many
        write(
            tmp_path / "many.jsonl",
            "".join(json.dumps(dict.fromkeys(names[i::30], 1)) + "\n" for i in range(30)),
        ),
    ]
    for path in paths:
        with pytest.raises(DataError, match=r"20,00\d columns; at most 20,000 are read"):
            load(path)


def test_a_long_text_beside_a_gap_is_read(tmp_path):
    path = write(tmp_path / "a.csv", "text,x\n" + "w" * 140_000 + "\nshort,1\n")
    table = load(path)
    assert table.frame["text"].str.len().tolist() == [140_000, 5]
    assert "1 row has fewer than 2 entries (the first in line 2)" in table.note


def test_a_file_made_to_fill_a_memory_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"x,y\n")
        for _ in range(110):
            file.write(b"0" * 10**6)
    with pytest.raises(DataError, match="unpacks to more than"):
        load(path)


# -- workbooks ------------------------------------------------------------------------------------


def workbook(path, rows, extra=()):
    """A workbook as Excel packs it, with the sheet's rows as given in XML."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.save(path)
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    sheet = f"{head}<sheetData>{rows}</sheetData></worksheet>"
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in [*parts.items(), *extra]:
            new.writestr(name, content)
    return path


def cell(place, value):
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


HEAD = f'<row r="1">{cell("A1", "x")}</row><row r="2">{cell("A2", "one")}</row>'


def test_a_row_that_no_sheet_has_does_not_hang(tmp_path):
    far = 10**12
    row = f'<row r="{far}">{cell(f"A{far}", "two")}</row>'
    with pytest.raises(DataError, match=f"beyond Excel's own last row {EXCEL_ROWS:,}"):
        load(workbook(tmp_path / "a.xlsx", HEAD + row))


def test_a_column_that_no_sheet_has(tmp_path):
    with pytest.raises(DataError, match="or column 16,384"):
        load(workbook(tmp_path / "a.xlsx", HEAD + f'<row r="3">{cell("ZZZ3", "two")}</row>'))


def test_a_sheet_of_corners_makes_no_table_of_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("descend.data.bounds.SPARSE_FROM", 10**5)
    rows = "".join(f'<row r="{i}">{cell(f"XFD{i}", "v")}</row>' for i in range(3, 90))
    with pytest.raises(DataError, match="cells are filled"):
        load(workbook(tmp_path / "a.xlsx", HEAD + rows))


def test_a_workbook_made_to_fill_a_memory_is_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx", HEAD, [("xl/media/a.xml", b"0" * 120_000_000)])
    with pytest.raises(DataError, match="unpacks to more than 120 MB"):
        load(path)


# -- JSON lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ['{"a.b":1,"a":{"b":2}}', '{"a":{"b":2},"a.b":1}'])
def test_two_values_of_one_name_are_not_one(tmp_path, line):
    path = write(tmp_path / "a.jsonl", '{"a.b":3}\n' + line + "\n")
    with pytest.raises(DataError, match="line 2: 'a.b' is there twice"):
        load(path)


def test_objects_within_objects_become_columns(tmp_path):
    path = write(
        tmp_path / "a.jsonl", '{"a":{"b":1,"c":{"d":"x"}},"e":[1]}\n{"a":{"b":2},"f":{}}\n'
    )
    frame = load(path).frame
    assert list(frame) == ["e", "a.b", "a.c.d", "f"]
    assert frame["a.b"].tolist() == [1, 2]


def test_names_that_differ_from_line_to_line_fill_no_memory(tmp_path):
    lines = "".join(json.dumps({f"n{i}": i}) + "\n" for i in range(4_000))
    with pytest.raises(DataError, match="cells are filled"):
        load(write(tmp_path / "a.jsonl", lines))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"x": ' * 200 + "1" + "}" * 200, "too deep"),
        ('{"x": ' + "9" * 5_000 + "}", "is not JSON"),
        (json.dumps({"n" * 2_000: 1}), "2,000 characters long"),
    ],
)
def test_lines_that_are_no_row(tmp_path, line, message):
    with pytest.raises(DataError, match=f"line 1.*{message}"):
        load(write(tmp_path / "a.jsonl", line + "\n"))


# -- others ---------------------------------------------------------------------------------------


def test_a_frame_with_a_name_that_is_none():
    import pandas as pd

    with pytest.raises(DataError, match="5,000 characters long"):
        load_frame(pd.DataFrame({"n" * 5_000: [1]}))


def test_more_than_the_memory_of_the_machine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("descend.data.bounds._memory", lambda: 1_000)
    path = write(tmp_path / "a.csv", "x\n" + "1\n" * 200)
    with pytest.raises(DataError, match="200 rows of 1 columns take"):
        load(path)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ (x + z)**1000000",
        "y ~ x**1000000000000",
        f"y ~ ({' + '.join(f'x{i}' for i in range(60))})**6",
        f"y ~ {' * '.join(f'x{i}' for i in range(40))}",
        f"y ~ {' * '.join(['(a + b + c + d)'] * 12)}",
        "y ~ (.)**4",
    ],
)
def test_a_formula_of_too_many_terms_is_refused_before_they_are_made(formula):
    columns = [f"x{i}" for i in range(60)] + list("abcdxyz")
    with pytest.raises(DataError, match="terms; at most 5,000 are made|power"):
        parse(formula, columns)


def test_formulas_within_the_bound_have_all_their_terms():
    names = [f"x{i}" for i in range(60)]
    right = parse(f"y ~ ({' + '.join(names)})**2", [*names, "y"])[1]
    assert len(right) == 60 + 60 * 59 // 2
    right = parse("y ~ a * b * c * d * e * f", list("yabcdef"))[1]
    assert len(right) == 2**6 - 1
    assert len(parse("y ~ (a + b + c)**6", list("yabc"))[1]) == 7
