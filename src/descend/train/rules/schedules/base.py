"""What a schedule is, and what those with a learning rate to scale share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from descend.errors import DescendError
from descend.nn import checks
from descend.train.rules.arguments import Arguments


class Schedule(metaclass=Arguments):
    """eta_t = base * factor(t), the learning rate at update t, counted from 0.

    One's own is written as in Keras, with jax.numpy; it is code, so a saved model does not carry
    it.

    Args:
        arguments: arguments of the class, by Keras's names too (initial_learning_rate, decay_rate).
    Raises:
        DescendError: an unknown argument; a class without `__call__`, or a sweep of its rate.
    Source: scheidegger-2020, "Few variants of SGD"; Keras's API, schedules.LearningRateSchedule.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.rules.schedules import Schedule
        >>> class Ramp(Schedule):
        ...     def __call__(self, step):
        ...         return 0.1 * jnp.minimum(step / 100, 1)
        >>> round(float(Ramp()(50)), 3)
        0.05
    """

    renamed: ClassVar[dict[str, str]] = {
        "initial_learning_rate": "learning_rate",
        "decay_rate": "rate",
    }

    @property
    def base(self) -> float:
        """The rate that a sweep or a callback sets, with `learning_rate`."""
        return 1.0

    def with_base(self, rate: Any) -> Schedule:
        """Return the same in proportion to another rate."""
        if rate == self.base:
            return self
        raise DescendError(
            f"{type(self).__name__} is a schedule of your own; sweep an argument of a function "
            "that builds the model instead of learning_rate"
        )

    def factor(self, step: Any) -> jax.Array:
        """Return eta_t / base at update `step`."""
        return self(step)

    def __call__(self, step: Any) -> jax.Array:
        """Return eta_t at update `step`."""
        if type(self).factor is Schedule.factor:
            raise DescendError(f"{type(self).__name__}: write __call__(self, step) -> rate")
        return self.base * self.factor(step)


_STEPS = ("every_steps", "decay_steps", "first_decay_steps", "total_steps")
# of the numbers that are not just >= 0
_BOUNDS = {name: {"least": 1.0} for name in (*_STEPS, "t_mul")}
_BOUNDS |= {name: {"above": 0.0} for name in ("rate", "div", "final_div")}


@dataclass(frozen=True)
class Scaled(Schedule):
    """eta_t = learning_rate * factor(t); the learning rate is > 0 and may be swept."""

    learning_rate: float

    def __post_init__(self) -> None:
        checks.bools(self)
        for field in dataclasses.fields(self):
            if field.type not in ("bool", bool):
                optional = field.name == "warmup_target"
                bound = _BOUNDS.get(field.name, {"least": 0})
                checks.finite_number(self, field.name, optional=optional, **bound)
        if not self.base > 0:
            raise DescendError(f"{type(self).__name__}: learning_rate must be > 0, got {self.base}")

    @property
    def base(self) -> float:
        """The learning rate."""
        return self.learning_rate

    def with_base(self, rate: Any) -> Schedule:
        """Return the same with another learning rate."""
        return dataclasses.replace(self, learning_rate=rate)
