"""A network with the familiar face: compile, fit, evaluate, predict, save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Model": "model",
    "NetworkTask": "network_task",
    "Rows": "supervised",
    "Sequential": "sequential",
    "Supervised": "supervised",
    "clone_model": "cloning",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.train.model.cloning import clone_model as clone_model
    from descend.train.model.model import Model as Model
    from descend.train.model.network_task import NetworkTask as NetworkTask
    from descend.train.model.sequential import Sequential as Sequential
    from descend.train.model.supervised import Rows as Rows
    from descend.train.model.supervised import Supervised as Supervised

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
