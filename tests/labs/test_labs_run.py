"""Every lab runs, agrees with its lecture, and leaves its pictures."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

LABS = Path(__file__).parents[2] / "labs"
PATHS = sorted(p for p in LABS.glob("*.py") if not p.name.startswith("_"))
NAMES = [p.stem for p in PATHS]
NEEDS = {"mnist": "mnist"}  # lab -> the fixture that skips where its data are not at hand
EXPECTED = {
    "adding_problem",
    "ball",
    "bellman_to_network",
    "box_only",
    "convolution_arithmetic",
    "dynamic_programming",
    "estimation",
    "gd_against_sgd",
    "gentle_first_example",
    "gradient_descent",
    "iris_regression",
    "linear_collapse",
    "minimal_backprop",
    "mnist",
    "optimizer_race",
    "overlapping_generations",
    "perceptron_example",
    "regularizers",
    "vanishing_gradients",
    "xor",
}


def load(path):
    """Import a lab from its file, as `descend lab run` does."""
    spec = importlib.util.spec_from_file_location(f"lab_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def assert_agrees(path, out, quick):
    checks = load(path).main(out, quick=quick)
    assert len(checks) >= 4
    assert [c for c in checks if not c.ok] == []
    pictures = list(out.glob("*.png"))
    assert pictures
    assert all(p.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for p in pictures)


def test_the_labs_of_the_issue_are_there():
    assert set(NAMES) >= EXPECTED


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
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
    load(PATHS[0])  # puts the labs' folder on the path
    from _lab import Check, show

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
        f'"""A lab."""\nimport sys\nsys.path.insert(0, {str(LABS)!r})\n'
        "from _lab import Check, run\n\n\n"
        'def main(out, quick=False):\n    return [Check("a", "1", "2", False)]\n\n\n'
        'if __name__ == "__main__":\n    run(main)\n'
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "NO" in done.stdout
