"""Rows that do not fit into memory, in chunks of which the next one loads while one is used."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from descend.errors import DataError
from descend.train.engine.feeds.arrays import Arrays, gather
from descend.train.engine.feeds.base import Chunk, Feed
from descend.train.engine.task import Batch

if TYPE_CHECKING:
    from descend.train.engine.task import Task


class Ragged(NamedTuple):
    """Row numbers of batches from which rows are missing: a chunk's last batch may be short."""

    rows: Any


class Stream(Feed):
    """Rows that do not fit into memory: a pass reads them in chunks.

    In `Model.fit` the last three arguments are fit's own. Weights are taken as they come (there is
    no whole sample to scale them by): give them a mean of about one. A shuffle reaches `rows` far:
    write the file in random order, or take `rows` large.

    Args:
        source: function called once a pass; returns an iterator over (x, y) or (x, y,
            sample_weight), NumPy arrays of any number of rows each. It is told, where it has
            arguments of these names, the number of the pass (`epoch`) and the row to begin with
            (`start`); without `start` a run that is resumed in the middle of a pass reads what it
            skips.
        rows: rows held at a time; what the source gives is joined and cut to this size, so that
            one compiled program serves all but the last. Rows are shuffled inside what is held.
        batch_size: rows of a batch.
        shuffle, seeds: order of the rows, as in `Arrays`; the order depends on the seed, the pass
            and the chunk.

    Raises:
        DataError: a source that is no function, rows < 1, chunks whose arrays differ in length.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.train.engine import Stream
        >>> x = np.arange(50.0)[:, None]  # four files, say, of 50 rows each
        >>> stream = Stream(lambda: ((x, 2 * x) for file in range(4)), rows=80)
        >>> [len(piece[0]) for piece in stream.read()]  # model.fit(stream) trains on these in turn
        [80, 80, 40]
    """

    whole = False

    def __init__(
        self,
        source: Callable[..., Iterable[Any]],
        rows: int = 65_536,
        batch_size: int = 32,
        shuffle: bool | str = True,
        seeds: int | np.ndarray = 0,
    ):
        if not callable(source):
            raise DataError("Stream needs a function that returns an iterator over chunks (x, y)")
        if rows < 1:
            raise DataError(f"Stream: rows must be >= 1, got {rows}")
        self.source, self.rows = source, rows
        self.checked: Callable[[Any, str], Any] = lambda piece, where: piece
        self.size, self.shuffle, self.seeds = batch_size, shuffle, seeds

    def prepared(
        self, checked: Callable[[Any, str], Any], batch_size: int, shuffle: Any, seeds: Any
    ) -> Stream:
        """Return this stream with other batches, each piece put through `checked(piece, where)`."""
        new = copy.copy(self)
        new.checked, new.size = checked, batch_size
        new.shuffle, new.seeds = shuffle, seeds
        return new

    @property
    def per_member(self) -> bool:
        """Whether members see different orders."""
        return bool(np.ndim(self.seeds))

    def order_by(self, seeds: np.ndarray) -> None:
        """Draw orders from these seeds, one a member."""
        self.seeds = seeds[0] if (seeds == seeds[0]).all() else seeds

    @property
    def key(self) -> Hashable:
        """Rows are gathered alike by all streams."""
        return "stream"

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the pieces of a pass on the device, the next one loading."""
        for number, piece in enumerate(self.read(epoch, after), after):
            arrays = self.arrays(piece, number)
            order: Any = arrays.order(epoch)
            yield Chunk(arrays.data, Ragged(order) if arrays.padded else order)

    def arrays(self, piece: Any, number: int) -> Arrays:
        """Return the feed of one piece."""
        data = self.checked(piece, f"chunk {number + 1}")
        size = min(self.size, len(jax.tree.leaves(data)[0]))
        return Arrays(data, size, self.shuffle, self.seeds, chunk=number)

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return the batch of those rows."""
        if isinstance(row, Ragged):
            return state, gather(data, row.rows, True)
        return state, gather(data, row, False)

    def read(self, epoch: int = 0, after: int = 0) -> Iterator[Any]:
        """Yield pieces of `rows` rows, the last shorter, but for the first `after`."""
        with ThreadPoolExecutor(1) as pool:
            pieces = self._cut(epoch, after)
            ahead = pool.submit(next, pieces, None)
            while (piece := ahead.result()) is not None:
                ahead = pool.submit(next, pieces, None)
                yield piece

    def _cut(self, epoch: int, after: int) -> Iterator[Any]:
        arguments = {"epoch": epoch, "start": after * self.rows}
        arguments = {name: arguments[name] for name in arguments if name in _arguments(self.source)}
        pieces = self._joined(self.source(**arguments))
        return pieces if "start" in arguments else islice(pieces, after, None)

    def _joined(self, chunks: Iterable[Any]) -> Iterator[Any]:
        waiting: list[Any] = []
        count = 0
        for chunk in chunks:
            chunk = jax.tree.map(np.asarray, tuple(chunk))
            sizes = {len(leaf) for leaf in jax.tree.leaves(chunk)}
            if len(sizes) != 1:
                raise DataError(f"Stream: a chunk's arrays have different numbers of rows: {sizes}")
            waiting.append(chunk)
            count += sizes.pop()
            while count >= self.rows:
                block = jax.tree.map(lambda *parts: np.concatenate(parts), *waiting)
                yield jax.tree.map(lambda a: a[: self.rows], block)
                waiting = [jax.tree.map(lambda a: a[self.rows :], block)]
                count -= self.rows
        if count:
            yield jax.tree.map(lambda *parts: np.concatenate(parts), *waiting)


def _arguments(function: Callable[..., Any]) -> frozenset[str]:
    """The names of a function's arguments."""
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some built-in functions do not tell
        return frozenset()
