"""One row's loss in numpy/scipy float64, from probabilities or predictions and from logits."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, xlogy
from scipy.stats import entropy


def squared_error(y, p):
    """hull-2023, "Regression and Mean-Square Cost Function": 1/2 (h - y)^2."""
    return 0.5 * ((p - y) ** 2).sum(axis=1)


def squared_error_plain(y, p):
    return ((p - y) ** 2).sum(axis=1)


def mse(y, p):
    """scheidegger-2020, "Mean squared error (MSE)"."""
    return ((p - y) ** 2).mean(axis=1)


def mae(y, p):
    return np.abs(p - y).mean(axis=1)


def huber(y, p, delta=1.0):
    e = np.abs(p - y)
    return np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean(axis=1)


def binary_crossentropy(y, p):
    """scheidegger-2020, "Binary cross entropy loss"."""
    return -(xlogy(y, p) + xlogy(1 - y, 1 - p)).mean(axis=1)


def binary_crossentropy_logits(y, z):
    """-log P(y | z), P(1 | z) = 1 / (1 + e^-z) (hull-2023, "Binary Classification...")."""
    return (y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)).mean(axis=1)


def categorical_crossentropy(y, p):
    """raviv-2022, "Cross entropy loss": - sum_k y_k log p_k."""
    return -xlogy(y, p).sum(axis=1)


def categorical_crossentropy_logits(y, z):
    return -(y * log_softmax(z, axis=1)).sum(axis=1)


def sparse_crossentropy(y, p):
    return -np.log(p[np.arange(len(y)), y])


def sparse_crossentropy_logits(y, z):
    return -log_softmax(z, axis=1)[np.arange(len(y)), y]


def kl_divergence(y, p):
    """scheidegger-2020, "Cross entropy loss function": E_y [log y - log p]."""
    return entropy(y, p, axis=1)


def kl_divergence_logits(y, z):
    return xlogy(y, y).sum(axis=1) - (y * log_softmax(z, axis=1)).sum(axis=1)
