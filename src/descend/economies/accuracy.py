"""How wrong a policy is, by a finer rule than it was trained with, where it lives and where it may.

Three sets of points:

    ergodic   simulated under the policy, after a burn-in
    box       drawn evenly from the economy's box
    stressed  paths that begin at corners of the box and are hit by shocks twice as large (normals;
              chains are as they are)

On each: every condition by itself (never a mean over equations of different meaning), what that is
in shares of consumption, how often each constraint binds, how often a path had to be set back.
And whether paths from dispersed starts come together under the same shocks, and whether the economy
lives at an edge of its box (descend.economies.edges): a small residual can belong to an explosive
branch. What follows from all this is the Verdict.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.edges import edges, faults_of, moved_by_policies, remarks_of
from descend.economies.expectations import Rule
from descend.economies.network import function
from descend.economies.point import labels
from descend.economies.statement import named
from descend.economies.system import Draw, Position, System, flattened
from descend.economies.verdict import Verdict
from descend.nn.checks import whole_number
from descend.nn.graph import Graph
from descend.statement import author
from descend.train.engine.runtime import quick_compile

SETS = ("ergodic", "box", "stressed")
FIGURES = ("mean", "median", "p99", "p99.9", "max")
AT_ONCE = 1024  # points judged side by side; keeps the memory in check
STABLE = 0.05  # paths have come together when their spread fell to this share,
FALLS = 0.9  # or is falling still: to less than this share in the second half of the periods


class Judge:
    """Evaluates policies of one economy; every function takes the weights, one policy at a time."""

    def __init__(self, system: System, graph: Graph, rule: Rule):
        self.system, self.graph, self.rule = system, graph, rule

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
        start = self.system.begin(begin, paths)
        parts = [self._luck(k, n, paths) for k, n in ((burning, burn), (key, periods * thin))]
        luck = jax.tree.map(lambda *a: jnp.concatenate(a), *parts)
        # one walk, of which the burn-in is cut off: two would be compiled twice
        _, (points, outside) = self._walk(params, numbers, start, luck)
        points = jax.tree.map(lambda a: a[burn + thin - 1 :: thin], points)
        return flattened(points), jnp.sum(outside[burn:]) / (paths * periods * thin)

    def box(self, key: jax.Array, count: int) -> Position:
        """Points (count, ...) of the box."""
        return self.system.anywhere(key, count)

    def stressed(
        self, params: Any, numbers: Mapping, key: jax.Array, paths: int, periods: int
    ) -> tuple[Position, jax.Array]:
        """Points of paths from the box's corners under doubled shocks, and the share set back."""
        corner, draw, key = jax.random.split(key, 3)
        system = self.system
        start = self.box(draw, paths)
        high = jax.random.bernoulli(corner, shape=(paths, len(system.low)))
        start = start._replace(values=jnp.where(high, system.high[None], system.low[None]))
        luck = self._luck(key, periods, paths, spread=2.0)
        _, (points, outside) = self._walk(params, numbers, start, luck)
        return flattened(points), jnp.sum(outside) / (paths * periods)

    def _luck(self, key: jax.Array, periods: int, paths: int, spread: float = 1.0) -> Any:
        """Shocks (periods, paths, ...), normals times `spread`, and keys for new beginnings."""
        luck, back = jax.random.split(key)
        draws = self.system.draw(luck, periods, paths)
        return draws._replace(z=spread * draws.z), jax.random.split(back, periods)

    def _walk(self, params: Any, numbers: Mapping, paths: Position, luck: Any) -> Any:
        draws, keys = luck
        return self.system.walk(function(self.graph, params), paths, draws, keys, numbers)

    @functools.cached_property
    def moved(self) -> np.ndarray:
        """Which states policies move, (n,)."""
        with jax.ensure_compile_time_eval():
            return moved_by_policies(self.system)

    # -- errors ---------------------------------------------------------------------------------

    @functools.cached_property
    def tabled(self) -> Callable:
        """The program of all errors: (params, numbers, points) -> arrays of them."""

        def run(params: Any, numbers: Mapping, points: Position) -> Any:
            return (
                self.evaluate("conditions", params, numbers, points),
                self.evaluate("consumption_errors", params, numbers, points),
                self.constraints(params, numbers, points),
            )

        return jax.jit(run, compiler_options=quick_compile())

    def evaluate(
        self, method: str, params: Any, numbers: Mapping, points: Position
    ) -> dict[str, Any]:
        """`conditions` or `consumption_errors` at many points: {name: (points, size)}."""
        network = function(self.graph, params)
        one = lambda p: self.system.evaluate(method, network, p, self.rule, numbers)  # noqa: E731
        return jax.lax.map(one, points, batch_size=AT_ONCE)

    def constraints(self, params: Any, numbers: Mapping, points: Position) -> dict[str, Any]:
        """{name: (slack, multiplier)}, each (points, size)."""
        network = function(self.graph, params)

        def one(point: Position) -> Any:
            economy, now, policy, E = self.system.arguments_at(network, point, self.rule, numbers)
            with author(economy, "constraints"):
                stated = named(economy, "constraints", economy.constraints(now, policy, E))
                pairs = {
                    n: jnp.broadcast_arrays(*map(jnp.atleast_1d, p)) for n, p in stated.items()
                }
            return OrderedDict((n, tuple(p)) for n, p in pairs.items())  # in this order

        return jax.lax.map(one, points, batch_size=AT_ONCE)

    def spread(
        self, params: Any, numbers: Mapping, key: jax.Array, count: int, periods: int
    ) -> Any:
        """How far apart paths from everywhere in the box are, period by period, (periods + 1,).

        All see the same shocks; chains, the extra parameters and the states that no policy moves
        begin alike. The distance is the largest over states of the standard deviation over paths,
        in box widths.
        """
        network, system = function(self.graph, params), self.system
        draw, key = jax.random.split(key)
        start = system.anywhere(draw, count)
        same = lambda a: jnp.broadcast_to(a[:1], a.shape)  # noqa: E731
        values = jnp.where(self.moved[None], start.values, same(start.values))
        start = Position(values, same(start.chains), same(start.extra))
        width = system.high - system.low

        def apart(paths: Position) -> jax.Array:
            return jnp.max(jnp.std(paths.values, axis=0) / width)

        def period(paths: Position, drawn: Draw) -> tuple[Position, jax.Array]:
            paths = jax.vmap(lambda p: system.follow(network, p, drawn, numbers))(paths)
            return paths, apart(paths)

        _, after = jax.lax.scan(period, start, system.draw(key, periods))
        return jnp.concatenate([apart(start)[None], after])


@dataclass(frozen=True)
class Size:
    """How many points the accuracy of a solution is measured on.

    Args:
        paths: number of simulated paths of the ergodic set, which has paths * periods points.
        burn: number of periods that each path goes on for before its first point.
        periods: number of points taken from each path.
        thin: number of periods between two of them.
        box: number of points drawn from the box of the states.
        stressed: number of points of the stressed set.
        stability: number of periods, >= 2, that paths from dispersed starts are followed.

    Raises:
        DescendError: a number that is no whole number >= 1, or a `burn` that is none >= 0.

    Source: descend's own.

    Example:
        >>> from descend.economies import Size
        >>> quick = Size(paths=20, burn=100)
        >>> quick.paths * quick.periods
        2000
    """

    paths: int = 100
    burn: int = 500
    periods: int = 100
    thin: int = 5
    box: int = 10_000
    stressed: int = 5_000
    stability: int = 1000

    def __post_init__(self) -> None:
        for one in fields(self):
            whole_number(self, one.name, {"burn": 0, "stability": 2}.get(one.name, 1))


@dataclass
class Accuracy:
    """The tables of an accuracy; every value is a plain number, so that it goes into JSON.

    Attributes:
        rule, trained_by: rules that expectations were taken by, here and in training.
        sets: {set: {"points", "set back", "conditions": {name: {figure: value}}, "consumption":
            the same as log10, "binding": {name: share}, "slack": {name: least}}}.
        spread: distance of dispersed starts: at first, half way, at the end, and when it had
            halved.
        edges: edges of the box at which the economy often is; see `descend.economies.edges`.
        aims: {words: (reached, aim)}.
        interrupted: reason, in words, why there is less than that; empty where all was measured.
    """

    rule: str
    trained_by: str
    sets: dict[str, dict[str, Any]]
    spread: dict[str, Any]
    edges: dict[str, dict[str, float]] = field(default_factory=dict)
    aims: dict[str, tuple[float, float]] = field(default_factory=dict)
    interrupted: str = ""

    @classmethod
    def interrupted_at(
        cls,
        rule: str,
        trained_by: str,
        check: Mapping[str, float],
        points: int,
        aims: Mapping[str, float],
    ) -> Accuracy:
        """What is known where the judging was interrupted: the last check in training.

        Args:
            check: {"ergodic mean": value, ..., "set back": share}; what it lacks is NaN.
            points: number of points of each set that it stands on.
        """
        sets: dict[str, dict[str, Any]] = {}
        for name in SETS:
            known = {f: check[f"{name} {f}"] for f in FIGURES if f"{name} {f}" in check}
            figures = {"worst of all": dict.fromkeys(FIGURES, np.nan) | known} if known else {}
            empty: dict[str, Any] = {"consumption": {}, "binding": {}, "slack": {}}
            back = check.get("set back", 0.0) if name == "ergodic" else 0.0
            sets[name] = {
                "points": points if known else 0,
                "set back": back,
                "conditions": figures,
                **empty,
            }
        reason = (
            f"its judging was interrupted (Ctrl-C); figures are those of the last check in "
            f"training, on {points} points"
        )
        reached = {words: (check.get(words, float("nan")), aim) for words, aim in aims.items()}
        return cls(rule, trained_by, sets, {}, aims=reached, interrupted=reason)

    def figure(self, words: str) -> float:
        """A figure by its words, "ergodic mean": that of the worst condition on the set."""
        which, _, what = words.partition(" ")
        # NumPy's maximum: Python's would pass over a NaN
        every = [s[what] for s in self.sets[which]["conditions"].values()]
        return float(np.max(every)) if every else float("nan")

    @property
    def set_back(self) -> float:
        """Share of the simulated periods in which a path left the box by far and began anew."""
        return self.sets["ergodic"]["set back"]

    @property
    def stable(self) -> bool:
        """Whether dispersed starts came together, or are still coming: a root near 1 takes time."""
        if self.interrupted:
            return False
        first, last = self.spread["first"], self.spread["last"]
        half = self.spread.get("half", np.inf)  # older files do not know it
        came = last <= STABLE * first
        return bool(np.isfinite(last) and (came or (half < first and last <= FALLS * half)))

    @property
    def verdict(self) -> Verdict:
        """What is to be thought of the policy."""
        faults: list[str] = []
        remarks = list(remarks_of(self.edges))
        mean = self.figure("ergodic mean")
        if self.interrupted:
            faults.append(self.interrupted)
        if not np.isfinite(mean):
            faults.append("residuals on simulated states are not finite")
        if self.set_back:
            faults.append(
                f"{self.set_back:.2%} of simulated periods left the box by far and were set back"
            )
        faults += faults_of(self.edges)
        if not self.stable and not self.interrupted:
            first, last = self.spread["first"], self.spread["last"]
            faults.append(
                f"not stable, paths from dispersed starts were {first:.2g} box widths "
                f"apart at first and {last:.2g} after {self.spread['periods']} periods"
            )
        missed: list[str] = []
        reached: list[str] = []
        for words, (figure, aim) in sorted(self.aims.items()):  # as a file keeps them
            line = f"{words} residual {figure:.1e}, aimed for {aim:.1e}"
            (reached if figure <= aim else missed).append(line)
        if not self.aims:
            remarks.insert(0, f"no aim was given: ergodic mean residual {mean:.1e}")
        return Verdict(tuple(faults), tuple(missed), tuple(reached), tuple(remarks))

    @property
    def status(self) -> str:
        """The verdict in words, the worst news first."""
        return str(self.verdict)


class Measure:
    """Measures the accuracy of policies, one after the other, by programs that are compiled once.

    Args:
        judge: the economy's judge; the precision of its policies must be in force.
        size: numbers of points that it stands on.
        trained_by: the rule of training, to be shown.
        seed: number that the draws follow from.
    """

    def __init__(self, judge: Judge, size: Size, trained_by: str, seed: int):
        self.judge, self.size, self.trained_by, self.seed = judge, size, trained_by, seed
        self.draw = jax.jit(self._drawn, compiler_options=quick_compile())

    def _drawn(self, params: Any, numbers: Mapping, key: jax.Array) -> Any:
        judge, size, each = self.judge, self.size, 20  # periods of a stressed path
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

    def __call__(self, params: Any, numbers: Mapping, aims: Mapping[str, float]) -> Accuracy:
        """The accuracy of one policy beside its aims."""
        key = jax.random.key(self.seed)
        sets, shares, apart = self.draw(params, numbers, key)
        results = tables(self.judge, params, numbers, {name: sets[name] for name in SETS})
        for name, share in shares.items():
            results[name]["set back"] = float(share)
        at = edges(self.judge, params, numbers, sets["ergodic"], jax.random.fold_in(key, 1))
        accuracy = Accuracy(
            self.judge.rule.name, self.trained_by, results, _spread(np.asarray(apart)), at
        )
        accuracy.aims = {words: (accuracy.figure(words), aim) for words, aim in aims.items()}
        return accuracy


def _spread(apart: np.ndarray) -> dict[str, Any]:
    below = np.flatnonzero(apart <= apart[0] / 2)
    return {
        "first": float(apart[0]),
        "half": float(apart[len(apart) // 2]),
        "last": float(apart[-1]),
        "periods": len(apart) - 1,
        "halved after": int(below[0]) if len(below) else None,
    }


def tables(
    judge: Judge, params: Any, numbers: Mapping, sets: Mapping[str, Position]
) -> dict[str, dict[str, Any]]:
    """The figures on sets of points, all in one program."""
    every = jax.tree.map(lambda *parts: jnp.concatenate(parts), *sets.values())
    errors = jax.tree.map(np.asarray, judge.tabled(params, numbers, every))
    result, begin = {}, 0
    for name, points in sets.items():
        part = slice(begin, begin + len(points.values))
        result[name] = _table(*jax.tree.map(lambda a, part=part: a[part], errors))
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
    numbers = (values.mean(), median, high, higher, values.max())
    return dict(zip(FIGURES, map(float, numbers), strict=True))
