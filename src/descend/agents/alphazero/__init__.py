"""AlphaZero: a network learns from games that it plays against itself by tree search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Search": "search",
    "SelfPlay": "learner",
    "Settings": "settings",
    "network_for": "settings",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.agents.alphazero.learner import SelfPlay as SelfPlay
    from descend.agents.alphazero.search import Search as Search
    from descend.agents.alphazero.settings import Settings as Settings
    from descend.agents.alphazero.settings import network_for as network_for

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
