"""Initialisers: the numbers that the weights start from.

The variance-scaling family draws with variance scale / fan: n_in (He: scale 2; LeCun: 1) or
(n_in + n_out) / 2 (Glorot: 1). The normal forms are truncated at two standard deviations, rescaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import initializers as jax_initializers

from descend.errors import DescendError, unknown
from descend.nn import checks

Draw = Callable[..., jax.Array]  # (key, shape, dtype) -> array


@dataclass(frozen=True)
class Initializer:
    """Base of initialisers: `initializer(key, shape, dtype)` returns an array of that shape.

    Args:
        seed: number, by keyword; what is drawn then depends on it alone: neither on the model's
            seed nor on the key, which may then be None.
    Raises:
        DescendError: a seed that is no whole number >= 0, or another argument that is no finite
            number; a shape that the rule cannot draw, when it is called.
    Source: Keras's API, initializers.Initializer.
    Example:
        >>> import jax
        >>> from descend.nn.initializers import Normal
        >>> draw = Normal(stddev=1.0, seed=3)
        >>> bool((draw(jax.random.key(0), (2,)) == draw(jax.random.key(1), (2,))).all())
        True
    """

    seed: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        checks.optional_seed(self)
        for one in fields(self):
            if one.type in ("float", float):
                above = 0 if one.name in ("stddev", "scale") else None
                checks.finite_number(self, one.name, above=above)

    def __call__(self, key: jax.Array, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Draw an array of `shape`."""
        if self.seed is not None:
            key = jax.random.key(self.seed)
        try:
            dtype = jnp.result_type(float) if dtype is None else dtype
            return self._draw()(key, tuple(shape), dtype)
        except ValueError as error:  # a rule that scales by n_in, for an array with fewer axes
            raise DescendError(
                f"{type(self).__name__} cannot draw an array of shape {tuple(shape)}: {error}"
            ) from None

    def _draw(self) -> Draw:
        raise NotImplementedError


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: what biases start from.

    Raises:
        Nothing of its own.
    Source: Keras's API, initializers.Zeros.
    Example:
        >>> from descend.nn.initializers import Zeros
        >>> Zeros()(None, (2,)).tolist()
        [0.0, 0.0]
    """

    def _draw(self) -> Draw:
        return jax_initializers.zeros


@dataclass(frozen=True)
class Ones(Initializer):
    """All ones: what the scales of normalisations start from.

    Raises:
        Nothing of its own.
    Source: Keras's API, initializers.Ones.
    Example:
        >>> from descend.nn.initializers import Ones
        >>> Ones()(None, (2,)).tolist()
        [1.0, 1.0]
    """

    def _draw(self) -> Draw:
        return jax_initializers.ones


@dataclass(frozen=True)
class Identity(Initializer):
    """gain times the identity matrix, for arrays (n, m).

    Args:
        gain: multiplier, the numbers on the diagonal.
    Raises:
        DescendError: a shape that has not two axes, when it is called.
    Source: Keras's API, initializers.Identity.
    Example:
        >>> from descend.nn.initializers import Identity
        >>> Identity(gain=2.0)(None, (2, 2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """

    gain: float = 1.0

    def _draw(self) -> Draw:
        def eye(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
            if len(shape) != 2:
                raise ValueError("a unit matrix has two axes")
            return self.gain * jnp.eye(shape[0], shape[1], dtype=dtype)

        return eye


@dataclass(frozen=True)
class Constant(Initializer):
    """All `value`.

    Args:
        value: number that every weight starts from, or an array of them, of the weights' shape.
    Raises:
        DescendError: anything but finite numbers.
    Source: Keras's API, initializers.Constant.
    Example:
        >>> from descend.nn.initializers import Constant
        >>> Constant(0.5)(None, (2,)).tolist()
        [0.5, 0.5]
    """

    value: Any = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not checks.are_numbers(self.value):
            raise DescendError(f"Constant: value must hold finite numbers, got {self.value!r}")

    def _draw(self) -> Draw:
        return jax_initializers.constant(jnp.asarray(self.value))


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, stddev^2), untruncated.

    Args:
        stddev: standard deviation, > 0.
    Raises:
        DescendError: stddev is not positive.
    Source: scheidegger-2020, "Gradient Descent Algorithm"; radwan, "ANN Training Steps".
    Example:
        >>> from descend.nn.initializers import Normal
        >>> round(float(Normal(stddev=2.0, seed=0)(None, (50_000,)).std()), 1)
        2.0
    """

    stddev: float = 0.05

    def _draw(self) -> Draw:
        return jax_initializers.normal(self.stddev)


@dataclass(frozen=True)
class Uniform(Initializer):
    """U(minval, maxval).

    Args:
        minval, maxval: lower and upper bound, minval < maxval.
    Raises:
        DescendError: minval is not below maxval.
    Source: Keras's API, initializers.RandomUniform.
    Example:
        >>> from descend.nn.initializers import Uniform
        >>> round(float(Uniform(0.0, 1.0, seed=0)(None, (50_000,)).max()), 2)
        1.0
    """

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.minval < self.maxval:
            raise DescendError(f"Uniform: minval {self.minval} must be below maxval {self.maxval}")

    def _draw(self) -> Draw:
        return lambda key, shape, dtype: jax.random.uniform(
            key, shape, dtype, self.minval, self.maxval
        )


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """U(-l, l), l = sqrt(6 / (n_in + n_out)): variance 2 / (n_in + n_out). Dense's kernels.

    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: Glorot and Bengio 2010; scheidegger-2020, "Weight initialization".
    Example:
        >>> from descend.nn.initializers import GlorotUniform
        >>> round(float(abs(GlorotUniform(seed=0)(None, (200, 400))).max()), 2)  # sqrt(6 / 600)
        0.1
    """

    def _draw(self) -> Draw:
        return jax_initializers.glorot_uniform()


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Truncated normal with variance 2 / (n_in + n_out).

    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: Glorot and Bengio 2010; scheidegger-2020, "Weight initialization".
    Example:
        >>> from descend.nn.initializers import GlorotNormal
        >>> round(float(GlorotNormal(seed=0)(None, (200, 600)).var()), 4)  # 2 / 800
        0.0025
    """

    def _draw(self) -> Draw:
        return jax_initializers.glorot_normal()


@dataclass(frozen=True)
class HeUniform(Initializer):
    """U(-l, l), l = sqrt(6 / n_in): variance 2 / n_in, for ReLU networks.

    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: He et al. 2015; scheidegger-2020, "Weight initialization".
    Example:
        >>> from descend.nn.initializers import HeUniform
        >>> round(float(abs(HeUniform(seed=0)(None, (600, 200))).max()), 2)  # sqrt(6 / 600)
        0.1
    """

    def _draw(self) -> Draw:
        return jax_initializers.he_uniform()


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Truncated normal with variance 2 / n_in, for ReLU networks.

    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: He et al. 2015; scheidegger-2020, "Weight initialization".
    Example:
        >>> from descend.nn.initializers import HeNormal
        >>> round(float(HeNormal(seed=0)(None, (200, 400)).var()), 3)  # 2 / 200
        0.01
    """

    def _draw(self) -> Draw:
        return jax_initializers.he_normal()


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """U(-l, l), l = sqrt(3 / n_in): variance 1 / n_in.

    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: LeCun, Bottou, Orr and Mueller 1998, "Efficient BackProp".
    Example:
        >>> from descend.nn.initializers import LecunUniform
        >>> round(float(abs(LecunUniform(seed=0)(None, (300, 200))).max()), 2)  # sqrt(3 / 300)
        0.1
    """

    def _draw(self) -> Draw:
        return jax_initializers.lecun_uniform()


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Truncated normal with variance 1 / n_in: for `selu`.

    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: LeCun, Bottou, Orr and Mueller 1998, "Efficient BackProp"; Klambauer et al. 2017.
    Example:
        >>> from descend.nn.initializers import LecunNormal
        >>> round(float(LecunNormal(seed=0)(None, (100, 600)).var()), 3)  # 1 / 100
        0.01
    """

    def _draw(self) -> Draw:
        return jax_initializers.lecun_normal()


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns, whichever are fewer.

    Args:
        gain: multiplier, the length of those rows or columns.
    Raises:
        DescendError: an array with fewer than two axes, when it is called.
    Source: Saxe et al. 2014.
    Example:
        >>> from descend.nn.initializers import Orthogonal
        >>> w = Orthogonal(seed=0)(None, (2, 2))
        >>> abs((w @ w.T).round(3)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    gain: float = 1.0

    def _draw(self) -> Draw:
        rule, alone = jax_initializers.orthogonal(self.gain), jax.custom_batching.sequential_vmap
        # members one after the other: several batched decompositions at once hang (jaxlib 0.10)
        return lambda key, *rest: alone(lambda k: rule(k, *rest))(key)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """N(mean, stddev^2), untruncated.

    Args:
        mean: mean of the draws.
        stddev: standard deviation, > 0.
    Raises:
        DescendError: stddev is not positive.
    Source: Keras's API, initializers.RandomNormal.
    Example:
        >>> from descend.nn.initializers import RandomNormal
        >>> round(float(RandomNormal(mean=3.0, stddev=0.5, seed=0)(None, (50_000,)).mean()), 1)
        3.0
    """

    mean: float = 0.0
    stddev: float = 0.05

    def _draw(self) -> Draw:
        normal = jax_initializers.normal(self.stddev)
        return lambda key, shape, dtype: self.mean + normal(key, shape, dtype)


@dataclass(frozen=True)
class RandomUniform(Uniform):
    """U(minval, maxval): Keras's name of `Uniform`, whose arguments it has.

    Raises:
        DescendError: minval is not below maxval.
    Source: Keras's API, initializers.RandomUniform.
    Example:
        >>> from descend.nn.initializers import RandomUniform
        >>> RandomUniform(minval=-1.0, maxval=1.0)
        RandomUniform(seed=None, minval=-1.0, maxval=1.0)
    """


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """N(mean, stddev^2) cut at two standard deviations; not rescaled, as in Keras.

    Args:
        mean: mean of the draws.
        stddev: standard deviation > 0 before the cut; after it about .88 of it.
    Raises:
        DescendError: stddev is not positive.
    Source: Keras's API, initializers.TruncatedNormal.
    Example:
        >>> from descend.nn.initializers import TruncatedNormal
        >>> round(float(abs(TruncatedNormal(stddev=1.0, seed=0)(None, (50_000,))).max()), 1)
        2.0
    """

    mean: float = 0.0
    stddev: float = 0.05

    def _draw(self) -> Draw:
        def cut(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
            return self.mean + self.stddev * jax.random.truncated_normal(key, -2, 2, shape, dtype)

        return cut


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Variance scale / fan, the family of Glorot, He and LeCun.

    Args:
        scale: number > 0; He's is 2, Glorot's and LeCun's 1.
        mode: the fan: "fan_in" n_in, "fan_out" n_out, or "fan_avg" their mean.
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
    Raises:
        DescendError: scale <= 0, an unknown mode or distribution; fewer than two axes, when called.
    Source: Keras's API, initializers.VarianceScaling.
    Example:
        >>> from descend.nn.initializers import VarianceScaling
        >>> round(float(VarianceScaling(2.0, seed=0)(None, (200, 400)).var()), 3)  # 2 / 200
        0.01
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of(self, "mode", _MODES)
        checks.one_of(self, "distribution", tuple(_DISTRIBUTIONS))

    def _draw(self) -> Draw:
        form = _DISTRIBUTIONS[self.distribution]
        return jax_initializers.variance_scaling(self.scale, self.mode, form)  # type: ignore[arg-type]


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
}


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
    """The initialiser meant by a name, a class, an instance, or what `describe` gave.

    Args:
        identifier: name ("he_normal", "HeNormal"), class, instance, or list [name, arguments].
    Returns:
        An `Initializer`.
    Raises:
        DescendError: an unknown name or argument (the nearest is suggested), or one out of range.
    Source: Keras's API, initializers.get.
    Example:
        >>> from descend.nn.initializers import get
        >>> get("he_normal"), get(["constant", {"value": 0.5}])
        (HeNormal(seed=None), Constant(seed=None, value=0.5))
    """
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    described = isinstance(identifier, list) and len(identifier) == 2
    name, options = identifier if described else (identifier, {})
    if isinstance(name, str) and name not in BY_NAME:
        name = next((short for short, cls in BY_NAME.items() if cls.__name__ == name), name)
    if not isinstance(name, str) or name not in BY_NAME:
        raise unknown("initializer", name, BY_NAME)
    return checks.made(BY_NAME[name], options)


def describe(initializer: Initializer) -> list[Any]:
    """The JSON form of an initialiser: [name, arguments].

    Args:
        initializer: an Initializer of this module.
    Returns:
        A list, of which `get` makes the initialiser again.
    Raises:
        Nothing of its own.
    Source: descend's own.
    Example:
        >>> from descend.nn.initializers import Normal, describe
        >>> describe(Normal(stddev=0.1))
        ['normal', {'stddev': 0.1}]
    """
    options = asdict(initializer)
    if initializer.seed is None:
        options.pop("seed")
    return [_NAMES[type(initializer)], options]
