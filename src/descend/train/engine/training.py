"""The engine: a step -> a compiled epoch -> a run.

One epoch is a `lax.scan` of `task.step` over its batches, validation included, in one XLA program.
Python regains control between epochs only. Two things make that cheap and safe:

- A call of the program runs up to `EPOCHS_PER_CALL` epochs when they are short (an iris epoch takes
  0.3 ms, a call about 0.1 ms). Callbacks still see every epoch, in order. Whoever asks for the
  weights of an epoch in the middle of a call gets them by replaying the call up to there: a run is
  a function of its arguments, so the replay is bit-equal.
- A run whose epoch ends in a non-finite number goes back to where that epoch began: that is what
  `DivergenceError` hands over. In a sweep the program itself freezes the member there.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from descend.errors import DataError, DescendError, DivergenceError, unknown
from descend.train.callbacks.base import call_all, hears_chunks, introduce
from descend.train.engine import placement
from descend.train.engine.feeds import Chunk, Feed
from descend.train.engine.history import INTERRUPTED
from descend.train.engine.program import (
    Program,
    Split,
    all_finite,
    epoch_program,
    evaluation,
    finished,
)
from descend.train.engine.run import Run, Snapshot
from descend.train.engine.runtime import prepare
from descend.train.engine.task import Batch, Task

EPOCHS_PER_CALL = 64  # a call has room for at most so many epochs
STEPS_PER_CALL = 2048  # a call holds at most so many steps (or one epoch)
SECONDS_PER_CALL = 0.02
ON_INTERRUPT = ("return", "raise")


class InterruptedWarning(UserWarning):
    """Ctrl-C ended a training early, and the program goes on with what was reached.

    `warnings.simplefilter("error", InterruptedWarning)` makes every training raise it instead, also
    those of a sweep, an ensemble, a search or an estimator.

    Source: descend's own.

    Example:
        >>> import warnings
        >>> from descend.train.engine import InterruptedWarning
        >>> with warnings.catch_warnings():  # Ctrl-C in here is an error, not a shorter training
        ...     warnings.simplefilter("error", InterruptedWarning)
    """


def train(
    task: Task,
    feed: Feed,
    epochs: int,
    *,
    state: Any,
    callbacks: Sequence[Any] = (),
    validation: Feed | None = None,
    initial_epoch: int = 0,
    members: int | None = None,
    model: Any = None,
    identity: dict[str, Any] | None = None,
    resume: str | Path | None = None,
    on_interrupt: str = "return",
    due: Callable[[int], bool] = lambda epoch: True,
    verbose: int = 0,
) -> Run:
    """Train a task: `epochs` passes over a feed, each one program.

    Args:
        task: Task (`descend.train.engine.task.Task`) to train.
        feed: feed that an epoch, a pass over the data, is made of.
        epochs: number of the last epoch, exclusive.
        state: state from `task.init` (or a checkpoint); with a leading axis for members.
        callbacks: objects with any of the hooks of `descend.train.callbacks.Callback`, and of
            `set_run(run)`.
        validation: feed that `task.evaluate` is called on after every epoch.
        initial_epoch: number of the first epoch.
        members: number of runs that the state holds, None for one.
        model: Model that callbacks see as `self.model`.
        identity: JSON that tells this run from another in a checkpoint (seed, data, batch size).
        resume: checkpoint to go on from; `state` then only gives the shapes.
        on_interrupt: effect of Ctrl-C: "return" what was reached, with an InterruptedWarning, or
            "raise". A second Ctrl-C raises at once.
        due: function (epoch) -> whether its validation is made.
        verbose: verbosity that callbacks see in `self.params`.

    Returns:
        The Run, with its state and history.

    Raises:
        DescendError: no Task or no Feed, or an unknown on_interrupt.
        DataError: a pass without a chunk of rows.
        DivergenceError: a single run became non-finite; the error's `run` holds the last finite
            state.
        CheckpointError: `resume` cannot be used.
        KeyboardInterrupt: with on_interrupt="raise", after the callbacks' `on_train_end`.

    Source: itam-2023, 1.4, "Gradient Descent" (the training process).

    Example:
        >>> import jax, numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.engine import Arrays, train
        >>> from descend.train.model import Rows
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1), "float32")
        >>> model.compile("sgd", "mse")
        >>> state = model.task.init(jax.random.key(0), model.task.hyper())
        >>> run = train(model.task, Arrays(Rows((x,), (x,), None), 2), epochs=2, state=state)
        >>> run.history.history, int(run.state.steps)
        ({'loss': [0.0, 0.0]}, 4)
    """
    require_kinds(task, feed)
    if on_interrupt not in ON_INTERRUPT:
        raise unknown("on_interrupt", on_interrupt, ON_INTERRUPT)
    prepare()
    run = Run(task, state, epochs, members)
    run.epoch, run.model, run.identity = initial_epoch - 1, model, identity or {}
    # a checkpoint must see what the other callbacks made of the epoch
    run.callbacks = sorted(callbacks, key=lambda c: getattr(c, "comes_last", False))
    run.due = None if validation is None else due
    run.hearing = [c for c in run.callbacks if hears_chunks(c)]
    call_all(run.callbacks, "set_run", run)
    introduce(run.callbacks, model, epochs=epochs, steps=feed.steps, verbose=verbose)
    try:
        call_all(run.callbacks, "on_train_begin", {})
        if resume is not None:
            from descend.train.saving.checkpoint import load_checkpoint

            load_checkpoint(resume, run, run.identity)
        (_epochs if feed.whole else _chunks)(task, feed, run, validation)
    except KeyboardInterrupt:
        run.history.stopped = f"{INTERRUPTED} after epoch {run.epoch + 1}{_chunk_of(run)}"
    except BaseException:
        _end(run)  # files are closed and the best weights put back before the error goes on
        raise
    run.reached = run.state
    run.snapshot = Snapshot.of(task.ended(run.reached))
    _end(run)
    if run.history.interrupted:
        _say_interrupted(run, on_interrupt)
    return run


def require_kinds(task: Any, feed: Any) -> None:
    """Raise DescendError unless they are a Task and a Feed."""
    for value, kind in ((task, Task), (feed, Feed)):
        if not isinstance(value, kind):
            raise DescendError(
                f"training takes a {kind.__name__} (a subclass of {kind.__module__}."
                f"{kind.__name__}), got {value!r}"
            )


def _say_interrupted(run: Run, on_interrupt: str) -> None:
    reached = f"after epoch {run.epoch + 1} of {run.epochs}{_chunk_of(run)}"
    if not len(run.history):
        reached = f"before its first epoch ended{_chunk_of(run)}"
    if on_interrupt == "raise":
        raise KeyboardInterrupt(f"training was interrupted {reached}")
    # not `warn`, which shows a text once: the next Ctrl-C is news again
    warnings.warn_explicit(
        f"training was interrupted (Ctrl-C) {reached}; what was reached by then is used",
        InterruptedWarning,
        "descend",
        0,
    )


def _chunk_of(run: Run) -> str:
    return f", behind chunk {run.chunk} of the next" if run.chunk else ""


def _end(run: Run) -> None:
    last = {name: values[-1] for name, values in run.history.history.items()}
    call_all(run.callbacks, "on_train_end", last)


def _epochs(task: Task, feed: Feed, run: Run, validation: Feed | None) -> None:
    """A feed whose pass is one chunk: several epochs a call, validation inside."""
    mesh = placement.member_mesh(run.members)
    next_epoch = run.epoch + 1
    chunk = next(feed.chunks(next_epoch))
    data, ordered = chunk.data, chunk.order is not None
    inside = validation if validation is not None and validation.whole else None
    checks, draws = None, (chunk.draws, 1)
    if inside is not None:
        check_chunk = next(inside.chunks(0))
        checks, draws = (check_chunk.data, check_chunk.order), (chunk.draws, check_chunk.draws)
    if mesh is not None:  # copied to every device once, not at every call
        data = placement.everywhere(data, mesh)
        if checks is not None:
            checks = (placement.everywhere(checks[0], mesh), checks[1])
        run.snapshot = Snapshot.of(placement.over_members(run.state, mesh))
    room = _room(task, feed, alone=validation is not inside)
    at_once = 1
    programs: dict[bool, Program] = {}  # with validation, and without
    next_orders = {next_epoch: chunk.order}  # of epochs to come
    _begin_epoch(run)
    while run.epoch + 1 < run.epochs and not run.stopped:
        start, first, active = run.state, run.epoch + 1, run.active
        run.settings = start.hyper
        judge = run.due is not None and run.due(first) and inside is not None
        count = min(at_once, run.epochs - first)
        if run.due is not None and inside is not None:
            changes = (n for n in range(1, count) if run.due(first + n) is not judge)
            count = next(changes, count)
        orders = _orders(feed, first, count, room, next_orders) if ordered else None
        new = judge not in programs
        if new:
            programs[judge] = epoch_program(
                task,
                feed,
                inside if judge else None,
                run.members,
                rows=chunk.batch_size,
                room=room,
                draws=draws,
            )

        fixed = (data, orders, checks if judge else None)

        def call(
            n: int,
            run: Program = programs[judge],
            start: Any = start,
            fixed: Any = fixed,
            active: Any = active,
            **more: Any,
        ) -> Any:
            return run(start, *fixed, np.int32(n), active, **more)

        def draw_ahead(begin: int = first + count, end: int = first + 2 * count) -> None:
            if ordered:
                next_orders.update({e: _order(feed, e) for e in range(begin, min(end, run.epochs))})

        started = time.perf_counter()
        state, logs, check_sums, finite = call(count, meanwhile=draw_ahead)
        seconds = time.perf_counter() - started
        results = _results(task, logs, check_sums)
        run.touched = run.changed = False
        for i in range(count):
            last = i == count - 1
            run.epoch = first + i
            run.snapshot = Snapshot.of(state) if last else Snapshot(partial(_replay, call, i + 1))
            if run.members is not None:
                _freeze(run, finite[..., i])
            elif not finite[i]:
                before = _before(task, start, state) if i == 0 else _replay(call, i)
                run.snapshot = Snapshot.of(before)
                _fail(task, feed, chunk._replace(order=_order(feed, run.epoch)), run, run.state)
                break
            epoch_logs = {name: values[..., i] for name, values in results.items()}
            _end_chunk(run, 0, epoch_logs)
            if validation is not inside:
                epoch_logs |= _validation_logs(task, validation, run)
            _end_epoch(run, epoch_logs)
            _begin_epoch(run)
            if run.stopped or run.changed:
                break
        # the first call compiled; and where somebody wants every epoch's state, replays would cost
        # more than calls do
        if not new and not run.touched:
            count = int(np.clip(SECONDS_PER_CALL * count / max(seconds, 1e-9), 1, room))
            at_once = placement.agreed(count)
        else:
            at_once = 1


def _room(task: Task, feed: Feed, alone: bool) -> int:
    """Epochs that one call has room for; whatever `epochs` is, so that one program serves all.

    One where scratch is used up by a call, so that it cannot be replayed, and where every epoch is
    followed by something outside the program (`alone`).
    """
    if task.scratch or alone or feed.steps is None:
        return 1
    return max(1, min(EPOCHS_PER_CALL, STEPS_PER_CALL // feed.steps))


def _before(task: Task, start: Any, state: Any) -> Any:
    """The state at the start of a call that ended in `state`; its scratch is used up."""
    return Split(Split.of(task, start).rest, Split.of(task, state).scratch).joined(task)


def _replay(call: Callable[..., Any], count: int) -> Any:
    return call(count)[0]


def _order(feed: Feed, epoch: int) -> Any:
    return next(feed.chunks(epoch)).order


def _orders(feed: Feed, first: int, count: int, room: int, next_orders: dict[int, Any]) -> Any:
    orders = [
        next_orders.pop(e) if e in next_orders else _order(feed, e)
        for e in range(first, first + count)
    ]
    orders += [orders[-1]] * (room - count)  # the program's shape is fixed; these are not run
    axis = 1 if feed.per_member else 0
    return jax.tree.map(lambda *each: np.stack(each, axis=axis), *orders)


def _chunks(task: Task, feed: Feed, run: Run, validation: Feed | None) -> None:
    """A feed of several chunks a pass: a call each, after which callbacks have a turn."""
    mesh = placement.member_mesh(run.members)
    if mesh is not None:
        run.snapshot = Snapshot.of(placement.over_members(run.state, mesh))
    if not run.chunk:
        _begin_epoch(run)
    while run.epoch + 1 < run.epochs and not run.stopped:
        epoch = run.epoch + 1
        if not run.chunk:
            run.totals = {}
            if task.carries:
                fresh = task.fresh if run.members is None else jax.vmap(task.fresh)
                run.state = jax.jit(fresh)(run.state)
        for number, chunk in enumerate(feed.chunks(epoch, run.chunk), run.chunk):
            data, start = chunk.data, run.state
            run.settings = start.hyper
            if mesh is not None:
                data = placement.everywhere(data, mesh)
            program = epoch_program(
                task,
                feed,
                None,
                run.members,
                rows=chunk.batch_size,
                draws=(chunk.draws, 1),
                begins=False,
            )
            axis = 1 if feed.per_member else 0
            orders = jax.tree.map(lambda a, axis=axis: np.expand_dims(a, axis), chunk.order)
            state, logs, _, finite = program(start, data, orders, None, np.int32(1), run.active)
            if run.members is not None:
                _freeze(run, finite[..., 0])
            elif not finite.all():
                run.snapshot, run.epoch = Snapshot.of(_before(task, start, state)), epoch
                _fail(task, feed, chunk, run, run.state)
                return
            for name, sums in logs.items():
                run.totals[name] = run.totals.get(name, 0) + sums[..., 0, :]
            run.snapshot, run.chunk = Snapshot.of(state), number + 1
            _end_chunk(run, number, finished(task, run.totals))
            if run.stopped:
                break
        if not run.totals:
            raise DataError("the stream gave no chunk of rows in this epoch")
        logs, run.epoch = finished(task, run.totals), epoch
        run.chunk, run.totals = 0, {}
        _end_epoch(run, logs | _validation_logs(task, validation, run))
        _begin_epoch(run)


def _validation_logs(task: Task, validation: Feed | None, run: Run) -> dict[str, Any]:
    """The validation's numbers, by a program of its own."""
    if validation is None or run.due is None or not run.due(run.epoch):
        return {}
    sums = finished(task, evaluation(task, validation, run.members)(run.state))
    return {f"val_{name}": value for name, value in sums.items()}


def _results(task: Task, logs: Any, check_sums: Any) -> dict[str, np.ndarray]:
    """Each log's number in each epoch of a call: arrays (..., epochs)."""
    validation_logs = {f"val_{name}": value for name, value in finished(task, check_sums).items()}
    return finished(task, logs) | validation_logs


def _begin_epoch(run: Run) -> None:
    """The hook before the next epoch, if there is one."""
    if run.epoch + 1 < run.epochs and not run.stopped:
        call_all(run.callbacks, "on_epoch_begin", run.epoch + 1, {})


def _history_values(run: Run, logs: dict[str, Any]) -> dict[str, Any]:
    """Logs as the history holds them: floats, or arrays (members,)."""
    if run.active is None:
        return {name: float(value) for name, value in logs.items()}
    # what a stopped member would have done is not its history
    return {k: np.where(run.active, v, np.nan) for k, v in logs.items()}


def _end_chunk(run: Run, chunk: int, logs: dict[str, Any]) -> None:
    if run.hearing:
        training_logs = {k: v for k, v in logs.items() if not k.startswith("val_")}
        call_all(run.hearing, "on_chunk_end", chunk, _history_values(run, training_logs))


def _end_epoch(run: Run, logs: dict[str, Any]) -> None:
    logs = _history_values(run, logs)
    run.history.append(run.epoch, logs)
    validation_logs = {n.removeprefix("val_"): v for n, v in logs.items() if n.startswith("val_")}
    if validation_logs:
        call_all(run.callbacks, "on_test_begin", {})
        call_all(run.callbacks, "on_test_end", validation_logs)
    for callback in run.callbacks:
        call_all([callback], "on_epoch_end", run.epoch, logs)
        run.history.amend(logs)
    if getattr(run.model, "stop_training", False):  # how a callback written for Keras says it
        run.stop("a callback set stop_training")


def _freeze(run: Run, finite: np.ndarray) -> None:
    """Note the members that diverged; the program has kept their last finite state."""
    bad = run.active & ~finite
    for member in np.flatnonzero(bad):
        run.diverged.setdefault(int(member), run.epoch)
    if bad.any():
        run.stop("every run diverged or was stopped", bad)


def _fail(task: Task, feed: Feed, chunk: Chunk, run: Run, before: Any) -> None:
    where, run.failing = _locate(task, feed, chunk, before)
    run.history.stopped = f"diverged in epoch {run.epoch + 1}"
    since = "epoch" if feed.whole else "chunk"
    if not feed.whole:
        where = f", chunk {run.chunk + 1}{where}"
    if any(getattr(callback, "ends_on_nan", False) for callback in run.callbacks):
        run.history.stopped += f"{where}; the weights from before that {since} are kept"
        return
    rates = [
        f"{rule} {float(value):g}".strip()
        for rule, name, value in ((*_split(n), v) for n, v in run.settings.items())
        if name == "learning_rate"
    ]
    raise DivergenceError(
        f"training diverged in epoch {run.epoch + 1}{where}. The weights from before that {since} "
        "are kept. What helps: a smaller learning rate"
        + (f" (now {', '.join(rates)})" if rates else "")
        + ", inputs scaled to mean 0 and standard deviation 1, a loss from logits."
        + (" descend.glass.where_nan(error) shows the operation." if run.failing else ""),
        run,
    )


def _split(name: str) -> tuple[str, str]:
    """A hyperparameter's rule and its name there: ("critic", "learning_rate"), ("", "momentum")."""
    rule, _, number = name.rpartition(".")
    return rule, number


def _locate(task: Task, feed: Feed, chunk: Chunk, state: Any) -> tuple[str, Any]:
    """Replay a chunk step by step to the first one that ends non-finite: words, and (task,
    state, batch) of that step."""
    if task.scratch:  # it is used up
        return "", None
    draw = jax.jit(lambda s, data, row: feed.draw(task, s, data, row))
    step = jax.jit(task.step)
    number = 0
    for i in range(chunk.draws if chunk.order is None else len(jax.tree.leaves(chunk.order)[0])):
        row = None if chunk.order is None else jax.tree.map(lambda a, i=i: a[i], chunk.order)
        state, batches = draw(state, chunk.data, row)
        for batch in _each(feed, batches):
            number += 1
            new, logs = step(state, batch)
            if not bool(all_finite(new.params)) or not bool(all_finite(logs)):
                words = task.diagnose(state, batch)
                return f", step {number}" + (f": {words}" if words else ""), (task, state, batch)
            state = new
    return "", None


def _each(feed: Feed, batches: Batch) -> list[Batch]:
    if feed.per_draw == 1:
        return [batches]
    return [jax.tree.map(lambda a, i=i: a[i], batches) for i in range(feed.per_draw)]
