"""Where did NaN come from: the first operation, its array, and what it was given.

The computation is run again operation by operation, with everything kept. From a result that is
not finite the walk goes back to the operation that made it, and from there to that of its inputs
that was not finite, until the inputs of an operation are all finite: that is where it began.
An infinity that does no harm (the -inf of a mask) is not on that way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, DivergenceError
from descend.glass.operations import formulas
from descend.glass.operations.tape import Operation, Tape, is_real, record
from descend.train.engine.task import Batch
from descend.train.model import rows
from descend.train.model.model import Model

FORWARD, BACKWARD, UPDATE = "forward pass", "backward pass", "update"
PREFIXES = ("state/params/", "batch/data/", "state/", "batch/")
# whose result at a place does not come from its inputs at that place
JOINS = {"dot_general", "conv_general_dilated", "transpose", "sort", "cumsum", "rev", "scan"}
# operation -> what to do about it
CURES = {
    "log": "keep its argument above zero, or take a loss from logits",
    "log1p": "keep its argument above -1",
    "div": "keep the divisor away from zero",
    "exp": "subtract the largest entry first (logsumexp, softmax), or bound its argument",
    "sqrt": "keep its argument above zero: at zero its slope is infinite",
    "rsqrt": "add a small number under the root",
    "pow": "a power of a negative number needs a whole exponent",
}
OVERFLOW = "smaller weights or a smaller learning rate, inputs scaled to standard deviation 1"


@dataclass(frozen=True, eq=False)
class NotFinite:
    """The first array that is not finite, and where it came from.

    Attributes:
        name: the array's name: "v12", or that of an argument that was not finite to begin with.
        kind: "nan", "inf" or "-inf": its first such element.
        index: where that element stands, counted from 0; () of one number.
        value: the whole array.
        operation, formula: the operation that made it; None and "" for an argument.
        inputs: {name: array} of the operation.
        at: {name: number}: the inputs of the same shape at `index`.
        layer: the layer of a network; "" outside its layers.
        stage: "forward pass", "backward pass" or "update".
        line: "file.py:12", where the operation was asked for.
        then: where an infinity became NaN later on, as a formula; "" where it did not.
        cure: the remedy, in words.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.glass import where_nan
        >>> found = where_nan(lambda x: jnp.log(x - 1), 1.0)
        >>> found.operation, found.kind, found.stage
        ('log', '-inf', 'forward pass')
        >>> found.cure
        'keep its argument above zero, or take a loss from logits'
    """

    name: str
    kind: str
    index: tuple[int, ...]
    value: Any
    operation: str | None
    formula: str
    inputs: dict[str, Any]
    at: dict[str, float]
    layer: str
    stage: str
    line: str
    then: str
    cure: str

    def __str__(self) -> str:
        place = f" at {list(self.index)}" if self.index else ""
        if self.operation is None:
            return f"{self.name} holds {self.kind}{place} before anything is computed"
        where = f"the {self.stage} of layer {self.layer!r}" if self.layer else f"the {self.stage}"
        lines = [
            f"the first non-finite array is {self.name} = {self.formula} in {where}"
            + (f" ({self.line})" if self.line else ""),
            f"  {self.name}{place} is {self.kind}: {formulas.written(self.value)}",
        ]
        for name, value in self.inputs.items():
            here = f"{name}{place} = {self.at[name]:.6g}; " if name in self.at and place else ""
            lines.append(f"  from {name}: {here}{formulas.written(value)}")
        if self.then:
            lines.append(f"  it becomes NaN in {self.then}")
        return "\n".join([*lines, f"  what helps: {self.cure}"])


def where_nan(what: Any, *args: Any) -> NotFinite | None:
    """The first operation whose result is not finite, or None where all is finite.

        where_nan(error)            # a DivergenceError of `fit`: the step that failed, run again
        where_nan(model, x, y)      # one training step of a compiled model on these rows
        where_nan(function, *args)  # any JAX function; where it returns one number, its gradient

    Args:
        what: DivergenceError of `fit`, compiled Model, or function that JAX can trace.
        args: rows x and targets y, as in `fit`, of a model; arguments of a function.

    Returns:
        A NotFinite: the array, the operation that made it, and what it was given; or None.

    Raises:
        DescendError: an error that does not know its step (a Stream), or of another kind.
        NotFittedError: a model that is not compiled.
        DataError, ShapeError: rows that `fit` would not take.

    Source: descend's own.

    Example:
        The root is finite at zero, its slope is not.

        >>> import jax.numpy as jnp
        >>> from descend.glass import where_nan
        >>> found = where_nan(lambda x: jnp.sqrt(x).sum(), jnp.array([4.0, 0.0]))
        >>> found.stage, found.index, found.kind
        ('backward pass', (1,), 'inf')
        >>> where_nan(jnp.exp, 1.0) is None
        True
    """
    if isinstance(what, DivergenceError):
        failing = getattr(what.run, "failing", None)
        if failing is None:
            raise DescendError(
                "this DivergenceError does not know the step that failed (the feed was not held in "
                "memory); call where_nan(model, x, y) with the rows in question"
            )
        task, state, batch = failing
        return _in_step(task, state, batch)
    if isinstance(what, Model):
        x, y = (*args, None)[:2] if args else (None, None)
        data = rows.make_rows(what, what.supervised.outputs, x, y)
        data = jax.tree.map(jnp.asarray, rows.weighted(data, what.supervised.outputs))
        return _in_step(
            what.supervised, what.start_state(what.supervised, what.seed), Batch(data, None)
        )
    if not callable(what):
        raise DescendError(
            f"where_nan takes a DivergenceError, a model and its rows, or a function and its "
            f"arguments; got {type(what).__name__}"
        )
    return _in_function(what, args)


def _in_step(task: Any, state: Any, batch: Any) -> NotFinite | None:
    def step(state: Any, batch: Any) -> Any:
        new, logs = task.step(state, batch)
        return new.params, logs

    return _first(record(step, state, batch, rules=False, unroll=True), UPDATE)


def _in_function(function: Callable[..., Any], args: tuple[Any, ...]) -> NotFinite | None:
    forward = _first(record(function, *args, rules=False, unroll=True), FORWARD)
    if forward is not None:
        return forward
    result = jax.eval_shape(function, *args)
    one = isinstance(result, jax.ShapeDtypeStruct) and result.shape == ()
    leaves, build = jax.tree.flatten(args)
    real = [i for i, leaf in enumerate(leaves) if is_real(leaf)]
    if not one or not jnp.issubdtype(result.dtype, jnp.floating) or not real:
        return None

    def along(*floats: Any) -> Any:
        filled = list(leaves)
        for i, value in zip(real, floats, strict=True):
            filled[i] = value
        return function(*jax.tree.unflatten(build, filled))

    floats = [jnp.asarray(leaves[i]) for i in real]
    gradient = jax.grad(along, argnums=tuple(range(len(real))))
    return _first(record(gradient, *floats, rules=False, unroll=True), BACKWARD)


def _first(tape: Tape, otherwise: str) -> NotFinite | None:
    """The earliest origin of what is not finite among a tape's outputs.

    `otherwise` is the stage of an operation that differentiation has not marked.
    """
    bad = [_not_finite(value) for value in tape.values]
    makers = {place: (n, o) for n, o in enumerate(tape.operations) for place in o.outputs}
    seen: set[int] = set()
    origins: list[tuple[int, int]] = []  # (order of computation, place)
    stack = [place for place in tape.outputs if bad[place]]
    while stack:
        place = stack.pop()
        if place in seen:
            continue
        seen.add(place)
        number, operation = makers.get(place, (-1, None))
        before = [p for p in operation.operands if bad[p]] if operation is not None else []
        # the -inf that a mask was made of is where it was meant to be: its user is the origin
        before = [p for p in before if p not in tape.constants]
        if operation is None or not before:
            origins.append((number, place))
        stack += before
    if not origins:
        return None
    _, place = min(origins)
    operation = makers[place][1] if place in makers else None
    return _described(tape, place, operation, seen, otherwise)


def _described(
    tape: Tape, place: int, operation: Operation | None, seen: set[int], otherwise: str
) -> NotFinite:
    value = np.asarray(tape.values[place])
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
    element = value[index]
    kind = "nan" if np.isnan(element) else ("inf" if element > 0 else "-inf")
    name = _short(tape.labels[place])
    if operation is None:
        return NotFinite(name, kind, index, value, None, "", {}, {}, "", FORWARD, "", "", "")
    operands = [p for p in operation.operands if p not in tape.constants or np.ndim(tape.values[p])]
    inputs = {_short(tape.labels[p]): np.asarray(tape.values[p]) for p in operands}
    at = {}
    if operation.name not in JOINS:
        at = {n: float(v[index]) for n, v in inputs.items() if v.shape == value.shape and _real(v)}
    then = ""
    if not np.isnan(value).any():
        later = next(
            (
                o
                for o in tape.operations
                if any(p in seen and np.isnan(np.asarray(tape.values[p])).any() for p in o.outputs)
            ),
            None,
        )
        then = "" if later is None else _written(tape, later)
    stage = BACKWARD if operation.backward else otherwise
    if otherwise == UPDATE and "jvp(" in operation.scope and not operation.backward:
        stage = FORWARD
    return NotFinite(
        name=name,
        kind=kind,
        index=index,
        value=value,
        operation=operation.name,
        formula=_written(tape, operation).partition(" = ")[2],
        inputs=inputs,
        at=at,
        layer=operation.layer,
        stage=stage,
        line=operation.line,
        then=then,
        cure=CURES.get(operation.name, OVERFLOW),
    )


def _written(tape: Tape, operation: Operation) -> str:
    of = [_short(tape.labels[p]) for p in operation.operands]
    return f"{tape.labels[operation.outputs[0]]} = {formulas.formula(operation, of)}"


def _short(label: str) -> str:
    """A training step's array as its user knows it: "hidden/kernel", "x/0"."""
    return next((label.removeprefix(p) for p in PREFIXES if label.startswith(p)), label)


def _not_finite(value: Any) -> bool:
    return is_real(value) and not np.isfinite(np.asarray(value)).all()


def _real(array: np.ndarray) -> bool:
    return np.issubdtype(array.dtype, np.floating)
