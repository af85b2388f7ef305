"""What the classic units share: rows checked as scikit-learn does, classes as zeros and ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from descend.errors import DataError, DescendError
from descend.nn.checks import is_number, number, whole


def read_rows(estimator: Any, *arrays: Any, reset: bool, **checks: Any) -> Any:
    """X, or X and y, as finite float64 arrays (n, k) and (n,) or (n, N).

    Raises:
        DataError: what scikit-learn's `validate_data` finds wrong, in its words.
    """
    try:
        return validate_data(estimator, *arrays, reset=reset, dtype=np.float64, **checks)
    except ValueError as error:
        raise DataError(str(error)) from None


def with_bias(x: np.ndarray, bias_input: float | None) -> np.ndarray:
    """Rows (n, k) with the bias node's input x_0 in front, (n, k + 1); None: as they are."""
    if bias_input is None:
        return x
    return np.hstack([np.full((len(x), 1), bias_input, x.dtype), x])


@dataclass(frozen=True)
class Coding:
    """Classes as targets of neurons: 0/1 columns, one a neuron.

    Attributes:
        classes: the sorted classes; None where the targets were 0/1 columns already.
        columns: neurons N. Two classes need one neuron, which fires for the second; more classes
            one each.
    """

    classes: np.ndarray | None
    columns: int

    @classmethod
    def of(cls, y: np.ndarray, one_each: bool = False) -> tuple[Coding, np.ndarray]:
        """The coding of labels (n,) or of 0/1 columns (n, N), and the targets (n, N).

        Args:
            one_each: also two classes have a neuron each.

        Raises:
            DataError: numbers that are no classes, only one class, columns that are not 0/1.
        """
        if y.ndim == 2:
            if type_of_target(y) != "multilabel-indicator" and not np.isin(y, (0, 1)).all():
                raise DataError(
                    f"targets with {y.shape[1]} columns must hold zeros and ones, one column a "
                    "neuron; for classes give one column of labels"
                )
            return cls(None, y.shape[1]), np.asarray(y, float)
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise DataError(str(error)) from None
        classes, numbers = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise DataError(
                f"the target is {classes.tolist()[0]!r} in every row; a classifier needs at least "
                "two classes, got 1 class"
            )
        if len(classes) == 2 and not one_each:
            return cls(classes, 1), numbers[:, None].astype(float)
        return cls(classes, len(classes)), np.eye(len(classes))[numbers]

    def encode(self, y: Any) -> np.ndarray:
        """Targets (n, N) of further rows.

        Raises:
            DataError: a class that was not there in training.
        """
        y = np.asarray(y)
        if self.classes is None:
            return np.asarray(y, float)
        strange = np.setdiff1d(y, self.classes)
        if len(strange):
            raise DataError(f"the class {strange.tolist()[0]!r} was not among the training rows")
        numbers = np.searchsorted(self.classes, y)
        return (
            numbers[:, None].astype(float) if self.columns == 1 else np.eye(self.columns)[numbers]
        )

    def decode(self, strength: np.ndarray, fires_above: float) -> np.ndarray:
        """Classes (n,) of the neurons' outputs (n, N): the strongest; or 0/1 columns."""
        fires = (strength > fires_above).astype(int)
        if self.classes is None:
            return fires
        return self.classes[fires[:, 0] if self.columns == 1 else strength.argmax(axis=1)]


def numbers(name: str, value: Any, axes: int) -> np.ndarray:
    """An array of finite float64; raises DataError for anything else, or of other axes."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):  # text, None, rows of different length
        array = np.asarray(np.nan)
    if array.ndim != axes or not np.isfinite(array).all():
        form = {1: "a list of finite numbers", 2: "rows of finite numbers, (n, k)"}[axes]
        raise DataError(f"{name} must be {form}, got {value!r}")
    return array


def counts(name: str, values: Any, least: int, most: int | None = None) -> list[int]:
    """A list of whole numbers; raises DescendError where there is none, or one out of range."""
    listed = list(values) if np.iterable(values) and not isinstance(values, str) else []
    good = [
        isinstance(n, (int, np.integer)) and n >= least and (most is None or n <= most)
        for n in listed
    ]
    if not listed or not all(good):
        bounds = f">= {least}" if most is None else f"from {least} to {most}"
        raise DescendError(f"{name} must be a list of whole numbers {bounds}, got {values!r}")
    return [int(n) for n in listed]


def require_positive(owner: Any, *names: str) -> None:
    """Raise DescendError unless these arguments of an estimator are finite numbers above zero."""
    for name in names:
        number(f"{type(owner).__name__}: {name}", getattr(owner, name), above=0)


def require_bias(owner: Any) -> None:
    """Raise DescendError unless `bias_input` of an estimator is a finite number or None."""
    if owner.bias_input is not None:
        number(f"{type(owner).__name__}: bias_input", owner.bias_input)


def require_share(owner: Any, name: str) -> None:
    """Raise DescendError unless this argument of an estimator is a number in [0, 1)."""
    value = getattr(owner, name)
    if not is_number(value) or not 0 <= value < 1:
        raise DescendError(f"{type(owner).__name__}: {name} must lie in [0, 1), got {value!r}")


def require_count(owner: Any, *names: str) -> None:
    """Raise DescendError unless these arguments of an estimator are whole numbers of at least 1."""
    for name in names:
        whole(f"{type(owner).__name__}: {name}", getattr(owner, name), 1)
