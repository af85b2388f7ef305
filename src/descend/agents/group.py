"""What one program trained: members of one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from descend.agents.task import AgentTask
from descend.errors import unknown
from descend.train.engine.history import History

WHICH = ("last", "best")


@dataclass
class Group:
    """The members of one program.

    task: what trained them; places: their numbers among all; last, best: weights with a leading
    axis, after the last step and at each one's best evaluation, which was in `best_epochs`;
    episodes: those of an evaluation in training;
    diverged: the evaluation (from 1) before which a member became non-finite, or None.
    """

    task: AgentTask
    places: list[int]
    settings: list[dict[str, Any]]
    histories: list[History]
    diverged: list[int | None]
    last: Any
    best: Any
    best_epochs: np.ndarray
    episodes: int
    seconds: float

    def weights(self, which: str) -> Any:
        """The weights of all members, last or best."""
        if which not in WHICH:
            raise unknown("weights", which, WHICH)
        chosen = self.last if which == "last" else self.best
        return jax.tree.map(lambda a: a[: len(self.places)], chosen)

    def hyper(self) -> dict[str, np.ndarray]:
        """The numbers of the members, {name: (members,)}."""
        return {
            name: np.array([float(one.get(name, value)) for one in self.settings])
            for name, value in self.task.hyper().items()
        }
