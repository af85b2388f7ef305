"""Utility of consumption."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def crra(c: Any, curvature: Any) -> Any:
    """c^(1-s) / (1-s), log c where s = 1, also where s is traced."""
    linear = jnp.asarray(curvature) == 1
    power = c ** (1 - curvature) / jnp.where(linear, 1, 1 - curvature)
    return jnp.where(linear, jnp.log(c), power)
