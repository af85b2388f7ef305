"""The figures of forecasts at many origins, and what is wrong with some of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from descend.errors import DataError, DataWarning
from descend.forecasting import measures
from descend.forecasting.equal_accuracy import LEAST, SAME, above_zero

LEVEL = 0.05  # of the test that a forecast is more than the last value


class Interval(NamedTuple):
    """The widest central interval among the quantiles: the places of its ends, its coverage."""

    low: int
    high: int
    coverage: float

    @classmethod
    def of(cls, levels: Sequence[float]) -> Interval | None:
        """None where no two levels are symmetric."""
        for i, level in enumerate(levels):
            for j in range(len(levels) - 1, i, -1):
                if abs(level + levels[j] - 1) < 1e-9:
                    return cls(i, j, round(levels[j] - level, 9))
        return None


def figures(
    truth: np.ndarray, forecasts: np.ndarray, scale: np.ndarray, levels: Sequence[float]
) -> dict[str, float]:
    """Every measure of one method and one seed.

    Args:
        truth: (O, S, H) with NaN where something is missing for any method.
        forecasts: (O, S, H, 1 + levels), the point first.
        scale: (O, S).
        levels: of the quantiles.
    """
    point, quantiles = forecasts[..., 0], forecasts[..., 1:]
    found = {
        "MASE": measures.mae(truth / scale[..., None], point / scale[..., None]),
        "sMAPE": measures.smape(truth, point),
        "RMSE": measures.rmse(truth, point),
        "MAE": measures.mae(truth, point),
    }
    if len(levels):
        found["pinball"] = measures.pinball(truth, quantiles, levels)
    interval = Interval.of(levels)
    if interval:
        low, high = quantiles[..., interval.low], quantiles[..., interval.high]
        name = f"{100 * interval.coverage:g} %"
        found[f"coverage {name}"] = measures.coverage(truth, low, high)
        found[f"width {name}"] = measures.width(low, high)
    return found


class LastValue(NamedTuple):
    """Whether a forecast one step ahead is the last value over again.

    Attributes:
        to_last: mean distance of the forecast to the last value.
        to_outcome: mean distance of the forecast to the outcome.
        p_value: of Clark and West's test that it is better than the last value; None where it is
            the last value everywhere.

    Raises:
        Nothing of its own.

    Source: see `repeats_last_value`.

    Example:
        >>> from descend.forecasting import LastValue
        >>> LastValue(to_last=0.1, to_outcome=1.0, p_value=0.4).repeats
        True
    """

    to_last: float
    to_outcome: float
    p_value: float | None

    @property
    def repeats(self) -> bool:
        """Nearer to the last value than to the outcome, and not better than it at 5 %."""
        nearer = self.to_last < self.to_outcome
        return nearer and (self.p_value is None or self.p_value > LEVEL)


def repeats_last_value(truth: Any, forecast: Any, last: Any) -> LastValue:
    """Ask whether forecasts one step ahead are yesterday's value, as on many pictures of success.

    Two things together say so: the forecast lies nearer to the last value than to the outcome, and
    Clark and West's test (5 %, one-sided) does not find it better than the last value.

    Args:
        truth: outcomes (n,), in the order of their origins, or (n, series) on one scale.
        forecast: of the same shape, one step ahead.
        last: of the same shape, the last values known at the origins.

    Returns:
        The `LastValue`; its `repeats` is the answer. What is missing anywhere is left out.

    Raises:
        DataError: shapes that differ, fewer than 5 origins.

    Source: descend's own; Clark and West (2007).

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import repeats_last_value
        >>> y = np.cumsum(np.random.default_rng(0).normal(size=40))
        >>> repeats_last_value(y[1:], 0.99 * y[:-1], y[:-1]).repeats
        True
        >>> repeats_last_value(y[1:], y[1:] - 0.1, y[:-1]).repeats
        False
    """
    y, f, z = (np.asarray(v, float) for v in (truth, forecast, last))
    if not y.shape == f.shape == z.shape or y.ndim not in (1, 2):
        raise DataError(
            "repeats_last_value: outcomes, forecasts and last values must have one shape, (n,) or "
            f"(n, series), got {y.shape}, {f.shape} and {z.shape}"
        )
    change, said = (v.reshape(len(y), -1) for v in (y - z, f - z))
    there = np.isfinite(change) & np.isfinite(said)
    rows = there.any(axis=1)
    if rows.sum() < LEAST:
        raise DataError(f"repeats_last_value needs at least {LEAST} origins, got {rows.sum()}")
    change, said, there = change[rows], said[rows], there[rows]
    near = float(np.mean(np.abs(said), where=there))
    off = float(np.mean(np.abs(change - said), where=there))
    # Clark and West's f is (y - z)^2 - [(y - f)^2 - (f - z)^2] = 2 (y - z)(f - z)
    product = 2 * np.mean(change * said, axis=1, where=there)
    if np.ptp(product) <= SAME * np.abs(product).max():
        return LastValue(near, off, None)
    return LastValue(near, off, above_zero(product, 0)[1])


def warn_of_repeats(
    name: str, truth: np.ndarray, forecast: np.ndarray, last: np.ndarray, scale: np.ndarray
) -> None:
    """Warn where a method's forecasts one step ahead, (O, S), are yesterday's value."""
    there = np.isfinite((truth - forecast) / scale).any(axis=1)
    if there.sum() < LEAST:
        return
    found = repeats_last_value(truth / scale, forecast / scale, last / scale)
    if not found.repeats:
        return
    words = "it is the last value itself"
    if found.p_value is not None:
        words = (
            "Clark and West's test does not find it better than the last value "
            f"(p = {found.p_value:.2f})"
        )
    warnings.warn(
        f"{name}: this forecast is yesterday's value: one step ahead it lies nearer to the last "
        f"value ({found.to_last:.2f} units of MASE on average) than to the outcome "
        f"({found.to_outcome:.2f}), and {words}",
        DataWarning,
        stacklevel=2,
    )
