"""Layers of networks for tables: features scaled, made periodic, looked up; members that share.

Sources: Holzmueller, Grinsztajn, Steinwart 2024 (RealMLP); Gorishniy, Kotelnikov, Babenko 2025
(TabM); Gorishniy, Rubachev, Babenko 2022 (periodic features); Jacot, Gabriel, Hongler 2018 (NTK).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.checks import entries, finite_number, positive_int
from descend.nn.initializers import Normal
from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.dense import Dense

STANDARD_NORMAL = Normal(1.0)


@dataclass(frozen=True, eq=False)
class FeatureScale(Layer):
    """A learned factor a feature: y = x (speed v), v starting at 1/speed, so that y = x at first.

    Args:
        speed: number > 0, how many times as fast as other weights the factor moves under a rule
            such as Adam, whose step does not depend on the gradient's size.

    Arrays: scale v (d,). Input and output (..., d).

    Raises:
        DescendError: `speed` that is not positive.
        ShapeError: the input has no feature axis.

    Source: Holzmueller, Grinsztajn and Steinwart 2024 (RealMLP), with speed 6.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import FeatureScale
        >>> model = Sequential([Input((2,)), FeatureScale(speed=6.0)])
        >>> model.set_weights([[0.5, 1.0]])  # v
        >>> model.predict(np.array([[1.0, 2.0]])).tolist()  # times 3 and 6
        [[3.0, 12.0]]
    """

    speed: float = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "speed", above=0)

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        self.require_rank(input_shape, len(input_shape) or 1, "(..., features)")
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The vector v."""
        return {"scale": jnp.full(input_shape[-1:], 1 / self.speed, float)}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x * speed v."""
        factor = self.speed * jnp.asarray(params["scale"])
        return x * factor.reshape((1,) * (x.ndim - 1) + factor.shape), state


@dataclass(frozen=True, eq=False)
class NTKDense(Dense):
    """A dense layer whose weights are of order one: a = g(x W / sqrt(d) + b).

    The scale that other layers give to the first weights is in the formula: one learning rate then
    fits all widths.

    Args:
        units, activation, use_bias: number of neurons, g and whether b is there, as in Dense.
        kernel_initializer, bias_initializer: how W and b are drawn; standard normals when left out.
        kernel_regularizer, bias_regularizer: penalties of W and b; None: no penalty.

    Arrays: kernel W (d, m), bias b (m,).

    Raises:
        DescendError: `units` that is no whole number >= 1.
        ShapeError: the input has no feature axis.

    Source: Jacot, Gabriel and Hongler 2018; Holzmueller et al. 2024 (RealMLP).

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import NTKDense
        >>> layer = NTKDense(1, kernel_initializer="ones", bias_initializer="zeros")
        >>> model = Sequential([Input((4,)), layer])
        >>> model.predict(np.ones((1, 4))).tolist()  # 4 / sqrt(4)
        [[2.0]]
    """

    kernel_initializer: Any = STANDARD_NORMAL
    bias_initializer: Any = STANDARD_NORMAL

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """z = x W / sqrt(d) + b."""
        small = {**params, "kernel": jnp.asarray(params["kernel"]) * x.shape[-1] ** -0.5}
        return super().preactivation(small, x)


@dataclass(frozen=True, eq=False)
class PeriodicFeatures(Layer):
    """Numbers, and behind them a few learned waves of each.

        y = (x, ..., A_j cos(2 pi (x_j w_j + b_j)) + c_j, ...)

    so that a smooth network may change fast where the data do.

    Args:
        frequencies: count of the waves of a feature, w_j and b_j of that size.
        units: count of the numbers that they are brought down to.
        sigma: standard deviation of the first w_j.
        features: places j of those that get waves (0/1 numbers gain nothing by them); None: all.

    Arrays, of d' features with waves: frequencies w (d', f), phases b (d', f), kernel A
    (d', f, units), bias c (d', units). Input (d,), output (d + d' units,).

    Raises:
        DescendError: counts that are no whole numbers >= 1, `sigma` not positive, negative places
            or none.
        ShapeError: an input that is not (features,), or without a feature that `features` names.

    Source: Gorishniy, Rubachev and Babenko 2022; RealMLP, with .1, 16 and 3.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import PeriodicFeatures
        >>> PeriodicFeatures(units=3, features=(0,))(Input((2,))).shape  # 2 numbers, 3 of the first
        (5,)
    """

    frequencies: int = 16
    units: int = 3
    sigma: float = 0.1
    features: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "frequencies")
        positive_int(self, "units")
        if self.features is not None:
            places = entries(self, "features", "places >= 0 or None")  # a file gives a list
            if not places or not all(isinstance(j, int) and j >= 0 for j in places):
                raise DescendError(
                    f"{type(self).__name__}: features must be places >= 0 or None, got {places}"
                )
        finite_number(self, "sigma", above=0)

    def build(self, input_shape: Shape) -> Shape:
        """(d,) -> (d + d' units,)."""
        self.require_rank(input_shape, 1, "(features,)")
        d = input_shape[0]
        if self.features is not None and max(self.features) >= d:
            raise ShapeError(
                f"{self.label} makes waves of feature {max(self.features)}, but there are {d}, "
                "counted from 0"
            )
        return (d + self._waving(d) * self.units,)

    def _waving(self, d: int) -> int:
        return d if self.features is None else len(self.features)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Waves, and what brings them down."""
        d, f, m = self._waving(input_shape[0]), self.frequencies, self.units
        wave, phase, kernel, bias = jax.random.split(key, 4)
        bound = 1 / np.sqrt(f)
        return {
            "frequencies": self.sigma * jax.random.normal(wave, (d, f)),
            "phases": jax.random.uniform(phase, (d, f), minval=-0.5, maxval=0.5),
            "kernel": jax.random.uniform(kernel, (d, f, m), minval=-bound, maxval=bound),
            "bias": jax.random.uniform(bias, (d, m), minval=-bound, maxval=bound),
        }, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The numbers, then their waves, (n, d + d' units)."""
        waving = x if self.features is None else x[:, np.asarray(self.features)]
        angle = waving[:, :, None] * params["frequencies"][None] + params["phases"][None]
        waves = jnp.cos(2 * jnp.pi * angle)  # (n, d', f)
        low = jnp.einsum("ndf,dfm->ndm", waves, params["kernel"]) + params["bias"][None]
        return jnp.concatenate([x, low.reshape(x.shape[0], -1)], axis=1), state


@dataclass(frozen=True, eq=False)
class CategoryEmbedding(Layer):
    """A learned vector for the level of each of several categories, side by side.

    Args:
        sizes: count of the levels of each category; inputs are 0..size - 1.
        output_dim: length of a vector.
        embeddings_initializer: how the vectors are drawn; standard normals when left out.
        embeddings_regularizer: penalty of the vectors; None: no penalty.

    Arrays: embeddings (sum of sizes, output_dim). Input (q,) of whole numbers, output
    (q output_dim,). A number out of range gives NaN, as in Embedding.

    Raises:
        DescendError: sizes, or an `output_dim`, that are no whole numbers >= 1.
        ShapeError: an input without one number for each category.

    Source: radwan, "What to learn to know about Deep Learning?" (embedding).

    Example:
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import CategoryEmbedding
        >>> model = Sequential([Input((2,), dtype="int32"), CategoryEmbedding((3, 2), 4)])
        >>> model.output_shape, model.count_params()  # (3 + 2) vectors of 4
        ((None, 8), 20)
    """

    sizes: tuple[int, ...]
    output_dim: int = 8
    _: KW_ONLY
    embeddings_initializer: Any = STANDARD_NORMAL
    embeddings_regularizer: Any = None
    indexes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = entries(self, "sizes", "whole numbers >= 1")  # a file gives a list
        if not sizes or not all(isinstance(s, int) and s >= 1 for s in sizes):
            raise DescendError(
                f"{type(self).__name__}: sizes must be whole numbers >= 1, got {sizes}"
            )
        positive_int(self, "output_dim")

    def build(self, input_shape: Shape) -> Shape:
        """(q,) -> (q output_dim,)."""
        self.require_rank(input_shape, 1, f"({len(self.sizes)},)")
        if input_shape[0] != len(self.sizes):
            raise ShapeError(
                f"{self.label} expects one number for each of {len(self.sizes)} categories, got an "
                f"input of shape {input_shape}"
            )
        return (len(self.sizes) * self.output_dim,)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """One table for all categories."""
        return {
            "embeddings": self.embeddings_initializer(key, (sum(self.sizes), self.output_dim))
        }, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The vectors, (n, q output_dim)."""
        x = x.astype(jnp.int32)
        sizes = np.asarray(self.sizes, np.int32)
        first = np.cumsum(sizes) - sizes
        known = (x >= 0) & (x < sizes[None])
        index = jnp.where(known, x + first[None], -1)
        rows = jnp.asarray(params["embeddings"]).at[index]
        vectors = rows.get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
        return vectors.reshape(x.shape[0], -1), state

    def check_rows(self, x: np.ndarray) -> str | None:
        """Numbers out of range."""
        wrong = (x < 0) | (x >= np.asarray(self.sizes)[None])
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            return (
                f"{self.label}: category {column} has levels 0 to {self.sizes[column] - 1}, got "
                f"{x[row, column]} in row {row}"
            )
        return None


@dataclass(frozen=True, eq=False)
class Members(Layer):
    """One row becomes `members` rows, each with factors of its own: y_i = x r_i.

    What follows is shared by all members; the r_i alone make them different networks (the first of
    them starts at random signs).

    Args:
        members: number of members, k.

    Arrays: scale r (k, d). Input (d,), output (k, d).

    Raises:
        DescendError: `members` that is no whole number >= 1.
        ShapeError: an input that is not (features,).

    Source: Gorishniy, Kotelnikov and Babenko 2025 (TabM, "mini").

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import Members
        >>> model = Sequential([Input((2,)), Members(2)])
        >>> model.set_weights([[[1.0, 1.0], [1.0, -1.0]]])  # r
        >>> model.predict(np.array([[3.0, 4.0]])).tolist()
        [[[3.0, 4.0], [3.0, -4.0]]]
    """

    members: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "members")

    def build(self, input_shape: Shape) -> Shape:
        """(d,) -> (k, d)."""
        self.require_rank(input_shape, 1, "(features,)")
        return (self.members, *input_shape)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Random signs."""
        return {"scale": jax.random.rademacher(key, (self.members, *input_shape), float)}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x * r_i, (n, k, d)."""
        return x[:, None, :] * params["scale"][None], state


@dataclass(frozen=True, eq=False)
class MemberDense(Layer):
    """A dense layer of each member's own: y_i = g(x_i W_i / sqrt(d) + b_i).

    Args:
        units: count m of the numbers that each member puts out.
        activation: g, by name or function (descend.nn.activations); None: g(z) = z.
        kernel_initializer, bias_initializer: how W and b are drawn; standard normals and 0 when
            left out.
        kernel_regularizer: penalty of W; None: no penalty.

    Arrays: kernel W (k, d, m), bias b (k, m). Input (k, d), output (k, m).

    Raises:
        DescendError: `units` that is no whole number >= 1.
        ShapeError: an input that is not (members, features).

    Source: Gorishniy, Kotelnikov and Babenko 2025 (TabM, the heads).

    Example:
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import MemberDense, Members
        >>> model = Sequential([Input((3,)), Members(4), MemberDense(1)])
        >>> model.output_shape, model.count_params()  # 4 * 3, and 4 * 3 weights and 4 biases
        ((None, 4, 1), 28)
    """

    units: int
    activation: Any = None
    _: KW_ONLY
    kernel_initializer: Any = STANDARD_NORMAL
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "units")

    def build(self, input_shape: Shape) -> Shape:
        """(k, d) -> (k, m)."""
        self.require_rank(input_shape, 2, "(members, features)")
        return (input_shape[0], self.units)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """kernel (k, d, m) and bias (k, m)."""
        k, d = input_shape
        kernel = self.kernel_initializer(key, (k, d, self.units))
        bias = self.bias_initializer(jax.random.fold_in(key, 1), (k, self.units))
        return {"kernel": kernel, "bias": bias}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """g(x_i W_i / sqrt(d) + b_i)."""
        return self.activation(self.preactivation(params, x)), state

    def preactivation(self, params: Arrays, x: Any) -> jax.Array:
        """The logits where the activation is an output's."""
        kernel = jnp.asarray(params["kernel"]) * x.shape[-1] ** -0.5
        return jnp.einsum("nkd,kdm->nkm", x, kernel) + jnp.asarray(params["bias"])[None]
