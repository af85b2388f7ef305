"""What the report on agents stands on: episodes that judge them, one agent looked at closely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from descend.agents.agents import Agent, Agents, Episode
from descend.agents.evaluation import Evaluation, interquartile_mean
from descend.agents.group import WHICH
from descend.agents.surfaces import ValueSurface, surface_of, telling
from descend.nn.checks import whole

EACH = 10_000  # episodes of a seed of `Agents.evaluate`


@dataclass(frozen=True)
class Setting:
    """Agents that differ in their seeds alone.

    name: words for what was swept, "" where nothing was; members: their numbers among all.
    """

    name: str
    settings: dict[str, Any]
    members: list[int]


@dataclass(frozen=True)
class Evidence:
    """What was found.

    judged: {"last", "best"} weights on the same episodes; settings: who differs in seeds alone;
    chosen: the setting that is looked at; shown: number of its median agent, whose episode and
    surface are shown; worst: number of the agent of the worst episode, which is `worst_episode`.
    """

    agents: Agents
    judged: dict[str, Evaluation]
    settings: list[Setting]
    chosen: Setting
    shown: int
    episode: Episode
    worst: int
    worst_episode: Episode
    worst_seed: int
    surface: ValueSurface | None
    episodes: int
    seed: int

    @property
    def agent(self) -> Agent:
        """The agent that is looked at."""
        return self.agents[self.shown]

    @property
    def seed_shown(self) -> int:
        """The seed by which its episode is played again."""
        return self.episode_seed(0)

    def of(self, setting: Setting, which: str) -> Evaluation:
        """The evaluation of a setting's agents alone."""
        judged, members = self.judged[which], setting.members
        return replace(
            judged,
            returns=judged.returns[members],
            lengths=judged.lengths[members],
            terminated=judged.terminated[members],
            settings=[judged.settings[i] for i in members],
        )

    def episode_seed(self, place: int) -> int:
        """The seed by which `Agent.episode` plays an episode of the evaluation again."""
        return self.seed * EACH + place


def gather(
    agents: Agents, episodes: int, seed: int, show: Callable[[str], None] = lambda words: None
) -> Evidence:
    """Judge the agents, and look at one of them.

    Args:
        agents: agents of any number of seeds and settings.
        episodes: episodes of each that judge it.
        seed: number that these follow from.
        show: a function that is called with a word on what comes next.

    Raises:
        DescendError: no whole number of episodes, or no seed.
    """
    whole("episodes", episodes, 1)
    whole("seed", seed, 0)
    show("playing episodes")
    judged = {which: agents.evaluate(episodes, which, seed) for which in WHICH}
    settings = settings_of(agents)
    # on the episodes of training: those of the report choose nothing
    chosen = max(settings, key=lambda s: _last_in_training(agents, s))
    last = judged["last"]
    order = sorted(chosen.members, key=lambda i: last.means[i])
    shown = order[(len(order) - 1) // 2]
    worst, place = divmod(int(last.returns.argmin()), episodes)
    show("looking at one agent")
    episode = agents[shown].episode(seed * EACH)
    found = telling(agents[shown], episode)
    return Evidence(
        agents=agents,
        judged=judged,
        settings=settings,
        chosen=chosen,
        shown=shown,
        episode=episode,
        worst=worst,
        worst_episode=agents[worst].episode(seed * EACH + place),
        worst_seed=seed * EACH + place,
        surface=surface_of(agents[shown], episode, *found) if found else None,
        episodes=episodes,
        seed=seed,
    )


def settings_of(agents: Agents) -> list[Setting]:
    """The agents by what was swept but for the seed, in their order."""
    found: dict[str, Setting] = {}
    for i, agent in enumerate(agents):
        own = {k: v for k, v in agent.settings.items() if k != "seed"}
        name = ", ".join(
            f"{k} {v:.6g}" if isinstance(v, float) else f"{k} {v}" for k, v in own.items()
        )
        found.setdefault(name, Setting(name, own, [])).members.append(i)
    return list(found.values())


def _last_in_training(agents: Agents, setting: Setting) -> float:
    """The interquartile mean of the last evaluation in training; the lowest where it is none."""
    ends = [agents[i].history.history.get("val_return", []) for i in setting.members]
    value = interquartile_mean([curve[-1] if curve else np.nan for curve in ends])
    return value if np.isfinite(value) else -np.inf
