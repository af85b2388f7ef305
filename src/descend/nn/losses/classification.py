"""Losses of classes: cross-entropies, focal losses, hinges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from descend.errors import ShapeError
from descend.nn import checks
from descend.nn.losses.base import PROBABILITY_FLOOR, Formula, per_row, shown


@dataclass(frozen=True)
class BinaryCrossentropy(Formula):
    """L = mean_k -[y log p + (1-y) log(1-p)]; from logits z: softplus(z) - y z.

    Args:
        from_logits: whether predictions are logits z, p = sigmoid(z); stable for any z. From
            probabilities p is clipped at 1e-7.
        label_smoothing: share s in [0, 1]; targets become y (1 - s) + s / 2.

    Raises:
        DescendError: label_smoothing outside [0, 1].
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: hull-2023, "Binary Classification and Loss Function"; scheidegger-2020, "Binary cross
    entropy loss".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import BinaryCrossentropy
        >>> y, p = np.array([[1.0], [0.0]]), np.array([[0.5], [0.5]])
        >>> round(float(BinaryCrossentropy()(y, p)), 3)  # log 2
        0.693
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    link: ClassVar[str | None] = "sigmoid"

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        y = _smoothed(y, self.label_smoothing, 2)
        return per_row(_binary(y, prediction, self.from_logits))


@dataclass(frozen=True)
class CategoricalCrossentropy(Formula):
    """L = - sum_k y_k log p_k, y one-hot or a distribution over K classes, (n, K).

    From logits p = softmax(z) and log p is taken at once (stable). From probabilities p is clipped.

    Args:
        from_logits: whether predictions are logits z, p = softmax(z).
        label_smoothing: share s in [0, 1]; targets become y (1 - s) + s / K.

    Raises:
        DescendError: label_smoothing outside [0, 1].
        ShapeError: targets and predictions of different shapes, or a single class, when it is
            called.

    Source: raviv-2022, "Cross entropy loss"; scheidegger-2020, "Cross entropy loss function".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import CategoricalCrossentropy
        >>> y, p = np.array([[1.0, 0.0]]), np.array([[0.25, 0.75]])
        >>> round(float(CategoricalCrossentropy()(y, p)), 3)  # log 4
        1.386
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    link: ClassVar[str | None] = "softmax"

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Equal shapes, with an axis of two or more classes."""
        super().check_shapes(y, prediction)
        require_classes(self.name, prediction)

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        y = _smoothed(y, self.label_smoothing, y.shape[-1])
        return per_row(-jnp.sum(y * log_probabilities(prediction, self.from_logits), axis=-1))


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Formula):
    """L = - log p_y, y an integer class 0..K-1, (n,); predictions (n, K).

    Args:
        from_logits: whether predictions are logits z, p = softmax(z).

    Raises:
        ShapeError: labels that have not the predictions' shape without the last axis, when it is
            called.

    Source: hull-2023, "Multi-Class Classification".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import SparseCategoricalCrossentropy
        >>> y, p = np.array([0]), np.array([[0.25, 0.75]])
        >>> round(float(SparseCategoricalCrossentropy()(y, p)), 3)  # log 4
        1.386
    """

    from_logits: bool = False
    link: ClassVar[str | None] = "softmax"

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Raise ShapeError unless predictions have exactly one axis, of classes, more than y."""
        if len(prediction) < 2 or tuple(y) != tuple(prediction[:-1]):
            raise ShapeError(
                f"{self.name}: class labels have shape {shown(y)}, predictions "
                f"{shown(prediction)}. Expected labels (n,) and predictions (n, classes); use "
                "y[:, 0] for a label column, 'categorical_crossentropy' for one-hot targets."
            )

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        log_p = log_probabilities(prediction, self.from_logits)
        picked = jnp.take_along_axis(log_p, y.astype(jnp.int32)[..., None], axis=-1)[..., 0]
        return per_row(-picked)


@dataclass(frozen=True)
class KLDivergence(Formula):
    """D(y||p) = sum_k y_k (log y_k - log p_k), y and p distributions over K classes, (n, K).

    Args:
        from_logits: whether predictions are logits z, p = softmax(z).

    Raises:
        ShapeError: targets and predictions of different shapes, or a single class, when it is
            called.

    Source: scheidegger-2020, "Cross entropy loss function".

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import KLDivergence
        >>> y, p = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
        >>> round(float(KLDivergence()(y, p)), 3), round(float(KLDivergence()(y, y)), 3)
        (0.144, 0.0)
    """

    from_logits: bool = False
    link: ClassVar[str | None] = "softmax"
    short: ClassVar[str] = "kl_divergence"

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Equal shapes, with an axis of two or more classes."""
        super().check_shapes(y, prediction)
        require_classes(self.name, prediction)

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        log_p = log_probabilities(prediction, self.from_logits)
        # x log x -> 0 as x -> 0
        log_y = jnp.log(jnp.where(y > 0, y, jnp.ones_like(y)))
        return per_row(jnp.sum(y * (log_y - log_p), axis=-1))


@dataclass(frozen=True)
class BinaryFocalCrossentropy(Formula):
    """L = mean_k (1 - p_t)^gamma times the binary cross-entropy, p_t = y p + (1 - y)(1 - p).

    Args:
        apply_class_balancing: whether y = 1 counts alpha and y = 0 counts 1 - alpha.
        alpha: weight of y = 1 where classes are balanced.
        gamma: power >= 0, how little what is right already counts; 0 is the binary cross-entropy.
        from_logits: whether predictions are logits z, p = sigmoid(z).
        label_smoothing: share of the targets moved to 1/2, see `BinaryCrossentropy`.

    Raises:
        DescendError: label_smoothing outside [0, 1]; alpha or gamma that is no finite number >= 0.
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Lin et al. 2018, Focal loss for dense object detection.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import BinaryFocalCrossentropy
        >>> y, p = np.array([[1.0]]), np.array([[0.5]])
        >>> round(float(BinaryFocalCrossentropy()(y, p)), 3)  # log 2 / 4
        0.173
    """

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    link: ClassVar[str | None] = "sigmoid"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.finite_number(self, "alpha", least=0)
        checks.finite_number(self, "gamma", least=0)

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        y = _smoothed(y, self.label_smoothing, 2)
        p = jax.nn.sigmoid(prediction) if self.from_logits else prediction
        right = y * p + (1 - y) * (1 - p)
        rows = (1 - right) ** self.gamma * _binary(y, prediction, self.from_logits)
        if self.apply_class_balancing:
            rows = rows * (y * self.alpha + (1 - y) * (1 - self.alpha))
        return per_row(rows)


@dataclass(frozen=True)
class CategoricalFocalCrossentropy(Formula):
    """L = - sum_k alpha (1 - p_k)^gamma y_k log p_k, y one-hot, (n, K).

    Args:
        alpha: weight of all classes.
        gamma: power >= 0, how little what is right already counts; 0 is alpha times the
            cross-entropy.
        from_logits: whether predictions are logits z, p = softmax(z).
        label_smoothing: share s in [0, 1]; targets become y (1 - s) + s / K.

    Raises:
        DescendError: label_smoothing outside [0, 1]; alpha or gamma that is no finite number >= 0.
        ShapeError: targets and predictions of different shapes, or a single class, when it is
            called.

    Source: Lin et al. 2018, Focal loss for dense object detection.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import CategoricalFocalCrossentropy
        >>> y, p = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
        >>> round(float(CategoricalFocalCrossentropy(alpha=1.0)(y, p)), 3)  # log 2 / 4
        0.173
    """

    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    link: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.finite_number(self, "alpha", least=0)
        checks.finite_number(self, "gamma", least=0)

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Equal shapes, with an axis of two or more classes."""
        super().check_shapes(y, prediction)
        require_classes(self.name, prediction)

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        y = _smoothed(y, self.label_smoothing, y.shape[-1])
        log_p = log_probabilities(prediction, self.from_logits)
        weight = self.alpha * (1 - jnp.exp(log_p)) ** self.gamma
        return per_row(-jnp.sum(weight * y * log_p, axis=-1))


@dataclass(frozen=True)
class Hinge(Formula):
    """L = mean_k max(1 - y_k yhat_k, 0), y in {-1, 1} (0 is taken as -1).

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.Hinge.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import Hinge
        >>> y, p = np.array([[1.0], [-1.0]]), np.array([[2.0], [0.5]])
        >>> Hinge().rows(y, p).tolist()
        [0.0, 1.5]
    """

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(jnp.maximum(1 - _signs(y) * prediction, 0))


@dataclass(frozen=True)
class SquaredHinge(Formula):
    """L = mean_k max(1 - y_k yhat_k, 0)^2, y in {-1, 1} (0 is taken as -1).

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.SquaredHinge.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import SquaredHinge
        >>> y, p = np.array([[1.0], [-1.0]]), np.array([[2.0], [0.5]])
        >>> SquaredHinge().rows(y, p).tolist()
        [0.0, 2.25]
    """

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return per_row(jnp.square(jnp.maximum(1 - _signs(y) * prediction, 0)))


@dataclass(frozen=True)
class CategoricalHinge(Formula):
    """L = max(0, 1 + the largest yhat of a wrong class - yhat of the right one), y one-hot, (n, K).

    Raises:
        ShapeError: targets and predictions of different shapes, when it is called.

    Source: Keras's API, losses.CategoricalHinge.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import CategoricalHinge
        >>> y, p = np.array([[1.0, 0.0]]), np.array([[0.5, 0.25]])
        >>> CategoricalHinge().rows(y, p).tolist()
        [0.75]
    """

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        right = jnp.sum(y * prediction, axis=-1)
        wrong = jnp.max((1 - y) * prediction, axis=-1)
        return per_row(jnp.maximum(wrong - right + 1, 0))


def _signs(y: jax.Array) -> jax.Array:
    return jnp.where(y == 0, -1, y)


def _smoothed(y: jax.Array, share: float, classes: int) -> jax.Array:
    return y * (1 - share) + share / classes if share else y


def _binary(y: jax.Array, prediction: jax.Array, from_logits: bool) -> jax.Array:
    """The binary cross-entropy of each number."""
    if from_logits:
        return jax.nn.softplus(prediction) - y * prediction
    # where 1 - 1e-7 rounds to 1 (bfloat16), the next number below 1
    gap = float(jnp.finfo(jnp.result_type(prediction, 1.0)).epsneg)
    p = jnp.clip(prediction, PROBABILITY_FLOOR, 1 - max(PROBABILITY_FLOOR, gap))
    return -(y * jnp.log(p) + (1 - y) * jnp.log1p(-p))


def require_classes(name: str, prediction: tuple[int, ...]) -> None:
    """Raise ShapeError unless predictions have an axis of two or more classes."""
    if len(prediction) < 2 or prediction[-1] < 2:
        raise ShapeError(
            f"{name}: predictions of shape {shown(prediction)} do not hold two or more classes in "
            "their last axis, so the loss would always be 0; for one probability a row use "
            "'binary_crossentropy'."
        )


def log_probabilities(prediction: jax.Array, from_logits: bool) -> jax.Array:
    """Logarithms of class probabilities (..., K)."""
    if from_logits:
        return jax.nn.log_softmax(prediction, axis=-1)
    return jnp.log(jnp.clip(prediction, PROBABILITY_FLOOR, 1.0))
