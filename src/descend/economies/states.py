"""States by name, as a user gives and reads them, from and to positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from descend.economies.system import Position, System
from descend.errors import DataError, unknown


def positions_of(system: System, states: Any) -> Position:
    """States by name, or a DataFrame of them, as positions (n, ...)."""
    values = by_name(system, states)
    chains = list(system.law.chains)
    wanted = [*system.shapes, *chains, *system.over]
    for name in values:
        if name not in wanted:
            raise DataError(str(unknown("state", name, wanted)))
    missing = [name for name in wanted if name not in values]
    if missing:
        raise DataError(f"policy: needs {', '.join(wanted)}; {', '.join(missing)} is missing")
    arrays: dict[str, np.ndarray] = {}
    for name in wanted:
        shape = system.shapes.get(name, ())
        try:
            array = np.asarray(values[name], float)
        except (TypeError, ValueError):
            message = f"policy: state {name!r} must be numbers, got {values[name]!r}"
            raise DataError(message) from None
        if array.ndim == len(shape):
            array = array[None]
        if array.shape[1:] != shape or not np.isfinite(array).all():
            raise DataError(
                f"policy: state {name!r} must be finite, of shape {('n', *shape)}, "
                f"got {np.shape(values[name])}"
            )
        arrays[name] = array
    count = max(len(a) for a in arrays.values())
    for name, array in arrays.items():
        if len(array) not in (1, count):
            raise DataError(f"policy: {name!r} has {len(array)} rows, others have {count}")
        arrays[name] = np.broadcast_to(array, (count, *array.shape[1:]))
    for name, size in zip(chains, system.chain_sizes, strict=True):
        a = arrays[name]
        if not ((a == np.round(a)) & (a >= 0) & (a < size)).all():
            raise DataError(
                f"policy: the chain {name!r} is given by its position, a whole number from 0 to "
                f"{size - 1}"
            )
    columns = lambda names: np.concatenate(  # noqa: E731
        [np.zeros((count, 0)), *(arrays[n].reshape(count, -1) for n in names)], axis=1
    )
    return Position(columns(system.shapes), columns(chains).astype(np.int32), columns(system.over))


def by_name(system: System, states: Any) -> dict[str, Any]:
    """A DataFrame's columns NAME_1, NAME_2, ... joined to vectors; a dict as it is."""
    if isinstance(states, Mapping):
        return dict(states)
    if not hasattr(states, "columns"):
        raise DataError(
            "states are given by name, {name: numbers}, or as a DataFrame with a column each; got "
            f"{states!r}"
        )
    values = {name: np.asarray(states[name]) for name in states.columns}
    for name, shape in system.shapes.items():
        parts = [f"{name}_{i + 1}" for i in range(shape[0])] if shape else []
        if parts and name not in values and all(p in values for p in parts):
            values[name] = np.stack([values.pop(p) for p in parts], axis=1)
    return values


def states_of(system: System, positions: Position) -> dict[str, np.ndarray]:
    """Positions (..., n) as states, chains' positions and extra parameters by name."""
    states = {k: np.asarray(v) for k, v in system.unpack(np.asarray(positions.values)).items()}
    for i, name in enumerate(system.law.chains):
        states[name] = np.asarray(positions.chains)[..., i]
    for i, name in enumerate(system.over):
        states[name] = np.asarray(positions.extra)[..., i]
    return states
