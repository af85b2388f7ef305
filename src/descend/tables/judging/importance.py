"""Which columns a network uses, and how: permutation importance, partial dependence.

Both ask a fitted network and train nothing. Columns that say the same share their importance: each
may look unimportant, because the other is still there.

Source: Breiman (2001), Fisher, Rudin and Dominici (2019); Friedman (2001); individual curves:
Goldstein et al. (2015).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.tables.judging.bootstrap import Draws, Interval, interval
from descend.tables.judging.measures import Better, Counted, Measure, measure
from descend.tables.judging.plain import Figures, same_rows, vector
from descend.tables.judging.weighted import (
    effective_rows,
    frequent_levels,
    quantile,
    quantile_places,
    row_weights,
    spread,
)

if TYPE_CHECKING:
    import pandas as pd

Predict = Callable[["pd.DataFrame"], Any]


@dataclass(frozen=True)
class Importance(Figures):
    """How much worse predictions get without what a column says.

    Attributes:
        measure: measure that predictions are judged by; better: "higher" or "lower" values.
        value: value of the measure on the untouched rows.
        blocks: the columns that were permuted together, by name.
        increase: for each block, the most important first, how much worse the measure became, with
            its bootstrap interval over rows of this one network.
        spread: for each block the standard deviation over the repeats.
        repeats: permutations of each block.
    """

    measure: str
    better: Better
    value: float
    blocks: Mapping[str, tuple[str, ...]]
    increase: tuple[Interval, ...]
    spread: tuple[float, ...]
    repeats: int

    def to_frame(self) -> pd.DataFrame:
        """One row a block of columns, the most important first."""
        import pandas as pd

        return pd.DataFrame(
            {
                "name": [i.name for i in self.increase],
                "importance": [i.estimate for i in self.increase],
                "low": [i.low for i in self.increase],
                "high": [i.high for i in self.increase],
                "error": [i.error for i in self.increase],
                "spread": self.spread,
            }
        )


@aligned("frame", "y", "clusters")
def permutation_importance(
    predict: Predict,
    frame: pd.DataFrame,
    y: Any,
    what: str | Measure | Callable[[Any, Any], float],
    *,
    better: Better = "lower",
    columns: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    repeats: int = 5,
    most_rows: int | None = 5000,
    clusters: Any = None,
    weights: Any = None,
    level: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> Importance:
    """How much worse a measure gets when columns are shuffled over the rows.

        importance = mean over permutations of measure(y, f(x permuted)) - measure(y, f(x))

    with the sign that makes worse positive.

    Args:
        predict: frame -> what the measure takes, one row a row.
        frame: rows the network was not trained on.
        y: (n,) their truth.
        what: a name of MEASURES, a Measure, or a function of (y, predicted).
        better: whether "higher" or "lower" values of a function are better.
        columns: columns to permute; a mapping gives names to blocks that are permuted as one, such
            as the columns of one category or date. None takes each column.
        repeats: permutations of each.
        most_rows: no more are used, drawn without replacement; None for all.
        clusters: (n,) labels; the intervals draw rows of one label together.
        weights: (n,) of the rows. What a column is shuffled to is then drawn by them, with
            replacement: the rows stand for a population in which its values are that common.
        level, resamples: level and draws of the intervals.
        seed: seed of rows, permutations and intervals.

    Raises:
        DataError: shapes that do not fit, a column that is not there.
    """
    chosen = measure(what, better)
    blocks = _blocks(frame, columns)
    if repeats < 1:
        raise DataError(f"repeats must be at least 1, got {repeats}")
    rows = len(frame)
    same_rows("y", np.asarray(y), rows)
    rng = np.random.default_rng(seed)
    sample = _some_rows(rows, most_rows, rng)
    frame, y = frame.iloc[sample].reset_index(drop=True), np.asarray(y)[sample]
    if clusters is not None:
        clusters = np.asarray(clusters)[sample]
    if weights is not None:
        weights = row_weights(weights, rows)[sample]
    draws = Draws(len(frame), clusters=clusters, weights=weights, resamples=resamples, seed=seed)
    base = chosen.prepare(y, _predicted(predict, frame))
    sign = -1.0 if chosen.better == "higher" else 1.0

    results = []
    for name, block in blocks.items():
        permuted = []
        for _ in range(repeats):
            mixed = frame.copy()
            order = _shuffled(len(frame), weights, rng)
            for column in block:
                mixed[column] = frame[column].take(order).reset_index(drop=True)
            permuted.append(chosen.prepare(y, _predicted(predict, mixed)))
        increases = _increases(permuted, base, sign)
        whole = increases(draws.all)[:, 0]

        def mean(weights: np.ndarray, of: Any = increases) -> np.ndarray:
            return of(weights).mean(axis=0)

        apart = float(whole.std(ddof=1)) if repeats > 1 else float("nan")
        results.append((interval(name, mean, draws, level=level), apart))
    results.sort(key=lambda pair: -np.nan_to_num(pair[0].estimate, nan=-np.inf))
    return Importance(
        measure=chosen.name,
        better=chosen.better,
        value=float(base(draws.all)[0]),
        blocks=blocks,
        increase=tuple(i for i, _ in results),
        spread=tuple(s for _, s in results),
        repeats=repeats,
    )


def _shuffled(rows: int, weights: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    if weights is None:
        return rng.permutation(rows)
    return rng.choice(rows, rows, p=weights / weights.sum())


def _increases(
    permuted: Sequence[Counted], base: Counted, sign: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Weights (resamples, n) -> how much worse each permutation is, (repeats, resamples)."""
    return lambda weights: sign * (np.stack([of(weights) for of in permuted]) - base(weights)[None])


def _predicted(predict: Predict, frame: pd.DataFrame) -> np.ndarray:
    values = np.asarray(predict(frame))
    same_rows("what `predict` gave", values, len(frame))
    return values


def _some_rows(rows: int, most: int | None, rng: np.random.Generator) -> np.ndarray:
    if not rows:
        raise DataError("the table has no rows")
    if most is None or rows <= most:
        return np.arange(rows)
    return np.sort(rng.choice(rows, most, replace=False))


def _blocks(
    frame: pd.DataFrame, columns: Sequence[str] | Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    if columns is None:
        columns = list(frame.columns)
    if isinstance(columns, Mapping):
        blocks = {str(name): tuple(block) for name, block in columns.items()}
    else:
        blocks = {str(name): (name,) for name in columns}
    for name in (name for block in blocks.values() for name in block):
        if name not in frame.columns:
            raise unknown("column", name, map(str, frame.columns))
    return blocks


@dataclass(frozen=True)
class PartialDependence(Figures):
    """The mean prediction when a column is set to one value in every row, over its values.

    Attributes:
        column: its name.
        values: set; observed ones, in their order.
        share: share of the rows up to this value (numbers, dates), or with it (categories).
        mean: prediction at each, over rows; spread: its standard deviation over draws of the rows
            (sd / sqrt(n)), which says nothing of another training of the network.
        low, high: the rows' 5% and 95% quantile of it.
        curves: (rows, values) of single rows, for as many as were asked for.
    """

    column: str
    values: tuple[Any, ...]
    share: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    curves: np.ndarray

    def to_frame(self) -> pd.DataFrame:
        """One row a value, without the single rows' curves."""
        import pandas as pd

        table = {k: v for k, v in vars(self).items() if k not in ("column", "values", "curves")}
        return pd.DataFrame({self.column: list(self.values), **table})


def partial_dependence(
    predict: Predict,
    frame: pd.DataFrame,
    column: str,
    *,
    points: int = 20,
    values: Sequence[Any] | None = None,
    most_rows: int | None = 1000,
    curves: int = 50,
    weights: Any = None,
    seed: int = 0,
) -> PartialDependence:
    """Partial dependence and individual curves of one column.

        mean(v) = 1/n sum_i f(x_i with column = v)

    Where columns go together it asks for rows that do not exist (a house of one room and 300 m2).

    Args:
        predict: frame -> one number a row.
        frame: rows the network was not trained on.
        column: its name.
        points: number of values, at most: quantiles from 5% to 95% of numbers and dates, the most
            frequent of categories.
        values: instead of them.
        most_rows: no more are used; None for all.
        curves: number of rows whose own curves are kept.
        weights: (n,) of the rows.
        seed: seed of the rows.

    Raises:
        DataError: a column without values; a prediction of more than one number a row.
        DescendError: a column that is not there.
    """
    if column not in frame.columns:
        raise unknown("column", column, map(str, frame.columns))
    entries, w = frame[column], row_weights(weights, len(frame))
    grid = _grid(entries, points, w) if values is None else _asked_for(entries, values)
    rng = np.random.default_rng(seed)
    sample = _some_rows(len(frame), most_rows, rng)
    rows = frame.iloc[sample].reset_index(drop=True)
    n, k = len(rows), len(grid)
    # all values in one table: one call of `predict`, whose program is compiled for one shape
    table = rows.take(np.tile(np.arange(n), k)).reset_index(drop=True)
    table[column] = grid.take(np.repeat(np.arange(k), n)).reset_index(drop=True)
    predicted = vector("what `predict` gave", predict(table), n * k).reshape(k, n).T
    sample_weights = row_weights(w[sample], n)
    ends = [quantile(at_value, [0.05, 0.95], sample_weights) for at_value in predicted.T]
    curve_rows = rng.choice(n, min(curves, n), replace=False)
    apart = [
        spread(at_value, sample_weights) / np.sqrt(effective_rows(sample_weights))
        for at_value in predicted.T
    ]
    return PartialDependence(
        column=str(column),
        values=tuple(grid.tolist()),
        share=tuple(_shares(entries, grid, w).tolist()),
        mean=tuple(np.average(predicted, axis=0, weights=sample_weights).tolist()),
        spread=tuple(apart),
        low=tuple(float(low) for low, _ in ends),
        high=tuple(float(high) for _, high in ends),
        curves=predicted[np.sort(curve_rows)],
    )


def _measured(column: pd.Series) -> bool:
    """Whether a column has quantiles: numbers and dates, not truth values."""
    from pandas.api import types

    dates = types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype)
    return dates or (types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype))


def _grid(column: pd.Series, points: int, weights: np.ndarray) -> pd.Series:
    """Values of the column itself, so that they keep its type, in their order."""
    if points < 1:
        raise DataError(f"points must be at least 1, got {points}")
    rows = column.reset_index(drop=True)
    known = rows[rows.notna() & (weights > 0)]
    if known.empty:
        raise DataError(f"the column {column.name!r} has no values to set")
    w = weights[known.index]
    if _measured(column):
        order = np.argsort(known.to_numpy(), kind="stable")
        ordered = known.iloc[order].reset_index(drop=True)
        distinct = ordered.drop_duplicates(ignore_index=True)
        if len(distinct) <= points:
            return distinct
        at = np.linspace(0.05, 0.95, points) if points > 1 else np.array([0.5])
        places = quantile_places(w[order], at)
        return ordered.take(places).drop_duplicates().reset_index(drop=True)
    common = frequent_levels(known, w)[:points]
    levels = known[known.isin(common)].drop_duplicates()
    try:
        return levels.sort_values(ignore_index=True)
    except TypeError:  # levels of several types
        return levels.reset_index(drop=True)


def _asked_for(column: pd.Series, values: Sequence[Any]) -> pd.Series:
    """A user's own values, as a category's levels where the column is one."""
    import pandas as pd

    if not len(values):
        raise DataError(f"values: none was given for the column {column.name!r}")
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Series(list(values))
    for value in values:
        if value not in column.cat.categories:
            raise unknown(f"level of {column.name!r}", value, map(str, column.cat.categories))
    return pd.Series(list(values), dtype=column.dtype)


def _shares(column: pd.Series, grid: pd.Series, weights: np.ndarray) -> np.ndarray:
    rows = column.reset_index(drop=True)
    there = rows.notna().to_numpy(bool)
    known, w = rows[there], weights[there]
    below = _measured(column)
    hits = [(known <= v) if below else (known == v) for v in grid]
    return np.array([float(np.average(hit.to_numpy(bool), weights=w)) for hit in hits])
