"""A network and its present weights: where they come from, and which of them are frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, unknown
from descend.nn.graph import Graph, Node
from descend.nn.layers.base import Arrays
from descend.nn.symbols import Input, connect
from descend.train import freezing
from descend.train.run import Run
from descend.train.runtime import prepare, quick_compile
from descend.train.supervised import Supervised
from descend.train.task import State

if TYPE_CHECKING:
    from descend.train.model import Model

Weights = tuple[dict[str, Arrays], dict[str, Arrays]]  # parameters, what layers remember


class Weighted(Graph):
    """A Graph that holds weights; the base of `Model`, which says what the arguments are."""

    def __init__(
        self, inputs: Any, outputs: Any, name: str, seed: int, compute_dtype: str | None
    ) -> None:
        prepare()  # before anything makes an array, after which devices are settled
        super().__init__(inputs, outputs, name, compute_dtype)
        self.seed = seed
        self._task: Supervised | None = None
        self._weights: Weights | None = None
        self._state: State | None = None
        self._run: Run | None = None
        self._given = self._gathered()

    # -- where weights come from --------------------------------------------------------------

    def init(self, key: jax.Array) -> Weights:
        """Draw parameters and layer states, but for those that are not to be drawn.

        These are layers that came with a network that had weights (see `Model`), and the frozen
        arrays of a network that has weights: every member of a sweep or an ensemble has them.
        """
        drawn = super().init(key)
        for fresh, given, frozen in zip(drawn, self._given, self._frozen(), strict=True):
            for held in (given, frozen):
                for layer, arrays in held.items():
                    fresh[layer] = {**fresh[layer], **arrays}
        return drawn

    def _gathered(self) -> Weights:
        """The weights of layers that stood in other networks before."""
        found: Weights = ({}, {})
        for layer, origin in self.origins:
            if not isinstance(origin, Weighted):
                continue
            for mine, theirs in zip(found, origin._known(), strict=True):
                arrays = theirs.get(layer, {})
                if any(mine.get(layer, arrays)[name] is not a for name, a in arrays.items()):
                    raise DescendError(
                        f"{self.name}: layer {layer!r} comes from two networks that have "
                        "different weights for it. Build one of them from layers of its own."
                    )
                if arrays and not (mine is found[1] and self.layers[layer].carries):
                    mine[layer] = arrays
        return found

    def _known(self) -> Weights:
        """The weights that there are: all, or those that came along while nothing is drawn."""
        drawn = self._run is not None or self._weights is not None
        return self._present() if drawn else self._given

    def _frozen(self) -> Weights:
        """The frozen arrays, and states of frozen layers, of the present weights."""
        found: Weights = ({}, {})
        if self._run is None and self._weights is None:
            return found
        for held, part in zip(self._present(), found, strict=True):
            for name, arrays in held.items():
                layer = self.layers[name]
                kept = {a: value for a, value in arrays.items() if not layer.trains(a)}
                if kept and not (part is found[1] and layer.carries):
                    part[name] = kept
        return found

    # -- the present weights ------------------------------------------------------------------

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, {layer: {array name: array}}; during `fit`, after the last epoch."""
        return self._present()[0]

    @params.setter
    def params(self, params: Mapping[str, Any]) -> None:
        have = jax.tree.map(jnp.shape, dict(params))
        want = jax.tree.map(jnp.shape, self.params)
        if have != want:
            raise DescendError(f"{self.name}: expected arrays of shapes {want}, got {have}")
        self._adopt(jax.tree.map(jnp.asarray, dict(params)), self.layer_state)

    @property
    def layer_state(self) -> dict[str, Any]:
        """What layers remember besides their parameters (running averages)."""
        return self._present()[1]

    def _present(self) -> tuple[Any, Any]:
        if self._run is not None:
            return self._run.state.params, self._run.state.layers
        if self._weights is None:
            prepare()
            self._weights = jax.jit(
                lambda seed: self.init(jax.random.split(jax.random.key(seed))[0]),
                compiler_options=quick_compile(),
            )(self.seed)
        return self._weights

    def _adopt(self, params: Any, layers: Any) -> None:
        if self._run is not None:  # a callback sets weights
            self._run.state = self._run.state._replace(params=params, layers=layers)
            return
        self._weights = (params, layers)
        if self._state is not None:
            self._state = self._state._replace(params=params, layers=layers)

    def get_weights(self) -> list[np.ndarray]:
        """All arrays in the order of the layers, as numpy: parameters, then running statistics."""
        held = self._present()
        return [np.asarray(held[not own][layer][array]) for layer, array, own in self.array_names]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put arrays in, in the order of `get_weights`; raises DescendError where they misfit."""
        if len(self.array_names) != len(weights):
            raise DescendError(
                f"{self.name} has {len(self.array_names)} arrays, got {len(weights)}"
            )
        present = self._present()
        new: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for (layer, array, own), value in zip(self.array_names, weights, strict=True):
            held = present[not own][layer][array]
            if np.shape(value) != held.shape:
                raise DescendError(
                    f"{layer}/{array} has shape {held.shape}, got an array of {np.shape(value)}"
                )
            new[not own].setdefault(layer, {})[array] = jnp.asarray(value, held.dtype)
        self._adopt(*new)

    # -- frozen layers and learned features ---------------------------------------------------

    def freeze(self, *layers: str) -> None:
        """Let training leave layers as they are: Keras's `trainable = False`.

            model.freeze()                      all layers
            model.freeze("conv2d", "dense")     these
            model.freeze(*base.layers)          those that came from another network

        A frozen layer's arrays get no gradient (it is not computed), no decay, no penalty, and the
        update rule keeps no memory for them; batch normalisation uses its moving statistics and
        keeps them; dropout stays random, as in Keras. A block or a wrapper is frozen with all
        inside it. It holds at once: a model that is compiled stays compiled (Keras wants another
        `compile`), and the update rule's memory starts afresh, as after `compile`.

        Raises:
            DescendError: no layer of that name (the nearest is suggested); the model is in
                training.

        Source: hull-2023, "Deep Learning Representations"; with the feature map phi_beta fixed, as
        in "Training and Optimization".
        """
        self._set_trainable(layers, False)

    def unfreeze(self, *layers: str) -> None:
        """Let training change layers again, all of them where none is named; see `freeze`."""
        self._set_trainable(layers, True)

    def _set_trainable(self, names: Iterable[str], trainable: bool) -> None:
        if self._run is not None:
            raise DescendError(
                f"{self.name} is in training; freeze and unfreeze layers between two calls of fit"
            )
        freezing.set_trainable(self, names, trainable)
        self._state = None
        if (task := self._task) is not None:
            self._task = Supervised(self, task.optimizer, task.outputs, task.mixup)

    def features(self, layer: str | None = None) -> Model:
        """What the network has learned: a Model of its own, up to a layer's output.

            base = model.features("hidden2")
            base.predict(x)                                     the features of rows x
            base.freeze()
            new = Sequential([base, Dense(5, "softmax")])       the weights come along

        Layers keep their names and are frozen where they are frozen here. The weights are the
        present ones: what either model is trained to later stays its own.

        Args:
            layer: whose output; "name@2" at its second use, where a layer is shared. None: what
                the output layer is given, the lecture's learned feature a^[r-1] = phi_beta(x).

        Returns:
            The model, not compiled; with those of the inputs that the layer depends on.

        Raises:
            DescendError: no layer of that name (the nearest is suggested); None where the output
                layer has several inputs, or that is an input of the network.

        Source: hull-2023, "Deep Learning Representations".
        """
        from descend.train.model import Model

        present = self._present()
        target = self._before_output() if layer is None else self._use(layer)
        inputs, outputs = self._up_to(target)
        found = Model(inputs, outputs, f"{self.name}_{target.layer.name}", self.seed)
        held = [{n: part[n] for n in found.layers if n in part} for part in present]
        found._weights = (held[0], held[1])
        return found

    def _use(self, name: str) -> Node:
        """The node of a use of a layer: "name", or "name@2" for the second."""
        uses: dict[str, Node] = {}
        for node in self.nodes:
            own = str(node.layer.name)
            count = sum(n.layer.name == own for n in uses.values())
            uses[f"{own}@{count + 1}" if count else own] = node
        if name not in uses:
            raise unknown("layer", name, uses)
        return uses[name]

    def _before_output(self) -> Node:
        """The node whose output the (first) output layer is given."""
        last = self._node_at(self.outputs_at[0])
        sources = last.sources if last is not None else ()
        node = self._node_at(sources[0]) if len(sources) == 1 else None
        if node is None:
            raise DescendError(
                f"{self.name}: before its output there is not one layer alone; name one of: "
                f"{', '.join(self.layers)}"
            )
        return node

    def _up_to(self, target: Node) -> tuple[Any, Any]:
        """The symbols of what is needed of the inputs, and of the target's output(s)."""
        values: list[Any] = [
            Input(s.shape, name=n, dtype=s.dtype)
            for n, s in zip(self.input_names, self._inputs, strict=True)
        ]
        nodes = self.nodes[: self.nodes.index(target) + 1]
        for node in nodes:
            given = [values[i] for i in node.sources]
            made = connect(node.layer, given if len(given) > 1 else given[0])
            values += made if isinstance(made, list) else [made]
        needed = set(target.sources)
        for node in reversed(nodes):
            if needed & set(range(node.place, node.place + len(node.output_shapes))):
                needed |= set(node.sources)
        inputs = [values[i] for i in range(len(self.input_names)) if i in needed]
        outputs = values[target.place :]
        return (
            inputs[0] if len(inputs) == 1 else inputs,
            outputs[0] if len(outputs) == 1 else outputs,
        )
