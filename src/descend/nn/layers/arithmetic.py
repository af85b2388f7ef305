"""Arithmetic and indexing of symbols, as layers: x + y, 1 - x, x ** 2, x @ y, x[:, -1]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.checks import entries, is_whole, one_of
from descend.nn.layers.base import Arrays, Key, Layer
from descend.nn.layers.merge import Merge
from descend.nn.symbols import OPERATORS, ROWS, Symbol, connect

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": jnp.add,
    "subtract": jnp.subtract,
    "multiply": jnp.multiply,
    "divide": jnp.divide,
    "power": jnp.power,
    "matmul": jnp.matmul,
}


@dataclass(frozen=True, eq=False)
class Arithmetic(Merge):
    """Two symbols, or a symbol and a number, joined by an operation: what x + y or 1 - x makes.

    Args:
        operation: "add", "subtract", "multiply", "divide", "power" or "matmul".
        number: constant that stands in for the second operand: a number or a tuple of them, as
            long as the last axis.
        reverse: whether the constant comes first, as in 1 - x.

    Axes of size one are broadcast against the other's, as in NumPy, where both have as many axes;
    "matmul" is the product of each row's matrices.

    Raises:
        DescendError: an unknown operation, or a constant that is no number and no tuple of them.
        ShapeError: shapes that do not fit.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> x = Input((2,))
        >>> Model(x, 1 - 2 * x).predict(np.array([[3.0, 4.0]])).tolist()
        [[-5.0, -7.0]]
    """

    operation: str
    number: Any = None
    reverse: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "operation", tuple(OPERATIONS))
        if self.number is not None and not _is_constant(self.number):
            raise DescendError(
                f"Arithmetic: number must be a number, a tuple of them or None, got {self.number!r}"
            )

    def build(self, input_shape: Any) -> Any:
        """The shape of the result."""
        several = self.number is None
        if several:
            self.require_several(input_shape)
        shapes = input_shape if several else (input_shape,)
        if several and len({len(s) for s in shapes}) > 1:
            raise ShapeError(
                f"{self.label}: shapes {shapes} have different numbers of axes; Reshape one of them"
            )
        xs = [jax.ShapeDtypeStruct((ROWS, *s), jnp.float32) for s in shapes]
        try:
            y = jax.eval_shape(self._of, *xs)
        except (TypeError, ValueError):
            y = None
        if self.operation == "matmul" and any(len(s) < 2 for s in shapes):
            y = None  # the rows' axis would be summed over
        if y is None or y.shape[:1] != (ROWS,):
            operands = shapes if several else (*shapes, np.shape(self.number))
            raise ShapeError(f"{self.label}: {self.operation} does not fit shapes {operands}")
        return y.shape[1:]

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The result."""
        return self._of(*(x if self.number is None else (x,))), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Where all inputs are real."""
        return super().output_mask(x, mask) if isinstance(mask, tuple) else mask

    def _of(self, x: Any, *others: Any) -> Any:
        if others:
            y = others[0]
        else:
            y = jnp.asarray(self.number, x.dtype)
            y = jnp.reshape(y, (1,) * (x.ndim - y.ndim) + y.shape)
        pair = (y, x) if self.reverse else (x, y)
        return OPERATIONS[self.operation](*pair)


@dataclass(frozen=True, eq=False)
class Index(Layer):
    """A part of every row: what x[:, 0], x[..., 1:3] or x[:, None] makes of a symbol x.

    Args:
        key: entries, one for each axis behind the batch's: a whole number, [start, stop, step] of a
            slice, "..." or "new" (None).

    Raises:
        DescendError: a `key` that is no tuple.
        ShapeError: an entry that the input's shape does not have.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> x = Input((3,))
        >>> Model(x, x[:, 1:]).predict(np.array([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 3.0]]
    """

    key: tuple[Any, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        listed = entries(self, "key", "a tuple of whole numbers and slices")
        plain = tuple(tuple(e) if isinstance(e, list) else e for e in listed)  # from JSON
        object.__setattr__(self, "key", plain)

    def build(self, input_shape: Any) -> Any:
        """The shape of the part."""
        try:
            y = jax.eval_shape(self._of, jax.ShapeDtypeStruct((ROWS, *input_shape), jnp.float32))
        except (IndexError, TypeError, ValueError):
            raise ShapeError(
                f"{self.label}: {self.key} is no part of rows of shape {tuple(input_shape)}"
            ) from None
        for size, entry in zip(input_shape, self.key, strict=False):
            if entry == "...":
                break
            if isinstance(entry, int) and not -size <= entry < size:
                raise ShapeError(f"{self.label}: {entry} is not in an axis of {size}")
        return y.shape[1:]

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The part."""
        return self._of(x), state

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The input's where all steps stay."""
        whole = not self.key or self.key[0] in ("...", (None, None, None))
        return mask if whole else None

    def _of(self, x: Any) -> Any:
        return x[(slice(None), *map(_read, self.key))]


def _written(entry: Any) -> Any:
    if isinstance(entry, slice):
        return (entry.start, entry.stop, entry.step)
    if entry is Ellipsis:
        return "..."
    if entry is None:
        return "new"
    if is_whole(entry):
        return int(entry)
    raise DescendError(f"a symbol is indexed by whole numbers and slices, got {entry!r}")


def _read(entry: Any) -> Any:
    if isinstance(entry, tuple):
        return slice(*entry)
    return {"...": Ellipsis, "new": None}.get(entry, entry) if isinstance(entry, str) else entry


def _is_constant(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "biuf" and array.ndim <= 1


def join(operation: str, left: Any, right: Any) -> Symbol:
    """What `left + right` and its like are, one of them a symbol."""
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        pair: Symbol = connect(Arithmetic(operation), (left, right))
        return pair
    reverse = isinstance(right, Symbol)
    symbol, other = (right, left) if reverse else (left, right)
    number = np.asarray(other)
    if not _is_constant(number):
        raise DescendError(
            f"{operation} joins symbols, or a symbol and numbers; got {type(other).__name__}. "
            "A function of jax.numpy goes into a layer: Lambda(lambda x: ...)."
        )
    constant = number.item() if number.ndim == 0 else tuple(number.tolist())
    result: Symbol = connect(Arithmetic(operation, constant, reverse), symbol)
    return result


def part(symbol: Symbol, key: Any) -> Symbol:
    """What `symbol[key]` is; the first entry of the key is the batch axis, all of it."""
    first, *rest = key if isinstance(key, tuple) else (key,)
    if first is Ellipsis:
        rest = [first, *rest]
    elif first != slice(None):
        raise DescendError(
            f"a symbol is indexed behind its batch axis: x[:, ...], got x[{key!r}]. Rows of a "
            "batch are not picked apart inside a network."
        )
    result: Symbol = connect(Index(tuple(map(_written, rest))), symbol)
    return result


OPERATORS.update(join=join, part=part)
