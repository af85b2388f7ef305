"""Images changed at random in training.

Every row of a batch gets a draw of its own, from the step's key, inside the compiled step. At
prediction these layers leave their input as it is (RandomCrop takes the middle).
"""

from descend.nn.layers.augmentation.colour import RandomBrightness, RandomContrast
from descend.nn.layers.augmentation.erasing import RandomErasing
from descend.nn.layers.augmentation.geometry import (
    RandomAffine,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)

__all__ = [
    "RandomAffine",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
]
