"""The arithmetic of one unit with the numbers put in, forwards and backwards.

    z_3 = b_3 + w_5 a_1 + w_7 a_2          (itam-2023, 1.5, equation 5)

Every number is that of the traced step; units, weights and rows are counted from 0, as in arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.glass.arguments import whole_index
from descend.glass.step.record import ArrayStep, Place, Step
from descend.glass.step.writing import OVER_UNITS, joined, letter_of, show
from descend.nn import activations
from descend.nn.layers import Dense, DropConnect
from descend.nn.layers.recurrent import OverTime

MOST_TERMS = 12  # of a sum in text


@dataclass(frozen=True)
class Term:
    """One product of the sum z.

    Attributes:
        array: the name of the weight's array, "kernel".
        index: the weight's in its array.
        weight: its value.
        source: the other factor in words: "x_1", "h_0" of the step before; "" for a bias.
        value: the other factor's value; 1 for a bias.
    """

    array: str
    index: tuple[int, ...]
    weight: float
    source: str
    value: float

    @property
    def product(self) -> float:
        """weight x value."""
        return self.weight * self.value

    @property
    def letter(self) -> str:
        """The weight in symbols: "w_0,2"."""
        return f"{letter_of(self.array)}_{joined(self.index)}"

    @property
    def symbols(self) -> str:
        """The product in symbols: "w_0,2 x_0", "b_2"."""
        return f"{self.letter} {self.source}".rstrip()

    @property
    def numbers(self) -> str:
        """The product with its numbers put in: "(0.5)(1.2)", "(0.1)"."""
        return f"({show(self.weight)})" + (f"({show(self.value)})" if self.source else "")


@dataclass(frozen=True)
class UnitArithmetic:
    """One unit of one row.

    Attributes:
        place, index, row: which unit.
        terms: whose products add up to z, the biases first.
        z, a: the unit's numbers in the step, in float32.
        activation: the name of g; a = g(z).
        slope: the gradient of the cost by a, None where the loss takes z.
        delta: the gradient of the cost by z.
    """

    place: str
    index: tuple[int, ...]
    row: int
    terms: tuple[Term, ...]
    z: float
    a: float | None
    activation: str
    slope: float | None
    delta: float

    @property
    def total(self) -> float:
        """The sum of the products, in float64."""
        return float(sum(term.product for term in self.terms))

    def __str__(self) -> str:
        at, terms, more = joined(self.index), list(self.terms), ""
        if len(terms) > MOST_TERMS:
            largest = sorted(terms, key=lambda t: -abs(t.product))[:MOST_TERMS]
            rest = self.total - sum(t.product for t in largest)
            more = f" + {len(terms) - MOST_TERMS} more that add {show(rest)}"
            terms = [t for t in terms if t in largest]
        z = f"z_{at}"
        pad = " " * len(z)
        lines = [f"{self.place}, unit {at}, row {self.row}"]
        lines += [f"  {z} = " + " + ".join(t.symbols for t in terms) + more]
        lines += [f"  {pad} = " + " + ".join(t.numbers for t in terms) + more]
        lines += [f"  {pad} = {show(self.z)}"]
        if self.a is not None:
            g = self.activation
            of_z = f"{g}(z)_{at}" if g in OVER_UNITS else f"{g}(z_{at})"
            lines += [f"  a_{at} = {of_z} = {show(self.a)}"]
        if self.slope is not None:
            lines += [f"  dJ/da_{at} = {show(self.slope)}"]
        lines += [f"  delta_{at} = dJ/dz_{at} = {show(self.delta)}"]
        lines += ["  what each weight's gradient gets from this row: delta times its factor"]
        width = max(len(t.letter) for t in terms)
        lines += [
            f"    dJ/d{t.letter:<{width}} : ({show(self.delta)})({show(t.value)}) = "
            f"{show(self.delta * t.value)}"
            for t in terms
        ]
        return "\n".join(lines)


def unit_arithmetic(step: Step, name: str, index: Any, row: int = 0) -> UnitArithmetic:
    """The arithmetic of one unit.

    Args:
        step: the recorded step.
        name: the place of a layer with weights and an activation: dense, convolutional, an LSTM or
            a simple recurrent layer.
        index: the unit's in a row of z, counted from 0: a number, or one for each axis (step and
            unit of a sequence; row, column and channel of an image).
        row: the row of the batch.

    Raises:
        DataError: no such unit or row.
        DescendError: a layer whose z is no sum of weights times inputs, or whose weights are
            dropped at random.
    """
    place = step.place(name)
    if place.z is None or place.delta is None:
        raise DescendError(
            f"{name!r} ({type(place.layer).__name__}) has no units with a pre-activation; its "
            f"numbers are in frame({name!r})"
        )
    whole_index(row, place.z.shape[:1], f"the batch of {name!r}")
    at = whole_index(index, place.z.shape[1:], f"a row of {name!r}")
    arrays = step.arrays_of(place)
    if place.over_time:
        terms = _recurrent(place, arrays, at, row)
    else:
        terms = _linear(place, arrays, at, row, "x" if _reads_inputs(step, name) else "a")
    z = float(place.z[(row, *at)])
    scale = sum(abs(t.product) for t in terms)
    if not np.isclose(sum(t.product for t in terms), z, rtol=0, atol=1e-4 * scale + 1e-12):
        raise DescendError(
            f"the z of {name!r} is not the sum of its weights times its input (weights dropped, "
            "steps masked or half precision); its numbers are in frame()"
        )
    elementwise = not place.over_time and not isinstance(place.a, tuple)
    slope = None if place.slope is None or not elementwise else float(place.slope[(row, *at)])
    return UnitArithmetic(
        place=name,
        index=at,
        row=row,
        terms=tuple(terms),
        z=z,
        a=float(place.a[(row, *at)]) if elementwise else None,
        activation=_gate(place, at) if place.over_time else activation_name(place.layer),
        slope=slope,
        delta=float(place.delta[(row, *at)]),
    )


def _reads_inputs(step: Step, name: str) -> bool:
    """Whether a place reads the network's inputs and not what another layer puts out."""
    if name not in step.node_names:
        return False
    node = step.model.nodes[step.node_names.index(name)]
    return all(source < len(step.model.input_names) for source in node.sources)


def activation_name(layer: Any) -> str:
    """The name of a layer's g."""
    described = activations.describe(layer.activation)
    return described if isinstance(described, str) else described[0]


def _linear(
    place: Place, arrays: Mapping[str, ArrayStep], at: tuple[int, ...], row: int, letter: str
) -> list[Term]:
    """The terms of a layer whose z is linear in its weights: what each is multiplied by."""
    layer: Any = place.layer
    if not arrays:
        raise DescendError(f"{place.name!r} has no weights: its z is its input")
    if isinstance(layer, DropConnect):
        raise DescendError(f"{place.name!r} drops weights at random: see frame({place.name!r})")
    params = {name: jnp.asarray(a.value) for name, a in arrays.items()}
    x = jnp.asarray(place.x[row : row + 1])

    def one(params: Any, x: Any) -> Any:
        return layer.preactivation(params, x)[(0, *at)]

    factor = jax.grad(one)(params, x)
    used = jax.grad(one)(params, jnp.ones_like(x))  # also those that a zero is multiplied by
    names = sorted(params, key=lambda name: (name != "bias", name))
    terms = []
    for name in names:
        weights, factors = np.asarray(params[name]), np.asarray(factor[name])
        for where in np.argwhere(np.asarray(used[name]) != 0):
            w = tuple(int(i) for i in where)
            source = "" if name == "bias" else letter
            if source and isinstance(layer, Dense):  # one number of the last axis a weight
                source += "_" + ",".join(map(str, (*at[:-1], w[-2])))
            terms.append(Term(name, w, float(weights[w]), source, float(factors[w])))
    return terms


def _recurrent(
    place: Place, arrays: Mapping[str, ArrayStep], at: tuple[int, ...], row: int
) -> list[Term]:
    """z_t = b + W x_t + U h_{t-1}, the form of a simple recurrent layer and of an LSTM."""
    layer = place.layer
    time, column = at
    weights = {name.rpartition(".")[2]: a.value for name, a in arrays.items()}
    sequence = place.x[0] if isinstance(place.x, tuple) else place.x
    plain = isinstance(layer, OverTime) and layer.return_sequences and not layer.go_backwards
    if not plain or isinstance(place.x, tuple) or weights.get("bias", weights["kernel"]).ndim > 2:
        raise DescendError(
            f"{place.name!r}: the sum of a step is written out for SimpleRNN and LSTM with "
            f"return_sequences=True and no first states; its z and delta are in "
            f"frame({place.name!r})"
        )
    outputs = place.a[0] if isinstance(place.a, tuple) else place.a
    before = outputs[row, time - 1] if time else np.zeros(outputs.shape[-1], outputs.dtype)
    bias = []
    if "bias" in weights:
        bias = [Term("bias", (column,), float(weights["bias"][column]), "", 1.0)]
    terms = [
        Term(name, (i, column), float(weights[name][i, column]), f"{letter}_{i}", float(v))
        for name, letter, values in (
            ("kernel", "x", sequence[row, time]),
            ("recurrent_kernel", "h", before),
        )
        for i, v in enumerate(values)
    ]
    return bias + terms


def _gate(place: Place, at: tuple[int, ...]) -> str:
    """The activation of a recurrent layer's z: that of the new content, or of a gate."""
    cell: Any = place.layer.stepped() if isinstance(place.layer, OverTime) else place.layer
    gates = cell.recurrence.gates
    if gates == 1:
        return activation_name(cell)
    candidate = {4: 2, 3: 2}[gates]
    own = at[-1] // cell.units == candidate
    function = cell.activation if own else cell.recurrent_activation
    described = activations.describe(function)
    return described if isinstance(described, str) else described[0]
