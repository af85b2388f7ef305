"""Intervals that cover as stated, calibrated on the errors of earlier origins alone.

Errors of training rows are smaller than those of forecasts, and errors of later origins are not
known yet: the margin of an origin is a quantile of errors of earlier forecasts, as many steps
ahead, whose outcomes were known there. Errors of a series need not be exchangeable, so that the
coverage is not guaranteed as in tables; what was reached stands beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.errors import DataError
from descend.tables.judging.conformal import conformal_quantile, rows_needed
from descend.tables.judging.plain import share


def conformal_intervals(
    truth: Any,
    low: Any,
    high: Any,
    *,
    coverage: float = 0.9,
    clock: Any = None,
    seen: Any = None,
    scale: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Widen or narrow intervals by the errors of earlier origins, for each step ahead by itself.

        score  = max(low - y, y - high) / scale
        margin = the ceil((n + 1) coverage)-th smallest of the n scores that were known
        [low - margin scale, high + margin scale]

    With low = high = a point forecast these are intervals around it. Scores of all series together
    make one margin, so that scales should be given where series differ.

    Args:
        truth: outcomes (origins, series, H), origins from the earliest on.
        low: lower ends, of the same shape.
        high: upper ends.
        coverage: wanted, in (0, 1).
        clock: numbers (origins, series), when each forecast was made; None for origins one step
            apart.
        seen: numbers (origins, series, H), when each outcome was known; None for the moment it
            happened.
        scale: numbers (origins, series), the unit of each series' errors; None for 1.

    Returns:
        The lower and the upper ends, infinite where fewer than coverage / (1 - coverage) errors
        (9 for 90 %) were known.

    Raises:
        DataError: shapes that do not fit, a coverage out of range.

    Source: Papadopoulos et al. (2002); Romano, Patterson and Candès (2019) where the ends are
    quantiles; on time series: Stankevičiūtė, Alaa and van der Schaar (2021).

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import conformal_intervals
        >>> y = np.array([1.0, -2, 3, -1, 2, 1, -3, 2, 1, 9]).reshape(10, 1, 1)
        >>> low, high = conformal_intervals(y, 0 * y, 0 * y, coverage=0.8)
        >>> high[[3, 9], 0, 0].tolist()      # 4 errors are needed; of 9 the 8th counts
        [inf, 3.0]
    """
    y, a, b = (np.asarray(v, float) for v in (truth, low, high))
    if y.ndim != 3 or a.shape != y.shape or b.shape != y.shape:
        raise DataError(
            "conformal_intervals: outcomes and ends must have one shape (origins, series, H), got "
            f"{y.shape}, {a.shape} and {b.shape}"
        )
    share("coverage", coverage)
    O, S, H = y.shape
    made = np.repeat(np.arange(O)[:, None], S, axis=1) if clock is None else np.asarray(clock)
    known = made[..., None] + np.arange(1, H + 1) if seen is None else np.asarray(seen, float)
    unit = np.ones((O, S)) if scale is None else np.asarray(scale, float)
    if made.shape != (O, S) or known.shape != y.shape or unit.shape != (O, S):
        raise DataError(
            f"conformal_intervals: clock and scale must have shape {(O, S)} and seen {y.shape}, "
            f"got {made.shape}, {unit.shape} and {known.shape}"
        )
    scores = np.maximum(a - y, y - b) / unit[..., None]
    lower, upper = np.full_like(y, -np.inf), np.full_like(y, np.inf)
    needed = rows_needed(coverage)
    for i in range(O):
        for h in range(H):
            earlier = scores[:i, :, h][known[:i, :, h] <= made[i]]
            earlier = earlier[np.isfinite(earlier)]
            if len(earlier) < needed:
                continue
            margin = conformal_quantile(earlier, coverage) * unit[i]
            middle = (a[i, :, h] + b[i, :, h]) / 2
            # a negative margin may turn narrow intervals over: they become a point
            lower[i, :, h] = np.minimum(a[i, :, h] - margin, middle)
            upper[i, :, h] = np.maximum(b[i, :, h] + margin, middle)
    lower[np.isnan(a)], upper[np.isnan(b)] = np.nan, np.nan
    return lower, upper
