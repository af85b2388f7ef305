"""What forecasts: the one face that classical rivals and networks share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from descend.forecasting.panel import Panel


class Method:
    """Base of everything that forecasts; a backtest asks for `backtest` and nothing else.

    A method of one's own is a frozen dataclass on it that writes `backtest`.

    Attributes:
        name: what tables and pictures call it: the class, with the fields that are not at their
            defaults.
        seeds: fits of the same data that differ by luck alone; 1 where nothing is drawn.
        horizon: steps ahead that it is made for; None for any number.
        nests: names of classes that are special cases of this one, for which a test of equal
            accuracy on growing histories is not valid (`diebold_mariano`).
        shows_progress: whether it shows a bar of its own.

    Raises:
        NotImplementedError: `backtest` is not written.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from dataclasses import dataclass
        >>> from descend.forecasting.method import Method
        >>> @dataclass(frozen=True)
        ... class Always(Method):
        ...     value: float = 0.0
        ...     def backtest(self, panel, origins, horizon, levels, refit=True):
        ...         return np.full((1, *origins.shape, horizon, 1 + len(levels)), self.value)
        >>> Always().name, Always(2.0).name
        ('Always', 'Always(value=2.0)')
    """

    seeds: int = 1
    horizon: int | None = None
    nests: tuple[str, ...] = ()
    shows_progress: bool = False

    @property
    def name(self) -> str:
        """The class's name, with the fields that are not at their defaults."""
        said: list[str] = []
        if dataclasses.is_dataclass(self):
            for field in dataclasses.fields(self):
                value = getattr(self, field.name)
                if value != field.default:
                    said.append(f"{field.name}={value!r}")
        return type(self).__name__ + (f"({', '.join(said)})" if said else "")

    def backtest(
        self,
        panel: Panel,
        origins: np.ndarray,
        horizon: int,
        levels: Sequence[float],
        refit: bool = True,
    ) -> np.ndarray:
        """Forecasts from several origins, each from nothing but what was known there.

        Args:
            panel: the series. Several may have the same name: then they are one series as it was
                known at several origins (revised data, rolling histories).
            origins: whole numbers (origins, series), from the earliest on: at origin i the first
                `origins[i, s]` rows of series s are known, its history. 0 says that the series
                takes no part in this origin: it is not trained on, and its forecasts are NaN.
            horizon: steps ahead, H; the first is the row behind the history.
            levels: of the quantiles, rising, each in (0, 1).
            refit: whether parameters are estimated anew at each origin, else they are those of the
                first and only the history grows.

        Returns:
            (seeds, origins, series, H, 1 + levels): the point forecast, then the quantiles. NaN
            where a fit failed, with a DataWarning that names it.
        """
        raise NotImplementedError
