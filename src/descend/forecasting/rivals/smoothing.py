"""Exponential smoothing: ETS, whose form an information criterion chooses, and Theta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from descend.forecasting.rivals.base import SELECT, Normal, Past, Paths, Rival
from descend.nn import checks

LONGEST = 24  # steps of a season that is estimated
DRAWS = 2000  # paths where the variance has no formula


class Form(NamedTuple):
    """Which parts there are: None, "add" or "mul"."""

    trend: str | None
    damped: bool
    seasonal: str | None

    @property
    def error(self) -> str:
        """Errors in per cent go with seasons in per cent."""
        return self.seasonal or "add"


@dataclass(frozen=True)
class ETS(Rival):
    """Exponential smoothing of level, trend and season, each part kept only where it earns it.

    Compared are no trend, a trend and a damped one, each without a season, with an additive one
    and, where all values are positive, with a multiplicative one (then errors are multiplicative
    too): the form of the lowest AICc. Smoothing parameters and initial states are estimated by
    maximum likelihood at each origin. Quantiles are normal where the form is additive, else those
    of 2,000 simulated paths.

    Args:
        season: steps of the season; None for that of the data. Above 24 none is estimated.
        select: the form is chosen at the "first" origin alone, from the history there, or at
            "every" one, which takes some nine times as long.

    Raises:
        DescendError: a season that is no whole number >= 1; a word for `select` not known.
        DataError: a series of fewer than 8 values, in a backtest.

    Source: statsmodels' `ETSModel`; Hyndman, Koehler, Snyder and Grose (2002).

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import ETS
        >>> y = 10 + np.random.default_rng(0).normal(size=60)
        >>> ETS().forecast(y, 2, levels=()).forecast.round(0).tolist()
        [10.0, 10.0]
    """

    season: int | None = None
    select: str = "first"

    nests = ("Naive", "SeasonalNaive")

    def __post_init__(self) -> None:
        checks.positive_int(self, "season", optional=True)
        checks.one_of(self, "select", SELECT)

    def least(self, season: int) -> int:
        """See `Rival`."""
        return 8

    def choose(self, past: Past) -> Form:
        """The form of the lowest AICc; raises what the last of them raised where none can be."""
        seasonal: list[str | None] = [None]
        if 1 < past.season <= LONGEST and len(past.values) >= 2 * past.season + 5:
            seasonal += ["add", "mul"] if past.values.min() > 0 else ["add"]
        forms = [
            Form(trend, damped, part)
            for part in seasonal
            for trend, damped in ((None, False), ("add", False), ("add", True))
        ]
        scores: dict[Form, float] = {}
        problem: Exception = FloatingPointError("the likelihood is not finite")
        for form in forms:
            try:
                scores[form] = float(_model(past, form).fit(disp=False).aicc)
            except (ArithmeticError, ValueError) as error:
                problem = error
        finite = {form: score for form, score in scores.items() if np.isfinite(score)}
        if not finite:
            raise problem
        return min(finite, key=lambda form: finite[form])

    def fit(self, past: Past, form: Form) -> np.ndarray:
        """Smoothing parameters and initial states."""
        return np.asarray(_model(past, form).fit(disp=False).params)

    def ahead(self, past: Past, form: Form, parameters: np.ndarray, steps: int) -> Normal | Paths:
        """See `Rival`."""
        done = _model(past, form).smooth(parameters)
        mean = np.asarray(done.forecast(steps))
        if form.error == "add":
            n = len(past.values)
            seen = done.get_prediction(start=n, end=n + steps - 1)
            return Normal(mean, np.sqrt(np.asarray(seen.forecast_variance)))
        shocks = np.random.default_rng(0).normal(0, np.sqrt(done.scale), (steps, DRAWS))
        paths = done.simulate(steps, anchor="end", repetitions=DRAWS, random_errors=shocks)
        return Paths(mean, np.asarray(paths))


def _model(past: Past, form: Form) -> Any:
    import pandas as pd
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    return ETSModel(
        pd.Series(past.values),  # an array has no variances
        error=form.error,
        trend=form.trend,
        damped_trend=form.damped,
        seasonal=form.seasonal,
        seasonal_periods=past.season if form.seasonal else None,
    )


@dataclass(frozen=True)
class Theta(Rival):
    """The Theta method: exponential smoothing with half the slope of the trend line.

    The winner of the M3 competition. The series is deseasonalised first where a test finds a
    season. The variance h steps ahead is s^2 (1 + (h-1) alpha^2), s^2 the mean square of the errors
    one step ahead in the history, alpha the smoothing parameter.

    Args:
        season: steps of the season; None for that of the data.

    Raises:
        DescendError: a season that is no whole number >= 1.
        DataError: a series of fewer than 8 values, in a backtest.

    Source: Assimakopoulos and Nikolopoulos (2000), as Hyndman and Billah (2003) write it;
    statsmodels' `ThetaModel`.

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import Theta
        >>> Theta().forecast(np.arange(40.0), 2, levels=()).forecast.round(0).tolist()
        [39.0, 40.0]
    """

    season: int | None = None

    nests = ("Naive", "Drift")

    def __post_init__(self) -> None:
        checks.positive_int(self, "season", optional=True)

    def least(self, season: int) -> int:
        """See `Rival`."""
        return 8

    def ahead(self, past: Past, form: Any, parameters: Any, steps: int) -> Normal:
        """See `Rival`; its two numbers are estimated here, whatever was fitted before."""
        from statsmodels.tsa.forecasting.theta import ThetaModel

        y, n = past.values, len(past.values)
        seasonal = past.season > 1 and n >= 2 * past.season
        period = past.season if seasonal else None
        model = ThetaModel(y, period=period, deseasonalize=seasonal)
        done = model.fit()
        factors = np.zeros(steps)
        flat = y
        if seasonal:
            cycle = np.asarray(done.forecast_components(past.season)["seasonal"])
            factors = cycle[np.arange(steps) % past.season]
            inside = cycle[(np.arange(n) - n) % past.season]
            flat = y / inside if model.method.startswith("mul") else y - inside
        alpha = float(done.params["alpha"])
        spread = np.sqrt(np.mean(_smoothing_errors(flat, alpha) ** 2))
        wider = np.sqrt(1 + np.arange(steps) * alpha**2)
        if seasonal and model.method.startswith("mul"):
            wider = wider * factors
        return Normal(np.asarray(done.forecast(steps)), spread * wider)


def _smoothing_errors(y: np.ndarray, alpha: float) -> np.ndarray:
    """One step ahead, of simple exponential smoothing that starts at the first value, (n - 1,)."""
    level, errors = y[0], []
    for value in y[1:]:
        errors.append(value - level)
        level += alpha * errors[-1]
    return np.array(errors)
