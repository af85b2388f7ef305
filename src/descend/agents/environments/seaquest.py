"""A submarine that rescues divers among fish and hostile submarines, and must come up for air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.environment import Choice
from descend.agents.environments.grid_games import (
    EDGE,
    FULL,
    GREY,
    ROWS,
    SIZE,
    WHITE,
    GridGame,
    anything,
    at,
    cell,
    count,
    moved,
    pick,
    push,
    shifted,
    sign,
    ticked,
)
from descend.palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW
from descend.statement import parameter

ROOM = 6  # divers that the submarine can carry


class Sea(NamedTuple):
    """Where everyone is; what is of rows is (10,).

    row, column: of the submarine's front; right: where it points; shots_left, shots_right: planes;
    loading: frames until it can shoot; air: frames that it lasts; aboard: divers; under: whether it
    has been below since it last came up; risen: how often it came up.

    fish, subs, bombs: planes, of enemies and of what subs shoot; swims_right: of rows, the way of
    all of these; swim_wait, bomb_wait: of rows, frames until enemies move, until subs shoot;
    spawn_wait: frames until the next comes.

    divers: plane; drift_right, drift_wait: of rows; diver_wait: frames until the next comes.
    """

    row: jax.Array
    column: jax.Array
    right: jax.Array
    shots_left: jax.Array
    shots_right: jax.Array
    loading: jax.Array
    air: jax.Array
    aboard: jax.Array
    under: jax.Array
    risen: jax.Array
    fish: jax.Array
    subs: jax.Array
    bombs: jax.Array
    swims_right: jax.Array
    swim_wait: jax.Array
    bomb_wait: jax.Array
    spawn_wait: jax.Array
    divers: jax.Array
    drift_right: jax.Array
    drift_wait: jax.Array
    diver_wait: jax.Array
    last: jax.Array


@dataclass(frozen=True)
class Seaquest(GridGame):
    """Each enemy that is shot pays 1, and six rescued divers pay for the air that is left.

    The submarine is two cells, of which the front counts and the back shows where it points. It
    moves one cell a frame in rows 0 (the surface, where it begins) to 8, and can shoot once in
    `loading` frames; a shot goes one cell a frame the way that the submarine points.

    Enemies come every `spawn` frames, in one of rows 1 to 8 and from one side; with the probability
    `hostile` one is a submarine, else a fish. They move one cell every `move` frames. Every
    `bombing` frames the submarines of a row shoot ahead, one cell a frame. Divers come every
    `diver_spawn` frames and drift one cell every `drift` frames. All enemies of a row go the same
    way, and so do its divers: who would come the other way, or into an occupied cell, stays away.

    A diver that the front touches comes aboard, if fewer than six are there. Below the surface the
    air, `air` frames of it, runs out. Coming up fills it, and takes one diver off; six leave
    together and pay 1 for each full tenth of the air that is left.

    It is over where an enemy or its shot is in the cell of the front, where the air has run out,
    and where the submarine comes up with no diver.

    With `ramp` = 1 it becomes harder whenever it comes up: enemies come one frame sooner, down to
    one in every frame, and at every second time they move one frame sooner, down to every second
    frame.

    A frame: newcomers; the submarine moves or shoots; shots move and strike; enemies move and shoot
    and are struck; divers drift; air.

    Actions: stay, left, up, right, down, fire. Channels: front, back, shot, trail (the cell behind
    an enemy or a diver), enemy's shot, fish, submarine, aboard (divers, in the last row from the
    right), air (full tenths, in the last row from the left), diver.

    Source: Young and Tian 2019, section 3, after Activision's Seaquest (1983 for the 2600).
    """

    loading: int = parameter(5, least=1, doc="frames between two shots of the submarine")
    air: int = parameter(200, least=1, doc="frames that the air lasts")
    spawn: int = parameter(20, least=1, doc="frames until the next enemy comes, at first")
    move: int = parameter(5, least=2, doc="frames until enemies move, at first")
    hostile: float = parameter(1 / 3, least=0, most=1, doc="probability that it is a submarine")
    bombing: int = parameter(10, least=1, doc="frames between two shots of a hostile submarine")
    diver_spawn: int = parameter(30, least=1, doc="frames until the next diver comes")
    drift: int = parameter(5, least=1, doc="frames until divers move")
    ramp: int = parameter(1, least=0, most=1, doc="difficulty that grows: 1; 0 for none")

    actions = Choice(6, ("stay", "left", "up", "right", "down", "fire"))
    channels: ClassVar = {
        "front": SKY,
        "back": BLUE,
        "shot": WHITE,
        "trail": GREY,
        "enemy's shot": YELLOW,
        "fish": ORANGE,
        "submarine": VERMILION,
        "aboard": GREEN,
        "air": PURPLE,
        "diver": GREEN,
    }
    draws = 5

    def reset(self, key: jax.Array) -> Sea:
        """Alone at the surface."""
        zero, zeros, no = jnp.int32(0), jnp.zeros(SIZE, jnp.int32), jnp.zeros(SIZE, bool)
        return Sea(
            row=zero,
            column=jnp.int32(5),
            right=jnp.bool_(False),
            shots_left=zeros,
            shots_right=zeros,
            loading=zero,
            air=jnp.asarray(self.air, jnp.int32),
            aboard=zero,
            under=jnp.bool_(False),
            risen=zero,
            fish=zeros,
            subs=zeros,
            bombs=zeros,
            swims_right=no,
            swim_wait=zeros,
            bomb_wait=zeros,
            spawn_wait=jnp.asarray(self.spawn, jnp.int32),
            divers=zeros,
            drift_right=no,
            drift_wait=zeros,
            diver_wait=jnp.asarray(self.diver_spawn, jnp.int32),
            last=zero,
        )

    def frame(self, state: Sea, action: jax.Array, luck: jax.Array) -> tuple[Sea, Any, Any]:
        """Newcomers, the submarine, enemies, divers, air."""
        pace = jnp.maximum(self.move - self.ramp * state.risen // 2, 2)
        state = self._newcomers(state, luck, pace)
        row = jnp.clip(state.row + push(action, 2, 4), 0, EDGE - 1)
        column = jnp.clip(state.column + push(action, 1, 3), 0, EDGE)
        right = jnp.where(action == 1, False, jnp.where(action == 3, True, state.right))
        front = at(row, column)
        met = anything(front & (state.fish | state.subs | state.bombs))
        taken = jnp.where(state.aboard < ROOM, front & state.divers, 0)

        # a shot and an enemy that swap cells meet: shots strike before enemies move and after
        fires = (action == 5) & (state.loading == 0)
        shots_left = shifted(state.shots_left | jnp.where(fires & ~right, front, 0), right=-1)
        shots_right = shifted(state.shots_right | jnp.where(fires & right, front, 0), right=1)
        struck = (state.fish | state.subs) & (shots_left | shots_right)
        shots_left, shots_right = shots_left & ~struck, shots_right & ~struck
        swims, swim_wait = ticked(state.swim_wait, pace)
        fish = moved(state.fish & ~struck, swims, state.swims_right)
        subs = moved(state.subs & ~struck, swims, state.swims_right)
        struck_now = (fish | subs) & (shots_left | shots_right)
        fish, subs = fish & ~struck_now, subs & ~struck_now
        drops, bomb_wait = ticked(state.bomb_wait, self.bombing)
        bombs = moved(state.bombs, True, state.swims_right) | jnp.where(drops, subs, 0)
        met |= anything(front & (fish | subs | bombs))

        aboard = state.aboard + anything(taken)
        drifts, drift_wait = ticked(state.drift_wait, self.drift)
        divers = moved(state.divers & ~taken, drifts, state.drift_right)
        taken = jnp.where(aboard < ROOM, front & divers, 0)
        divers, aboard = divers & ~taken, aboard + anything(taken)

        loading = jnp.where(fires, jnp.asarray(self.loading, jnp.int32), state.loading)
        under = row > 0
        up = state.under & ~under
        air = state.air - under
        stifled = (under & (air <= 0)) | (up & (aboard == 0))
        rescued = up & (aboard == ROOM)
        reward = count(struck) + count(struck_now) + jnp.where(rescued, self._tenths(air), 0)
        new = state._replace(
            row=row,
            column=column,
            right=right,
            shots_left=shots_left & ~struck_now,
            shots_right=shots_right & ~struck_now,
            loading=jnp.maximum(loading - 1, 0),
            air=jnp.where(up, jnp.asarray(self.air, jnp.int32), air),
            aboard=jnp.where(rescued, 0, jnp.maximum(aboard - up, 0)),
            under=under,
            risen=state.risen + up,
            fish=fish,
            subs=subs,
            bombs=bombs,
            swim_wait=swim_wait,
            bomb_wait=bomb_wait,
            divers=divers,
            drift_wait=drift_wait,
        )
        return new, reward.astype(float), met | stifled

    def _newcomers(self, state: Sea, luck: jax.Array, pace: jax.Array) -> Sea:
        """An enemy and a diver, where they are due and their rows are free."""
        every = jnp.maximum(self.spawn - self.ramp * state.risen, 1)
        due, spawn_wait = ticked(state.spawn_wait, every)
        enemies = state.fish | state.subs | state.bombs
        new, swims_right, fresh = entering(luck[0], luck[1], enemies, state.swims_right, due)
        hostile = luck[2] < self.hostile
        diver_due, diver_wait = ticked(state.diver_wait, self.diver_spawn)
        diver, drift_right, alone = entering(
            luck[3], luck[4], state.divers, state.drift_right, diver_due
        )
        return state._replace(
            fish=state.fish | jnp.where(hostile, 0, new),
            subs=state.subs | jnp.where(hostile, new, 0),
            swims_right=swims_right,
            swim_wait=jnp.where(fresh, pace, state.swim_wait),
            bomb_wait=jnp.where(fresh, jnp.asarray(self.bombing, jnp.int32), state.bomb_wait),
            spawn_wait=spawn_wait,
            divers=state.divers | diver,
            drift_right=drift_right,
            drift_wait=jnp.where(alone, jnp.asarray(self.drift, jnp.int32), state.drift_wait),
            diver_wait=diver_wait,
        )

    def _tenths(self, air: jax.Array) -> jax.Array:
        """The full tenths of the air that is left."""
        return SIZE * air // self.air

    def planes(self, state: Sea) -> tuple[jax.Array, ...]:
        """Front, back, shot, trail, enemy's shot, fish, submarine, aboard, air, diver."""
        behind = moved(state.fish | state.subs, True, ~state.swims_right)
        bottom = ROWS == EDGE
        return (
            at(state.row, state.column),
            at(state.row, state.column - sign(state.right)),
            state.shots_left | state.shots_right,
            behind | moved(state.divers, True, ~state.drift_right),
            state.bombs,
            state.fish,
            state.subs,
            jnp.where(bottom, FULL - first(SIZE - state.aboard), 0),
            jnp.where(bottom, first(self._tenths(state.air)), 0),
            state.divers,
        )


def first(n: jax.Array) -> jax.Array:
    """The number of a row with something in its first n columns."""
    return (jnp.int32(1) << n) - 1


def entering(
    row_luck: jax.Array, side_luck: jax.Array, plane: jax.Array, right: jax.Array, due: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Who enters a random row from a random side.

    Args:
        row_luck, side_luck: numbers between 0 and 1.
        plane: who is there; right: the way of its rows; due: whether anyone is to come.

    Returns:
        (plane of the newcomer, the way of the rows, which row was empty and is no more).
    """
    from_left = side_luck < 0.5
    row = due & (1 + pick(row_luck, SIZE - 2) == ROWS)
    empty = plane == 0
    row &= empty | (right == from_left)
    new = jnp.where(row, cell(jnp.where(from_left, 0, EDGE)) & ~plane, 0)
    return new, jnp.where(row, from_left, right), row & empty
