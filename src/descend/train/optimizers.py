"""Update rules, by the names the lectures use, built on Optax.

Source: scheidegger-2020 ("Few variants of SGD", "Descent methods in general"), hull-2023
(Algorithms 1 and 2), radwan ("GD and SGD Differences"), itam-2023 (1.4).

Each rule is a frozen description. Its numbers (`learning_rate`, `momentum`, ...) may be swept: they
reach the update as traced arrays through `transform(numbers)`. Where the lecture's formula and that
of other libraries differ, the docstring says so and an argument chooses.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from descend.errors import DescendError, unknown
from descend.train import schedules
from descend.train.schedules import Schedule

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Optimizer:
    """An update rule.

    Args:
        learning_rate: step size eta, > 0, or a Schedule.
    """

    learning_rate: Any = 0.01

    # the cost must be the cost of the whole sample: one step is one epoch
    full_batch: ClassVar[bool] = False
    # `update` needs the cost as a function of the parameters (second order, line search)
    needs_cost: ClassVar[bool] = False
    # fields holding numbers that a sweep may vary
    swept: ClassVar[tuple[str, ...]] = ("learning_rate",)

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.generic):
                object.__setattr__(self, field.name, value.item())
        if isinstance(self.learning_rate, dict):
            object.__setattr__(self, "learning_rate", schedules.get(self.learning_rate))
        if not isinstance(self.learning_rate, Schedule):
            _require(self, "learning_rate", self.learning_rate, 0.0, None)
        for name, low, high in _BOUNDS:
            if hasattr(self, name) and getattr(self, name) is not None:
                _require(self, name, getattr(self, name), low, high)

    @property
    def schedule(self) -> Schedule | None:
        """The learning rate's schedule, if it has one."""
        return self.learning_rate if isinstance(self.learning_rate, Schedule) else None

    def numbers(self) -> dict[str, float]:
        """The numbers that may be swept; with a schedule, `learning_rate` is its base rate."""
        found = {name: getattr(self, name) for name in self.swept}
        if self.schedule is not None:
            found["learning_rate"] = self.schedule.learning_rate
        return found

    def with_numbers(self, numbers: Numbers) -> Optimizer:
        """This rule with some of its `numbers` replaced; DescendError if one is out of range."""
        changes = dict(numbers)
        if self.schedule is not None and "learning_rate" in changes:
            rate = changes["learning_rate"]
            changes["learning_rate"] = dataclasses.replace(self.schedule, learning_rate=rate)
        return dataclasses.replace(self, **changes)

    def transform(self, numbers: Numbers) -> optax.GradientTransformationExtraArgs:
        """The Optax transformation with `numbers` put in."""
        return optax.with_extra_args_support(self._transform(numbers))

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
        return _NAMES[type(self)]


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
)


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


@dataclass(frozen=True)
class SGD(Optimizer):
    """Mini-batch SGD: w <- w - eta 1/B sum_k grad J_k(w), rows drawn without replacement.

    The batch size chooses the lecture's variant: `fit(batch_size=1)` is SGD row by row,
    `GradientDescent` takes all rows. With `momentum` mu: v <- mu v + g, w <- w - eta v (PyTorch's
    form; Keras puts eta inside v, the same path while eta is constant).

    Args:
        momentum: mu in [0, 1).
        nesterov: use mu v + g as the step (see `Nesterov`).

    Source: hull-2023, Algorithm 2; scheidegger-2020, "Stochastic Gradient Descent".
    """

    momentum: Any = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not isinstance(self.momentum, jax.Array) and self.momentum == 0:
            raise DescendError("SGD: nesterov=True needs momentum > 0")

    def numbers(self) -> dict[str, float]:
        """The learning rate, and momentum where it is not zero (zero keeps no memory)."""
        found = super().numbers()
        return found | {"momentum": self.momentum} if self.momentum else found

    def _transform(self, numbers):
        step = optax.scale_by_learning_rate(numbers["learning_rate"])
        if "momentum" not in numbers:
            return step
        return optax.chain(optax.trace(numbers["momentum"], self.nesterov), step)


@dataclass(frozen=True)
class GradientDescent(SGD):
    """w <- w - eta grad J(w), J the cost of the whole sample: one update an epoch.

    Source: hull-2023, "Optimizers and SGD"; radwan, "GD and SGD Differences".
    """

    full_batch: ClassVar[bool] = True


@dataclass(frozen=True)
class Momentum(Optimizer):
    """w_{t+1} = w_t + mu (w_t - w_{t-1}) - eta g_t (Qian 1999; scheidegger-2020)."""

    momentum: Any = 0.9
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum")

    def _transform(self, numbers):
        return optax.chain(
            optax.trace(numbers["momentum"]),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v <- mu v - eta grad J(w + mu v), w <- w + v (Nesterov 1983; scheidegger-2020).

    The slide prints the look-ahead as w - mu v with v added to w; with that sign the gradient is
    taken behind, not ahead, so the sign of Nesterov's paper is used.

    Args:
        lookahead: True takes the gradient at w + mu v, as the lecture writes it. False is the form
            of PyTorch and Keras, which stores y = w + mu v instead of w; the two paths are the same
            after that change of variable. The cost that is reported is that at w + mu v in both.
    """

    momentum: Any = 0.9
    lookahead: bool = False
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum")

    def _transform(self, numbers):
        return optax.chain(
            optax.trace(numbers["momentum"], not self.lookahead),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )

    def gradient_at(self, params, memory, numbers):
        """W + mu v in the look-ahead form; Optax's memory is -v / eta."""
        if not self.lookahead:
            return params
        ahead = numbers["learning_rate"] * numbers["momentum"]
        return jax.tree.map(lambda w, m: w - ahead * m, params, memory[0].trace)


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """w <- w - eta g / sqrt(A + eps), A <- A + g^2 (Duchi et al. 2011; scheidegger-2020).

    Args:
        initial_accumulator: A before the first step: 0 in the lecture and PyTorch, .1 in Keras.
        epsilon_inside: eps under the root (lecture, Keras), or sqrt(A) + eps (PyTorch).
    """

    initial_accumulator: float = 0.0
    epsilon: float = 1e-7
    epsilon_inside: bool = True

    def _transform(self, numbers):
        def init(params):
            return jax.tree.map(lambda p: jnp.full_like(p, self.initial_accumulator), params)

        def update(grads, total, params=None):
            total = jax.tree.map(lambda a, g: a + jnp.square(g), total, grads)
            inside = self.epsilon_inside
            scaled = jax.tree.map(
                lambda g, a: (
                    g / jnp.sqrt(a + self.epsilon) if inside else g / (jnp.sqrt(a) + self.epsilon)
                ),
                grads,
                total,
            )
            return scaled, total

        return optax.chain(
            optax.GradientTransformation(init, update),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """w <- w - eta g / sqrt(A + eps), A <- rho A + (1 - rho) g^2 (Hinton 2012; scheidegger-2020).

    Args:
        rho: memory of the squared gradient: .9 in Keras, .99 in PyTorch.
        epsilon_inside: eps under the root (lecture, Keras), or sqrt(A) + eps (PyTorch).
        momentum: of the scaled step; 0 for none.
    """

    learning_rate: Any = 0.001
    rho: Any = 0.9
    momentum: Any = 0.0
    epsilon: float = 1e-7
    epsilon_inside: bool = True
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "rho")

    def numbers(self) -> dict[str, float]:
        """The learning rate, rho, and momentum where it is not zero."""
        found = super().numbers()
        return found | {"momentum": self.momentum} if self.momentum else found

    def _transform(self, numbers):
        return optax.rmsprop(
            numbers["learning_rate"],
            decay=numbers["rho"],
            eps=self.epsilon,
            eps_in_sqrt=self.epsilon_inside,
            momentum=numbers.get("momentum"),
        )


@dataclass(frozen=True)
class Adam(Optimizer):
    """w <- w - eta m / (sqrt(v) + eps), m and v the bias-corrected means of g and g^2.

    m <- (beta_1 m + (1 - beta_1) g), v <- (beta_2 v + (1 - beta_2) g^2), each divided by
    1 - beta^t where used (Kingma and Ba 2015; scheidegger-2020).

    Args:
        epsilon_inside: the lecture's sqrt(v + eps); False (PyTorch) adds eps to the root. Keras
            adds it before the bias correction: its eps is ours divided by sqrt(1 - beta_2^t).
    """

    learning_rate: Any = 0.001
    beta_1: Any = 0.9
    beta_2: Any = 0.999
    epsilon: float = 1e-7
    epsilon_inside: bool = False
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "beta_1", "beta_2")

    def _options(self, numbers: Numbers) -> dict[str, Any]:
        inside = self.epsilon_inside
        return {
            "b1": numbers["beta_1"],
            "b2": numbers["beta_2"],
            "eps": 0.0 if inside else self.epsilon,
            "eps_root": self.epsilon if inside else 0.0,
        }

    def _transform(self, numbers):
        return optax.adam(numbers["learning_rate"], **self._options(numbers))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, decoupled weight decay: w <- w - eta (step + lambda w) (Loshchilov, Hutter 2019)."""

    weight_decay: Any = 0.004
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "beta_1", "beta_2", "weight_decay")

    def _transform(self, numbers):
        return optax.adamw(
            numbers["learning_rate"],
            weight_decay=numbers["weight_decay"],
            **self._options(numbers),
        )


@dataclass(frozen=True)
class NewtonRaphson(Optimizer):
    """w <- w - eta (H + damping I)^{-1} grad J(w), H the Hessian of the cost of the whole sample.

    Solves a k x k system for k parameters: meant for k up to about a thousand. On a quadratic cost
    one step with eta = 1 and no damping lands on the minimum.

    Args:
        damping: added to the Hessian's diagonal (Levenberg), >= 0; needed where J is not convex.

    Source: scheidegger-2020, "Descent methods in general" (second order).
    """

    learning_rate: Any = 1.0
    damping: Any = 0.0
    full_batch: ClassVar[bool] = True
    needs_cost: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "damping")

    def _transform(self, numbers):
        def update(grads, memory, params=None, *, value_fn, **_):
            flat, unravel = ravel_pytree(params)
            slope, _unused = ravel_pytree(grads)
            hessian = jax.hessian(lambda w: value_fn(unravel(w)))(flat)
            damped = hessian + numbers["damping"] * jnp.eye(flat.size, dtype=flat.dtype)
            step = jnp.linalg.solve(damped, slope)
            return unravel(-numbers["learning_rate"] * step), memory

        return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Limited-memory BFGS with a zoom line search, on the cost of the whole sample (Optax).

    Args:
        learning_rate: multiplies the step that the line search finds; 1 leaves it.
        memory_size: number of past steps kept.
    """

    learning_rate: Any = 1.0
    memory_size: int = 10
    full_batch: ClassVar[bool] = True
    needs_cost: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.memory_size, int) or self.memory_size < 1:
            raise DescendError(
                f"LBFGS: memory_size must be a whole number >= 1, got {self.memory_size!r}"
            )

    def _transform(self, numbers):
        return optax.chain(
            optax.lbfgs(memory_size=self.memory_size),
            optax.scale(numbers["learning_rate"]),
        )


@dataclass(frozen=True)
class OptaxOptimizer(Optimizer):
    """Any Optax transformation as it is; it is code, so a saved model does not carry it."""

    transformation: Any = None
    swept: ClassVar[tuple[str, ...]] = ()

    def _transform(self, numbers):
        return self.transformation

    def numbers(self) -> dict[str, float]:
        """None: they are inside the transformation."""
        return {}


BY_NAME: dict[str, type[Optimizer]] = {
    "gd": GradientDescent,
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
    "newton": NewtonRaphson,
    "lbfgs": LBFGS,
}
_NAMES: dict[type, str] = {cls: name for name, cls in BY_NAME.items()} | {OptaxOptimizer: "optax"}


def get(identifier: Any) -> Optimizer:
    """The rule meant by a name, an instance, its JSON form, or an Optax transformation."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        options = dict(identifier)
        name = options.pop("name", None)
        if name not in BY_NAME:
            raise unknown("optimizer", name, BY_NAME)
        return BY_NAME[name](**options)
    if isinstance(identifier, optax.GradientTransformation):
        return OptaxOptimizer(transformation=identifier)
    if isinstance(identifier, str) and identifier.lower() in BY_NAME:
        return BY_NAME[identifier.lower()]()
    raise unknown("optimizer", identifier, BY_NAME)


def describe(optimizer: Optimizer) -> dict | None:
    """The JSON form, or None for an Optax transformation of the user's."""
    if isinstance(optimizer, OptaxOptimizer):
        return None
    values = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
    if optimizer.schedule is not None:
        values["learning_rate"] = schedules.describe(optimizer.schedule)
    return {"name": optimizer.name, **values}
