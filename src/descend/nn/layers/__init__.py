"""The layers of the lectures, one family a file."""

from descend.nn.layers.base import Layer
from descend.nn.layers.dense import Activation, Dense, PReLU
from descend.nn.layers.merge import Add, Concatenate
from descend.nn.layers.noise import DropConnect, Dropout
from descend.nn.layers.shape import Flatten, Reshape

__all__ = [
    "Activation",
    "Add",
    "Concatenate",
    "Dense",
    "DropConnect",
    "Dropout",
    "Flatten",
    "Layer",
    "PReLU",
    "Reshape",
]
