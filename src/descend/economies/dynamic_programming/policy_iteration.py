"""Policy iteration: the value of a policy by solving for it, then a better policy.

    V_u = r_u + beta P_u V_u        u <- argmax_u { r(x, z, u) + beta E V_u(x') }

P_u reads the next value off the spline, which is linear in the values on the grid: V_u is the
solution of one linear system of n m unknowns. A few steps do what value iteration does in
thousands.

Source: Howard 1960; Ljungqvist and Sargent, "Recursive Macroeconomic Theory", chapter 4.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from descend.economies.dynamic_programming.problem import Problem
from descend.economies.dynamic_programming.value_iteration import (
    ValueFunction,
    improver,
    require_method,
    solved,
)
from descend.economies.floats import precision
from descend.errors import DescendError
from descend.nn.checks import number, whole
from descend.train.engine.runtime import prepare

UNKNOWNS = 8000  # of the linear system: half a gigabyte
SWEEPS = 30  # of value iteration before: the value of an absurd policy is too steep for a spline


def policy_iteration(
    problem: Any,
    *,
    points: int | None = None,
    method: str = "spline",
    tolerance: float = 1e-10,
    most: int = 200,
) -> ValueFunction:
    """Howard's iteration: the value of a policy by one linear system, then a better policy.

        V_u = r_u + beta P_u V_u        u <- argmax_u { r(x, z, u) + beta E V_u(x') }

    Args:
        problem: Problem, Budget, or economy with a method `budget`.
        points: number of points of an economy's grid.
        method: name of the method: "spline", or "grid": the choices are the grid's points (it then
            is the next state).
        tolerance: largest change of V that one step of value iteration would still make.
        most: number of iterations at most.

    Returns:
        A ValueFunction; `status` says how it ended.

    Raises:
        DescendError: a grid of more than 8000 points and nodes together, an unknown method, an
            economy that states no budget, or method "grid" for a problem whose choice is not the
            next state; a number out of range.

    Source: Howard 1960; Ljungqvist and Sargent, "Recursive Macroeconomic Theory", chapter 4.

    Example:
        What is left of a cake is worth half tomorrow: all of it is eaten today, and V(x) = x.

        >>> import numpy as np
        >>> from descend.economies.dynamic_programming import Exogenous, Grid, Problem
        >>> from descend.economies.dynamic_programming import policy_iteration
        >>> still = Exogenous(np.ones(1), np.ones((1, 1)))
        >>> cake = Problem(
        ...     Grid(0.0, 3.0, 4), still, lambda x, z, u: x - u, lambda x, z: (0.0, x), discount=0.5
        ... )
        >>> solved = policy_iteration(cake, method="grid")
        >>> solved.value.ravel().round(6).tolist(), solved.iterations
        ([0.0, 1.0, 2.0, 3.0], 1)
    """
    prepare()
    require_method(method)
    number("tolerance", tolerance, least=0)
    whole("most", most, 1)
    with precision("float64"):
        problem = Problem.of(problem, points)
        unknowns = problem.grid.size * len(problem.exogenous.values)
        if unknowns > UNKNOWNS:
            raise DescendError(
                f"policy iteration solves for {unknowns} values at once, at most {UNKNOWNS}; take "
                "fewer points, or value_iteration"
            )
        return solved("policy iteration", _iterate, problem, method, tolerance, most)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _iterate(problem: Problem, method: str, table: Any, tolerance: Any, most: Any) -> Any:
    improve = improver(problem, method, table)
    evaluate = _evaluator(problem, method)
    shape = (problem.grid.size, len(problem.exogenous.values))

    def step(at: Any) -> Any:
        value, _, count, _ = at
        choice, new = improve(value)
        # the distance is that of the Bellman equation itself, as in value iteration
        return evaluate(choice), choice, count + 1, jnp.max(jnp.abs(new - value))

    zero = jnp.zeros(shape)
    begun = jax.lax.fori_loop(0, SWEEPS, lambda _, value: improve(value)[1], zero)
    go_on = lambda at: (at[3] > tolerance) & (at[2] < most)  # noqa: E731
    return jax.lax.while_loop(go_on, step, (begun, zero, 0, jnp.inf))


def _evaluator(problem: Problem, method: str) -> Any:
    """Choice (n, m) -> V (n, m) of keeping to it for ever."""
    grid, exogenous = problem.grid, problem.exogenous
    points, nodes = jnp.asarray(grid.points), jnp.asarray(exogenous.values)
    transition = jnp.asarray(exogenous.transition)
    size, m = grid.size, len(exogenous.values)
    unit, slopes = jnp.eye(size), jnp.asarray(grid.slopes())

    def row(x: Any, z: Any, u: Any) -> Any:
        """How much of each grid point's value the next state has: (n,)."""
        after = problem.next(x, z, u)
        if method == "grid":
            return grid.linear(after, unit)
        return grid.spline(after, unit, slopes)

    over_x = lambda f: jax.vmap(jax.vmap(f, (0, None, 0)), (None, 0, 1), 1)  # noqa: E731

    def evaluated(choice: jax.Array) -> jax.Array:
        rewards = over_x(problem.reward)(points, nodes, choice)  # (n, m)
        rows = over_x(row)(points, nodes, choice)  # (n, m, n)
        later = jnp.einsum("izk,zy->izky", rows, transition).reshape(size * m, size * m)
        system = jnp.eye(size * m) - problem.discount * later
        return jnp.linalg.solve(system, rewards.reshape(-1)).reshape(size, m)

    return evaluated
