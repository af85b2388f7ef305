"""The float type that an economy is solved and evaluated in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax

from descend.errors import unknown


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """The float type inside; the process's own setting is as before afterwards."""
    if dtype not in ("float32", "float64"):
        raise unknown("dtype", dtype, ("float32", "float64"))
    with jax.enable_x64(dtype == "float64"):
        yield
