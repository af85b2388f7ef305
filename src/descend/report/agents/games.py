"""The report on agents that play a game of two: who was beaten, and two games move by move.

What it stands on, and its numbers as plain JSON. Results against opponents take the place of
returns; all else is as in the report on other agents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.agents.agents import Episode
from descend.agents.alphazero.players import GAMES, Players
from descend.agents.alphazero.results import SIDES, Matches
from descend.agents.evaluation import interquartile_mean
from descend.agents.group import WHICH
from descend.nn.checks import whole
from descend.report.agents import document as agents_document
from descend.report.agents.evidence import Setting, settings_of
from descend.report.table.words import digits
from descend.tables.judging.plain import plain

FORMAT = 1
LOOKED = 4  # moves of a position that are shown with their visits


@dataclass(frozen=True)
class Lost:
    """A game that was lost: by which agent, against whom, and the seed that plays it again."""

    agent: int
    against: str
    plays: str
    seed: int
    game: Episode


@dataclass(frozen=True)
class GameEvidence:
    """What was found.

    matches: {"last", "best"} weights against the same opponents; settings: who differs in seeds
    alone; shown: number of the agent that is looked at; game: its game against itself; lost: the
    first game that any agent lost, by the last weights; spoilt: of each agent (positions where its
    move is not the best, positions), where exact play is known.
    """

    agents: Players
    matches: dict[str, Matches]
    settings: list[Setting]
    shown: int
    game: Episode
    lost: Lost | None
    spoilt: list[tuple[int, int]] | None
    games: int
    seed: int


def gather(
    agents: Players, games: int, seed: int, show: Callable[[str], None] = lambda words: None
) -> GameEvidence:
    """Play games against opponents, and look at one of the agents.

    Args:
        agents: agents of any number of seeds and settings.
        games: games of each agent against each opponent.
        seed: number that the opponents' chance follows from.
        show: a function that is called with a word on what comes next.

    Raises:
        DescendError: no whole number of games, or no seed.
    """
    whole("episodes", games, 1)
    whole("seed", seed, 0)
    show("playing games")
    matches = {which: agents.evaluate(games, which, seed) for which in WHICH}
    last = matches["last"]
    order = np.argsort(last.means, kind="stable")
    shown = int(order[(len(order) - 1) // 2])
    show("looking at one agent")
    return GameEvidence(
        agents=agents,
        matches=matches,
        settings=settings_of(agents),
        shown=shown,
        game=agents[shown].episode(seed * GAMES),
        lost=_first_lost(agents, last, seed),
        spoilt=_spoilt(agents),
        games=games,
        seed=seed,
    )


def _first_lost(agents: Players, matches: Matches, seed: int) -> Lost | None:
    for (against, plays), scores in matches.scores.items():
        for agent, place in np.argwhere(scores < 0).tolist():
            again = seed * GAMES + place
            first = plays == SIDES[0]
            game = agents[agent].episode(again, against=against, first=first)
            return Lost(agent, against, plays, again, game)
    return None


def _spoilt(agents: Players) -> list[tuple[int, int]] | None:
    if not callable(getattr(agents.environment, "exact", None)):
        return None
    compared = [agents[i].compare() for i in range(len(agents))]
    return [(int(one.differs.sum()), len(one.differs)) for one in compared]


def document_of(evidence: GameEvidence, command: str | None = None) -> dict[str, Any]:
    """All numbers of the report, by section.

    Args:
        command: command line that trained the agents.
    """
    agents = evidence.agents
    label, algorithm = agents.environment.label, agents.algorithm.label
    count = f"{len(agents):,} agent" + ("" if len(agents) == 1 else "s")
    found = {
        "format": FORMAT,
        "title": f"{algorithm} in {label}: {count}",
        "summary": summary(evidence),
        "warnings": agents_document.warnings(evidence.agents, evidence.settings),
        "run": agents_document.run(evidence.agents, evidence.settings),
        "environment": agents_document.environment(evidence.agents),
        "games": evidence.games,
        "results": [result(evidence, setting) for setting in evidence.settings],
        "agents": [member(evidence, i) for i in range(len(agents))],
        "curves": agents_document.curves(evidence.agents, evidence.settings),
        "game": moves(evidence.game)
        | {"agent": evidence.shown, "seed": evidence.seed * GAMES, "against": "itself"},
        "lost": None if evidence.lost is None else lost(evidence.lost),
        "settings": agents_document.settings(evidence.agents, evidence.settings),
        "deviations": list(agents.algorithm.deviations),
        "reproduce": {
            "command": command,
            "python": agents_document.python(evidence.agents, evidence.settings),
        },
        "versions": agents_document.versions(),
    }
    return plain(found)


def summary(evidence: GameEvidence) -> str:
    """What was found, in a few sentences."""
    agents, last = evidence.agents, evidence.matches["last"]
    number = int(last.means.argmin())
    total = sum(score.size for score in last.scores.values())
    found = (
        f"In {total:,} games against {', '.join(_names(last))}, {len(agents)} agent"
        f"{'' if len(agents) == 1 else 's'} by {agents.algorithm.label} lost {last.losses:,}; the "
        "score of a game is 1, 0 or -1, and its interquartile mean over agents "
        f"{digits(interquartile_mean(last.means))}. The worst agent is number {number} with "
        f"{digits(last.means[number])}."
    )
    if evidence.spoilt:
        wrong, positions = max(evidence.spoilt)
        found += (
            f" Of all {positions:,} positions that are not over, the worst agent's move is not the "
            f"best in {wrong:,}."
        )
    return found


def result(evidence: GameEvidence, setting: Setting) -> dict[str, Any]:
    """How a setting's agents did against each opponent, by last and best weights."""
    found: dict[str, Any] = {
        "setting": setting.name,
        "settings": setting.settings,
        "agents": setting.members,
    }
    for which in WHICH:
        matches, rows = evidence.matches[which], []
        for (against, plays), scores in matches.scores.items():
            own = scores[setting.members]
            rows.append(
                {
                    "against": against,
                    "plays": plays,
                    "wins": int((own > 0).sum()),
                    "draws": int((own == 0).sum()),
                    "losses": int((own < 0).sum()),
                    "length": matches.lengths[against, plays][setting.members].mean(),
                }
            )
        found[which] = rows
    return found


def member(evidence: GameEvidence, number: int) -> dict[str, Any]:
    """One agent: its mean scores and its losses."""
    agent = evidence.agents[number]
    found: dict[str, Any] = {"agent": number, "settings": agent.settings}
    for which in WHICH:
        matches = evidence.matches[which]
        losses = {
            f"{against}, {plays}": int((scores[number] < 0).sum())
            for (against, plays), scores in matches.scores.items()
        }
        found[which] = {"mean": matches.means[number], "losses": losses}
    if evidence.spoilt:
        found["spoilt"] = evidence.spoilt[number][0]
    return found | {
        "best at": agent.task.steps_after(agent.best_epoch + 1),
        "diverged": agent.diverged is not None,
    }


def lost(found: Lost) -> dict[str, Any]:
    """The game that was lost."""
    return moves(found.game) | {
        "agent": found.agent,
        "seed": found.seed,
        "against": found.against,
        "plays": found.plays,
    }


def moves(game: Episode) -> dict[str, Any]:
    """A game in words, move by move, and how it ended."""
    *lines, end = in_words(game)
    return {"moves": lines, "end": end, "length": len(game)}


def in_words(episode: Episode) -> list[str]:
    """A game of two: each move with what the agent thought of it and the board behind it."""
    game: Any = episode.environment
    thoughts, lines, who = episode.thoughts, [], ""
    for step, move in enumerate(episode.actions):
        who = SIDES[int(game.turn(episode.state(step)))]
        visits = thoughts["visits"][step]
        most = [a for a in visits.argsort()[::-1][:LOOKED] if visits[a] > 0]
        looked = ", ".join(f"{game.actions.name(a)} {visits[a]:.0%}" for a in most)
        lines.append(
            f"{step + 1}. {who} plays {game.actions.name(move)}   the agent's value "
            f"{thoughts['value'][step]:+.2f} (network {thoughts['network'][step]:+.2f}), visits "
            f"{looked}\n{game.text(episode.state(step + 1))}"
        )
    reward = float(episode.rewards[-1])
    winner = who if reward > 0 else SIDES[1 - SIDES.index(who)]
    end = "a draw" if reward == 0 else f"{winner} wins"
    return [*lines, f"{end} in {len(episode)} moves"]


def _names(matches: Matches) -> list[str]:
    return list(dict.fromkeys(against for against, _ in matches.scores))
