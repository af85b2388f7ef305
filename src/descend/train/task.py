"""The Task contract: what can be trained.

Supervised learning, a GAN, an economy and an agent are four Tasks; the engine knows no other thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import jax

# name -> (sum, weight): the weight a scalar, the sum a scalar or a vector of sums
Logs = Mapping[str, tuple[Any, Any]]


class State(NamedTuple):
    """Everything that changes in training: a pytree of arrays.

    A Task may use its own NamedTuple; the engine needs `params` (checked for finiteness) and
    `hyper` (the numbers that callbacks and sweeps set).
    """

    params: Any
    layers: Any  # what layers remember: running averages
    optimizer: Any  # what the update rule remembers
    key: jax.Array  # for dropout and the like
    hyper: dict[str, jax.Array]
    steps: jax.Array  # updates made, int32


class Batch(NamedTuple):
    """Rows handed to one step: the gathered data, and which rows are real (None: all).

    `mask` has shape (batch,), 1 for a real row and 0 for padding of the last, ragged batch.
    """

    data: Any
    mask: jax.Array | None


class Task(Protocol):
    """Pure functions, traced once. `hyper` holds every number that may be swept, as arrays."""

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> Any:
        """The state before the first step."""

    def step(self, state: Any, batch: Batch) -> tuple[Any, Logs]:
        """ONE update."""

    def evaluate(self, state: Any, batch: Batch) -> Logs:
        """Sums and weights over the real rows, so that ragged last batches count exactly."""

    # Optional:
    #   collect(state, steps) -> (state, batches)   data that the task makes itself, at the head of
    #       each epoch, inside the same program; leaves of `batches` have a leading axis `steps`
    #   carries, carry(state, batch) -> (state, Logs), fresh(state)     where batches have an order:
    #       `carry` is an `evaluate` that hands its state on, `fresh` begins a pass over the rows
    #   heavy     much work for its count of parameters: compiled with care, and the rows of a batch
    #       are spread over the devices
    #   finish(name, total, weight) -> number       what the sums over all rows come to, by default
    #       total / weight; in NumPy, arrays (...) or for vectors of sums (..., size), and (...)
    #   diagnose(state, batch) -> str               the first array that became non-finite
