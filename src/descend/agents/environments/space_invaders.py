"""Aliens that march down, and a cannon below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice
from descend.agents.environments.grid_games import (
    COLUMNS,
    EDGE,
    ROWS,
    SIZE,
    WHITE,
    GridGame,
    anything,
    at,
    cell,
    count,
    push,
    shifted,
    ticked,
)
from descend.palette import GREEN, PURPLE, SKY, VERMILION, YELLOW
from descend.statement import parameter

WAVE = np.where(ROWS <= 3, 0b0011111100, 0).astype(np.int32)  # columns 2 to 7
FASTEST = 6  # frames of a move that later waves come down to


class Invasion(NamedTuple):
    """Where everyone is.

    column: of the cannon; aliens, shots, bombs: planes, shots are the cannon's and bombs the
    aliens'; right: where the aliens march; loading, move_wait, bomb_wait: frames until the cannon
    can shoot, until the aliens move, until one shoots; waves: shot down so far.
    """

    column: jax.Array
    aliens: jax.Array
    shots: jax.Array
    bombs: jax.Array
    right: jax.Array
    loading: jax.Array
    move_wait: jax.Array
    bomb_wait: jax.Array
    waves: jax.Array
    last: jax.Array


@dataclass(frozen=True)
class SpaceInvaders(GridGame):
    """Each alien that is shot pays 1; it is over where an alien or its shot hits the cannon.

    The cannon is one cell of the last row, begins in column 5 and can shoot once in `loading`
    frames. Shots go up and aliens' shots down, one cell a frame; an alien in a shot's cell is gone,
    and the shot with it.

    24 aliens begin in rows 0 to 3 and columns 2 to 7 and march left, one cell every `march` frames;
    if fewer are left than that, in as many frames as there are aliens. When one is at the edge that
    they march to, they all go one row down instead, and turn. Aliens that cannot go further down
    end the game too. Every `bombing` frames one shoots: the lowest of the column that is nearest
    to the cannon, of two the left one.

    When all are shot, the next 24 come; with `ramp` = 1 each wave moves one frame sooner than the
    last, down to every sixth frame.

    A frame: the cannon moves or shoots; shots move and strike; aliens move; shots strike; an alien
    shoots.

    Actions: stay, left, right, fire. Channels: cannon, alien, and again where aliens are: one for
    those that march left, one for those that march right; shot, alien's shot.

    Source: Young and Tian 2019, section 3, after Atari's Space Invaders (1980 for the 2600).
    """

    loading: int = parameter(5, least=1, doc="frames between two shots of the cannon")
    march: int = parameter(12, least=FASTEST, doc="frames of a move of the first aliens")
    bombing: int = parameter(10, least=1, doc="frames between two shots of the aliens")
    ramp: int = parameter(1, least=0, most=1, doc="difficulty that grows: 1; 0 for none")

    actions = Choice(4, ("stay", "left", "right", "fire"))
    channels: ClassVar = {
        "cannon": SKY,
        "alien": GREEN,
        "alien, left": PURPLE,
        "alien, right": YELLOW,
        "shot": WHITE,
        "alien's shot": VERMILION,
    }

    def reset(self, key: jax.Array) -> Invasion:
        """The first wave."""
        none = jnp.zeros(SIZE, jnp.int32)
        return Invasion(
            column=jnp.int32(5),
            aliens=jnp.asarray(WAVE),
            shots=none,
            bombs=none,
            right=jnp.bool_(False),
            loading=jnp.int32(0),
            move_wait=jnp.asarray(self.march, jnp.int32),
            bomb_wait=jnp.asarray(self.bombing, jnp.int32),
            waves=jnp.int32(0),
            last=jnp.int32(0),
        )

    def frame(
        self, state: Invasion, action: jax.Array, luck: jax.Array
    ) -> tuple[Invasion, Any, Any]:
        """Cannon, shots, aliens."""
        column = jnp.clip(state.column + push(action, 1, 2), 0, EDGE)
        cannon = at(EDGE, column)
        fires = (action == 3) & (state.loading == 0)
        loading = jnp.where(fires, jnp.asarray(self.loading, jnp.int32), state.loading)
        shots = shifted(state.shots | jnp.where(fires, cannon, 0), down=-1)
        bombs = shifted(state.bombs, down=1)
        aliens = state.aliens & ~shots
        shots &= ~state.aliens

        # a shot and an alien that swap cells meet: shots strike before aliens move and after
        slowest = jnp.maximum(self.march - self.ramp * state.waves, FASTEST)
        moves, move_wait = ticked(state.move_wait, jnp.minimum(count(aliens), slowest))
        at_edge = anything(aliens & cell(jnp.where(state.right, EDGE, 0)))
        turns = moves & at_edge
        landed = turns & (aliens[EDGE] != 0)
        sideways = jnp.where(state.right, shifted(aliens, right=1), shifted(aliens, right=-1))
        marched = jnp.where(at_edge, shifted(aliens, down=1), sideways)
        marched = jnp.where(moves & ~landed, marched, aliens)
        aliens = marched & ~shots
        shots &= ~marched
        over = landed | anything(cannon & (bombs | aliens))

        drops, bomb_wait = ticked(state.bomb_wait, self.bombing)
        occupied = jax.lax.reduce(aliens, np.int32(0), jax.lax.bitwise_or, (0,))
        order = SIZE * jnp.abs(COLUMNS - column) + COLUMNS  # by distance, then from the left
        nearest = cell(jnp.min(jnp.where(occupied & cell(COLUMNS), order, SIZE**2)) % SIZE)
        lowest = jnp.max(jnp.where(aliens & nearest, ROWS, -1))
        bombs |= jnp.where(drops & (lowest == ROWS), nearest, 0)

        left = count(aliens)
        reward = count(state.aliens) - left
        cleared = left == 0
        new = Invasion(
            column=column,
            aliens=jnp.where(cleared, WAVE, aliens),
            shots=shots,
            bombs=bombs,
            right=state.right ^ turns,
            loading=jnp.maximum(loading - 1, 0),
            move_wait=move_wait,
            bomb_wait=bomb_wait,
            waves=state.waves + cleared,
            last=state.last,
        )
        return new, reward.astype(float), over

    def planes(self, state: Invasion) -> tuple[jax.Array, ...]:
        """Cannon, aliens, and again by where they march, shots, aliens' shots."""
        return (
            at(EDGE, state.column),
            state.aliens,
            jnp.where(state.right, 0, state.aliens),
            jnp.where(state.right, state.aliens, 0),
            state.shots,
            state.bombs,
        )
