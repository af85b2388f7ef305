"""All checks of the data at once, for the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from descend.data.splits import Split
from descend.tables.checks import leakage
from descend.tables.checks.verdicts import Check


def check_data(
    inputs: pd.DataFrame,
    y: np.ndarray,
    split: Split,
    *,
    target: str,
    classifies: bool,
    groups: Sequence[Any] | np.ndarray | pd.Series | None = None,
    known_later: Iterable[str] = (),
    at_random: bool = True,
    seed: int = 0,
) -> tuple[Check, ...]:
    """The eight checks of tables/leakage.py, in the order of their codes.

    What is learned of columns and target is learned from the training rows; the test rows are only
    compared with them (are they the same, are they of another kind), their target for repeated rows
    and groups.

    Args:
        inputs: (n, columns) as they came, in the order of the file; n counts the rows of a test
            table of the user's own.
        y: (n,) class numbers or values.
        split: row numbers of the parts.
        target: its name.
        classifies: whether the target is a class.
        groups: (n,) of a group column.
        known_later: columns that the user says are not known when a prediction is made.
        at_random: whether the parts were drawn at random.
        seed: of trees and samples of rows.
    """
    train, validation, test = (inputs.iloc[r] for r in (split.train, split.validation, split.test))
    y_train, y_validation, y_test = (y[r] for r in (split.train, split.validation, split.test))
    in_order = np.sort(np.concatenate([split.train, split.validation]))
    return (
        leakage.repeated_rows(
            train,
            {"validation": validation, "test": test},
            y_train,
            {"validation": y_validation, "test": y_test},
        ),
        leakage.nearly_alone(
            train, y_train, validation, y_validation, classifies=classifies, seed=seed
        ),
        leakage.identifiers(inputs.iloc[in_order]),
        leakage.unknown_at_prediction(
            train, y_train, target, classifies=classifies, known_later=known_later
        ),
        leakage.sorted_by_target(y[in_order], classifies=classifies, at_random=at_random),
        leakage.groups_in_parts(
            groups,
            y,
            split.train,
            np.concatenate([split.validation, split.test]),
            classifies=classifies,
        ),
        leakage.told_apart(train, test, at_random=at_random, seed=seed),
        leakage.nearly_constant(train),
    )
