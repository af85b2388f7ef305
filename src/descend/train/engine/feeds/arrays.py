"""Rows on the device, cut into batches anew in each pass.

The order of the rows is drawn on the host, from (seed, epoch) alone: a resumed run draws what the
uninterrupted one would have drawn.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError
from descend.train.engine.feeds.base import PADDING, Chunk, Feed
from descend.train.engine.task import Batch

if TYPE_CHECKING:
    from descend.train.engine.task import Task


class Arrays(Feed):
    """A pytree of arrays with one leading axis of rows, cut into batches anew in each pass.

    Args:
        data: pytree of arrays (n, ...).
        batch_size: rows in a batch; the last one is padded and masked.
        shuffle: order of the rows: True draws without replacement (Algorithm 2), "with_replacement"
            draws each batch uniformly (Algorithm 1), False keeps the order.
        seeds: one seed a member, or one for all; draws the order.
        rows: row numbers in play: an array, or one array a member (folds); all by default.
        chunk: number of a stream's piece, so that pieces are not shuffled alike.
        steps: batches an epoch, the first of its order; all by default.

    Raises:
        DataError: an unknown shuffle, or more steps than there are batches.

    Source: hull-2023, Algorithms 1 and 2.

    Example:
        >>> import numpy as np
        >>> from descend.train.engine import Arrays
        >>> Arrays(np.zeros((5, 2)), batch_size=2, shuffle=False).order(0).tolist()  # -1: no row
        [[0, 1], [2, 3], [4, -1]]
    """

    def __init__(
        self,
        data: Any,
        batch_size: int,
        shuffle: bool | str = True,
        seeds: int | np.ndarray = 0,
        rows: np.ndarray | list[np.ndarray] | None = None,
        chunk: int = 0,
        steps: int | None = None,
    ):
        leaves = jax.tree.leaves(data)
        self.n = int(leaves[0].shape[0])
        self.data = jax.tree.map(jnp.asarray, data)
        self.batch_size = batch_size
        if shuffle not in (True, False, "with_replacement"):
            raise DataError(f"shuffle must be True, False or 'with_replacement', got {shuffle!r}")
        self.shuffle = shuffle if isinstance(shuffle, str) else bool(shuffle)
        self.chunk = chunk
        self.seeds = seeds
        self.rows = np.arange(self.n) if rows is None else rows
        counts = [len(r) for r in self.rows] if isinstance(self.rows, list) else [len(self.rows)]
        self.steps = max(-(-count // batch_size) for count in counts)
        self._all_steps = self.steps
        if steps is not None:
            if not 1 <= steps <= self.steps:
                raise DataError(
                    f"steps_per_epoch must lie between 1 and {self.steps}, the batches of "
                    f"{batch_size} that {max(counts)} rows make, got {steps!r}"
                )
            self.steps = int(steps)
        self.padded = any(count < self.steps * batch_size for count in counts)
        if self._all_steps == 1 and self.shuffle is True:
            self.shuffle = False  # one batch of all rows: its order does not matter
        # some member has a batch less than another: it must not make an update without a row
        self.uneven = min(counts) <= (self.steps - 1) * batch_size

    def order(self, epoch: int) -> np.ndarray:
        """Return row numbers (steps, batch) of an epoch, or (members, steps, batch)."""
        if isinstance(self.rows, list):
            seeds = np.broadcast_to(np.asarray(self.seeds), len(self.rows))
            return np.stack([self._one(r, s, epoch) for r, s in zip(self.rows, seeds, strict=True)])
        if np.ndim(self.seeds):
            orders = {s: self._one(self.rows, s, epoch) for s in np.unique(self.seeds)}
            return np.stack([orders[s] for s in np.asarray(self.seeds)])
        return self._one(self.rows, self.seeds, epoch)

    @property
    def per_member(self) -> bool:
        """Whether members see different orders."""
        return isinstance(self.rows, list) or bool(np.ndim(self.seeds))

    def order_by(self, seeds: np.ndarray) -> None:
        """Draw orders from these seeds, one a member."""
        alike = not isinstance(self.rows, list) and bool((seeds == seeds[0]).all())
        self.seeds = seeds[0] if alike else seeds

    @property
    def key(self) -> Hashable:
        """Whether rows are missing from batches."""
        return ("arrays", self.padded, self.uneven)

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield all rows, in the order of the epoch."""
        if not after:
            yield Chunk(self.data, self.order(epoch))

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return the batch of those rows."""
        return state, gather(data, row, self.padded)

    def _one(self, rows: np.ndarray, seed: Any, epoch: int) -> np.ndarray:
        order = np.full(self._all_steps * self.batch_size, PADDING, np.int32)
        if self.shuffle is False:
            order[: len(rows)] = rows
        else:
            draw = np.random.default_rng([int(seed), epoch, *([self.chunk] * (self.chunk > 0))])
            if self.shuffle == "with_replacement":
                order[: len(rows)] = draw.choice(rows, len(rows))
            else:
                order[: len(rows)] = draw.permutation(rows)
        return order.reshape(self._all_steps, self.batch_size)[: self.steps]


def gather(data: Any, rows: jax.Array, padded: bool) -> Batch:
    """The batch of some rows; while tracing."""
    batch = jax.tree.map(lambda a: a[rows], data)
    if not padded:
        return Batch(batch, None)
    return Batch(batch, (rows != PADDING).astype(jnp.result_type(float)))
