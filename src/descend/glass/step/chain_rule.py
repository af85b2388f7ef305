"""The chain rule of one weight in a recorded step.

Where units are too many, or rows see each other, a path goes through whole layers.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DataError
from descend.glass.arguments import whole_index
from descend.glass.step.chain import Chain
from descend.glass.step.nodes import Nodes
from descend.glass.step.record import Step
from descend.glass.step.through_layers import through_layers
from descend.glass.step.through_units import Units

MOST_DERIVATIVES = 2_000_000  # numbers in all local derivatives together, for paths through units


def chain_of(step: Step, name: str, index: Any = (), row: int = 0, most: int = 12) -> Chain:
    """The chain rule of one weight: through units, or through layers where units are too many.

    Args:
        step: the recorded step.
        name: the array, "layer/array".
        index: the weight's in it, counted from 0.
        row: the row of the batch whose paths are listed.
        most: how many paths are listed.

    Raises:
        DescendError, DataError: no such array, weight or row.
    """
    if most < 1:
        raise DataError(f"most, the number of paths to list, must be at least 1, got {most}")
    array = step.array(name)
    at = whole_index(index, array.value.shape, f"the array {name!r}")
    whole_index(row, (step.rows,), "the batch")
    layer, _, array_name = name.rpartition("/")
    nodes = Nodes(step)
    gradient, penalty = float(array.gradient[at]), _penalty(step, layer, array_name, at)
    units = not nodes.mixes and nodes.derivatives() <= MOST_DERIVATIVES
    if units:
        paths, count, whole = Units(nodes, row).paths(layer, array_name, at, most)
    else:
        paths, count = through_layers(nodes, layer, array_name, at, most)
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
        other_rows=gradient - penalty - whole if units and step.rows > 1 else 0.0,
        penalty=penalty,
        frozen=array.frozen,
    )


def _penalty(step: Step, layer: str, array: str, at: tuple[int, ...]) -> float:
    """What regularisation adds to the gradient."""
    numbers = {n: step.state.hyper[n] for n in step.model.numbers()}

    def penalty(w: Any) -> Any:
        params = step.state.params
        changed = {**params, layer: {**params[layer], array: w}}
        cost = step.model.penalty(changed, numbers)
        return jnp.zeros(()) if cost is None else cost

    return float(jax.grad(penalty)(step.state.params[layer][array])[at])
