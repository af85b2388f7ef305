"""One row's loss in numpy/scipy float64, from probabilities or predictions and from logits."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, xlogy
from scipy.stats import entropy, norm
from scipy.stats import poisson as poisson_law


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


def poisson(y, mu):
    """-log P(y | mu) without log y!."""
    from scipy.special import gammaln

    return -(poisson_law.logpmf(y, mu) + gammaln(y + 1)).mean(axis=1)


def poisson_logits(y, z):
    return poisson(y, np.exp(z))


def quantile(y, p, levels=(0.1, 0.5, 0.7, 0.9)):
    """Koenker and Bassett 1978: tau above, 1 - tau below."""
    e = y - p
    return (np.where(e > 0, levels, 1 - np.asarray(levels)) * abs(e)).mean(axis=1)


def tobit(y, p, limit=0.0):
    """Density where seen, probability where censored."""
    mean, sd = p[:, 0], np.exp(p[:, 1])
    seen, lost = norm.logpdf(y[:, 0], mean, sd), norm.logcdf(limit, mean, sd)
    return -np.where(y[:, 0] > limit, seen, lost)


def members(y, p):
    """The mean of three members' mean absolute errors."""
    return sum(mae(y, p[:, i]) for i in range(3)) / 3
