"""The machine's matrix-product rate in float32, by NumPy: the products of one training step."""

from __future__ import annotations

import time

import numpy as np

SECONDS = 1.5


def measure(work):
    """GFLOP/s of the step's own products and of a square one as wide as the widest layer."""
    rng = np.random.default_rng(0)
    products = []
    for number, (a, b) in enumerate(work.kernels):
        x = rng.normal(size=(work.batch, a)).astype(np.float32)
        w = rng.normal(size=(a, b)).astype(np.float32)
        delta = rng.normal(size=(work.batch, b)).astype(np.float32)
        products += [(x, w), (x.T, delta)]
        if number:
            products.append((delta, w.T))
    widest = max(max(pair) for pair in work.kernels)
    square = rng.normal(size=(widest, widest)).astype(np.float32)
    return {
        "step_gflops": _rate(products, work.flops),
        "square_gflops": _rate([(square, square)], 2 * widest**3),
        "square": widest,
    }


def _rate(products, flops):
    into = [np.empty((a.shape[0], b.shape[1]), np.float32) for a, b in products]
    found, began = [], time.perf_counter()
    while len(found) < 5 or time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        for (a, b), out in zip(products, into, strict=True):
            np.matmul(a, b, out=out)
        found.append(flops / (time.perf_counter() - start) / 1e9)
    return sorted(found)
