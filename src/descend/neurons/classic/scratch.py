"""The multi-layer perceptron from scratch: forwards and backwards phase as the lecture prints them.

    forwards    h = sum_i x_i v_i,  a = g(h) = 1 / (1 + exp(-beta h))                  (4.4, 4.5)
                and so on to the outputs y                                             (4.6, 4.7)
    backwards   delta_o = (y - t) y (1 - y)                                                 (4.8)
                delta_h = a (1 - a) sum_k w_k delta_o(k)                                    (4.9)
                w <- w - eta delta_o a,  v <- v - eta delta_h x                     (4.10, 4.11)

Nothing here differentiates by itself. The slides take beta = 1 in (4.8) and (4.9); the derivative
of (4.5) has the factor beta, which stands here. For linear outputs g' = 1 and delta_o = y - t; for
softmax with the cross-entropy delta_o = y - t too (raviv-2022, "Multinomial logistic regression").

Source: scheidegger-2020, "BUILDING AN MLP FROM SCRATCH" (The Multi-layer Perceptron Algorithm),
"ACTION REQUIRED – MLP", "DIFFERENT ACTIVATION FCT".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import special

from descend.errors import unknown

OUTTYPES = ("linear", "logistic", "softmax")
Weights = list[np.ndarray]  # a layer each, (inputs + 1, neurons); the bias weights come first


def first_weights(sizes: Sequence[int], random: np.random.RandomState) -> Weights:
    """Small random weights of both signs: uniform within 1 / sqrt(inputs of the neuron)."""
    return [random.uniform(-1, 1, (m + 1, n)) / np.sqrt(m) for m, n in pairwise(sizes)]


def bias_in_front(a: np.ndarray) -> np.ndarray:
    """(n, m) -> (n, m + 1): the bias node's input x_0 = 1 in front."""
    return np.hstack([np.ones((len(a), 1), a.dtype), a])


def output(h: np.ndarray, outtype: str, beta: float) -> np.ndarray:
    """What the output neurons make of their sums h, (n, N) ("DIFFERENT ACTIVATION FCT").

    The slide's softmax takes exp(h) as it is, which overflows; the largest h of a row is taken off
    first, which changes nothing else.
    """
    if outtype == "linear":
        return h
    if outtype == "logistic":
        return special.expit(beta * h)
    if outtype == "softmax":
        powers = np.exp(h - h.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    raise unknown("outtype", outtype, OUTTYPES)


def forwards(x: np.ndarray, weights: Weights, outtype: str, beta: float) -> list[np.ndarray]:
    """The forwards phase.

    Args:
        x: (n, k); weights: of the layers; outtype, beta: see `output`.

    Returns:
        What enters each layer, with its bias input: (n, k + 1), (n, hidden + 1), ...; and last the
        outputs y, (n, N).
    """
    passed = [bias_in_front(x)]
    for layer in weights[:-1]:
        passed.append(bias_in_front(special.expit(beta * (passed[-1] @ layer))))
    return [*passed, output(passed[-1] @ weights[-1], outtype, beta)]


def backwards(
    passed: list[np.ndarray], t: np.ndarray, weights: Weights, outtype: str, beta: float
) -> Weights:
    """The backwards phase: the sums over rows of delta times input, a layer each.

    Args:
        passed: what `forwards` gave; t: (n, N) targets.

    Returns:
        Arrays shaped as the weights: the gradient of sum_i L_i.
    """
    y = passed[-1]
    delta = (y - t) * (beta * (y * (1 - y))) if outtype == "logistic" else y - t
    gradients = [passed[-2].T @ delta]
    for a, above in zip(passed[-2:0:-1], weights[:0:-1], strict=True):
        a = a[:, 1:]  # the bias node has nothing below it
        delta = (delta @ above[1:].T) * (beta * (a * (1 - a)))
        gradients.append(passed[len(weights) - 1 - len(gradients)].T @ delta)
    return gradients[::-1]


def losses(y: np.ndarray, t: np.ndarray, outtype: str) -> np.ndarray:
    """L of each row, (n,): half the sum of squares; for softmax the cross-entropy."""
    if outtype == "softmax":
        return -special.xlogy(t, np.maximum(y, np.finfo(y.dtype).tiny)).sum(axis=1)
    return 0.5 * np.square(y - t).sum(axis=1)


def update(
    weights: Weights, gradient: Weights, moving: Weights, rate: float, momentum: float
) -> tuple[Weights, Weights]:
    """w <- w - m with m <- momentum m + rate gradient; (weights, moving)."""
    moving = [momentum * m + rate * g for m, g in zip(moving, gradient, strict=True)]
    return [w - m for w, m in zip(weights, moving, strict=True)], moving
