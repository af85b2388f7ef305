"""`model.optimizer`: the update rule of a compiled model, its rate to be read and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import AttributeRefused, DescendError, unknown
from descend.nn.layers.guarded import Guarded
from descend.train.engine.task import full
from descend.train.rules import Optimizer

if TYPE_CHECKING:
    from descend.train.model.weights import Weighted


class Rate(float):
    """A learning rate; as in Keras it can also be read by `numpy()`."""

    def numpy(self) -> np.float32:
        """Return the rate as a NumPy number."""
        return np.float32(self)


class RuleView(Guarded):
    """The update rule as it stands: its fields are read through, its numbers can be set.

        model.optimizer.learning_rate = 1e-4        the next fit, or the rest of this one

    Setting a number compiles nothing and leaves the rule's memory alone. Where a schedule sets the
    rate, `learning_rate` is that schedule.
    """

    def __init__(self, model: Weighted, name: str):
        rules = model.task.rules
        if name not in rules and not name:
            raise DescendError(
                f"{model.name} is trained by several rules: model.rule({next(iter(rules))!r}), of "
                f"{', '.join(rules)}"
            )
        if name not in rules:
            raise unknown("rule", name, rules)
        self._model, self._name = model, name

    @property
    def rule(self) -> Optimizer:
        """The rule itself, as compiled."""
        return self._model.task.rules[self._name]

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update, or the schedule that says it."""
        if self.rule.schedule is not None:
            return self.rule.schedule
        rate = compiled = self.rule.numbers()["learning_rate"]
        name, model = full(self._name, "learning_rate"), self._model
        if model.current_run is not None:
            rate = model.current_run.hyper(name)
        elif model.rule_state is not None:  # what a callback has made of it
            rate = float(model.rule_state.hyper[name])
        return Rate(compiled if rate == np.float32(compiled) else rate)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._put("learning_rate", value)

    @property
    def iterations(self) -> int:
        """How many updates the model has had since it was compiled."""
        state = self._model.rule_state
        return 0 if state is None else int(state.steps)

    def get_config(self) -> dict[str, Any]:
        """Return the rule in JSON form, or {} for a transformation of the user's."""
        from descend.train.rules import describe as describe_rule

        return describe_rule(self.rule) or {}

    def _put(self, name: str, value: Any) -> None:
        if name == "learning_rate" and self.rule.schedule is not None:
            raise DescendError(
                "the rate follows a schedule; compile with a number to set it by hand"
            )
        number = float(np.asarray(value))
        self._model.task.set_rule(self._name, self.rule.with_numbers({name: number}))
        self._model.put_number(full(self._name, name), number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_model", "_name"):
            raise AttributeError(name)
        if name == "lr":
            raise AttributeRefused("the rate is model.optimizer.learning_rate")
        return getattr(self.rule, name)

    def _set(self, name: str, value: Any) -> None:
        if name == "learning_rate" or name in self.rule.numbers():
            self._put(name, value)
        else:
            super()._set(name, value)

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"the optimizer {self.rule.name!r}"

    def _instead(self, name: str) -> str:
        return f"Numbers that can be set: {', '.join(self.rule.numbers())}. Others: compile again."

    def __eq__(self, other: Any) -> bool:
        return self.rule == (other.rule if isinstance(other, RuleView) else other)

    def __hash__(self) -> int:
        return hash(self.rule)

    def __repr__(self) -> str:
        return repr(self.rule)
