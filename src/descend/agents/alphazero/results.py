"""How games against opponents came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.agents.alphazero.opponents import Minimax, Opponent

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("first", "second")


@dataclass(frozen=True)
class Matches:
    """Games against opponents, as first and as second player.

    Args:
        scores: {(opponent, "first" or "second"): 1 for a win, 0 for a draw, -1 for a loss,
            (members, games)}.
        lengths: their moves, alike.
        settings: settings of each member, {"seed": 3, ...}.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.agents.alphazero import Matches
        >>> scores = {("random", "first"): np.array([[1, 1, 0]])}
        >>> print(Matches(scores, scores, [{"seed": 0}]))
        random: 2-1-0 as first
    """

    scores: dict[tuple[str, str], np.ndarray]
    lengths: dict[tuple[str, str], np.ndarray]
    settings: list[dict[str, Any]]

    def counts(self, against: str, plays: str) -> tuple[int, int, int]:
        """Return (wins, draws, losses) of all members.

        Args:
            against: name of the opponent.
            plays: side, "first" or "second".
        """
        return _counts(self.scores[against, plays])

    @property
    def means(self) -> np.ndarray:
        """Mean score of each member over opponents and sides, (members,), from -1 to 1."""
        return np.mean([score.mean(axis=1) for score in self.scores.values()], axis=0)

    @property
    def losses(self) -> int:
        """Games that were lost."""
        return sum(_counts(score)[2] for score in self.scores.values())

    def to_frame(self) -> pd.DataFrame:
        """Return one row a member, opponent and side."""
        import pandas as pd

        rows = []
        for i, one in enumerate(self.settings):
            for (against, plays), score in self.scores.items():
                wins, draws, losses = _counts(score[i])
                length = self.lengths[against, plays][i].mean()
                results = {"wins": wins, "draws": draws, "losses": losses, "length": length}
                rows.append(one | {"against": against, "plays": plays} | results)
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        words: dict[str, list[str]] = {}
        for (against, plays), score in self.scores.items():
            words.setdefault(against, []).append(f"{'-'.join(map(str, _counts(score)))} as {plays}")
        return "; ".join(f"{against}: {', '.join(each)}" for against, each in words.items())


def _counts(score: np.ndarray) -> tuple[int, int, int]:
    return int((score > 0).sum()), int((score == 0).sum()), int((score < 0).sum())


def name_of(opponent: Opponent) -> str:
    """The name of an opponent, as `opponent` takes it."""
    if isinstance(opponent, Minimax):
        if opponent == Minimax(2, guess=False):
            return "one-ply"
        return f"depth-{opponent.depth}" + ("" if opponent.guess else " without a guess")
    return type(opponent).__name__.lower()
