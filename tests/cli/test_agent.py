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


def test_a_game_is_learned_judged_and_watched_board_by_board(said, tmp_path):
    small = ("hidden=8", "simulations=4", "environments=8", "walk=9", "batch=36", "noise=0.5")
    settings = [part for one in small for part in ("-s", one)]
    status, out, errors = said("train", "tic-tac-toe", "--steps", "144", "--seeds", "1", *settings)
    assert status == 0, errors
    assert "last weights: random: " in out
    assert "perfect: 0-" in out
    status, out, _ = said(
        "evaluate", "tic-tac-toe.descend", "--against", "random", "--episodes", "6"
    )
    assert out.splitlines()[0].split() == [
        *("seed", "against", "plays", "wins", "draws", "losses", "length")
    ]
    assert "depth-4" not in out
    watched = ("watch", "tic-tac-toe.descend", "--against", "perfect", "--second", "-o", "a.gif")
    status, out, _ = said(*watched)
    assert status == 0
    *moves, end, _ = out.rstrip().split("\n\n")[:-1] + out.rstrip().split("\n\n")[-1].split("\n")
    assert moves[0].startswith("1. first plays ")
    assert "visits" in moves[0]
    assert [len(m.splitlines()) for m in moves] == [4] * len(moves)  # the move, and the board
    assert end in (f"first wins in {len(moves)} moves", f"a draw in {len(moves)} moves")
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == len(moves) + 1


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
        (("train", "tic-tac-toe", "--algorithm", "dqn"), "two players"),
        (("train", "maze", "--algorithm", "self-play"), "a subclass of Game"),
        (("train", "tic-tac-toe", "-s", "opponent=one"), "Did you mean"),
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
