"""What goes into and comes out of figures about predictions: checked arrays, plain JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sized
from typing import Any

import numpy as np

from descend.errors import DataError


class Figures:
    """Base of the results that a report shows: a dataclass that can be written to JSON."""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON; a number that is not finite is null."""
        return {
            f.name: plain(getattr(self, f.name))
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
        }


def plain(value: Any) -> Any:
    """A value as JSON knows it: arrays as lists, numbers of NumPy as Python's, NaN as None."""
    if isinstance(value, Figures):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)  # a date, a period, a category of another type


def vector(name: str, values: Any, rows: int | None = None) -> np.ndarray:
    """Values as finite float64 (n,).

    Args:
        name: says in an error what they are.
        values: (n,) or (n, 1).
        rows: how many there must be; None for any number but zero.

    Raises:
        DataError: another shape, text, a missing or infinite value.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: expected numbers, got {np.asarray(values).dtype}") from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise DataError(f"{name}: expected one number a row, shape (n,), got {array.shape}")
    same_rows(name, array, rows)
    bad = ~np.isfinite(array)
    if bad.any():
        raise DataError(
            f"{name}: {bad.sum()} of {len(array)} values are missing or infinite, the first in row "
            f"{int(bad.argmax())}; leave such rows out"
        )
    return array


def same_rows(name: str, values: Sized, rows: int | None) -> None:
    """Raises DataError where the first axis has not so many rows."""
    if rows is not None and len(values) != rows:
        raise DataError(f"{name}: {len(values)} rows, but {rows} rows of the others")


def truth(name: str, values: Any, rows: int | None = None, both: bool = False) -> np.ndarray:
    """Truth values (n,) given as booleans or as 0 and 1, as booleans.

    Args:
        name: says in an error what they are.
        values: (n,).
        rows: how many there must be.
        both: whether both values must occur.

    Raises:
        DataError: another value; only one of the two.
    """
    array = vector(name, values, rows)
    if not np.isin(array, (0.0, 1.0)).all():
        other = array[~np.isin(array, (0.0, 1.0))][0]
        raise DataError(f"{name}: expected 0 and 1 (or False and True), got {other:g}")
    if both and len(np.unique(array)) < 2:
        raise DataError(
            f"{name}: every row is {'positive' if array[0] else 'negative'}; rows of both kinds "
            "are needed"
        )
    return array.astype(bool)


def chance(name: str, values: Any, rows: int | None = None) -> np.ndarray:
    """Probabilities of one event, (n,); raises DataError outside [0, 1]."""
    array = vector(name, values, rows)
    outside = (array < 0) | (array > 1)
    if outside.any():
        raise DataError(
            f"{name}: expected probabilities in [0, 1], got {array[outside][0]:g} in row "
            f"{int(outside.argmax())}"
        )
    return array


def distributions(name: str, values: Any, rows: int | None = None) -> np.ndarray:
    """Probabilities of classes, (n, k) with rows that sum to one; raises DataError else."""
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or array.shape[1] < 2 or not len(array):
        raise DataError(
            f"{name}: expected probabilities of each class, shape (n, classes), got {array.shape}"
        )
    same_rows(name, array, rows)
    # float32 sums of many classes are off by some 1e-6
    wrong = ~((array >= 0).all(axis=1) & (np.abs(array.sum(axis=1) - 1) < 1e-3))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{name}: expected probabilities that sum to one, but row {row} sums to "
            f"{array[row].sum():g}, its least is {array[row].min():g}"
        )
    return array


def class_numbers(name: str, values: Any, classes: int, rows: int | None = None) -> np.ndarray:
    """Numbers of classes 0 ... k-1, (n,), as integers; raises DataError else."""
    array = vector(name, values, rows)
    if (array != np.floor(array)).any() or array.min() < 0 or array.max() >= classes:
        wrong = array[(array != np.floor(array)) | (array < 0) | (array >= classes)][0]
        raise DataError(f"{name}: expected class numbers from 0 to {classes - 1}, got {wrong:g}")
    return array.astype(int)


def share(name: str, value: float) -> float:
    """A number strictly between 0 and 1; raises DataError else."""
    if not 0 < value < 1:
        raise DataError(f"{name} must be between 0 and 1, got {value!r}")
    return float(value)


def group_names(values: Any, rows: int) -> np.ndarray:
    """Labels of groups as text (n,), "missing" where there is none."""
    import pandas as pd

    from descend.tables.columns import text

    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    same_rows("the groups", series, rows)
    return text(series).fillna("missing").to_numpy(dtype=object)
