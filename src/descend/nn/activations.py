"""Activation functions: how a neuron turns its weighted sum z into its output a = g(z).

Sources: raviv-2022 ("There are many other activation functions", "More activation functions"),
scheidegger-2020 ("Few activation functions", "Swish activation function"), itam-2023 (1.6),
radwan ("The Neuron"), hull-2023 ("Activation Functions").

Every function takes an array of any shape and returns one of the same shape; each is finite, with a
finite derivative, for |z| up to 1e4 in float32. A parameter is set with `functools.partial`:
`Dense(8, activation=partial(sigmoid, beta=2.0))`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from descend.errors import DescendError, unknown

ActivationFunction = Callable[..., jax.Array]


def heaviside(z: ArrayLike) -> jax.Array:
    """Threshold: h(z) = 1 if z >= 0 else 0; derivative 0 (raviv-2022; radwan "1. Threshold")."""
    z = jnp.asarray(z)
    return jnp.where(z >= 0, jnp.ones_like(z), jnp.zeros_like(z))


def linear(z: ArrayLike, a: float = 1.0) -> jax.Array:
    """l(z) = a z; derivative a (raviv-2022, "More activation functions")."""
    return a * jnp.asarray(z) if a != 1.0 else jnp.asarray(z)


def sigmoid(z: ArrayLike, beta: float = 1.0) -> jax.Array:
    """g(z) = 1 / (1 + exp(-beta z)); derivative beta g (1 - g) (scheidegger-2020, eq. 4.5)."""
    return jax.nn.sigmoid(beta * jnp.asarray(z) if beta != 1.0 else jnp.asarray(z))


def tanh(z: ArrayLike) -> jax.Array:
    """g(z) = (e^z - e^-z) / (e^z + e^-z); derivative 1 - g^2 (itam-2023, 1.6)."""
    return jnp.tanh(z)


def hard_tanh(z: ArrayLike) -> jax.Array:
    """-1 below -1, z between, 1 above 1; derivative 1 inside, 0 outside (raviv-2022)."""
    return jax.nn.hard_tanh(z)


def relu(z: ArrayLike) -> jax.Array:
    """max(0, z); derivative 1 if z > 0 else 0 (scheidegger-2020, "Few activation functions")."""
    return jax.nn.relu(z)


def leaky_relu(z: ArrayLike, slope: float = 0.01) -> jax.Array:
    """z if z > 0 else slope z; derivative 1 or slope (raviv-2022: slope .01)."""
    z = jnp.asarray(z)
    return jnp.where(z > 0, z, slope * z)


def elu(z: ArrayLike, a: float = 1.0) -> jax.Array:
    """z if z > 0 else a (e^z - 1); derivative 1 or a e^z (raviv-2022)."""
    return jax.nn.elu(z, a)


def selu(z: ArrayLike) -> jax.Array:
    """lambda elu(z, alpha), lambda = 1.0507, alpha = 1.6733 (Klambauer et al. 2017)."""
    return jax.nn.selu(z)


def swish(z: ArrayLike, beta: float = 1.0) -> jax.Array:
    """z sigmoid(beta z); derivative s + beta z s (1 - s) (scheidegger-2020, "Swish")."""
    return jnp.asarray(z) * sigmoid(z, beta)


def mish(z: ArrayLike) -> jax.Array:
    """z tanh(log(1 + e^z)) (Misra 2019), near swish."""
    z = jnp.asarray(z)
    u = jnp.exp(jnp.minimum(z, 20.0))  # beyond, the factor is one in every precision
    n = u * (u + 2)  # tanh(log(1 + u)) = n / (n + 2): a third of the time of tanh and log
    return z * (n / (n + 2))


def gelu(z: ArrayLike) -> jax.Array:
    """z Phi(z), Phi the normal distribution function; derivative Phi(z) + z phi(z)."""
    return jax.nn.gelu(z, approximate=False)


def gelu_tanh(z: ArrayLike) -> jax.Array:
    """z/2 (1 + tanh(sqrt(2/pi) (z + .044715 z^3))): the tanh form of `gelu`."""
    return jax.nn.gelu(z, approximate=True)


def exponential(z: ArrayLike) -> jax.Array:
    """e^z: the output of a model of counts, whose logarithm is linear."""
    return jnp.exp(z)


def softplus(z: ArrayLike) -> jax.Array:
    """log(1 + e^z); derivative sigmoid(z) (hull-2023, "Activation Functions")."""
    return jax.nn.softplus(z)


def relu6(z: ArrayLike) -> jax.Array:
    """min(max(0, z), 6); derivative 1 in between, 0 outside."""
    return jax.nn.relu6(z)


def hard_sigmoid(z: ArrayLike) -> jax.Array:
    """0 below -3, 1 above 3, z/6 + 1/2 between; derivative 1/6 between."""
    return jnp.clip(jnp.asarray(z) / 6 + 0.5, 0, 1)


def hard_silu(z: ArrayLike) -> jax.Array:
    """z hard_sigmoid(z): a swish of straight and bent pieces."""
    return jnp.asarray(z) * hard_sigmoid(z)


def softsign(z: ArrayLike) -> jax.Array:
    """z / (1 + |z|); derivative 1 / (1 + |z|)^2."""
    return jax.nn.soft_sign(z)


def softmax(z: ArrayLike) -> jax.Array:
    """e^{z_i} / sum_j e^{z_j} over the last axis; da_i/dz_i = a_i (1 - a_i) (itam-2023, 1.6)."""
    return jax.nn.softmax(z, axis=-1)


FORMULAS: dict[str, ActivationFunction] = {
    f.__name__: f
    for f in (heaviside, linear, sigmoid, tanh, hard_tanh, relu, leaky_relu, elu, selu, swish)
} | {f.__name__: f for f in (mish, gelu, gelu_tanh, softplus, exponential, softmax)}
FORMULAS |= {f.__name__: f for f in (relu6, hard_sigmoid, hard_silu, softsign)}
ALIASES = {
    "threshold": "heaviside",
    "silu": "swish",
    "hard_swish": "hard_silu",
    "logistic": "sigmoid",
    "identity": "linear",
}


def get(identifier: str | ActivationFunction | list[Any] | None) -> ActivationFunction:
    """The activation meant by a name, a function of this module, or a `partial` of one.

    Raises:
        DescendError: an unknown name (with the nearest one), or a function that is not of this
            module: a saved model names its activations and must not carry code.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        name = ALIASES.get(identifier, identifier)
        if name not in FORMULAS:
            raise unknown("activation", identifier, [*FORMULAS, *ALIASES])
        return FORMULAS[name]
    if isinstance(identifier, list) and len(identifier) == 2:  # as `describe` writes it
        return partial(get(identifier[0]), **identifier[1])
    base: Any = identifier.func if isinstance(identifier, partial) else identifier
    if any(base is f for f in FORMULAS.values()):
        if isinstance(identifier, partial) and identifier.args:
            raise DescendError("an activation's parameter must be given by name, as in beta=2.0")
        parameters = identifier.keywords if isinstance(identifier, partial) else {}
        known = list(inspect.signature(base).parameters)[1:]
        for name in parameters:
            if name not in known:
                raise unknown(f"parameter of {base.__name__}", name, known)
        return identifier  # type: ignore[return-value]
    raise DescendError(
        f"activation {identifier!r} is not one of descend.nn.activations, so it could not be "
        f"saved. Give a name ({', '.join(sorted(FORMULAS))}) or write a Layer for it."
    )


def describe(activation: ActivationFunction) -> Any:
    """The JSON form of an activation: its name, or [name, {parameter: value}]."""
    if isinstance(activation, partial):
        return [activation.func.__name__, dict(activation.keywords)]
    return activation.__name__
