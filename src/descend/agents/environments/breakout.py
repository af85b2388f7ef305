"""A wall of bricks, broken by a ball that a paddle keeps in the air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice
from descend.agents.environments.grid_games import (
    EDGE,
    FULL,
    GREY,
    ROWS,
    GridGame,
    anything,
    at,
    push,
)
from descend.palette import ORANGE, SKY, YELLOW

WALL = np.where((ROWS >= 1) & (ROWS <= 3), FULL, 0).astype(np.int32)


class Rally(NamedTuple):
    """Where paddle and ball are.

    paddle: its column; row, column: of the ball; down, right: 1 or -1, where the ball goes;
    from_row, from_column: where it was; bricks: plane; through: whether it is passing through them.
    """

    paddle: jax.Array
    row: jax.Array
    column: jax.Array
    down: jax.Array
    right: jax.Array
    from_row: jax.Array
    from_column: jax.Array
    bricks: jax.Array
    through: jax.Array
    last: jax.Array


@dataclass(frozen=True)
class Breakout(GridGame):
    """Each brick that the ball breaks pays 1; it is over where the ball passes the paddle.

    The ball goes one cell along a diagonal in each frame. It begins at an end of row 3, on its way
    down and inwards. At the sides and on top it is reflected. A brick that it runs into is broken
    and reflects it upwards or downwards, in the row that it came from; until it has come to a free
    cell, it passes through further bricks without breaking them.

    The paddle is one cell of the last row, begins in column 4 and is moved before the ball. The
    ball is reflected where the paddle is straight below it, and sent back where it came from where
    the paddle is in the cell that the ball runs into. When the ball comes down and no brick is
    left, the three rows (1 to 3) are filled again.

    Actions: stay, left, right. Channels: paddle, ball, trail (where the ball was), brick.

    Source: Young and Tian 2019, section 3, after Atari's Breakout (1978 for the 2600).
    """

    actions = Choice(3, ("stay", "left", "right"))
    channels: ClassVar = {"paddle": SKY, "ball": YELLOW, "trail": GREY, "brick": ORANGE}

    def reset(self, key: jax.Array) -> Rally:
        """The ball at one end of row 3, each as likely."""
        left = jax.random.bernoulli(key)
        row, column = jnp.int32(3), jnp.where(left, jnp.int32(0), jnp.int32(EDGE))
        return Rally(
            paddle=jnp.int32(4),
            row=row,
            column=column,
            down=jnp.int32(1),
            right=jnp.where(left, jnp.int32(1), jnp.int32(-1)),
            from_row=row,
            from_column=column,
            bricks=jnp.asarray(WALL),
            through=jnp.bool_(False),
            last=jnp.int32(0),
        )

    def frame(self, state: Rally, action: jax.Array, luck: jax.Array) -> tuple[Rally, Any, Any]:
        """Paddle, ball, wall."""
        paddle = jnp.clip(state.paddle + push(action, 1, 2), 0, EDGE)
        row, column = state.row + state.down, state.column + state.right
        right = jnp.where((column < 0) | (column > EDGE), -state.right, state.right)
        column = jnp.clip(column, 0, EDGE)
        top, bottom = row < 0, row == EDGE
        row = jnp.maximum(row, 0)

        here = at(row, column)
        brick = anything(state.bricks & here)
        broken = brick & ~state.through
        bricks = jnp.where(broken, state.bricks & ~here, state.bricks)
        bricks = jnp.where(bottom & ~anything(bricks), WALL, bricks)

        below = bottom & (paddle == state.column)
        corner = bottom & ~below & (paddle == column)
        held = broken | below | corner
        new = Rally(
            paddle=paddle,
            row=jnp.where(held, state.row, row),
            column=column,
            down=jnp.where(held | top, -state.down, state.down),
            right=jnp.where(corner, -right, right),
            from_row=state.row,
            from_column=state.column,
            bricks=bricks,
            through=brick,
            last=state.last,
        )
        return new, broken.astype(float), bottom & ~held

    def planes(self, state: Rally) -> tuple[jax.Array, ...]:
        """Paddle, ball, trail, brick."""
        return (
            at(EDGE, state.paddle),
            at(state.row, state.column),
            at(state.from_row, state.from_column),
            state.bricks,
        )
