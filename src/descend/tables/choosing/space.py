"""What a search draws from: for each option the values to choose among, or a range of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from descend.errors import DescendError, unknown
from descend.tables.options import NetworkOptions

# the same for all trials: a seed is no better than another one
FIXED = ("epochs", "patience", "seed")


@dataclass(frozen=True)
class Between:
    """Numbers between two, drawn evenly on their logarithms."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise DescendError(
                f"Between takes two numbers with 0 < low < high, got {self.low} and {self.high}"
            )

    def draw(self, rng: np.random.Generator) -> float:
        """One of them, to four digits, so that it can be typed again."""
        return float(f"{math.exp(rng.uniform(math.log(self.low), math.log(self.high))):.4g}")


Space = Mapping[str, Sequence[Any] | Between]
SPACES: dict[str, Space] = {
    "realmlp": {
        "hidden": ((64, 64), (128, 128, 128), (256, 256), (256, 256, 256)),
        "learning_rate": Between(0.01, 0.2),
        "dropout": (0.0, 0.1, 0.2, 0.3),
        "l2": (0.0, 1e-7, 1e-6, 1e-5),
    },
    "mlp": {
        "hidden": ((8,), (32,), (128,), (64, 64)),
        "learning_rate": Between(3e-4, 0.02),
        "l2": (0.0, 1e-5, 1e-4, 1e-3),
    },
}


def draw_trials(
    options: NetworkOptions, trials: int, space: Space | None = None, seed: int = 0
) -> list[dict[str, Any]]:
    """The settings of each trial: {} for the first, then drawn from the space.

    Args:
        options: what the settings are put into; its recipe chooses the space where none is given.
        space: {option: values to choose among, or Between}.

    Raises:
        DescendError: fewer than one trial, an option that is not there or cannot vary, no values,
            a value out of range.
    """
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise DescendError(f"trials must be a whole number >= 1, got {trials!r}")
    space = SPACES[options.recipe] if space is None else space
    known = [f.name for f in fields(NetworkOptions) if f.name not in FIXED]
    for name, values in space.items():
        if name in FIXED:
            raise DescendError(f"{name} is the same for all trials; give it among the options")
        if name not in known:
            raise unknown("option to search", name, known)
        if not isinstance(values, Between) and len(values) == 0:
            raise DescendError(f"the space holds no values for {name!r}")
    rng = np.random.default_rng(seed)
    drawn: list[dict[str, Any]] = [{}]
    for _ in range(trials - 1):
        drawn.append({name: _one(values, rng) for name, values in space.items()})
    for settings in drawn:
        replace(options, **settings)  # refuses what is out of range
    return drawn


def _one(values: Sequence[Any] | Between, rng: np.random.Generator) -> Any:
    return (
        values.draw(rng) if isinstance(values, Between) else values[int(rng.integers(len(values)))]
    )
