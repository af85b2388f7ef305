"""The lectures' formulas for delta, evaluated beside the deltas of the step.

    delta_o = (y - t) y (1 - y)                 (scheidegger-2020, equation 4.8)
    delta_h = a (1 - a) sum_k w_hk delta_k      (scheidegger-2020, equation 4.9)
    dJ/dz   = sigma(z) - y                      (hull-2023, "Back-propagation for MLPs: Backward
                                                 Pass")

with the slope of each activation in the place of a (1 - a). They are computed in NumPy from the
weights, outputs and targets of the step: nothing is differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.glass.step.record import Place, Step
from descend.glass.step.units import activation_name
from descend.nn.layers import Dense, DropConnect
from descend.nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredError,
)

# activation -> (g' from z and a, as the lectures write it)
SLOPES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "sigmoid": (lambda z, a: a * (1 - a), "a (1 - a)"),
    "tanh": (lambda z, a: 1 - a**2, "(1 - a^2)"),
    "relu": (lambda z, a: (z > 0) * 1.0, "1[z > 0]"),
    "linear": (lambda z, a: np.ones_like(a), ""),
    "softplus": (lambda z, a: 1 - np.exp(-a), "(1 - e^-a)"),
}


@dataclass(frozen=True, eq=False)
class HandRule:
    """One formula at one layer.

    Attributes:
        place: the layer's.
        rule: the formula, in symbols.
        delta: the formula's values, (n, units), in float64.
        difference: its largest distance from the delta of the step, as a share of that delta's
            largest number.
    """

    place: str
    rule: str
    delta: np.ndarray
    difference: float


def hand_rules(step: Step) -> list[HandRule]:
    """The formulas that apply: dense layers on rows of numbers, a loss that a lecture derives."""
    model = step.model
    names = step.node_names
    read: dict[int, list[str]] = {}  # place in the graph -> who reads it
    for name, node in zip(names, model.nodes, strict=True):
        for source in node.sources:
            read.setdefault(source, []).append(name)
    rules = []
    for name, node in zip(names, model.nodes, strict=True):
        place = step.places[name]
        if place.z is None or place.z.ndim != 2 or not _plain(place):
            continue
        outputs = [i for i, at in enumerate(model.outputs_at) if at == node.place]
        readers = [step.places[n] for n in read.get(node.place, [])]
        if len(outputs) == 1 and not readers:
            rule = _of_output(step, place, outputs[0])
        elif not outputs and readers and all(isinstance(r.layer, Dense) for r in readers):
            rule = _of_hidden(step, place, readers)
        else:
            continue
        if rule is not None:
            words, delta = rule
            assert place.delta is not None
            scale = float(np.abs(place.delta).max()) or 1.0
            apart = float(np.abs(delta - place.delta).max()) / scale
            rules.append(HandRule(name, words, delta, apart))
    return rules


def _plain(place: Place) -> bool:
    return type(place.layer) is Dense and place.layer.compute_dtype is None


def _of_output(step: Step, place: Place, number: int) -> tuple[str, np.ndarray] | None:
    """(y - t) g'(z), or g(z) - t where the loss takes the logits, times the row's share in J."""
    output, loss = step.task.outputs[number], step.task.losses[number]
    if step.task.mixup is not None:
        return None
    a, z = np.asarray(place.a, np.float64), np.asarray(place.z, np.float64)
    t = np.asarray(step.data.y[number])
    name = activation_name(place.layer)
    share = np.full(step.rows, output.share / step.rows)
    if step.data.weight is not None:
        share = share * step.data.weight[number]
    if step.task.logits[number] and isinstance(loss, SparseCategoricalCrossentropy):
        rule, delta = "softmax(z) - t", a - np.eye(a.shape[1])[t.astype(int)]
    elif step.task.logits[number] and isinstance(loss, CategoricalCrossentropy):
        rule, delta = "softmax(z) sum_k t_k - t", a * t.sum(axis=1, keepdims=True) - t
    elif step.task.logits[number] and isinstance(loss, BinaryCrossentropy):
        rule, delta = "sigma(z) - t", (a - t) / a.shape[1]
    elif isinstance(loss, (SquaredError, MeanSquaredError)) and name in SLOPES:
        slope, word = SLOPES[name]
        twice = isinstance(loss, MeanSquaredError) or not loss.half
        factor = 2.0 if twice else 1.0
        factor = factor / a.shape[1] if isinstance(loss, MeanSquaredError) else factor
        rule = f"{'2 ' if twice else ''}(a - t) {word}".strip()
        delta = factor * (a - t) * slope(z, a)
        if isinstance(loss, MeanSquaredError) and a.shape[1] > 1:
            rule += f" / {a.shape[1]}"
    else:
        return None
    words = f"delta = {rule}"
    if step.data.weight is not None or step.rows > 1 or output.share != 1:
        words += ", times the row's share in the cost"
    return words, delta * share[:, None]


def _of_hidden(step: Step, place: Place, readers: list[Place]) -> tuple[str, np.ndarray] | None:
    """g'(z) sum_k w_hk delta_k over the units k that read this layer."""
    name = activation_name(place.layer)
    if name not in SLOPES or any(
        isinstance(r.layer, DropConnect) or type(r.layer) is not Dense or r.delta is None
        for r in readers
    ):
        return None
    a, z = np.asarray(place.a, np.float64), np.asarray(place.z, np.float64)
    back = np.zeros_like(a)
    for reader in readers:
        kernel = np.asarray(step.arrays_of(reader)["kernel"].value, np.float64)
        back = back + np.asarray(reader.delta, np.float64) @ kernel.T
    slope, word = SLOPES[name]
    return f"delta = {word} sum_k w_k delta_k".replace("  ", " "), slope(z, a) * back
