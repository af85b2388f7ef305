"""Initialisers: the numbers that the weights start from.

Sources: scheidegger-2020 ("Weight Initialization": normal, Xavier/Glorot, He; "Gradient Descent
Algorithm": W ~ N(0, sigma^2)); radwan ("ANN Training Steps": small, not zero).

The variance-scaling family draws with variance scale / fan, where fan is n_in (He: scale 2;
LeCun: scale 1) or (n_in + n_out) / 2 (Glorot: scale 1). The normal forms are truncated at two
standard deviations and rescaled, as in Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import initializers as jax_initializers

from descend.errors import DescendError, unknown


@dataclass(frozen=True)
class Initializer:
    """`initializer(key, shape, dtype)` returns an array of that shape."""

    def __call__(self, key: jax.Array, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Draw an array of `shape`."""
        try:
            return self._draw()(
                key, tuple(shape), jnp.result_type(float) if dtype is None else dtype
            )
        except ValueError as error:  # a rule that scales by n_in, for an array with fewer axes
            raise DescendError(
                f"{type(self).__name__} cannot draw an array of shape {tuple(shape)}: {error}"
            ) from None

    def _draw(self) -> Callable[..., jax.Array]:
        raise NotImplementedError


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros."""

    def _draw(self):
        return jax_initializers.zeros


@dataclass(frozen=True)
class Constant(Initializer):
    """All `value`."""

    value: float = 0.0

    def _draw(self):
        return jax_initializers.constant(self.value)


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, stddev^2), untruncated (scheidegger-2020, "Gradient Descent Algorithm")."""

    stddev: float = 0.05

    def __post_init__(self):
        _positive("Normal", "stddev", self.stddev)

    def _draw(self):
        return jax_initializers.normal(self.stddev)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """N(0, stddev^2) without what lies beyond two standard deviations."""

    stddev: float = 0.05

    def __post_init__(self):
        _positive("TruncatedNormal", "stddev", self.stddev)

    def _draw(self):
        return jax_initializers.truncated_normal(self.stddev)


@dataclass(frozen=True)
class Identity(Initializer):
    """gain times the unit matrix: a layer that starts by passing its input on."""

    gain: float = 1.0

    def _draw(self):
        return lambda key, shape, dtype: self.gain * _unit_matrix(shape, dtype)


@dataclass(frozen=True)
class Uniform(Initializer):
    """U(minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self):
        if not self.minval < self.maxval:
            raise DescendError(f"Uniform: minval {self.minval} must be below maxval {self.maxval}")

    def _draw(self):
        return lambda key, shape, dtype: jax.random.uniform(
            key, shape, dtype, self.minval, self.maxval
        )


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """U(-l, l), l = sqrt(6 / (n_in + n_out)) (Glorot and Bengio 2010)."""

    def _draw(self):
        return jax_initializers.glorot_uniform()


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Truncated normal with variance 2 / (n_in + n_out)."""

    def _draw(self):
        return jax_initializers.glorot_normal()


@dataclass(frozen=True)
class HeUniform(Initializer):
    """U(-l, l), l = sqrt(6 / n_in): for ReLU networks (He et al. 2015)."""

    def _draw(self):
        return jax_initializers.he_uniform()


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Truncated normal with variance 2 / n_in."""

    def _draw(self):
        return jax_initializers.he_normal()


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """U(-l, l), l = sqrt(3 / n_in)."""

    def _draw(self):
        return jax_initializers.lecun_uniform()


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Truncated normal with variance 1 / n_in (for SELU)."""

    def _draw(self):
        return jax_initializers.lecun_normal()


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns (Saxe et al. 2014)."""

    gain: float = 1.0

    def _draw(self):
        return jax_initializers.orthogonal(self.gain)


def _unit_matrix(shape: tuple[int, ...], dtype: Any) -> jax.Array:
    if len(shape) != 2:
        raise ValueError("a unit matrix has two axes")
    return jnp.eye(shape[0], shape[1], dtype=dtype)


def _positive(owner: str, field: str, value: float) -> None:
    if not value > 0:
        raise DescendError(f"{owner}: {field} must be positive, got {value}")


BY_NAME: dict[str, type[Initializer]] = {
    "zeros": Zeros,
    "constant": Constant,
    "normal": Normal,
    "truncated_normal": TruncatedNormal,
    "uniform": Uniform,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal,
    "identity": Identity,
}
# Keras's other names
ALIASES: dict[str, list] = {
    "ones": ["constant", {"value": 1.0}],
    "random_normal": ["normal", {}],
    "random_uniform": ["uniform", {}],
}
_NAMES = {cls: name for name, cls in BY_NAME.items()}


def get(identifier: str | Initializer | list) -> Initializer:
    """The initialiser meant by a name, an instance, or the [name, fields] of `describe`."""
    if isinstance(identifier, Initializer):
        return identifier
    alias = ALIASES.get(identifier) if isinstance(identifier, str) else None
    name, fields = alias or (identifier if isinstance(identifier, list) else (identifier, {}))
    if name not in BY_NAME:
        raise unknown("initializer", identifier, [*BY_NAME, *ALIASES])
    return BY_NAME[name](**fields)


def describe(initializer: Initializer) -> list:
    """The JSON form: [name, fields]."""
    return [_NAMES[type(initializer)], asdict(initializer)]
