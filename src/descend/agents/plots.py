"""Pictures of agents: how they learned over seeds, and one episode step by step.

Each function returns a matplotlib Figure. Colours are told apart with any colour vision, and line
styles tell the same in grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.agents.environment import Choice
from descend.agents.surfaces import worth
from descend.palette import BLACK, BLUE, COLOURS, ORANGE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from descend.agents.agents import Episode

STYLES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (4, 4)), (0, (8, 2)))
MOST = 8  # lines of a panel: more cannot be told apart
FRAMES = 5  # pictures of an episode
PALE = "#8A8A8A"


def plot_curves(
    curves: pd.DataFrame,
    middles: Mapping[str, Sequence[Sequence[float]]],
    label: str = "return of an episode",
) -> Figure:
    """Every agent's evaluations in training, and the interquartile mean of each setting.

    Args:
        curves: as of `Agents.curves`: the index is steps, a column an agent.
        middles: {setting: (interquartile means, low ends, high ends)}, one number an evaluation.
        label: words for what is drawn.
    """
    figure, ax = _panel()
    steps = curves.index.to_numpy()
    mark = "." if len(steps) < 3 else None
    for place, column in enumerate(curves.columns):
        name = "each agent" if place == 0 else None
        ax.plot(
            steps, curves[column], color=PALE, linewidth=0.8, alpha=0.7, marker=mark, label=name
        )
    for look, (name, (middle, low, high)) in zip(_looks(BLUE), middles.items(), strict=False):
        words = f"interquartile mean{f', {name}' if name else ''}"
        ax.plot(steps, middle, linewidth=2.2, marker=mark, label=words, **look)
        ax.fill_between(steps, low, high, color=look["color"], alpha=0.2, linewidth=0)
    _label(ax, "steps of the environment", label)
    ax.legend(frameon=False, fontsize="small")
    return figure


def followed(rewards: np.ndarray, gamma: float) -> np.ndarray:
    """r_t + gamma r_(t+1) + ... to the episode's end, for every step t, (steps,)."""
    total, sums = 0.0, np.empty(len(rewards))
    for step in range(len(rewards) - 1, -1, -1):
        total = float(rewards[step]) + gamma * total
        sums[step] = total
    return sums


def plot_episode(episode: Episode, gamma: float) -> Figure:
    """An episode over its steps: what was seen, done and gained, and what it was thought to be.

    Beside what the agent thought a step to be worth stands what came of it: the discounted rewards
    that followed.

    Args:
        episode: as of `Agent.episode`.
        gamma: discount factor of what followed.
    """
    from matplotlib.figure import Figure

    drawn: list[Any] = [_draw_actions]
    if _varying(episode):
        drawn.insert(0, _draw_seen)
    if worth(episode.thoughts) is not None:
        drawn.append(_draw_values)
    if "probability" in episode.thoughts:
        drawn.append(_draw_probabilities)
    if len(np.unique(episode.rewards)) > 1:
        drawn.append(_draw_rewards)
    figure = Figure(figsize=(9, 1.9 * len(drawn) + 0.4), layout="constrained")
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for draw, ax in zip(drawn, panels, strict=True):
        draw(ax, episode, gamma)
        handles, _ = ax.get_legend_handles_labels()
        if handles:
            ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    panels[-1].set_xlabel("step")
    return figure


def plot_frames(episode: Episode) -> Figure | None:
    """Some pictures of an episode, from its first state to its last; None: there are none."""
    from matplotlib.figure import Figure

    count = min(FRAMES, len(episode) + 1)
    steps = np.unique(np.linspace(0, len(episode), count).round().astype(int))
    first = episode.environment.picture(episode.state(0))
    if first is None:
        return None
    height, width = first.shape[:2]
    figure = Figure(figsize=(9, 9 / FRAMES * height / width + 0.4), layout="constrained")
    panels = figure.subplots(1, len(steps), squeeze=False)[0]
    for step, ax in zip(steps, panels, strict=True):
        ax.imshow(episode.environment.picture(episode.state(int(step))))
        ax.set_title(f"step {step}", fontsize="small")
        ax.set_axis_off()
    return figure


# -- panels of an episode -------------------------------------------------------------------------


def _varying(episode: Episode) -> dict[str, np.ndarray]:
    """The entries of what was seen that are no mere marks (one-hot), by name; at most MOST."""
    seen = episode.observations
    if seen.ndim != 2:
        return {}
    names = episode.environment.variables or [f"x{i}" for i in range(seen.shape[1])]
    tracks = {n: seen[:, i] for i, n in enumerate(names) if len(np.unique(seen[:, i])) > 2}
    return dict(list(tracks.items())[:MOST])


def _draw_seen(ax: Axes, episode: Episode, gamma: float) -> None:
    for look, (name, track) in zip(_looks(), _varying(episode).items(), strict=False):
        ax.plot(track, label=name, **look)
    ax.set_ylabel("seen")


def _draw_actions(ax: Axes, episode: Episode, gamma: float) -> None:
    choice = episode.environment.actions
    if isinstance(choice, Choice):
        ax.step(np.arange(len(episode)), episode.actions, where="mid", color=BLACK, linewidth=0.9)
        if choice.n <= MOST:
            ax.set_yticks(range(choice.n), [choice.name(a) for a in range(choice.n)])
        ax.set_ylim(-0.3, choice.n - 0.7)
        ax.set_ylabel("done")
        return
    names = choice.names or [f"action {i}" for i in range(choice.shape[0])]
    for look, (i, name) in zip(_looks(), enumerate(names), strict=False):
        ax.plot(episode.actions[:, i], label=name, **look)
    low, high = min(choice.low), max(choice.high)
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    ax.set_ylabel("done")


def _draw_values(ax: Axes, episode: Episode, gamma: float) -> None:
    found = worth(episode.thoughts)
    assert found is not None
    q, choice = episode.thoughts.get("q"), episode.environment.actions
    came = followed(episode.rewards, gamma)
    ax.plot(came, color=PALE, linewidth=2.5, label="what followed")
    if q is not None and q.ndim == 2 and q.shape[1] <= MOST - 2:
        for look, action in zip(_looks(), range(q.shape[1]), strict=False):
            ax.plot(q[:, action], label=f"Q, {choice.name(action)}", **look)
    else:
        ax.plot(found[1], color=BLUE, label=found[0])
    ax.set_ylabel("thought worth")


def _draw_probabilities(ax: Axes, episode: Episode, gamma: float) -> None:
    shares, choice = episode.thoughts["probability"], episode.environment.actions
    most = np.argsort(-shares.mean(axis=0))[:MOST]
    for look, action in zip(_looks(), sorted(most), strict=False):
        ax.plot(shares[:, action], label=choice.name(action), **look)
    ax.set_ylim(-0.05, 1.05)
    ax.set_ylabel("probability")


def _draw_rewards(ax: Axes, episode: Episode, gamma: float) -> None:
    ax.step(np.arange(len(episode)), episode.rewards, where="mid", color=ORANGE)
    ax.set_ylabel("reward")


# -- axes -----------------------------------------------------------------------------------------


def _looks(first: str | None = None) -> list[dict[str, Any]]:
    """Colours and line styles, no two alike; the named colour first."""
    colours = [c for c in COLOURS if c != first]
    colours = colours if first is None else [first, *colours]
    return [{"color": c, "linestyle": s} for c, s in zip(colours, STYLES, strict=True)]


def _panel() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    return figure, figure.subplots()


def _label(ax: Axes, x: str, y: str) -> None:
    ax.set(xlabel=x, ylabel=y)
    ax.grid(color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
