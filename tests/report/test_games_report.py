"""The report on agents that play a game: what the page says is what their games say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from report.read_page import Read

from descend.agents import make
from descend.agents.alphazero import SelfPlay
from descend.report.agents import games
from descend.report.agents.write import agents_report

GAMES = 6  # against each opponent


@pytest.fixture(scope="module")
def players():
    """Two agents that have hardly learned."""
    small = SelfPlay(hidden=(8,), simulations=2, environments=8, walk=9, batch=36)
    return small.learn(make("tic-tac-toe"), 144, seeds=2, evaluations=2, episodes=2, verbose=0)


@pytest.fixture(scope="module")
def written(players, tmp_path_factory):
    folder = tmp_path_factory.mktemp("games")
    page, numbers = agents_report(players, folder / "xo.html", episodes=GAMES, command="descend x")
    return page.read_text(), json.loads(numbers.read_text())


def test_the_page_is_whole_and_stands_alone(written):
    read = Read(written[0])
    assert read.open == []
    for words in ("Against opponents", "A game that was lost", "descend x", "positions spoilt"):
        assert words in written[0]


def test_its_numbers_are_those_of_the_games(players, written):
    found = written[1]
    for which in ("last", "best"):
        frame = players.evaluate(GAMES, which).to_frame()
        for row in found["results"][0][which]:
            own = frame[(frame["against"] == row["against"]) & (frame["plays"] == row["plays"])]
            assert [row[k] for k in ("wins", "draws", "losses")] == [
                own[k].sum() for k in ("wins", "draws", "losses")
            ]
            assert row["length"] == pytest.approx(own["length"].mean())
    last = players.evaluate(GAMES)
    for one in found["agents"]:
        assert one["last"]["mean"] == pytest.approx(last.means[one["agent"]])
        assert sum(one["last"]["losses"].values()) == sum(
            (scores[one["agent"]] < 0).sum() for scores in last.scores.values()
        )
        differs = players[one["agent"]].compare().differs
        assert one["spoilt"] == differs.sum()
    assert f"all {len(differs):,} positions" in found["summary"]


def test_the_lost_game_is_played_again_by_its_seed(players, written):
    lost = written[1]["lost"]  # so small a network loses against exact play
    first = lost["plays"] == "first"
    again = players[lost["agent"]].episode(lost["seed"], against=lost["against"], first=first)
    assert games.in_words(again) == [*lost["moves"], lost["end"]]
    assert lost["end"].startswith("second" if first else "first")
    # it is the game of the evaluation, by its length
    lengths = players.evaluate(GAMES).lengths[lost["against"], lost["plays"]][lost["agent"]]
    assert lengths[lost["seed"]] == lost["length"]


def test_the_median_agent_is_looked_at(players):
    evidence = games.gather(players, GAMES, 0)
    means = evidence.matches["last"].means
    assert means[evidence.shown] == np.sort(means)[0]  # of two, the lower
