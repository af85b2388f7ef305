"""Values and adjoints of every atomic operation of a JAX function.

The adjoint of a quantity v is the derivative of the function's result J with respect to it, dJ/dv.
Going back from the result, an operation that made v from u hands on to u

    dJ/du  +=  dJ/dv  dv/du          (local gradient times that of the next operation)

Source: hull-2023, "Backpropagation" and "Computational Efficiency and Granularity": a network, and
its loss, are compositions of atomic operations whose backward functions are simple.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError, unknown
from descend.glass.columns import aligned
from descend.glass.operations import formulas
from descend.glass.operations.tape import Operation, Tape, alone, is_real, record
from descend.train.engine.runtime import literal_compile

if TYPE_CHECKING:
    import pandas as pd

HEAD = ("", "operation", "with numbers", "value", "adjoint", "passes back", "line")


@dataclass(frozen=True, eq=False)
class Atom:
    """One quantity of a function: an argument, a constant, or what an atomic operation made.

    Attributes:
        name: "w/hidden/kernel" for an argument, "v7" for what was computed.
        operation: the operation that made it; None for arguments and constants.
        formula: "v1 * w"; "" where nothing made it.
        numbers: the formula with its operands' values put in.
        value: the array.
        adjoint: dJ/d(this), of the value's shape; None for whole numbers and booleans, which have
            no derivative.
        passes: what it hands back to each of its inputs, {name: array}: the adjoint of an input is
            the sum of all that is handed to it.
        line: "file.py:12", where the operation was asked for.
        scope: names of `jax.named_scope` around it: in a network, the layer.
    """

    name: str
    operation: str | None
    formula: str
    numbers: str
    value: Any
    adjoint: Any
    passes: dict[str, Any]
    line: str
    scope: str


class Atoms:
    """All quantities of one run of a function, in the order of computation; see `atoms`.

    Iterating gives one Atom after the other, `len` their number, `[name]` the one of that name;
    `print` shows a table.

    Args:
        tape: Tape of the run: values by place, and the operations.
        adjoints: list of the adjoint of every place, None where there is no derivative.
        passes: {output's place: {input's place: array}}, what each operation hands back.

    Attributes:
        result: the Atom of the function's first result; None where it returns nothing.

    Raises:
        DescendError: `[name]` of a quantity that there is not.

    Source: hull-2023, "Computational Efficiency and Granularity".

    Example:
        >>> from descend.glass import atoms
        >>> steps = atoms(lambda w, x: (w * x - 1) ** 2, 2.0, 3.0)
        >>> [(step.name, step.formula, step.numbers) for step in steps][2:4]
        [('v1', 'w * x', '2 * 3'), ('v2', 'v1 - 1', '6 - 1')]
        >>> len(steps), float(steps.result.value)
        (5, 25.0)
    """

    def __init__(self, tape: Tape, adjoints: list[Any], passes: dict[int, dict[int, Any]]):
        self.tape = tape
        maker = {place: o for o in tape.operations for place in o.outputs}
        free = {p for p in tape.constants if np.ndim(tape.values[p])} | {
            p for p in tape.outputs if p not in maker and p not in tape.inputs
        }
        first = [*tape.inputs, *sorted(free)]
        order = [*first, *(place for o in tape.operations for place in o.outputs)]
        self._atoms = [_atom(tape, p, maker.get(p), adjoints[p], passes.get(p, {})) for p in order]
        self._by_name = {atom.name: atom for atom in self._atoms}
        self.result = self._atoms[order.index(tape.outputs[0])] if tape.outputs else None

    def __iter__(self):
        return iter(self._atoms)

    def __len__(self) -> int:
        return len(self._atoms)

    def __getitem__(self, name: str) -> Atom:
        if name not in self._by_name:
            raise unknown("quantity", name, self._by_name)
        return self._by_name[name]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a quantity: name, operation, formula, numbers, value, adjoint, line."""
        import pandas as pd

        rows = [
            {
                "name": a.name,
                "operation": a.operation or "input",
                "formula": a.formula,
                "numbers": a.numbers,
                "shape": np.shape(a.value),
                "value": _cell(a.value),
                "adjoint": _cell(a.adjoint),
                "scope": a.scope,
                "line": a.line,
            }
            for a in self._atoms
        ]
        return pd.DataFrame(rows).set_index("name")

    def __str__(self) -> str:
        rows = [
            (
                a.name,
                a.formula or "input",
                a.numbers,
                formulas.written(a.value),
                "" if a.adjoint is None else formulas.written(a.adjoint),
                ", ".join(f"{to}: {formulas.written(v)}" for to, v in a.passes.items()),
                a.line,
            )
            for a in self._atoms
        ]
        return aligned(HEAD, rows)

    def _repr_html_(self) -> str:
        return self.to_frame().to_html()


def atoms(
    function: Callable[..., Any],
    *args: Any,
    seed: Any = None,
    rules: bool = True,
    unroll: bool = False,
) -> Atoms:
    """Every atomic operation of a function, with its value and its adjoint.

    Args:
        function: function that JAX can differentiate: a loss, an economy's residual, a network.
        args: arguments of the function, arrays or pytrees of them; computed in their precision.
        seed: adjoint of the result, where that is not one number: an array of its shape (or
            a pytree as the result is). By default the result is one number, with adjoint 1.
        rules: whether a function with a derivative rule of its own, such as ReLU, is one operation;
            False opens it, and the operations inside decide the adjoints, which differ from
            `jax.grad` where the rule is not their derivative (at a kink, or by design).
        unroll: whether `scan` is opened, step by step; else a loop is one operation.

    Returns:
        The quantities, in the order of computation; `str` gives a table, `to_frame` a DataFrame.

    Raises:
        DescendError: the result is not one number and no seed is given; a `while` loop without a
            fixed number of steps stands on the way back.
        ShapeError: a seed of another shape than the result's.

    Source: hull-2023, "Computational Efficiency and Granularity".

    Example:
        J = (w x - 1)^2 at w = 2, x = 3: dJ/dw = 2 (w x - 1) x = 30.

        >>> from descend.glass import atoms
        >>> steps = atoms(lambda w, x: (w * x - 1) ** 2, 2.0, 3.0)
        >>> float(steps["w"].adjoint), float(steps["x"].adjoint)
        (30.0, 20.0)
    """
    tape = record(function, *args, rules=rules, unroll=unroll)
    return Atoms(tape, *adjoints(tape, _seeds(tape, seed)))


def adjoints(tape: Tape, seeds: list[Any]) -> tuple[list[Any], dict[int, dict[int, Any]]]:
    """The adjoint of every place of a tape, and what each operation handed to its inputs.

    Args:
        tape: a run.
        seeds: an adjoint for each of the tape's outputs, or None.

    Returns:
        (adjoints by place, None where there is no derivative; {output's place: {input's place:
        what is handed on}}, by the first real output of an operation).
    """
    real = [is_real(value) for value in tape.values]

    def sweep(values: list[Any], seeds: list[Any]) -> tuple[list[Any], dict[int, dict[int, Any]]]:
        adjoint = [jnp.zeros_like(v) if ok else None for v, ok in zip(values, real, strict=True)]
        reached: set[int] = set()
        for place, seed in zip(tape.outputs, seeds, strict=True):
            if seed is not None:
                adjoint[place] = adjoint[place] + seed
                reached.add(place)
        passes: dict[int, dict[int, Any]] = {}
        for operation in reversed(tape.operations):
            inputs = [p for p in operation.inputs if real[p]]
            outputs = [p for p in operation.outputs if real[p]]
            if not inputs or not reached.intersection(outputs):
                continue
            if operation.name == "while":
                where = f" ({operation.line})" if operation.line else ""
                raise DescendError(
                    f"a while loop{where} has no fixed number of steps, so no error can be carried "
                    "back through it; use jax.lax.scan, or a fori_loop between fixed numbers"
                )
            back = _backward(values, operation, inputs)
            parts = [alone(part) for part in back(tuple(adjoint[p] for p in outputs))]
            passes[outputs[0]] = dict(zip(inputs, parts, strict=True))
            for place, part in passes[outputs[0]].items():
                adjoint[place] = adjoint[place] + part
                reached.add(place)
        return adjoint, passes

    return jax.jit(sweep, compiler_options=literal_compile())(list(tape.values), seeds)


def _backward(values: list[Any], operation: Operation, real: list[int]) -> Callable[[Any], Any]:
    """The operation's backward function at the values it took."""

    def results(*floats: Any) -> tuple[Any, ...]:
        changed = dict(zip(real, floats, strict=True))
        outputs = operation.apply(*(changed.get(p, values[p]) for p in operation.inputs))
        return tuple(r for r in outputs if is_real(r))

    return jax.vjp(results, *(values[p] for p in real))[1]


def _seeds(tape: Tape, seed: Any) -> list[Any]:
    """The adjoint of each output."""
    shapes = [np.shape(tape.values[p]) for p in tape.outputs]
    real = [is_real(tape.values[p]) for p in tape.outputs]
    if seed is None:
        if len(shapes) != 1 or shapes[0] != () or not real[0]:
            what = f"{len(shapes)} arrays" if len(shapes) != 1 else f"an array of shape {shapes[0]}"
            if shapes == [()]:
                what = f"one of {jnp.result_type(tape.values[tape.outputs[0]])}, without decimals"
            raise DescendError(
                f"an adjoint is the derivative of one number, the function returns {what}. Return "
                "one real number, such as a sum or one entry, or give seed= (weights of the "
                "result's shape)"
            )
        return [jnp.ones((), jnp.result_type(tape.values[tape.outputs[0]]))]
    leaves = jax.tree.leaves(seed)
    if [np.shape(s) for s in leaves] != shapes:
        raise ShapeError(
            f"seed: expected arrays of the result's shapes {shapes}, got "
            f"{[np.shape(s) for s in leaves]}"
        )
    return [
        jnp.asarray(s, jnp.result_type(tape.values[p])) if ok else None
        for s, p, ok in zip(leaves, tape.outputs, real, strict=True)
    ]


def _atom(tape: Tape, place: int, operation: Operation | None, adjoint: Any, passes: Any) -> Atom:
    formula = numbers = ""
    if operation is not None:
        formula = formulas.formula(operation, [tape.labels[p] for p in operation.operands])
        values = [tape.values[p] for p in operation.operands]
        if all(np.ndim(v) == 0 for v in values):
            numbers = formulas.formula(operation, [formulas.written(v) for v in values])
    return Atom(
        name=tape.labels[place],
        operation=None if operation is None else operation.name,
        formula=formula,
        numbers=numbers,
        value=_host(tape.values[place]),
        adjoint=None if adjoint is None else np.asarray(adjoint),
        passes={
            tape.labels[p]: np.asarray(v) for p, v in passes.items() if p not in tape.constants
        },
        line="" if operation is None else operation.line,
        scope="" if operation is None else operation.layer,
    )


def _host(value: Any) -> Any:
    try:
        return np.asarray(value)
    except TypeError:  # a random key
        return value


def _cell(value: Any) -> Any:
    """One number as a number, an array as it is."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
