"""What goes wrong in a method that a user wrote, as one error with its line and what to write."""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Callable
from typing import Any

import jax

from descend.errors import DescendError


def guarded(
    layer: Any, method: str, function: Callable[..., Any], *args: Any, **options: Any
) -> Any:
    """The function's result.

    Raises:
        DescendError: it failed; names the layer, the line of `method` and what to do.
    """
    try:
        return function(*args, **options)
    except DescendError:
        raise
    except Exception as error:
        where = _line_of(error, function)
        raise DescendError(
            f"{layer.label}: its `{method}` failed{where}: {_first_line(error)}\n{_advice(error)}"
        ) from None


def _line_of(error: Exception, method: Callable[..., Any]) -> str:
    """Where in the file of a method an error came from."""
    method = inspect.unwrap(getattr(method, "func", method))
    if not hasattr(method, "__code__"):
        return ""
    code = method.__code__
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename == code.co_filename
    ]
    if not frames:
        return ""
    line = frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno or 0)
    return f" in {frames[-1].filename}, line {frames[-1].lineno} ({line.strip()})"


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"


def _advice(error: Exception) -> str:
    if isinstance(error, jax.errors.TracerBoolConversionError):
        return "An `if` cannot look at an array's numbers: write jnp.where(condition, a, b)."
    if isinstance(
        error, (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError)
    ):
        return (
            "`call` is compiled: its arrays have shapes and no numbers yet. Use jax.numpy (jnp) in "
            "place of numpy, and x.shape for sizes."
        )
    if "__jax_array__" in str(error):
        return "jnp's functions take a weight that is not trained by its value: self.total.value."
    if isinstance(error, AttributeError) and "assign" in str(error):
        return (
            "Weights that training changes are not assigned in `call`; one that `call` assigns is "
            "made by add_weight(..., trainable=False)."
        )
    return "`call` is plain JAX: write it with jax.numpy, as jnp.matmul for tf.matmul."
