"""Initialisers: the numbers that the weights start from.

Sources: scheidegger-2020 ("Weight Initialization": normal, Xavier/Glorot, He; "Gradient Descent
Algorithm": W ~ N(0, sigma^2)); radwan ("ANN Training Steps": small, not zero).

The variance-scaling family draws with variance scale / fan, where fan is n_in (He: scale 2;
LeCun: scale 1) or (n_in + n_out) / 2 (Glorot: scale 1). The normal forms are truncated at two
standard deviations and rescaled, as in Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import initializers as jax_initializers

from descend.errors import DescendError, unknown

Draw = Callable[..., jax.Array]  # (key, shape, dtype) -> array


@dataclass(frozen=True)
class Initializer:
    """`initializer(key, shape, dtype)` returns an array of that shape.

    Args:
        seed: number, by keyword; what is drawn then depends on it alone, not on the model's seed.
    """

    seed: int | None = field(default=None, kw_only=True)

    def __call__(self, key: jax.Array, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Draw an array of `shape`."""
        if self.seed is not None:
            key = jax.random.key(self.seed)
        try:
            return self._draw()(
                key, tuple(shape), jnp.result_type(float) if dtype is None else dtype
            )
        except ValueError as error:  # a rule that scales by n_in, for an array with fewer axes
            raise DescendError(
                f"{type(self).__name__} cannot draw an array of shape {tuple(shape)}: {error}"
            ) from None

    def _draw(self) -> Draw:
        raise NotImplementedError


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros."""

    def _draw(self) -> Draw:
        return jax_initializers.zeros


@dataclass(frozen=True)
class Ones(Initializer):
    """All ones."""

    def _draw(self) -> Draw:
        return jax_initializers.ones


@dataclass(frozen=True)
class Identity(Initializer):
    """gain times the identity matrix, for arrays (n, m)."""

    gain: float = 1.0

    def _draw(self) -> Draw:
        def eye(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
            if len(shape) != 2:
                raise ValueError("a unit matrix has two axes")
            return self.gain * jnp.eye(shape[0], shape[1], dtype=dtype)

        return eye


@dataclass(frozen=True)
class Constant(Initializer):
    """All `value`."""

    value: float = 0.0

    def _draw(self) -> Draw:
        return jax_initializers.constant(self.value)


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, stddev^2), untruncated (scheidegger-2020, "Gradient Descent Algorithm")."""

    stddev: float = 0.05

    def __post_init__(self) -> None:
        _positive("Normal", "stddev", self.stddev)

    def _draw(self) -> Draw:
        return jax_initializers.normal(self.stddev)


@dataclass(frozen=True)
class Uniform(Initializer):
    """U(minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        if not self.minval < self.maxval:
            raise DescendError(f"Uniform: minval {self.minval} must be below maxval {self.maxval}")

    def _draw(self) -> Draw:
        return lambda key, shape, dtype: jax.random.uniform(
            key, shape, dtype, self.minval, self.maxval
        )


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """U(-l, l), l = sqrt(6 / (n_in + n_out)) (Glorot and Bengio 2010)."""

    def _draw(self) -> Draw:
        return jax_initializers.glorot_uniform()


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Truncated normal with variance 2 / (n_in + n_out)."""

    def _draw(self) -> Draw:
        return jax_initializers.glorot_normal()


@dataclass(frozen=True)
class HeUniform(Initializer):
    """U(-l, l), l = sqrt(6 / n_in): for ReLU networks (He et al. 2015)."""

    def _draw(self) -> Draw:
        return jax_initializers.he_uniform()


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Truncated normal with variance 2 / n_in."""

    def _draw(self) -> Draw:
        return jax_initializers.he_normal()


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """U(-l, l), l = sqrt(3 / n_in)."""

    def _draw(self) -> Draw:
        return jax_initializers.lecun_uniform()


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Truncated normal with variance 1 / n_in (for SELU)."""

    def _draw(self) -> Draw:
        return jax_initializers.lecun_normal()


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns (Saxe et al. 2014)."""

    gain: float = 1.0

    def _draw(self) -> Draw:
        return jax_initializers.orthogonal(self.gain)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """N(mean, stddev^2), untruncated."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        _positive("RandomNormal", "stddev", self.stddev)

    def _draw(self) -> Draw:
        normal = jax_initializers.normal(self.stddev)
        return lambda key, shape, dtype: self.mean + normal(key, shape, dtype)


@dataclass(frozen=True)
class RandomUniform(Uniform):
    """U(minval, maxval): Keras's name of `Uniform`."""


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """N(mean, stddev^2) cut at two standard deviations; not rescaled, as in Keras."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        _positive("TruncatedNormal", "stddev", self.stddev)

    def _draw(self) -> Draw:
        def cut(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
            return self.mean + self.stddev * jax.random.truncated_normal(key, -2, 2, shape, dtype)

        return cut


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Variance scale / fan, the family of Glorot, He and LeCun.

    Args:
        scale: see above.
        mode: the fan: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self) -> None:
        _positive("VarianceScaling", "scale", self.scale)
        for name, known in (("mode", _MODES), ("distribution", _DISTRIBUTIONS)):
            if getattr(self, name) not in known:
                raise unknown(f"{name} of VarianceScaling", getattr(self, name), known)

    def _draw(self) -> Draw:
        form = _DISTRIBUTIONS[self.distribution]
        return jax_initializers.variance_scaling(self.scale, self.mode, form)  # type: ignore[arg-type]


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
}


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
    "ones": Ones,
    "identity": Identity,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "variance_scaling": VarianceScaling,
}
_NAMES = {cls: name for name, cls in BY_NAME.items()}


def get(identifier: Any) -> Initializer:
    """The initialiser meant by a name ("he_normal", "HeNormal"), an instance, or `describe`'s."""
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    name, options = identifier if isinstance(identifier, list) else (identifier, {})
    if isinstance(name, str) and name not in BY_NAME:
        name = next((short for short, cls in BY_NAME.items() if cls.__name__ == name), name)
    if name not in BY_NAME:
        raise unknown("initializer", identifier, BY_NAME)
    return BY_NAME[name](**options)


def describe(initializer: Initializer) -> list[Any]:
    """The JSON form: [name, fields]."""
    options = asdict(initializer)
    if initializer.seed is None:
        options.pop("seed")
    return [_NAMES[type(initializer)], options]
