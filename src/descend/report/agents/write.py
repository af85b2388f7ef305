"""The report on agents: a page of HTML, and the same numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from descend.agents import plots
from descend.agents.agents import Agents
from descend.agents.alphazero.players import Players
from descend.files import write_atomically
from descend.report.agents import games, games_page
from descend.report.agents.document import document_of, returns
from descend.report.agents.evidence import Evidence, gather
from descend.report.agents.page import render
from descend.report.page import report_files


def agents_report(
    agents: Agents,
    path: str | Path,
    *,
    episodes: int = 100,
    seed: int = 0,
    command: str | None = None,
    show: Callable[[str], None] = lambda words: None,
) -> tuple[Path, Path]:
    """Write the report on agents: `path`, and a JSON beside it, each atomically.

    Args:
        agents: what `learn` handed back, or `load_agents`.
        path: the page's, which ends in .html; the JSON has the same name with .json.
        episodes: episodes of each agent that judge it, of a game against each opponent; none was
            trained on or chose weights.
        seed: number that these follow from.
        command: command line that trained the agents, to be shown.
        show: a function that is called with a word on what comes next.

    Returns:
        The two paths.

    Raises:
        DescendError: a file that cannot be written, a name that does not end in .html, no whole
            number of episodes.
    """
    files = report_files(path)
    if isinstance(agents, Players):
        played = games.gather(agents, episodes, seed, show)
        document = games.document_of(played, command)
        show("drawing")
        drawn = {
            "curves": curves(agents, document, "score of a game against the opponent in training"),
            "frames": plots.plot_frames(played.game),
        }
        text = games_page.render(document, drawn)
    else:
        evidence = gather(agents, episodes, seed, show)
        document = document_of(evidence, command)
        show("drawing")
        text = render(document, pictures(evidence, document))
    numbers = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(files[0], text.encode())
    write_atomically(files[1], numbers.encode() + b"\n")
    return files


def curves(agents: Agents, document: dict[str, Any], label: str) -> Any:
    """The figure of the evaluations in training."""
    middles = {
        one["setting"]: [
            [float("nan") if v is None else v for v in one[k]]
            for k in ("interquartile mean", "low", "high")
        ]
        for one in document["curves"]["settings"]
    }
    return plots.plot_curves(agents.curves(), middles, label)


def pictures(evidence: Evidence, document: dict[str, Any]) -> dict[str, Any]:
    """The page's figures by name."""
    gamma = document["episode"]["gamma"]
    surface = evidence.surface
    return {
        "curves": curves(evidence.agents, document, returns(evidence)),
        "episode": plots.plot_episode(evidence.episode, gamma),
        "worst": plots.plot_episode(
            evidence.worst_episode, evidence.agents[evidence.worst].hyper["gamma"]
        ),
        "frames": plots.plot_frames(evidence.episode),
        "surface": None if surface is None else surface.plot(),
    }
