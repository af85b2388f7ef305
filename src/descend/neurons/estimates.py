"""Estimated numbers with their covariance: standard errors, tests against zero, intervals."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from descend.errors import DescendError
from descend.neurons.table import RegressionTable, number, p_value


@dataclass(frozen=True)
class Estimates:
    """Coefficients or effects, and how surely they are known.

    Attributes:
        names: (p,); values: (p,).
        covariance: (p, p).
        freedom: degrees of freedom of Student's t; None for the normal distribution.
        level: level of the intervals in tables.
        outcomes: the class that each is about; None where there is one outcome.
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    freedom: float | None = None
    level: float = 0.95
    outcomes: tuple[str, ...] | None = None

    @functools.cached_property
    def standard_errors(self) -> np.ndarray:
        """Roots of the covariance's diagonal, (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @functools.cached_property
    def statistics(self) -> np.ndarray:
        """Values over standard errors, (p,): t or z."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.values / self.standard_errors

    @functools.cached_property
    def p_values(self) -> np.ndarray:
        """Two-sided, of the hypothesis that the number is zero, (p,)."""
        return 2 * np.asarray(self._law.sf(np.abs(self.statistics)))

    def intervals(self, level: float | None = None) -> np.ndarray:
        """Confidence intervals (p, 2) of a level in (0, 1); by default that of the unit."""
        share = require_level(self.level if level is None else level)
        reach = float(self._law.ppf(0.5 + share / 2))
        half = reach * self.standard_errors
        return np.column_stack([self.values - half, self.values + half])

    @property
    def labels(self) -> list[str]:
        """One name a number: "name (outcome)" where there are several outcomes."""
        if self.outcomes is None:
            return list(self.names)
        return [f"{name} ({o})" for name, o in zip(self.names, self.outcomes, strict=True)]

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """The numbers unrounded.

        Returns:
            A row a number (indexed by name, or by outcome and name); columns coefficient,
            std_error, statistic, p_value, ci_low, ci_high.
        """
        index = pd.Index(self.names, name="name")
        if self.outcomes is not None:
            index = pd.MultiIndex.from_arrays(
                [self.outcomes, self.names], names=["outcome", "name"]
            )
        low, high = self.intervals(level).T
        columns = {
            "coefficient": self.values,
            "std_error": self.standard_errors,
            "statistic": self.statistics,
            "p_value": self.p_values,
            "ci_low": low,
            "ci_high": high,
        }
        return pd.DataFrame(columns, index=index)

    def maketables_frame(self) -> pd.DataFrame:
        """The numbers as the plug-in protocol of maketables wants them."""
        table = self.to_frame(0.95).set_axis(["b", "se", "t", "p", "ci95l", "ci95u"], axis=1)
        return table.set_axis(pd.Index(self.labels, name="Coefficient"), axis=0)

    def table(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        what: str,
        notes: Sequence[str],
        frame: pd.DataFrame,
    ) -> RegressionTable:
        """The numbers as a table: a row a number, a line between outcomes.

        Args:
            title, facts, notes: see RegressionTable.
            what: the numbers are, such as "coef.".
            frame: the same unrounded.
        """
        columns = [self.values, self.standard_errors, self.statistics, self.p_values]
        rows = []
        for label, b, se, t, p, low, high in zip(
            self.labels, *columns, *self.intervals().T, strict=True
        ):
            cells = (number(b), number(se), f"{t:.2f}", p_value(p), number(low), number(high))
            rows.append((label, *cells))
        outcomes = self.outcomes or ()
        rules = tuple(i for i in range(1, len(outcomes)) if outcomes[i] != outcomes[i - 1])
        share = f"{100 * self.level:g}%"
        letter = "z" if self.freedom is None else "t"
        head = ("", what, "std. error", letter, "p", f"{share} low", f"{share} high")
        return RegressionTable(title, tuple(facts), head, tuple(rows), rules, tuple(notes), frame)

    @property
    def _law(self) -> Any:
        return stats.norm if self.freedom is None else stats.t(self.freedom)


def require_level(level: float) -> float:
    """Raise DescendError unless a confidence level lies between zero and one."""
    if not 0 < level < 1:
        raise DescendError(f"level must lie between 0 and 1, such as 0.95; got {level!r}")
    return level
