"""Measures of forecasts: functions of arrays, with a missing outcome left out.

The last axis of `truth` and of forecasts is the horizon; all others are averaged over too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descend.errors import DataError

# of Naive2 (the last value of the series without its season) on the 414 series, official figures
M4_HOURLY = (18.383, 2.395)


def naive_scale(history: Any, season: int = 1) -> float:
    """How far the seasonal naive forecast is off within a history: the unit of MASE.

        s = 1/(n - m) sum_(t > m) |y_t - y_(t-m)|

    Args:
        history: (n,) values before the origin; those that are missing are left out.
        season: steps of the season, m.

    Returns:
        The mean absolute change over a season; 0 where nothing changes.

    Raises:
        DataError: not more values than a season.

    Source: Hyndman and Koehler (2006), "Another look at measures of forecast accuracy".

    Example:
        >>> from descend.forecasting.measures import naive_scale
        >>> naive_scale([1, 3, 2, 6])
        2.3333333333333335
        >>> naive_scale([1, 3, 2, 6], season=2)
        2.0
    """
    y = np.asarray(history, float)
    if y.ndim != 1:
        raise DataError(f"naive_scale: a history is one series, shape (n,), got {y.shape}")
    changes = np.abs(y[season:] - y[:-season])
    changes = changes[np.isfinite(changes)]
    if not len(changes):
        raise DataError(
            f"naive_scale: a season of {season} steps needs more than {season} values, got "
            f"{len(y)}; give a longer history or a shorter season"
        )
    return float(changes.mean())


def mase(truth: Any, forecast: Any, history: Any, season: int = 1) -> float:
    """The mean absolute error in units of the seasonal naive one's within the history.

    Below 1: better than that one was, a step (or season) ahead, where the method was trained. The
    unit never sees the outcome.

    Args:
        truth: outcomes (..., H).
        forecast: of the same shape.
        history: (n,) values before the origin.
        season: steps of the season.

    Returns:
        MASE; infinite where the history never changes.

    Raises:
        DataError: shapes that differ, a history that is not longer than a season.

    Source: Hyndman and Koehler (2006).

    Example:
        >>> from descend.forecasting.measures import mase
        >>> mase([4, 5], [4, 7], history=[1, 3, 2, 4])   # 1 / (5/3)
        0.6
    """
    scale = naive_scale(history, season)
    return mae(truth, forecast) / scale if scale else float("inf")


def smape(truth: Any, forecast: Any) -> float:
    """The symmetric mean absolute percentage error, as in M4, between 0 and 200.

        200 mean |y - f| / (|y| + |f|),   0 where both are 0

    Args:
        truth: outcomes.
        forecast: of the same shape.

    Returns:
        Per cent.

    Raises:
        DataError: shapes that differ.

    Source: Makridakis, Spiliotis and Assimakopoulos (2020), "The M4 Competition".

    Example:
        >>> from descend.forecasting.measures import smape
        >>> round(smape([100, 0], [50, 0]), 3)
        33.333
    """
    y, f = _pair(truth, forecast)
    both = np.abs(y) + np.abs(f)
    shares = np.divide(
        np.abs(y - f), both, out=np.where(np.isnan(both), np.nan, 0.0), where=both > 0
    )
    return 200 * _mean(shares)


def owa(smape: float, mase: float, naive: tuple[float, float] = M4_HOURLY) -> float:
    """M4's overall weighted average: sMAPE and MASE, each by that of a naive method.

    Args:
        smape: of the method.
        mase: of the method.
        naive: (sMAPE, MASE) of the naive method on the same series; by default those of Naive2 on
            M4's hourly series, 18.383 and 2.395.

    Returns:
        The mean of the two ratios; below 1 is better than the naive method.

    Raises:
        DataError: a naive method without an error.

    Source: Makridakis, Spiliotis and Assimakopoulos (2020).

    Example:
        >>> from descend.forecasting.measures import owa
        >>> round(owa(13.912, 1.193), 3)   # seasonal naive, 24 hours
        0.627
    """
    if not min(naive) > 0:
        raise DataError(f"owa: the naive method's sMAPE and MASE must be > 0, got {naive!r}")
    return (smape / naive[0] + mase / naive[1]) / 2


def rmse(truth: Any, forecast: Any) -> float:
    """The root of the mean squared error, in the data's unit.

    Args:
        truth: outcomes.
        forecast: of the same shape.

    Returns:
        RMSE.

    Raises:
        DataError: shapes that differ.

    Source: a definition.

    Example:
        >>> from descend.forecasting.measures import rmse
        >>> rmse([1, 2], [1, 4])
        1.4142135623730951
    """
    y, f = _pair(truth, forecast)
    return float(np.sqrt(_mean((y - f) ** 2)))


def mae(truth: Any, forecast: Any) -> float:
    """The mean absolute error, in the data's unit.

    Args:
        truth: outcomes.
        forecast: of the same shape.

    Returns:
        MAE.

    Raises:
        DataError: shapes that differ.

    Source: a definition.

    Example:
        >>> from descend.forecasting.measures import mae
        >>> mae([1, 2], [1, 4])
        1.0
    """
    y, f = _pair(truth, forecast)
    return _mean(np.abs(y - f))


def pinball(truth: Any, quantiles: Any, levels: Sequence[float]) -> float:
    """The mean pinball loss of quantiles, over all levels.

        max(level (y - q), (1 - level) (q - y))

    At level .5 it is half the absolute error.

    Args:
        truth: outcomes (...).
        quantiles: (..., levels).
        levels: each in (0, 1).

    Returns:
        The loss, in the data's unit.

    Raises:
        DataError: shapes that do not fit, levels that are none.

    Source: Koenker and Bassett (1978); Gneiting (2011), "Making and evaluating point forecasts".

    Example:
        >>> from descend.forecasting.measures import pinball
        >>> pinball([10.0], [[8.0, 11.0]], (0.1, 0.9))   # (.1 * 2 + .1 * 1) / 2
        0.15
    """
    tau = np.asarray(levels, float)
    if tau.ndim != 1 or not len(tau) or not ((tau > 0) & (tau < 1)).all():
        raise DataError(f"pinball: levels must be numbers in (0, 1), got {levels!r}")
    y, q = np.asarray(truth, float), np.asarray(quantiles, float)
    if q.shape != (*y.shape, len(tau)):
        raise DataError(
            f"pinball: outcomes of shape {y.shape} and {len(tau)} levels need quantiles of shape "
            f"{(*y.shape, len(tau))}, got {q.shape}"
        )
    over = y[..., None] - q
    return _mean(np.maximum(tau * over, (tau - 1) * over))


def coverage(truth: Any, low: Any, high: Any) -> float:
    """The share of outcomes within their interval, ends included.

    Args:
        truth: outcomes.
        low: lower ends.
        high: upper ends.

    Returns:
        A share; NaN where no outcome is there.

    Raises:
        DataError: shapes that differ.

    Source: a definition.

    Example:
        >>> from descend.forecasting.measures import coverage
        >>> coverage([1, 2, 9], [0, 0, 0], [2, 2, 2])
        0.6666666666666666
    """
    y, a = _pair(truth, low)
    _, b = _pair(truth, high)
    inside = np.where(np.isnan(y) | np.isnan(a) | np.isnan(b), np.nan, (y >= a) & (y <= b))
    return _mean(inside)


def width(low: Any, high: Any) -> float:
    """The mean width of intervals, in the data's unit.

    Args:
        low: lower ends.
        high: upper ends.

    Returns:
        Mean of high - low.

    Raises:
        DataError: shapes that differ.

    Source: a definition.

    Example:
        >>> from descend.forecasting.measures import width
        >>> width([0, 1], [2, 2])
        1.5
    """
    a, b = _pair(low, high)
    return _mean(b - a)


def skill(loss: float, naive: float) -> float:
    """The share of a naive forecast's loss that a method takes away: 1 - loss / naive.

    Args:
        loss: of the method.
        naive: of the naive forecast, at the same origins.

    Returns:
        1 for no loss, 0 for the naive one's, below 0 for more; NaN where the naive one has none.

    Raises:
        Nothing of its own.

    Source: Murphy (1988), "Skill scores based on the mean square error".

    Example:
        >>> from descend.forecasting.measures import skill
        >>> skill(0.75, 1.0)
        0.25
    """
    return 1 - loss / naive if naive else float("nan")


def _pair(one: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(one, float), np.asarray(other, float)
    if a.shape != b.shape:
        raise DataError(f"outcomes and forecasts must have one shape, got {a.shape} and {b.shape}")
    return a, b


def _mean(values: np.ndarray) -> float:
    """Over what is there; NaN where nothing is."""
    here = values[~np.isnan(values)]
    return float(here.mean()) if len(here) else float("nan")
