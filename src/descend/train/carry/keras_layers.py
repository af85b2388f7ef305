"""One Keras layer as ours: its description, option by option, and its weights."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn import activations
from descend.nn.layers.base import REGISTRY, Layer
from descend.nn.layers.preparing import Normalization
from descend.nn.regularizers import L1L2

# Options that are not fields of ours, with the values at which ours does the same
_FIXED: dict[str, tuple[Any, ...]] = {
    "activity_regularizer": (None,),
    "attention_axes": (None, [1], (1,)),  # one time axis, of a rank-3 input
    "center": (True,),
    "data_format": ("channels_last", None),
    "fill_value": (0, 0.0),
    "go_backwards": (False,),
    "keepdims": (False,),
    "output_padding": (None,),
    "output_shape": (None,),
    "quantization_config": (None,),
    "renorm": (False,),
    "return_state": (False,),
    "rms_scaling": (False,),
    "scale": (True,),
    "sliding_window": (None,),
    "stateful": (False,),
    "use_gate": (False,),
    "use_scale": (False,),
    "zero_output_for_mask": (False,),
}
# Options that change no number, or only the numbers that weights start from
_WITHOUT_EFFECT = {
    "name", "dtype", "seed", "unroll", "synchronized", "renorm_clipping", "renorm_momentum",
    "unit_forget_bias", "input_length",
}  # fmt: skip
# Keras's names of initialisers -> ours, with the options that carry over
_INITIALIZERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Zeros": ("zeros", ()),
    "Constant": ("constant", ("value",)),
    "RandomNormal": ("normal", ("stddev",)),
    "TruncatedNormal": ("truncated_normal", ("stddev",)),
    "Identity": ("identity", ("gain",)),
    "RandomUniform": ("uniform", ("minval", "maxval")),
    "GlorotUniform": ("glorot_uniform", ()),
    "GlorotNormal": ("glorot_normal", ()),
    "HeUniform": ("he_uniform", ()),
    "HeNormal": ("he_normal", ()),
    "LecunUniform": ("lecun_uniform", ()),
    "LecunNormal": ("lecun_normal", ()),
    "Orthogonal": ("orthogonal", ("gain",)),
}
_UNSET = object()


def layer_of(
    kind: str,
    config: Mapping[str, Any],
    theirs: Any,
    name: str | None,
    batch: int | None = None,
    call: Mapping[str, Any] | None = None,
    allowed: Sequence[tuple[str, Any]] = (),
) -> Layer:
    """Our layer for a Keras layer.

    Args:
        kind: name of the Keras layer's class.
        config: result of its `get_config`.
        theirs: the Keras layer itself.
        name: name of our layer.
        batch: the batch axis of its input, for stateful layers.
        call: options of its call that are fields of ours (use_causal_mask).
        allowed: pairs (option, value) that may be lost: they hold at masked steps alone.

    Raises:
        DescendError: a class or an option that would be lost.
    """
    label = f"layer {theirs.name!r} ({kind})"
    if not str(type(theirs).__module__).startswith("keras"):
        raise DescendError(
            f"from_keras: {label} is a class of the user's own ({type(theirs).__module__}), so "
            "what it does would be lost; take it out of the Keras model, or write a Layer for it "
            "and build the network in descend"
        )
    dtype = _policy(label, config.get("dtype"))
    options = {k: v for k, v in config.items() if k not in _WITHOUT_EFFECT} | dict(call or {})
    if kind not in REGISTRY or kind in ("Lambda", "SpectralNormalization"):
        raise DescendError(
            f"from_keras: {label}: descend has no layer {kind!r}, so what it does would be "
            "lost; take it out of the Keras model, or write a Layer for it and build the "
            "network in descend"
        )
    if kind == "Normalization":
        moments = {n: np.squeeze(np.asarray(getattr(theirs, n))) for n in ("mean", "variance")}
        options |= moments | {"axis": options["axis"] or None}
    cls = REGISTRY[kind]
    fields = {f.name for f in dataclasses.fields(cls)}
    if options.get("stateful") and "batch_size" in fields:
        if batch is None:
            raise DescendError(
                f"from_keras: {label} is stateful, which needs the batch size: build the Keras "
                "model with keras.Input(batch_shape=...)"
            )
        options["batch_size"] = batch
    ours: dict[str, Any] = {}
    for option, value in options.items():
        if option in fields:
            field = _value(option, value, theirs, label, batch)
            if field is not _UNSET:
                ours[option] = field
        elif not _same(option, value) and (option, value) not in allowed:
            raise DescendError(
                f"from_keras: {label}: {option}={value!r} is not carried over, descend has no such "
                f"option{_advice(option)}"
            )
    if "compute_dtype" in fields:
        ours["compute_dtype"] = dtype
    return cls(**{**ours, "name": name})


def _advice(option: str) -> str:
    if option in _FIXED:
        return f" (it computes with {option}={_FIXED[option][0]!r})"
    if option.endswith("_constraint"):
        return "; leave it out, it holds in training alone"
    return "; leave it out"


def _same(option: str, value: Any) -> bool:
    """Whether an option that we do not have is at the value that we compute with."""
    if option in _FIXED:
        return any(value == v and type(value) is type(v) for v in _FIXED[option])
    if option.endswith("_constraint"):
        return value is None
    if option in ("dilation_rate", "groups", "depth_multiplier"):
        return all(v == 1 for v in np.ravel(value))
    return option.endswith("_initializer") or value is None or value is False


def _value(option: str, value: Any, theirs: Any, label: str, batch: int | None) -> Any:
    """An option's value as our field has it; _UNSET leaves our default."""
    kind = option.rsplit("_", 1)[-1]
    if kind == "activation":
        function = getattr(theirs, option, None)
        home = getattr(function, "__module__", "keras") or "keras"
        if not isinstance(value, Mapping) and not home.startswith("keras"):
            value = f"{home}.{getattr(function, '__name__', value)}"
        return _activation(value, f"{label}: {option}")
    if kind == "initializer":
        return _initializer(value)
    if kind == "regularizer":
        return _regularizer(value, f"{label}: {option}")
    if option in ("axis", "axes"):
        return _axis(value, label)
    if option == "output_shape" and isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if isinstance(value, Mapping) and "class_name" in value:
        if hasattr(theirs, "forward_layer"):  # Bidirectional, which has a copy of its `layer`
            inner = theirs.forward_layer if option == "layer" else theirs.backward_layer
            return _inner(value, inner, batch, (("zero_output_for_mask", True),))
        return _inner(value, getattr(theirs, option), batch)
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        layers = getattr(theirs, option)
        return tuple(_inner(v, layer, batch) for v, layer in zip(value, layers, strict=True))
    return _tuples(value)


def _inner(
    description: Mapping[str, Any], theirs: Any, batch: int | None, allowed: Sequence[Any] = ()
) -> Layer:
    kind, config = description["class_name"], description["config"]
    return layer_of(kind, config, theirs, None, batch, allowed=allowed)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def _policy(label: str, dtype: Any) -> str | None:
    """The compute_dtype of a Keras dtype policy."""
    name = dtype["config"].get("name") if isinstance(dtype, Mapping) else dtype
    known = {None: None, "float32": None, "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}
    if name not in known:
        raise DescendError(
            f"from_keras: {label}: dtype={name!r} is not carried over; descend keeps weights in "
            f"float32: set it to one of {[n for n in known if n]}"
        )
    return known[name]


def _activation(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):  # a layer used as a function, or code of the user's
        function = _activation_layer(value.get("class_name", ""), value.get("config") or {}, where)
        if function is not None:
            return function
    elif value is None or value in activations.FORMULAS or value == "silu":
        # Keras's slope is .2
        return partial(activations.leaky_relu, slope=0.2) if value == "leaky_relu" else value
    kind = value.get("class_name", value) if isinstance(value, Mapping) else value
    raise DescendError(
        f"from_keras: {where}={kind!r} is not an activation of descend's; known: "
        f"{', '.join(sorted(activations.FORMULAS))}"
    )


def _activation_layer(kind: str, config: Mapping[str, Any], where: str) -> Any:
    """The function of a layer that only applies one; None where ours has no such function."""
    options = {k: v for k, v in config.items() if k not in _WITHOUT_EFFECT}
    options.pop("trainable", None)  # has no weights
    if kind == "LeakyReLU":
        return partial(activations.leaky_relu, slope=float(options["negative_slope"]))
    if kind == "ELU":
        return partial(activations.elu, a=float(options["alpha"]))
    plain: dict[str, tuple[dict[str, Any], Any]] = {
        "ReLU": ({"max_value": None, "negative_slope": 0.0, "threshold": 0.0}, activations.relu),
        "Softmax": ({"axis": -1}, activations.softmax),
    }
    if kind not in plain:
        return None
    wanted, function = plain[kind]
    for option, value in options.items():
        if option not in wanted or value != wanted[option]:
            raise DescendError(
                f"from_keras: {where}: {option}={value!r} of {kind} is not carried over; descend "
                f"has {option}={wanted.get(option)!r}"
            )
    return function


def _initializer(value: Any) -> Any:
    description: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    name, config = description.get("class_name"), description.get("config") or {}
    if name == "Ones":
        return ["constant", {"value": 1.0}]
    if not isinstance(name, str) or name not in _INITIALIZERS or config.get("mean"):
        return _UNSET
    ours, options = _INITIALIZERS[name]
    fields = {option: config[option] for option in options}
    whole = all(isinstance(v, (int, float)) for v in fields.values())
    return [ours, {k: float(v) for k, v in fields.items()}] if whole else _UNSET


def _regularizer(value: Any, where: str) -> L1L2 | None:
    if value is None:
        return None
    name = value.get("class_name") if isinstance(value, Mapping) else value
    if name not in ("L1", "L2", "L1L2"):
        raise DescendError(f"from_keras: {where}={name!r} is not carried over; known: L1, L2, L1L2")
    return L1L2(**{k: float(v) for k, v in value["config"].items() if k in ("l1", "l2")})


def _axis(value: Any, label: str) -> Any:
    """An axis, or several; not the batch."""
    if isinstance(value, (list, tuple)):
        axes = tuple(_axis(v, label) for v in value)
        return axes if len(axes) > 1 else axes[0]
    if value == 0:
        raise DescendError(f"from_keras: {label}: axis=0 is the batch, which ours leave alone")
    return value


# -- weights --------------------------------------------------------------------------------------


def arrays_of(ours: Layer, theirs: Any, wanted: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of our layer, read from the Keras layer.

    Args:
        ours, theirs: the two layers.
        wanted: {our array's name: anything with a shape}.

    Raises:
        DescendError: arrays of ours that are not in Keras's, or the reverse.
        ShapeError: two that are of different shapes.
    """
    if isinstance(ours, Normalization):
        return {}  # its numbers are among its fields
    theirs_by_id = {id(v): v for v in [*theirs.weights, *_carried(theirs)]}
    variables = {name: _variable(theirs, name) for name in wanted}
    # states have no names in Keras, but an order
    nameless = [name for name, variable in variables.items() if variable is None]
    if len(nameless) == len(carried := _carried(theirs)):
        variables |= dict(zip(nameless, carried, strict=True))
    variables = {name: variable for name, variable in variables.items() if variable is not None}
    used = {id(v) for v in variables.values()}
    missing = [name for name in wanted if name not in variables]
    left = [v.path for key, v in theirs_by_id.items() if key not in used]
    if missing or left:
        raise DescendError(
            f"from_keras: {ours.label} ({type(ours).__name__}) and Keras's {theirs.name!r} do not "
            f"hold the same arrays: ours without a counterpart {missing}, Keras's {left}"
        )
    arrays: dict[str, np.ndarray] = {}
    for name, variable in variables.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of numpy's, in Keras
            array = np.asarray(variable.numpy())
        shape = tuple(wanted[name].shape)
        if array.shape != shape:
            raise ShapeError(
                f"from_keras: {ours.label}: {name} has shape {shape}, Keras's {variable.path} "
                f"{array.shape}"
            )
        arrays[name] = array
    return arrays


def _carried(theirs: Any) -> list[Any]:
    """What stateful recurrent layers carry from batch to batch, in their order."""
    parts = [getattr(theirs, name, None) for name in ("forward_layer", "backward_layer")]
    if all(parts):
        return [v for part in parts for v in _carried(part)]
    states = getattr(theirs, "states", None) if getattr(theirs, "stateful", False) else None
    return list(states or ())


def _variable(theirs: Any, name: str) -> Any:
    """The Keras variable of one array of ours; inner layers are attributes of the outer one."""
    first, _, rest = name.partition(".")
    inner = getattr(theirs, first, None)
    if first.startswith("cell_") and hasattr(theirs, "cells"):
        inner = theirs.cells[int(first.removeprefix("cell_"))]
    if rest and hasattr(inner, "weights"):
        return _variable(inner, rest)
    ending = "/" + name.replace(".", "/")
    matches = [v for v in theirs.weights if ("/" + v.path).endswith(ending)]
    return matches[0] if len(matches) == 1 else None
