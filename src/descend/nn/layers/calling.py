"""Layers in Keras's manner: a class with `call`, and `build` with `add_weight`.

`Called` makes of such a class a layer with `build`, `init` and `apply`. The class's own `build` is
run once for an input shape, on a copy of the layer; what `add_weight` was asked for is the list of
its arrays. `apply` runs `call` on another copy, on which arrays stand where the weights were
(running.py). So nothing is kept on the layer itself, and `apply` is a function of its arguments.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn import initializers, regularizers
from descend.nn.graph import Graph
from descend.nn.layers.arguments import LayerType, changes_nothing, checked
from descend.nn.layers.base import (
    Arrays,
    Key,
    Layer,
    plus,
    prefixed,
    read_value,
    scoped,
    write_value,
)
from descend.nn.layers.block import nested
from descend.nn.layers.failing import guarded
from descend.nn.layers.running import (
    Run,
    Weight,
    another,
    changed,
    default_initializer,
    drawn,
    frozen,
    named,
    refuse,
    without_key,
)
from descend.nn.layers.tapping import Tap
from descend.nn.symbols import ROWS

_DTYPES = (jnp.float32, jnp.int32)
OPTIONS = ("training", "mask", "key")  # arguments of `call` that are no inputs


@dataclass(frozen=True)
class Built:
    """A layer built for an input shape.

    Attributes:
        layer: a copy, with what the class's `build` has set.
        names: names of its weights and layers, by id.
        weights, parts: those, by name.
        shapes: the input shape of each layer that `call` calls.
        output: the output's shape, or a tuple of shapes.
    """

    layer: Any
    names: dict[int, str]
    weights: dict[str, Weight]
    parts: dict[str, Any]
    shapes: dict[str, Any]
    output: Any


@dataclass(frozen=True, eq=False, kw_only=True, init=False)
class Called(Layer):
    """The Layer contract of a class with `call`.

        class Linear(Layer):
            def __init__(self, units=32, **kwargs):
                super().__init__(**kwargs)
                self.units = units

            def build(self, input_shape):                       # (None, d)
                self.w = self.add_weight(shape=(input_shape[-1], self.units))
                self.b = self.add_weight(shape=(self.units,), initializer="zeros")

            def call(self, x):
                return jnp.matmul(x, self.w) + self.b

    `call` is plain JAX (jnp), compiled with the training step. Besides its inputs it may take
    `training`, `mask` (booleans (batch, time), or None) and `key`: for jax.random in training, None
    at prediction. Layers and networks that are attributes, also in lists and dicts, may be called
    in it; their arrays are named "attribute.kernel". A weight with `trainable=False` is what the
    layer remembers: `self.total.assign(...)` in `call` puts in its next value.

    `compute_mask(inputs, mask)` says what the output's mask is; with `supports_masking = True` it
    is the input's, else there is none. A file holds what `get_config` gives, or else the arguments
    that the layer was made with.
    """

    # by which `dataclasses.replace` makes its copy: it does not run the class's `__init__`
    copied_by: Any = field(default=None, repr=False)
    called: ClassVar[bool] = True
    joins: ClassVar[bool] = True
    uses_mask: ClassVar[bool] = True
    taps: ClassVar[bool] = True
    supports_masking = False  # as in Keras, of the class or of the layer

    add_loss = refuse("add_loss", "Return the term as an output, with a loss of its own.")
    add_metric = refuse("add_metric", "Return the number as an output, and give it a metric.")

    def __init__(self, **kwargs: Any) -> None:
        _, kwargs = checked(type(self), Layer.__init__, (), kwargs)
        Layer.__init__(self, **kwargs)
        object.__setattr__(self, "copied_by", self.copied)

    def copied(self, changes: Mapping[str, Any]) -> Called:
        """The same layer with other fields."""
        layer = object.__new__(type(self))
        own = {n: v for n, v in vars(self).items() if n not in ("_built", "_identity")}
        vars(layer).update(own | dict(changes) | {"copied_by": layer.copied})
        return layer

    def _takes(self, name: str) -> bool:
        return name not in {f.name for f in fields(self)}

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: Any = None,
        *,
        name: str | None = None,
    ) -> Any:
        """An array of the layer; asked for in `__init__` or `build`.

        Args:
            shape: axes of the array; () for one number.
            initializer: name, one of descend.nn.initializers, or function (shape, dtype=); by
                default Glorot's uniform one (of n in and n out for n numbers).
            dtype: type of its numbers, float32 by default.
            trainable: False for what `call` assigns.
            regularizer: penalty of a trained array.
            name: name of the array, the attribute's by default.
            autocast, constraint, aggregation: Keras's, at their defaults.
        """
        changes_nothing(f"{self.label}: add_weight", "constraint", constraint)
        if "_run" in vars(self):
            raise DescendError(f"{self.label}: add_weight belongs into build or __init__, not call")
        sizes = np.atleast_1d(() if shape is None else shape).tolist()
        if not all(isinstance(n, int) and n >= 0 for n in sizes):
            raise ShapeError(f"{self.label}: add_weight(shape=) takes whole numbers, got {shape!r}")
        dtype = jnp.dtype("float32" if dtype is None else dtype)
        if initializer is None:
            initializer = (
                default_initializer(sizes) if jnp.issubdtype(dtype, jnp.floating) else "zeros"
            )
        known = isinstance(initializer, (str, list, initializers.Initializer))
        draw = initializers.get(initializer) if known else without_key(initializer)
        weight = Weight(tuple(sizes), draw, regularizers.get(regularizer), trainable, dtype, name)
        vars(self).setdefault("_weights", []).append(weight)
        return weight

    # -- the contract -------------------------------------------------------------------------

    def build(self, input_shape: Any) -> Any:
        """What `call` returns for an input of that shape."""
        return None if vars(self).get("_building") else self.built(input_shape).output

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The arrays that `add_weight` was asked for, and those of the layers inside."""
        built = self.built(input_shape)
        params: Arrays = {}
        state: Arrays = {}
        for number, (name, weight) in enumerate(built.weights.items()):
            weight_key = jax.random.fold_in(key, number)
            array = jnp.asarray(weight.draw(weight_key, weight.shape, weight.dtype), weight.dtype)
            (params if weight.trainable else state)[name] = array
        for number, (name, part) in enumerate(built.parts.items(), start=len(built.weights)):
            if name in built.shapes:
                part_key = jax.random.fold_in(key, number)
                part_params, part_state = drawn(part, part_key, built.shapes[name])
                params |= prefixed(name, part_params)
                state |= prefixed(name, part_state)
        return params, state

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
        tap: Tap | None = None,
    ) -> tuple[Any, Arrays]:
        """What `call` returns."""
        several = isinstance(x, (tuple, list))
        shape = tuple(a.shape[1:] for a in x) if several else x.shape[1:]
        built = self.built(shape)
        run = Run(built.layer, built.names, params, state, key=key, training=training, tap=tap)
        return self._called(run, x, mask), run.state

    def _called(self, run: Run, x: Any, mask: Any) -> Any:
        parts = list(x) if isinstance(x, (tuple, list)) else [x]
        masks = list(mask) if isinstance(mask, (tuple, list)) else [mask] * len(parts)
        if masks[0] is not None and masks[0].ndim == 1:  # which rows fill up a batch
            run.rows, steps = masks[0], [None] * len(parts)
        else:
            steps = masks
        for part, real in zip(parts, steps, strict=True):
            run.mark(part, real)
        inputs, options = _arguments_of(type(self).call)  # type: ignore[attr-defined]
        # a class that says `mixes_rows` asks for the mask of rows
        offered_masks = masks if vars(type(self)).get("mixes_rows") is True else steps
        offered = {
            "training": run.training,
            "mask": offered_masks if len(parts) > 1 else offered_masks[0],
            "key": run.key if run.training else None,
        }
        how = {name: offered[name] for name in options}
        args = parts if inputs > 1 or len(parts) == 1 else [parts]
        y = guarded(self, "call", run.layer.call, *args, **how)
        several = isinstance(y, (tuple, list))
        outputs = tuple(jnp.asarray(getattr(a, "value", a)) for a in y) if several else None
        return outputs if several else jnp.asarray(getattr(y, "value", y))

    def built(self, input_shape: Any) -> Built:
        """The layer built for that shape, once."""
        builds: dict[Any, Built] = vars(self).setdefault("_built", {})
        place = (input_shape, self.trainable)
        if place not in builds:
            builds[place] = self._build(input_shape)
        return builds[place]

    def _build(self, input_shape: Any) -> Built:
        several = bool(input_shape) and isinstance(input_shape[0], (tuple, list))
        shapes = [tuple(s) for s in input_shape] if several else [tuple(input_shape)]
        copy = self.copied({})
        vars(copy).update(_building=True, _weights=list(vars(self).get("_weights", [])))
        if type(copy).build is not Called.build:
            whole = [(None, *s) for s in shapes]
            apart = len(whole) > 1 and len(inspect.signature(copy.build).parameters) > 1
            guarded(self, "build", copy.build, *(whole if apart or not several else [whole]))
        if not self.trainable:
            vars(copy).update(changed(vars(copy), frozen))
        names, weights, parts = named(copy)
        built = Built(copy, names, weights, parts, {}, None)
        options = _arguments_of(type(self).call)[1]  # type: ignore[attr-defined]
        # one that looks its input up in a table wants whole numbers, one may want a mask
        ways = [(dtype, with_mask) for with_mask in (False, True) for dtype in _DTYPES]
        failure: DescendError | None = None
        for dtype, with_mask in ways if "mask" in options else ways[:2]:
            try:
                output = self._tried(built, shapes, dtype, with_mask)
            except DescendError as error:
                failure = failure or error
            else:
                return dataclasses.replace(built, output=output)
        assert failure is not None
        raise failure

    def _tried(self, built: Built, shapes: list[Any], dtype: Any, with_mask: bool) -> Any:
        """The shape(s) of the output for such inputs; `built.shapes` is filled."""
        options = _arguments_of(type(self).call)[1]  # type: ignore[attr-defined]
        numbers = {n: jnp.zeros(w.shape, w.dtype) for n, w in built.weights.items()}
        xs = tuple(jax.ShapeDtypeStruct((ROWS, *s), dtype) for s in shapes)
        masks = tuple(jax.ShapeDtypeStruct((ROWS, *s[:1]), bool) for s in shapes)

        def run(xs: Any, masks: Any, key: jax.Array, training: bool) -> Any:
            how: dict[str, Any] = {"key": key, "training": training, "shapes": built.shapes}
            run = Run(built.layer, built.names, numbers, numbers, **how)
            return self._called(run, *(part if len(xs) > 1 else part[0] for part in (xs, masks)))

        key = jax.random.key(0)
        # in training other layers may be called
        for training in (True, False) if {"training", "key"} & set(options) else (False,):
            tried_masks = masks if with_mask else (None,) * len(xs)
            y = jax.eval_shape(functools.partial(run, training=training), xs, tried_masks, key)
        outputs = y if isinstance(y, tuple) else (y,)
        if any(a.ndim < 1 or a.shape[0] != ROWS for a in outputs):
            raise ShapeError(
                f"{self.label}: `call` must return an array with one row for each row of its "
                f"input, (batch, ...); for a batch of {ROWS} it returned "
                f"{', '.join(str(a.shape) for a in outputs)}"
            )
        return tuple(a.shape[1:] for a in y) if isinstance(y, tuple) else y.shape[1:]

    def output_mask(self, x: Any, mask: Any) -> Any:
        """What `compute_mask` says, or the input's where the layer supports masks."""
        first = mask[0] if isinstance(mask, tuple) else mask
        if self.gives_mask:
            return guarded(self, "compute_mask", self.compute_mask, x, mask)  # type: ignore[attr-defined]
        shape = tuple(a.shape[1:] for a in x) if isinstance(x, tuple) else x.shape[1:]
        output = self.built(shape).output
        first = first if self.supports_masking else None
        return (first,) * len(output) if output and isinstance(output[0], tuple) else first

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Put this layer behind a symbol, or several; inside a `call`, its output on arrays."""
        if options:
            raise DescendError(
                f"{self.label} is called on its inputs alone, got {', '.join(options)}=: training= "
                "and mask= are given by fit and predict"
            )
        return super().__call__(inputs[0] if len(inputs) == 1 else list(inputs))

    # -- what follows from the layers inside --------------------------------------------------

    @property
    def _parts(self) -> dict[str, Any]:
        """The layers and networks inside, by name."""
        built = next(iter(vars(self).get("_built", {}).values()), None)
        return built.parts if built else named(self)[2]

    def inner(self) -> dict[str, Layer]:
        """The layers that are attributes."""
        return {name: part for name, part in self._parts.items() if isinstance(part, Layer)}

    def parts(self) -> Iterator[Layer]:
        """The layers that are attributes, and those of networks that are."""
        for part in self._parts.values():
            yield from part.layers.values() if isinstance(part, Graph) else [part]

    def with_trainable(self, trainable: bool) -> Layer:
        """This layer, trained or frozen; those inside follow when it is built."""
        return self.with_fields(trainable=trainable)

    def another(self) -> Layer:
        """A layer that is described alike, with weights of its own."""
        return self.copied(changed(vars(self), another))

    def trains(self, array: str) -> bool:
        """As in Layer, also for networks inside."""
        name, _, rest = array.partition(".")
        part = self._parts.get(name)
        if isinstance(part, Graph):
            layer, _, rest = rest.partition(".")
            return self.trainable and part.layers[layer].trains(rest)
        return super().trains(array)

    def penalty(self, params: Arrays) -> Any:
        """Those of the weights, and of the layers and networks inside."""
        total = super().penalty(params)
        built = next(iter(vars(self).get("_built", {}).values()))
        for name, weight in built.weights.items():
            if weight.regularizer is not None and name in params:
                total = plus(total, weight.regularizer(params[name]))
        for name, part in built.parts.items():
            if isinstance(part, Graph):
                total = plus(total, part.penalty(nested(scoped(params, name))))
        return total

    @property
    def stochastic(self) -> bool:
        """Whether `call` takes a key, or a layer inside does."""
        options = _arguments_of(type(self).call)[1]  # type: ignore[attr-defined]
        return "key" in options or any(p.stochastic for p in self._parts.values())

    @property
    def mixes_rows(self) -> bool:
        """Whether a layer inside does."""
        return any(part.mixes_rows for part in self._parts.values())

    @property
    def indexes(self) -> bool:
        """Whether a layer inside does."""
        return any(layer.indexes for layer in self.inner().values())

    @property
    def gives_mask(self) -> bool:
        """Whether there is a `compute_mask`."""
        return hasattr(self, "compute_mask")

    # -- description --------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The fields of every layer; a class adds its own arguments."""
        return {f.name: getattr(self, f.name) for f in fields(Layer)}

    def config(self) -> dict[str, Any]:
        """What `get_config` of the class gives, or the arguments that it was made with."""
        cls = type(self)
        if cls.get_config is not Called.get_config:
            arguments = dict(self.get_config())
        elif "copied_by" in vars(cls).get("__dataclass_fields__", {}):
            arguments = super().config()  # a dataclass: its fields are its arguments
        else:
            arguments = {n: v for n, v in vars(self).get("_arguments", {}).items() if n != "dtype"}
        arguments.pop("copied_by", None)
        result = {n: write_value(v) for n, v in (arguments | Called.get_config(self)).items()}
        for name, value in result.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise DescendError(_UNSAVED.format(cls.__name__, name, value)) from None
        return result

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """The layer that `config` describes."""
        values = {name: read_value(value) for name, value in config.items()}
        common = {f.name: values.pop(f.name) for f in fields(Layer) if f.name in values}
        return cls(**values).copied(common)


_UNSAVED = """{0} cannot be saved: its argument {1}={2!r} has no form in JSON. Say what to save:

    def get_config(self):
        return {{**super().get_config(), "units": self.units}}

with numbers, texts, lists and layers, from which {0}(**config) makes it again."""


# -- a class as it is written -------------------------------------------------------------------


def in_keras_manner(
    name: str, bases: tuple[type, ...], namespace: dict[str, Any]
) -> tuple[tuple[type, ...], dict[str, Any]]:
    """The bases and attributes of a class with `call`, `Called` among them.

    Raises:
        DescendError: it has `apply` too, or stands on a layer that has it; `call` takes no input.
    """
    for base in bases:
        if issubclass(base, Layer) and base.apply not in (Layer.apply, Called.apply):
            raise DescendError(
                f"class {name}({base.__name__}): {base.__name__} computes in `apply`, so `call` "
                f"would never run. Override apply(self, params, state, x, *, key=None, "
                f"training=False), or write a class X(Layer) that holds a {base.__name__} as an "
                "attribute and calls it."
            )
    if "apply" in namespace:
        raise DescendError(f"class {name} has both `call` and `apply`; keep one of them")
    if "call" in namespace:
        _arguments_of(namespace["call"])
    if not any(issubclass(base, Called) for base in bases):
        bases = (*(base for base in bases if base is not Layer), Called)
    build = namespace.get("build") or _inherited(bases)
    if build is not None and not hasattr(build, "of_class"):
        namespace = {**namespace, "build": _both(build)}
    return bases, namespace


LayerType.in_keras_manner = staticmethod(in_keras_manner)


def _inherited(bases: tuple[type, ...]) -> Any:
    """A `build` of a class that has no `call`."""
    build = next((vars(k)["build"] for b in bases for k in b.__mro__ if "build" in vars(k)), None)
    return None if build in (Layer.build, Called.build) else build


def _both(build: Callable[..., Any]) -> Callable[..., Any]:
    """The class's `build` while the layer is built, the contract's else."""

    @functools.wraps(build)
    def both(self: Any, *shapes: Any, **named: Any) -> Any:
        if vars(self).get("_building"):
            return build(self, *shapes, **named)
        return Called.build(self, *shapes, **named)

    both.of_class = True  # type: ignore[attr-defined]
    return both


@functools.cache
def _arguments_of(call: Callable[..., Any]) -> tuple[int, tuple[str, ...]]:
    """How many inputs a `call` takes, and which options."""
    parameters = list(inspect.signature(call).parameters.values())[1:]
    options = tuple(p.name for p in parameters if p.name in OPTIONS)
    inputs = [
        p
        for p in parameters
        if p.name not in OPTIONS and p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]
    if not inputs or any(p.kind is p.KEYWORD_ONLY for p in inputs):
        raise DescendError(
            f"{call.__qualname__}{inspect.signature(call)}: call takes its input(s), and if it "
            "wants them training, mask and key: call(self, x, training=None, mask=None, key=None)"
        )
    several = any(p.kind is p.VAR_POSITIONAL for p in inputs)
    return (2 if several else len(inputs)), options
