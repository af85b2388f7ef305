"""Each window on its own scale: what is taken off its context, and what it is divided by.

    z = (x - centre) / spread        x = centre + spread z

Both are functions of the context alone, so that a forecast is moved and stretched with its series,
and nothing of what comes later, or of other series, has a part in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from descend.errors import unknown

CENTRES = ("last", "mean")
SPREADS = ("std", "season", "mean")


@dataclass(frozen=True)
class Scaling:
    """How windows are scaled.

    Attributes:
        centre: what is taken off: "last" value, "mean", or None.
        spread: what they are divided by: standard deviation "std", the mean absolute value of the
            last "season", or of the whole context ("mean"), or None.
        season: steps of the season.
    """

    centre: str | None
    spread: str | None
    season: int

    def __post_init__(self) -> None:
        for name, value, known in (
            ("centre", self.centre, CENTRES),
            ("scale", self.spread, SPREADS),
        ):
            if value is not None and value not in known:
                raise unknown(name, value, known)

    def of(self, context: Any, xp: Any) -> tuple[Any, Any]:
        """(centre, spread) of contexts (..., time), each (..., 1).

        Args:
            context: arrays of NumPy or JAX.
            xp: numpy or jax.numpy, whichever they are of.
        """
        zero = xp.zeros_like(context[..., :1])
        centre = zero
        if self.centre == "last":
            centre = context[..., -1:]
        elif self.centre == "mean":
            centre = context.mean(axis=-1, keepdims=True)
        if self.spread is None:
            return centre, zero + 1
        level = abs(context).mean(axis=-1, keepdims=True)
        spread = level
        if self.spread == "std":
            spread = context.std(axis=-1, keepdims=True)
        elif self.spread == "season":
            spread = abs(context[..., -self.season :]).mean(axis=-1, keepdims=True)
        # what does not move (but for rounding) is left on its own scale
        still = spread <= 1e-6 * level
        return centre, xp.where(still, xp.where(level > 0, level, 1 + zero), spread)
