"""What every test runs under: no silent broadcast, no warning, no window."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import jax
import pytest

from descend.train.runtime import prepare

# Devices and the compilation cache are settled before the first array, whichever test comes first.
prepare()
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def x64():
    """The test runs in float64; JAX's default width returns afterwards."""
    with jax.enable_x64(True):
        yield
