"""Opponents against the rules written out in Python, and games of one against another."""

from __future__ import annotations

import random
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import games as oracle

from descend.agents import Choice, make
from descend.agents.alphazero import Minimax, Perfect, Random, opponent
from descend.agents.alphazero.match import match, matched
from descend.agents.alphazero.opponents import opponents_of
from descend.agents.environments.connect_four import Stacks
from descend.agents.environments.tic_tac_toe import Grid
from descend.agents.game import Game
from descend.errors import DescendError

GAME = make("tic-tac-toe")
FOUR = make("connect-four")
KEY = jax.random.key(0)
NAMES = [b for b in oracle.reachable() if not oracle.over(b)]


def grid(boards):
    marks = np.array([oracle.bits(b) for b in boards], np.int32)
    return Grid(marks, np.array([9 - b.count(".") for b in boards], np.int32))


def stacks(columns):
    stones = np.array([oracle.column_bits(c) for c in columns], np.int32)
    return Stacks(stones, np.array([sum(map(len, c)) for c in columns], np.int32))


def good(other, game, states):
    """Which moves an opponent draws from, (boards, moves)."""
    one = lambda s: other.good(game, s, KEY) & game.legal(s)
    return np.asarray(jax.jit(jax.vmap(one))(states))


def test_exact_play_is_that_of_exhaustive_search():
    exact = GAME.exact()
    marks = grid(NAMES).marks
    assert sorted(map(tuple, exact.states.marks)) == sorted(map(tuple, marks))
    order = {tuple(m): i for i, m in enumerate(exact.states.marks)}
    found = good(Perfect(), GAME, grid(NAMES))
    for name, mine, best in zip(NAMES, marks, found, strict=True):
        value, moves = oracle.solved(name)
        at = order[tuple(mine)]
        assert exact.values[at] == value
        assert set(np.flatnonzero(exact.best[at])) == set(np.flatnonzero(best)) == moves


def wins(name, who):
    free = [c for c in range(9) if name[c] == "."]
    return {c for c in free if oracle.winner(name[:c] + who + name[c + 1 :]) == who}


def test_one_ply_takes_a_win_blocks_a_loss_and_else_draws():
    found = good(opponent("one-ply", GAME), GAME, grid(NAMES))
    other = {"X": "O", "O": "X"}
    blocks = 0
    for name, moves in zip(NAMES, found, strict=True):
        mine, theirs = (wins(name, who) for who in (oracle.mover(name), other[oracle.mover(name)]))
        free = {c for c in range(9) if name[c] == "."}
        blocks += not mine and len(theirs) == 1
        right = mine or (theirs if len(theirs) == 1 else free)
        assert set(np.flatnonzero(moves)) == right, name
    assert blocks > 900


def test_a_search_to_the_end_plays_exactly():
    """Positions of four free cells; only among the moves that win or lose it prefers some."""
    some = [n for n in NAMES if n.count(".") <= 4]
    for name, moves in zip(some, good(Minimax(4), GAME, grid(some)), strict=True):
        chosen = set(np.flatnonzero(moves))
        assert chosen <= oracle.solved(name).best
        if oracle.solved(name).value == 0:
            assert chosen == oracle.solved(name).best


def positions(count, seed):
    """Positions of connect four in which nobody has won yet."""
    rng, found = random.Random(seed), []
    while len(found) < count:
        columns = oracle.begun()
        for _ in range(rng.randint(0, 30)):
            after = oracle.dropped(columns, rng.choice(oracle.open_columns(columns)))
            if oracle.wins_at(
                after, [a != b for a, b in zip(after, columns, strict=True)].index(True)
            ):
                break
            columns = after
        found.append(columns)
    return found


def test_the_guess_counts_open_lines():
    some = positions(40, 0)
    found = jax.jit(jax.vmap(FOUR.guess))(stacks(some))
    wanted = [np.tanh(oracle.guess(c) / 40) / 2 for c in some]
    assert np.allclose(found, wanted, atol=1e-6)
    assert np.ptp(wanted) > 0.2


def test_searches_of_connect_four_are_those_of_alpha_beta():
    """Depth 3: a forced win is found exactly where alpha-beta finds one, and a loss put off."""
    some = positions(40, 1)
    values = jax.jit(jax.vmap(lambda s: Minimax(3).values(FOUR, s, KEY)))(stacks(some))
    forced = 0
    for columns, found in zip(some, np.asarray(values), strict=True):
        value, _ = oracle.alpha_beta(columns, 3)
        legal = set(oracle.open_columns(columns))
        assert set(np.flatnonzero(found > -2)) == legal
        sure = 1 if value >= oracle.WIN else -1 if value <= -oracle.WIN else 0
        assert np.where(abs(found.max()) > 0.9, np.sign(found.max()), 0) == sure
        forced += sure != 0
        if not sure:  # the guess behind three moves, a little less for each of them
            assert np.isclose(found.max(), 0.99**3 * np.tanh(value / 40) / 2, atol=1e-6)
    assert 5 < forced < 35


def test_chance_draws_evenly_among_legal_moves():
    state = GAME.position([0, 1, 2, 3])
    keys = jax.random.split(KEY, 4000)
    moves = jax.jit(jax.vmap(lambda k: Random()(GAME, state, k)))(keys)
    counts = np.bincount(moves, minlength=9)
    assert (counts[:4] == 0).all()
    assert (abs(counts[4:] - 800) < 130).all()  # five standard deviations


# -- games ----------------------------------------------------------------------------------------


def player_of(other):
    """An opponent in the player's place, whose chance is always the same."""
    return jax.jit(jax.vmap(lambda s: other(GAME, s, KEY)))


def test_games_on_the_host_are_those_of_the_program():
    keys = jax.random.split(jax.random.key(3), 24)
    player, programs = player_of(Minimax(1)), {}
    for first in (True, False):
        one = jax.jit(lambda k, first=first: match(GAME, player, Random(), first, k))(keys)
        other = matched(GAME, player, Random(), first, keys, programs)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.lengths, other.lengths)
        assert set(other.scores) >= {-1, 1}
        assert ((other.lengths >= 5) & (other.lengths <= 9)).all()
        # who wins made the last move: the first player an odd one
        odd = other.lengths % 2 == 1
        assert (odd == ((other.scores > 0) == first))[other.scores != 0].all()


def test_exact_play_never_loses_and_draws_with_itself():
    keys = jax.random.split(KEY, 40)
    exact = player_of(Perfect())
    for first in (True, False):
        assert (matched(GAME, exact, Random(), first, keys, {}).scores >= 0).all()
        assert (matched(GAME, exact, Perfect(), first, keys, {}).scores == 0).all()


@dataclass(frozen=True)
class Endless(Game):
    """Nobody ever wins."""

    limit: int = 7
    actions = Choice(2)

    def reset(self, key):
        return jnp.int32(0)

    def turn(self, state):
        return state % 2

    def step(self, state, action, key):
        return state + 1, jnp.float32(0), jnp.bool_(False)

    def observe(self, state):
        return jnp.zeros(1)

    def legal(self, state):
        return jnp.ones(2, bool)


def test_a_game_of_limit_moves_is_a_draw():
    keys = jax.random.split(KEY, 3)
    played = matched(Endless(), lambda s: jnp.zeros(3, int), Random(), True, keys, {})
    assert (played.scores.tolist(), played.lengths.tolist()) == ([0, 0, 0], [7, 7, 7])


# -- names and mistakes ---------------------------------------------------------------------------


def test_opponents_by_name():
    assert opponent("depth-2", FOUR) == Minimax(2)
    assert opponent("one-ply", FOUR) == Minimax(2, guess=False)
    assert opponents_of(GAME) == ("random", "one-ply", "depth-4", "perfect")
    assert opponents_of(FOUR) == ("random", "one-ply", "depth-4")


@pytest.mark.parametrize(
    ("name", "game", "words"),
    [
        ("prefect", GAME, "unknown opponent 'prefect'. Did you mean 'perfect'?"),
        ("depth-0", GAME, "depth must be a whole number >= 1"),
        ("depth-9", FOUR, "a search of 9 moves of ConnectFour ends in 40,353,607 positions"),
        ("perfect", FOUR, "exact play of ConnectFour is not known"),
        (3, GAME, "an opponent is a name or an Opponent, got 3"),
    ],
)
def test_what_is_no_opponent(name, game, words):
    with pytest.raises(DescendError, match=words.replace("?", r"\?")):
        opponent(name, game)


def test_a_position_by_its_moves():
    assert GAME.text(GAME.position([4, 0, 8])).splitlines() == ["O 1 2", "3 X 5", "6 7 X"]
    with pytest.raises(
        DescendError, match="TicTacToe: move 2 cannot be 4: legal are 0, 1, 2, 3, 5"
    ):
        GAME.position([4, 4])
    with pytest.raises(DescendError, match="move 6 cannot be 8: the game is over"):
        GAME.position([0, 3, 1, 4, 2, 8])
