"""Pictures of a solved economy: policies, errors, paths, impulse responses, training.

Each function returns a matplotlib Figure. Colours are told apart with any colour vision, and line
styles tell the same in grey. Below the picture of a policy that is not solved, it is said so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies import expectations
from descend.economies.accuracy import SETS, Judge
from descend.economies.floats import precision
from descend.economies.outputs import Share, Simplex
from descend.economies.paths import Paths, columns
from descend.economies.solution import Solution
from descend.economies.states import states_of
from descend.economies.system import Position
from descend.economies.verdict import mark
from descend.errors import unknown
from descend.nn.checks import whole
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION
from descend.train.engine.runtime import quick_compile

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES: tuple[dict[str, Any], ...] = tuple(
    {"color": colour, "linestyle": style}
    for colour, style in (
        (BLUE, "-"),
        (VERMILION, "--"),
        (GREEN, "-."),
        (PURPLE, ":"),
        (ORANGE, (0, (6, 1, 1, 1, 1, 1))),
        (BLACK, (0, (1, 3))),
    )
)
PALE = "#DDDDDD"  # what stands behind
LEAST = 1e-17  # of a residual, for its logarithm
UNITS = "model's units"


def plot_policies(
    solution: Solution,
    state: str | None = None,
    names: Sequence[str] | None = None,
    *,
    at: Mapping[str, float] | None = None,
    paths: Paths | None = None,
) -> Figure:
    """Policies over one state, the others held where the economy usually is.

    A panel a policy. The lines of a number are positions of the first chain; those of a vector are
    some of its entries. Behind: how often simulated paths are at each value of the state.

    Args:
        state: a state's name (NAME_2 for an entry of a vector); the first one by default.
        names: policies and definitions to draw; all policies by default.
        at: {state: value} in place of the median (of a chain: the most frequent position).
        paths: a simulation for the medians and the picture behind; one is made where none is given.
    """
    paths = paths or solution.simulate(500, 20)
    usual: dict[str, Any] = typical(paths)
    state, values = _grid(solution, state)
    if unasked := set(at or {}) - set(usual):
        raise unknown("state", unasked.pop(), usual)
    usual |= dict(at or {})
    sizes = dict(zip(solution.system.law.chains, solution.system.chain_sizes, strict=True))
    chain = next((name for name in sizes if name not in (at or {})), "")
    chain_positions = _spread(sizes[chain], 5) if chain else []
    middle = _policies_over(solution, usual, state, values)
    by_position = {
        f"{chain} in position {p}": _policies_over(solution, usual | {chain: p}, state, values)
        for p in chain_positions
    } or {"": middle}
    names = list(names or solution.system.outputs)
    for name in names:
        if name not in middle:
            raise unknown("policy", name, middle)
    figure, panels = _panels(len(names))
    behind = columns(paths.states, 2)[state]
    for name, ax in zip(names, panels, strict=True):
        _distribution(ax, behind, values)
        if middle[name].ndim > 1:
            entries = middle[name]
            lines = {f"{name}_{i + 1}": entries[:, i] for i in _spread(entries.shape[1], 5)}
        else:
            lines = {label: f[name] for label, f in by_position.items()}
        for look, (label, line) in zip(LINES, lines.items(), strict=False):
            ax.plot(values, line, label=label, **look)
        _label(ax, f"{state} ({UNITS})", f"{name} ({_unit(solution, name)})")
        _not_too_close(ax)
        if len(lines) > 1:
            ax.legend(frameon=False, fontsize="small")
    others = {name: v for name, v in usual.items() if name not in (state, chain)}
    fixed = ", ".join(f"{name} = {v:.3g}" for name, v in others.items())
    if others:
        title = f"others held at {fixed if len(others) < 4 else 'their medians'}"
        figure.suptitle(title, fontsize="medium")
    return mark(figure, solution.verdict.warning)


def plot_errors(solution: Solution, *, points: int = 4000, seed: int = 0) -> Figure:
    """How large residuals are: on each set of points, the share of states with a smaller one.

    A line a condition; the entries of a vector condition are taken together.
    """
    figure, panels = _panels(len(SETS), share=True)
    for which, ax in zip(SETS, panels, strict=True):
        _, errors = residuals(solution, which, points=points, seed=seed)
        for look, (name, values) in zip(_looks(), errors.items(), strict=False):
            size = np.sort(np.log10(np.maximum(values.ravel(), LEAST)))
            entries = f" ({values.shape[1]} equations)" if values.shape[1] > 1 else ""
            rank = np.arange(1, len(size) + 1) / len(size)
            some = rank > 0.005  # a residual that happens to vanish would stretch the axis
            ax.plot(size[some], rank[some], label=name + entries, **look)
        ax.set_title(f"{which} set", fontsize="medium")
        _label(ax, "|residual|, log10 (no units)", "share of states with a smaller one")
    panels[0].legend(frameon=False, fontsize="small")
    return mark(figure, solution.verdict.warning)


def plot_error_over(
    solution: Solution, state: str | None = None, *, points: int = 4000, seed: int = 0
) -> Figure:
    """Residuals over one state: median and 99th percentile along it, on paths and in the box."""
    figure = None
    state, _ = _grid(solution, state)
    for which, look in zip(("ergodic", "box"), LINES, strict=False):
        states, errors = residuals(solution, which, points=points, seed=seed)
        if figure is None:
            figure, panels = _panels(len(errors), share=True)
        x = states[state]
        for (name, values), ax in zip(errors.items(), panels, strict=True):
            error = np.log10(np.maximum(values.max(axis=1), LEAST))
            few = slice(None, None, max(1, len(x) // 800))
            cloud = {"color": look["color"], "alpha": 0.15, "markersize": 3, "zorder": 1}
            ax.plot(x[few], error[few], ".", rasterized=True, **cloud)
            for share, width in ((50, 2.2), (99, 1.1)):
                middle, height = _binned(x, error, share)
                label = f"{which}, {'median' if share == 50 else '99th percentile'}"
                ax.plot(middle, height, label=label, linewidth=width, **look)
            ax.set_title(name if values.shape[1] == 1 else f"{name}, the worst", fontsize="medium")
            _label(ax, f"{state} ({UNITS})", "|residual|, log10 (no units)")
    assert figure is not None
    figure.axes[0].legend(frameon=False, fontsize="small")
    return mark(figure, solution.verdict.warning)


def plot_response(response: pd.DataFrame, names: Sequence[str] | None = None) -> Figure:
    """An impulse response: a panel a quantity that moves, in percent where that makes sense."""
    absolute, percent = response["absolute"], response["percent"]
    moved = (percent.abs().max() / 100).fillna(absolute.abs().max())
    names = list(names or _few([n for n in absolute if moved[n] > 1e-5]))
    for name in names:
        if name not in absolute:
            raise unknown("quantity", name, absolute)
    figure, panels = _panels(max(len(names), 1))
    for name, ax in zip(names, panels, strict=False):
        known = bool(np.isfinite(percent[name]).all())
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.plot(response.index, (percent if known else absolute)[name], **LINES[0])
        ax.set_title(name, fontsize="medium")
        unit = "percent" if known else f"difference, {UNITS}"
        _label(ax, "period (1: of the shock)", unit)
    figure.suptitle(response.attrs.get("shock", ""), fontsize="medium")
    return mark(figure, response.attrs["verdict"] if response.columns.names[0] else "")


def plot_paths(
    paths: Paths, names: Sequence[str] | None = None, *, path: int = 1, periods: int = 150
) -> Figure:
    """One simulated path: a panel a quantity."""
    every = paths.quantities()
    names = list(names or _few(list(every)))
    for name in names:
        if name not in every:
            raise unknown("quantity", name, every)
    figure, panels = _panels(len(names))
    for name, ax in zip(names, panels, strict=True):
        line = every[name][path - 1, :periods]
        ax.plot(np.arange(1, len(line) + 1), line, color=BLUE, linewidth=1)
        _label(ax, "period", f"{name} ({UNITS})")
        _not_too_close(ax)
    return mark(figure, paths.verdict.warning)


def plot_training(solution: Solution) -> Figure:
    """What training reached: the mean residual against time, and that of every seed at the end."""
    figure, (left, right) = _panels(2)
    stages: dict[str, dict[int | None, list[tuple[float, float]]]] = {}
    for event in solution.events:
        if event.seconds is not None and event.residual is not None:
            marks = stages.setdefault(event.stage, {}).setdefault(event.seed, [])
            marks.append((event.seconds, max(event.residual, LEAST)))
    for look, (stage, seeds) in zip(_looks(), stages.items(), strict=False):
        for number, marks in enumerate(seeds.values()):
            label = stage if number == 0 else None
            left.semilogy(*np.transpose(marks), marker="o", markersize=3, label=label, **look)
    numbers = [s.seed for s in solution.seeds]
    residual = [max(s.residual, LEAST) for s in solution.seeds]
    good = np.array([s.reached for s in solution.seeds])
    for which, look, label in (
        (good, {"marker": "o", "color": BLUE}, "at the aim"),
        (~good, {"marker": "x", "color": VERMILION}, "not at the aim"),
    ):
        if which.any():
            chosen = np.flatnonzero(which)
            x, y = [numbers[i] for i in chosen], [residual[i] for i in chosen]
            right.semilogy(x, y, linestyle="none", label=label, **look)
    aim = solution.accuracy.aims.get("ergodic mean")
    if aim is not None:
        for ax in (left, right):
            ax.axhline(aim[1], color=BLACK, linestyle=":", label=f"aim, {aim[1]:.1e}")
    right.set_xticks(numbers if len(numbers) <= 12 else numbers[:: len(numbers) // 6])
    _label(left, "time (seconds)", "mean |residual| (no units)")
    _label(right, "seed", "mean |residual| (no units)")
    _not_too_close(right, 3.0)
    for ax in (left, right):
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize="small")
    return mark(figure, solution.verdict.warning)


# -- numbers behind them --------------------------------------------------------------------------


def residuals(
    solution: Solution, which: str, *, points: int = 4000, seed: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """States (points,) and |residuals| (points, size) by name, on one of the accuracy's sets."""
    if which not in SETS:
        raise unknown("set", which, SETS)
    whole("points", points, 1)
    whole("seed", seed, 0)
    system = solution.system
    rule = expectations.rule(solution.judged_by, system.law.dimensions)
    with precision(solution.dtype):
        judge = Judge(system, solution.walker.graph, rule)
        side = 50

        def run(params: Any, key: jax.Array) -> tuple[Position, Any]:
            if which == "box":
                at = judge.box(key, points)
            elif which == "stressed":
                at, _ = judge.stressed(params, {}, key, max(points // 20, 1), 20)
            else:
                at, _ = judge.ergodic(params, {}, key, side, 300, max(points // side, 1), 5)
            return at, judge.evaluate("conditions", params, {}, at)

        params = jax.tree.map(jnp.asarray, solution.params)
        at, values = jax.jit(run, compiler_options=quick_compile())(params, jax.random.key(seed))
        states = columns(states_of(system, at), 1)
        return states, {name: np.abs(np.asarray(value)) for name, value in values.items()}


def typical(paths: Paths) -> dict[str, float]:
    """The median of every state on simulated paths; of a chain, its most frequent position."""
    medians = {name: float(np.median(a)) for name, a in columns(paths.states, 2).items()}
    return medians | {
        name: int(np.bincount(a.ravel()).argmax()) for name, a in paths.chains.items()
    }


def _grid(solution: Solution, state: str | None) -> tuple[str, np.ndarray]:
    """A state's name and 201 values of it through its box."""
    system = solution.system
    ends: dict[str, Any] = {
        name: (low, high)
        for name, low, high in zip(system.columns, system.low, system.high, strict=True)
    }
    ends |= system.over
    state = state or next(iter(ends))
    if state not in ends:
        raise unknown("state", state, ends)
    low, high = ends[state]
    return state, np.linspace(low, high, 201)


def _policies_over(
    solution: Solution, usual: Mapping[str, float], state: str, values: np.ndarray
) -> dict[str, np.ndarray]:
    import pandas as pd

    frame = pd.DataFrame({name: np.full(len(values), v) for name, v in usual.items()})
    return solution.policy(frame.assign(**{state: values}))


def _binned(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A percentile of y in 20 bins of x with as many points each."""
    parts = np.array_split(np.argsort(x, kind="stable"), 20)
    parts = [p for p in parts if len(p)]
    pairs = [(np.median(x[p]), np.percentile(y[p], share)) for p in parts]
    return tuple(np.array(pairs).T)


# -- how they look --------------------------------------------------------------------------------


def _looks() -> Iterator[dict[str, Any]]:
    """Line styles, again and again; those of a second round are thinner."""
    for width in (1.6, 0.8, 0.4):
        for look in LINES:
            yield {**look, "linewidth": width}


def _panels(count: int, share: bool = False) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    across = count if count <= 3 else (2 if count == 4 else 3)
    down = -(-count // across)
    figure = Figure(figsize=(max(3.6 * across, 5.4), 3.2 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharex=share, sharey=share).ravel()
    for ax in axes[count:]:
        ax.remove()
    return figure, list(axes[:count])


def _label(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if len(ax.get_shared_y_axes().get_siblings(ax)) > 1:
        ax.label_outer()
    ax.spines[["top", "right"]].set_visible(False)


def _distribution(ax: Axes, values: np.ndarray, grid: np.ndarray) -> None:
    """A pale histogram behind the lines; its height has no scale of its own."""
    behind = ax.twinx()
    behind.hist(values.ravel(), bins=40, range=(grid[0], grid[-1]), color=PALE)
    behind.set_yticks([])
    behind.spines[["top", "right", "left"]].set_visible(False)
    ax.set_zorder(behind.get_zorder() + 1)
    ax.patch.set_visible(False)


def _spread(count: int, most: int) -> list[int]:
    """At most so many of 0, 1, ..., evenly, both ends among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def _few(names: Sequence[str], most: int = 12) -> list[str]:
    """So many of the quantities: of a vector's entries, the first, middle and last."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"_\d+$", "", name), []).append(name)
    chosen = [group[i] for group in groups.values() for i in _spread(len(group), 3)]
    return chosen[:most]


def _not_too_close(ax: Axes, least: float = 0.02) -> None:
    """A vertical axis that does not make a landscape of rounding errors.

    It spans at least the share `least` of its values; on a logarithmic axis, a factor 1 + least.
    """
    low, high = ax.get_ylim()
    if ax.get_yscale() == "log":
        if high / low < 1 + least:
            ax.set_ylim(low / (1 + least), high * (1 + least))
        return
    half = least * max(abs(low), abs(high)) / 2
    if high - low < 2 * half:
        ax.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)


def _unit(solution: Solution, name: str) -> str:
    output = solution.system.outputs.get(name)
    return "share" if isinstance(output, (Share, Simplex)) else UNITS
