"""Replay memory: the last transitions, from which batches are drawn.

What is kept of a step is one row: all its numbers lie side by side, so that a step makes one write
and a batch is one gather (numbers and pictures apart). The memory is updated in place because a
step writes before it reads; read first, and the compiler copies all of it.

Source: scheidegger-2020, "Example: RL & DNN"; Mnih et al. 2015 (experience replay).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Experience(NamedTuple):
    """What is kept of a step, or of the n steps that an n-step return is made of.

    reward: r_t + gamma r_(t+1) + ... of the n steps, or up to the end of the episode.
    after: the observation that they led to; legal: what is legal there (None: all).
    discount: what the value of `after` counts in a target: gamma^n, and 0 if it was terminated.
    """

    observation: Any
    action: Any
    reward: Any
    after: Any
    legal: Any
    discount: Any


class Replay:
    """How experience is packed into rows, and where the next ones go.

    Args:
        like: an experience, arrays or shapes, without a leading axis.
        capacity: rows that are kept; the oldest are overwritten.
    """

    def __init__(self, like: Any, capacity: int):
        leaves, self._structure = jax.tree.flatten(like)
        self._leaves = [(leaf.shape, leaf.dtype) for leaf in leaves]
        self.capacity = capacity

    def empty(self) -> dict[str, jax.Array]:
        """Rows of zeros: {"numbers": (capacity, numbers), "pictures": (capacity, bytes)}."""
        wide = {"numbers": 0, "pictures": 0}
        for shape, dtype in self._leaves:
            wide[_kind(dtype)] += math.prod(shape)
        types = {"numbers": jnp.result_type(float), "pictures": jnp.uint8}
        return {k: jnp.zeros((self.capacity, n), types[k]) for k, n in wide.items() if n}

    def write(self, memory: dict[str, jax.Array], count: Any, rows: Any, steps: Any = None) -> Any:
        """Return the memory with experience (n, ...) behind the `count` ones written so far.

        n must divide the capacity, and `count` be a multiple of n; see `Frames` for `steps`.
        """
        packed: dict[str, list[jax.Array]] = {kind: [] for kind in memory}
        for leaf in jax.tree.leaves(rows):
            kind = _kind(leaf.dtype)
            packed[kind].append(leaf.reshape(len(leaf), -1).astype(memory[kind].dtype))
        at = count % self.capacity
        return {
            kind: jax.lax.dynamic_update_slice(
                memory[kind], jnp.concatenate(parts, axis=1), (at, jnp.zeros_like(at))
            )
            for kind, parts in packed.items()
        }

    def read(self, memory: dict[str, jax.Array], rows: jax.Array) -> Any:
        """Return the experience of some row numbers (...,)."""
        taken = {kind: array[rows] for kind, array in memory.items()}
        at = dict.fromkeys(memory, 0)
        leaves = []
        for shape, dtype in self._leaves:
            kind, size = _kind(dtype), math.prod(shape)
            part = taken[kind][..., at[kind] : at[kind] + size]
            leaves.append(part.reshape(*rows.shape, *shape).astype(dtype))
            at[kind] += size
        return jax.tree.unflatten(self._structure, leaves)

    def rows(self, luck: jax.Array, count: Any) -> jax.Array:
        """Return row numbers out of numbers in [0, 1), evenly among those written so far."""
        size = jnp.minimum(count, self.capacity)
        return jnp.minimum((luck * size).astype(jnp.int32), size - 1)


class Frames(Replay):
    """A replay of stacked pictures: an observation's last axis holds the last few, oldest first.

    Of a row only the newest picture of `observation` and of `after` are kept; the others are those
    of earlier rows, or the first of the episode again where it is younger than the stack. It is for
    steps one by one (`lookahead=1`), whose `after` has one new picture.

    Args:
        like: an experience, as in `Replay`; its observations are uint8 (..., pictures).
        capacity: rows that are kept.
        every: environments side by side: the row before one of the same environment is so many
            before; it must divide the capacity.
    """

    def __init__(self, like: Experience, capacity: int, every: int):
        self._every, self._stack = every, like.observation.shape[-1]
        shape = (*like.observation.shape[:-1], 1)
        newest = jax.ShapeDtypeStruct(shape, like.observation.dtype)
        age = jax.ShapeDtypeStruct((), jnp.int32)
        super().__init__((like._replace(observation=newest, after=newest), age), capacity)

    def write(
        self, memory: dict[str, jax.Array], count: Any, rows: Experience, steps: Any = None
    ) -> Any:
        """Return the memory with experience behind it; `steps`: those behind in each episode."""
        newest = rows._replace(observation=rows.observation[..., -1:], after=rows.after[..., -1:])
        return super().write(memory, count, (newest, jnp.minimum(steps, self._stack - 1)))

    def read(self, memory: dict[str, jax.Array], rows: jax.Array) -> Experience:
        """Return the experience of some row numbers (...,), its pictures stacked again."""
        newest, age = super().read(memory, rows)
        size = math.prod(newest.observation.shape[rows.ndim :])
        past = []
        for back in range(self._stack - 1, 0, -1):
            row = (rows - jnp.minimum(back, age) * self._every) % self.capacity
            past.append(memory["pictures"][row, :size].reshape(newest.observation.shape))
        seen = jnp.concatenate([*past, newest.observation], axis=-1)
        after = jnp.concatenate([seen[..., 1:], newest.after], axis=-1)
        return newest._replace(observation=seen, after=after)

    def rows(self, luck: jax.Array, count: Any) -> jax.Array:
        """Return row numbers out of numbers in [0, 1), of those whose pictures are all there."""
        lost = jnp.where(count > self.capacity, (self._stack - 1) * self._every, 0)
        size = jnp.minimum(count, self.capacity) - lost
        oldest = jnp.maximum(count - self.capacity, 0) + lost
        return (oldest + jnp.minimum((luck * size).astype(jnp.int32), size - 1)) % self.capacity


def _kind(dtype: Any) -> str:
    return "pictures" if dtype == jnp.uint8 else "numbers"
