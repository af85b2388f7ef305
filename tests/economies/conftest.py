"""What the economies' tests share: compiled programs, and solutions that several look at."""

from __future__ import annotations

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from descend.economies.accuracy import Size
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.solver import solve

SMALL = Size(paths=20, burn=50, periods=20, thin=2, box=500, stressed=200, stability=300)
QUICK = {
    "hidden": (16,),
    "paths": 64,
    "periods": 4,
    "batch": 64,
    "updates": 150,
    "polishing_steps": 25,
    "size": SMALL,
    "verbose": 0,
}


@pytest.fixture(scope="session", autouse=True)
def programs(tmp_path_factory):
    """What took long to compile is kept for the session: an equal solve need not compile again."""
    wanted = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("programs")),
        "jax_persistent_cache_min_compile_time_secs": 0.2,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in wanted}
    for settings in (wanted, before):
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        if settings is wanted:
            yield


@pytest.fixture(scope="session")
def quick():
    """Arguments of a solve that takes seconds."""
    return dict(QUICK)


@pytest.fixture(scope="session")
def brock_mirman():
    """Three seeds to a mean residual of 1e-5 on simulated states, 1e-4 anywhere in the box."""
    aim = {"ergodic mean": 1e-5, "box max": 1e-4}
    return solve(BrockMirman(), aim=aim, seeds=3, **QUICK)
