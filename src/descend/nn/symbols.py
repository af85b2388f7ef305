"""What is joined into a network: the symbols of inputs and of layers' outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.layers.base import Layer, Shape


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer: on which symbols, and the shapes of what comes out."""

    layer: Layer
    inputs: tuple[Symbol, ...]
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, eq=False)
class Symbol:
    """An output of a layer (or an input) before there are numbers; shape without batch axis."""

    shape: Shape
    call: Call | None = None  # None: an input
    part: int = 0  # which of the call's outputs
    name: str | None = None
    dtype: str = "float32"

    @property
    def layer(self) -> Layer | None:
        """The layer that it comes from."""
        return self.call.layer if self.call else None

    @property
    def inputs(self) -> tuple[Symbol, ...]:
        """What that layer was called on."""
        return self.call.inputs if self.call else ()

    def __repr__(self) -> str:
        origin = self.layer.label if self.layer else f"Input {self.name!r}"
        return f"<Symbol of shape {(None, *self.shape)} from {origin}>"


def Input(shape: Sequence[int], *, name: str | None = None, dtype: str = "float32") -> Symbol:
    """Where numbers enter a network.

    Args:
        shape: of one row, without the batch axis: (2,) for two features.
        name: used for a dict of inputs and in `summary()`.
        dtype: "float32" or "int32".

    Raises:
        ShapeError: an axis that is not a whole number >= 1.
    """
    try:
        shape = tuple(shape)
    except TypeError:
        raise ShapeError(f"Input: shape must be a tuple such as (2,), got {shape!r}") from None
    for axis in shape:
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or axis < 1:
            raise ShapeError(
                f"Input: shape must hold whole numbers >= 1, got {shape}; "
                "the batch axis is left out"
            )
    return Symbol(shape=tuple(map(int, shape)), name=name, dtype=dtype)


def connect(layer: Layer, inputs: Any) -> Any:
    """Put `layer` behind one symbol or a list of symbols; the symbol of its output, or a list."""
    several = isinstance(inputs, (list, tuple))
    sources = tuple(inputs) if several else (inputs,)
    for source in sources:
        if not isinstance(source, Symbol):
            raise DescendError(
                f"{layer.label} was called on {type(source).__name__}; a layer is called on the "
                "symbol of an Input or of another layer. For arrays use "
                "layer.apply(params, state, x)."
            )
    if several and not layer.joins and len(sources) != 1:
        raise ShapeError(
            f"{layer.label} takes one input, got a list of {len(sources)}: join them first, "
            "as in Concatenate()([a, b])"
        )
    shapes = tuple(s.shape for s in sources)
    built = layer.build(shapes if len(shapes) > 1 else shapes[0])
    parts: Any = built if gives_several(built) else [built]
    call = Call(layer, sources, tuple(tuple(shape) for shape in parts))
    symbols = [Symbol(shape, call, part) for part, shape in enumerate(call.shapes)]
    return symbols if gives_several(built) else symbols[0]


def gives_several(built: Any) -> bool:
    """Whether what `build` returned is the shapes of several outputs."""
    return bool(built) and isinstance(built[0], (tuple, list))


def unique_names(layers: Sequence[Layer]) -> dict[int, Layer]:
    """Each distinct layer with a name: its own, or its class's with a number where taken."""
    distinct = list({id(layer): layer for layer in layers}.values())
    taken: set[str] = set()
    for layer in distinct:
        if layer.name is not None:
            if not layer.name or "." in layer.name or "/" in layer.name:
                raise DescendError(
                    f"a layer's name must be non-empty without '.' or '/': {layer.name!r}"
                )
            if layer.name in taken:
                raise DescendError(f"two layers are named {layer.name!r}; names must be unique")
            taken.add(layer.name)
    named = {}
    for layer in distinct:
        if layer.name is None:
            stem, number = layer.default_name(), 0
            while (name := f"{stem}_{number}" if number else stem) in taken:
                number += 1
            taken.add(name)
            named[id(layer)] = dataclasses.replace(layer, name=name)
        else:
            named[id(layer)] = layer
    return named


def numbered(names: Sequence[str]) -> list[str]:
    """Names made unique: a layer whose output is taken twice gives `a` and `a_1`."""
    found: list[str] = []
    for name in names:
        number, unique = 0, name
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def input_names(inputs: Sequence[Symbol]) -> list[str]:
    """The inputs' own names, or input, input_1, ..."""
    names = [s.name or (f"input_{i}" if i else "input") for i, s in enumerate(inputs)]
    if len(set(names)) < len(names):
        raise DescendError(f"two inputs have one name: {names}")
    return names
