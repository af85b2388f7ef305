"""Forecasts of series: networks and classical rivals, judged at many origins.

Names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "AR": "rivals.autoregression",
    "ARIMA": "rivals.arima",
    "Backtest": "backtested",
    "Difference": "equal_accuracy",
    "Drift": "rivals.naive",
    "ETS": "rivals.smoothing",
    "FittedSeries": "recipe",
    "Forecaster": "forecaster",
    "LastValue": "scores",
    "LinearForecaster": "linear",
    "Mean": "rivals.mean",
    "Method": "method",
    "Naive": "rivals.naive",
    "Panel": "panel",
    "SeasonalNaive": "rivals.naive",
    "Theta": "rivals.smoothing",
    "Vintages": "vintages",
    "backtest": "backtesting",
    "clark_west": "equal_accuracy",
    "conformal_intervals": "conformal",
    "diebold_mariano": "equal_accuracy",
    "fit_series": "recipe",
    "open_last_part": "recipe",
    "repeats_last_value": "scores",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from descend.forecasting.backtested import Backtest as Backtest
    from descend.forecasting.backtesting import backtest as backtest
    from descend.forecasting.conformal import conformal_intervals as conformal_intervals
    from descend.forecasting.equal_accuracy import Difference as Difference
    from descend.forecasting.equal_accuracy import clark_west as clark_west
    from descend.forecasting.equal_accuracy import diebold_mariano as diebold_mariano
    from descend.forecasting.forecaster import Forecaster as Forecaster
    from descend.forecasting.linear import LinearForecaster as LinearForecaster
    from descend.forecasting.method import Method as Method
    from descend.forecasting.panel import Panel as Panel
    from descend.forecasting.recipe import FittedSeries as FittedSeries
    from descend.forecasting.recipe import fit_series as fit_series
    from descend.forecasting.recipe import open_last_part as open_last_part
    from descend.forecasting.rivals.arima import ARIMA as ARIMA
    from descend.forecasting.rivals.autoregression import AR as AR
    from descend.forecasting.rivals.mean import Mean as Mean
    from descend.forecasting.rivals.naive import Drift as Drift
    from descend.forecasting.rivals.naive import Naive as Naive
    from descend.forecasting.rivals.naive import SeasonalNaive as SeasonalNaive
    from descend.forecasting.rivals.smoothing import ETS as ETS
    from descend.forecasting.rivals.smoothing import Theta as Theta
    from descend.forecasting.scores import LastValue as LastValue
    from descend.forecasting.scores import repeats_last_value as repeats_last_value
    from descend.forecasting.vintages import Vintages as Vintages

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
