"""Sequential: layers one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.nn.layers.base import Layer
from descend.nn.symbols import Input, Symbol
from descend.train.model.model import Model


class Sequential(Model):
    """Layers one behind the other.

        model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
        model = Sequential(); model.add(Dense(8, "relu", input_shape=(4,))); model.add(Dense(1))
        model = Sequential([Dense(8, "relu"), Dense(1)])        wired for the first data it sees

    Args:
        layers: list of layers and networks. The first entry may be an `Input`, a network, or a
            layer with `input_shape=`; otherwise the network is wired by `build`, `fit` or
            `predict`.
        name: name shown by `summary()`.
        input_shape: shape of a row, in the place of an `Input`.
        seed, compute_dtype: arguments of `Model`.

    Raises:
        DescendError: an entry that is neither a layer nor a network; one that gives several
            outputs before the last.
        ShapeError: a layer that cannot take what the one before it gives.

    Source: Keras's API, Sequential; hull-2023, "MLP: Composition of Modules".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
        >>> model.count_params()  # 4 8 + 8, and 8 + 1
        49
    """

    def __init__(
        self,
        layers: Sequence[Any] = (),
        name: str = "sequential",
        *,
        input_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        compute_dtype: str | None = None,
    ):
        super().__init__(None, None, name, seed, compute_dtype)
        self._items: list[Any] = []
        self._start: Symbol | None = None if input_shape is None else Input(input_shape)
        for layer in layers:
            self._put(layer)
        self._rewire()

    def add(self, layer: Any) -> None:
        """Put a layer, a network or (first) an Input at the end."""
        self._put(layer)
        self._rewire()

    def pop(self) -> Any:
        """Take the last layer away and return it; raises DescendError where there is none."""
        if not self._items:
            raise DescendError(f"{self.name} has no layers to take away")
        last = self._items.pop()
        self._rewire()
        return last

    def _put(self, layer: Any) -> None:
        if isinstance(layer, Symbol):
            if self._items or self._start is not None or layer.call is not None:
                raise DescendError("Sequential takes one Input, as its first entry")
            self._start = layer
        elif isinstance(layer, (Layer, Graph)):
            self._items.append(layer)
        else:
            raise DescendError(
                f"Sequential is made of layers and networks, got {type(layer).__name__}: "
                "Sequential([Input((4,)), Dense(8, 'relu'), Dense(1)])"
            )

    def _rewire(self) -> None:
        """Wire the layers, if a shape is known."""
        first = self._items[0] if self._items else None
        if self._start is None and isinstance(first, Graph) and "_layers" in vars(first):
            entry = first.input_symbols[0]
            self._start = Input(entry.shape, name=entry.name, dtype=entry.dtype)
        elif self._start is None and first is not None and "_input_shape" in vars(first):
            self._start = Input(vars(first)["_input_shape"])
        if self._start is None or not self._items:
            self._wired = False
            return
        symbol: Any = self._start
        for layer in self._items:
            symbol = layer(symbol)
        self._wire(self._start, symbol)

    def _wired_for(self, symbols: Any) -> tuple[Any, Any]:
        if not self._items:
            raise DescendError(f"{self.name} has no layers: add(Dense(1))")
        if not isinstance(symbols, Symbol):
            raise DescendError(f"{self.name} is a Sequential, which takes one input")
        self._start = output = symbols
        for layer in self._items:
            output = layer(output)
        return symbols, output

    def _entries(self) -> list[Any]:
        """Return the layers as they were put in; those of the network, once it is wired."""
        if not vars(self).get("_wired"):
            return list(self._items)
        return super()._entries()[1:]

    @property
    def layers(self) -> Any:
        """The layers, by position or name; without the Input, as in Keras."""
        from descend.train.model.viewing import Layers

        return Layers(self._entries(), vars(self).get("_layers", {}))
