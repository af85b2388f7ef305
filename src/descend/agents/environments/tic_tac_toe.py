"""Three in a row on a board of three by three."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import WHITE, Canvas
from descend.agents.environment import Choice
from descend.agents.game import Game
from descend.palette import BLACK, BLUE, ORANGE
from descend.statement import parameter

SIZE, CELLS = 3, 9
# the cells of a line as bits; cell 3 row + column is the bit of that number
LINES = np.array(
    [0b111 << 3 * i for i in range(3)]  # rows
    + [0b001001001 << i for i in range(3)]  # columns
    + [0b100010001, 0b001010100],
    np.int32,
)
MARKS = ("X", "O")


class Grid(NamedTuple):
    """The marks of both players as bits, int32 (2,), and the moves made."""

    marks: jax.Array
    moves: jax.Array


class Solved(NamedTuple):
    """Exact play: all positions in which somebody is to move.

    states: the positions, leaves (4520, ...); q: how the game ends behind each move if both play as
    well as can be, 1, 0 or -1 for who makes it, (4520, 9), NaN where it is not legal.
    """

    states: Grid
    q: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """How each position ends, for who is to move, (4520,)."""
        return np.nanmax(self.q, axis=1)

    @property
    def best(self) -> np.ndarray:
        """The moves that keep the value, booleans (4520, 9)."""
        return self.q == self.values[:, None]


@functools.cache
def _solved() -> dict[tuple[int, int], dict[int, int]]:
    """{marks of who is to move and of the other: {move: how it ends}}, by search of all games."""
    known: dict[tuple[int, int], dict[int, int]] = {}

    def value(mine: int, other: int) -> int:
        if any(other & line == line for line in LINES.tolist()):
            return -1
        if mine | other == 2**CELLS - 1:
            return 0
        if (mine, other) not in known:
            free = [cell for cell in range(CELLS) if not (mine | other) >> cell & 1]
            known[mine, other] = {cell: -value(other, mine | 1 << cell) for cell in free}
        return max(known[mine, other].values())

    value(0, 0)
    return known


@functools.cache
def _best() -> np.ndarray:
    """Best moves as bits, by the marks of who is to move and of the other: int16 (512, 512)."""
    table = np.zeros((2**CELLS, 2**CELLS), np.int16)
    for marks, ends in _solved().items():
        top = max(ends.values())
        table[marks] = sum(1 << move for move, end in ends.items() if end == top)
    return table


@dataclass(frozen=True)
class TicTacToe(Game):
    """Whoever has three in a row wins; a full board without is a draw. X begins.

    Cells are numbered row by row, 0 to 8, and so are moves. A move to a cell that is taken is not
    legal; it loses at once. There are 5,478 positions (765 but for symmetry), and perfect play is a
    draw.

    Source: the game's rules; Michie 1963, Experiments on the Mechanization of Game-Learning.
    """

    limit: int = parameter(CELLS, least=1, doc="moves of the longest game")

    actions = Choice(CELLS)

    def reset(self, key: jax.Array) -> Grid:
        """The empty board."""
        return Grid(jnp.zeros(2, jnp.int32), jnp.zeros((), jnp.int32))

    def turn(self, state: Grid) -> jax.Array:
        """X at even numbers of moves."""
        return state.moves % 2

    def step(self, state: Grid, action: jax.Array, key: jax.Array) -> tuple[Grid, Any, Any]:
        """Put the mover's mark on a cell."""
        mine = jnp.arange(2) == self.turn(state)
        bit = jnp.int32(1) << jnp.asarray(action, jnp.int32)
        free = self.legal(state)[action]
        marks = jnp.where(mine & free, state.marks | bit, state.marks)
        own = jnp.sum(jnp.where(mine, marks, 0), dtype=jnp.int32)
        won = jnp.any(own & LINES == LINES)
        moves = state.moves + 1
        reward = jnp.where(free, jnp.where(won, 1.0, 0.0), -1.0)
        return Grid(marks, moves), reward, ~free | won | (moves >= CELLS)

    def observe(self, state: Grid) -> jax.Array:
        """Two planes, the mover's marks and the other's, (3, 3, 2)."""
        ordered = jnp.where(self.turn(state) == 0, state.marks, state.marks[::-1])
        bits = ordered[None] >> jnp.arange(CELLS, dtype=jnp.int32)[:, None] & 1
        return bits.reshape(SIZE, SIZE, 2).astype(float)

    def legal(self, state: Grid) -> jax.Array:
        """The cells that are free."""
        taken = state.marks[0] | state.marks[1]
        return taken >> jnp.arange(CELLS, dtype=jnp.int32) & 1 == 0

    def best(self, state: Grid) -> jax.Array:
        """The moves that keep the position's exact value; none where it cannot be reached."""
        mine, other = jnp.where(self.turn(state) == 0, state.marks, state.marks[::-1])
        bits = jnp.asarray(_best(), jnp.int32)[mine, other]
        return bits >> jnp.arange(CELLS, dtype=jnp.int32) & 1 == 1

    def exact(self) -> Solved:
        """Exact play, by exhaustive search of all positions that can be reached."""
        positions, q = _solved(), np.full((len(_solved()), CELLS), np.nan)
        for row, ends in zip(q, positions.values(), strict=True):
            row[list(ends)] = list(ends.values())
        moves = np.array([(mine | other).bit_count() for mine, other in positions], np.int32)
        marks = np.array(list(positions), np.int32)
        marks = np.where(moves[:, None] % 2 == 0, marks, marks[:, ::-1])
        states: Any = (marks, moves)
        return Solved(Grid(*states), q)

    def text(self, state: Grid) -> str:
        """Three lines of X, O and the numbers of free cells."""
        board = _board(state)
        signs = [MARKS[who] if who >= 0 else str(cell) for cell, who in enumerate(board)]
        return "\n".join(" ".join(signs[at : at + SIZE]) for at in range(0, CELLS, SIZE))

    def picture(self, state: Grid) -> np.ndarray:
        """Black lines, blue crosses, orange rings."""
        canvas = Canvas(0, 0, SIZE, SIZE)
        for edge in range(1, SIZE):
            canvas.line((edge, 0.1), (edge, SIZE - 0.1), 0.04, BLACK)
            canvas.line((0.1, edge), (SIZE - 0.1, edge), 0.04, BLACK)
        for cell, who in enumerate(_board(state)):
            x, y = cell % SIZE + 0.5, SIZE - cell // SIZE - 0.5
            if who == 0:
                canvas.line((x - 0.28, y - 0.28), (x + 0.28, y + 0.28), 0.1, BLUE)
                canvas.line((x - 0.28, y + 0.28), (x + 0.28, y - 0.28), 0.1, BLUE)
            elif who == 1:
                canvas.disc((x, y), 0.35, ORANGE)
                canvas.disc((x, y), 0.25, WHITE)
        return canvas.picture()


def _board(state: Grid) -> list[int]:
    """Who has each cell: 0, 1, or -1 for nobody; on the host."""
    marks = np.asarray(state.marks)
    return [next((p for p in (0, 1) if marks[p] >> cell & 1), -1) for cell in range(CELLS)]
