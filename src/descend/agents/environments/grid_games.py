"""What the Atari games on a grid of 10 x 10 cells share: sticky actions, planes, the picture.

A plane says which cells something is in: int32 (10,), a number a row, row 0 on top, whose bit c is
column c. So a step works on tens of numbers, not on thousands, and whatever moves is shifted.

Source: Young and Tian 2019, MinAtar: An Atari-Inspired Testbed for Thorough and Reproducible
Reinforcement Learning Experiments (arXiv 1903.03176).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Environment
from descend.statement import parameter

SIZE = 10
EDGE = SIZE - 1
FULL = (1 << SIZE) - 1  # a row with something in each cell
ROWS = COLUMNS = np.arange(SIZE, dtype=np.int32)
LANES = (ROWS > 0) & (ROWS < EDGE)  # the rows between the first and the last
CELL = 12  # pixels of a picture
GREY, WHITE, FLOOR = "#8A8A8A", "#FFFFFF", "#1B1B1B"


@dataclass(frozen=True)
class GridGame(Environment):
    """The base of the games: a subclass states `reset`, `frame` and `planes`.

    A state is a NamedTuple with a field `last`, the action of the last frame (int32). With the
    probability `sticky` that one is repeated, whatever the agent chooses: a fixed list of actions
    wins no game.

    Attributes:
        channels: the words for an observation's channels and their colours; where several are in a
            cell, a picture shows the first.
        draws: how many numbers of chance a frame is given.

    Source: Young and Tian 2019; Machado et al. 2018 (sticky actions).
    """

    _contract = True

    limit: int = parameter(5000, least=1, doc="steps after which an episode is cut short")
    sticky: float = parameter(0.1, least=0, most=1, doc="probability that an action is repeated")

    channels: ClassVar[Mapping[str, str]] = {}
    draws: ClassVar[int] = 0

    def frame(self, state: Any, action: jax.Array, luck: jax.Array) -> tuple[Any, Any, Any]:
        """Return (next state, reward, terminated) of the action that is done.

        Args:
            state: state as `reset` returns it; `last` is not the frame's to set.
            action: int32.
            luck: numbers (draws,), each evenly between 0 and 1.
        """
        raise NotImplementedError(f"{self.label} has no frame(state, action, luck)")

    def planes(self, state: Any) -> tuple[Any, ...]:
        """Return a plane for each channel."""
        raise NotImplementedError(f"{self.label} has no planes(state)")

    def step(self, state: Any, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """One frame; with the probability `sticky`, of the last action."""
        luck = jax.random.uniform(key, (1 + self.draws,))  # one draw for all: draws are dear
        done = jnp.where(luck[0] < self.sticky, state.last, jnp.asarray(action, jnp.int32))
        new, reward, over = self.frame(state, done, luck[1:])
        return new._replace(last=done), reward, over

    def observe(self, state: Any) -> jax.Array:
        """The planes, uint8 (10, 10, channels)."""
        rows = jnp.stack(self.planes(state), axis=-1)[:, None, :]
        return ((rows >> COLUMNS[None, :, None]) & 1).astype(jnp.uint8)

    def picture(self, state: Any) -> np.ndarray:
        """The cells in the colours of their channels, on black."""
        seen = np.asarray(_seen(self, state), bool)
        cells = np.full((SIZE, SIZE, 3), _bytes(FLOOR))
        for i, colour in reversed(list(enumerate(self.channels.values()))):
            cells[seen[:, :, i]] = _bytes(colour)
        picture = cells.repeat(CELL, axis=0).repeat(CELL, axis=1)
        picture[::CELL], picture[:, ::CELL] = 0, 0  # lines, by which cells are counted
        return picture


@functools.partial(jax.jit, static_argnums=0)
def _seen(environment: GridGame, state: Any) -> jax.Array:
    return environment.observe(state)


def _bytes(colour: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def at(row: Any, column: Any) -> jax.Array:
    """The plane of one cell; of none where it is off the grid."""
    return jnp.where(row == ROWS, cell(column), 0)


def cell(column: Any) -> jax.Array:
    """The number of a row with something in one column; 0 where it is off the grid."""
    return ((jnp.int32(1) << (column + 1)) >> 1) & FULL  # by way of bit 0: column may be -1


def shifted(plane: jax.Array, down: int = 0, right: int = 0) -> jax.Array:
    """A plane moved by whole cells; what leaves the grid is gone."""
    plane = (plane << right) & FULL if right > 0 else plane >> -right
    return jax.lax.pad(plane, np.int32(0), ((down, -down, 0),)) if down else plane


def moved(plane: jax.Array, go: jax.Array | bool, right: jax.Array) -> jax.Array:
    """A plane whose rows go one cell left or right, those that `go`."""
    to = jnp.where(right, shifted(plane, right=1), shifted(plane, right=-1))
    return jnp.where(go, to, plane)


def anything(plane: jax.Array) -> jax.Array:
    """Whether something is in a plane."""
    return jnp.any(plane != 0)


def count(plane: jax.Array) -> jax.Array:
    """In how many cells something is; int32."""
    return jnp.sum(jax.lax.population_count(plane), dtype=jnp.int32)


def push(action: jax.Array, less: int, more: int) -> jax.Array:
    """-1 for the action `less`, 1 for `more`, 0 for all others; int32."""
    return (action == more).astype(jnp.int32) - (action == less).astype(jnp.int32)


def sign(right: jax.Array) -> jax.Array:
    """1 where something goes right, -1 where it goes left; int32."""
    return jnp.where(right, jnp.int32(1), jnp.int32(-1))


def ticked(wait: jax.Array, every: Any) -> tuple[jax.Array, jax.Array]:
    """(whether it is due in this frame, frames to wait): due once in `every` frames."""
    due = wait <= 1
    return due, jnp.where(due, jnp.asarray(every, jnp.int32), wait - 1)


def pick(luck: jax.Array, n: Any) -> jax.Array:
    """One of the numbers 0 to n - 1, each as likely, by a number between 0 and 1; int32."""
    return jnp.floor(luck * n).astype(jnp.int32)
