"""The Layer contract: an immutable description that owns no arrays."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn import activations, initializers, regularizers

Shape = tuple[int, ...]
Arrays = dict[str, Any]

# How a field is written to and read from JSON, by the ending of its name.
_CODECS: dict[str, tuple[Callable, Callable]] = {
    "activation": (activations.describe, activations.get),
    "initializer": (initializers.describe, initializers.get),
    "regularizer": (regularizers.describe, regularizers.get),
}
REGISTRY: dict[str, type[Layer]] = {}


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """A frozen description of hyperparameters with three pure functions.

        build(input_shape)                                     -> output shape, no batch axis
        init(key, input_shape)                                 -> (params, state), dicts of arrays
        apply(params, state, x, *, key=None, training=False)   -> (y, state)

    Shapes leave out the batch axis, which comes first in arrays; channels come last. A merging
    layer takes tuples of shapes and of arrays. Calling a layer on the symbol of an `Input` puts it
    into a graph; the same object called twice shares its weights.

    Args:
        name: unique in a model; given by the model ("dense", "dense_1", ...) when left out.
    """

    name: str | None = None

    # True where `apply` needs a key in training (dropout); the trainer then draws one a step
    stochastic: ClassVar[bool] = False
    # True where the layer is called on a list of symbols
    joins: ClassVar[bool] = False
    # fields holding a number that a sweep may vary; they reach `apply` as traced arrays
    swept: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith(
            "descend."
        ):  # a user's layers are handed to load_model by name
            REGISTRY[cls.__name__] = cls

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kind = field.name.rsplit("_", 1)[-1]
            if kind in _CODECS:
                value = _CODECS[kind][1](getattr(self, field.name))
                object.__setattr__(self, field.name, value)

    # -- the contract -------------------------------------------------------------------------

    def build(self, input_shape: Any) -> Shape:
        """Output shape for an input shape, both without the batch axis; raises ShapeError."""
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Draw parameters and initial state for an input shape."""
        return {}, {}

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: jax.Array | None = None,
        training: bool = False,
    ) -> tuple[Any, Arrays]:
        """The layer's formula on a batch; returns the output and the new state."""
        raise NotImplementedError

    def penalty(self, params: Arrays) -> jax.Array | None:
        """Sum of this layer's regularisation penalties, a scalar, or None if it has none."""
        total = None
        for field in dataclasses.fields(self):
            regularizer = getattr(self, field.name)
            if field.name.endswith("_regularizer") and regularizer is not None:
                array = params.get(field.name.removesuffix("_regularizer"))
                if array is not None:
                    term = regularizer(array)
                    total = term if total is None else total + term
        return total

    def __call__(self, inputs: Any) -> Any:
        """Put this layer behind the symbols `inputs`; returns the symbol of its output."""
        from descend.nn.graph import connect

        return connect(self, inputs)

    # -- numbers that a sweep may vary --------------------------------------------------------

    def numbers(self) -> dict[str, float]:
        """The numbers that may be swept: {"rate": .5, "kernel_regularizer.l2": .01}."""
        found = {field: getattr(self, field) for field in self.swept}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, regularizers.L1L2):
                found |= {f"{field.name}.l1": value.l1, f"{field.name}.l2": value.l2}
        return found

    def with_numbers(self, values: Mapping[str, Any]) -> Layer:
        """This layer with some of its `numbers` replaced (by arrays while tracing)."""
        changes: dict[str, Any] = {}
        for path, value in values.items():
            field, _, part = path.partition(".")
            if part:
                held = changes.get(field, getattr(self, field))
                changes[field] = dataclasses.replace(held, **{part: value})
            else:
                changes[field] = value
        return dataclasses.replace(self, **changes) if changes else self

    # -- description --------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The fields in JSON form; `from_config` reads it back."""
        result: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kind = field.name.rsplit("_", 1)[-1]
            result[field.name] = _CODECS[kind][0](value) if kind in _CODECS else value
        return result

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """The layer that `config` describes; raises DescendError on unknown or bad fields."""
        values = {
            k: tuple(v) if isinstance(v, list) and _plain(v) else v for k, v in config.items()
        }
        try:
            return cls(**values)  # type: ignore[arg-type]
        except TypeError as error:
            raise DescendError(
                f"{cls.__name__} cannot be built from {dict(config)}: {error}"
            ) from None

    @classmethod
    def default_name(cls) -> str:
        """Keras's snake case: DropConnect -> drop_connect, PReLU -> p_re_lu, Conv2D -> conv2d."""
        return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    @property
    def label(self) -> str:
        """How messages call this layer."""
        return f"layer {self.name!r}" if self.name else f"a {type(self).__name__} layer"

    def require_rank(self, input_shape: Any, rank: int, meaning: str) -> None:
        """Raise ShapeError unless the input shape has `rank` axes besides the batch."""
        if len(input_shape) != rank:
            raise ShapeError(
                f"{self.label}: expected an input of {meaning}, got shape {tuple(input_shape)} "
                f"(without the batch axis)."
            )


def _plain(value: list) -> bool:
    """Whether a JSON list was a tuple of numbers (a shape), not [name, fields]."""
    return all(isinstance(item, (int, float)) for item in value)


def positive_int(owner: Layer, field: str) -> None:
    """Raise DescendError unless the field holds a whole number >= 1."""
    value = getattr(owner, field)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise DescendError(
            f"{type(owner).__name__}: {field} must be a whole number >= 1, got {value!r}"
        )
    object.__setattr__(owner, field, int(value))  # numpy's would not go into JSON


def fraction(owner: Layer, field: str) -> None:
    """Raise DescendError unless the field holds a number in [0, 1) (or a traced array)."""
    value = getattr(owner, field)
    if isinstance(value, (int, float)) and not 0 <= value < 1:
        raise DescendError(f"{type(owner).__name__}: {field} must be in [0, 1), got {value!r}")
