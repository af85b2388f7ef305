"""Newton's method for one-layer networks, in float64.

    B <- B + t H^-1 g,   g = X'W dl/dz,   H = -sum_i w_i (d2l/dz2)_i (x) x_i x_i'

The four likelihoods are concave in B and their links canonical, so that Newton's method is Fisher
scoring, the iteratively reweighted least squares of McCullagh and Nelder (1989, section 2.5). The
step t is halved while the likelihood would fall. Columns are scaled first: H would otherwise square
the differences of their units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from descend.neurons.likelihood import Family, derivatives

# Twice the gain in log-likelihood that a step still promises; the step is taken, and as steps
# shrink quadratically the coefficients are then about this far, in standard errors, from the end.
PROMISE = 1e-10
HALVINGS = 40
ROUNDING = 1e-12  # of the log-likelihood, relative: a fall of so little is none


@dataclass(frozen=True)
class Optimum:
    """Where Newton's method ended.

    Attributes:
        params: (k, m).
        log_likelihood: sum_i w_i l_i.
        information: H, (m k, m k), blocks by raw output.
        scores: w_i dl_i/dB, (n, m k).
        iterations: steps taken.
        converged: whether no step promised any more.
    """

    params: np.ndarray
    log_likelihood: float
    information: np.ndarray
    scores: np.ndarray
    iterations: int
    converged: bool


def maximise(
    family: Family,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    start: np.ndarray,
    max_iter: int,
) -> Optimum:
    """The maximum of sum_i w_i l(x_i'B + offset_i, y_i) over B.

    Args:
        family: the likelihood of a row.
        x: (n, k); y: (n,); weight: (n,) positive; offset: (n,).
        start: B to begin with, (k, m).
        max_iter: steps at most.

    Returns:
        The Optimum; `converged` is False where there may be none (separation).
    """
    length = np.sqrt(np.mean(np.square(x), axis=0))
    scaled = x / length
    params = start * length[:, None]
    value, first, second = _at(family, scaled, params, y, offset)
    total, converged, steps = float(weight @ value), False, 0
    while steps < max_iter and not converged:
        score = (scaled.T @ (weight[:, None] * first)).T.ravel()
        try:
            factor = linalg.cho_factor(information(scaled, weight, second))
        except linalg.LinAlgError:
            break
        step = linalg.cho_solve(factor, score)
        direction = step.reshape(params.shape[::-1]).T
        steps += 1
        for halving in range(HALVINGS):
            tried = params + 0.5**halving * direction
            value, first, second = _at(family, scaled, tried, y, offset)
            new = float(weight @ value)
            if np.isfinite(new) and new >= total - ROUNDING * (1 + abs(total)):
                break
        else:
            value, first, second = _at(family, scaled, params, y, offset)
            break
        params, total, converged = tried, new, float(score @ step) < PROMISE
    m = params.shape[1]
    unscale = np.tile(length, m)
    scores = np.concatenate([(weight * first[:, a])[:, None] * x for a in range(m)], axis=1)
    hessian = information(scaled, weight, second) * np.outer(unscale, unscale)
    return Optimum(params / length[:, None], total, hessian, scores, steps, converged)


def _at(
    family: Family, x: np.ndarray, params: np.ndarray, y: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return derivatives(family, x @ params + offset[:, None], y)


def information(x: np.ndarray, weight: np.ndarray, second: np.ndarray) -> np.ndarray:
    """-sum_i w_i (d2l/dz2)_i (x) x_i x_i': (m k, m k), blocks by raw output."""
    m = second.shape[1]
    blocks = [[-(x.T * (weight * second[:, a, b])) @ x for b in range(m)] for a in range(m)]
    whole = np.block(blocks)
    return 0.5 * (whole + whole.T)


def inverse(information: np.ndarray) -> np.ndarray:
    """H^-1 of a positive definite H; raises LinAlgError.

    H is scaled to a diagonal of ones first, which takes the columns' units out of the rounding.
    """
    size = np.sqrt(np.diag(information))
    factor = linalg.cho_factor(information / np.outer(size, size))
    return linalg.cho_solve(factor, np.eye(len(size))) / np.outer(size, size)
