"""Errors: each message says what was expected, what came, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class DescendError(Exception):
    """Base of every error that descend raises on purpose.

    Source: descend's own.

    Example:
        >>> from descend import Dense
        >>> from descend.errors import DescendError
        >>> try:
        ...     Dense(3, activation="rleu")
        ... except DescendError as error:
        ...     print(str(error)[:53])
        unknown activation 'rleu'. Did you mean 'relu'? Known
    """


class ShapeError(DescendError):
    """Two shapes that must agree do not.

    Source: descend's own.

    Example:
        >>> from descend.errors import ShapeError
        >>> from descend.neurons.classic import McCullochPitts
        >>> try:
        ...     McCullochPitts((1, 1)).predict([[0, 1, 1]])
        ... except ShapeError as error:
        ...     print(str(error).partition(";")[0])
        this McCullochPitts has 2 input(s), X has 3 column(s)
    """


class DataError(DescendError, ValueError):
    """The data cannot be used as they are (missing, non-finite, out of range, empty).

    A ValueError too, which is what scikit-learn's tools expect of an estimator.

    Source: descend's own.

    Example:
        >>> from descend.errors import DataError
        >>> from descend.neurons import LinearUnit
        >>> try:
        ...     LinearUnit().fit([[1.0], [float("nan")]], [1, 2])
        ... except DataError as error:
        ...     print(str(error).partition(";")[0])
        X: column 1 has 1 missing value(s), the first in row 1 (counted from 0)
    """


class AttributeRefused(DescendError, AttributeError):
    """An attribute was set that nothing would read; the message names what does it here.

    An AttributeError too.

    Source: descend's own.

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.errors import AttributeRefused
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> try:
        ...     model.learning_rate = 0.1
        ... except AttributeRefused:
        ...     print("refused")
        refused
    """


class DataWarning(UserWarning):
    """Rows can be used, but not as they may be meant: the message says what was done with them.

    Source: descend's own.

    Example:
        >>> import warnings
        >>> from descend.errors import DataWarning
        >>> with warnings.catch_warnings(record=True) as told:
        ...     warnings.simplefilter("always", DataWarning)
        ...     warnings.warn("3 rows were left out", DataWarning)
        >>> str(told[0].message)
        '3 rows were left out'
    """


class NotFittedError(DescendError):
    """Something that needs a compiled or trained model came too early.

    Source: descend's own, after scikit-learn's class of the same name.

    Example:
        >>> from descend.errors import NotFittedError
        >>> from descend.neurons import LinearUnit
        >>> try:
        ...     LinearUnit().summary()
        ... except NotFittedError as error:
        ...     print(error)
        this LinearUnit is not fitted; call fit(X, y) first
    """


class DivergenceError(DescendError):
    """Training produced a NaN or an infinity. `run` holds the last finite weights.

    Args:
        message: text of the error: what was no longer finite, when, and what to do.
        run: state of training at the last finite weights; None where none is kept.

    Source: descend's own.

    Example:
        >>> from descend.errors import DivergenceError
        >>> from descend.neurons.classic import HebbUnit
        >>> unit = HebbUnit(rule="hebb", learning_rate=1.0, max_iter=1000)
        >>> try:
        ...     unit.fit([[-9.0], [9.0]])
        ... except DivergenceError as error:
        ...     print(str(error)[:34])
        the weights grew beyond all bounds
    """

    def __init__(self, message: str, run: Any = None):
        super().__init__(message)
        self.run = run


class CheckpointError(DescendError):
    """A saved file is truncated, edited, from a newer version, or not ours.

    Source: descend's own.

    Example:
        >>> import tempfile
        >>> from descend import load_model
        >>> from descend.errors import CheckpointError
        >>> with tempfile.NamedTemporaryFile(suffix=".descend") as file:
        ...     _ = file.write(b"not a model")
        ...     file.flush()
        ...     try:
        ...         load_model(file.name)
        ...     except CheckpointError:
        ...         print("not ours")
        not ours
    """


class MissingExtraError(DescendError):
    """An optional dependency is not installed; the message names the extra.

    Args:
        package: name of the package that is missing, such as "lightgbm".
        extra: name of descend's extra that installs it, in `pip install 'descend[...]'`.
        purpose: words for what needs the package; the message begins with them.

    Source: descend's own.

    Example:
        >>> from descend.errors import MissingExtraError
        >>> print(str(MissingExtraError("pyarrow", "parquet", "reading Parquet"))[:60])
        reading Parquet needs the package 'pyarrow', which is not in
    """

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'descend[{extra}]'"
        )


def unknown(kind: str, name: object, known: Iterable[str]) -> DescendError:
    """The error for a name that is not in a list, with the nearest one suggested.

    Args:
        kind: words for what the name is the name of, such as "activation".
        name: value that was given.
        known: names that there are.

    Returns:
        The DescendError, for the caller to raise.

    Raises:
        Nothing of its own.

    Source: descend's own; nearness by the standard library's difflib.

    Example:
        >>> from descend.errors import unknown
        >>> print(unknown("colour", "gren", ["red", "green"]))
        unknown colour 'gren'. Did you mean 'green'? Known: green, red.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    near.sort(key=lambda other: sorted(other) != sorted(str(name)))  # first two letters swapped
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return DescendError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")
