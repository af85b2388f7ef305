"""Losses by name, and in JSON; and the loss of members, which is made of another one's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import ShapeError, unknown
from descend.nn import checks
from descend.nn.losses.base import Formula, Loss, shown, snake
from descend.nn.losses.classification import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from descend.nn.losses.likelihood import NegativeLogLikelihood, Poisson, Tobit
from descend.nn.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Quantile,
    SquaredError,
)
from descend.nn.losses.user import rows_of


@dataclass(frozen=True)
class MemberLoss(Formula):
    """L = 1/k sum_i L(y, yhat_i): each member of a network is trained for itself.

    Args:
        loss: cost of one member, by name or instance. Targets as it wants them; predictions
            (n, k, ...) with the members in the second axis.

    Raises:
        DescendError: an unknown loss.
        ShapeError: predictions without a members' axis, or of one member that do not suit the loss,
            when it is called.

    Source: TabM (Gorishniy et al. 2025): the mean of the losses, not the loss of the mean.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import MemberLoss
        >>> y, p = np.array([[0.0]]), np.array([[[1.0], [-1.0]]])  # two members, mean 0
        >>> float(MemberLoss("mse")(y, p))
        1.0
    """

    loss: Any = "mse"

    short: ClassVar[str] = "members"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "loss", get(self.loss))

    @property
    def link(self) -> str | None:
        """That of the members' loss."""
        link: str | None = self.loss.link
        return link

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """One member's shapes must suit the loss."""
        if len(prediction) < 2:
            raise ShapeError(f"{self.name}: predictions {shown(prediction)} have no members' axis")
        self.loss.check_shapes(y, (*prediction[:1], *prediction[2:]))

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        each = jax.vmap(lambda one: self.loss.rows(y, one), in_axes=1)(prediction)  # (k, n)
        return jnp.mean(each, axis=0)


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
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "log_cosh": LogCosh,
    "cosine_similarity": CosineSimilarity,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
}
ALIASES = {
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kldivergence": "kl_divergence",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "logcosh": "log_cosh",
}
_NAMES: dict[type[Loss], str] = {cls: name for name, cls in BY_NAME.items()}
_NAMES[NegativeLogLikelihood] = "negative_log_likelihood"


@dataclass(frozen=True)
class FunctionLoss(Formula):
    """A user's f(y, prediction), one number a row or their mean.

    Args:
        function: function (y, prediction) in jax.numpy -> (n,) or (n, ...), averaged over its other
            axes, or a number, the mean over the rows. It is code, so a saved model does not carry
            it.

    Raises:
        ShapeError: neither one number a row nor one for all, when it is called.
        DescendError: a function that JAX cannot trace, when it is called.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.nn.losses import FunctionLoss
        >>> loss = FunctionLoss(lambda y, p: abs(y - p)[:, 0])
        >>> float(loss(np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]])))
        2.0
    """

    function: Callable[[Any, Any], Any] = None  # type: ignore[assignment]

    def check_shapes(self, y: tuple[int, ...], prediction: tuple[int, ...]) -> None:
        """The function decides."""

    def _rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        return rows_of(self.function, y, prediction, f"the loss {self.name!r}")


def get(identifier: Any) -> Loss:
    """The loss meant by a name, an instance, its JSON, or a function.

    Args:
        identifier: a name of this package or of Keras's ("mse", "MeanSquaredError"); a Loss; what
            `describe` gave; a function (y, prediction) -> (n,), or to the mean over the rows.

    Returns:
        A `Loss`.

    Raises:
        DescendError: an unknown name or argument (the nearest is suggested), or one out of range.

    Source: Keras's API, losses.get.

    Example:
        >>> from descend.nn.losses import get
        >>> get("MeanSquaredError"), get("huber").delta
        (MeanSquaredError(name='mse', reduction='sum_over_batch_size'), 1.0)
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, dict):
        options = dict(identifier)
        name = options.pop("name", None)
        if not isinstance(name, str) or name not in BY_NAME:
            raise unknown("loss", name, BY_NAME)
        return checks.made(BY_NAME[name], options)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if hasattr(identifier, "loss"):  # mean_squared_error and its like
        loss: Loss = identifier.loss()
        return loss
    if callable(identifier):
        name = getattr(identifier, "__name__", "loss")
        return FunctionLoss(identifier, name="loss" if name == "<lambda>" else name)
    name = _known(identifier) if isinstance(identifier, str) else None
    if name is None:
        raise unknown("loss", identifier, [*BY_NAME, *ALIASES])
    return BY_NAME[name]()


def _known(name: str) -> str | None:
    """The key in BY_NAME of a name in any of its forms."""
    for form in (name, name.lower(), snake(name)):
        form = ALIASES.get(form, form)
        if form in BY_NAME:
            return form
    return None


def describe(loss: Loss) -> dict[str, Any] | None:
    """The JSON form, or None for a loss that is code of the user's.

    Args:
        loss: a Loss.

    Returns:
        A dict {"name": ..., its arguments}, of which `get` makes the loss again; or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.nn.losses import Huber, describe
        >>> describe(Huber(delta=2.0))
        {'name': 'huber', 'delta': 2.0}
    """
    if type(loss) not in BY_NAME.values():
        return None
    if isinstance(loss, MemberLoss):
        inner = describe(loss.loss)
        return inner and {"name": _NAMES[MemberLoss], "loss": inner}
    assert isinstance(loss, Formula)
    options = {f.name: getattr(loss, f.name) for f in fields(loss) if not f.kw_only}
    return {"name": _NAMES[type(loss)], **options}


def with_logits(loss: Loss) -> Loss | None:
    """The same loss taking logits, or None if it has no such form or takes them already.

    Args:
        loss: a Loss.

    Returns:
        A `Loss` with `from_logits=True`, or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.nn.losses import BinaryCrossentropy, MeanSquaredError, with_logits
        >>> with_logits(BinaryCrossentropy()).from_logits, with_logits(MeanSquaredError())
        (True, None)
    """
    if isinstance(loss, MemberLoss):
        inner = with_logits(loss.loss)
        return inner and MemberLoss(inner)
    if loss.link is None or getattr(loss, "from_logits", True):
        return None
    assert isinstance(loss, Formula)
    values: dict[str, Any] = {f.name: getattr(loss, f.name) for f in fields(loss)}
    return type(loss)(**(values | {"from_logits": True}))
