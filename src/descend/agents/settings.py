"""The settings of an algorithm, checked, and what its task asks of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import jax

from descend.agents.checks import Checked
from descend.agents.environment import Choice, Environment
from descend.agents.task import AgentTask
from descend.errors import DescendError
from descend.nn import activations
from descend.nn.checks import is_whole
from descend.nn.graph import Graph
from descend.nn.layers.base import Layer
from descend.statement import Statement, parameter
from descend.train import rules as update_rules
from descend.train.engine.task import scoped
from descend.train.rules import Optimizer


@dataclass(frozen=True)
class Settings(Statement):
    """The settings of an algorithm, frozen, of which the numbers may be swept."""

    _contract = True

    anneal: bool = False  # whether the rates of the update rules fall to zero over the budget
    gamma: float | None = parameter(None, least=0, most=1, doc="discount factor")

    usual_gamma = 0.99  # where neither the settings nor the environment name a discount factor
    plays_games = False  # whether it plays both sides of a game of two

    def __post_init__(self) -> None:
        super().__post_init__()
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(f.default, bool) and not isinstance(value, bool):
                raise DescendError(f"{self.label}: {f.name} must be True or False, got {value!r}")
            if f.name == "hidden":
                self._require_layers(value)
                object.__setattr__(self, "hidden", tuple(value))
            if f.name == "activation":
                activations.get(value)
        self.rules()

    def _require_layers(self, hidden: Any) -> None:
        """Raise DescendError unless they are units or layers, layers first."""
        listed = isinstance(hidden, (tuple, list))
        if not listed or not all(isinstance(h, Layer) or (is_whole(h) and h > 0) for h in hidden):
            raise DescendError(
                f"{self.label}: hidden must be a tuple of units (whole numbers >= 1) or layers, "
                f"got {hidden!r}"
            )
        kinds = [isinstance(h, Layer) for h in hidden]
        if kinds != sorted(kinds, reverse=True):
            raise DescendError(
                f"{self.label}: in hidden, layers stand before units; write Dense(n, activation) "
                "for the units in between"
            )

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs, with these settings, from the paper it cites; a sentence each."""
        return ()

    def rules(self) -> dict[str, Optimizer]:
        """The update rules by name; "" for the only one."""
        return {"": update_rules.get(self.optimizer)}  # type: ignore[attr-defined]

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """The networks for an environment of these actions and observations."""
        raise NotImplementedError

    def task(self, environment: Environment, steps: int, traced: Sequence[str] = ()) -> AgentTask:
        """The task of learning in an environment for so many steps."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """The numbers that may be swept, by name."""
        values = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if "doc" in f.metadata and not isinstance(f.default, int)
        }
        values["gamma"] = self.usual_gamma if self.gamma is None else self.gamma
        return {name: float(value) for name, value in values.items()}

    def at(self, environment: Environment) -> Self:
        """A copy with a gamma: its own, else the environment's discount, else the usual one."""
        if self.gamma is not None:
            return self
        gamma = environment.discount
        return self.with_parameters({"gamma": float(self.usual_gamma if gamma is None else gamma)})

    def draw(self, task: AgentTask, key: jax.Array) -> dict[str, Any]:
        """Weights of all networks, {network: params}."""
        keys = jax.random.split(key, len(task.graphs))
        return {
            name: graph.init(one)[0]
            for (name, graph), one in zip(task.graphs.items(), keys, strict=True)
        }

    def weights_of(self, params: Any, name: str) -> Any:
        """The weights of one network, {layer: {array}}."""
        return params[name]

    def memories(self, params: Any, hyper: Mapping[str, Any]) -> Any:
        """What the rules remember before the first update: of each network, or of all."""
        rules = self.rules()
        if set(rules) == {""}:
            return rules[""].begin(params, hyper)
        return {name: rule.begin(params[name], scoped(hyper, name)) for name, rule in rules.items()}

    def within(self, task: AgentTask, action: jax.Array) -> jax.Array:
        """The action that the environment is given; numbers are kept in -1 to 1 elsewhere."""
        return action if isinstance(task.actions, Choice) else task.actions.within(action)

    def annealed(self, hyper: Mapping[str, Any], progress: Any) -> dict[str, Any]:
        """The numbers with each rule's rate as it is at this share of the budget."""
        if not self.anneal:
            return dict(hyper)
        return {
            name: value * (1 - progress) if name.endswith("learning_rate") else value
            for name, value in hyper.items()
        }


def holding(statements: Mapping[str, bool]) -> tuple[str, ...]:
    """The sentences that hold."""
    return tuple(words for words, holds in statements.items() if holds)
