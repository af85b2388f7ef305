"""`descend fit` and `predict` beyond the plain file: formulas, roles, own tests, databases."""

import io
import json
import shlex
import sqlite3
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from descend.cli.again import command_line
from descend.cli.main import run
from descend.tables.predictor import TablePredictor
from descend.tables.seal import read_seal

QUICK = ["--recipe", "mlp", "--hidden", "4", "--epochs", "3", "-q", "-o", "a.descend"]


@pytest.fixture(autouse=True)
def loans(tmp_path, monkeypatch):
    """300 loans in loans.csv of a folder of its own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(10, 0.5, n).round(),
            "age": rng.integers(20, 70, n),
            "region": rng.choice(["north", "south", "west"], n),
            "branch": rng.integers(0, 40, n),
            "granted": pd.date_range("2019-01-01", periods=n, freq="D").strftime("%Y-%m-%d"),
            "size": rng.uniform(0, 2, n),
        }
    )
    frame["default"] = rng.random(n) < 1 / (1 + np.exp(0.5 * (frame["income"] / 1e4 - 2)))
    frame["loss"] = np.where(frame["default"], rng.beta(2, 3, n), 0.0)
    frame.to_csv("loans.csv", index=False)
    return frame


def fit(*options):
    assert run(["fit", *options, *QUICK]) == 0
    return TablePredictor.load("a.descend")


def predicted(capsys, *options):
    capsys.readouterr()
    assert run(["predict", "a.descend", "loans.csv", "-q", *options]) == 0
    return pd.read_csv(io.StringIO(capsys.readouterr().out))


def test_a_formula_chooses_target_and_inputs(capsys):
    fitted = fit("loans.csv", "--formula", "default ~ log(income) + C(age > 40) + region:age")
    assert fitted.target.names == ("default",)
    names = [c.name for c in fitted.encoder.columns]
    assert names[:2] == ["log(income)", "C(age > 40)"]
    assert len(names) == 5  # and an age for each of three regions
    assert list(predicted(capsys)) == ["predicted_default", "p_False", "p_True"]


def test_a_target_may_be_made_by_the_formula(capsys):
    fitted = fit("loans.csv", "--formula", "log(income) ~ age + region")
    assert fitted.target.name == "log(income)"
    assert 8 < predicted(capsys)["predicted_log(income)"].mean() < 12


def test_weights_groups_and_time():
    drop = [o for name in ("loss", "granted") for o in ("--drop", name)]
    fitted = fit("loans.csv", "--target", "default", "--weight", "size", "--group", "branch", *drop)
    assert {c.name for c in fitted.encoder.columns} == {"income", "age", "region"}
    assert "group" in fitted.described["split"]
    fitted = fit("loans.csv", "--target", "default", "--time", "granted", "--gap", "10 days")
    assert "granted" in fitted.described["split"] or "time" in fitted.described["split"]
    rows = fitted.described["rows"]
    assert rows["test"] == 60
    assert (
        rows["train"] + rows["validation"] == 300 - 60 - 18
    )  # nine are nearer than ten days, twice


def test_a_test_file_and_a_seal(loans):
    loans.tail(50).to_csv("later.csv", index=False)
    loans.head(250).to_csv("sooner.csv", index=False)
    fitted = fit("sooner.csv", "--target", "default", "--test", "later.csv", "--sealed")
    assert fitted.described["rows"] == {"train": 200, "validation": 50, "test": 50}
    assert fitted.described["test"] is None
    assert not read_seal("a.descend").opened
    fit("sooner.csv", "--target", "default", "--test", "later.csv")
    assert len(read_seal("a.descend").openings) == 1


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        (("--target", "default"), ["predicted_default", "p_False", "p_True", "set"]),
        (("--target", "loss", "--task", "share"), ["predicted_loss", "lower", "upper"]),
        (
            ("--target", "income", "--task", "quantile", "--level", "0.1", "--level", "0.9"),
            ["predicted_income_q0.1", "predicted_income_q0.9", "lower", "upper"],
        ),
        (("--target", "age", "--kind", "branch=category"), ["predicted_age", "lower", "upper"]),
    ],
)
def test_intervals_and_sets(options, columns, capsys):
    fit("loans.csv", *options)
    found = predicted(capsys, "--intervals")
    assert list(found) == columns
    if "lower" in columns:
        assert (found["lower"] <= found["upper"]).all()
    if options[:4] == ("--target", "loss", "--task", "share"):
        assert found["lower"].min() >= 0
        assert found["upper"].max() <= 1


def test_sets_by_class(capsys):
    assert run(["fit", "loans.csv", "--target", "default", *(q for q in QUICK if q != "-q")]) == 0
    shown = capsys.readouterr().out
    assert "by class: covered" in shown
    found, plain = predicted(capsys, "--intervals-by", "class"), predicted(capsys, "--intervals")
    assert list(found) == ["predicted_default", "p_False", "p_True", "set"]
    # a class enters where its probability reaches the class's own margin
    own = TablePredictor.load("a.descend").calibrated.class_sets.margins[1:]
    words = found["set"].fillna("").str.split()
    for label, margin in zip(("False", "True"), own, strict=True):
        inside = words.map(lambda names, label=label: label in names)
        assert (inside == (1 - found[f"p_{label}"] <= margin.quantile + 1e-6)).all()
    assert not found["set"].equals(plain["set"])
    fit("loans.csv", "--target", "age", "--kind", "branch=category")
    assert run(["predict", "a.descend", "loans.csv", "--intervals-by", "class"]) == 1
    assert "no sets by class: it predicts no classes" in capsys.readouterr().err


def test_several_targets_have_no_intervals(capsys):
    fit("loans.csv", "--target", "age", "--target", "size")
    assert list(predicted(capsys)) == ["predicted_age", "predicted_size"]
    assert run(["predict", "a.descend", "loans.csv", "--intervals"]) == 1
    assert "has no intervals: it predicts several targets" in capsys.readouterr().err


def test_rows_of_a_database(loans, capsys):
    with sqlite3.connect("bank.db") as bank:
        loans.to_sql("loans", bank, index=False)
    bank.close()
    query = ["--sql", "SELECT income, age, size FROM loans", "--db", "sqlite:///bank.db"]
    fit(*query)
    capsys.readouterr()
    assert run(["predict", "a.descend", *query, "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 301


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--formula", "default ~ incom"], "no column 'incom'"),
        (["--formula", "default ~ open('x')"], "'open'"),
        (["--formula", "~ income"], "names no target"),
        (["--formula", "default ~ income", "--target", "age"], "leave out target and drop"),
        (["--target", "default", "--kind", "age=numbr"], "Did you mean 'number'"),
        (["--target", "default", "--kind", "region=number"], "should hold numbers"),
        (["--target", "default", "--weight", "region"], "weights 'region' must be numbers"),
        (["--target", "default", "--gap", "3 days"], "needs a time column"),
        (["--target", "default", "--test", "none.csv"], "no file 'none.csv'"),
        (["--target", "default", "--group", "branch", "--time", "granted"], "not by both"),
        (["--target", "income", "--task", "share"], "shares must lie in"),
        (["--target", "income", "--task", "quantile", "--level", "2"], "quantile levels"),
        (["--target", "age", "--target", "age"], "given twice"),
        (["--recipe", "mlp", "--members", "0"], "members must be"),
    ],
)
def test_mistakes_are_one_clear_line(options, said, capsys):
    assert run(["fit", "loans.csv", *options]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert said in err


def test_a_report_names_the_command_without_its_password(loans, capsys):
    with sqlite3.connect("bank.db") as bank:
        loans.to_sql("loans", bank, index=False)
    bank.close()
    query = ["--sql", "SELECT income, age, size FROM loans", "--db", "sqlite:///bank.db"]
    fit(*query, "--report", "r.html")
    said = json.loads(Path("r.json").read_text())
    line = next(v for v in walked(said) if isinstance(v, str) and v.startswith("descend fit"))
    assert "--recipe mlp --hidden 4 --epochs 3" in line
    assert run(shlex.split(line)[1:]) == 0
    context = click.Context(click.Command("fit", params=[click.Option(["--db"])]), info_name="fit")
    with context:
        context.command.parse_args(context, ["--db", "postgresql://me:secret@host/bank"])
        assert command_line(context) == "descend fit --db postgresql://me:...@host/bank"


@pytest.mark.slow
def test_trials_and_ablation_are_kept_for_a_later_report(loans, capsys):
    columns = ["--drop", "branch", "--drop", "granted", "--drop", "loss", "--drop", "region"]
    spoken = [option for option in QUICK if option != "-q"]
    asked = ["--target", "default", *columns, "--search", "2", "--ablate", *spoken]
    assert run(["fit", "loans.csv", *asked]) == 0
    said = capsys.readouterr().out
    assert "Trained again without each column: log-loss on the validation rows" in said
    assert run(["report", "a.descend", "loans.csv", "-o", "r.html", "--resamples", "100"]) == 0
    found = json.loads(Path("r.json").read_text())
    tried = found["design"]["trials"]
    assert {"trial", "log-loss", "status"} < set(tried["columns"])
    assert [row[0] for row in tried["rows"]] == [0, 1]
    left_out = found["explanation"]["ablation"]
    assert {c["column"] for c in left_out["columns"]} == {"income", "age", "size"}
    assert len(left_out["seeds"]) == 5
    for one in left_out["columns"]:  # the change is the mean over seeds
        assert one["change"] == pytest.approx(np.mean(one["changes"]))
    dispersion = next(c for c in found["checks"] if c["code"] == "D011")
    assert dispersion["status"] in ("passed", "failed")
    assert dispersion["words"].startswith("over 5 seeds the cost is ")
    page = Path("r.html").read_text()
    assert "Feature ablation" in page
    assert "2 trials, judged on the validation rows" in page


def walked(found):
    """Every value of a JSON document."""
    for value in found.values() if isinstance(found, dict) else found:
        if isinstance(value, (dict, list)):
            yield from walked(value)
        else:
            yield value


def test_a_report_of_a_sealed_test_is_refused(capsys):
    assert run(["fit", "loans.csv", "--sealed", "--report", "r.html"]) == 2
    assert "choose one" in capsys.readouterr().err
