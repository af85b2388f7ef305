"""A step of `fit` that writes down what it computes: every layer's numbers, and their gradients.

The cost is differentiated by zeros that are added to what every layer puts out: the gradient by
such a zero is the gradient by the output itself. The compiler drops the zeros, so that the program
is that of `fit` with more outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.train.engine.feeds import Arrays
from descend.train.engine.program import epoch_program
from descend.train.engine.task import Batch, Logs, State, Task
from descend.train.model.supervised import Supervised

# {node: (f(params, x) -> output, x)}: a node's function and what it is applied to in the step
NodeFunctions = dict[int, tuple[Callable[..., Any], Any]]


class Record(NamedTuple):
    """What one step computed.

    A place is a layer's name, "layer@2" at its second use, "outer.inner" inside a layer, "layer:z"
    before its activation.

    Attributes:
        values: {place: (input, output)}, in no order.
        slopes: {place: gradient of the cost by the output}.
        gradients: {layer: {array: gradient}}.
        cost: J.
    """

    values: Any
    slopes: Any
    gradients: Any
    cost: Any


class Listener:
    """A tap that keeps what passes it and adds `shifts` to it."""

    details = True

    def __init__(self, shifts: Any = None):
        self.shifts = shifts
        self.values: dict[str, Any] = {}
        self._uses: Counter[str] = Counter()

    def __call__(self, name: str, x: Any, y: Any) -> Any:
        """Return y with its shift added."""
        self._uses[name] += 1
        place = name if self._uses[name] == 1 else f"{name}@{self._uses[name]}"
        self.values[place] = (x, y)
        return None if self.shifts is None else jax.tree.map(_plus, y, self.shifts[place])


class _Carried(NamedTuple):
    """What the engine carries through its scan."""

    state: State
    record: Record

    @property
    def params(self) -> Any:
        return self.state.params


class Recording(Task):
    """A Task whose step computes what `Supervised.step` does, and updates nothing.

    Args:
        task: the Task whose step it is.
        whole: whether values and slopes are written down, or the gradients alone.
    """

    def __init__(self, task: Supervised, whole: bool = True):
        self.task, self.whole = task, whole
        self.places: list[str] = []  # in the order of computation, filled while tracing

    @property
    def heavy(self) -> bool:
        """As the task: the rows of a batch are then spread over the devices."""
        return self.task.heavy

    @property
    def carries(self) -> bool:
        """As the task."""
        return self.task.carries

    def fresh(self, carried: _Carried) -> _Carried:
        """Forget what layers carry over, as the task does."""
        return carried._replace(state=self.task.fresh(carried.state))

    def record(self, state: State, batch: Batch) -> Record:
        """Compute the numbers of one step."""
        params, key = _point(self.task, state)

        def cost(params: Any, shifts: Any) -> tuple[Any, Any]:
            listener = Listener(shifts) if self.whole else None
            j, _ = self.task.cost(params, state.layers, batch, state.hyper, key, True, listener)
            if listener is None:
                return j, {}
            self.places = list(listener.values)
            return j, listener.values

        _, shapes = jax.eval_shape(lambda p: cost(p, None), params)
        zeros = {place: jax.tree.map(_zero, y) for place, (_, y) in shapes.items()}
        grad = jax.value_and_grad(cost, argnums=(0, 1), has_aux=True)
        (j, values), (gradients, slopes) = grad(params, zeros)
        return Record(values, slopes, gradients, j)

    def step(self, carried: _Carried, batch: Batch) -> tuple[_Carried, Logs]:
        """Record; the state stays."""
        record = self.record(carried.state, batch)
        return _Carried(carried.state, record), {"loss": (record.cost, 1.0)}


def record_step(task: Supervised, feed: Arrays, state: State) -> tuple[list[str], Record]:
    """The places in order, and what the first step of an epoch of `feed` computes there.

    It runs in the engine's own program, with the engine's placement of rows: the same step of
    `fit` has the same compiler's choices.
    """
    places, record = _run(task, feed, state, True)
    if any(":inputs" in place for place in places):
        # a recurrence's bias is a sum over steps, taken in another order where the terms are kept
        record = record._replace(gradients=_run(task, feed, state, False)[1].gradients)
    return places, record


def node_functions(task: Supervised, feed: Arrays, state: State) -> tuple[Any, NodeFunctions]:
    """The step's parameters, and every node of the graph as a function by itself.

    Masks, noise and states are those of the step, and held by the functions. So they come from a
    pass that is not compiled: inside a program they would be no numbers.

    Returns:
        (params, functions); of an output whose loss takes logits the function gives z.
    """
    params, key = _point(task, state)
    layers = task.fresh(state).layers if task.carries else state.layers
    collector = _Collector()
    task.cost(params, layers, Batch(feed.data, None), state.hyper, key, True, collector)
    return params, collector.functions


class _Collector:
    """A tap that changes nothing and keeps every node's own function."""

    def __init__(self) -> None:
        self.functions: NodeFunctions = {}

    def __call__(self, name: str, x: Any, y: Any) -> None:
        pass

    def called(self, number: int, f: Callable[..., Any], x: Any) -> None:
        self.functions[number] = (f, x)


def _point(task: Supervised, state: State) -> tuple[Any, Any]:
    """The parameters at which the step takes its gradient, and the key of its noise."""
    key = jax.random.fold_in(state.key, state.steps) if task.stochastic else None
    numbers = task.optimizer.numbers_now(state.hyper, state.steps)
    return task.gradient_at(state, numbers), key


def _run(task: Supervised, feed: Arrays, state: State, whole: bool) -> tuple[list[str], Record]:
    recording = task.programs.setdefault(("recording", whole), Recording(task, whole))
    batch = Batch(jax.tree.map(lambda a: a[: feed.batch_size], feed.data), None)
    shapes = jax.eval_shape(recording.record, state, batch)
    empty = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
    program = epoch_program(recording, feed, None, None, rows=feed.batch_size)
    orders = feed.order(0)[None]
    carried, *_ = program(_Carried(state, empty), feed.data, orders, None, np.int32(1), None)
    return recording.places, carried.record


def _inexact(a: Any) -> bool:
    return jnp.issubdtype(a.dtype, jnp.inexact)


def _zero(a: Any) -> jax.Array:
    """A zero for every number; what is whole cannot be differentiated and gets none."""
    return jnp.zeros(a.shape, a.dtype) if _inexact(a) else jnp.zeros(())


def _plus(a: jax.Array, shift: jax.Array) -> jax.Array:
    return a + shift if _inexact(a) else a
