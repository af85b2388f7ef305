"""A JAX function opened into its atomic operations: what each one took and what it made.

The function is traced once (`jax.make_jaxpr`), and its program is run on the arguments with every
intermediate array kept. Functions inside functions are opened, of a `cond` the branch that was
taken; what has a derivative rule of its own (ReLU) is one operation, and a loop is one, unless
asked otherwise.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, DropVar, Literal, jaxpr_as_fun

from descend.train.engine.runtime import literal_compile, prepare

# primitives that only call the program inside them, and the parameter that holds it
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "remat": "jaxpr",
}
RULES = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr"}
MOST_UNROLLED = 20_000  # operations of a loop; a longer one stays one operation
_WRAPPED = re.compile(r"\w+\(([^()]*)\)")
_JAX = str(Path(jax.__file__).parent)


@dataclass(frozen=True, eq=False)
class Operation:
    """One atomic operation.

    Attributes:
        name: JAX's ("mul", "dot_general"), or that of a function with a derivative rule ("relu").
        inputs, outputs: places in `Tape.values`; of the inputs each once, and no written number.
        operands: the places of all it takes, in its order: x x for a square.
        apply: the arrays of `inputs` -> tuple of arrays, the operation alone.
        params: what it is besides its inputs, such as axes.
        scope: the names of `jax.named_scope` around it; in a network the layer's.
        line: "file.py:12" of the code that asked for it, "" where that is not known.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operands: tuple[int, ...]
    apply: Callable[..., tuple[Any, ...]]
    params: dict[str, Any]
    scope: str
    line: str

    @property
    def backward(self) -> bool:
        """Whether it carries an error back, where the function holds its own gradient."""
        return "transpose(" in self.scope

    @property
    def layer(self) -> str:
        """The scope without what differentiation put around it: "jvp(hidden)" is "hidden"."""
        bare = self.scope
        while "(" in bare and (inner := _WRAPPED.sub(r"\1", bare)) != bare:
            bare = inner
        return bare.strip("/")


@dataclass(frozen=True)
class Tape:
    """A run of a function: values by place, and the operations in the order of computation.

    Attributes:
        values: every array: arguments, constants, what operations made.
        labels: their names: "w/hidden/kernel", "v7", or a constant's number.
        inputs: the places of the arguments' arrays, `constants` those of what the function held.
        outputs: the places of what it returned.
    """

    values: tuple[Any, ...]
    labels: tuple[str, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    constants: frozenset[int]
    outputs: tuple[int, ...]


def record(
    function: Callable[..., Any], *args: Any, rules: bool = True, unroll: bool = False
) -> Tape:
    """Run a function on arrays (or pytrees of them), and keep everything.

    Args:
        function, args: any function that JAX can trace.
        rules: whether a function with a derivative rule of its own is one operation.
        unroll: whether `scan` is opened, step by step.
    """
    prepare()
    closed = jax.make_jaxpr(function)(*args)
    leaves = jax.tree_util.tree_flatten_with_path(args)[0]
    names = _argument_names(function, len(args))
    rest = [jax.tree_util.keystr(path[1:], simple=True, separator="/") for path, _ in leaves]
    labels = [
        names[path[0].idx] + (f"/{r}" if r else "")
        for (path, _), r in zip(leaves, rest, strict=True)
    ]
    letter = next(c for c in "vuqz_" if not any(re.fullmatch(rf"{c}\d+", n) for n in labels))
    recorder = _Recorder(rules, unroll, letter)
    inputs = [
        recorder.put(leaf if _is_key(leaf) else jnp.asarray(leaf), label)
        for (_, leaf), label in zip(leaves, labels, strict=True)
    ]
    outputs = recorder.run(closed.jaxpr, closed.consts, inputs, "", "")
    recorder.compute()
    return Tape(
        tuple(recorder.values),
        tuple(recorder.labels),
        tuple(recorder.operations),
        tuple(inputs),
        frozenset(recorder.constants),
        tuple(outputs),
    )


class _Recorder:
    """What `record` fills."""

    def __init__(self, rules: bool, unroll: bool, letter: str):
        self.rules, self.unroll, self.letter = rules, unroll, letter
        self.values: list[Any] = []
        self.labels: list[str] = []
        self.operations: list[Operation] = []
        self.constants: set[int] = set()
        self.count = 0  # outputs so far, for their labels
        self.computed = 0  # operations whose values are there

    def put(self, value: Any, label: str) -> int:
        self.values.append(value)
        self.labels.append(label)
        return len(self.values) - 1

    def constant(self, value: Any, name: str = "constant") -> int:
        label = f"{value.item():.6g}" if np.ndim(value) == 0 and not _is_key(value) else name
        place = self.put(value, label)
        self.constants.add(place)
        return place

    def add(
        self,
        name: str,
        inputs: Sequence[int],
        apply: Callable,
        params: dict,
        scope: str,
        line: str,
        operands: tuple[int, ...] = (),
        count: int = 1,
    ) -> list[int]:
        first = self.count + 1
        self.count += count
        outputs = [self.put(None, f"{self.letter}{i}") for i in range(first, self.count + 1)]
        alone = tuple(inputs)
        self.operations.append(
            Operation(name, alone, tuple(outputs), operands or alone, apply, params, scope, line)
        )
        return outputs

    def compute(self) -> None:
        """Compute the values of the operations noted so far, by one program."""
        pending, self.computed = self.operations[self.computed :], len(self.operations)
        places = [place for operation in pending for place in operation.outputs]
        inputs = sorted({p for o in pending for p in o.inputs} - set(places))

        def evaluate(values: list[Any]) -> list[Any]:
            values_at = dict(zip(inputs, values, strict=True))
            for operation in pending:
                outputs = operation.apply(*(values_at[p] for p in operation.inputs))
                results = [alone(r) for r in outputs]
                values_at.update(zip(operation.outputs, results, strict=True))
            return [values_at[place] for place in places]

        if places:
            # not `quick_compile`: its compiler simplifies across the barriers
            program = jax.jit(evaluate, compiler_options=literal_compile())
            computed = program([self.values[place] for place in inputs])
            for place, value in zip(places, computed, strict=True):
                self.values[place] = value

    def run(
        self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[int], scope: str, line: str
    ) -> list[int]:
        """Run a program on places; returns the places of its results."""
        places: dict[Any, int] = dict(zip(jaxpr.invars, inputs, strict=True))
        places |= {
            var: self.constant(jnp.asarray(value) if not _is_key(value) else value)
            for var, value in zip(jaxpr.constvars, consts, strict=True)
        }

        def place(atom: Any) -> int:
            if isinstance(atom, Literal):
                return self.constant(np.asarray(atom.val, atom.aval.dtype))  # type: ignore[attr-defined]
            return places[atom]

        for equation in jaxpr.eqns:
            operands = [place(atom) for atom in equation.invars]
            stack = "/".join(s for s in (scope, str(equation.source_info.name_stack)) if s)
            results = self._equation(jaxpr, equation, operands, stack, _line(equation) or line)
            places.update(zip(equation.outvars, results, strict=True))
        return [place(atom) for atom in jaxpr.outvars]

    def _equation(
        self, jaxpr: Any, equation: Any, operands: list[int], scope: str, line: str
    ) -> list[int]:
        name, params = equation.primitive.name, equation.params
        opened = CALLS | ({} if self.rules else RULES)
        if name in opened:
            inner = params[opened[name]]
            consts = getattr(inner, "consts", ())
            return self.run(getattr(inner, "jaxpr", inner), consts, operands, scope, line)
        if name == "cond":
            self.compute()  # which branch it is
            branch = params["branches"][int(self.values[operands[0]])]
            return self.run(branch.jaxpr, branch.consts, operands[1:], scope, line)
        if name == "scan" and self.unroll:
            steps = params["length"]
            if steps * len(params["jaxpr"].jaxpr.eqns) <= MOST_UNROLLED:
                return self._scan(params, operands, scope, line)

        if name in RULES:
            name = _rule_name(params[RULES[name]])
        inputs = {
            var: place
            for var, place in zip(equation.invars, operands, strict=True)
            if not isinstance(var, Literal)
        }
        outputs = [var for var in equation.outvars if not isinstance(var, DropVar)]
        alone = jaxpr.replace(
            constvars=[],
            invars=list(inputs),
            outvars=outputs,
            eqns=[equation],
            debug_info=jaxpr.debug_info.with_unknown_names(),
        )
        places = iter(
            self.add(
                name,
                list(inputs.values()),
                jaxpr_as_fun(ClosedJaxpr(alone, ())),
                params,
                scope,
                line,
                tuple(operands),
                len(outputs),
            )
        )
        return [-1 if isinstance(var, DropVar) else next(places) for var in equation.outvars]

    def _scan(self, params: dict, operands: list[int], scope: str, line: str) -> list[int]:
        first_carry, carried = params["num_consts"], params["num_carry"]
        first_row = first_carry + carried
        consts, carry, rows = (
            operands[:first_carry],
            operands[first_carry:first_row],
            operands[first_row:],
        )
        inner, length = params["jaxpr"], params["length"]
        results: list[list[int]] = []
        order = range(length - 1, -1, -1) if params["reverse"] else range(length)
        for step in order:

            def one(row: Any, step: int = step) -> tuple[Any]:
                return (row[step],)

            row = [self.add("step", [r], one, {"step": step}, scope, line)[0] for r in rows]
            outputs = self.run(inner.jaxpr, inner.consts, [*consts, *carry, *row], scope, line)
            carry = outputs[:carried]
            results.append(outputs[carried:])
        if params["reverse"]:
            results.reverse()
        if not results:  # no step: JAX knows the shapes of what was never made
            shapes = [v.aval for v in inner.jaxpr.outvars[carried:]]
            return [*carry, *(self.constant(jnp.zeros((0, *a.shape), a.dtype)) for a in shapes)]

        def stack(*parts: Any) -> tuple[Any]:
            return (jnp.stack(parts),)

        joined = [
            self.add("stack", list(parts), stack, {}, scope, line)[0]
            for parts in zip(*results, strict=True)
        ]
        return [*carry, *joined]


def alone(value: Any) -> Any:
    """The same value, across which the compiler may not simplify: exp(x) / exp(x) is no 1."""
    return value if _is_key(value) else jax.lax.optimization_barrier(value)


def is_real(value: Any) -> bool:
    """Whether an array holds floating-point numbers."""
    return jnp.issubdtype(jnp.result_type(value), jnp.inexact)


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)


def _rule_name(program: Any) -> str:
    """What a function with a derivative rule is called: "relu"."""
    info = getattr(getattr(program, "jaxpr", program), "debug_info", None)
    name = str(getattr(info, "func_name", "") or "function")
    return name.split(" ")[0].strip("<>")


def _argument_names(function: Callable, count: int) -> list[str]:
    """The parameters' names, "a0", "a1", ... where they cannot be known."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}{i}" for i in range(count - len(names))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(parameter.name)
    return (names + [f"a{i}" for i in range(len(names), count)])[:count]


def _line(equation: Any) -> str:
    """Where the code that asked for an operation stands: the innermost line outside of JAX."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback is not None else ():
        if not frame.file_name.startswith((_JAX, "<")):
            return f"{Path(frame.file_name).name}:{frame.line_num}"
    return ""
