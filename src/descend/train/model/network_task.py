"""A Task over a network, with one update rule or several: what a Task of one's own begins from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, unknown
from descend.nn.graph import Graph
from descend.train.engine.task import State, Task, scoped
from descend.train.model import freezing
from descend.train.rules import Optimizer
from descend.train.rules import get as rule_of


class NetworkTask(Task):
    """A Task whose weights are those of a Graph: write `step`, and `evaluate` for validation.

    Args:
        graph: the network; a Model. Networks over some of its layers can be applied to the same
            `params`.
        rules: an update rule (an object or a name), or several by name, {"critic": Adam(1e-4)}.
        parts: networks {rule: network over layers of `graph`, whose weights it changes}; by default
            all of `graph`. `apply` runs one.

    Raises:
        DescendError: no rule, an unknown one, a part for a rule that is not there, a part with
            layers that `graph` has not got.

    Source: descend's own.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.model import NetworkTask
        >>> class Pull(NetworkTask):
        ...     def step(self, state, batch):
        ...         def cost(params):
        ...             y, layers = self.apply(params, state.layers, batch.data.x[0])
        ...             j = jnp.mean((y - batch.data.y[0]) ** 2)
        ...             return j, (layers, {"loss": (j * len(y), len(y))})
        ...         state, j, (layers, logs) = self.update(state, cost)
        ...         return self.stepped(state, layers), logs
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile(task=Pull(model, "adam"))
        >>> model.fit(x, x, epochs=2, verbose=0).history
        {'loss': [0.0, 0.0]}
    """

    def __init__(self, graph: Graph, rules: Any, parts: Mapping[str, Graph] | None = None):
        named = rules if isinstance(rules, Mapping) and "name" not in rules else {"": rules}
        if not named:
            raise DescendError(f"{type(self).__name__} needs an update rule")
        self.graph = graph
        self._rules = {name: rule_of(rule) for name, rule in named.items()}
        self.parts = dict(parts or {})
        for name in self.parts:
            if name not in self._rules:
                raise unknown("rule in parts", name, self._rules)
            _ = self._names(name)

    @property
    def rules(self) -> Mapping[str, Optimizer]:
        """The update rules by name; "" for a single one."""
        return self._rules

    @property
    def optimizer(self) -> Optimizer:
        """The only rule; raises DescendError where there are several."""
        if len(self._rules) > 1:
            raise DescendError(f"there are several rules: {', '.join(self._rules)}; name one")
        return next(iter(self._rules.values()))

    def set_rule(self, name: str, rule: Optimizer) -> None:
        """Put a rule with other numbers in another's place; what was compiled stays."""
        self._rules = {**self._rules, name: rule}

    def member(self, graph: Graph, numbers: Mapping[str, float]) -> NetworkTask:
        """Return the same task over another network of the same layers, with numbers put in."""
        new = self.anew()
        new.graph = graph
        for name, rule in self.rules.items():
            rule_numbers = {k: v for k, v in scoped(numbers, name).items() if k in rule.numbers()}
            new.set_rule(name, rule.with_numbers(rule_numbers))
        return new

    @property
    def heavy(self) -> bool:
        """Whether a step is much work for its count of parameters."""
        return self.graph.repeats

    @property
    def carries(self) -> bool:
        """Whether a layer's state goes on from batch to batch, so that batches have an order."""
        return self.graph.carries

    def fresh(self, state: State) -> State:
        """Return the state at the head of a pass over the rows: layers forget what they carried."""
        return state._replace(layers=self.graph.forget(state.layers))

    # -- numbers ------------------------------------------------------------------------------

    def hyper(self) -> dict[str, float]:
        """Return all numbers that may be swept, by name: the rules' and the layers'."""
        return {**super().hyper(), **self.graph.numbers()}

    def require(self, numbers: Mapping[str, float]) -> None:
        """Raise DescendError where a number is out of range."""
        super().require(numbers)
        known = self.graph.numbers()
        self.graph.with_numbers({k: v for k, v in numbers.items() if k in known})

    # -- state --------------------------------------------------------------------------------

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> State:
        """Draw the weights."""
        draw, noise = jax.random.split(key)
        params, layers = self.graph.init(draw)
        return self.start(params, layers, noise, hyper)

    def start(self, params: Any, layers: Any, noise: jax.Array, hyper: Mapping[str, Any]) -> State:
        """Return a state from given weights, with fresh rules."""
        numbers = {k: jnp.asarray(v, jnp.result_type(float)) for k, v in hyper.items()}
        memories = {
            name: rule.begin(self.trained(params, name), scoped(numbers, name))
            for name, rule in self.rules.items()
        }
        memory = memories[""] if set(memories) == {""} else memories
        return State(params, layers, memory, noise, numbers, jnp.zeros((), jnp.int32))

    def ended(self, state: State) -> State:
        """Return the weights' averages in their place, of a rule that keeps them (`use_ema`)."""
        for name, rule in self.rules.items():
            average = rule.average(self._memory(state, name))
            if average is not None:
                state = state._replace(params=freezing.merged(state.params, average))
        return state

    # -- one update ---------------------------------------------------------------------------

    @functools.cached_property
    def _trained(self) -> dict[str, freezing.Names]:
        every = freezing.trained_arrays(self.graph)
        part_layers = {name: set(self._names(name).values()) for name in self.parts}
        return {
            name: frozenset(
                (layer, a) for layer, a in every if layer in part_layers.get(name, {layer})
            )
            for name in self.rules
        }

    def _names(self, part: str) -> dict[str, str]:
        """Map a layer's name in a part to its name in the whole network, where names are unique."""
        whole = {id(layer.identity): name for name, layer in self.graph.layers.items()}
        network = self.parts[part]
        for name, layer in network.layers.items():
            if id(layer.identity) not in whole:
                raise DescendError(
                    f"the part {part!r} has a layer {name!r} that {self.graph.name!r} has not got: "
                    "make the network of the same layers, Model(inputs, critic(generator(z)))"
                )
        return {name: whole[id(layer.identity)] for name, layer in network.layers.items()}

    def apply(
        self, params: Any, layers: Any, x: Any, part: str = "", **options: Any
    ) -> tuple[Any, Any]:
        """Return (the outputs on x, the layers' new state) of the whole network or one part.

        Args:
            params, layers: weights and layer state of the whole network.
            part: name of the rule whose network is run.
            options: options (`key`, `training`, ...) of `Graph.apply`.
        """
        if not part:
            return self.graph.apply(params, layers, x, **options)
        names = self._names(part)
        part_params, state = (
            {n: a[w] for n, w in names.items() if w in a} for a in (params, layers)
        )
        outputs, new = self.parts[part].apply(part_params, state, x, **options)
        return outputs, {**layers, **{names[n]: arrays for n, arrays in new.items()}}

    def trained(self, params: Any, rule: str = "") -> Any:
        """Return the parameters that a rule sees: those of its part whose layers are not frozen."""
        return freezing.part(params, self._trained[rule])

    def key(self, state: State) -> jax.Array:
        """Return the key of this step's draws."""
        return jax.random.fold_in(state.key, state.steps)

    def update(
        self, state: State, cost: Callable[[Any], tuple[jax.Array, Any]], rule: str = ""
    ) -> tuple[State, jax.Array, Any]:
        """Make one update by a rule.

        Args:
            cost: function (params) -> (cost, anything else), with all parameters; differentiated by
                those that the rule sees.

        Returns:
            (the state with new weights, the cost, anything else), both as before the update.
        """
        rule_params = self.trained(state.params, rule)
        if not rule_params:
            raise DescendError(
                f"{self.graph.name} has nothing to train: "
                + ("every layer is frozen. Call unfreeze(...), or " if state.params else "")
                + "put a layer with weights behind it, such as Dense"
            )
        value, rest, rule_params, memory = self.rules[rule].update(
            lambda some: cost(freezing.merged(state.params, some)),
            rule_params,
            self._memory(state, rule),
            scoped(state.hyper, rule),
            state.steps,
        )
        optimizer = {**state.optimizer, rule: memory} if rule else memory
        params = freezing.merged(state.params, rule_params)
        return state._replace(params=params, optimizer=optimizer), value, rest

    def stepped(self, state: State, layers: Any) -> State:
        """Return the state behind a step: the layers' new state, and one more update."""
        return state._replace(layers=layers, steps=state.steps + 1)

    def _memory(self, state: State, rule: str) -> Any:
        return state.optimizer[rule] if rule else state.optimizer
