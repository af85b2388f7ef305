"""The compiled program of an epoch, and of an evaluation.

Everything here is traced: the scan over batches, validation behind it, the loop over a few epochs,
the axis of members and its spread over devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from descend.train.feeds import Arrays, Steps, gather
from descend.train.runtime import SMALL, quick_compile
from descend.train.task import Batch, Task

EPOCHS_PER_CALL = 64  # room for so many epochs in a call, for a task that makes its own data


def _programs(task: Task) -> dict[Any, Any]:
    """The task's compiled programs, kept with it, so that a second fit compiles nothing."""
    return vars(task).setdefault("_programs", {})


def all_finite(tree: Any) -> jax.Array:
    """Whether every floating-point number in a pytree is finite, a boolean scalar."""
    leaves = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(x), jnp.inexact)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in leaves]))


Names = list[tuple[str, int]]  # of the logs, filled while tracing: (name, numbers it is made of)


def _sums(logs: Any, names: Names) -> jax.Array:
    """Logs as one vector: a scan stacks one array, not two a name."""
    parts: list[jax.Array] = []
    names.clear()
    for name, pair in logs.items():
        total, weight = (jnp.asarray(part, jnp.result_type(float)) for part in pair)
        parts += [jnp.atleast_1d(total), weight[None]]
        names.append((name, total.size + 1))
    return jnp.concatenate(parts)


def _pairs(sums: Any, names: Names) -> dict[str, np.ndarray]:
    """What `_sums` joined, by name: {name: (..., numbers)}, the weight last; on the host."""
    sums, parts, at = np.asarray(sums), {}, 0
    for name, size in names:
        parts[name] = sums[..., at : at + size]
        at += size
    return parts


def finished(task: Task, sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The number that each log's sums (..., numbers) come to: {name: (...)}; see `Task.finish`."""
    finish = getattr(task, "finish", lambda name, total, weight: total / weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: finish(name, s[..., 0] if s.shape[-1] == 2 else s[..., :-1], s[..., -1])
            for name, s in sums.items()
        }


def scan_evaluate(
    task: Task,
    state: Any,
    data: Any,
    order: Any,
    padded: bool,
    names: Names,
    spread: Callable = lambda rows: rows,
) -> Any:
    """The sums of `Task.evaluate` over batches, inside a program, as `_sums` joins them."""
    carries = getattr(task, "carries", False)

    def body(held: Any, rows: Any) -> Any:
        batch = spread(gather(data, spread(rows), padded))
        if carries:
            held, logs = task.carry(held, batch)  # type: ignore[attr-defined]
        else:
            logs = task.evaluate(state, batch)
        return held, _sums(logs, names)

    start = task.fresh(state) if carries else None  # type: ignore[attr-defined]
    _, sums = jax.lax.scan(body, start, order)
    return sums.sum(axis=0)


def evaluation(task: Task, rows: Arrays) -> Callable[[Any], dict[str, np.ndarray]]:
    """A function state -> {name: (numbers,)} over all rows, as `finished` takes them."""
    programs = _programs(task)
    key = ("evaluate", rows.padded)
    if key not in programs:
        names: Names = []
        whole = lambda s, d, o: scan_evaluate(task, s, d, o, rows.padded, names)  # noqa: E731
        programs[key] = jax.jit(whole), names
    program, names = programs[key]
    return lambda state: _pairs(program(state, rows.data, rows.order(0)), names)


def epoch_program(
    task: Task, feed: Arrays | Steps, validation: Arrays | None, members: int | None
) -> Program:
    """The compiled function

        (state, data, orders, checks, count, active) -> (state, logs, validation logs, finite)

    that runs the first `count` of the epochs in `orders` (epochs, steps, batch). Logs are dicts of
    arrays (epochs, numbers), the sums of each epoch and their weight; `finite` has shape (epochs,).
    With members every result has a leading axis.
    """
    own = feed.steps if isinstance(feed, Steps) else None
    padded = isinstance(feed, Arrays) and feed.padded
    checks_padded = validation is not None and validation.padded
    many_orders = isinstance(feed, Arrays) and feed.per_member
    many_checks = validation is not None and validation.per_member
    mesh = member_mesh(members)
    uneven = isinstance(feed, Arrays) and feed.uneven
    rows_over = row_mesh(task, feed) if members is None else None
    key = (
        own,
        padded,
        uneven,
        validation is not None,
        checks_padded,
        members,
        many_orders,
        many_checks,
        rows_over,
    )
    programs = _programs(task)
    if key in programs:
        return programs[key]
    names: Names = []
    checked: Names = []

    def spread(tree: Any) -> Any:
        if rows_over is None or jax.tree.leaves(tree)[0].shape[0] % rows_over.size:
            return tree
        return jax.lax.with_sharding_constraint(tree, NamedSharding(rows_over, P("rows")))

    def epoch(state: Any, data: Any, order: Any, checks: Any) -> Any:
        if own is not None:
            state, order = task.collect(state, own)  # type: ignore[attr-defined]
        if getattr(task, "carries", False):
            state = task.fresh(state)  # type: ignore[attr-defined]

        def body(state: Any, rows: Any) -> Any:
            batch = Batch(rows, None) if own is not None else gather(data, spread(rows), padded)
            batch = spread(batch)
            new, logs = task.step(state, batch)
            if uneven and batch.mask is not None:  # this member has no row left, another has
                some = jnp.any(batch.mask > 0)
                new = jax.tree.map(lambda a, b: jnp.where(some, a, b), new, state)
            return new, _sums(logs, names)

        state, sums = jax.lax.scan(body, state, order)
        sums = sums.sum(axis=0)
        found = jnp.zeros((0,), sums.dtype)
        if checks is not None:
            found = scan_evaluate(task, state, checks[0], checks[1], checks_padded, checked, spread)
        return state, sums, found, all_finite(state.params) & jnp.all(jnp.isfinite(sums))

    def whole(state: Any, data: Any, orders: Any, checks: Any, count: Any, active: Any) -> Any:
        room = EPOCHS_PER_CALL if orders is None else orders.shape[0]
        # jit only so that the shape question and the loop share one trace
        run_epoch = jax.jit(epoch)
        order_at = (lambda i: None) if orders is None else (lambda i: orders[i])
        shapes = jax.eval_shape(run_epoch, state, data, order_at(0), checks)[1:]
        empty = tuple(jnp.zeros((room, *s.shape), s.dtype) for s in shapes)

        def one(i: Any, carry: Any) -> Any:
            old, alive, *stacks = carry
            new, *results = run_epoch(old, data, order_at(i), checks)
            if active is not None:  # a member that stopped or diverged stays as it was
                alive = alive & results[-1]
                new = jax.tree.map(lambda a, b: jnp.where(alive, a, b), new, old)
                results[-1] = alive
            filled = (a.at[i].set(r) for a, r in zip(stacks, results, strict=True))
            return new, alive, *filled

        if room == 1:
            state, _, *logs = one(0, (state, active, *empty))
        else:
            state, _, *logs = jax.lax.fori_loop(0, count, one, (state, active, *empty))
        return state, *logs

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
    care = getattr(task, "heavy", False)
    programs[key] = Program(whole, names, checked, care, rows_over)
    return programs[key]


class Program:
    """What `epoch_program` returns: the jitted function, and the names of what it logs."""

    def __init__(
        self,
        whole: Callable,
        names: Names,
        checked: Names,
        care: bool,
        rows_over: Mesh | None,
    ):
        self._whole = whole
        self._names, self._checked = names, checked
        self._care = care  # whether to compile with care whatever the count of parameters
        self._rows_over = rows_over
        self._jitted: Callable | None = None
        self._everywhere: tuple[Any, Any] = (None, None)  # data, and its copies on all devices

    def __call__(self, state: Any, *rest: Any, meanwhile: Callable = lambda: None) -> Any:
        """(state, logs, validation logs, finite), the last three on the host.

        `meanwhile` is called while the devices work.
        """
        if self._jitted is None:
            size = sum(leaf.size for leaf in jax.tree.leaves(state.params))
            options = quick_compile() if size < SMALL and not self._care else {}
            self._jitted = jax.jit(self._whole, compiler_options=options)
        if self._rows_over is not None:
            state, rest = self._copied(state, rest)
        state, sums, found, finite = self._jitted(state, *rest)
        meanwhile()
        return state, _pairs(sums, self._names), _pairs(found, self._checked), np.asarray(finite)

    def _copied(self, state: Any, rest: Any) -> Any:
        """State and arguments on every device of the mesh; the data are copied only once."""
        assert self._rows_over is not None
        place = NamedSharding(self._rows_over, P())
        data, *others = rest
        if self._everywhere[0] is not data:
            self._everywhere = (data, jax.device_put(data, place))
        return jax.device_put(state, place), (self._everywhere[1], *others)


def row_mesh(task: Task, feed: Arrays | Steps) -> Mesh | None:
    """The devices that the rows of a batch are spread over; None for one device.

    A CPU has one device a core (`runtime.prepare`). The compiler splits every operation of a step
    by rows and adds up what crosses them (gradients, batch statistics), so that the numbers are
    those of one device. Small products, as in a recurrence, do not occupy two cores by themselves.
    """
    if not getattr(task, "heavy", False) or not isinstance(feed, Arrays):
        return None
    devices = jax.devices()
    usable = max(d for d in range(1, len(devices) + 1) if feed.batch_size % d == 0)
    if usable == 1:
        return None
    return Mesh(np.asarray(devices[:usable]), ("rows",), axis_types=(AxisType.Auto,))


def member_mesh(members: int | None) -> Mesh | None:
    """The devices that members are spread over: as many as divide them; None for one device."""
    if members is None:
        return None
    devices = jax.devices()
    usable = max(d for d in range(1, len(devices) + 1) if members % d == 0)
    if usable == 1:
        return None
    return Mesh(np.asarray(devices[:usable]), ("members",), axis_types=(AxisType.Auto,))
