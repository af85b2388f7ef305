"""Four in a row on an upright board of six by seven."""

from __future__ import annotations

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

ROWS, COLUMNS = 6, 7
FULL = 1 << ROWS
MARKS = ("X", "O")


def _lines() -> np.ndarray:
    """Which of the 42 cells, column by column from below, the 69 lines of four hold, (42, 69)."""
    ways = ((1, 0), (0, 1), (1, 1), (1, -1))
    lines = [
        [(c + i * right, r + i * up) for i in range(4)]
        for c in range(COLUMNS)
        for r in range(ROWS)
        for right, up in ways
    ]
    inside = [line for line in lines if all(0 <= c < COLUMNS and 0 <= r < ROWS for c, r in line)]
    cells = [(c, r) for c in range(COLUMNS) for r in range(ROWS)]
    return np.array([[cell in line for line in inside] for cell in cells], np.float32)


LINES = _lines()


class Stacks(NamedTuple):
    """The stones of both players, a column's as bits from below, int32 (2, 7); the moves made."""

    stones: jax.Array
    moves: jax.Array


def four(columns: jax.Array) -> jax.Array:
    """Whether bits (7,) of a player's columns hold four in a row, a boolean.

    Columns are compared as whole numbers: next to each other for a row, shifted by one bit a column
    for a diagonal. That is about thirty operations on seven numbers, however many stones there are.
    """
    up = columns & columns >> 1 & columns >> 2 & columns >> 3
    a, b, c, d = (columns[i : i + COLUMNS - 3] for i in range(4))
    across = a & b & c & d
    rising = a & b >> 1 & c >> 2 & d >> 3
    falling = a & b << 1 & c << 2 & d << 3
    return jnp.any(up != 0) | jnp.any((across | rising | falling) != 0)


@dataclass(frozen=True)
class ConnectFour(Game):
    """Stones fall down a column; whoever has four in a row, column or diagonal wins. X begins.

    A move is the number of a column, 0 to 6 from the left. A move to a full column is not legal; it
    loses at once. A full board without a row of four is a draw. Perfect play is won by who begins,
    in the middle column.

    Source: Allis 1988, A Knowledge-based Approach of Connect-Four.
    """

    limit: int = parameter(ROWS * COLUMNS, least=1, doc="moves of the longest game")

    actions = Choice(COLUMNS)

    def reset(self, key: jax.Array) -> Stacks:
        """The empty board."""
        return Stacks(jnp.zeros((2, COLUMNS), jnp.int32), jnp.zeros((), jnp.int32))

    def turn(self, state: Stacks) -> jax.Array:
        """X at even numbers of moves."""
        return state.moves % 2

    def step(self, state: Stacks, action: jax.Array, key: jax.Array) -> tuple[Stacks, Any, Any]:
        """Drop the mover's stone into a column."""
        mine = jnp.arange(2) == self.turn(state)
        here = jnp.arange(COLUMNS) == action
        taken = state.stones[0] | state.stones[1]
        free = jnp.any(here & (taken + 1 < FULL))
        # a column is filled from its lowest bit, so that one more is the bit of its next free cell
        fallen = jnp.where(here & free, taken + 1, 0)
        stones = jnp.where(mine[:, None], state.stones | fallen[None], state.stones)
        won = four(jnp.where(mine[0], stones[0], stones[1]))
        moves = state.moves + 1
        reward = jnp.where(free, jnp.where(won, 1.0, 0.0), -1.0)
        return Stacks(stones, moves), reward, ~free | won | (moves >= ROWS * COLUMNS)

    def observe(self, state: Stacks) -> jax.Array:
        """Two planes, the mover's stones and the other's, (6, 7, 2); the top row comes first."""
        ordered = jnp.where(self.turn(state) == 0, state.stones, state.stones[::-1])
        heights = jnp.arange(ROWS - 1, -1, -1, dtype=jnp.int32)
        bits = ordered.T[None] >> heights[:, None, None] & 1
        return bits.astype(float)

    def legal(self, state: Stacks) -> jax.Array:
        """The columns that are not full."""
        return (state.stones[0] | state.stones[1]) + 1 < FULL

    def guess(self, state: Stacks) -> jax.Array:
        """Lines of four that only one player has stones in, by the squares of their stones.

        tanh((sum of n^2 over the mover's lines - that over the other's) / 40) / 2
        """
        heights = jnp.arange(ROWS, dtype=jnp.int32)[None, None]
        cells = (state.stones[:, :, None] >> heights & 1).reshape(2, -1).astype(float)
        first, second = cells @ LINES
        open_lines = jnp.where(second == 0, first**2, 0.0) - jnp.where(first == 0, second**2, 0.0)
        mine = jnp.where(self.turn(state) == 0, 1.0, -1.0)
        return jnp.tanh(mine * jnp.sum(open_lines) / 40) / 2

    def text(self, state: Stacks) -> str:
        """Six lines of X, O and dots, and the columns' numbers below."""
        lines = [" ".join((*MARKS, ".")[who] for who in row) for row in _board(state)]
        return "\n".join([*lines, " ".join(map(str, range(COLUMNS)))])

    def picture(self, state: Stacks) -> np.ndarray:
        """A blue board with orange and black stones."""
        canvas = Canvas(0, 0, COLUMNS, ROWS)
        canvas.rectangle((0, 0), (COLUMNS, ROWS), BLUE)
        for row, line in enumerate(_board(state)):
            for column, who in enumerate(line):
                centre = (column + 0.5, ROWS - row - 0.5)
                canvas.disc(centre, 0.4, (ORANGE, BLACK, WHITE)[who])
        return canvas.picture()


def _board(state: Stacks) -> np.ndarray:
    """Who has each cell: 0, 1, or -1 for nobody, (6, 7), the top row first; on the host."""
    stones = np.asarray(state.stones)
    bits = stones[:, None] >> np.arange(ROWS - 1, -1, -1)[:, None] & 1
    return np.where(bits[0] == 1, 0, np.where(bits[1] == 1, 1, -1))
