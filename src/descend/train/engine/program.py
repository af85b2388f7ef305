"""The compiled program of an epoch, and of an evaluation.

Everything here is traced: the scan over draws, validation behind it, the loop over a few epochs,
the axis of members and its spread over devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from descend.train.engine import placement
from descend.train.engine.feeds import Chunk, Feed
from descend.train.engine.runtime import SMALL, quick_compile
from descend.train.engine.task import Task


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
    sums, parts, at = placement.to_host(sums), {}, 0
    for name, size in names:
        parts[name] = sums[..., at : at + size]
        at += size
    return parts


def finished(task: Task, sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The number that each log's sums (..., numbers) come to: {name: (...)}; see `Task.finish`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: task.finish(name, s[..., 0] if s.shape[-1] == 2 else s[..., :-1], s[..., -1])
            for name, s in sums.items()
        }


# -- an evaluation ----------------------------------------------------------------------------


def scan_evaluate(
    task: Task, state: Any, feed: Feed, chunk: Chunk, names: Names, mesh: Mesh | None = None
) -> Any:
    """The sums of `Task.evaluate` over a chunk, inside a program, as `_sums` joins them."""
    spread = partial(placement.over_rows, mesh=mesh)
    threaded = task.carries or feed.moves or feed.per_draw > 1  # else the scan carries nothing

    def judge(now: Any, batch: Any) -> Any:
        batch = spread(batch)
        now, logs = task.carry(now, batch) if task.carries else (now, task.evaluate(now, batch))
        return now, _sums(logs, names)

    def body(carried: Any, row: Any) -> Any:
        now, batch = feed.draw(task, carried if threaded else state, chunk.data, spread(row))
        now, sums = judge(now, batch) if feed.per_draw == 1 else jax.lax.scan(judge, now, batch)
        return (now if threaded else None), sums

    start = (task.fresh(state) if task.carries else state) if threaded else None
    _, sums = jax.lax.scan(body, start, chunk.order, length=_length(chunk))
    return sums.reshape(-1, sums.shape[-1]).sum(axis=0)


def _length(chunk: Chunk) -> int | None:
    return chunk.draws if chunk.order is None else None


def evaluation(
    task: Task, feed: Feed, members: int | None = None
) -> Callable[[Any], dict[str, np.ndarray]]:
    """A function state -> {name: (numbers,)} over a pass, as `finished` takes them.

    With members states and results have a leading axis.
    """
    key = ("evaluate", feed.key, feed.per_member, members)
    if key not in task.programs:
        names: Names = []

        def whole(state: Any, data: Any, order: Any, draws: int) -> Any:
            return scan_evaluate(task, state, feed, Chunk(data, order, draws), names)

        def of_members(state: Any, data: Any, order: Any, draws: int) -> Any:
            axes = (0, None, 0 if feed.per_member else None)
            return jax.vmap(partial(whole, draws=draws), in_axes=axes)(state, data, order)

        program = whole if members is None else of_members
        task.programs[key] = jax.jit(program, static_argnums=3), names
    program, names = task.programs[key]

    def run(state: Any) -> dict[str, np.ndarray]:
        total: Any = None
        for chunk in feed.chunks(0):
            sums = program(state, chunk.data, chunk.order, chunk.draws)
            total = sums if total is None else total + sums
        return {} if total is None else _pairs(total, names)

    return run


# -- an epoch ---------------------------------------------------------------------------------


class Split(NamedTuple):
    """A state in two: `scratch` is donated to the program and updated in place."""

    rest: Any  # the state with None for its scratch
    scratch: tuple[Any, ...]

    @classmethod
    def of(cls, task: Task, state: Any) -> Split:
        """Return the parts of a state."""
        if not task.scratch:
            return cls(state, ())
        scratch = tuple(getattr(state, name) for name in task.scratch)
        return cls(state._replace(**dict.fromkeys(task.scratch)), scratch)

    def joined(self, task: Task) -> Any:
        """Return the state."""
        if not task.scratch:
            return self.rest
        return self.rest._replace(**dict(zip(task.scratch, self.scratch, strict=True)))


def epoch_program(
    task: Task,
    feed: Feed,
    validation: Feed | None,
    members: int | None,
    *,
    rows: int | None = None,
    room: int = 1,
    draws: tuple[int, int] = (1, 1),
    begins: bool = True,
) -> Program:
    """The compiled function

        (state, data, orders, checks, count, active) -> (state, logs, validation logs, finite)

    that runs the first `count` of the epochs in `orders` (epochs, draws, ...), validation behind
    each. Logs are dicts of arrays (epochs, numbers), the sums of each epoch and their weight;
    `finite` has shape (epochs,). With members every result has a leading axis.

    Args:
        validation: feed that is `whole`.
        rows: rows of a batch, which heavy tasks spread over the devices; None leaves them together.
        room: epochs that one call has room for, where feeds need no order.
        draws: draws of a chunk of the feed, and of the validation's, where they need no order.
        begins: whether an epoch is a whole pass, and begins afresh.
    """
    mesh = placement.member_mesh(members)
    rows_over = placement.row_mesh(task.heavy, rows) if members is None else None
    many_orders = feed.per_member
    many_checks = validation is not None and validation.per_member
    check_key = None if validation is None else validation.key
    key = (feed.key, check_key, members, many_orders, many_checks, rows_over, room, draws, begins)
    if key in task.programs:
        return task.programs[key]
    names: Names = []
    check_names: Names = []
    spread = partial(placement.over_rows, mesh=rows_over)

    def step(state: Any, batch: Any) -> Any:
        batch = spread(batch)
        new, logs = task.step(state, batch)
        if feed.uneven and batch.mask is not None:  # this member has no row left, another has
            some = jnp.any(batch.mask > 0)
            new = jax.tree.map(lambda a, b: jnp.where(some, a, b), new, state)
        return new, _sums(logs, names)

    def epoch(state: Any, data: Any, order: Any, checks: Any) -> Any:
        if begins and task.carries:
            state = task.fresh(state)

        def body(state: Any, row: Any) -> Any:
            state, batch = feed.draw(task, state, data, spread(row))
            return step(state, batch) if feed.per_draw == 1 else jax.lax.scan(step, state, batch)

        if order is None and draws[0] == 1:
            state, sums = body(state, None)
        else:
            length = draws[0] if order is None else None
            state, sums = jax.lax.scan(body, state, order, length=length)
        sums = sums.reshape(-1, sums.shape[-1]).sum(axis=0)
        check_sums = jnp.zeros((0,), sums.dtype)
        if validation is not None:
            chunk = Chunk(checks[0], checks[1], draws[1])
            check_sums = scan_evaluate(task, state, validation, chunk, check_names, rows_over)
        return state, sums, check_sums, all_finite(state.params) & jnp.all(jnp.isfinite(sums))

    def whole(
        rest: Any, scratch: Any, data: Any, orders: Any, checks: Any, count: Any, active: Any
    ) -> Any:
        state = Split(rest, scratch).joined(task)
        leaves = jax.tree.leaves(orders)
        epochs = leaves[0].shape[0] if leaves else room
        # jit only so that the shape question and the loop share one trace
        run_epoch = jax.jit(epoch)
        order_at = lambda i: jax.tree.map(lambda a: a[i], orders)  # noqa: E731
        shapes = jax.eval_shape(run_epoch, state, data, order_at(0), checks)[1:]
        empty = tuple(jnp.zeros((epochs, *s.shape), s.dtype) for s in shapes)

        def one(i: Any, carry: Any) -> Any:
            old, alive, *stacks = carry
            new, *results = run_epoch(old, data, order_at(i), checks)
            if active is not None:  # a member that stopped or diverged stays as it was
                alive = alive & results[-1]
                before, after = Split.of(task, old), Split.of(task, new)
                stay = jax.tree.map(lambda a, b: jnp.where(alive, a, b), after.rest, before.rest)
                new = after._replace(rest=stay).joined(task)
                results[-1] = alive
            stacks_now = (a.at[i].set(r) for a, r in zip(stacks, results, strict=True))
            return new, alive, *stacks_now

        if epochs == 1:
            state, _, *logs = one(0, (state, active, *empty))
        else:
            state, _, *logs = jax.lax.fori_loop(0, count, one, (state, active, *empty))
        return *Split.of(task, state), *logs

    if members is not None:
        order_axis = 0 if many_orders else None
        check_axis = (None, 0 if many_checks else None) if validation is not None else None
        whole = jax.vmap(whole, in_axes=(0, 0, None, order_axis, check_axis, None, 0))
        if mesh is not None:  # members never communicate: each device runs its share
            check_cut = (P(), P("members") if many_checks else P())
            whole = jax.shard_map(
                whole,
                mesh=mesh,
                in_specs=(
                    P("members"),
                    P("members"),
                    P(),
                    P("members") if many_orders else P(),
                    check_cut if validation is not None else None,
                    P(),
                    P("members"),
                ),
                out_specs=P("members"),
                check_vma=False,
            )
    task.programs[key] = Program(task, whole, names, check_names, rows_over)
    return task.programs[key]


class Program:
    """What `epoch_program` returns: the jitted function, and the names of what it logs."""

    def __init__(
        self,
        task: Task,
        whole: Callable[..., Any],
        names: Names,
        check_names: Names,
        rows_over: Mesh | None,
    ):
        self._task, self._whole = task, whole
        self._names, self._check_names = names, check_names
        self._rows_over = rows_over
        self._jitted: Callable[..., Any] | None = None
        self._everywhere: tuple[Any, Any] = (None, None)  # data, and its copies on all devices

    def __call__(self, state: Any, *rest: Any, meanwhile: Callable[..., Any] = lambda: None) -> Any:
        """Return (state, logs, validation logs, finite), the last three on the host.

        The arrays of the state's scratch are used up. `meanwhile` is called while the devices work.
        """
        if self._jitted is None:
            size = sum(leaf.size for leaf in jax.tree.leaves(state.params))
            options = quick_compile() if size < SMALL and not self._task.heavy else {}
            donated = (1,) if self._task.scratch else ()
            self._jitted = jax.jit(self._whole, compiler_options=options, donate_argnums=donated)
        split = Split.of(self._task, state)
        if self._rows_over is not None:
            split, rest = self._copied(split, rest)
        state, scratch, sums, check_sums, finite = self._jitted(*split, *rest)
        meanwhile()
        state = Split(state, scratch).joined(self._task)
        logs = _pairs(sums, self._names)
        return state, logs, _pairs(check_sums, self._check_names), placement.to_host(finite)

    def _copied(self, state: Any, rest: Any) -> Any:
        """Return state and arguments on every device of the mesh; the data are copied only once."""
        assert self._rows_over is not None
        data, *others = rest
        if self._everywhere[0] is not data:
            self._everywhere = (data, placement.everywhere(data, self._rows_over))
        return placement.everywhere(state, self._rows_over), (self._everywhere[1], *others)
