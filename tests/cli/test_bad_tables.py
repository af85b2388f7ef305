"""What is wrong with a table, a column or a file is one clear line, and nothing is written."""

import os

import numpy as np
import pytest

from descend.cli.main import run
from descend.data.delimited import read_delimited

N = 60


def columns():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=N).round(3), rng.normal(size=N).round(3)
    return {"x": x, "z": z, "y": (x + z).round(3), "t": np.where(x > 0, "yes", "no")}


def changed(name, row, value):
    table = columns()
    table[name] = table[name].astype(object)
    table[name][row - 1] = value
    return table


def only(*names, **more):
    return {name: columns()[name] for name in names} | more


def csv(table):
    lines = [",".join(map(str, row)) for row in zip(*table.values(), strict=True)]
    return "\n".join([",".join(table), *lines, ""]).encode()


def rows(table, n):
    return {name: values[:n] for name, values in table.items()}


FILES = {
    "good.csv": lambda: csv(columns()),
    "blank.csv": lambda: b"\n\n",
    "names.csv": lambda: csv(rows(columns(), 0)),
    "numbers.csv": lambda: b"1,2,3\n4,5,6\n",
    "one_column.csv": lambda: csv(only("x")),
    "one_row.csv": lambda: csv(rows(columns(), 1)),
    "one_value.csv": lambda: csv(only("x", t=["a"] * N)),
    "one_number.csv": lambda: csv(only("x", t=[3] * N)),
    "one_group.csv": lambda: csv(only("x", "t", g=["a"] * N)),
    "lonely.csv": lambda: csv(changed("t", 6, "maybe")),
    "missing.csv": lambda: csv(only(e=[""] * N, t=columns()["t"])),
    "no_target.csv": lambda: csv(only("x", t=[""] * N)),
    "word.csv": lambda: csv(changed("x", 18, "abc")),
    "names_only.csv": lambda: csv({"key": [f"k{i}" for i in range(N)], "t": columns()["t"]}),
    "infinite.csv": lambda: csv(changed("y", 4, "inf")),
    "huge.csv": lambda: csv(changed("x", 4, "1e999")),
    "minus.csv": lambda: csv(only("x", "t", w=[-1] + [1] * (N - 1))),
    "zeros.csv": lambda: csv(only("x", "t", w=[0] * N)),
    "soon.csv": lambda: csv(only("x", "t", d=["soon"] * N)),
    "other_columns.csv": lambda: csv({"a": [1.0] * N, "t": columns()["t"]}),
    "other_classes.csv": lambda: csv(columns() | {"t": ["left", "right"] * (N // 2)}),
    "other_kind.csv": lambda: csv(columns() | {"x": ["red", "blue"] * (N // 2)}),
    "more_fields.csv": lambda: b"a,b\n1,2\n3,4,5\n",
    "quote.csv": lambda: b'a,b\n1,"2\n3,4\n',
    "binary.csv": lambda: b"a,b\n1,2\n\x00\x00,3\n",
    "not_a_model.descend": lambda: b"nothing that descend wrote",
}
BAD = [
    ("fit blank.csv", "blank.csv is empty"),
    ("fit names.csv", "has 4 column names and no rows"),
    ("fit numbers.csv", "first line should hold the columns' names"),
    ("fit one_column.csv", "no column is left to predict from"),
    ("fit one_row.csv", "1 rows with a known target, too few"),
    ("fit one_value.csv", "the target 't' is constant: 'a' in all 60 rows"),
    ("fit one_number.csv", "the target 't' is constant: 3 in all 60 rows"),
    ("fit one_group.csv --target t --group g", "there is one group in 60 rows"),
    ("fit lonely.csv", "the class 'maybe' has 1 row(s)"),
    ("fit missing.csv", "e: empty: missing in all 36 training rows"),
    ("fit no_target.csv", "the target 't' is missing in all 60 rows"),
    ("fit word.csv --kind x=number", "holds 'abc'"),
    ("fit names_only.csv", "key: identifier"),
    ("fit infinite.csv --target y", "infinite value(s), the first in row 4"),
    ("fit huge.csv --target t", "the column 'x' holds 1 infinite value(s)"),
    ("fit minus.csv --target t --weight w", "got '-1' in row 1"),
    ("fit zeros.csv --target t --weight w", "the weights 'w' are all zero"),
    ("fit soon.csv --target t --time d", "the time in row 1 is 'soon'"),
    ("fit more_fields.csv", "line 3: expected 2 fields, found 3"),
    ("fit quote.csv", "a quote is opened and never closed"),
    ("fit binary.csv", "line 3 holds a zero byte"),
    ("fit nowhere.csv", "there is no file 'nowhere.csv'"),
    ("fit good.csv --target t --test other_columns.csv", "other_columns.csv has no column 'x'"),
    ("fit good.csv --target t --test other_classes.csv", "60 of 60 rows are of classes that no"),
    ("fit good.csv --target t --test other_kind.csv", "should hold numbers"),
    ("fit good.csv --target y --task classification", "60 different values in 60 rows"),
    ("fit good.csv --target t --task regression", "regression needs numbers"),
    ("fit good.csv --target y --task count", "counts must not be negative"),
    ("fit good.csv --target y --task share", "shares must lie in"),
    ("fit good.csv --target y --task censored", "must not be negative"),
    ("fit good.csv --test-share .9", "leave nothing to train on"),
    ("fit good.csv --validation-share 0", "validation share"),
    ("fit good.csv -o good.csv", "it is also read from"),
    ("fit good.csv -o nofolder/a.descend", "there is no folder nofolder"),
    ("fit good.csv --report a.pdf", "ends in .html"),
    ("predict not_a_model.descend good.csv", "not a file that descend wrote"),
    ("predict nowhere.descend good.csv", "no such file"),
    ("predict good.csv good.csv", "not a file that descend wrote"),
    ("report not_a_model.descend good.csv", "not a file that descend wrote"),
    ("describe good.csv --kind x=date", "should hold dates"),
]
MODEL = "fit good.csv --target t --recipe mlp --hidden 3 --epochs 2 -q -o good.descend"
OF_ANOTHER_TABLE = [
    ("predict good.descend iris", "iris lacks 3 columns that the model needs"),
    ("predict good.descend one_column.csv", "lacks 2 columns"),
    ("predict good.descend other_kind.csv", "should hold numbers, as in training"),
    ("predict good.descend names.csv", "no rows"),
    ("predict good.descend good.csv -o good.descend", "it is also read from"),
    ("predict good.descend good.csv -o nofolder/p.csv", "there is no folder nofolder"),
    ("report good.descend iris", "is not the table that good.descend was fitted on"),
    ("report good.descend word.csv", "the test rows found in word.csv are not those"),
    ("compare good.descend nowhere.descend", "no such file"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for name, content in FILES.items():
        (folder / name).write_bytes(content())
    before = os.getcwd()
    os.chdir(folder)
    assert run(MODEL.split()) == 0
    os.chdir(before)
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"), [*BAD, *OF_ANOTHER_TABLE], ids=lambda words: words[:60]
)
def test_a_mistake_is_one_clear_line_and_nothing_is_written(
    arguments, message, folder, monkeypatch, capsys
):
    monkeypatch.chdir(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert run(arguments.split()) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_what_can_be_done_is_done_and_said(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    # a word among numbers counts as missing, its row is named
    assert run(["predict", "good.descend", "word.csv", "-o", "p.csv"]) == 0
    assert "x: 1 not readable, the first 'abc' in row 18; as if missing" in capsys.readouterr().err
    # columns in another order, and one more
    table = columns()
    backwards = {name: table[name] for name in reversed(table)} | {"later": [1] * N}
    (folder / "more.csv").write_bytes(csv(backwards))
    assert run(["predict", "good.descend", "more.csv"]) == 0
    shown = capsys.readouterr()
    assert "not used, as training had no such column: later\n" in shown.err
    assert run(["predict", "good.descend", "good.csv"]) == 0
    assert capsys.readouterr().out == shown.out
    # a test table whose rows were trained on
    arguments = [*MODEL.replace(" -q", "").split()[:-1], "again.descend", "--test", "good.csv"]
    assert run(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "48 of 60 test rows have the inputs of a training row" in said


def test_rows_with_fewer_entries_are_counted(tmp_path):
    file = tmp_path / "short.csv"
    file.write_text('a,b,c\n1,2,"x\ny"\n4,5\n\n6,7,8\n9\n1,2,\n')
    frame, note = read_delimited(file)
    assert len(frame) == 5
    assert "2 rows have fewer than 3 entries (the first in line 4)" in note
    file.write_text("a,b,c\n1,2,\n4,5,6\n")
    assert "fewer" not in read_delimited(file)[1]
