"""Activations that are layers with arguments: ReLU, LeakyReLU, ELU, Softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.nn import activations
from descend.nn.checks import finite_number
from descend.nn.layers.axes import along_steps, axes_in, axis_or_axes
from descend.nn.layers.base import Arrays, Key, Layer


@dataclass(frozen=True, eq=False)
class ReLU(Layer):
    """max(0, x), and with arguments

        y = max_value              where x >= max_value
        y = x                      where threshold <= x < max_value
        y = negative_slope (x - threshold)  else.

    Args:
        max_value: most that comes out, or None; 6.0 in MobileNet.
        negative_slope: slope below the threshold, >= 0.
        threshold: least x that is passed on, >= 0.

    Raises:
        DescendError: an argument that is no finite number >= 0.

    Source: scheidegger-2020, "FEW ACTIVATION FUNCTIONS".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import ReLU
        >>> model = Sequential([Input((3,)), ReLU(max_value=6.0)])
        >>> model.predict(np.array([[-1.0, 3.0, 10.0]])).tolist()
        [[0.0, 3.0, 6.0]]
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0
    looks_ahead: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "max_value", least=0, optional=True)
        finite_number(self, "negative_slope", least=0)
        finite_number(self, "threshold", least=0)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        if not self.threshold and not self.negative_slope:
            y = activations.relu(x)
        else:
            low = self.negative_slope * (x - self.threshold)
            y = (
                jnp.where(x >= self.threshold, x, low)
                if self.threshold
                else jnp.where(x > 0, x, low)
            )
        return (y if self.max_value is None else jnp.minimum(y, self.max_value)), state


@dataclass(frozen=True, eq=False)
class LeakyReLU(Layer):
    """x where x > 0, else negative_slope x.

    Args:
        negative_slope: slope below 0; .3, as Keras's layer has it (the activation of the name
            "leaky_relu" has .01, as raviv-2022). Also under its old name `alpha`.

    Raises:
        DescendError: a slope that is no finite number.

    Source: raviv-2022, "More activation functions"; Maas et al. 2013.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import LeakyReLU
        >>> model = Sequential([Input((2,)), LeakyReLU(0.25)])
        >>> model.predict(np.array([[-4.0, 2.0]])).tolist()
        [[-1.0, 2.0]]
    """

    negative_slope: float = 0.3
    looks_ahead: ClassVar[str] = ""
    renamed: ClassVar[dict[str, str]] = {"alpha": "negative_slope"}

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "negative_slope")

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        return activations.leaky_relu(x, self.negative_slope), state


@dataclass(frozen=True, eq=False)
class ELU(Layer):
    """x where x > 0, else alpha (e^x - 1).

    Args:
        alpha: minus the value that it goes to far below 0.

    Raises:
        DescendError: an `alpha` that is no finite number.

    Source: raviv-2022, "More activation functions"; Clevert et al. 2016.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import ELU
        >>> model = Sequential([Input((2,)), ELU()])
        >>> print(model.predict(np.array([[-1.0, 2.0]])).round(3))  # 1/e - 1
        [[-0.632  2.   ]]
    """

    alpha: float = 1.0
    looks_ahead: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "alpha")

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The formula above."""
        return activations.elu(x, self.alpha), state


@dataclass(frozen=True, eq=False)
class Softmax(Layer):
    """e^{x_i} / sum_j e^{x_j} along an axis, or several together.

    Args:
        axis: axis, or axes, along which the shares sum to one.

    With a mask of the steps of a sequence and `axis=1`, masked steps have share 0.

    Raises:
        DescendError: an axis that is no whole number.
        ShapeError: the input has no such axis.

    Source: itam-2023, 1.6 "Activation Functions"; hull-2023, "Multi-Class Classification".

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Softmax
        >>> model = Sequential([Input((2,)), Softmax()])
        >>> print(model.predict(np.log([[1.0, 3.0]])).round(3))  # 1 and 3 of 4
        [[0.25 0.75]]
    """

    axis: int | tuple[int, ...] = -1
    uses_mask: ClassVar[bool] = True

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
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
    ) -> tuple[Any, Arrays]:
        """The shares."""
        axes = axes_in(self, x.shape[1:], self.axis)
        real = None
        if mask is not None and 1 in axes:
            real = jnp.reshape(mask, mask.shape + (1,) * (x.ndim - 2))
        return jax.nn.softmax(x, axis=axes, where=real), state
