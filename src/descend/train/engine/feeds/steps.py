"""A number of steps on data that the task makes itself."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import jax

from descend.errors import DataError
from descend.train.engine.feeds.base import Chunk, Feed
from descend.train.engine.task import Batch

if TYPE_CHECKING:
    from descend.train.engine.task import Task


class Steps(Feed):
    """`steps` updates a pass, on data that the task's `collect` makes inside the program.

    Args:
        steps: updates a pass.
        each: updates that `collect` is called for at a time; all of a pass by default (walk, then
            learn). With `each=1` acting and learning take turns.
        chunk: updates of a chunk, the grain of logs and checkpoints; all of a pass by default.

    Raises:
        DataError: steps < 1, a chunk that does not divide steps, an `each` that does not divide it.

    Source: descend's own.

    Example:
        >>> from descend.train.engine import Steps
        >>> [chunk.draws for chunk in Steps(12, each=2, chunk=6).chunks(epoch=0)]
        [3, 3]
    """

    moves = True

    def __init__(self, steps: int, each: int | None = None, chunk: int | None = None):
        if steps < 1:
            raise DataError(f"steps must be >= 1, got {steps}")
        self.steps: int = steps
        chunk = steps if chunk is None else chunk
        self.per_draw = chunk if each is None else each
        for name, part, whole in (("chunk", chunk, steps), ("each", self.per_draw, chunk)):
            if part < 1 or whole % part:
                raise DataError(f"Steps: {name} must divide {whole}, got {part}")
        self.chunk = chunk
        self.whole = chunk == steps

    @property
    def key(self) -> Hashable:
        """The steps of a draw; how many draws there are is the chunk's."""
        return ("steps", self.per_draw)

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the number of draws alone: nothing comes from the host."""
        for _ in range(after, self.steps // self.chunk):
            yield Chunk(None, None, self.chunk // self.per_draw)

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return the batches that the task collects."""
        state, values = task.collect(state, self.per_draw)
        if self.per_draw == 1:
            values = jax.tree.map(lambda a: a[0], values)
        return state, Batch(values, None)
