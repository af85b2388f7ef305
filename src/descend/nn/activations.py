"""Activation functions: how a neuron turns its weighted sum z into its output a = g(z).

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
from descend.nn.checks import is_number

ActivationFunction = Callable[..., jax.Array]


def heaviside(z: ArrayLike) -> jax.Array:
    """Threshold: h(z) = 1 if z >= 0 else 0; derivative 0.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, zeros and ones.
    Raises:
        Nothing of its own.
    Source: raviv-2022, "There are many other activation functions"; radwan, "1. Threshold".

    Example:
        >>> from descend.nn.activations import heaviside
        >>> float(heaviside(-2.0)), float(heaviside(0.0))
        (0.0, 1.0)
    """
    z = jnp.asarray(z)
    return jnp.where(z >= 0, jnp.ones_like(z), jnp.zeros_like(z))


def linear(z: ArrayLike, a: float = 1.0) -> jax.Array:
    """l(z) = a z; derivative a. The output of a regression (a = 1).

    Args:
        z: array of any shape, or a number.
        a: slope.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: raviv-2022, "More activation functions".

    Example:
        >>> from descend.nn.activations import linear
        >>> float(linear(3.0)), float(linear(3.0, a=2.0))
        (3.0, 6.0)
    """
    return a * jnp.asarray(z) if a != 1.0 else jnp.asarray(z)


def sigmoid(z: ArrayLike, beta: float = 1.0) -> jax.Array:
    """g(z) = 1 / (1 + exp(-beta z)); derivative beta g (1 - g). The logistic distribution function.

    Args:
        z: array of any shape, or a number.
        beta: steepness; for a large one g is nearly a threshold.
    Returns:
        Array of z's shape, numbers between 0 and 1.
    Raises:
        Nothing of its own.
    Source: scheidegger-2020, "The Multi-layer Perceptron Algorithm", eq. 4.5; radwan, "2. Sigmoid".

    Example:
        >>> from descend.nn.activations import sigmoid
        >>> float(sigmoid(0.0)), round(float(sigmoid(1.0)), 3)
        (0.5, 0.731)
    """
    return jax.nn.sigmoid(beta * jnp.asarray(z) if beta != 1.0 else jnp.asarray(z))


def tanh(z: ArrayLike) -> jax.Array:
    """g(z) = (e^z - e^-z) / (e^z + e^-z); derivative 1 - g^2.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers between -1 and 1.
    Raises:
        Nothing of its own.
    Source: itam-2023, 1.6; raviv-2022, "More activation functions".

    Example:
        >>> from descend.nn.activations import sigmoid, tanh
        >>> round(float(tanh(1.0)), 3), round(float(2 * sigmoid(2.0) - 1), 3)
        (0.762, 0.762)
    """
    return jnp.tanh(jnp.asarray(z))


def hard_tanh(z: ArrayLike) -> jax.Array:
    """-1 below -1, z between, 1 above 1; derivative 1 inside, 0 outside.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers from -1 to 1.
    Raises:
        Nothing of its own.
    Source: raviv-2022, "More activation functions".

    Example:
        >>> from descend.nn.activations import hard_tanh
        >>> float(hard_tanh(0.5)), float(hard_tanh(3.0))
        (0.5, 1.0)
    """
    return jax.nn.hard_tanh(jnp.asarray(z))


def relu(z: ArrayLike) -> jax.Array:
    """max(0, z); derivative 1 if z > 0 else 0.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers >= 0.
    Raises:
        Nothing of its own.
    Source: scheidegger-2020, "Few activation functions"; itam-2023, 1.6.

    Example:
        >>> from descend.nn.activations import relu
        >>> float(relu(-2.0)), float(relu(3.0))
        (0.0, 3.0)
    """
    return jax.nn.relu(jnp.asarray(z))


def leaky_relu(z: ArrayLike, slope: float = 0.01) -> jax.Array:
    """z if z > 0 else slope z; derivative 1 or slope.

    Args:
        z: array of any shape, or a number.
        slope: slope below zero, small, so that no unit is ever without a gradient.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: raviv-2022, "More activation functions" (slope .01).

    Example:
        >>> from descend.nn.activations import leaky_relu
        >>> float(leaky_relu(3.0)), float(leaky_relu(-4.0, slope=0.25))
        (3.0, -1.0)
    """
    z = jnp.asarray(z)
    return jnp.where(z > 0, z, slope * z)


def elu(z: ArrayLike, a: float = 1.0) -> jax.Array:
    """z if z > 0 else a (e^z - 1); derivative 1 or a e^z.

    Args:
        z: array of any shape, or a number.
        a: height; far below zero the output is -a.
    Returns:
        Array of z's shape, numbers above -a.
    Raises:
        Nothing of its own.
    Source: raviv-2022, "More activation functions"; Clevert et al. 2016.

    Example:
        >>> from descend.nn.activations import elu
        >>> float(elu(3.0)), round(float(elu(-1.0)), 3)
        (3.0, -0.632)
    """
    return jax.nn.elu(jnp.asarray(z), a)


def selu(z: ArrayLike) -> jax.Array:
    """lambda elu(z, alpha), lambda = 1.0507, alpha = 1.6733.

    With weights drawn by `lecun_normal`, outputs keep about mean 0 and variance 1 layer by layer.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers above -1.758.
    Raises:
        Nothing of its own.
    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks".

    Example:
        >>> from descend.nn.activations import selu
        >>> round(float(selu(1.0)), 3), round(float(selu(-1.0)), 3)
        (1.051, -1.111)
    """
    return jax.nn.selu(jnp.asarray(z))


def swish(z: ArrayLike, beta: float = 1.0) -> jax.Array:
    """z sigmoid(beta z); derivative s + beta z s (1 - s), s = sigmoid(beta z).

    Smooth, and not monotonic: it falls to its least value, -0.278 (beta = 1), near z = -1.28.

    Args:
        z: array of any shape, or a number.
        beta: steepness; a large one gives relu, zero gives z / 2.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: scheidegger-2020, "Swish activation function"; raviv-2022, "More activation functions".

    Example:
        >>> from descend.nn.activations import swish
        >>> round(float(swish(1.0)), 3), round(float(swish(-1.28)), 3)
        (0.731, -0.278)
    """
    return jnp.asarray(z) * sigmoid(z, beta)


def mish(z: ArrayLike) -> jax.Array:
    """z tanh(log(1 + e^z)), near swish.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: Misra 2019, "Mish: A Self Regularized Non-Monotonic Activation Function".

    Example:
        >>> from descend.nn.activations import mish
        >>> round(float(mish(1.0)), 3), round(float(mish(-1.0)), 3)
        (0.865, -0.303)
    """
    z = jnp.asarray(z)
    u = jnp.exp(jnp.minimum(z, 20.0))  # beyond, the factor is one in every precision
    n = u * (u + 2)  # tanh(log(1 + u)) = n / (n + 2): a third of the time of tanh and log
    return z * (n / (n + 2))


def gelu(z: ArrayLike) -> jax.Array:
    """z Phi(z), Phi the normal distribution function; derivative Phi(z) + z phi(z).

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: hull-2023, "Activation Functions"; Hendrycks and Gimpel 2016.

    Example:
        >>> from descend.nn.activations import gelu
        >>> round(float(gelu(1.0)), 3)  # Phi(1)
        0.841
    """
    return jax.nn.gelu(jnp.asarray(z), approximate=False)


def gelu_tanh(z: ArrayLike) -> jax.Array:
    """z/2 (1 + tanh(sqrt(2/pi) (z + .044715 z^3))): the tanh form of `gelu`, within .001 of it.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: Hendrycks and Gimpel 2016.

    Example:
        >>> import numpy as np
        >>> from descend.nn.activations import gelu, gelu_tanh
        >>> z = np.linspace(-5, 5, 101)
        >>> float(abs(gelu(z) - gelu_tanh(z)).max()) < 0.001
        True
    """
    return jax.nn.gelu(jnp.asarray(z), approximate=True)


def exponential(z: ArrayLike) -> jax.Array:
    """e^z: the output of a model of counts, whose logarithm is linear.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers above 0.
    Raises:
        Nothing of its own.
    Source: Keras's API, activations.exponential.

    Example:
        >>> from descend.nn.activations import exponential
        >>> float(exponential(0.0)), round(float(exponential(1.0)), 3)
        (1.0, 2.718)
    """
    return jnp.exp(jnp.asarray(z))


def softplus(z: ArrayLike) -> jax.Array:
    """log(1 + e^z), a smooth relu; derivative sigmoid(z).

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers above 0.
    Raises:
        Nothing of its own.
    Source: hull-2023, "Activation Functions".

    Example:
        >>> from descend.nn.activations import softplus
        >>> round(float(softplus(0.0)), 3)  # log 2
        0.693
    """
    return jax.nn.softplus(jnp.asarray(z))


def relu6(z: ArrayLike) -> jax.Array:
    """min(max(0, z), 6); derivative 1 in between, 0 outside.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers from 0 to 6.
    Raises:
        Nothing of its own.
    Source: Keras's API, activations.relu6.

    Example:
        >>> from descend.nn.activations import relu6
        >>> float(relu6(3.0)), float(relu6(9.0))
        (3.0, 6.0)
    """
    return jax.nn.relu6(jnp.asarray(z))


def hard_sigmoid(z: ArrayLike) -> jax.Array:
    """0 below -3, 1 above 3, z/6 + 1/2 between; derivative 1/6 between.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers from 0 to 1.
    Raises:
        Nothing of its own.
    Source: Keras's API, activations.hard_sigmoid.

    Example:
        >>> from descend.nn.activations import hard_sigmoid
        >>> float(hard_sigmoid(-3.0)), float(hard_sigmoid(1.5))
        (0.0, 0.75)
    """
    return jnp.clip(jnp.asarray(z) / 6 + 0.5, 0, 1)


def hard_silu(z: ArrayLike) -> jax.Array:
    """z hard_sigmoid(z): a swish of straight and bent pieces.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape.
    Raises:
        Nothing of its own.
    Source: Keras's API, activations.hard_silu; Howard et al. 2019, "Searching for MobileNetV3".

    Example:
        >>> from descend.nn.activations import hard_silu
        >>> float(hard_silu(-1.5)), float(hard_silu(4.0))
        (-0.375, 4.0)
    """
    return jnp.asarray(z) * hard_sigmoid(z)


def softsign(z: ArrayLike) -> jax.Array:
    """z / (1 + `|z|`); derivative 1 / (1 + `|z|`)^2.

    Args:
        z: array of any shape, or a number.
    Returns:
        Array of z's shape, numbers between -1 and 1.
    Raises:
        Nothing of its own.
    Source: Keras's API, activations.softsign.

    Example:
        >>> from descend.nn.activations import softsign
        >>> float(softsign(-1.0)), float(softsign(3.0))
        (-0.5, 0.75)
    """
    return jax.nn.soft_sign(jnp.asarray(z))


def softmax(z: ArrayLike) -> jax.Array:
    """e^{z_i} / sum_j e^{z_j} over the last axis; da_i/dz_i = a_i (1 - a_i).

    Args:
        z: array (..., classes).
    Returns:
        Array of z's shape, probabilities that sum to one over the last axis.
    Raises:
        Nothing of its own.
    Source: itam-2023, 1.6; radwan, "3. Softmax (probabilities)".

    Example:
        >>> import numpy as np
        >>> from descend.nn.activations import softmax
        >>> print(np.asarray(softmax(np.array([0.0, 0.0, np.log(2)]))).round(3))
        [0.25 0.25 0.5 ]
    """
    return jax.nn.softmax(jnp.asarray(z), axis=-1)


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

    Args:
        identifier: name ("relu", "silu"), function of this module, `functools.partial` of one with
            its parameter by name, result of `describe`, or None for `linear`.
    Returns:
        A function of arrays, z -> g(z).
    Raises:
        DescendError: an unknown name (with the nearest one), a parameter that is unknown or no
            number, or a function of another module: a saved model must not carry code.
    Source: Keras's API, activations.get.

    Example:
        >>> from descend.nn.activations import get
        >>> get("silu").__name__, float(get("relu")(-2.0))
        ('swish', 0.0)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        name = ALIASES.get(identifier, identifier)
        if name not in FORMULAS:
            raise unknown("activation", identifier, [*FORMULAS, *ALIASES])
        return FORMULAS[name]
    if isinstance(identifier, list) and len(identifier) == 2 and isinstance(identifier[1], dict):
        identifier = partial(get(identifier[0]), **identifier[1])  # as `describe` writes it
    base: Any = identifier.func if isinstance(identifier, partial) else identifier
    if any(base is f for f in FORMULAS.values()):
        if isinstance(identifier, partial) and identifier.args:
            raise DescendError("an activation's parameter must be given by name, as in beta=2.0")
        parameters = identifier.keywords if isinstance(identifier, partial) else {}
        known = list(inspect.signature(base).parameters)[1:]
        for name, value in parameters.items():
            if name not in known:
                raise unknown(f"parameter of {base.__name__}", name, known)
            if not is_number(value):
                raise DescendError(f"{base.__name__}: {name} must be a finite number, got {value}")
        return identifier  # type: ignore[return-value]
    raise DescendError(
        f"activation {identifier!r} is not one of descend.nn.activations, so it could not be "
        f"saved. Give a name ({', '.join(sorted(FORMULAS))}) or write a Layer for it."
    )


def describe(activation: ActivationFunction) -> Any:
    """The JSON form of an activation: its name, or [name, {parameter: value}].

    Args:
        activation: function of this module, or a `functools.partial` of one.
    Returns:
        A string or a list, of which `get` makes the activation again.
    Raises:
        Nothing of its own.
    Source: descend's own.

    Example:
        >>> from functools import partial
        >>> from descend.nn.activations import describe, sigmoid, tanh
        >>> describe(tanh), describe(partial(sigmoid, beta=2.0))
        ('tanh', ['sigmoid', {'beta': 2.0}])
    """
    if isinstance(activation, partial):
        return [activation.func.__name__, dict(activation.keywords)]
    return activation.__name__
