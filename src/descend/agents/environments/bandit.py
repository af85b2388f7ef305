"""A bandit with many arms: each pays at random, and which pays best must be found by pulling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import GREY, Canvas
from descend.agents.environment import Choice, Environment
from descend.errors import DescendError
from descend.palette import BLUE, ORANGE, SKY
from descend.statement import parameter


class Pull(NamedTuple):
    """The arm pulled last, int32, -1 before the first, and what it paid; it changes nothing."""

    arm: jax.Array
    paid: jax.Array


@dataclass(frozen=True)
class Bandit(Environment):
    """Arm a pays q(a) + spread z, with z standard normal: there is nothing to see and no state.

    The means q are `means`, or where there are none they are standard normal draws from `seed`: ten
    arms and seeds 0 to 1,999 are the testbed of Sutton and Barto. An episode is `limit` pulls; with
    a discount of 0 the value of an arm is its mean. What it pays at best is on average 1.54 a pull.

    `means` is a tuple of numbers, one an arm.

    Raises:
        DescendError: means that are no finite numbers, or of another number than `arms`.

    Source: Sutton and Barto, Reinforcement Learning, 2.3.
    """

    arms: int = parameter(10, least=2, doc="number of arms")
    spread: float = parameter(1.0, least=0, doc="standard deviation of what an arm pays")
    seed: int = parameter(0, least=0, doc="seed of the means, where none are given")
    limit: int = parameter(1000, least=1, doc="pulls of an episode")
    means: tuple[float, ...] = ()

    variables = ("always 1",)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            means = tuple(float(mean) for mean in self.means)
        except (TypeError, ValueError):
            means = (math.nan,)
        if not all(math.isfinite(mean) for mean in means):
            raise DescendError(f"Bandit: means must be finite numbers, got {self.means!r}")
        if means and len(means) != self.arms:
            raise DescendError(
                f"Bandit: {len(means)} means for {self.arms} arms; say arms={len(means)}"
            )
        object.__setattr__(self, "means", means)

    @property
    def actions(self) -> Choice:
        """One an arm."""
        return Choice(self.arms)

    def values(self) -> jax.Array:
        """Return what each arm pays on average, (arms,)."""
        if self.means:
            return jnp.asarray(self.means, float)
        return jax.random.normal(jax.random.key(self.seed), (self.arms,))

    def reset(self, key: jax.Array) -> Pull:
        """Before the first pull."""
        return Pull(jnp.int32(-1), jnp.zeros(()))

    def step(self, state: Pull, action: jax.Array, key: jax.Array) -> tuple[Pull, Any, Any]:
        """Pull an arm."""
        paid = self.values()[action] + self.spread * jax.random.normal(key)
        return Pull(jnp.asarray(action, jnp.int32), paid), paid, False

    def observe(self, state: Pull) -> jax.Array:
        """Nothing: a constant 1."""
        return jnp.ones(1)

    def picture(self, state: Pull) -> np.ndarray:
        """The means as bars, the arm pulled last dark, and what it paid as a dot."""
        means = np.asarray(self.values(), float)
        paid, arm = float(state.paid), int(state.arm)
        top = max(np.abs(means).max() + 2 * float(self.spread), abs(paid)) * 1.1 or 1.0
        wide = 2 * top * 1.4 / self.arms  # of a bar's place
        canvas = Canvas(0.0, -top, wide * self.arms, top, 120)
        for i, mean in enumerate(means.tolist()):
            low, high = sorted((0.0, mean))
            left, right = (i + 0.15) * wide, (i + 0.85) * wide
            canvas.rectangle((left, low), (right, high), BLUE if i == arm else SKY)
        canvas.line((0.0, 0.0), (wide * self.arms, 0.0), 0.01 * top, GREY)
        if arm >= 0:
            canvas.disc(((arm + 0.5) * wide, paid), 0.06 * top, ORANGE)
        return canvas.picture()
