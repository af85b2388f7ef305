"""A linear regression on the last values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from descend.forecasting.rivals.base import Normal, Past, Rival
from descend.nn import checks

CRITERIA = ("aic", "bic", "hqic")
LEAST = 10  # values
TINY = 1e-12  # of sums of squares: rounding errors


@dataclass(frozen=True)
class AR(Rival):
    """A regression on the last p values and a constant, p by an information criterion.

        y_t = c + phi_1 y_(t-1) + ... + phi_p y_(t-p) + e_t

    by least squares. All p from 0 to `most` are compared on the same rows, anew at each origin;
    forecasts feed on forecasts. The variance h steps ahead is s^2 (1 + psi_1^2 + ... +
    psi_(h-1)^2): s^2 is that of the residuals by their degrees of freedom, psi the response to a
    shock.

    Args:
        criterion: "aic", "bic" or "hqic".
        most: the largest p; None for the larger of 12 (n/100)^(1/4) and a season and one, at most
            a quarter of the n values.

    Raises:
        DescendError: a criterion that is not known, a `most` that is no whole number >= 1.
        DataError: a series of fewer than 10 values, in a backtest.

    Source: statsmodels' `AutoReg`; the bound on p: Schwert (1989).

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import AR
        >>> y = [1.0]
        >>> for shock in np.random.default_rng(0).normal(size=400):
        ...     y.append(0.8 * y[-1] + shock)
        >>> ahead = AR("bic").forecast(y, 2)
        >>> bool(abs(ahead.forecast[2]) < abs(ahead.forecast[1]) < abs(y[-1]))   # to the mean, 0
        True
    """

    criterion: str = "aic"
    most: int | None = None

    nests = ("Naive", "SeasonalNaive", "Drift")

    def __post_init__(self) -> None:
        checks.one_of(self, "criterion", CRITERIA)
        checks.positive_int(self, "most", optional=True)

    def least(self, season: int) -> int:
        """See `Rival`."""
        return LEAST

    def choose(self, past: Past) -> int:
        """The number of lags."""
        n = len(past.values)
        most = self.most or max(int(12 * (n / 100) ** 0.25), past.season + 1)
        most = min(most, n // 4)
        rows = n - most
        lags = np.stack([past.values[most - k : n - k] for k in range(1, most + 1)], axis=1)
        # each lag takes its own part off what the constant and the lags before it have left
        q, r = np.linalg.qr(np.column_stack([np.ones(rows), lags]))
        y = past.values[most:]
        parts = np.where(np.abs(np.diag(r)) > TINY * np.abs(r).max(), q.T @ y, 0.0) ** 2
        left = np.maximum(y @ y - np.cumsum(parts), TINY * max(y @ y, 1e-300))
        price = {"aic": 2.0, "bic": np.log(rows), "hqic": 2 * np.log(np.log(rows))}
        criterion = rows * np.log(left) + price[self.criterion] * np.arange(most + 1)
        return int(criterion.argmin())

    def fit(self, past: Past, form: int) -> tuple[np.ndarray, float]:
        """(c, phi_1, ..., phi_p), and s."""
        from statsmodels.tsa.ar_model import AutoReg

        done = AutoReg(past.values, form, trend="c").fit()
        freedom = max(len(past.values) - form - (form + 1), 1)
        return np.asarray(done.params), float(np.sqrt(np.sum(done.resid**2) / freedom))

    def ahead(
        self, past: Past, form: int, parameters: tuple[np.ndarray, float], steps: int
    ) -> Normal:
        """See `Rival`."""
        (constant, *slopes), spread = parameters
        phi = np.array(slopes)
        y = list(past.values[len(past.values) - form :])
        psi = [0.0] * (form - 1) + [1.0] if form else [1.0]
        for _ in range(steps):
            y.append(constant + phi @ y[len(y) - form :][::-1] if form else constant)
            psi.append(float(phi @ psi[len(psi) - form :][::-1]) if form else 0.0)
        response = np.array(psi[max(form - 1, 0) :][:steps])
        return Normal(np.array(y[form:]), spread * np.sqrt(np.cumsum(response**2)))
