"""Whether an economy lives at an edge of its box: of a limit of its own, or because the box ends.

A state that is clipped to its box hides a wrong policy: no path leaves the box, dispersed starts
come together at the edge, and residuals there are small. (Saving for ever: (beta R)^(-1/gamma) - 1,
0.75 % for a discount of 0.96 and a return of 3 %.) A borrowing limit, on the other hand, holds many
exact policies at an edge. Told apart by what leads to the edge, over simulated periods:

    constraint   a stated constraint binds (its slack is below its multiplier) in the period before
    box          none does, and in a wider box the transition leads beyond: the box decides
    rest         none does, and the transition leads just there: a limit inside the author's
                 formulas that `constraints` does not state, or a clip to numbers of its own

The policy is no solution where, at one edge, the box decides in more than BOX of all periods, or
box and rest together make more than REST of them. From SHOWN on it is remarked upon.

Left out are states that no policy moves, and indicators, which are nowhere but at their two ends.
A constraint that binds all the time excuses every edge: which one is its own cannot be seen.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.network import function
from descend.economies.system import Position, System
from descend.errors import DescendError
from descend.train.engine.runtime import quick_compile

if TYPE_CHECKING:
    from descend.economies.accuracy import Judge

BOX, REST, SHOWN = 0.05, 0.5, 0.01
NEAR = 1e-6  # of the box's width: at the edge; and 4 units of rounding of the edge itself
SIDES = ("lower", "upper")
TRIED = 64, 16  # points, and arbitrary policies, with which it is seen what policies move


def moved_by_policies(system: System) -> np.ndarray:
    """Which states (n,) policies move, somewhere in the box."""
    numbers = {name: system.economy.parameters()[name] for name in system.traced}

    def nexts(key: jax.Array) -> jax.Array:
        where, luck, policies = jax.random.split(key, 3)
        points, draws = system.anywhere(where, TRIED[0]), system.draw(luck, TRIED[0])
        raws = 2 * jax.random.normal(policies, (TRIED[1], system.raw))

        def under(raw: jax.Array) -> jax.Array:
            one = lambda p, d: system.follow(lambda f: raw, p, d, numbers).values  # noqa: E731
            return jax.vmap(one)(points, draws)

        values = jax.vmap(under)(raws)
        return jnp.nanmax(values, axis=0) - jnp.nanmin(values, axis=0)

    program = jax.jit(nexts, compiler_options=quick_compile())
    spread = np.asarray(program(jax.random.key(4)))
    return (spread > NEAR * (system.high - system.low)).any(axis=0)


def at_edges(system: System, values: Any) -> np.ndarray:
    """Whether states (points, n) are at their lower and upper edge: (points, 2, n)."""
    values = np.asarray(values)
    ends = np.stack([system.low, system.high])
    near = NEAR * (system.high - system.low) + 4 * np.finfo(values.dtype).eps * abs(ends)
    return abs(values[:, None] - ends) <= near


def edges(
    judge: Judge, params: Any, numbers: Mapping, points: Position, key: jax.Array
) -> dict[str, dict[str, float]]:
    """The edges at which an economy is often: {"k, upper": {"share", "constraint", "box"}}.

    Args:
        points: positions of the ergodic set.
        key: random key for the shocks of the period after.

    Returns:
        Shares of the periods: those at the edge; of these, those where a stated constraint led
        there, and those where the box did. Empty where no share is above SHOWN.
    """
    system = judge.system
    there = at_edges(system, points.values).mean(axis=0) * judge.moved
    indicators = (there.sum(axis=0) > 1 - 1e-9) & (there.min(axis=0) > 0)
    crowded = np.argwhere((there > SHOWN) & ~indicators)
    if not len(crowded):
        return {}
    draws = system.draw(key, len(points.values))
    after = _after(judge, system, params, numbers, points, draws)
    try:
        beyond = _after(judge, _widened(system), params, numbers, points, draws)
    except DescendError:  # a statement that is not to be read with another box
        beyond = after
    bound = np.zeros(len(after), bool)
    constraints = jax.jit(judge.constraints, compiler_options=quick_compile())
    for slack, multiplier in constraints(params, numbers, points).values():
        bound |= np.asarray(slack < multiplier).any(axis=1)
    now, free = at_edges(system, after), ~bound[:, None, None]
    width = system.high - system.low
    out = np.stack([system.low - beyond, beyond - system.high], axis=1) > NEAR * width
    result = {}
    for side, column in crowded:
        share = [now, now & ~free, now & free & out]
        names = ("share", "constraint", "box")
        result[f"{system.columns[column]}, {SIDES[side]}"] = {
            name: float(s[:, side, column].mean()) for name, s in zip(names, share, strict=True)
        }
    return result


def _after(
    judge: Judge, system: System, params: Any, numbers: Mapping, points: Position, draws: Any
) -> np.ndarray:
    """States (points, n) a period later."""

    def run(params: Any, numbers: Mapping) -> jax.Array:
        network = function(judge.graph, params)
        one = lambda p, d: system.follow(network, p, d, numbers).values  # noqa: E731
        return jax.vmap(one)(points, draws)

    return np.asarray(jax.jit(run, compiler_options=quick_compile())(params, numbers))


def _widened(system: System) -> System:
    """The same economy and network, but that `states()` tells a wider box."""
    other = copy.copy(system)
    low, high = (system.unpack(ends) for ends in system.far)
    boxes = {name: (low[name], high[name]) for name in system.shapes}
    other.economy = system.economy.bound({"states": lambda: boxes})
    return other


def faults_of(shares: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """What edges say against a policy."""
    for edge, share in shares.items():
        free = share["share"] - share["constraint"]
        if share["box"] > BOX:
            yield (
                f"{share['share']:.1%} of the periods at the edge of the box ({edge}), where only "
                "the box holds the state: a wrong policy, or too narrow a box"
            )
        elif free > REST:
            yield (
                f"{share['share']:.1%} of the periods at the edge of the box ({edge}), where no "
                "stated constraint binds: a wrong policy, too narrow a box, or a limit of the "
                "economy that constraints() does not state"
            )


def remarks_of(shares: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """What edges say that is no fault: nothing where a stated constraint explains them."""
    for edge, share in shares.items():
        free = share["share"] - share["constraint"]
        if not SHOWN < free <= REST or share["box"] > BOX:
            continue
        if share["box"] > SHOWN:
            yield f"{free:.1%} of the periods held by the end of the box ({edge}): widen it"
        else:
            yield f"{free:.1%} of the periods at an edge no stated constraint explains ({edge})"
