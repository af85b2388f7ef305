"""The record of one training step: forwards, backwards, and the update.

Sources: itam-2023, 1.5 "Back-Propagation"; hull-2023, "Forward and Backward Passes", "Back-
propagation for MLPs"; scheidegger-2020, "COMPUTING GRADIENTS: ERROR BACKPROPAGATION".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import jax
import numpy as np

from descend.errors import DivergenceError, unknown
from descend.glass.step.recording import NodeFunctions, Record, node_functions, record_step
from descend.nn.graph import Graph
from descend.nn.layers import Block, Layer
from descend.train import engine
from descend.train.engine.feeds import Arrays
from descend.train.engine.task import State

if TYPE_CHECKING:
    from descend.train.model.model import Model
    from descend.train.model.supervised import Rows, Supervised


@dataclass(frozen=True, eq=False)
class Place:
    """One use of one layer.

    Attributes:
        name: the layer's; "layer@2" at its second use, "outer.inner" inside a layer.
        layer: its description.
        x: the input, or a tuple of inputs, batch axis first.
        z: the input of the activation, where there is one; of a recurrent layer that of every
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
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.layer).__name__

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
        gradient: the gradient of the cost, penalties included.
        after: the value after the step of `fit`; None where that step is not finite.
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
class Step:
    """The step that `fit` would make next on one batch, with every number of it.

    Attributes:
        model, task, state: whose step it is, with the weights, memory and noise before it.
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

    @classmethod
    def of(cls, model: Model, data: Rows) -> Self:
        """Record the step of `model.fit` on all rows of `data` at once; nothing is changed.

        What it takes is run here and nowhere else: the step with its values and slopes, `fit`'s own
        program for what becomes of the weights, and, when first asked for, `functions`.
        """
        task = model.supervised
        state = model.start_state(task, model.seed)
        feed = Arrays(data, len(data.x[0]), shuffle=False)
        order, record = record_step(task, feed, state)
        record = jax.tree.map(_host, record)
        after, failed, cost = state, None, float(record.cost)
        try:
            run = engine.train(task, feed, 1, state=state, on_interrupt="raise")
            after, cost = run.state, run.history.history["loss"][0]
        except DivergenceError as error:
            failed = str(error)
        rule, numbers = task.optimizer, task.optimizer.numbers_now(state.hyper, state.steps)
        return cls(
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

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return len(self.data.x[0])

    @cached_property
    def node_names(self) -> list[str]:
        """The name of the place of every node of the graph, in order."""
        return _node_names(self.model)

    @cached_property
    def functions(self) -> tuple[Any, NodeFunctions]:
        """The step's parameters, and {node: (f(params, x) -> output, x)} of every node."""
        feed = Arrays(self.data, self.rows, shuffle=False)
        return node_functions(self.task, feed, self.state)

    def place(self, name: str) -> Place:
        """Return the place of a name; raises DescendError with the nearest one."""
        if name not in self.places:
            raise unknown("layer", name, self.places)
        return self.places[name]

    def array(self, name: str) -> ArrayStep:
        """Return the array of a name "layer/array"; raises DescendError with the nearest one."""
        if name not in self.arrays:
            raise unknown("array", name, self.arrays)
        return self.arrays[name]

    def arrays_of(self, place: Place) -> dict[str, ArrayStep]:
        """Return the arrays that a place uses itself, by what they are called there."""
        name = place.name.partition("@")[0]
        top = _top_of(self.model, name)
        inner = name[len(top) + 1 :]
        starts = [f"{top}/{inner}.", f"{top}/cell.{inner}."] if inner else [f"{top}/"]
        return {
            n.removeprefix(s): a for s in starts for n, a in self.arrays.items() if n.startswith(s)
        }


def _top_of(graph: Graph, name: str) -> str:
    """The layer of the graph that a place is in: of "outer.inner" it is "outer"."""
    return max((n for n in graph.layer_names if name == n or name.startswith(f"{n}.")), key=len)


def _node_names(graph: Graph) -> list[str]:
    uses: Counter[str] = Counter()
    names = []
    for node in graph.nodes:
        layer = str(node.layer.name)
        uses[layer] += 1
        names.append(layer if uses[layer] == 1 else f"{layer}@{uses[layer]}")
    return names


def _places(model: Model, task: Supervised, order: list[str], record: Record) -> dict[str, Place]:
    raw = {p for p, logits in zip(model.outputs_at, task.logits, strict=True) if logits}
    ends = {name for name, n in zip(_node_names(model), model.nodes, strict=True) if n.place in raw}
    places: list[Place] = []
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
        inside = [i for i, p in enumerate(places) if p.name.startswith(f"{name}.")]
        places.insert(inside[0] if inside else len(places), place)  # what holds others comes first
    return {place.name: place for place in places}


def _layer_at(graph: Graph, name: str, values: Mapping[str, Any]) -> Layer:
    """The description of a layer, also of one inside others."""
    top = _top_of(graph, name)
    layer, at, rest = graph.layers[top], top, name[len(top) + 1 :]
    while rest:
        if isinstance(layer, Block):
            x = values[at][0]
            several = isinstance(x, tuple)
            inner = layer.graph(tuple(a.shape[1:] for a in x) if several else x.shape[1:])
            layers = inner.layers
        else:
            layers = layer.inner()
            layers = layers | (layers["cell"].inner() if "cell" in layers else {})
        first = max((n for n in layers if rest == n or rest.startswith(f"{n}.")), key=len)
        layer, at, rest = layers[first], f"{at}.{first}", rest[len(first) + 1 :]
    return layer


def _arrays(
    model: Model, before: State, after: State | None, gradients: Any, rule: str
) -> dict[str, ArrayStep]:
    """Every array of weights with its gradient, its memory, and what becomes of it."""
    old_memory = _memory(before.optimizer, rule)
    new_memory = {} if after is None else _memory(after.optimizer, rule)
    steps = {}
    for layer, arrays in before.params.items():
        for array, value in arrays.items():
            name = f"{layer}/{array}"
            memory = {
                what: (values, new_memory.get(name, {}).get(what))
                for what, values in old_memory.get(name, {}).items()
            }
            new_value = None if after is None else _host(after.params[layer][array])
            gradient = gradients[layer][array]
            frozen = not model.layers[layer].trains(array)
            steps[name] = ArrayStep(name, _host(value), gradient, new_value, memory, frozen)
    return steps


# what Optax calls the memories of the house's rules -> what the lectures call them
MEMORIES = {"mu": "mean of g", "nu": "mean of g^2", "trace": "momentum"}
UNNAMED = {"adagrad": "sum of g^2"}


def _memory(tree: Any, rule: str) -> dict[str, dict[str, np.ndarray]]:
    """What an update rule keeps for the numbers of each array: {array: {memory: values}}."""
    memories: dict[str, dict[str, np.ndarray]] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        keys = [step.key for step in path if isinstance(step, jax.tree_util.DictKey)]
        if len(keys) != 2:  # a count of steps and the like
            continue
        names = [step.name for step in path if isinstance(step, jax.tree_util.GetAttrKey)]
        what = MEMORIES.get(names[-1], names[-1]) if names else UNNAMED.get(rule, "memory")
        of_array = memories.setdefault(f"{keys[0]}/{keys[1]}", {})
        while what in of_array:
            what += "'"
        of_array[what] = _host(leaf)
    return memories


def _host(a: Any) -> np.ndarray:
    """As NumPy's array; half precision as float32, which holds all its numbers."""
    a = np.asarray(a)
    return a.astype(np.float32) if a.dtype.kind == "V" or a.dtype.name == "bfloat16" else a
