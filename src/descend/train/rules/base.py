"""What an update rule is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from descend.errors import DescendError
from descend.nn import checks
from descend.train.rules import schedules
from descend.train.rules.arguments import Arguments
from descend.train.rules.schedules import Schedule

Numbers = Mapping[str, Any]


class Memory(NamedTuple):
    """What is remembered beside a rule's own memory: None where a rule does not ask for it."""

    rule: Any
    gradient: Any  # the sum of the gradients since the last update
    average: Any  # of the weights


@dataclass(frozen=True)
class Optimizer(metaclass=Arguments):
    """An update rule: what the weights become of their gradient.

    All arguments but the last and `use_ema` may be swept.

    Args:
        learning_rate: step size eta, > 0, or a Schedule.
        weight_decay: factor lambda >= 0, decoupled from the gradient: w <- w - eta lambda w besides
            the step (Loshchilov and Hutter 2019).
        clipvalue: bound c > 0; each number of the gradient is cut to [-c, c].
        clipnorm: length c > 0; the gradient of each array is shortened to the length c.
        global_clipnorm: length c > 0; the gradient of all arrays together is shortened to it
            (Pascanu, Mikolov and Bengio 2013; PyTorch's `clip_grad_norm_`).
        gradient_accumulation_steps: number k >= 2 of steps whose gradients are averaged into one
            update, so that k batches of n rows give the update of one batch of k n. Schedules count
            updates.
        use_ema: whether an average of the weights is kept, a <- m a + (1 - m) w after each update;
            training leaves it in the weights' place (Polyak and Juditsky 1992, with forgetting).
        ema_momentum: momentum m of that average, in [0, 1).
        ema_overwrite_frequency: updates after which the average replaces the weights also in
            training; None: at the end alone.

    Raises:
        DescendError: a number out of range, more than one clip, or an unknown argument.

    Source: Keras's API, optimizers.Optimizer; scheidegger-2020, "Few variants of SGD".

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import SGD
        >>> rule = SGD(0.1, clipvalue=1.0)
        >>> rule.clipped(np.array([3.0, -0.5]), rule.numbers()).tolist()
        [1.0, -0.5]
    """

    learning_rate: Any = 0.01
    weight_decay: Any = field(default=None, kw_only=True)
    clipvalue: float | None = field(default=None, kw_only=True)
    clipnorm: float | None = field(default=None, kw_only=True)
    global_clipnorm: float | None = field(default=None, kw_only=True)
    gradient_accumulation_steps: int | None = field(default=None, kw_only=True)
    use_ema: bool = field(default=False, kw_only=True)
    ema_momentum: float = field(default=0.99, kw_only=True)
    ema_overwrite_frequency: int | None = field(default=None, kw_only=True)

    # the cost must be the cost of the whole sample: one step is one epoch
    full_batch: ClassVar[bool] = False
    # `update` needs the cost as a function of the parameters (second order, line search)
    needs_cost: ClassVar[bool] = False
    known_as: ClassVar[str]  # the name under which `get` finds the class
    # fields holding numbers that a sweep may vary
    swept: ClassVar[tuple[str, ...]] = ("learning_rate",)
    renamed: ClassVar[dict[str, str]] = {}  # Keras's name of an argument -> ours

    def __post_init__(self) -> None:
        for option in fields(self):
            if isinstance(value := getattr(self, option.name), np.generic):
                object.__setattr__(self, option.name, value.item())
        if isinstance(self.learning_rate, dict):
            object.__setattr__(self, "learning_rate", schedules.get(self.learning_rate))
        if not isinstance(self.learning_rate, Schedule):
            _require(self, "learning_rate", self.learning_rate, 0.0, None)
        for name, low, high in _BOUNDS:
            absent = name in _OPTIONAL and getattr(self, name) is None
            if hasattr(self, name) and not absent:
                _require(self, name, getattr(self, name), low, high)
        clips = [n for n in _CLIPS if getattr(self, n) is not None]
        if len(clips) > 1:
            raise DescendError(f"{type(self).__name__}: give one of {' and '.join(clips)}")
        self._require_counts()
        steps = "gradient_accumulation_steps"
        others = [n for n in ("weight_decay", steps) if getattr(self, n) is not None]
        for name in [*clips, *others]:
            if self.needs_cost:
                raise DescendError(
                    f"{type(self).__name__} takes its step from the cost itself, so {name} would "
                    "not be what it minimises; penalties (kernel_regularizer='l2') are"
                )

    def _require_counts(self) -> None:
        checks.bools(self)
        if self.gradient_accumulation_steps == 1:  # Keras's way to say none
            object.__setattr__(self, "gradient_accumulation_steps", None)
        for name in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
            value = getattr(self, name)
            whole = checks.is_number(value) and float(value).is_integer() and value >= 1
            if value is not None and not whole:
                raise DescendError(
                    f"{type(self).__name__}: {name} must be a whole number >= 1, got {value!r}"
                )

    @property
    def schedule(self) -> Schedule | None:
        """The learning rate's schedule, if it has one."""
        return self.learning_rate if isinstance(self.learning_rate, Schedule) else None

    def numbers(self) -> dict[str, float]:
        """Return the numbers that may be swept; of a schedule, `learning_rate` is the base rate."""
        numbers = {name: getattr(self, name) for name in self.swept}
        if self.schedule is not None:
            numbers["learning_rate"] = self.schedule.base
        chosen = [n for n in _OPTIONAL if getattr(self, n) is not None]
        chosen += ["ema_momentum"] * self.use_ema
        return numbers | {name: getattr(self, name) for name in chosen}

    def with_numbers(self, numbers: Numbers) -> Optimizer:
        """Return this rule with some `numbers` replaced; DescendError if one is out of range."""
        changes = dict(numbers)
        if self.schedule is not None and "learning_rate" in changes:
            changes["learning_rate"] = self.schedule.with_base(changes["learning_rate"])
        return dataclasses.replace(self, **changes)

    def transform(self, numbers: Numbers) -> optax.GradientTransformationExtraArgs:
        """Return the Optax transformation with `numbers` put in."""
        rule = self._transform(numbers)
        if self.weight_decay is not None:
            shrink = optax.add_decayed_weights(-numbers["learning_rate"] * numbers["weight_decay"])
            rule = optax.chain(rule, shrink)
        return optax.with_extra_args_support(rule)

    def begin(self, params: Any, numbers: Numbers) -> Any:
        """Make the memory before the first update."""
        memory = self.transform(numbers).init(params)
        if not self._remembers:
            return memory
        zeros = jax.tree.map(jnp.zeros_like, params)
        total = zeros if self.gradient_accumulation_steps is not None else None
        return Memory(memory, total, params if self.use_ema else None)

    @property
    def _remembers(self) -> bool:
        return self.use_ema or self.gradient_accumulation_steps is not None

    def own_memory(self, memory: Any) -> Any:
        """Return what the rule itself remembers, of the memory that `begin` gave."""
        memory = memory.rule if self._remembers else memory
        return memory if self.weight_decay is None else memory[0]

    def average(self, memory: Any) -> Any:
        """Return the average of the weights, where the rule keeps one, else None."""
        return memory.average if self.use_ema else None

    def clipped(self, grads: Any, numbers: Numbers) -> Any:
        """Return the gradient, cut or shortened as the rule says."""
        if self.clipvalue is not None:
            most = numbers["clipvalue"]
            return jax.tree.map(lambda g: jnp.clip(g, -most, most), grads)
        if self.clipnorm is not None:
            longest = numbers["clipnorm"]
            return jax.tree.map(lambda g: _shortened(g, jnp.linalg.norm(g), longest), grads)
        if self.global_clipnorm is not None:
            length = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in jax.tree.leaves(grads)))
            longest = numbers["global_clipnorm"]
            return jax.tree.map(lambda g: _shortened(g, length, longest), grads)
        return grads

    def _transform(self, numbers: Numbers) -> Any:
        raise NotImplementedError

    def gradient_at(self, params: Any, memory: Any, numbers: Numbers) -> Any:
        """Return the parameters at which the gradient is taken: the current ones for most rules."""
        return params

    def update(
        self,
        cost: Callable[[Any], tuple[jax.Array, Any]],
        params: Any,
        memory: Any,
        hyper: Numbers,
        steps: jax.Array,
    ) -> tuple[jax.Array, Any, Any, Any]:
        """Make one update of any task: cost, gradient, step.

        Args:
            cost: function (params) -> (cost, anything else).
            memory: result of `begin` or of the last update.
            hyper: values of (at least) `self.numbers()`.
            steps: number of calls so far; the schedule's clock.

        Returns:
            (cost, anything else, new params, new memory).
        """
        numbers = self.numbers_now(hyper, steps)
        at = self.gradient_at(params, memory, numbers)
        (value, rest), grads = jax.value_and_grad(cost, has_aux=True)(at)
        if not self._remembers:
            return value, rest, *self._stepped(cost, value, grads, params, memory, numbers)
        total, due = memory.gradient, jnp.asarray(True)
        if total is not None:
            together = numbers["gradient_accumulation_steps"]
            total = jax.tree.map(jnp.add, total, grads)
            grads = jax.tree.map(lambda g: g / together, total)
            due = (steps + 1) % together == 0
            total = jax.tree.map(lambda g: jnp.where(due, 0, g), total)
        new, rule_memory = self._stepped(cost, value, grads, params, memory.rule, numbers)
        choose = lambda a, b: jnp.where(due, a, b)  # noqa: E731
        new, rule_memory = jax.tree.map(choose, (new, rule_memory), (params, memory.rule))
        average = memory.average
        if average is not None:
            updates = self._updates(steps, numbers)  # made before this one
            share = jnp.where(updates == 0, 0.0, numbers["ema_momentum"])
            moved = jax.tree.map(lambda a, w: share * a + (1 - share) * w, average, new)
            average = jax.tree.map(choose, moved, average)
            if self.ema_overwrite_frequency is not None:
                replace = due & ((updates + 1) % self.ema_overwrite_frequency == 0)
                new = jax.tree.map(lambda a, w: jnp.where(replace, a, w), average, new)
        return value, rest, new, Memory(rule_memory, total, average)

    def _stepped(
        self,
        cost: Callable[..., Any],
        value: Any,
        grads: Any,
        params: Any,
        memory: Any,
        numbers: Numbers,
    ) -> tuple[Any, Any]:
        """(new params, the rule's own new memory)."""
        grads = self.clipped(grads, numbers)
        extra = {}
        if self.needs_cost:
            extra = {"value": value, "grad": grads, "value_fn": lambda p: cost(p)[0]}
        updates, memory = self.transform(numbers).update(grads, memory, params, **extra)
        return jax.tree.map(lambda p, u: p + u.astype(p.dtype), params, updates), memory

    def _updates(self, steps: Any, numbers: Numbers) -> Any:
        """Count the updates that `steps` calls have made."""
        if self.gradient_accumulation_steps is None:
            return steps
        return steps // numbers["gradient_accumulation_steps"]

    def numbers_now(self, hyper: Numbers, steps: Any) -> dict[str, Any]:
        """Return `self.numbers()` with their present values, the schedule's factor in the rate."""
        numbers = {name: hyper[name] for name in self.numbers()}
        if self.schedule is not None:
            factor = self.schedule.factor(self._updates(steps, numbers))
            numbers["learning_rate"] = numbers["learning_rate"] * factor
        return numbers

    @property
    def name(self) -> str:
        """The name under which `get` finds this rule; that of the class for a rule of one's own."""
        return vars(type(self)).get("known_as", type(self).__name__)


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
    ("ema_momentum", -1e-12, 1.0),
)
# numbers of any rule that are there when they are given
_OPTIONAL = (
    "weight_decay", "clipvalue", "clipnorm", "global_clipnorm", "gradient_accumulation_steps"
)  # fmt: skip
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
