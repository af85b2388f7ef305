"""How pairs of sentences reach a network: in buckets of like length, so that padding is small.

A batch holds pairs of one bucket, all padded to the same two lengths. The bounds between buckets
are those that pad the least. A pass is cut into short runs of steps, each from one bucket, in an
order drawn from (seed, pass) alone, so that short and long sentences take turns. Each bucket's
shape is one compiled program.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from descend.errors import DataError
from descend.text.translation.pairs import Ids
from descend.train.engine.feeds import PADDING, Chunk, Feed
from descend.train.engine.task import Batch, Task

RUN = 8  # steps of a bucket at a time, at most


class Sentences(NamedTuple):
    """The batch of a translator; 0 is padding.

    Attributes:
        source: tokens of the sentences, (rows, steps).
        given: tokens of their translations that are read, the beginning first, (rows, time).
        target: tokens that are to be told: given, one step on, (rows, time).
    """

    source: Any
    given: Any
    target: Any


class Bucket(NamedTuple):
    """Pairs of like length.

    Attributes:
        data: Sentences of all its pairs.
        runs: number of runs of steps that a pass over them makes.
        steps: steps of a run.
        rows: rows of a step.
    """

    data: Sentences
    runs: int
    steps: int
    rows: int

    @property
    def pairs(self) -> int:
        """How many there are."""
        return int(self.data.source.shape[0])

    def order(self, draw: np.random.Generator | None) -> np.ndarray:
        """The pairs of each run and step, (runs, steps, rows)."""
        total = self.runs * self.steps
        order = np.full(total * self.rows, PADDING, np.int32)
        order[: self.pairs] = (
            np.arange(self.pairs) if draw is None else draw.permutation(self.pairs)
        )
        # dealt out one after the other, so that no step is without a pair
        return order.reshape(self.rows, total).T.reshape(self.runs, self.steps, self.rows)


class Pairs(Feed):
    """Pairs of sentences as batches of about so many tokens.

    Args:
        sources, targets: numbers of each sentence, and of its translation, the end behind them.
        end: number of the target's end.
        tokens: tokens of a step on the longer side, padding counted.
        buckets: most shapes of batches.
        parts: parts of a pass, each an epoch of the engine; fewer where a pass has fewer runs.
        seed: seed of the order; None keeps it.
        widths: lengths that a network is made for; None: any.
        given: for each pair what is read in the place of the true translation, without the end.

    Raises:
        DataError: a sentence that is longer than the network is made for.
    """

    whole = False

    def __init__(
        self,
        sources: Ids,
        targets: Ids,
        end: int,
        tokens: int,
        *,
        buckets: int = 6,
        parts: int = 1,
        seed: int | None = 0,
        widths: tuple[int | None, int | None] = (None, None),
        given: Ids | None = None,
    ):
        lengths = np.array([[len(s), len(t)] for s, t in zip(sources, targets, strict=True)])
        _require_lengths(lengths, widths)
        longer = lengths.max(axis=1)
        bounds = bucket_bounds(longer, buckets if widths == (None, None) else 1)
        number = np.searchsorted(bounds, longer)
        self.buckets = []
        for i in range(len(bounds)):
            which = np.flatnonzero(number == i)
            steps, time = (
                fixed or int(longest)
                for fixed, longest in zip(widths, lengths[which].max(axis=0), strict=True)
            )
            data = Sentences(
                padded([sources[k] for k in which], steps),
                padded([_shifted(targets, given, int(k), end, time) for k in which], time),
                padded([targets[k] for k in which], time),
            )
            self.buckets.append(_bucket(data, max(tokens // max(steps, time), 1), parts))
        self.seed = seed
        runs = sum(bucket.runs for bucket in self.buckets)
        self.parts = min(parts, runs)
        self.tokens = int(lengths[:, 1].sum())  # that are told in a pass
        self.padding = 1 - lengths.sum() / sum(  # share of what is computed
            b.rows * b.steps * b.runs * (b.data.source.shape[1] + b.data.target.shape[1])
            for b in self.buckets
        )

    @property
    def key(self) -> Hashable:
        """All draw alike."""
        return "pairs"

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the runs of one part of a pass, but for the first `after`."""
        number, part = divmod(epoch, self.parts)
        draw = None if self.seed is None else np.random.default_rng([self.seed, number])
        orders = [bucket.order(draw) for bucket in self.buckets]
        runs = [(b, r) for b, bucket in enumerate(self.buckets) for r in range(bucket.runs)]
        order = np.arange(len(runs)) if draw is None else draw.permutation(len(runs))
        for i in np.array_split(order, self.parts)[part][after:]:
            b, run = runs[i]
            yield Chunk(self.buckets[b].data, orders[b][run])

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return those pairs; one that only fills the batch up is nothing but padding."""
        real = (row != PADDING)[:, None]
        return state, Batch(Sentences(*(jnp.where(real, a[row], 0) for a in data)), None)


def bucket_bounds(lengths: np.ndarray, most: int) -> np.ndarray:
    """The lengths up to which at most so many buckets go that pad the least, exactly.

    With N(l) sentences up to length l, the padded tokens of the best k buckets up to l are

        C_k(l) = min over l' < l of C_{k-1}(l') + (N(l) - N(l')) l
    """
    values, counts = np.unique(lengths, return_counts=True)
    total = np.concatenate([[0], np.cumsum(counts)])
    # cost[i, j]: one bucket of the lengths from values[i] to values[j]
    cost = np.where(
        np.arange(len(values))[:, None] <= np.arange(len(values))[None],
        (total[None, 1:] - total[:-1, None]) * values[None].astype(float),
        np.inf,
    )
    best, ends = cost[0], []
    for _ in range(min(most, len(values)) - 1):
        before = np.concatenate([[0.0], best[:-1]])  # of all lengths below values[i]
        ways = before[:, None] + cost
        ends.append(ways.argmin(axis=0))
        best = ways.min(axis=0)
    bounds, j = [len(values) - 1], len(values) - 1
    for starts in reversed(ends):
        if starts[j] == 0:
            break
        j = int(starts[j]) - 1
        bounds.append(j)
    return values[bounds[::-1]]


def padded(rows: Ids, length: int) -> np.ndarray:
    """Rows of numbers as one array (rows, length), 0 behind their ends."""
    ids = np.zeros((len(rows), length), np.int32)
    for into, row in zip(ids, rows, strict=True):
        into[: len(row)] = row
    return ids


def _shifted(targets: Ids, given: Ids | None, k: int, end: int, time: int) -> np.ndarray:
    """What is read: the beginning, then the translation without its end, or its substitute."""
    if given is None:
        return np.concatenate([[end], targets[k][:-1]]).astype(np.int32)
    return np.concatenate([[end], given[k], np.full(time, end)]).astype(np.int32)[:time]


def _bucket(data: Sentences, rows: int, parts: int) -> Bucket:
    """Cut into runs of equal numbers of steps, and steps of nearly equal numbers of pairs."""
    pairs = len(data.source)
    wanted = -(-pairs // rows)
    runs = max(-(-wanted // RUN), min(wanted, parts))
    steps = -(-wanted // runs)
    while runs * steps > pairs:  # a step without a pair would be an update without a gradient
        steps -= 1
    rows = -(-pairs // (runs * steps))
    return Bucket(Sentences(*map(jnp.asarray, data)), runs, steps, rows + rows % 2)


def _require_lengths(lengths: np.ndarray, widths: tuple[int | None, int | None]) -> None:
    for side, width, name in zip((0, 1), widths, ("source", "target"), strict=True):
        long = np.flatnonzero(lengths[:, side] > (width or np.inf))
        if len(long):
            raise DataError(
                f"pair {long[0]} (counted from 0): the {name} has {lengths[long[0], side]} tokens, "
                f"its end counted, and the network takes {width}. Shorten it, or make the "
                "network's Input of any length: Input((None,))"
            )
