"""The Feed contract: what a pass is made of on the host, and what a step draws in the program."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from descend.train.engine.task import Batch

if TYPE_CHECKING:
    from descend.train.engine.task import Task

PADDING = -1  # a row number that stands for no row


class Chunk(NamedTuple):
    """A piece of a pass: what one call of the program works on, and the grain of what it reports.

    Attributes:
        data: pytree of arrays on the device, or None.
        order: argument of `Feed.draw`, a draw each: an array (draws, ...), mostly of row numbers
            (draws, batch); (members, draws, ...) where `Feed.per_member`; None where it needs none.
        draws: number of draws, where there is no order.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.train.engine import Chunk
        >>> Chunk(data=np.zeros((6, 1)), order=np.array([[0, 1, 2], [3, 4, 5]])).batch_size
        3
    """

    data: Any
    order: Any
    draws: int = 1

    @property
    def batch_size(self) -> int | None:
        """Rows of a batch, where the order is of row numbers; else None."""
        leaves = jax.tree.leaves(self.order)
        return leaves[0].shape[-1] if leaves and leaves[0].ndim > 1 else None


class Feed:
    """Base of feeds, what a pass over the data is made of: write `chunks` and `draw`.

    Attributes:
        whole: whether a pass is one chunk whose data are the same in every pass: several passes,
            and the validation behind each, then make one call of the program.
        steps: updates in a pass, None where it is not known.
        per_draw: updates that one draw gives data for; with more than one, the leaves of the
            batch's data have a leading axis of so many.
        per_member: whether members of a sweep see orders of their own.
        uneven: whether a batch may be without a real row, and must then change nothing.
        moves: whether `draw` changes the state (an environment, a replay buffer).

    Raises:
        NotImplementedError: `chunks` or `draw` is not written, when it is called.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.train.engine import Batch, Chunk, Feed
        >>> class Pairs(Feed):  # rows two by two, in their order
        ...     def __init__(self, data):
        ...         self.data, self.steps = data, len(data) // 2
        ...     def chunks(self, epoch, after=0):
        ...         yield Chunk(self.data, np.arange(2 * self.steps).reshape(-1, 2))
        ...     def draw(self, task, state, data, row):
        ...         return state, Batch(data[row], None)
        >>> chunk = next(Pairs(np.arange(5.0)).chunks(epoch=0))
        >>> [Pairs.draw(None, None, None, chunk.data, row)[1].data.tolist() for row in chunk.order]
        [[0.0, 1.0], [2.0, 3.0]]
    """

    whole: bool = True
    steps: int | None = None
    per_draw: int = 1
    uneven: bool = False
    moves: bool = False

    @property
    def per_member(self) -> bool:
        """See above."""
        return False

    def order_by(self, seeds: np.ndarray) -> None:
        """Draw orders from these seeds, one a member; a feed without orders does nothing."""

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the chunks of a pass in their order, but for the first `after` of them.

        A function of (epoch, after) alone: a resumed run must see what the uninterrupted one would.
        """
        raise NotImplementedError(f"{type(self).__name__} has no chunks(epoch, after)")

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return (the state, the batch of one draw); traced.

        Args:
            data: data of the chunk (`Chunk.data`).
            row: part of `Chunk.order` for this draw.
        """
        raise NotImplementedError(f"{type(self).__name__} has no draw(task, state, data, row)")

    @property
    def key(self) -> Hashable:
        """What tells programs apart: feeds of equal keys must draw alike. The feed, by default."""
        return self
