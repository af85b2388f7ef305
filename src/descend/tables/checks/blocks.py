"""How sharply a figure of a part is known, whatever the figure: from blocks of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

BLOCKS = 20
LEAST_ROWS = 3  # of a block


def block_error(
    figure: Callable[[np.ndarray], float], rows: int, *, groups: Any = None, seed: int = 0
) -> float:
    """Standard error of a mean over rows, or of what is nearly one: sd over blocks / sqrt(blocks).

    Args:
        figure: function of row numbers.
        rows: how many there are.
        groups: (rows,) labels; rows of one label are in one block.
        seed: seed of the blocks.

    Returns:
        The error; 0 where there are too few rows to tell.
    """
    unit = np.arange(rows)
    if groups is not None:
        unit = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    units = int(unit.max()) + 1
    count = min(BLOCKS, rows // LEAST_ROWS, units)
    if count < 2:
        return 0.0
    dealt = np.random.default_rng(seed).permutation(np.arange(units) % count)[unit]
    values = np.array([figure(np.flatnonzero(dealt == k)) for k in range(count)])
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def errors_of_costs(
    cost: Callable[[str, np.ndarray], float],
    simple: Callable[[np.ndarray], float],
    rows: Mapping[str, int],
    groups: Mapping[str, Any],
) -> tuple[float, float]:
    """Standard errors of (test less training cost, network's less the simplest prediction's cost).

    Args:
        cost: (part, row numbers) -> cost of the network.
        simple: row numbers of the test -> cost of the simplest prediction.
        rows: {"train": n, "test": n}; groups: {part: labels or None}.
    """
    each = [
        block_error(partial(cost, part), rows[part], groups=groups[part])
        for part in ("train", "test")
    ]
    gain = block_error(lambda r: cost("test", r) - simple(r), rows["test"], groups=groups["test"])
    return math.hypot(*each), gain
