"""What can be seen of a statement before it is solved; each fault names the author's line.

Errors: a name that is missing, a shape that does not fit, a NaN at the initial state, fewer
conditions than unknowns. Warnings: a shock that nothing reads, a condition that is zero whatever
the policy, more conditions than unknowns, conditions that depend on each other, a constraint that
no output of the network can reach. That a residual has units cannot be seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.expectations import Rule
from descend.economies.network import function
from descend.economies.outputs import Bounded
from descend.economies.point import labels, reading
from descend.economies.statement import Economy, named
from descend.economies.system import Position, System
from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.statement import author
from descend.train.engine.runtime import quick_compile

POINTS, POLICIES = 64, 16  # where and with what the statement is tried
ZERO = 1e-10  # a condition below this everywhere is none
REACHED = 1e-2  # a constraint whose slack never comes below this is out of reach
FAR = 12.0  # sigmoid(12) = 1 - 6e-6
FEW = 8  # points, with two policies each, where conditions are differentiated
VALUES = 2001  # of parameters that are states or followed, at which bounds are looked at
DEPENDENT = 1e-9  # a singular value below this share of the largest is none (float32: 1e-4)


def check_statement(system: System, graph: Graph, rule: Rule, say: Callable[[str], None]) -> None:
    """Try the statement at its start, then with arbitrary policies all over its box.

    Raises:
        DescendError: see the module.
    """
    with reading() as names:
        _at_the_start(system, graph, rule)
    for text in (*_unread(system, names), *_doubts(system, rule)):
        say(f"warning: {text}")
        warnings.warn(f"{system.economy.label}: {text}", stacklevel=3)  # of the caller


def check_bounds(system: System, beginnings: Mapping[str, float]) -> None:
    """Look for bounds of a policy that cross somewhere in `over`, or on the way of a homotopy.

    Its ends are looked at elsewhere; in between bounds may cross as well, and a path that lives
    there has a policy that is no number.

    Args:
        beginnings: {parameter: value that a homotopy begins with}.

    Raises:
        StatementError: with the policy, the parameters' values, and what to write.
    """
    economy = system.economy
    bounded = any(isinstance(output, Bounded) for output in system.outputs.values())
    if not bounded or not (system.over or beginnings):
        return
    axes = len(system.over) + bool(beginnings)
    shares = np.linspace(0, 1, VALUES)[:, None]
    if axes > 1:
        shares = np.random.default_rng(5).random((VALUES, axes))
    targets = economy.parameters()
    values = {
        name: low + (high - low) * shares[:, i]
        for i, (name, (low, high)) in enumerate(system.over.items())
    } | {
        name: begin + (float(targets[name]) - begin) * shares[:, -1]
        for name, begin in beginnings.items()
    }

    def bounds(numbers: dict[str, Any]) -> dict[str, Any]:
        outputs = economy.bound(numbers).policies().items()
        return {n: jnp.broadcast_arrays(*o.bounds) for n, o in outputs if isinstance(o, Bounded)}

    with author(economy, "policies"):
        policies = jax.jit(jax.vmap(bounds), compiler_options=quick_compile())(values)
        for name, ends in policies.items():
            low, start, high = (np.asarray(a).reshape(VALUES, -1) for a in ends)
            crossed = np.argwhere(~((low < start) & (start < high)))
            if not len(crossed):
                continue
            row, entry = crossed[0]
            where = ", ".join(f"{key} = {value[row]:.6g}" for key, value in values.items())
            label = labels(name, low.shape[1])[entry]
            inside = "range of `over`" if system.over else "way of the homotopy"
            raise DescendError(
                f"policy {label!r}: Bounded needs low < start < high, got "
                f"low={low[row, entry]:.6g}, high={high[row, entry]:.6g}, "
                f"start={start[row, entry]:.6g} at {where}, inside the {inside}. Narrow it, or "
                "keep the numbers apart there, as in high=jnp.maximum(high, low + 0.1)"
            )


def _numbers(system: System) -> dict[str, Any]:
    return {name: system.economy.parameters()[name] for name in system.traced}


def _at_the_start(system: System, graph: Graph, rule: Rule) -> None:
    economy, numbers = system.economy, _numbers(system)

    def tried() -> dict[str, Any]:
        """Every method of the author's, once."""
        network = function(graph, graph.init(jax.random.key(0))[0])
        point = jax.tree.map(lambda a: a[0], system.begin(jax.random.key(1), 1))
        residuals = system.residuals(network, point, rule, numbers)
        bound, now, policy, expectation = system.arguments_at(network, point, rule, numbers)
        expectation(lambda *_: jnp.zeros(()))  # the transition, where no condition asks for it
        for method, arguments in (
            ("constraints", (now, policy, expectation)),
            ("definitions", (now, policy)),
            ("exact", (now,)),
        ):
            with author(economy, method):
                named(economy, method, getattr(bound, method)(*arguments))
        system.evaluate("consumption_errors", network, point, rule, numbers)
        return residuals

    residuals = jax.jit(tried, compiler_options=quick_compile())()
    bad = [name for name, value in residuals.items() if not bool(jnp.all(jnp.isfinite(value)))]
    if not bad:
        return
    where = "at the initial state, with a policy before training"
    cure = "Begin inside the economy's domain (start), and keep policies there by their outputs."
    for first_bad in (jax.debug_nans, jax.debug_infs):
        try:
            with first_bad(True):  # operation by operation: the first one raises in its line
                tried()
        except DescendError as error:
            raise DescendError(f"{where}: {error}. {cure}") from error
    raise DescendError(
        f"{economy.label}.conditions: {', '.join(map(repr, bad))} is not finite {where}. {cure}"
    )


def _unread(system: System, names: set[tuple[str, str]]) -> Iterator[str]:
    """Shocks that no method has looked at; a chain may be read as it is now, or as it will be."""
    for name in (*system.law.normals, *system.law.chains):
        if not {("shock", name), ("state", name)} & names:
            yield (
                f"the shock {name!r} is read nowhere: write shock.{name} in transition (or in the "
                "function that E takes), or leave it out of shocks()"
            )


def _doubts(system: System, rule: Rule) -> Iterator[str]:
    numbers = _numbers(system)
    quick = quick_compile()
    drawn = lambda key: system.anywhere(key, POINTS)  # noqa: E731
    points = jax.jit(drawn, compiler_options=quick)(jax.random.key(2))

    def at(raw: jax.Array, point: Position) -> Any:
        network = lambda features: raw + 0.3 * jnp.sum(features)  # noqa: E731
        return system.residuals(network, point, rule, numbers)

    raws = jax.random.normal(jax.random.key(3), (POLICIES, system.raw))
    every = jax.jit(jax.vmap(jax.vmap(at, (None, 0)), (0, None)), compiler_options=quick)(
        raws, points
    )
    sizes = {name: int(v.shape[-1]) for name, v in every.items()}
    unknowns = sum(o.unknowns for o in system.outputs.values())
    listed = ", ".join(f"{n} ({s})" for n, s in sizes.items())
    counted = (
        f"{sum(sizes.values())} conditions ({listed}) for {unknowns} unknowns "
        f"({', '.join(f'{n} ({o.unknowns})' for n, o in system.outputs.items())})"
    )
    if sum(sizes.values()) < unknowns:
        raise DescendError(
            f"{system.economy.label}: {counted}: they do not determine the policies. State a "
            "condition for each, or take what is left free out of policies()"
        )
    if sum(sizes.values()) > unknowns:
        yield f"{counted}: the policy is overdetermined"
    for name, values in every.items():
        flat = np.asarray(values).reshape(-1, sizes[name])
        for i, label in enumerate(labels(name, sizes[name])):
            column = flat[np.isfinite(flat[:, i]), i]
            if not len(column):
                yield f"the condition {label!r} is finite nowhere in the box for arbitrary policies"
            elif abs(column).max() < ZERO:
                yield f"the condition {label!r} is zero whatever the policy: it says nothing"
    if 1 < sum(sizes.values()) == unknowns:
        yield from _dependent(system, at, raws, points, sizes)
    if type(system.economy).constraints is not Economy.constraints:
        yield from _out_of_reach(system, rule, points, numbers)


def _dependent(
    system: System, at: Callable, raws: jax.Array, points: Position, sizes: dict[str, int]
) -> Iterator[str]:
    """Conditions whose derivatives with respect to the policies depend on each other everywhere."""

    def slope(raw: jax.Array, point: Position) -> jax.Array:
        return jax.jacfwd(lambda r: jnp.concatenate(list(at(r, point).values())))(raw)

    few = jax.tree.map(lambda a: a[:FEW], points)
    both = jax.vmap(jax.vmap(slope, (None, 0)), (0, None))
    slopes = np.asarray(jax.jit(both, compiler_options=quick_compile())(raws[:2], few))
    slopes = slopes.reshape(-1, *slopes.shape[2:])
    slopes = slopes[np.isfinite(slopes).all(axis=(1, 2))]
    lengths = np.linalg.norm(slopes, axis=2, keepdims=True)
    if not len(slopes) or (lengths == 0).any():
        return  # a condition that says nothing has been named already
    least = DEPENDENT if slopes.dtype == np.float64 else 1e-4
    left, values, _ = np.linalg.svd(slopes / lengths)
    if (values[:, slopes.shape[1] - 1] > least * values[:, 0]).any():
        return
    part = abs(left[:, :, slopes.shape[1] - 1]).max(axis=0) > 1e-3
    names = [label for name, size in sizes.items() for label in labels(name, size)]
    involved = ", ".join(repr(n) for n, p in zip(names, part, strict=True) if p)
    yield (
        f"the conditions {involved} depend on each other whatever the policy (one says what others "
        "say, or a policy enters none of them): the policies are not determined"
    )


def _out_of_reach(system: System, rule: Rule, points: Position, numbers: dict) -> Iterator[str]:
    """Constraints whose slack stays away from zero, whatever the network puts out."""

    def slack(raw: jax.Array, point: Position) -> Any:
        economy, now, policy, E = system.arguments_at(lambda _: raw, point, rule, numbers)
        with author(economy, "constraints"):
            return {
                n: jnp.atleast_1d(s) for n, (s, _) in economy.constraints(now, policy, E).items()
            }

    ends = FAR * np.concatenate([np.eye(system.raw), -np.eye(system.raw)])
    both = FAR * np.ones((1, system.raw))
    raws = jnp.asarray(np.concatenate([ends, both, -both]))
    both_ways = jax.vmap(jax.vmap(slack, (None, 0)), (0, None))
    slacks = jax.jit(both_ways, compiler_options=quick_compile())(raws, points)
    for name, values in slacks.items():
        least = np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=(0, 1))
        for label, value in zip(labels(name, len(least)), least, strict=True):
            if value > REACHED:
                yield (
                    f"the constraint {label!r} is out of reach of the network: its slack stays "
                    f"above {value:.3g} whatever the outputs are; use another transform"
                )
