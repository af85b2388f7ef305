"""Variables of a metric written for Keras."""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.nn import initializers


class Variable:
    """A number or array that a metric written for Keras adds to.

    Attributes:
        value: the present array.
        initial: first value.
    """

    def __init__(self, shape: Any, initializer: Any, dtype: Any, name: str):
        start = initializer if initializer is not None else "zeros"
        form = (shape,) if isinstance(shape, int) else tuple(shape)
        if callable(start) and not isinstance(start, initializers.Initializer):
            self.initial = jnp.asarray(start(form))
        else:
            values = initializers.get(start)(jax.random.key(0), form)
            self.initial = jnp.asarray(values, jnp.result_type(float))
        self.value, self.name = self.initial, name

    def assign(self, value: Any) -> None:
        """Replace the value."""
        self.value = jnp.asarray(value, jnp.result_type(float)).reshape(self.initial.shape)

    def assign_add(self, value: Any) -> None:
        """Add to the value."""
        self.assign(self.value + jnp.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the value."""
        self.assign(self.value - jnp.asarray(value))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.initial.shape

    def numpy(self) -> np.ndarray:
        """Return the value."""
        return np.asarray(self.value)

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.value, dtype)

    def __float__(self) -> float:
        return float(self.value)

    def __neg__(self) -> jax.Array:
        return -self.value

    def __getitem__(self, index: Any) -> jax.Array:
        return self.value[index]


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


for _name in ("add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge"):
    _of = getattr(operator, _name)
    setattr(Variable, f"__{_name}__", lambda a, b, f=_of: f(a.value, _plain(b)))
    if _name in ("add", "sub", "mul", "truediv", "pow"):
        setattr(Variable, f"__r{_name}__", lambda a, b, f=_of: f(b, a.value))
