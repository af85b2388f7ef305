"""The numbers of the report on agents as plain JSON; the page is made of these."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from descend.agents.agents import Agent, Agents, Episode
from descend.agents.environment import Choice
from descend.agents.evaluation import Evaluation
from descend.agents.group import WHICH
from descend.agents.plots import followed
from descend.agents.surfaces import worth
from descend.report.agents import words
from descend.report.agents.evidence import Evidence, Setting
from descend.report.economy import versions
from descend.report.table.words import digits, end
from descend.tables.judging.plain import plain

FORMAT = 1
FEW = 5  # seeds below which the interval says little
ALGORITHMS = "descend.agents"


def document_of(evidence: Evidence, command: str | None = None) -> dict[str, Any]:
    """All numbers of the report, by section.

    Args:
        command: command line that trained the agents.
    """
    agents = evidence.agents
    label, algorithm = agents.environment.label, agents.algorithm.label
    found = {
        "format": FORMAT,
        "title": f"{algorithm} in {label}: {_count(len(agents), 'agent')}",
        "summary": summary(evidence),
        "warnings": warnings(agents, evidence.settings),
        "run": run(agents, evidence.settings),
        "environment": environment(agents),
        "results": [result(evidence, setting) for setting in evidence.settings],
        "agents": [member(evidence, i) for i in range(len(agents))],
        "worst": worst(evidence),
        "choice": choice(evidence),
        "curves": curves(agents, evidence.settings),
        "episode": episode(evidence.episode, evidence.agent, evidence.shown, evidence.seed_shown),
        "surface": surface(evidence),
        "settings": settings(agents, evidence.settings),
        "deviations": list(agents.algorithm.deviations),
        "reproduce": {"command": command, "python": python(agents, evidence.settings)},
        "versions": versions(),
    }
    return plain(found)


def returns(evidence: Evidence) -> str:
    """What the returns are, in words."""
    gamma = evidence.agents.environment.discount
    return "return" if gamma is None else f"discounted return (gamma {float(gamma):g})"


# -- how good they are ----------------------------------------------------------------------------


def summary(evidence: Evidence) -> str:
    """What was found, in two sentences."""
    judged, setting = evidence.of(evidence.chosen, "last"), evidence.chosen
    low, high = judged.interval()
    count, episodes = len(setting.members), _count(evidence.episodes, "episode")
    of = f" with {setting.name}" if setting.name else ""
    mean = f"{returns(evidence)} of {digits(judged.interquartile_mean)}"
    sure = f", the interquartile mean over seeds ({end(low)} to {end(high)} by the bootstrap)"
    who = f"{_count(count, 'agent')} by {evidence.agents.algorithm.label}{of}"
    found = worst(evidence)
    return (
        f"On {episodes} that no agent has trained on or been chosen by, {who} "
        f"{'reach' if count > 1 else 'reaches'} a {mean}{sure if count > 1 else ''}. "
        f"The worst agent of all is number {found['agent']} with {digits(found['mean'])}; the "
        f"worst episode of all, by number {found['episode']['agent']}, brings "
        f"{digits(found['episode']['return'])}."
    )


def warnings(agents: Agents, settings: Sequence[Setting]) -> list[str]:
    """What speaks against the agents, or against saying much of them."""
    said = []
    gone = [i for i, agent in enumerate(agents) if agent.diverged is not None]
    if gone:
        said.append(
            f"Diverged, and kept at the last finite weights: agent {', '.join(map(str, gone))}."
        )
    short = [
        i
        for i, agent in enumerate(agents)
        if len(agent.history.history.get("val_return", [])) < agent.task.evaluations
    ]
    if short:
        said.append(f"Not trained to the end: agent {', '.join(map(str, short))}.")
    fewest = min(len(s.members) for s in settings)
    if fewest == 1:
        said.append("One seed: another may learn nothing or all of it, and there is no interval.")
    elif fewest < FEW:
        said.append(
            f"{fewest} seeds are few: what one seed in five does may be missing, and the interval "
            "is only as good."
        )
    return said


def figures(judged: Evaluation) -> dict[str, Any]:
    """The interquartile mean of agents with its interval, and the worst of them."""
    several = len(judged.means) > 1
    low, high = judged.interval() if several else (None, None)
    return {
        "interquartile mean": judged.interquartile_mean,
        "low": low,
        "high": high,
        "worst agent": judged.means.min(),
        "worst episode": judged.worst_episode,
        "terminated": judged.terminated.mean(),
        "length": judged.lengths.mean(),
    }


def result(evidence: Evidence, setting: Setting) -> dict[str, Any]:
    """A setting's agents, last and best weights."""
    return {
        "setting": setting.name,
        "settings": setting.settings,
        "agents": setting.members,
        **{which: figures(evidence.of(setting, which)) for which in WHICH},
    }


def member(evidence: Evidence, number: int) -> dict[str, Any]:
    """One agent: its means, its worst episodes and the seeds that play them again."""
    agent = evidence.agents[number]
    found: dict[str, Any] = {"agent": number, "settings": agent.settings}
    for which in WHICH:
        judged = evidence.judged[which]
        place = int(judged.returns[number].argmin())
        found[which] = {
            "mean": judged.means[number],
            "worst episode": judged.returns[number, place],
            "worst episode seed": evidence.episode_seed(place),
            "terminated": judged.terminated[number].mean(),
            "length": judged.lengths[number].mean(),
        }
    return found | {
        "best at": agent.task.steps_after(agent.best_epoch + 1),
        "steps": steps_of(agent),
        "diverged": agent.diverged is not None,
    }


def steps_of(agent: Agent) -> int:
    """The steps that it has learned from."""
    return int(agent.task.steps_after(len(agent.history.history.get("val_return", []))))


def worst(evidence: Evidence) -> dict[str, Any]:
    """The agent of the lowest mean, and the lowest episode of any agent (last weights)."""
    judged = evidence.judged["last"]
    number = judged.worst
    return {
        "agent": number,
        "settings": evidence.agents[number].settings,
        "mean": judged.means[number],
        "episode": {
            "agent": evidence.worst,
            "settings": evidence.agents[evidence.worst].settings,
            "seed": evidence.worst_seed,
            "return": judged.worst_episode,
            "steps": len(evidence.worst_episode),
            "terminated": evidence.worst_episode.terminated,
        },
    }


def choice(evidence: Evidence) -> dict[str, Any]:
    """How the best weights were chosen, and on which episodes they are shown."""
    group = evidence.agents.groups[0]
    return {
        "evaluations": group.task.evaluations,
        "episodes": group.episodes,
        "shown on": evidence.episodes,
        "seed": evidence.seed,
    }


def curves(agents: Agents, settings: Sequence[Setting]) -> dict[str, Any]:
    """The evaluations in training: every agent's, and each setting's interquartile mean."""
    frame = agents.curves()
    middles = []
    for setting in settings:
        own = frame[setting.members].to_numpy()
        middle, low, high = [], [], []
        for row in own:
            values = row[np.isfinite(row)]
            one = Evaluation(values[:, None], values[:, None], values[:, None] > 0, [])
            ends = one.interval() if len(values) > 1 else (None, None)
            middle.append(one.interquartile_mean)
            low.append(ends[0])
            high.append(ends[1])
        middles.append(
            {"setting": setting.name, "interquartile mean": middle, "low": low, "high": high}
        )
    return {
        "steps": frame.index.tolist(),
        "agents": [frame[i].tolist() for i in frame.columns],
        "settings": middles,
    }


# -- one agent looked at --------------------------------------------------------------------------


def episode(played: Episode, agent: Agent, number: int, seed: int) -> dict[str, Any]:
    """An episode step by step; of observations that are one-hot the number of the state."""
    gamma = agent.hyper["gamma"]
    frame = played.to_frame()
    seen = played.observations
    if seen.ndim == 2 and one_hot(seen):
        names = played.environment.variables or [str(i) for i in range(seen.shape[1])]
        frame = frame.iloc[:, seen.shape[1] :]
        frame.insert(0, "state", [names[i] for i in seen.argmax(axis=1)])
    came = followed(played.rewards, gamma)
    frame["what followed"] = came
    found = worth(played.thoughts)
    return {
        "agent": number,
        "settings": agent.settings,
        "seed": seed,
        "return": played.total,
        "steps": len(played),
        "terminated": played.terminated,
        "gamma": gamma,
        "worth": found[0] if found else None,
        "mean worth": found[1].mean() if found else None,
        "mean of what followed": came.mean(),
        "table": {str(name): frame[name].tolist() for name in frame},
    }


def one_hot(seen: np.ndarray) -> bool:
    """Whether observations (n, states) are marks of a state."""
    return bool(seen.shape[1] > 1 and np.isin(seen, (0, 1)).all() and (seen.sum(axis=1) == 1).all())


def surface(evidence: Evidence) -> dict[str, Any] | None:
    """What states are worth over two variables."""
    found = evidence.surface
    if found is None:
        return None
    return {
        "variables": found.variables,
        "what": found.what,
        "held": found.held,
        **{"a": found.a, "b": found.b, "values": found.values, "actions": found.actions},
    }


# -- what was trained, and how --------------------------------------------------------------------


def run(agents: Agents, settings: Sequence[Setting]) -> dict[str, Any]:
    """The size of the training."""
    taken = [steps_of(agents[i]) for i in range(len(agents))]
    return {
        "algorithm": agents.algorithm.label,
        "environment": agents.environment.label,
        "agents": len(agents),
        "seeds": sorted({int(agent.settings["seed"]) for agent in agents}),
        "settings": len(settings),
        "programs": len(agents.groups),
        "budget": agents.groups[0].task.budget,
        "steps": max(taken),
        "seconds": agents.seconds,
        "steps a second": sum(taken) / max(agents.seconds, 1e-9),
    }


def environment(agents: Agents) -> dict[str, Any]:
    """Where they act: its parameters, actions and observations."""
    here = agents.environment
    checked = agents.groups[0].task.checked
    return {
        "name": here.label,
        "what": words.first_words(type(here)),
        "actions": acts(checked.actions),
        "observation": [*checked.observation],
        "variables": list(here.variables),
        "limit": here.limit,
        "discount": here.discount,
        "parameters": [
            {
                "name": f.name,
                "value": shown(getattr(here, f.name)),
                "what": f.metadata.get("doc", ""),
            }
            for f in dataclasses.fields(here)
        ],
    }


def acts(actions: Any) -> str:
    """What can be done, in words."""
    if isinstance(actions, Choice):
        names = ", ".join(actions.name(a) for a in range(actions.n))
        return f"one of {actions.n}: {names}"
    entries = actions.names or tuple(str(i) for i in range(len(actions.low)))
    bounds = zip(entries, actions.low, actions.high, strict=True)
    return "; ".join(f"{name} from {low:g} to {high:g}" for name, low, high in bounds)


def settings(agents: Agents, swept_by: Sequence[Setting]) -> list[dict[str, Any]]:
    """The settings of the algorithm, each with what it is."""
    made = agents.algorithm
    swept = {name for s in swept_by for name in s.settings}
    return [
        {
            "name": f.name,
            "value": "swept" if f.name in swept else shown(getattr(made, f.name)),
            "what": f.metadata.get("doc") or words.documented(type(made), f.name),
        }
        for f in sorted(dataclasses.fields(made), key=lambda f: "doc" in f.metadata)
    ]


def shown(value: Any) -> Any:
    """A number or a text as it is, all else as Python."""
    return value if isinstance(value, (int, float, str)) else words.call(value)


def python(agents: Agents, settings: Sequence[Setting]) -> str:
    """The Python that trains the agents again."""
    made, group = agents.algorithm, agents.groups[0]
    imported, place = words.made(agents.environment)
    own = f"from {ALGORITHMS} import {type(made).__name__}{'' if imported else ', make'}"
    numbers = list(dict.fromkeys(int(agent.settings["seed"]) for agent in agents))
    grid = [s.settings for s in settings if s.settings]
    parts = [
        place,
        f"{group.task.budget}",
        f"seeds={len(numbers) if numbers == list(range(len(numbers))) else numbers}",
        *([f"grid={grid}"] if grid else []),
        f"evaluations={group.task.evaluations}",
        f"episodes={group.episodes}",
    ]
    heads = [own, imported] if imported else [own]
    lines = [*heads, "", f"agents = {words.call(made)}.learn(", *(f"    {p}," for p in parts), ")"]
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
