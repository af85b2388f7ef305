"""What every test runs under: no silent broadcast, no warning, no window."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from importlib.metadata import version

# Programs are compiled once for the whole session: its workers, and the processes that tests start,
# inherit this folder. JAX writes without a lock; an entry that is read half-written is compiled
# anew, with a warning that pyproject.toml lets pass.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="descend-tests-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Compiling is most of what tests do, and their programs run for milliseconds: all are compiled as
# `quick_compile` compiles, also in processes that tests start; and, since both workers compile at
# the same time, no program is cut in parts for several cores. Level 0 is no choice: with this
# emitter its least squares are wrong in the third digit.
if "XLA_FLAGS" not in os.environ and version("jaxlib").startswith("0.10."):
    os.environ["XLA_FLAGS"] = (
        "--xla_cpu_parallel_codegen_split_count=1 --xla_cpu_use_fusion_emitters=false "
        "--xla_backend_optimization_level=1"
    )
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import jax
import pytest

from descend.train.engine.runtime import prepare

# Devices and the compilation cache are settled before the first array, whichever test comes first.
prepare()
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def x64():
    """The test runs in float64; JAX's default width returns afterwards."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def mnist():
    """MNIST from the cache; a test that asks for it skips where it is not (tools/fill_cache.py)."""
    from descend.data import images

    if not images.MNIST.cached():
        pytest.skip(f"MNIST is not in {images.MNIST.folder}")
    return images.mnist(download=False)
