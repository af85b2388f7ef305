"""How wrong a policy is, by a finer rule than it was trained with, where it lives and where it may.

Three sets of points:

    ergodic   simulated under the policy, after a burn-in
    box       drawn evenly from the economy's box
    stressed  paths that begin at corners of the box and are hit by shocks twice as large (normals;
              chains are as they are)

On each: every condition by itself (never a mean over equations of different meaning), what that is
in shares of consumption, how often each constraint binds, how often a path had to be set back.
And whether paths from dispersed starts come together under the same shocks: a small residual can
belong to an explosive branch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.expectations import Rule
from descend.economies.network import function
from descend.economies.point import labels
from descend.economies.points import Draw, Ground, Position, flattened
from descend.economies.statement import author, named
from descend.nn.graph import Graph
from descend.train.runtime import quick_compile

SETS = ("ergodic", "box", "stressed")
FIGURES = ("mean", "median", "p99", "p99.9", "max")
AT_ONCE = 1024  # points judged side by side; keeps the memory in check
STABLE = 0.05  # paths have come together when their spread fell to this share


class Judge:
    """Evaluates policies of one economy; every function takes the weights, one policy at a time."""

    def __init__(self, ground: Ground, graph: Graph, rule: Rule):
        self.ground, self.graph, self.rule = ground, graph, rule

    # -- sets of points -------------------------------------------------------------------------

    def ergodic(
        self,
        params: Any,
        numbers: Mapping,
        key: jax.Array,
        paths: int,
        burn: int,
        periods: int,
        thin: int,
    ) -> tuple[Position, jax.Array]:
        """Points (paths * periods, ...) `thin` apart after `burn`; the share set back."""
        begin, burning, key = jax.random.split(key, 3)
        start = self.ground.begin(begin, paths)
        start, _ = self._walk(params, numbers, start, burning, burn)
        _, (seen, lost) = self._walk(params, numbers, start, key, periods * thin)
        seen = jax.tree.map(lambda a: a[thin - 1 :: thin], seen)
        return flattened(seen), jnp.sum(lost) / (paths * periods * thin)

    def box(self, key: jax.Array, count: int) -> Position:
        """Points (count, ...) of the box."""
        return self.ground.anywhere(key, count)

    def stressed(
        self, params: Any, numbers: Mapping, key: jax.Array, paths: int, periods: int
    ) -> tuple[Position, jax.Array]:
        """Points of paths from the box's corners under doubled shocks, and the share set back."""
        corner, draw, key = jax.random.split(key, 3)
        ground = self.ground
        start = self.box(draw, paths)
        high = jax.random.bernoulli(corner, shape=(paths, len(ground.low)))
        start = start._replace(values=jnp.where(high, ground.high[None], ground.low[None]))
        _, (seen, lost) = self._walk(params, numbers, start, key, periods, spread=2.0)
        return flattened(seen), jnp.sum(lost) / (paths * periods)

    def _walk(
        self, params: Any, numbers: Mapping, paths: Position, key: Any, periods: int, spread=1.0
    ):
        network, ground = function(self.graph, params), self.ground
        luck, back = jax.random.split(key)
        draws = ground.draw(luck, periods, paths.values.shape[0])
        draws = draws._replace(z=spread * draws.z)
        return ground.walk(network, paths, draws, jax.random.split(back, periods), numbers)

    # -- errors ---------------------------------------------------------------------------------

    def said(self, method: str, params: Any, numbers: Mapping, points: Position) -> dict[str, Any]:
        """`conditions` or `consumption_errors` at many points: {name: (points, size)}."""
        network = function(self.graph, params)
        one = lambda p: self.ground.said(method, network, p, self.rule, numbers)  # noqa: E731
        return jax.lax.map(one, points, batch_size=AT_ONCE)

    def constraints(self, params: Any, numbers: Mapping, points: Position) -> dict[str, Any]:
        """{name: (slack, multiplier)}, each (points, size)."""
        network = function(self.graph, params)

        def one(point: Position) -> Any:
            economy, now, policy, E = self.ground.at(network, point, self.rule, numbers)
            with author(economy, "constraints"):
                found = named(economy, "constraints", economy.constraints(now, policy, E))
                pairs = {n: jnp.broadcast_arrays(*map(jnp.atleast_1d, p)) for n, p in found.items()}
            return OrderedDict((n, tuple(p)) for n, p in pairs.items())  # in this order

        return jax.lax.map(one, points, batch_size=AT_ONCE)

    def spread(
        self, params: Any, numbers: Mapping, key: jax.Array, count: int, periods: int
    ) -> Any:
        """How far apart paths from everywhere in the box are, period by period, (periods + 1,).

        All see the same shocks, chains from the same position, and the same extra parameters. The
        distance is the largest over states of the standard deviation over paths, in box widths.
        """
        network, ground = function(self.graph, params), self.ground
        draw, key = jax.random.split(key)
        start = ground.anywhere(draw, count)
        same = lambda a: jnp.broadcast_to(a[:1], a.shape)  # noqa: E731
        start = Position(start.values, same(start.chains), same(start.extra))
        width = ground.high - ground.low

        def apart(paths: Position) -> jax.Array:
            return jnp.max(jnp.std(paths.values, axis=0) / width)

        def period(paths: Position, drawn: Draw) -> tuple[Position, jax.Array]:
            paths = jax.vmap(lambda p: ground.follow(network, p, drawn, numbers))(paths)
            return paths, apart(paths)

        _, after = jax.lax.scan(period, start, ground.draw(key, periods))
        return jnp.concatenate([apart(start)[None], after])


@dataclass(frozen=True)
class Size:
    """How many points an accuracy stands on.

    Args:
        paths, burn, periods, thin: of the ergodic set, which has paths * periods points, `thin`
            periods apart.
        box, stressed: points of the other sets.
        stability: periods that dispersed starts are followed.
    """

    paths: int = 100
    burn: int = 500
    periods: int = 100
    thin: int = 5
    box: int = 10_000
    stressed: int = 5_000
    stability: int = 1000


@dataclass
class Accuracy:
    """The tables of an accuracy; every value is a plain number, so that it goes into JSON.

    Attributes:
        rule: that expectations were taken by, and that of training.
        sets: {set: {"points", "set back", "conditions": {name: {figure: value}}, "consumption":
            the same as log10, "binding": {name: share}, "slack": {name: least}}}.
        spread: distance of dispersed starts: at first, at the end, and when it had halved.
        aims: {words: (reached, aim)}.
    """

    rule: str
    trained_by: str
    sets: dict[str, dict[str, Any]]
    spread: dict[str, Any]
    aims: dict[str, tuple[float, float]] = field(default_factory=dict)

    def figure(self, words: str) -> float:
        """A figure by its words, "ergodic mean": that of the worst condition on the set."""
        which, _, what = words.partition(" ")
        # NumPy's maximum: Python's would pass over a NaN
        return float(np.max([s[what] for s in self.sets[which]["conditions"].values()]))

    @property
    def met(self) -> bool:
        """Whether every aim was met (there may be none).

        Not where simulated paths leave the box by far: those of an explosive branch do, which can
        satisfy every condition.
        """
        reached = all(reached <= aim for reached, aim in self.aims.values())
        return reached and not (self.aims and self.set_back)

    @property
    def set_back(self) -> float:
        """Share of the simulated periods in which a path left the box by far and began anew."""
        return self.sets["ergodic"]["set back"]

    @property
    def stable(self) -> bool:
        """Whether dispersed starts came together."""
        last = self.spread["last"]
        return bool(np.isfinite(last) and last <= STABLE * self.spread["first"])

    @property
    def status(self) -> str:
        """In words, whether the aim was met and what speaks against the solution."""
        said = []
        for words, (reached, aim) in sorted(self.aims.items()):  # as a file keeps them
            verb = "met" if reached <= aim else "NOT met"
            said.append(f"aim {verb}: {words} residual {reached:.1e}, aimed for {aim:.1e}")
        if not self.aims:
            said.append(
                f"no aim was given: ergodic mean residual {self.figure('ergodic mean'):.1e}"
            )
        if not self.stable:
            first, last = self.spread["first"], self.spread["last"]
            said.append(
                f"NOT seen to be stable: paths from dispersed starts were {first:.2g} box widths "
                f"apart at first and {last:.2g} after {self.spread['periods']} periods"
            )
        if self.set_back:
            lost = f"{self.set_back:.2%} of simulated periods left the box by far and were set back"
            said.append(f"NOT solved: {lost}" if self.aims else lost)
        return "; ".join(said)


def measure(
    judge: Judge, params: Any, numbers: Mapping, seed: int, size: Size, trained_by: str
) -> Accuracy:
    """The accuracy of one policy; expects the precision of the policy to be in force."""
    each = 20  # periods of a stressed path

    def drawn(params: Any, numbers: Any, key: jax.Array) -> Any:
        keys = jax.random.split(key, 4)
        points, back = judge.ergodic(
            params, numbers, keys[0], size.paths, size.burn, size.periods, size.thin
        )
        stressed, thrown = judge.stressed(
            params, numbers, keys[2], max(size.stressed // each, 1), each
        )
        apart = judge.spread(params, numbers, keys[3], 64, size.stability)
        sets = {"ergodic": points, "box": judge.box(keys[1], size.box), "stressed": stressed}
        return sets, {"ergodic": back, "box": 0.0, "stressed": thrown}, apart

    draw = jax.jit(drawn, compiler_options=quick_compile())
    sets, shares, apart = draw(params, numbers, jax.random.key(seed))
    found = tables(judge, params, numbers, {name: sets[name] for name in SETS})
    for name, share in shares.items():
        found[name]["set back"] = float(share)
    return Accuracy(judge.rule.name, trained_by, found, _spread(np.asarray(apart)))


def _spread(apart: np.ndarray) -> dict[str, Any]:
    below = np.flatnonzero(apart <= apart[0] / 2)
    return {
        "first": float(apart[0]),
        "last": float(apart[-1]),
        "periods": len(apart) - 1,
        "halved after": int(below[0]) if len(below) else None,
    }


def tables(
    judge: Judge, params: Any, numbers: Mapping, sets: Mapping[str, Position]
) -> dict[str, dict[str, Any]]:
    """The figures on sets of points, all in one program."""

    @jax.jit
    def run(params: Any, numbers: Any, points: Position) -> Any:
        return (
            judge.said("conditions", params, numbers, points),
            judge.said("consumption_errors", params, numbers, points),
            judge.constraints(params, numbers, points),
        )

    every = jax.tree.map(lambda *parts: jnp.concatenate(parts), *sets.values())
    found = jax.tree.map(np.asarray, run(params, numbers, every))
    result, begin = {}, 0
    for name, points in sets.items():
        part = slice(begin, begin + len(points.values))
        result[name] = _table(*jax.tree.map(lambda a, part=part: a[part], found))
        begin = part.stop
    return result


def _table(conditions: dict, consumption: dict, constraints: dict) -> dict[str, Any]:
    """The figures of one set."""
    count = len(next(iter(conditions.values())))
    binding, least = {}, {}
    for name, (slack, multiplier) in constraints.items():
        for label, s, m in _columns(name, np.asarray(slack), np.asarray(multiplier)):
            binding[label], least[label] = float(np.mean(s < m)), float(s.min())
    return {
        "points": count,
        "set back": 0.0,
        "conditions": {
            label: figures(np.abs(v))
            for name, values in conditions.items()
            for label, v in _columns(name, np.asarray(values))
        },
        "consumption": {
            label: {k: float(np.log10(max(v, 1e-300))) for k, v in figures(np.abs(c)).items()}
            for name, values in consumption.items()
            for label, c in _columns(name, np.asarray(values))
        },
        "binding": binding,
        "slack": least,
    }


def _columns(name: str, *values: np.ndarray):
    """(label, column, ...) of each column of arrays (points, size)."""
    for i, label in enumerate(labels(name, values[0].shape[1])):
        yield (label, *(v[:, i] for v in values))


def figures(values: np.ndarray) -> dict[str, float]:
    """Mean, median, 99th and 99.9th percentile, maximum; NaN where any value is."""
    values = np.asarray(values, float)
    median, high, higher = np.percentile(values, [50, 99, 99.9])
    found = (values.mean(), median, high, higher, values.max())
    return dict(zip(FIGURES, map(float, found), strict=True))
