"""ARIMA with a season, its order chosen by tests and an information criterion."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from descend.errors import DescendError
from descend.forecasting.rivals.base import SELECT, Normal, Past, Rival
from descend.nn import checks

LONGEST = 24  # steps of a season with terms of its own; above, it is only differenced
STRENGTH = 0.64  # of the season, from which on it is differenced
LEVEL = 0.05  # of the KPSS test
MOST = (2, 1)  # lags of either kind, and seasonal ones: more take minutes a series


class Order(NamedTuple):
    """(p, d, q), (P, D, Q), and whether there is a constant in the differences."""

    p: int
    d: int
    q: int
    P: int
    D: int
    Q: int
    constant: bool

    @property
    def differenced(self) -> int:
        """Differences in all."""
        return self.d + self.D


@dataclass(frozen=True)
class ARIMA(Rival):
    """Autoregression and moving average of differences, (p, d, q)(P, D, Q), by maximum likelihood.

    The order is chosen as Hyndman and Khandakar do: the season is differenced (D = 1) where an STL
    decomposition says that it is strong (above .64), then differences are taken as long as the KPSS
    test rejects at 5 % (d <= 2). p and q up to 2, P and Q up to 1, and a constant (only where
    d + D <= 1) come from a walk towards lower AICc: from the best of four orders to the best
    neighbour, until none is better. Quantiles are normal, with the variance of known parameters.

    Args:
        order: (p, d, q); None to choose it, with the seasonal one.
        seasonal: (P, D, Q) of an order that is given; None for (0, 0, 0).
        constant: whether the differences of an order that is given have a mean; None for where
            d + D <= 1.
        season: steps of the season; None for that of the data. Above 24 it is only differenced.
        select: the order is chosen at the "first" origin alone, from the history there, or at
            "every" one, which takes some ten times as long. Parameters are estimated at each.

    Raises:
        DescendError: orders that are not three whole numbers >= 0; `seasonal` without `order`.
        DataError: a series of fewer than 12 values, in a backtest.

    Source: statsmodels' `SARIMAX`; Hyndman and Khandakar (2008).

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import ARIMA
        >>> y = np.cumsum(np.random.default_rng(0).normal(size=80))
        >>> ahead = ARIMA((0, 1, 0), constant=False).forecast(y, 2, levels=())
        >>> bool(np.allclose(ahead.forecast, y[-1]))   # a random walk stays where it is
        True
    """

    order: tuple[int, int, int] | None = None
    seasonal: tuple[int, int, int] | None = None
    constant: bool | None = None
    season: int | None = None
    select: str = "first"

    nests = ("Naive", "SeasonalNaive", "Drift", "AR")

    def __post_init__(self) -> None:
        for field in ("order", "seasonal"):
            if getattr(self, field) is not None:
                listed = checks.entries(self, field, "three whole numbers >= 0")
                if len(listed) != 3 or not all(checks.is_whole(v) and v >= 0 for v in listed):
                    raise DescendError(
                        f"ARIMA: {field} must be three whole numbers >= 0, got {listed!r}"
                    )
        if self.order is None and (self.seasonal is not None or self.constant is not None):
            raise DescendError(
                "ARIMA: seasonal and constant belong to an order; give order=(p, d, q)"
            )
        if self.constant is not None:
            checks.true_or_false(self, "constant", self.constant)
        checks.positive_int(self, "season", optional=True)
        checks.one_of(self, "select", SELECT)

    def least(self, season: int) -> int:
        """See `Rival`."""
        return 12

    def choose(self, past: Past) -> Order:
        """The order that is given, or the one that is found."""
        if self.order is not None:
            p, d, q = self.order
            P, D, Q = self.seasonal or (0, 0, 0)
            constant = d + D <= 1 if self.constant is None else self.constant
            return Order(p, d, q, P, D, Q, constant)
        D, d = differences(past)
        return _walk(past, d, D)

    def fit(self, past: Past, form: Order) -> np.ndarray:
        """The parameters of the differences' ARMA."""
        model = _model(_differenced(past, form), form, past.season)
        return np.asarray(_fitted(model).params)

    def ahead(self, past: Past, form: Order, parameters: np.ndarray, steps: int) -> Normal:
        """See `Rival`: differences are forecast, then summed up again."""
        from statsmodels.tsa.arima_process import arma2ma

        m = past.season
        done = _model(_differenced(past, form), form, m).filter(parameters)
        seen = np.asarray(done.forecast(steps))
        y = _seasonal_difference(past.values, m) if form.D else past.values
        bases = [y]  # what was differenced, from the outermost on
        for _ in range(form.d - 1):
            bases.append(np.diff(bases[-1]))
        for base in reversed(bases[: form.d]):
            seen = base[-1] + np.cumsum(seen)
        if form.D:
            whole = list(past.values[len(past.values) - m :])
            for value in seen:
                whole.append(whole[-m] + value)
            seen = np.array(whole[m:])
        ar = np.asarray(done.polynomial_reduced_ar)
        for _ in range(form.d):
            ar = np.convolve(ar, [1, -1])
        if form.D:
            ar = np.convolve(ar, np.concatenate([[1], np.zeros(m - 1), [-1]]))
        response = arma2ma(ar, np.asarray(done.polynomial_reduced_ma), steps)
        return Normal(seen, np.sqrt(done.scale * np.cumsum(response**2)))


def differences(past: Past) -> tuple[int, int]:
    """(D, d): by the season's strength, then by the KPSS test."""
    from statsmodels.tsa.stattools import kpss

    y, m = past.values, past.season
    D = int(m > 1 and len(y) >= 2 * m + 12 and seasonal_strength(y, m) > STRENGTH)
    if D:
        y = _seasonal_difference(y, m)
    d = 0
    while d < 2 and np.ptp(y) > 0 and kpss(y, regression="c", nlags="auto")[1] < LEVEL:
        y = np.diff(y)
        d += 1
    return D, d


def seasonal_strength(y: np.ndarray, season: int) -> float:
    """1 - var(rest) / var(season + rest) of an STL decomposition, at least 0."""
    from statsmodels.tsa.seasonal import STL

    parts = STL(y, period=season).fit()
    both = np.var(parts.seasonal + parts.resid)
    return max(0.0, 1 - float(np.var(parts.resid) / both)) if both > 0 else 0.0


def _walk(past: Past, d: int, D: int) -> Order:
    """From the best of four orders to better neighbours; all have the same differences."""
    seasonal = 1 < past.season <= LONGEST and len(past.values) >= 3 * past.season
    constant = d + D <= 1
    known: dict[Order, float] = {}

    def score(order: Order) -> float:
        if order not in known:
            known[order] = aicc(past, order)
        return known[order]

    s = int(seasonal)
    starts = ((2, 2, s, s), (0, 0, 0, 0), (1, 0, s, 0), (0, 1, 0, s))
    orders = [Order(p, d, q, P, D, Q, constant) for p, q, P, Q in starts]
    best = min(orders, key=score)
    better = True
    while better:
        near = min(_neighbours(best, seasonal), key=score)
        better = score(near) < score(best)
        best = near if better else best
    if not np.isfinite(score(best)):
        raise FloatingPointError("no order has a finite likelihood")
    return best


def _neighbours(order: Order, seasonal: bool) -> Iterator[Order]:
    """Orders with one or both of a pair changed by one, or the constant."""
    moves = [(i, j) for i, j in itertools.product((-1, 0, 1), repeat=2) if i or j]
    for i, j in moves:
        p, q = order.p + i, order.q + j
        if 0 <= p <= MOST[0] and 0 <= q <= MOST[0]:
            yield order._replace(p=p, q=q)
        P, Q = order.P + i, order.Q + j
        if seasonal and 0 <= P <= MOST[1] and 0 <= Q <= MOST[1]:
            yield order._replace(P=P, Q=Q)
    if order.differenced <= 1:
        yield order._replace(constant=not order.constant)


def aicc(past: Past, order: Order) -> float:
    """Of the differences; infinite where they cannot be fitted."""
    try:
        model = _model(_differenced(past, order), order, past.season)
        score = float(_fitted(model, maxiter=50).aicc)
    except (ArithmeticError, IndexError, ValueError):
        return np.inf
    return score if np.isfinite(score) else np.inf


def _fitted(model: Any, **how: Any) -> Any:
    """By maximum likelihood; noise without a mean has no parameters to look for."""
    return model.fit(disp=False, **how) if model.k_params else model.filter(np.zeros(0))


def _differenced(past: Past, order: Order) -> np.ndarray:
    y = _seasonal_difference(past.values, past.season) if order.D else past.values
    return np.diff(y, order.d)


def _seasonal_difference(y: np.ndarray, season: int) -> np.ndarray:
    return y[season:] - y[:-season]


def _model(changes: np.ndarray, order: Order, season: int) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    terms = (order.P, 0, order.Q, season if order.P or order.Q else 0)
    return SARIMAX(
        changes,
        order=(order.p, 0, order.q),
        seasonal_order=terms,
        trend="c" if order.constant else "n",
        concentrate_scale=True,
    )
