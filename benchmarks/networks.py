"""The networks that are trained, as data: every peer builds its own from the same description.

A layer is (kind, arguments), both under the names of Keras. Three kinds are of this file alone:

    ("Residual", {"main": layers, "shortcut": layers})    their sum; no shortcut is the input itself
    ("SelfAttention", {"num_heads": h, "key_dim": k})     Keras's MultiHeadAttention of x with x
    an "activation" argument of "softmax" stands last, or nowhere

Shapes leave out the batch axis; channels come last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Spec = tuple[str, dict]
Shape = tuple[int, ...]


def _dense(units: int, activation: str = "linear") -> Spec:
    return ("Dense", {"units": units, "activation": activation})


def _conv(kind: str, filters: int, size: int, **more) -> Spec:
    return (kind, {"filters": filters, "kernel_size": size, **more})


def mlp(widths: Sequence[int], last: str) -> tuple[Spec, ...]:
    """A multilayer perceptron with ReLU: inputs, hidden layers, outputs."""
    return (*(_dense(units, "relu") for units in widths[1:-1]), _dense(widths[-1], last))


def _block(filters: int, inputs: int, strides: int) -> tuple[Spec, ...]:
    """A basic block: two convolutions and a shortcut, which is a projection where shapes differ."""
    same, changed = {"padding": "same"}, strides > 1 or filters != inputs
    main = (
        _conv("Conv2D", filters, 3, strides=strides, **same),
        ("BatchNormalization", {}),
        ("Activation", {"activation": "relu"}),
        _conv("Conv2D", filters, 3, **same),
        ("BatchNormalization", {}),
    )
    projection = (
        _conv("Conv2D", filters, 1, strides=strides, **same),
        ("BatchNormalization", {}),
    )
    joined = ("Residual", {"main": main, "shortcut": projection if changed else ()})
    return (joined, ("Activation", {"activation": "relu"}))


def _recurrent(kind: str, units: int, sequences: bool = False) -> Spec:
    return (kind, {"units": units, "return_sequences": sequences})


def _encoder(width: int, heads: int, inside: int) -> tuple[Spec, ...]:
    """A Transformer's encoder block, normalised after each sum."""
    attention = ("SelfAttention", {"num_heads": heads, "key_dim": width // heads})
    forward = (_dense(inside, "relu"), _dense(width))
    norm = ("LayerNormalization", {})
    return (
        ("Residual", {"main": (attention,), "shortcut": ()}),
        norm,
        ("Residual", {"main": forward, "shortcut": ()}),
        norm,
    )


# name: (shape of a row, layers)
MODULES: dict[str, tuple[Shape, tuple[Spec, ...]]] = {
    "cnn": (
        (28, 28, 1),
        (
            _conv("Conv2D", 32, 3, activation="relu"),
            ("MaxPooling2D", {"pool_size": 2}),
            _conv("Conv2D", 64, 3, activation="relu"),
            ("MaxPooling2D", {"pool_size": 2}),
            ("Flatten", {}),
            _dense(128, "relu"),
            _dense(10, "softmax"),
        ),
    ),
    "cnn-strided": (
        (28, 28, 1),
        (
            _conv("Conv2D", 16, 5, strides=2, padding="same", activation="relu"),
            _conv("Conv2D", 32, 5, strides=2, padding="same", activation="relu"),
            ("Flatten", {}),
            _dense(64, "relu"),
            _dense(10, "softmax"),
        ),
    ),
    "resnet": (
        (32, 32, 3),
        (
            _conv("Conv2D", 16, 3, padding="same"),
            ("BatchNormalization", {}),
            ("Activation", {"activation": "relu"}),
            *_block(16, 16, 1),
            *_block(32, 16, 2),
            *_block(64, 32, 2),
            ("GlobalAveragePooling2D", {}),
            _dense(10, "softmax"),
        ),
    ),
    "lstm": ((100, 16), (_recurrent("LSTM", 128), _dense(1))),
    "gru": ((100, 16), (_recurrent("GRU", 128), _dense(1))),
    "lstm-2x256": (
        (50, 16),
        (_recurrent("LSTM", 256, True), _recurrent("LSTM", 256), _dense(1)),
    ),
    "transformer": (
        (128, 128),
        (*_encoder(128, 4, 512), ("GlobalAveragePooling1D", {}), _dense(1)),
    ),
    "conv1d": (
        (1000, 8),
        (
            _conv("Conv1D", 32, 7, activation="relu"),
            _conv("Conv1D", 32, 7, activation="relu"),
            ("MaxPooling1D", {"pool_size": 4}),
            _conv("Conv1D", 64, 7, activation="relu"),
            ("GlobalAveragePooling1D", {}),
            _dense(10, "softmax"),
        ),
    ),
}


# -- what follows from a description ----------------------------------------------------------


def walk(layers: Sequence, shape: Shape) -> Iterator[tuple[str, dict, Shape, Shape]]:
    """Layer by layer: kind, arguments, input shape, output shape."""
    for kind, given in layers:
        after = _shape(kind, given, shape)
        yield kind, given, shape, after
        shape = after


def output_shape(layers: Sequence, shape: Shape) -> Shape:
    *_, last = ((None, None, shape, shape), *walk(layers, shape))
    return tuple(last[3])


def parameters(layers: Sequence, shape: Shape) -> int:
    """Numbers that are trained."""
    return sum(_parameters(kind, given, before) for kind, given, before, _ in walk(layers, shape))


def kinds(layers: Sequence) -> set[str]:
    """Every kind of layer that occurs."""
    found = set()
    for kind, given in layers:
        found.add(kind)
        for part in ("main", "shortcut"):
            found |= kinds(given.get(part, ()))
    return found


def _shape(kind: str, given: dict, shape: Shape) -> Shape:
    if kind == "Dense":
        return (*shape[:-1], given["units"])
    if kind in ("Conv1D", "Conv2D"):
        size, stride = given["kernel_size"], given.get("strides", 1)
        lost = 0 if given.get("padding") == "same" else size - 1
        return (*(-(-(n - lost) // stride) for n in shape[:-1]), given["filters"])
    if kind in ("MaxPooling1D", "MaxPooling2D"):
        return (*(n // given["pool_size"] for n in shape[:-1]), shape[-1])
    if kind in ("GlobalAveragePooling1D", "GlobalAveragePooling2D"):
        return shape[-1:]
    if kind == "Flatten":
        return (math.prod(shape),)
    if kind in ("LSTM", "GRU"):
        return (shape[0], given["units"]) if given["return_sequences"] else (given["units"],)
    if kind == "Residual":
        main, other = (output_shape(given[part], shape) for part in ("main", "shortcut"))
        assert main == other, f"a sum of shapes {main} and {other}"
        return main
    assert kind in ("BatchNormalization", "LayerNormalization", "Activation", "SelfAttention"), kind
    return shape


def _parameters(kind: str, given: dict, shape: Shape) -> int:
    width = shape[-1]
    if kind == "Dense":
        return (width + 1) * given["units"]
    if kind in ("Conv1D", "Conv2D"):
        return (given["kernel_size"] ** (len(shape) - 1) * width + 1) * given["filters"]
    if kind == "LSTM":
        return 4 * (width + given["units"] + 1) * given["units"]
    if kind == "GRU":  # a second bias, on the recurrent side
        return 3 * (width + given["units"] + 2) * given["units"]
    if kind in ("BatchNormalization", "LayerNormalization"):
        return 2 * width
    if kind == "SelfAttention":
        inner = given["num_heads"] * given["key_dim"]
        return 3 * (width + 1) * inner + (inner + 1) * width
    if kind == "Residual":
        return sum(parameters(given[part], shape) for part in ("main", "shortcut"))
    return 0


def spelled(layers: Sequence) -> str:
    """One line for people: "Conv2D 32 3 relu, MaxPooling2D 2, ..."."""
    said = []
    for kind, given in layers:
        if kind == "Residual":
            shortcut = spelled(given["shortcut"]) or "x"
            said.append(f"[{spelled(given['main'])}] + [{shortcut}]")
            continue
        words = [kind]
        for name, value in given.items():
            if name == "strides":
                words += [f"strides {value}"] if value != 1 else []
            elif name == "return_sequences":
                words += ["(sequences)"] if value else []
            elif value != "linear":
                words.append(str(value))
        said.append(" ".join(words))
    return ", ".join(said)
