"""What can be seen of a statement before it is solved; each fault names the author's line.

Errors: a name that is missing, a shape that does not fit, a NaN at the initial state. Warnings: a
condition that is zero whatever the policy, a number of conditions that differs from that of the
unknowns, a constraint that no output of the network can reach. That a residual has units cannot be
seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.expectations import Rule
from descend.economies.network import function
from descend.economies.point import labels
from descend.economies.points import Ground, Position
from descend.economies.statement import Economy, author, named
from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.train.runtime import quick_compile

POINTS, POLICIES = 64, 16  # where and with what the statement is tried
ZERO = 1e-10  # a condition below this everywhere is none
REACHED = 1e-2  # a constraint whose slack never comes below this is out of reach
FAR = 12.0  # sigmoid(12) = 1 - 6e-6


def check_statement(ground: Ground, graph: Graph, rule: Rule, say: Callable[[str], None]) -> None:
    """Try the statement at its start, then with arbitrary policies all over its box.

    Raises:
        DescendError: see the module.
    """
    _at_the_start(ground, graph, rule)
    for text in _doubts(ground, rule):
        say(f"warning: {text}")
        warnings.warn(f"{ground.economy.label}: {text}", stacklevel=4)


def _numbers(ground: Ground) -> dict[str, Any]:
    return {name: ground.economy.parameters()[name] for name in ground.traced}


def _at_the_start(ground: Ground, graph: Graph, rule: Rule) -> None:
    economy, numbers = ground.economy, _numbers(ground)

    def tried() -> dict[str, Any]:
        """Every method of the author's, once."""
        network = function(graph, graph.init(jax.random.key(0))[0])
        point = jax.tree.map(lambda a: a[0], ground.begin(jax.random.key(1), 1))
        found = ground.residuals(network, point, rule, numbers)
        bound, now, policy, expectation = ground.at(network, point, rule, numbers)
        for method, arguments in (
            ("constraints", (now, policy, expectation)),
            ("definitions", (now, policy)),
            ("exact", (now,)),
        ):
            with author(economy, method):
                named(economy, method, getattr(bound, method)(*arguments))
        ground.said("consumption_errors", network, point, rule, numbers)
        return found

    found = jax.jit(tried, compiler_options=quick_compile())()
    bad = [name for name, value in found.items() if not bool(jnp.all(jnp.isfinite(value)))]
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


def _doubts(ground: Ground, rule: Rule) -> Iterator[str]:
    numbers = _numbers(ground)
    quick = quick_compile()
    drawn = lambda key: ground.anywhere(key, POINTS)  # noqa: E731
    points = jax.jit(drawn, compiler_options=quick)(jax.random.key(2))

    def at(raw: jax.Array, point: Position) -> Any:
        network = lambda features: raw + 0.3 * jnp.sum(features)  # noqa: E731
        return ground.residuals(network, point, rule, numbers)

    raws = jax.random.normal(jax.random.key(3), (POLICIES, ground.raw))
    every = jax.jit(jax.vmap(jax.vmap(at, (None, 0)), (0, None)), compiler_options=quick)(
        raws, points
    )
    sizes = {name: int(v.shape[-1]) for name, v in every.items()}
    unknowns = sum(o.unknowns for o in ground.outputs.values())
    if sum(sizes.values()) != unknowns:
        stated = ", ".join(f"{n} ({s})" for n, s in sizes.items())
        yield (
            f"{sum(sizes.values())} conditions ({stated}) for {unknowns} unknowns "
            f"({', '.join(f'{n} ({o.unknowns})' for n, o in ground.outputs.items())}): the policy "
            "is not determined, or overdetermined"
        )
    for name, values in every.items():
        flat = np.asarray(values).reshape(-1, sizes[name])
        for i, label in enumerate(labels(name, sizes[name])):
            column = flat[np.isfinite(flat[:, i]), i]
            if not len(column):
                yield f"the condition {label!r} is finite nowhere in the box for arbitrary policies"
            elif abs(column).max() < ZERO:
                yield f"the condition {label!r} is zero whatever the policy: it says nothing"
    if type(ground.economy).constraints is not Economy.constraints:
        yield from _out_of_reach(ground, rule, points, numbers)


def _out_of_reach(ground: Ground, rule: Rule, points: Position, numbers: dict) -> Iterator[str]:
    """Constraints whose slack stays away from zero, whatever the network puts out."""

    def slack(raw: jax.Array, point: Position) -> Any:
        economy, now, policy, E = ground.at(lambda _: raw, point, rule, numbers)
        with author(economy, "constraints"):
            return {
                n: jnp.atleast_1d(s) for n, (s, _) in economy.constraints(now, policy, E).items()
            }

    ends = FAR * np.concatenate([np.eye(ground.raw), -np.eye(ground.raw)])
    both = FAR * np.ones((1, ground.raw))
    raws = jnp.asarray(np.concatenate([ends, both, -both]))
    both_ways = jax.vmap(jax.vmap(slack, (None, 0)), (0, None))
    found = jax.jit(both_ways, compiler_options=quick_compile())(raws, points)
    for name, values in found.items():
        least = np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=(0, 1))
        for label, value in zip(labels(name, len(least)), least, strict=True):
            if value > REACHED:
                yield (
                    f"the constraint {label!r} is out of reach of the network: its slack stays "
                    f"above {value:.3g} whatever the outputs are; use another transform"
                )
