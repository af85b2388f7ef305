"""Bootstrap intervals of measures, and of the difference between two predictors on the same rows.

Rows, or whole clusters of rows, are drawn with replacement; both predictors are judged on the same
draw. The models stay as they are: the intervals say what another test part would have shown, not
what another training would have.

Source: Efron and Tibshirani (1993); BCa: Efron (1987), by scipy.stats.bootstrap.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.tables.judging.measures import Better, Counted, Measure, measure
from descend.tables.judging.plain import Figures, same_rows, share
from descend.tables.judging.weighted import row_weights

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("percentile", "bca")
AT_ONCE = 2_000_000  # counts held at a time; 16 MB
# BCa leaves out each unit once, so its work grows with the square of their number
BCA_UNITS = 5_000


@dataclass(frozen=True)
class Interval(Figures):
    """A figure with its bootstrap interval.

    Attributes:
        name: name of the figure.
        estimate: the figure on all rows.
        low, high: ends of the interval; NaN where too many resamples left the figure undefined.
        error: standard deviation over resamples.
        level: level of the interval.
        method: "percentile" or "bca".
        rows: how many; clusters: how many, None where single rows were drawn.
        resamples: drawn; undefined: of them, left out.
    """

    name: str
    estimate: float
    low: float
    high: float
    error: float
    level: float
    method: str
    rows: int
    clusters: int | None
    resamples: int
    undefined: int

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row."""
        import pandas as pd

        return pd.DataFrame([vars(self)])


@dataclass(frozen=True)
class Comparison(Figures):
    """Two predictors on the same rows.

    Attributes:
        measure: its name; better: whether "higher" or "lower" values are.
        first, second: the measure of each.
        difference: first - second, on the same draws.
        first_better: share of the draws in which the first was strictly better.
    """

    measure: str
    better: Better
    first: Interval
    second: Interval
    difference: Interval
    first_better: float

    @property
    def winner(self) -> str | None:
        """ "first" or "second" where the interval of the difference leaves out 0, else None."""
        low, high = self.difference.low, self.difference.high
        if not (low > 0 or high < 0):  # also where an end is NaN
            return None
        return "first" if (low > 0) == (self.better == "higher") else "second"

    def to_frame(self) -> pd.DataFrame:
        """Three rows: each predictor, and the difference."""
        import pandas as pd

        return pd.DataFrame([vars(i) for i in (self.first, self.second, self.difference)])

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON, and who won."""
        return {**super().to_json(), "winner": self.winner}


class Draws:
    """Which rows are drawn, how often; the same ones each time that they are asked for.

    Args:
        rows: how many there are.
        clusters: (rows,) labels; rows of one label are drawn together.
        weights: (rows,) that counts are multiplied with.
        resamples: how many draws.
        seed: seed of the draws.

    Raises:
        DataError: one row or one cluster; shapes that do not fit; negative weights.
    """

    def __init__(
        self,
        rows: int,
        *,
        clusters: Any = None,
        weights: Any = None,
        resamples: int = 2000,
        seed: int = 0,
    ):
        import pandas as pd

        if resamples < 2:
            raise DataError(f"resamples must be at least 2, got {resamples}")
        self.rows, self.resamples, self.seed = rows, resamples, seed
        self.units, self.cluster = rows, None
        if clusters is not None:
            same_rows("clusters", np.asarray(clusters), rows)
            self.cluster, names = pd.factorize(np.asarray(clusters), use_na_sentinel=False)
            self.units = len(names)
        self.weights = None if weights is None else row_weights(weights, rows)
        if self.units < 2:
            what = "row" if clusters is None else "cluster"
            raise DataError(f"there is 1 {what}; a bootstrap needs at least 2 to draw from")

    @property
    def all(self) -> np.ndarray:
        """Every row once, (1, rows): what the estimate stands on."""
        return self.of_units(np.arange(self.units)[None])

    @property
    def at_once(self) -> int:
        """Draws that are held at a time."""
        return max(AT_ONCE // self.rows, 1)

    def of_units(self, drawn: np.ndarray) -> np.ndarray:
        """Numbers of drawn units (resamples, any) as weights of rows (resamples, rows)."""
        count = len(drawn)
        offset = np.arange(count)[:, None] * self.units
        flat = np.bincount((drawn + offset).ravel(), minlength=count * self.units)
        counts = flat.reshape(count, self.units).astype(float)
        if self.cluster is not None:
            counts = counts[:, self.cluster]
        return counts if self.weights is None else counts * self.weights

    def __iter__(self) -> Iterator[np.ndarray]:
        """Weights of rows, (some resamples, rows), until all resamples have come."""
        rng = np.random.default_rng(self.seed)
        for begin in range(0, self.resamples, self.at_once):
            some = min(self.at_once, self.resamples - begin)
            yield self.of_units(rng.integers(self.units, size=(some, self.units)))

    def values(self, of: Counted) -> np.ndarray:
        """A function of the weights on each draw, (resamples,)."""
        return np.concatenate([of(weights) for weights in self])


def interval(
    name: str,
    of: Counted,
    draws: Draws,
    *,
    level: float = 0.95,
    method: str = "percentile",
    values: np.ndarray | None = None,
) -> Interval:
    """The bootstrap interval of a function of the rows' weights.

    Args:
        name: name of the figure.
        of: weights (resamples, rows) -> (resamples,).
        draws: draws of rows or clusters.
        level: level of the interval.
        method: one of METHODS. "bca" corrects bias and skewness; with more than BCA_UNITS rows or
            clusters, where it would be slow and change little, the percentile interval is taken,
            and `method` of the result says so.
        values: `of` on each draw, where it is already known.

    Raises:
        DataError: a level out of range. DescendError: a method that is not known.
    """
    share("level", level)
    if method not in METHODS:
        raise unknown("bootstrap method", method, METHODS)
    values = draws.values(of) if values is None else values
    defined = values[np.isfinite(values)]
    estimate = float(of(draws.all)[0])
    low = high = error = math.nan
    # an interval from a few lucky draws would be none
    if 2 * len(defined) > len(values) and len(defined) > 1:
        tail = (1 - level) / 2
        low, high = map(float, np.quantile(defined, [tail, 1 - tail]))
        error = float(defined.std(ddof=1))
    used = "percentile"
    if (
        method == "bca"
        and draws.units <= BCA_UNITS
        and len(defined) == len(values)
        and np.ptp(values) > 0
    ):
        ends = _bca(of, draws, level)
        if np.isfinite(ends).all():
            (low, high), used = map(float, ends), "bca"
    return Interval(
        name=name,
        estimate=estimate,
        low=low,
        high=high,
        error=error,
        level=level,
        method=used,
        rows=draws.rows,
        clusters=None if draws.cluster is None else draws.units,
        resamples=draws.resamples,
        undefined=len(values) - len(defined),
    )


def _bca(of: Counted, draws: Draws, level: float) -> np.ndarray:
    """Both ends; NaN where the correction is not defined."""
    from scipy import stats

    def statistic(units: np.ndarray, axis: int = -1) -> np.ndarray:
        units = np.moveaxis(units, axis, -1)
        flat = units.reshape(-1, units.shape[-1]).astype(int)
        some = [
            of(draws.of_units(flat[i : i + draws.at_once]))
            for i in range(0, len(flat), draws.at_once)
        ]
        return np.concatenate(some).reshape(units.shape[:-1])

    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(
            (np.arange(draws.units),),
            statistic,
            n_resamples=draws.resamples,
            batch=draws.at_once,
            vectorized=True,
            confidence_level=level,
            method="BCa",
            rng=np.random.default_rng(draws.seed),
        )
    return np.asarray([result.confidence_interval.low, result.confidence_interval.high])


@aligned("y", "predicted", "weights", "clusters")
def bootstrap(
    what: str | Measure | Callable[[Any, Any], float],
    y: Any,
    predicted: Any,
    *,
    better: Better = "lower",
    weights: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    resamples: int = 2000,
    method: str = "percentile",
    seed: int = 0,
) -> Interval:
    """A measure of predictions with its interval.

    Args:
        what: a name of MEASURES ("auc", "log_loss", "rmse", "r2", ...), a Measure, or a function of
            (y, predicted).
        y: (n,) the truth; for classes their numbers.
        predicted: (n,), or (n, k) probabilities.
        better: whether "higher" or "lower" values of a function are better.
        weights: (n,) of the rows.
        clusters: (n,) labels; rows of one label are drawn together.
        level, resamples, method, seed: settings of the interval; see `interval`.

    Raises:
        DataError: shapes that do not fit, values out of range.
        DescendError: a name that is not known.
    """
    chosen = measure(what, better)
    draws = Draws(
        len(np.asarray(y)), clusters=clusters, weights=weights, resamples=resamples, seed=seed
    )
    return interval(chosen.name, chosen.prepare(y, predicted), draws, level=level, method=method)


@aligned("y", "first", "second", "weights", "clusters")
def compare(
    what: str | Measure | Callable[[Any, Any], float],
    y: Any,
    first: Any,
    second: Any,
    *,
    better: Better = "lower",
    weights: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    resamples: int = 2000,
    method: str = "percentile",
    seed: int = 0,
) -> Comparison:
    """The paired bootstrap of the difference between two predictors on the same rows.

    Args:
        first, second: predictions of each, as `predicted` of `bootstrap`; the rest as there.

    Raises:
        DataError: shapes that do not fit, values out of range.
        DescendError: a name that is not known.
    """
    chosen = measure(what, better)
    draws = Draws(
        len(np.asarray(y)), clusters=clusters, weights=weights, resamples=resamples, seed=seed
    )
    a, b = chosen.prepare(y, first), chosen.prepare(y, second)
    pairs = [(a(w), b(w)) for w in draws]
    values = [np.concatenate(v) for v in zip(*pairs, strict=True)]

    def apart(weights: np.ndarray) -> np.ndarray:
        return a(weights) - b(weights)

    how: dict[str, Any] = {"level": level, "method": method}
    difference = values[0] - values[1]
    known = difference[np.isfinite(difference)]
    wins = known > 0 if chosen.better == "higher" else known < 0
    return Comparison(
        measure=chosen.name,
        better=chosen.better,
        first=interval("first", a, draws, values=values[0], **how),
        second=interval("second", b, draws, values=values[1], **how),
        difference=interval("first - second", apart, draws, values=difference, **how),
        first_better=float(wins.mean()) if len(known) else math.nan,
    )
