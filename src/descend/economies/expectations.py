"""Rules for the expectation of a function of standard normal shocks: nodes and weights.

    E f(z) ~ sum_q w_q f(z_q),      z ~ N(0, I_d)

    gauss-hermite:n   product of n-point Gauss-Hermite rules; exact to degree 2 n - 1 in each z_i
    monomial:3        2 d nodes; exact to total degree 3
    monomial:5        2 d^2 + 1 nodes; exact to total degree 5
    sobol:n           n scrambled Sobol points carried to normals; error of order about 1/n
    sampled:n         n random nodes, drawn anew at every update, in two independent halves: the
                      mean of r_1 r_2 is unbiased for the squared residual, that of r^2 is not (it
                      is too large by Var r / n)

Sums over discrete chains are exact and are joined to a rule by `descend.economies.shocks`.

Source: Judd, "Numerical Methods in Economics" (1998), chapter 7; Stroud 1971; Judd, Maliar and
Maliar 2011 (the two monomial rules). scheidegger-2020, "Deep Equilibrium Nets", leaves the rule
open.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from descend.errors import DescendError, unknown

SEED = 20_200  # of the Sobol rule's scrambling: a rule is the same every time
MOST = 200_000  # nodes of a product rule


@dataclass(frozen=True)
class Rule:
    """Nodes and weights for z ~ N(0, I_d).

    Attributes:
        name: as given, "gauss-hermite:5".
        nodes: (q, d).
        weights: (q,), of sum 1; some are negative in monomial:5 beyond four dimensions.
        sampled: whether the nodes only say how many are to be drawn, in each half.
    """

    name: str
    nodes: np.ndarray
    weights: np.ndarray
    sampled: bool = False

    def __len__(self) -> int:
        return len(self.weights)

    def at(self, nodes: Any) -> Rule:
        """The same rule at other nodes (q, d): those that were drawn."""
        return replace(self, nodes=nodes)


def rule(name: str, dimensions: int) -> Rule:
    """The rule of a name, for so many independent standard normal shocks.

    Raises:
        DescendError: an unknown rule, a number out of its range, too many nodes.
    """
    kind, _, text = str(name).partition(":")
    if kind not in RULES:
        raise unknown("rule for expectations", kind, [f"{k}:n" for k in RULES])
    try:
        size = int(text)
    except ValueError:
        raise DescendError(
            f"the rule {name!r} needs a whole number behind a colon, such as {kind}:5"
        ) from None
    if size < 1:
        raise DescendError(f"the rule {name!r} needs a number >= 1")
    if dimensions == 0:  # nothing to integrate
        return Rule(str(name), np.zeros((1, 0)), np.ones(1))
    nodes, weights = RULES[kind](dimensions, size)
    return Rule(str(name), nodes, weights, kind == "sampled")


def gauss_hermite(dimensions: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The product of n-point rules, for the density of N(0, I)."""
    if n**dimensions > MOST:
        raise DescendError(
            f"gauss-hermite:{n} has {n}^{dimensions} nodes for {dimensions} shocks; use monomial:5"
        )
    points, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / weights.sum()
    nodes = np.array(list(itertools.product(points, repeat=dimensions)))
    joint = [math.prod(w) for w in itertools.product(weights, repeat=dimensions)]
    return nodes, np.array(joint)


def monomial(dimensions: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Stroud's rules of degree 3 and 5.

    Degree 3: +-sqrt(d) e_i, weight 1 / (2 d). Degree 5: the origin, weight 2 / (d + 2);
    +-sqrt(d + 2) e_i, weight (4 - d) / (2 (d + 2)^2); +-sqrt((d + 2) / 2) (e_i +- e_j), weight
    1 / (d + 2)^2.
    """
    d, axes = dimensions, np.eye(dimensions)
    both = np.concatenate([axes, -axes])
    if degree == 3:
        return math.sqrt(d) * both, np.full(2 * d, 1 / (2 * d))
    if degree != 5:
        raise DescendError(f"monomial rules are of degree 3 or 5, got monomial:{degree}")
    pairs = [
        s * axes[i] + t * axes[j]
        for i, j in itertools.combinations(range(d), 2)
        for s, t in itertools.product((1, -1), repeat=2)
    ]
    nodes = np.concatenate(
        [
            np.zeros((1, d)),
            math.sqrt(d + 2) * both,
            math.sqrt((d + 2) / 2) * np.array(pairs).reshape(-1, d),
        ]
    )
    weights = np.concatenate(
        [
            [2 / (d + 2)],
            np.full(2 * d, (4 - d) / (2 * (d + 2) ** 2)),
            np.full(len(pairs), 1 / (d + 2) ** 2),
        ]
    )
    return nodes, weights


def sobol(dimensions: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scrambled Sobol points through the normal's inverse distribution function."""
    from scipy.stats import norm, qmc

    if n & (n - 1):
        raise DescendError(f"sobol:{n}: the number of points must be a power of 2")
    points = qmc.Sobol(dimensions, seed=SEED).random(n)
    return norm.ppf(points), np.full(n, 1 / n)


def _drawn(dimensions: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Places for nodes that are drawn at every update."""
    return np.zeros((n, dimensions)), np.full(n, 1 / n)


RULES: dict[str, Callable[[int, int], tuple[np.ndarray, np.ndarray]]] = {
    "gauss-hermite": gauss_hermite,
    "monomial": monomial,
    "sobol": sobol,
    "sampled": _drawn,
}


@functools.cache
def for_training(dimensions: int) -> str:
    """The rule that a solve uses unless told otherwise."""
    return "gauss-hermite:5" if dimensions <= 2 else "monomial:3"


@functools.cache
def for_judging(dimensions: int) -> str:
    """A finer rule than any that training uses by default, and of another kind where it can be."""
    if dimensions <= 2:
        return "gauss-hermite:11"
    if dimensions <= 4:
        return "gauss-hermite:5"
    return "monomial:5" if 2 * dimensions**2 < 2500 else "sobol:1024"
