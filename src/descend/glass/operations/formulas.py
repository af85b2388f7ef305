"""How an atomic operation is written: "v3 = v1 * w", and with its numbers put in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from descend.glass.operations.tape import Operation, is_real

BETWEEN = {
    "add": "+",
    "add_any": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "pow": "**",
    "gt": ">",
    "lt": "<",
    "ge": ">=",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
    "and": "&",
    "or": "|",
}
CALLED = {
    "logistic": "sigmoid",
    "reduce_sum": "sum",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_prod": "prod",
    "broadcast_in_dim": "broadcast",
    "select_n": "choose",
    "dot_general": "contract",
    "conv_general_dilated": "convolve",
    "convert_element_type": "cast",
}
SMALL = 4  # numbers of an array that are written out


def formula(operation: Operation, of: Sequence[str]) -> str:
    """The operation on operands that are written as `of`."""
    name, params = operation.name, operation.params
    signed = [f"({o})" if o.startswith("-") else o for o in of]
    if name in BETWEEN and len(of) == 2:
        return f"{signed[0]} {BETWEEN[name]} {signed[1]}"
    if name == "neg":
        return f"-{signed[0]}"
    if name == "integer_pow":
        return f"{signed[0]}**{params['y']}"
    if name == "dot_general" and _plain_product(params):
        return f"{of[0]} @ {of[1]}"
    if name == "select_n" and len(of) == 3:  # JAX has the value for "false" first
        return f"choose({of[0]}, {of[2]}, {of[1]})"
    if name == "step":
        return f"{of[0]}[{params['step']}]"
    more = ""
    if params.get("axes"):
        more = f", axis {','.join(map(str, params['axes']))}"
    elif name in ("broadcast_in_dim", "reshape"):
        sizes = params["shape"] if "shape" in params else params["new_sizes"]
        more = f" to {_shape(sizes)}"
    elif name == "convert_element_type":
        more = f" to {np.dtype(params['new_dtype']).name}"
    return f"{CALLED.get(name, name)}({', '.join(of)}{more})"


def _plain_product(params: dict[str, Any]) -> bool:
    """Whether a product of arrays is that of matrices or vectors, as `@` writes it."""
    (left, right), (batch, _) = params["dimension_numbers"]
    return not batch and len(left) == len(right) == 1 and right[0] == 0 and left[0] in (0, 1)


def written(value: Any) -> str:
    """An array in a few characters: its numbers, or its shape and how large they are."""
    if not hasattr(value, "dtype") or not _plain(value):
        return f"{getattr(value, 'dtype', type(value).__name__)}"
    array = np.asarray(value)
    if array.ndim == 0:
        return number(array)
    if array.size <= SMALL and array.ndim == 1:
        return f"[{', '.join(number(v) for v in array)}]"
    if not array.size or not is_real(value):
        return f"{_shape(array.shape)} {array.dtype.name}"
    finite = array[np.isfinite(array)].astype(float)
    bad = array.size - finite.size
    words = f"{_shape(array.shape)}"
    if finite.size:
        words += f" {finite.min():.3g} .. {finite.max():.3g}"
    return words + (f", {bad:,} not finite" if bad else "")


def number(value: Any) -> str:
    """A number in up to six digits."""
    item = np.asarray(value).item()
    if isinstance(item, float):
        return f"{item:.6g}"
    return f"{item.real:.4g}{item.imag:+.4g}j" if isinstance(item, complex) else str(item)


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes)) or "()"


def _plain(value: Any) -> bool:
    """Whether NumPy can hold it: a random key cannot be."""
    dtype = jnp.result_type(value) if not hasattr(value, "dtype") else value.dtype
    return isinstance(dtype, np.dtype)
