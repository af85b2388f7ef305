"""What computes in a layer's own type of number; the base class wraps it once, for every layer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def on_arrays(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method` with NumPy's arrays made JAX's, and cast to the layer's compute dtype, if any."""

    @functools.wraps(method)
    def call(self: Any, params: dict[str, Any], *rest: Any, **options: Any) -> Any:
        dtype = self.compute_dtype
        params, *rest = jax.tree.map(_jax_array, (params, *rest))
        if dtype is None:
            return method(self, params, *rest, **options)
        # `apply` is given (state, x), `preactivation` x alone; integers stay what they are
        *state, x = rest
        x = x if self.indexes else _cast(x, dtype)
        result = method(self, _cast(params, dtype), *state, x, **options)
        if not state:
            return result
        # running statistics do not lose their digits
        y, new = result
        return y, {name: jnp.asarray(a, state[0][name].dtype) for name, a in new.items()}

    return call


def on_steps(method: Callable[..., Any]) -> Callable[..., Any]:
    """`step` in the layer's compute dtype, if any; what is kept stays of the type that it had."""

    @functools.wraps(method)
    def call(self: Any, params: Any, state: Any, kept: Any, x: Any, **options: Any) -> Any:
        dtype = self.compute_dtype
        if dtype is None:
            return method(self, params, state, kept, x, **options)
        x = x if self.indexes else _cast(x, dtype)
        y, new = method(self, _cast(params, dtype), state, _cast(kept, dtype), x, **options)
        return y, jax.tree.map(lambda a, old: jnp.asarray(a, old.dtype), new, kept)

    return call


def on_whole(method: Callable[..., Any]) -> Callable[..., Any]:
    """`start_with` in the layer's compute dtype, if any."""

    @functools.wraps(method)
    def call(
        self: Any, params: Any, state: Any, shape: Any, steps: Any, inputs: Any, masks: Any
    ) -> Any:
        if self.compute_dtype is not None:
            params, inputs = _cast(params, self.compute_dtype), _cast(inputs, self.compute_dtype)
        return method(self, params, state, shape, steps, inputs, masks)

    return call


def _jax_array(a: Any) -> Any:
    return jnp.asarray(a) if isinstance(a, np.ndarray) else a  # float64 of its narrows quietly


def _cast(tree: Any, dtype: str) -> Any:
    def one(a: Any) -> Any:
        return a.astype(dtype) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a

    return jax.tree.map(one, tree)


# what the base class wraps in every layer, also in a user's
IN_PRECISION = {
    "apply": on_arrays,
    "preactivation": on_arrays,
    "step": on_steps,
    "start_with": on_whole,
}
