"""A solution beside an independent one: a closed form, dynamic programming, another network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies import expectations
from descend.economies.accuracy import Judge
from descend.economies.floats import precision
from descend.economies.point import Point, labels
from descend.economies.system import Position
from descend.economies.verdict import mark
from descend.errors import DescendError, unknown
from descend.nn.checks import whole
from descend.palette import BLUE, VERMILION

if TYPE_CHECKING:
    import pandas as pd

    from descend.economies.solution import Solution

KINK = 0.05  # the share of the box's points that lie nearest to a constraint's kink
ZERO = 1e-9  # a reference this near to zero, over its largest value, has no relative error
LINES = 200  # points along a curve of the picture
SETS = ("ergodic", "box")


@dataclass
class Comparison:
    """What `compare` gives.

    Attributes:
        label, reference: names of the economy and of what it is compared with.
        table: a DataFrame with a row a (set, policy): mean, p99, max of the absolute difference and
            of the relative one (NaN where the reference is zero somewhere on the set).
        binding: a DataFrame with a row a (set, constraint): the share of points at which it binds,
            here and in the reference; None where the reference cannot say.
        states: {set: {state: values}}: where they were compared.
    """

    label: str
    reference: str
    table: pd.DataFrame
    binding: pd.DataFrame | None
    states: dict[str, dict[str, np.ndarray]]
    _solution: Solution
    _asked: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]

    def __str__(self) -> str:
        verdict = self._solution.verdict
        lines = [
            f"{self.label} beside {self.reference}",
            *([verdict.warning] if verdict.warning else []),
            "",
            self.table.to_string(float_format="{:.1e}".format),
        ]
        if self.binding is not None:
            lines += ["", "share of points at which a constraint binds"]
            lines += [self.binding.to_string(float_format="{:.4f}".format)]
        return "\n".join(lines)

    def figure(self, policy: str, what: str = "max relative", on: str = "box") -> float:
        """One number of the table; raises DescendError for a name that is not in it."""
        if (on, policy) not in self.table.index:
            raise unknown(
                "policy of the comparison",
                f"{on} {policy}",
                [" ".join(i) for i in self.table.index],
            )
        return float(self.table[what][(on, policy)])

    def plot(
        self, path: str | Path | None = None, *, over: str | None = None, names: Any = None
    ) -> Any:
        """Both policies along one state, with where the economy lives behind.

        The other states are at their ergodic medians; a chain is drawn at its first and last
        position.

        Args:
            path: file for the picture; None: only draw.
            over: the state along the axis; the first one by default.
            names: policies to draw; the first four of the table by default.

        Returns:
            The matplotlib Figure.
        """
        return _plot(self, path, over, names)


def compare(
    solution: Solution, reference: Any = None, *, points: int = 5000, seed: int = 0
) -> Comparison:
    """Policies of a solution beside those of a reference, where the economy lives and in its box.

    Where the reference says how constraints bind, a third set, "kink", has those points of the box
    that lie nearest to where a constraint begins to bind.

    Args:
        solution: whose policies are judged.
        reference: None for the economy's closed form (`exact`); another Solution; a result of
            `dynamic_programming`; or any function {state: (n,)} -> {policy: (n,)}. Chains are given
            by position. Names that both have are compared.
        points: number of points of each set.
        seed: number that the draws follow from.

    Returns:
        The Comparison; `print` shows the tables, `plot` the picture.

    Raises:
        DescendError: no closed form and no reference; a reference with no policy in common, of
            another shape, or not finite; no whole number of points, >= 1, or a seed that is none
            >= 0.
    """
    whole("points", points, 1)
    whole("seed", seed, 0)
    label, asked = _reference(solution, reference)
    sets = _points(solution, points, seed)
    rows: dict[tuple[str, str], dict[str, float]] = {}
    bound: dict[tuple[str, str], dict[str, float]] = {}
    states = {name: solution.states(where) for name, where in sets.items()}
    for name in SETS:
        own, other = solution.policies_at(sets[name]), asked(states[name])
        rows |= {(name, k): v for k, v in _differences(own, other, label).items()}
        pairs = _constraints(solution, own, other, sets[name])
        bound |= {
            (name, k): {"solution": float(np.mean(s < m)), "reference": float(np.mean(t < n))}
            for k, ((s, m), (t, n)) in pairs.items()
        }
        if name == "box" and pairs:
            near = _near(pairs)
            states["kink"] = {k: v[near] for k, v in states["box"].items()}
            here, there = ({k: v[near] for k, v in found.items()} for found in (own, other))
            rows |= {("kink", k): v for k, v in _differences(here, there, label).items()}
    table, binding = _frame(rows, "policy"), _frame(bound, "constraint") if bound else None
    return Comparison(solution.economy.label, label, table, binding, states, solution, asked)


# -- the reference ------------------------------------------------------------------------------


def _reference(solution: Solution, reference: Any) -> tuple[str, Callable]:
    """(what it is called, states -> {name: array})."""
    if reference is None:
        return "its closed form", _exact(solution)
    if economy := getattr(reference, "economy", None):  # what another solve gave
        return f"another solution of {economy.label}", reference.policy
    policy = getattr(reference, "policy", reference)
    if not callable(policy):
        raise DescendError(
            "compare: the reference must be None, a Solution, a result of dynamic programming or a "
            f"function of states; got {type(reference).__name__}"
        )
    name = getattr(policy, "__name__", "<lambda>")
    label = getattr(reference, "status", "a function" if name == "<lambda>" else name)

    def asked(states: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        policies = policy(states)
        if not isinstance(policies, Mapping):
            raise DescendError(
                "compare: the reference must return {policy: array}, got "
                f"{type(policies).__name__}"
            )
        return {name: np.asarray(value, float) for name, value in policies.items()}

    return label, asked


def _exact(solution: Solution) -> Callable:
    system = solution.system

    def one(position: Position) -> dict[str, Any]:
        economy, _, now = system.economy_at(position, {})
        values = dict(economy.exact(now))
        if set(values) == set(system.outputs):
            values |= economy.definitions(now, Point("policy", values))
        return values

    # `exact` may ask about parameters, which it cannot where they are states: those stay traced
    every = jax.jit(jax.vmap(one))

    def asked(states: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with precision(solution.dtype):
            values = every(jax.tree.map(jnp.asarray, solution.positions(states)))
            if not values:
                raise DescendError(
                    f"{solution.economy.label} has no closed form at these parameters; give a "
                    "reference, such as dynamic_programming.time_iteration(economy)"
                )
            return {name: np.asarray(v) for name, v in values.items()}

    return asked


# -- where, and how far apart -------------------------------------------------------------------


def _points(solution: Solution, count: int, seed: int) -> dict[str, Position]:
    """The ergodic set and the box, (count, ...) each, as they are in `accuracy`."""
    paths = min(100, count)
    with precision(solution.dtype):
        system = solution.system
        rule = expectations.rule(solution.judged_by, system.law.dimensions)
        judge = Judge(system, solution.network.graph(system), rule)
        keys = jax.random.split(jax.random.key(seed))
        walked = jax.jit(lambda p, k: judge.ergodic(p, {}, k, paths, 500, -(-count // paths), 5)[0])
        params = jax.tree.map(jnp.asarray, solution.params)
        sets = {"ergodic": walked(params, keys[0]), "box": judge.box(keys[1], count)}
        return jax.tree.map(lambda a: np.asarray(a[:count]), sets)


def _differences(own: Mapping, other: Mapping, label: str) -> dict[str, dict[str, float]]:
    common = [name for name in own if name in other and not np.isnan(other[name]).all()]
    if not common:
        raise DescendError(
            f"compare: nothing in common: the solution has {', '.join(own)}; the reference "
            f"({label}) has {', '.join(other)}"
        )
    rows = {}
    for name in common:
        a, b = np.asarray(own[name], float), np.asarray(other[name], float)
        if a.shape != b.shape or not np.isfinite(b).all():
            raise DescendError(
                f"compare: {name!r} of the reference ({label}) must be finite, of shape {a.shape}, "
                f"got {b.shape}"
            )
        for suffix, x, y in [("", a, b)] if a.ndim == 1 else _split(a, b):
            apart, size = abs(x - y), abs(y)
            good = size.min() > ZERO * max(size.max(), 1e-300)
            relative = apart / size if good else np.full_like(apart, np.nan)
            rows[name + suffix] = {
                f"{figure} {kind}": float(value(of))
                for kind, of in (("absolute", apart), ("relative", relative))
                for figure, value in FIGURES.items()
            }
    return rows


FIGURES: dict[str, Callable] = {
    "mean": np.mean,
    "p99": lambda v: np.percentile(v, 99),
    "max": np.max,
}


def _split(a: np.ndarray, b: np.ndarray) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(f"_{i + 1}", a[:, i], b[:, i]) for i in range(a.shape[1])]


def _frame(rows: dict, what: str) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["set", what])
    return frame


# -- constraints --------------------------------------------------------------------------------


def _constraints(
    solution: Solution, own: Mapping, other: Mapping, where: Position
) -> dict[str, Any]:
    """{constraint: ((slack, multiplier) here, in the reference)}; empty where it cannot be said.

    It can where the reference has every policy and the constraints take no expectation.
    """
    system = solution.system
    if any(n not in other or np.isnan(other[n]).any() for n in system.outputs):
        return {}

    def one(position: Position, policy: Mapping[str, Any]) -> Any:
        economy, _, now = system.economy_at(position, {})
        stated = economy.constraints(now, Point("policy", policy), _no_expectation)
        return {n: jnp.broadcast_arrays(*map(jnp.atleast_1d, p)) for n, p in stated.items()}

    with precision(solution.dtype):
        every = jax.jit(jax.vmap(one))
        try:
            here, there = (
                every(where, {n: jnp.asarray(f[n]) for n in system.outputs}) for f in (own, other)
            )
        except _Expectation:
            return {}
    pairs = {}
    for name, both in here.items():
        for i, label in enumerate(labels(name, both[0].shape[1])):
            columns = lambda p, i=i: tuple(np.asarray(v)[:, i] for v in p)  # noqa: E731
            pairs[label] = (columns(both), columns(there[name]))
    return pairs


class _Expectation(Exception):
    """A constraint asked for an expectation under the reference's policy."""


def _no_expectation(f: Callable) -> Any:
    raise _Expectation


def _near(pairs: Mapping[str, Any]) -> np.ndarray:
    """Which points lie nearest to a kink of the reference: its slack is its multiplier there."""
    distance = np.min([abs(s - m) for _, (s, m) in pairs.values()], axis=0)
    return np.argsort(distance)[: max(1, round(KINK * len(distance)))]


# -- the picture --------------------------------------------------------------------------------


def _plot(comparison: Comparison, path: Any, over: str | None, names: Any) -> Any:
    from matplotlib.figure import Figure

    solution, system = comparison._solution, comparison._solution.system
    columns = [n for n, shape in system.shapes.items() if not shape]
    if over is None and columns:
        over = columns[0]
    if over not in columns:
        raise unknown("state that is a number", str(over), columns)
    available = [n for s, n in comparison.table.index if s == "box"]
    own_names = list(names) if names is not None else available[:4]
    for name in own_names:
        if name not in available:
            raise unknown("policy of the comparison", name, available)
    ergodic = comparison.states["ergodic"]
    low, high = comparison.states["box"][over].min(), comparison.states["box"][over].max()
    line = np.linspace(low, high, LINES)
    fixed = {n: np.median(v, axis=0) for n, v in ergodic.items()}
    chains = dict(zip(system.law.chains, system.chain_sizes, strict=True))
    drawn = next(iter(chains), None)
    figure = Figure(
        figsize=(4.2 * min(len(own_names), 2), 3.2 * -(-len(own_names) // 2)), layout="constrained"
    )
    axes = figure.subplots(-(-len(own_names) // 2), min(len(own_names), 2), squeeze=False).ravel()
    for ax in axes[len(own_names) :]:
        ax.set_visible(False)
    positions = [0] if drawn is None else sorted({0, chains[drawn] - 1})
    for position in positions:
        states = {n: np.broadcast_to(v, (LINES, *np.shape(v))) for n, v in fixed.items()} | {
            over: line
        }
        states |= {n: np.full(LINES, round(float(fixed[n]))) for n in chains}
        suffix = ""
        if drawn is not None:
            states[drawn], suffix = np.full(LINES, position), f", {drawn} = {position}"
        own, other = solution.policy(states), comparison._asked(states)
        for ax, name in zip(axes, own_names, strict=False):
            mine, theirs = _column(own, name), _column(other, name)
            style = "-" if position == positions[0] else "-."
            ax.plot(line, mine, color=BLUE, ls=style, lw=2.5, alpha=0.6, label=f"network{suffix}")
            ax.plot(
                line,
                theirs,
                color=VERMILION,
                ls="--" if style == "-" else ":",
                lw=1.2,
                label=f"reference{suffix}",
            )
    for ax, name in zip(axes, own_names, strict=False):
        behind = ax.twinx()
        behind.hist(ergodic[over], bins=60, range=(low, high), color="0.85", density=True)
        behind.set_yticks([])
        behind.set_zorder(ax.get_zorder() - 1)
        ax.patch.set_visible(False)
        ax.set_xlabel(f"{over} (model units; grey: stationary distribution)")
        ax.set_ylabel(f"{name} (model units)")
        for side in (ax, behind):
            side.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize="small")
    figure.suptitle(f"{comparison.label} beside {comparison.reference}", fontsize="small")
    mark(figure, solution.verdict.warning)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _column(policies: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """A policy, or the column NAME_i of one that is a vector."""
    if name in policies:
        return policies[name]
    stem, _, number = name.rpartition("_")
    return policies[stem][:, int(number) - 1]
