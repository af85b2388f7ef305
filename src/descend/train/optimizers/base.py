"""What an update rule is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from descend.errors import DescendError
from descend.train import schedules
from descend.train.arguments import Arguments
from descend.train.schedules import Schedule

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Optimizer(metaclass=Arguments):
    """An update rule.

    Args:
        learning_rate: step size eta, > 0, or a Schedule.
        weight_decay: lambda >= 0, decoupled from the gradient: w <- w - eta lambda w besides the
            step (Loshchilov and Hutter 2019).
        clipvalue: c > 0; each number of the gradient is cut to [-c, c].
        clipnorm: c > 0; the gradient of each array is shortened to the length c.
        global_clipnorm: c > 0; the gradient of all arrays together is shortened to the length c
            (Pascanu, Mikolov and Bengio 2013).
    """

    learning_rate: Any = 0.01
    weight_decay: Any = field(default=None, kw_only=True)
    clipvalue: float | None = field(default=None, kw_only=True)
    clipnorm: float | None = field(default=None, kw_only=True)
    global_clipnorm: float | None = field(default=None, kw_only=True)

    # the cost must be the cost of the whole sample: one step is one epoch
    full_batch: ClassVar[bool] = False
    # `update` needs the cost as a function of the parameters (second order, line search)
    needs_cost: ClassVar[bool] = False
    # fields holding numbers that a sweep may vary
    swept: ClassVar[tuple[str, ...]] = ("learning_rate",)
    renamed: ClassVar[dict[str, str]] = {}  # Keras's name of an argument -> ours

    def __post_init__(self) -> None:
        for own in fields(self):
            if isinstance(value := getattr(self, own.name), np.generic):
                object.__setattr__(self, own.name, value.item())
        if isinstance(self.learning_rate, dict):
            object.__setattr__(self, "learning_rate", schedules.get(self.learning_rate))
        if not isinstance(self.learning_rate, Schedule):
            _require(self, "learning_rate", self.learning_rate, 0.0, None)
        for name, low, high in _BOUNDS:
            if hasattr(self, name) and getattr(self, name) is not None:
                _require(self, name, getattr(self, name), low, high)
        clips = [n for n in _CLIPS if getattr(self, n) is not None]
        if len(clips) > 1:
            raise DescendError(f"{type(self).__name__}: give one of {' and '.join(clips)}")
        for name in [*clips, *["weight_decay"] * (self.weight_decay is not None)]:
            if self.needs_cost:
                raise DescendError(
                    f"{type(self).__name__} takes its step from the cost itself, so {name} would "
                    "not be what it minimises; penalties (kernel_regularizer='l2') are"
                )

    @property
    def schedule(self) -> Schedule | None:
        """The learning rate's schedule, if it has one."""
        return self.learning_rate if isinstance(self.learning_rate, Schedule) else None

    def numbers(self) -> dict[str, float]:
        """The numbers that may be swept; with a schedule, `learning_rate` is its base rate."""
        found = {name: getattr(self, name) for name in self.swept}
        if self.schedule is not None:
            found["learning_rate"] = self.schedule.base
        if self.weight_decay is not None:
            found["weight_decay"] = self.weight_decay
        return found

    def with_numbers(self, numbers: Numbers) -> Optimizer:
        """This rule with some of its `numbers` replaced; DescendError if one is out of range."""
        changes = dict(numbers)
        if self.schedule is not None and "learning_rate" in changes:
            changes["learning_rate"] = self.schedule.with_base(changes["learning_rate"])
        return dataclasses.replace(self, **changes)

    def transform(self, numbers: Numbers) -> optax.GradientTransformationExtraArgs:
        """The Optax transformation with `numbers` put in."""
        rule = self._transform(numbers)
        if self.weight_decay is not None:
            shrink = optax.add_decayed_weights(-numbers["learning_rate"] * numbers["weight_decay"])
            rule = optax.chain(rule, shrink)
        return optax.with_extra_args_support(rule)

    def own_memory(self, memory: Any) -> Any:
        """What the rule itself remembers, of the memory that its `transform` has."""
        return memory if self.weight_decay is None else memory[0]

    def clipped(self, grads: Any) -> Any:
        """The gradient, cut or shortened as the rule says."""
        if self.clipvalue is not None:
            most = self.clipvalue
            return jax.tree.map(lambda g: jnp.clip(g, -most, most), grads)
        if self.clipnorm is not None:
            return jax.tree.map(lambda g: _shortened(g, jnp.linalg.norm(g), self.clipnorm), grads)
        if self.global_clipnorm is not None:
            squares = [jnp.sum(jnp.square(g)) for g in jax.tree.leaves(grads)]
            length = jnp.sqrt(sum(squares))
            return jax.tree.map(lambda g: _shortened(g, length, self.global_clipnorm), grads)
        return grads

    def _transform(self, numbers: Numbers) -> Any:
        raise NotImplementedError

    def gradient_at(self, params: Any, memory: Any, numbers: Numbers) -> Any:
        """The parameters at which the gradient is taken: the current ones for most rules."""
        return params

    def update(
        self,
        cost: Callable[[Any], tuple[jax.Array, Any]],
        params: Any,
        memory: Any,
        hyper: Numbers,
        steps: jax.Array,
    ) -> tuple[jax.Array, Any, Any, Any]:
        """One update of any task: cost, gradient, step.

        Args:
            cost: params -> (cost, anything else).
            memory: what `transform(numbers).init` or the last update returned.
            hyper: values of (at least) `self.numbers()`.
            steps: updates made so far; the schedule's clock.

        Returns:
            (cost, anything else, new params, new memory).
        """
        numbers = self.numbers_now(hyper, steps)
        at = self.gradient_at(params, memory, numbers)
        (value, rest), grads = jax.value_and_grad(cost, has_aux=True)(at)
        grads = self.clipped(grads)
        extra = {}
        if self.needs_cost:
            extra = {"value": value, "grad": grads, "value_fn": lambda p: cost(p)[0]}
        updates, memory = self.transform(numbers).update(grads, memory, params, **extra)
        params = jax.tree.map(lambda p, u: p + u.astype(p.dtype), params, updates)
        return value, rest, params, memory

    def numbers_now(self, hyper: Numbers, steps: Any) -> dict[str, Any]:
        """`self.numbers()` with their present values, the schedule's factor in the rate."""
        numbers = {name: hyper[name] for name in self.numbers()}
        if self.schedule is not None:
            numbers["learning_rate"] = numbers["learning_rate"] * self.schedule.factor(steps)
        return numbers

    @property
    def name(self) -> str:
        """The name under which `get` finds this rule."""
        from descend.train.optimizers.names import NAMES

        return NAMES.get(type(self), type(self).__name__)


# field, lower bound (exclusive for learning_rate and epsilon), upper bound (exclusive)
_BOUNDS = (
    ("momentum", -1e-12, 1.0),
    ("rho", -1e-12, 1.0),
    ("beta_1", -1e-12, 1.0),
    ("beta_2", -1e-12, 1.0),
    ("epsilon", -1e-300, None),
    ("initial_accumulator", -1e-300, None),
    ("weight_decay", -1e-300, None),
    ("damping", -1e-300, None),
    ("clipvalue", 0.0, None),
    ("clipnorm", 0.0, None),
    ("global_clipnorm", 0.0, None),
)
_CLIPS = ("clipvalue", "clipnorm", "global_clipnorm")


def _shortened(g: jax.Array, length: jax.Array, longest: Any) -> jax.Array:
    return g * (longest / jnp.maximum(length, longest))


def _require(owner: Any, name: str, value: Any, low: float, high: float | None) -> None:
    if isinstance(value, jax.Array):
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low < value < math.inf or (high is not None and not value < high):
        wanted = f"> {max(low, 0.0):g}" if low >= 0 else ">= 0"
        wanted += "" if high is None else f" and < {high:g}"
        raise DescendError(
            f"{type(owner).__name__}: {name} must be a finite number {wanted}, got {value!r}"
        )
