"""Runs: stretches of equal values in a sequence."""

from __future__ import annotations

import numpy as np

LEAST_ROWS = 20  # from which on the number of runs is about normal


def runs_z(codes: np.ndarray) -> float | None:
    """Standardised number of runs of equal values; None where it does not vary.

    (runs - mean) / sd, with mean and variance over all orders of the values (Barton and David,
    1957, Multiple runs); of two values it is the Wald-Wolfowitz statistic.

    Args:
        codes: (n,).
    """
    n = len(codes)
    counts = np.unique(codes, return_counts=True)[1].astype(np.float64)
    if n < LEAST_ROWS or len(counts) < 2 or len(counts) == n:
        return None
    runs = 1 + int((codes[1:] != codes[:-1]).sum())
    squares, cubes = (counts**2).sum(), (counts**3).sum()
    mean = 1 + (n * n - squares) / n
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n * n * (n - 1))
    return float((runs - mean) / np.sqrt(variance)) if variance > 0 else None
