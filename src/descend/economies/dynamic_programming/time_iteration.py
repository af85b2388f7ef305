"""Time iteration with endogenous grid points: the Euler equation, solved backwards for ever.

    u'(c) = W(x', z) + mu,      W(x', z) = beta E[u'(c') M_x(x', z') - b'(x') mu']
    c + x' = M(x, z),           x' >= b(x),   mu >= 0,   mu (x' - b(x)) = 0

The unknown is w = W^(-1/s) on the grid of next states x': what would be consumed if the bound did
not bind. M = w + x' is then the endogenous grid of resources: no equation is solved for c. Where
the x' read off it lies below b, the bound binds and mu is what is missing. The bound is applied at
every point, not interpolated, so that the kink of the policy lies where it should.

Source: Carroll 2006; Coleman 1990 (time iteration); scheidegger-2020, "Connection to dynamic
programming".
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.dynamic_programming.problem import Budget, Iterated, columns
from descend.economies.floats import precision
from descend.nn.checks import number, whole
from descend.train.engine.runtime import prepare

AT_ONCE = 256  # states whose policies are found side by side


@dataclass(eq=False)
class EulerPolicy(Iterated):
    """Policies from the Euler equation: what `time_iteration` gives.

    Attributes:
        budget: the problem that was solved.
        unbound: w (n, m): consumption on the endogenous grid of resources, which is w + x'.
        iterations, distance, tolerance: the last change of w, largest and relative.

    Raises:
        DataError: `policy` of states that are missing, not finite, of different lengths, or no
            position of the chain.

    Source: Carroll (2006), "The method of endogenous gridpoints for solving dynamic stochastic
    optimization problems"; Coleman 1990.

    Example:
        >>> from descend.economies.dynamic_programming import time_iteration
        >>> from descend.economies.models.growth import StochasticGrowth
        >>> solved = time_iteration(StochasticGrowth(), points=10, most=2)
        >>> solved.iterations, solved.converged
        (2, False)
    """

    budget: Budget
    unbound: np.ndarray
    iterations: int
    distance: float
    tolerance: float
    name = "time iteration"

    def policy(self, states: Any) -> dict[str, np.ndarray]:
        """Policies and definitions at states, under the economy's names.

        Args:
            states: {name: (n,)}; a chain by its position.

        Returns:
            {name: (n,)}.

        Raises:
            DataError: see `columns`.
        """
        with precision("float64"):
            x, z = columns(self.budget.names, self.budget.exogenous, states)
            policies = _policies(self.budget, self.unbound, x, z)
            return {name: np.asarray(v) for name, v in policies.items()}


def time_iteration(
    economy: Any, *, points: int | None = None, tolerance: float = 1e-10, most: int = 20_000
) -> EulerPolicy:
    """Iterate on the Euler equation until consumption moves by less than `tolerance` (relative).

    Args:
        economy: Budget, or an economy with a method `budget`: StochasticGrowth,
            IrreversibleGrowth, IncomeFluctuation.
        points: number of points of an economy's grid.
        tolerance: largest relative change of w in an iteration.
        most: number of iterations at most.

    Returns:
        An EulerPolicy; `status` says how it ended.

    Raises:
        DescendError: an economy that states no budget; a number out of range.

    Source: Carroll 2006; Coleman 1990; scheidegger-2020, "Connection to dynamic programming".

    Example:
        Growth with log utility and full depreciation saves the share .36 x .9 of output.

        >>> import numpy as np
        >>> from descend.economies.dynamic_programming import Budget, Exogenous, Grid
        >>> from descend.economies.dynamic_programming import time_iteration
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
        >>> solved = time_iteration(growth)
        >>> solved.policy({"k": [0.2, 0.3], "z": [0, 0]})["saving"].round(6).tolist()
        [0.324, 0.324]
    """
    prepare()
    number("tolerance", tolerance, least=0)
    whole("most", most, 1)
    with precision("float64"):
        budget = Budget.of(economy, points)
        unbound, count, distance = _iterate(budget, tolerance, most)
        return EulerPolicy(budget, np.asarray(unbound), int(count), float(distance), tolerance)


def consumption(budget: Budget, curve: jax.Array, x: jax.Array, z: jax.Array) -> tuple[Any, Any]:
    """(c, mu / u'(c)) at one x; `curve` (n,) is w as seen from z."""
    grid = jnp.asarray(budget.grid.points)
    resources = budget.resources(x, z)
    c = jnp.interp(resources, curve + grid, curve, left="extrapolate", right="extrapolate")
    if budget.least is None:
        return c, jnp.zeros_like(c)
    least = budget.least(x)
    binds = resources - c < least
    c = jnp.where(binds, resources - least, c)
    wanted = budget.grid.linear(least, curve)
    return c, jnp.where(binds, 1 - (c / wanted) ** budget.curvature, 0.0)


@functools.partial(jax.jit, static_argnums=0)
def _iterate(budget: Budget, tolerance: Any, most: Any) -> Any:
    grid, nodes = jnp.asarray(budget.grid.points), jnp.asarray(budget.exogenous.values)
    transition = jnp.asarray(budget.exogenous.transition)

    def marginal(curve: jax.Array, x: jax.Array, z: jax.Array) -> jax.Array:
        """u'(c) M_x - b' mu at one point: what another unit of x is worth there."""
        c, share = consumption(budget, curve, x, z)
        worth = jax.grad(budget.resources)(x, z)
        if budget.least is not None:
            worth = worth - jax.grad(budget.least)(x) * share
        return c**-budget.curvature * worth

    everywhere = jax.vmap(jax.vmap(marginal, (None, 0, None)), (1, None, 0), 1)

    def step(at: Any) -> Any:
        old, count, _ = at
        ahead = budget.discount * everywhere(old, grid, nodes) @ transition.T
        new = ahead ** (-1 / budget.curvature)
        return new, count + 1, jnp.max(jnp.abs(new / old - 1))

    resources = jax.vmap(jax.vmap(budget.resources, (0, None)), (None, 0), 1)(grid, nodes)
    first = jnp.maximum(resources - grid[:, None], 0.01 * resources)  # x is kept as it is
    go_on = lambda at: (at[2] > tolerance) & (at[1] < most)  # noqa: E731
    return jax.lax.while_loop(go_on, step, (first, 0, jnp.inf))


@functools.partial(jax.jit, static_argnums=0)
def _policies(budget: Budget, unbound: Any, x: Any, z: Any) -> Any:
    def one(point: Any) -> Any:
        x, z = point
        level = budget.exogenous.value(z)
        c, share = consumption(budget, unbound @ budget.exogenous.weights(z), x, level)
        return dict(budget.policies(x, level, c, share))

    return jax.lax.map(one, (x, z), batch_size=AT_ONCE)
