"""All checks of the data at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from descend.data.splits import Split
from descend.tables.checks import leakage, parts
from descend.tables.checks.one_column import some_rows
from descend.tables.checks.verdicts import Check
from descend.tables.prepare import Prepared

QUICK_ROWS, QUICK_COLUMNS = 1500, 40
MOST_COLUMNS = 400


def check_prepared(
    prepared: Prepared, *, known_later: Iterable[str] = (), quick: bool = False, seed: int = 0
) -> tuple[Check, ...]:
    """The checks of a prepared table, over the columns that the network sees.

    Args:
        prepared: what `prepare_table` gave; of several targets the first is taken.
        known_later: columns that are not known when a prediction is made.
        quick: whether a second or two are all there is; see `check_data`.
        seed: seed of trees and samples of rows.
    """
    time = prepared.options.time
    return check_data(
        prepared.inputs[list(prepared.used)],
        prepared.y if prepared.y.ndim == 1 else prepared.y[:, 0],
        prepared.split,
        target=prepared.target.names[0],
        classifies=prepared.target.classifies,
        classes=prepared.target.classes,
        groups=prepared.groups,
        times=None if time is None or time not in prepared.inputs else prepared.inputs[time],
        known_later=known_later,
        at_random=time is None and not prepared.split.own_test,
        texts=prepared.texts,
        quick=quick,
        seed=seed,
    )


def check_data(
    inputs: pd.DataFrame,
    y: np.ndarray,
    split: Split,
    *,
    target: str,
    classifies: bool,
    classes: Sequence[str] = (),
    groups: Sequence[Any] | np.ndarray | pd.Series | None = None,
    times: pd.Series | None = None,
    known_later: Iterable[str] = (),
    at_random: bool = True,
    texts: Sequence[str] = (),
    quick: bool = False,
    seed: int = 0,
) -> tuple[Check, ...]:
    """The checks of leakage.py and parts.py, in the order of their codes.

    What is learned of columns and target is learned from the training rows; the test rows are only
    compared with them (are they the same, are they of another kind), their target for repeated rows
    and groups and for how frequent it is.

    Args:
        inputs: (n, columns) that the network sees, as they came, in the order of the file; n counts
            the rows of a test table of the user's own.
        y: (n,) class numbers or values.
        split: row numbers of the parts.
        target: its name.
        classifies: whether the target is a class.
        classes: their names.
        groups: (n,) of a group column.
        times: (n,) of the column that the parts were divided by.
        known_later: columns that the user says are not known when a prediction is made.
        at_random: whether the parts were drawn at random.
        texts: columns that are read as texts, which may be different in every row.
        quick: whether to take a few thousand rows, fewer trees and the columns that go with the
            target most.
        seed: seed of trees and samples of rows.
    """
    train, validation, test = (inputs.iloc[r] for r in (split.train, split.validation, split.test))
    y_train, y_validation, y_test = (y[r] for r in (split.train, split.validation, split.test))
    in_order = np.sort(np.concatenate([split.train, split.validation]))
    later = np.concatenate([split.validation, split.test])
    names = classes if classes or not classifies else [str(i) for i in range(int(y.max()) + 1)]
    labels = None if groups is None else np.asarray(groups, object)
    whole = None  # groups, where no two parts share one
    if (
        labels is not None
        and not np.isin(
            pd.factorize(labels, use_na_sentinel=False)[0][later],
            pd.factorize(labels, use_na_sentinel=False)[0][split.train],
        ).any()
    ):
        whole = labels
    few: dict[str, Any] = {"trees": 20, "most": QUICK_ROWS} if quick else {}
    looked_at = split.train[some_rows(len(split.train), seed, QUICK_ROWS)] if quick else split.train
    return (
        leakage.repeated_rows(
            train,
            {"validation": validation, "test": test},
            y_train,
            {"validation": y_validation, "test": y_test},
        ),
        leakage.nearly_alone(
            inputs.iloc[looked_at],
            y[looked_at],
            validation,
            y_validation,
            classifies=classifies,
            most=QUICK_COLUMNS if quick else MOST_COLUMNS,
            seed=seed,
        ),
        leakage.identifiers(
            inputs.drop(columns=list(texts)).iloc[in_order],
            None if times is None else str(times.name),
        ),
        leakage.unknown_at_prediction(
            train, y_train, target, classifies=classifies, known_later=known_later
        ),
        parts.sorted_by_target(y[in_order], classifies=classifies, at_random=at_random),
        parts.groups_in_parts(
            groups, y, split.train, later, classifies=classifies, inputs=train, seed=seed
        ),
        parts.told_apart(
            train,
            test,
            at_random=at_random,
            groups=None if whole is None else (whole[split.train], whole[split.test]),
            times=None
            if times is None or split.own_test
            else (times.iloc[split.train], times.iloc[split.test]),
            seed=seed,
            **few,
        ),
        leakage.nearly_constant(train),
        parts.target_differs(
            y_train,
            {"validation": y_validation, "test": y_test},
            classes=names,
            groups=None
            if whole is None
            else (
                whole[split.train],
                {"validation": whole[split.validation], "test": whole[split.test]},
            ),
            at_random=at_random,
            seed=seed,
        ),
    )
