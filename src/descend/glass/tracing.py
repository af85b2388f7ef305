"""One training step with every number shown: forwards, backwards, and the update.

    t = trace(model, x[:1], y[:1])
    print(t)                     every layer: z, a, delta; every array: gradient, memory, update
    print(t.unit("hidden", 2))   z_2 = b_2 + w_0,2 x_0 + w_1,2 x_1, then with the numbers put in
    print(t.weight("hidden/kernel", (0, 2)))    the chain rule of one weight, path by path
    t.frame("hidden")            a DataFrame

Sources: itam-2023, 1.5 "Back-Propagation"; hull-2023, "Forward and Backward Passes", "Back-
propagation for MLPs"; scheidegger-2020, "COMPUTING GRADIENTS: ERROR BACKPROPAGATION".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from descend.errors import DataError, DivergenceError, unknown
from descend.glass.reading import require_model
from descend.glass.recording import Record, record_step
from descend.nn.graph import Graph
from descend.nn.layers import Block, Layer
from descend.train import engine, prediction, rows
from descend.train.feeds import Arrays
from descend.train.task import Batch, State

if TYPE_CHECKING:
    import pandas as pd

    from descend.glass.chain import Chain
    from descend.glass.hand_rules import HandRule
    from descend.glass.units import UnitArithmetic
    from descend.train.model import Model
    from descend.train.supervised import Rows, Supervised


@dataclass(frozen=True, eq=False)
class Place:
    """One use of one layer.

    Attributes:
        name: the layer's; "layer@2" at its second use, "outer.inner" inside a layer.
        layer: its description.
        x: the input, or a tuple of inputs, batch axis first.
        z: what the activation is applied to, where there is one; of a recurrent layer that of every
            step and gate, (n, time, gates units); else None.
        a: the output, or a tuple of outputs.
        delta: the gradient of the cost by z, of its shape.
        slope: the gradient of the cost by a; None where the loss takes z itself (logits).
    """

    name: str
    layer: Layer
    x: Any
    z: np.ndarray | None
    a: Any
    delta: np.ndarray | None
    slope: Any

    @property
    def over_time(self) -> bool:
        """Whether z is that of the steps of a recurrence."""
        return self.z is not None and not hasattr(self.layer, "preactivation")


@dataclass(frozen=True, eq=False)
class ArrayStep:
    """One array of weights in the step.

    Attributes:
        name: "layer/array".
        value: before the step.
        gradient: of the cost, penalties included.
        after: what the step of `fit` makes of it; None where that step is not finite.
        memory: {name: (before, after)} of what the update rule keeps for every number of it.
        frozen: whether its layer is frozen: `fit` then computes no gradient, and this is the one it
            would have.
    """

    name: str
    value: np.ndarray
    gradient: np.ndarray
    after: np.ndarray | None
    memory: Mapping[str, tuple[np.ndarray, np.ndarray | None]]
    frozen: bool = False

    @property
    def update(self) -> np.ndarray | None:
        """after - value."""
        return None if self.after is None else self.after - self.value


@dataclass(frozen=True, eq=False)
class Trace:
    """What `trace` returns; `print` shows it.

    Attributes:
        cost: J of the batch, penalties included.
        places: every use of every layer, by name, in the order of computation.
        arrays: every array of weights, by "layer/array".
        rule: the update rule's name.
        numbers: its numbers as they are now (the learning rate with its schedule).
        data: the batch: x and y as tuples over inputs and outputs, and weights.
        failed: why `fit` would stop at this step, or None.
    """

    model: Model
    task: Supervised
    state: State
    cost: float
    places: Mapping[str, Place]
    arrays: Mapping[str, ArrayStep]
    rule: str
    numbers: Mapping[str, float]
    data: Rows
    failed: str | None

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return len(self.data.x[0])

    def place(self, name: str) -> Place:
        """The place of a name; raises DescendError with the nearest one."""
        if name not in self.places:
            raise unknown("layer", name, self.places)
        return self.places[name]

    def array(self, name: str) -> ArrayStep:
        """The array of a name "layer/array"; raises DescendError with the nearest one."""
        if name not in self.arrays:
            raise unknown("array", name, self.arrays)
        return self.arrays[name]

    def arrays_of(self, place: Place) -> dict[str, ArrayStep]:
        """The arrays that a place uses itself, by what they are called there."""
        name = place.name.partition("@")[0]
        top = top_of(self.model, name)
        inner = name[len(top) + 1 :]
        starts = [f"{top}/{inner}.", f"{top}/cell.{inner}."] if inner else [f"{top}/"]
        return {
            n.removeprefix(s): a for s in starts for n, a in self.arrays.items() if n.startswith(s)
        }

    def unit(self, name: str, index: Any, row: int = 0) -> UnitArithmetic:
        """The arithmetic of one unit, forwards and backwards (descend.glass.units)."""
        from descend.glass.units import unit_arithmetic

        return unit_arithmetic(self, name, index, row)

    def weight(self, name: str, index: Any = (), row: int = 0, most: int = 12) -> Chain:
        """The chain rule of one weight, path by path (descend.glass.chain)."""
        from descend.glass.chain import chain_of

        return chain_of(self, name, index, row, most)

    def hand_rules(self) -> list[HandRule]:
        """The lectures' formulas for delta beside the deltas (descend.glass.hand_rules)."""
        from descend.glass.hand_rules import hand_rules

        return hand_rules(self)

    def frame(self, name: str | None = None) -> pd.DataFrame:
        """The numbers as a table.

        Args:
            name: a layer: one line a row, step and unit, with z, a and their gradients; an array
                "layer/array": one line a number, with gradient, memory and update; None: one line a
                layer, with norms.
        """
        from descend.glass import trace_tables

        if name is None:
            return trace_tables.overview(self)
        if not isinstance(name, str):
            raise DataError(f"frame takes the name of a layer or of an array, got {name!r}")
        if "/" in name:
            return trace_tables.of_array(self.array(name))
        return trace_tables.of_place(self.place(name))

    def __str__(self) -> str:
        from descend.glass.trace_tables import text

        return text(self)


def trace(model: Model, x: Any, y: Any, sample_weight: Any = None) -> Trace:
    """Every number of the step that `fit` would make next on one batch.

    The weights, the update rule's memory and the noise (dropout) are the model's present ones: what
    is shown is the step of `model.fit(x, y, batch_size=len(x), epochs=1)`. Nothing is changed. A
    row by itself is a batch of one; batch normalisation then sees only that row.

    Bit-equality: `after`, the memory after it and the cost come from the engine's own program, that
    of `fit`. Values, deltas and gradients come from the same step, run by the engine in the same
    way, with more outputs; with recurrent layers the gradients come from a program without the
    deltas, because the compiler adds up a recurrence's bias in another order where the terms are
    kept (1e-7 of its largest number). So all gradients were equal to those of `fit` to the last bit
    on every kind of network tested; another compiler may round a product and a sum at once in one
    program and not in the other.

    Args:
        model: compiled; in training (seen from a callback) its weights after the last epoch.
        x, y: as in `fit`; all rows are one batch.
        sample_weight: as in `fit`.

    Returns:
        The Trace.

    Raises:
        NotFittedError: the model is not compiled.
        DataError, ShapeError: the data cannot be used.
    """
    task = require_model(model, "trace").supervised
    data = rows.make_rows(model, task.outputs, x, y, sample_weight, "traced rows")
    data = rows.weighted(data, task.outputs, where="traced rows")
    n = len(data.x[0])
    prediction.require_order(model, n, n, False)
    state = model.start_state(task, model.seed)
    feed = Arrays(data, n, shuffle=False)
    order, record = record_step(task, feed, state)
    record = jax.tree.map(_host, record)
    after, failed, cost = state, None, float(record.cost)
    try:
        run = engine.train(task, feed, 1, state=state, on_interrupt="raise")
        after, cost = run.state, run.history.history["loss"][0]
    except DivergenceError as error:
        failed = str(error)
    rule, numbers = task.optimizer, task.optimizer.numbers_now(state.hyper, state.steps)
    return Trace(
        model=model,
        task=task,
        state=state,
        cost=cost,
        places=_places(model, task, order, record),
        arrays=_arrays(model, state, None if failed else after, record.gradients, rule.name),
        rule=rule.name,
        numbers={name: float(value) for name, value in numbers.items()},
        data=data,
        failed=failed,
    )


def top_of(graph: Graph, name: str) -> str:
    """The layer of the graph that a place is in: of "outer.inner" it is "outer"."""
    name = name.partition("@")[0]
    return max((n for n in graph.layer_names if name == n or name.startswith(f"{n}.")), key=len)


def nodes_by_name(graph: Graph) -> list[str]:
    """The name of the place of every node, in order."""
    uses: Counter[str] = Counter()
    names = []
    for node in graph.nodes:
        uses[str(node.layer.name)] += 1
        use = uses[str(node.layer.name)]
        names.append(f"{node.layer.name}" + (f"@{use}" if use > 1 else ""))
    return names


def batch_of(trace: Trace) -> Batch:
    """The batch as the step sees it."""
    feed = Arrays(trace.data, trace.rows, shuffle=False)
    return Batch(feed.data, None)


def whole_index(index: Any, shape: tuple[int, ...], what: str) -> tuple[int, ...]:
    """An index into an array, as a tuple; raises DataError where it is not one."""
    found = tuple(index) if isinstance(index, (tuple, list)) else (index,)
    inside = len(found) == len(shape) and all(
        isinstance(i, (int, np.integer)) and 0 <= i < size
        for i, size in zip(found, shape, strict=True)
    )
    if not inside:
        if len(shape) == 1:
            given = found[0] if len(found) == 1 else found
            raise DataError(f"{what} has numbers 0 to {shape[0] - 1}, got {given}")
        wanted = ", ".join(f"0..{size - 1}" for size in shape)
        raise DataError(
            f"{what} has {len(shape)} axes, of {shape or 'one number'}: expected an index "
            f"({wanted}), counted from 0, got {index!r}"
        )
    return tuple(int(i) for i in found)


def _places(model: Model, task: Supervised, order: list[str], record: Record) -> dict[str, Place]:
    raw = {p for p, logits in zip(model.outputs_at, task.logits, strict=True) if logits}
    ends = {
        name for name, n in zip(nodes_by_name(model), model.nodes, strict=True) if n.place in raw
    }
    found: list[Place] = []
    for name in order:
        base, _, use = name.partition("@")
        if ":" in base:
            continue
        x, y = record.values[name]
        layer = _layer_at(model, base, record.values)
        slope = record.slopes[name]
        suffix = f"@{use}" if use else ""
        detail, inputs = f"{base}:z{suffix}", f"{base}:inputs{suffix}"
        if name in ends:
            a = np.asarray(layer.activation(y))  # type: ignore[attr-defined]
            place = Place(name, layer, x, y, a, slope, None)
        elif inputs in record.slopes:  # time comes first inside a recurrence
            z, delta = record.values[detail][1], record.slopes[inputs]
            place = Place(name, layer, x, z.swapaxes(0, 1), y, delta.swapaxes(0, 1), slope)
        elif detail in record.values:
            z, delta = record.values[detail][1], record.slopes[detail]
            place = Place(name, layer, x, z, y, delta, slope)
        else:
            place = Place(name, layer, x, None, y, None, slope)
        inside = [i for i, p in enumerate(found) if p.name.startswith(f"{name}.")]
        found.insert(inside[0] if inside else len(found), place)  # what holds others comes first
    return {place.name: place for place in found}


def _layer_at(graph: Graph, name: str, values: Mapping[str, Any]) -> Layer:
    """The description of a layer, also of one inside others."""
    top = top_of(graph, name)
    layer, at, rest = graph.layers[top], top, name[len(top) + 1 :]
    while rest:
        if isinstance(layer, Block):
            x = values[at][0]
            several = isinstance(x, tuple)
            inner = layer.graph(tuple(a.shape[1:] for a in x) if several else x.shape[1:])
            held = inner.layers
        else:
            held = layer.inner()
            held = held | (held["cell"].inner() if "cell" in held else {})
        first = max((n for n in held if rest == n or rest.startswith(f"{n}.")), key=len)
        layer, at, rest = held[first], f"{at}.{first}", rest[len(first) + 1 :]
    return layer


def _arrays(
    model: Model, before: State, after: State | None, gradients: Any, rule: str
) -> dict[str, ArrayStep]:
    """Every array of weights with its gradient, its memory, and what becomes of it."""
    memory = [_memory(s.optimizer, rule) if s is not None else {} for s in (before, after)]
    found = {}
    for layer, arrays in before.params.items():
        for array, value in arrays.items():
            name = f"{layer}/{array}"
            kept = {
                what: (held, memory[1].get(name, {}).get(what))
                for what, held in memory[0].get(name, {}).items()
            }
            new = None if after is None else _host(after.params[layer][array])
            gradient = gradients[layer][array]
            frozen = not model.layers[layer].trains(array)
            found[name] = ArrayStep(name, _host(value), gradient, new, kept, frozen)
    return found


# what Optax calls the memories of the house's rules -> what the lectures call them
MEMORIES = {"mu": "mean of g", "nu": "mean of g^2", "trace": "momentum"}
UNNAMED = {"adagrad": "sum of g^2"}


def _memory(tree: Any, rule: str) -> dict[str, dict[str, np.ndarray]]:
    """What an update rule keeps for the numbers of each array: {array: {memory: values}}."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        keys = [step.key for step in path if isinstance(step, jax.tree_util.DictKey)]
        if len(keys) != 2:  # a count of steps and the like
            continue
        names = [step.name for step in path if isinstance(step, jax.tree_util.GetAttrKey)]
        what = MEMORIES.get(names[-1], names[-1]) if names else UNNAMED.get(rule, "memory")
        kept = found.setdefault(f"{keys[0]}/{keys[1]}", {})
        while what in kept:
            what += "'"
        kept[what] = _host(leaf)
    return found


def _host(a: Any) -> np.ndarray:
    """As NumPy's array; half precision as float32, which holds all its numbers."""
    a = np.asarray(a)
    return a.astype(np.float32) if a.dtype.kind == "V" or a.dtype.name == "bfloat16" else a
