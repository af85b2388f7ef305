"""Iterables of batches as training data: generators, loaders, data sets.

    fit(loader, epochs=3)                     anything that can be read again, epoch by epoch
    fit(generator(), steps_per_epoch=100)     a Python generator, which may be endless

Each batch is (x, y) or (x, y, sample_weight) and makes one update. Batches of one shape are run
many at a time as one compiled program, while the next ones are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from numbers import Number
from typing import Any, NamedTuple

import jax
import numpy as np

from descend.errors import DataError
from descend.nn.checks import whole
from descend.train.engine.feeds import Arrays, Stream

BYTES = 64 * 2**20  # of batches run together


class PyDataset:
    """Base of a data set made of batches, as in Keras: write `__len__` and `__getitem__(i)`.

    `on_epoch_end()` is called after each epoch. Batches are read in their order, in one thread; the
    arguments have no effect.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ):
        self.workers = workers

    def __getitem__(self, index: int) -> Any:
        """Return batch number `index`."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        raise NotImplementedError

    def on_epoch_end(self) -> None:
        """Act after each epoch."""


class Windows(PyDataset):
    """The windows of a series, in batches: what `timeseries_dataset_from_array` gives."""

    def __init__(
        self, data: np.ndarray, targets: Any, starts: np.ndarray, steps: np.ndarray, size: int
    ):
        super().__init__()
        self.data, self.targets, self.starts, self.steps = data, targets, starts, steps
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.starts) // self.size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        starts = self.starts[index * self.size : (index + 1) * self.size]
        windows = self.data[starts[:, None] + self.steps]
        return windows if self.targets is None else (windows, self.targets[starts])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Windows:
    """Windows of a series as batches, by Keras's rule.

    The window that begins at row i holds the rows i, i + r, ..., i + (length - 1) r of the data, r
    being the sampling rate, and has the target i.

    Args:
        data: rows (time, ...) of the series.
        targets: targets (time, ...) by the first row of their window, or None.
        sequence_length: rows of a window.
        sequence_stride: rows from one window's start to the next one's.
        sampling_rate: rows from one row of a window to the next.
        batch_size: windows of a batch; None: all.
        shuffle: whether windows are put into a random order, once.
        seed: seed of that order.
        start_index, end_index: rows of the data between which windows lie.

    Raises:
        DataError: a number that is no whole number >= 1, a bad range, or no window at all.

    Example:
        >>> x, y = timeseries_dataset_from_array(np.arange(6), np.arange(6), 3)[0]
        >>> x.tolist(), y.tolist()
        ([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], [0, 1, 2, 3])
    """
    data = np.asarray(data)
    wanted = {"sequence_length": sequence_length, "sequence_stride": sequence_stride}
    wanted |= {
        "sampling_rate": sampling_rate,
        "batch_size": 1 if batch_size is None else batch_size,
    }
    for name, value in wanted.items():
        whole(name, value, 1, error=DataError)
    first, end = start_index or 0, len(data) if end_index is None else end_index
    if not 0 <= first < end <= len(data):
        raise DataError(
            f"start_index {first} and end_index {end} must lie in 0 to {len(data)}, in this order"
        )
    count = end - first - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)
        count = min(count, len(targets) - first)
    if count < 1:
        raise DataError(
            f"no window of {sequence_length} rows, {sampling_rate} apart, fits into {end - first} "
            f"rows{'' if targets is None else ' and the targets'}"
        )
    starts = np.arange(0, count, sequence_stride) + first
    if shuffle:
        np.random.default_rng(seed).shuffle(starts)
    return Windows(
        data, targets, starts, np.arange(sequence_length) * sampling_rate, batch_size or len(starts)
    )


class Piece(NamedTuple):
    """Batches of one shape, joined: (x, y, ...) with rows first, and the rows of one batch."""

    parts: tuple[Any, ...]
    size: int


def is_batches(x: Any) -> bool:
    """Whether x is an iterable of batches, and not an array, a frame, or a list or dict of them."""
    if x is None or isinstance(x, (Stream, Mapping, list, tuple, str, bytes, Number, type)):
        return False
    if any(hasattr(x, name) for name in ("__array__", "columns", "to_numpy", "dtype")):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class Batches(Stream):
    """A feed of somebody's batches.

    Args:
        source: iterable of batches (`is_batches`).
        steps: batches an epoch; an epoch goes on where the last one ended, and begins anew when the
            source does. None: all there are.
        where: words for the data in messages.
    """

    def __init__(self, source: Any, steps: int | None = None, where: str = "training data"):
        if steps is not None and (
            isinstance(steps, bool) or not isinstance(steps, int) or steps < 1
        ):
            raise DataError(f"{where}: the steps must be a whole number >= 1, got {steps!r}")
        super().__init__(self._batches)
        self.required: int | None = None  # rows that every batch must have (stateful layers)
        self.items, self.steps, self.where = source, steps, where
        self._going: Iterator[Any] | None = None  # where the next epoch goes on

    @property
    def once(self) -> bool:
        """Whether the source is used up by reading it."""
        return hasattr(self.items, "__next__")

    def require_again(self, epochs: int) -> None:
        """Raise DataError where a generator would have to be read more than once."""
        if self.once and self.steps is None and epochs > 1:
            raise DataError(
                f"{self.where}: a generator can be read once, and {epochs} epochs are asked for. "
                "Give steps_per_epoch, or an object that can be read again: a list of batches "
                "behind __len__ and __getitem__ (descend.keras.utils.PyDataset), a DataLoader"
            )

    def require_end(self) -> None:
        """Raise DataError where a generator might have no end."""
        if self.once and self.steps is None:
            raise DataError(
                f"{self.where}: a generator may have no end; say how many batches are read "
                "(validation_steps of fit, steps of evaluate and predict)"
            )

    def arrays(self, piece: Piece, number: int) -> Arrays:
        """Return the feed of one piece: its batches as they came."""
        if self.required not in (None, piece.size):
            raise DataError(
                f"{self.where}: a batch has {piece.size} rows, and the network a stateful layer "
                f"made for batches of {self.required}; they must be the same"
            )
        data = self.checked(piece.parts, f"chunk {number + 1}")
        return Arrays(data, piece.size, shuffle=False)

    def _joined(self, batches: Iterable[Any]) -> Iterator[Piece]:
        waiting: list[tuple[Any, ...]] = []
        form: Any = None
        size = total = 0
        for item in batches:
            batch = _parts(item, self.where)
            leaves, structure = jax.tree.flatten(batch)
            sizes = {len(leaf) if leaf.ndim else 0 for leaf in leaves}
            if len(sizes) != 1 or sizes == {0}:
                raise DataError(
                    f"{self.where}: a batch's arrays have {sorted(sizes)} rows; they must all have "
                    "the same number, at least one"
                )
            now = (structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
            if waiting and (now != form or total >= BYTES):
                yield Piece(_joined(waiting), size)
                waiting, total = [], 0
            form, size = now, sizes.pop()
            waiting.append(batch)
            total += sum(leaf.nbytes for leaf in leaves)
        if waiting:
            yield Piece(_joined(waiting), size)

    def _batches(self) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        if self.steps is None:
            yield from self._pass()
        else:
            remaining = self.steps
            while remaining:
                anew = self._going is None
                if self._going is None:
                    self._going = self._pass()
                count = 0
                for item in islice(self._going, remaining):
                    count += 1
                    yield item
                remaining -= count
                if remaining:
                    self._going = None
                    if self.once or (anew and not count):
                        raise DataError(
                            f"{self.where}: the batches ended, {remaining} short of the "
                            f"{self.steps} that an epoch takes"
                        )

    def _pass(self) -> Iterator[Any]:
        source = self.items
        if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
            yield from (source[i] for i in range(len(source)))
        else:
            yield from source
        if hasattr(source, "on_epoch_end"):
            source.on_epoch_end()


def _parts(item: Any, where: str) -> tuple[Any, ...]:
    """A batch as a tuple of arrays, or of tuples and dicts of arrays."""
    parts = tuple(item) if isinstance(item, (tuple, list)) else (item,)
    if not 1 <= len(parts) <= 3:
        raise DataError(
            f"{where}: a batch must be (x, y) or (x, y, sample_weight), got {len(parts)} parts"
        )
    return tuple(_arrays(part) for part in parts if part is not None)


def _arrays(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {name: np.asarray(value) for name, value in part.items()}
    if isinstance(part, (tuple, list)) and len(part) and np.ndim(part[0]):
        return tuple(np.asarray(value) for value in part)
    return np.asarray(part)


def _joined(batches: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *batches)


def joined(source: Any, steps: int | None, where: str) -> tuple[Any, ...]:
    """All batches as one (x, y, ...), held in memory.

    Raises:
        DataError: no batch; an endless source without steps; batches of different shapes.
    """
    feed = Batches(source, steps, where)
    feed.require_end()
    pieces = [piece.parts for piece in feed.read()]
    if not pieces:
        raise DataError(f"{where}: there is no batch")
    try:
        return _joined(pieces)
    except ValueError:
        raise DataError(
            f"{where}: the batches have rows of different shapes; pad them to one shape"
        ) from None
