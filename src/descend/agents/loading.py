"""Agents from a file."""

from __future__ import annotations

from pathlib import Path

from descend.agents import saving
from descend.agents.agents import Agents
from descend.agents.environment import Environment
from descend.agents.trained import agents_of


def load_agents(
    path: str | Path, environment: type[Environment] | Environment | None = None
) -> Agents:
    """Agents from a file of `Agents.save`; nothing in it is executed.

    Args:
        path: name of the file.
        environment: class of the environment, or the environment itself. Needed for one of the
            user's own that has not been imported, or that has fields which are no numbers.

    Returns:
        The Agents, as they were saved.

    Raises:
        CheckpointError: not such a file, or its environment is neither given nor imported.

    Source: descend's own.

    Example:
        >>> import tempfile
        >>> from descend.agents import QLearning, load_agents, make
        >>> agents = QLearning().learn(make("maze"), 200, seeds=2, evaluations=1, verbose=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     agents.save(f"{folder}/maze.descend")
        ...     again = load_agents(f"{folder}/maze.descend")
        >>> bool((again[0].table() == agents[0].table()).all())
        True
    """
    return agents_of(saving.read(path, environment))
