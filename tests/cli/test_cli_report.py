"""`descend report` and `descend compare` as a user meets them."""

import csv
import io
import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
from report.small_tables import made, options

from descend.cli.main import run
from descend.data.sources import load
from descend.tables.judging.bootstrap import compare
from descend.tables.predictor import TablePredictor
from descend.tables.recipe import fit_table
from descend.tables.reopen import reopen
from descend.tables.seal import read_seal


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DESCEND_DB", raising=False)


def fitted(name="a", task="binary", **more):
    """made.csv and NAME.descend, its test sealed."""
    made(task).frame.to_csv("made.csv", index=False)
    found = fit_table(load("made.csv"), options(task, **{"epochs": 4, "sealed": True, **more}))
    found.save(f"{name}.descend")
    return found


FAST = ["--resamples", "100"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """made.csv and other.csv; a sealed, b and d opened on the same rows, c on others."""
    folder = tmp_path_factory.mktemp("shelf")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fitted("a")
        fitted("b", hidden=(4,), learning_rate=0.01, sealed=False)
        fitted("c", sealed=False, seed=1)
        fitted("d", sealed=False, l2=0.5)
        made("binary", 90, seed=4).frame.to_csv("other.csv", index=False)
    return folder


@pytest.fixture
def files(shelf, tmp_path):
    """A copy of the shelf, in the current folder."""
    shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)


def openings(*names):
    return [len(read_seal(f"{name}.descend").openings) for name in names]


@pytest.mark.usefixtures("files")
def test_a_report_opens_the_test_once_and_says_so(capsys, tmp_path):
    assert run(["report", "a.descend", "made.csv", "--group", "branch", *FAST]) == 0
    out, err = capsys.readouterr()
    assert "wrote a.html" in out
    assert "wrote a.json" in out
    assert "warning" not in err
    (opening,) = read_seal("a.descend").openings
    found = json.loads((tmp_path / "a.json").read_text())
    network = found["baselines"]["targets"][0]["network"]
    assert network["log-loss"]["estimate"] == pytest.approx(opening.figures["log-loss"])
    assert opening.source == "made.csv"
    checks = {c["code"]: c["status"] for c in found["checks"]}
    assert checks["D014"] == "passed"

    assert run(["report", "a.descend", "made.csv", "-q", "-o", "b.html", *FAST]) == 0
    out, err = capsys.readouterr()
    assert out == "b.html\nb.json\n"
    assert "warning: The test of this model was opened before" in err
    found = json.loads((tmp_path / "b.json").read_text())
    assert {c["code"]: c["status"] for c in found["checks"]}["D014"] == "failed"
    assert "These are the same rows" in (tmp_path / "b.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "a.descend", "other.csv"], "the table has 90 rows, it had 260"),
        (["report", "a.descend", "made.csv", "--group", "branc"], "Did you mean 'branch'"),
        (["report", "a.descend", "made.csv", "--threshold", "1.5"], "between 0 and 1"),
        (["report", "a.descend", "made.csv", "--threshold", ".5", "--cost", "1", "2"], "not both"),
        (["report", "a.descend", "made.csv", "-o", "a.pdf"], "ends in .html"),
        (["report", "a.descend", "made.csv", "-o", "no/a.html"], "no folder"),
        (["report", "a.descend", "made.csv", "--test", "other.csv"], "leave the test table out"),
        (["report", "e.descend", "made.csv"], "no such file"),
        (["report", "a.descend"], "Missing argument 'DATA'"),
        (["compare", "a.descend", "made.csv"], "not a file that descend wrote"),
        (["compare", "a.descend", "a.descend", "--test", "made.csv"], "--test needs --data"),
    ],
)
@pytest.mark.usefixtures("files")
def test_an_error_opens_nothing(capsys, tmp_path, arguments, message):
    assert run(arguments) in (1, 2)
    err = capsys.readouterr().err
    assert message in err
    assert len([line for line in err.splitlines() if line.startswith("error:")]) == 1
    assert read_seal("a.descend").openings == ()
    assert not list(tmp_path.glob("*.html"))


def test_a_threshold_that_the_task_has_not_opens_nothing(capsys):
    fitted(task="count")
    assert run(["report", "a.descend", "made.csv", "--threshold", "0.4"]) == 1
    assert "two classes" in capsys.readouterr().err
    assert read_seal("a.descend").openings == ()


def test_a_test_table_of_its_own(capsys, tmp_path):
    made("count").frame.to_csv("made.csv", index=False)
    made("count", 80, seed=9).frame.to_csv("later.csv", index=False)
    asked = options("count", epochs=4, sealed=True)
    fit_table(load("made.csv"), asked, test=load("later.csv")).save("a.descend")
    arguments = ["report", "a.descend", "made.csv", "--test", "later.csv", "--group", "branch"]
    assert run([*arguments, *FAST]) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["data"]["parts"]["test"] == 80
    assert read_seal("a.descend").openings[0].source == "later.csv"
    assert "load('later.csv')" in found["reproduce"]["python"]


# -- compare --------------------------------------------------------------------------------------


def cells(text):
    return {row[0]: row[1:] for row in csv.reader(io.StringIO(text))}


@pytest.mark.usefixtures("files")
def test_two_files_without_their_data(capsys):
    assert run(["compare", "a.descend", "b.descend", "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    found = cells(out)
    assert found["option hidden"][:2] == ["[16]", "[4]"]
    assert found["option learning_rate"][:2] == ["the recipe's", "0.01"]
    assert "option seed" not in found
    assert found["log-loss"][0] == "sealed"
    assert float(found["log-loss"][1]) < 1
    assert err == ""
    assert openings("a", "b") == [0, 1]


@pytest.mark.usefixtures("files")
def test_two_files_with_their_data(capsys):
    arguments = ["compare", "a.descend", "b.descend", "--data", "made.csv"]
    assert run([*arguments, "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    found = cells(out)
    one, other = (TablePredictor.load(f"{name}.descend") for name in "ab")
    frame = load("made.csv").frame
    rows = reopen("a.descend", load("made.csv")).prepared.split.test
    y = (frame["y"] == "yes").to_numpy()[rows]
    said = [p.values(frame.iloc[rows]) for p in (one, other)]
    pair = compare("log_loss", y, *said, resamples=2000)
    shown = found["log-loss (lower is better)"]
    assert float(shown[0].split()[0]) == pytest.approx(pair.first.estimate, rel=1e-3)
    apart, low, high = map(float, re.findall(r"-?\d+(?:\.\d+)?", shown[2]))
    difference = pair.difference
    # the ends are written with three digits
    assert [apart, low, high] == pytest.approx(
        [difference.estimate, difference.low, difference.high], rel=6e-3
    )
    assert err.count("was opened before") == 1  # b was opened when it was fitted
    assert openings("a", "b") == [1, 2]
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert err.count("was opened before") == 2
    assert "A less B" in out


@pytest.mark.usefixtures("files")
def test_other_test_rows_are_warned_of_and_not_paired(capsys):
    assert run(["compare", "b.descend", "c.descend"]) == 0
    assert "the test rows of the two differ" in capsys.readouterr().err
    assert run(["compare", "b.descend", "c.descend", "--data", "made.csv"]) == 1
    assert "put to test on different rows" in capsys.readouterr().err
    assert openings("b", "c") == [1, 1]


@pytest.mark.usefixtures("files")
def test_other_forms_of_the_table(capsys):
    shown = {}
    for form in ("text", "csv", "latex", "html"):
        assert run(["compare", "b.descend", "d.descend", "--format", form]) == 0
        shown[form] = capsys.readouterr().out
    page = ElementTree.fromstring(shown["html"])
    heads = [cell.text for cell in page.iter("th") if cell.get("scope") == "row"]
    assert heads == [row[0] for row in csv.reader(io.StringIO(shown["csv"]))][1:]
    assert r"\toprule" in shown["latex"]
    assert "data sha256" in shown["latex"]
    assert "option l2" in shown["text"]
    values = cells(shown["csv"])
    apart = float(values["log-loss"][0]) - float(values["log-loss"][1])
    assert float(values["log-loss"][2]) == pytest.approx(apart, abs=2e-4)


@pytest.mark.slow
def test_several_targets_and_members(capsys):
    fitted("a", "several")
    fitted("b", "several", members=2, recipe="realmlp")
    arguments = ["compare", "a.descend", "b.descend", "--data", "made.csv", "--format", "csv"]
    assert run([*arguments, "--resamples", "50"]) == 0
    found = cells(capsys.readouterr().out)
    for name in ("RMSE of y (lower is better)", "R2 of z (higher is better)"):
        assert np.isfinite(float(found[name][0].split()[0]))
