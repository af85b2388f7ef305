"""`descend agent`: what a user types, sees and finds on disk."""

from __future__ import annotations

import pytest
from PIL import Image

from descend.cli.main import run


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """Run `descend agent ...` in an empty folder: (exit status, standard output, errors)."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments):
        status = run(["agent", *arguments])
        return status, *capsys.readouterr()

    return ask


def test_the_list_names_environments_and_algorithms(said):
    status, out, _ = said("list")
    assert status == 0
    assert "cart-pole" in out
    assert "actor-critic" in out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert "gravity, m/s^2" in said("list", "cart-pole")[1]


def test_train_evaluate_and_watch(said, tmp_path):
    status, out, errors = said("train", "maze", "--steps", "20000", "--seeds", "2")
    assert status == 0
    assert "last weights: return" in out
    assert "best weights: return" in out
    assert "steps/s" in errors
    assert (tmp_path / "maze.descend").exists()
    # the same episodes, so the same words
    again = said("evaluate", "maze.descend")[1]
    assert again.splitlines()[-2:] == out.splitlines()[-3:-1]
    status, out, _ = said("watch", "maze.descend", "--agent", "1", "-o", "maze.gif")
    assert status == 0
    assert "action" in out
    with Image.open(tmp_path / "maze.gif") as picture:
        assert picture.n_frames > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "mase"), "Did you mean 'maze'?"),
        (("train", "maze", "--algorithm", "dnq"), "Did you mean 'dqn'?"),
        (("train", "maze", "-s", "gama=1"), "Did you mean 'gamma'?"),
        (("train", "maze", "-s", "gamma=high"), "gamma must be a number, got 'high'"),
        (("train", "maze", "-s", "gamma=2"), "gamma (discount factor) must be >= 0 and <= 1"),
        (("train", "maze", "-p", "slip=3"), "slip"),
        (("train", "maze", "--seeds", "0"), "seeds must be a whole number >= 1"),
        (("train", "maze", "--algorithm", "sac"), "SAC acts by numbers"),
        (("train", "cart-pole", "--steps", "10"), "10 steps are not enough"),
        (("train", "cart-pole", "-s", "hidden=8,x"), "hidden must be a whole number"),
        (("train", "tic-tac-toe"), "two players"),
        (("train", "maze", "--resume", "none.descend"), "none.descend"),
        (("evaluate", "none.descend"), "none.descend"),
        (("watch", "none.descend"), "none.descend"),
        (("list", "mase"), "Did you mean 'maze'?"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(said, tmp_path, arguments, words):
    status, _, errors = said(*arguments)
    assert status == 1
    assert words in errors
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_kind_is_refused(said, tmp_path):
    from descend import Dense, Input, Sequential

    Sequential([Input((1,)), Dense(1)]).save(tmp_path / "model.descend")
    assert "holds a model, not agents" in said("evaluate", "model.descend")[2]
