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
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from descend.errors import DataError, DivergenceError, unknown
from descend.train.callbacks.base import call_all, introduce
from descend.train.feeds import Arrays, Steps, Stream, gather
from descend.train.history import INTERRUPTED
from descend.train.program import (
    EPOCHS_PER_CALL,
    all_finite,
    epoch_program,
    evaluation,
    finished,
    member_mesh,
)
from descend.train.run import Run, Snapshot
from descend.train.runtime import prepare
from descend.train.task import Task

STEPS_PER_CALL = 2048  # a call holds at most so many steps (or one epoch)
SECONDS_PER_CALL = 0.02
ON_INTERRUPT = ("return", "raise")


class InterruptedWarning(UserWarning):
    """Ctrl-C ended a training early, and the program goes on with what was reached.

    `warnings.simplefilter("error", InterruptedWarning)` makes every training raise it instead, also
    those of a sweep, an ensemble, a search or an estimator.
    """


def train(
    task: Task,
    feed: Arrays | Stream | Steps,
    epochs: int,
    *,
    state: Any,
    callbacks: Sequence[Any] = (),
    validation: Arrays | None = None,
    initial_epoch: int = 0,
    members: int | None = None,
    model: Any = None,
    identity: dict[str, Any] | None = None,
    resume: str | Path | None = None,
    make_chunk: Callable[[Any, int], Arrays] | None = None,
    on_interrupt: str = "return",
    due: Callable[[int], bool] = lambda epoch: True,
    verbose: int = 0,
) -> Run:
    """Train a task.

    Args:
        task: see `descend.train.task.Task`.
        feed: what an epoch is made of.
        epochs: number of the last epoch, exclusive.
        state: as `task.init` (or a checkpoint) gave it; with a leading axis for members.
        callbacks: objects with any of the hooks of `descend.train.callbacks.Callback`, and of
            `set_run(run)`.
        validation: rows for `task.evaluate` after every epoch.
        initial_epoch: number of the first epoch.
        members: how many runs the state holds, None for one.
        model: what callbacks see as `self.model`.
        identity: what tells this run from another in a checkpoint (seed, data, batch size).
        resume: a checkpoint to go on from; `state` then only gives the shapes.
        make_chunk: turns a piece of a Stream into Arrays (checked and weighted).
        on_interrupt: what Ctrl-C does: "return" what was reached, with an InterruptedWarning, or
            "raise". A second Ctrl-C raises at once.
        due: epoch -> whether its validation is made.
        verbose: what callbacks see in `self.params`.

    Returns:
        The Run, with its state and history.

    Raises:
        DivergenceError: a single run became non-finite; the error's `run` holds the last finite
            state.
        KeyboardInterrupt: with on_interrupt="raise", after the callbacks' `on_train_end`.
    """
    if on_interrupt not in ON_INTERRUPT:
        raise unknown("on_interrupt", on_interrupt, ON_INTERRUPT)
    prepare()
    run = Run(state, epochs, members)
    run.epoch, run.model, run.identity = initial_epoch - 1, model, identity or {}
    # a checkpoint must see what the other callbacks made of the epoch
    run.callbacks = sorted(callbacks, key=lambda c: getattr(c, "comes_last", False))
    run.due = None if validation is None else due
    call_all(run.callbacks, "set_run", run)
    steps = getattr(feed, "steps", None)
    introduce(run.callbacks, model, epochs=epochs, steps=steps, verbose=verbose)
    try:
        call_all(run.callbacks, "on_train_begin", {})
        if resume is not None:
            from descend.train.checkpoint import load_checkpoint

            load_checkpoint(resume, run, run.identity)
        if isinstance(feed, Stream):
            assert make_chunk is not None
            _stream(task, feed, run, validation, make_chunk)
        else:
            _epochs(task, feed, run, validation)
    except KeyboardInterrupt:
        run.history.stopped = f"{INTERRUPTED} after epoch {run.epoch + 1}"
    except BaseException:
        _end(run)  # files are closed and the best weights put back before the error goes on
        raise
    _end(run)
    if run.history.interrupted:
        _say_interrupted(run, on_interrupt)
    return run


def _say_interrupted(run: Run, on_interrupt: str) -> None:
    reached = f"after epoch {run.epoch + 1} of {run.epochs}"
    if not len(run.history):
        reached = "before its first epoch ended"
    if on_interrupt == "raise":
        raise KeyboardInterrupt(f"training was interrupted {reached}")
    # not `warn`, which shows a text once: the next Ctrl-C is news again
    warnings.warn_explicit(
        f"training was interrupted (Ctrl-C) {reached}; what was reached by then is used",
        InterruptedWarning,
        "descend",
        0,
    )


def _end(run: Run) -> None:
    last = {name: values[-1] for name, values in run.history.history.items()}
    call_all(run.callbacks, "on_train_end", last)


def _epochs(task: Task, feed: Arrays | Steps, run: Run, validation: Arrays | None) -> None:
    data = feed.data if isinstance(feed, Arrays) else None
    checks = (validation.data, validation.order(0)) if validation is not None else None
    mesh = member_mesh(run.members)
    if mesh is not None:  # copied to every device once, not at every call
        everywhere = NamedSharding(mesh, PartitionSpec())
        data = jax.device_put(data, everywhere)
        if checks is not None:
            checks = (jax.device_put(checks[0], everywhere), checks[1])
        # as the program returns it: otherwise the second call would compile anew
        # (an empty array, which nothing is cut of, comes back whole)
        cut = lambda a: NamedSharding(mesh, PartitionSpec("members") if a.size else PartitionSpec())  # noqa: E731
        spread = jax.device_put(run.state, jax.tree.map(cut, run.state))
        run.snapshot = Snapshot.of(spread)
    room = _room(feed)
    at_once = 1
    programs: dict[bool, Any] = {}  # with validation, and without
    drawn: dict[int, np.ndarray] = {}  # orders of epochs to come
    _begin_epoch(run)
    while run.epoch + 1 < run.epochs and not run.stopped:
        start, first, active = run.state, run.epoch + 1, run.active
        run.settings = start.hyper
        judge = run.due is not None and run.due(first)
        count = min(at_once, run.epochs - first)
        if run.due is not None:
            changes = (n for n in range(1, count) if run.due(first + n) is not judge)
            count = next(changes, count)
        orders = _orders(feed, first, count, room, drawn)
        new = judge not in programs
        if new:
            programs[judge] = epoch_program(task, feed, validation if judge else None, run.members)

        fixed = (data, orders, checks if judge else None)

        def call(n: int, run=programs[judge], start=start, fixed=fixed, active=active, **more: Any):
            return run(start, *fixed, np.int32(n), active, **more)

        def draw_ahead(begin: int = first + count, end: int = first + 2 * count) -> None:
            if isinstance(feed, Arrays):
                drawn.update({e: feed.order(e) for e in range(begin, min(end, run.epochs))})

        began = time.perf_counter()
        state, logs, checked, finite = call(count, meanwhile=draw_ahead)
        took = time.perf_counter() - began
        results = _results(task, logs, checked)
        run.touched = run.changed = False
        for i in range(count):
            last = i == count - 1
            run.epoch = first + i
            run.snapshot = Snapshot.of(state) if last else Snapshot(partial(_replay, call, i + 1))
            if run.members is not None:
                _freeze(run, finite[..., i])
            elif not finite[i]:
                run.snapshot = Snapshot.of(start if i == 0 else _replay(call, i))
                _fail(task, feed, run)
                break
            _end_epoch(run, {name: values[..., i] for name, values in results.items()})
            _begin_epoch(run)
            if run.stopped or run.changed:
                break
        # the first call compiled; and where somebody wants every epoch's state, replays would cost
        # more than calls do
        if not new and not run.touched:
            at_once = int(np.clip(SECONDS_PER_CALL * count / max(took, 1e-9), 1, room))
        else:
            at_once = 1


def _room(feed: Arrays | Steps) -> int:
    """Epochs that one call has room for; whatever `epochs` is, so that one program serves all."""
    return max(1, min(EPOCHS_PER_CALL, STEPS_PER_CALL // feed.steps))


def _replay(call: Callable, count: int) -> Any:
    return call(count)[0]


def _orders(feed: Arrays | Steps, first: int, count: int, room: int, drawn: dict) -> Any:
    if isinstance(feed, Steps):
        return None
    orders = [drawn.pop(e) if e in drawn else feed.order(e) for e in range(first, first + count)]
    orders += [orders[-1]] * (room - count)  # the program's shape is fixed; these are not run
    return np.stack(orders, axis=-3)


def _stream(
    task: Task,
    feed: Stream,
    run: Run,
    validation: Arrays | None,
    make_chunk: Callable[[Any, int], Arrays],
) -> None:
    evaluate = None
    _begin_epoch(run)
    while run.epoch + 1 < run.epochs and not run.stopped:
        epoch, state = run.epoch + 1, run.state
        totals: dict[str, np.ndarray] = {}
        for number, piece in enumerate(feed.read()):
            chunk, before = make_chunk(piece, number), state
            program = epoch_program(task, chunk, None, None)
            orders = chunk.order(epoch)[None]
            state, logs, _, finite = program(state, chunk.data, orders, None, np.int32(1), None)
            for name, sums in logs.items():
                totals[name] = totals.get(name, 0) + sums
            if not finite.all():
                run.epoch = epoch  # the run's state is still that of the epoch's start
                _fail(task, chunk, run, before)
                return
        if not totals:
            raise DataError("the stream gave no chunk of rows in this epoch")
        checked = {}
        if run.due is not None and run.due(epoch):
            assert validation is not None
            if evaluate is None:
                evaluate = evaluation(task, validation)
            checked = {name: sums[None] for name, sums in evaluate(state).items()}
        run.epoch, run.snapshot = epoch, Snapshot.of(state)
        results = _results(task, totals, checked)
        _end_epoch(run, {name: values[..., 0] for name, values in results.items()})
        _begin_epoch(run)


def _results(task: Task, logs: Any, checked: Any) -> dict[str, np.ndarray]:
    """Each log's number in each epoch of a call: arrays (..., epochs)."""
    judged = {f"val_{name}": value for name, value in finished(task, checked).items()}
    return finished(task, logs) | judged


def _begin_epoch(run: Run) -> None:
    """The hook before the next epoch, if there is one."""
    if run.epoch + 1 < run.epochs and not run.stopped:
        call_all(run.callbacks, "on_epoch_begin", run.epoch + 1, {})


def _end_epoch(run: Run, logs: dict[str, Any]) -> None:
    if run.active is None:
        logs = {name: float(value) for name, value in logs.items()}
    else:  # what a stopped member would have done is not its history
        logs = {k: np.where(run.active, v, np.nan) for k, v in logs.items()}
    run.history.append(run.epoch, logs)
    judged = {n.removeprefix("val_"): v for n, v in logs.items() if n.startswith("val_")}
    if judged:
        call_all(run.callbacks, "on_test_begin", {})
        call_all(run.callbacks, "on_test_end", judged)
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


def _fail(task: Task, feed: Any, run: Run, before: Any = None) -> None:
    where, run.failing = _locate(task, feed, run.state if before is None else before, run.epoch)
    run.history.stopped = f"diverged in epoch {run.epoch + 1}"
    if any(getattr(callback, "ends_on_nan", False) for callback in run.callbacks):
        run.history.stopped += f"{where}; the weights from before that epoch are kept"
        return
    rate = run.settings.get("learning_rate")
    raise DivergenceError(
        f"training diverged in epoch {run.epoch + 1}{where}. The weights from before that epoch "
        "are kept. What helps: a smaller learning rate"
        + (f" (now {float(rate):g})" if rate is not None else "")
        + ", inputs scaled to mean 0 and standard deviation 1, a loss from logits."
        + (" descend.glass.where_nan(error) shows the operation." if run.failing else ""),
        run,
    )


def _locate(task: Task, feed: Any, state: Any, epoch: int) -> tuple[str, Any]:
    """Replay the epoch step by step to the first one that ends non-finite: words, and (task,
    state, batch) of that step."""
    if not isinstance(feed, Arrays):
        return "", None
    step = jax.jit(lambda s, d, rows: task.step(s, gather(d, rows, feed.padded)))
    for number, rows in enumerate(feed.order(epoch)):
        new, logs = step(state, feed.data, rows)
        if not bool(all_finite(new.params)) or not bool(all_finite(logs)):
            text = f", step {number + 1}"
            batch = gather(feed.data, jnp.asarray(rows), feed.padded)
            if hasattr(task, "diagnose"):
                text += f": {task.diagnose(state, batch)}"
            return text, (task, state, batch)
        state = new
    return "", None
