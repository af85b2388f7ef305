"""A chicken that is to cross a road of eight lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.environment import Choice
from descend.agents.environments.grid_games import (
    EDGE,
    LANES,
    ROWS,
    SIZE,
    WHITE,
    GridGame,
    at,
    cell,
    pick,
    push,
    sign,
    ticked,
)
from descend.palette import ORANGE
from descend.statement import parameter

COLUMN = 4  # of the chicken
SLOWEST = 5  # frames until the slowest cars move


class Road(NamedTuple):
    """Where chicken and cars are.

    row: of the chicken; rest: frames until it can move again; columns, right, every, wait: of the
    car in each row, which way it goes, in how many frames it moves once, frames until it moves (no
    car is in the first row and in the last: these are not used).
    """

    row: jax.Array
    rest: jax.Array
    columns: jax.Array
    right: jax.Array
    every: jax.Array
    wait: jax.Array
    last: jax.Array


@dataclass(frozen=True)
class Freeway(GridGame):
    """Each crossing pays 1; a car's touch sends the chicken back to where it began.

    The chicken begins in the last row and moves up or down column 4, one cell in `slowness` frames
    at most. In row 0 it has crossed, and begins again below. Each of rows 1 to 8 is a lane with one
    car, which moves one cell once in 1 to 5 frames, left or right, and comes in again on the other
    side. Both are drawn evenly for each lane, at the beginning and after each crossing.

    It never terminates. What ends it is the time, 2,500 frames, which no one sees in a picture: so
    it is the `limit`, and an episode is cut short.

    A frame: the chicken moves; a car in its cell sends it back; cars move; again.

    Actions: stay, up, down. Channels: chicken, car, and five for the cell behind a car, which show
    where it goes: the first for a car that moves in every frame, the fifth for one that moves in
    every fifth.

    Source: Young and Tian 2019, section 3, after Activision's Freeway (1981 for the 2600).
    """

    limit: int = parameter(2500, least=1, doc="steps after which an episode is cut short")
    slowness: int = parameter(3, least=1, doc="frames of a move of the chicken")

    actions = Choice(3, ("stay", "up", "down"))
    channels: ClassVar = {
        "chicken": WHITE,
        "car": ORANGE,
        "fastest": "#A9D9F5",  # the palette's blue and sky, from light to dark
        "fast": "#7CC4EE",
        "middling": "#56B4E9",
        "slow": "#2B93CD",
        "slowest": "#0072B2",
    }
    draws = SIZE

    def reset(self, key: jax.Array) -> Road:
        """The chicken below, each car at the side that it comes from."""
        right, every = traffic(jax.random.uniform(key, (SIZE,)))
        return Road(
            row=jnp.int32(EDGE),
            rest=jnp.int32(0),
            columns=jnp.where(right, jnp.int32(0), jnp.int32(EDGE)),
            right=right,
            every=every,
            wait=every,
            last=jnp.int32(0),
        )

    def frame(self, state: Road, action: jax.Array, luck: jax.Array) -> tuple[Road, Any, Any]:
        """The chicken moves, cars move."""
        moves = (action != 0) & (state.rest == 0)
        row = state.row + jnp.where(moves, push(action, 1, 2), 0)
        rest = jnp.where(moves, jnp.asarray(self.slowness, jnp.int32), state.rest)
        crossed = row <= 0
        row = jnp.where(crossed, EDGE, jnp.minimum(row, EDGE))

        new_right, new_every = traffic(luck)
        right = jnp.where(crossed, new_right, state.right)
        every = jnp.where(crossed, new_every, state.every)
        go, wait = ticked(jnp.where(crossed, new_every, state.wait), every)
        columns = (state.columns + jnp.where(go, sign(right), 0)) % SIZE

        meets = (state.columns == COLUMN) | (columns == COLUMN)
        hit = jnp.any(LANES & (row == ROWS) & meets)
        new = Road(
            row=jnp.where(hit, EDGE, row),
            rest=jnp.maximum(rest - 1, 0),
            columns=columns,
            right=right,
            every=every,
            wait=wait,
            last=state.last,
        )
        return new, crossed.astype(float), False

    def planes(self, state: Road) -> tuple[jax.Array, ...]:
        """Chicken, car, and what is behind cars of each speed."""
        behind = cell((state.columns - sign(state.right)) % SIZE)
        trails = (
            jnp.where(LANES & (state.every == every), behind, 0) for every in range(1, SLOWEST + 1)
        )
        return at(state.row, COLUMN), jnp.where(LANES, cell(state.columns), 0), *trails


def traffic(luck: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(whether cars go right, in how many frames they move once), of numbers between 0 and 1."""
    kind = pick(luck, 2 * SLOWEST)  # one number for both: draws are dear
    return kind >= SLOWEST, kind % SLOWEST + 1
