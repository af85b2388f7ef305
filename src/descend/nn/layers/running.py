"""What the `call` of a layer in Keras's manner sees: arrays, and layers that can be called on them.

See calling.py for the whole.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError, ShapeError
from descend.nn import initializers
from descend.nn.graph import Graph
from descend.nn.layers.base import CALLED_INSIDE, Arrays, Key, Layer, prefixed, scoped
from descend.nn.layers.block import flat, nested
from descend.nn.layers.tapping import Tap, through_tap, with_tap
from descend.nn.rebuilding import symbols_over

PRIVATE = ("_arguments", "_weights", "_built", "copied_by")  # ours among a layer's attributes


@dataclass(frozen=True, eq=False)
class Weight:
    """What `add_weight` was asked for; in `call` its numbers stand in its place."""

    shape: tuple[int, ...]
    draw: Callable[..., Any]
    regularizer: Any
    trainable: bool
    dtype: Any
    name: str | None


def held_in(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The weights, layers and networks among attributes, also in lists and dicts, by name."""
    for name, value in attributes.items():
        if name not in PRIVATE:
            yield from _held(name, value)


def _held(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Weight, Layer, Graph)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield from _held(f"{name}_{number}", part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _held(f"{name}_{key}", part)


def changed(attributes: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Attributes with their weights, layers and networks changed."""
    return {n: v if n in PRIVATE else _changed(v, change) for n, v in attributes.items()}


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, (Weight, Layer, Graph)):
        return change(value)
    if isinstance(value, (list, tuple, dict)) and any(_held("", value)):
        if isinstance(value, dict):
            return {key: _changed(part, change) for key, part in value.items()}
        parts = [_changed(part, change) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def named(layer: Any) -> tuple[dict[int, str], dict[str, Weight], dict[str, Any]]:
    """Names by id; weights in the order in which they were asked for; layers and networks."""
    places: dict[int, str] = {}
    parts: dict[str, Any] = {}
    for name, value in held_in(vars(layer)):
        if id(value) not in places:
            places[id(value)] = name
            if not isinstance(value, Weight):
                parts[name] = value
    weights: dict[str, Weight] = {}
    for weight in vars(layer).get("_weights", []):
        stem = name = (weight.name or places.get(id(weight), "weight")).replace(".", "_")
        number = 0
        while name in weights:
            number += 1
            name = f"{stem}_{number}"
        places[id(weight)] = name
        weights[name] = weight
    return places, weights, parts


def frozen(part: Any) -> Any:
    """A layer or a network with nothing in it that trains."""
    if isinstance(part, Layer):
        return part.with_trainable(False)
    if isinstance(part, Graph):
        inputs = part.input_symbols[0] if part.single_input else part.input_symbols
        outputs = part.output_symbols[0] if part.single_output else part.output_symbols
        return Graph(inputs, outputs, part.name, part.default_dtype, trainable=False)
    return part


def another(part: Any) -> Any:
    """A layer or a network that is described alike, with weights of its own."""
    if isinstance(part, Layer):
        return part.another()
    if isinstance(part, Graph):
        layers = {name: layer.another() for name, layer in part.layers.items()}
        return Graph(*symbols_over(part, layers), part.name, part.default_dtype)
    return part


def default_initializer(shape: list[int]) -> Any:
    """Glorot's uniform one; of n numbers on one axis with n in and n out, as in Keras."""
    if len(shape) > 1:
        return "glorot_uniform"
    limit = (3.0 / max(math.prod(shape), 1)) ** 0.5
    return initializers.Uniform(-limit, limit)


def without_key(draw: Callable[..., Any]) -> Callable[..., Any]:
    """An initialiser of the user's own, (shape, dtype=) -> array."""
    if not callable(draw):
        raise DescendError(f"add_weight(initializer=) takes a name or a function, got {draw!r}")
    return lambda key, shape, dtype: draw(shape, dtype=dtype)


class Run:
    """One run of a layer's `call`.

    Args:
        layer: the layer, built: weights and layers are among its attributes.
        names: the name of each weight and layer, by id.
        params, state: arrays that `apply` gets; `state` becomes the new one.
        key, training, tap: options that `apply` gets.
        shapes: where arrays are still to be found out, for every layer inside what it is first
            called on; None: they are in `params` and `state`.
    """

    def __init__(
        self,
        layer: Any,
        names: Mapping[int, str],
        params: Arrays,
        state: Arrays,
        *,
        key: Key = None,
        training: bool = False,
        tap: Tap | None = None,
        shapes: dict[str, Any] | None = None,
    ) -> None:
        self.names, self.params, self.state = names, params, dict(state)
        self.key, self.training, self.tap, self.shapes = key, training, tap, shapes
        self.rows: jax.Array | None = None
        self.calls = 0
        self._masks: dict[int, tuple[Any, Any]] = {}
        self.layer = object.__new__(type(layer))
        vars(self.layer).update(changed(vars(layer), self._stand_in))

    def _stand_in(self, part: Any) -> Any:
        name = self.names[id(part)]
        if not isinstance(part, Weight):
            return Inner(self, part, name)
        return self.params[name] if part.trainable else Variable(self, name)

    def mark(self, x: Any, mask: Any) -> None:
        """Note the mask of an array, which goes along to the layers that it is handed to."""
        if mask is not None:
            self._masks[id(x)] = (x, mask)  # with the array, so that its id stays its own

    def mask_of(self, x: Any) -> Any:
        """The mask noted for an array, or None."""
        return self._masks.get(id(x), (None, None))[1]

    def apply(self, name: str, training: Any, mask: Any, layer: Any, inputs: Any) -> Any:
        """The output of a layer inside, on arrays."""
        CALLED_INSIDE.set(None)  # what this layer calls is its own affair
        parts = tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)
        parts = tuple(p if isinstance(p, jax.Array) else jnp.asarray(p) for p in parts)
        x = parts if len(parts) > 1 else parts[0]
        masks = tuple(map(self.mask_of, parts)) if mask is None else _tuple(mask)
        params, state = self._arrays(name, layer, parts)
        self.calls += 1
        key = None if self.key is None else jax.random.fold_in(self.key, self.calls)
        training = self.training if training is None else bool(training)
        how: dict[str, Any] = {"key": key, "training": training}
        if isinstance(layer, Graph):
            y, output_masks, new_state = layer.apply_masked(
                nested(params), nested(state), x, rows=self.rows, masks=masks, **how
            )
            new_state = flat(new_state)
        else:
            tapped, inside = with_tap(layer, name, self.tap)
            if not layer.stochastic:
                how.pop("key")
            x_mask = masks if len(parts) > 1 else masks[0]
            if layer.uses_mask:
                how["mask"] = self.rows if layer.mixes_rows and not any(_real(masks)) else x_mask
            y, new_state = tapped.apply(params, state, x, **how, **inside)
            has_mask = any(_real(masks)) or layer.gives_mask
            output_masks = _tuple(layer.output_mask(x, x_mask) if has_mask else None)
        y = through_tap(self.tap, name, x, y)
        self.state |= prefixed(name, new_state)
        outputs = list(y) if isinstance(y, (list, tuple)) else [y]
        for output, output_mask in zip(outputs, output_masks, strict=False):
            self.mark(output, output_mask)
        return outputs if isinstance(y, (list, tuple)) else y

    def _arrays(self, name: str, layer: Any, parts: tuple[jax.Array, ...]) -> tuple[Any, Any]:
        if self.shapes is None:
            return scoped(self.params, name), scoped(self.state, name)
        if isinstance(layer, Graph):
            layer.meet(parts if len(parts) > 1 else parts[0])
        shapes = tuple(tuple(map(int, p.shape[1:])) for p in parts)
        shape = self.shapes.setdefault(name, shapes if len(shapes) > 1 else shapes[0])
        arrays = jax.eval_shape(lambda key: drawn(layer, key, shape), jax.random.key(0))
        params, state = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), arrays)
        return params, state


def drawn(layer: Any, key: jax.Array, shape: Any) -> tuple[Arrays, Arrays]:
    """The arrays of a layer or a network, in the form of a layer's."""
    if isinstance(layer, Graph):
        params, state = layer.init(key)
        return flat(params), flat(state)
    params, state = layer.init(key, shape)
    return params, state


class Inner:
    """A layer inside a layer, as `call` sees it: called on arrays it gives arrays."""

    def __init__(self, run: Run, layer: Any, name: str) -> None:
        self._run, self._layer, self._name = run, layer, name

    def __call__(self, *inputs: Any, training: Any = None, mask: Any = None, **options: Any) -> Any:
        """The layer's output."""
        apply = functools.partial(self._run.apply, self._name, training, mask)
        if isinstance(self._layer, Graph):
            return apply(self._layer, *inputs)
        before = CALLED_INSIDE.set(apply)
        try:
            return self._layer(*inputs, **options)
        finally:
            CALLED_INSIDE.reset(before)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


class Variable:
    """A weight that is not trained: its present value, and `assign` for the next."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self._name = run, name

    @property
    def value(self) -> jax.Array:
        """The array."""
        array: jax.Array = self._run.state[self._name]
        return array

    def assign(self, value: Any) -> jax.Array:
        """Put in the next value; raises ShapeError where its shape is another."""
        old, new = self.value, jnp.asarray(value)
        if new.shape != old.shape:
            raise ShapeError(
                f"the weight {self._name!r} has shape {old.shape}, it was assigned one of "
                f"{new.shape}"
            )
        self._run.state[self._name] = new.astype(old.dtype)
        return self.value

    def assign_add(self, value: Any) -> jax.Array:
        """The value and this."""
        return self.assign(self.value + jnp.asarray(value))

    def assign_sub(self, value: Any) -> jax.Array:
        """The value less this."""
        return self.assign(self.value - jnp.asarray(value))

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)


def _of_value(name: str) -> Callable[..., Any]:
    def operate(self: Variable, *others: Any) -> Any:
        return getattr(self.value, name)(*(getattr(o, "value", o) for o in others))

    return operate


for _operator in ("add", "sub", "mul", "truediv", "matmul", "pow", "floordiv", "mod"):
    for _name in (f"__{_operator}__", f"__r{_operator}__"):
        setattr(Variable, _name, _of_value(_name))
for _operator in ("neg", "abs", "getitem", "len", "lt", "le", "gt", "ge"):
    setattr(Variable, f"__{_operator}__", _of_value(f"__{_operator}__"))


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _real(masks: tuple[Any, ...]) -> list[bool]:
    return [m is not None for m in masks]


def refuse(name: str, instead: str) -> Callable[..., Any]:
    """A method of Keras's layers that is not there."""

    def method(self: Any, *_: Any, **__: Any) -> Any:
        raise DescendError(f"{self.label}: there is no {name} here. {instead}")

    method.__doc__ = f"Not there: {instead}"
    return method
