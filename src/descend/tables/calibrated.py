"""What the validation rows teach about a trained network: temperature, intervals, sets of classes.

The rows that chose the best epoch are used again: one number of a few dozen was fitted to them, so
that the coverage is the stated one nearly, not exactly; the test says how nearly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from descend.tables.heads import Classes, Head, Quantiles, Values
from descend.tables.judging.calibration import Temperature, fit_temperature
from descend.tables.judging.conformal import (
    ConformalIntervals,
    ConformalSets,
    calibrate_intervals,
    calibrate_sets,
    rows_needed,
)

COVERAGE = 0.9
FLOOR = 0.1  # of the mean spread of training rows, added to a row's spread
LEAST = 20  # validation rows
# Wrongly predicted validation rows that a temperature is learned from. Without any the best one
# would be zero; smoothed labels (Platt 1999) were tried and cost digits .05 of log-loss.
MISTAKES = 10
BOUNDS = {"count": (0.0, None), "censored": (0.0, None), "share": (0.0, 1.0)}


@dataclass(frozen=True)
class Calibrated:
    """How far predictions of one target can be trusted.

    Attributes:
        rows: validation rows that it was learned from.
        temperature: what logits are divided by; None unless classes are predicted, and where
            fewer than 10 rows are wrong.
        sets: rule for sets of classes that hold the true one with the stated probability; likewise.
        class_sets: sets that do so among the rows of each true class; likewise.
        intervals: rule for intervals that hold the target with the stated probability; None for
            classes.
    """

    rows: int
    temperature: Temperature | None = None
    sets: ConformalSets | None = None
    class_sets: ConformalSets | None = None
    intervals: ConformalIntervals | None = None

    @property
    def coverage(self) -> float:
        """The stated probability."""
        margins = self.sets or self.intervals
        assert margins is not None
        return margins.coverage

    def probabilities(self, p: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) at the fitted temperature."""
        return p if self.temperature is None else self.temperature.apply(p)

    def too_few(self, classes: tuple[str, ...]) -> list[str]:
        """A line for each class whose validation rows are too few for sets by class."""
        if self.class_sets is None:
            return []
        return [
            f"{label}: in every set by class; {margin.rows} validation rows, where "
            f"{rows_needed(self.coverage)} are needed, could promise {margin.promised:.0%} at most"
            for label, margin in zip(classes, self.class_sets.margins[1:], strict=True)
            if not math.isfinite(margin.quantile)
        ]

    def bounds(self, head: Head, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (n,) for predictions of members (n, members, ...)."""
        assert self.intervals is not None
        centre, spread = _centre(head, members)
        wanted = spread if self.intervals.method == "normalised" else None
        return self.intervals.intervals(centre, spread=wanted)

    def columns(
        self, head: Head, members: np.ndarray, classes: tuple[str, ...], by_class: bool = False
    ) -> pd.DataFrame:
        """The intervals as columns lower and upper, or the sets as a column of text."""
        sets = self.class_sets if by_class else self.sets
        if sets is not None:
            inside = sets.sets(self.probabilities(members.mean(axis=1)))
            named = [
                " ".join(c for c, yes in zip(classes, row, strict=True) if yes) for row in inside
            ]
            return pd.DataFrame({"set": named})
        lower, upper = self.bounds(head, members)
        return pd.DataFrame({"lower": lower, "upper": upper})

    def to_json(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        parts = {name: getattr(self, name) for name in _PARTS}
        described = {name: None if part is None else part.to_json() for name, part in parts.items()}
        return {"rows": self.rows, **described}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Calibrated:
        """Read what `to_json` gave."""
        read: dict[str, Any] = {
            name: None if saved.get(name) is None else kind.from_json(saved[name])
            for name, kind in _PARTS.items()
        }
        return cls(saved["rows"], **read)


_PARTS: dict[str, Any] = {
    "temperature": Temperature,
    "sets": ConformalSets,
    "class_sets": ConformalSets,
    "intervals": ConformalIntervals,
}


def calibrate(
    head: Head,
    members: np.ndarray,
    y: np.ndarray,
    training: np.ndarray,
    coverage: float = COVERAGE,
    *,
    weights: np.ndarray | None = None,
    training_weights: np.ndarray | None = None,
) -> Calibrated | None:
    """Learn from validation rows; None for several targets, or for fewer than 20 rows.

    Args:
        members: predictions of the members, (n, members, ...), see `Head.backward`.
        y: (n,) true class numbers or values.
        training: the same predictions for training rows, whose mean spread sets the floor.
        coverage: stated probability of intervals and sets.
        weights, training_weights: (n,) of the rows of both.
    """
    if len(y) < LEAST or (isinstance(head, Values) and head.several):
        return None
    if isinstance(head, Classes):
        p = members.mean(axis=1)
        temperature = temperature_of(y, p, weights)
        tempered = p if temperature is None else temperature.apply(p)
        sets, class_sets = (
            calibrate_sets(
                y, tempered, coverage=coverage, randomised=False, by_class=by, weights=weights
            )
            for by in (False, True)
        )
        return Calibrated(len(y), temperature, sets, class_sets)
    centre, spread = _centre(head, members)
    low, high = BOUNDS.get(head.task, (None, None))
    how: dict[str, Any] = {"method": "absolute"}
    floor = FLOOR * float(np.average(_centre(head, training)[1], weights=training_weights))
    if isinstance(head, Quantiles):
        how = {"method": "quantile"}
    elif floor > 0:  # members that agree on every row say nothing
        how = {"method": "normalised", "spread": spread, "floor": floor}
    how |= {"low": low, "high": high, "weights": weights}
    return Calibrated(len(y), intervals=calibrate_intervals(y, centre, coverage=coverage, **how))


def temperature_of(
    y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None
) -> Temperature | None:
    """The temperature of least log-loss; None where fewer than 10 rows of weight are wrong."""
    wrong = p.argmax(axis=1) != y
    if weights is not None:
        wrong &= weights > 0
    return fit_temperature(y, p, weights=weights) if wrong.sum() >= MISTAKES else None


def _centre(head: Head, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(what intervals are built around, the spread of the members (n,))."""
    if isinstance(head, Quantiles):
        quantiles = np.sort(members.mean(axis=1), axis=-1)
        return quantiles[:, [0, -1]], np.zeros(len(members))
    return members.mean(axis=1), members.std(axis=1)
