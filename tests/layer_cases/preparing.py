"""Layers of one formula, and layers that prepare data."""

from __future__ import annotations

import numpy as np

from descend.nn.layers import (
    ELU,
    CategoryEncoding,
    CenterCrop,
    Discretization,
    Identity,
    IntegerLookup,
    LeakyReLU,
    Normalization,
    ReLU,
    Rescaling,
    Resizing,
    Softmax,
    UnitNormalization,
)
from layer_cases.case import Case, Peer

MOMENTS = {"mean": [0.5, -1.0], "variance": [4.0, 0.25]}

CASES = {
    "relu": Case(lambda: ReLU(), (5,), (5,), kinked=True),
    "relu capped": Case(lambda: ReLU(1.02, 0.3, 0.51), (2, 5), (2, 5), kinked=True),
    "leaky relu": Case(lambda: LeakyReLU(), (5,), (5,), kinked=True),
    "leaky relu alpha": Case(lambda: LeakyReLU(alpha=0.2), (2, 5), (2, 5), kinked=True),
    "elu": Case(lambda: ELU(), (5,), (5,), kinked=True),
    "elu alpha": Case(lambda: ELU(0.5), (2, 5), (2, 5), kinked=True),
    "softmax": Case(lambda: Softmax(), (5,), (5,)),
    "softmax axes": Case(lambda: Softmax((1, -1)), (2, 3, 4), (2, 3, 4)),
    "identity": Case(lambda: Identity(), (5,), (5,)),
    "identity image": Case(lambda: Identity(), (2, 3, 1), (2, 3, 1)),
    "unit normalization": Case(lambda: UnitNormalization(), (5,), (5,)),
    "unit normalization axes": Case(lambda: UnitNormalization([1, 2]), (2, 3), (2, 3)),
    "rescaling": Case(lambda: Rescaling(0.5), (5,), (5,)),
    "rescaling channels": Case(lambda: Rescaling([1.0, 2.0], -0.5), (3, 2), (3, 2)),
    "normalization": Case(lambda: Normalization(**MOMENTS), (2,), (2,)),
    "normalization back": Case(lambda: Normalization(None, 1.0, 4.0, True), (3, 2), (3, 2)),
    "category multi": Case(lambda: CategoryEncoding(4), (3,), (4,), domain="index:4"),
    "category one": Case(lambda: CategoryEncoding(4, "one_hot"), (3,), (3, 4), domain="index:4"),
    "integer lookup": Case(lambda: IntegerLookup(vocabulary=[3, 1]), (3,), (3,), domain="index:4"),
    "integer lookup hot": Case(
        lambda: IntegerLookup(None, 2, 0, vocabulary=[3, 1], output_mode="count"),
        (3,),
        (4,),
        domain="index:6",
    ),
    "discretization": Case(lambda: Discretization([0.02, 0.52]), (3,), (3,), kinked=True),
    "discretization hot": Case(
        lambda: Discretization([-0.48, 0.02], output_mode="multi_hot"), (3,), (3,), kinked=True
    ),
    "center crop": Case(lambda: CenterCrop(2, 3), (4, 4, 2), (2, 3, 2)),
    "center crop larger": Case(lambda: CenterCrop(5, 3), (4, 4, 1), (5, 3, 1)),
    "resizing": Case(lambda: Resizing(3, 5), (2, 4, 2), (3, 5, 2)),
    "resizing cropped": Case(
        lambda: Resizing(4, 3, "bicubic", crop_to_aspect_ratio=True), (3, 5, 1), (4, 3, 1)
    ),
}


def shape(rng, axes):
    return tuple(int(n) for n in rng.integers(2, 9, axes))


def same(cls, options):
    """A peer with the same arguments in both."""

    def peer(rng):
        import keras

        args, where, *domain = options(rng)
        theirs = getattr(keras.layers, cls.__name__)
        return Peer(cls(**args), where, lambda: theirs(**args), domain=(*domain, "real")[0])

    return peer


def relu(rng):
    most = None if rng.integers(2) else float(rng.uniform(0.5, 2))
    slope, threshold = (float(v) for v in rng.uniform(0, 0.5, 2) * rng.integers(0, 2, 2))
    return {"max_value": most, "negative_slope": slope, "threshold": threshold}, shape(rng, 2)


def softmax(rng):
    return {"axis": [-1, 1, 2, (1, 2), (-1,)][int(rng.integers(5))]}, shape(rng, 2)


def scales(rng):
    where = shape(rng, 2)
    numbers = [float(rng.normal()), [float(v) for v in rng.normal(size=where[-1])]]
    return {"scale": numbers[int(rng.integers(2))], "offset": 0.5}, where


def moments(rng):
    where = shape(rng, 2)
    axis = [None, -1, 1, (1, 2)][int(rng.integers(4))]
    own = {None: (), -1: where[1:], 1: where[:1], (1, 2): where}[axis]
    mean, variance = rng.normal(size=own), rng.uniform(0.1, 2, own)
    given = {"mean": np.float64(mean).tolist(), "variance": np.float64(variance).tolist()}
    return {"axis": axis, "invert": bool(rng.integers(2)), **given}, where


def categories(rng):
    mode = str(rng.choice(["one_hot", "multi_hot", "count"]))
    count = int(rng.integers(2, 6))
    return {"num_tokens": count, "output_mode": mode}, shape(rng, 1), f"index:{count}"


def resizing(rng):
    form = [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 2.0}]
    height, width = shape(rng, 2)
    ways = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
    options = {"interpolation": str(rng.choice(ways)), "antialias": bool(rng.integers(2))}
    return {"height": height, "width": width, **options, **form[int(rng.integers(3))]}, shape(
        rng, 3
    )


def crop(rng):
    height, width = shape(rng, 2)
    return {"height": height, "width": width}, shape(rng, 3)


PEERS = {
    cls: same(cls, options)
    for cls, options in {
        ReLU: relu,
        LeakyReLU: lambda rng: ({"negative_slope": float(rng.uniform(0, 1))}, shape(rng, 2)),
        ELU: lambda rng: ({"alpha": float(rng.uniform(0.1, 2))}, shape(rng, 2)),
        Softmax: softmax,
        Identity: lambda rng: ({}, shape(rng, 2)),
        UnitNormalization: lambda rng: ({"axis": int(rng.choice([-1, 1, 2]))}, shape(rng, 2)),
        Rescaling: scales,
        Normalization: moments,
        CategoryEncoding: categories,
        Discretization: lambda rng: (
            {"bin_boundaries": sorted(rng.normal(size=3).tolist())},
            shape(rng, 2),
        ),
        Resizing: resizing,
        CenterCrop: crop,
    }.items()
}
