"""A network and its present weights: where they come from, and which of them are frozen."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, NotFittedError, unknown
from descend.nn.graph import Graph, Node
from descend.nn.layers.base import Arrays, Layer
from descend.nn.layers.guarded import Guarded
from descend.nn.layers.identity import Identity, claim, switch, switches
from descend.nn.symbols import entered, require_same_arrays
from descend.train.engine.run import Run
from descend.train.engine.runtime import prepare, quick_compile
from descend.train.engine.task import State
from descend.train.model.network_task import NetworkTask
from descend.train.model.rule_view import RuleView
from descend.train.model.supervised import Supervised
from descend.train.model.viewing import Viewed

Weights = tuple[dict[str, Arrays], dict[str, Arrays]]  # parameters, what layers remember


# what an attribute of Keras's models does here
_INSTEAD = {
    **dict.fromkeys(
        ("loss", "metrics", "loss_weights", "compiled_loss", "compiled_metrics"),
        "They are chosen by compile(optimizer=..., loss=..., metrics=...).",
    ),
    "optimizer": "The rule is chosen by compile(optimizer=...); its rate can be set: "
    "model.optimizer.learning_rate = .01.",
    **dict.fromkeys(
        ("run_eagerly", "jit_compile", "train_function", "test_function", "predict_function"),
        "Every step is traced and compiled; descend.glass shows its numbers.",
    ),
    **dict.fromkeys(
        ("train_step", "test_step", "call"),
        "The step is the compiled Task's: compile(task=...) puts in one of your own "
        "(docs/write-your-own-task.md).",
    ),
    "weights": "Weights are put in by set_weights([...]) or model.params = {...}.",
    "dtype": "Mixed precision is chosen when the model is made: compute_dtype='bfloat16'.",
    "dtype_policy": "Mixed precision is chosen when the model is made: compute_dtype='bfloat16'.",
    "_name": "It is given when the model is made: name=....",
}


_WIRED = ("_layers", "_inputs", "_outputs", "_identities", "_brought")  # what wiring makes


class Weighted(Viewed, Graph, Guarded):
    """A Graph whose layers have weights; the base of `Model`, which says what the arguments are.

    The weights are the layers' own (`Layer.identity`): a network gathers them where it uses them,
    and hands back what it has trained. Networks over the same layers so see one set of weights.
    """

    def __init__(
        self, inputs: Any, outputs: Any, name: str, seed: int, compute_dtype: str | None
    ) -> None:
        prepare()  # before anything makes an array, after which devices are settled
        self.name, self.seed = name, seed
        self._asked_dtype = compute_dtype
        self._functions: dict[str, Any] = {}
        self._task: NetworkTask | None = None
        self._state: State | None = None  # memory and numbers of the last fit, without weights
        self._run: Run | None = None
        self._sources: dict[str, Any] = {}  # where layers' weights were read before this run
        self._seen = -1  # Identity.switched, when it was last asked who is frozen
        self._switches: tuple[Any, ...] = ()
        if inputs is not None:
            self._wire(inputs, outputs)

    def _wire(self, inputs: Any, outputs: Any) -> None:
        """Close the network, now or once a shape is known."""
        closed, vars(self)["_closed"] = vars(self).get("_closed", False), False
        try:
            super().__init__(inputs, outputs, self.name, self._asked_dtype)
            self._identities = {name: one.identity for name, one in self._layers.items()}
            self._brought = self._join()
            self._claimed = False
            self._wired = True
        finally:
            vars(self)["_closed"] = closed

    def __getattr__(self, name: str) -> Any:
        wired = name.startswith("__") or (name not in _WIRED and name.startswith("_"))
        if wired or vars(self).get("_wired"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise NotFittedError(
            f"{vars(self).get('name', 'the model')} has no {name.strip('_')} yet, since it has not "
            "seen a shape: call build((None, ...)) or fit first, or begin with an Input"
        )

    # -- attributes ---------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """How messages call this model."""
        return f"model {self.name!r}"

    def _set(self, name: str, value: Any) -> None:
        if name in ("history", "name", "seed", "stop_training"):
            object.__setattr__(self, name, value)
        else:
            super()._set(name, value)

    def _instead(self, name: str) -> str:
        return _INSTEAD.get(
            name,
            "What can be set is trainable, params, name, seed and stop_training, and names that "
            "begin with an underscore.",
        )

    # -- where weights come from --------------------------------------------------------------

    def _join(self) -> frozenset[str]:
        """Return the layers that have weights already; raise where they cannot be shared."""
        for node in self.nodes:
            identity = node.layer.identity
            if identity.input_shape is None:
                identity.input_shape = node.input_shape
            require_same_arrays(node.layer, identity.input_shape, node.input_shape)
            if identity.home is None or identity.home() is None:
                identity.home = weakref.ref(self)
        return frozenset(name for name, one in self._identities.items() if one.drawn)

    def init(self, key: jax.Array) -> Weights:
        """Draw parameters and layer states, but for those that are not to be drawn.

        These are layers that had weights when this network was made of them (see `Model`), and the
        frozen arrays of a network that has weights: every member of a sweep or an ensemble has
        them.
        """
        weights = super().init(key)
        for name, identity in self._identities.items():
            if not identity.drawn:
                continue
            layer, is_foreign = self._layers[name], name in self._brought
            for fresh, arrays in zip(weights, identity.present(), strict=True):
                if fresh is weights[1] and layer.carries:
                    continue
                stay = {a: v for a, v in arrays.items() if is_foreign or not layer.trains(a)}
                if stay:
                    fresh[name] = {**fresh[name], **stay}
        return weights

    def _claim(self) -> None:
        """Raise DescendError where a layer has its weights inside another one."""
        for layer in () if self._claimed else self._layers.values():
            claim(layer, layer.identity, self.name)
        self._claimed = True

    def _draw(self, seed: int) -> None:
        """Draw the weights of layers that have none."""
        prepare()
        draw = jax.jit(
            lambda seed: Graph.init(self, jax.random.split(jax.random.key(seed))[0]),
            compiler_options=quick_compile(),
        )
        with jax.ensure_compile_time_eval():  # now, also while a program that calls it is traced
            weights = draw(seed)
        for name, identity in self._identities.items():
            if not identity.drawn:
                identity.params, identity.state = (part.get(name, {}) for part in weights)

    @property
    def _drawn(self) -> bool:
        return all(identity.drawn for identity in self._identities.values())

    def start_state(self, task: NetworkTask, seed: int) -> State:
        """Return the state to train from; its weights are drawn from `seed` if there are none."""
        prepare()
        self._claim()
        new = [n for n, one in self._identities.items() if not one.drawn]
        if new and len(new) == len(self._identities) - len(self._brought):
            draw = jax.jit(
                lambda s, hyper: task.init(jax.random.key(s), hyper),
                compiler_options=quick_compile(),
            )
            return draw(seed, task.hyper())
        if new:
            self._draw(seed)
        params, layers = self.current_weights()
        state = self._state if self._run is None else self._run.state  # a callback evaluates
        if state is not None:
            return state._replace(params=params, layers=layers)
        noise = jax.random.split(jax.random.key(seed))[1]
        return task.start(params, layers, noise, task.hyper())

    # -- a fit --------------------------------------------------------------------------------

    def enter_run(self, run: Run) -> None:
        """Let the weights be those of a run, for all networks over these layers."""
        self._run = run
        self._sources = {name: one.source for name, one in self._identities.items()}
        for name, identity in self._identities.items():
            identity.source = (run, name)

    def _leave(self) -> None:
        """Leave the run: layers keep what it has reached, if that is an epoch or a chunk."""
        assert self._run is not None
        run, self._run = self._run, None
        for name, source in self._sources.items():
            self._identities[name].source = source
        if len(run.history) or run.chunk:
            self.take_state(run.state)

    def take_state(self, state: State) -> None:
        """Keep what training has reached: weights in the layers, the rest here."""
        self.take_weights(state.params, state.layers)
        self._state = state._replace(params=None, layers=None)

    # -- the present weights ------------------------------------------------------------------

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, {layer: {array name: array}}; during `fit`, after the last epoch."""
        return self.current_weights()[0]

    @params.setter
    def params(self, params: Mapping[str, Any]) -> None:
        have = jax.tree.map(jnp.shape, dict(params))
        want = jax.tree.map(jnp.shape, self.params)
        if have != want:
            raise DescendError(f"{self.name}: expected arrays of shapes {want}, got {have}")
        self.take_weights(jax.tree.map(jnp.asarray, dict(params)), self.layer_state)

    @property
    def layer_state(self) -> dict[str, Any]:
        """What layers remember besides their parameters (running averages)."""
        return self.current_weights()[1]

    def current_weights(self) -> tuple[Any, Any]:
        """Return (params, layer state) as they are now; drawn from the model's seed if none are."""
        self._claim()
        if not self._drawn:
            self._draw(self.seed)
        arrays = {name: identity.present() for name, identity in self._identities.items()}
        return (
            {name: params for name, (params, _) in arrays.items() if params},
            {name: state for name, (_, state) in arrays.items() if state},
        )

    def take_weights(self, params: Any, layers: Any) -> None:
        """Give the layers these arrays, those of a run where one is going on over them."""
        runs: dict[int, tuple[Any, dict[str, Any], dict[str, Any]]] = {}
        for name, identity in self._identities.items():
            mine = params.get(name, {}), layers.get(name, {})
            if identity.source is None:
                identity.params, identity.state = mine
                continue
            run, there = identity.source
            parts = runs.setdefault(id(run), (run, {}, {}))[1:]
            for part, arrays in zip(parts, mine, strict=True):
                if arrays:
                    part[there] = arrays
        for run, run_params, remembered in runs.values():
            run.state = run.state._replace(
                params={**run.state.params, **run_params}, layers={**run.state.layers, **remembered}
            )

    def get_weights(self) -> list[np.ndarray]:
        """Return all arrays by layer, in NumPy: parameters, then running statistics."""
        weights = self.current_weights()
        return [
            np.asarray(weights[not is_param][layer][array])
            for layer, array, is_param in self.array_names
        ]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put arrays in, in the order of `get_weights`; raises DescendError where they misfit."""
        if len(self.array_names) != len(weights):
            raise DescendError(
                f"{self.name} has {len(self.array_names)} arrays, got {len(weights)}"
            )
        present = self.current_weights()
        new: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for (layer, array, is_param), value in zip(self.array_names, weights, strict=True):
            old = present[not is_param][layer][array]
            if np.shape(value) != old.shape:
                raise DescendError(
                    f"{layer}/{array} has shape {old.shape}, got an array of {np.shape(value)}"
                )
            new[not is_param].setdefault(layer, {})[array] = jnp.asarray(value, old.dtype)
        self.take_weights(*new)

    # -- frozen layers and learned features ---------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether training changes any layer; False freezes, True unfreezes all of them."""
        return any(layer.trainable for layer in self._layers.values())

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        if not isinstance(trainable, bool):
            raise DescendError(f"{self.name}: trainable must be True or False, got {trainable!r}")
        self._set_trainable((), trainable)

    def freeze(self, *layers: str | Layer) -> None:
        """Let training leave layers as they are: Keras's `trainable = False`.

            model.freeze()                      all layers; model.trainable = False is the same
            model.freeze("conv2d", "dense")     these
            base.freeze()                       in every network that base is a part of

        A frozen layer's arrays get no gradient (it is not computed), no decay, no penalty, and the
        update rule keeps no memory for them; batch normalisation uses its moving statistics and
        keeps them; dropout stays random, as in Keras. A block or a wrapper is frozen with all
        inside it. It holds at once, in every network over the layer: a model that is compiled stays
        compiled (Keras wants another `compile`), and where other arrays are trained than before,
        the update rule's memory starts afresh, as after `compile`.

        Raises:
            DescendError: no layer of that name (the nearest is suggested); the layer is in
                training.

        Source: hull-2023, "Deep Learning Representations"; with the feature map phi_beta fixed, as
        in "Training and Optimization".
        """
        self._set_trainable(layers, False)

    def unfreeze(self, *layers: str | Layer) -> None:
        """Let training change layers again, all of them where none is named; see `freeze`."""
        self._set_trainable(layers, True)

    def _set_trainable(self, chosen: Sequence[str | Layer], trainable: bool) -> None:
        known = {id(identity): name for name, identity in self._identities.items()}
        names = []
        for choice in chosen or self._layers:
            name = known.get(id(choice.identity)) if isinstance(choice, Layer) else choice
            if not isinstance(choice, (str, Layer)):
                raise DescendError(
                    "freeze and unfreeze take names or layers one by one, as freeze('dense', "
                    f"'dense_1'); got {choice!r}"
                )
            if name not in self._layers:
                raise unknown("layer", getattr(choice, "name", choice), self._layers)
            names.append(name)
        for name in names:
            switch(self._layers[name], trainable)

    @property
    def task(self) -> NetworkTask:
        """The compiled Task; raises NotFittedError before `compile`."""
        if self._task is None:
            if not vars(self).get("_wired"):
                _ = self._layers  # says what is missing
            raise NotFittedError(
                f"{self.name} has no loss yet: call compile(optimizer=..., loss=...)"
            )
        if self._seen != Identity.switched:  # some layer, somewhere
            self._seen, before = Identity.switched, self._switches
            self._switches = tuple(map(switches, self._layers.values()))
            if self._switches != before:
                self.put_task(self._task.anew())
        return self._task

    @property
    def compiled_functions(self) -> dict[str, Any]:
        """Functions of its weights and rows, compiled, by name; empty again when it is rewired."""
        return self._functions

    @property
    def compiled_task(self) -> NetworkTask | None:
        """The compiled Task; None before `compile`."""
        return self._task

    @property
    def supervised(self) -> Supervised:
        """The compiled Task, of a loss; raises DescendError where it is a task of one's own."""
        if not isinstance(self.task, Supervised):
            raise DescendError(
                f"{self.name} is trained by a {type(self.task).__name__}; this needs "
                "compile(optimizer=..., loss=...)"
            )
        return self.task

    @property
    def optimizer(self) -> RuleView:
        """The update rule; its numbers can be read and set (`model.optimizer.learning_rate`).

        Raises:
            DescendError: the task has several rules; `rule(name)` is one of them.
        """
        return RuleView(self, "")

    def rule(self, name: str) -> RuleView:
        """Return one of a task's several update rules by its name; as `optimizer`."""
        return RuleView(self, name)

    @property
    def current_run(self) -> Run | None:
        """The run that trains this network at the moment."""
        return self._run

    @property
    def rule_state(self) -> State | None:
        """What the last fit left besides the weights: the rules' memory, their numbers, the key."""
        return self._state if self._run is None else self._run.state

    def put_number(self, name: str, value: float) -> None:
        """Set a hyperparameter for the updates to come, in a run or the next one."""
        if self._run is not None:
            self._run.set_hyper(name, value)
        elif self._state is not None:
            hyper = self._state.hyper
            new = jnp.asarray(value, hyper[name].dtype)
            self._state = self._state._replace(hyper={**hyper, name: new})

    def put_task(self, task: NetworkTask | None) -> None:
        """Train by another task from now on; the rule's memory begins afresh."""
        self._task, self._state = task, None
        self._seen = Identity.switched
        self._switches = tuple(map(switches, self._layers.values()))

    def feature_symbols(self, layer: str | None) -> tuple[str, Any, Any]:
        """Return (a layer's name, the inputs it depends on, its outputs), for `Model.features`."""
        self.current_weights()  # drawn as this network draws them
        target = self._before_output() if layer is None else self._use(layer)
        inputs, outputs = entered(target.call.symbols, self._inputs), target.call.symbols
        one = lambda symbols: symbols[0] if len(symbols) == 1 else symbols  # noqa: E731
        return str(target.layer.name), one(inputs), one(outputs)

    def _use(self, name: str) -> Node:
        """Return the node of a use of a layer: "name", or "name@2" for the second."""
        uses: dict[str, Node] = {}
        for node in self.nodes:
            layer_name = str(node.layer.name)
            count = sum(n.layer.name == layer_name for n in uses.values())
            uses[f"{layer_name}@{count + 1}" if count else layer_name] = node
        if name not in uses:
            raise unknown("layer", name, uses)
        return uses[name]

    def _before_output(self) -> Node:
        """Return the node whose output the (first) output layer is given."""
        last = self._node_at(self.outputs_at[0])
        sources = last.sources if last is not None else ()
        node = self._node_at(sources[0]) if len(sources) == 1 else None
        if node is None:
            raise DescendError(
                f"{self.name}: before its output there is not one layer alone; name one of: "
                f"{', '.join(self._layers)}"
            )
        return node
