"""`descend describe` as a user meets it."""

import io
import sqlite3
import subprocess
import sys
from xml.etree import ElementTree

import pandas as pd
import pytest

from descend.cli.main import run
from descend.data.sources import load
from descend.tables.describe import describe


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DESCEND_DB", raising=False)


LOANS = "id;betrag;zins;ort;zip;offen\n" + "".join(
    f"{i};{i % 7}.{i:03d},50;{i % 5},25;{'Köln' if i % 3 else 'Ulm & Bonn'};0{1000 + i % 9};"
    f"{'true' if i % 2 else 'false'}\n"
    for i in range(100, 160)
)


def write_loans():
    with open("loans.csv", "wb") as file:
        file.write(LOANS.encode("cp1252"))


def test_all_that_is_known_of_a_table(capsys):
    write_loans()
    assert run(["describe", "loans.csv"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "columns divided by semicolons",
        "read as cp1252",
        "decimal commas",
        "60 rows x 6 columns",
        "0 rows equal to an earlier one",
        "id   every number is different, and its name is of a key",
        "0.25 to 4.25, median 2.25",
        "Köln 67%, Ulm & Bonn 33%",
        "digits that begin with 0: 9 codes",
    ):
        assert " ".join(part.split()) in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


def test_a_built_in_table_and_quiet(capsys):
    assert run(["describe", "iris", "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].split() == ["column", "kind", "values", "missing", "distinct"]


def test_formats_hold_the_same_cells(capsys):
    write_loans()
    table = load("loans.csv")
    expected = describe(table.frame, {"zip": "number"}).astype("str")
    arguments = ["describe", "loans.csv", "--kind", "zip=number", "--format"]
    assert run([*arguments, "csv"]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert run([*arguments, "html"]) == 0
    tree = ElementTree.fromstring(capsys.readouterr().out.replace("class=number", ""))
    rows = [[cell.text or "" for cell in row] for row in tree.find("tbody")]
    assert rows == expected.to_numpy().tolist()
    assert run([*arguments, "latex"]) == 0
    shown = capsys.readouterr().out
    assert r"Ulm \& Bonn 33\%" in shown
    body = shown.split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert body.count(r"\\") == len(expected)
    assert all(line.count(" & ") == 9 for line in body.strip().splitlines())


def test_a_query(capsys, monkeypatch):
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect("bank.db") as connection:
        connection.execute("CREATE TABLE loans (id INTEGER, town TEXT)")
        connection.executemany("INSERT INTO loans VALUES (?, ?)", [(5, "Ulm"), (9, "Ulm")])
    connection.close()
    query = ["describe", "--sql", "SELECT * FROM loans"]
    assert run([*query, "--db", "sqlite:///bank.db"]) == 0
    first = capsys.readouterr().out
    assert "2 rows x 2 columns" in first
    monkeypatch.setenv("DESCEND_DB", "sqlite:///bank.db")
    assert run(query) == 0
    assert capsys.readouterr().out == first


def test_stata_labels_are_shown(capsys):
    frame = pd.DataFrame({"income": [1.5, 2.5, 4.0]})
    frame.to_stata("a.dta", write_index=False, variable_labels={"income": "monthly, in euro"})
    assert run(["describe", "a.dta"]) == 0
    assert "monthly, in euro" in capsys.readouterr().out


def test_the_help_imports_nothing_heavy():
    code = (
        "import sys, descend.cli.main as m; m.run(['describe', '--help']);"
        "heavy = {'jax', 'numpy', 'pandas', 'rich', 'sklearn', 'sqlalchemy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "DESCEND_DB" in done.stdout


MISTAKES = [
    ("describe", 2, "Missing argument 'DATA'"),
    ("describe iris --sql x", 2, "not both"),
    ("describe --sql x", 2, "--sql needs --db"),
    ("describe --sql x --db sqlite:///a.db --sheet 1", 2, "--sheet is for files"),
    ("describe iris --format pdf", 2, "pdf"),
    ("describe iris --kind species", "expected COLUMN=KIND"),
    ("describe iris --kind species=categroy", "Did you mean 'category'"),
    ("describe iris --kind spcies=category", "Did you mean 'species'"),
    ("describe iris --kind species=number", "row 1 holds 'setosa'"),
    ("describe iris --encoding utf-8", "is a built-in table"),
    ("describe empty.csv", "is empty (0 bytes)"),
    ("describe words.csv --encoding ascii", "line 3: 0xe4 is not ASCII"),
    ("describe words.csv --encoding latin1 --delimiter ;;", "must be one character"),
    ("describe words.csv --decimal x", "a point or a comma"),
    ("describe words.csv --sheet 2", "sheet is for files ending in .xlsx"),
    ("describe twice.csv", "more than one column called 'a'"),
    ("describe cut.dta", "not a whole Stata file"),
    ("describe cut.parquet", "not a whole Parquet file"),
    ("describe rows.jsonl", "line 2 is not JSON"),
    ("describe loans.xls", "Save it as .xlsx"),
]
FILES = {
    "empty.csv": b"",
    "words.csv": "a,b\n1,x\n2,Gäa\n".encode("latin-1"),
    "twice.csv": b"a,b,a\n1,2,3\n",
    "cut.dta": b"<stata_dta><header><release>118</release>",
    "cut.parquet": b"PAR1 and nothing more",
    "rows.jsonl": b'{"a": 1}\n{"a": }\n',
    "loans.xls": b"\xd0\xcf\x11\xe0",
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_clear_line(mistake, capsys):
    arguments, *status, wanted = mistake
    for name, content in FILES.items():
        with open(name, "wb") as file:
            file.write(content)
    assert run(arguments.split()) == (status[0] if status else 1)
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert wanted in shown.err
    assert shown.out == ""
