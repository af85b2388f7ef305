"""The loss of a network that holds several members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import ShapeError
from descend.nn.losses.base import Formula, shown


@dataclass(frozen=True)
class MemberLoss(Formula):
    """L = 1/k sum_i L(y, yhat_i): each member of a network is trained for itself.

    Args:
        loss: of one member, by name or instance. Targets as it wants them; predictions
            (n, k, ...) with the members in the second axis.

    Source: TabM (Gorishniy et al. 2025): the mean of the losses, not the loss of the mean.
    """

    loss: Any = "mse"

    short: ClassVar[str] = "members"

    def __post_init__(self):
        from descend.nn.losses.names import get

        super().__post_init__()
        object.__setattr__(self, "loss", get(self.loss))

    @property
    def link(self) -> str | None:  # type: ignore[override]
        """That of the members' loss."""
        return self.loss.link

    def check_shapes(self, y, prediction):
        """One member's shapes must suit the loss."""
        if len(prediction) < 2:
            raise ShapeError(f"{self.name}: predictions {shown(prediction)} have no members' axis")
        self.loss.check_shapes(y, (*prediction[:1], *prediction[2:]))

    def _rows(self, y, prediction):
        each = jax.vmap(lambda one: self.loss.rows(y, one), in_axes=1)(prediction)  # (k, n)
        return jnp.mean(each, axis=0)
