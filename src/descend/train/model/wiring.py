"""Models that are wired when they see a shape: a Sequential without Input, a class X(Model)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.symbols import Input, Symbol, Undecided, listed
from descend.train.engine.feeds import Stream
from descend.train.model.batches import is_batches
from descend.train.model.weights import Weighted

# what Keras lets a subclass of Model override, and this engine does not run
_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "make_train_function")


def require_no_step(cls: type) -> None:
    """Raise DescendError where a class overrides a step of training."""
    for name in _STEPS:
        if name in vars(cls):
            raise DescendError(
                f"class {cls.__name__}(Model) overrides {name}, which would never run: an epoch is "
                "one compiled program here. A loss of your own goes to compile(loss=f), "
                "f(y, prediction) -> one number a row; a penalty into a layer (kernel_regularizer=)"
                "; several networks trained in turn are models over the same layers, each with its "
                "own compile and train_on_batch; for everything else write a Task and give it to "
                "compile(task=...): docs/write-your-own-task.md."
            )


def symbols_like(x: Any) -> Any:
    """Inputs of the shapes of arrays: a symbol, or a list or dict of them."""
    if isinstance(x, Mapping):
        return {name: _like(part, str(name)) for name, part in x.items()}
    if isinstance(x, (list, tuple)) and any(np.ndim(part) > 0 and _is_array(part) for part in x):
        return [_like(part) for part in x]
    return _like(x)


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") or hasattr(x, "columns")


def _like(x: Any, name: str | None = None) -> Symbol:
    if isinstance(x, Symbol):
        return Input(x.shape, name=name or x.name, dtype=x.dtype)
    shape = np.shape(x)
    if not shape:
        raise ShapeError(f"a network is wired for rows of data, got {x!r}")
    kind = getattr(getattr(x, "dtype", None), "kind", "f") if len(shape) != 1 else "f"
    return Input(shape[1:] or (1,), name=name, dtype="int32" if kind in "iu" else "float32")


def symbols_of_shape(shape: Any) -> Any:
    """Inputs of given shapes with the batch axis first, None for any size: build((None, 4))."""
    if isinstance(shape, Mapping):
        return {name: Input(tuple(part)[1:], name=str(name)) for name, part in shape.items()}
    if shape and isinstance(shape[0], (list, tuple)):
        return [Input(tuple(part)[1:]) for part in shape]
    if not isinstance(shape, (list, tuple)) or len(shape) < 2:
        raise ShapeError(
            f"build takes the shape of the input with its batch axis, as (None, 4); got {shape!r}"
        )
    return Input(tuple(shape)[1:])


def called(model: Any, symbols: Any) -> tuple[Any, Any]:
    """(inputs, outputs) of a class with `call`, called on symbols.

    Raises:
        DescendError: `call` returns something that no layer gave.
    """
    parameters = inspect.signature(model.call).parameters
    options: dict[str, Any] = {}
    if "training" in parameters:
        options["training"] = Undecided()
    outputs = model.call(symbols, **options)
    parts = list(outputs.values()) if isinstance(outputs, Mapping) else listed(outputs)
    if not parts or not all(isinstance(part, Symbol) for part in parts):
        wrong = next((p for p in parts if not isinstance(p, Symbol)), outputs)
        raise DescendError(
            f"{type(model).__name__}.call must return what its layers gave, a symbol or a list of "
            f"them, got {type(wrong).__name__}. Arithmetic on symbols is fine; a function of "
            "jax.numpy goes into a Lambda or a class X(Layer)."
        )
    inputs = list(symbols.values()) if isinstance(symbols, Mapping) else symbols
    return inputs, list(outputs) if isinstance(outputs, tuple) else outputs


def as_floats(model: Any) -> None:
    """Inputs of whole numbers become floats, but those that a layer looks up (Embedding)."""
    for place, symbol in enumerate(model.input_symbols):
        readers = [node.layer for node in model.nodes if place in node.sources]
        if not any(layer.indexes for layer in readers):
            object.__setattr__(symbol, "dtype", "float32")


class Wired(Weighted):
    """The part of `Model` that may wait for a shape."""

    _compile_options: dict[str, Any] | None  # what `compile` was given

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        require_no_step(cls)

    # -- wired when a shape is known ----------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Wire the network for an input's shape, the batch axis first: model.build((None, 4)).

        Only a Sequential without an Input and a class with `call` wait for it; the first data
        serve as well. A list or dict of shapes stands for several inputs.
        """
        if not vars(self).get("_wired"):
            self._wire_for(symbols_of_shape(input_shape))

    def _wire_for(self, symbols: Any) -> None:
        own_build = type(self).build
        if own_build is not Wired.build:  # a class that makes its layers there
            vars(self)["_closed"] = False
            own_build(self, (None, *symbols.shape) if isinstance(symbols, Symbol) else None)
            vars(self)["_closed"] = True
        self._wire(*self._wired_for(symbols))

    def _wired_for(self, symbols: Any) -> tuple[Any, Any]:
        if not hasattr(type(self), "call"):
            raise DescendError(
                f"class {type(self).__name__}(Model) says nowhere what it computes: write "
                "call(self, inputs), or hand inputs and outputs to super().__init__"
            )
        return called(self, symbols)

    def _wire(self, inputs: Any, outputs: Any) -> None:
        super()._wire(inputs, outputs)
        self._functions: dict[str, Any] = {}
        if self._compile_options is not None:
            self.compile(**self._compile_options)

    def meet(self, x: Any) -> Any:
        """Wire the network for data, where it has not seen a shape; the data, as they were."""
        if vars(self).get("_wired") or x is None:
            return x
        first = x
        if isinstance(x, Stream):
            first = next(iter(x.read()))[0]
        elif is_batches(x):
            if hasattr(x, "__next__"):  # a generator is read once
                batch = next(x)
                x = chain([batch], x)
            else:
                batch = x[0] if hasattr(x, "__getitem__") else next(iter(x))
            first = batch[0] if isinstance(batch, (tuple, list)) else batch
        self._wire_for(symbols_like(first))
        as_floats(self)
        return x
