"""What is random in an economy: normal vectors and discrete chains, and their joint law.

An economy's shocks are a dict {name: Normal or Chain}, independent of each other. A chain's present
position belongs to the state: the author reads its present value as `now.NAME`, its next one as
`shock.NAME`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.expectations import Rule
from descend.economies.point import Point
from descend.errors import DescendError
from descend.nn.checks import is_number


@dataclass(frozen=True)
class Normal:
    """A normal shock, or a vector of them: mean 0.

    Args:
        std: standard deviation >= 0, a number or (n,).
        correlation: correlation matrix (n, n), or a number for all pairs, or None for independent
            ones.

    Raises:
        DescendError: a deviation below zero, or a matrix that is no correlation, when an economy
            with this shock is solved.

    Source: descend's own.

    Example:
        >>> from descend.economies import Normal
        >>> news = Normal([0.1, 0.2], correlation=0.5)
        >>> news.size, news.matrix().tolist()
        (2, [[1.0, 0.5], [0.5, 1.0]])
    """

    std: Any
    correlation: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the shock: () or (n,)."""
        return np.shape(self.std)

    @property
    def size(self) -> int:
        """How many standard normal numbers it takes."""
        return int(np.prod(self.shape, dtype=int))

    def value(self, z: jax.Array) -> jax.Array:
        """The shock from standard normals z, (size,): std times the root of the correlation."""
        if not self.shape:
            return self.std * z[0]
        if self.correlation is not None:
            z = jnp.linalg.cholesky(self.matrix()) @ z
        return jnp.asarray(self.std) * z

    def matrix(self) -> Any:
        """The correlation matrix, (n, n); there must be a correlation."""
        c = jnp.asarray(self.correlation)
        return (
            c
            if c.ndim
            else jnp.full((self.size, self.size), c).at[jnp.diag_indices(self.size)].set(1)
        )

    def check(self, name: str) -> None:
        """Raises DescendError for a negative deviation or a matrix that is no correlation."""
        std = _plain(self.std)
        std = std if std.dtype.kind in "biuf" else np.asarray(np.nan)
        if std.ndim > 1 or not (np.isfinite(std).all() and (std >= 0).all()):
            raise DescendError(
                f"shock {name!r}: std must be finite and >= 0, a number or a vector, got {self.std}"
            )
        if self.correlation is None:
            return
        if _plain(self.correlation).dtype.kind not in "biuf":
            raise DescendError(
                f"shock {name!r}: correlation must hold numbers, got {self.correlation!r}"
            )
        matrix = np.asarray(self.matrix())
        if matrix.shape != (self.size, self.size) or not self.shape:
            raise DescendError(
                f"shock {name!r}: a vector of {self.size} needs a correlation matrix of shape "
                f"({self.size}, {self.size}), got {matrix.shape}"
            )
        good = np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)
        if not good or np.linalg.eigvalsh(matrix)[0] <= 0:
            raise DescendError(
                f"shock {name!r}: a correlation matrix is symmetric, positive definite, with ones "
                f"on its diagonal; got {matrix.tolist()}"
            )


@dataclass(frozen=True)
class Chain:
    """A Markov chain on finitely many positions.

    Args:
        values: array of what each position means: (n,), (n, m), or a dict of such arrays, whose
            entries are then read as `now.NAME.ENTRY`.
        transition: probabilities (n, n); row i holds the probabilities of the next position from
            position i.

    Raises:
        DescendError: a matrix that is not one of probabilities, or sizes that differ, when an
            economy with this chain is solved; `rouwenhorst` of fewer than two positions.

    Source: descend's own; `rouwenhorst`: Kopecky and Suen (2010), "Finite state Markov-chain
    approximations to highly persistent processes".

    Example:
        >>> from descend.economies import Chain
        >>> luck = Chain(values=[0.5, 1.0], transition=[[0.6, 0.4], [0.2, 0.8]])
        >>> luck.stationary().round(3).tolist()  # 0.4 x 1/3 flows up, 0.2 x 2/3 flows down
        [0.333, 0.667]
        >>> Chain.iid([0.5, 1.0], [0.25, 0.75]).transition.tolist()
        [[0.25, 0.75], [0.25, 0.75]]
    """

    values: Any
    transition: Any

    def __post_init__(self) -> None:
        v = self.values
        v = {k: _array(x) for k, x in v.items()} if isinstance(v, dict) else _array(v)
        object.__setattr__(self, "values", v)
        object.__setattr__(self, "transition", _array(self.transition))

    @classmethod
    def iid(cls, values: Any, probabilities: Any) -> Chain:
        """A chain without memory."""
        p = _array(probabilities)
        if p.ndim != 1:
            raise DescendError(f"Chain.iid needs a probability a position, got {probabilities!r}")
        return cls(values, [p] * len(p))

    @classmethod
    def persistent(cls, values: Any, stay: Any) -> Chain:
        """A chain that stays with probability `stay` and else moves to any other alike."""
        n = len(next(iter(values.values())) if isinstance(values, dict) else values)
        stay = _array(stay)
        leave = (1 - stay) / max(n - 1, 1)
        return cls(values, leave + (stay - leave) * np.eye(n))

    @classmethod
    def rouwenhorst(cls, n: int, persistence: Any, std: Any) -> Chain:
        """An AR(1) of mean 0, x' = persistence x + e, sd of e `std`, as a chain of n positions.

        Source: Kopecky and Suen 2010 (it keeps the mean, variance and autocorrelation exactly).
        """
        # a traced number cannot be looked at
        traced = [isinstance(a, jax.Array) for a in (persistence, std)]
        numbers = [was or is_number(a) for was, a in zip(traced, (persistence, std), strict=True)]
        good = isinstance(n, (int, np.integer)) and n >= 2 and all(numbers)
        if not good or not (traced[0] or -1 < persistence < 1):
            raise DescendError(
                "Rouwenhorst's chain needs at least 2 positions, a persistence between -1 and 1 "
                f"and a standard deviation, got {n!r}, {persistence!r} and {std!r}"
            )
        p = (1 + persistence) / 2
        matrix = _array([[p, 1 - p], [1 - p, p]])
        pad = jnp.pad if isinstance(matrix, jax.Array) else np.pad
        for size in range(3, n + 1):
            corners = ((0, 0, p), (0, 1, 1 - p), (1, 0, 1 - p), (1, 1, p))
            grown = sum(w * pad(matrix, ((i, 1 - i), (j, 1 - j))) for i, j, w in corners)
            inner = np.full(size, 0.5)  # two of the corners have met there
            inner[[0, -1]] = 1
            matrix = grown * inner[:, None]
        spread = std * ((n - 1) / (1 - persistence**2)) ** 0.5
        return cls(spread * np.linspace(-1, 1, n), matrix)

    def __len__(self) -> int:
        return len(jax.tree.leaves(self.values)[0])

    def value(self, position: Any) -> Any:
        """What a position means: an array, or a Point of them."""
        value = jax.tree.map(lambda v: jnp.asarray(v)[position], self.values)
        return Point("entry", value) if isinstance(value, dict) else value

    def stationary(self) -> np.ndarray:
        """The long-run share of each position, (n,); for a chain with one of them."""
        matrix = np.asarray(self.transition, float)
        n = len(matrix)
        left = np.concatenate([matrix.T - np.eye(n), np.ones((1, n))])
        shares = np.linalg.lstsq(left, np.append(np.zeros(n), 1.0), rcond=None)[0]
        return np.clip(shares, 0, None) / np.clip(shares, 0, None).sum()

    def check(self, name: str) -> None:
        """Raises DescendError where the matrix is not one of probabilities, or sizes differ."""
        matrix = np.asarray(self.transition, float)
        sizes = [np.shape(v)[:1] for v in jax.tree.leaves(self.values)]
        if len(set(sizes)) != 1 or sizes[0] == ():
            raise DescendError(
                f"chain {name!r}: its values need one axis, of its positions, and those of several "
                f"names as many; got shapes {jax.tree.map(np.shape, self.values)}"
            )
        if matrix.shape != (len(self), len(self)):
            raise DescendError(
                f"chain {name!r}: {len(self)} values need a transition matrix of shape "
                f"({len(self)}, {len(self)}), got {matrix.shape}"
            )
        if not np.isfinite(matrix).all() or (matrix < 0).any() or (matrix > 1).any():
            raise DescendError(
                f"chain {name!r}: probabilities must lie in [0, 1], got {matrix.tolist()}"
            )
        sums = matrix.sum(axis=1)
        if abs(sums - 1).max() > 1e-6:
            worst = int(abs(sums - 1).argmax())
            raise DescendError(
                f"chain {name!r}: row {worst} of its transition matrix sums to {sums[worst]:g}, "
                "not to 1"
            )


def _array(numbers: Any) -> Any:
    """Numbers as an array: JAX's if any is, else NumPy's, float64 whatever JAX's width.

    Raises:
        DescendError: anything but numbers, or rows of different length.
    """
    if any(isinstance(x, jax.Array) for x in jax.tree.leaves(numbers)):
        return jnp.asarray(numbers)
    array = _plain(numbers)
    if array.dtype.kind not in "biuf":
        raise DescendError(f"a chain is made of arrays of numbers, got {numbers!r}")
    return array


def _plain(numbers: Any) -> np.ndarray:
    """A NumPy array; of rows of different length one that holds no number."""
    try:
        return np.asarray(numbers)
    except ValueError:
        return np.asarray(None)


class Law(NamedTuple):
    """The joint law of an economy's shocks."""

    normals: Mapping[str, Normal]
    chains: Mapping[str, Chain]

    @classmethod
    def of(cls, shocks: Mapping[str, Any]) -> Law:
        """From the dict that an economy states; raises DescendError for anything else in it."""
        for name, shock in shocks.items():
            if not isinstance(shock, (Normal, Chain)):
                raise DescendError(
                    f"shock {name!r} must be a Normal or a Chain, got {type(shock).__name__}"
                )
        normals = {n: s for n, s in shocks.items() if isinstance(s, Normal)}
        return cls(normals, {n: s for n, s in shocks.items() if isinstance(s, Chain)})

    @property
    def dimensions(self) -> int:
        """Standard normal numbers a period."""
        return sum(s.size for s in self.normals.values())

    def present(self, positions: jax.Array) -> dict[str, Any]:
        """The chains' present values, from their positions (chains,)."""
        return {n: c.value(positions[i]) for i, (n, c) in enumerate(self.chains.items())}

    def shock(self, z: jax.Array, positions: jax.Array) -> Point:
        """What the author reads as `shock`: normals from z (dimensions,), chains' next values."""
        values: dict[str, Any] = {}
        begin = 0
        for name, normal in self.normals.items():
            values[name] = normal.value(z[begin : begin + normal.size])
            begin += normal.size
        return Point("shock", values | self.present(positions))

    def move(self, u: jax.Array, positions: jax.Array) -> jax.Array:
        """The next positions from uniform numbers u (chains,), by the inverse distribution."""
        new = []
        for i, chain in enumerate(self.chains.values()):
            upto = jnp.cumsum(jnp.asarray(chain.transition)[positions[i]])[:-1]
            new.append(jnp.sum(u[i] >= upto))
        return jnp.stack(new).astype(jnp.int32) if new else positions

    def nodes(self, normal: Rule, positions: jax.Array) -> tuple[Any, Any, jax.Array]:
        """Every (z, next positions) of the joint rule and its weight, given present positions.

        Returns:
            z (q, dimensions), next positions (q, chains), weights (q,): the normal rule times all
            combinations of the chains' next positions.
        """
        sizes = [len(c) for c in self.chains.values()]
        grid = np.array(list(np.ndindex(*sizes)), np.int32).reshape(math.prod(sizes), len(sizes))
        chance: Any = jnp.ones(len(grid))
        for i, chain in enumerate(self.chains.values()):
            chance = chance * jnp.asarray(chain.transition)[positions[i]][grid[:, i]]
        q, c = len(normal), len(grid)
        z = jnp.repeat(jnp.asarray(normal.nodes, chance.dtype), c, axis=0)
        weights = jnp.repeat(jnp.asarray(normal.weights, chance.dtype), c) * jnp.tile(chance, q)
        return z, jnp.tile(jnp.asarray(grid), (q, 1)), weights
