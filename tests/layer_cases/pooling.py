"""Pooling by windows and over all of space; upsampling, zero padding, cropping."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.nn.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from descend.nn.layers.resizing import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from layer_cases.case import Case, Peer

CASES = {
    "max pooling 1d": Case(lambda: MaxPooling1D(), (7, 2), (3, 2), kinked=True, masked=True),
    "max pooling 1d overlap": Case(
        lambda: MaxPooling1D(3, 1, "same"), (5, 2), (5, 2), kinked=True, masked=True
    ),
    "max pooling 2d": Case(lambda: MaxPooling2D(2), (5, 4, 3), (2, 2, 3), kinked=True),
    "max pooling 2d overlap": Case(
        lambda: MaxPooling2D((3, 2), 2, "same"), (5, 4, 2), (3, 2, 2), kinked=True
    ),
    "max pooling 3d": Case(lambda: MaxPooling3D(2), (2, 3, 4, 2), (1, 1, 2, 2), kinked=True),
    "max pooling 3d overlap": Case(
        lambda: MaxPooling3D((1, 2, 3), 1), (2, 3, 4, 1), (2, 2, 2, 1), kinked=True
    ),
    "average pooling 1d": Case(lambda: AveragePooling1D(3), (7, 2), (2, 2), masked=True),
    "average pooling 1d same": Case(
        lambda: AveragePooling1D(3, 2, "same"), (6, 2), (3, 2), masked=True
    ),
    "average pooling 2d": Case(lambda: AveragePooling2D(), (5, 4, 3), (2, 2, 3)),
    "average pooling 2d same": Case(
        lambda: AveragePooling2D((2, 3), 1, "same"), (3, 4, 2), (3, 4, 2)
    ),
    "average pooling 3d": Case(lambda: AveragePooling3D(2), (2, 3, 4, 2), (1, 1, 2, 2)),
    "average pooling 3d same": Case(
        lambda: AveragePooling3D(2, 2, "same"), (3, 3, 2, 1), (2, 2, 1, 1)
    ),
    "global max pooling 1d": Case(
        lambda: GlobalMaxPooling1D(), (5, 3), (3,), kinked=True, masked=True
    ),
    "global max pooling 1d kept": Case(
        lambda: GlobalMaxPooling1D(keepdims=True), (4, 2), (1, 2), kinked=True, masked=True
    ),
    "global max pooling 2d": Case(lambda: GlobalMaxPooling2D(), (3, 4, 2), (2,), kinked=True),
    "global max pooling 2d kept": Case(
        lambda: GlobalMaxPooling2D(keepdims=True), (3, 2, 2), (1, 1, 2), kinked=True
    ),
    "global max pooling 3d": Case(lambda: GlobalMaxPooling3D(), (2, 3, 2, 2), (2,), kinked=True),
    "global max pooling 3d kept": Case(
        lambda: GlobalMaxPooling3D(keepdims=True), (2, 1, 2, 2), (1, 1, 1, 2), kinked=True
    ),
    "global average pooling 1d": Case(lambda: GlobalAveragePooling1D(), (5, 3), (3,), masked=True),
    "global average pooling 1d kept": Case(
        lambda: GlobalAveragePooling1D(keepdims=True), (4, 2), (1, 2), masked=True
    ),
    "global average pooling 2d": Case(lambda: GlobalAveragePooling2D(), (3, 4, 2), (2,)),
    "global average pooling 2d kept": Case(
        lambda: GlobalAveragePooling2D(keepdims=True), (3, 2, 2), (1, 1, 2)
    ),
    "global average pooling 3d": Case(lambda: GlobalAveragePooling3D(), (2, 3, 2, 2), (2,)),
    "global average pooling 3d kept": Case(
        lambda: GlobalAveragePooling3D(keepdims=True), (2, 1, 2, 2), (1, 1, 1, 2)
    ),
    "upsampling 1d": Case(lambda: UpSampling1D(), (3, 2), (6, 2), masked=True),
    "upsampling 1d once": Case(lambda: UpSampling1D(1), (3, 2), (3, 2), masked=True),
    "upsampling 2d": Case(lambda: UpSampling2D((2, 3)), (2, 3, 2), (4, 9, 2)),
    "upsampling 2d bilinear": Case(
        lambda: UpSampling2D(2, interpolation="bilinear"), (2, 3, 1), (4, 6, 1)
    ),
    "upsampling 3d": Case(lambda: UpSampling3D(), (2, 1, 2, 2), (4, 2, 4, 2)),
    "upsampling 3d uneven": Case(lambda: UpSampling3D((1, 3, 2)), (2, 1, 2, 1), (2, 3, 4, 1)),
    "zero padding 1d": Case(lambda: ZeroPadding1D(), (3, 2), (5, 2), masked=True),
    "zero padding 1d before": Case(lambda: ZeroPadding1D((2, 0)), (3, 2), (5, 2), masked=True),
    "zero padding 2d": Case(lambda: ZeroPadding2D((1, 2)), (2, 3, 2), (4, 7, 2)),
    "zero padding 2d uneven": Case(lambda: ZeroPadding2D(((0, 1), (2, 0))), (2, 3, 1), (3, 5, 1)),
    "zero padding 3d": Case(lambda: ZeroPadding3D(), (1, 2, 1, 2), (3, 4, 3, 2)),
    "zero padding 3d uneven": Case(
        lambda: ZeroPadding3D(((0, 1), (1, 0), (2, 0))), (1, 2, 1, 1), (2, 3, 3, 1)
    ),
    "cropping 1d": Case(lambda: Cropping1D(), (5, 2), (3, 2), masked=True),
    "cropping 1d behind": Case(lambda: Cropping1D((0, 2)), (5, 2), (3, 2), masked=True),
    "cropping 2d": Case(lambda: Cropping2D((1, 0)), (4, 3, 2), (2, 3, 2)),
    "cropping 2d uneven": Case(lambda: Cropping2D(((0, 1), (2, 0))), (4, 3, 1), (3, 1, 1)),
    "cropping 3d": Case(lambda: Cropping3D(), (3, 4, 3, 1), (1, 2, 1, 1)),
    "cropping 3d uneven": Case(
        lambda: Cropping3D(((0, 1), (1, 0), (0, 0))), (2, 3, 1, 2), (1, 2, 1, 2)
    ),
}


def _shape(rng: np.random.Generator, rank: int) -> tuple[int, ...]:
    return (*map(int, rng.integers(4, 7, rank)), int(rng.integers(1, 4)))


def _with(options: Any) -> Any:
    """A peer of a layer: `options(rng, rank)` gives the arguments of both."""

    def of(kind: type) -> Any:
        def peer(rng: np.random.Generator) -> Peer:
            import keras

            chosen = options(rng, kind.rank)
            theirs = getattr(keras.layers, kind.__name__)
            return Peer(kind(**chosen), _shape(rng, kind.rank), keras=lambda: theirs(**chosen))

        return peer

    return of


def _each(rng: np.random.Generator, rank: int, low: int, high: int) -> Any:
    """A number an axis; for sequences the bare number, which every Keras version takes."""
    found = tuple(map(int, rng.integers(low, high, rank)))
    return found[0] if rank == 1 else found


def _pooled(rng: np.random.Generator, rank: int) -> dict[str, Any]:
    return {
        "pool_size": _each(rng, rank, 1, 4),
        "strides": None if rng.random() < 0.3 else _each(rng, rank, 1, 4),
        "padding": str(rng.choice(["valid", "same"])),
    }


def _kept(rng: np.random.Generator, rank: int) -> dict[str, Any]:
    return {"keepdims": bool(rng.integers(2))}


def _spread(rng: np.random.Generator, rank: int) -> dict[str, Any]:
    ways = ["nearest", "bilinear"]
    more = {"interpolation": str(rng.choice(ways))} if rank == 2 else {}
    return {"size": _each(rng, rank, 1, 4), **more}


def _edges(field: str) -> Any:
    def options(rng: np.random.Generator, rank: int) -> dict[str, Any]:
        pairs = tuple(tuple(map(int, rng.integers(0, 3, 2))) for _ in range(rank))
        most = 1 if field == "cropping" else 3
        pairs = tuple((min(a, most), min(b, most)) for a, b in pairs)
        return {field: pairs[0] if rank == 1 else pairs}

    return options


KINDS = {
    _pooled: (
        *(MaxPooling1D, MaxPooling2D, MaxPooling3D),
        *(AveragePooling1D, AveragePooling2D, AveragePooling3D),
    ),
    _kept: (
        *(GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D),
        *(GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D),
    ),
    _spread: (UpSampling1D, UpSampling2D, UpSampling3D),
    _edges("padding"): (ZeroPadding1D, ZeroPadding2D, ZeroPadding3D),
    _edges("cropping"): (Cropping1D, Cropping2D, Cropping3D),
}
PEERS = {kind: _with(options)(kind) for options, kinds in KINDS.items() for kind in kinds}
