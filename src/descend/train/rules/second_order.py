"""Rules that need the cost as a function of the parameters, and the whole sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from descend.errors import DescendError
from descend.train.rules.base import Numbers, Optimizer


@dataclass(frozen=True)
class NewtonRaphson(Optimizer):
    """w <- w - eta (H + damping I)^{-1} grad J(w), H the Hessian of the cost of the whole sample.

    Solves a k x k system for k parameters: meant for k up to about a thousand. On a quadratic cost
    one step with eta = 1 and no damping lands on the minimum.

    Args:
        damping: number >= 0 added to the Hessian's diagonal (Levenberg); needed where J is not
            convex.

    Raises:
        DescendError: a number out of range, an unknown argument; weight_decay, a clip or
            gradient_accumulation_steps, which would not be what it minimises.

    Source: scheidegger-2020, "Descent methods in general" (second order).

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.rules import NewtonRaphson
        >>> x, model = np.array([[0.0], [1.0]]), Sequential([Input((1,)), Dense(1)])
        >>> model.compile(NewtonRaphson(), "mse")
        >>> history = model.fit(x, 2 * x + 1, epochs=1, verbose=0)
        >>> [a.round(3).tolist() for a in model.get_weights()]  # least squares, in one step
        [[[2.0]], [1.0]]
    """

    known_as: ClassVar[str] = "newton"
    learning_rate: Any = 1.0
    damping: Any = 0.0
    full_batch: ClassVar[bool] = True
    needs_cost: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "damping")

    def _transform(self, numbers: Numbers) -> Any:
        def update(
            grads: Any,
            memory: Any,
            params: Any = None,
            *,
            value_fn: Callable[[Any], Any],
            **_: Any,
        ) -> tuple[Any, Any]:
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
        learning_rate: multiplier of the step that the line search finds; 1 leaves it.
        memory_size: number of past steps kept.

    Raises:
        DescendError: a number out of range, an unknown argument; weight_decay, a clip or
            gradient_accumulation_steps, which would not be what it minimises.

    Source: Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization".

    Example:
        >>> from descend.train.rules import LBFGS
        >>> rule = LBFGS(memory_size=5)
        >>> rule.full_batch, rule.numbers()  # an update an epoch; what may be swept
        (True, {'learning_rate': 1.0})
    """

    known_as: ClassVar[str] = "lbfgs"
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

    def _transform(self, numbers: Numbers) -> Any:
        return optax.chain(
            optax.lbfgs(memory_size=self.memory_size),
            optax.scale(numbers["learning_rate"]),
        )
