"""The mean of several methods, which often beats each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from descend.errors import DescendError
from descend.forecasting.method import Method
from descend.forecasting.rivals.arima import ARIMA
from descend.forecasting.rivals.autoregression import AR
from descend.forecasting.rivals.smoothing import ETS, Theta
from descend.nn import checks

if TYPE_CHECKING:
    from descend.forecasting.panel import Panel


@dataclass(frozen=True)
class Mean(Method):
    """The mean of the point forecasts of several methods, and of their quantiles.

    Args:
        methods: what is averaged, each with the same weight.

    Raises:
        DescendError: fewer than two methods, or something that is none.

    Source: Bates and Granger (1969); quantiles averaged at each level: Lichtendahl, Grushka-
    Cockayne and Winkler (2013).

    Example:
        >>> from descend.forecasting import Drift, Mean, Naive
        >>> Mean((Naive(), Drift())).name
        'Mean(Naive, Drift)'
    """

    methods: tuple[Method, ...] = (AR(), ETS(), ARIMA(), Theta())

    def __post_init__(self) -> None:
        listed = checks.entries(self, "methods", "methods")
        if len(listed) < 2 or not all(isinstance(m, Method) for m in listed):
            raise DescendError(f"Mean: methods must be at least two methods, got {listed!r}")

    @property
    def name(self) -> str:
        """Mean, and what it is of."""
        return f"Mean({', '.join(m.name for m in self.methods)})"

    @property
    def seeds(self) -> int:  # type: ignore[override]
        """The most that one of them has."""
        return max(m.seeds for m in self.methods)

    @property
    def nests(self) -> tuple[str, ...]:  # type: ignore[override]
        """Its parts, none of which is a special case of a mean with fixed weights."""
        return ()

    def backtest(
        self,
        panel: Panel,
        origins: np.ndarray,
        horizon: int,
        levels: Sequence[float],
        refit: bool = True,
    ) -> np.ndarray:
        """See `Method.backtest`."""
        return self.combine(
            [m.backtest(panel, origins, horizon, levels, refit) for m in self.methods]
        )

    def combine(self, forecasts: Sequence[np.ndarray]) -> np.ndarray:
        """The mean of what the methods gave; of the seeds of one, each with those of the others."""
        most = max(len(f) for f in forecasts)
        return np.mean([f[np.arange(most) % len(f)] for f in forecasts], axis=0)
