"""Dividing rows into training, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from descend.errors import DataError

LEAST_ROWS = 10


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each ascending; together every row once."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def three_way(
    n: int,
    *,
    labels: np.ndarray | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> Split:
    """Training, validation and test rows, drawn at random.

    Args:
        n: number of rows.
        labels: (n,) classes; given, each part has about the same shares of them.
        validation_share, test_share: of all rows; the rest is for training.
        seed: of the draw.

    Raises:
        DataError: shares that leave a part empty, too few rows, a class that is too small.
    """
    from sklearn.model_selection import train_test_split

    _require_shares(validation_share, test_share)
    if n < LEAST_ROWS:
        raise DataError(
            f"there are {n} rows with a known target, too few to train, validate and test on; "
            f"at least {LEAST_ROWS} are needed"
        )
    # rounded as sklearn does, so that the shares hold of all rows and not of what is left of them
    tests = int(np.ceil(round(n * test_share, 9)))
    checks = int(np.ceil(round(n * validation_share, 9)))
    if min(tests, checks, n - tests - checks) < 2:
        raise DataError(
            f"{n} rows split into {n - tests - checks} for training, {checks} for validation and "
            f"{tests} for the test; each part needs at least 2. Choose other shares."
        )
    if labels is not None:
        _require_members(labels, min(tests, checks))
    rows = np.arange(n)
    try:
        rest, test = train_test_split(rows, test_size=tests, random_state=seed, stratify=labels)
        train, validation = train_test_split(
            rest,
            test_size=checks,
            random_state=seed,
            stratify=None if labels is None else labels[rest],
        )
    except ValueError as error:
        raise DataError(f"the rows cannot be split by class: {error}") from None
    if labels is not None:
        lost = set(np.unique(labels)) - set(np.unique(labels[train]))
        if lost:
            raise DataError(
                f"no row of the class {str(min(lost))!r} is left for training; use smaller shares"
            )
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def _require_shares(validation: float, test: float) -> None:
    for name, share in (("validation share", validation), ("test share", test)):
        if not 0 < share < 1:
            raise DataError(f"the {name} must be between 0 and 1, got {share:g}")
    if validation + test >= 1:
        raise DataError(
            f"the validation share {validation:g} and the test share {test:g} leave nothing to "
            "train on; their sum must be below 1"
        )


def _require_members(labels: np.ndarray, smallest_part: int) -> None:
    classes, counts = np.unique(labels, return_counts=True)
    rare = counts < 3
    if rare.any():
        which = int(np.argmax(rare))
        more = f" (and {rare.sum() - 1} more such)" if rare.sum() > 1 else ""
        raise DataError(
            f"the class {str(classes[which])!r} has {counts[which]} row(s){more}; at least 3 are "
            "needed, one each to train, validate and test on. Leave such rows out, or merge the "
            "class with another; for a number to be predicted, use --task regression"
        )
    if len(classes) > smallest_part:
        raise DataError(
            f"there are {len(classes)} classes and only {smallest_part} rows in the smallest part "
            "of the split; give larger shares or more rows"
        )
