"""Whether an event's probabilities are too high or too bold: the calibration intercept and slope.

    intercept   a of  logit P(y = 1) = a + logit p:    above 0, the event is more common than said
    slope       b of  logit P(y = 1) = c + b logit p:  below 1, the probabilities are too extreme

0 and 1 are perfect. Source: Cox (1958); Van Calster et al. (2019), "Calibration: the Achilles heel
of predictive analytics".
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.tables.judging.plain import Figures, chance, truth
from descend.tables.judging.weighted import row_weights

LEAST = float(np.finfo(np.float32).eps)  # of a probability that a float32 tells from zero


@dataclass(frozen=True)
class Recalibration(Figures):
    """Intercept and slope with their errors; NaN where the test cannot tell them.

    Attributes:
        intercept, intercept_error: estimate and standard error with the slope at 1.
        slope, slope_error: estimate and standard error with a free intercept.
        predicted, observed: mean probability and share of the event.
        rows: how many.
    """

    intercept: float
    intercept_error: float
    slope: float
    slope_error: float
    predicted: float
    observed: float
    rows: int


def recalibration(
    y: Any, probability: Any, *, weights: Any = None, clusters: Any = None
) -> Recalibration:
    """Calibration intercept and slope of an event, with sandwich errors over the rows.

    Args:
        y: (n,) whether it happened, 0 or 1, of rows that were not trained on.
        probability: (n,) predicted.
        weights: (n,) of the rows.
        clusters: (n,) labels of rows that go together.

    Raises:
        DataError: shapes that do not fit, values out of range.
    """
    p = chance("probability", probability)
    happened, w = truth("y", y, len(p)), row_weights(weights, len(p))
    counts = w > 0
    clipped = np.clip(p, LEAST, 1 - LEAST)
    z = np.log(clipped / (1 - clipped))
    groups = None
    if clusters is not None:
        groups = np.unique(np.asarray(clusters, str), return_inverse=True)[1][counts]
    data = happened[counts].astype(float), w[counts], groups
    constant = np.ones((int(counts.sum()), 1))
    (intercept, intercept_error), *_ = _fitted(constant, *data, offset=z[counts])
    slope = slope_error = math.nan
    if _overlap(z[counts], happened[counts]):
        both = np.column_stack([constant, z[counts]])
        slope, slope_error = _fitted(both, *data, offset=None)[1]
    return Recalibration(
        intercept,
        intercept_error,
        slope,
        slope_error,
        float(np.average(p, weights=w)),
        float(np.average(happened, weights=w)),
        len(p),
    )


def _overlap(z: np.ndarray, happened: np.ndarray) -> bool:
    """Whether some row without the event has larger odds than one with it, and the other way."""
    if happened.all() or not happened.any():
        return False
    yes, no = z[happened], z[~happened]
    return bool(yes.min() < no.max() and no.min() < yes.max())


def _fitted(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, groups: np.ndarray | None, offset: Any
) -> list[tuple[float, float]]:
    """(coefficient, error) of a weighted logit; NaN where it has no finite solution."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    nothing = [(math.nan, math.nan)] * x.shape[1]
    if y.min() == y.max():
        return nothing
    how: dict[str, Any] = {"cov_type": "HC0"}
    if groups is not None and len(np.unique(groups)) > 1:
        how = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            model = GLM(y, x, Binomial(), offset=offset, var_weights=w / w.mean())
            result = model.fit(maxiter=100, **how)
    except (np.linalg.LinAlgError, ValueError):
        return nothing
    if not result.converged or not np.isfinite(result.bse).all():
        return nothing
    return list(zip(map(float, result.params), map(float, result.bse), strict=True))
