"""Tic-tac-toe and connect four against their rules written out in Python; the signs of a game."""

from __future__ import annotations

import random
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import games as oracle

from descend.agents import Box, Choice, Environment, check_environment, parameter
from descend.agents.environments.connect_four import ConnectFour, Stacks, four
from descend.agents.environments.tic_tac_toe import Grid, TicTacToe
from descend.agents.game import Game, require_game
from descend.errors import DescendError

KEY = jax.random.key(0)
ROOM = 1200  # of the widest ply of tic-tac-toe, 1,140 positions


def grid(boards) -> Grid:
    """Positions of tic-tac-toe as the environment holds them."""
    moves = [9 - b.count(".") for b in boards]
    return Grid(np.array([oracle.bits(b) for b in boards], np.int32), np.array(moves, np.int32))


def board(marks) -> str:
    """The other way round, of marks (2,)."""
    return "".join(
        next((m for m, p in zip("XO", marks, strict=True) if p >> i & 1), ".") for i in range(9)
    )


@pytest.fixture(scope="module")
def explored():
    """{board: (legal, reward, terminated, factor of the next value, next board) of nine moves}."""
    return explore(TicTacToe())


def explore(game):
    """Every position that the environment's own steps lead to, one ply after another."""

    def moves(state):
        after, reward, over = jax.vmap(game.step, (None, 0, None))(state, jnp.arange(9), KEY)
        factor = jax.vmap(game.sign, (None, 0, 0))(state, after, over)
        return game.legal(state), reward, over, factor, after.marks

    every = jax.jit(jax.vmap(moves))
    found, ply = {}, [oracle.EMPTY]
    while ply:
        states = grid([*ply, *[oracle.EMPTY] * (ROOM - len(ply))])
        legal, reward, over, factor, marks = (np.asarray(a) for a in every(states))
        later = {}
        for i, name in enumerate(ply):
            after = [board(marks[i, cell]) for cell in range(9)]
            found[name] = legal[i], reward[i], over[i], factor[i], after
            going = legal[i] & ~over[i]
            later |= dict.fromkeys(after[cell] for cell in np.flatnonzero(going))
        ply = list(later)
    return found


def test_every_step_from_every_position_of_tic_tac_toe(explored):
    ended = set()
    for name, (legal, reward, over, _, after) in explored.items():
        assert not oracle.over(name)
        for cell in range(9):
            free = name[cell] == "."
            assert legal[cell] == free
            if not free:  # loses at once, and changes nothing
                assert (reward[cell], over[cell], after[cell]) == (-1, True, name)
                continue
            there = oracle.played(name, cell)
            assert after[cell] == there
            assert over[cell] == oracle.over(there)
            assert reward[cell] == (oracle.winner(there) == oracle.mover(name))
            if over[cell]:
                ended.add(there)
    assert len(explored) == 4520
    assert len(explored) + len(ended) == 5478 == len(oracle.reachable())


def values(found):
    """Backward induction over explored positions, by r + d v alone: {board: value}."""
    exact = {}
    for name in sorted(found, key=lambda b: b.count(".")):
        legal, reward, over, factor, after = found[name]
        exact[name] = max(
            reward[c] + (0 if over[c] else factor[c] * exact[after[c]])
            for c in np.flatnonzero(legal)
        )
    return exact


def test_backward_induction_by_the_stated_signs_solves_tic_tac_toe(explored):
    """Fails where a sign is swapped: of the reward, or of the next state's value."""
    exact = values(explored)
    assert all(exact[name] == oracle.solved(name).value for name in explored)
    assert exact[oracle.EMPTY] == 0


@dataclass(frozen=True)
class OneSided(TicTacToe):
    """As if every value were the same player's (open_spiel #1396)."""

    def sign(self, state, after, over):
        return jnp.where(over, 0.0, 1.0)


@dataclass(frozen=True)
class PaidToTheOther(TicTacToe):
    """As if the reward were that of the player who is to move next."""

    def step(self, state, action, key):
        state, reward, over = super().step(state, action, key)
        return state, -reward, over


@pytest.mark.parametrize("wrong", [OneSided(), PaidToTheOther()])
def test_that_test_sees_a_swapped_sign(wrong):
    exact = values(explore(wrong))
    missed = sum(exact[name] != oracle.solved(name).value for name in exact)
    assert missed > 1000


def test_a_player_who_moves_again_keeps_the_sign():
    @dataclass(frozen=True)
    class Twice(TicTacToe):
        """Two moves each in turn."""

        def turn(self, state):
            return state.moves // 2 % 2

    game = Twice()

    def one(state, cell):
        after, _, over = game.step(state, cell, KEY)
        return after, (game.sign(state, after, over), game.sign(state, after, True))

    cells = jnp.array([0, 4, 1, 2])
    factors, ended = jax.jit(lambda: jax.lax.scan(one, game.reset(KEY), cells)[1])()
    assert factors.tolist() == [1, -1, 1, -1]
    assert ended.tolist() == [0, 0, 0, 0]


# -- connect four ---------------------------------------------------------------------------------


FOUR = jax.jit(jax.vmap(four))


def stacks(columns: oracle.Columns) -> Stacks:
    """A position of connect four as the environment holds it, of NumPy's arrays."""
    stones = np.array(oracle.column_bits(columns), np.int32)
    return Stacks(stones, np.int32(sum(map(len, columns))))


def random_game(rng) -> list[int]:
    columns, moves = oracle.begun(), []
    while free := oracle.open_columns(columns):
        moves.append(rng.choice(free))
        columns = oracle.dropped(columns, moves[-1])
        if oracle.wins_at(columns, moves[-1]):
            break
    return moves


def test_random_games_of_connect_four():
    rng, game = random.Random(0), ConnectFour()
    games = [random_game(rng) for _ in range(300)]
    padded = jnp.array([g + [0] * (42 - len(g)) for g in games])

    def one(state, move):
        after, reward, over = game.step(state, move, KEY)
        seen = game.observe(after)
        return after, (after.stones, reward, over, game.legal(after), seen, game.turn(after))

    play = jax.jit(jax.vmap(lambda moves: jax.lax.scan(one, game.reset(KEY), moves)[1]))
    stones, rewards, overs, legals, seen, turns = (np.asarray(a) for a in play(padded))
    lengths = set()
    for g, moves in enumerate(games):
        columns = oracle.begun()
        lengths.add(len(moves))
        for t, move in enumerate(moves):
            columns = oracle.dropped(columns, move)
            won = oracle.wins_at(columns, move)
            assert np.array_equal(stones[g, t], stacks(columns).stones)
            assert (rewards[g, t], overs[g, t]) == (won, won or t == 41)
            assert np.flatnonzero(legals[g, t]).tolist() == oracle.open_columns(columns)
            me = oracle.to_move(columns)
            assert "XO"[turns[g, t]] == me
            for plane, own in ((0, True), (1, False)):
                expected = [
                    [(s := oracle.stone_at(columns, c, 5 - r)) != "" and (s == me) == own
                     for c in range(7)]
                    for r in range(6)
                ]  # fmt: skip
                assert np.array_equal(seen[g, t, :, :, plane], expected)
    assert min(lengths) < 10 < 38 < max(lengths)  # short ones and nearly full boards


def test_each_of_the_69_lines_wins_and_no_three_of_it_do():
    def bits(cells):
        return [sum(1 << r for c, r in cells if c == column) for column in range(7)]

    lines = jnp.array([bits(line) for line in oracle.LINES])
    threes = jnp.array(
        [bits([*line[:i], *line[i + 1 :]]) for line in oracle.LINES for i in range(4)]
    )
    assert len(lines) == 69
    assert FOUR(lines).all()
    assert not FOUR(threes).any()


def test_a_line_does_not_go_on_in_the_next_column():
    top_and_bottom = [0b111000, 0b000001, *[0] * 5]  # three above, one below beside it
    corner = [0b100000, 0b010000, 0b000001, 0b000010, 0, 0, 0]
    assert not FOUR(jnp.array([top_and_bottom, corner])).any()


def test_a_full_column_is_no_move():
    game = ConnectFour()
    state = stacks(["XOXOXO", *[""] * 6])
    assert game.legal(state).tolist() == [False, *[True] * 6]
    after, reward, over = jax.jit(game.step)(state, jnp.int32(0), KEY)
    assert (float(reward), bool(over)) == (-1, True)
    assert np.array_equal(after.stones, state.stones)


# -- the contract ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("game", "shape", "moves"), [(TicTacToe(), (3, 3, 2), 9), (ConnectFour(), (6, 7, 2), 7)]
)
def test_the_games_are_sound(game, shape, moves):
    checked = check_environment(game)
    assert (checked.observation, checked.actions.n, checked.legal) == (shape, moves, True)
    require_game(game)
    assert float(game.observe(game.reset(KEY)).sum()) == 0


def test_what_is_seen_is_the_movers_view():
    seen = jax.jit(jax.vmap(TicTacToe().observe))(grid(["....X....", "O...X...."]))
    assert seen[0, 1, 1].tolist() == [0, 1]  # O is to move, the cross is the other's
    assert (seen[1, 1, 1].tolist(), seen[1, 0, 0].tolist()) == ([1, 0], [0, 1])


@dataclass(frozen=True)
class Nameless(Game):
    """A game of one move without `turn`."""

    actions = Choice(2)

    def reset(self, key):
        return jnp.int32(0)

    def step(self, state, action, key):
        return state + 1, jnp.float32(0), state >= 0

    def observe(self, state):
        return jnp.zeros(1)

    def legal(self, state):
        return jnp.ones(2, bool)


@dataclass(frozen=True)
class HalfTurns(Nameless):
    def turn(self, state):
        return state / 2


@dataclass(frozen=True)
class Free(HalfTurns):
    def legal(self, state):
        return None


@dataclass(frozen=True)
class Corridor(Environment):
    length: int = parameter(3, least=1)
    actions = Box(-1.0, 1.0)


@pytest.mark.parametrize(
    ("game", "words"),
    [
        (Corridor(), "self-play needs an instance of a subclass of Game"),
        (TicTacToe, "self-play needs an instance of a subclass of Game, got the class TicTacToe"),
        (Nameless(), "Nameless has no turn"),
        (HalfTurns(), "HalfTurns.turn must return a whole number, 0 or 1, got float32"),
        (Free(), r"Free.legal must return booleans of shape \(2,\)"),
    ],
)
def test_what_is_no_game(game, words):
    with pytest.raises(DescendError, match=words):
        require_game(game)


# -- what people see ------------------------------------------------------------------------------


def test_boards_as_text_and_pictures():
    ttt, four_in_a_row = TicTacToe(), ConnectFour()
    state = jax.tree.map(lambda a: a[0], grid(["XO..X...."]))
    assert ttt.text(state).splitlines() == ["X O 2", "3 X 5", "6 7 8"]
    columns = ["X", "OX", "", "", "", "", "O"]
    lines = four_in_a_row.text(stacks(columns)).splitlines()
    assert lines[-3:] == [". X . . . . .", "X O . . . . O", "0 1 2 3 4 5 6"]
    picture = ttt.picture(state)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    cell = len(picture) // 3
    blank = picture[2 * cell + 9 : -9, 9 : cell - 9]
    assert (blank == 255).all()
    assert (picture[9 : cell - 9, 9 : cell - 9] != 255).any()
    picture = four_in_a_row.picture(stacks(columns))
    height, width = len(picture) // 6, picture.shape[1] // 7
    colours = {
        tuple(picture[(2 * r + 1) * height // 2, (2 * c + 1) * width // 2])
        for r, c in ((5, 0), (4, 1), (5, 1), (0, 0))
    }
    assert len(colours) == 3  # two of one player, one of the other, an empty cell
