"""Whether predicted probabilities are the shares that come true: a test, and what is off.

    U = sum_i (y_i - p_i) (1, logit p_i),      V = sum_i p_i (1 - p_i) (1, l_i) (1, l_i)'

Where the probabilities are right, U' V^-1 U has the chi-squared law of two degrees in large samples
(the score test of intercept 0 and slope 1 in Cox's recalibration logit(P(y)) = a + b logit(p)); in
small ones it is drawn from them. With groups V is the sum of the groups' own outer products.

Source: Cox (1958), Two further applications of a model for binary regression; Spiegelhalter (1986).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.tables.checks.verdicts import Check, Kind

LEVEL = 0.01
DRAWS = 999
LARGE = 100.0  # expected events, and others, from which on the chi-squared law is used
LEAST_GROUPS = 20
FAR = 1.25  # ratio of mean prediction and rate, and of the slope to 1, from which on it matters
EDGE = 1e-6  # of probabilities, for their logit

_CALIBRATION = Kind("D008", "calibration")


@dataclass(frozen=True)
class Recalibration:
    """The logit of the event on the logit of its probability: a + b logit(p).

    Attributes:
        intercept, slope: a and b; 0 and 1 where the probabilities are right.
        intercept_error, slope_error: standard errors.
    """

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float


def calibration(
    y: Any,
    p: Any,
    *,
    rates: Mapping[str, float] | None = None,
    groups: Any = None,
    seed: int = 0,
) -> Check:
    """Whether probabilities are right on average, and neither too bold nor too cautious.

    Failed where the test rejects at 0.01: an issue where also the mean prediction and the rate (of
    the rarer outcome) differ by a factor of 1.25, or the slope from 1 does; else a tip.

    Args:
        y: (n,) whether the event happened, of the test rows; None where there are no probabilities.
        p: (n,) its probability.
        rates: {part: share of the event}, to be named.
        groups: (n,) labels of rows that were drawn together.
        seed: seed of the draws in small samples.
    """
    if y is None or len(y) < 2:
        return _CALIBRATION.skip("the task has no probabilities")
    y, p = np.asarray(y, np.float64), np.clip(np.asarray(p, np.float64), EDGE, 1 - EDGE)
    chance = _chance(y, p, groups, seed)
    line = recalibrate(y, p)
    mean_probability, observed_rate = float(p.mean()), float(y.mean())
    both = np.array([mean_probability, observed_rate])
    low, high = sorted((both if observed_rate <= 0.5 else 1 - both).tolist())
    off = high > FAR * low or (line is not None and not 1 / FAR < line.slope < FAR)
    words = (
        f"the mean probability is {mean_probability:.2%}, {observed_rate:.2%} of {len(y):,} test "
        "rows happened"
    )
    if rates:
        others = ", ".join(f"{rate:.2%} in {part}" for part, rate in rates.items())
        words += f" ({others})"
    if line is not None:
        words += (
            f"; recalibrated, intercept {line.intercept:.2f} (s.e. {line.intercept_error:.2f}) and "
            f"slope {line.slope:.2f} (s.e. {line.slope_error:.2f})"
        )
    return _CALIBRATION.judge(
        chance < LEVEL,
        f"{words}; right probabilities would look so in {chance:.1%} of tests",
        "Recalibrate on rows like those to come"
        + (": the rate differs, so the mean is off." if high > FAR * low else "."),
        level="issue" if off else "tip",
        chance=chance,
        mean=mean_probability,
        rate=observed_rate,
        slope=None if line is None else line.slope,
        intercept=None if line is None else line.intercept,
    )


def _chance(y: np.ndarray, p: np.ndarray, groups: Any, seed: int) -> float:
    """How often right probabilities look as wrong."""
    from scipy.stats import chi2, f

    logit = np.log(p) - np.log1p(-p)
    x = np.stack([np.ones(len(p)), logit], axis=1)
    if np.ptp(logit) < 1e-9:
        x = x[:, :1]
    k = x.shape[1]
    if groups is not None:
        unit = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
        count = int(unit.max()) + 1
        if count >= LEAST_GROUPS:
            sums = np.zeros((count, k))
            np.add.at(sums, unit, x * (y - p)[:, None])
            total = sums.sum(axis=0)
            centred = sums - total / count
            whole = total @ np.linalg.pinv(centred.T @ centred) @ total
            # Hotelling's T2 of the mean of the groups' sums
            return float(
                f.sf(whole * (count - 1) / count * (count - k) / (k * (count - 1)), k, count - k)
            )
    inverse = np.linalg.pinv((x * (p * (1 - p))[:, None]).T @ x)

    def statistic(outcomes: np.ndarray) -> np.ndarray:
        u = (outcomes - p) @ x
        return np.einsum("ij,jk,ik->i", u, inverse, u)

    observed = float(statistic(y[None])[0])
    if min(p.sum(), (1 - p).sum()) >= LARGE:
        return float(chi2.sf(observed, k))
    rng = np.random.default_rng(seed)
    larger = 0
    for _ in range(math.ceil(DRAWS / 111)):
        larger += int((statistic(rng.random((111, len(p))) < p) >= observed - 1e-9).sum())
    return (1 + larger) / (1 + DRAWS)


def recalibrate(y: Any, p: Any) -> Recalibration | None:
    """Intercept and slope by Newton's method; None where the classes are parted without error.

    Args:
        y: (n,) whether the event happened; p: (n,) its probability.
    """
    y, p = np.asarray(y, np.float64), np.clip(np.asarray(p, np.float64), EDGE, 1 - EDGE)
    logit = np.log(p) - np.log1p(-p)
    if np.ptp(logit) < 1e-9 or not 0 < y.mean() < 1:
        return None
    x, beta = np.stack([np.ones(len(p)), logit], axis=1), np.array([0.0, 1.0])
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
        hessian = (x * (fitted * (1 - fitted))[:, None]).T @ x
        if np.linalg.cond(hessian) > 1e12:
            return None
        step = np.linalg.solve(hessian, x.T @ (y - fitted))
        step *= min(1.0, 2 / max(np.abs(step).max(), 1e-12))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
            return Recalibration(*map(float, (*beta, *errors)))
    return None
