"""What a layer shows of itself once it stands in a network: its weights, its input and output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError

if TYPE_CHECKING:
    from descend.nn.layers.base import Layer


class Variable:
    """An array of a layer: its present numbers, and a place to put others.

    Attributes:
        name: name of the array in the layer, such as "kernel".
        path: "layer/array".
    """

    def __init__(self, layer: Layer, name: str):
        self._layer, self.name = layer, name

    @property
    def path(self) -> str:
        """Layer and array."""
        return f"{self._layer.name}/{self.name}"

    @property
    def value(self) -> Any:
        """The present array."""
        params, state = self._layer.identity.present()
        return params[self.name] if self.name in params else state[self.name]

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return self.name in self._layer.identity.present()[0] and self._layer.trains(self.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""
        return self.value.shape

    @property
    def dtype(self) -> Any:
        """The type of its numbers."""
        return self.value.dtype

    def numpy(self) -> np.ndarray:
        """Its numbers as a NumPy array."""
        return np.asarray(self.value)

    def assign(self, value: Any) -> None:
        """Put other numbers in; raises DescendError where the shape is another."""
        self._layer.set_weights(
            [value if one.name == self.name else one.value for one in self._layer.weights]
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __repr__(self) -> str:
        return f"<Variable {self.path}, shape {self.shape}, {self.dtype}>"


class Shown:
    """The part of `Layer` that looks at what it is in a network; see the module."""

    @property
    def weights(self: Any) -> list[Variable]:
        """The arrays: parameters, then what the layer remembers; none before it stands in a model.

        They are drawn when they are first asked for, as the model would draw them.
        """
        identity = self.identity
        if identity.input_shape is None:
            return []
        if not identity.drawn and (home := identity.home and identity.home()) is not None:
            home.current_weights()
        names: list[str] = []

        def record(key: jax.Array) -> None:  # what passes through jit comes back sorted by name
            for arrays in self.init(key, identity.input_shape):
                names.extend(arrays)

        jax.eval_shape(record, jax.random.key(0))
        return [Variable(self, name) for name in names]

    @property
    def trainable_weights(self) -> list[Variable]:
        """Those that training changes."""
        return [one for one in self.weights if one.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Those that it does not: frozen, or running statistics."""
        return [one for one in self.weights if not one.trainable]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """The arrays as NumPy, in the order of `weights`."""
        return [one.numpy() for one in self.weights]

    def set_weights(self: Any, weights: Sequence[Any]) -> None:
        """Put arrays in, in the order of `weights`; raises DescendError where they misfit."""
        own = self.weights
        if len(own) != len(weights):
            raise DescendError(f"{self.label} has {len(own)} arrays, got {len(weights)}")
        before = self.identity.present()
        new: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for one, value in zip(own, weights, strict=True):
            if np.shape(value) != one.shape:
                raise DescendError(
                    f"{one.path} has shape {one.shape}, got an array of {np.shape(value)}"
                )
            new[one.name not in before[0]][one.name] = jnp.asarray(value, one.dtype)
        self.identity.adopt(*new)

    def count_params(self) -> int:
        """How many numbers there are in all arrays."""
        return sum(int(np.prod(one.shape)) for one in self.weights)

    @property
    def input(self: Any) -> Any:
        """The symbol, or list of symbols, that the layer is called on."""
        inputs = self._one_call("input").inputs
        return list(inputs) if len(inputs) > 1 else inputs[0]

    @property
    def output(self: Any) -> Any:
        """What it gives, a symbol or a list: Model(m.input, m.get_layer("x").output)."""
        outputs = self._one_call("output").symbols
        return outputs if len(outputs) > 1 else outputs[0]

    def _one_call(self: Any, what: str) -> Any:
        calls = vars(self).get("_graph_calls") or vars(self).get("_calls") or []
        if len(calls) != 1:
            raise DescendError(
                f"{self.label} has {'no' if not calls else 'more than one'} {what}: it was called "
                f"{len(calls)} times. Keep the symbol that calling it returned, or take "
                "model.features('name@2') for its second use."
            )
        return calls[0]
