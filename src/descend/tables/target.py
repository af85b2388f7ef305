"""The column to predict: which task it makes, and its way into the network and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from descend.data.table import unknown_column
from descend.errors import DataError
from descend.tables.columns import kind_of, numbers, text, truths
from descend.tables.heads import HEADS, Head, head_from

MOST_CLASSES = 10  # of a whole-number target that nobody called a class
SMALL_COUNTS = 20  # a median up to which whole numbers from 0 may be counts
MAGNITUDES = 1e3  # from the 1st to the 99th percentile, from which a logarithm is thought of
LEAST_PER_VALUE = 20  # rows a value of such a target must have on average


@dataclass(frozen=True)
class Target:
    """The target of a table, before anything is learned from its rows.

    Attributes:
        names: the column, or the columns of a regression of several.
        task: see `descend.tables.heads`.
        reason: why, in words.
        classes: names of the classes, in the order of the network's outputs; () for numbers.
    """

    names: tuple[str, ...]
    task: str
    reason: str
    classes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The column, or the columns divided by commas."""
        return ", ".join(self.names)

    @property
    def classifies(self) -> bool:
        """Whether the task is classification."""
        return self.task == "classification"

    def fit(self, y: np.ndarray, **options: Any) -> FittedTarget:
        """Learn the network's head from training rows.

        Args:
            y: class numbers (n,), or values (n,) or (n, targets).
            options: `weight` (n,), `levels` of quantiles.

        Raises:
            DataError: y does not vary, or does not suit the task.
        """
        if not self.classifies and (np.ptp(y, axis=0) == 0).any():
            which = self.names[int(np.argmax(np.atleast_1d(np.ptp(y, axis=0) == 0)))]
            raise DataError(f"the target {which!r} is the same in all {len(y)} training rows")
        try:
            head = HEADS[self.task].fit(y, classes=len(self.classes), **options)
        except DataError as error:
            raise DataError(f"the target {self.name!r}, task {self.task}: {error}") from None
        return FittedTarget(self.names, self.task, self.reason, self.classes, head=head)

    def read(self, frame: pd.DataFrame, where: str = "the table") -> np.ndarray:
        """Other rows' values, as `read_target` gives them: class numbers, or values.

        Raises:
            DataError: no such column; a value that is missing, no number, or a class not known.
        """
        columns = {str(name): frame[name] for name in frame.columns}
        for name in self.names:
            if name not in columns:
                raise unknown_column(name, list(columns), where)
            if columns[name].isna().any():
                row = int(np.argmax(columns[name].isna().to_numpy()))
                raise DataError(f"{where}: the target {name!r} is missing in row {row}")
        if self.classifies:
            column = columns[self.names[0]]
            number = kind_of(column) == "number"
            labels = _names(numbers(column)[0]) if number else list(text(column))
            labels = _as_classes(labels, self.classes)
            strangers = [s for s in labels if s not in self.classes]
            if strangers:
                raise DataError(
                    f"{where}: {strangers[0]!r} is no class of {self.name!r} that the network "
                    f"knows: {', '.join(self.classes[:10])}"
                )
            return np.array([self.classes.index(s) for s in labels])
        read = [
            truths(c) if kind_of(c) == "boolean" else numbers(c)
            for c in (columns[name] for name in self.names)
        ]
        for name, (values, strangers_at) in zip(self.names, read, strict=True):
            if strangers_at.any() or not np.isfinite(values).all():
                raise DataError(f"{where}: the target {name!r} holds what is no finite number")
        return read[0][0] if len(read) == 1 else np.stack([v for v, _ in read], axis=1)


@dataclass(frozen=True)
class FittedTarget(Target):
    """A target with a head that has learned from training rows.

    Attributes:
        head: what the network is trained on, and the way back to the target's units.
    """

    head: Head = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Write the target as plain JSON."""
        return {**asdict(self), "head": self.head.to_json()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> FittedTarget:
        """Read what `to_json` gave."""
        head = head_from(saved["head"])
        names, classes = tuple(saved["names"]), tuple(saved["classes"])
        return cls(names, saved["task"], saved["reason"], classes, head=head)


def _as_classes(labels: list[str], classes: tuple[str, ...]) -> list[str]:
    """Other spellings of true and false by the class that means the same."""
    values = truths(pd.Series(classes, dtype="string"))[0]
    if np.isnan(values).any() or len(classes) != 2:
        return labels
    of = dict(zip(values, classes, strict=True))
    meanings = truths(pd.Series(labels, dtype="string"))[0]
    return [s if s in classes else of.get(m, s) for s, m in zip(labels, meanings, strict=True)]


def read_target(
    columns: pd.DataFrame, task: str | None = None, kinds: Mapping[str, str] | None = None
) -> tuple[Target, np.ndarray]:
    """The Target of one or several columns without missing values, and its values.

    A text, true/false or category column makes a classification, as do two distinct values, or at
    most 10 distinct whole numbers with at least 20 rows a value. Anything else is regression.

    Args:
        columns: (n, targets), nothing missing.
        task: decides in place of the rule.
        kinds: {column: kind} in place of what its values suggest.

    Returns:
        The Target (not yet fitted), and y: class numbers (n,) int64, or values float64, (n,) of one
        and (n, targets) of several columns.

    Raises:
        DataError: constant, infinite, dates, or values that do not suit the task.
    """
    kinds = kinds or {}
    if columns.shape[1] == 1:
        column = columns.iloc[:, 0]
        return _read_one(column, task, kinds.get(str(column.name)))
    if task not in (None, "regression"):
        raise DataError(f"several targets make a regression; the task {task!r} takes one")
    read = [_read_one(columns[name], "regression", kinds.get(str(name))) for name in columns]
    names = tuple(str(name) for name in columns)
    reason = "as asked for" if task else f"there are {len(names)} targets"
    return Target(names, "regression", reason), np.stack([y for _, y in read], axis=1)


def _read_one(
    column: pd.Series, task: str | None, wanted_kind: str | None = None
) -> tuple[Target, np.ndarray]:
    name, kind = str(column.name), wanted_kind or kind_of(column)
    if kind in ("date", "other"):
        what = "dates" if kind == "date" else "lists or other objects"
        raise DataError(
            f"the target {name!r} holds {what}, which cannot be predicted (first value "
            f"{column.iloc[0]!r}); choose another with --target"
        )
    numeric = task not in (None, "classification")
    values: np.ndarray | None = None
    y: np.ndarray
    if kind == "boolean":
        values, _ = truths(column)
    elif kind == "number":
        values, _ = numbers(column)
        _require_finite(name, values)
    elif numeric:
        values, strangers = numbers(column)
        if strangers.any():
            first = int(np.argmax(strangers))
            raise DataError(
                f"{task} needs numbers; the target {name!r} holds {str(column.iloc[first])!r} "
                f"(and {int(strangers.sum()) - 1} more like it). Leave out --task {task}"
            )
    if kind == "number":
        assert values is not None
        order, y = np.unique(values, return_inverse=True)
        classes = _names(order) if len(order) <= len(values) / 2 or len(order) == 1 else []
        distinct, example = len(order), f"{values[0]:g}"
    elif kind == "boolean":
        assert values is not None
        classes, y = _spelled(text(column), values)
        distinct, example = len(classes), repr(classes[0])
    else:
        words = text(column)
        classes = sorted(words.unique())
        y = words.map({c: i for i, c in enumerate(classes)}).to_numpy(dtype=np.int64)
        distinct, example = len(classes), repr(words.iloc[0])
    if distinct < 2:
        raise DataError(
            f"the target {name!r} is constant: {example} in all {len(column)} rows; there is "
            "nothing to predict"
        )
    decided, reason = _decide(kind, values, distinct)
    if kind == "boolean":
        spellings = text(column).nunique()
        reason += f", in {spellings} spellings" if spellings > distinct else ""
    if task is not None:
        decided, reason = task, "as asked for"
    if decided != "classification":
        assert values is not None
        return Target((name,), decided, reason), values
    if distinct > len(column) / 2:
        raise DataError(
            f"the target {name!r} holds {distinct} different values in {len(column)} rows, such as "
            f"{example}: too many to be classes. Choose another column with --target"
            + (", or use --task regression" if values is not None else "")
        )
    return Target((name,), decided, reason, tuple(classes)), y


def _spelled(words: pd.Series, values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The classes of true and false by their most frequent spelling, and each row's number."""
    counts = words.value_counts()
    sides = truths(counts.index.to_series())[0]
    ranked = sorted(zip(counts.index, counts, sides, strict=True), key=lambda r: (-r[1], r[0]))
    names = {side: str(word) for word, _, side in reversed(ranked)}
    classes = sorted(names.values())
    return classes, np.array([classes.index(names[value]) for value in values])


def hints(target: Target, y: np.ndarray) -> list[str]:
    """What another task or another scale may do better, from the target's values."""
    if len(target.names) > 1 or target.reason == "as asked for":
        return []
    name = target.name if target.name.isidentifier() else f"`{target.name}`"
    if target.classifies:
        if _are_counts(target.classes):
            return ["counts? --task count predicts how many, --task regression an amount"]
        return []
    if target.task != "regression":
        return []
    whole = bool((y == np.floor(y)).all())
    if not whole and y.min() >= 0 and y.max() <= 1:
        return ["shares? --task share keeps predictions and intervals between 0 and 1"]
    if whole and y.min() in (0, 1) and np.median(y) <= SMALL_COUNTS:
        return ["counts? --task count fits them as such, and predicts nothing below 0"]
    low, high = np.quantile(y[y > 0], [0.01, 0.99]) if (y > 0).any() else (1.0, 1.0)
    if y.min() >= 0 and high > MAGNITUDES * low:
        scale = "log" if y.min() > 0 else "log1p"
        return [
            f"it spans {np.log10(high / low):.0f} orders of magnitude, and squared errors see the "
            f"largest alone: --formula '{scale}({name}) ~ .' predicts its logarithm"
        ]
    return []


def _are_counts(classes: tuple[str, ...]) -> bool:
    return len(classes) > 2 and set(classes) == {str(i) for i in range(len(classes))}


def _require_finite(name: str, values: np.ndarray) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"the target {name!r} holds {int(infinite.sum())} infinite value(s), the first in row "
            f"{int(np.argmax(infinite)) + 1} of those with a target; correct or remove them"
        )


def _names(values: np.ndarray) -> list[str]:
    return [str(int(v)) if v == int(v) else repr(float(v)) for v in values]


def _decide(kind: str, values: np.ndarray | None, distinct: int) -> tuple[str, str]:
    """(task, reason): the rule of `read_target`."""
    if kind == "boolean":
        return "classification", "it is true or false"
    if values is None or kind == "category":
        return "classification", f"it is text with {distinct} distinct values"
    n = len(values)
    whole = bool((values == np.floor(values)).all())
    what = "whole numbers" if whole else "numbers"
    if distinct == 2:
        return "classification", f"it holds 2 distinct {what}"
    if whole and distinct <= MOST_CLASSES and distinct * LEAST_PER_VALUE <= n:
        return "classification", f"it holds {distinct} distinct whole numbers in {n:,} rows"
    return "regression", f"it holds {distinct} distinct {what} in {n:,} rows"
