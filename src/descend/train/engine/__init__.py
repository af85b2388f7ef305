"""How anything is trained: tasks, feeds, the compiled epoch, runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Arrays": "feeds",
    "Batch": "task",
    "Chunk": "feeds",
    "Feed": "feeds",
    "History": "history",
    "InterruptedWarning": "training",
    "Run": "run",
    "State": "task",
    "Steps": "feeds",
    "Stream": "feeds",
    "Task": "task",
    "train": "training",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.train.engine.feeds import Arrays as Arrays
    from descend.train.engine.feeds import Chunk as Chunk
    from descend.train.engine.feeds import Feed as Feed
    from descend.train.engine.feeds import Steps as Steps
    from descend.train.engine.feeds import Stream as Stream
    from descend.train.engine.history import History as History
    from descend.train.engine.run import Run as Run
    from descend.train.engine.task import Batch as Batch
    from descend.train.engine.task import State as State
    from descend.train.engine.task import Task as Task
    from descend.train.engine.training import InterruptedWarning as InterruptedWarning
    from descend.train.engine.training import train as train

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
