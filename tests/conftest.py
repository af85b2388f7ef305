"""What every test runs under: no silent broadcast, no warning, no window."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("DESCEND_CACHE", "off")  # of processes that tests start; see `compiled_once`
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from descend.train.engine.runtime import prepare

# Devices and the compilation cache are settled before the first array, whichever test comes first.
prepare()
jax.config.update("jax_numpy_rank_promotion", "raise")


# folders whose tests train the same network again and again; in others, where programs are many
# and small, looking each up costs more than it saves (measured: 12 % more of tests/nn)
TRAINING = {"tables", "cli", "report", "labs"}


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """A folder for compiled programs; each worker has its own, for JAX writes without a lock."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module", autouse=True)
def compiled_once(request, programs):
    """A program that several tests of a worker train is compiled once."""
    if request.path.parent.name not in TRAINING:
        yield
        return
    cached = {
        "jax_compilation_cache_dir": str(programs),
        "jax_persistent_cache_min_compile_time_secs": 0.1,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    usual = {name: jax.config.values[name] for name in cached}
    configure(cached)
    yield
    configure(usual)


def configure(values):
    for name, value in values.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # else JAX decides once whether there is a cache


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
