"""What cannot be printed, or is interrupted, loses no work; names cannot steer a terminal."""

import errno
import io
import os
import subprocess
import sys

import pandas as pd
import pytest

from descend.cli.main import run
from descend.data.sources import load
from descend.tables.predictor import TablePredictor

FIT = ["fit", "iris", "--recipe", "mlp", "--hidden", "4", "--epochs", "2"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Failing(io.RawIOBase):
    """A stream that takes `room` bytes, then fails as the kernel would."""

    def __init__(self, number, room=0):
        self.number, self.room = number, room

    def writable(self):
        return True

    def write(self, data):
        if len(data) > self.room:
            raise OSError(self.number, os.strerror(self.number))
        self.room -= len(data)
        return len(data)


def broken(monkeypatch, number, room=0):
    text = io.TextIOWrapper(io.BufferedWriter(Failing(number, room)), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", text)


# -- nothing is lost because of printing -------------------------------------------------------


def test_a_reader_that_leaves_costs_the_printing_alone(monkeypatch, capsys):
    broken(monkeypatch, errno.EPIPE, room=60)
    assert run([*FIT, "-o", "a.descend"]) == 141
    assert capsys.readouterr().err == ""
    saved = TablePredictor.load("a.descend").described
    assert saved["finished"]
    assert saved["test"]["rows"] == 30
    broken(monkeypatch, errno.ENOSPC)
    assert run(["predict", "a.descend", "iris", "-q"]) == 1
    assert capsys.readouterr().err == (
        "error: standard output: No space left on device; what was to be printed is lost, files "
        "are not\n"
    )
    broken(monkeypatch, errno.ENOSPC)
    assert run(["predict", "a.descend", "iris", "-o", "a.csv", "-q"]) == 0  # nothing to print
    assert len(pd.read_csv("a.csv")) == 150


def test_a_failing_error_stream_hinders_nothing(monkeypatch, capsys):
    text = io.TextIOWrapper(io.BufferedWriter(Failing(errno.EPIPE)), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", text)
    assert run(["describe", "nowhere.csv"]) == 1
    assert run(["describe", "iris", "-q"]) == 0
    assert "sepal_length" in capsys.readouterr().out


@pytest.mark.parametrize(("streams", "status"), [(">&-", 1), (">&- 2>&-", 1), (">/dev/full", 1)])
def test_closed_and_full_streams(streams, status):
    command = f"{sys.executable} -m descend lab list {streams}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (0 if "2>" in streams else 1)


@pytest.mark.parametrize(("stage", "lacks"), [("calibrate", "calibration"), ("score", "test")])
def test_ctrl_c_after_the_training_keeps_the_network(stage, lacks, monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as only_here:
        only_here.setattr(f"descend.tables.recipe.{stage}", interrupted)
        assert run([*FIT, "-q", "-o", "a.descend"]) == 130
    said = capsys.readouterr().err
    assert "a.descend holds the trained network, without its" in said
    assert lacks in said
    status = run(["predict", "a.descend", "iris", "--intervals"])
    shown = capsys.readouterr()
    if stage == "score":
        assert status == 0
        assert "set" in shown.out.splitlines()[0]
        return
    assert status == 1
    assert "its fit ended before it was calibrated" in shown.err
    assert run(["predict", "a.descend", "iris"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 151
    assert "saved before it was calibrated" in shown.err
    assert run(["report", "a.descend", "iris", "--resamples", "50", "-q"]) == 0
    assert run(["predict", "a.descend", "iris", "--intervals"]) == 0
    shown = capsys.readouterr()
    assert "set" in shown.out
    assert "calibrated" not in shown.err


# -- what names may do --------------------------------------------------------------------------


def test_no_escape_sequence_of_a_file_reaches_the_terminal(capsys):
    frame = load("iris").frame.iloc[::10].copy()
    frame["species"] = [f"{s}\x1b]0;owned\x07" for s in frame["species"]]
    frame.columns = ["a\x1b[31m", "b\u202e", "c\x9b2J", "d", "species\x1b[8m"]
    frame.to_csv("odd\x1b[5m.csv", index=False)
    for form in ("text", "html", "latex"):
        assert run(["describe", "odd\x1b[5m.csv", "--format", form]) == 0
    assert run(["describe", "missing\x1b[5m.csv"]) == 1
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert r"a\x1b[31m" in shown.out
    assert r"missing\x1b[5m.csv" in shown.err


def test_a_spreadsheet_runs_no_cell_of_ours(capsys):
    frame = load("iris").frame.iloc[::3].copy()
    names = {"setosa": "=1+2", "versicolor": "@SUM(A1)", "virginica": "-3.5"}
    frame["species"] = frame["species"].map(names)
    frame.columns = ["+a", "b", "c", "d", "-kind"]
    frame.to_csv("odd.csv", index=False)
    assert run(["describe", "odd.csv", "--format", "csv"]) == 0
    shown = capsys.readouterr()
    assert "'+a,number" in shown.out
    assert shown.err.startswith("note: 4 cells begin with = + - or @")
    fit = ["fit", "odd.csv", "--recipe", "mlp", "--hidden", "4", "--epochs", "60", "-q"]
    assert run([*fit, "-o", "a.descend"]) == 0
    capsys.readouterr()
    assert run(["predict", "a.descend", "odd.csv", "-o", "p.csv"]) == 0
    assert "cells begin with = + - or @" in capsys.readouterr().err
    found = pd.read_csv("p.csv", dtype=str)
    assert set(found["predicted_-kind"]) == {"'=1+2", "'@SUM(A1)", "-3.5"}  # a number stays
    assert run(["predict", "a.descend", "odd.csv", "-o", "-", "-q"]) == 0
    with open("p.csv") as file:
        assert capsys.readouterr().out == file.read()
    assert not os.path.exists("-")


def test_what_columns_says_is_believed_in_reason(monkeypatch, capsys):
    shown = {}
    for columns in ("0", "3", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        assert run(["describe", "iris"]) == 0
        shown[columns] = capsys.readouterr().out
    assert shown["0"] == shown["3"] == shown["80"]
