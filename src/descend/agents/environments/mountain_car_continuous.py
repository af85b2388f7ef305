"""The car in a valley with a motor of any strength: effort costs, and only the goal pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Box
from descend.agents.environments.mountain_car import Car, Valley
from descend.statement import parameter


@dataclass(frozen=True)
class MountainCarContinuous(Valley):
    """The goal pays 100, effort costs: a policy that stands still is better than most.

        v <- v + u force - gravity cos(3 x)          x <- x + v
        reward = -.1 u^2, and prize where x >= goal and v >= 0, which ends it

    u is between -1 and 1; one beyond pulls no more than 1, but is paid for.

    Source: the numbers are those of Gymnasium's MountainCarContinuous-v0; a continuous action as in
    scheidegger-2020, "Discrete & continuous actions".
    """

    force: float = parameter(0.0015, above=0, doc="force of the whole motor, units a step^2")
    goal: float = parameter(0.45, above=-0.4, doc="position to reach")
    prize: float = parameter(100.0, doc="reward of the goal")
    effort: float = parameter(0.1, least=0, doc="cost of the whole motor for a step")
    limit: int = parameter(999, least=1, doc="steps after which an episode is cut short")

    actions = Box(-1.0, 1.0, ("pull",))

    def step(self, state: Car, action: jax.Array, key: jax.Array) -> tuple[Car, Any, Any]:
        """Pull for one step."""
        new = self.roll(state, jnp.clip(action[0], -1, 1) * self.force)
        over = (new.x >= self.goal) & (new.speed >= 0)
        return new, jnp.where(over, self.prize, 0.0) - self.effort * action[0] ** 2, over

    def picture(self, state: Car) -> np.ndarray:
        """The valley, the car and the goal."""
        return self.drawn(state, float(self.goal))
