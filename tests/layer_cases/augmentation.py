"""Random changes of images; no peers, since other libraries draw other numbers."""

from descend.nn.layers.augmentation import (
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from layer_cases.case import Case

IMAGE, COLOUR, WIDE = (6, 5, 1), (4, 6, 3), (-20.0, 20.0)

CASES = {
    "flip": Case(lambda: RandomFlip(), IMAGE, IMAGE),
    "flip horizontal": Case(lambda: RandomFlip("horizontal"), COLOUR, COLOUR),
    "flip vertical": Case(lambda: RandomFlip("vertical"), COLOUR, COLOUR),
    "translation": Case(lambda: RandomTranslation(0.3, 0.2), IMAGE, IMAGE),
    "translation pair": Case(
        lambda: RandomTranslation((0.1, 0.3), 0.2, fill_mode="constant", fill_value=0.7),
        COLOUR,
        COLOUR,
    ),
    "rotation": Case(lambda: RandomRotation(0.2), IMAGE, IMAGE),
    "rotation wrap": Case(lambda: RandomRotation((0.05, 0.2), fill_mode="wrap"), COLOUR, COLOUR),
    "zoom": Case(lambda: RandomZoom(0.3), IMAGE, IMAGE),
    "zoom both": Case(lambda: RandomZoom((-0.4, -0.1), 0.3, fill_mode="nearest"), COLOUR, COLOUR),
    "affine": Case(lambda: RandomAffine(0.1, 0.2, 0.2), IMAGE, IMAGE),
    "affine constant": Case(
        lambda: RandomAffine(translation_factor=(0.0, 0.2), fill_mode="constant"), COLOUR, COLOUR
    ),
    "brightness": Case(lambda: RandomBrightness(0.2, value_range=WIDE), IMAGE, IMAGE),
    "brightness pair": Case(lambda: RandomBrightness((0.1, 0.3), WIDE), COLOUR, COLOUR),
    "contrast": Case(lambda: RandomContrast(0.4, value_range=WIDE), IMAGE, IMAGE),
    "contrast pair": Case(lambda: RandomContrast((0.1, 0.3), WIDE), COLOUR, COLOUR),
    "erasing": Case(lambda: RandomErasing(0.8, 0.5, value_range=(-1.0, 1.0)), IMAGE, IMAGE),
    "erasing colour": Case(
        lambda: RandomErasing((1.0, 1.0), fill_value=(0.1, 0.2, 0.3)), COLOUR, COLOUR
    ),
    "crop": Case(lambda: RandomCrop(3, 4), IMAGE, (3, 4, 1)),
    "crop all": Case(lambda: RandomCrop(4, 2), COLOUR, (4, 2, 3)),
}
PEERS: dict = {}
