"""The chain rule of one weight through units: the largest paths first, the sum of all exactly."""

from __future__ import annotations

import heapq
from itertools import count as counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.glass.step.chain import Factor, Path, Symbol
from descend.glass.step.nodes import Nodes
from descend.nn.layers import Activation, Dense, DropConnect
from descend.nn.recurrence import elementwise
from descend.nn.symbols import listed

Stage = tuple[str, int]  # "z" or "a" of the value at a place of the graph


class Units:
    """All units of one row, and the derivatives of each by the units that it reads.

    A dense layer has two stages, z and a, so that a path shows the weight and the slope of the
    activation apart; any other node is one stage.
    """

    def __init__(self, nodes: Nodes, row: int):
        self.nodes, self.row = nodes, row
        self.shapes: dict[Stage, tuple[int, ...]] = {}
        self.places: dict[Stage, str] = {}
        # the derivative: (units of the reader, units read), or (units,) where it is a diagonal
        self.readers: dict[Stage, list[tuple[Stage, np.ndarray]]] = {}
        self.entry = [self._add(number) for number in range(len(nodes.nodes))]
        self._from_the_cost_back()

    # -- the stages and their derivatives -----------------------------------------------------

    def _add(self, number: int) -> list[Stage]:
        """Add a node's stages; returns those that its inputs and weights enter."""
        node, name = self.nodes.nodes[number], self.nodes.names[number]
        place = self.nodes.step.places[name]
        outputs: list[Stage] = [("a", node.place + k) for k in range(len(node.output_shapes))]
        logits = place.slope is None
        if logits:
            outputs = [("z", node.place)]
        entered = [("z", node.place)] if self._split(number) else outputs
        for stage in dict.fromkeys([*entered, *outputs]):
            values = place.z if stage[0] == "z" else listed(place.a)[stage[1] - node.place]
            assert values is not None
            self.places[stage], self.shapes[stage] = name, values.shape[1:]
        if entered != outputs:
            assert place.z is not None
            self._link(entered[0], outputs[0], _slopes(place.layer, place.z[self.row]))
        inputs = listed(self.nodes.functions[number][1])
        for slot, source in enumerate(node.sources):
            read = self._stage_of(source)
            if read is None or not jnp.issubdtype(inputs[slot].dtype, jnp.inexact):
                continue
            if self._linear(number):
                self._link(read, entered[0], self._weights(number, inputs[slot]))
                continue
            by_input = jax.jacrev(lambda v, s=slot: self._row_of(number, {}, {s: v}))
            derivatives = by_input(jnp.asarray(inputs[slot][self.row]))
            for stage, derivative in zip(entered, derivatives, strict=True):
                self._link(read, stage, derivative)
        return entered

    def _split(self, number: int) -> bool:
        """Tell whether a node's z is a stage before its a."""
        place = self.nodes.step.places[self.nodes.names[number]]
        plain = isinstance(place.layer, Dense) and not isinstance(place.layer, DropConnect)
        return plain and place.slope is not None

    def _linear(self, number: int) -> bool:
        """Tell whether a node's inputs and weights enter a z that is linear in either of them."""
        layer = self.nodes.nodes[number].layer
        logits = self.nodes.step.places[self.nodes.names[number]].slope is None
        return self._split(number) or (logits and isinstance(layer, (Dense, Activation)))

    def _row_of(self, number: int, weights: dict[str, Any], inputs: dict[int, Any]) -> list[Any]:
        """Compute the row of what a node's inputs enter, flat, some weights or inputs replaced."""
        f, x = self.nodes.functions[number]
        xs = [jnp.asarray(a) for a in listed(x)]
        xs = [a.at[self.row].set(inputs[i]) if i in inputs else a for i, a in enumerate(xs)]
        x = tuple(xs) if isinstance(x, tuple) else xs[0]
        layer: Any = self.nodes.nodes[number].layer
        params = {**self.nodes.params_of(number), **weights}
        y = layer.preactivation(params, x) if self._split(number) else f(params, x)
        return [a[self.row].ravel() for a in listed(y)]

    def _weights(self, number: int, x: Any) -> Any:
        """Return the derivative of z by the input of a layer whose z is linear in it."""
        layer: Any = self.nodes.nodes[number].layer
        params = {
            n: jnp.zeros_like(a) if n == "bias" else a
            for n, a in self.nodes.params_of(number).items()
        }
        shape = x.shape[1:]
        each = jnp.eye(int(np.prod(shape)), dtype=x.dtype).reshape(-1, *shape)
        return np.asarray(layer.preactivation(params, each)).reshape(len(each), -1).T

    def _by_weight(self, number: int, array: str, at: tuple[int, ...]) -> list[Any]:
        """Differentiate what a node's weights enter by one of them."""
        own = self.nodes.params_of(number)
        w = jnp.asarray(own[array])
        if self._linear(number):
            layer: Any = self.nodes.nodes[number].layer
            alone = {name: jnp.zeros_like(a) for name, a in own.items()}
            alone[array] = alone[array].at[at].set(1.0)
            return [layer.preactivation(alone, self.nodes.functions[number][1])[self.row].ravel()]
        return jax.jacrev(lambda v: self._row_of(number, {array: w.at[at].set(v)}, {}))(w[at])

    def _stage_of(self, value: int) -> Stage | None:
        """Return the stage that readers of a value read; None for an input of the network."""
        return next((s for s in (("a", value), ("z", value)) if s in self.shapes), None)

    def _link(self, read: Stage, reader: Stage, derivative: Any) -> None:
        m = np.asarray(derivative, np.float64)
        m = m if m.ndim == 1 else m.reshape(int(np.prod(self.shapes[reader])), -1)
        self.readers.setdefault(read, []).append((reader, m))

    def _from_the_cost_back(self) -> None:
        """Find each unit's delta, its largest path to the cost, and how many paths there are."""
        recorded = {
            self._stage_of(node.place + k): np.asarray(slope[self.row], np.float64).ravel()
            for number, node in enumerate(self.nodes.nodes)
            for k, slope in enumerate(self.nodes.slope(number))
        }
        self.ends: dict[Stage, np.ndarray] = {}
        self.delta: dict[Stage, np.ndarray] = {}
        self.largest: dict[Stage, np.ndarray] = {}
        self.counts: dict[Stage, np.ndarray] = {}
        outputs = self.nodes.step.model.outputs_at
        # what is computed later comes first, and a before the z it is made of
        for stage in sorted(self.shapes, key=lambda s: (-s[1], s[0])):
            size = int(np.prod(self.shapes[stage]))
            delta, largest = np.zeros(size), np.zeros(size)
            counts = np.zeros(size, object)  # whole numbers of any size
            for reader, m in self.readers.get(stage, []):
                some, on = (m != 0).astype(object), self.largest[reader]
                if m.ndim == 1:
                    delta += m * self.delta[reader]
                    largest = np.maximum(largest, np.abs(m) * on)
                    counts = counts + some * self.counts[reader]
                else:
                    delta += m.T @ self.delta[reader]
                    largest = np.maximum(largest, (np.abs(m) * on[:, None]).max(0, initial=0.0))
                    counts = counts + some.T @ self.counts[reader]
            end = np.zeros(size)
            if stage[1] in outputs and self._stage_of(stage[1]) == stage:
                end = recorded[stage] - delta  # what does not come by a reader comes by the loss
                end = np.where(np.abs(end) > 1e-5 * np.abs(recorded[stage]).max(), end, 0.0)
            self.ends[stage], self.delta[stage] = end, delta + end
            self.largest[stage] = np.maximum(largest, np.abs(end))
            self.counts[stage] = counts + (end != 0).astype(object)

    # -- paths ----------------------------------------------------------------------------------

    def paths(
        self, layer: str, array: str, at: tuple[int, ...], most: int
    ) -> tuple[list[Path], int, float]:
        """Find the largest paths of a weight; returns them, the count of all, and the sum of all.

        Best first: the head of the heap is the path that can still become largest, because the
        largest product on from every unit is known.
        """
        heap: list[Any] = []
        number_of, count, whole = counter(), 0, 0.0

        def push(reach: float, steps: Any, product: float, done: bool = False) -> None:
            if reach > 0:
                heapq.heappush(heap, (-reach, next(number_of), steps, product, done))

        for number in self.nodes.uses(layer):
            by_weight = self._by_weight(number, array, at)
            for stage, derivative in zip(self.entry[number], by_weight, strict=True):
                factors = np.asarray(derivative, np.float64)
                whole += float(factors @ self.delta[stage])
                count += int((factors != 0).astype(object) @ self.counts[stage])
                for unit in np.flatnonzero(factors):
                    first = float(factors[unit])
                    push(abs(first) * self.largest[stage][unit], ((stage, unit, first),), first)
        paths: list[Path] = []
        while heap and len(paths) < most:
            _, _, steps, product, done = heapq.heappop(heap)
            stage, unit, _ = steps[-1]
            if done:
                paths.append(self._path(steps, product, array, at))
                continue
            total = product * float(self.ends[stage][unit])
            push(abs(total), steps, total, True)
            for reader, m in self.readers.get(stage, []):
                for t in np.flatnonzero(m[:, unit]) if m.ndim == 2 else [unit]:
                    slope = float(m[t, unit] if m.ndim == 2 else m[t])
                    reach = abs(product * slope) * self.largest[reader][t]
                    push(reach, (*steps, (reader, t, slope)), product * slope)
        return paths, count, whole

    def _path(self, steps: Any, product: float, array: str, at: tuple[int, ...]) -> Path:
        """Write a path with its factors, from the cost back to the weight."""
        symbols = [
            Symbol(s[0], self.places[s], tuple(int(i) for i in np.unravel_index(u, self.shapes[s])))
            for s, u, _ in steps
        ]
        last, unit, _ = steps[-1]
        factors = [Factor(Symbol("J"), symbols[-1], float(self.ends[last][unit]))]
        below = [Symbol("w", array, at), *symbols[:-1]]
        for upper, lower, (_, _, slope) in reversed(list(zip(symbols, below, steps, strict=True))):
            factors.append(Factor(upper, lower, slope))
        return Path(tuple(dict.fromkeys(s.place for s in symbols)), tuple(factors), product)


def _slopes(layer: Any, z: np.ndarray) -> Any:
    """The derivative of g(z) by z: a diagonal, but for softmax."""
    if elementwise(layer.activation):
        return jax.vjp(layer.activation, jnp.asarray(z))[1](jnp.ones_like(z))[0].ravel()
    return jax.jacrev(lambda z: layer.activation(z).ravel())(jnp.asarray(z))
