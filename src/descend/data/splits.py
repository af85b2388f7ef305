"""Dividing rows into training, validation and test parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.data.splits_by_group import by_groups
from descend.data.splits_by_time import Gap, by_time
from descend.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 10
OWN_TEST = "the test is a table of its own"


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each ascending; together every row at most once.

    Attributes:
        train, validation, test: row numbers of the parts.
        how: they were made, in words.
        left_out: rows that are in no part, because they lie in the gap between two.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str = ""
    left_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def own_test(self) -> bool:
        """Whether the test rows are a table of the user's own."""
        return self.how.endswith(OWN_TEST)


def split_rows(
    n: int,
    *,
    labels: np.ndarray | None = None,
    groups: Sequence[Any] | np.ndarray | pd.Series | None = None,
    time: Sequence[Any] | np.ndarray | pd.Series | None = None,
    gap: Gap | None = None,
    own_test: int | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> Split:
    """Training, validation and test rows: at random, by whole groups, or by time.

    Args:
        n: number of rows, without those of a test table of the user's own.
        labels: (n,) classes; drawn at random or by groups, each part has about their shares.
        groups: (n,) of anything; no group is in two parts.
        time: (n,) dates, numbers or ISO text. The latest rows are for the test, those before them
            for validation; rows of the same time stay together.
        gap: rows less than this before a later part are left out of the earlier one; a number, or
            for dates a timedelta or text such as "30 days".
        own_test: rows of a test table of the user's own, that follow the n rows: they are the test
            part, n to n + own_test - 1, and `test_share` is not used.
        validation_share, test_share: shares of the n rows; the rest is for training.
        seed: seed of the draw; not used by time.

    Raises:
        DataError: shares that leave a part empty; too few rows; a class that is too small; groups
            or times too few or too large to be divided so; both groups and time.
    """
    for name, values in (("labels", labels), ("groups", groups), ("time", time)):
        if values is not None and len(values) != n:
            raise DataError(f"there are {len(values)} {name} for {n} rows; one a row is needed")
    labels = None if labels is None else np.asarray(labels)
    if groups is not None and time is not None:
        raise DataError(
            "a split is by groups or by time, not by both: a group that goes on in time cannot be "
            "kept whole and cut at a date. Leave one of them out"
        )
    if gap is not None and time is None:
        raise DataError(f"a gap of {gap} needs a time column; name it, or leave the gap out")
    if own_test is not None and own_test < 1:
        raise DataError("the test table has no rows")
    sizes = _rows_asked_for(n, validation_share, None if own_test is not None else test_share)
    if time is not None:
        parts, left_out, how = by_time(time, gap, sizes)
        split = Split(*parts, how, left_out)
    elif groups is not None:
        parts, how = by_groups(groups, labels, sizes, seed)
        split = Split(*parts, how)
    else:
        split = _at_random(n, labels, sizes, seed)
    _require_classes(split, labels, tested=own_test is None)
    if own_test is None:
        return split
    test = np.arange(n, n + own_test)
    how = f"{split.how}; {OWN_TEST}"
    return Split(split.train, split.validation, test, how, split.left_out)


def require_rows(n: int) -> None:
    """Raise DataError where there are too few rows for three parts."""
    if n < LEAST_ROWS:
        raise DataError(
            f"there are {n} rows with a known target, too few to train, validate and test on; "
            f"at least {LEAST_ROWS} are needed"
        )


def _rows_asked_for(
    n: int, validation_share: float, test_share: float | None
) -> tuple[int, int, int]:
    """Rows for training, validation, test; no test share: the test is a table of its own."""
    _require_share("validation share", validation_share)
    own = test_share is None
    if test_share is None:
        test_share = 0.0
    else:
        _require_share("test share", test_share)
    if validation_share + test_share >= 1:
        raise DataError(
            f"the validation share {validation_share:g} and the test share {test_share:g} leave "
            "nothing to train on; their sum must be below 1"
        )
    require_rows(n)
    # rounded as sklearn does, so that the shares hold of all rows and not of what is left of them
    tests = int(np.ceil(round(n * test_share, 9)))
    checks = int(np.ceil(round(n * validation_share, 9)))
    if min([checks, n - tests - checks] + [tests] * (not own)) < 2:
        raise DataError(
            f"{n} rows split into {n - tests - checks} for training, {checks} for validation and "
            f"{tests} for the test; each part needs at least 2. Choose other shares."
        )
    return n - tests - checks, checks, tests


def _require_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise DataError(f"the {name} must be between 0 and 1, got {share:g}")


def _require_classes(split: Split, labels: np.ndarray | None, tested: bool) -> None:
    """Every class is there to be trained on, and more than one to validate and test on."""
    if labels is None:
        return
    lost = set(np.unique(labels)) - set(np.unique(labels[split.train]))
    if lost:
        raise DataError(
            f"no row of the class {str(min(lost))!r} is left for training ({split.how}); use "
            "smaller shares, or leave the class out"
        )
    parts = [("validation", split.validation)] + [("test", split.test)] * tested
    for name, part in parts:
        if len(np.unique(labels[part])) == 1:
            raise DataError(
                f"all {len(part)} rows of the {name} part are of the class "
                f"{str(labels[part][0])!r} ({split.how}): nothing could be told apart there. "
                "Choose other shares, or another way to split"
            )


def _at_random(n: int, labels: np.ndarray | None, sizes: tuple[int, int, int], seed: int) -> Split:
    from sklearn.model_selection import train_test_split

    _, checks, tests = sizes

    if labels is not None:
        _require_members(labels, checks, tests)
    rest, test = np.arange(n), np.zeros(0, np.int64)
    try:
        if tests:
            rest, test = train_test_split(rest, test_size=tests, random_state=seed, stratify=labels)
        train, validation = train_test_split(
            rest,
            test_size=checks,
            random_state=seed,
            stratify=None if labels is None else labels[rest],
        )
    except ValueError as error:
        raise DataError(f"the rows cannot be split by class: {error}") from None
    within = "" if labels is None else ", equal shares of the classes"
    how = f"drawn at random{within}, seed {seed}"
    return Split(np.sort(train), np.sort(validation), np.sort(test), how)


def _require_members(labels: np.ndarray, checks: int, tests: int) -> None:
    smallest_part = min(checks, tests or checks)
    needed, purposes = (3, "train, validate and test on")
    if not tests:
        needed, purposes = (2, "train and validate on")
    classes, counts = np.unique(labels, return_counts=True)
    rare = counts < needed
    if rare.any():
        which = int(np.argmax(rare))
        more = f" (and {rare.sum() - 1} more such)" if rare.sum() > 1 else ""
        raise DataError(
            f"the class {str(classes[which])!r} has {counts[which]} row(s){more}; at least "
            f"{needed} are needed, one each to {purposes}. Leave such rows out, or merge the "
            "class with another; for a number to be predicted, use --task regression"
        )
    if len(classes) > smallest_part:
        raise DataError(
            f"there are {len(classes)} classes and only {smallest_part} rows in the smallest part "
            "of the split; give larger shares or more rows"
        )
