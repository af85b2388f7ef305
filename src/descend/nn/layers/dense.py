"""Layers of neurons: Dense, Activation, PReLU."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.nn import activations
from descend.nn.checks import positive_int
from descend.nn.initializers import Constant, Initializer
from descend.nn.layers.axes import axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer, Shape

QUARTER = Constant(0.25)


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    """A fully connected layer of neurons: a = g(x W + b).

    Args:
        units: number of neurons m.
        activation: g, by name or function (descend.nn.activations); None: g(z) = z.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how W and b are drawn, by name or object
            (descend.nn.initializers).
        kernel_regularizer, bias_regularizer: penalties of W and b, by name or object
            (descend.nn.regularizers); None: no penalty.

    Arrays: kernel W (d, m), bias b (m,). Input (..., d), output (..., m).

    Raises:
        DescendError: `units` that is no whole number >= 1.
        ShapeError: the input has no feature axis.

    Source: hull-2023, "Vectorizing the Neural Network: Weight Matrix", "Matrix Multiplication as a
    Building Block".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> model = Sequential([Input((2,)), Dense(1, activation="relu")])
        >>> model.set_weights([[[1.0], [2.0]], [0.5]])  # W and b
        >>> model.predict(np.array([[3.0, 4.0]])).tolist()  # 3 * 1 + 4 * 2 + .5
        [[11.5]]
    """

    units: int
    activation: Any = None
    _: KW_ONLY
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    looks_ahead: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "units")

    def build(self, input_shape: Shape) -> Shape:
        """(..., d) -> (..., units)."""
        if len(input_shape) < 1:
            self.require_rank(input_shape, 1, "(features,)")
        return (*input_shape[:-1], self.units)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """kernel (d, units) and bias (units,)."""
        params = {"kernel": self.kernel_initializer(key, (input_shape[-1], self.units))}
        if self.use_bias:
            params["bias"] = self.bias_initializer(jax.random.fold_in(key, 1), (self.units,))
        return params, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """g(x W + b)."""
        return self.activation(self.preactivation(params, x)), state

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """z = x W + b, before the activation: the logits where the activation is an output's."""
        kernel = params["kernel"]
        # as a product of two matrices: with more axes the compiler's CPU product is slower
        z = jnp.reshape(x, (-1, x.shape[-1])) @ kernel
        z = z + params["bias"][None] if self.use_bias else z
        return jnp.reshape(z, (*x.shape[:-1], kernel.shape[-1]))


@dataclass(frozen=True, eq=False)
class Activation(Layer):
    """A function g applied to every number: Activation("tanh").

    Args:
        activation: g, by name or function (descend.nn.activations).

    Input and output have one shape. No arrays.

    Raises:
        DescendError: an unknown activation.

    Source: hull-2023, "Activation Functions".

    Example:
        >>> import numpy as np
        >>> from descend import Activation, Input, Sequential
        >>> model = Sequential([Input((2,)), Activation("relu")])
        >>> model.predict(np.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    activation: Any
    looks_ahead: ClassVar[str] = ""

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """g(x)."""
        return self.activation(x), state

    def preactivation(self, params: Arrays, x: Any) -> Any:
        """Its input."""
        return x


@dataclass(frozen=True, eq=False)
class PReLU(Layer):
    """Parametric ReLU: x if x > 0 else alpha x, alpha learned, one a feature.

    Args:
        alpha_initializer: how the first alpha are drawn, by name or object; they start at .25 (He
            et al. 2015; Keras's at 0) when left out.
        alpha_regularizer: penalty of the alpha, by name or object; None: no penalty.
        shared_axes: axis, or axes, along which alpha is one number, as (1, 2) for the places of an
            image.

    Arrays: alpha, the shape of the input without its batch axis (Keras's), 1 along shared axes.

    Raises:
        DescendError: `shared_axes` that are no whole numbers.
        ShapeError: the input has no such axis as `shared_axes` names.

    Source: raviv-2022, "More activation functions"; He et al. 2015, "Delving Deep into Rectifiers".

    Example:
        >>> import numpy as np
        >>> from descend import Input, PReLU, Sequential
        >>> model = Sequential([Input((2,)), PReLU()])
        >>> model.predict(np.array([[-4.0, 2.0]])).tolist()  # -4 * .25
        [[-1.0, 2.0]]
    """

    alpha_initializer: Any = QUARTER
    alpha_regularizer: Any = None
    shared_axes: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shared_axes in ((), []):
            object.__setattr__(self, "shared_axes", None)
        if self.shared_axes is not None:
            axis_or_axes(self, "shared_axes")

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        self._shared(input_shape)
        return input_shape

    def _shared(self, input_shape: Shape) -> tuple[int, ...]:
        axes = self.shared_axes
        return () if axes is None else axes_in(self, input_shape, axes)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """alpha of the input's shape."""
        shared = self._shared(input_shape)
        shape = tuple(1 if a in shared else n for a, n in enumerate(input_shape, start=1))
        initializer: Initializer = self.alpha_initializer
        return {"alpha": initializer(key, shape)}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """max(x, 0) + alpha min(x, 0)."""
        alpha = params["alpha"][None]
        return activations.relu(x) - alpha * activations.relu(-x), state
