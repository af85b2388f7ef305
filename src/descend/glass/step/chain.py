"""The chain rule of one weight, path by path, as itam-2023 writes it for w_1 (1.5, equation 6).

    dE/dw_1 = dE/da_5 da_5/ds_5 ds_5/da_3 da_3/ds_3 ds_3/da_1 da_1/ds_1 ds_1/dw_1
            + dE/da_5 da_5/ds_5 ds_5/da_4 da_4/ds_4 ds_4/da_1 da_1/ds_1 ds_1/dw_1

A path goes from the weight to the cost through one unit of every layer on its way. There are as
many as the product of the widths: the largest are listed, and of the others the sum is known from
the deltas.
"""

from __future__ import annotations

from dataclasses import dataclass

from descend.glass.step.writing import joined, letter_of, show


@dataclass(frozen=True)
class Symbol:
    """What is differentiated: J, a z or an a of a layer, or the weight w.

    Attributes:
        letter: "J", "z", "a" or "w".
        place: the layer's; "" for J.
        index: the unit's in its row.
    """

    letter: str
    place: str = ""
    index: tuple[int, ...] = ()

    def __str__(self) -> str:
        """J, z[hidden, 2], a[output, 0], w[0, 2]."""
        if self.letter == "J":
            return "J"
        of_layer = self.letter in "za"
        parts = [self.place] if of_layer else []
        letter = self.letter if of_layer else letter_of(self.place)
        return f"{letter}[{', '.join([*parts, *map(str, self.index)])}]"


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
        product: the path's share of the gradient.
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
        value: the weight's value.
        gradient: the weight's gradient in the step.
        row: the row whose paths these are; None where they are of the whole batch (through layers).
        paths: the largest, in descending size.
        count: the number of all paths that carry anything.
        rest: the sum of the paths not listed.
        other_rows: the share of the other rows of the batch.
        penalty: the share of regularisation.
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
        where = f"{self.name}[{joined(self.index)}]" if self.index else self.name
        of = "all rows" if self.row is None else f"row {self.row}"
        ways = "1 path" if self.count == 1 else f"{self.count:,} paths"
        level = "layers" if self.row is None else "units"
        lines = [f"dJ/dw for w = {where} = {show(self.value)}: {ways} through {level} ({of})"]
        for number, path in enumerate(self.paths, 1):
            if path.factors:
                symbols = [f"d{f.upper}/d{f.lower}" for f in path.factors]
                lines += [f"  path {number}: " + " * ".join(symbols)]
                lines += ["    = " + " * ".join(f"({show(f.value)})" for f in path.factors)]
                lines += [f"    = {show(path.product)}"]
            else:
                lines += [f"  path {number}: w -> {' -> '.join(path.places)} -> J"]
                lines += [f"    adds {show(path.product)}"]
        unlisted = self.count - len(self.paths)
        if unlisted > 0:
            lines += [f"  the other {unlisted:,} paths together add {show(self.rest)}"]
        if self.other_rows:
            lines += [f"  the other rows of the batch add {show(self.other_rows)}"]
        if self.penalty:
            lines += [f"  the penalty adds {show(self.penalty)}"]
        lines += [f"  sum {show(self.total)}; {self.source}: {show(self.gradient)}"]
        return "\n".join(lines)
