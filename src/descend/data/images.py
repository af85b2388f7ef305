"""Sets of images with their classes: MNIST, Fashion-MNIST."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from descend.data import idx
from descend.data.fetch import File, Source
from descend.errors import DataError


class Images(NamedTuple):
    """Images and classes, for training and for the test.

    Attributes:
        x_train, x_test: uint8 (n, height, width), 0 to 255.
        y_train, y_test: uint8 (n,), the class by number.
        classes: the names of the classes, by number.
        source: one line on what the data are and where they come from.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    source: str


PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_SIZES = (47_040_016, 60_008, 7_840_016, 10_008)


def _files(*sha256: str) -> tuple[File, ...]:
    return tuple(map(File, PARTS, _SIZES, sha256))


MNIST = Source(
    "mnist",
    "MNIST",
    _files(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    (
        "https://storage.googleapis.com/cvdf-datasets/mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://raw.githubusercontent.com/fgnt/mnist/master",
    ),
)
FASHION_MNIST = Source(
    "fashion_mnist",
    "Fashion-MNIST",
    _files(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
)
DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def mnist(*, download: bool = True) -> Images:
    """MNIST: handwritten digits, 28 x 28, 60,000 to train and 10,000 to test on.

    Read from the user's cache folder (`DESCEND_DATA` names another one); fetched once if it is not
    there. Every file is checked by its SHA-256.

    Args:
        download: False: never use the network.

    Returns:
        Images with x_train (60000, 28, 28), x_test (10000, 28, 28), both uint8.

    Raises:
        DataError: not there and not to be fetched, or a file in the folder that is another one.

    Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
    recognition"; scheidegger-2020, "TEST – MNIST".
    """
    note = "MNIST: handwritten digits, 28 x 28, ink 0 to 255 (LeCun et al. 1998)"
    return load(MNIST, DIGITS, note, download=download)


def fashion_mnist(*, download: bool = True) -> Images:
    """Fashion-MNIST: grey photographs of clothes in MNIST's shape, ten classes of 7,000.

    Arguments, cache, result and errors as for `mnist`.

    Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST"; MIT licence.
    """
    note = "Fashion-MNIST: clothes, 28 x 28, 0 to 255 (Xiao et al. 2017, MIT licence)"
    return load(FASHION_MNIST, CLOTHES, note, download=download)


def load(source: Source, classes: tuple[str, ...], note: str, *, download: bool = True) -> Images:
    """The images of a source whose four files are named as MNIST's.

    Raises:
        DataError: as `mnist`, or files that do not fit one another.
    """
    content = source.read(download=download)
    x_train, y_train, x_test, y_test = (
        idx.parse(content[name], f"{source.title}, {name}") for name in PARTS
    )
    for x, y, part in ((x_train, y_train, "train"), (x_test, y_test, "t10k")):
        if x.dtype != np.uint8 or x.ndim != 3 or y.dtype != np.uint8 or y.shape != x.shape[:1]:
            raise DataError(
                f"{source.title}, {part}: expected uint8 images (n, height, width) and n labels, "
                f"got {x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
        if y.size and y.max() >= len(classes):
            raise DataError(
                f"{source.title}, {part}: there are {len(classes)} classes, and a label {y.max()}"
            )
    return Images(x_train, y_train, x_test, y_test, classes, note)
