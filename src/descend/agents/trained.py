"""What a training hands back, by what was trained: `Agents`, or `Players` of a game."""

from __future__ import annotations

from descend.agents.agents import Agents
from descend.agents.alphazero.players import Players
from descend.agents.group import Group


def agents_of(groups: list[Group]) -> Agents:
    """The agents of what each program trained."""
    return (Players if groups[0].task.algorithm.plays_games else Agents)(groups)
