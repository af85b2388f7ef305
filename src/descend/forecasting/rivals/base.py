"""What classical methods share: one series after the other, fitted anew at each origin."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.stats import norm

from descend.errors import DataError, DataWarning, DescendError
from descend.forecasting.method import Method
from descend.forecasting.progress import shown

if TYPE_CHECKING:
    import pandas as pd

    from descend.forecasting.panel import Panel

SELECT = ("first", "every")
FAILURES = (ArithmeticError, LookupError, RuntimeError, ValueError)  # of an estimation


class Past(NamedTuple):
    """One series as it is known at an origin.

    Attributes:
        values: (n,), from its first value to its last, without gaps.
        season: steps of the season.
        late: steps behind the last value that are not published yet at the origin.
    """

    values: np.ndarray
    season: int
    late: int = 0


class Normal(NamedTuple):
    """Normal forecasts: means and standard deviations, (H,) each."""

    mean: np.ndarray
    deviation: np.ndarray

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """(H, levels)."""
        return self.mean[:, None] + self.deviation[:, None] * norm.ppf(levels)


class Paths(NamedTuple):
    """Forecasts by simulated paths: points (H,), and paths (H, draws)."""

    mean: np.ndarray
    paths: np.ndarray

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """(H, levels)."""
        return np.quantile(self.paths, levels, axis=1).T


class Rival(Method):
    """Base of the classical methods; each says how it is fitted and how it goes on.

    Attributes:
        season: steps of the season; None for the data's own.
        select: whether its form (lags, order, trend) is chosen at the "first" origin alone, from
            the history there, or at "every" one. Parameters are estimated at each in both cases.
    """

    season: int | None = None
    select: str = "every"

    shows_progress = True

    def least(self, season: int) -> int:
        """The least values that a history must have."""
        raise NotImplementedError

    def choose(self, past: Past) -> Any:
        """The form, such as the number of lags."""
        return None

    def fit(self, past: Past, form: Any) -> Any:
        """The parameters."""
        return None

    def ahead(self, past: Past, form: Any, parameters: Any, steps: int) -> Normal | Paths:
        """The forecasts for the `steps` behind the last value."""
        raise NotImplementedError

    def backtest(
        self,
        panel: Panel,
        origins: np.ndarray,
        horizon: int,
        levels: Sequence[float],
        refit: bool = True,
    ) -> np.ndarray:
        """See `Method.backtest`."""
        season = self.season or panel.season
        out = np.full((1, *origins.shape, horizon, 1 + len(levels)), np.nan)
        work = [(i, s) for i, row in enumerate(origins) for s in np.flatnonzero(row)]
        pasts = {}
        for i, s in work:
            start = panel.starts[s]
            pasts[i, s] = known(panel.values[start : start + origins[i, s]], season)
            self.require(pasts[i, s], panel.names[s])
        kept: dict[Any, tuple[Any, Any]] = {}  # by name: a series known at two times is one series
        failed: list[str] = []
        unsettled = 0
        for i, s in shown(work, self.name):
            past = pasts[i, s]
            with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
                warnings.simplefilter("always")
                try:
                    form, parameters = kept.get(panel.names[s], (None, None))
                    first = panel.names[s] not in kept
                    if first or (refit and self.select == "every"):
                        form = self.choose(past)
                    if first or refit:
                        parameters = self.fit(past, form)
                    kept[panel.names[s]] = (form, parameters)
                    seen = self.ahead(past, form, parameters, past.late + horizon)
                    both = np.concatenate(
                        [seen.mean[:, None], seen.quantiles(np.asarray(levels, float))], axis=1
                    )
                    if not np.isfinite(both).all():
                        raise FloatingPointError("its forecasts are not finite")
                    out[0, i, s] = both[past.late :]
                except DescendError:
                    raise
                except FAILURES as error:
                    where = f"series {panel.names[s]!r}, " if panel.names[s] else ""
                    failed.append(
                        f"{where}origin {i + 1} of {len(origins)}, {len(past.values)} values: "
                        f"{type(error).__name__}: {error}"
                    )
            unsettled += any(w.category.__name__ == "ConvergenceWarning" for w in told)
        if failed:
            words = f"{self.name}: {len(failed)} of {len(work)} fits failed"
            if len(failed) == len(work):
                raise DataError(f"{words}, the first at {failed[0]}")
            warnings.warn(
                f"{words} and have no forecast, the first at {failed[0]}", DataWarning, stacklevel=2
            )
        if unsettled:
            warnings.warn(
                f"{self.name}: at {unsettled} of {len(work)} fits the optimiser stopped before it "
                "had converged; these forecasts are kept",
                DataWarning,
                stacklevel=2,
            )
        return out

    def forecast(
        self, y: Any, horizon: int, *, season: int = 1, levels: Sequence[float] = (0.05, 0.95)
    ) -> pd.DataFrame:
        """Forecasts behind the end of one series of values at equal steps.

        Args:
            y: (n,) from the earliest on; gaps (NaN) inside are bridged by straight lines.
            horizon: steps ahead.
            season: steps of the season, where the method has none of its own.
            levels: of the quantiles.

        Returns:
            A row a step, numbered from 1: the column "forecast", and one a level.

        Raises:
            DataError: too few values; the fit failed.
        """
        import pandas as pd

        past = known(np.asarray(y, float), self.season or season)
        self.require(past, "")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                form = self.choose(past)
                seen = self.ahead(past, form, self.fit(past, form), past.late + horizon)
            except FAILURES as error:
                what = f"{type(error).__name__}: {error}"
                raise DataError(f"{self.name}: the fit failed: {what}") from None
        columns: dict[Any, np.ndarray] = {"forecast": seen.mean}
        columns |= dict(zip(levels, seen.quantiles(np.asarray(levels, float)).T, strict=True))
        frame = pd.DataFrame(columns)[past.late :].reset_index(drop=True)
        frame.index = pd.RangeIndex(1, horizon + 1, name="step")
        return frame

    def require(self, past: Past, name: Any) -> None:
        """Raises DataError where a history is too short."""
        needed = self.least(past.season)
        if len(past.values) < needed:
            of = f"series {name!r}" if name else "the series"
            raise DataError(
                f"{self.name} needs at least {needed} values, {of} has {len(past.values)} at its "
                "earliest origin; give a longer series, fewer origins, or leave this method out"
            )


def known(values: np.ndarray, season: int) -> Past:
    """A history without its gaps.

    Values that are missing at its start are cut off; inside, they lie on the straight line between
    their neighbours, both of which are known; those at its end are not filled but forecast.
    """
    here = np.flatnonzero(np.isfinite(values))
    if not len(here):
        return Past(np.zeros(0), season, len(values))
    first, last = here[0], here[-1]
    places = np.arange(first, last + 1)
    return Past(np.interp(places, here, values[here]), season, len(values) - 1 - int(last))
