"""`descend lab`: listing without running, running from the file, the status of a failed check."""

import pytest

from descend.cli import lab
from descend.cli.main import run

SHARED = """
class Check:
    def __init__(self, ok):
        self.ok = ok

def show(checks):
    print("shown:", [c.ok for c in checks])
"""
LAB = '''"""{title}

More words.
"""
import _lab

def main(out, quick=False):
    out.mkdir(parents=True)
    (out / "picture.txt").write_text(str(quick))
    return [_lab.Check(True), _lab.Check({ok})]
'''


@pytest.fixture
def labs(tmp_path, monkeypatch):
    """A made-up folder of labs in place of the real one."""
    folder = tmp_path / "package" / "labs"
    folder.mkdir(parents=True)
    (folder / "_lab.py").write_text(SHARED)
    (folder / "good_one.py").write_text(LAB.format(title="A good one.", ok=True))
    (folder / "bad.py").write_text(LAB.format(title="A bad one.", ok=False))
    (folder / "explodes.py").write_text(
        '"""Runs only if it is run."""\nraise RuntimeError("ran")\n'
    )
    monkeypatch.setattr("descend.__file__", str(tmp_path / "package" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "_lab", raising=False)
    monkeypatch.setattr("sys.path", __import__("sys").path[:])
    yield tmp_path
    __import__("sys").modules.pop("_lab", None)


def test_list_reads_titles_without_running(labs, capsys):
    assert run(["lab", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bad       A bad one.",
        "explodes  Runs only if it is run.",
        "good_one  A good one.",
    ]


def test_run_shows_the_checks_and_uses_its_own_folder(labs, capsys):
    assert run(["lab", "run", "good-one", "--quick"]) == 0
    assert "shown: [True, True]" in capsys.readouterr().out
    assert (labs / "lab-output" / "good_one" / "picture.txt").read_text() == "True"


def test_a_failed_check_is_status_one(labs, capsys):
    assert run(["lab", "run", "bad", "--out", "here"]) == 1
    assert "1 of 2 checks disagree" in capsys.readouterr().err
    assert (labs / "here" / "picture.txt").read_text() == "False"


def test_without_labs(labs, capsys):
    for path in (labs / "package" / "labs").glob("*.py"):
        path.unlink()
    assert run(["lab", "list"]) == 1
    assert "no labs were found" in capsys.readouterr().err


def test_the_labs_of_the_house_have_titles():
    titles = {name: lab.title(path) for name, path in lab.find_labs().items()}
    assert titles
    assert all(titles.values())
