"""What dynamic programming solves: one endogenous state, one exogenous one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.dynamic_programming.grid import Grid, lagrange
from descend.economies.shocks import Chain
from descend.errors import DataError, DescendError
from descend.nn.checks import whole


@dataclass(frozen=True, eq=False)
class Exogenous:
    """A state that moves by itself: a chain, or nodes of a continuous one.

    Attributes:
        values: (m,).
        transition: (m, m); row i takes the expectation over the next period, seen from node i.
        continuous: True where the state is given by its value (else by its position 0, 1, ...).

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        Expected next values: of a chain, and of x' = x / 2 + e with e = -.1 or .1 alike.

        >>> from descend.economies import Chain
        >>> from descend.economies.dynamic_programming import Exogenous
        >>> luck = Exogenous.chain(Chain([0.0, 1.0], [[0.6, 0.4], [0.2, 0.8]]))
        >>> (luck.transition @ luck.values).round(3).tolist()
        [0.4, 0.8]
        >>> ar = Exogenous.autoregressive(0.5, [-0.1, 0.1], [0.5, 0.5], nodes=5)
        >>> ends, ahead = ar.values[[0, 4]], (ar.transition @ ar.values)[[0, 4]]
        >>> ends.round(3).tolist(), ahead.round(3).tolist()
        ([-0.2, 0.2], [-0.1, 0.1])
    """

    values: np.ndarray
    transition: np.ndarray
    continuous: bool = False

    @classmethod
    def chain(cls, chain: Chain) -> Exogenous:
        """Of a chain whose values are numbers."""
        return cls(np.asarray(chain.values, float), np.asarray(chain.transition, float))

    @classmethod
    def autoregressive(
        cls, persistence: float, innovations: Any, chances: Any, nodes: int = 41
    ) -> Exogenous:
        """x' = persistence x + e, where e takes finitely many values.

        The nodes span all that x can reach; between them functions of x' are read off a cubic, so
        that the expectation is right to the fourth order in the distance of the nodes.
        """
        innovations, chances = np.asarray(innovations, float), np.asarray(chances, float)
        far = abs(innovations).max() / (1 - persistence)
        values = np.linspace(-far, far, nodes)
        after = persistence * values[:, None] + innovations
        return cls(values, np.einsum("e,iem->im", chances, lagrange(values, after)), True)

    def weights(self, state: jax.Array) -> jax.Array:
        """(m,): a function of the state is the weighted sum of its values at the nodes."""
        if self.continuous:
            return jnp.asarray(lagrange(self.values, jnp.asarray(state)))
        return jax.nn.one_hot(state, len(self.values), dtype=jnp.result_type(float))

    def value(self, state: jax.Array) -> jax.Array:
        """What the problem's functions read as z."""
        return state if self.continuous else jnp.asarray(self.values)[state]


@dataclass(frozen=True, eq=False)
class Problem:
    """What dynamic programming solves: one endogenous state x, one exogenous state z, one choice u.

        V(x, z) = max_u r(x, z, u) + beta E[V(g(x, z, u), z') | z],   low(x, z) <= u <= high(x, z)

    Attributes:
        grid: Grid of x.
        exogenous: Exogenous, the states of z.
        reward: function (x, z, u) -> r, a number.
        bounds: function (x, z) -> (low, high). Next states must stay within the grid.
        discount: number beta, in (0, 1).
        transition: function (x, z, u) -> x'; None: the choice is the next state.
        names: names of x and z in `policy`.
        policies: function (x, z, u) -> {name: number}, what `policy` returns.

    Raises:
        DescendError: `of` something that is neither Problem nor Budget, nor states one.

    Source: scheidegger-2020, "Connection to dynamic programming".

    Example:
        A cake of x pieces, of which x - u are eaten today; what is left is worth half tomorrow.

        >>> import numpy as np
        >>> from descend.economies.dynamic_programming import Exogenous, Grid, Problem
        >>> still = Exogenous(np.ones(1), np.ones((1, 1)))  # nothing moves by itself
        >>> cake = Problem(
        ...     Grid(0.0, 3.0, 4), still, lambda x, z, u: x - u, lambda x, z: (0.0, x), discount=0.5
        ... )
        >>> cake.reward(3.0, 1.0, 1.0), cake.next(3.0, 1.0, 1.0)
        (2.0, 1.0)
    """

    grid: Grid
    exogenous: Exogenous
    reward: Callable[[Any, Any, Any], Any]
    bounds: Callable[[Any, Any], tuple[Any, Any]]
    discount: float
    transition: Callable[[Any, Any, Any], Any] | None = None
    names: tuple[str, str] = ("x", "z")
    policies: Callable[[Any, Any, Any], Mapping[str, Any]] = field(
        default=lambda x, z, u: {"choice": u}
    )

    @classmethod
    def of(cls, stated: Any, points: int | None) -> Problem:
        """A Problem as it is; an economy by its `budget`."""
        return stated if isinstance(stated, Problem) else Budget.of(stated, points).problem()

    def next(self, x: Any, z: Any, u: Any) -> Any:
        """x'."""
        return u if self.transition is None else self.transition(x, z, u)


@dataclass(frozen=True, eq=False)
class Budget:
    """Consumption and saving under CRRA utility.

        max E sum_t beta^t c_t^(1-s) / (1-s),   c + x' = M(x, z),   x' >= b(x)

    Attributes:
        grid: Grid of x.
        exogenous: Exogenous, the states of z.
        resources: function (x, z) -> M.
        least: function x -> b, or None where saving is free.
        discount, curvature: numbers beta, in (0, 1), and s > 0; s = 1 is log utility.
        names: names of x and z in the economy.
        policies: function (x, z, c, multiplier) -> {name: number} as the economy names them. The
            multiplier of x' >= b is a share of marginal utility.

    Raises:
        DescendError: `of` an economy that states no budget.

    Source: descend's own; the problem is that of Ljungqvist and Sargent, "Recursive Macroeconomic
    Theory".

    Example:
        Growth with log utility, output k^.36 and full depreciation.

        >>> import numpy as np
        >>> from descend.economies.dynamic_programming import Budget, Exogenous, Grid
        >>> growth = Budget(
        ...     grid=Grid(0.02, 0.6, 20),
        ...     exogenous=Exogenous(np.ones(1), np.ones((1, 1))),
        ...     resources=lambda k, z: z * k**0.36,
        ...     least=None,
        ...     discount=0.9,
        ...     curvature=1.0,
        ...     names=("k", "z"),
        ...     policies=lambda k, z, c, multiplier: {"saving": 1 - c / (z * k**0.36)},
        ... )
        >>> float(growth.utility(1.0)), growth.problem().names
        (0.0, ('k', 'z'))
    """

    grid: Grid
    exogenous: Exogenous
    resources: Callable[[Any, Any], Any]
    least: Callable[[Any], Any] | None
    discount: float
    curvature: float
    names: tuple[str, str]
    policies: Callable[[Any, Any, Any, Any], Mapping[str, Any]]

    @classmethod
    def of(cls, stated: Any, points: int | None) -> Budget:
        """A Budget as it is; an economy by its method `budget(points)`."""
        if isinstance(stated, Budget):
            return stated
        if isinstance(stated, type) or not hasattr(stated, "budget"):
            of_class = isinstance(stated, type)
            name = f"the class {stated.__name__}" if of_class else type(stated).__name__
            raise DescendError(
                f"{name} has no budget(points): dynamic programming needs a "
                "Problem, a Budget, or an economy that states one, such as StochasticGrowth"
            )
        return stated.budget() if points is None else stated.budget(whole("points", points, 4))

    def utility(self, c: Any) -> Any:
        """u(c)."""
        if self.curvature == 1:
            return jnp.log(c)
        return c ** (1 - self.curvature) / (1 - self.curvature)

    def problem(self) -> Problem:
        """As a Problem whose choice is the next state. What it calls the multiplier is NaN."""
        low, high = self.grid.low, self.grid.high

        def bounds(x: Any, z: Any) -> tuple[Any, Any]:
            least = low if self.least is None else jnp.maximum(self.least(x), low)
            return least, jnp.minimum(self.resources(x, z) * (1 - 1e-6), high)

        return Problem(
            grid=self.grid,
            exogenous=self.exogenous,
            reward=lambda x, z, u: self.utility(self.resources(x, z) - u),
            bounds=bounds,
            discount=self.discount,
            names=self.names,
            policies=lambda x, z, u: self.policies(x, z, self.resources(x, z) - u, jnp.nan),
        )


class Iterated:
    """How an iteration ended: what the results of all methods say alike.

    Attributes:
        name: name of the method.
        iterations, distance, tolerance: their number, the last change, and that aimed for.
    """

    name: str
    iterations: int
    distance: float
    tolerance: float

    @property
    def converged(self) -> bool:
        """Whether the last change was small enough."""
        return self.distance <= self.tolerance

    @property
    def status(self) -> str:
        """In words, how it ended."""
        end = "converged" if self.converged else "NOT converged"
        return (
            f"{self.name} {end}: distance {self.distance:.1e} after {self.iterations} iterations, "
            f"aimed for {self.tolerance:.0e}"
        )


def columns(
    names: tuple[str, str], exogenous: Exogenous, states: Any
) -> tuple[np.ndarray, np.ndarray]:
    """x and z (n,) out of states by name; others are left alone.

    Raises:
        DataError: one is missing, not finite, of another length, or no position of the chain.
    """
    for name in names:
        if name not in states:
            raise DataError(
                f"policy: needs the states {names[0]} and {names[1]}; {name} is missing"
            )
    x, z = np.broadcast_arrays(*(np.atleast_1d(np.asarray(states[n], float)) for n in names))
    if x.ndim != 1 or not np.isfinite(x + z).all():
        raise DataError(f"policy: {names[0]} and {names[1]} must be finite numbers or (n,)")
    if exogenous.continuous:
        return x, z
    if not ((z == np.round(z)) & (z >= 0) & (z < len(exogenous.values))).all():
        raise DataError(
            f"policy: the chain {names[1]!r} is given by its position, a whole number from 0 to "
            f"{len(exogenous.values) - 1}"
        )
    return x, z.astype(np.int32)
