"""Polishing: Gauss-Newton steps on the equations themselves, once the policy is near.

    r(w): all conditions at all points of a batch      J = dr/dw      D = the diagonal of J'J
    w <- w - (J'J + mu D)^{-1} J' r                    mu by Levenberg and Marquardt

Least squares with a small residual is where this converges almost as Newton's method does, at the
price of a system of the smaller of (parameters, residuals). D makes the step independent of the
parameters' units: with the identity in its place an economy whose Euler equations depend weakly on
its policy (an IRBC) needs ten times the steps. mu grows until the cost of the batch falls: the
Jacobian is dear, another solve of its system is not.

Source: Levenberg 1944; Marquardt 1963; scheidegger-2020, "Descent methods in general".
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from descend.economies.learner import Learner, TrainingState
from descend.economies.system import Position
from descend.train.engine.task import Batch, Logs

FIRST, LESS, MORE = 1e-2, 0.1, 4.0  # the damping, and what success and failure do to it
LEAST, MOST, TRIES = 1e-14, 1e6, 8
FLOOR = 1e-6  # of D, as a share of its mean: a parameter that nothing depends on stays
LARGE = 600  # parameters, from which a step's program is worth a careful compilation
RESIDUALS = 8000  # of a batch, at most: the system is solved exactly


class GaussNewton(Learner):
    """A Learner whose step is one of Gauss-Newton; `optimizer` in its state is the damping."""

    @functools.cached_property
    def heavy(self) -> bool:
        """Whether a step solves a system large enough that compiling with care pays."""
        shapes = jax.eval_shape(self.graph.init, jax.random.key(0))[0]
        return sum(leaf.size for leaf in jax.tree.leaves(shapes)) > LARGE

    def begin(self, state: TrainingState, hyper: dict[str, jax.Array]) -> TrainingState:
        """A state that another Learner left, with the first damping."""
        first = jnp.full((), FIRST, jnp.result_type(float))
        return state._replace(optimizer=first, hyper=hyper, steps=jnp.zeros((), jnp.int32))

    def step(self, state: TrainingState, batch: Batch) -> tuple[TrainingState, Logs]:
        """One damped step; the cost of before it is logged."""
        points: Position = batch.data
        flat, unravel = ravel_pytree(state.params)

        def at(w: jax.Array, points: Position) -> jax.Array:
            return self.residuals(unravel(w), points, state.hyper, None)[0]

        def one(w: jax.Array, point: Position) -> jax.Array:
            return at(w, jax.tree.map(lambda a: a[None], point))[0]

        r = at(flat, points).reshape(-1)
        jacobian = jax.vmap(jax.jacrev(one), in_axes=(None, 0))(flat, points)
        jacobian = jacobian.reshape(r.size, flat.size)
        diagonal = jnp.sum(jnp.square(jacobian), axis=0)
        scale = jnp.sqrt(jnp.maximum(diagonal, FLOOR * jnp.mean(diagonal)))
        jacobian = jacobian / scale[None]  # with respect to scale * w, D is the identity
        if small := flat.size <= r.size:
            system, right = jacobian.T @ jacobian, jacobian.T @ r
        else:  # the same step, from the smaller system
            system, right = jacobian @ jacobian.T, r
        before = jnp.mean(r * r)

        def trial(tried: Any) -> Any:
            damping, _, count, _ = tried
            step = _solve(system + damping * jnp.eye(len(right), dtype=flat.dtype), right)
            new = flat - (step if small else jacobian.T @ step) / scale
            better = jnp.mean(jnp.square(at(new, points))) < before  # false for NaN
            damping = jnp.clip(damping * jnp.where(better, LESS, MORE), LEAST, MOST)
            return damping, jnp.where(better, new, flat), count + 1, better

        start = (state.optimizer, flat, 0, jnp.zeros((), bool))
        damping, flat, *_ = jax.lax.while_loop(lambda t: ~t[3] & (t[2] < TRIES), trial, start)
        state = state._replace(params=unravel(flat), optimizer=damping, steps=state.steps + 1)
        return state, {"loss": (before, 1.0)}


def _solve(system: jax.Array, right: jax.Array) -> jax.Array:
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(system), right)
