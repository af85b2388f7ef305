"""The float type that an economy is solved and evaluated in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax

from descend.errors import unknown


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """The float type inside a `with`; the process's own setting is as before afterwards.

    Args:
        dtype: name of the type, "float32" or "float64".

    Returns:
        A context manager; it gives nothing to `as`.

    Raises:
        DescendError: another name.

    Source: JAX's API, enable_x64.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.economies import precision
        >>> with precision("float64"):
        ...     print(jnp.ones(1).dtype)
        float64
    """
    if dtype not in ("float32", "float64"):
        raise unknown("dtype", dtype, ("float32", "float64"))
    with jax.enable_x64(dtype == "float64"):
        yield
