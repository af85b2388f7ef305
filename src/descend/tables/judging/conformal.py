"""Split-conformal prediction: intervals and sets of classes that cover with a stated probability.

A score says how badly a row fits its prediction. With n rows that the network was not trained on,
and a new row exchangeable with them,

    P(score of the new row <= the k-th smallest of the n) >= coverage,  k = ceil((n + 1) coverage)

whatever the network and the distribution. The guarantee is one on average over rows; given groups,
it holds within each; by class, among the rows of each true class (a set then holds a class if its
score is within that class's own quantile).

Rows of weights w stand for a population that is drawn by them. A new row of it has the weight
w' = sum w^2 / sum w on average, and the quantile is the smallest score with

    sum over scores up to it of w >= coverage (sum w + w')

which is the rule above where all weigh the same: n becomes the effective rows (sum w)^2 / sum w^2.

Sources: Papadopoulos et al. (2002), Lei et al. (2018); normalised: Papadopoulos et al. (2008);
conformalised quantile regression: Romano, Patterson and Candès (2019); LAC: Sadinle, Lei and
Wasserman (2019); APS: Romano, Sesia and Candès (2020); by class: Vovk (2012); weights: Tibshirani,
Barber, Candès and Ramdas (2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.tables.judging.plain import (
    Figures,
    class_numbers,
    distributions,
    group_names,
    same_rows,
    share,
    vector,
)
from descend.tables.judging.weighted import effective_rows, row_weights

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = ("absolute", "normalised", "quantile")
SETS = ("lac", "aps")


def conformal_quantile(scores: Any, coverage: float, weights: Any = None) -> float:
    """The k-th smallest score, k = ceil((n + 1) coverage); infinity where k > n.

    Args:
        scores: (n,) of the calibration rows.
        coverage: wanted, in (0, 1).
        weights: (n,) of the rows; see the head of this file.

    Raises:
        DataError: a score that is no number; a coverage out of range.
    """
    scores = vector("scores", scores)
    w = row_weights(weights, len(scores))
    w = w * (w.sum() / np.sum(w**2))  # a new row weighs 1 on average, all others the effective rows
    order = np.argsort(scores, kind="stable")
    # (n + 1) coverage may miss a whole number by a rounding error
    wanted = round((w.sum() + 1) * share("coverage", coverage), 9)
    reached = np.round(np.cumsum(w[order]), 9) >= wanted
    return float(scores[order][reached.argmax()]) if reached.any() else math.inf


def rows_needed(coverage: float) -> int:
    """Least (effective) calibration rows of a finite margin: n >= coverage / (1 - coverage)."""
    return math.ceil(round(share("coverage", coverage) / (1 - coverage), 9))


@dataclass(frozen=True)
class Margin(Figures):
    """What was found on the calibration rows of one group.

    Attributes:
        group: its name; None for all rows.
        rows: number of calibration rows.
        quantile: quantile of their scores; infinite where the rows are too few for the coverage.
        effective: rows, fewer than `rows` where they weigh differently.
    """

    group: str | None
    rows: int
    quantile: float
    effective: float

    @property
    def promised(self) -> float:
        """The largest coverage that a finite margin of so few rows can state: n / (n + 1)."""
        return self.effective / (self.effective + 1)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Margin:
        """The margin that `to_json` described."""
        quantile = described["quantile"]
        return cls(
            described["group"],
            described["rows"],
            math.inf if quantile is None else quantile,
            described.get("effective", described["rows"]),
        )


@dataclass(frozen=True)
class _Calibrated(Figures):
    """What intervals and sets share: the quantile of each group."""

    method: str
    coverage: float
    margins: tuple[Margin, ...]

    @property
    def grouped(self) -> bool:
        """Whether each group has its own quantile."""
        return len(self.margins) > 1

    def quantiles(self, groups: Any, rows: int) -> np.ndarray:
        """The quantile of each row, (rows,).

        A group without calibration rows gets the quantile of all rows, without a guarantee of its
        own.

        Raises:
            DataError: groups were calibrated and are not given.
        """
        pooled = self.margins[0].quantile
        if not self.grouped:
            return np.full(rows, pooled)
        if groups is None:
            raise DataError(
                "these were calibrated by group; give the group of each row (groups=...)"
            )
        known = {m.group: m.quantile for m in self.margins[1:]}
        return np.array([known.get(name, pooled) for name in group_names(groups, rows)])

    def to_frame(self) -> pd.DataFrame:
        """One row a group, the first for all rows."""
        import pandas as pd

        return pd.DataFrame([vars(m) for m in self.margins]).assign(
            coverage=self.coverage, method=self.method
        )


@dataclass(frozen=True)
class ConformalIntervals(_Calibrated):
    """Intervals of numbers, made by `calibrate_intervals`.

    Attributes:
        method: one of INTERVALS.
        coverage: stated.
        margins: margins of all rows, then of each group.
        floor: added to the spread ("normalised").
        low, high: the target's own bounds; intervals are cut there.
    """

    floor: float = 0.0
    low: float | None = None
    high: float | None = None

    def intervals(
        self, predicted: Any, *, spread: Any = None, groups: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, (n,) each.

        Args:
            predicted: (n,); for "quantile" (n, 2), the lower and the upper quantile.
            spread: (n,), needed by "normalised".
            groups: (n,) labels, needed where calibrated by group.

        Raises:
            DataError: shapes that do not fit; something needed is not given.
        """
        below, above, scale = _ends(self.method, predicted, spread, self.floor)
        margin = self.quantiles(groups, len(below))
        # an infinite margin of a row without spread is infinite, not undefined
        margin = np.where(np.isinf(margin), margin, margin * scale)
        lower, upper = below - margin, above + margin
        # a negative margin may turn narrow intervals over: they become a point
        middle = (below + above) / 2
        lower, upper = np.minimum(lower, middle), np.maximum(upper, middle)
        least = -math.inf if self.low is None else self.low
        most = math.inf if self.high is None else self.high
        return np.clip(lower, least, most), np.clip(upper, least, most)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> ConformalIntervals:
        """The intervals that `to_json` described."""
        return _restored(cls, described)


@dataclass(frozen=True)
class ConformalSets(_Calibrated):
    """Sets of classes, made by `calibrate_sets`.

    Attributes:
        method: one of SETS.
        coverage: stated.
        margins: margins of all rows, then of each group, or of the rows of each class ("0", "1",
            ...).
        classes: how many.
        seed: seed of the draws ("aps"); None without draws.
        by_class: whether the coverage is stated among the rows of each true class.
    """

    classes: int = 2
    seed: int | None = None
    by_class: bool = False

    def sets(self, probabilities: Any, *, groups: Any = None) -> np.ndarray:
        """Which classes are in the set of each row, booleans (n, k).

        A set may be empty: the row fits no class. Draws go by a row's place in the table: the same
        table gives the same sets.

        Raises:
            DataError: shapes that do not fit; groups are needed and not given.
        """
        p = distributions("probabilities", probabilities)
        if p.shape[1] != self.classes:
            raise DataError(f"{p.shape[1]} classes; {self.classes} were calibrated")
        scores = _class_scores(self.method, p, _draws(self.seed, 1, len(p)))
        if self.by_class:
            return scores <= np.array([m.quantile for m in self.margins[1:]])[None]
        return scores <= self.quantiles(groups, len(p))[:, None]

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> ConformalSets:
        """The sets that `to_json` described."""
        return _restored(cls, described)


def _restored(cls: Callable[..., Any], described: Mapping[str, Any]) -> Any:
    return cls(**{**described, "margins": tuple(map(Margin.from_json, described["margins"]))})


@aligned("y", "predicted", "spread", "groups")
def calibrate_intervals(
    y: Any,
    predicted: Any,
    *,
    coverage: float = 0.9,
    method: str = "absolute",
    spread: Any = None,
    floor: float = 0.0,
    groups: Any = None,
    weights: Any = None,
    low: float | None = None,
    high: float | None = None,
) -> ConformalIntervals:
    """Intervals that hold the target with a stated probability.

        absolute     score |y - m|                      interval m -+ q
        normalised   score |y - m| / (s + floor)        interval m -+ q (s + floor)
        quantile     score max(a - y, y - b)            interval [a - q, b + q]

    Args:
        y: (n,) targets of rows that were used for nothing else, neither training nor stopping.
        predicted: (n,) m; for "quantile" (n, 2), a and b.
        coverage: wanted, in (0, 1).
        method: one of INTERVALS.
        spread: (n,) s >= 0, of an ensemble's members for example.
        floor: least half width, in the target's units; from training rows, so that the guarantee
            stays exact.
        groups: (n,) labels; the coverage then holds in each group.
        weights: (n,) of the rows.
        low, high: bounds that the target never leaves (0 for counts, 0 and 1 for shares).

    Raises:
        DataError: shapes that do not fit; a spread of zero without a floor.
    """
    if method not in INTERVALS:
        raise unknown("method of intervals", method, INTERVALS)
    y = vector("y", y)
    below, above, scale = _ends(method, predicted, spread, floor)
    same_rows("predicted", below, len(y))
    margins = _margins(np.maximum(below - y, y - above) / scale, coverage, groups, weights)
    return ConformalIntervals(method, coverage, margins, floor, low, high)


def _ends(method: str, predicted: Any, spread: Any, floor: float) -> tuple[np.ndarray, ...]:
    """Both ends before a margin is added, and the unit of the margin, (n,) each."""
    if method == "quantile":
        pair = np.asarray(predicted, np.float64)
        if pair.ndim != 2 or pair.shape[1] != 2:
            raise DataError(
                f"predicted: expected a lower and an upper quantile, shape (n, 2), got {pair.shape}"
            )
        vector("predicted", pair.ravel())
        pair = np.sort(pair, axis=1)  # quantiles of a network may cross
        return pair[:, 0], pair[:, 1], np.ones(len(pair))
    m = vector("predicted", predicted)
    if method == "absolute":
        return m, m, np.ones(len(m))
    if spread is None:
        raise DataError('intervals of method "normalised" need the spread of each row (spread=...)')
    scale = vector("spread", spread, len(m)) + floor
    if scale.min() <= 0:
        raise DataError(
            f"spread: the least is {scale.min() - floor:g}; with floor={floor:g} every row must "
            "come above zero. Give a floor, a tenth of the training rows' mean spread for example"
        )
    return m, m, scale


@aligned("y", "probabilities", "groups")
def calibrate_sets(
    y: Any,
    probabilities: Any,
    *,
    coverage: float = 0.9,
    method: str = "lac",
    randomised: bool = True,
    seed: int = 0,
    groups: Any = None,
    by_class: bool = False,
    weights: Any = None,
) -> ConformalSets:
    """Sets of classes that hold the true one with a stated probability.

        lac   score 1 - p(y): the smallest sets on average
        aps   score p(classes more probable than y) + u p(y), u uniform on [0, 1]: sets that grow
              with the difficulty of a row

    Args:
        y: (n,) class numbers of rows that were used for nothing else.
        probabilities: (n, k).
        coverage: wanted, in (0, 1).
        method: one of SETS.
        randomised: whether "aps" draws u; else u = 1, for rows that are predicted one by one.
        seed: seed of u.
        groups: (n,) labels; the coverage then holds in each group.
        by_class: whether the coverage holds among the rows of each true class. A class of fewer
            than coverage / (1 - coverage) rows is then in every set: `Margin.promised` says what
            its rows could promise.
        weights: (n,) of the rows.

    Raises:
        DataError: shapes that do not fit, numbers that are no probabilities; groups and by_class.
    """
    if method not in SETS:
        raise unknown("method of sets", method, SETS)
    p = distributions("probabilities", probabilities)
    y = class_numbers("y", y, p.shape[1], len(p))
    set_seed = seed if randomised and method == "aps" else None
    scores = _class_scores(method, p, _draws(set_seed, 0, len(p)))[np.arange(len(p)), y]
    if not by_class:
        margins = _margins(scores, coverage, groups, weights)
        return ConformalSets(method, coverage, margins, p.shape[1], set_seed)
    if groups is not None:
        raise DataError("sets are calibrated by groups or by class, not by both")
    margins = _margins(scores, coverage, y, weights, [str(k) for k in range(p.shape[1])])
    return ConformalSets(method, coverage, margins, p.shape[1], set_seed, by_class=True)


def _draws(seed: int | None, stream: int, rows: int) -> np.ndarray:
    """u of each row; calibration and prediction draw from two streams, so they are independent."""
    return np.ones(rows) if seed is None else np.random.default_rng([seed, stream]).random(rows)


def _class_scores(method: str, p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The score of each row were each class the true one, (n, k)."""
    if method == "lac":
        return 1 - p
    order = np.argsort(-p, axis=1, kind="stable")
    ordered = np.take_along_axis(p, order, axis=1)
    before = np.cumsum(ordered, axis=1) - ordered
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, before + u[:, None] * ordered, axis=1)
    return scores


def _margins(
    scores: np.ndarray,
    coverage: float,
    groups: Any,
    weights: Any,
    every: list[str] | None = None,
) -> tuple[Margin, ...]:
    """Of all rows, then of each group: those that occur, or `every` one."""
    w = row_weights(weights, len(scores))

    def margin(name: str | None, rows: np.ndarray) -> Margin:
        n = effective_rows(w[rows])
        value = conformal_quantile(scores[rows], coverage, w[rows]) if n else math.inf
        return Margin(name, int(rows.sum()), value, n)

    margins = [margin(None, np.ones(len(scores), bool))]
    if groups is not None:
        names = group_names(groups, len(scores))
        margins += [margin(name, names == name) for name in every or sorted(set(names))]
    return tuple(margins)
