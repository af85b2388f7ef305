"""The chain rule of one weight, path by path, as itam-2023 writes it for w_1 (1.5, equation 6).

    dE/dw_1 = dE/da_5 da_5/ds_5 ds_5/da_3 da_3/ds_3 ds_3/da_1 da_1/ds_1 ds_1/dw_1
            + dE/da_5 da_5/ds_5 ds_5/da_4 da_4/ds_4 ds_4/da_1 da_1/ds_1 ds_1/dw_1

A path goes from the weight to the cost through one unit of every layer on its way. There are as
many as the product of the widths: the largest are found one after the other, by best-first search,
and what the others add is their sum, known from the deltas without listing them. Where units are
too many, or rows see each other, a path goes through whole layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from descend.errors import DataError
from descend.glass.tracing import whole_index

if TYPE_CHECKING:
    from descend.glass.tracing import Trace

MOST_DERIVATIVES = 2_000_000  # numbers in all local derivatives together, for paths through units


@dataclass(frozen=True)
class Symbol:
    """What is differentiated: J, a z or an a of a layer, or the weight w.

    Attributes:
        letter: "J", "z", "a" or "w".
        place: the layer's; "" for J.
        index: of the unit in its row.
    """

    letter: str
    place: str = ""
    index: tuple[int, ...] = ()


@dataclass(frozen=True)
class Factor:
    """The derivative of `upper` by `lower`."""

    upper: Symbol
    lower: Symbol
    value: float


@dataclass(frozen=True)
class Path:
    """One way from the weight to the cost.

    Attributes:
        places: the layers on the way, from the weight's to the output's.
        factors: the derivatives along it, from the cost back to the weight; () through layers.
        product: what the path adds to the gradient.
    """

    places: tuple[str, ...]
    factors: tuple[Factor, ...]
    product: float

    @property
    def way(self) -> list[str]:
        """The layers, or units as "hidden[2]", that it goes through."""
        units = [f.upper for f in reversed(self.factors[1:])]
        named = [f"{s.place}[{', '.join(map(str, s.index))}]" for s in units]
        return list(dict.fromkeys(named)) or list(self.places)


@dataclass(frozen=True)
class Chain:
    """The gradient of one weight as a sum over paths.

    gradient = sum of the paths' products + rest + other_rows + penalty, up to rounding.

    Attributes:
        name, index: the weight.
        value: of the weight.
        gradient: of the step.
        row: the row whose paths these are; None where they are of the whole batch (through layers).
        paths: the largest, in descending size.
        count: of all paths that carry anything.
        rest: the sum of the paths not listed.
        other_rows: what the other rows of the batch add.
        penalty: what regularisation adds.
        frozen: whether `fit` leaves the weight as it is, and computes no gradient.
    """

    name: str
    index: tuple[int, ...]
    value: float
    gradient: float
    row: int | None
    paths: tuple[Path, ...]
    count: int
    rest: float
    other_rows: float
    penalty: float
    frozen: bool = False

    @property
    def source(self) -> str:
        """What `gradient` is."""
        if self.frozen:
            return "the gradient that it would have, were it not frozen"
        return "the gradient that fit uses"

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return sum(path.product for path in self.paths) + self.rest + self.other_rows + self.penalty

    def __str__(self) -> str:
        from descend.glass.trace_tables import chain_text

        return chain_text(self)


def chain_of(trace: Trace, name: str, index: Any = (), row: int = 0, most: int = 12) -> Chain:
    """The chain rule of one weight.

    Args:
        trace: of the step.
        name: the array, "layer/array".
        index: of the weight in it, counted from 0.
        row: of the batch, whose paths are listed.
        most: how many of them.

    Raises:
        DescendError, DataError: no such array, weight or row.
    """
    from descend.glass.chain_layers import through_layers
    from descend.glass.chain_units import Units
    from descend.glass.nodes import Nodes

    if most < 1:
        raise DataError(f"most, the number of paths to list, must be at least 1, got {most}")
    array = trace.array(name)
    at = whole_index(index, array.value.shape, f"the array {name!r}")
    whole_index(row, (trace.rows,), "the batch")
    layer, _, held = name.rpartition("/")
    nodes = Nodes(trace)
    gradient, penalty = float(array.gradient[at]), _penalty(trace, layer, held, at)
    units = not nodes.mixes and nodes.derivatives() <= MOST_DERIVATIVES
    if units:
        paths, count, whole = Units(nodes, row).paths(layer, held, at, most)
    else:
        paths, count = through_layers(nodes, layer, held, at, most)
        whole = gradient - penalty
    return Chain(
        name=name,
        index=at,
        value=float(array.value[at]),
        gradient=gradient,
        row=row if units else None,
        paths=tuple(paths),
        count=count,
        rest=whole - sum(path.product for path in paths) if count > len(paths) else 0.0,
        other_rows=gradient - penalty - whole if units and trace.rows > 1 else 0.0,
        penalty=penalty,
        frozen=array.frozen,
    )


def _penalty(trace: Trace, layer: str, array: str, at: tuple[int, ...]) -> float:
    """What regularisation adds to the gradient."""
    numbers = {n: trace.state.hyper[n] for n in trace.model.numbers()}

    def penalty(w: Any) -> Any:
        params = trace.state.params
        changed = {**params, layer: {**params[layer], array: w}}
        found = trace.model.penalty(changed, numbers)
        return jnp.zeros(()) if found is None else found

    return float(jax.grad(penalty)(trace.state.params[layer][array])[at])
