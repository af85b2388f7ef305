"""`descend solve` as a user meets it: what it prints and writes, and how it answers mistakes."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path

import pytest

from descend.cli.main import run
from descend.economies.registry import MODELS
from descend.economies.solution import load_solution

HEAD = """
from dataclasses import dataclass
import jax.numpy as jnp
from descend.economies import Chain, Economy, Free, Normal, parameter
"""
STATEMENT = """
@dataclass(frozen=True)
class {name}(Economy):
    "x = sin(3 k), which two hidden units cannot be."

    stay: float = parameter(0.9, least=0, most=1, doc="probability")
    count: int = parameter(2, least=1)

    def states(self):
        return {{"k": (-1.0, 1.0)}}

    def shocks(self):
        return {shocks}

    def policies(self):
        return {{"x": Free()}}

    def transition(self, now, policy, shock):
        return {{"k": 0.5 * now.k + shock.e}}

    def conditions(self, now, policy, E):
        return {{"sine": policy.x - jnp.sin(3 * now.k)}}
"""
NORMAL = '{"e": Normal(0.3)}'
GOOD = STATEMENT.format(name="Sine", shocks=NORMAL)
CHAIN = (
    '{"e": Normal(0.3), "z": Chain([0.0, 1.0], [[self.stay, 0.2 - 0.1 * self.stay], [0.5, 0.5]])}'
)
FILES = {
    "sine_economy.py": HEAD + GOOD,
    "leaky_economy.py": HEAD + STATEMENT.format(name="Leaky", shocks=CHAIN),
    "two_economies.py": HEAD + GOOD + STATEMENT.format(name="Other", shocks=NORMAL),
    "empty_economy.py": "x = 1\n",
    "broken_economy.py": "x = 1\nx +\n",
    "failing_economy.py": "import math\nmath.sqrt('a')\n",
    "bare_economy.py": HEAD + GOOD.replace("@dataclass(frozen=True)", ""),
    "no-name.py": "",
    "json.py": "",
}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Brock and Mirman, in a hurry: (folder, standard output, standard error)."""
    folder = tmp_path_factory.mktemp("solved")
    arguments = (
        "solve brock-mirman --aim 0.25 --seeds 1 --updates 50 --polishing-steps 0 --hidden 8"
    )
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        assert run([*arguments.split(), "-p", "beta=0.95"]) == 0
    return folder, out.getvalue(), err.getvalue()


def test_it_says_how_wrong_the_policies_are(solved):
    _, out, err = solved
    for part in ("gauss-hermite:11", "ergodic   euler", "stressed  euler", "p99.9", "aim met"):
        assert part in out
    assert "solution  brock-mirman.descend" in out
    assert "adam, 10 of 50: mean residual" in err.lower()
    assert "\x1b" not in out + err
    assert max(map(len, out.splitlines())) <= 80


def test_what_it_writes_can_be_read_again(solved):
    folder, _, _ = solved
    assert {f.name for f in folder.iterdir()} == {"brock-mirman.descend"}
    solution = load_solution(folder / "brock-mirman.descend")
    assert solution.economy.beta == 0.95
    assert solution.accuracy.aims["ergodic mean"][1] == 0.25


def test_an_aim_that_was_not_met_is_status_3_and_all_is_written(capsys):
    with open("sine_economy.py", "w") as file:
        file.write(FILES["sine_economy.py"])
    arguments = "solve sine_economy.py --aim 1e-30 --seeds 1 --updates 5 --hidden 2 -p stay=0.8"
    arguments += " --polishing-steps 0"
    assert run([*arguments.split(), "-o", "s.descend", "--checkpoint", "run.descend"]) == 3
    out = capsys.readouterr().out
    load = "load      import sine_economy; descend.economies.load_solution('s.descend')"
    assert load in out.splitlines()
    # it goes on from its checkpoint, to the same status
    quiet = [*arguments.split(), "-q", "-o", "again.descend", "--resume", "run.descend"]
    assert run(quiet) == 3
    status, *files = capsys.readouterr().out.splitlines()
    assert status.startswith("aim NOT met: ergodic mean residual")
    assert files == ["again.descend"]
    assert status in " ".join(out.split())
    assert run([*arguments.split(), "-o", "x.descend", "--checkpoint", "x.descend"]) == 1
    assert "--checkpoint and the solution are both to be x.descend" in capsys.readouterr().err
    # what it is, and what to do, where a fitted model is asked for
    for command in (
        "report s.descend iris",
        "predict s.descend iris",
        "compare s.descend s.descend",
    ):
        assert run(command.split()) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert "s.descend is a solved economy (Sine), not a fitted model" in said
        assert "descend.economies.load_solution('s.descend')" in said


def test_the_list_has_every_model_with_its_parameters(capsys):
    assert run(["solve", "--list"]) == 0
    shown = capsys.readouterr().out
    for name, (_, what) in MODELS.items():
        assert f"{name}  {what}\n" in shown
    assert "  beta   0.9   discount factor" in shown


def test_the_list_of_one_file(capsys):
    with open("sine_economy.py", "w") as file:
        file.write(FILES["sine_economy.py"])
    assert run(["solve", "sine_economy.py", "--list"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].endswith("x = sin(3 k), which two hidden units cannot be.")
    assert "stay   0.9  probability" in shown


# arguments -> what the line must say; 2 in front where the command line itself is wrong
HOARDS = """
from dataclasses import dataclass
import jax.numpy as jnp
from descend.economies import Economy, Free, parameter

@dataclass(frozen=True)
class Hoards(Economy):
    "Saves for ever: k grows to the end of its box, where the residual is small."

    growth: float = parameter(1.1)

    def states(self):
        return {"k": (1.0, 2.0)}

    def policies(self):
        return {"g": Free(self.growth)}

    def transition(self, now, policy, shock):
        return {"k": jnp.clip(policy.g * now.k, 1.0, 2.0)}

    def conditions(self, now, policy, E):
        return {"growth": policy.g - self.growth - 0.0005}
"""


def test_the_worst_news_comes_first_and_decides(capsys):
    """Its residual is below the aim of every economy, and all of its life is at an edge."""
    with open("hoards.py", "w") as file:
        file.write(HOARDS)
    arguments = "solve hoards.py -p growth=1.2 --aim 1e-3 --seeds 1 --updates 0 --hidden 2"
    assert run([*arguments.split(), "--polishing-steps", "0", "--report", "h.html"]) == 3
    shown = capsys.readouterr()
    assert shown.out.startswith("status  NOT solved: 100.0% of the periods at the edge of the box")
    assert "0 of 1 seeds reached the aim" in shown.err
    found, page = json.loads(Path("h.json").read_text()), Path("h.html").read_text()
    assert found["command"] == (
        "descend solve hoards.py --parameter growth=1.2 --aim 1e-3 --seeds 1 --updates 0 "
        "--polishing-steps 0 --hidden 2 --report h.html"
    )
    assert found["accuracy"]["aims"] == {
        words: list(pair) for words, pair in load_solution("hoards.descend").accuracy.aims.items()
    }
    assert found["status"].startswith("NOT solved: 100.0% of the periods")
    assert found["solved"] is False
    assert found["accuracy"]["edges"]["k, upper"]["share"] == 1
    assert "<title>Hoards: NOT solved" in page
    assert page.count("NOT solved: 100.0% of the periods") >= 3  # at its head, moments, responses
    for text in (shown.out, shown.err, page, json.dumps(found)):
        assert "aim met" not in text


MISTAKES = [
    ("solve", 2, "Missing argument 'NAME'"),
    ("solve brok-mirman", "Did you mean 'brock-mirman'"),
    ("solve brock-mirman -p beta=1", "beta (discount factor) must be > 0 and < 1, got 1"),
    ("solve brock-mirman -p beta=nan", "must be > 0 and < 1"),
    ("solve brock-mirman -p betta=0.9", "Did you mean 'beta'"),
    ("solve brock-mirman -p beta=high", "parameter beta must be a number, got 'high'"),
    ("solve brock-mirman -p beta", "takes NAME=VALUE, got 'beta'"),
    ("solve brock-mirman -p beta=.9 -p beta=.8", "given twice"),
    ("solve stochastic-growth -p delta=1.5", "delta (depreciation) must be"),
    ("solve stochastic-growth -p delta=-0.1", "delta (depreciation) must be"),
    ("solve analytic-olg -p cohorts=6.5", "parameter cohorts must be a whole number"),
    ("solve brock-mirman --over beta=0.9", "takes NAME=LOW:HIGH"),
    ("solve brock-mirman --over beta=0.9:1.2", "must be > 0 and < 1, got 1.2"),
    ("solve brock-mirman --over bta=0.9:0.95", "Did you mean 'beta'"),
    ("solve brock-mirman --over beta=0.95:0.9", "a range low < high"),
    ("solve brock-mirman --aim 0", "must be a finite number > 0"),
    ("solve brock-mirman --aim small", "must be a number, got 'small'"),
    ("solve brock-mirman --aim worst=1e-3", "unknown aim 'worst'"),
    ("solve brock-mirman --rule gauss:5", "gauss-hermite"),
    ("solve brock-mirman --seeds 0", "seeds must be"),
    ("solve brock-mirman --updates -1", "updates must be"),
    ("solve brock-mirman --box 1.5", "box must be a share"),
    ("solve brock-mirman --hidden 8x8", 2, "divided by commas"),
    ("solve brock-mirman --dtype float16", 2, "float32"),
    ("solve brock-mirman --report a.pdf", "ends in .html"),
    ("solve brock-mirman -o nowhere/a", "there is no folder nowhere"),
    ("solve brock-mirman --class BrockMirman", "--class chooses a class of FILE.py"),
    ("solve missing.py", "there is no file missing.py"),
    ("solve leaky_economy.py", "row 0 of its transition matrix sums to 1.01"),
    ("solve two_economies.py", "states 2 economies, Sine, Other; choose one with --class"),
    ("solve two_economies.py --class Sne", "Did you mean 'Sine'"),
    ("solve empty_economy.py", "states no economy"),
    ("solve broken_economy.py", "broken_economy.py, line 2: SyntaxError"),
    ("solve failing_economy.py", "failing_economy.py, line 2: TypeError"),
    ("solve bare_economy.py", "write @dataclass(frozen=True)"),
    ("solve no-name.py", "give the file another name"),
    ("solve json.py", "give the file another name"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_clear_line(mistake, capsys):
    arguments, *status, wanted = mistake
    for name, text in FILES.items():
        with open(name, "w") as file:
            file.write(text)
    before = sorted(os.listdir())
    assert run(arguments.split()) == (status[0] if status else 1)
    shown = capsys.readouterr()
    *_, last = shown.err.splitlines()
    assert last.startswith("error: ")
    assert wanted in last
    assert shown.err.count("error:") == 1
    assert "Traceback" not in shown.err + shown.out
    assert sorted(n for n in os.listdir() if n != "__pycache__") == before
