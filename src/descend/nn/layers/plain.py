"""Layers of one formula without weights: Identity, UnitNormalization, Lambda."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn.layers.axes import along_steps, axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer
from descend.nn.layers.failing import guarded
from descend.nn.layers.merge import of_length_one
from descend.nn.symbols import ROWS


@dataclass(frozen=True, eq=False)
class Identity(Layer):
    """Its input as it is, y = x: a place holder, or a point that can be named.

    Raises:
        Nothing of its own.

    Source: Keras's API, Identity.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Identity
        >>> Sequential([Input((2,)), Identity()]).predict(np.array([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
    """

    looks_ahead: ClassVar[str] = ""

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Its input."""
        return x, state


@dataclass(frozen=True, eq=False)
class UnitNormalization(Layer):
    """Each row, or what `axis` names of it, scaled to length one.

        y = x / |x|,   0 where x = 0

    Args:
        axis: axis, or axes, along which the squares sum to one.

    Raises:
        DescendError: an axis that is no whole number.
        ShapeError: the input has no such axis.

    Source: Keras's API, UnitNormalization.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import UnitNormalization
        >>> model = Sequential([Input((2,)), UnitNormalization()])
        >>> print(model.predict(np.array([[3.0, 4.0]])).round(3))
        [[0.6 0.8]]
    """

    axis: int | tuple[int, ...] = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        axis_or_axes(self)

    @property
    def looks_ahead(self) -> str:
        """Something where the axis is that of the steps."""
        return along_steps(self.axis)

    def build(self, input_shape: Any) -> Any:
        """The input's."""
        axes_in(self, input_shape, self.axis)
        return input_shape

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x / |x|; zeros stay zeros."""
        return of_length_one(x, axes_in(self, x.shape[1:], self.axis)), state


@dataclass(frozen=True, eq=False)
class Lambda(Layer):
    """A function of the user's own as a layer: Lambda(lambda x: jnp.abs(x)).

    Plain JAX without weights. A model with it cannot be saved, since a file holds no code: write a
    class X(Layer) with `call` for that.

    Args:
        function: function that gives the output for an array, or for a list of arrays.
        output_shape: what Keras wants told; it is worked out here.
        mask: mask of the output: a function (inputs, mask); None: the input's.
        arguments: further arguments of the function, by name.

    Raises:
        DescendError: `function` is no function, `arguments` no dict; the function fails, or does
            not return a row for each row of its input; saving a model with it.

    Source: Keras's API, Lambda.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Lambda
        >>> model = Sequential([Input((2,)), Lambda(lambda x: x[:, :1] * x[:, 1:])])
        >>> model.predict(np.array([[3.0, 4.0]])).tolist()
        [[12.0]]
    """

    function: Callable[..., Any]
    output_shape: Any = None
    mask: Any = None
    arguments: Any = None
    joins: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise DescendError(f"Lambda takes a function of arrays, got {self.function!r}")
        if not isinstance(self.arguments or {}, Mapping):
            raise DescendError(
                f"Lambda: arguments must be a dict {{name: value}} or None, got {self.arguments!r}"
            )

    def build(self, input_shape: Any) -> Any:
        """What the function returns."""
        several = bool(input_shape) and isinstance(input_shape[0], (tuple, list))
        xs = [
            jax.ShapeDtypeStruct((ROWS, *shape), jnp.float32)
            for shape in (input_shape if several else [input_shape])
        ]
        y = jax.eval_shape(lambda x: self._of(x, False), tuple(xs) if several else xs[0])
        outputs = y if isinstance(y, tuple) else (y,)
        if any(a.ndim < 1 or a.shape[0] != ROWS for a in outputs):
            raise DescendError(
                f"{self.label}: its function must return a row for each row of its input, "
                f"(batch, ...); for a batch of {ROWS} it returned {[a.shape for a in outputs]}"
            )
        return tuple(a.shape[1:] for a in y) if isinstance(y, tuple) else y.shape[1:]

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """What the function returns."""
        return self._of(x, training), state

    def _of(self, x: Any, training: bool) -> Any:
        how = dict(self.arguments or {})
        if "training" in inspect.signature(self.function).parameters:
            how["training"] = training
        inputs = list(x) if isinstance(x, tuple) else x
        y = guarded(self, "function", functools.partial(self.function, **how), inputs)
        return tuple(map(jnp.asarray, y)) if isinstance(y, (list, tuple)) else jnp.asarray(y)

    def output_mask(self, x: Any, mask: Any) -> Any:
        """What `mask` says, or the (first) input's."""
        if self.mask is not None:
            return self.mask(x, mask) if callable(self.mask) else self.mask
        return mask[0] if isinstance(mask, tuple) else mask

    def config(self) -> dict[str, Any]:
        """Refused: a function has no form in a file."""
        raise DescendError(
            f"{self.label} cannot be saved: a file holds no code, and its function is code. Write "
            "a class X(Layer) with call(self, x), and load with custom={'X': X}."
        )
