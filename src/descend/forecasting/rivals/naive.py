"""The forecasts that cost nothing: the last value, the last season, the average drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.forecasting.rivals.base import Normal, Past, Rival
from descend.nn import checks


@dataclass(frozen=True)
class Naive(Rival):
    """Repeats the last value: the best there is for a random walk.

        y_(n+h) = y_n,   standard deviation s sqrt(h),   s^2 = mean of the squared changes

    Raises:
        DataError: a series of fewer than 3 values, in a backtest.

    Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, 5.2
    and 5.5.

    Example:
        >>> from descend.forecasting import Naive
        >>> Naive().forecast([1, 3, 2, 4], 2, levels=()).forecast.tolist()
        [4.0, 4.0]
    """

    def least(self, season: int) -> int:
        """See `Rival`."""
        return 3

    def ahead(self, past: Past, form: Any, parameters: Any, steps: int) -> Normal:
        """See `Rival`."""
        y = past.values
        spread = np.sqrt(np.mean(np.diff(y) ** 2))
        return Normal(np.full(steps, y[-1]), spread * np.sqrt(np.arange(1, steps + 1)))


@dataclass(frozen=True)
class SeasonalNaive(Rival):
    """Repeats the last season: next March is this March.

        y_(n+h) = y_(n+h-m(k+1)),   standard deviation s sqrt(k + 1),   k = floor((h-1) / m)

    with s^2 the mean of the squared changes over a season of m steps.

    Args:
        season: steps of the season, m; None for that of the data (12 for months, 4 for quarters).

    Raises:
        DescendError: a season that is no whole number >= 1.
        DataError: a series that is not longer than a season and a step, in a backtest.

    Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, 5.2
    and 5.5.

    Example:
        >>> from descend.forecasting import SeasonalNaive
        >>> SeasonalNaive(2).forecast([1, 3, 2, 4], 3, levels=()).forecast.tolist()
        [2.0, 4.0, 2.0]
    """

    season: int | None = None

    def __post_init__(self) -> None:
        checks.positive_int(self, "season", optional=True)

    def least(self, season: int) -> int:
        """See `Rival`."""
        return season + 2

    def ahead(self, past: Past, form: Any, parameters: Any, steps: int) -> Normal:
        """See `Rival`."""
        y, m = past.values, past.season
        spread = np.sqrt(np.mean((y[m:] - y[:-m]) ** 2))
        seasons = np.arange(steps) // m
        return Normal(y[len(y) - m + np.arange(steps) % m], spread * np.sqrt(seasons + 1))


@dataclass(frozen=True)
class Drift(Rival):
    """Goes on along the line from the first value to the last.

        y_(n+h) = y_n + h d,   d = (y_n - y_1) / (n - 1)

    with standard deviation s sqrt(h (1 + h / (n - 1))), s^2 the variance of the changes.

    Raises:
        DataError: a series of fewer than 4 values, in a backtest.

    Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, 5.2
    and 5.5.

    Example:
        >>> from descend.forecasting import Drift
        >>> Drift().forecast([1, 3, 2, 4], 2, levels=()).forecast.tolist()
        [5.0, 6.0]
    """

    nests = ("Naive",)

    def least(self, season: int) -> int:
        """See `Rival`."""
        return 4

    def ahead(self, past: Past, form: Any, parameters: Any, steps: int) -> Normal:
        """See `Rival`."""
        y, h = past.values, np.arange(1, steps + 1)
        changes = np.diff(y)
        spread = changes.std(ddof=1)
        return Normal(y[-1] + h * changes.mean(), spread * np.sqrt(h * (1 + h / len(changes))))
