"""A point of an economy as its author reads it: `now.k`, `policy.saving`, `shock.e`."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from descend.errors import unknown


def labels(name: str, size: int) -> list[str]:
    """The names of a quantity's numbers: itself for one, NAME_1, NAME_2, ... for several."""
    return [name] if size == 1 else [f"{name}_{i + 1}" for i in range(size)]


# (kind, name) of every value that was read while `reading` is in force
_READ: contextvars.ContextVar[set[tuple[str, str]] | None] = contextvars.ContextVar(
    "_READ", default=None
)


@contextlib.contextmanager
def reading() -> Iterator[set[tuple[str, str]]]:
    """What the statement reads inside: {(kind, name)}."""
    seen: set[tuple[str, str]] = set()
    token = _READ.set(seen)
    try:
        yield seen
    finally:
        _READ.reset(token)


@jax.tree_util.register_pytree_node_class
class Point:
    """Named values read as attributes.

    Args:
        kind: word for its names in an error: "state", "policy", "shock".
        values: {name: array or Point}.
    """

    def __init__(self, kind: str, values: Mapping[str, Any]):
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._values:
            raise unknown(self._kind, name, self._values)
        if (seen := _READ.get()) is not None:
            seen.add((self._kind, name))
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{self._kind}.{name} cannot be set: a statement computes, it keeps no state"
        )

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v}" for k, v in self._values.items())
        return f"{self._kind}({inside})"

    def asdict(self) -> dict[str, Any]:
        """{name: array or Point}."""
        return dict(self._values)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[str, tuple[str, ...]]]:
        """For JAX: its values, and what stays."""
        return tuple(self._values.values()), (self._kind, tuple(self._values))

    @classmethod
    def tree_unflatten(cls, fixed: tuple[str, tuple[str, ...]], values: Any) -> Point:
        """For JAX: put together again."""
        return cls(fixed[0], dict(zip(fixed[1], values, strict=True)))
