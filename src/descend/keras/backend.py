"""What of Keras's `backend` has a meaning here."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from descend.errors import DescendError
from descend.keras.face import AbsentName


def backend() -> str:
    """The library that computes."""
    return "jax"


def clear_session(free_memory: bool = True) -> None:
    """Nothing: networks, names and seeds belong to the models, nothing is global."""


def epsilon() -> float:
    """What logarithms and divisions are kept away from zero by."""
    return 1e-7


def floatx() -> str:
    """The type of numbers."""
    return str(jnp.result_type(float))


def image_data_format() -> str:
    """Channels come last."""
    return "channels_last"


def set_floatx(value: str) -> None:
    """Refused unless it is the type there is; `compute_dtype="bfloat16"` halves the precision."""
    if value != floatx():
        raise DescendError(
            f"set_floatx({value!r}): numbers are {floatx()}; Model(compute_dtype='bfloat16') "
            "computes in half precision, jax.config.update('jax_enable_x64', True) in double"
        )


def set_image_data_format(data_format: str) -> None:
    """Refused unless it is "channels_last"."""
    if data_format != "channels_last":
        raise DescendError(
            f"set_image_data_format({data_format!r}): channels come last; np.moveaxis(x, 1, -1)"
        )


def __getattr__(name: str) -> Any:
    raise AbsentName(
        f"keras.backend.{name} is not here: functions of arrays are keras.ops.{name} or "
        f"jax.numpy.{name}"
    )
