"""A trace as text and as DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.glass.nodes import listed
from descend.glass.units import activation_name

if TYPE_CHECKING:
    import pandas as pd

    from descend.glass.chain import Chain, Symbol
    from descend.glass.tracing import ArrayStep, Place, Trace
    from descend.glass.units import Term, UnitArithmetic

MOST_LINES = 16  # of one layer or array in text; larger ones are summed up in one line
MOST_TERMS = 12  # of a sum in text
OVER_UNITS = ("softmax", "log_softmax")  # activations that take the z of all units


# -- DataFrames -------------------------------------------------------------------------------


def overview(trace: Trace) -> pd.DataFrame:
    """One line a layer: its kind, shape, and the norms of what it computes and is told."""
    import pandas as pd

    lines = []
    for place in trace.places.values():
        arrays = trace.arrays_of(place).values()
        shapes = [a.shape[1:] for a in listed(place.a)]
        lines.append(
            {
                "layer": place.name,
                "kind": kind(place),
                "output": ", ".join(map(str, shapes)),
                "|a|": norm(*listed(place.a)),
                "|dJ/da|": np.nan if place.slope is None else norm(*listed(place.slope)),
                "|delta|": np.nan if place.delta is None else norm(place.delta),
                "parameters": sum(a.value.size for a in arrays),
                "frozen": bool(arrays) and all(a.frozen for a in arrays),
                "|gradient|": norm(*(a.gradient for a in arrays)),
                "|update|": np.nan if trace.failed else norm(*(a.update for a in arrays)),
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
    found: dict[str, Any] = dict(zip(names, index, strict=True))
    return pd.DataFrame(found | {name: np.ravel(values) for name, values in columns.items()})


# -- text -------------------------------------------------------------------------------------


def text(trace: Trace) -> str:
    """Everything in a small network, and what is large summed up."""
    numbers = ", ".join(f"{name.replace('_', ' ')} {show(v)}" for name, v in trace.numbers.items())
    rows = "1 row" if trace.rows == 1 else f"{trace.rows:,} rows"
    lines = [f"One step of fit on {rows}: cost J = {show(trace.cost)}"]
    lines += [f"update rule {trace.rule}" + (f" ({numbers})" if numbers else "")]
    lines += ["Units, weights and rows are counted from 0."]
    if trace.failed:
        lines += [f"fit stops here: {trace.failed}"]
    for place in trace.places.values():
        lines += ["", f"{place.name}: {describe(place)}"]
        lines += _place_lines(place)
        for name, array in trace.arrays_of(place).items():
            if array.frozen:
                lines += [f"  {array.name} is frozen: fit computes no gradient; it would be this"]
            lines += _array_lines(name, array)
    rules = trace.hand_rules()
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
    return kind(place) + g + logits


def kind(place: Place) -> str:
    """The class of the layer."""
    return type(place.layer).__name__


def norm(*arrays: Any) -> float:
    """The root of the sum of squares."""
    squares = [np.sum(np.square(np.asarray(a, np.float64))) for a in arrays if a is not None]
    return float(np.sqrt(np.sum(squares)))


def show(value: float) -> str:
    """A number to six digits."""
    return f"{value:.6g}"


def _place_lines(place: Place) -> list[str]:
    outputs = listed(place.a)
    if len(outputs) == 1 and outputs[0].size <= MOST_LINES and not place.over_time:
        frame = of_place(place)
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
        frame = of_array(array)
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
    shown = frame.to_string(index=False, float_format=lambda v: f"{v:.6g}")
    return ["  " + line for line in shown.splitlines()]


# -- one unit ---------------------------------------------------------------------------------


def joined(index: tuple[int, ...]) -> str:
    """An index as a subscript: "3", "1,0"."""
    return ",".join(map(str, index))


def letter_of(array: str) -> str:
    """How a weight is written: b for a bias, u for a recurrent kernel, w for all others."""
    last = array.rpartition(".")[2]
    return {"bias": "b", "recurrent_kernel": "u"}.get(last, "w")


def term_text(term: Term) -> str:
    """One product in symbols."""
    w = f"{letter_of(term.array)}_{joined(term.index)}"
    return f"{w} {term.source}".rstrip()


def unit_text(unit: UnitArithmetic) -> str:
    """z = b + w x + ... in symbols, in numbers, and the gradients."""
    at = joined(unit.index)
    terms = list(unit.terms)
    left = f"z_{at}"
    more = ""
    if len(terms) > MOST_TERMS:
        order = sorted(terms, key=lambda t: -abs(t.product))[:MOST_TERMS]
        rest = unit.total - sum(t.product for t in order)
        more = f" + {len(terms) - MOST_TERMS} more that add {show(rest)}"
        terms = [t for t in terms if t in order]
    pad = " " * len(left)
    numbers = [
        f"({show(t.weight)})({show(t.value)})" if t.source else f"({show(t.weight)})" for t in terms
    ]
    lines = [f"{unit.place}, unit {at}, row {unit.row}"]
    lines += [f"  {left} = " + " + ".join(map(term_text, terms)) + more]
    lines += [f"  {pad} = " + " + ".join(numbers) + more]
    lines += [f"  {pad} = {show(unit.z)}"]
    if unit.a is not None:
        g = unit.activation
        whole = f"{g}(z)_{at}" if g in OVER_UNITS else f"{g}(z_{at})"
        lines += [f"  a_{at} = {whole} = {show(unit.a)}"]
    if unit.slope is not None:
        lines += [f"  dJ/da_{at} = {show(unit.slope)}"]
    lines += [f"  delta_{at} = dJ/dz_{at} = {show(unit.delta)}"]
    lines += ["  what each weight's gradient gets from this row: delta times what it multiplies"]
    width = max(len(term_text(t).split(" ")[0]) for t in terms)
    lines += [
        f"    dJ/d{term_text(t).split(' ')[0]:<{width}} : ({show(unit.delta)})({show(t.value)}) = "
        f"{show(unit.delta * t.value)}"
        for t in terms
    ]
    return "\n".join(lines)


# -- one weight -------------------------------------------------------------------------------


def symbol_text(symbol: Symbol) -> str:
    """J, z[hidden, 2], a[output, 0], w[0, 2]."""
    if symbol.letter == "J":
        return "J"
    parts = [symbol.place] if symbol.letter in "za" else []
    letter = symbol.letter if symbol.letter in "za" else letter_of(symbol.place)
    return f"{letter}[{', '.join([*parts, *map(str, symbol.index)])}]"


def chain_text(chain: Chain) -> str:
    """The derivative as a sum of products, in symbols and numbers."""
    where = f"{chain.name}[{joined(chain.index)}]" if chain.index else chain.name
    of = "all rows" if chain.row is None else f"row {chain.row}"
    ways = "1 path" if chain.count == 1 else f"{chain.count:,} paths"
    level = "layers" if chain.row is None else "units"
    lines = [f"dJ/dw for w = {where} = {show(chain.value)}: {ways} through {level} ({of})"]
    for number, path in enumerate(chain.paths, 1):
        if path.factors:
            symbols = [f"d{symbol_text(f.upper)}/d{symbol_text(f.lower)}" for f in path.factors]
            lines += [f"  path {number}: " + " * ".join(symbols)]
            lines += ["    = " + " * ".join(f"({show(f.value)})" for f in path.factors)]
            lines += [f"    = {show(path.product)}"]
        else:
            lines += [f"  path {number}: w -> {' -> '.join(path.places)} -> J"]
            lines += [f"    adds {show(path.product)}"]
    unlisted = chain.count - len(chain.paths)
    if unlisted > 0:
        lines += [f"  the other {unlisted:,} paths together add {show(chain.rest)}"]
    if chain.other_rows:
        lines += [f"  the other rows of the batch add {show(chain.other_rows)}"]
    if chain.penalty:
        lines += [f"  the penalty adds {show(chain.penalty)}"]
    lines += [f"  sum {show(chain.total)}; {chain.source}: {show(chain.gradient)}"]
    return "\n".join(lines)
