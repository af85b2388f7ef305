"""An economy, stated as on paper: what its author writes, and what is checked before it is solved.

    class Growth(Economy):
        beta: float = parameter(0.96, above=0, below=1)

        def states(self):     {"k": (low, high)}                     a box for each state
        def shocks(self):     {"e": Normal(std), "z": Chain(values, transition)}
        def policies(self):   {"saving": Share()}                    unknown functions of the state
        def transition(self, now, policy, shock):   {"k": next capital}
        def conditions(self, now, policy, E):       {"euler": a residual without units}

`E(f)` is the expectation of f(next state, next policy, shock) given `now`; the author wraps it as
the paper does, so that inverse Euler equations and complementarity are simply written down. All
methods see one point: numbers, or vectors for a state with a shape. The solver maps them over many.

Source: scheidegger-2020, "Deep Equilibrium Nets": G(x, f(x)) = 0 for all x, G free of units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from descend.economies.outputs import Output
from descend.economies.point import Point
from descend.economies.shocks import Law
from descend.errors import DescendError
from descend.statement import Statement, author


@dataclass(frozen=True)
class Economy(Statement):
    """The base of every statement; subclasses are frozen dataclasses whose fields are parameters.

    Small residuals do not make a policy the right one. A wrong branch is a policy that satisfies
    every condition and yet solves no household's problem: capital grows, or is eaten up, for ever
    (the transversality condition is no residual), and networks find it. The verdict of a solve sees
    paths that leave the box, or that crowd at an edge of it; it does not lead to the right branch,
    on which the next work is. A policy that bounds what is saved (`Share` of output) often does;
    clipping the state to its box does not: the path then runs to the edge and stays there.

    Raises:
        DescendError: a parameter outside the range that `parameter` gave it, or a class that is no
            frozen dataclass; `with_parameters` of an unknown name.

    Source: scheidegger-2020, "Deep Equilibrium Nets"; Azinovic, Gaegauf and Scheidegger (2022).

    Example:
        A share of output sqrt(k) is saved; its residual is zero where the share is the stated one.

        >>> from dataclasses import dataclass
        >>> from descend.economies import Economy, Share, parameter
        >>> @dataclass(frozen=True)
        ... class Solow(Economy):
        ...     share: float = parameter(0.3, above=0, below=1)
        ...     def states(self):
        ...         return {"k": (0.01, 1.0)}
        ...     def policies(self):
        ...         return {"saving": Share()}
        ...     def transition(self, now, policy, shock):
        ...         return {"k": policy.saving * now.k**0.5}
        ...     def conditions(self, now, policy, E):
        ...         return {"rule": policy.saving / self.share - 1}
        >>> Solow().with_parameters({"share": 0.2}).parameters()
        {'share': 0.2}
    """

    _contract = True

    # -- what every economy states ------------------------------------------------------------

    def states(self) -> Mapping[str, tuple[Any, Any]]:
        """{name: (low, high)}: numbers, or vectors for a state with a shape.

        The box scales the network's inputs, is what `box` accuracy is judged on, and, somewhat
        widened, is where a simulated path is set back to the start.
        """
        raise NotImplementedError

    def policies(self) -> Mapping[str, Output]:
        """{name: Share, Positive, Bounded, Simplex or Free}."""
        raise NotImplementedError

    def transition(self, now: Any, policy: Any, shock: Any) -> Mapping[str, Any]:
        """{name: next value} for every state; chains move by themselves."""
        raise NotImplementedError

    def conditions(self, now: Any, policy: Any, E: Callable) -> Mapping[str, Any]:
        """{name: residual}, zero where the policy is right; numbers or vectors, without units."""
        raise NotImplementedError

    # -- what it may state --------------------------------------------------------------------

    def shocks(self) -> Mapping[str, Any]:
        """{name: Normal or Chain}; none by default."""
        return {}

    def start(self) -> Mapping[str, Any]:
        """{name: value}: where paths begin; the middle of the box by default."""
        return {n: (np.asarray(a) + np.asarray(b)) / 2 for n, (a, b) in self.states().items()}

    def definitions(self, now: Any, policy: Any) -> Mapping[str, Any]:
        """{name: quantity} to be shown in simulations and tables; none by default."""
        return {}

    def constraints(self, now: Any, policy: Any, E: Callable) -> Mapping[str, tuple[Any, Any]]:
        """{name: (slack, multiplier)}, both >= 0 and without units, for the report.

        A constraint binds where its slack is less than its multiplier.
        """
        return {}

    def aim(self) -> Mapping[str, float]:
        """{figure: value}: what a solve is to reach where it is not told; see `solve`.

        By default a mean residual of 1e-4 on simulated states: for an Euler equation in shares of
        consumption, an error of a dollar in 10,000 spent.

        Source: Judd 1992 (the unit); Aruoba, Fernandez-Villaverde and Rubio-Ramirez 2006 (errors of
        usual methods: 1e-3 to 1e-7); Azinovic, Gaegauf and Scheidegger 2022 (networks: 1e-4 to
        1e-3).
        """
        return {"ergodic mean": 1e-4}

    def plan(self) -> Mapping[str, Any]:
        """{field of Plan: value}: how it is solved where `solve` is not told; none by default."""
        return {}

    def consumption_errors(self, now: Any, policy: Any, E: Callable) -> Mapping[str, Any]:
        """{name: error}, each a share of consumption; by default the conditions as they are.

        For an Euler equation u'(c) = beta E[u'(c') R']: u'^{-1}(beta E[u'(c') R']) / c - 1.
        """
        return self.conditions(now, policy, E)

    def exact(self, now: Any) -> Mapping[str, Any]:
        """{name: policy} where a closed form is known; none by default."""
        return {}


def fischer_burmeister(a: Any, b: Any) -> Any:
    """fb(a, b) = a + b - sqrt(a^2 + b^2): zero exactly where a >= 0, b >= 0 and a b = 0.

    So one residual states that a slack and its multiplier are not negative and one of them is zero.
    Its gradient at a = b = 0 is set to (1, 1). `fb` is the same function.

    Args:
        a, b: numbers or arrays of one shape, such as a slack and its multiplier.

    Returns:
        The residual, of their shape.

    Raises:
        Nothing of its own.

    Source: Fischer 1992; in the lecture's programme as the complementary slackness conditions of
    Azinovic, Gaegauf and Scheidegger 2022.

    Example:
        >>> from descend.economies import fischer_burmeister
        >>> float(fischer_burmeister(0.0, 2.0)), float(fischer_burmeister(3.0, 4.0))
        (0.0, 2.0)
        >>> float(fischer_burmeister(-1.0, 0.0))
        -2.0
    """
    square = a * a + b * b
    positive = square > 0
    root = jnp.sqrt(jnp.where(positive, square, 1.0))
    return a + b - jnp.where(positive, root, 0.0)


fb = fischer_burmeister


def named(economy: Economy, method: str, values: Any, wanted: Any = None) -> dict[str, Any]:
    """What a method returned, as a dict; DescendError names what misses or is too much."""
    prefix = f"{economy.label}.{method}"
    if isinstance(values, Point):
        values = values.asdict()
    if not isinstance(values, Mapping):
        raise DescendError(
            f"{prefix} must return a dict {{name: value}}, got {type(values).__name__}"
        )
    if wanted is not None and set(values) != set(wanted):
        missing, extra = sorted(set(wanted) - set(values)), sorted(set(values) - set(wanted))
        faults = [f"is missing {', '.join(missing)}"] if missing else []
        faults += [f"has {', '.join(extra)}, which it does not know"] if extra else []
        raise DescendError(f"{prefix}: what it returned {' and '.join(faults)}")
    return dict(values)


def law_of(economy: Economy) -> Law:
    """The economy's shocks."""
    with author(economy, "shocks"):
        return Law.of(named(economy, "shocks", economy.shocks()))
