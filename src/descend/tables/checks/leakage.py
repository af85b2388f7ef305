"""Checks of the data: whether the parts, or the columns, tell what they should not know.

Each returns a `Check`. A failed one is no proof: it says where to look. Kaufman, Rosset, Perlich
and Stitelman (2012), Leakage in data mining: formulation, detection, and avoidance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.tables.checks.one_column import classify_parts, strengths
from descend.tables.checks.runs import runs_z
from descend.tables.checks.verdicts import Check, Kind
from descend.tables.columns import kind_of, numbers, text

NEARLY_ALL = 0.99  # AUC or R2 from which on one column predicts the target nearly alone
STRONG, FAR_AHEAD = 0.9, 0.2  # or this, and so much above the next column
MOSTLY_DIFFERENT = 0.95  # share of distinct values of an identifier, or of a measured number
TOLD_APART = 0.60  # AUC of training against test rows from which on they differ
SORTED_RUNS = -6.0  # z of the number of runs: one in a thousand million files by chance
NEARLY_CONSTANT = 0.999
LEAST_ROWS = 20
LEAST_ALONE = 50  # validation rows: in fewer, an honest column is easily without a fault

_DUPLICATES = Kind("L001", "the same rows in two parts")
_ALONE = Kind("L002", "a column that predicts the target nearly alone")
_IDENTIFIERS = Kind("L003", "identifiers among the columns", "tip")
_LATER = Kind("L004", "columns unknown when a prediction is made")
_SORTED = Kind("L005", "the file is sorted by the target", "tip")
_GROUPS = Kind("L006", "groups in two parts")
_APART = Kind("L007", "training and test rows can be told apart")
_CONSTANT = Kind("L008", "columns that are nearly constant", "tip")
_ID_NAME = re.compile(r"(^|[_\W])(id|ids|uuid|guid|key|nr|no|num|number|index|rownames)$", re.I)


def repeated_rows(
    train: pd.DataFrame,
    later: Mapping[str, pd.DataFrame],
    y_train: np.ndarray,
    y_later: Mapping[str, np.ndarray],
) -> Check:
    """Rows of validation and test that are also training rows.

    An issue where the rows hold a measured number (mostly different values): then equal rows are
    the same unit twice. Else a tip: units that answer a few questions alike are not the same.

    Args:
        train: inputs of the training part.
        later: {"validation": inputs, "test": inputs}.
        y_train, y_later: their targets.
    """
    measured = any(_distinct_share(train[c]) > MOSTLY_DIFFERENT for c in train.columns)
    known = _keys(train)
    whole = _keys(train, y_train)
    told, repeated, total = [], 0, 0
    for name, frame in later.items():
        inputs = np.isin(_keys(frame), known)
        both = int(np.isin(_keys(frame, y_later[name]), whole).sum())
        repeated, total = repeated + int(inputs.sum()), total + len(frame)
        told.append(
            f"{int(inputs.sum()):,} of {len(frame):,} {name} rows have the inputs of a training "
            f"row, {both:,} its target too"
        )
    return _DUPLICATES.judge(
        repeated > 0,
        "; ".join(told),
        "Remove repeated rows, or split by whole groups so that a unit stays in one part."
        if measured
        else "No column is a measured number, so these may be different units that look alike; if "
        "they are not, remove them or split by whole groups.",
        level="issue" if measured else "tip",
        repeated=repeated,
        share=repeated / max(total, 1),
    )


def nearly_alone(
    train: pd.DataFrame,
    y_train: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    classifies: bool,
    seed: int = 0,
) -> Check:
    """A column from which a tree predicts the target: AUC, or R2 of the target's ranks.

    An issue from 0.99 on; a tip from 0.9 on where no other column comes within 0.2.

    Args:
        train, validation: inputs as they came.
        y_train, y_validation: class numbers or values.
        classifies: whether the target is a class.
        seed: of the trees, and of the rows they are fitted on where these are many.
    """
    if len(validation) < LEAST_ALONE:
        return _ALONE.skip(f"the validation part has {len(validation)} rows, too few to tell")
    found = strengths(train, y_train, validation, y_validation, classifies=classifies, seed=seed)
    if not found:
        return _ALONE.skip("no column can be used alone, or the validation part has one class")
    ranked = sorted(found, key=lambda name: -found[name])
    best, measure = found[ranked[0]], "AUC" if classifies else "R2 of the ranks"
    floor = 0.5 if classifies else 0.0
    second = max(found[ranked[1]], floor) if len(ranked) > 1 else floor
    nearly = [name for name in ranked if found[name] >= NEARLY_ALL]
    ahead = best >= STRONG and best - second >= FAR_AHEAD
    named = ", ".join(f"{name!r} ({found[name]:.3f})" for name in (nearly or ranked)[:3])
    return _ALONE.judge(
        bool(nearly) or ahead,
        f"{measure} of one column alone on the validation rows, the highest: {named}",
        "Ask whether it is known when a prediction is made, or made from the target; if so, leave "
        "it out with --drop.",
        level="issue" if nearly else "tip",
        best=best,
        second=second,
    )


def identifiers(frame: pd.DataFrame) -> Check:
    """Columns that name rows: text mostly different, whole numbers that rise with the row number.

    Whole numbers that all differ also count where the column is called id, key, no, ... An issue
    for numbers, which a network would use; text of this kind tells a tip.

    Args:
        frame: inputs in the order of the file.
    """
    if len(frame) < LEAST_ROWS:
        return _IDENTIFIERS.skip(f"there are only {len(frame)} rows")
    words, counted = [], []
    for name, column in frame.items():
        kind = kind_of(column)
        if kind in ("empty", "other", "boolean", "date"):
            continue
        if kind != "number":
            if _distinct_share(column) > MOSTLY_DIFFERENT:
                words.append(str(name))
            continue
        values = numbers(column)[0]
        known = values[~np.isnan(values)]
        whole = bool((known == np.floor(known)).all())
        if not whole or len(known) < LEAST_ROWS or len(np.unique(known)) < len(known):
            continue
        steps = np.diff(known)
        if (steps > 0).all() or (steps < 0).all() or _ID_NAME.search(str(name)):
            counted.append(str(name))
    found = [*counted, *words]
    return _IDENTIFIERS.judge(
        bool(found),
        f"{_listed(found)}: each row has its own value" if found else "no column names the rows",
        "Leave them out with --drop: what is learned of an identifier holds of no new row. If the "
        "number is a time, give it as the time column.",
        level="issue" if counted else "tip",
        columns=len(found),
    )


def unknown_at_prediction(
    frame: pd.DataFrame,
    y: np.ndarray,
    target: str,
    *,
    classifies: bool,
    known_later: Iterable[str] = (),
) -> Check:
    """Columns that are only filled in once the target is known.

    Those the user lists; those whose name holds the target's; and those that are missing exactly
    where the target is one class, or zero (such as an amount recovered of those who did not pay).

    Args:
        frame: inputs of training rows.
        y: (n,) class numbers or values.
        target: name of the target.
        classifies: whether the target is a class.
        known_later: columns that the user says are not known when a prediction is made.
    """
    columns = [str(c) for c in frame.columns]
    listed = [name for name in map(str, known_later) if name in columns]
    flat = _flat(target)
    named = [c for c in columns if len(flat) >= 3 and flat in _flat(c)]
    tied = [
        name
        for name, column in zip(columns, _each(frame), strict=True)
        if _missing_with_target(column, y, classifies)
    ]
    told = []
    if listed:
        told.append(f"{_listed(listed)}: said to be known only later")
    if named:
        told.append(f"{_listed(named)}: the name holds that of the target")
    if tied:
        told.append(f"{_listed(tied)}: missing exactly where the target has one certain value")
    return _LATER.judge(
        bool(told),
        "; ".join(told) or "no column is listed, named or missing like the target",
        "Leave them out with --drop, unless they are known when a prediction is made.",
        level="issue" if listed or tied else "tip",
        columns=len({*listed, *named, *tied}),
    )


def sorted_by_target(y: np.ndarray, *, classifies: bool, at_random: bool = True) -> Check:
    """Whether neighbours in the file have like targets: fewer runs than chance makes.

    A run is a stretch of equal classes (of a value: above or below the median). Of n rows with
    class counts n_i the expected number is 1 + (n^2 - sum n_i^2) / n (tables/runs.py).

    Args:
        y: (n,) class numbers or values in the order of the file.
        classifies: whether the target is a class.
        at_random: whether the parts were drawn at random; an issue otherwise.
    """
    codes = y if classifies else (y > np.median(y)).astype(int)
    z = runs_z(codes)
    if z is None:
        return _SORTED.skip("too few rows, or one value")
    if z >= SORTED_RUNS:
        found = "rows that follow each other have no more alike targets than chance makes"
    elif z > -0.9 * np.sqrt(len(y)) and not _monotone(y):
        found = "rows that follow each other have like targets"
    else:
        found = "the rows are sorted by the target, or nearly"
    return _SORTED.judge(
        z < SORTED_RUNS,
        f"{found} (z of the number of runs {z:.1f})",
        "Ask why: if neighbours belong together (the same person, the same day), split by whole "
        "groups or by time; a column that numbers the rows must be left out."
        + ("" if at_random else " Draw the parts at random unless the order is time."),
        level="tip" if at_random else "issue",
        z=z,
    )


def groups_in_parts(
    groups: Sequence[Any] | np.ndarray | pd.Series | None,
    y: np.ndarray,
    train: np.ndarray,
    later: np.ndarray,
    *,
    classifies: bool,
) -> Check:
    """Whether rows of a group are in two parts, and what the group then gives away.

    Told is the share of the target's variation (of its classes: of the Gini impurity) on later rows
    that the mean of their group in the training part explains.

    Args:
        groups: (n,) of all rows; None where there are none.
        y: (n,) class numbers or values.
        train: row numbers of the training part; later: of validation and test.
        classifies: whether the target is a class.
    """
    if groups is None:
        return _GROUPS.skip("no group column was named")
    codes, _ = pd.factorize(np.asarray(groups, object))
    shared = np.isin(codes[later], codes[train])
    if not shared.any():
        return _GROUPS.judge(False, "no group is in two parts", "", rows=0)
    told = _told_by_group(codes, y, train, later[shared], classifies)
    words = f"{int(shared.sum()):,} of {len(later):,} later rows have their group in training"
    if told is not None:
        words += f"; the group alone explains {told:.0%} of their target"
    return _GROUPS.judge(
        True,
        words,
        "Split by whole groups if predictions are wanted for new groups.",
        rows=int(shared.sum()),
        explained=told,
    )


def told_apart(
    train: pd.DataFrame, test: pd.DataFrame, *, at_random: bool = True, seed: int = 0
) -> Check:
    """Whether a small random forest can say of a row if it is a training or a test row.

    Its AUC on rows that a tree was not fitted on. By chance it is 0.5 with a standard error of
    sqrt((m + n + 1) / (12 m n)); failed above 0.60 if that is more than 3 such errors away.

    Args:
        train, test: inputs as they came.
        at_random: whether the parts were drawn at random: then this is an issue; by time or from
            another file it is a tip, to be expected in part.
        seed: of the forest, and of the rows taken where these are many.
    """
    m, n = len(train), len(test)
    if min(m, n) < LEAST_ROWS:
        return _APART.skip(f"there are {m} training and {n} test rows, too few to tell")
    auc, column = classify_parts(train, test, seed=seed)
    error = float(np.sqrt((m + n + 1) / (12 * m * n)))
    failed = auc > TOLD_APART and auc - 0.5 > 3 * error
    words = (
        f"a random forest tells training from test rows with an AUC of {auc:.3f} (chance is 0.5)"
    )
    return _APART.judge(
        failed,
        words + (f"; most by {column!r}" if failed and column else ""),
        "The test rows are of another kind than the training rows, so the test says how the "
        "network does there. Look at the column named: a date or a number that runs on gives the "
        "part away and should be left out.",
        level="issue" if at_random else "tip",
        auc=auc,
        chance_error=error,
    )


def nearly_constant(train: pd.DataFrame) -> Check:
    """Columns with one value in nearly all training rows (0.999): they can hardly be learned.

    Args:
        train: inputs of the training part.
    """
    if len(train) < LEAST_ROWS:
        return _CONSTANT.skip(f"there are only {len(train)} training rows")
    found = []
    for name, column in train.items():
        counts = column.value_counts(dropna=False)
        if len(counts) == 1 or counts.iloc[0] >= NEARLY_CONSTANT * len(column):
            found.append(str(name))
    return _CONSTANT.judge(
        bool(found),
        f"{_listed(found)}: one value in {NEARLY_CONSTANT:.1%} of the rows or more"
        if found
        else "every column varies",
        "Leave them out, unless the rare value is what matters.",
        columns=len(found),
    )


def _keys(frame: pd.DataFrame, y: np.ndarray | None = None) -> np.ndarray:
    """A hash a row, equal where all values are."""
    whole = pd.DataFrame(
        {
            i: numbers(column)[0] if pd.api.types.is_numeric_dtype(column.dtype) else text(column)
            for i, column in enumerate(_each(frame))
        },
        index=frame.index,
    )
    if y is not None:
        whole[len(whole.columns)] = np.asarray(y)
    return pd.util.hash_pandas_object(whole, index=False).to_numpy()


def _each(frame: pd.DataFrame) -> list[pd.Series]:
    return [frame.iloc[:, i] for i in range(frame.shape[1])]


def _distinct_share(column: pd.Series) -> float:
    known = column.dropna()
    return known.nunique() / len(known) if len(known) >= LEAST_ROWS else 0.0


def _flat(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more


def _missing_with_target(column: pd.Series, y: np.ndarray, classifies: bool) -> bool:
    """Whether a column is missing where, and only where, the target has one certain value."""
    lost = column.isna().to_numpy(bool)
    if len(lost) != len(y):
        raise DataError(f"there are {len(lost)} rows of inputs and {len(y)} of the target")
    if not LEAST_ROWS / 2 <= lost.sum() <= len(lost) - LEAST_ROWS / 2:
        return False
    values = np.unique(y) if classifies else np.zeros(1)
    return any(
        np.array_equal(lost, y == value) or np.array_equal(~lost, y == value) for value in values
    )


def _monotone(y: np.ndarray) -> bool:
    steps = np.diff(y)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _told_by_group(
    codes: np.ndarray, y: np.ndarray, train: np.ndarray, later: np.ndarray, classifies: bool
) -> float | None:
    """1 - squared errors of the group's training mean / those of the training mean."""
    outcome = np.eye(int(y.max()) + 1)[y] if classifies else y.astype(np.float64)[:, None]
    sums = np.zeros((codes.max() + 1, outcome.shape[1]))
    np.add.at(sums, codes[train], outcome[train])
    counts = np.bincount(codes[train], minlength=len(sums))
    means = sums[codes[later]] / counts[codes[later], None]
    whole = ((outcome[later] - outcome[train].mean(axis=0)) ** 2).sum()
    if not whole > 0:
        return None
    return max(0.0, 1 - float(((outcome[later] - means) ** 2).sum() / whole))
