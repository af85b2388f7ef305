"""States by name, as a user gives and reads them, from and to positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from descend.economies.points import Ground, Position
from descend.errors import DataError, unknown


def positions_of(ground: Ground, states: Any) -> Position:
    """States by name, or a DataFrame of them, as positions (n, ...)."""
    given = by_name(ground, states)
    chains = list(ground.law.chains)
    wanted = [*ground.shapes, *chains, *ground.over]
    for name in given:
        if name not in wanted:
            raise DataError(str(unknown("state", name, wanted)))
    missing = [name for name in wanted if name not in given]
    if missing:
        raise DataError(f"policy: needs {', '.join(wanted)}; {', '.join(missing)} is missing")
    arrays: dict[str, np.ndarray] = {}
    for name in wanted:
        shape = ground.shapes.get(name, ())
        try:
            array = np.asarray(given[name], float)
        except (TypeError, ValueError):
            said = f"policy: state {name!r} must be numbers, got {given[name]!r}"
            raise DataError(said) from None
        if array.ndim == len(shape):
            array = array[None]
        if array.shape[1:] != shape or not np.isfinite(array).all():
            raise DataError(
                f"policy: state {name!r} must be finite, of shape {('n', *shape)}, "
                f"got {np.shape(given[name])}"
            )
        arrays[name] = array
    count = max(len(a) for a in arrays.values())
    for name, array in arrays.items():
        if len(array) not in (1, count):
            raise DataError(f"policy: {name!r} has {len(array)} rows, others have {count}")
        arrays[name] = np.broadcast_to(array, (count, *array.shape[1:]))
    for name, size in zip(chains, ground.chain_sizes, strict=True):
        a = arrays[name]
        if not ((a == np.round(a)) & (a >= 0) & (a < size)).all():
            raise DataError(
                f"policy: the chain {name!r} is given by its position, a whole number from 0 to "
                f"{size - 1}"
            )
    columns = lambda names: np.concatenate(  # noqa: E731
        [np.zeros((count, 0)), *(arrays[n].reshape(count, -1) for n in names)], axis=1
    )
    return Position(columns(ground.shapes), columns(chains).astype(np.int32), columns(ground.over))


def by_name(ground: Ground, states: Any) -> dict[str, Any]:
    """A DataFrame's columns NAME_1, NAME_2, ... joined to vectors; a dict as it is."""
    if isinstance(states, Mapping):
        return dict(states)
    given = {name: np.asarray(states[name]) for name in states.columns}
    for name, shape in ground.shapes.items():
        parts = [f"{name}_{i + 1}" for i in range(shape[0])] if shape else []
        if parts and name not in given and all(p in given for p in parts):
            given[name] = np.stack([given.pop(p) for p in parts], axis=1)
    return given


def states_of(ground: Ground, positions: Position) -> dict[str, np.ndarray]:
    """Positions (..., n) as states, chains' positions and extra parameters by name."""
    found = {k: np.asarray(v) for k, v in ground.unpack(np.asarray(positions.values)).items()}
    for i, name in enumerate(ground.law.chains):
        found[name] = np.asarray(positions.chains)[..., i]
    for i, name in enumerate(ground.over):
        found[name] = np.asarray(positions.extra)[..., i]
    return found
