"""The seed of models that are built without one."""

from __future__ import annotations

import random

import numpy as np

from descend.errors import DataError
from descend.nn.checks import is_whole

_seeds = {"default": 0}


def default_seed() -> int:
    """The seed of models that are built without one: 0, or what `set_random_seed` was given."""
    return _seeds["default"]


def set_random_seed(seed: int) -> None:
    """Seed Python's and NumPy's global generators, and the models that are built from now on.

    A model's own seed, and that of `fit`, are not changed.
    """
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise DataError(f"set_random_seed: expected a whole number from 0 below 2^32, got {seed!r}")
    random.seed(int(seed))
    np.random.seed(int(seed))
    _seeds["default"] = int(seed)
