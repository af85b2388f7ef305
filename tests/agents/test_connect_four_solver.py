"""The solver that judges connect four, against plain search of the last moves."""

from __future__ import annotations

import functools
import random
import sys
from pathlib import Path

import pytest
from oracles import games as oracle

pytest.importorskip("numba")
BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def solver():
    sys.path.insert(0, BENCHMARKS)
    try:
        from connect_four_solver import Solver
    finally:
        sys.path.remove(BENCHMARKS)
    return Solver()


@functools.cache
def exact(columns: tuple[str, ...]) -> int:
    """1, 0 or -1 for who is to move, by search of all games."""
    free = oracle.open_columns(list(columns))
    return max((after(columns, c) for c in free), default=0)


def after(columns: tuple[str, ...], column: int) -> int:
    new = oracle.dropped(list(columns), column)
    return 1 if oracle.wins_at(new, column) else -exact(tuple(new))


def test_late_positions_are_solved(solver):
    rng, ends = random.Random(0), []
    while len(ends) < 60:
        columns, moves = oracle.begun(), []
        for _ in range(rng.randint(32, 41)):
            moves.append(rng.choice(oracle.open_columns(columns)))
            columns = oracle.dropped(columns, moves[-1])
            if oracle.wins_at(columns, moves[-1]):
                break
        else:
            wanted = [after(tuple(columns), c) if len(columns[c]) < 6 else None for c in range(7)]
            assert solver.values(moves) == wanted, moves
            ends.append(max(v for v in wanted if v is not None))
    assert set(ends) == {-1, 0, 1}


def test_a_win_and_a_block(solver):
    assert solver.values([0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3])[0] == 1  # four in a column
    with pytest.raises(ValueError, match="column 0 is full"):
        solver.values([0] * 7)
