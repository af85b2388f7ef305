"""From arrays, frames and formula-made matrices to the regressors of a unit, checked and named.

What an econometrician wants to hear before anything is estimated: which column holds a missing
value or text, and which column is a combination of others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DataError, ShapeError

INTERCEPT = "Intercept"
# A column of length one that lies so near to the span of those before it counts as their
# combination; NIST's longley data, the classic of near collinearity, keep 1e-5.
DEPENDENT = 1e-11
SHOWN = 5  # columns or terms listed in an error
MAKE_DUMMIES = (
    "make 0/1 columns of its values (pandas.get_dummies(drop_first=True), or C(...) in a formula) "
    "or leave it out"
)
# what a column of Python objects may hold to be read as numbers (databases give decimals)
OBJECTS = {"integer", "floating", "mixed-integer-float", "boolean", "decimal"}


@dataclass(frozen=True)
class Inputs:
    """Named columns.

    Attributes:
        matrix: (n, k) float64, finite.
        names: names of the columns.
        named: whether the names are the user's, not x1, x2, ...
        formula: whether a formula made them (formulaic or patsy), its constant among them if it has
            one.
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    named: bool
    formula: bool = False


def read_inputs(x: Any, where: str = "X") -> Inputs:
    """Numbers and names of an array (n, k), a DataFrame or a formula's design matrix.

    Raises:
        ShapeError: not two-dimensional.
        DataError: no rows or columns, text, missing or infinite values, a name used twice.
    """
    if hasattr(x, "toarray"):
        x = x.toarray()
    info = getattr(x, "design_info", None)  # patsy names the columns of a plain array here
    if not hasattr(x, "columns"):
        matrix = _plain(x, where)
        if info is not None:
            return Inputs(matrix, tuple(map(str, info.column_names)), True, formula=True)
        return Inputs(matrix, tuple(f"x{j + 1}" for j in range(matrix.shape[1])), False)
    names = tuple(str(column) for column in x.columns)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{where} has more than one column called {twice[0]!r}; rename them")
    if not names or not len(x):
        raise DataError(f"{where} has {len(x)} rows and {len(names)} columns; both must be there")
    columns = [
        _numbers(x[c], f"{where}: the column {name!r}", MAKE_DUMMIES)
        for c, name in zip(x.columns, names, strict=True)
    ]
    from_formula = info is not None or hasattr(x, "model_spec")
    return Inputs(np.column_stack(columns), names, True, formula=from_formula)


def _plain(x: Any, where: str) -> np.ndarray:
    array = np.asarray(x)
    if array.ndim != 2:
        advice = "; reshape one column with X[:, None] or X.to_frame()" if array.ndim == 1 else ""
        raise ShapeError(f"{where} must have rows and columns, got the shape {array.shape}{advice}")
    if 0 in array.shape:
        raise DataError(f"{where} has {array.shape[0]} rows and {array.shape[1]} columns")
    try:
        if array.dtype.kind == "c":
            raise TypeError
        matrix = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where} must hold numbers, got {array.dtype}; {MAKE_DUMMIES}") from None
    for j in np.flatnonzero(~np.isfinite(matrix).all(axis=0))[:1]:
        _refuse(matrix[:, j], f"{where}: column {j + 1}")
    return matrix


def _numbers(column: Any, what: str, advice: str) -> np.ndarray:
    series = column if isinstance(column, pd.Series) else pd.Series(np.asarray(column))
    if series.dtype == object and pd.api.types.infer_dtype(series) in OBJECTS:
        known = series.notna().to_numpy(bool)
        values = np.full(len(series), np.nan)
        values[known] = series[known].to_numpy(dtype=np.float64)
    elif pd.api.types.is_numeric_dtype(series.dtype) and series.dtype.kind != "c":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        problem = f"{series.dtype}, not numbers{_first_stranger(series)}"
        raise DataError(f"{what} holds {problem}; {advice}")
    if not np.isfinite(values).all():
        _refuse(values, what)
    return values


def _first_stranger(series: pd.Series) -> str:
    """The first entry that is no number, and its row; the first of all where all could be some."""
    known = series.dropna()
    if known.empty:
        return ""
    strange = pd.to_numeric(known, errors="coerce").isna().to_numpy(bool)
    place = int(np.argmax(strange))
    row = int(np.flatnonzero(series.notna())[place])
    return f" ({known.iloc[place]!r} in row {row}, counted from 0)"


def _refuse(values: np.ndarray, what: str) -> None:
    bad = ~np.isfinite(values)
    kind = "missing" if np.isnan(values[bad]).all() else "missing or infinite"
    raise DataError(
        f"{what} has {int(bad.sum())} {kind} value(s), the first in row "
        f"{int(np.argmax(bad))} (counted from 0); drop these rows or fill them in"
    )


@dataclass(frozen=True)
class Design:
    """The regressors of an estimation.

    Attributes:
        matrix: (n, k), the constant among them if there is one.
        names: names of the k columns.
        constant: place of the constant column; None without.
        spans_constant: whether the columns can add up to a constant (dummies of all groups do).
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    constant: int | None
    spans_constant: bool


def make_design(inputs: Inputs, fit_intercept: bool) -> tuple[Design, bool]:
    """The design of an estimation, and whether a column of ones was put in front.

    A frame that holds a constant already (`statsmodels.add_constant`) keeps that one; one that a
    formula has made has a constant where the formula says so.

    Raises:
        DataError: fewer rows than columns, or a column that is a combination of others.
    """
    matrix, names = inputs.matrix, inputs.names
    flat = np.flatnonzero((np.ptp(matrix, axis=0) == 0) & (matrix[0] != 0))
    added = fit_intercept and not len(flat) and not inputs.formula
    if added:
        matrix = np.column_stack([np.ones(len(matrix)), matrix])
        names = (INTERCEPT, *names)
    require_independent(matrix, names)
    constant = 0 if added else (int(flat[0]) if len(flat) else None)
    spans = constant is not None or _residual(np.ones(len(matrix)), matrix) < 1e-9
    return Design(matrix, names, constant, spans), added


def _residual(target: np.ndarray, matrix: np.ndarray) -> float:
    """The share of a vector's length that the columns cannot explain."""
    basis = np.linalg.qr(matrix / np.linalg.norm(matrix, axis=0))[0]
    return float(np.linalg.norm(target - basis @ (basis.T @ target)) / np.linalg.norm(target))


def require_independent(matrix: np.ndarray, names: tuple[str, ...]) -> None:
    """Raise DataError, naming the columns, unless the columns are linearly independent."""
    n, k = matrix.shape
    lengths = np.linalg.norm(matrix, axis=0)
    if (lengths == 0).any():
        raise DataError(f"the column {names[int(np.argmin(lengths))]!r} is zero in every row")
    if n < k:
        raise DataError(
            f"{n} rows cannot determine {k} coefficients; use fewer columns, or more rows"
        )
    unit = matrix / lengths
    if (np.abs(np.diag(np.linalg.qr(unit, mode="r"))) > DEPENDENT).all():
        return
    basis = np.empty((n, 0))
    independent: list[int] = []
    combinations: list[str] = []
    for j in range(k):
        rest = unit[:, j]
        for _ in range(2):  # once more, against the rounding of the first
            rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > DEPENDENT:
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            independent.append(j)
        else:
            combinations.append(_combination(matrix, lengths, independent, j, names))
    if combinations:
        more = f"; and {len(combinations) - SHOWN} more" if len(combinations) > SHOWN else ""
        raise DataError(
            f"collinear columns: {'; '.join(combinations[:SHOWN])}{more}. Their coefficients "
            "cannot be told apart; leave out one of each combination"
        )


def _combination(
    matrix: np.ndarray, lengths: np.ndarray, independent: list[int], j: int, names: tuple[str, ...]
) -> str:
    """In words, what a dependent column is made of."""
    unit = matrix[:, independent] / lengths[independent]
    scaled = np.linalg.lstsq(unit, matrix[:, j] / lengths[j], rcond=None)[0]
    weights = scaled * lengths[j] / lengths[independent]
    parts = [
        f"{weight:+.4g} {names[i]!r}"
        for i, weight, size in zip(independent, weights, np.abs(scaled), strict=True)
        if size > 1e-7
    ]
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return f"{names[j]!r} = {' '.join(parts[:SHOWN])}{more}"


def read_vector(values: Any, rows: int, what: str) -> np.ndarray:
    """A finite float64 vector (n,), one number a row.

    Raises:
        ShapeError: not one a row.
        DataError: text, missing or infinite values.
    """
    if hasattr(values, "columns") and len(values.columns) == 1:
        values = values[values.columns[0]]
    array = values if isinstance(values, pd.Series) else np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        raise ShapeError(f"{what} must hold one number a row, ({rows},), got {array.shape}")
    return _numbers(array, what, "give numbers")


def target_name(y: Any) -> str:
    """What the target is called: a Series' or a one-column frame's name, else "y"."""
    info = getattr(y, "design_info", None)
    if info is not None:
        return str(info.column_names[0])
    if hasattr(y, "columns") and len(y.columns):
        return str(y.columns[0])
    name = getattr(y, "name", None)
    return "y" if name is None else str(name)
