"""A unit's coefficients by Newton's method, and in words why there are none."""

from __future__ import annotations

import numpy as np

from descend.errors import DataError, DescendError
from descend.neurons.design import SHOWN, Design
from descend.neurons.likelihood import MULTINOMIAL, POISSON, Family
from descend.neurons.newton import Optimum, inverse, maximise
from descend.neurons.separation import find_separation

# Where the likelihood curves less than this in some direction (a row, columns of unit size), it is
# made sure that it has a maximum. Under separation the curvature falls with every step.
FLAT = 1e-7
LARGEST = 20_000_000  # numbers in the linear program that decides


def fit_by_newton(
    family: Family,
    design: Design,
    y: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    start: np.ndarray,
    max_iter: int,
    target: str,
    outcomes: list[str] | None,
) -> tuple[Optimum, np.ndarray]:
    """The optimum and the inverse of its information.

    Args:
        family, design, y, weight, offset, start, max_iter: see `newton.maximise`.
        target: its name, for errors.
        outcomes: the class of each raw output, for errors.

    Raises:
        DataError: separation.
        DescendError: no convergence.
    """
    x = design.matrix
    maximum = maximise(family, x, y, weight, offset, start, max_iter)
    m = start.shape[1]
    length = np.tile(np.sqrt(np.mean(np.square(x), axis=0)), m)
    curvature = maximum.information / np.outer(length, length) / len(y)
    flat = bool(np.linalg.eigvalsh(curvature)[0] < FLAT)
    if (flat or not maximum.converged) and 2 * (x.size * m * m) <= LARGEST:
        separated = find_separation(family, x, y, design.constant, m)
        if separated is not None:
            columns = [design.names[j] for j in separated.columns]
            classes = None if outcomes is None else [outcomes[a] for a in separated.outputs]
            raise _no_maximum(family, columns, classes, separated.rows, len(y), target)
    if maximum.converged:
        try:
            return maximum, inverse(maximum.information)
        except np.linalg.LinAlgError:
            pass
    size = np.abs(maximum.params).max(axis=1) * length[: len(maximum.params)]
    largest = [design.names[j] for j in np.argsort(-size)[:3]]
    raise DescendError(
        f"Newton's method did not converge on {target!r} in {maximum.iterations} steps (at most "
        f"{max_iter}); the log-likelihood stands at {maximum.log_likelihood:.6g}. The largest "
        f"coefficients are those of {', '.join(map(repr, largest))}: look there for near "
        "collinearity or extreme values, or raise max_iter"
    )


def _no_maximum(
    family: Family,
    columns: list[str],
    outcomes: list[str] | None,
    rows: int,
    n: int,
    target: str,
) -> DataError:
    named = ", ".join(map(repr, columns[:SHOWN]))
    if len(columns) > SHOWN:
        named += f" and {len(columns) - SHOWN} more"
    verb = "separates" if len(columns) == 1 else "together separate"
    if family is POISSON:
        what = f"the counts {target!r} are always zero where {named} says so"
    elif family is MULTINOMIAL and outcomes:
        what = f"{named} {verb} classes of {target!r} ({', '.join(outcomes[:SHOWN])}, and base)"
    else:
        what = f"{named} {verb} the two classes of {target!r}"
    return DataError(
        f"the likelihood has no maximum (separation): {what}; at least {rows} of {n} rows can be "
        "predicted with certainty, and the coefficients grow without bound. Leave the column out, "
        "merge its rare values, or fit with a penalty (scikit-learn's LogisticRegression or "
        "PoissonRegressor)"
    )
