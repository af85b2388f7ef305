"""What one row says about a one-layer network's raw outputs: its log-likelihood, written once.

    l(z, y),  z = x'B + offset

The gradient and the second derivatives in z come from JAX's automatic differentiation; for these
four families they are the textbook's: dl/dz = y - f(z), with f the output activation.

Sources: raviv-2022, "Take the basic regression setup for example", "Now with logistic regression",
"Multinomial logistic regression"; McCullagh and Nelder, "Generalized Linear Models", chapter 2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from descend.nn import activations


@dataclass(frozen=True)
class Family:
    """A distribution of the target given the raw outputs of one layer.

    Attributes:
        name: the distribution.
        log_likelihood: log-likelihood of one row: raw outputs z (m,), target y () -> ().
        response: raw outputs z (m,) -> the expected target, or the probabilities of all classes.
    """

    name: str
    log_likelihood: Callable[[jax.Array, jax.Array], jax.Array]
    response: Callable[[jax.Array], jax.Array]


def _with_base(z: jax.Array) -> jax.Array:
    """Raw outputs of all classes: that of the base class is zero, so that B is unique."""
    return jnp.concatenate([jnp.zeros_like(z[:1]), z])


GAUSSIAN = Family(  # up to the variance, which does not move the maximum
    "Gaussian",
    lambda z, y: -0.5 * jnp.square(y - z[0]),
    activations.linear,
)
BERNOULLI = Family(
    "Bernoulli",
    lambda z, y: y * z[0] - activations.softplus(z[0]),
    activations.sigmoid,
)
MULTINOMIAL = Family(
    "multinomial",
    lambda z, y: _with_base(z)[y] - jax.scipy.special.logsumexp(_with_base(z)),
    lambda z: activations.softmax(_with_base(z)),
)
POISSON = Family(
    "Poisson",
    lambda z, y: y * z[0] - jnp.exp(z[0]) - jax.scipy.special.gammaln(y + 1),
    activations.exponential,
)


def derivatives(
    family: Family, z: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each row's log-likelihood and its first and second derivatives in z, in float64.

    Args:
        z: raw outputs (n, m).
        y: targets (n,); class numbers (integers) for the multinomial family.

    Returns:
        (n,), (n, m), (n, m, m).
    """
    with jax.enable_x64(True):
        values = _derivatives(family, jnp.asarray(z, jnp.float64), jnp.asarray(y))
        value, first, second = (np.asarray(part) for part in values)
    return value, first, second


@functools.partial(jax.jit, static_argnums=0)
def _derivatives(family: Family, z: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
    one = family.log_likelihood
    value, first = jax.vmap(jax.value_and_grad(one))(z, y)
    return value, first, jax.vmap(jax.hessian(one))(z, y)


def responses(family: Family, z: np.ndarray) -> np.ndarray:
    """The output activation of raw outputs z (n, m), in float64: (n, 1), or (n, classes)."""
    with jax.enable_x64(True):
        return np.asarray(_responses(family, jnp.asarray(z, jnp.float64)))


@functools.partial(jax.jit, static_argnums=0)
def _responses(family: Family, z: jax.Array) -> jax.Array:
    return jax.vmap(family.response)(z)


def response_derivatives(
    family: Family, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The output activation of z (n, m), its first and second derivatives in z, in float64.

    Returns:
        (n, r), (n, r, m), (n, r, m, m), with r one, or the number of classes.
    """
    with jax.enable_x64(True):
        values = _response_derivatives(family, jnp.asarray(z, jnp.float64))
        value, first, second = (np.asarray(part) for part in values)
    return value, first, second


@functools.partial(jax.jit, static_argnums=0)
def _response_derivatives(family: Family, z: jax.Array) -> tuple[jax.Array, ...]:
    one = family.response
    return jax.vmap(one)(z), jax.vmap(jax.jacfwd(one))(z), jax.vmap(jax.hessian(one))(z)
