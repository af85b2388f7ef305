"""Recurrent cells and layers."""

from functools import partial

from descend.nn import activations
from descend.nn.layers.cells import GRUCell, LSTMCell, SimpleRNNCell
from descend.nn.layers.recurrent import GRU, LSTM, RNN, SimpleRNN
from descend.nn.layers.stacked import StackedRNNCells
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

SIGMOID_2 = partial(activations.sigmoid, beta=2.0)
PENALTY = L1L2(0.1, 0.2)

CASES = {
    "simple rnn": Case(lambda: SimpleRNN(4), (5, 3), (4,), 32, masked=True),
    "simple rnn relu": Case(
        lambda: SimpleRNN(2, "softplus", return_sequences=True, use_bias=False),
        (4, 3), (4, 2), 10, masked=True,
    ),
    "simple rnn softmax": Case(lambda: SimpleRNN(3, "softmax"), (3, 2), (3,), 18, masked=True),
    "lstm": Case(lambda: LSTM(4), (5, 3), (4,), 128, masked=True),
    "lstm sequences": Case(
        lambda: LSTM(3, return_sequences=True, return_state=True, go_backwards=True),
        (4, 2), ((4, 3), (3,), (3,)), 72, masked=True,
    ),
    "lstm other activations": Case(
        lambda: LSTM(2, "softplus", recurrent_activation=SIGMOID_2, unit_forget_bias=False),
        (3, 2), (2,), 40, masked=True,
    ),
    "lstm penalised": Case(
        lambda: LSTM(2, kernel_regularizer=PENALTY, recurrent_regularizer=PENALTY, use_bias=False),
        (3, 2), (2,), 32,
    ),
    "lstm dropout": Case(
        lambda: LSTM(3, dropout=0.3, recurrent_dropout=0.2, return_sequences=True),
        (4, 2), (4, 3), 72, masked=True,
    ),
    "lstm stateful": Case(
        lambda: LSTM(3, stateful=True, batch_size=5), (4, 2), (3,), 72, state_count=30
    ),
    "lstm one step": Case(lambda: LSTM(1), (1, 1), (1,), 12),
    "lstm first states": Case(lambda: LSTM(2), ((3, 2), (2,), (2,)), (2,), 40),
    "gru": Case(lambda: GRU(4), (5, 3), (4,), 108, masked=True),
    "gru sequences": Case(
        lambda: GRU(3, "swish", return_sequences=True, return_state=True),
        (4, 2), ((4, 3), (3,)), 63, masked=True,
    ),
    "gru before": Case(
        lambda: GRU(3, reset_after=False, return_sequences=True), (4, 2), (4, 3), 54, masked=True
    ),
    "gru no bias": Case(lambda: GRU(2, use_bias=False, go_backwards=True), (3, 2), (2,), 24),
    "rnn of cells": Case(
        lambda: RNN([LSTMCell(3), GRUCell(2)], return_sequences=True, return_state=True),
        (4, 2), ((4, 2), (3,), (3,), (2,)), 72 + 42, masked=True,
    ),
    "rnn of a cell": Case(lambda: RNN(GRUCell(2, reset_after=False)), (4, 2), (2,), 30),
    "simple rnn cell": Case(lambda: SimpleRNNCell(3), ((2,), (3,)), ((3,), (3,)), 18),
    "lstm cell": Case(lambda: LSTMCell(3), ((2,), (3,), (3,)), ((3,), (3,), (3,)), 72),
    "lstm cell plain": Case(
        lambda: LSTMCell(2, "softplus", unit_forget_bias=False, use_bias=False),
        ((1,), (2,), (2,)), ((2,), (2,), (2,)), 24,
    ),
    "simple rnn cell plain": Case(
        lambda: SimpleRNNCell(2, "sigmoid", use_bias=False), ((3,), (2,)), ((2,), (2,)), 10
    ),
    "stacked cell": Case(lambda: StackedRNNCells((GRUCell(2),)), ((3,), (2,)), ((2,), (2,)), 42),
    "gru cell": Case(lambda: GRUCell(3), ((2,), (3,)), ((3,), (3,)), 63),
    "gru cell before": Case(
        lambda: GRUCell(3, "softplus", reset_after=False, dropout=0.2),
        ((2,), (3,)), ((3,), (3,)), 54,
    ),
    "stacked cells": Case(
        lambda: StackedRNNCells((SimpleRNNCell(3, kernel_regularizer=PENALTY), LSTMCell(2))),
        ((2,), (3,), (2,), (2,)), ((2,), (3,), (2,), (2,)), 18 + 48,
    ),
}  # fmt: skip


def _options(rng):
    """A random configuration of a recurrent layer, as descend and Keras both write it."""
    return {
        "units": int(rng.integers(1, 6)),
        "activation": str(rng.choice(["tanh", "softplus", "gelu"])),
        "use_bias": bool(rng.integers(2)),
        "return_sequences": bool(rng.integers(2)),
        "return_state": bool(rng.integers(2)),
        "go_backwards": bool(rng.integers(2)),
    }


def _peer(name, layer, extra):
    def peer(rng):
        import keras

        options = _options(rng) | {n: f(rng) for n, f in extra.items()}
        shape = tuple(map(int, rng.integers(1, 7, 2)))
        theirs = getattr(keras.layers, name)
        kept = {k: keras.activations.gelu if v == "gelu" else v for k, v in options.items()}
        return Peer(layer(**options), shape, keras=lambda: theirs(**kept))

    return peer


def _cell_peer(name, layer, extra, states):
    def peer(rng):
        import keras

        units, features = map(int, rng.integers(1, 6, 2))
        options = {"use_bias": bool(rng.integers(2))} | {n: f(rng) for n, f in extra.items()}

        def call(cell, x):
            output, new = cell(x[0], list(x[1:]))
            return (output, *new)

        theirs = getattr(keras.layers, name)
        return Peer(
            layer(units, **options),
            ((features,), *[(units,)] * states),
            keras=lambda: theirs(units, **options),
            call=call,
        )

    return peer


def _stacked(rng):
    import keras

    first, second, features = map(int, rng.integers(1, 5, 3))
    return Peer(
        StackedRNNCells((GRUCell(first), LSTMCell(second))),
        ((features,), (first,), (second,), (second,)),
        keras=lambda: keras.layers.StackedRNNCells(
            [keras.layers.GRUCell(first), keras.layers.LSTMCell(second)]
        ),
        call=lambda cell, x: _flat(cell(x[0], [[x[1]], [x[2], x[3]]])),
    )


def _rnn(rng):
    import keras

    first, second, features, time = map(int, rng.integers(1, 5, 4))
    back = bool(rng.integers(2))
    return Peer(
        RNN([LSTMCell(first), SimpleRNNCell(second)], return_sequences=True, go_backwards=back),
        (time, features),
        keras=lambda: keras.layers.RNN(
            [keras.layers.LSTMCell(first), keras.layers.SimpleRNNCell(second)],
            return_sequences=True,
            go_backwards=back,
        ),
    )


def _flat(found):
    output, states = found
    return (output, *[s for one in states for s in one])


def _gate(rng):
    return str(rng.choice(["sigmoid", "tanh"]))


def _either(rng):
    return bool(rng.integers(2))


LSTM_EXTRA = {"recurrent_activation": _gate}
GRU_EXTRA = {"recurrent_activation": _gate, "reset_after": _either}
PEERS = {
    SimpleRNN: _peer("SimpleRNN", SimpleRNN, {}),
    LSTM: _peer("LSTM", LSTM, LSTM_EXTRA),
    GRU: _peer("GRU", GRU, GRU_EXTRA),
    RNN: _rnn,
    SimpleRNNCell: _cell_peer("SimpleRNNCell", SimpleRNNCell, {}, 1),
    LSTMCell: _cell_peer("LSTMCell", LSTMCell, LSTM_EXTRA, 2),
    GRUCell: _cell_peer("GRUCell", GRUCell, GRU_EXTRA, 1),
    StackedRNNCells: _stacked,
}
