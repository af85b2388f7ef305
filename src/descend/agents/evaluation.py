"""How good agents are: returns of episodes that none of them has seen, over seeds.

Source: Agarwal et al. 2021, Deep Reinforcement Learning at the Edge of the Statistical Precipice
(the interquartile mean and its bootstrap over seeds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import trim_mean

from descend.errors import DescendError
from descend.nn.checks import number

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 2000  # of the bootstrap


def interquartile_mean(values: Any) -> float:
    """The mean of what is left when the lowest and the highest quarter are taken off.

    Args:
        values: numbers, one a seed.

    Returns:
        The mean; NaN where there are no numbers.

    Raises:
        Nothing of its own.

    Source: Agarwal et al. 2021; SciPy's trim_mean.

    Example:
        >>> from descend.agents import interquartile_mean
        >>> interquartile_mean([0.0, 10.0, 12.0, 500.0])
        11.0
    """
    values = np.asarray(values, float).ravel()
    return float(trim_mean(values, 0.25)) if values.size else float("nan")


@dataclass(frozen=True)
class Evaluation:
    """Returns of episodes that were played without exploring.

    Args:
        returns: return of an episode, the sum of its rewards, (members, episodes).
        lengths: steps of an episode, (members, episodes).
        terminated: whether it ended by itself and was not cut short, (members, episodes).
        settings: settings of each member, {"seed": 3, ...}.
        discounted: whether rewards count by the environment's discount.

    Raises:
        Nothing of its own.

    Source: Agarwal et al. 2021.

    Example:
        >>> import numpy as np
        >>> from descend.agents import Evaluation
        >>> returns = np.array([[1.0, 3.0], [5.0, 7.0]])
        >>> judged = Evaluation(returns, returns, returns > 0, [{"seed": 0}, {"seed": 1}])
        >>> judged.means.tolist(), judged.interquartile_mean, judged.worst_episode
        ([2.0, 6.0], 4.0, 1.0)
    """

    returns: np.ndarray
    lengths: np.ndarray
    terminated: np.ndarray
    settings: list[dict[str, Any]]
    discounted: bool = False

    @property
    def means(self) -> np.ndarray:
        """Mean return of each member, (members,)."""
        return self.returns.mean(axis=1)

    @property
    def interquartile_mean(self) -> float:
        """That of the members' means."""
        return interquartile_mean(self.means)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interquartile mean's interval, of members drawn anew with replacement.

        Args:
            level: share of draws that the interval holds.
        """
        if not 0 < number("level", level) < 1:
            raise DescendError(f"level must be between 0 and 1, got {level!r}")
        draw = np.random.default_rng(0)
        rows = draw.integers(len(self.means), size=(DRAWS, len(self.means)))
        values = trim_mean(self.means[rows], 0.25, axis=1)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    @property
    def worst(self) -> int:
        """The member of the lowest mean."""
        return int(np.argmin(self.means))

    @property
    def worst_episode(self) -> float:
        """The lowest return of any episode of any member."""
        return float(self.returns.min())

    def to_frame(self) -> pd.DataFrame:
        """Return one row a member: its settings, mean return, worst episode, mean length."""
        import pandas as pd

        return pd.DataFrame(
            [
                one
                | {
                    "return": self.returns[i].mean(),
                    "worst episode": self.returns[i].min(),
                    "length": self.lengths[i].mean(),
                    "terminated": self.terminated[i].mean(),
                }
                for i, one in enumerate(self.settings)
            ]
        )

    def __str__(self) -> str:
        low, high = self.interval()
        members, episodes = self.returns.shape
        return (
            f"{'discounted ' * self.discounted}return {self.interquartile_mean:.4g} "
            f"(interquartile mean of {members} seeds, "
            f"{low:.4g} to {high:.4g}), {episodes} episodes each; worst seed "
            f"{self.means.min():.4g}, worst episode {self.worst_episode:.4g}"
        )
