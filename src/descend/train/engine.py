"""The engine: a step -> a compiled epoch -> a run.

One epoch is a `lax.scan` of `task.step` over its batches, validation included, in one XLA program.
Python regains control between epochs only. Two things make that cheap and safe:

- A call of the program runs up to `EPOCHS_PER_CALL` epochs when they are short (an iris epoch takes
  0.3 ms, a call about 0.1 ms). Callbacks still see every epoch, in order. Whoever asks for the
  weights of an epoch in the middle of a call gets them by replaying the call up to there: a run is a
  function of its arguments, so the replay is bit-equal.
- An epoch that ends in a non-finite number is undone inside the program: the state stays what it was
  when the epoch began, which is what `DivergenceError` hands over and what a sweep freezes.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from descend.errors import DataError, DivergenceError
from descend.train.feeds import Arrays, Steps, Stream, gather
from descend.train.history import History
from descend.train.runtime import prepare
from descend.train.task import Batch, Task

STEPS_PER_CALL = 2048  # a call holds at most so many steps (or one epoch)
EPOCHS_PER_CALL = 64
SECONDS_PER_CALL = 0.02


class Snapshot:
    """The state after one epoch of a call, computed when it is first asked for."""

    def __init__(self, replay: Callable[[], Any]):
        self._replay: Callable[[], Any] | None = replay
        self._state: Any = None

    @classmethod
    def of(cls, state: Any) -> Snapshot:
        """A snapshot whose state is at hand."""
        snapshot = cls(lambda: state)
        _ = snapshot.state
        return snapshot

    @property
    def ready(self) -> bool:
        """Whether the state is at hand without a replay."""
        return self._replay is None

    @property
    def state(self) -> Any:
        """The state."""
        if self._replay is not None:
            self._state, self._replay = self._replay(), None
        return self._state


class Run:
    """One training run, or `members` runs trained as one program (arrays get a leading axis).

    Attributes:
        history: the History so far.
        epoch: the epoch just ended.
        active: which members still train, (members,); None for a single run.
        diverged: {member: epoch} of members stopped by a NaN.
        model: the Model in training, or None.
        seed, fingerprint: what identifies the run in a checkpoint.
    """

    def __init__(self, state: Any, epochs: int, members: int | None = None):
        self.history = History()
        self.epochs = epochs
        self.epoch = -1
        self.members = members
        self.active = None if members is None else np.ones(members, bool)
        self.diverged: dict[int, int] = {}
        self.model: Any = None
        self.callbacks: list[Any] = []
        self.identity: dict[str, Any] = {}
        self.snapshot = Snapshot.of(state)
        self.touched = False  # something asked for, or changed, a state inside a call
        self.changed = False  # the rest of the call no longer follows from the state

    @property
    def stopped(self) -> str | None:
        """Why the run was stopped, in words."""
        return self.history.stopped

    @property
    def state(self) -> Any:
        """The state after `epoch`."""
        if not self.snapshot.ready:
            self.touched = True
        return self.snapshot.state

    @state.setter
    def state(self, state: Any) -> None:
        self.snapshot = Snapshot.of(state)
        self.touched = self.changed = True

    def hyper(self, name: str) -> Any:
        """The present value of a hyperparameter: a float, or (members,)."""
        value = np.asarray(self.snapshot.state.hyper[name])
        return float(value) if value.ndim == 0 else value

    def set_hyper(self, name: str, value: Any) -> None:
        """Set a hyperparameter from the next epoch on (no recompilation)."""
        state = self.state
        old = state.hyper[name]
        new = jnp.broadcast_to(jnp.asarray(value, old.dtype), old.shape)
        if not np.array_equal(np.asarray(new), np.asarray(old)):
            self.state = state._replace(hyper={**state.hyper, name: new})

    def stop(self, reason: str, members: np.ndarray | None = None) -> None:
        """End the run after this epoch; with `members`, only those (a boolean mask)."""
        if self.active is not None:
            going = self.active & (False if members is None else ~members)
            if not np.array_equal(going, self.active):
                self.active, self.changed = going, True
            if going.any():
                return
        self.history.stopped = reason


# Compiled programs, kept as long as their task lives, so that a second fit compiles nothing.
_PROGRAMS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


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
) -> Run:
    """Train a task.

    Args:
        task: see `descend.train.task.Task`.
        feed: what an epoch is made of.
        epochs: number of the last epoch, exclusive.
        state: as `task.init` (or a checkpoint) gave it; with a leading axis for members.
        callbacks: objects with any of `set_run(run)`, `on_train_begin(logs)`,
            `on_epoch_end(epoch, logs)`, `on_train_end(logs)`.
        validation: rows for `task.evaluate` after every epoch.
        initial_epoch: number of the first epoch.
        members: how many runs the state holds, None for one.
        model: what callbacks see as `self.model`.
        identity: what tells this run from another in a checkpoint (seed, data, batch size).
        resume: a checkpoint to go on from; `state` then only gives the shapes.
        make_chunk: turns a piece of a Stream into Arrays (checked and weighted).

    Returns:
        The Run, with its state and history.

    Raises:
        DivergenceError: a single run became non-finite; the error's `run` holds the last finite state.
    """
    prepare()
    run = Run(state, epochs, members)
    run.epoch, run.model, run.callbacks = initial_epoch - 1, model, list(callbacks)
    run.identity = identity or {}
    _call_all(callbacks, "set_run", run)
    if resume is not None:
        from descend.train.checkpoint import load_checkpoint

        load_checkpoint(resume, run, run.identity)
    _call_all(callbacks, "on_train_begin", {})
    try:
        if isinstance(feed, Stream):
            assert make_chunk is not None
            _stream(task, feed, run, validation, make_chunk)
        else:
            _epochs(task, feed, run, validation)
    except KeyboardInterrupt:
        run.history.stopped = f"interrupted after epoch {run.epoch + 1}"
    except DivergenceError:
        _end(run)  # files are closed and the best weights put back before the error goes on
        raise
    _end(run)
    return run


def _end(run: Run) -> None:
    last = {name: values[-1] for name, values in run.history.history.items()}
    _call_all(run.callbacks, "on_train_end", last)


def _call_all(callbacks: Sequence[Any], method: str, *arguments: Any) -> None:
    for callback in callbacks:
        if hasattr(callback, method):
            getattr(callback, method)(*arguments)


def _epochs(task: Task, feed: Arrays | Steps, run: Run, validation: Arrays | None) -> None:
    program = _program(task, feed, validation, run.members)
    data = feed.data if isinstance(feed, Arrays) else None
    checks = (validation.data, validation.order(0)) if validation is not None else None
    mesh = _member_mesh(run.members)
    if mesh is not None:  # copied to every device once, not at every call
        everywhere = NamedSharding(mesh, P())
        data = jax.device_put(data, everywhere)
        if checks is not None:
            checks = (jax.device_put(checks[0], everywhere), checks[1])
    room = max(1, min(EPOCHS_PER_CALL, STEPS_PER_CALL // feed.steps, run.epochs))
    at_once, calls = 1, 0
    while run.epoch + 1 < run.epochs and not run.stopped:
        start, first, active = run.state, run.epoch + 1, run.active
        count = min(at_once, run.epochs - first)
        orders = _orders(feed, first, count, room)

        def call(n: int, start=start, orders=orders, active=active) -> Any:
            return program(start, data, orders, checks, np.int32(n), active)

        began = time.perf_counter()
        state, logs, checked, finite = call(count)
        took = time.perf_counter() - began
        run.touched = run.changed = False
        for i in range(count):
            last = i == count - 1
            run.epoch = first + i
            run.snapshot = Snapshot.of(state) if last else Snapshot(partial(_replay, call, i + 1))
            if not finite[..., i].all():
                _diverged(task, feed, run, finite[..., i], state, call)
            _end_epoch(task, run, _means(task, logs, checked, i))
            if run.stopped or run.changed:
                break
        calls += 1
        if run.touched:
            room_now = 1  # somebody wants every epoch's state: replaying would cost more than calls
        elif calls > 1:  # the first call compiled
            room_now = int(np.clip(SECONDS_PER_CALL * count / max(took, 1e-9), 1, room))
        else:
            room_now = 1
        at_once = room_now


def _replay(call: Callable, count: int) -> Any:
    return call(count)[0]


def _orders(feed: Arrays | Steps, first: int, count: int, room: int) -> Any:
    if isinstance(feed, Steps):
        return None
    drawn = [feed.order(first + i) for i in range(count)]
    drawn += [drawn[-1]] * (room - count)  # the program's shape is fixed; these are not run
    return np.stack(drawn, axis=-3)


def _stream(
    task: Task,
    feed: Stream,
    run: Run,
    validation: Arrays | None,
    make_chunk: Callable[[Any, int], Arrays],
) -> None:
    evaluate = None
    while run.epoch + 1 < run.epochs and not run.stopped:
        epoch, state = run.epoch + 1, run.state
        totals: dict[str, np.ndarray] = {}
        for piece in feed.read():
            chunk = make_chunk(piece, epoch)
            program = _program(task, chunk, None, None)
            orders = chunk.order(epoch)[None]
            state, logs, _, finite = program(state, chunk.data, orders, None, np.int32(1), None)
            for name, pair in logs.items():
                totals[name] = totals.get(name, 0) + pair
            if not finite.all():
                run.snapshot, run.epoch = Snapshot.of(state), epoch
                _fail(task, chunk, run)
        if not totals:
            raise DataError("the stream gave no chunk of rows in this epoch")
        checked = {}
        if validation is not None:
            if evaluate is None:
                evaluate = evaluation(task, validation)
            checked = {name: pair[None] for name, pair in evaluate(state).items()}
        run.epoch, run.snapshot = epoch, Snapshot.of(state)
        _end_epoch(task, run, _means(task, totals, checked, 0))


def _means(task: Task, logs: Any, checked: Any, epoch: int) -> dict[str, Any]:
    finish = getattr(task, "finish", lambda name, mean: mean)
    result: dict[str, Any] = {}
    for prefix, sums in (("", logs), ("val_", checked)):
        for name, pair in sums.items():
            total, weight = pair[..., epoch, 0], pair[..., epoch, 1]
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = finish(name, total / weight)
            result[prefix + name] = float(mean) if np.ndim(mean) == 0 else mean
    return result


def _end_epoch(task: Task, run: Run, logs: dict[str, Any]) -> None:
    if run.active is not None:  # what a stopped member would have done is not its history
        logs = {k: np.where(run.active, v, np.nan) for k, v in logs.items()}
    run.history.append(run.epoch, logs)
    _call_all(run.callbacks, "on_epoch_end", run.epoch, logs)


def _diverged(
    task: Task, feed: Any, run: Run, finite: np.ndarray, state: Any, call: Callable
) -> None:
    if run.active is None:
        run.snapshot = Snapshot.of(state)  # frozen by the program at the epoch's start
        _fail(task, feed, run)
        return
    bad = run.active & ~finite
    for member in np.flatnonzero(bad):
        run.diverged.setdefault(int(member), run.epoch)
    if bad.any():
        run.stop("every run diverged or was stopped", bad)


def _fail(task: Task, feed: Any, run: Run) -> None:
    where = _locate(task, feed, run.snapshot.state, run.epoch)
    run.history.stopped = f"diverged in epoch {run.epoch + 1}"
    rate = run.snapshot.state.hyper.get("learning_rate")
    raise DivergenceError(
        f"training diverged in epoch {run.epoch + 1}{where}. The weights from before that epoch are "
        "kept. What helps: a smaller learning rate"
        + (f" (now {float(rate):g})" if rate is not None else "")
        + ", inputs scaled to mean 0 and standard deviation 1, a loss from logits.",
        run,
    )


def _locate(task: Task, feed: Any, state: Any, epoch: int) -> str:
    """Replay the epoch step by step to the first one that ends non-finite."""
    if not isinstance(feed, Arrays):
        return ""
    step = jax.jit(lambda s, d, rows: task.step(s, gather(d, rows, feed.padded)))
    for number, rows in enumerate(feed.order(epoch)):
        new, logs = step(state, feed.data, rows)
        if not bool(_finite(new.params)) or not bool(_finite(logs)):
            text = f", step {number + 1}"
            if hasattr(task, "diagnose"):
                text += (
                    f": {task.diagnose(state, gather(feed.data, jnp.asarray(rows), feed.padded))}"
                )
            return text
        state = new
    return ""


def _finite(tree: Any) -> jax.Array:
    leaves = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(x), jnp.inexact)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in leaves]))


def _sums(logs: Any, names: list[str]) -> jax.Array:
    """Logs as one vector (2 x names): a scan stacks one array, not two a name."""
    names[:] = list(logs)
    return jnp.stack([jnp.asarray(v, jnp.result_type(float)) for p in logs.values() for v in p])


def _pairs(sums: Any, names: list[str]) -> dict[str, np.ndarray]:
    """What `_sums` stacked, (..., 2 x names), by name: {name: (..., 2)}; on the host."""
    sums = np.asarray(sums)
    parts = sums.reshape(*sums.shape[:-1], len(names), 2)
    return {name: parts[..., i, :] for i, name in enumerate(names)}


def _scan_evaluate(task: Task, state: Any, data: Any, order: Any, padded: bool, names: list) -> Any:
    def body(total: Any, rows: Any) -> Any:
        return total, _sums(task.evaluate(state, gather(data, rows, padded)), names)

    _, sums = jax.lax.scan(body, None, order)
    return sums.sum(axis=0)


def evaluation(task: Task, rows: Arrays) -> Callable[[Any], dict[str, np.ndarray]]:
    """A function state -> {name: (sum, weight)} over all rows."""
    programs = _PROGRAMS.setdefault(task, {})
    key = ("evaluate", rows.padded)
    if key not in programs:
        names: list[str] = []
        whole = lambda s, d, o: _scan_evaluate(task, s, d, o, rows.padded, names)  # noqa: E731
        programs[key] = jax.jit(whole), names
    program, names = programs[key]
    return lambda state: _pairs(program(state, rows.data, rows.order(0)), names)


def _program(
    task: Task, feed: Arrays | Steps, validation: Arrays | None, members: int | None
) -> Callable:
    """The compiled function

        (state, data, orders, checks, count, active) -> (state, logs, validation logs, finite)

    that runs the first `count` of the epochs in `orders` (epochs, steps, batch). Logs are dicts of
    arrays (epochs, 2), the sum and the weight of each epoch; `finite` has shape (epochs,). With
    members every result has a leading axis.
    """
    own = feed.steps if isinstance(feed, Steps) else None
    padded = isinstance(feed, Arrays) and feed.padded
    checks_padded = validation is not None and validation.padded
    many_orders = isinstance(feed, Arrays) and feed.per_member
    many_checks = validation is not None and validation.per_member
    mesh = _member_mesh(members)
    key = (own, padded, validation is not None, checks_padded, members, many_orders, many_checks)
    programs = _PROGRAMS.setdefault(task, {})
    if key in programs:
        return programs[key]
    names: list[str] = []  # of the logs, filled while tracing
    checked: list[str] = []

    def epoch(state: Any, data: Any, order: Any, checks: Any) -> Any:
        if own is not None:
            state, order = task.collect(state, own)  # type: ignore[attr-defined]

        def body(state: Any, rows: Any) -> Any:
            batch = rows if own is not None else gather(data, rows, padded)
            if own is not None and not isinstance(batch, Batch):
                batch = Batch(batch, None)
            state, logs = task.step(state, batch)
            return state, _sums(logs, names)

        state, sums = jax.lax.scan(body, state, order)
        sums = sums.sum(axis=0)
        found = jnp.zeros((0,), sums.dtype)
        if checks is not None:
            found = _scan_evaluate(task, state, checks[0], checks[1], checks_padded, checked)
        return state, sums, found, _finite(state.params) & jnp.all(jnp.isfinite(sums))

    def whole(state: Any, data: Any, orders: Any, checks: Any, count: Any, active: Any) -> Any:
        room = EPOCHS_PER_CALL if orders is None else orders.shape[0]
        # jit only so that the shape question and the loop share one trace
        run_epoch = jax.jit(epoch)
        order_at = (lambda i: None) if orders is None else (lambda i: orders[i])
        shapes = jax.eval_shape(run_epoch, state, data, order_at(0), checks)[1:]
        empty = tuple(jnp.zeros((room, *s.shape), s.dtype) for s in shapes)

        def one(i: Any, carry: Any) -> Any:
            old, sums, found, finite = carry
            new, *results = run_epoch(old, data, order_at(i), checks)
            keep = results[-1] if active is None else results[-1] & active
            state = jax.tree.map(lambda a, b: jnp.where(keep, a, b), new, old)
            stacks = (sums, found, finite)
            return state, *(a.at[i].set(r) for a, r in zip(stacks, results, strict=True))

        state, sums, found, finite = jax.lax.fori_loop(0, count, one, (state, *empty))
        return state, sums, found, finite

    if members is not None:
        order_axis = 0 if many_orders else None
        check_axis = (None, 0 if many_checks else None) if validation is not None else None
        whole = jax.vmap(whole, in_axes=(0, None, order_axis, check_axis, None, 0))
        if mesh is not None:  # members never communicate: each device runs its share
            check_cut = (P(), P("members") if many_checks else P())
            order_cut = P("members") if many_orders else P()
            whole = jax.shard_map(
                whole,
                mesh=mesh,
                in_specs=(
                    P("members"),
                    P(),
                    order_cut,
                    check_cut if validation is not None else None,
                    P(),
                    P("members"),
                ),
                out_specs=P("members"),
                check_vma=False,
            )
    compiled = jax.jit(whole)

    def program(*arguments: Any) -> Any:
        state, sums, found, finite = compiled(*arguments)
        return state, _pairs(sums, names), _pairs(found, checked), np.asarray(finite)

    programs[key] = program
    return program


def _member_mesh(members: int | None) -> Mesh | None:
    """The devices that members are spread over: as many as divide them; None for one device."""
    if members is None:
        return None
    devices = jax.devices()
    usable = max(d for d in range(1, len(devices) + 1) if members % d == 0)
    if usable == 1:
        return None
    return Mesh(np.asarray(devices[:usable]), ("members",), axis_types=(AxisType.Auto,))
