"""Average marginal effects: how much the response moves with a column, in its own units.

    AME_j = sum_i w_i df(x_i'B)/dx_ij / sum_i w_i,    or at the columns' means: df(xbar'B)/dx_j

For a column of zeros and ones, on request, the difference of f between one and zero. Standard
errors by the delta method, D V D', with D the derivative of the effects in B; the derivatives of f
come from automatic differentiation.

A column is moved alone: where one is made of others (a square, an interaction), the effect of the
variable behind them is not the effect of the column.

Source: Bartus (2005), "Estimation of marginal effects using margeff"; Greene, "Econometric
Analysis", chapter 17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from descend.errors import unknown
from descend.neurons.estimates import Estimates
from descend.neurons.likelihood import Family, response_derivatives
from descend.neurons.table import RegressionTable

PLACES = ("overall", "mean")


@dataclass(frozen=True)
class MarginalEffects:
    """Effects of columns on a fitted unit's response: what `marginal_effects` gives.

    Attributes:
        estimates: names, effects, covariance.
        target: what the model explains.
        at: "overall" or "mean".
        differences: columns of zeros and ones whose effect is a difference, not a derivative.
        errors: the kind of the coefficients' covariance, in words.
        rows: how many they are averaged over.

    Raises:
        DescendError: `to_frame` with a level outside (0, 1).

    Source: Bartus (2005), "Estimation of marginal effects using margeff"; Greene, "Econometric
    Analysis", chapter 17.

    Example:
        >>> from descend.neurons import LogisticUnit
        >>> unit = LogisticUnit().fit([[0]] * 4 + [[1]] * 4, [0, 0, 0, 1, 0, 1, 1, 1])
        >>> effects = unit.marginal_effects(dummies=True)  # from 1/4 at x = 0 to 3/4 at x = 1
        >>> round(float(effects.to_frame().loc["x1", "effect"]), 3)
        0.5
    """

    estimates: Estimates
    target: str
    at: str
    differences: tuple[str, ...]
    errors: str
    rows: int

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """Effects, standard errors, z, p-values and intervals, unrounded, a row an effect."""
        return self.estimates.to_frame(level).rename(columns={"coefficient": "effect"})

    def summary(self) -> RegressionTable:
        """Show the effects as a table."""
        notes = [f"Standard errors: delta method on {self.errors} errors."]
        if self.differences:
            listed = ", ".join(self.differences)
            notes.append(f"Difference between one and zero, not derivative: {listed}.")
        where = "averaged over rows" if self.at == "overall" else "at the means of the columns"
        return self.estimates.table(
            f"Marginal effects on {self.target}, {where}",
            [("Rows", str(self.rows))],
            "effect",
            notes,
            self.to_frame(),
        )

    def __str__(self) -> str:
        return self.summary().text()

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        return self.estimates.maketables_frame()

    @property
    def __maketables_depvar__(self) -> str:
        return self.target

    def __maketables_stat__(self, key: str) -> Any:
        return {"N": self.rows, "se_type": self.errors}.get(key)


def require_place(at: str) -> None:
    """Raise DescendError unless effects can be taken there."""
    if at not in PLACES:
        raise unknown("place of marginal effects", at, PLACES)


def effects_and_slopes(
    family: Family,
    x: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    params: np.ndarray,
    columns: tuple[int, ...],
    differences: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Average effects of columns and their derivatives in B.

    With J = df/dz and T = d2f/dz2 of a row, and bars for averages over rows,

        effect_j = Jbar b_j      d effect_j / dB_l = mean(T x_l) b_j + (Jbar if j = l else 0)

    and for a difference mean(f1 - f0), with derivative mean(J1 x1_l - J0 x0_l).

    Args:
        family: says the response f.
        x: (n, k); weight: (n,); offset: (n,).
        params: B (k, m).
        columns: those moved; `differences`: those among them taken from zero to one.

    Returns:
        effects (c, r): r one, or the number of classes; and (c, r, m k), B in blocks by raw output.
    """
    share = weight / weight.sum()
    k, m = params.shape
    _, first, second = response_derivatives(family, x @ params + offset[:, None])
    mean = np.einsum("n,nrm->rm", share, first)
    bent = np.einsum("nrab,nl->rabl", second * share[:, None, None, None], x, optimize=True)
    effects, slopes = [], []
    for j in columns:
        if j in differences:
            effect, slope = _difference(family, x, share, offset, params, j)
        else:
            effect = mean @ params[j]
            slope = np.einsum("rabl,a->rbl", bent, params[j])
            slope[:, :, j] += mean
        effects.append(effect)
        slopes.append(slope.reshape(-1, m * k))
    return np.array(effects), np.array(slopes)


def _difference(
    family: Family,
    x: np.ndarray,
    share: np.ndarray,
    offset: np.ndarray,
    params: np.ndarray,
    column: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The effect (r,) of a column going from zero to one, and its derivative (r, m, k)."""
    effect: np.ndarray | float = 0.0
    slope: np.ndarray | float = 0.0
    for value, sign in ((1.0, 1.0), (0.0, -1.0)):
        moved = x.copy()
        moved[:, column] = value
        response, first, _ = response_derivatives(family, moved @ params + offset[:, None])
        effect = effect + sign * (share @ response)
        slope = slope + sign * np.einsum("nrb,nl->rbl", first * share[:, None, None], moved)
    return np.asarray(effect), np.asarray(slope)
