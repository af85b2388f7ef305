"""Convolutions, their transposes, depthwise and separable ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.nn.layers.convolution import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
)
from descend.nn.layers.separable import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

PENALTY = L1L2(0.1, 0.2)

CASES = {
    "conv1d": Case(lambda: Conv1D(3, 3), (7, 2), (5, 3), 21, masked=True),
    "conv1d causal": Case(
        lambda: Conv1D(4, 3, padding="causal", dilation_rate=2, activation="tanh"),
        (8, 2),
        (8, 4),
        28,
        masked=True,
    ),
    "conv1d same strided": Case(
        lambda: Conv1D(2, 4, 3, "same", use_bias=False), (8, 3), (3, 2), 24, masked=True
    ),
    "conv2d": Case(lambda: Conv2D(3, (2, 3)), (5, 6, 2), (4, 4, 3), 39),
    "conv2d same strided": Case(
        lambda: Conv2D(2, 3, 2, "same", activation="relu"), (5, 6, 1), (3, 3, 2), 20, kinked=True
    ),
    "conv2d groups": Case(
        lambda: Conv2D(4, 2, groups=2, kernel_regularizer=PENALTY), (4, 4, 6), (3, 3, 4), 52
    ),
    "conv2d one by one": Case(lambda: Conv2D(5, 1, activation="tanh"), (3, 4, 2), (3, 4, 5), 15),
    "conv3d": Case(lambda: Conv3D(2, 2), (3, 4, 3, 2), (2, 3, 2, 2), 34),
    "conv3d same": Case(lambda: Conv3D(2, (1, 2, 3), 2, "same"), (3, 4, 5, 1), (2, 2, 3, 2), 14),
    "conv1d transpose": Case(lambda: Conv1DTranspose(3, 3, 2), (4, 2), (9, 3), 21),
    "conv1d transpose same": Case(
        lambda: Conv1DTranspose(2, 2, 3, "same", activation="tanh"), (4, 3), (12, 2), 14
    ),
    "conv2d transpose": Case(
        lambda: Conv2DTranspose(2, 3, 2, "same", use_bias=False), (3, 2, 3), (6, 4, 2), 54
    ),
    "conv2d transpose padded": Case(
        lambda: Conv2DTranspose(1, 3, 2, "same", output_padding=(1, 0)), (3, 2, 2), (6, 3, 1), 19
    ),
    "conv3d transpose": Case(lambda: Conv3DTranspose(2, 2), (2, 2, 3, 1), (3, 3, 4, 2), 18),
    "conv3d transpose same": Case(
        lambda: Conv3DTranspose(1, (1, 2, 2), 2, "same"), (2, 2, 1, 2), (4, 4, 2, 1), 9
    ),
    "depthwise conv1d": Case(
        lambda: DepthwiseConv1D(3, depth_multiplier=2), (6, 3), (4, 6), 24, masked=True
    ),
    "depthwise conv1d causal": Case(
        lambda: DepthwiseConv1D(2, padding="causal", depthwise_regularizer=PENALTY),
        (5, 2),
        (5, 2),
        6,
        masked=True,
    ),
    "depthwise conv2d": Case(lambda: DepthwiseConv2D(3, padding="same"), (4, 5, 3), (4, 5, 3), 30),
    "depthwise conv2d strided": Case(
        lambda: DepthwiseConv2D(2, 2, depth_multiplier=2, activation="tanh"),
        (5, 4, 2),
        (2, 2, 4),
        20,
    ),
    "separable conv1d": Case(lambda: SeparableConv1D(4, 3), (6, 2), (4, 4), 18, masked=True),
    "separable conv1d same": Case(
        lambda: SeparableConv1D(3, 3, 2, "same", pointwise_regularizer=PENALTY),
        (5, 2),
        (3, 3),
        15,
        masked=True,
    ),
    "separable conv2d": Case(lambda: SeparableConv2D(3, 2), (4, 4, 2), (3, 3, 3), 17),
    "separable conv2d deep": Case(
        lambda: SeparableConv2D(2, 3, padding="same", depth_multiplier=2, use_bias=False),
        (4, 3, 2),
        (4, 3, 2),
        44,
    ),
}


def _sliding(rng: np.random.Generator, rank: int, *, causal: bool) -> tuple[dict[str, Any], tuple]:
    """Random window options that every Keras backend takes, and space they fit in."""
    kernel = tuple(map(int, rng.integers(1, 4, rank)))
    strides, dilation = (1,) * rank, (1,) * rank
    if rng.random() < 0.5:
        strides = (int(rng.integers(1, 4)),) * rank
    else:
        dilation = (int(rng.integers(1, 3)),) * rank
    known = ["valid", "same"] + ["causal"] * (causal and rank == 1)
    options = {
        "kernel_size": kernel,
        "strides": strides,
        "padding": str(rng.choice(known)),
        "dilation_rate": dilation,
        "activation": str(rng.choice(["tanh", "linear"])),
        "use_bias": bool(rng.integers(2)),
    }
    return options, tuple(map(int, rng.integers(5, 8, rank)))


def _plain(kind: type) -> Any:
    def peer(rng: np.random.Generator) -> Peer:
        import keras

        options, size = _sliding(rng, kind.rank, causal=True)
        groups = int(rng.integers(1, 3))
        options |= {"filters": groups * int(rng.integers(1, 4)), "groups": groups}
        channels = groups * int(rng.integers(1, 4))
        theirs = getattr(keras.layers, kind.__name__)
        return Peer(kind(**options), (*size, channels), keras=lambda: theirs(**options))

    return peer


def _transposed(kind: type) -> Any:
    def peer(rng: np.random.Generator) -> Peer:
        import keras

        options, size = _sliding(rng, kind.rank, causal=False)
        options |= {"filters": int(rng.integers(1, 4))}
        if rng.random() < 0.4:
            most = max(options["strides"])
            options["output_padding"] = tuple(map(int, rng.integers(0, most, kind.rank)))
        theirs = getattr(keras.layers, kind.__name__)
        shape = (*size, int(rng.integers(1, 4)))
        return Peer(kind(**options), shape, keras=lambda: theirs(**options))

    return peer


def _by_channel(kind: type, *, separable: bool) -> Any:
    def peer(rng: np.random.Generator) -> Peer:
        import keras

        options, size = _sliding(rng, kind.rank, causal=False)  # Keras has no causal one
        options |= {"depth_multiplier": int(rng.integers(1, 3))}
        if separable:
            options |= {"filters": int(rng.integers(1, 4))}
        theirs = getattr(keras.layers, kind.__name__)
        shape = (*size, int(rng.integers(1, 4)))
        return Peer(kind(**options), shape, keras=lambda: theirs(**options))

    return peer


PEERS = {
    **{kind: _plain(kind) for kind in (Conv1D, Conv2D, Conv3D)},
    **{kind: _transposed(kind) for kind in (Conv1DTranspose, Conv2DTranspose, Conv3DTranspose)},
    **{kind: _by_channel(kind, separable=False) for kind in (DepthwiseConv1D, DepthwiseConv2D)},
    **{kind: _by_channel(kind, separable=True) for kind in (SeparableConv1D, SeparableConv2D)},
}
