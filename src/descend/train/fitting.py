"""From what `fit`, `evaluate` and `predict` are given to what the engine is fed with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from descend.errors import DataError
from descend.train import prediction, rows
from descend.train.batches import Batches, Piece, is_batches, joined
from descend.train.feeds import Arrays, Stream

if TYPE_CHECKING:
    from descend.train.model import Model


class Validation(NamedTuple):
    """The arguments of `fit` that say what is judged after an epoch."""

    data: Any
    split: float
    steps: int | None
    batch_size: int | None


class Fed(NamedTuple):
    """What an epoch is made of, what is judged after it, and what tells the run from another."""

    feed: Any
    validation: Arrays | None
    identity: dict[str, Any]
    make_chunk: Callable[[Any, int], Arrays] | None = None


def of_arrays(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping | None,
    batch_size: int | None,
    steps: int | None,
    shuffle: bool | str,
    seed: int,
    judged: Validation,
) -> Fed:
    """Rows that are all at hand; `steps` batches an epoch, or all."""
    outputs = model.task.outputs
    data = rows.make_rows(model, outputs, x, y, sample_weight)
    kept = None
    if judged.data is not None:
        kept = validation_rows(model, judged.data, judged.steps, judged.batch_size)
    elif judged.split:
        data, kept = rows.split_tail(data, judged.split)
        kept = rows.weighted(_first(kept, judged.steps, judged.batch_size), outputs)
    data = rows.weighted(data, outputs, class_weight)
    size = rows.rows_a_batch(batch_size, len(data.x[0]), model.task.optimizer)
    prediction.require_order(model, len(data.x[0]), size, shuffle)
    feed = Arrays(data, size, shuffle, seed, steps=steps)
    validation = model.whole_feed(kept, judged.batch_size or size, "validation data")
    identity = {"seed": seed, "batch_size": size, "shuffle": shuffle}
    return Fed(feed, validation, identity | ({} if steps is None else {"steps": steps}))


def of_stream(
    model: Model,
    stream: Stream,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    batch_size: int | None,
    shuffle: bool | str,
    seed: int,
    judged: Validation,
) -> Fed:
    """Rows that come chunk by chunk, or batch by batch."""
    if y is not None or sample_weight is not None or judged.split or class_weight:
        raise DataError(
            "an iterable of batches, as a Stream, gives x, y and sample_weight itself; y, "
            "sample_weight, validation_split and class_weight cannot be given beside it "
            "(validation_data can)"
        )
    if model.task.optimizer.full_batch:
        raise DataError(f"{model.task.optimizer.name!r} needs all rows at once, not a stream")
    if model.carries:
        raise DataError("a stream is cut into batches anew; train a stateful model on arrays")
    size = batch_size or rows.DEFAULT_BATCH

    def make_chunk(piece: Any, number: int) -> Arrays:
        where = f"chunk {number + 1}"
        if isinstance(piece, Piece):
            return Arrays(rows_of(model, piece.parts, where), piece.size, shuffle=False)
        made = rows_of(model, piece, where)
        return Arrays(made, min(size, len(made.x[0])), shuffle, seed, chunk=number)

    kept = judged.data
    if kept is not None:
        kept = validation_rows(model, kept, judged.steps, judged.batch_size)
    identity = {"seed": seed, "batch_size": size, "shuffle": shuffle, "data": "stream"}
    return Fed(stream, rows.whole(kept, judged.batch_size or size), identity, make_chunk)


def rows_of(model: Model, parts: tuple[Any, ...], where: str) -> rows.Rows:
    """Checked rows of (x, y) or (x, y, weight); weights are taken as they come."""
    x, y, weight = (*parts, None, None)[:3]
    return rows.make_rows(model, model.task.outputs, x, y, weight, where)


def validation_rows(
    model: Model, given: Any, steps: int | None = None, batch_size: int | None = None
) -> rows.Rows:
    """Checked rows of `validation_data`, weights scaled; of an iterable they are kept in memory."""
    where = "validation data"
    if is_batches(given):
        given, steps = joined(given, steps, where), None
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise DataError("validation_data must be (x, y) or (x, y, sample_weight)")
    made = _first(rows_of(model, tuple(given), where), steps, batch_size)
    return rows.weighted(made, model.task.outputs, where=where)


def _first(data: rows.Rows, steps: int | None, batch_size: int | None) -> rows.Rows:
    """The rows of the first `steps` batches."""
    if steps is None:
        return data
    return rows.take(data, slice(0, steps * (batch_size or rows.DEFAULT_BATCH)))


def evaluated(
    model: Model, x: Any, y: Any, sample_weight: Any, batch_size: int | None, steps: int | None
) -> Iterable[Arrays]:
    """The feeds of an evaluation."""
    where, size = "evaluation data", batch_size or rows.DEFAULT_BATCH
    if is_batches(x):
        source = Batches(x, steps, where)
        source.require_end()
        pieces = source.read()
        return (Arrays(rows_of(model, p.parts, where), p.size, shuffle=False) for p in pieces)
    outputs = model.task.outputs
    data = _first(rows.make_rows(model, outputs, x, y, sample_weight, where), steps, size)
    return [model.whole_feed(rows.weighted(data, outputs, where=where), size, where)]


def predicted(model: Model, x: Any, batch_size: int | None, steps: int | None) -> list[np.ndarray]:
    """The outputs on all rows of x, or of an iterable's batches."""
    where = "prediction data"
    parts: Iterable[Any] = [x]
    if is_batches(x):
        source = Batches(x, steps, where)
        source.require_end()
        parts = (piece.parts[0] for piece in source.read())
    elif steps is not None:
        raise DataError(f"{where}: steps counts the batches of an iterable; x is none")
    each = [
        prediction.predict(model, rows.make_inputs(model, part, where), batch_size)
        for part in parts
    ]
    if not each:
        raise DataError(f"{where}: there is no batch")
    return [np.concatenate(a) if len(a) > 1 else a[0] for a in zip(*each, strict=True)]
