"""Activations and their derivatives in numpy float64, as the lectures print them.

Stable forms (scipy's expit, ndtr, logaddexp) where the printed one overflows at 1e4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

ROOT = np.sqrt(2 / np.pi)
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, eq. 14


@dataclass(frozen=True)
class Formula:
    """value(z, **parameters), derivative(z, **parameters), and where the derivative jumps."""

    value: Callable
    derivative: Callable
    kinks: tuple[float, ...] = ()


def _exp(z):
    return np.exp(np.minimum(z, 0.0))  # used where z <= 0 only


def _gelu_tanh_slope(z):
    u = ROOT * (z + 0.044715 * z**3)
    sech2 = 1 / np.cosh(np.clip(u, -350, 350)) ** 2
    return 0.5 * (1 + np.tanh(u)) + 0.5 * z * sech2 * ROOT * (1 + 3 * 0.044715 * z**2)


def _swish_slope(z, beta=1.0):
    s = expit(beta * z)
    return s + beta * z * s * expit(-beta * z)


def _mish_slope(z):
    bent = np.tanh(np.logaddexp(0, z))
    return bent + z * (1 - bent**2) * expit(z)


FORMULAS: dict[str, Formula] = {
    # raviv-2022, "There are many other activation functions": 0 for x < 0, 1 for x >= 0
    "heaviside": Formula(lambda z: (z >= 0) * 1.0, lambda z: 0.0 * z, (0.0,)),
    # raviv-2022, "More activation functions": l(x) = a x
    "linear": Formula(lambda z, a=1.0: a * z, lambda z, a=1.0: a + 0.0 * z),
    # scheidegger-2020, "Few activation functions": g' = g (1 - g)
    "sigmoid": Formula(
        lambda z, beta=1.0: expit(beta * z),
        lambda z, beta=1.0: beta * expit(beta * z) * expit(-beta * z),
    ),
    # scheidegger-2020, "Few activation functions": g' = 1 - g^2; itam-2023, 1.6
    "tanh": Formula(np.tanh, lambda z: 1 / np.cosh(np.clip(z, -350, 350)) ** 2),
    # raviv-2022, "More activation functions": z for -1 <= z <= 1
    "hard_tanh": Formula(
        lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) <= 1) * 1.0, (-1.0, 1.0)
    ),
    # scheidegger-2020, "Few activation functions": 1 for z > 0, 0 otherwise
    "relu": Formula(lambda z: np.maximum(0, z), lambda z: (z > 0) * 1.0, (0.0,)),
    # raviv-2022, "More activation functions": x if x > 0, .01 x otherwise
    "leaky_relu": Formula(
        lambda z, slope=0.01: np.where(z > 0, z, slope * z),
        lambda z, slope=0.01: np.where(z > 0, 1.0, slope),
        (0.0,),
    ),
    # raviv-2022, "More activation functions": a (e^x - 1) for x <= 0
    "elu": Formula(
        lambda z, a=1.0: np.where(z > 0, z, a * np.expm1(np.minimum(z, 0))),
        lambda z, a=1.0: np.where(z > 0, 1.0, a * _exp(z)),
        (0.0,),
    ),
    "selu": Formula(
        lambda z: LAMBDA * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0))),
        lambda z: LAMBDA * np.where(z > 0, 1.0, ALPHA * _exp(z)),
        (0.0,),
    ),
    # scheidegger-2020, "Swish activation function": x sigmoid(x)
    "swish": Formula(lambda z, beta=1.0: z * expit(beta * z), _swish_slope),
    "gelu": Formula(
        lambda z: z * ndtr(z),
        lambda z: ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "gelu_tanh": Formula(
        lambda z: 0.5 * z * (1 + np.tanh(ROOT * (z + 0.044715 * z**3))), _gelu_tanh_slope
    ),
    "mish": Formula(lambda z: z * np.tanh(np.logaddexp(0, z)), _mish_slope),
    "exponential": Formula(np.exp, np.exp),
    "relu6": Formula(lambda z: np.clip(z, 0, 6), lambda z: ((z > 0) & (z < 6)) * 1.0, (0.0, 6.0)),
    "hard_sigmoid": Formula(
        lambda z: np.clip(z / 6 + 0.5, 0, 1), lambda z: (np.abs(z) < 3) / 6, (-3.0, 3.0)
    ),
    "hard_silu": Formula(
        lambda z: z * np.clip(z / 6 + 0.5, 0, 1),
        lambda z: np.clip(z / 6 + 0.5, 0, 1) + z * (np.abs(z) < 3) / 6,
        (-3.0, 3.0),
    ),
    "softsign": Formula(lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    # hull-2023, "Activation Functions"
    "softplus": Formula(lambda z: np.logaddexp(0, z), expit),
}
