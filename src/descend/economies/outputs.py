"""From a network's numbers to policies: each transform keeps its policy where it belongs.

Each is centred so that a network that puts out zeros gives a policy of its `start` or `scale`: a
solve then begins near where the author expects the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn.checks import is_whole


@dataclass(frozen=True)
class Output:
    """A policy of a shape, from as many raw numbers.

    Args:
        shape: () for a number, (n,) for a vector; given by its name.
    """

    shape: tuple[int, ...] = field(default=(), kw_only=True)

    @property
    def raw(self) -> int:
        """Numbers it takes from the network."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def unknowns(self) -> int:
        """Numbers that are free: as many conditions are needed."""
        return self.raw

    def __call__(self, raw: jax.Array) -> jax.Array:
        """The policy, of `shape`, from raw numbers (self.raw,)."""
        raise NotImplementedError

    def check(self, name: str) -> None:
        """Raises DescendError where its numbers make no sense, or do not have its shape."""
        label, shape = type(self).__name__, self.shape
        whole = isinstance(shape, tuple) and all(is_whole(n) and n >= 1 for n in shape)
        if not whole:
            raise DescendError(
                f"policy {name!r}: a shape is a tuple of whole numbers >= 1, such as "
                f"{label}(shape=(3,)), got {shape!r}"
            )
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "shape" or value is None:
                continue
            try:
                size = np.shape(np.asarray(value, float))
                fits = np.broadcast_shapes(size, shape) == shape
            except (TypeError, ValueError):
                fits = False
            if not fits:
                raise DescendError(
                    f"policy {name!r}: {label}'s {f.name} must be a number"
                    + (f" or of its shape {shape}" if shape else "")
                    + f", got {value!r}; for a vector give its shape by name: "
                    f"{label}(shape=(3,))"
                )


@dataclass(frozen=True)
class Free(Output):
    """Any number: centre + scale x, x the network's raw number.

    Args:
        centre: number to expect: what the policy is where the network puts out zero; a number or an
            array of `shape`.
        scale: number other than zero that raw numbers are multiplied by; likewise.
        shape: () for a number, (n,) for a vector.

    Raises:
        DescendError: a centre or scale that makes no sense, or is not of its shape, when an economy
            with this policy is solved.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.economies import Free
        >>> debt = Free(centre=1.0, scale=2.0)
        >>> float(debt(jnp.array([0.0]))), float(debt(jnp.array([3.0])))
        (1.0, 7.0)
    """

    centre: Any = 0.0
    scale: Any = 1.0

    def __call__(self, raw):
        """centre + scale raw."""
        return self.centre + self.scale * raw.reshape(self.shape)

    def check(self, name):
        """A finite centre; a scale that is finite and not 0."""
        super().check(name)
        centre, scale = np.asarray(self.centre, float), np.asarray(self.scale, float)
        if not (np.isfinite(centre).all() and np.isfinite(scale).all() and (scale != 0).all()):
            raise DescendError(
                f"policy {name!r}: Free needs a finite centre and a finite scale other than 0, "
                "got "
                f"centre={self.centre}, scale={self.scale}"
            )


@dataclass(frozen=True)
class Positive(Output):
    """A positive number: scale softplus(x + c), c such that x = 0 gives `scale`.

    Args:
        scale: size to expect, > 0: a number or an array of `shape`.
        shape: () for a number, (n,) for a vector.

    Raises:
        DescendError: a scale that is not positive, or numbers that are not of its shape, when an
            economy with this policy is solved.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.economies import Positive
        >>> round(float(Positive(scale=2.0)(jnp.array([0.0]))), 3)
        2.0
    """

    scale: Any = 1.0

    def __call__(self, raw):
        """scale softplus(raw + log(e - 1))."""
        return self.scale * jax.nn.softplus(raw.reshape(self.shape) + math.log(math.e - 1))

    def check(self, name):
        """The scale must be positive."""
        super().check(name)
        scale = np.asarray(self.scale, float)
        if not ((scale > 0) & np.isfinite(scale)).all():
            raise DescendError(f"policy {name!r}: Positive needs scale > 0, got {self.scale}")


@dataclass(frozen=True)
class Share(Output):
    """A number between 0 and 1: sigmoid(x + logit(start)).

    Args:
        start: share to expect, in (0, 1): a number or an array of `shape`.
        shape: () for a number, (n,) for a vector.

    Raises:
        DescendError: a start outside (0, 1), or numbers that are not of its shape, when an economy
            with this policy is solved.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.economies import Share
        >>> saving = Share(start=0.2)
        >>> round(float(saving(jnp.array([0.0]))), 3), float(saving(jnp.array([100.0])))
        (0.2, 1.0)
    """

    start: Any = 0.5

    def __call__(self, raw):
        """sigmoid(raw + logit(start))."""
        s = jnp.asarray(self.start, raw.dtype)
        return jax.nn.sigmoid(raw.reshape(self.shape) + jnp.log(s / (1 - s)))

    def check(self, name):
        """The start must lie inside."""
        super().check(name)
        start = np.asarray(self.start, float)
        if not ((start > 0) & (start < 1)).all():
            raise DescendError(f"policy {name!r}: Share needs start in (0, 1), got {self.start}")


@dataclass(frozen=True)
class Bounded(Output):
    """A number between two others: low + (high - low) sigmoid(x + c).

    Args:
        low, high: bounds, numbers or arrays of `shape`.
        start: number to expect, inside; the middle by default.
        shape: () for a number, (n,) for a vector.

    Raises:
        DescendError: bounds and start that are not low < start < high, or numbers that are not of
            its shape, when an economy with this policy is solved.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.economies import Bounded
        >>> hours = Bounded(low=1.0, high=3.0)
        >>> [round(float(hours(jnp.array([raw]))), 3) for raw in (-100.0, 0.0, 100.0)]
        [1.0, 2.0, 3.0]
    """

    low: Any = 0.0
    high: Any = 1.0
    start: Any = None

    @property
    def bounds(self) -> tuple[Any, Any, Any]:
        """(low, start, high)."""
        ends = (self.low, self.high)
        low, high = (a if isinstance(a, jax.Array) else np.asarray(a, float) for a in ends)
        return low, (low + high) / 2 if self.start is None else self.start, high

    def __call__(self, raw):
        """low + (high - low) sigmoid(raw + c)."""
        low, high = jnp.asarray(self.low, raw.dtype), jnp.asarray(self.high, raw.dtype)
        share = (
            0.5 if self.start is None else (jnp.asarray(self.start, raw.dtype) - low) / (high - low)
        )
        centre = jnp.log(share / (1 - share))
        return low + (high - low) * jax.nn.sigmoid(raw.reshape(self.shape) + centre)

    def check(self, name):
        """low < start < high."""
        super().check(name)
        low, high = np.asarray(self.low, float), np.asarray(self.high, float)
        start = np.asarray(self.bounds[1], float)
        if not ((low < start) & (start < high) & np.isfinite(high - low)).all():
            raise DescendError(
                f"policy {name!r}: Bounded needs low < start < high, got low={self.low}, "
                f"high={self.high}, start={self.start}"
            )


@dataclass(frozen=True)
class Simplex(Output):
    """Shares that sum to one: softmax(x). They are n - 1 unknowns.

    Args:
        shape: (n,), the number of shares, n >= 2.

    Raises:
        DescendError: a shape that is not (n,) with n >= 2, or numbers that are not of its shape,
            when an economy with this policy is solved.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.economies import Simplex
        >>> portfolio = Simplex(shape=(2,))
        >>> portfolio(jnp.array([0.0, 0.0])).tolist(), portfolio.raw, portfolio.unknowns
        ([0.5, 0.5], 2, 1)
    """

    shape: tuple[int, ...] = ()

    @property
    def unknowns(self):
        """One less than its shares."""
        return self.raw - 1

    def __call__(self, raw):
        """softmax(raw)."""
        return jax.nn.softmax(raw)

    def check(self, name):
        """One axis of at least two shares."""
        super().check(name)
        if len(self.shape) != 1 or self.shape[0] < 2:
            raise DescendError(
                f"policy {name!r}: Simplex needs shape (n,), n >= 2, got {self.shape}"
            )
