"""`descend lab`: listing without running, running from the file, the status of a failed check."""

import pytest

from descend.cli import lab
from descend.cli.main import run

LAB = '''"""{title}

More words.
"""
from descend.lab import Check

def main(out, quick=False):
    out.mkdir(parents=True)
    (out / "picture.txt").write_text(str(quick))
    return [Check("a", "1", "1", True), Check("b", "2", "2", {ok})]
'''


@pytest.fixture
def labs(tmp_path, monkeypatch):
    """A made-up folder of labs in place of the real one."""
    folder = tmp_path / "package" / "labs"
    folder.mkdir(parents=True)
    (folder / "good_one.py").write_text(LAB.format(title="A good one.", ok=True))
    (folder / "bad.py").write_text(LAB.format(title="A bad one.", ok=False))
    (folder / "explodes.py").write_text(
        '"""Runs only if it is run."""\nraise RuntimeError("ran")\n'
    )
    monkeypatch.setattr("descend.__file__", str(tmp_path / "package" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_reads_titles_without_running(labs, capsys):
    assert run(["lab", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bad       A bad one.",
        "explodes  Runs only if it is run.",
        "good_one  A good one.",
    ]


def test_run_shows_the_checks_and_writes_into_a_folder_of_its_own(labs, capsys):
    assert run(["lab", "run", "good-one", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[-1] for line in lines[-2:]] == ["yes", "yes"]
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
