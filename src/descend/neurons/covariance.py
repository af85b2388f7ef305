"""The covariance of coefficients: from the likelihood, robust, or clustered.

    classical:  A            A = H^-1 (for the linear unit s2 (X'WX)^-1)
    HC0:        A S A        S = sum_i s_i s_i', s_i the score of row i
    HC1:        n / (n - k) times HC0 for the linear unit; HC0 for the others, as statsmodels has it
    HC2, HC3:   HC0 with s_i / sqrt(1 - h_i) and s_i / (1 - h_i); linear units only
    cluster:    G/(G-1) (n-1)/(n-k) A S_G A, S_G of the scores' sums over each of G groups

Sources: White (1980); MacKinnon and White (1985); Liang and Zeger (1986); Cameron and Miller
(2015), "A Practitioner's Guide to Cluster-Robust Inference".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DataError, ShapeError, unknown

KINDS = ("classical", "HC0", "HC1", "HC2", "HC3", "cluster")
LABELS = {
    "classical": "classical",
    "HC0": "robust (HC0)",
    "HC1": "robust (HC1)",
    "HC2": "robust (HC2)",
    "HC3": "robust (HC3)",
    "cluster": "clustered",
}


def require_kind(kind: str, *, linear: bool) -> None:
    """Raise DescendError unless the kind is known and exists for this unit."""
    if kind not in KINDS:
        raise unknown("covariance", kind, KINDS)
    if kind in ("HC2", "HC3") and not linear:
        raise unknown(
            "covariance of a unit that is not linear",
            kind,
            [known for known in KINDS if known not in ("HC2", "HC3")],
        )


def sandwich(
    kind: str,
    bread: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    leverage: np.ndarray | None = None,
) -> np.ndarray:
    """A robust or clustered covariance.

    Args:
        kind: one of KINDS, not "classical".
        bread: A, (p, p).
        scores: s_i, (n, p).
        groups: number of each row's group, (n,), for "cluster".
        leverage: h_i, (n,), of a linear unit, for HC2 and HC3.

    Returns:
        (p, p).

    Raises:
        DataError: a row of leverage one (HC2, HC3), a single group, no row to spare.
    """
    n, p = scores.shape
    factor = 1.0
    if (kind == "cluster" or (kind == "HC1" and leverage is not None)) and n <= p:
        raise DataError(f"{LABELS[kind]} errors need more than {p} rows, one a coefficient: {n}")
    if kind in ("HC2", "HC3"):
        assert leverage is not None
        left = 1 - leverage
        if (left < 1e-10).any():
            raise DataError(
                f"row {int(np.argmin(left))} (counted from 0) is fitted exactly, whatever its "
                f"target (leverage one): {kind} divides by zero there; take HC1"
            )
        scores = scores / (np.sqrt(left) if kind == "HC2" else left)[:, None]
    elif kind == "HC1" and leverage is not None:
        factor = n / (n - p)
    elif kind == "cluster":
        assert groups is not None
        count = int(groups.max()) + 1
        if count < 2:
            raise DataError("clustered errors need at least two groups; all rows are in one")
        sums = np.zeros((count, p))
        np.add.at(sums, groups, scores)
        scores, factor = sums, count / (count - 1) * (n - 1) / (n - p)
    half = scores @ bread
    return factor * (half.T @ half)


def read_groups(groups: Any, rows: int) -> np.ndarray:
    """Group numbers 0, 1, ... (n,) from labels of any kind.

    Raises:
        ShapeError: not one a row.
        DataError: a missing label.
    """
    if hasattr(groups, "columns") and len(groups.columns) == 1:
        groups = groups[groups.columns[0]]
    labels = groups if isinstance(groups, pd.Series) else np.asarray(groups)
    if labels.shape != (rows,):
        raise ShapeError(f"groups must hold one label a row, ({rows},), got {labels.shape}")
    numbers = pd.factorize(labels)[0]
    if (numbers < 0).any():
        raise DataError(
            f"groups: the label is missing in {int((numbers < 0).sum())} row(s), the first in row "
            f"{int(np.argmin(numbers))} (counted from 0)"
        )
    return np.asarray(numbers, np.int64)
