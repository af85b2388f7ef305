"""`model.optimizer`: the update rule of a compiled model, its rate to be read and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from descend.errors import AttributeRefused, DescendError
from descend.nn.layers.guarded import Guarded
from descend.train.optimizers import Optimizer

if TYPE_CHECKING:
    from descend.train.weights import Weighted


class Rate(float):
    """A learning rate; as in Keras it can also be read by `numpy()`."""

    def numpy(self) -> np.float32:
        """The rate as a NumPy number."""
        return np.float32(self)


class RuleView(Guarded):
    """The update rule as it stands: its fields are read through, its numbers can be set.

        model.optimizer.learning_rate = 1e-4        the next fit, or the rest of this one

    Setting a number compiles nothing and leaves the rule's memory alone. Where a schedule sets the
    rate, `learning_rate` is that schedule.
    """

    def __init__(self, model: Weighted):
        self._model = model

    @property
    def rule(self) -> Optimizer:
        """The rule itself, as compiled."""
        return self._model.task.optimizer

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update, or the schedule that says it."""
        task, model = self._model.task, self._model
        if task.optimizer.schedule is not None:
            return task.optimizer.schedule
        compiled = task.optimizer.numbers()["learning_rate"]
        rate = compiled
        if model._run is not None:
            rate = model._run.hyper("learning_rate")
        elif model._state is not None:  # what a callback has made of it
            rate = float(model._state.hyper["learning_rate"])
        return Rate(compiled if rate == np.float32(compiled) else rate)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._put("learning_rate", value)

    @property
    def iterations(self) -> int:
        """How many updates the model has had since it was compiled."""
        state = self._model._state if self._model._run is None else self._model._run.state
        return 0 if state is None else int(state.steps)

    def get_config(self) -> dict[str, Any]:
        """The rule in JSON form, or {} for a transformation of the user's."""
        from descend.train import optimizers

        return optimizers.describe(self.rule) or {}

    def _put(self, name: str, value: Any) -> None:
        task, model = self._model.task, self._model
        if name == "learning_rate" and task.optimizer.schedule is not None:
            raise DescendError(
                "the rate follows a schedule; compile with a number to set it by hand"
            )
        number = float(np.asarray(value))
        task.optimizer = task.optimizer.with_numbers({name: number})
        if model._run is not None:
            model._run.set_hyper(name, number)
        elif model._state is not None:
            hyper = model._state.hyper
            new = jnp.asarray(number, hyper[name].dtype)
            model._state = model._state._replace(hyper={**hyper, name: new})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_model":
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
