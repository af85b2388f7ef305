"""Figures of rows that weigh differently; without weights each row weighs one.

A row of weight 3 gives every figure what three equal rows would give it. How sure a figure is goes
by the effective rows instead: three equal rows would claim to be three independent ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DataError
from descend.tables.judging.plain import vector

if TYPE_CHECKING:
    import pandas as pd


def row_weights(weights: Any, rows: int) -> np.ndarray:
    """Weights (rows,), ones for None.

    Raises:
        DataError: another shape; a negative weight; none above zero.
    """
    if weights is None:
        return np.ones(rows)
    w = vector("weights", weights, rows)
    if w.min() < 0 or not w.any():
        raise DataError("weights: expected numbers >= 0, one of them larger")
    return w


def effective_rows(weights: np.ndarray) -> float:
    """n = (sum w)^2 / sum w^2: rows of equal weight that know a mean as well (Kish 1965)."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0


def quantile_places(weights: np.ndarray, levels: Any) -> np.ndarray:
    """Places of quantiles among rows in ascending order: the first with F >= level.

    Args:
        weights: (n,) of the rows in ascending order of their values.
        levels: shares in [0, 1].
    """
    distribution = np.cumsum(weights) / np.sum(weights)
    levels = np.maximum(levels, np.finfo(float).tiny)  # a row without weight is no minimum
    return np.minimum(np.searchsorted(distribution, levels), len(weights) - 1)


def quantile(values: np.ndarray, levels: Any, weights: np.ndarray) -> np.ndarray:
    """The inverse distribution function at each level, (levels,): values that occur.

    Args:
        values: (n,).
        levels: shares in [0, 1].
        weights: (n,).
    """
    order = np.argsort(values, kind="stable")
    return values[order][quantile_places(weights[order], np.asarray(levels, float))]


def frequent_levels(known: pd.Series, weights: np.ndarray) -> list[Any]:
    """The levels of a column without gaps, that of most weight first; ties as they come."""
    import pandas as pd

    total = pd.Series(weights).groupby(known.to_numpy(), sort=False, observed=True).sum()
    return list(total.sort_values(ascending=False, kind="stable").index)


def spread(values: np.ndarray, weights: np.ndarray) -> float:
    """Standard deviation: root of sum w (x - mean)^2 / sum w."""
    mean = np.average(values, weights=weights)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def share_interval(hits: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """The share of rows that hit, and its 95% interval (Wilson) of the effective rows.

    Args:
        hits: (n,) booleans.
        weights: (n,).

    Returns:
        (share, low, high); NaN without a row of weight.
    """
    from statsmodels.stats.proportion import proportion_confint

    n = effective_rows(weights)
    if not n:
        return float("nan"), float("nan"), float("nan")
    share = float(np.average(hits, weights=weights))
    low, high = proportion_confint(share * n, n, method="wilson")
    return share, float(low), float(high)
