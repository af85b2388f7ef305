"""Average marginal effects: how much a prediction changes, on average, with each column.

What an economist reads off a regression table, for any function that predicts. It describes the
network: it is causal only where the research design makes it so. Weights of a deep network have no
meaning by themselves and get no p-values. Two numbers say how sure an effect is, and they answer
different questions:

    spread   over draws of the rows that the average is taken over, with this one network
    error    of estimation: over networks that were each trained anew, on rows drawn anew
             (`descend.tables.choosing.refits`), and the spread over rows. Only this one says how
             far the effect would lie elsewhere with another sample; it may be ten times the spread.

Source: Bartus (2005), Stata's `margins, dydx(*)`, statsmodels' `get_margeff`; the bootstrap of
estimates: Efron and Tibshirani (1993).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.tables.judging.bootstrap import Draws, interval
from descend.tables.judging.changes import KINDS, Change, Networks, changes, unfit
from descend.tables.judging.plain import Figures, share
from descend.tables.judging.weighted import row_weights

if TYPE_CHECKING:
    import pandas as pd

# Large enough that float32 predictions keep their digits, small enough for a derivative.
STEP = 0.01


@dataclass(frozen=True)
class Effect(Figures):
    """The average effect of one column, or of one level against the base.

    Attributes:
        name: "column", or "column[level]".
        column: its name.
        kind: "unit" (one more of a whole number), "slope" (the mean derivative, a unit of the
            column), "level up" (the next level of an ordered column), "level" (against the base).
        level, base: level and base of a category; None of other kinds.
        estimate: the mean change of the prediction.
        other: the other view of a number, also for a unit of the column: beside "unit" the slope,
            beside "slope" the mean change of a standard deviation more; else NaN.
        spread: standard deviation over draws of rows (and members) of this one network;
            spread_low, spread_high: the percentile interval of these draws.
        error: standard error of estimation, over networks trained anew; low, high: its interval.
            NaN where none were trained.
        rows: number of rows that the average is taken over: with "unit" and "level up" those where
            the step stays inside what was seen.
    """

    name: str
    column: str
    kind: str
    level: str | None
    base: str | None
    estimate: float
    other: float
    spread: float
    spread_low: float
    spread_high: float
    error: float
    low: float
    high: float
    rows: int

    @property
    def curved(self) -> bool:
        """Whether the two views differ in sign, or by more than half of the larger one."""
        a, b = self.estimate, self.other
        return not math.isnan(b) and (a * b < 0 or abs(a - b) > 0.5 * max(abs(a), abs(b)))

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON, and whether its two views differ."""
        return {**super().to_json(), "curved": self.curved}


@dataclass(frozen=True)
class MarginalEffects(Figures):
    """A table of average marginal effects; maketables' ETable shows it beside regressions.

    Attributes:
        effects: an effect each, in the order of the columns.
        target: what is predicted, in words.
        confidence: level of the intervals.
        rows, members: numbers that were drawn from; members is 1 without an ensemble.
        clusters: drawn as one; None where rows were.
        resamples: how often.
        refits: networks trained anew that the errors stand on; 0 without.
        left_out: columns without an effect, and why.
        statistics: shown below a table, by maketables' keys ("r2", ...).
    """

    effects: tuple[Effect, ...]
    target: str
    confidence: float
    rows: int
    members: int
    clusters: int | None
    resamples: int
    refits: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row an effect."""
        import pandas as pd

        return pd.DataFrame([vars(e) for e in self.effects])

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        """Effects as maketables wants them; errors only of refits, t and p stay empty."""
        import pandas as pd

        percent = f"{100 * self.confidence:g}"
        return pd.DataFrame(
            {
                "b": [e.estimate for e in self.effects],
                "se": [e.error for e in self.effects],
                "t": np.nan,
                "p": np.nan,
                f"ci{percent}l": [e.low for e in self.effects],
                f"ci{percent}u": [e.high for e in self.effects],
            },
            index=pd.Index([e.name for e in self.effects], name="Coefficient"),
        )

    def __maketables_stat__(self, key: str) -> Any:
        """A figure below the table: "N", "se_type", or one of `statistics`; None if unknown."""
        own = {"N": self.rows, "se_type": self.estimated}
        return self.statistics.get(key, own.get(key))

    @property
    def __maketables_depvar__(self) -> str:
        return self.target

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        return {"vcov_type": self.estimated, "clustervar": None}

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", *self.statistics]

    @property
    def drawn(self) -> str:
        """What the spread was drawn over, in words."""
        units = "rows" if self.clusters is None else "clusters"
        return f"{units} and members" if self.members > 1 else units

    @property
    def estimated(self) -> str:
        """What the errors stand on, in words."""
        return f"{self.refits} networks trained anew" if self.refits else "none: one network"


@aligned("frame", "weights", "clusters")
def average_marginal_effects(
    predict: Callable[[pd.DataFrame], Any],
    frame: pd.DataFrame,
    *,
    predict_members: Callable[[pd.DataFrame], Any] | None = None,
    predict_refits: Callable[[pd.DataFrame], Any] | None = None,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    base: Mapping[str, Any] | None = None,
    steps: Mapping[str, float] | None = None,
    step: float = STEP,
    seen: Mapping[str, tuple[float, float]] | None = None,
    weights: Any = None,
    clusters: Any = None,
    target: str = "y",
    statistics: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> MarginalEffects:
    """Average marginal effects, and how sure they are.

        whole number  mean of f(x_i + 1) - f(x_i) over the rows where x_i + 1 was seen
        number        mean of [f(x_i + h) - f(x_i - h)] / 2h,   h = step * sd(x): the slope
        ordered       mean of f(next level) - f(level) over the rows that have a next one
        category      mean of f(level) - f(base)

    A whole number whose unit is less than a hundredth of its standard deviation (an income in
    euros) has a slope.

        error^2 = variance over refits of the effect + variance over draws of rows
        interval = estimate -+ t(refits - 1) error

    Args:
        predict: frame -> (n,), one number a row: a value, or the probability of a class.
        frame: rows the average is taken over, all columns that `predict` needs.
        predict_members: frame -> (members, n): the members of an ensemble, whose mean is the
            prediction; they are drawn as well for the spread.
        predict_refits: frame -> (refits, n): networks that were each trained anew on rows drawn
            anew; without them there is no error of estimation.
        columns: columns to judge; None for all.
        kinds: {column: "number", "ordered" or "category"} where the guess is wrong: numbers are
            numbers, unless they are only 0 and 1; truth values, text and categories are categories.
            Levels of an ordered column go by its categorical type, or by the alphabet.
        base: {column: level} to compare with; else the most frequent, of truth values False, of
            0 and 1 the 0.
        steps: {column: h} of a slope in the column's units.
        step: h in standard deviations.
        seen: {column: (least, largest)} that the network was trained on; else those of the frame.
        weights: (n,) of the rows.
        clusters: (n,) labels; rows of one label are drawn together.
        target: what is predicted, for a table's head.
        statistics: figures for below a table.
        confidence: level of the intervals.
        resamples, seed: number and seed of the draws of rows.

    Raises:
        DataError: a column without values or with one, asked for by name; a prediction of another
            shape; a single refit.
        DescendError: a column, kind or level that is not known.
    """
    share("confidence", confidence)
    kinds, base, steps = dict(kinds or {}), dict(base or {}), dict(steps or {})
    for name in [*(columns or []), *kinds, *base, *steps]:
        if name not in frame.columns:
            raise unknown("column", name, map(str, frame.columns))
    for kind in kinds.values():
        if kind not in KINDS:
            raise unknown("kind", kind, KINDS)
    frame = frame.reset_index(drop=True)
    networks = Networks(predict, predict_members, predict_refits)
    draws = Draws(len(frame), clusters=clusters, weights=weights, resamples=resamples, seed=seed)
    w = row_weights(weights, len(frame))
    effects: list[Effect] = []
    left_out: dict[str, str] = {}
    members = refits = 0
    for column in frame.columns if columns is None else columns:
        why = unfit(frame[column], kinds.get(column))
        if why:
            if columns is not None:
                raise DataError(f"the column {column!r} has no effect: {why}")
            left_out[str(column)] = why
            continue
        for change in changes(
            networks,
            frame,
            column,
            kind=kinds.get(column),
            base=base.get(column),
            width=steps.get(column),
            step=step,
            seen=(seen or {}).get(str(column)),
            weights=w,
        ):
            effects.append(_effect(change, draws, confidence))
            members, refits = len(change.values), len(change.refits)
    return MarginalEffects(
        effects=tuple(effects),
        target=target,
        confidence=confidence,
        rows=len(frame),
        members=max(members, 1),
        clusters=None if clusters is None else draws.units,
        resamples=resamples,
        refits=refits,
        left_out=left_out,
        statistics=dict(statistics or {}),
    )


def _effect(change: Change, draws: Draws, confidence: float) -> Effect:
    """The average over rows and members, its spread, its error."""
    by_member = _averages(change.values, change.rows)

    def mean(weights: np.ndarray) -> np.ndarray:
        return by_member(weights).mean(axis=1)

    each = draws.values(by_member)
    ends = interval(
        "effect",
        mean,
        draws,
        level=confidence,
        values=(each * _member_shares(each.shape[1], draws)).sum(axis=1),
    )
    error = low = high = math.nan
    if len(change.refits):
        from scipy.stats import t

        anew = _averages(change.refits, change.rows)(draws.all)[0]
        over_rows = each.mean(axis=1)
        variance = np.var(anew, ddof=1) + np.var(over_rows[np.isfinite(over_rows)], ddof=1)
        error = float(np.sqrt(variance))
        half = float(t.ppf((1 + confidence) / 2, len(anew) - 1)) * error
        low, high = ends.estimate - half, ends.estimate + half
    other = math.nan
    if change.other is not None:
        values, rows = change.other
        other = float(_averages(values, rows)(draws.all)[0].mean())
    return Effect(
        name=change.name,
        column=change.column,
        kind=change.kind,
        level=change.level,
        base=change.base,
        estimate=ends.estimate,
        other=other,
        spread=ends.error,
        spread_low=ends.low,
        spread_high=ends.high,
        error=error,
        low=low,
        high=high,
        rows=int(change.rows.sum()),
    )


def _averages(values: np.ndarray, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Weights (resamples, n) -> weighted means (resamples, members) of values (members, n)."""
    values = np.where(rows, values, 0.0)

    def of(weights: np.ndarray) -> np.ndarray:
        total = (weights @ rows)[:, None]
        empty = np.full((len(weights), len(values)), np.nan)
        return np.divide(weights @ values.T, total, out=empty, where=total > 0)

    return of


def _member_shares(members: int, draws: Draws) -> np.ndarray:
    """How often each member is drawn, as shares (resamples, members)."""
    if members == 1:
        return np.ones((draws.resamples, 1))
    # its own seed: the draws of rows must not go with those of members
    member_draws = Draws(members, resamples=draws.resamples, seed=draws.seed + 1)
    return np.concatenate(list(member_draws)) / members
