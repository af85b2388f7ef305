"""Tic-tac-toe solved, and connect four searched, in plain Python.

Nothing here is shared with descend: boards are strings, rules are written out, values come from
exhaustive minimax (Shannon 1950, Programming a Computer for Playing Chess). A value is that of the
player who is to move: 1 wins, 0 draws, -1 loses.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

# -- tic-tac-toe: nine characters "X", "O" and ".", row by row -----------------------------------

EMPTY = "." * 9
WINS = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def bits(board: str) -> list[int]:
    """The cells of X and of O as whole numbers, cell c the bit of that number."""
    return [sum(1 << c for c, mark in enumerate(board) if mark == who) for who in "XO"]


class Solved(NamedTuple):
    value: int
    best: frozenset[int]  # the moves that reach it; none where the game is over


def mover(board: str) -> str:
    """X begins."""
    return "X" if board.count("X") == board.count("O") else "O"


def winner(board: str) -> str | None:
    for a, b, c in WINS:
        if board[a] != "." and board[a] == board[b] == board[c]:
            return board[a]
    return None


def over(board: str) -> bool:
    return winner(board) is not None or "." not in board


def played(board: str, cell: int) -> str:
    assert board[cell] == "."
    return board[:cell] + mover(board) + board[cell + 1 :]


@functools.cache
def solved(board: str) -> Solved:
    """The exact value of a position, and the moves that keep it."""
    if winner(board) is not None:
        return Solved(-1, frozenset())  # of the player before
    if "." not in board:
        return Solved(0, frozenset())
    values = {c: -solved(played(board, c)).value for c in range(9) if board[c] == "."}
    value = max(values.values())
    return Solved(value, frozenset(c for c, v in values.items() if v == value))


@functools.cache
def reachable() -> tuple[str, ...]:
    """Every position of a game that ends where somebody has won, those that are over among them."""
    found, new = {EMPTY}, [EMPTY]
    while new:
        board = new.pop()
        if not over(board):
            after = {played(board, c) for c in range(9) if board[c] == "."} - found
            found |= after
            new += after
    return tuple(sorted(found))


# -- connect four: a list of seven columns, each a string of stones from below ------------------

Columns = list[str]
HEIGHT, WIDTH = 6, 7
WIN = 1000


def begun() -> Columns:
    return [""] * WIDTH


def to_move(columns: Columns) -> str:
    return "XO"[sum(map(len, columns)) % 2]


def open_columns(columns: Columns) -> list[int]:
    return [c for c in range(WIDTH) if len(columns[c]) < HEIGHT]


def dropped(columns: Columns, column: int) -> Columns:
    assert len(columns[column]) < HEIGHT
    stone = to_move(columns)
    return [s + stone if c == column else s for c, s in enumerate(columns)]


def column_bits(columns: Columns) -> list[list[int]]:
    """The stones of X and of O in each column as whole numbers, the lowest cell the first bit."""
    return [
        [sum(1 << r for r, stone in enumerate(column) if stone == who) for column in columns]
        for who in "XO"
    ]


def stone_at(columns: Columns, column: int, row: int) -> str:
    inside = 0 <= column < WIDTH and 0 <= row < len(columns[column])
    return columns[column][row] if inside else ""


def wins_at(columns: Columns, column: int) -> bool:
    """Whether the topmost stone of a column is part of four in a row."""
    row = len(columns[column]) - 1
    stone = columns[column][row]
    for right, up in ((1, 0), (0, 1), (1, 1), (1, -1)):
        length = 1
        for sign in (1, -1):
            step = 1
            while stone_at(columns, column + sign * step * right, row + sign * step * up) == stone:
                length, step = length + 1, step + 1
        if length >= 4:
            return True
    return False


def lines() -> list[list[tuple[int, int]]]:
    """The 69 lines of four cells (column, row)."""
    ways = ((1, 0), (0, 1), (1, 1), (1, -1))
    every = (
        [(c + i * right, r + i * up) for i in range(4)]
        for c in range(WIDTH)
        for r in range(HEIGHT)
        for right, up in ways
    )
    return [line for line in every if all(0 <= c < WIDTH and 0 <= r < HEIGHT for c, r in line)]


LINES = lines()


def guess(columns: Columns) -> int:
    """Lines open to who is to move less those of the other, each by the square of its stones."""
    me, total = to_move(columns), 0
    for line in LINES:
        stones = {s for s in (stone_at(columns, *cell) for cell in line) if s}
        if len(stones) == 1:
            count = sum(stone_at(columns, *cell) != "" for cell in line)
            total += count**2 if stones == {me} else -(count**2)
    return total


def alpha_beta(
    columns: Columns, depth: int, low: int = -WIN - 100, high: int = WIN + 100
) -> tuple[int, int | None]:
    """(value to who is to move, best move) of a search of so many moves; a sooner win is more.

    Knuth and Moore 1975, An Analysis of Alpha-Beta Pruning.
    """
    free = open_columns(columns)
    if not free:
        return 0, None
    if depth == 0:
        return guess(columns), None
    best: int | None = None
    for column in sorted(free, key=lambda c: abs(c - WIDTH // 2)):
        after = dropped(columns, column)
        value = (
            WIN + depth if wins_at(after, column) else -alpha_beta(after, depth - 1, -high, -low)[0]
        )
        if best is None or value > low:
            low, best = max(low, value), column
        if low >= high:
            break
    return low, best
