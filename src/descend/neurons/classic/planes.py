"""Whether one neuron can do it: a plane with the widest margin, or a proof that there is none.

A neuron is right on every row if w'x_i > 0 where t_i = 1 and w'x_i <= 0 where t_i = 0, x with its
bias input. By Motzkin's theorem exactly one of two things exists: such a w, or multipliers

    l_i >= 0,   sum_{t_i = 1} l_i = 1,   sum_{t_i = 1} l_i x_i = sum_{t_i = 0} l_i x_i

that is, a point both classes can be mixed to (their hulls meet). It would have to lie on both sides
of the plane. A linear program finds the multipliers, rational arithmetic checks them.

The widest margin g = max over |u| = 1 of min_i s_i u'x_i (s = 1 or -1) is the distance of a hull
from the origin: a least-distance problem, solved by non-negative least squares (Lawson and Hanson
1974, chapter 23).

Sources: scheidegger-2020, "LIMITATIONS OF PERCEPTRONS"; Novikoff (1962) for the bound (R/g)^2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import optimize

from descend.alignment import aligned
from descend.errors import DataError
from descend.neurons.classic.reading import with_bias
from descend.nn.checks import number

EXACT_COLUMNS = 40  # up to so many inputs the multipliers are solved for as fractions
TOLERANCE = 1e-9  # beyond: how far the two mixtures may differ, beside the largest input


@dataclass(frozen=True)
class Certificate:
    """A proof that no plane separates the rows.

    The rows that should fire and those that should not can be mixed to one and the same point.

    Attributes:
        rows: places of the rows it needs, at most k + 2 (k + 1 without bias).
        multipliers: multipliers of these rows, above zero; those of the rows that should fire add
            up to one.
        fires: whether each of them should fire.
        point: (k,) what both mixtures come to, without the bias input.
        exact: checked in rational arithmetic: the two mixtures are equal, not nearly equal.
        residual: the largest difference of the two mixtures beside the largest input; 0 if exact.

    Raises:
        Nothing of its own.

    Source: scheidegger-2020, "LIMITATIONS OF PERCEPTRONS"; Motzkin's theorem of the alternative.

    Example:
        >>> from descend.neurons.classic import separability
        >>> proof = separability([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).certificate
        >>> proof.point, proof.fires, proof.exact
        ((0.5, 0.5), (False, True, True, False), True)
        >>> print(proof.text()[:90])
        No plane separates these rows. 1/2 of row 1 + 1/2 of row 2, which should fire, is the poin
    """

    rows: tuple[int, ...]
    multipliers: tuple[Fraction, ...] | tuple[float, ...]
    fires: tuple[bool, ...]
    point: tuple[float, ...]
    exact: bool
    residual: float

    def text(self) -> str:
        """The proof in words."""

        def mix(fires: bool) -> str:
            numbers: tuple[Fraction | float, ...] = self.multipliers
            chosen = zip(self.rows, numbers, self.fires, strict=True)
            parts = [f"{_show(m)} of row {row}" for row, m, f in chosen if f is fires]
            return " + ".join(parts) if parts else "nothing at all"

        place = ", ".join(f"{v:.6g}" for v in self.point)
        how = (
            "equal in exact arithmetic"
            if self.exact
            else f"equal to {self.residual:.1e} of the largest input"
        )
        return (
            f"No plane separates these rows. {mix(True)}, which should fire, is the point "
            f"({place}); so is {mix(False)}, which should not ({how}). It would have to lie on "
            "both sides of the plane."
        )


@dataclass(frozen=True)
class Separability:
    """Whether one neuron can be right on every row: the answer of `separability`.

    Attributes:
        separable: whether one neuron can be right on every row; None where float64 cannot tell.
        weights: the plane with the widest margin, (k,) or with bias (k + 1,), the bias weight
            first; of length one; None if there is none.
        margin: g, the least distance s_i w'x_i of a row from that plane, in the units of x (with
            its bias input); zero where a row that must be silent lies on every such plane.
        radius: R, the length of the longest row, bias input included.
        certificate: the proof, where it is not separable.

    Raises:
        Nothing of its own.

    Source: scheidegger-2020, "LIMITATIONS OF PERCEPTRONS"; Novikoff (1962) for the bound (R/g)^2.

    Example:
        Rows (1, 0) and (1, 1) with the bias input: R^2 = 2, and the widest margin is 1 / sqrt(5).

        >>> from descend.neurons.classic import separability
        >>> answer = separability([[0], [1]], [0, 1])
        >>> answer.separable, round(answer.margin, 3), round(answer.bound, 3)
        (True, 0.447, 10.0)
    """

    separable: bool | None
    radius: float
    margin: float = 0.0
    weights: np.ndarray | None = field(default=None, repr=False)
    certificate: Certificate | None = None

    @property
    def bound(self) -> float:
        """(R/g)^2: the mistakes a perceptron makes at most from weights of zero; or infinity."""
        return (self.radius / self.margin) ** 2 if self.margin > 0 else float("inf")


class InseparableError(DataError):
    """One neuron cannot learn these rows; `certificate` proves it.

    Args:
        certificate: Certificate that no plane separates the rows.
        neuron: words that the message begins with, where there are several neurons.

    Source: scheidegger-2020, "LIMITATIONS OF PERCEPTRONS".

    Example:
        >>> from descend.neurons.classic import InseparableError, Perceptron
        >>> try:
        ...     Perceptron(inseparable="refuse").fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
        ... except InseparableError as error:
        ...     print(error.certificate.point)
        (0.5, 0.5)
    """

    def __init__(self, certificate: Certificate, neuron: str = ""):
        super().__init__(
            f"{neuron}{certificate.text()} Take a network with a hidden layer, or other inputs"
        )
        self.certificate = certificate


@aligned("X", "t")
def separability(X: Any, t: Any, bias_input: float | None = 1.0) -> Separability:
    """Whether one threshold neuron can be right on every row.

    Args:
        X: finite inputs without the bias, (n, k).
        t: targets, 0 or 1, (n,).
        bias_input: number x_0, what the bias node sends; None for a neuron without bias.

    Returns:
        A plane with its margin, checked against rounding; or a certificate; or neither, for rows
        so near to the border that float64 proves nothing (nearly equal rows of both targets).

    Raises:
        DataError: shapes that do not fit, targets other than 0 and 1.
        DescendError: a bias input that is no finite number.

    Source: scheidegger-2020, "LIMITATIONS OF PERCEPTRONS"; Novikoff (1962).

    Example:
        >>> from descend.neurons.classic import separability
        >>> rows = [[0, 0], [0, 1], [1, 0], [1, 1]]
        >>> separability(rows, [0, 1, 1, 1]).separable, separability(rows, [0, 1, 1, 0]).separable
        (True, False)
    """
    try:
        x, t = np.asarray(X, float), np.asarray(t)
    except (TypeError, ValueError):
        raise DataError("separability needs finite inputs, numbers in rows (n, k)") from None
    if bias_input is not None:
        number("bias_input", bias_input)
    if x.ndim != 2 or t.shape != (len(x),) or not x.size:
        raise DataError(f"separability needs X (n, k) and t (n,), got {x.shape} and {t.shape}")
    if not np.isfinite(x).all() or not np.isin(t, (0, 1)).all():
        raise DataError("separability needs finite inputs, and targets 0 or 1")
    full, fires = with_bias(x, bias_input), t == 1
    radius = float(np.linalg.norm(full, axis=1).max())
    some = _some_plane(full, fires, strict=True)
    known = 0.0
    if some is not None and _proved(full, fires, some):
        known = _margin(full, fires, some)
    certificate = None if known > 0 else _certificate(full, fires, x)
    if certificate is not None and (certificate.exact or full.shape[1] > EXACT_COLUMNS):
        return Separability(False, radius, certificate=certificate)
    # the least-distance problem is best posed where the margin is about one
    candidates = [some, _widest(full, fires, known if known > 0 else radius)]
    if known <= 0:
        candidates.append(_some_plane(full, fires, strict=False))
    planes = [p for p in candidates if p is not None and _proved(full, fires, p)]
    if planes:
        best = max(planes, key=lambda plane: _margin(full, fires, plane))
        return Separability(True, radius, max(_margin(full, fires, best), 0.0), best)
    return Separability(None, radius)


def _certificate(full: np.ndarray, fires: np.ndarray, x: np.ndarray) -> Certificate | None:
    if not fires.any():
        return None  # weights of zero are silent on every row
    sides = np.where(fires, 1.0, -1.0)[:, None] * full
    scale = np.abs(full).max(axis=0)
    scale[scale == 0] = 1.0
    solution = optimize.linprog(
        np.zeros(len(full)),
        A_eq=np.vstack([(sides / scale).T, fires[None].astype(float)]),
        b_eq=np.append(np.zeros(full.shape[1]), 1.0),
        method="highs-ds",  # a vertex: few rows are needed
    )
    if solution.status != 0:
        return None
    rows = np.flatnonzero(solution.x > 1e-9 * solution.x.max())
    exact = _exact(sides[rows], fires[rows]) if full.shape[1] <= EXACT_COLUMNS else None
    numbers = solution.x[rows] if exact is None else np.array([float(v) for v in exact])
    residual = 0.0
    if exact is None:
        residual = float(np.abs(numbers @ (sides[rows] / scale)).max())
        if residual > TOLERANCE:
            return None
    ones = fires[rows]
    return Certificate(
        tuple(rows.tolist()),
        tuple(exact) if exact is not None else tuple(numbers.tolist()),
        tuple(ones.tolist()),
        tuple((numbers[ones] @ x[rows][ones]).tolist()),
        exact is not None,
        residual,
    )


def _exact(sides: np.ndarray, fires: np.ndarray) -> list[Fraction] | None:
    """The multipliers as fractions: the one solution of sum_i l_i side_i = 0, if positive.

    Floating-point inputs are fractions themselves, so nothing is lost.
    """
    count = len(sides)
    left = [[Fraction(v) for v in column] for column in sides.T.tolist()]
    pivots: list[int] = []
    for column in range(count):
        place = len(pivots)
        chosen = next((r for r in range(place, len(left)) if left[r][column]), None)
        if chosen is None:
            continue
        left[place], left[chosen] = left[chosen], left[place]
        head = left[place][column]
        left[place] = [v / head for v in left[place]]
        for r in range(len(left)):
            if r != place and left[r][column]:
                factor = left[r][column]
                left[r] = [a - factor * b for a, b in zip(left[r], left[place], strict=True)]
        pivots.append(column)
    free = [c for c in range(count) if c not in pivots]
    if len(free) != 1:
        return None
    solution = [Fraction(0)] * count
    solution[free[0]] = Fraction(1)
    for r, column in enumerate(pivots):
        solution[column] = -left[r][free[0]]
    total = sum(v for v, f in zip(solution, fires, strict=True) if f)
    if not total:
        return None
    solution = [v / total for v in solution]
    return solution if all(v > 0 for v in solution) else None


def _margin(full: np.ndarray, fires: np.ndarray, plane: np.ndarray) -> float:
    return float((np.where(fires, 1, -1) * (full @ plane)).min())


def _widest(full: np.ndarray, fires: np.ndarray, size: float) -> np.ndarray | None:
    """The unit normal of the plane with the widest margin, by Lawson and Hanson's LDP.

    Least |v| with s_i v'x_i / size >= 1: the residual of a non-negative least-squares problem
    points along v.
    """
    if size == 0:
        return None
    sides = np.where(fires, 1.0, -1.0)[:, None] * full / size
    below = np.append(np.zeros(full.shape[1]), 1.0)
    matrix = np.vstack([sides.T, np.ones((1, len(full)))])
    left = below - matrix @ _nonnegative(matrix, below)
    length = float(np.linalg.norm(left[:-1]))
    return -left[:-1] / length if left[-1] > 0 and length > 0 else None


def _nonnegative(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x >= 0 that minimises |matrix x - right| (Lawson and Hanson 1974, algorithm NNLS).

    Written out because SciPy's (1.17) ends before the minimum on tables of zeros and ones.
    """
    x = np.zeros(matrix.shape[1])
    chosen, barred = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for _ in range(3 * len(x) + 100):
        slope = matrix.T @ (right - matrix @ x)
        slope[chosen | barred] = 0.0
        new = int(np.argmax(slope))
        if slope[new] <= 1e-14:
            break
        chosen[new] = True
        while chosen.any():
            solved = np.zeros(len(x))
            solved[chosen] = np.linalg.lstsq(matrix[:, chosen], right, rcond=None)[0]
            low = chosen & (solved <= 0)
            if not low.any():
                x = solved
                break
            step = (x[low] / np.maximum(x[low] - solved[low], np.finfo(float).tiny)).min()
            x = x + step * (solved - x)
            chosen &= x > 1e-15
            x[~chosen] = 0.0
        # a slope that was only rounding is not tried again before something else has moved
        barred = barred | (np.arange(len(x)) == new) if not chosen[new] else np.zeros(len(x), bool)
    return x


def _some_plane(full: np.ndarray, fires: np.ndarray, strict: bool) -> np.ndarray | None:
    """Some plane of length one, by a linear programme in columns and rows of size one.

    The room t is made as large as it can be: w'x >= t where the neuron should fire, and elsewhere
    w'x <= -t, or without `strict` w'x <= 0.
    """
    if not fires.any():
        return np.zeros(full.shape[1])
    scale = np.abs(full).max(axis=0)
    scale[scale == 0] = 1.0
    rows = full / scale
    rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(float).tiny)
    room = np.where(fires | strict, 1.0, 0.0)[:, None]
    solution = optimize.linprog(
        np.append(np.zeros(full.shape[1]), -1.0),
        A_ub=np.hstack([np.where(fires, -1.0, 1.0)[:, None] * rows, room]),
        b_ub=np.zeros(len(full)),
        bounds=[*[(-1, 1)] * full.shape[1], (0, None)],
        method="highs",
    )
    if solution.status != 0:
        return None
    plane = solution.x[:-1] / scale
    length = np.linalg.norm(plane)
    return plane / length if length > 0 else None


def _proved(full: np.ndarray, fires: np.ndarray, plane: np.ndarray) -> bool:
    """Whether the plane is right on every row, whatever the products' rounding.

    A sum of k products in float64 is within k eps sum_i |x_i w_i| of the true one. Where the rest
    is exactly zero (rows of zeros) a silent neuron needs no room.
    """
    sums, sizes = full @ plane, np.abs(full) @ np.abs(plane)
    room = (full.shape[1] + 1) * np.finfo(float).eps * sizes
    return bool((sums[fires] > room[fires]).all() and (sums[~fires] <= -room[~fires]).all())


def _show(value: Fraction | float) -> str:
    if isinstance(value, Fraction) and value.denominator < 1000:
        return str(value)
    return f"{float(value):.6g}"
