"""Parts made of whole groups: no firm, person or school is in two of them."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any

import numpy as np

from descend.errors import DataError

FINEST_FOLD = 20  # groups are dealt into at most so many folds, which make up the parts
MOST_LOTS = 2000  # more groups than this are bundled first: dealing takes Python's time a group
LEAST_OF_SHARE = 0.5  # of the rows asked for, where a group must not be cut

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]


def by_groups(
    values: Any, labels: np.ndarray | None, sizes: tuple[int, int, int], seed: int
) -> tuple[Parts, str]:
    """Training, validation and test rows of whole groups, and in words how they were drawn.

    Args:
        values: (n,) groups, of anything.
        labels: (n,) classes; given, each part has about the same shares of them.
        sizes: rows for training, validation, test; no test rows make no test part.
        seed: seed of the draw.

    Raises:
        DataError: a row without a group; too few groups, in all or of a class; a group so large
            that a part would have less than half of the rows asked for.
    """
    groups = _numbered(values)
    least = 3 if sizes[2] else 2
    count = int(groups.max()) + 1
    if count < least:
        why = "one group" if count == 1 else f"only {count} groups"
        raise DataError(
            f"there is {why} in {len(groups)} rows; at least {least} are needed, one a part"
        )
    classes = np.zeros(len(groups), np.int64)
    if labels is not None:
        names, classes = np.unique(labels, return_inverse=True)
        pairs = np.unique(np.stack([classes, groups]), axis=1)
        homes = np.bincount(pairs[0], minlength=len(names))
        if homes.min() < least:
            rare = int(homes.argmin())
            raise DataError(
                f"the class {str(names[rare])!r} is found in {homes[rare]} group(s) only; at least "
                f"{least} are needed, one a part. Leave the class out, or merge it with another"
            )
    if count > MOST_LOTS:
        order = np.random.default_rng(seed).permutation(count)
        lots = order[groups] % MOST_LOTS
    else:
        lots = groups
    rest, test = np.arange(len(groups)), np.zeros(0, np.int64)
    if sizes[2]:
        rest, test = _deal(rest, lots, classes, sizes[2], seed)
    train, validation = _deal(rest, lots, classes, sizes[1], seed)
    parts = (train, validation, test)
    if any(
        len(part) < max(2, LEAST_OF_SHARE * wanted)
        for part, wanted in zip(parts, sizes, strict=True)
        if wanted
    ):
        largest = int(np.bincount(groups).max())
        raise DataError(
            f"whole groups give parts of {len(train)}, {len(validation)} and {len(test)} rows, "
            f"where {sizes[0]}, {sizes[1]} and {sizes[2]} were asked for: the largest "
            f"group has {largest} of {len(groups)} rows. Choose other shares, or a finer grouping"
        )
    numbers = [len(np.unique(groups[part])) for part in parts]
    tested = f" and {numbers[2]:,}" if sizes[2] else ""
    within = ", about equal shares of the classes" if labels is not None else ""
    how = (
        f"whole groups drawn at random{within}, seed {seed}: {numbers[0]:,} groups to train, "
        f"{numbers[1]:,}{tested} to validate{' and test' if sizes[2] else ''}"
    )
    return (train, validation, test), how


def _numbered(groups: Any) -> np.ndarray:
    """Group numbers 0, 1, ... of the rows."""
    import pandas as pd

    codes, _ = pd.factorize(np.asarray(groups, object), use_na_sentinel=True)
    if (codes < 0).any():
        raise DataError(
            f"row {int(np.argmax(codes < 0)) + 1} has no group (and {int((codes < 0).sum()) - 1} "
            "more); fill in the group column, or leave those rows out"
        )
    return codes


def _deal(
    rows: np.ndarray, groups: np.ndarray, classes: np.ndarray, wanted: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(rest, part): whole groups of about `wanted` of the rows, the classes in equal shares.

    The groups are dealt into k folds; the part is the m of them nearest in size to wanted / m,
    where m / k is nearly the share. A group too large for the part so stays in the rest.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    present, homes = np.unique(groups[rows], return_inverse=True)
    _, members = np.unique(classes[rows], return_counts=True)
    finest = min(FINEST_FOLD, len(present), int(members.max()))
    if finest < 2:
        raise DataError(
            "whole groups of these classes cannot be divided so: what is left to divide holds "
            f"{len(present)} group(s). Choose other shares, or a finer grouping"
        )
    share = Fraction(wanted, len(rows)).limit_denominator(finest)
    share = min(max(share, Fraction(1, finest)), Fraction(finest - 1, finest))
    dealer = StratifiedGroupKFold(share.denominator, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # a class in fewer groups than folds: what matters is checked on the parts
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = [fold for _, fold in dealer.split(rows[:, None], classes[rows], homes)]
    miss = [abs(len(fold) - wanted / share.numerator) for fold in folds]
    nearest = np.argsort(miss, kind="stable")[: share.numerator]
    chosen = np.zeros(len(rows), bool)
    chosen[np.concatenate([folds[i] for i in nearest])] = True
    return rows[~chosen], rows[chosen]
