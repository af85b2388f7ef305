"""Value function iteration: the lecture's line, until nothing moves.

    V_{j+1}(x, z) = max_u { r(x, z, u) + beta E[V_j(g(x, z, u), z') | z] }

Between grid points V_j is a cubic spline; the maximum is found by a scan of the feasible choices
and golden sections around the best one. Or, as on the slide, the choice is one of the grid's
points.

Source: scheidegger-2020, "Connection to dynamic programming".
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.dynamic_programming.problem import Iterated, Problem, columns
from descend.economies.floats import precision
from descend.errors import DescendError, unknown
from descend.nn.checks import number, whole
from descend.train.engine.runtime import prepare

SCAN = 16  # intervals of the feasible choices that are scanned
GOLDEN = (5**0.5 - 1) / 2
SECTIONS = 42  # GOLDEN^42 = 2e-9: finer than a maximum can be told by its value
METHODS = ("spline", "grid")


@dataclass(eq=False)
class ValueFunction(Iterated):
    """The value and the choice on the grid, and off it: what value and policy iteration give.

    Attributes:
        problem: the problem that was solved.
        name: "value iteration" or "policy iteration".
        method: "spline" or "grid".
        value, choice: (n, m).
        iterations, distance, tolerance: the last change of V, largest over the grid.

    Raises:
        DataError: `policy` of states that are missing, not finite, of different lengths, or no
            position of the chain.

    Source: scheidegger-2020, "Connection to dynamic programming".

    Example:
        What is left of a cake is worth half tomorrow: all of it is eaten today.

        >>> import numpy as np
        >>> from descend.economies.dynamic_programming import Exogenous, Grid, Problem
        >>> from descend.economies.dynamic_programming import value_iteration
        >>> still = Exogenous(np.ones(1), np.ones((1, 1)))
        >>> cake = Problem(
        ...     Grid(0.0, 3.0, 4), still, lambda x, z, u: x - u, lambda x, z: (0.0, x), discount=0.5
        ... )
        >>> solved = value_iteration(cake, method="grid")
        >>> solved.converged, solved.policy({"x": [1.0, 2.5], "z": [0, 0]})["choice"].tolist()
        (True, [0.0, 0.0])
    """

    problem: Problem
    name: str
    method: str
    value: np.ndarray
    choice: np.ndarray
    iterations: int
    distance: float
    tolerance: float

    def policy(self, states: Any) -> dict[str, np.ndarray]:
        """Policies at states: the maximum is taken anew there (method "grid": a straight line).

        Args:
            states: {name: (n,)}; a chain by its position.

        Returns:
            {name: (n,)}.

        Raises:
            DataError: see `columns`.
        """
        with precision("float64"):
            x, z = columns(self.problem.names, self.problem.exogenous, states)
            policies = _policies(self.problem, self.method, self.value, self.choice, x, z)
            return {name: np.asarray(v) for name, v in policies.items()}


def value_iteration(
    problem: Any,
    *,
    points: int | None = None,
    method: str = "spline",
    tolerance: float = 1e-10,
    most: int = 20_000,
) -> ValueFunction:
    """Iterate on V until it moves by less than `tolerance` anywhere on the grid.

    Args:
        problem: Problem, Budget, or economy with a method `budget`.
        points: number of points of an economy's grid.
        method: name of the method: "spline", or "grid": the choices are the grid's points (it then
            is the next state).
        tolerance: largest change of V in an iteration; V itself is then within
            tolerance beta / (1 - beta).
        most: number of iterations at most.

    Returns:
        A ValueFunction; `status` says how it ended.

    Raises:
        DescendError: an unknown method, an economy that states no budget, or method "grid" for a
            problem whose choice is not the next state; a number out of range.

    Source: scheidegger-2020, "Connection to dynamic programming".

    Example:
        What is left of a cake is worth half tomorrow: all of it is eaten today, and V(x) = x.

        >>> import numpy as np
        >>> from descend.economies.dynamic_programming import Exogenous, Grid, Problem
        >>> from descend.economies.dynamic_programming import value_iteration
        >>> still = Exogenous(np.ones(1), np.ones((1, 1)))
        >>> cake = Problem(
        ...     Grid(0.0, 3.0, 4), still, lambda x, z, u: x - u, lambda x, z: (0.0, x), discount=0.5
        ... )
        >>> value_iteration(cake, method="grid").value.ravel().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    prepare()
    require_method(method)
    number("tolerance", tolerance, least=0)
    whole("most", most, 1)
    with precision("float64"):
        stated = Problem.of(problem, points)
        return solved("value iteration", _iterate, stated, method, tolerance, most)


def require_method(method: str) -> None:
    """Raises DescendError unless it is one of METHODS."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)


def solved(
    name: str, iterate: Callable, problem: Problem, method: str, tolerance: float, most: int
) -> ValueFunction:
    """What `iterate`, a compiled loop of value or policy iteration, comes to."""
    table = prepared(problem, method)
    value, choice, count, distance = iterate(problem, method, table, tolerance, most)
    value, choice = np.asarray(value), np.asarray(choice)
    return ValueFunction(
        problem, name, method, value, choice, int(count), float(distance), tolerance
    )


# -- one maximum --------------------------------------------------------------------------------


def maximise(f: Callable[[jax.Array], jax.Array], low: jax.Array, high: jax.Array) -> jax.Array:
    """Where f, of one number, is largest between low and high.

    A scan finds the neighbourhood, so that one local maximum more does no harm; golden sections
    narrow it. An end is found exactly.
    """
    nodes = low + (high - low) * jnp.arange(SCAN + 1) / SCAN
    best = jnp.argmax(jax.vmap(f)(nodes))
    a, b = nodes[jnp.maximum(best - 1, 0)], nodes[jnp.minimum(best + 1, SCAN)]
    c, d = b - GOLDEN * (b - a), a + GOLDEN * (b - a)

    def section(_: int, at: Any) -> Any:
        a, b, c, d, at_c, at_d = at
        left = at_c >= at_d
        a, b = jnp.where(left, a, c), jnp.where(left, d, b)
        new = jnp.where(left, b - GOLDEN * (b - a), a + GOLDEN * (b - a))
        value = f(new)
        c, d = jnp.where(left, new, d), jnp.where(left, c, new)
        return a, b, c, d, jnp.where(left, value, at_d), jnp.where(left, at_c, value)

    a, b, *_ = jax.lax.fori_loop(0, SECTIONS, section, (a, b, c, d, f(c), f(d)))
    last = jnp.stack([(a + b) / 2, low, high])
    return last[jnp.argmax(jax.vmap(f)(last))]


# -- the right-hand side ------------------------------------------------------------------------


def expected(problem: Problem, value: jax.Array) -> jax.Array:
    """E[V(x', z') | z], (n, m), from V (n, m)."""
    return value @ jnp.asarray(problem.exogenous.transition).T


def best_choice(problem: Problem, x: Any, z: Any, ahead: Any, slopes: Any) -> tuple[Any, Any]:
    """(choice, its value) at one point; `ahead`, `slopes`: E V (n,) as seen from z."""

    def total(u: jax.Array) -> jax.Array:
        later = problem.grid.spline(problem.next(x, z, u), ahead, slopes)
        return problem.reward(x, z, u) + problem.discount * later

    u = maximise(total, *problem.bounds(x, z))
    return u, total(u)


def improver(
    problem: Problem, method: str, table: jax.Array
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """V (n, m) -> (choice, value), each (n, m): the maximum of the right-hand side.

    Args:
        problem, method: as in `value_iteration`.
        table: what `prepared` gave.
    """
    grid = jnp.asarray(problem.grid.points)
    nodes = jnp.asarray(problem.exogenous.values)
    if method == "grid":

        def searched(value: jax.Array) -> tuple[jax.Array, jax.Array]:
            totals = table + problem.discount * expected(problem, value).T[:, :, None]
            return grid[jnp.argmax(totals, axis=1)].T, jnp.max(totals, axis=1).T

        return searched

    def improved(value: jax.Array) -> tuple[jax.Array, jax.Array]:
        ahead = expected(problem, value)
        slopes = table @ ahead
        one = functools.partial(best_choice, problem)
        over_x = jax.vmap(one, (0, None, None, None))
        return jax.vmap(over_x, (None, 0, 1, 1), 1)(grid, nodes, ahead, slopes)

    return improved


def prepared(problem: Problem, method: str) -> jax.Array:
    """What every iteration needs: rewards of the grid search, the matrix of the spline's slopes.

    It goes into the iteration as an argument: inside, the compiler would work it out every time.
    """
    return _rewards(problem) if method == "grid" else jnp.asarray(problem.grid.slopes())


@functools.partial(jax.jit, static_argnums=0)
def _rewards(problem: Problem) -> jax.Array:
    """r for every node, next state and present state: (m, n, n); -inf where not feasible.

    Present states come last: the maximum over next states then runs over whole rows at once.
    """
    if problem.transition is not None:
        raise DescendError('method "grid" needs a problem whose choice is the next state')
    grid, nodes = jnp.asarray(problem.grid.points), jnp.asarray(problem.exogenous.values)

    def one(u: Any, z: Any, x: Any) -> Any:
        low, high = problem.bounds(x, z)
        feasible = (u >= low) & (u <= high)
        return jnp.where(feasible, problem.reward(x, z, jnp.clip(u, low, high)), -jnp.inf)

    over_x = jax.vmap(one, (None, None, 0))
    over_u = jax.vmap(over_x, (0, None, None))
    return jax.vmap(over_u, (None, 0, None))(grid, nodes, grid)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _iterate(problem: Problem, method: str, table: Any, tolerance: Any, most: Any) -> Any:
    improve = improver(problem, method, table)
    shape = (problem.grid.size, len(problem.exogenous.values))

    def step(at: Any) -> Any:
        value, count, _ = at
        new = improve(value)[1]  # the choices are not asked for, so they are not kept
        return new, count + 1, jnp.max(jnp.abs(new - value))

    go_on = lambda at: (at[2] > tolerance) & (at[1] < most)  # noqa: E731
    value, count, distance = jax.lax.while_loop(go_on, step, (jnp.zeros(shape), 0, jnp.inf))
    return value, improve(value)[0], count, distance


@functools.partial(jax.jit, static_argnums=(0, 1))
def _policies(problem: Problem, method: str, value: Any, choice: Any, x: Any, z: Any) -> Any:
    ahead = expected(problem, value)
    slopes = jnp.asarray(problem.grid.slopes()) @ ahead

    def one(x: jax.Array, z: jax.Array) -> Any:
        weights, level = problem.exogenous.weights(z), problem.exogenous.value(z)
        if method == "grid":
            u = problem.grid.linear(x, choice @ weights)
        else:
            u, _ = best_choice(problem, x, level, ahead @ weights, slopes @ weights)
        return dict(problem.policies(x, level, u))

    return jax.vmap(one)(x, z)
