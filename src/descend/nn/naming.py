"""Names in a graph: of layers, inputs and outputs, each unique."""

from __future__ import annotations

import re
from collections.abc import Sequence

from descend.errors import DescendError
from descend.nn.layers.base import Layer
from descend.nn.symbols import Symbol


def unique_names(
    layers: Sequence[Layer], compute_dtype: str | None, trainable: bool = True
) -> dict[int, Layer]:
    """{id of a layer's identity: the layer as it stands in one graph}, each with a name of its own.

    A layer keeps its name, or the one that its first graph gave it. Where two have one, and it is a
    name that is given by itself ("dense", "dense_1"), the second gets the next that is free. The
    layers also get the compute dtype, where they have none of their own; and are frozen, unless
    `trainable`.

    Raises:
        DescendError: two layers of one name that somebody chose; a name that cannot be written.
    """
    distinct: dict[int, Layer] = {}
    for layer in layers:  # what the user made, and what stands in another graph, may be one layer
        if (known := distinct.setdefault(id(layer.identity), layer)).name is None:
            distinct[id(known.identity)] = layer
    names: dict[int, str] = {}
    used: set[str] = set()
    name: str | None
    for key, layer in distinct.items():
        name = layer.name if layer.name is not None else layer.identity.name
        if name is None:
            continue
        if not name or "." in name or "/" in name:
            raise DescendError(f"a layer's name must be non-empty without '.' or '/': {name!r}")
        if name not in used:
            used.add(name)
            names[key] = name
        elif not re.fullmatch(rf"{layer.default_name()}(_\d+)?", name):
            raise DescendError(
                f"two layers are named {name!r}; names must be unique in a network, also across "
                "the networks that it is made of. Name one of them differently, or leave the names "
                "out: those that are given by themselves are made unique."
            )
    for key, layer in distinct.items():
        if key not in names:
            stem, number = layer.default_name(), 0
            name = stem
            while name in used:
                number += 1
                name = f"{stem}_{number}"
            used.add(name)
            names[key] = name
            layer.identity.name = layer.identity.name or name
    layers_named = {
        key: layer.with_fields(name=names[key], compute_dtype=layer.compute_dtype or compute_dtype)
        for key, layer in distinct.items()
    }
    if not trainable:
        layers_named = {key: layer.with_trainable(False) for key, layer in layers_named.items()}
    return layers_named


def input_names(inputs: Sequence[Symbol]) -> list[str]:
    """The inputs' own names, or input, input_1, ..."""
    names = [s.name or (f"input_{i}" if i else "input") for i, s in enumerate(inputs)]
    if len(set(names)) < len(names):
        raise DescendError(f"two inputs have one name: {names}")
    return names


def numbered(names: Sequence[str]) -> list[str]:
    """Names made unique: a layer whose output is taken twice gives `a` and `a_1`."""
    result: list[str] = []
    for name in names:
        number, unique = 0, name
        while unique in result:
            number += 1
            unique = f"{name}_{number}"
        result.append(unique)
    return result
