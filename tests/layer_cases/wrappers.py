"""Bidirectional, TimeDistributed, Masking."""

from descend.nn.layers import Dense, DropConnect
from descend.nn.layers.recurrent import GRU, LSTM, SimpleRNN
from descend.nn.layers.wrappers import Bidirectional, Masking, TimeDistributed
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

CASES = {
    "bidirectional": Case(lambda: Bidirectional(LSTM(3)), (4, 2), (6,), 144, masked=True),
    "bidirectional sum": Case(
        lambda: Bidirectional(GRU(2, return_sequences=True), merge_mode="sum"),
        (4, 2), (4, 2), 72, masked=True,
    ),
    "bidirectional apart": Case(
        lambda: Bidirectional(
            LSTM(2, return_sequences=True, return_state=True, kernel_regularizer=L1L2(0, 0.1)),
            merge_mode=None,
        ),
        (3, 2), ((3, 2), (3, 2), (2,), (2,), (2,), (2,)), 80, masked=True,
    ),
    "bidirectional unlike": Case(
        lambda: Bidirectional(SimpleRNN(3), GRU(2, go_backwards=True)), (4, 2), (5,), 18 + 36
    ),
    "bidirectional dropout": Case(
        lambda: Bidirectional(GRU(2, dropout=0.5), merge_mode="ave"), (3, 2), (2,), 72
    ),
    "bidirectional mul": Case(
        lambda: Bidirectional(GRU(2), merge_mode="mul"), (3, 2), (2,), 72, masked=True
    ),
    "time distributed": Case(
        lambda: TimeDistributed(Dense(3, "tanh")), (4, 2), (4, 3), 9, masked=True
    ),
    "time distributed dropped": Case(
        lambda: TimeDistributed(DropConnect(3, kernel_regularizer=L1L2(0.1, 0))), (2, 4), (2, 3), 15
    ),
    "time distributed recurrent": Case(
        lambda: TimeDistributed(LSTM(2, return_state=True)),
        (3, 4, 2), ((3, 2), (3, 2), (3, 2)), 40,
    ),
    "masking": Case(lambda: Masking(), (4, 2), (4, 2), masked=True),
    "masking minus one": Case(lambda: Masking(-1.0), (3, 1), (3, 1)),
}  # fmt: skip


def _bidirectional(rng):
    import keras

    units, features, time = map(int, rng.integers(1, 6, 3))
    name, ours = [("LSTM", LSTM), ("GRU", GRU), ("SimpleRNN", SimpleRNN)][int(rng.integers(3))]
    merge = [None, "concat", "sum", "mul", "ave"][int(rng.integers(5))]
    options = {
        "return_sequences": bool(rng.integers(2)),
        "return_state": bool(rng.integers(2)) and merge is not None,
    }
    return Peer(
        Bidirectional(ours(units, **options), merge_mode=merge),
        (time, features),
        keras=lambda: keras.layers.Bidirectional(
            getattr(keras.layers, name)(units, **options), merge_mode=merge
        ),
    )


def _time_distributed(rng):
    import keras

    units, features, time = map(int, rng.integers(1, 6, 3))
    return Peer(
        TimeDistributed(Dense(units, "tanh")),
        (time, features),
        keras=lambda: keras.layers.TimeDistributed(keras.layers.Dense(units, "tanh")),
    )


def _masking(rng):
    import keras

    value = float(rng.integers(3))
    shape = tuple(map(int, rng.integers(1, 6, 2)))
    return Peer(Masking(value), shape, keras=lambda: keras.layers.Masking(value))


PEERS = {
    Bidirectional: _bidirectional,
    TimeDistributed: _time_distributed,
    Masking: _masking,
}
