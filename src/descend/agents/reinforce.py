"""REINFORCE: the policy gradient of whole episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents.on_policy import OnPolicy, Walked
from descend.agents.policy_gradient import Lesson, PolicyGradient, advantages
from descend.agents.settings import holding
from descend.statement import parameter
from descend.train.rules import Adam


@dataclass(frozen=True)
class REINFORCE(PolicyGradient):
    """log pi of what was done is raised by what came of it.

        G_t = r_t + gamma r_(t+1) + ... to the end of the episode
        J = -mean (G_t - b(s_t)) log pi(a_t | s_t)  [+ value_weight mean (G_t - b(s_t))^2]

    A round is one whole episode in every environment, cut short at the limit; its steps count in
    the budget as if all had reached it.

    Args:
        hidden: units of the hidden layers, or layers.
        activation: activation of these layers.
        optimizer: update rule.
        anneal: whether the rate falls to zero over the budget.
        baseline: whether a network learns b(s), the mean of G; without it b is 0.
        gamma: discount factor; None: the environment's, or 0.99 where it states none.
        entropy_weight: weight of the policy's entropy.
        value_weight: weight of the baseline's cost.
        environments: episodes of an update.

    Raises:
        DescendError: a value out of range.

    Source: scheidegger-2020, "Training policy gradients"; Williams 1992.

    Example:
        >>> from descend.agents import REINFORCE, make
        >>> task = REINFORCE().task(make("cart-pole", limit=100), 100_000)
        >>> task.round, task.rounds, task.per_round  # steps of a round, rounds, updates of each
        (800, 125, 1)
    """

    optimizer: Any = Adam(3e-3)  # noqa: RUF009
    anneal: bool = False
    baseline: bool = True
    entropy_weight: float = parameter(0.0, least=0, doc="weight of the policy's entropy")
    value_weight: float = parameter(0.5, least=0, doc="weight of the baseline's cost")
    environments: int = parameter(8, least=1, doc="episodes of an update")

    walk = 0  # whole episodes
    passes = 1
    batch = 0  # all of them are one update

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Williams 1992."""
        return holding(
            {
                f"{type(self.rules()['']).__name__} on the gradient of {self.environments} "
                "episodes together; the paper adds a step after each.": True,
                "Rewards are discounted, while the steps of an episode count alike, whenever they "
                "come; the paper has one reward at the end.": True,
                "The mean is over steps: a long episode counts more than a short one.": True,
                "The baseline is a network of the state; the paper's is any number that does not "
                "depend on the action.": self.baseline,
                "Actions that are numbers are a normal's, pressed between the bounds by tanh.": (
                    True
                ),
            }
        )

    def thoughts(self, task: OnPolicy, params: Any, seen: Any) -> dict[str, jax.Array]:
        """As of the base; without a baseline nothing has learned what states are worth."""
        found = super().thoughts(task, params, seen)
        return found if self.baseline else {k: v for k, v in found.items() if k != "value"}

    def lessons(
        self, task: OnPolicy, params: Any, walked: Walked, hyper: Mapping[str, Any]
    ) -> Lesson:
        """G_t of every step, and how far it is above the baseline."""
        passed = walked.passed
        zero = jnp.zeros_like(passed.reward)
        returned = advantages(passed.reward, zero, zero, passed.ended, hyper["gamma"], 1.0)
        base = self.value(task, params, passed.observation) if self.baseline else zero
        return Lesson(
            passed.observation,
            passed.action,
            walked.legal,
            walked.chance,
            returned - base,
            returned,
            walked.real,
        )

    def cost(
        self, task: OnPolicy, params: Any, rows: Lesson, hyper: Mapping[str, Any]
    ) -> tuple[jax.Array, dict[str, Any]]:
        """J of the episodes."""
        log_pi, entropy = self.chance(task, params, rows)
        spread = rows.mean(entropy)
        cost = -rows.mean(rows.advantage * log_pi) - hyper["entropy_weight"] * spread
        if self.baseline:
            error = self.value(task, params, rows.observation) - rows.returned
            cost = cost + hyper["value_weight"] * rows.mean(error**2)
        return cost, {"entropy": spread}
