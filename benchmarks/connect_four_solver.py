"""Connect four solved: how a position ends if both sides play as well as can be.

    values([3, 3, 2])        of each column: 1 who is to move wins, 0 a draw, -1 loses, None full

Alpha-beta on bits (Numba): a column is seven bits, six cells and one that stays empty, so that a
shift by 1, 6, 7 or 8 is a step up, down right, right or up right and no line runs over an edge.
Positions that were seen are remembered with bounds of their value; moves that make most threats
come first. From about the eighth move a position takes well under a second; the first moves take
minutes to hours and are not asked for.

Source: Knuth and Moore 1975, An Analysis of Alpha-Beta Pruning; Allis 1988, A Knowledge-based
Approach of Connect-Four (that the middle column wins).
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

ROWS, COLUMNS = 6, 7
HEIGHT = ROWS + 1
BOTTOM = sum(1 << HEIGHT * c for c in range(COLUMNS))
BOARD = BOTTOM * ((1 << ROWS) - 1)
COLUMN = (1 << ROWS) - 1
MIDDLE_FIRST = (3, 2, 4, 1, 5, 0, 6)
PLACES = 1 << 23  # of the memory
MIXER = 0x1E3779B97F4A7C15  # odd: spreads positions over the memory
# what the first move is worth (Allis 1988): the middle wins, its neighbours draw, the others lose
FIRST = (-1, -1, 0, 1, 0, -1, -1)


@numba.njit(cache=True)
def _count(bits):
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@numba.njit(cache=True)
def winning(own, taken):
    """Empty cells that would complete four of `own`."""
    found = (own << 1) & (own << 2) & (own << 3)
    for step in (HEIGHT - 1, HEIGHT, HEIGHT + 1):
        pair = (own << step) & (own << 2 * step)
        found |= pair & (own << 3 * step)
        found |= pair & (own >> step)
        pair = (own >> step) & (own >> 2 * step)
        found |= pair & (own << step)
        found |= pair & (own >> 3 * step)
    return found & (BOARD ^ taken)


@numba.njit(cache=True)
def _search(own, taken, moves, low, high, keys, bounds):
    """The value to who is to move, exact between low and high and else a bound of it."""
    reachable = (taken + BOTTOM) & BOARD
    other = own ^ taken
    if winning(own, taken) & reachable:
        return 1
    threats = winning(other, taken)
    forced = reachable & threats
    allowed = reachable
    if forced:
        if forced & (forced - 1):
            return -1
        allowed = forced
    allowed &= ~(threats >> 1)  # nothing below a cell where the other would win
    if not allowed:
        return -1 if reachable else 0
    if moves >= ROWS * COLUMNS - 2:
        return 0
    key = own + taken + BOTTOM
    place = (key * MIXER >> 40) & (PLACES - 1)
    least, most = -1, 1
    if keys[place] == key:
        least, most = bounds[place] % 4 - 1, bounds[place] // 4 - 1
        if least >= high or least == most:
            return least
        if most <= low:
            return most
        low, high = max(low, least), min(high, most)
    asked_low, asked_high, best = low, high, -1
    scores = 0  # threats after each move plus one, four bits a column; 0: done or not allowed
    for i in range(COLUMNS):
        cell = (COLUMN << HEIGHT * MIDDLE_FIRST[i]) & allowed
        if cell:
            made = _count(winning(own | cell, taken | cell))
            scores |= min(made + 1, 15) << 4 * i
    while scores:
        first, top = 0, 0
        for i in range(COLUMNS):
            score = (scores >> 4 * i) & 15
            if score > top:
                first, top = i, score
        scores &= ~(15 << 4 * first)
        cell = (COLUMN << HEIGHT * MIDDLE_FIRST[first]) & allowed
        value = -_search(other, taken | cell, moves + 1, -high, -low, keys, bounds)
        best = max(best, value)
        low = max(low, value)
        if low >= high:
            break
    if best <= asked_low:
        most = min(most, best)
    elif best >= asked_high:
        least = max(least, best)
    else:
        least = most = best
    keys[place], bounds[place] = key, (least + 1) + 4 * (most + 1)
    return best


class Solver:
    """The memory of positions, kept from one question to the next."""

    def __init__(self) -> None:
        self._keys = np.zeros(PLACES, np.int64)
        self._bounds = np.zeros(PLACES, np.int8)

    def values(self, moves: Sequence[int]) -> list[int | None]:
        """What each column is worth to who is to move, behind moves that do not end the game."""
        own, taken = bits(moves)
        found: list[int | None] = []
        for column in range(COLUMNS):
            cell = (taken + (1 << HEIGHT * column)) & COLUMN << HEIGHT * column
            if not cell:
                found.append(None)
            elif cell & winning(own, taken):
                found.append(1)
            elif len(moves) == ROWS * COLUMNS - 1:
                found.append(0)
            else:
                asked = (own ^ taken, taken | cell, len(moves) + 1, -1, 1)
                found.append(-int(_search(*asked, self._keys, self._bounds)))
        return found


def bits(moves: Sequence[int]) -> tuple[int, int]:
    """The stones of who is to move, and all stones."""
    own = taken = 0
    for column in moves:
        cell = (taken + (1 << HEIGHT * column)) & COLUMN << HEIGHT * column
        if not cell:
            raise ValueError(f"column {column} is full in {list(moves)}")
        own ^= taken  # the other's turn
        taken |= cell
    return own, taken
