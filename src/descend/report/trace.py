"""The page of a trace: every number of one step, small layers whole and large ones summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DescendError
from descend.files import write_atomically
from descend.glass.step.tables import of_array, of_place
from descend.glass.step.text import describe
from descend.glass.step.writing import joined, norm, show
from descend.nn.symbols import listed
from descend.report.page import escaped, page, paragraph, report_files, subheading, table
from descend.report.trace_math import path_math, unit_math

if TYPE_CHECKING:
    import pandas as pd

    from descend.glass import Trace
    from descend.glass.step.chain import Chain
    from descend.glass.step.hand_rules import HandRule
    from descend.glass.step.record import ArrayStep, Place

WHOLE = 64  # numbers of a layer or an array that are all shown
LARGEST = 10  # of the others
UNITS = 3  # a layer, whose arithmetic is written out where none is asked for
INDEX = ("row", "step", "unit", "output", "input", "h")  # columns that say which number it is
LAYERS = 60  # that have a section of their own
STYLE = """<style>
td.number { white-space: nowrap; } math { font-size: 1.05rem; }
mtd { padding: .3rem .25rem; } mfrac { padding: 0 .15rem; }
details { margin: .8rem 0; border: 1px solid #bbb; border-radius: .3rem; padding: .4rem .8rem; }
summary { cursor: pointer; font-weight: 600; }
summary:focus { outline: 3px solid #0b57a0; outline-offset: 2px; }
</style>"""


def trace_report(
    trace: Trace,
    path: str | Path,
    *,
    units: Sequence[tuple[str, Any]] = (),
    weights: Sequence[tuple[str, Any]] = (),
    row: int = 0,
) -> Path:
    """Write a trace as one self-contained page of HTML.

    Args:
        trace: the result of `descend.glass.trace`.
        path: the page's, which ends in .html; written to a temporary name and renamed.
        units: (layer, index) of units whose arithmetic is written out; by default the first ones of
            every layer.
        weights: (array, index) of weights whose chain rule is written out; by default the one with
            the largest gradient in the first layer that has weights.
        row: the row of the batch, for both.

    Returns:
        The path.

    Raises:
        DescendError, DataError: a unit or weight that is not there, a file that cannot be written.
    """
    file, _ = report_files(path)
    chosen_weights = weights or _default_weights(trace)
    rules = {rule.place: rule for rule in trace.hand_rules()}
    sections = [
        ("The step at a glance", STYLE + _overview(trace)),
        (
            "The chain rule of a weight",
            "".join(_chain(trace.weight(*w, row=row)) for w in chosen_weights),
        ),
        ("The lectures' formulas beside it", _by_hand(list(rules.values()))),
    ]
    places = list(trace.places.values())
    named = {name for name, _ in units}
    for place in places[:LAYERS]:
        chosen = [index for name, index in units if name == place.name]
        if not named:
            chosen = _first_units(place)
        sections.append((f"{place.name}: {place.kind}", _layer(trace, place, chosen, row, rules)))
    for name in named - {place.name for place in places[:LAYERS]}:
        place = trace.place(name)
        chosen = [index for n, index in units if n == name]
        sections.append((f"{place.name}: {place.kind}", _layer(trace, place, chosen, row, rules)))
    if len(places) > LAYERS:
        left = f"{len(places) - LAYERS} more layers are in the table at the top only."
        sections.append(("The other layers", paragraph(left)))
    write_atomically(file, page(f"One step of {trace.model.name}", sections, _lead(trace)).encode())
    return file


def _lead(trace: Trace) -> str:
    numbers = ", ".join(f"{name.replace('_', ' ')} {show(v)}" for name, v in trace.numbers.items())
    rows = "one row" if trace.rows == 1 else f"{trace.rows:,} rows"
    rule = f"{trace.rule} ({numbers})" if numbers else trace.rule
    status = f"Cost J = {show(trace.cost)} on {rows}. Update rule: {rule}."
    lead = paragraph(status, "status")
    if trace.failed:
        lead = paragraph(f"{status} fit stops here: {trace.failed}", "status warn")
    return lead + paragraph(
        "These are the numbers of the step that fit makes next on these rows. z is what a layer's "
        "activation is applied to, a what it puts out, δ the gradient of the cost by z. Units, "
        "weights and rows are counted from 0, as in arrays."
    )


def _overview(trace: Trace) -> str:
    head = ["layer", "kind", "output", "|a|", "|∂J/∂a|", "|δ|", "weights", "|gradient|", "|update|"]
    rows = []
    for place in trace.places.values():
        arrays = list(trace.arrays_of(place).values())
        shapes = ", ".join(
            "\u00a0×\u00a0".join(map(str, a.shape[1:])) or "1" for a in listed(place.a)
        )
        count = sum(a.value.size for a in arrays)
        rows.append(
            [
                " · " * place.name.count(".") + place.name,
                place.kind,
                shapes,
                _brief(norm(*listed(place.a))),
                "" if place.slope is None else _brief(norm(*listed(place.slope))),
                "" if place.delta is None else _brief(norm(place.delta)),
                f"{count:,}" if count else "",
                _brief(norm(*(a.gradient for a in arrays))) if count else "",
                _brief(norm(*(a.update for a in arrays))) if count and not trace.failed else "",
            ]
        )
    note = "Norms, the root of the sum of squares. Forwards read down, backwards read up."
    return table("Layers, from the input to the output", head, rows, words=3) + paragraph(note)


def _brief(value: float) -> str:
    """A norm, to four digits."""
    return f"{value:.4g}"


# -- one weight -------------------------------------------------------------------------------


def _default_weights(trace: Trace) -> list[tuple[str, Any]]:
    """The weight of the largest gradient among those nearest to the input; a kernel's."""
    for place in trace.places.values():
        arrays = [a for a in trace.arrays_of(place).values() if a.value.size]
        arrays.sort(key=lambda a: a.name.endswith("bias"))
        if arrays:
            size = np.abs(np.nan_to_num(arrays[0].gradient))
            return [(arrays[0].name, tuple(map(int, np.unravel_index(size.argmax(), size.shape))))]
    return []


def _chain(chain: Chain) -> str:
    where = f"{chain.name}[{joined(chain.index)}]" if chain.index else chain.name
    ways = "1 path" if chain.count == 1 else f"{chain.count:,} paths"
    of = "through layers, all rows together" if chain.row is None else f"of row {chain.row}"
    text = (
        f"w = {where} = {show(chain.value)} reaches the cost on {ways} ({of}). The gradient is the "
        "sum of what they carry."
    )
    parts = [subheading(where), paragraph(text)]
    rows = []
    for number, path in enumerate(chain.paths, 1):
        name = f"path {number}"
        rows.append([name, " → ".join(path.way), show(path.product)])
        if path.factors:
            label = f"{name}: {' → '.join(path.way)}, {show(path.product)}"
            parts.append(_details(label, path_math(path), open_=number <= 2))
    if chain.count > len(chain.paths):
        left = chain.count - len(chain.paths)
        rows.append([f"{left:,} other paths", "together", show(chain.rest)])
    if chain.other_rows:
        rows.append(["other rows", "of the batch", show(chain.other_rows)])
    if chain.penalty:
        rows.append(["penalty", "of the weight itself", show(chain.penalty)])
    rows.append(["sum", "", show(chain.total)])
    rows.append(["gradient", chain.source.removeprefix("the gradient "), show(chain.gradient)])
    return "".join(parts) + table(f"∂J/∂w of {where}", ["part", "by way of", "adds"], rows, words=2)


def _by_hand(rules: Sequence[HandRule]) -> str:
    if not rules:
        text = "None of the lectures' formulas for δ is for these layers and this loss."
        return paragraph(text)
    rows = [[r.place, _rule(r.rule), f"{r.difference:.0e}"] for r in rules]
    text = (
        "δ by the formulas that the lectures derive, evaluated in NumPy from the weights, outputs "
        "and targets of the step. Nothing is differentiated. The tables below have them beside the "
        "step's own."
    )
    head = ["layer", "formula", "largest difference, as a share of the largest δ"]
    return paragraph(text) + table("Formulas and the step", head, rows, words=2)


# -- one layer --------------------------------------------------------------------------------


def _layer(
    trace: Trace, place: Place, units: Sequence[Any], row: int, rules: Mapping[str, HandRule]
) -> str:
    parts = [paragraph(describe(place))]
    frame = of_place(place)
    if (by_hand := rules.get(place.name)) is not None:
        frame["δ by hand"] = by_hand.delta.ravel()
    parts.append(_numbers(f"{place.name}: units", frame, "delta", trace.rows == 1))
    for index in units:
        at = index if isinstance(index, tuple) else (index,)
        try:
            unit = trace.unit(place.name, at, row)
        except DescendError as error:
            parts.append(paragraph(str(error)))
            break
        parts.append(_details(f"Unit {joined(unit.index)}, row {row}", unit_math(unit)))
    parts += [_array(array) for array in trace.arrays_of(place).values()]
    return "".join(parts)


def _first_units(place: Place) -> list[tuple[int, ...]]:
    if place.z is None or place.delta is None or not hasattr(place.layer, "units"):
        return []
    shape = place.z.shape[1:]
    return [
        tuple(map(int, np.unravel_index(i, shape))) for i in range(min(UNITS, int(np.prod(shape))))
    ]


def _array(array: ArrayStep) -> str:
    return _numbers(
        f"{array.name}", of_array(array), "update" if array.after is not None else "gradient"
    )


def _numbers(caption: str, frame: pd.DataFrame, by: str, one_row: bool = False) -> str:
    """All numbers of a small table; of a large one its range, and the lines largest in `by`."""
    if one_row and "row" in frame:
        frame = frame.drop(columns="row")
    columns = [str(c) for c in frame]
    index = [c for c in columns if c in INDEX or c.startswith("axis ")]
    values = [c for c in columns if c not in index]
    head = [*index, *(_greek(c) for c in values)]
    if len(frame) <= WHOLE:
        return table(caption, head, _lines(frame, index, values), words=len(index))
    numbers = frame[values].to_numpy(np.float64)
    stats = [("least", numbers.min(0)), ("mean", numbers.mean(0)), ("largest", numbers.max(0))]
    stats += [("norm", np.sqrt(np.square(numbers).sum(0)))]
    rows = [[what, *map(show, line)] for what, line in stats]
    whole = table(f"{caption}: {len(frame):,} numbers", ["of", *map(_greek, values)], rows)
    by = by if by in values else values[-1]
    largest = frame.loc[frame[by].abs().nlargest(LARGEST).index]
    few = f"{caption}: the {LARGEST} with the largest |{_greek(by)}|"
    return whole + _details(few, table(few, head, _lines(largest, index, values), words=len(index)))


def _lines(frame: pd.DataFrame, index: Sequence[str], values: Sequence[str]) -> list[list[str]]:
    columns = [frame[c].astype(int).astype(str) for c in index]
    columns += [frame[c].map(lambda v: show(float(v))) for c in values]
    if not columns:
        return []
    return [list(line) for line in zip(*columns, strict=True)]


def _rule(text: str) -> str:
    return text.replace("sum_k w_k delta_k", "Σ w δ of the units behind").replace("delta", "δ")


def _greek(name: str) -> str:
    return {"delta": "δ", "dJ/da": "∂J/∂a"}.get(name, name)


def _details(label: str, inside: str, open_: bool = False) -> str:
    """What can be folded away, by keyboard too."""
    scroll = f"<div class='scroll' tabindex='0' role='region' aria-label='{escaped(label)}'>"
    body = inside if inside.startswith("<div") else f"{scroll}{inside}</div>"
    flag = " open" if open_ else ""
    return f"<details{flag}><summary>{escaped(label)}</summary>{body}</details>"
