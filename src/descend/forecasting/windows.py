"""Windows of series as a feed: the data lie on the device once, a draw is a list of offsets.

A window is `context` rows and the `horizon` rows behind them, of one series. A training step gets
row numbers, where windows begin, and slices them inside the program; so windows cost nothing, and
members that train on other windows (the origins of a backtest) share one array.

A gap between two rows: the last value before it stands in a context, and no target. A window of
which more than a tenth is missing is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError
from descend.forecasting.panel import Panel
from descend.forecasting.scaling import Scaling
from descend.train.engine.feeds import PADDING, Chunk, Feed
from descend.train.engine.task import Batch
from descend.train.model.supervised import Rows

if TYPE_CHECKING:
    from descend.train.engine.task import Task

MISSING = 0.1  # of a window's rows at most
LARGEST = 1e30  # value, and its inverse the least: squares of windows' values are still numbers


class Series(NamedTuple):
    """What lies on the device: a panel without its gaps.

    Attributes:
        values: target (rows,), its last value before a gap in the gap.
        real: whether a row has a value, (rows,).
        known: covariates known in advance (rows, k), standardised.
        observed: covariates (rows, o).
    """

    values: Any
    real: Any
    known: Any
    observed: Any


@dataclass(frozen=True)
class Shape:
    """Context, horizon and scale of windows.

    Attributes:
        context, horizon: rows of a window that are seen, and that are forecast.
        scaling: how each is scaled.
    """

    context: int
    horizon: int
    scaling: Scaling

    @property
    def rows(self) -> int:
        """Rows of a window."""
        return self.context + self.horizon


class Standard(NamedTuple):
    """What known covariates are standardised by: mean and spread, each (k,)."""

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, panel: Panel, ends: np.ndarray) -> Standard:
        """Return those of the first `ends` rows of each series."""
        pieces = [panel.known[a : a + n] for a, n in zip(panel.starts[:-1], ends, strict=True)]
        rows = np.concatenate(pieces)
        spread = rows.std(axis=0)
        return cls(rows.mean(axis=0), np.where(spread > 0, spread, 1.0))

    def put(self, known: np.ndarray) -> np.ndarray:
        """Return covariates (..., k) with mean 0 and spread 1."""
        return (known - self.mean) / self.spread


def filled(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """(values, whether each is real): a gap holds the last value before it, of the same series."""
    real = ~np.isnan(panel.values)
    begins = np.zeros(len(real), np.int64)
    begins[panel.starts[:-1]] = panel.starts[:-1]
    first = np.maximum.accumulate(begins)
    last = np.maximum.accumulate(np.where(real, np.arange(len(real)), 0))
    return np.nan_to_num(panel.values[np.maximum(last, first)]), real


def series_of(panel: Panel, standard: Standard) -> Series:
    """The arrays of a panel.

    Raises:
        DataError: values beyond what 32 bits hold.
    """
    largest = float(np.nanmax(np.abs(panel.values), initial=0))
    if largest > LARGEST or 0 < largest < 1 / LARGEST:
        raise DataError(
            f"the largest value of the series is {largest:.3g} in size, and networks compute with "
            f"numbers between {1 / LARGEST:g} and {LARGEST:g}; give the column in another unit"
        )
    return Series(*filled(panel), standard.put(panel.known), panel.observed)


class Candidates(NamedTuple):
    """Every window of a panel.

    Attributes:
        rows: row in which it begins, (windows,).
        begins: the same, counted from the series' first row.
        series: number of its series.
    """

    rows: np.ndarray
    begins: np.ndarray
    series: np.ndarray


def candidates(panel: Panel, shape: Shape) -> Candidates:
    """The windows that lie in one series, are whole but for a tenth, and end in a value."""
    real = ~np.isnan(panel.values)
    seen = np.concatenate([[0], np.cumsum(real)])
    found = []
    for i, (a, b) in enumerate(itertools.pairwise(panel.starts)):
        begins = np.arange(max(b - a - shape.rows + 1, 0))
        rows = a + begins
        missing = shape.rows - (seen[rows + shape.rows] - seen[rows])
        targets = seen[rows + shape.rows] - seen[rows + shape.context]
        good = (missing <= MISSING * shape.rows) & real[rows + shape.context - 1] & (targets > 0)
        found.append(np.stack([rows[good], begins[good], np.full(good.sum(), i)]))
    return Candidates(*np.concatenate(found, axis=1))


# context in rows by the season: some years, some weeks of days, two weeks of hours
USUAL = {1: 12, 4: 16, 5: 40, 7: 56, 12: 36, 24: 336, 52: 104}
MOST = 336


def usual_context(season: int, shortest: int, horizon: int) -> int:
    """The context where none is chosen: by the season, and half of what the shortest series has."""
    usual = USUAL.get(season, min(3 * season, MOST))
    return max(min(usual, (shortest - horizon) // 2), 1)


def require_long(
    panel: Panel, origins: np.ndarray, context: int, rows: int, what: str = "context"
) -> None:
    """Raise DataError for a series that has fewer rows at an origin than are asked for."""
    short = (origins < rows) & (origins > 0)
    if short.any():
        origin, i = (int(v) for v in np.argwhere(short)[0])
        name = f"series {panel.names[i]!r}" if panel.names[i] else "the series"
        where = f" at origin {origin + 1}" if len(origins) > 1 else ""
        raise DataError(
            f"{name} has {int(origins[origin, i])} rows{where}, and {what} needs {rows}; choose a "
            f"smaller context= (now {context}) or horizon=, or leave the series out"
        )


class Parts(NamedTuple):
    """Windows for training and validation, each an array of the rows where they begin."""

    train: np.ndarray
    validation: np.ndarray


def parts(
    windows: Candidates, shape: Shape, origin: np.ndarray, held: np.ndarray, sample: int | None
) -> Parts:
    """The windows that had ended before an origin.

    Args:
        origin: rows of each series that are known, (series,).
        held: of these, the last ones that validation's targets lie in, (series,); a training window
            ends before them.
        sample: rows before the origin that windows may lie in; None for all.
    """
    known, kept = origin[windows.series], held[windows.series]
    end = windows.begins + shape.rows
    inside = np.ones(len(end), bool) if sample is None else windows.begins >= known - sample
    train = inside & (end <= known - kept)
    checked = inside & (end <= known) & (windows.begins + shape.context >= known - kept)
    return Parts(windows.rows[train], windows.rows[checked & (kept > 0)])


class Windows(Feed):
    """Windows of series, cut into batches; a member's order is of the rows where windows begin.

    Args:
        series: `Series` on the device.
        shape: context, horizon and scale.
        rows: rows where windows begin, one array a member.
        batch_size: windows a step.
        updates: steps a pass, each of a whole batch: one order of a member's windows behind the
            other. None: every window once, in their order, the last batch padded.

    Raises:
        DataError: a member without a window.
    """

    def __init__(
        self,
        series: Series,
        shape: Shape,
        rows: Sequence[np.ndarray],
        batch_size: int,
        updates: int | None = None,
    ):
        counts = [len(one) for one in rows]
        if not all(counts):
            raise DataError("there is a member without a window")
        self.series, self.shape, self.rows = series, shape, list(rows)
        self.batch_size, self.updates = batch_size, updates
        self.seeds = np.zeros(len(counts), np.int64)
        # `steps` is left open: orders of several passes in one call would be copied in vain, since
        # every pass is followed by a look at the validation windows
        self.batches = updates or -(-max(counts) // batch_size)
        self.padded = updates is None and min(counts) < self.batches * batch_size

    @property
    def per_member(self) -> bool:
        """Always: each member has windows of its own."""
        return True

    def order_by(self, seeds: np.ndarray) -> None:
        """Draw orders from these seeds, one a member."""
        self.seeds = np.asarray(seeds)

    @property
    def key(self) -> Hashable:
        """Shape of the windows, and whether batches are padded."""
        return ("windows", self.shape, self.padded)

    def order(self, epoch: int) -> np.ndarray:
        """Return first rows of windows (members, steps, batch) of an epoch; -1 for none."""
        count = self.batches * self.batch_size
        orders = np.full((len(self.rows), count), PADDING, np.int32)
        for i, (rows, seed) in enumerate(zip(self.rows, self.seeds, strict=True)):
            if self.updates is None:
                orders[i, : len(rows)] = rows
                continue
            draw = np.random.default_rng([int(seed), epoch])
            passes = [draw.permutation(rows) for _ in range(-(-count // len(rows)))]
            orders[i] = np.concatenate(passes)[:count]
        return orders.reshape(len(self.rows), self.batches, self.batch_size)

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield the series, in the order of the epoch."""
        if not after:
            yield Chunk(self.series, self.order(epoch))

    def draw(self, task: Task, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return the windows that begin in those rows, each on its own scale."""
        mask = (row != PADDING).astype(jnp.result_type(float)) if self.padded else None
        return state, Batch(whole(data, row, self.shape), mask)


# -- while tracing ------------------------------------------------------------------------------


def seen(data: Series, rows: jax.Array, shape: Shape) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What a network sees of windows that begin in these rows.

    Returns:
        The inputs (n, context, 1 + k + o): the target on its own scale, then covariates; the
        windows' centre and spread, each (n, 1).
    """
    at = rows[:, None] + jnp.arange(shape.context)[None]
    past = data.values[at]
    centre, spread = shape.scaling.of(past, jnp)
    columns = [((past - centre) / spread)[:, :, None]]
    if data.known.shape[1]:
        columns.append(data.known[at])
    if data.observed.shape[1]:
        beside = jnp.moveaxis(data.observed[at], 2, 1)
        middle, width = shape.scaling.of(beside, jnp)
        columns.append(jnp.moveaxis((beside - middle) / width, 1, 2))
    return jnp.concatenate(columns, axis=2), centre, spread


def whole(data: Series, rows: jax.Array, shape: Shape) -> Rows:
    """Inputs and targets of windows; a target is NaN where there is no value."""
    inputs, centre, spread = seen(data, rows, shape)
    at = rows[:, None] + jnp.arange(shape.context, shape.rows)[None]
    y = jnp.where(data.real[at], (data.values[at] - centre) / spread, jnp.nan)
    x = (inputs, data.known[at]) if data.known.shape[1] else (inputs,)
    return Rows(x, (y,), None)
