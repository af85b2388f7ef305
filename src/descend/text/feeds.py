"""How a text reaches a language model: places in one array of tokens, never copies of windows.

    Streams   texts side by side, each read on from where the last step ended (recurrent networks)
    Windows   pieces that begin at random places (networks of a fixed context)
    Whole     every token once, each with what stands before it (scores)
    Pieces    streams or windows of a text that is read from a file, piece by piece

A step draws its batch on the device: `ids[place + 0 ... place + length]`, the last `length` of them
being what the first are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from descend.errors import DataError
from descend.train.engine.feeds import Chunk, Feed, Stream
from descend.train.engine.task import Batch, Task

ANEW = 16  # steps behind which a row of a stream begins anew


class Place(NamedTuple):
    """Where the rows of a batch begin, and which of their tokens count; arrays (..., rows)."""

    at: Any  # the first token that is read
    begins: Any  # whether nothing is remembered of what stood before
    first: Any  # of the tokens asked for, the first that counts
    end: Any  # and the first behind them that does not


class Tokens(NamedTuple):
    """The batch of a language model.

    Attributes:
        x: tokens that are read, (rows, length).
        y: tokens that come next, (rows, length).
        real: whether a token of y counts, (rows, length).
        begins: whether a row begins anew, (rows,).
    """

    x: Any
    y: Any
    real: Any
    begins: Any


class Placed(Feed):
    """Base of the feeds of one array of tokens: write `places`.

    Args:
        ids: array (tokens,) of whole numbers.
        rows: rows of a batch.
        length: tokens of a row.
    """

    def __init__(self, ids: Any, rows: int, length: int):
        self.ids = jnp.asarray(ids, jnp.int32)
        self.rows, self.length = rows, length

    @property
    def key(self) -> Hashable:
        """Rows are cut out alike by all of a length."""
        return ("tokens", self.length)

    def places(self, epoch: int) -> Place:
        """The places of an epoch, arrays (steps, rows)."""
        raise NotImplementedError

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the whole text, and the places of the epoch."""
        if not after:
            yield Chunk(self.ids, self.places(epoch))

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Cut the rows out of the text."""
        steps = jnp.arange(self.length + 1)
        tokens = data[jnp.minimum(row.at[:, None] + steps[None], data.shape[0] - 1)]
        inside = steps[None, :-1]
        real = (inside >= row.first[:, None]) & (inside < row.end[:, None])
        return state, Batch(Tokens(tokens[:, :-1], tokens[:, 1:], real, row.begins), None)


class Streams(Placed):
    """A text cut into `rows` parts that are read side by side, `length` tokens a step.

    What a row remembers it keeps from step to step, also from epoch to epoch. It begins anew where
    a pass over the text does, and every 16 steps, the rows in turns: a network that never began
    with nothing would not know how to, and would fail where it is judged or writes. The parts begin
    at another place in every pass, so that they are not always cut alike.

    Args:
        ids: array (tokens,) of whole numbers.
        rows: parts.
        length: tokens a step.
        steps: steps of an epoch, however many make a pass; None: a pass.
        seed: seed of where parts begin.

    Raises:
        DataError: a text that is too short for so many rows of this length.
    """

    def __init__(self, ids: Any, rows: int, length: int, steps: int | None = None, seed: int = 0):
        super().__init__(ids, rows, length)
        self.seed = seed
        self.part = (len(self.ids) - 1) // rows
        self.a_pass = self.part // length
        if not self.a_pass:
            raise DataError(too_short(len(self.ids), rows, length))
        self.steps: int = steps or self.a_pass

    def places(self, epoch: int) -> Place:
        """Where the parts are in these steps of the endless reading."""
        number = np.arange(epoch * self.steps, (epoch + 1) * self.steps)
        which, within = number // self.a_pass, number % self.a_pass
        room = self.part - self.a_pass * self.length + 1
        shifts = {
            int(p): np.random.default_rng([self.seed, int(p)]).integers(room)
            for p in np.unique(which)
        }
        shift = np.array([shifts[int(p)] for p in which])
        starts = np.arange(self.rows) * self.part
        at = starts[None] + (shift + within * self.length)[:, None]
        turn = np.arange(self.rows) * ANEW // self.rows
        begins = (within == 0)[:, None] | ((within[:, None] + turn[None]) % ANEW == 0)
        return _all_count(at, begins, self.length)


class Windows(Placed):
    """Pieces of a text that begin at random places.

    Args:
        ids: array (tokens,) of whole numbers.
        rows: pieces a step.
        length: tokens of a piece.
        steps: steps of an epoch; None: as many as read the text once.
        seed: seed of the places.

    Raises:
        DataError: a text that is shorter than a piece.
    """

    def __init__(self, ids: Any, rows: int, length: int, steps: int | None = None, seed: int = 0):
        super().__init__(ids, rows, length)
        self.seed = seed
        if len(self.ids) <= length:
            raise DataError(too_short(len(self.ids), 1, length))
        self.steps: int = steps or max(len(self.ids) // (rows * length), 1)

    def places(self, epoch: int) -> Place:
        """Uniform places, from (seed, epoch) alone."""
        draw = np.random.default_rng([self.seed, epoch])
        at = draw.integers(len(self.ids) - self.length, size=(self.steps, self.rows))
        return _all_count(at, np.ones(at.shape, bool), self.length)


class Whole(Placed):
    """Every token of a text but the first, once; each is judged with what stands before it.

    Rows overlap: the first `before` tokens of each are read and not judged, but where the text
    begins. So every token is judged with at least `before` tokens before it, or all there are.

    Args:
        ids: array (tokens,) of whole numbers.
        rows: rows of a batch.
        length: tokens of a row.
        before: tokens that are read again, fewer than `length`.
        most: tokens that are judged at most, in rows spread evenly over the text; all by default.

    Raises:
        DataError: a text of fewer than two tokens.
    """

    def __init__(self, ids: Any, rows: int, length: int, before: int, most: int | None = None):
        super().__init__(ids, rows, length)
        n = len(self.ids) - 1  # tokens that are asked for
        if n < 1:
            raise DataError(
                f"a text of {n + 1} token(s) cannot be scored: there is nothing to tell"
            )
        fresh = length - before
        starts = np.arange(0, max(n - before, 1), fresh)
        if most is not None and len(starts) * fresh > most:
            starts = starts[np.linspace(0, len(starts) - 1, max(most // fresh, 1)).astype(int)]
        self.steps = -(-len(starts) // rows)
        filled = np.zeros(self.steps * rows, np.int32)
        filled[: len(starts)] = starts
        end = np.zeros(filled.shape, np.int32)  # 0: a row that only fills the batch
        end[: len(starts)] = np.minimum(n - starts, length)
        first = np.where(filled == 0, 0, before)
        self._places = Place(
            *(
                a.reshape(self.steps, rows)
                for a in (filled, np.ones(filled.shape, bool), first.astype(np.int32), end)
            )
        )

    def places(self, epoch: int) -> Place:
        """The same in every epoch."""
        return self._places


class Pieces(Stream):
    """A text that does not fit into memory, in pieces of which the next one loads meanwhile.

    A pass is one epoch, a piece one call of the program and the grain of checkpoints.

    Args:
        source: function that returns an iterator over arrays (tokens,) of whole numbers, called
            once a pass.
        tokens: tokens of a piece.
        make: function (ids, steps, seed) -> Streams or Windows of a piece; `steps` None for a pass.
        seed: seed of the places.
    """

    def __init__(
        self,
        source: Callable[[], Iterable[np.ndarray]],
        tokens: int,
        make: Callable[[np.ndarray, int | None, int], Placed],
        seed: int = 0,
    ):
        super().__init__(lambda: ((ids,) for ids in source()), rows=tokens)
        self.make, self.seed = make, seed

    @property
    def key(self) -> Hashable:
        """Rows are cut out as in the feed of a piece."""
        return ("pieces", self.rows)

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the pieces of a pass; a last one that is too short for a step is left out."""
        for number, (ids,) in enumerate(self.read(epoch, after), after):
            try:
                feed = self.make(ids, None, self.seed + number)
            except DataError:
                if number == 0:
                    raise
                return
            self._draw = feed.draw
            yield Chunk(feed.ids, feed.places(epoch))

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Cut the rows out of the piece."""
        return self._draw(task, state, data, row)


def _all_count(at: np.ndarray, begins: np.ndarray, length: int) -> Place:
    """Places whose tokens all count."""
    at = at.astype(np.int32)
    return Place(at, np.ascontiguousarray(begins), np.zeros_like(at), np.full_like(at, length))


def too_short(tokens: int, rows: int, length: int) -> str:
    """That a text is too short, and what would do."""
    return (
        f"a text of {tokens:,} tokens is too short for {rows} row(s) of {length} tokens: it needs "
        f"{rows * length + 1:,}. Give more text, or a smaller context or batch_size"
    )
