"""A point of an economy as its author reads it: `now.k`, `policy.saving`, `shock.e`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from descend.errors import unknown


def labels(name: str, size: int) -> list[str]:
    """The names of a quantity's numbers: itself for one, NAME_1, NAME_2, ... for several."""
    return [name] if size == 1 else [f"{name}_{i + 1}" for i in range(size)]


@jax.tree_util.register_pytree_node_class
class Point:
    """Named values read as attributes.

    Args:
        kind: what its names are called in an error: "state", "policy", "shock".
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
