"""The command line as a user meets it: what it prints, what it writes, how it answers mistakes."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import descend
from descend.cli.main import run
from descend.data.sources import load

ANSI = "\x1b"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a saved iris network."""
    folder = tmp_path_factory.mktemp("trained")
    path = folder / "iris.descend"
    assert run(["fit", "iris", "--epochs", "12", "--hidden", "8", "-q", "-o", str(path)]) == 0
    return path


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


def lines(count, row="{i},{j},{k}"):
    return "".join(row.format(i=i, j=i * i % 17, k=i % 2) + "\n" for i in range(3, count + 3))


# -- what it costs to ask ---------------------------------------------------------------------


def test_the_help_imports_nothing_heavy():
    code = (
        "import sys, descend.cli.main as m; m.run(['--help']); m.run(['fit', '--help']);"
        "m.run(['solve', '--help']);"
        "heavy = {'jax', 'numpy', 'pandas', 'rich', 'sklearn', 'matplotlib', 'optax'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fit" in done.stdout
    assert "Exit status: 0 solved" in done.stdout


def test_help_and_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"descend {descend.__version__}\n"
    assert run([]) == 0
    shown = capsys.readouterr().out
    for verb in ("fit", "predict", "lab"):
        assert verb in shown
        assert run([verb, "--help"]) == 0
    assert max(map(len, shown.splitlines())) <= 80


# -- fit --------------------------------------------------------------------------------------


def test_fit_prints_all_of_the_recipe(capsys):
    assert run(["fit", "iris", "--recipe", "mlp", "--epochs", "12"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "150 rows x 5 columns",
        "classification of 3 classes: it is text with 3 distinct values",
        "90 training, 30 validation, 30 test",
        "Total parameters: 4,675",
        "* training   o validation",
        "best, epoch",
        "Test on 30 rows that training never saw",
        "predicting the most frequent class (setosa)",
        "saved    iris.descend",
        "descend predict iris.descend iris --output predictions.csv",
    ):
        assert part in shown
    assert ANSI not in shown
    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= 80
    assert not re.search(r"[ \t]+$", shown, re.MULTILINE)
    assert os.path.exists("iris.descend")


def test_fit_of_a_file_with_everything_in_it(capsys):
    rng = np.random.default_rng(0)
    n = 80
    size = rng.uniform(1, 9, n)
    frame = pd.DataFrame(
        {
            "key": [f"k{i}" for i in range(n)],
            "[bold]size": np.where(np.arange(n) % 9 == 0, np.nan, size),
            "town": rng.choice(["Köln", "Ulm"], n),
            "price": np.where(np.arange(n) % 20 == 0, np.nan, 3 * size + rng.normal(0, 1, n)),
        }
    )
    frame.to_csv("homes.csv", index=False)
    assert run(["fit", "homes.csv", "--epochs", "4", "-o", "h.descend"]) == 0
    shown = capsys.readouterr().out
    assert "price (the last column; --target chooses another)" in shown
    assert "regression: it holds 76 distinct numbers in 76 rows" in shown
    assert "4 rows without a target" in shown
    assert "key: identifier: every value is different" in shown
    assert "[bold]size" in shown
    assert "in units of price" in shown
    assert "predicting the mean" in shown


def test_quiet_says_the_result_only(capsys):
    assert run(["fit", "wine", "--quiet", "--recipe", "mlp", "--epochs", "3"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert len(shown.out.splitlines()) == 4
    assert shown.out.splitlines()[-1] == "wine.descend"


def test_a_large_file_is_announced(capsys, monkeypatch):
    monkeypatch.setattr("descend.cli.reading.LARGE", 100)
    write("houses.csv", HOUSES)
    assert run(["fit", "houses.csv", "--recipe", "mlp", "--epochs", "1"]) == 0
    assert capsys.readouterr().err == "reading houses.csv (0 MB) ...\n"


def test_the_same_command_prints_the_same(capsys):
    shown = []
    for _ in range(2):
        run(["fit", "diabetes", "--hidden", "8", "--epochs", "5", "--seed", "7"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


# -- predict ----------------------------------------------------------------------------------


def test_predict_writes_a_line_a_row(trained, capsys):
    assert run(["predict", str(trained), "iris", "-o", "found.csv"]) == 0
    assert "wrote 150 predictions of species to found.csv" in capsys.readouterr().err
    found = pd.read_csv("found.csv")
    assert list(found) == ["predicted_species", "p_setosa", "p_versicolor", "p_virginica"]
    assert (found["predicted_species"] == load("iris").frame["species"]).mean() > 0.6
    np.testing.assert_allclose(found.filter(like="p_").sum(axis=1), 1, atol=1e-5)
    assert run(["predict", str(trained), "iris"]) == 0
    shown = capsys.readouterr()
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(shown.out)), found)
    assert shown.err == ""


def test_predict_needs_no_target_and_does_not_look_at_it(trained, capsys):
    frame = load("iris").frame
    frame.drop(columns="species").to_csv("a.csv", index=False)
    frame.assign(species="none of them", extra=1).iloc[:, ::-1].to_csv("b.csv", index=False)
    shown = []
    for name in ("a.csv", "b.csv"):
        assert run(["predict", str(trained), name]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_predict_says_what_it_did_not_know(capsys):
    write(
        "a.csv", "town,x,y\n" + "".join(f"{'ABC'[i % 3]},{i * i % 19},{i / 7}\n" for i in range(30))
    )
    assert run(["fit", "a.csv", "-q", "--recipe", "mlp", "--epochs", "2"]) == 0
    write("b.csv", "town,x\nA,1\nZ,\nB,?\nC,2\n")
    capsys.readouterr()
    assert run(["predict", "a.descend", "b.csv"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 5
    assert "town: 1 of a level that training did not see or keep, such as 'Z'" in shown.err
    assert "x: 1 missing" in shown.err
    assert "x: 1 not readable, the first '?' in row" in shown.err


# -- in a process of its own ------------------------------------------------------------------


# a shell that runs the tests in the background has told its children to ignore Ctrl-C
LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from descend.cli.main import run; sys.exit(run(sys.argv[1:]))"
)


def test_ctrl_c_in_training_keeps_the_best_weights():
    command = [sys.executable, "-c", LISTENING, "fit", "iris", "--recipe", "mlp"]
    command += ["--epochs", "1000000", "--patience", "1000000", "-o", "a.descend"]
    process = subprocess.Popen(
        [*command, "--learning-rate", "1e-6"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()  # what does not stop would train for hours
    assert process.returncode == 0, err
    assert "Training was interrupted after epoch" in out
    assert "Test on 30 rows" in out
    assert os.path.exists("a.descend")
    assert "Traceback" not in err


def test_a_reader_that_leaves_early_is_no_crash(trained):
    command = f"{sys.executable} -m descend.cli.main predict {trained} randhie_like.csv | head -1"
    frame = load("iris").frame.iloc[:, :4]
    pd.concat([frame] * 400).to_csv("randhie_like.csv", index=False)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.startswith("predicted_species")
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


# -- mistakes ---------------------------------------------------------------------------------

HOUSES = "id,size,town,price\n" + "".join(
    f"{i},{i * i % 23},{'ABC'[i % 3]},{i * 1.7 % 13}\n" for i in range(40)
)
FILES = {
    "houses.csv": HOUSES,
    "empty.csv": "",
    "names.csv": "a,b,c\n",
    "twice.csv": "a,b,a\n1,2,3\n",
    "long.csv": "a,b,c\n1,2,3\n1,2,3,4\n",
    "few.csv": "a,b,c\n" + lines(6),
    "constant.csv": "a,b,c\n" + lines(40, "{i},{j},7"),
    "lost.csv": "a,b,c\n" + lines(40, "{i},{j},"),
    "single.csv": "a,b,c\n" + lines(40, "{i},{j},common") + "1,2,rare\n",
    "alone.csv": "c\n" + lines(40, "{k}"),
    "infinite.csv": "a,b,c\n" + lines(40) + "inf,2,1\n" * 9,
    "ids.csv": "a,b,c\n" + lines(40, "{i},{j},person {i}"),
    "dates.csv": "a,b,c\n" + lines(40, "{i},{j},2020-01-{k}1"),
    "headless.csv": "1,2,3\n" + lines(40),
    "fake.parquet": "a,b\n1,2\n",
    "fake.descend": "this is not a network",
    "words.csv": "sepal_length,sepal_width,petal_length,petal_width\n" + "a,b,c,d\n" * 3,
    "other.csv": "sepal_length,sepal_widths,petal_length,petal_width\n1,2,3,4\n",
}
# arguments -> what the line must say; 2 in front where the command line itself is wrong
MISTAKES = [
    ("ft iris", "Did you mean 'fit'"),
    ("fit", 2, "Missing argument 'DATA'"),
    ("fit iris --tagret a", 2, "--target"),
    ("fit iris --task cluster", 2, "classification"),
    ("fit iris --epochs many", 2, "not a valid integer"),
    ("fit iris --hidden 64x64", 2, "divided by commas"),
    ("fit irsi", "Did you mean 'iris'"),
    ("fit house.csv", "Did you mean 'houses.csv'"),
    ("fit .", "is a folder"),
    ("fit empty.csv", "is empty"),
    ("fit names.csv", "no rows"),
    ("fit twice.csv", "more than one column called 'a'"),
    ("fit long.csv", "line 3: expected 3 fields, found 4"),
    ("fit few.csv", "at least 10 are needed"),
    ("fit constant.csv", "is constant: 7 in all 40 rows"),
    ("fit lost.csv", "is missing in all 40 rows"),
    ("fit single.csv", "the class 'rare' has 1 row"),
    ("fit alone.csv", "no column is left"),
    ("fit infinite.csv --target b", "infinite value"),
    ("fit ids.csv", "too many to be classes"),
    ("fit dates.csv", "holds dates"),
    ("fit headless.csv", "first line should hold the columns' names"),
    ("fit fake.parquet", "not a whole Parquet file"),
    ("fit houses.csv --target prize", "Did you mean 'price'"),
    ("fit houses.csv --drop twon", "Did you mean 'town'"),
    ("fit houses.csv --drop price", "both dropped and the target"),
    ("fit houses.csv --target town --task regression", "regression needs numbers"),
    ("fit iris -o nowhere/iris.descend", "there is no folder nowhere"),
    ("fit iris -o .", "it is a folder"),
    ("fit iris --learning-rate -1", "learning rate must be a number > 0"),
    ("fit iris --learning-rate nan", "learning rate must be a number > 0"),
    ("fit iris --activation rleu", "Did you mean 'relu'"),
    ("fit iris --optimizer adma", "Did you mean 'adam'"),
    ("fit iris --epochs 0", "epochs must be"),
    ("fit iris --dropout 1", "dropout must be"),
    ("fit iris --test-share .6 --validation-share .4", "nothing to train on"),
    ("fit iris --seed -1", "seed must be"),
    ("fit diabetes --recipe mlp --optimizer sgd --learning-rate 1e20", "diverged in epoch 1"),
    ("predict none.descend iris", "there is no such file"),
    ("predict fake.descend iris", "is not a file that descend wrote"),
    ("predict cut.descend iris", "truncated"),
    ("predict iris.descend", 2, "Missing argument 'DATA'"),
    ("predict iris.descend wine", "lacks 4 columns"),
    ("predict iris.descend other.csv", "Did you mean 'sepal_widths'"),
    ("predict iris.descend words.csv", "should hold numbers"),
    ("predict iris.descend iris -o nowhere/a.csv", "there is no folder nowhere"),
    ("lab run exor", "unknown lab"),
    ("lab rnu", 2, "No such command 'rnu'"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_clear_line(mistake, trained, capsys):
    arguments, *status, wanted = mistake
    for name, text in FILES.items():
        write(name, text)
    whole = trained.read_bytes()
    for name, content in (("iris.descend", whole), ("cut.descend", whole[:3000])):
        with open(name, "wb") as file:
            file.write(content)
    before = {e.name: e.stat().st_size for e in os.scandir()}
    capsys.readouterr()
    assert run(arguments.split()) == (status[0] if status else 1)
    shown = capsys.readouterr()
    *_, last = shown.err.splitlines()
    assert last.startswith("error: ")
    assert wanted in last
    assert shown.err.count("error:") == 1
    assert "Traceback" not in shown.err + shown.out
    assert {e.name: e.stat().st_size for e in os.scandir()} == before


def test_debug_shows_the_traceback_before_or_after_the_verb(capsys):
    for arguments in (["--debug", "fit", "irsi"], ["fit", "irsi", "--debug"]):
        assert run(arguments) == 1
        shown = capsys.readouterr().err
        assert "Traceback" in shown
        assert "Did you mean 'iris'" in shown.splitlines()[-1]


def test_what_nobody_foresaw_is_one_line_too(capsys, monkeypatch):
    def broken(name):
        raise ZeroDivisionError("a bug\nof two lines")

    monkeypatch.setattr("descend.data.sources.load", broken)
    assert run(["fit", "iris"]) == 1
    assert capsys.readouterr().err == (
        "error: unexpected ZeroDivisionError: a bug of two lines; run again with --debug for the "
        "traceback\n"
    )


def test_ctrl_c_outside_training_is_quiet(capsys, monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("descend.data.sources.load", interrupted)
    assert run(["fit", "iris"]) == 130
    assert capsys.readouterr().err == "\n"  # ends the line that shows ^C
