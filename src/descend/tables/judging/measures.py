"""Measures of predictions for many resamples at once: a function of how often each row was drawn.

A resample of rows is a vector of counts. A mean over rows is then one product of a matrix of counts
with the vector of losses, and so are RMSE, R2 and (rows sorted once) AUC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from descend.errors import DataError, unknown
from descend.tables.judging.plain import class_numbers, same_rows, truth, vector

Better = Literal["higher", "lower"]
# counts (resamples, rows) -> values (resamples,)
Counted = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Measure:
    """A measure of predictions.

    Attributes:
        name: its name.
        better: whether higher or lower values are.
        prepare: (y, predicted) -> function of counts (resamples, rows) that gives (resamples,);
            NaN where a resample leaves the measure undefined.
    """

    name: str
    better: Better
    prepare: Callable[[Any, Any], Counted]

    def __call__(self, y: Any, predicted: Any, weights: Any = None) -> float:
        """Compute its value on all rows."""
        rows = len(np.asarray(y))
        counts = np.ones(rows) if weights is None else vector("weights", weights, rows)
        return float(self.prepare(y, predicted)(counts[None])[0])


def measure(what: str | Measure | Callable[[Any, Any], float], better: Better = "lower") -> Measure:
    """The measure of a name, or of a function of (y, predicted).

    Args:
        what: a name of MEASURES; a Measure; or any function, which is then called once a resample.
        better: whether higher or lower values of a function are better.

    Raises:
        DescendError: a name that is not known.
    """
    if isinstance(what, Measure):
        return what
    if isinstance(what, str):
        if what not in MEASURES:
            raise unknown("measure", what, MEASURES)
        return MEASURES[what]
    return Measure(getattr(what, "__name__", "measure"), better, _repeated(what))


def mean_loss(
    name: str, loss: Callable[[Any, Any], np.ndarray], better: Better = "lower"
) -> Measure:
    """The mean over rows of a loss (y, predicted) -> (n,)."""

    def prepare(y: Any, predicted: Any) -> Counted:
        losses = vector(name, loss(y, predicted), len(np.asarray(y)))
        return lambda counts: _mean(counts, losses)

    return Measure(name, better, prepare)


def pinball(level: float) -> Measure:
    """The mean pinball loss of a quantile: level (y - q) above it, (1 - level) (q - y) below."""

    def loss(y: Any, predicted: Any) -> np.ndarray:
        over = np.subtract(*_numbers(y, predicted))
        return np.maximum(level * over, (level - 1) * over)

    return mean_loss(f"pinball loss at {level:g}", loss)


def _mean(counts: np.ndarray, losses: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=1)  # zero where only rows of no weight were drawn
    return np.divide(counts @ losses, total, out=np.full(len(counts), np.nan), where=total > 0)


def _repeated(function: Callable[[Any, Any], float]) -> Callable[[Any, Any], Counted]:
    def prepare(y: Any, predicted: Any) -> Counted:
        y, predicted = np.asarray(y), np.asarray(predicted)

        def of(counts: np.ndarray) -> np.ndarray:
            if (counts != np.floor(counts)).any():
                raise DataError(
                    "weights cannot be taken into account by a function of (y, predicted); give "
                    "the name of a measure, or mean_loss(name, function of each row)"
                )
            drawn = (np.repeat(np.arange(len(y)), c.astype(int)) for c in counts)
            return np.array([float(function(y[rows], predicted[rows])) for rows in drawn])

        return of

    return prepare


def _numbers(y: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    y = vector("y", y)
    return y, vector("predicted", predicted, len(y))


def _class_chances(y: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers, and probabilities (n, k); those of one event get their complement."""
    p = np.asarray(predicted)
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    if p.ndim != 2 or not len(p):
        raise DataError(f"predicted: expected probabilities (n,) or (n, classes), got {p.shape}")
    same_rows("predicted", p, len(np.asarray(y)))
    if not ((p >= 0) & (p <= 1 + 1e-3)).all():
        raise DataError("predicted: expected probabilities in [0, 1]")
    return class_numbers("y", y, p.shape[1], len(p)), p


def _log_loss(y: Any, predicted: Any) -> np.ndarray:
    classes, p = _class_chances(y, predicted)
    least = np.finfo(p.dtype).eps if p.dtype.kind == "f" else np.finfo(float).eps
    return -np.log(np.clip(p[np.arange(len(p)), classes], least, 1.0))


def _brier(y: Any, predicted: Any) -> np.ndarray:
    classes, p = _class_chances(y, predicted)
    squares = (p - np.eye(p.shape[1])[classes]) ** 2
    return squares.sum(axis=1) / (2 if p.shape[1] == 2 else 1)


def _right(y: Any, predicted: Any) -> np.ndarray:
    classes, p = _class_chances(y, predicted)
    # an even chance counts as the event, as a threshold of a half does
    called = p[:, 1] >= 0.5 if p.shape[1] == 2 else p.argmax(axis=1)
    return called == classes


def _poisson(y: Any, predicted: Any) -> np.ndarray:
    from scipy.special import xlogy

    y, m = _numbers(y, predicted)
    if m.min() <= 0 or y.min() < 0:
        raise DataError("Poisson deviance: expected predictions above 0 and counts from 0")
    return 2 * (xlogy(y, y / m) - (y - m))


def _rmse(y: Any, predicted: Any) -> Counted:
    squares = np.subtract(*_numbers(y, predicted)) ** 2
    return lambda counts: np.sqrt(_mean(counts, squares))


def _r2(y: Any, predicted: Any) -> Counted:
    y, predicted = _numbers(y, predicted)
    squares = (y - predicted) ** 2
    y = y - y.mean()  # so that the moments below lose no digits

    def of(counts: np.ndarray) -> np.ndarray:
        spread = _mean(counts, y**2) - _mean(counts, y) ** 2
        # a resample that drew one value has rounding error for a variance
        spread = np.where(spread > 1e-12 * np.mean(y**2), spread, np.nan)
        return 1 - _mean(counts, squares) / spread

    return of


def _auc(y: Any, predicted: Any) -> Counted:
    scores = np.asarray(predicted)
    if scores.ndim == 2 and scores.shape[1] == 2:
        scores = scores[:, 1]
    y = truth("y", y)
    scores = vector("predicted", scores, len(y))
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) > 0))
    positive = y[order]

    def of(counts: np.ndarray) -> np.ndarray:
        counts = counts[:, order]
        p = np.add.reduceat(np.where(positive, counts, 0.0), starts, axis=1)
        n = np.add.reduceat(np.where(positive, 0.0, counts), starts, axis=1)
        wins = (p * (np.cumsum(n, axis=1) - n / 2)).sum(axis=1)
        pairs = p.sum(axis=1) * n.sum(axis=1)
        return np.divide(wins, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)

    return of


def _squares(y: Any, predicted: Any) -> np.ndarray:
    return np.subtract(*_numbers(y, predicted)) ** 2


def _distances(y: Any, predicted: Any) -> np.ndarray:
    return np.abs(np.subtract(*_numbers(y, predicted)))


MEASURES = {
    "accuracy": mean_loss("accuracy", _right, "higher"),
    "log_loss": mean_loss("log_loss", _log_loss),
    "brier": mean_loss("brier", _brier),
    "auc": Measure("auc", "higher", _auc),
    "mse": mean_loss("mse", _squares),
    "mae": mean_loss("mae", _distances),
    "rmse": Measure("rmse", "lower", _rmse),
    "r2": Measure("r2", "higher", _r2),
    "poisson_deviance": mean_loss("poisson_deviance", _poisson),
}
