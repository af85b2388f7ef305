"""Separation: when a likelihood has no maximum because some rows can be predicted with certainty.

There is a direction b along which no row's likelihood falls and some row's rises for ever:

    logit, softmax:  x_i'(b_{y_i} - b_k) >= 0 for all rows i and classes k, > 0 somewhere
    Poisson:         x_i'b = 0 where y_i > 0,  -x_i'b >= 0 where y_i = 0, > 0 somewhere

A linear program decides it. Among all such directions the one of least absolute size is taken: it
involves few columns, and they are the ones to name.

Sources: Albert and Anderson (1984); Konis (2007), "Linear programming algorithms for detecting
separated data"; Santos Silva and Tenreyro (2010) for Poisson.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from descend.neurons.likelihood import MULTINOMIAL, POISSON, Family


@dataclass(frozen=True)
class Separation:
    """A direction in which the likelihood rises for ever.

    Attributes:
        columns: places of the columns it involves, the constant left out.
        outputs: the raw outputs (classes beside the base) it involves.
        rows: how many rows are predicted with certainty in the limit.
    """

    columns: tuple[int, ...]
    outputs: tuple[int, ...]
    rows: int


def find_separation(
    family: Family, x: np.ndarray, y: np.ndarray, constant: int | None, outputs: int
) -> Separation | None:
    """The separation of the rows, or None.

    Args:
        family: Bernoulli, multinomial or Poisson.
        x: (n, k); y: (n,), classes as numbers.
        constant: place of the constant column; it costs nothing.
        outputs: raw outputs m.
    """
    lengths = np.linalg.norm(x, axis=0) / np.sqrt(len(x))
    unit = x / lengths
    rising, level = _rows(family, unit, y, outputs)
    if not len(rising):
        return None
    k = x.shape[1]
    cost = np.ones(k)
    if constant is not None:
        cost[constant] = 0.0
    # b = u - v with u, v >= 0; the rises must add up to one a row, else b = 0 would do
    equal = np.vstack([level, rising.sum(axis=0, keepdims=True)])
    right = np.zeros(len(equal))
    right[-1] = len(rising)
    solution = optimize.linprog(
        np.tile(cost, 2 * outputs),
        A_ub=np.hstack([-rising, rising]),
        b_ub=np.zeros(len(rising)),
        A_eq=np.hstack([equal, -equal]),
        b_eq=right,
        method="highs",
    )
    if solution.status != 0:
        return None
    b = solution.x[: k * outputs] - solution.x[k * outputs :]
    size = np.abs(b).reshape(outputs, k)
    used = size > 1e-7 * size.max()
    columns = tuple(int(j) for j in np.flatnonzero(used.any(axis=0)) if j != constant)
    certain = int((rising @ b > 1e-7 * np.abs(rising @ b).max()).sum())
    if family is MULTINOMIAL:  # a row appears once for each class that is not its own
        pairs = (rising @ b).reshape(-1, outputs) > 1e-7
        certain = int(pairs.any(axis=1).sum())
    return Separation(columns, tuple(int(a) for a in np.flatnonzero(used.any(axis=1))), certain)


def _rows(
    family: Family, x: np.ndarray, y: np.ndarray, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that may rise, and rows that must stay level, as coefficients of the flat b."""
    n, k = x.shape
    if family is POISSON:
        return -x[y == 0], x[y > 0]
    if family is not MULTINOMIAL:
        return np.where(y[:, None] > 0.5, x, -x), np.empty((0, k))
    blocks = np.zeros((n, outputs, outputs, k))  # row, other class, output, column
    for i in range(n):
        others = [c for c in range(outputs + 1) if c != y[i]]
        for place, other in enumerate(others):
            if y[i] > 0:
                blocks[i, place, y[i] - 1] += x[i]
            if other > 0:
                blocks[i, place, other - 1] -= x[i]
    return blocks.reshape(n * outputs, outputs * k), np.empty((0, outputs * k))
