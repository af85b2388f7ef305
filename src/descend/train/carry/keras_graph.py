"""A trained Keras model as a descend Model: the same layers, names and weights.

Keras itself is not imported: the model that is given says all that is needed by its own methods.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn.layers.base import REGISTRY, Layer
from descend.nn.symbols import Input, Symbol, connect
from descend.train.carry import keras_compile
from descend.train.carry.keras_layers import arrays_of, layer_of
from descend.train.carry.keras_masks import Mask, Masks, masks_given
from descend.train.engine.runtime import prepare
from descend.train.model.model import Model

Key = tuple[str, int, int]  # a value of a Keras graph: (layer, call, output)

# How a layer's inputs are called where it takes several one by one, in the order of ours
_CALLED: dict[str, tuple[str, ...]] = {
    "MultiHeadAttention": ("query", "value", "key"),
    "SimpleRNN": ("sequence", "initial_state"),
    "LSTM": ("sequence", "initial_state"),
    "GRU": ("sequence", "initial_state"),
    "RNN": ("sequence", "initial_state"),
    "Bidirectional": ("sequences", "initial_state"),
}
# arithmetic on symbols (x + y) that is a layer of ours
_OPERATORS = ("Add", "Subtract", "Multiply")


def from_keras(keras_model: Any, name: str | None = None) -> Model:
    """A Keras model (Sequential or functional, built) as a descend Model that predicts the same.

    Layers keep their names; those of a model inside the model become layers of the whole (`inner_d`
    where "d" is taken). Shared layers stay shared. A policy "mixed_bfloat16" becomes
    compute_dtype="bfloat16". Initialisers that descend does not have stay at our defaults: they do
    not matter for weights that are there.

    At masked steps outputs need not agree (those of Keras's Bidirectional are zeros, ours the last
    real ones); no layer that heeds the mask looks at them.

    `compile` is carried over where the optimizer (SGD, Adam, AdamW, RMSprop, Adagrad, with a
    constant rate), the losses and the metrics are ours as well; otherwise the model is left
    uncompiled, with a warning that says why. The optimizer starts afresh.

    Args:
        keras_model: model with all its weights; of any backend.
        name: name of the new model; the Keras model's by default.

    Returns:
        A `Model` over layers of its own.

    Raises:
        DescendError: something whose effect would be lost (a layer or an option that descend does
            not have, a function of the user's own), or weights that do not match; the message
            names layer, option and value.

    Source: descend's own; Keras's API for what is read.

    Example:
        >>> import keras  # doctest: +SKIP
        >>> import numpy as np
        >>> from descend import from_keras
        >>> theirs = keras.Sequential(  # doctest: +SKIP
        ...     [keras.Input((4,)), keras.layers.Dense(1)]
        ... )
        >>> ours, x = from_keras(theirs), np.ones((2, 4))  # doctest: +SKIP
        >>> bool(abs(ours.predict(x) - theirs.predict(x)).max() < 1e-5)  # doctest: +SKIP
        True
    """
    prepare()
    carrier = _Carrier()
    inputs, outputs = carrier.model(keras_model)
    model = Model(inputs, outputs, name=name or str(keras_model.name))
    carrier.fill(model)
    if getattr(keras_model, "compiled", False):
        reason = keras_compile.carry(model, keras_model)
        if reason:
            warnings.warn(
                f"{model.name} is carried over but not compiled: {reason}. Call compile(...) "
                "before fit or evaluate.",
                stacklevel=2,
            )
    return model


class _Carrier:
    """The layers made so far, and the Keras layer that each comes from."""

    def __init__(self) -> None:
        self.pairs: dict[str, tuple[Layer, Any]] = {}  # our name -> (our layer, theirs)
        self._layers: dict[int, Layer] = {}
        self._used_names: set[str] = set()
        self._masks = Masks()
        self._operator: str | None = None

    # -- the graph ----------------------------------------------------------------------------

    def model(
        self, keras_model: Any, symbols: Sequence[Symbol] | None = None, path: str = ""
    ) -> tuple[Any, Any]:
        """Return (inputs, outputs) of a Keras model; one inside another is put behind `symbols`."""
        if not hasattr(keras_model, "layers") or not hasattr(keras_model, "get_config"):
            raise DescendError(
                f"from_keras: expected a Keras model, got {type(keras_model).__name__}"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what cannot be carried over is an error here
                config = keras_model.get_config()
        except (NotImplementedError, TypeError, ValueError) as error:
            raise _not_a_graph(keras_model) from error
        if not path:
            self._used_names = {entry["config"]["name"] for entry in config.get("layers", ())}
        if "input_layers" in config:
            return self._functional(keras_model, config, symbols, path)
        if "layers" in config:
            return self._sequential(keras_model, config, symbols, path)
        raise _not_a_graph(keras_model)

    def _sequential(
        self, keras_model: Any, config: Any, symbols: Sequence[Symbol] | None, path: str
    ) -> tuple[Any, Any]:
        entries = list(config["layers"])
        shape = config.get("build_input_shape")
        if entries and entries[0]["class_name"] == "InputLayer":
            input_symbol = _input(entries.pop(0)["config"])
        elif shape:
            input_symbol = _input({"batch_shape": shape, "dtype": "float32", "name": None})
        else:
            raise DescendError(
                f"from_keras: {keras_model.name!r} has not been built, so it has no weights; begin "
                "it with keras.Input(shape) or call it once"
            )
        start = symbols[0] if symbols else input_symbol
        self._masks.enter(start)
        symbol: Any = start
        layers = {layer.name: layer for layer in keras_model.layers}
        for entry in entries:
            theirs = layers[entry["config"]["name"]]
            symbol = self._call(entry, theirs, [symbol], None, path)
            if isinstance(symbol, list):
                raise DescendError(
                    f"from_keras: layer {theirs.name!r} of a Sequential gives several outputs"
                )
        return start, symbol

    def _functional(
        self, keras_model: Any, config: Any, symbols: Sequence[Symbol] | None, path: str
    ) -> tuple[Any, Any]:
        entries = {entry["name"]: entry for entry in config["layers"]}
        layers = {layer.name: layer for layer in keras_model.layers}
        values: dict[Key, Any] = {}
        inputs: list[Symbol] = []
        for number, (input_name, (layer, _, _)) in enumerate(_leaves(config["input_layers"])):
            symbol = _input(entries[layer]["config"], input_name) if symbols is None else None
            inputs.append(symbols[number] if symbols is not None else symbol)  # type: ignore[arg-type]
            values[layer, 0, 0] = inputs[-1]
            self._masks.enter(inputs[-1])

        waiting = [
            (name, number, node)
            for name, entry in entries.items()
            for number, node in enumerate(entry["inbound_nodes"])
        ]
        if any(not isinstance(node, Mapping) for _, _, node in waiting):
            raise DescendError(
                f"from_keras: {keras_model.name!r} is described as Keras 2 does; load and save it "
                "with Keras 3 first"
            )
        while waiting:  # a shared layer may be called again further down: several rounds
            later = []
            for name, number, node in waiting:
                args, kwargs = _histories(node["args"]), _histories(node["kwargs"])
                if any(key not in values for key in _keys([args, kwargs])):
                    later.append((name, number, node))
                    continue
                args, kwargs = _looked_up(args, values), _looked_up(kwargs, values)
                entry = entries[name]
                if name in layers:
                    result = self._call(entry, layers[name], args, kwargs, path)
                else:
                    result = self._operation(entry, args, kwargs, path)
                for part, value in enumerate(result if isinstance(result, list) else [result]):
                    values[name, number, part] = value
            if len(later) == len(waiting):
                raise DescendError(
                    f"from_keras: the calls of {sorted({n for n, _, _ in later})} in "
                    f"{keras_model.name!r} depend on values that are not in the model"
                )
            waiting = later

        outputs = []
        for _, (layer, number, part) in _leaves(config["output_layers"]):
            # Keras counts a model's own definition as its first call, here alone
            first = entries[layer]["class_name"] != "Sequential" and hasattr(
                layers.get(layer), "operations"
            )
            outputs.append(values[layer, number - first, part])
        one = len(inputs) == 1
        return (inputs[0] if one else inputs), (outputs[0] if len(outputs) == 1 else outputs)

    # -- one call -----------------------------------------------------------------------------

    def _call(
        self,
        entry: Any,
        theirs: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        path: str,
    ) -> Any:
        """Call a layer: return a symbol, or a list of them. kwargs are None where not known."""
        kind = entry["class_name"]
        label = f"layer {theirs.name!r} ({kind})"
        inputs, options = _arguments(label, kind, args, kwargs or {})
        if hasattr(theirs, "layers") and kind not in REGISTRY:
            _, outputs = self.model(theirs, inputs, f"{path}{theirs.name}_")
            return outputs
        layer = self._layers.get(id(theirs))
        if layer is None:
            batch = None
            shape = (entry.get("build_config") or {}).get("input_shape")
            if shape and not isinstance(shape[0], (list, tuple)):
                batch = shape[0]
            name = self._name(theirs.name, path)
            layer = layer_of(kind, entry["config"], theirs, name, batch=batch, call=options)
            self._layers[id(theirs)] = layer
            self.pairs[str(layer.name)] = (layer, theirs)
        elif options and any(getattr(layer, o) != v for o, v in options.items()):
            raise DescendError(f"from_keras: {label} is called twice with different {options}")
        if kind == "MultiHeadAttention" and len({id(s) for s in inputs}) == 1:
            inputs = inputs[:1]  # one product instead of three
        outputs = connect(layer, _alone(inputs))
        # inside a model that is a layer, Keras's masks come with the numbers, not with the graph
        masks = masks_given(kwargs) if not path else masks_given(kwargs) or None
        output_list = outputs if isinstance(outputs, list) else [outputs]
        self._masks.follow(layer, theirs, label, inputs, output_list, masks)
        return outputs

    def _name(self, name: str, path: str) -> str:
        """Return a layer's own name where it stands in the whole model, else one that is free."""
        while path and name in self._used_names:
            name = path + name
        self._used_names.add(name)
        return name

    def _operation(
        self, entry: Any, args: Sequence[Any], kwargs: Mapping[str, Any], path: str
    ) -> Any:
        """Return what a function on symbols gives: a mask, or the output of an arithmetic layer."""
        kind, name = entry["class_name"], entry["name"]
        values = list(_flat([*args, *kwargs.values()]))
        masks = [v for v in values if isinstance(v, Mask)]
        symbols = [v for v in values if isinstance(v, Symbol)]
        if masks and not symbols:
            return Mask(frozenset().union(*(mask.tests for mask in masks)))
        if kind == "NotEqual" and len(args) == 2 and len(symbols) == 1 and args[0] is symbols[0]:
            return Mask(frozenset({(id(args[0]), float(args[1]))}))
        if kind in _OPERATORS and kind in REGISTRY and len(symbols) == len(args) == 2:
            self._operator = name
            output = connect(REGISTRY[kind](name=self._name(name, path)), symbols)
            self._masks.enter(output)
            return output
        raise DescendError(
            f"from_keras: the function {kind!r} (at {name!r}) on symbols is not carried over; use "
            "a layer of Keras's for it, such as keras.layers.Add()([x, y]) for x + y"
        )

    # -- weights ------------------------------------------------------------------------------

    def fill(self, model: Model) -> None:
        """Put the Keras model's weights into ours."""
        if self._operator and self._masks.layer_tests:
            raise DescendError(
                f"from_keras: {self._operator!r} adds symbols by an operator, which loses their "
                "mask in Keras; use a layer, such as keras.layers.Add()([x, y])"
            )
        shapes = jax.eval_shape(model.init, jax.random.key(0))
        # not what only leads to outputs of a model inside that are not used
        wanted: dict[str, dict[str, Any]] = {n: {} for n in self.pairs if n in model.layers}
        for name, array, is_param in model.array_names:  # in the layers' order, as Keras's
            wanted[name][array] = shapes[not is_param][name][array]
        new: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        arrays = {
            name: arrays_of(*self.pairs[name], array_shapes)
            for name, array_shapes in wanted.items()
        }
        for name, array, is_param in model.array_names:
            value = jnp.asarray(arrays[name][array], wanted[name][array].dtype)
            new[not is_param].setdefault(name, {})[array] = value
        model.take_weights(*new)


# -- reading Keras's descriptions -----------------------------------------------------------------


def _not_a_graph(keras_model: Any) -> DescendError:
    return DescendError(
        f"from_keras: {type(keras_model).__name__} {keras_model.name!r} is not a Sequential or "
        "functional model, so its layers' order is code, which is not carried over; build it from "
        "keras.Input and layers called on symbols"
    )


def _input(config: Mapping[str, Any], name: str | None = None) -> Symbol:
    shape = tuple(config["batch_shape"])[1:]
    name = name or config["name"]
    if config.get("sparse") or config.get("ragged") or config.get("optional"):
        raise DescendError(f"from_keras: the input {name!r} is sparse, ragged or optional")
    whole = str(config["dtype"]).startswith(("int", "uint", "bool"))
    return Input(shape, name=name, dtype="int32" if whole else "float32")


def _leaves(structure: Any, name: str | None = None) -> Iterator[tuple[str | None, Key]]:
    """Each [layer, call, output] in an argument of a model, with its name where it is a dict."""
    if isinstance(structure, Mapping):
        for key, part in structure.items():
            yield from _leaves(part, str(key))
    elif structure and isinstance(structure[0], str):
        yield name, (structure[0], int(structure[1]), int(structure[2]))
    else:
        for part in structure:
            yield from _leaves(part)


def _histories(value: Any) -> Any:
    """Arguments of a call as Keras wrote them, each symbol replaced by its key."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            layer, number, part = value["config"]["keras_history"]
            return (layer, number, part)
        return {name: _histories(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_histories(part) for part in value]
    return value


def _keys(value: Any) -> Iterator[Key]:
    if isinstance(value, tuple):
        yield value
    elif isinstance(value, (list, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _keys(part)


def _looked_up(value: Any, values: Mapping[Key, Any]) -> Any:
    if isinstance(value, tuple):
        return values[value]
    if isinstance(value, list):
        return [_looked_up(part, values) for part in value]
    if isinstance(value, Mapping):
        return {name: _looked_up(part, values) for name, part in value.items()}
    return value


def _alone(parts: Sequence[Any]) -> Any:
    return tuple(parts) if len(parts) > 1 else parts[0]


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _is_mask(name: str, value: Any) -> bool:
    return name == "mask" and all(m is None or isinstance(m, Mask) for m in _flat([value]))


def _arguments(
    label: str, kind: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Symbol], dict[str, Any]]:
    """(symbols in our order, options of the call that are fields of ours)."""
    symbols: list[Any] = list(_flat(list(args)))
    options: dict[str, Any] = {}
    names = _CALLED.get(kind, ())
    for name in names:
        if isinstance(kwargs.get(name), (Symbol, list)):
            symbols += _flat([kwargs[name]])
    for name, value in kwargs.items():
        plain = value is None or value is False
        if plain or name in names or _is_mask(name, value):
            continue
        if isinstance(value, (bool, int, float, str)) and name != "training":
            options[name] = value
            continue
        raise DescendError(
            f"from_keras: {label} is called with {name}=..., which is not carried over"
        )
    symbols = [value for value in symbols if value is not None]
    for value in symbols:
        if not isinstance(value, Symbol):
            raise DescendError(
                f"from_keras: {label} is called on {type(value).__name__} {value!r}; only the "
                "outputs of layers are carried over"
            )
    return symbols, options
