"""Average marginal effects: how much a prediction changes, on average, with each column.

What an economist reads off a regression table, for any function that predicts. Weights of a deep
network have no meaning by themselves and get no p-values; an effect has an interval, from drawing
rows and, of an ensemble, members anew. It describes the network: it is causal only where the
research design makes it so.

Source: Bartus (2005), Stata's `margins, dydx(*)`, statsmodels' `get_margeff`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.tables.judging.bootstrap import Draws, interval
from descend.tables.judging.plain import Figures, share, vector
from descend.tables.judging.weighted import frequent_levels, row_weights

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("number", "category")
# name of an effect, level, base, changes (members, n)
_Change = tuple[str, str | None, str | None, np.ndarray]
# Large enough that float32 predictions keep their digits, small enough for a derivative.
STEP = 0.01
MOST_LEVELS = 30


@dataclass(frozen=True)
class Effect(Figures):
    """The average effect of one column, or of one level against the base.

    Attributes:
        name: "column", or "column[level]".
        column: its name.
        level, base: of a category; None of a number.
        estimate: change of the prediction a unit of the column, or from base to level.
        error: standard deviation over the bootstrap.
        low, high: percentile interval.
        rows: where the column is known.
    """

    name: str
    column: str
    level: str | None
    base: str | None
    estimate: float
    error: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class MarginalEffects(Figures):
    """A table of average marginal effects; maketables' ETable shows it beside regressions.

    Attributes:
        effects: in the order of the columns.
        target: what is predicted, in words.
        confidence: of the intervals.
        rows, members: that were drawn from; members is 1 without an ensemble.
        clusters: drawn as one; None where rows were.
        resamples: how often.
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
    left_out: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """One row an effect."""
        import pandas as pd

        return pd.DataFrame([vars(e) for e in self.effects])

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        """Effects as maketables wants them; t and p are not defined and stay empty."""
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
        own = {"N": self.rows, "se_type": self.drawn}
        return self.statistics.get(key, own.get(key))

    @property
    def __maketables_depvar__(self) -> str:
        return self.target

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        return {"vcov_type": self.drawn, "clustervar": None}

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", *self.statistics]

    @property
    def drawn(self) -> str:
        """What the bootstrap drew, in words."""
        units = "rows" if self.clusters is None else "clusters"
        return f"bootstrap over {units}" + (" and members" if self.members > 1 else "")


@aligned("frame", "weights", "clusters")
def average_marginal_effects(
    predict: Callable[[pd.DataFrame], Any],
    frame: pd.DataFrame,
    *,
    predict_members: Callable[[pd.DataFrame], Any] | None = None,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    base: Mapping[str, Any] | None = None,
    steps: Mapping[str, float] | None = None,
    step: float = STEP,
    weights: Any = None,
    clusters: Any = None,
    target: str = "y",
    statistics: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> MarginalEffects:
    """Average marginal effects with bootstrap intervals.

        number      1/n sum_i [f(x_i + h) - f(x_i - h)] / 2h,   h = step * sd(x)
        category    1/n sum_i [f(level) - f(base)]

    Args:
        predict: frame -> (n,), one number a row: a value, or the probability of a class.
        frame: rows the average is taken over, all columns that `predict` needs.
        predict_members: frame -> (members, n): the members of an ensemble, whose mean is the
            prediction; they are drawn as well.
        columns: to judge; None for all.
        kinds: {column: "number" or "category"} where the guess is wrong: numbers are numbers,
            unless they are only 0 and 1; truth values, text and categories are categories.
        base: {column: level} to compare with; else the most frequent, of truth values False, of
            0 and 1 the 0.
        steps: {column: h} in the column's units.
        step: h in standard deviations.
        weights: (n,) of the rows.
        clusters: (n,) labels; rows of one label are drawn together.
        target: what is predicted, for a table's head.
        statistics: figures for below a table.
        confidence: of the intervals.
        resamples, seed: of the bootstrap.

    Raises:
        DataError: a column without values or with one, asked for by name; a prediction of another
            shape.
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
    asked = _Asked(predict, predict_members)
    draws = Draws(len(frame), clusters=clusters, weights=weights, resamples=resamples, seed=seed)
    members: np.ndarray | None = None
    effects, left_out = [], {}
    for column in frame.columns if columns is None else columns:
        why = _unfit(frame[column], kinds.get(column))
        if why:
            if columns is not None:
                raise DataError(f"the column {column!r} has no effect: {why}")
            left_out[str(column)] = why
            continue
        known = frame[column].notna().to_numpy(bool)
        if _is_number(frame[column], kinds.get(column)):
            change, known = _slope(asked, frame, column, steps.get(column), step)
            changes: list[_Change] = [(str(column), None, None, change)]
        else:
            changes = _contrasts(asked, frame, column, base, row_weights(weights, len(frame)))
        for name, level, against, change in changes:
            if members is None:
                members = _member_counts(len(change), resamples, seed)
            found = _averaged(change, known, draws, members, confidence)
            effects.append(Effect(name, str(column), level, against, *found, int(known.sum())))
    return MarginalEffects(
        effects=tuple(effects),
        target=target,
        confidence=confidence,
        rows=len(frame),
        members=1 if members is None else members.shape[1],
        clusters=None if clusters is None else draws.units,
        resamples=resamples,
        left_out=left_out,
        statistics=dict(statistics or {}),
    )


@dataclass(frozen=True)
class _Asked:
    """The predictions of a frame, (members, n)."""

    predict: Callable[[pd.DataFrame], Any]
    predict_members: Callable[[pd.DataFrame], Any] | None

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        if self.predict_members is None:
            return vector("what `predict` gave", self.predict(frame), len(frame))[None]
        found = np.asarray(self.predict_members(frame), np.float64)
        if found.ndim != 2 or found.shape[1] != len(frame) or not np.isfinite(found).all():
            raise DataError(
                "what `predict_members` gave: expected finite numbers of shape (members, "
                f"{len(frame)}), got {found.shape}"
            )
        return found


def _number(column: pd.Series) -> np.ndarray:
    import pandas as pd

    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _is_number(column: pd.Series, kind: str | None) -> bool:
    from pandas.api import types

    if kind is not None:
        return kind == "number"
    if types.is_bool_dtype(column.dtype) or not types.is_numeric_dtype(column.dtype):
        return False
    return not np.isin(_number(column.dropna()), (0.0, 1.0)).all()


def _unfit(column: pd.Series, kind: str | None) -> str | None:
    """Why a column has no effect; None if it has."""
    from pandas.api import types

    known = column.dropna()
    if known.empty:
        return "it has no values"
    if types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype):
        return "it holds dates"
    if _is_number(column, kind):
        values = _number(column)
        if np.nanmin(values, initial=np.inf) >= np.nanmax(values, initial=-np.inf):
            return "it has one value or none that is a number"
        return None
    levels = known.nunique()
    if levels < 2:
        return "it has one value"
    if levels > MOST_LEVELS:
        return f"it has {levels} levels, more than {MOST_LEVELS}"
    return None


def _with(frame: pd.DataFrame, column: Any, values: Any) -> pd.DataFrame:
    changed = frame.copy()
    changed[column] = values
    return changed


def _slope(
    asked: _Asked, frame: pd.DataFrame, column: Any, own_step: float | None, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Central differences (members, n), and which rows have a number."""
    x = _number(frame[column])
    known = np.isfinite(x)
    h = step * x[known].std() if own_step is None else own_step
    if not h > 0:
        raise DataError(f"the step of the column {column!r} must be above 0, got {h!r}")
    above, below = (asked(_with(frame, column, x + d)) for d in (h, -h))
    # of what was added after rounding, not of h
    return (above - below) / np.where(known, (x + h) - (x - h), 1.0), known


def _contrasts(
    asked: _Asked,
    frame: pd.DataFrame,
    column: Any,
    base: Mapping[Any, Any],
    weights: np.ndarray,
) -> list[_Change]:
    """(name, level, base, differences (members, n)) of each level but the base."""
    import pandas as pd

    given = frame[column]
    known = given.notna().to_numpy(bool)
    levels = frequent_levels(given[known], weights[known])
    truth = set(levels) <= {0, 1}  # False and True as well
    against = base.get(column, min(levels) if truth else levels[0])
    if against not in levels:
        raise unknown(f"level of {column!r}", against, map(str, levels))

    def at(level: Any) -> np.ndarray:
        same = pd.Series([level] * len(frame), dtype=given.dtype)
        return asked(_with(frame, column, same))

    start = at(against)
    if not truth:
        in_order = isinstance(given.dtype, pd.CategoricalDtype) and given.dtype.ordered
        levels = [v for v in given.cat.categories if v in levels] if in_order else levels
    found: list[_Change] = []
    for level in levels:
        if level != against:
            name = str(column) if truth else f"{column}[{level}]"
            found.append((name, str(level), str(against), at(level) - start))
    return found


def _member_counts(members: int, resamples: int, seed: int) -> np.ndarray:
    """How often each member is drawn, as shares (resamples, members)."""
    if members == 1:
        return np.ones((resamples, 1))
    # its own seed: the draws of rows must not go with those of members
    drawn = Draws(members, resamples=resamples, seed=seed + 1)
    return np.concatenate(list(drawn)) / members


def _averaged(
    change: np.ndarray, known: np.ndarray, draws: Draws, members: np.ndarray, confidence: float
) -> tuple[float, float, float, float]:
    """Estimate, error, low and high of an average over rows and members."""
    change = np.where(known, change, 0.0)

    def by_member(weights: np.ndarray) -> np.ndarray:
        total = (weights @ known)[:, None]
        empty = np.full((len(weights), len(change)), np.nan)
        return np.divide(weights @ change.T, total, out=empty, where=total > 0)

    def mean(weights: np.ndarray) -> np.ndarray:
        return by_member(weights).mean(axis=1)

    values = (draws.values(by_member) * members).sum(axis=1)
    found = interval("effect", mean, draws, level=confidence, values=values)
    return found.estimate, found.error, found.low, found.high
