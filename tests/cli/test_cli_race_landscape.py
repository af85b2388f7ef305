"""`descend race` and `descend landscape`."""

import pandas as pd
import pytest

from descend import Dense, Input, Sequential
from descend.cli.main import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_race(folder, capsys):
    line = "race iris --optimizer sgd --optimizer adam --rates 0.1 --epochs 3 --hidden 8 -q"
    assert run(line.split()) == 0
    out = capsys.readouterr().out.splitlines()
    assert "cost (validation rows)" in out[0]
    assert {row.split()[1] for row in out[2:]} == {"sgd", "adam"}
    assert (folder / "iris-race.png").read_bytes()[:4] == b"\x89PNG"


def test_landscape_of_a_model_saved_from_python(folder, capsys):
    frame = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [1.0, 0, 1, 0], "y": [0.5, 1, 2, 3]})
    frame.to_csv("rows.csv", index=False)
    model = Sequential([Input((2,)), Dense(3, "tanh"), Dense(1)])
    model.compile("sgd", "mse")
    model.save("m.descend")
    cost = model.evaluate(frame[["a", "b"]], frame["y"], verbose=0)
    line = "landscape m.descend rows.csv --line --points 5 --span 0.5 -o line.csv"
    assert run(line.split()) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"cost here {cost:.5g};")
    found = pd.read_csv("line.csv")
    assert found["a"].tolist() == [-0.5, -0.25, 0, 0.25, 0.5]
    assert found["cost"][2] == pytest.approx(cost, rel=1e-5)  # seven digits in the file
    assert run(["landscape", "m.descend", "rows.csv", "--points", "3", "-q"]) == 0
    assert (folder / "m-landscape.png").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("race iris --rates a", "numbers divided by commas"),
        ("race iris --optimizer adamm", "Did you mean 'adam'"),
        ("race iris -o race.gif", "a picture's name ends in"),
        ("landscape no.descend iris", "no.descend"),
    ],
)
def test_errors_are_one_line(folder, capsys, line, words):
    assert run(line.split()) in (1, 2)
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert words in told[0]
