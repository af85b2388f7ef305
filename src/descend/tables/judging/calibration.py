"""Whether probabilities mean what they say: reliability, Brier score, temperature scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.tables.judging.plain import (
    Figures,
    chance,
    class_numbers,
    distributions,
    truth,
)
from descend.tables.judging.weighted import quantile, row_weights, share_interval

if TYPE_CHECKING:
    import pandas as pd

BINS = ("quantile", "uniform")
LEAST, MOST = 1e-3, 1e3  # of a temperature


@dataclass(frozen=True)
class Reliability(Figures):
    """Predicted probabilities beside observed shares, bin by bin; empty bins are left out.

    Attributes:
        how: one of BINS.
        lower, upper: ends of each bin.
        count: rows in it; weight: of them, 1 each without weights.
        predicted: their mean probability.
        observed: the share of them where the event happened.
        low, high: 95% interval of that share (Wilson).
    """

    how: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    count: tuple[int, ...]
    weight: tuple[float, ...]
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def expected_error(self) -> float:
        """Expected calibration error: sum over bins of (share of rows) |observed - predicted|."""
        gaps = np.abs(np.subtract(self.observed, self.predicted))
        return float(np.average(gaps, weights=self.weight))

    @property
    def largest_error(self) -> float:
        """The largest |observed - predicted| of a bin."""
        return float(np.abs(np.subtract(self.observed, self.predicted)).max())

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row a bin."""
        import pandas as pd

        return pd.DataFrame({k: v for k, v in vars(self).items() if k != "how"})

    def to_json(self) -> dict[str, Any]:
        """The bins and both errors as plain JSON."""
        return {
            **super().to_json(),
            "expected_error": self.expected_error,
            "largest_error": self.largest_error,
        }


@aligned("y", "probability", "weights")
def reliability(
    y: Any, probability: Any, *, bins: int = 10, how: str = "quantile", weights: Any = None
) -> Reliability:
    """The reliability curve with counts.

    Args:
        y: (n,) whether the event happened, 0 or 1.
        probability: (n,) predicted.
        bins: number of bins, at most; equal probabilities are never parted.
        how: "quantile" for bins of about equally many rows, "uniform" for bins of equal width.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    y, p, w = _that_weigh(y, probability, weights)
    edges, place, weight = _binned(p, bins, how, w)
    predicted = np.bincount(place, w * p) / weight
    shares = np.array([share_interval(y[place == i], w[place == i]) for i in range(len(weight))])
    return Reliability(
        how,
        *(
            tuple(a.tolist())
            for a in (edges[0], edges[1], np.bincount(place), weight, predicted, *shares.T)
        ),
    )


def _that_weigh(
    y: Any, probability: Any, weights: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, probability and weight of the rows that have one."""
    p = chance("probability", probability)
    y, w = truth("y", y, len(p)), row_weights(weights, len(p))
    return y[w > 0], p[w > 0], w[w > 0]


def _binned(
    p: np.ndarray, bins: int, how: str, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends (2, bins), the bin of each row, the weight of each bin; without bins that are empty."""
    if how not in BINS:
        raise unknown("kind of bins", how, BINS)
    if bins < 1:
        raise DataError(f"bins must be at least 1, got {bins}")
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    ends = [0.0], [1.0]
    if how == "quantile":
        inner, ends = np.unique(quantile(p, inner, w)), ([p.min()], [p.max()])
    edges = np.concatenate([ends[0], inner, ends[1]])
    place = np.searchsorted(inner, p)
    filled, place = np.unique(place, return_inverse=True)
    return np.stack([edges[:-1][filled], edges[1:][filled]]), place, np.bincount(place, w)


@aligned("y", "probabilities")
def top_class(y: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Whether the most probable class is the true one, and its probability; (n,) each.

    What `reliability` takes to judge a classifier of several classes.

    Args:
        y: (n,) class numbers.
        probabilities: (n, k).
    """
    p = distributions("probabilities", probabilities)
    y = class_numbers("y", y, p.shape[1], len(p))
    return p.argmax(axis=1) == y, np.minimum(p.max(axis=1), 1.0)


@dataclass(frozen=True)
class Brier(Figures):
    """The Brier score and its parts.

        score = reliability - resolution + uncertainty + within

    Attributes:
        score: mean of (p - y)^2.
        reliability: mean squared gap between a bin's probability and its share of events.
        resolution: variance of the bins' shares: how far they differ from the mean.
        uncertainty: variance of y, the score of predicting its mean always.
        within: what differs inside bins (Stephenson, Coelho and Jolliffe 2008); 0 where each bin
            holds one probability.
        skill: 1 - score / uncertainty; NaN where y has one value.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    skill: float

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row."""
        import pandas as pd

        return pd.DataFrame([vars(self)])


@aligned("y", "probability", "weights")
def brier(
    y: Any, probability: Any, *, bins: int = 10, how: str = "quantile", weights: Any = None
) -> Brier:
    """The Brier score of an event, decomposed (Murphy 1973).

    Args:
        y: (n,) whether the event happened, 0 or 1.
        probability: (n,) predicted.
        bins, how, weights: as in `reliability`.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    happened, p, w = _that_weigh(y, probability, weights)
    y = happened.astype(float)
    _, place, weight = _binned(p, bins, how, w)
    predicted, observed = (np.bincount(place, w * a) / weight for a in (p, y))
    apart, off = p - predicted[place], y - observed[place]

    def mean(values: np.ndarray, weights: np.ndarray = w) -> float:
        return float(np.average(values, weights=weights))

    score, uncertainty = mean((p - y) ** 2), mean((y - mean(y)) ** 2)
    return Brier(
        score=score,
        reliability=mean((predicted - observed) ** 2, weight),
        resolution=mean((observed - mean(y)) ** 2, weight),
        uncertainty=uncertainty,
        within=mean(apart**2) - 2 * mean(apart * off),
        skill=1 - score / uncertainty if uncertainty else float("nan"),
    )


@dataclass(frozen=True)
class Temperature(Figures):
    """One number that makes probabilities bolder (< 1) or more cautious (> 1).

        p_i(T) = exp(z_i / T) / sum_j exp(z_j / T)

    The order of the classes stays, and with it accuracy and AUC.

    Attributes:
        temperature: T.
        rows: it was chosen on.
        before, after: mean log-loss on them.
    """

    temperature: float
    rows: int
    before: float
    after: float

    def apply(self, probabilities: Any) -> np.ndarray:
        """Probabilities at this temperature: (n, k), or (n,) of one event."""
        z, single = _log_odds(probabilities)
        p = _softmax(z / self.temperature)
        return p[:, 1] if single else p

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row."""
        import pandas as pd

        return pd.DataFrame([vars(self)])

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Temperature:
        """The temperature that `to_json` described."""
        return cls(**described)


@aligned("y", "probabilities", "weights")
def fit_temperature(y: Any, probabilities: Any, *, weights: Any = None) -> Temperature:
    """The temperature of least log-loss (Guo et al. 2017).

    The loss is convex in 1 / T: its derivative's root is found by Brent's method. Where classes are
    parted without error the least loss is at T = 0; the temperature stops at 0.001.

    Args:
        y: (n,) class numbers, of rows that were not trained on.
        probabilities: (n, k), or (n,) of the event y = 1. Logarithms of them serve as logits:
            softmax does not see what they differ by.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    from scipy.optimize import brentq

    z, _ = _log_odds(probabilities)
    n, k = z.shape
    y = class_numbers("y", y, k, n)
    w = row_weights(weights, n)
    w = w / w.sum()
    own = z[np.arange(n), y]

    def loss(inverse: float) -> float:
        top = (inverse * z).max(axis=1)
        return float(
            w @ (top + np.log(np.exp(inverse * z - top[:, None]).sum(axis=1)) - inverse * own)
        )

    def slope(log_inverse: float) -> float:
        return float(w @ ((_softmax(np.exp(log_inverse) * z) * z).sum(axis=1) - own))

    ends = np.log(1 / MOST), np.log(1 / LEAST)
    if slope(ends[0]) >= 0:  # worse than a guess: as cautious as can be
        best = ends[0]
    elif slope(ends[1]) <= 0:
        best = ends[1]
    else:
        best = brentq(slope, *ends, xtol=1e-12)
    inverse = float(np.exp(best))
    return Temperature(1 / inverse, n, loss(1.0), loss(inverse))


def _log_odds(probabilities: Any) -> tuple[np.ndarray, bool]:
    """Logarithms of the probabilities (n, k), and whether they were those of one event."""
    values = np.asarray(probabilities)
    single = values.ndim == 1
    if single:
        p = chance("probabilities", values)
        p = np.stack([1 - p, p], axis=1)
    else:
        p = distributions("probabilities", values)
    # a probability that float32 rounded to zero was below this
    return np.log(np.maximum(p, np.finfo(np.float32).tiny)), single


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
