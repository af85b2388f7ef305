"""AlphaZero: a network learns from games that it plays against itself by tree search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Matches": "results",
    "Minimax": "opponents",
    "Perfect": "opponents",
    "Player": "players",
    "Players": "players",
    "Random": "opponents",
    "Search": "search",
    "SelfPlay": "learner",
    "opponent": "opponents",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.agents.alphazero.learner import SelfPlay as SelfPlay
    from descend.agents.alphazero.opponents import Minimax as Minimax
    from descend.agents.alphazero.opponents import Perfect as Perfect
    from descend.agents.alphazero.opponents import Random as Random
    from descend.agents.alphazero.opponents import opponent as opponent
    from descend.agents.alphazero.players import Player as Player
    from descend.agents.alphazero.players import Players as Players
    from descend.agents.alphazero.results import Matches as Matches
    from descend.agents.alphazero.search import Search as Search

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
