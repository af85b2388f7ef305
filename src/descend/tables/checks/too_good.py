"""Figures that are too good to be true, and the columns that would explain them.

A network that makes no mistake on rows it never saw is a rare thing; a column that was filled in
once the target was known, or two whose difference it was made of, are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from descend.tables.checks.leakage import LEAST_OF_CLASS, NEARLY_ALL
from descend.tables.checks.one_column import some_rows, strengths
from descend.tables.checks.verdicts import Check, Kind
from descend.tables.columns import dates, kind_of, numbers
from descend.tables.prepare import Prepared

SHARE_LEFT = 0.01  # of the cost of the simplest prediction; of a squared error, its square
PERFECT_AUC = 0.999
LEAST_EVENTS = 20  # test rows of the rarer class, without which so high an AUC is no wonder
MOST_PAIRS, MOST_COLUMNS = 300, 60
ROWS = 1500
DAY = 86_400.0

_TOO_GOOD = Kind("D015", "too good to be true")


def too_good(
    test: float | None,
    trivial: float | None,
    *,
    auc: float | None = None,
    events: int | None = None,
    rows: int = 0,
    explain: Callable[[], str] | None = None,
) -> Check:
    """Whether the test figures are those of a leak rather than of a network.

    Failed where the test cost is below 0.01 of the cost of the simplest prediction (of an RMSE
    0.01: an R2 above .9999), on at least 50 rows; or where the AUC is above .999 with at least 20
    test rows of the rarer class.

    Args:
        test: cost on the test part; trivial: of the simplest prediction there.
        auc: AUC of two classes; events: test rows of the rarer class.
        rows: number of rows of the test part.
        explain: gives what explains it in words; called where the check failed.
    """
    if test is None or not trivial or np.isnan(test) or rows < 50:
        return _TOO_GOOD.skip("figures of at least 50 test rows are needed")
    share_left = test / trivial
    perfect = auc is not None and auc > PERFECT_AUC and (events or 0) >= LEAST_EVENTS
    failed = share_left < SHARE_LEFT or perfect
    explained = explain() if failed and explain else ""
    of_auc = "" if auc is None else f", the AUC is {auc:.4f}"
    return _TOO_GOOD.judge(
        failed,
        f"the network's cost on the test is {share_left:.2%} of the simplest prediction's{of_auc}"
        + (f"; {explained}" if explained else ""),
        "A column that tells the target is likelier than a perfect network: ask of the columns "
        "named when they are filled in, and leave out what is not known when a prediction is made.",
        left=share_left,
        auc=auc,
    )


def explain(prepared: Prepared) -> str:
    """`explanation` of a prepared table; "" of several targets."""
    if prepared.y.ndim > 1:
        return ""
    inputs, split = prepared.inputs[list(prepared.used)], prepared.split
    return explanation(
        inputs.iloc[split.train],
        prepared.y[split.train],
        inputs.iloc[split.validation],
        prepared.y[split.validation],
        classifies=prepared.target.classifies,
    )


def explanation(
    train: pd.DataFrame,
    y_train: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    classifies: bool,
    seed: int = 0,
) -> str:
    """Which columns alone, or which differences of two numbers or dates, tell the target.

    Args:
        train, validation: the columns that the network sees.
        y_train, y_validation: class numbers or values.
        classifies: whether the target is a class.
        seed: seed of trees and rows.

    Returns:
        In words; "" where neither explains it.
    """
    rows = some_rows(len(train), seed, ROWS), some_rows(len(validation), seed, ROWS)
    train, validation = train.iloc[rows[0]], validation.iloc[rows[1]]
    ys = y_train[rows[0]], y_validation[rows[1]]

    def telling(a: pd.DataFrame, b: pd.DataFrame, quoted: bool = True) -> list[str]:
        strength = strengths(
            a,
            ys[0],
            b,
            ys[1],
            classifies=classifies,
            least=LEAST_OF_CLASS if classifies else 0,
            most=MOST_COLUMNS,
            seed=seed,
        )
        ranked = sorted(strength, key=lambda name: -strength[name])
        labels = {name: name if quoted else repr(name) for name in ranked}
        return [f"{labels[n]} ({strength[n]:.3f})" for n in ranked if strength[n] >= NEARLY_ALL]

    measure = "AUC" if classifies else "R2 of the ranks"
    alone = telling(train, validation, quoted=False)
    if alone:
        return f"one column alone tells it ({measure}): {_first(alone)}"
    kinds = {str(c): kind_of(train[c]) for c in train.columns}
    both: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    for kind in ("date", "number"):
        names = [name for name, own in kinds.items() if own == kind]
        read = [{n: _numbers(frame[n], kind) for n in names} for frame in (train, validation)]
        for a, b in itertools.islice(itertools.combinations(names, 2), MOST_PAIRS):
            for differences, frame in zip(both, read, strict=True):
                differences[f"{a!r} less {b!r}"] = frame[a] - frame[b]
    if not both[0]:
        return ""
    pairs = telling(pd.DataFrame(both[0]), pd.DataFrame(both[1]))
    return f"a difference of two columns tells it ({measure}): {_first(pairs)}" if pairs else ""


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _numbers(column: pd.Series, kind: str) -> np.ndarray:
    if kind == "number":
        return numbers(column)[0]
    when = dates(column)[0].astype("datetime64[s]")
    return np.where(when.isna(), np.nan, when.to_numpy().astype(np.int64) / DAY)
