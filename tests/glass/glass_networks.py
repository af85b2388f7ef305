"""Random networks over the families of layers, for the tests of the trace."""

from __future__ import annotations

import numpy as np

from descend.nn import layers as L
from descend.nn.graph import Graph
from descend.nn.losses import BinaryCrossentropy, CategoricalCrossentropy, SquaredError
from descend.nn.symbols import Input
from descend.train.model.supervised import Output, Supervised
from descend.train.rules import SGD

ROWS = 3
# smooth ones: a central difference must not straddle a kink
SMOOTH = ["tanh", "sigmoid", "softplus", "swish", "gelu", "linear"]


def _pick(rng, items):
    return items[int(rng.integers(len(items)))]


def _dense_part(rng, x):
    """Dense layers with skip connections, shared weights, normalisation and noise."""
    shared = L.Dense(x.shape[-1], _pick(rng, SMOOTH), kernel_regularizer=_pick(rng, [None, "l2"]))
    for _ in range(int(rng.integers(1, 4))):
        kind = int(rng.integers(8))
        before = x
        if kind == 0:
            x = L.Residual(_pick(rng, SMOOTH))(x)
        elif kind == 1:
            x = L.Add()([x, shared(x)]) if x.shape[-1] == shared.units else L.Dense(3)(x)
        elif kind == 2:
            x = L.Concatenate()([x, L.Dense(2, _pick(rng, SMOOTH))(x)])
        elif kind == 3:
            x = L.Dropout(0.3)(L.Dense(4, _pick(rng, SMOOTH))(x))
        elif kind == 4:
            x = L.LayerNormalization()(L.Dense(4)(x))
        elif kind == 5:
            x = L.BatchNormalization()(x)
        elif kind == 6:
            x = L.DropConnect(3, _pick(rng, SMOOTH))(x)
        else:
            x = L.Multiply()([before, L.Dense(before.shape[-1], "sigmoid")(before)])
    return x


def _sequence_part(rng, x):
    """Recurrence (masked now and then), attention, convolution along time."""
    kind = int(rng.integers(6))
    if kind == 0:
        cell = _pick(rng, [L.SimpleRNN, L.LSTM, L.GRU])
        return cell(3, recurrent_dropout=_pick(rng, [0.0, 0.2]))(L.Masking(9.0)(x))
    if kind == 1:
        return L.Bidirectional(_pick(rng, [L.LSTM, L.GRU])(2))(x)
    if kind == 2:
        return L.Flatten()(L.GRU(2, return_sequences=True, reset_after=False)(x))
    if kind == 3:
        x = L.MultiHeadAttention(2, 2)(x)
        return L.GlobalAveragePooling1D()(L.TimeDistributed(L.Dense(3, "tanh"))(x))
    if kind == 4:
        return L.Flatten()(L.TransformerEncoder(3, 1, 0.1, "gelu")(L.Dense(2)(x)))
    return L.Flatten()(L.Conv1D(3, 2, activation=_pick(rng, SMOOTH))(x))


def _image_part(rng, x):
    """Convolutions and pooling of images."""
    kind = int(rng.integers(4))
    if kind == 0:
        x = L.Conv2D(3, 2, activation=_pick(rng, SMOOTH))(x)
    elif kind == 1:
        x = L.SeparableConv2D(3, 2, activation=_pick(rng, SMOOTH))(x)
    elif kind == 2:
        x = L.ResidualConv2D(2, activation="swish")(x)
    else:
        x = L.Conv2DTranspose(2, 2, activation=_pick(rng, SMOOTH))(x)
    return L.Flatten()(L.AveragePooling2D(2)(x))


def random_task(number: int):
    """(task, x, y): network `number`; a dense, a recurrent or an image part in turn, or two."""
    rng = np.random.default_rng(number)
    shapes = [(4,), (4, 2), (5, 5, 2)]
    parts = [_dense_part, _sequence_part, _image_part]
    chosen = [number % 3] + ([int(rng.integers(3))] if rng.random() < 0.3 else [])
    inputs = [Input(shapes[c]) for c in chosen]
    ends = [parts[c](rng, i) for c, i in zip(chosen, inputs, strict=True)]
    x = ends[0] if len(ends) == 1 else L.Concatenate()(ends)
    x = _dense_part(rng, L.Dense(4, _pick(rng, SMOOTH))(x))
    loss, end, width = _pick(
        rng,
        [
            (SquaredError(), "tanh", 2),
            (BinaryCrossentropy(), "sigmoid", 2),
            (CategoricalCrossentropy(), "softmax", 3),
        ],
    )
    outputs = [L.Dense(width, end)(x)]
    targets = [rng.dirichlet(np.ones(width), ROWS)]
    found = [Output("one", loss, ())]
    if rng.random() < 0.3:  # what is an output and is read besides
        outputs.append(x)
        targets.append(rng.normal(size=(ROWS, *x.shape)))
        found.append(Output("two", SquaredError(), (), share=0.5))
    single = len(inputs) == 1
    graph = Graph(inputs[0] if single else inputs, outputs if len(outputs) > 1 else outputs[0])
    given = tuple(rng.normal(size=(ROWS, *shapes[c])) for c in chosen)
    for array in given:
        if array.ndim == 3:
            array[0, -1] = 9.0  # a step that Masking leaves out
    return Supervised(graph, SGD(), found), given, tuple(targets)
