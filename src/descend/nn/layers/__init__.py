"""The layers of the lectures, one family a file."""

from descend.nn.layers.base import Layer
from descend.nn.layers.block import Block
from descend.nn.layers.dense import Activation, Dense, PReLU
from descend.nn.layers.merge import Add, Average, Concatenate, Maximum, Multiply
from descend.nn.layers.noise import (
    DropConnect,
    Dropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from descend.nn.layers.shape import Flatten, Permute, RepeatVector, Reshape

__all__ = [
    "Activation",
    "Add",
    "Average",
    "Block",
    "Concatenate",
    "Dense",
    "DropConnect",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "Layer",
    "Maximum",
    "Multiply",
    "PReLU",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]
