"""The numbers of AlphaZero, checked, and its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from descend.agents.alphazero.network import network
from descend.agents.checks import inspect
from descend.agents.game import Game, require_game
from descend.errors import DescendError
from descend.nn.checks import number, whole
from descend.nn.graph import Graph


@dataclass(frozen=True)
class Settings:
    """How games are played, searched and learnt from; by default what tic-tac-toe is learnt with.

    Args:
        games: number of boards that are played side by side.
        moves: number of moves that each is played for between rounds of updates.
        simulations: number of positions that the search of one move looks at.
        considered: number of moves, drawn by the network's policy, that a search begins with.
        noise: scale of the Gumbel noise by which they are drawn: 0 takes those of the highest
            probability.
        explore: share of self-play's moves that are drawn evenly from the legal ones, so that
            positions are seen which good play avoids. No value is carried back over such a move.
        value_scale, value_offset: how much a search trusts values against the policy: logits of
            moves are those of the network plus value_scale (value_offset + most visits) q.
        batch: number of positions of an update.
        passes: number of times that each position played is learnt from.
        decay: factor c of the squared weights in the loss.
        hidden: units of dense layers, or layers, between the board and the two heads.
        activation: name of the dense layers' function.

    Raises:
        DescendError: a number out of its range.

    Source: Silver et al. 2018; Danihelka et al. 2022, Policy Improvement by Planning with Gumbel.

    Example:
        >>> from descend.agents.alphazero import Settings
        >>> Settings(games=64, moves=8, batch=256, passes=1).updates  # of a round
        2
    """

    games: int = 128
    moves: int = 16
    simulations: int = 16
    considered: int = 16
    noise: float = 1.0
    explore: float = 0.75
    value_scale: float = 0.1
    value_offset: float = 50.0
    batch: int = 256
    passes: int = 2
    decay: float = 1e-5
    hidden: tuple[Any, ...] = (256, 256)
    activation: str = "relu"

    def __post_init__(self) -> None:
        for name in ("games", "moves", "simulations", "considered", "batch", "passes"):
            whole(f"Settings: {name}", getattr(self, name), 1)
        for name in ("noise", "decay", "value_scale", "value_offset"):
            number(f"Settings: {name}", getattr(self, name), least=0)
        if number("Settings: explore", self.explore, least=0) > 1:
            raise DescendError(f"Settings: explore is a share, 0 to 1, got {self.explore!r}")
        if not isinstance(self.hidden, tuple):
            raise DescendError(f"Settings: hidden must be a tuple, got {self.hidden!r}")
        if self.batch > self.passes * self.games * self.moves:
            raise DescendError(
                f"Settings: a batch of {self.batch} is more than the "
                f"{self.passes * self.games * self.moves} positions of a round (passes * games * "
                "moves)"
            )

    @property
    def updates(self) -> int:
        """Updates of a round: as many batches as its positions fill."""
        return self.passes * self.games * self.moves // self.batch


def network_for(game: Game, settings: Settings) -> Graph:
    """Return the network that plays a game: logits of its moves, and the value.

    Args:
        game: game to be played.
        settings: its hidden layers and their activation.

    Returns:
        The Graph, see `descend.agents.alphazero.network`.

    Raises:
        DescendError: a game whose methods cannot be traced, or that is no Game.

    Source: Silver et al. 2018, methods, without the residual tower.

    Example:
        >>> from descend.agents.alphazero import Settings, network_for
        >>> from descend.agents.environments.tic_tac_toe import TicTacToe
        >>> network_for(TicTacToe(), Settings(hidden=(32,))).output_shapes
        ((9,), (1,))
    """
    require_game(game)
    shape = inspect(game).observation
    return network(shape, game.actions.n, settings.hidden, settings.activation)
