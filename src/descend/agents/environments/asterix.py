"""Treasure to be collected among enemies, which come from both sides and ever faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.environment import Choice
from descend.agents.environments.grid_games import (
    EDGE,
    GREY,
    LANES,
    ROWS,
    SIZE,
    GridGame,
    at,
    cell,
    pick,
    push,
    sign,
    ticked,
)
from descend.palette import SKY, VERMILION, YELLOW
from descend.statement import parameter

RAMP = 100  # frames after which it becomes harder


class Field(NamedTuple):
    """Where everyone is.

    row, column: of the player; columns, right, gold, there: of the thing in each row,
    which way it goes, whether it is treasure, whether there is one; spawn_wait, move_wait: frames
    until the next comes, until they move; clock: frames so far.
    """

    row: jax.Array
    column: jax.Array
    columns: jax.Array
    right: jax.Array
    gold: jax.Array
    there: jax.Array
    spawn_wait: jax.Array
    move_wait: jax.Array
    clock: jax.Array
    last: jax.Array


@dataclass(frozen=True)
class Asterix(GridGame):
    """Each treasure that the player touches pays 1; an enemy's touch ends the game.

    The player moves one cell a frame in rows 1 to 8 and begins in the middle. Each of these rows is
    a lane that holds one thing at most. Every `spawn` frames one comes, in a free lane, from the
    left or from the right: treasure with the probability `treasure`, else an enemy. They move one
    cell inwards every `move` frames and leave on the other side.

    With `ramp` = 1 it becomes harder every 100 frames: things come one frame sooner, down to one in
    every frame, and at every second time they move one frame sooner, down to every second frame.

    A frame: something comes; the player moves; touches count; things move; touches count again.

    Actions: stay, left, up, right, down. Channels: player, enemy, trail (the cell behind a thing,
    which shows where it goes), treasure.

    Source: Young and Tian 2019, section 3, after Atari's Asterix (1983 for the 2600).
    """

    spawn: int = parameter(10, least=1, doc="frames until the next thing comes, at first")
    move: int = parameter(5, least=2, doc="frames until things move, at first")
    treasure: float = parameter(1 / 3, least=0, most=1, doc="probability that a thing is treasure")
    ramp: int = parameter(1, least=0, most=1, doc="difficulty that grows: 1; 0 for none")

    actions = Choice(5, ("stay", "left", "up", "right", "down"))
    channels: ClassVar = {"player": SKY, "enemy": VERMILION, "trail": GREY, "treasure": YELLOW}
    draws = 3

    def reset(self, key: jax.Array) -> Field:
        """Alone in the middle."""
        none = jnp.zeros(SIZE, bool)
        return Field(
            row=jnp.int32(5),
            column=jnp.int32(5),
            columns=jnp.zeros(SIZE, jnp.int32),
            right=none,
            gold=none,
            there=none,
            spawn_wait=jnp.asarray(self.spawn, jnp.int32),
            move_wait=jnp.asarray(self.move, jnp.int32),
            clock=jnp.int32(0),
            last=jnp.int32(0),
        )

    def frame(self, state: Field, action: jax.Array, luck: jax.Array) -> tuple[Field, Any, Any]:
        """Something comes, the player moves, things move."""
        harder = self.ramp * (state.clock // RAMP)
        comes, spawn_wait = ticked(state.spawn_wait, jnp.maximum(self.spawn - harder, 1))
        moves, move_wait = ticked(state.move_wait, jnp.maximum(self.move - harder // 2, 2))

        free = LANES & ~state.there
        lanes = jnp.sum(jnp.where(free, cell(ROWS), 0), dtype=jnp.int32)  # a bit for each
        before = jax.lax.population_count(lanes & (cell(ROWS) - 1))
        came = comes & free & (before == pick(luck[0], jax.lax.population_count(lanes)))
        from_left = luck[1] < 0.5
        columns = jnp.where(came, jnp.where(from_left, 0, EDGE), state.columns)
        right = jnp.where(came, from_left, state.right)
        gold = jnp.where(came, luck[2] < self.treasure, state.gold)
        there = state.there | came

        row = jnp.clip(state.row + push(action, 2, 4), 1, EDGE - 1)
        column = jnp.clip(state.column + push(action, 1, 3), 0, EDGE)
        lane = row == ROWS
        touched = there & lane & (columns == column)
        there &= ~touched
        columns += jnp.where(moves, sign(right), 0)
        there &= (columns >= 0) & (columns <= EDGE)
        touched_now = there & lane & (columns == column)
        there &= ~touched_now
        columns = jnp.clip(columns, 0, EDGE)  # of what is gone
        touched |= touched_now  # one thing a lane: it was touched once

        new = Field(
            row=row,
            column=column,
            columns=columns,
            right=right,
            gold=gold,
            there=there,
            spawn_wait=spawn_wait,
            move_wait=move_wait,
            clock=state.clock + 1,
            last=state.last,
        )
        return new, jnp.any(touched & gold).astype(float), jnp.any(touched & ~gold)

    def planes(self, state: Field) -> tuple[jax.Array, ...]:
        """Player, enemy, trail, treasure."""
        return (
            at(state.row, state.column),
            jnp.where(state.there & ~state.gold, cell(state.columns), 0),
            jnp.where(state.there, cell(state.columns - sign(state.right)), 0),
            jnp.where(state.there & state.gold, cell(state.columns), 0),
        )
