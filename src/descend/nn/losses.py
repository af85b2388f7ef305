"""Losses: the error of one row; the cost is their weighted mean over the sample.

    J = 1/n sum_i w_i L(y_i, yhat_i)        (raviv-2022, "Cost- loss-, error-, ... function")

Weights w_i have mean one over the sample (the trainer scales them), so that J is the weighted mean
and one mini-batch estimates it without bias, also when it holds a single row.

A loss is a frozen description. `loss.rows(y, prediction)` gives one number a row, shape (n,);
`loss(y, prediction, weight)` gives the cost. Shapes must agree exactly: (n,) against (n, 1) raises.
Sources: hull-2023 ("Regression and Mean-Square Cost Function" to "Multi-Class Classification"),
scheidegger-2020 ("Binary cross entropy loss", "Cross entropy loss function", "Mean squared error"),
raviv-2022 ("Multinomial logistic regression", "Cross entropy loss").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError, unknown

PROBABILITY_FLOOR = 1e-7  # probabilities are clipped to [floor, 1 - floor] before the logarithm


@dataclass(frozen=True)
class Loss:
    """One row's error. Subclasses give the formula in `_rows`."""

    # the output activation whose logits `from_logits=True` expects; None: there is no such form
    link: ClassVar[str | None] = None

    def rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        """Loss of each row.

        Args:
            y: targets, (n, ...).
            prediction: (n, ...).

        Returns:
            (n,).

        Raises:
            ShapeError: the shapes differ; nothing is broadcast.
        """
        y, prediction = jnp.asarray(y), jnp.asarray(prediction)
        self.check_shapes(y.shape, prediction.shape)
        return self._rows(y, prediction)

    def __call__(
        self, y: jax.Array, prediction: jax.Array, weight: jax.Array | None = None
    ) -> jax.Array:
        """The cost sum_i w_i L_i / sum_i w_i, a scalar; `weight` has shape (n,)."""
        rows = self.rows(y, prediction)
        if weight is None:
            return jnp.mean(rows)
        if jnp.shape(weight) != rows.shape:
            raise ShapeError(
                f"sample weights have shape {jnp.shape(weight)}, expected one per row: {rows.shape}"
            )
        return jnp.sum(rows * weight) / jnp.sum(weight)

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """Raise ShapeError unless targets and predictions fit each other."""
        if tuple(y) != tuple(prediction):
            raise ShapeError(
                f"{self.name}: targets have shape {_show(y)}, predictions {_show(prediction)}. "
                f"They must be equal, nothing is broadcast; {_advice(y, prediction)}"
            )

    @property
    def name(self) -> str:
        """The name under which `get` finds this loss."""
        return _NAMES.get(type(self), type(self).__name__)

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        raise NotImplementedError


def _show(shape: tuple[int, ...]) -> str:
    return (
        "("
        + ", ".join("n" if i == 0 else str(d) for i, d in enumerate(shape))
        + (",)" if len(shape) == 1 else ")")
    )


def _advice(y: tuple[int, ...], prediction: tuple[int, ...]) -> str:
    if len(y) == 1 and len(prediction) == 2 and prediction[1] == 1:
        return "reshape the targets with y[:, None]."
    if len(y) == 2 and y[1] == 1 and len(prediction) == 1:
        return "reshape the targets with y[:, 0]."
    if len(y) == 1 and len(prediction) == 2:
        return (
            f"for integer class labels use the loss 'sparse_categorical_crossentropy'; "
            f"for {prediction[1]} numeric targets give y with {prediction[1]} columns."
        )
    return "give the last layer as many units as there are target columns."


def _per_row(errors: jax.Array, reduce: Callable = jnp.mean) -> jax.Array:
    return reduce(errors, axis=tuple(range(1, errors.ndim))) if errors.ndim > 1 else errors


@dataclass(frozen=True)
class SquaredError(Loss):
    """L = 1/2 sum_k (yhat_k - y_k)^2, or without the half (hull-2023; raviv-2022 `half=False`)."""

    half: bool = True

    def _rows(self, y, prediction):
        total = _per_row(jnp.square(prediction - y), jnp.sum)
        return 0.5 * total if self.half else total


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """L = mean_k (yhat_k - y_k)^2 (scheidegger-2020, "Mean squared error (MSE)")."""

    def _rows(self, y, prediction):
        return _per_row(jnp.square(prediction - y))


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """L = mean_k |yhat_k - y_k|."""

    def _rows(self, y, prediction):
        return _per_row(jnp.abs(prediction - y))


@dataclass(frozen=True)
class Huber(Loss):
    """L = mean_k of e^2/2 where |e| <= delta, else delta (|e| - delta/2) (Huber 1964)."""

    delta: float = 1.0

    def __post_init__(self):
        if not self.delta > 0:
            raise DescendError(f"huber: delta must be positive, got {self.delta}")

    def _rows(self, y, prediction):
        size = jnp.abs(prediction - y)
        inside = jnp.minimum(size, self.delta)  # keeps the unused branch finite
        return _per_row(0.5 * jnp.square(inside) + self.delta * (size - inside))


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """L = mean_k -[y log p + (1-y) log(1-p)]; from logits z: softplus(z) - y z.

    Args:
        from_logits: predictions are logits z, p = sigmoid(z) (hull-2023, "Binary Classification
            and Loss Function"); stable for any z. From probabilities p is clipped at 1e-7.
    """

    from_logits: bool = False
    link: ClassVar[str | None] = "sigmoid"

    def _rows(self, y, prediction):
        if self.from_logits:
            return _per_row(jax.nn.softplus(prediction) - y * prediction)
        # where 1 - 1e-7 rounds to 1 (bfloat16), the next number below 1
        gap = float(jnp.finfo(jnp.result_type(prediction, 1.0)).epsneg)
        top = 1 - max(PROBABILITY_FLOOR, gap)
        p = jnp.clip(prediction, PROBABILITY_FLOOR, top)
        return _per_row(-(y * jnp.log(p) + (1 - y) * jnp.log1p(-p)))


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """L = - sum_k y_k log p_k, y one-hot or a distribution over K classes (raviv-2022).

    From logits p = softmax(z) and log p is taken at once (stable). From probabilities p is clipped.
    """

    from_logits: bool = False
    link: ClassVar[str | None] = "softmax"

    def check_shapes(self, y, prediction):
        """Equal shapes, with an axis of two or more classes."""
        super().check_shapes(y, prediction)
        _require_classes(self.name, prediction)

    def _rows(self, y, prediction):
        return _per_row(-jnp.sum(y * _log_probabilities(prediction, self.from_logits), axis=-1))


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """L = - log p_{y}, y an integer class 0..K-1, shape (n,); predictions (n, K) (hull-2023)."""

    from_logits: bool = False
    link: ClassVar[str | None] = "softmax"

    def check_shapes(self, y, prediction):
        """Raise ShapeError unless predictions have exactly one axis, of classes, more than y."""
        if len(prediction) < 2 or tuple(y) != tuple(prediction[:-1]):
            raise ShapeError(
                f"{self.name}: class labels have shape {_show(y)}, predictions "
                f"{_show(prediction)}. Expected labels (n,) and predictions (n, classes); use "
                "y[:, 0] for a label column, 'categorical_crossentropy' for one-hot targets."
            )

    def _rows(self, y, prediction):
        log_p = _log_probabilities(prediction, self.from_logits)
        picked = jnp.take_along_axis(log_p, y.astype(jnp.int32)[..., None], axis=-1)[..., 0]
        return _per_row(-picked)


@dataclass(frozen=True)
class KLDivergence(Loss):
    """D(y||p) = sum_k y_k (log y_k - log p_k) (scheidegger-2020, "Cross entropy loss function")."""

    from_logits: bool = False
    link: ClassVar[str | None] = "softmax"

    def check_shapes(self, y, prediction):
        """Equal shapes, with an axis of two or more classes."""
        super().check_shapes(y, prediction)
        _require_classes(self.name, prediction)

    def _rows(self, y, prediction):
        log_p = _log_probabilities(prediction, self.from_logits)
        # x log x -> 0 as x -> 0
        log_y = jnp.log(jnp.where(y > 0, y, jnp.ones_like(y)))
        return _per_row(jnp.sum(y * (log_y - log_p), axis=-1))


@dataclass(frozen=True)
class Poisson(Loss):
    """L = mean_k mu_k - y_k log mu_k, counts y >= 0; from logits z = log mu: e^z - y z.

    Minus the log likelihood of a Poisson distribution without log y!, which no weight changes.

    Args:
        from_logits: predictions are z.
    """

    from_logits: bool = False
    link: ClassVar[str | None] = "exponential"

    def _rows(self, y, prediction):
        if self.from_logits:
            return _per_row(jnp.exp(prediction) - y * prediction)
        log_mu = jnp.log(jnp.maximum(prediction, PROBABILITY_FLOOR))
        return _per_row(prediction - y * log_mu)


@dataclass(frozen=True)
class Quantile(Loss):
    """L = mean_q max(tau_q e, (tau_q - 1) e), e = y - yhat_q: least at the tau_q-quantile of y.

    Args:
        levels: tau_1, tau_2, ... in (0, 1). Targets (n, 1), predictions (n, levels).

    Source: Koenker and Bassett 1978.
    """

    levels: tuple[float, ...] = (0.5,)

    def __post_init__(self):
        object.__setattr__(self, "levels", tuple(self.levels))  # a file gives a list
        if not self.levels or not all(0 < tau < 1 for tau in self.levels):
            raise DescendError(f"quantile: levels must lie between 0 and 1, got {self.levels}")

    def check_shapes(self, y, prediction):
        """(n, 1) against (n, levels)."""
        if y != (*prediction[:1], 1) or prediction[1:] != (len(self.levels),):
            raise ShapeError(
                f"{self.name}: expected targets (n, 1) and predictions (n, {len(self.levels)}), "
                f"got {_show(y)} and {_show(prediction)}"
            )

    def _rows(self, y, prediction):
        error = y - prediction
        tau = jnp.asarray(self.levels, prediction.dtype)[None]
        return _per_row(jnp.maximum(tau * error, (tau - 1) * error))


@dataclass(frozen=True)
class Tobit(Loss):
    """Minus the log likelihood of y = max(y*, limit), y* ~ N(mu, sigma^2).

        y > limit:   log sigma + ((y - mu) / sigma)^2 / 2 + log(2 pi) / 2
        y <= limit:  -log Phi((limit - mu) / sigma)

    Args:
        limit: where y is censored from below. Targets (n, 1), predictions (n, 2): mu, log sigma.

    Source: Tobin 1958.
    """

    limit: float = 0.0

    def check_shapes(self, y, prediction):
        """(n, 1) against (n, 2)."""
        if y != (*prediction[:1], 1) or prediction[1:] != (2,):
            raise ShapeError(
                f"{self.name}: expected targets (n, 1) and predictions (n, 2), mu and log sigma; "
                f"got {_show(y)} and {_show(prediction)}"
            )

    def _rows(self, y, prediction):
        mean, log_sd = prediction[:, 0], prediction[:, 1]
        seen = (y[:, 0] - mean) * jnp.exp(-log_sd)
        limit = (self.limit - mean) * jnp.exp(-log_sd)
        density = log_sd + 0.5 * jnp.square(seen) + 0.5 * np.log(2 * np.pi)
        return jnp.where(y[:, 0] > self.limit, density, -jax.scipy.stats.norm.logcdf(limit))


@dataclass(frozen=True)
class MemberLoss(Loss):
    """L = 1/k sum_i L(y, yhat_i): each member of a network is trained for itself.

    Args:
        loss: of one member, by name or instance. Targets as it wants them; predictions
            (n, k, ...) with the members in the second axis.

    Source: TabM (Gorishniy et al. 2025): the mean of the losses, not the loss of the mean.
    """

    loss: Any = "mse"

    def __post_init__(self):
        object.__setattr__(self, "loss", get(self.loss))

    @property
    def link(self) -> str | None:  # type: ignore[override]
        """That of the members' loss."""
        return self.loss.link

    def check_shapes(self, y, prediction):
        """One member's shapes must suit the loss."""
        if len(prediction) < 2:
            raise ShapeError(f"{self.name}: predictions {_show(prediction)} have no members' axis")
        self.loss.check_shapes(y, (*prediction[:1], *prediction[2:]))

    def _rows(self, y, prediction):
        each = jax.vmap(lambda one: self.loss.rows(y, one), in_axes=1)(prediction)  # (k, n)
        return jnp.mean(each, axis=0)


@dataclass(frozen=True)
class NegativeLogLikelihood(Loss):
    """L = -log p(y | prediction), a log density of the user's (scheidegger-2020, max. likelihood).

    Args:
        log_density: f(y, prediction) -> (n,), a function in jax.numpy. It is code, so a saved model
            does not carry it: compile again after `load_model`.
    """

    log_density: Callable[[jax.Array, jax.Array], jax.Array] = None  # type: ignore[assignment]

    def __post_init__(self):
        if not callable(self.log_density):
            raise DescendError(
                "NegativeLogLikelihood needs log_density, a function (y, prediction) -> (n,)"
            )

    def check_shapes(self, y, prediction):
        """Rows must agree; the density decides what a row is."""
        if y[:1] != prediction[:1]:
            raise ShapeError(f"{self.name}: {y[0]} targets against {prediction[0]} predictions")

    def _rows(self, y, prediction):
        rows = -self.log_density(y, prediction)
        if rows.shape != y.shape[:1]:
            raise ShapeError(
                f"log_density returned shape {rows.shape}, expected one number a row: {y.shape[:1]}"
            )
        return rows


def _require_classes(name: str, prediction: tuple[int, ...]) -> None:
    if len(prediction) < 2 or prediction[-1] < 2:
        raise ShapeError(
            f"{name}: predictions of shape {_show(prediction)} do not hold two or more classes in "
            "their last axis, so the loss would always be 0; for one probability a row use "
            "'binary_crossentropy'."
        )


def _log_probabilities(prediction: jax.Array, from_logits: bool) -> jax.Array:
    if from_logits:
        return jax.nn.log_softmax(prediction, axis=-1)
    return jnp.log(jnp.clip(prediction, PROBABILITY_FLOOR, 1.0))


BY_NAME: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "huber": Huber,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "kl_divergence": KLDivergence,
    "poisson": Poisson,
    "quantile": Quantile,
    "tobit": Tobit,
    "members": MemberLoss,
}
ALIASES = {
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}
_NAMES: dict[type[Loss], str] = {cls: name for name, cls in BY_NAME.items()}
_NAMES[NegativeLogLikelihood] = "negative_log_likelihood"


@dataclass(frozen=True)
class _FunctionLoss(Loss):
    """A user's f(y, prediction) -> (n,)."""

    function: Callable[[jax.Array, jax.Array], jax.Array] = None  # type: ignore[assignment]

    def rows(self, y, prediction):
        rows = self.function(y, prediction)
        if jnp.shape(rows) != jnp.shape(y)[:1]:
            raise ShapeError(
                f"the loss function returned shape {jnp.shape(rows)}, expected one number a row: "
                f"{jnp.shape(y)[:1]}"
            )
        return rows

    def check_shapes(self, y, prediction):
        """The function decides."""


def get(identifier: str | Loss | dict | Callable) -> Loss:
    """The loss meant by a name, an instance, its JSON, or a function (y, prediction) -> (n,)."""
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, dict):
        options = dict(identifier)
        name = options.pop("name", None)
        if name not in BY_NAME:
            raise unknown("loss", name, BY_NAME)
        return BY_NAME[name](**options)
    if callable(identifier):
        return _FunctionLoss(identifier)
    name = ALIASES.get(identifier, identifier)
    if name not in BY_NAME:
        raise unknown("loss", identifier, [*BY_NAME, *ALIASES])
    return BY_NAME[name]()


def describe(loss: Loss) -> dict | None:
    """The JSON form, or None for a loss that is code of the user's."""
    if type(loss) not in BY_NAME.values():
        return None
    if isinstance(loss, MemberLoss):
        inner = describe(loss.loss)
        return inner and {"name": loss.name, "loss": inner}
    return {"name": loss.name, **asdict(loss)}


def with_logits(loss: Loss) -> Loss | None:
    """The same loss taking logits, or None if it has no such form or takes them already."""
    if isinstance(loss, MemberLoss):
        inner = with_logits(loss.loss)
        return inner and MemberLoss(inner)
    if loss.link is None or getattr(loss, "from_logits", True):
        return None
    values: dict[str, Any] = {f.name: getattr(loss, f.name) for f in fields(loss)}
    return type(loss)(**(values | {"from_logits": True}))
