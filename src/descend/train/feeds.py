"""Feeds: what an epoch is made of.

    Arrays   rows already on the device (the default)
    Stream   chunks larger than memory, each scanned while the next one loads
    Steps    a number of steps, for a task that makes its own data

The order of the rows is drawn on the host, from (seed, epoch) alone: a resumed run draws what the
uninterrupted one would have drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError
from descend.train.task import Batch

PADDING = -1  # a row number that stands for no row


@dataclass(frozen=True)
class Steps:
    """`steps` updates an epoch on data that the task's `collect` makes."""

    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise DataError(f"steps must be >= 1, got {self.steps}")


class Arrays:
    """A pytree of arrays with one leading axis of rows, cut into batches anew each epoch.

    Args:
        data: pytree of arrays (n, ...).
        batch_size: rows in a batch; the last one is padded and masked.
        shuffle: True draws without replacement (hull-2023, Algorithm 2), "with_replacement" draws
            each batch uniformly (Algorithm 1), False keeps the order.
        seeds: one seed a member, or one for all; draws the order.
        rows: which rows are in play: an array, or one array a member (folds); all by default.
        chunk: number of a stream's piece, so that pieces are not shuffled alike.
        steps: batches an epoch, the first of its order; all by default.
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
        """Row numbers (steps, batch) of an epoch, or (members, steps, batch)."""
        if isinstance(self.rows, list):
            seeds = np.broadcast_to(np.asarray(self.seeds), len(self.rows))
            return np.stack([self._one(r, s, epoch) for r, s in zip(self.rows, seeds, strict=True)])
        if np.ndim(self.seeds):
            drawn = {s: self._one(self.rows, s, epoch) for s in np.unique(self.seeds)}
            return np.stack([drawn[s] for s in np.asarray(self.seeds)])
        return self._one(self.rows, self.seeds, epoch)

    @property
    def per_member(self) -> bool:
        """Whether members see different orders."""
        return isinstance(self.rows, list) or bool(np.ndim(self.seeds))

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


class Stream:
    """Rows that do not fit into memory: an epoch reads them in chunks.

    Args:
        chunks: called once an epoch; returns an iterator over (x, y) or (x, y, sample_weight),
            numpy arrays of any number of rows each.
        rows: rows held at a time; chunks are joined and cut to this size, so that one compiled
            program serves all but the last. Rows are shuffled inside what is held.

    Weights are taken as they come (there is no whole sample to scale them by): give them a mean of
    about one. A shuffle reaches `rows` far: write the file in random order, or take `rows` large.
    """

    def __init__(self, chunks: Callable[[], Iterable[Any]], rows: int = 65_536):
        if not callable(chunks):
            raise DataError("Stream needs a function that returns an iterator over chunks (x, y)")
        if rows < 1:
            raise DataError(f"Stream: rows must be >= 1, got {rows}")
        self.chunks = chunks
        self.rows = rows

    def read(self) -> Iterator[Any]:
        """Pieces of `rows` rows, the last shorter; the next one loads while one is used."""
        with ThreadPoolExecutor(1) as pool:
            pieces = self._cut()
            ahead = pool.submit(next, pieces, None)
            while (piece := ahead.result()) is not None:
                ahead = pool.submit(next, pieces, None)
                yield piece

    def _cut(self) -> Iterator[Any]:
        held: list[Any] = []
        count = 0
        for chunk in self.chunks():
            chunk = jax.tree.map(np.asarray, tuple(chunk))
            sizes = {len(leaf) for leaf in jax.tree.leaves(chunk)}
            if len(sizes) != 1:
                raise DataError(f"Stream: a chunk's arrays have different numbers of rows: {sizes}")
            held.append(chunk)
            count += sizes.pop()
            while count >= self.rows:
                joined = jax.tree.map(lambda *parts: np.concatenate(parts), *held)
                yield jax.tree.map(lambda a: a[: self.rows], joined)
                held = [jax.tree.map(lambda a: a[self.rows :], joined)]
                count -= self.rows
        if count:
            yield jax.tree.map(lambda *parts: np.concatenate(parts), *held)
