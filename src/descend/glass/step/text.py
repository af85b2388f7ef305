"""A recorded step as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from descend.glass.step import tables
from descend.glass.step.hand_rules import hand_rules
from descend.glass.step.record import ArrayStep, Place, Step
from descend.glass.step.units import activation_name
from descend.glass.step.writing import norm, show
from descend.nn.symbols import listed

if TYPE_CHECKING:
    import pandas as pd

MOST_LINES = 16  # of one layer or array in text; larger ones are summed up in one line


def of_step(step: Step) -> str:
    """Everything in a small network, and what is large summed up."""
    numbers = ", ".join(f"{name.replace('_', ' ')} {show(v)}" for name, v in step.numbers.items())
    rows = "1 row" if step.rows == 1 else f"{step.rows:,} rows"
    lines = [f"One step of fit on {rows}: cost J = {show(step.cost)}"]
    lines += [f"update rule {step.rule}" + (f" ({numbers})" if numbers else "")]
    lines += ["Units, weights and rows are counted from 0."]
    if step.failed:
        lines += [f"fit stops here: {step.failed}"]
    for place in step.places.values():
        lines += ["", f"{place.name}: {describe(place)}"]
        lines += _place_lines(place)
        for name, array in step.arrays_of(place).items():
            if array.frozen:
                lines += [f"  {array.name} is frozen: fit computes no gradient; it would be this"]
            lines += _array_lines(name, array)
    rules = hand_rules(step)
    if rules:
        lines += ["", "By hand (NumPy, no automatic differentiation):"]
        width = max(len(r.place) for r in rules)
        lines += [
            f"  {r.place:<{width}}  {r.rule}: differs by {r.difference:.0e} of the largest delta"
            for r in rules
        ]
    return "\n".join(lines)


def describe(place: Place) -> str:
    """The layer's kind, and g where it has one."""
    g = f", a = {activation_name(place.layer)}(z)" if hasattr(place.layer, "preactivation") else ""
    logits = "; the loss takes z itself" if place.slope is None else ""
    return place.kind + g + logits


def _place_lines(place: Place) -> list[str]:
    outputs = listed(place.a)
    if len(outputs) == 1 and outputs[0].size <= MOST_LINES and not place.over_time:
        frame = tables.of_place(place)
        if len(outputs[0]) == 1:
            frame = frame.drop(columns="row")
        return _aligned(frame)
    lines = []
    parts = [("z", place.z)] + [("a", a) for a in outputs]
    parts += [("delta", place.delta)] + [("dJ/da", s) for s in listed(place.slope)]
    for name, values in parts:
        if values is not None:
            lines.append(f"  {name:<6} {summary(values)}")
    return lines


def summary(values: np.ndarray) -> str:
    """Shape, range, mean and norm of many numbers."""
    if not values.size:
        return f"shape {values.shape}"
    v = np.asarray(values, np.float64)
    return (
        f"shape {values.shape}, from {show(v.min())} to {show(v.max())}, mean {show(v.mean())}, "
        f"norm {show(norm(v))}"
    )


def _array_lines(name: str, array: ArrayStep) -> list[str]:
    if array.value.size <= MOST_LINES:
        frame = tables.of_array(array)
        axes = list(frame)[: list(frame).index("value")]
        index = frame[axes].astype(int).astype(str).agg(",".join, axis=1) if axes else [""]
        labels = [f"{name}[{i}]" if axes else name for i in index]
        frame = frame.drop(columns=axes)
        frame.insert(0, "array", labels)
        return _aligned(frame)
    lines = [f"  {name}", f"    value    {summary(array.value)}"]
    lines += [f"    gradient {summary(array.gradient)}"]
    if array.update is not None:
        lines += [f"    update   {summary(array.update)}"]
    return lines


def _aligned(frame: pd.DataFrame) -> list[str]:
    lines = frame.to_string(index=False, float_format=show).splitlines()
    return [f"  {line}" for line in lines]
