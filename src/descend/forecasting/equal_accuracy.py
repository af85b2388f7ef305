"""Whether one forecast is better than another, beyond chance.

Sources: Diebold and Mariano (1995); Bartlett weights: Newey and West (1987); the correction for
small samples: Harvey, Leybourne and Newbold (1997); nested models: Clark and West (2007), Giacomini
and White (2006).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from descend.errors import DataError, DataWarning, unknown
from descend.nn import checks

LEAST = 5  # forecasts
SAME = 1e-12  # of the larger loss: differences that vary by less do not vary
LOSSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"squared": np.square, "absolute": np.abs}
SIDES = ("two-sided", "less", "greater")


@dataclass(frozen=True)
class Difference:
    """A test of two forecasts' losses.

    Attributes:
        test: its name.
        statistic: negative where the first forecast's loss is the smaller (of `clark_west`:
            positive where the larger model is better).
        p_value: chance of such a statistic where both are as good.
        mean: mean difference of the losses, first minus second.
        forecasts: number of forecasts, n.
        lags: autocovariances in the variance, the horizon less one.
        alternative: "two-sided"; "less": the first loss is smaller; "greater".

    Raises:
        Nothing of its own.

    Source: see `diebold_mariano`.

    Example:
        >>> from descend.forecasting import diebold_mariano
        >>> done = diebold_mariano([1, 1, 2, 0, 1], [2, 3, 2, 2, 1])
        >>> done.forecasts, done.lags
        (5, 0)
    """

    test: str
    statistic: float
    p_value: float
    mean: float
    forecasts: int
    lags: int
    alternative: str

    def __str__(self) -> str:
        lower = (
            "the first loss is the smaller" if self.mean < 0 else "the second loss is the smaller"
        )
        return (
            f"{self.test}: {self.statistic:.3f}, p = {self.p_value:.3f} ({self.alternative}, "
            f"{self.forecasts} forecasts, {self.lags} lags); {lower}"
        )


def diebold_mariano(
    first: Any,
    second: Any,
    horizon: int = 1,
    *,
    loss: str = "squared",
    alternative: str = "two-sided",
    nested: bool = False,
) -> Difference:
    """Test whether two forecasts are equally accurate, from their errors at the same origins.

        d_t = L(e1_t) - L(e2_t)
        V   = (g_0 + 2 sum_(k=1)^(h-1) (1 - k/h) g_k) / n,    g_k autocovariances of d, by 1/n
        DM  = mean(d) / sqrt(V) * sqrt((n + 1 - 2h + h(h-1)/n) / n)

    against Student's t with n - 1 degrees of freedom. With Bartlett's weights V is never negative;
    the unweighted sum may be, and then takes a silent floor elsewhere.

    Args:
        first: errors (n,) of one forecast, in the order of their origins.
        second: errors (n,) of the other.
        horizon: steps ahead, in units of the distance between two origins, h.
        loss: "squared" or "absolute"; for any other, give losses as errors with loss="none".
        alternative: "two-sided"; "less": the first loss is the smaller one; "greater".
        nested: whether one model is a special case of the other, both fitted on growing histories.
            Then the statistic is not Student's under equal accuracy, and a warning says so.

    Returns:
        The `Difference`.

    Raises:
        DataError: errors that are missing or differ in number; fewer than 5 forecasts or than two
            horizons; losses that are the same everywhere.

    Source: Diebold and Mariano (1995); Harvey, Leybourne and Newbold (1997), equation 9.

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import diebold_mariano
        >>> truth = np.array([10, 20, 30, 40, 50])
        >>> one, two = np.array([11, 21, 29, 42, 53]), np.array([13, 26, 24, 40, 59])
        >>> done = diebold_mariano(truth - one, truth - two, alternative="less")
        >>> round(done.statistic, 5), round(done.p_value, 6)
        (-2.22299, 0.045156)
    """
    h = checks.whole("horizon", horizon, 1, error=DataError)
    if loss not in (*LOSSES, "none"):
        raise unknown("loss", loss, (*LOSSES, "none"))
    if alternative not in SIDES:
        raise unknown("alternative", alternative, SIDES)
    a, b = _errors("first", first), _errors("second", second)
    if len(a) != len(b):
        raise DataError(
            f"both forecasts need an error at each origin, got {len(a)} and {len(b)} errors"
        )
    n = len(a)
    _require_enough(n, h)
    of = LOSSES.get(loss, np.asarray)
    d = of(a) - of(b)
    if np.ptp(d) <= SAME * max(np.abs(of(a)).max(), np.abs(of(b)).max()):
        raise DataError(
            f"the two losses differ by {d[0]:.3g} at all {n} forecasts: there is no variance, and "
            "nothing to test; are they the same forecasts?"
        )
    variance = long_run_variance(d, h - 1) / n
    if nested:
        warnings.warn(
            "one of these models is a special case of the other and both were fitted on growing "
            "histories: under equal accuracy the Diebold-Mariano statistic is then not Student's "
            "t, and speaks against the larger model. Compare on rolling histories (window=...), or "
            "by clark_west for squared losses",
            DataWarning,
            stacklevel=2,
        )
    corrected = math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    statistic = float(d.mean() / math.sqrt(variance) * corrected)
    return Difference(
        "Diebold-Mariano",
        statistic,
        _p_value(statistic, n, alternative),
        float(d.mean()),
        n,
        h - 1,
        alternative,
    )


def clark_west(truth: Any, small: Any, large: Any, horizon: int = 1) -> Difference:
    """Test whether a model beats a special case of itself, from their forecasts.

        f_t = (y - small)^2 - [(y - large)^2 - (small - large)^2]

    The larger model estimates what is zero under the null, and its squared error is the larger for
    that; the last term takes this off. One-sided: f has a mean above zero where the larger is
    better. The variance is that of `diebold_mariano`.

    Args:
        truth: outcomes (n,).
        small: forecasts (n,) of the special case, such as the last value.
        large: forecasts (n,) of the model that contains it.
        horizon: steps ahead, in units of the distance between two origins.

    Returns:
        The `Difference`; `mean` is that of f. Its p-value is by the normal distribution.

    Raises:
        DataError: as `diebold_mariano`.

    Source: Clark and West (2007), "Approximately normal tests for equal predictive accuracy in
    nested models".

    Example:
        >>> from descend.forecasting import clark_west
        >>> round(clark_west([1, 2, 3, 2, 4], [0] * 5, [1, 1, 2, 2, 3]).statistic, 3)
        2.868
    """
    h = checks.whole("horizon", horizon, 1, error=DataError)
    y, s, g = _errors("truth", truth), _errors("small", small), _errors("large", large)
    if not len(y) == len(s) == len(g):
        raise DataError(
            f"outcomes and forecasts must be as many, got {len(y)}, {len(s)} and {len(g)}"
        )
    _require_enough(len(y), h)
    f = (y - s) ** 2 - ((y - g) ** 2 - (s - g) ** 2)
    if np.ptp(f) <= SAME * np.abs(f).max():
        raise DataError("the two forecasts are the same everywhere: there is nothing to test")
    statistic, chance = above_zero(f, h - 1)
    return Difference("Clark-West", statistic, chance, float(f.mean()), len(f), h - 1, "greater")


def above_zero(values: np.ndarray, lags: int) -> tuple[float, float]:
    """The statistic of a mean (of values (n,) that vary), and the chance that it is so far above 0.

    By the normal distribution, with the long-run variance.
    """
    statistic = float(values.mean() / math.sqrt(long_run_variance(values, lags) / len(values)))
    return statistic, float(stats.norm.sf(statistic))


def long_run_variance(values: np.ndarray, lags: int) -> float:
    """g_0 + 2 sum_k (1 - k/(lags+1)) g_k: not below zero, whatever the values (n,)."""
    d = values - values.mean()
    n = len(d)
    weights = [1.0] + [2 * (1 - k / (lags + 1)) for k in range(1, lags + 1)]
    return float(sum(w * (d[k:] @ d[: n - k]) / n for k, w in enumerate(weights)))


def _errors(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values, float)
    if array.ndim != 1:
        raise DataError(f"{name}: expected one number an origin, shape (n,), got {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(
            f"{name}: {int((~np.isfinite(array)).sum())} of {len(array)} are missing or infinite; "
            "leave those origins out of both forecasts"
        )
    return array


def _require_enough(n: int, horizon: int) -> None:
    needed = max(LEAST, 2 * horizon)
    if n < needed:
        raise DataError(
            f"a test of forecasts {horizon} step(s) ahead needs at least {needed} of them (two "
            f"stretches that do not overlap), got {n}; use more origins"
        )


def _p_value(statistic: float, n: int, alternative: str) -> float:
    law = stats.t(n - 1)
    if alternative == "less":
        return float(law.cdf(statistic))
    if alternative == "greater":
        return float(law.sf(statistic))
    return float(2 * law.sf(abs(statistic)))
