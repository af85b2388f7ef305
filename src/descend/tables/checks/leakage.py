"""Checks of rows and columns: whether they tell what they should not know.

Each returns a `Check`. A failed one is no proof: it says where to look. Kaufman, Rosset, Perlich
and Stitelman (2012), Leakage in data mining: formulation, detection, and avoidance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.tables.checks.one_column import strengths
from descend.tables.checks.verdicts import Check, Kind, listed
from descend.tables.columns import dates, kind_of, numbers, text
from descend.tables.identifiers import (
    BY_CHANCE,
    fewer_repeats_than_chance,
    names_rows,
    numbers_rows,
)

NEARLY_ALL = 0.99  # AUC or R2 from which on one column predicts the target nearly alone
STRONG, FAR_AHEAD = 0.9, 0.2  # or this, and so much above the next column
MOSTLY_DIFFERENT = 0.95  # share of distinct values of a measured number
NEARLY_CONSTANT = 0.999
LEAST_ROWS = 20
LEAST_ALONE = 50  # validation rows: in fewer, an honest column is easily without a fault
LEAST_OF_CLASS = 10  # of them of each class that is judged
MORE_TWINS = 3.09  # standard errors, one in a thousand

_DUPLICATES = Kind("L001", "the same rows in two parts")
_ALONE = Kind("L002", "a column that predicts the target nearly alone")
_IDENTIFIERS = Kind("L003", "identifiers among the columns", "tip")
_LATER = Kind("L004", "columns unknown when a prediction is made")
_CONSTANT = Kind("L008", "columns that are nearly constant", "tip")


def repeated_rows(
    train: pd.DataFrame,
    later: Mapping[str, pd.DataFrame],
    y_train: np.ndarray,
    y_later: Mapping[str, np.ndarray],
) -> Check:
    """Rows of validation and test that are also training rows.

    Where something is measured (a column, or the target, of mostly different values), equal rows
    are the same unit twice: an issue. Else units that answer a few questions alike are to be
    expected, in the training part as often as across the parts: only where later rows have a twin
    clearly more often than training rows have one among themselves, a tip says so.

    Args:
        train: the columns that the network sees, of the training part.
        later: {"validation": inputs, "test": inputs}.
        y_train, y_later: their targets.
    """
    measured = any(_distinct_share(train[c]) > MOSTLY_DIFFERENT for c in train.columns)
    decided = _distinct_share(pd.Series(y_train)) > MOSTLY_DIFFERENT
    known = _keys(train)
    whole = _keys(train, y_train)
    sentences, repeated, twins, total = [], 0, 0, 0
    for name, frame in later.items():
        inputs = np.isin(_keys(frame), known)
        both = int(np.isin(_keys(frame, y_later[name]), whole).sum())
        repeated, total, twins = repeated + int(inputs.sum()), total + len(frame), twins + both
        sentences.append(
            f"{int(inputs.sum()):,} of {len(frame):,} {name} rows have the inputs of a training "
            f"row, {both:,} its target too"
        )
    certain = repeated > 0 if measured else decided and twins > 0
    more = False
    if not certain and repeated:
        among = pd.Series(known).duplicated(keep=False).mean()
        pooled = (repeated + among * len(train)) / (total + len(train))
        error = np.sqrt(pooled * (1 - pooled) * (1 / total + 1 / len(train)))
        more = bool(repeated / total - among > MORE_TWINS * error)
        sentences.append(f"among the training rows {among:.1%} have such a twin")
    return _DUPLICATES.judge(
        certain or more,
        "; ".join(sentences),
        "Remove repeated rows, or split by whole groups so that a unit stays in one part."
        if certain
        else "No column is a measured number, so these may be different units that look alike; but "
        "they are more than among the training rows: see whether the parts share units.",
        level="issue" if certain or not repeated else "tip",
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
    most: int | None = None,
    seed: int = 0,
) -> Check:
    """A column from which a tree predicts the target: AUC, or R2 of the target's ranks.

    An issue from 0.99 on; a tip from 0.9 on where no other column comes within 0.2.

    Args:
        train, validation: inputs as they came.
        y_train, y_validation: class numbers or values.
        classifies: whether the target is a class.
        most: columns that are looked at, those that go with the target most; None for all.
        seed: seed of the trees, and of the rows they are fitted on where these are many.
    """
    if len(validation) < LEAST_ALONE:
        return _ALONE.skip(f"the validation part has {len(validation)} rows, too few to tell")
    least = LEAST_OF_CLASS if classifies else 0
    strength = strengths(
        train,
        y_train,
        validation,
        y_validation,
        classifies=classifies,
        seed=seed,
        least=least,
        most=most,
    )
    if not strength:
        return _ALONE.skip(
            "no column can be used alone, or no two classes have "
            f"{LEAST_OF_CLASS} validation rows each"
            if classifies
            else "no column can be used alone, or the target is constant"
        )
    ranked = sorted(strength, key=lambda name: -strength[name])
    best, measure = strength[ranked[0]], "AUC" if classifies else "R2 of the ranks"
    floor = 0.5 if classifies else 0.0
    second = max(strength[ranked[1]], floor) if len(ranked) > 1 else floor
    nearly = [name for name in ranked if strength[name] >= NEARLY_ALL]
    ahead = best >= STRONG and best - second >= FAR_AHEAD
    listed_columns = nearly or ranked
    named = ", ".join(f"{name!r} ({strength[name]:.3f})" for name in listed_columns[:3])
    more = f" and {len(listed_columns) - 3} more" if nearly and len(listed_columns) > 3 else ""
    if len(strength) < train.shape[1]:
        more += f"; {len(strength):,} of {train.shape[1]:,} columns were looked at"
    return _ALONE.judge(
        bool(nearly) or ahead,
        f"{measure} of one column alone on the validation rows, the highest: {named}{more}",
        "Ask whether it is known when a prediction is made, or made from the target; if so, leave "
        "it out with --drop.",
        level="issue" if nearly else "tip",
        best=best,
        second=second,
        columns=len(nearly),
    )


def identifiers(frame: pd.DataFrame, time: str | None = None) -> Check:
    """Columns among the inputs that name rows (tables/identifiers.py), or may do so.

    What that rule finds was left out, unless it was asked for. Told are also whole numbers with
    fewer repeats than chance would make that rise with the row of the file (an issue), and whole
    numbers and dates that only rise with it, one a row (a tip): numbers of rows, times, or what the
    file was sorted by.

    Args:
        frame: the columns that the network sees, in the order of the file.
        time: the column that the parts were divided by, which is none.
    """
    if len(frame) < LEAST_ROWS:
        return _IDENTIFIERS.skip(f"there are only {len(frame)} rows")
    words: list[str] = []
    row_numbers: list[str] = []
    rising: list[str] = []
    for name, column in frame.items():
        kind = kind_of(column)
        if kind == "category" and names_rows(str(name), text(column.dropna())):
            words.append(str(name))
        if kind not in ("number", "date") or name == time:
            continue
        values = numbers(column)[0] if kind == "number" else _moments(column)
        known = values[~np.isnan(values)]
        if kind == "number" and numbers_rows(str(name), values):
            row_numbers.append(str(name))
        elif len(known) >= LEAST_ROWS and (known == np.floor(known)).all():
            steps = np.diff(known)
            if (steps > 0).all() or (steps < 0).all():
                keys = kind == "number" and fewer_repeats_than_chance(known) < BY_CHANCE
                (row_numbers if keys else rising).append(str(name))
    sentences = [f"{listed([*row_numbers, *words])}: each row has its own value"] * bool(
        row_numbers or words
    )
    sentences += [f"{listed(rising)}: a value a row that rises with the file"] * bool(rising)
    return _IDENTIFIERS.judge(
        bool(sentences),
        "; ".join(sentences) or "no column that the network sees names the rows",
        "Leave them out with --drop: what is learned of an identifier holds of no new row. If the "
        "number is a time, give it as the time column.",
        level="issue" if row_numbers else "tip",
        columns=len({*row_numbers, *words, *rising}),
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

    Those the user lists; those whose name has the target's as a word, or begins or ends with it;
    and those that are missing exactly where the target is one class, or zero (such as an amount
    recovered of those who did not pay).

    Args:
        frame: the columns that the network sees, of training rows.
        y: (n,) class numbers or values.
        target: name of the target.
        classifies: whether the target is a class.
        known_later: columns that the user says are not known when a prediction is made.
    """
    columns = [str(c) for c in frame.columns]
    later = [name for name in map(str, known_later) if name in columns]
    named = [c for c in columns if _holds(c, target)]
    tied = [
        name
        for name, column in zip(columns, _each(frame), strict=True)
        if _missing_with_target(column, y, classifies)
    ]
    sentences = []
    if later:
        sentences.append(f"{listed(later)}: said to be known only later")
    if named:
        sentences.append(f"{listed(named)}: the name holds that of the target")
    if tied:
        sentences.append(f"{listed(tied)}: missing exactly where the target has one certain value")
    return _LATER.judge(
        bool(sentences),
        "; ".join(sentences) or "no column is listed, named or missing like the target",
        "Leave them out with --drop, unless they are known when a prediction is made.",
        level="issue" if later or tied else "tip",
        columns=len({*later, *named, *tied}),
    )


def nearly_constant(train: pd.DataFrame) -> Check:
    """Columns with one value in nearly all training rows (0.999): they can hardly be learned.

    Args:
        train: the columns that the network sees, of the training part.
    """
    if len(train) < LEAST_ROWS:
        return _CONSTANT.skip(f"there are only {len(train)} training rows")
    constant = []
    for name, column in train.items():
        counts = column.value_counts(dropna=False)
        if len(counts) == 1 or counts.iloc[0] >= NEARLY_CONSTANT * len(column):
            constant.append(str(name))
    return _CONSTANT.judge(
        bool(constant),
        f"{listed(constant)}: one value in {NEARLY_CONSTANT:.1%} of the rows or more"
        if constant
        else "every column varies",
        "Leave them out, unless the rare value is what matters.",
        columns=len(constant),
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


def _holds(column: str, target: str) -> bool:
    """Whether a name has another as a word in it, or begins or ends with it."""
    own, wanted = _words(column), _words(target)
    flat, inside = "".join(own), "".join(wanted)
    places = range(len(own) - len(wanted) + 1)
    if len(inside) >= 3 and any(own[i : i + len(wanted)] == wanted for i in places):
        return True
    return len(inside) >= 4 and (flat.startswith(inside) or flat.endswith(inside))


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _moments(column: pd.Series) -> np.ndarray:
    """Seconds since 1970, NaN where missing."""
    when = dates(column)[0].astype("datetime64[s]")
    return np.where(when.isna(), np.nan, when.to_numpy().astype(np.int64))


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
