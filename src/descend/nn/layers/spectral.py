"""SpectralNormalization: a layer whose matrix has largest singular value one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from descend.errors import DescendError
from descend.nn.checks import positive_int
from descend.nn.initializers import TruncatedNormal
from descend.nn.layers.base import Arrays, Key, Layer, prefixed, scoped
from descend.nn.layers.tapping import Tap, through_tap, with_tap

MATRICES = ("kernel", "embeddings")


@dataclass(frozen=True, eq=False)
class SpectralNormalization(Layer):
    """A layer computed with W / sigma(W), sigma the largest singular value of its matrix.

        v = W u / |W u|,   u = W' v / |W' v|   (`power_iterations` times in a training step)
        sigma(W) = v' W u

    with W reshaped to (the rest, outputs): the layer then stretches no input by more than one,
    which keeps a GAN's critic smooth. The gradient is also through sigma, as in the paper. (Keras
    instead writes W / sigma over the weights in training, and predicts with what is there.)

    Args:
        layer: layer with a kernel or embeddings.
        power_iterations: steps of the power iteration in a training step.

    Arrays: "layer.kernel", ...; state: vector_u (1, outputs), and the layer's.

    Raises:
        DescendError: no layer, or one without such a matrix; `power_iterations` that is no whole
            number >= 1.

    Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.nn.layers import SpectralNormalization
        >>> ones = Dense(1, kernel_initializer="ones")  # W = (1, 1, 1, 1)', whose sigma is 2
        >>> model = Sequential([Input((4,)), SpectralNormalization(ones)])
        >>> print(model.predict(np.array([[1.0, 2.0, 3.0, 4.0]])).round(3))  # 10 / 2
        [[5.]]
    """

    layer: Any
    power_iterations: int = 1
    taps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "power_iterations")
        if not isinstance(self.layer, Layer):
            raise DescendError(f"{self.label}: expected a layer, got {self.layer!r}")

    @property
    def stochastic(self) -> bool:
        """Whether the layer is."""
        return bool(self.layer.stochastic)

    @property
    def uses_mask(self) -> bool:
        """Whether the layer does."""
        return bool(self.layer.uses_mask)

    @property
    def indexes(self) -> bool:
        """Whether the layer does."""
        return bool(self.layer.indexes)

    def build(self, input_shape: Any) -> Any:
        """The layer's."""
        return self.layer.build(input_shape)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The layer's arrays, and u."""
        params, state = self.layer.init(key, input_shape)
        if not set(MATRICES) & set(params):
            raise DescendError(
                f"{self.label}: {self.layer.label} has no kernel or embeddings to normalise"
            )
        outputs = params[self._matrix(params)].shape[-1]
        u = TruncatedNormal(0.02)(jax.random.fold_in(key, 1), (1, outputs))
        return prefixed("layer", params), {"vector_u": u, **prefixed("layer", state)}

    def _matrix(self, params: Arrays) -> str:
        return next(name for name in MATRICES if name in params)

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
        tap: Tap | None = None,
    ) -> tuple[Any, Arrays]:
        """The layer's output with W / sigma(W)."""
        inside = dict(scoped(params, "layer"))
        name = self._matrix(inside)
        w = inside[name]
        u, sigma = self.largest(w, state["vector_u"].astype(w.dtype), training)
        inside[name] = w / sigma
        layer, options = with_tap(self.layer, "layer", tap)
        options |= {"key": key} if self.layer.stochastic else {}
        options |= {"mask": mask} if self.layer.uses_mask else {}
        y, new = layer.apply(inside, scoped(state, "layer"), x, training=training, **options)
        y = through_tap(tap, "layer", x, y)
        return y, {"vector_u": u.astype(state["vector_u"].dtype), **prefixed("layer", new)}

    def largest(self, w: jax.Array, u: jax.Array, training: bool) -> tuple[jax.Array, jax.Array]:
        """(u, sigma) of an array; in training u is a step nearer to the singular vector."""
        matrix = jnp.reshape(w, (math.prod(w.shape[:-1]), w.shape[-1]))
        fixed = lax.stop_gradient(matrix)
        v = _unit(u @ fixed.T)
        for _ in range(self.power_iterations if training else 0):
            v = _unit(u @ fixed.T)
            u = _unit(v @ fixed)
        sigma = jnp.sum((v @ matrix) * _unit(u))
        return u, jnp.where(sigma == 0, jnp.ones_like(sigma), sigma)

    def output_mask(self, x: Any, mask: Any) -> Any:
        """The layer's."""
        return self.layer.output_mask(x, mask)


def _unit(vector: jax.Array) -> jax.Array:
    square = jnp.sum(jnp.square(vector))
    return vector * lax.rsqrt(jnp.maximum(square, jnp.asarray(1e-12, vector.dtype)))
