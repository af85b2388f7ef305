"""From what `fit`, `evaluate` and `predict` are given to what the engine is fed with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from descend.errors import DataError
from descend.train.engine.feeds import Arrays, Feed, Stream
from descend.train.model import prediction, rows
from descend.train.model.batches import Batches, is_batches, joined
from descend.train.model.supervised import Rows

if TYPE_CHECKING:
    from descend.train.model.model import Model


class Validation(NamedTuple):
    """The arguments of `fit` that say what is judged after an epoch."""

    data: Any
    split: float
    steps: int | None
    batch_size: int | None


class Fed(NamedTuple):
    """What an epoch is made of, what is judged after it, and what tells the run from another."""

    feed: Feed
    validation: Feed | None
    identity: dict[str, Any]


def of_arrays(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[Any, Any] | None,
    batch_size: int | None,
    steps: int | None,
    shuffle: bool | str,
    seed: int,
    check: Validation,
) -> Fed:
    """Rows that are all at hand; `steps` batches an epoch, or all."""
    outputs = model.task.outputs
    data = rows_of(model, (x, y, sample_weight), "training data")
    tail = None
    if check.data is None and check.split:
        data, tail = rows.split_tail(data, check.split)
        tail = rows.weighted(_first(tail, check.steps, check.batch_size), outputs)
    data = rows.weighted(data, outputs, class_weight)
    size = rows.rows_a_batch(batch_size, len(data.x[0]), model.task)
    prediction.require_order(model, len(data.x[0]), size, shuffle)
    feed = Arrays(data, size, shuffle, seed, steps=steps)
    validation: Feed | None = None
    if check.data is not None:
        validation = validation_feed(model, check, size)
    elif tail is not None:
        validation = model.whole_feed(tail, check.batch_size or size, "validation data")
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
    check: Validation,
) -> Fed:
    """Rows that come chunk by chunk, or batch by batch."""
    if y is not None or sample_weight is not None or check.split or class_weight:
        raise DataError(
            "an iterable of batches, as a Stream, gives x, y and sample_weight itself; y, "
            "sample_weight, validation_split and class_weight cannot be given beside it "
            "(validation_data can)"
        )
    full = [rule for rule in model.task.rules.values() if rule.full_batch]
    if full:
        raise DataError(f"{full[0].name!r} needs all rows at once, not a stream")
    size = batch_size or rows.DEFAULT_BATCH
    if isinstance(stream, Batches):  # they come as they are
        stream.required = prediction.batch_of(model) if model.carries else None
    elif model.carries:
        prediction.require_order(model, stream.rows, size, shuffle)
    feed = stream.prepared(checked(model), size, shuffle, seed)
    identity = {"seed": seed, "batch_size": size, "shuffle": shuffle, "data": "stream"}
    validation = None if check.data is None else validation_feed(model, check, size)
    return Fed(feed, validation, identity)


def checked(model: Model) -> Callable[[Any, str], Rows]:
    """What turns a piece of a stream into rows."""

    def check(piece: Any, where: str) -> Rows:
        piece_rows = rows_of(model, piece, where)
        if model.carries:
            prediction.require_whole_batches(model, len(piece_rows.x[0]), where)
        return piece_rows

    return check


def validation_feed(model: Model, check: Validation, size: int) -> Feed:
    """The feed of `validation_data`: its rows in memory, or a Stream that is read every time."""
    size = check.batch_size or size
    if isinstance(check.data, Stream):
        if check.steps is not None:
            raise DataError("a Stream is judged whole; leave validation_steps out")
        if model.carries:
            size = prediction.batch_of(model)
            prediction.require_order(model, check.data.rows, size, False)
        return check.data.prepared(checked(model), size, False, 0)
    data = validation_rows(model, check.data, check.steps, check.batch_size)
    return model.whole_feed(data, size, "validation data")


def rows_of(model: Model, parts: tuple[Any, ...], where: str) -> Rows:
    """Checked rows of (x, y) or (x, y, weight); weights are taken as they come.

    A task without outputs takes any arrays as targets, or none.
    """
    x, y, weight = (*parts, None, None)[:3]
    if not model.task.outputs:
        return rows.free_rows(model, x, y, weight, where)
    return rows.make_rows(model, model.task.outputs, x, y, weight, where)


def validation_rows(
    model: Model, data: Any, steps: int | None = None, batch_size: int | None = None
) -> Rows:
    """Checked rows of `validation_data`, weights scaled; of an iterable they are kept in memory."""
    where = "validation data"
    if is_batches(data):
        data, steps = joined(data, steps, where), None
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise DataError("validation_data must be (x, y) or (x, y, sample_weight)")
    checked_rows = _first(rows_of(model, tuple(data), where), steps, batch_size)
    return rows.weighted(checked_rows, model.task.outputs, where=where)


def _first(data: Rows, steps: int | None, batch_size: int | None) -> Rows:
    """The rows of the first `steps` batches."""
    if steps is None:
        return data
    return rows.take(data, slice(0, steps * (batch_size or rows.DEFAULT_BATCH)))


def evaluated(
    model: Model, x: Any, y: Any, sample_weight: Any, batch_size: int | None, steps: int | None
) -> Feed:
    """The feed of an evaluation."""
    where, size = "evaluation data", batch_size or rows.DEFAULT_BATCH
    if isinstance(x, Stream):
        return validation_feed(model, Validation(x, 0.0, steps, batch_size), size)
    if is_batches(x):
        source = Batches(x, steps, where)
        source.require_end()
        return source.prepared(lambda piece, _: rows_of(model, piece, where), size, False, 0)
    data = _first(rows_of(model, (x, y, sample_weight), where), steps, size)
    return model.whole_feed(rows.weighted(data, model.task.outputs, where=where), size, where)


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
