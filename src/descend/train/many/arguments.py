"""What sweep, ensemble and cross_validate are given, checked: networks, grids, folds."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from descend.errors import DataError, DescendError, unknown
from descend.nn.checks import is_whole
from descend.train.model.model import Model


def require_model(model: Any, what: str) -> None:
    """Raise DescendError unless it is a Model."""
    if not isinstance(model, Model):
        raise DescendError(f"{what} needs a compiled Model, got {model!r}")


def require_options(function: Callable[..., Any], options: Mapping[str, Any], what: str) -> None:
    """Raise DescendError for an option that the function does not take by name."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise unknown(f"argument of {what}", name, known)


# -- grids ------------------------------------------------------------------------------------


def settings_of(grid: Any) -> list[dict[str, Any]]:
    """The settings of each member; raises DescendError for what is no grid or an empty one."""
    if isinstance(grid, Mapping):
        for name, of in grid.items():
            if isinstance(of, (str, Mapping)) or not isinstance(of, Iterable):
                raise DescendError(f"the grid needs a list of values for {name!r}, got {of!r}")
        values = {name: list(of) for name, of in grid.items()}
        empty = [name for name, of in values.items() if not of]
        if not values or empty:
            raise DescendError(
                f"the grid is empty{f': no values for {empty[0]!r}' if empty else ''}"
            )
        return [
            dict(zip(values, combination, strict=True))
            for combination in itertools.product(*values.values())
        ]
    listed = list(grid) if isinstance(grid, Iterable) and not isinstance(grid, str) else [grid]
    if not all(isinstance(one, Mapping) for one in listed):
        raise DescendError(
            f"the grid must be a dict {{name: values}} or a list of settings {{name: value}}, got "
            f"{grid!r}"
        )
    if not listed:
        raise DescendError("the grid is empty")
    return [dict(one) for one in listed]


def structural_of(model: Any, settings: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The settings that are arguments of the function that builds the network."""
    if isinstance(model, Model):
        return ()
    if not callable(model):
        raise DescendError(
            f"sweep needs a compiled Model or a function that returns one, got {model!r}"
        )
    accepted = inspect.signature(model).parameters
    return tuple(name for name in dict.fromkeys(k for s in settings for k in s) if name in accepted)


def built_by(function: Callable[..., Any], structure: Mapping[str, Any]) -> Model:
    """The network that the user's function builds; raises DescendError where it is none."""
    try:
        inspect.signature(function).bind(**structure)
    except TypeError as error:
        raise DescendError(
            f"the function given to sweep is called with the settings {dict(structure)}: {error}; "
            "name it in the grid, or give it a default"
        ) from None
    model = function(**structure)
    if not isinstance(model, Model):
        raise DescendError(
            f"the function given to sweep returned {type(model).__name__}, not a Model"
        )
    return model


def number_of(name: str, value: Any) -> float:
    """A setting that is a number; raises DescendError for any other."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DescendError(f"the setting {name!r} must be a number, got {value!r}") from None


# -- folds ------------------------------------------------------------------------------------


def folds_of(folds: Any, n: int, stratify: Any, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, held-out rows) of each fold.

    Args:
        folds: their number, or the pairs themselves.
        n: number of all rows.
        stratify: labels (n,) whose shares each fold keeps, or None.
        seed: that of the division, where there is a number of folds.

    Raises:
        DataError: folds or labels that cannot be used.
    """
    number = is_whole(folds)
    if not number and (isinstance(folds, str) or not isinstance(folds, Iterable)):
        raise DataError(
            "folds must be a whole number, or a list of pairs (training rows, held-out rows), got "
            f"{folds!r}"
        )
    if number:
        return _divided(int(folds), n, stratify, seed)
    pairs = list(folds)
    if not pairs:
        raise DataError("folds holds no pair of (training rows, held-out rows)")
    for place, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError(
                f"fold {place} must be a pair (training rows, held-out rows), got {pair!r}"
            )
    return [
        (_rows(a, n, i, "training"), _rows(b, n, i, "held-out")) for i, (a, b) in enumerate(pairs)
    ]


def _divided(folds: int, n: int, stratify: Any, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    if not 2 <= folds <= n:
        raise DataError(f"folds must be between 2 and the {n} rows, got {folds}")
    labels = None if stratify is None else np.asarray(stratify)
    if labels is not None and labels.shape != (n,):
        raise DataError(f"stratify must hold a label a row, ({n},), got {labels.shape}")
    kind = KFold if labels is None else StratifiedKFold
    cut = kind(folds, shuffle=True, random_state=seed % 2**32)
    try:
        return list(cut.split(np.zeros(n), labels))
    except ValueError as error:
        raise DataError(
            f"stratify: the labels cannot be spread over {folds} folds: {error}"
        ) from None


def _rows(numbers: Any, n: int, fold: int, what: str) -> np.ndarray:
    """The rows that a fold names, by number or by a mark for each of all rows."""
    rows = np.asarray(numbers)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    good = rows.ndim == 1 and rows.size > 0 and rows.dtype.kind in "iu"
    if not good or rows.min() < 0 or rows.max() >= n:
        raise DataError(
            f"the {what} rows of fold {fold} must be whole numbers from 0 to {n - 1}, one or more, "
            f"or booleans ({n},), got {numbers!r}"
        )
    return rows
