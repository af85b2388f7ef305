"""What an agent makes of two variables: the value of states, and what it does there.

Source: scheidegger-2020, "The Q-function"; Sutton and Barto, Reinforcement Learning, figure 10.1
(the cost-to-go of the mountain car).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from descend.agents.environment import Choice, Environment
from descend.errors import DescendError, ShapeError, unknown
from descend.nn.checks import number, whole
from descend.palette import COLOURS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from descend.agents.agents import Agent, Episode

MARGIN = 0.1  # of the episode's extent, on each side
LEAST, MOST = 2, 500  # points along a variable


def worth(thoughts: Mapping[str, np.ndarray]) -> tuple[str, np.ndarray] | None:
    """What states are worth by what an agent makes of them: (formula, (n,)); None: it says nothing.

    Args:
        thoughts: as of `Agent.thoughts` of n observations.
    """
    if "q" in thoughts:
        q = thoughts["q"]
        return ("max_a Q(s, a)", q.max(axis=1)) if q.ndim == 2 else ("Q(s, mu(s))", q)
    return ("V(s)", thoughts["value"]) if "value" in thoughts else None


@dataclass(frozen=True, eq=False)
class ValueSurface:
    """What states are worth to an agent, and what it does in them, over two variables.

    Args:
        variables: names of the two.
        a, b: grid values of the first and of the second one.
        values: worth of the states, (points of b, points of a).
        actions: what the agent does, (points of b, points of a), of a Box (..., entries).
        what: formula of the worth: "max_a Q(s, a)", "Q(s, mu(s))" or "V(s)".
        held: values of the other variables, {name: value}.
        path: the two variables over the episode that the extent is of, (steps, 2).
        environment: where the agent was trained.

    Raises:
        Nothing of its own.

    Source: scheidegger-2020, "The Q-function".

    Example:
        >>> from descend.agents import DQN, make
        >>> learner = DQN(hidden=(8,), warmup=64)
        >>> agents = learner.learn(make("mountain-car"), 400, evaluations=1, verbose=0)
        >>> found = agents[0].surface("position", "velocity", points=5)
        >>> found.values.shape, found.actions.shape, found.what
        ((5, 5), (5, 5), 'max_a Q(s, a)')
    """

    variables: tuple[str, str]
    a: np.ndarray
    b: np.ndarray
    values: np.ndarray
    actions: np.ndarray
    what: str
    held: dict[str, float]
    path: np.ndarray
    environment: Environment

    def to_frame(self) -> pd.DataFrame:
        """Return one row a point: the two variables, the value, the action."""
        import pandas as pd

        a, b = np.meshgrid(self.a, self.b)
        columns = {self.variables[0]: a.ravel(), self.variables[1]: b.ravel()}
        columns["value"] = self.values.ravel()
        choice = self.environment.actions
        if isinstance(choice, Choice):
            columns["action"] = [choice.name(action) for action in self.actions.ravel()]
        else:
            entries = self.actions.reshape(-1, self.actions.shape[-1])
            names = choice.names or [str(i) for i in range(entries.shape[1])]
            for i, name in enumerate(names):
                columns[f"action {name}" if len(names) > 1 else "action"] = entries[:, i]
        return pd.DataFrame(columns)

    def plot(self) -> Figure:
        """Draw the values beside the actions (of several entries, the first), two maps.

        The small dots are the states of the episode, the large one is its first.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        shade = self._map(left, self.values, cmap="cividis")
        figure.colorbar(shade, ax=left, label=f"{self.what}, sum of discounted rewards")
        levels = np.linspace(self.values.min(), self.values.max(), 8)[1:-1]
        if levels[-1] > levels[0]:
            left.contour(self.a, self.b, self.values, levels, colors="white", linewidths=0.6)
        left.set(xlabel=self.variables[0], ylabel=self.variables[1], title="what states are worth")
        self._draw_actions(figure, right)
        for ax in (left, right):
            ax.plot(*self.path.T, ".", color="black", markersize=2)
            ax.plot(*self.path[:1].T, "o", color="black", markersize=6)
            ax.set(xlim=(self.a[0], self.a[-1]), ylim=(self.b[0], self.b[-1]))
        right.set(xlabel=self.variables[0], title="what the agent does")
        if self.held:
            held = [f"{name} = {value:.3g}" for name, value in self.held.items()]
            more = f", and {len(held) - 6} more" if len(held) > 6 else ""
            figure.suptitle(f"held: {'; '.join(held[:6])}{more}", fontsize="small")
        return figure

    def _draw_actions(self, figure: Figure, ax: Any) -> None:
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        choice = self.environment.actions
        if not isinstance(choice, Choice):
            first = choice.names[0] if choice.names else "action"
            bounds = {"vmin": choice.low[0], "vmax": choice.high[0]}
            shade = self._map(ax, self.actions[..., 0], cmap="PuOr", **bounds)
            figure.colorbar(shade, ax=ax, label=first)
            return
        done = np.unique(self.actions)
        if len(done) > len(COLOURS):  # too many to be told apart by colour: by number
            shade = self._map(ax, self.actions, cmap="cividis")
            figure.colorbar(shade, ax=ax, label="number of the action")
            return
        places = np.searchsorted(done, self.actions)
        colours = ListedColormap(COLOURS[: len(done)])
        limits = {"vmin": -0.5, "vmax": len(done) - 0.5}
        self._map(ax, places, cmap=colours, alpha=0.75, **limits)
        marks = [
            Patch(color=colour, alpha=0.75, label=choice.name(action))
            for colour, action in zip(COLOURS, done, strict=False)
        ]
        ax.legend(handles=marks, fontsize="small", loc="upper right")

    def _map(self, ax: Any, values: np.ndarray, **look: Any) -> Any:
        """Values over the grid as an image, each point in the middle of its square."""
        half = [(grid[1] - grid[0]) / 2 for grid in (self.a, self.b)]
        ends = [(g[0] - h, g[-1] + h) for g, h in zip((self.a, self.b), half, strict=True)]
        extent = (*ends[0], *ends[1])
        return ax.imshow(
            values, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **look
        )


def surface_of(
    agent: Agent,
    episode: Episode,
    first: str,
    second: str,
    *,
    at: Mapping[str, float] | None = None,
    span: Mapping[str, tuple[float, float]] | None = None,
    points: int = 41,
    which: str = "last",
) -> ValueSurface:
    """The surface over two variables, whose extent and whose others are those of an episode.

    `Agent.surface` plays the episode; the other arguments are explained there.
    """
    whole("points", points, LEAST)
    if points > MOST:
        raise DescendError(f"points must be at most {MOST}, got {points}")
    if not agent.task.graphs:
        raise DescendError(
            f"{agent.task.algorithm.label} has a number for each state, and nothing between them: "
            "table() holds them all"
        )
    space = space_of(episode, (first, second))
    names = [space.name(v) for v in (first, second)]
    if names[0] == names[1]:
        raise DescendError(f"a surface is over two variables, got {first!r} twice")
    held = dict(space.middle)
    for given, value in (at or {}).items():
        name = space.name(given)
        if name in names:
            raise DescendError(f"at fixes the other variables, and the surface is over {name!r}")
        held[name] = number(f"at: {name}", value)
    ends = {space.name(given): _ends(given, value) for given, value in (span or {}).items()}
    if others := [name for name in ends if name not in names]:
        raise DescendError(
            f"span is of the two variables of the surface, {names[0]} and {names[1]}, got "
            f"{others[0]!r}"
        )
    a, b = (np.linspace(*(ends.get(n) or space.extent(n)), points) for n in names)
    grid_a, grid_b = np.meshgrid(a, b)
    seen = space.observed({**held, names[0]: grid_a.ravel(), names[1]: grid_b.ravel()})
    found = worth(agent.thoughts(seen, which))
    if found is None:
        raise DescendError(
            f"{agent.task.algorithm.label} has no values of states; act(observations) says what "
            "it does"
        )
    actions = agent.act(seen, which)
    return ValueSurface(
        (names[0], names[1]),
        a,
        b,
        found[1].reshape(points, points),
        actions.reshape(points, points, *actions.shape[1:]),
        found[0],
        {name: float(value) for name, value in held.items() if name not in names},
        np.stack([space.tracks[name] for name in names], axis=1),
        agent.task.environment,
    )


def telling(agent: Agent, episode: Episode, which: str = "last") -> tuple[str, str] | None:
    """The two variables that move the value most over an episode's extent; None: there are none.

    Those of the state where it has fewer numbers than what is seen (the sine and cosine of an angle
    do not move by themselves), else those of what is seen. What only takes two values is no
    variable here: it says yes or no.
    """
    seen, fields = _seen(episode), _fields(episode)
    chosen = fields if fields and (seen is None or len(fields.tracks) < len(seen.tracks)) else seen
    if chosen is None:
        return None
    moves = {}
    for name, track in chosen.tracks.items():
        if len(np.unique(track)) <= 2:
            continue
        grid = chosen.observed({**chosen.middle, name: np.linspace(*chosen.extent(name), 21)})
        found = worth(agent.thoughts(grid, which))
        if found is None:
            return None
        moves[name] = np.ptp(found[1])
    most = sorted(moves, key=lambda name: -moves[name])[:2]
    ordered = [name for name in chosen.tracks if name in most]
    return (ordered[0], ordered[1]) if len(ordered) == 2 else None


# -- variables: entries of what is seen, or numbers of the state ----------------------------------


@dataclass(frozen=True)
class _Space:
    """Variables by name: their values in an episode, and how observations are made of others.

    owner: words for whose they are; tracks: {name: (steps,)}; middle: {name: usual value}.
    """

    owner: str
    tracks: dict[str, np.ndarray]
    middle: dict[str, float]
    observed: Any  # {name: number or (n,)} -> observations (n, ...)

    def name(self, given: str) -> str:
        """The full name of a variable, which may be given without its unit."""
        found = _named(self.tracks, given)
        if found is None:
            raise unknown(f"variable of {self.owner}", given, self.tracks)
        return found

    def extent(self, name: str) -> tuple[float, float]:
        """From where to where it moved, and a margin."""
        low, high = float(self.tracks[name].min()), float(self.tracks[name].max())
        room = MARGIN * (high - low) or 1.0
        return low - room, high + room


def space_of(episode: Episode, wanted: tuple[str, ...]) -> _Space:
    """The variables among which some names are: what is seen, else the state's numbers."""
    seen, fields = _seen(episode), _fields(episode)
    label = episode.environment.label
    for space in (seen, fields):
        if space is not None and all(_named(space.tracks, w) for w in wanted):
            return space
    if seen is None and fields is None:
        raise ShapeError(
            f"a surface needs variables that are numbers: {label} is observed as an array of shape "
            f"{episode.observations.shape[1:]}, and its state has no two numbers"
        )
    known = {n: 0 for space in (seen, fields) if space is not None for n in space.tracks}
    for one in wanted:
        if _named(known, one) is None:
            raise unknown(f"variable of {label}", one, known)
    raise DescendError(
        f"{wanted[0]!r} and {wanted[1]!r} are not both seen nor both numbers of the state of "
        f"{label}; seen: {', '.join(seen.tracks) if seen else 'none'}; of the state: "
        f"{', '.join(fields.tracks) if fields else 'none'}"
    )


def _named(tracks: Mapping[str, Any], given: str) -> str | None:
    """The full name, where the name is known with or without its unit."""
    return next((n for n in tracks if given in (n, n.partition(",")[0])), None)


def _seen(episode: Episode) -> _Space | None:
    """The entries of what is seen, if that is a vector of numbers."""
    seen = episode.observations
    if seen.ndim != 2 or seen.shape[1] < 2:
        return None
    names = episode.environment.variables or [f"x{i}" for i in range(seen.shape[1])]
    tracks = {name: np.asarray(seen[:, i], float) for i, name in enumerate(names)}

    def observed(values: Mapping[str, Any]) -> np.ndarray:
        rows = np.broadcast_arrays(*(np.asarray(values[n], float) for n in names))
        return np.stack(rows, axis=1).astype(seen.dtype)

    middle = {name: float(track.mean()) for name, track in tracks.items()}
    return _Space(episode.environment.label, tracks, middle, observed)


def _fields(episode: Episode) -> _Space | None:
    """The numbers of the state that are fractions, if all of it is such numbers, two or more."""
    paths = jax.tree_util.tree_flatten_with_path(episode.states)[0]
    plain = all(leaf.ndim == 1 and np.issubdtype(leaf.dtype, np.floating) for _, leaf in paths)
    if len(paths) < 2 or not plain:
        return None
    form = jax.tree.structure(episode.states)
    types = [leaf.dtype for _, leaf in paths]
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
    # the state behind the last step was never acted in
    tracks = {n: np.asarray(leaf[:-1], float) for n, (_, leaf) in zip(names, paths, strict=True)}

    def observed(values: Mapping[str, Any]) -> np.ndarray:
        rows = np.broadcast_arrays(*(np.asarray(values[n], float) for n in names))
        leaves = [row.astype(t) for row, t in zip(rows, types, strict=True)]
        states = jax.tree.unflatten(form, leaves)
        return np.asarray(jax.jit(jax.vmap(episode.environment.observe))(states))

    middle = {name: float(track.mean()) for name, track in tracks.items()}
    return _Space(f"the state of {episode.environment.label}", tracks, middle, observed)


def _ends(name: str, value: Any) -> tuple[float, float]:
    """The ends of a span, checked."""
    try:
        low, high = value
    except (TypeError, ValueError):
        raise DescendError(f"span: {name} must be (low, high), got {value!r}") from None
    low, high = number(f"span: {name}", low), number(f"span: {name}", high)
    if not low < high:
        raise DescendError(f"span: low must be below high of {name}, got {low:g} and {high:g}")
    return low, high
