"""A recorded step as DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.glass.step.record import ArrayStep, Place, Step
from descend.glass.step.writing import norm
from descend.nn.symbols import listed

if TYPE_CHECKING:
    import pandas as pd


def overview(step: Step) -> pd.DataFrame:
    """One line a layer: its kind, shape, and the norms of its values and gradients."""
    import pandas as pd

    lines = []
    for place in step.places.values():
        arrays = step.arrays_of(place).values()
        shapes = [a.shape[1:] for a in listed(place.a)]
        lines.append(
            {
                "layer": place.name,
                "kind": place.kind,
                "output": ", ".join(map(str, shapes)),
                "|a|": norm(*listed(place.a)),
                "|dJ/da|": np.nan if place.slope is None else norm(*listed(place.slope)),
                "|delta|": np.nan if place.delta is None else norm(place.delta),
                "parameters": sum(a.value.size for a in arrays),
                "frozen": bool(arrays) and all(a.frozen for a in arrays),
                "|gradient|": norm(*(a.gradient for a in arrays)),
                "|update|": np.nan if step.failed else norm(*(a.update for a in arrays)),
            }
        )
    return pd.DataFrame(lines).set_index("layer")


def of_place(place: Place) -> pd.DataFrame:
    """One line a number of the output (of z, for a recurrent layer), with its gradients."""
    import pandas as pd

    outputs = listed(place.a)
    columns: dict[str, Any] = {}
    if place.over_time:
        columns = {"z": place.z, "delta": place.delta}
    elif len(outputs) == 1:
        columns = {"z": place.z, "a": place.a, "dJ/da": place.slope, "delta": place.delta}
    else:  # several outputs have shapes of their own
        frames = [
            _long({"a": a, "dJ/da": s}).assign(output=i)
            for i, (a, s) in enumerate(zip(outputs, listed(place.slope), strict=True))
        ]
        return pd.concat(frames, ignore_index=True)
    axes = ("row", "step", "unit") if place.over_time else ("row", "unit")
    return _long({k: v for k, v in columns.items() if v is not None}, axes)


def of_array(array: ArrayStep) -> pd.DataFrame:
    """One line a weight: its value, gradient, memory before and after, update and new value."""
    columns: dict[str, Any] = {"value": array.value, "gradient": array.gradient}
    for what, (before, after) in array.memory.items():
        if before.shape == array.value.shape:
            columns[what] = before
            if after is not None:
                columns[f"{what}, after"] = after
    if array.after is not None:
        columns |= {"update": array.update, "new value": array.after}
    kind = array.name.rpartition("/")[2].rpartition(".")[2]
    axes = {"kernel": ["input", "unit"], "recurrent_kernel": ["h", "unit"], "bias": ["unit"]}
    return _long(columns, axes.get(kind, []))


def _long(columns: dict[str, Any], axes: Sequence[str] = ("row", "unit")) -> pd.DataFrame:
    """Arrays of one shape as columns, their index in front; `axes` names them where it fits."""
    import pandas as pd

    shape = next(iter(columns.values())).shape
    names = list(axes)
    if len(shape) != len(axes):
        first = [n for n in axes if n == "row"]
        names = first + [f"axis {i}" for i in range(len(shape) - len(first))]
    index = np.indices(shape).reshape(len(shape), -1)
    places: dict[str, Any] = dict(zip(names, index, strict=True))
    return pd.DataFrame(places | {name: np.ravel(values) for name, values in columns.items()})
