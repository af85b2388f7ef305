"""ConvLSTM, and SpectralNormalization around a layer."""

from __future__ import annotations

from descend.nn.layers import (
    Conv2D,
    ConvLSTM1D,
    ConvLSTM2D,
    ConvLSTM3D,
    Dense,
    SpectralNormalization,
)
from layer_cases.case import Case, Peer

CASES = {
    "conv lstm 1d": Case(lambda: ConvLSTM1D(2, 2), (3, 4, 2), (3, 2), 72, masked=True),
    "conv lstm 1d all": Case(
        lambda: ConvLSTM1D(1, 3, 2, "same", return_sequences=True, return_state=True),
        (3, 4, 1),
        ((3, 2, 1), (2, 1), (2, 1)),
        28,
        masked=True,
    ),
    "conv lstm 2d": Case(lambda: ConvLSTM2D(1, (2, 1), dropout=0.3), (2, 3, 2, 1), (2, 2, 1), 20),
    "conv lstm 2d all": Case(
        lambda: ConvLSTM2D(
            1, 2, padding="same", return_sequences=True, use_bias=False, recurrent_dropout=0.2
        ),
        (2, 2, 3, 1),
        (2, 2, 3, 1),
        32,
    ),
    "conv lstm 3d": Case(lambda: ConvLSTM3D(1, 1), (2, 2, 1, 2, 1), (2, 1, 2, 1), 12),
    "conv lstm 3d same": Case(
        lambda: ConvLSTM3D(1, (1, 2, 1), padding="same"), (2, 1, 2, 1, 1), (1, 2, 1, 1), 20
    ),
    "spectral dense": Case(
        lambda: SpectralNormalization(Dense(3)), (4,), (3,), 15, state_count=3, constants=True
    ),
    "spectral convolution": Case(
        lambda: SpectralNormalization(Conv2D(2, 2), 3),
        (3, 3, 1),
        (2, 2, 2),
        10,
        state_count=2,
        constants=True,
    ),
}


def film(kind):
    """A peer of a ConvLSTM."""

    def peer(rng):
        import keras

        rank = kind.rank
        space = tuple(int(n) for n in rng.integers(3, 5, rank))
        args = {
            "filters": int(rng.integers(1, 3)),
            "kernel_size": tuple(int(n) for n in rng.integers(1, 4, rank)),
            "padding": str(rng.choice(["valid", "same"])),
            "use_bias": bool(rng.integers(2)),
            "return_sequences": bool(rng.integers(2)),
            "go_backwards": bool(rng.integers(2)),
        }
        theirs = getattr(keras.layers, kind.__name__)
        shape = (3, *space, int(rng.integers(1, 3)))
        return Peer(kind(**args), shape, lambda: theirs(**args))

    return peer


PEERS = {kind: film(kind) for kind in (ConvLSTM1D, ConvLSTM2D, ConvLSTM3D)}
