"""What JAX is asked for once, before the first array: the compilation cache, one device a core."""

from __future__ import annotations

import contextlib
import functools
import os

import jax

from descend.train.engine.program_cache import use_cache

# In programs of less than so many parameters the compiler's care costs more than it gives.
SMALL = 100_000


@functools.cache
def prepare() -> None:
    """Turn on the persistent compilation cache and one CPU device a core; does it once.

    A choice of the user's, made through JAX's own options or environment, is left alone. Set
    DESCEND_CACHE=off to go without the cache, or to a folder to move it. The cache holds compiled
    programs: whoever can write it can run code, so it lies in the user's own folder, mode 700.
    """
    if jax.config.values.get("jax_compilation_cache_dir") is None:
        use_cache(os.environ.get("DESCEND_CACHE", ""))
    chosen = "JAX_NUM_CPU_DEVICES" in os.environ or (
        "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    )
    if not chosen and jax.config.values.get("jax_num_cpu_devices", 0) < 1:
        # RuntimeError: the user has made arrays already; sweeps then run on the devices there are
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", _cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def quick_compile() -> dict[str, bool | int]:
    """Compiler options that take half the compile time on a CPU.

    For programs that run once (drawing weights) and for those of small networks, whose steps take
    as long either way. The options are XLA's, not JAX's: one that it does not know is left out.
    """
    level = {"xla_backend_optimization_level": 1}
    return _known({**level, "xla_cpu_use_fusion_emitters": False}, level)


@functools.cache
def literal_compile() -> dict[str, bool | int]:
    """Compiler options by which a CPU program keeps to its optimisation barriers.

    Without the emitters of fusions, which `XLA_FLAGS` may say, the compiler simplifies across them.
    """
    return _known({"xla_cpu_use_fusion_emitters": True})


def _known(*candidates: dict[str, bool | int]) -> dict[str, bool | int]:
    """The first of some options that this compiler knows; none elsewhere than on a CPU."""
    if jax.default_backend() == "cpu":
        for options in candidates:
            with contextlib.suppress(Exception):
                jax.jit(lambda: 0, compiler_options=options).lower().compile()
                return options
    return {}
