"""The discounted linear-quadratic regulator: every number of an actor-critic has an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Box, Environment
from descend.errors import DescendError
from descend.statement import parameter

Matrix = tuple[tuple[float, ...], ...]


class Regulator(NamedTuple):
    """The best linear rule u = -K x and what it is worth.

        V(x) = -x'P x - d,      Q(x, u) = -(x, u)'H (x, u) - d

    P: array (n, n). gain: K, array (m, n). constant: d. q: H, array (n + m, n + m).
    """

    P: np.ndarray
    gain: np.ndarray
    constant: float
    q: np.ndarray

    def value(self, x: Any) -> np.ndarray:
        """V of states (..., n)."""
        x = np.asarray(x, float)
        return -np.einsum("...i,ij,...j", x, self.P, x) - self.constant

    def action_value(self, x: Any, u: Any) -> np.ndarray:
        """Q of states (..., n) and actions (..., m)."""
        both = np.concatenate([np.asarray(x, float), np.asarray(u, float)], axis=-1)
        return -np.einsum("...i,ij,...j", both, self.q, both) - self.constant


@dataclass(frozen=True)
class LinearQuadratic(Environment):
    """A linear state, quadratic costs, and noise that the best rule does not depend on.

        x' = A x + B u + e,  e ~ N(0, noise^2 I)        reward = -(x'Q x + u'R u)

        P = Q + gamma A'P A - gamma^2 A'P B (R + gamma B'P B)^-1 B'P A
        u = -K x,  K = gamma (R + gamma B'P B)^-1 B'P A

    By default a central bank: x are inflation and the output gap, each a distance from where it
    should be, u the real rate of interest. The gap falls with the rate, inflation moves with the
    gap a period later; -K is the bank's rule. Episodes begin with every state between -start and
    start. Actions lie between -widest and widest, which the best rule does not reach from there:
    the answer, which knows no bounds, holds.

    Args:
        A: tuple of n rows of n numbers.
        B: tuple of n rows of m numbers.
        Q: tuple of n rows, symmetric, no eigenvalue below zero.
        R: tuple of m rows, symmetric, all eigenvalues above zero.

    Raises:
        DescendError: matrices that do not fit together, or costs that are no such matrices.

    Source: Ljungqvist and Sargent, Recursive Macroeconomic Theory, chapter 5; the central bank's
    form is that of Svensson 1997, its numbers are descend's own.
    """

    A: Matrix = ((0.9, 0.3), (0.0, 0.8))
    B: Matrix = ((0.0,), (-0.5,))
    Q: Matrix = ((1.0, 0.0), (0.0, 0.5))
    R: Matrix = ((0.2,),)
    noise: float = parameter(0.1, least=0, doc="standard deviation of the noise of every state")
    beta: float = parameter(0.95, above=0, below=1, doc="discount factor")
    start: float = parameter(1.0, least=0, doc="distance from zero at which episodes may begin")
    widest: float = parameter(4.0, above=0, doc="size that an action has at most")
    limit: int = parameter(50, least=1, doc="steps after which an episode is cut short")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("A", "B", "Q", "R"):
            try:
                matrix = np.asarray(getattr(self, name), float)
            except (TypeError, ValueError):
                matrix = np.full((0,), np.nan)
            if matrix.ndim != 2 or not np.isfinite(matrix).all():
                raise DescendError(
                    f"LinearQuadratic: {name} must be rows of numbers, such as ((0.9, 0.3), "
                    f"(0.0, 0.8)), got {getattr(self, name)!r}"
                )
            # a tuple of tuples, whatever was given: a statement can be compared and hashed
            object.__setattr__(self, name, tuple(tuple(float(v) for v in row) for row in matrix))
        n, m = len(self.A), len(self.R)
        for name, shape in (("A", (n, n)), ("B", (n, m)), ("Q", (n, n)), ("R", (m, m))):
            matrix = np.asarray(getattr(self, name))
            if matrix.shape != shape:
                raise DescendError(
                    f"LinearQuadratic: with {n} states and {m} actions {name} has shape {shape}, "
                    f"got {matrix.shape}"
                )
        for name, least, words in (
            ("Q", 0.0, "no eigenvalue below 0"),
            ("R", 1e-12, "all above 0"),
        ):
            matrix = np.asarray(getattr(self, name))
            if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] < least - 1e-14:
                raise DescendError(
                    f"LinearQuadratic: {name} must be symmetric, its eigenvalues: {words}; got "
                    f"{matrix.tolist()}"
                )

    @property
    def actions(self) -> Box:
        """The controls."""
        return Box((-self.widest,) * len(self.R), (self.widest,) * len(self.R))

    @property
    def variables(self) -> tuple[str, ...]:
        """Inflation and the output gap, or numbers."""
        central = self.A == type(self).A and self.B == type(self).B
        return ("inflation", "gap") if central else tuple(f"x_{i + 1}" for i in range(len(self.A)))

    @property
    def discount(self) -> float:
        """The discount factor of the answer."""
        return self.beta

    def reset(self, key: jax.Array) -> jax.Array:
        """Anywhere in the box around zero."""
        return self.start * jax.random.uniform(key, (len(self.A),), minval=-1.0)

    def step(self, state: jax.Array, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """Move, and pay for where one was and what one did."""
        A, B, Q, R = (jnp.asarray(m, float) for m in (self.A, self.B, self.Q, self.R))
        cost = state @ Q @ state + action @ R @ action
        shock = self.noise * jax.random.normal(key, state.shape)
        return A @ state + B @ action + shock, -cost, False

    def observe(self, state: jax.Array) -> jax.Array:
        """The state."""
        return state

    def best_action(self, state: jax.Array) -> jax.Array:
        """-K x, by JAX."""
        return -jnp.asarray(self.exact().gain, float) @ state

    def exact(self, gamma: float | None = None) -> Regulator:
        """The answer, from the algebraic Riccati equation of sqrt(gamma) A and sqrt(gamma) B.

        Args:
            gamma: discount factor; None: `beta`.

        Raises:
            DescendError: an equation without a stabilising solution.
        """
        from scipy.linalg import solve_discrete_are

        g = self.beta if gamma is None else gamma
        A, B, Q, R = (np.asarray(m, float) for m in (self.A, self.B, self.Q, self.R))
        try:
            P = solve_discrete_are(g**0.5 * A, g**0.5 * B, Q, R)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise DescendError(
                f"LinearQuadratic: no rule keeps the discounted cost finite ({error})"
            ) from error
        both = np.concatenate([A, B], axis=1)
        cost = np.zeros((len(both.T), len(both.T)))
        cost[: len(A), : len(A)], cost[len(A) :, len(A) :] = Q, R
        q = cost + g * both.T @ P @ both
        gain = np.linalg.solve(q[len(A) :, len(A) :], q[len(A) :, : len(A)])
        constant = g / (1 - g) * self.noise**2 * float(np.trace(P))
        return Regulator(P, gain, constant, q)
