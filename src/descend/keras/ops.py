"""Keras's `ops` that are functions of jax.numpy, jax.nn or jax.lax under the same name and order.

They take arrays, also inside a loss, a metric or a layer of one's own; not symbols: there a layer
is called.
"""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.keras.face import AbsentName

_NUMPY = """
    abs absolute add all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh
    arctan arctan2 arctanh argmax argmin argsort array average bartlett bincount blackman
    broadcast_to cbrt ceil clip concatenate conj conjugate copy corrcoef cos cosh count_nonzero
    cross cumprod cumsum deg2rad diag diagonal diff digitize divide dot einsum empty_like equal exp
    exp2 expand_dims expm1 eye flip floor floor_divide full full_like greater greater_equal hamming
    hanning heaviside hstack hypot identity imag inner isclose isfinite isin isinf isnan kron less
    less_equal linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor logspace matmul max maximum mean median meshgrid min minimum mod moveaxis multiply
    nan_to_num ndim negative nonzero not_equal ones ones_like outer pad power prod quantile rad2deg
    ravel real reciprocal repeat reshape roll rot90 round searchsorted select sign signbit sin sinc
    sinh size sort sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh
    tensordot tile trace transpose tri tril triu true_divide trunc unravel_index var vdot vstack
    where zeros zeros_like
"""
_NN = "celu elu glu leaky_relu log_sigmoid log_softmax one_hot relu relu6 selu sigmoid silu softmax"
_LINEAR = "cholesky det inv norm qr solve svd"
_OTHERS = {
    "erf": jax.scipy.special.erf,
    "logsumexp": jax.scipy.special.logsumexp,
    "rsqrt": jax.lax.rsqrt,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "stop_gradient": jax.lax.stop_gradient,
    "scan": jax.lax.scan,
    "fori_loop": jax.lax.fori_loop,
    "top_k": jax.lax.top_k,
    "shape": jnp.shape,
    "convert_to_numpy": np.asarray,
}


def _all() -> dict[str, Any]:
    functions = {name: getattr(jnp, name) for name in _NUMPY.split()}
    functions |= {name: getattr(jax.nn, name) for name in _NN.split()}
    functions |= {name: getattr(jnp.linalg, name) for name in _LINEAR.split()}
    return functions | _OTHERS


__all__ = sorted(
    {*_NUMPY.split(), *_NN.split(), *_LINEAR.split(), *_OTHERS, "cast", "convert_to_tensor"}
)


def cast(x: Any, dtype: str) -> jax.Array:
    """The array in another type."""
    return jnp.asarray(x).astype("int32" if dtype == "int" else dtype)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None) -> jax.Array:
    """The array as JAX's; `sparse` has no effect."""
    return jnp.asarray(x, dtype)


def __getattr__(name: str) -> Any:
    known = _all()
    if name not in known:
        raise AbsentName(
            f"keras.ops.{name} is not here: take jax.numpy, jax.nn or jax.lax itself, which have "
            "all there is for arrays"
        )
    setattr(sys.modules[__name__], name, known[name])
    return known[name]


def __dir__() -> list[str]:
    return __all__
