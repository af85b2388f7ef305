"""The checks that `descend fit` prints without a report."""

import numpy as np
import pandas as pd
import pytest

from descend.cli.main import run
from descend.tables.checks.at_fit import MOST_SHOWN, that_matter
from descend.tables.checks.verdicts import Check


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check(code, level="issue", status="failed"):
    return Check(code, "name", level, status, "words")


def test_issues_come_first_and_tips_that_only_ask_for_a_look_are_counted():
    tips = [check("L005", "tip"), check("D010", "tip"), check("L002", "tip")]
    assert that_matter([*tips, check("D003", status="passed")]) == ([tips[2]], 2)
    many = [check(f"L00{i}") for i in range(1, 6)]
    shown, more = that_matter([*tips, *many, check("D015")])
    assert [c.code for c in shown] == ["D015", "L001", "L002"]
    assert more == 6
    assert that_matter([]) == ([], 0)


def test_fit_says_what_is_wrong_and_what_it_left_out(capsys):
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.4).astype(int)
    frame = pd.DataFrame(
        {
            "CustomerId": 15_000_000 + rng.choice(90_000, 400, replace=False),
            "income": rng.lognormal(size=400),
            "paid": np.where(y == 1, rng.random(400), rng.random(400) + 2),
            "y": y,
        }
    )
    frame.loc[399] = frame.loc[0]  # a repeated row hides no identifier
    frame.to_csv("loans.csv", index=False)
    assert run(["fit", "loans.csv", "--recipe", "mlp", "--epochs", "3", "--hidden", "8"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "CustomerId: identifier: every number is different" in shown
    assert "--kind CustomerId=category (or =number) uses it all the same" in shown
    assert "issue L002 a column that predicts the target nearly alone" in shown
    assert "'paid' (1.000)" in shown
    assert "best epoch" in shown
    lines = [w for w in shown.split() if w in ("issue", "tip")]
    assert 1 <= len(lines) <= MOST_SHOWN
