"""The Layer contract: an immutable description that owns no arrays."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError, unknown
from descend.nn import activations, initializers, regularizers
from descend.nn.checks import bools, true_or_false
from descend.nn.layers.arguments import LayerType
from descend.nn.layers.flags import Flags
from descend.nn.layers.guarded import Guarded
from descend.nn.layers.identity import Identity, identity_of, share, switch
from descend.nn.layers.precision import IN_PRECISION
from descend.nn.layers.stepped import Stepped
from descend.nn.layers.variables import Shown
from descend.nn.symbols import Shape as Shape
from descend.nn.symbols import connect

Arrays = dict[str, Any]
Key = jax.Array | None  # for jax.random; None where nothing is random

# How a field is written to and read from JSON, by the ending of its name.
_CODECS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "activation": (activations.describe, activations.get),
    "initializer": (initializers.describe, initializers.get),
    "regularizer": (regularizers.describe, regularizers.get),
}
REGISTRY: dict[str, type[Layer]] = {}
# What calling a layer does while the `call` of a layer around it runs (see nn/layers/running.py)
CALLED_INSIDE: ContextVar[Callable[..., Any] | None] = ContextVar("CALLED_INSIDE", default=None)
_UNWRITTEN = """{name} says nowhere what it computes. Write it as `call`, in jax.numpy:

    class {name}(Layer):
        def call(self, x):
            return 2 * x

or, as a frozen dataclass, as apply(self, params, state, x, *, key=None, training=False), which \
returns (output, state)."""


# whether the layer that is called is to work as at prediction, always
_TRAINING: ContextVar[Any] = ContextVar("_TRAINING", default=None)


def _with_training(method: Callable[..., Any]) -> Any:
    """A `__call__` that also takes `training`."""

    @functools.wraps(method)
    def call(self: Layer, *inputs: Any, training: Any = None, **options: Any) -> Any:
        before = _TRAINING.set(_TRAINING.get() if training is None else training)
        try:
            return method(self, *inputs, **options)
        finally:
            _TRAINING.reset(before)

    return call


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(Flags, Stepped, Shown, Guarded, metaclass=LayerType):
    """A frozen description of hyperparameters with three pure functions.

        build(input_shape)                                     -> output shape, no batch axis
        init(key, input_shape)                                 -> (params, state), dicts of arrays
        apply(params, state, x, *, key=None, training=False)   -> (y, state)

    Shapes leave out the batch axis, which comes first in arrays; channels come last. A layer of
    several inputs takes tuples of shapes and of arrays, one of several outputs returns them. The
    arrays of a layer inside a layer are named "inner.kernel". Calling a layer on the symbol of an
    `Input` puts it into a graph. One layer object is one set of weights (`identity`), however often
    it is called and in however many networks it stands: what one of them trains, all have.

    A layer of your own is a subclass: with `call`, as in Keras, or as a frozen dataclass with
    `build`, `init` and `apply`.

    A mask says which steps of a sequence are real: booleans (batch, time). A layer with `uses_mask`
    gets it as `apply(..., mask=)`; `output_mask` says what becomes of it.

    Args:
        name: name, unique in a model; given by the model ("dense", "dense_1", ...) when left out.
        compute_dtype: type of number that `apply` computes in, such as "bfloat16"; parameters and
            state keep their own (mixed precision). None: that of the arrays.
        trainable: whether training changes the weights. False freezes the layer, and all layers
            inside it: training leaves its arrays as they are and computes no gradient for them;
            batch normalisation uses (and keeps) its moving statistics. Dropout stays random in
            training, as in Keras. It may be set later too, `layer.trainable = False`: at once, for
            every network that the layer stands in.

    What else a class says of itself is in `Flags`. No other attribute may be set: a layer's
    hyperparameters are given when it is made.

    Raises:
        DescendError: an argument that the layer does not have, or one missing; a switch that is
            neither True nor False; an unknown activation, initialiser or regulariser; a
            `compute_dtype` that is no floating-point type; a class without `call` or `apply`; a
            layer called on an array, not a symbol.
        ShapeError: an input of a shape that the layer cannot take, or a list of inputs for a layer
            that takes one.
        AttributeRefused: setting an attribute that nothing reads.

    Source: descend's own; the classes have the names and arguments of Keras's API.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Layer, Sequential
        >>> class Twice(Layer):
        ...     def call(self, x):
        ...         return 2 * x
        >>> Sequential([Input((2,)), Twice()]).predict(np.array([[1.0, 3.0]])).tolist()
        [[2.0, 6.0]]
    """

    name: str | None = None
    compute_dtype: str | None = None
    trainable: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for method, wrapped in IN_PRECISION.items():
            if method in vars(cls):
                setattr(cls, method, wrapped(vars(cls)[method]))
        if "__call__" in vars(cls):
            setattr(cls, "__call__", _with_training(vars(cls)["__call__"]))  # noqa: B010
        if cls.__module__.startswith(
            "descend."
        ):  # a user's layers are handed to load_model by name
            REGISTRY[cls.__name__] = cls

    def __post_init__(self) -> None:
        if type(self).apply is Layer.apply:
            raise DescendError(_UNWRITTEN.format(name=type(self).__name__))
        if self.compute_dtype is not None:
            object.__setattr__(self, "compute_dtype", _float_dtype(self, self.compute_dtype))
        for field in dataclasses.fields(self):
            kind = field.name.rsplit("_", 1)[-1]
            if kind in _CODECS:
                value = _CODECS[kind][1](getattr(self, field.name))
                object.__setattr__(self, field.name, value)
        bools(self)
        if not self.trainable:
            for name, value in _inside(self, lambda layer: layer.with_trainable(False)).items():
                object.__setattr__(self, name, value)

    # -- the contract -------------------------------------------------------------------------

    def build(self, input_shape: Any) -> Shape:
        """Output shape for an input shape, both without the batch axis; raises ShapeError."""
        output_shape: Shape = input_shape
        return output_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Draw parameters and initial state for an input shape."""
        return {}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The layer's formula on a batch; returns the output and the new state."""
        raise NotImplementedError

    def check_rows(self, x: np.ndarray) -> str | None:
        """What is wrong with rows that enter the network here, or None; asked before training.

        Only layers that stand right behind an `Input` are asked.
        """
        return None

    def meet_rows(self, rows: Callable[[], int | None]) -> None:
        """Learn how many rows every batch has (None: any number), when the layer is called."""

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The mask of the output for input x and its mask: the same, unless a layer says otherwise.

        A layer of several inputs gets a tuple of masks (None where there is none); one of several
        outputs returns a tuple.
        """
        return mask

    def penalty(self, params: Arrays) -> jax.Array | None:
        """Sum of this layer's regularisation penalties, a scalar, or None if it has none."""
        total = None
        for field in dataclasses.fields(self):
            regularizer = getattr(self, field.name)
            if field.name.endswith("_regularizer") and regularizer is not None:
                array = params.get(field.name.removesuffix("_regularizer"))
                if array is not None:
                    total = plus(total, regularizer(array))
        for name, layer in self.inner().items():
            if layer.trainable:
                total = plus(total, layer.penalty(scoped(params, name)))
        return total

    def inner(self) -> dict[str, Layer]:
        """The layers that this one's fields hold, by field."""
        fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {name: value for name, value in fields if isinstance(value, Layer)}

    def parts(self) -> Iterator[Layer]:
        """The layers inside, also those of networks."""
        yield from self.inner().values()

    def with_trainable(self, trainable: bool) -> Layer:
        """This layer and all inside it, trained or frozen."""
        inside = _inside(self, lambda layer: layer.with_trainable(trainable))
        return self.with_fields(trainable=trainable, **inside)

    @property
    def identity(self) -> Identity:
        """What this layer shares with all networks that it stands in: its weights."""
        return identity_of(self)

    def another(self) -> Layer:
        """A layer that is described alike, with weights of its own."""
        return dataclasses.replace(self, **_inside(self, lambda layer: layer.another()))

    def with_fields(self, **changes: Any) -> Layer:
        """This layer with other fields, and still the same one: its weights are shared."""
        layer = dataclasses.replace(self, **changes)
        share(self.identity, layer)
        return layer

    def trains(self, array: str) -> bool:
        """Whether training changes the parameter of that name; asked after `init`."""
        name, _, rest = array.partition(".")
        inside = self.inner().get(name) if rest else None
        return self.trainable and (inside is None or inside.trains(rest))

    def _put(self, inputs: Any) -> Any:
        """Put this layer behind the symbols `inputs`; returns the symbol of its output.

        With training=False it works as at prediction, also while the network is trained.
        """
        inside = CALLED_INSIDE.get()
        if inside is not None:
            return inside(self, inputs)
        return connect(self, inputs, _TRAINING.get())

    __call__ = _with_training(_put)

    # -- numbers that a sweep may vary --------------------------------------------------------

    def numbers(self) -> dict[str, float]:
        """The numbers that may be swept: {"rate": .5, "kernel_regularizer.l2": .01}."""
        numbers = {field: getattr(self, field) for field in self.swept}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, regularizers.L1L2):
                numbers |= {f"{field.name}.l1": value.l1, f"{field.name}.l2": value.l2}
            elif isinstance(value, Layer):
                numbers |= {f"{field.name}.{path}": v for path, v in value.numbers().items()}
        return numbers

    def with_numbers(self, values: Mapping[str, Any]) -> Layer:
        """This layer with some of its `numbers` replaced (by arrays while tracing)."""
        changes: dict[str, Any] = {}
        for path, value in values.items():
            field, _, part = path.partition(".")
            if part:
                current = changes.get(field, getattr(self, field))
                is_layer = isinstance(current, Layer)
                changes[field] = (
                    current.with_numbers({part: value})
                    if is_layer
                    else dataclasses.replace(current, **{part: value})
                )
            else:
                changes[field] = value
        return dataclasses.replace(self, **changes) if changes else self

    # -- attributes ---------------------------------------------------------------------------

    def _set(self, name: str, value: Any) -> None:
        if name == "trainable":
            switch(self, true_or_false(self, name, value))
        else:
            super()._set(name, value)

    def _instead(self, name: str) -> str:
        if name in ("kernel", "bias", "gamma", "beta", "weights", "embeddings"):
            return "Weights are put in by layer.set_weights([...])."
        if name in {f.name for f in dataclasses.fields(self)} | {"_name"}:
            field = name.lstrip("_")
            return f"It is given when the layer is made: {type(self).__name__}(..., {field}=...)."
        return (
            "What a layer does is said when it is made; afterwards `trainable` can be set, and "
            "names that begin with an underscore."
        )

    # -- description --------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The fields in JSON form; `from_config` reads it back."""
        result: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kind = field.name.rsplit("_", 1)[-1]
            write = _CODECS[kind][0] if kind in _CODECS else write_value
            result[field.name] = write(value)
        return result

    def get_config(self) -> dict[str, Any]:
        """Keras's name of `config`."""
        return self.config()

    def described(self) -> dict[str, Any]:
        """Class and `config`, from which `layer_from` makes the layer again."""
        return {"class": type(self).__name__, "config": self.config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """The layer that `config` describes; raises DescendError on unknown or bad fields."""
        values = {name: read_value(value) for name, value in config.items()}
        try:
            return cls(**values)
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


def layer_from(
    described: Mapping[str, Any], custom: Mapping[str, type[Layer]] | None = None
) -> Layer:
    """The layer that `described` wrote.

    Raises:
        DescendError: a class that is neither descend's nor in `custom`.
    """
    custom = _custom.get() if custom is None else custom  # inside a layer: what the outer one had
    known = {**REGISTRY, **(custom or {})}
    if described["class"] not in known:
        raise DescendError(
            f"{unknown('layer class', described['class'], known)} If it is a class of yours, pass "
            f"custom={{{described['class']!r}: {described['class']}}}."
        )
    before = _custom.set(custom)
    try:
        return known[described["class"]].from_config(described["config"])
    finally:
        _custom.reset(before)


_custom: ContextVar[Mapping[str, type[Layer]] | None] = ContextVar("_custom", default=None)


def write_value(value: Any) -> Any:
    """A field's value for JSON: layers by their description."""
    if isinstance(value, Layer):
        return value.described()
    if isinstance(value, tuple) and value and isinstance(value[0], Layer):
        return [layer.described() for layer in value]
    return value


def read_value(value: Any) -> Any:
    """A field's value from JSON: layers, and tuples that JSON made lists."""
    if isinstance(value, Mapping) and set(value) == {"class", "config"}:
        return layer_from(value)
    if isinstance(value, list) and all(isinstance(v, (int, float, list, Mapping)) for v in value):
        return tuple(read_value(v) for v in value)  # not [name, fields] of an initializer
    return value


def _inside(layer: Layer, change: Callable[[Layer], Layer]) -> dict[str, Any]:
    """The fields of a layer that hold layers, these changed."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if isinstance(value, Layer):
            changes[field.name] = change(value)
        elif isinstance(value, (tuple, list)) and any(isinstance(v, Layer) for v in value):
            changes[field.name] = tuple(change(v) if isinstance(v, Layer) else v for v in value)
    return changes


def scoped(arrays: Mapping[str, Any], prefix: str) -> Arrays:
    """The arrays of an inner layer: those named "prefix.name", without the prefix."""
    start = prefix + "."
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}


def prefixed(prefix: str, arrays: Mapping[str, Any]) -> Arrays:
    """An inner layer's arrays as the outer layer names them: "prefix.name"."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def plus(total: jax.Array | None, term: jax.Array | None) -> jax.Array | None:
    """The sum of two penalties, either of which may be None: there is none."""
    return total if term is None else term if total is None else total + term


def _float_dtype(owner: Layer, dtype: Any) -> str:
    """The name of a floating-point dtype; raises DescendError otherwise."""
    try:
        known: np.dtype[Any] | None = jnp.dtype(dtype)
    except TypeError:
        known = None
    if known is None or not jnp.issubdtype(known, jnp.floating):
        raise DescendError(
            f"{type(owner).__name__}: compute_dtype must be a floating-point type such as "
            f"'bfloat16', got {dtype!r}"
        )
    return known.name
