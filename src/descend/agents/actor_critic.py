"""The actor-critic: a policy gradient whose critic says what comes after the walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from descend.agents.on_policy import OnPolicy
from descend.agents.policy_gradient import Lesson, PolicyGradient
from descend.agents.settings import holding
from descend.statement import parameter
from descend.train.rules import Adam


@dataclass(frozen=True)
class ActorCritic(PolicyGradient):
    """log pi of what was done is raised by its advantage; a walk is used once.

        A_t = d_t + gamma lambda A_(t+1)      d_t = r_t + gamma V(s_(t+1)) - V(s_t)
        J = -mean A log pi(a | s) + value_weight mean (V(s) - G)^2
            - entropy_weight mean entropy(pi)                   G = A + V_walk(s)

    The defaults were found on seeds 100 to 109 of cart-pole: with few environments there are many
    updates, and with a long memory of the advantages all seeds stay where they have come to.

    Args:
        hidden: units of the hidden layers of actor and critic, or layers.
        activation: activation of these layers.
        optimizer: update rule.
        anneal: whether the rate falls to zero over the budget.
        gamma: discount factor; None: the environment's, or 0.99 where it states none.
        lambda_: memory of the advantages.
        entropy_weight: weight of the policy's entropy.
        value_weight: weight of the critic's cost.
        environments: environments side by side.
        walk: steps of a walk in each environment.

    Raises:
        DescendError: a value out of range.

    Source: scheidegger-2020, "Training policy gradients"; Mnih et al. 2016 (A2C is its form with
    environments in step).

    Example:
        >>> from descend.agents import ActorCritic, make
        >>> task = ActorCritic().task(make("cart-pole"), 100_000)
        >>> task.round, task.rounds, task.per_round  # steps of a round, rounds, updates of each
        (64, 1562, 1)
    """

    optimizer: Any = Adam(3e-3, global_clipnorm=0.5)  # noqa: RUF009
    lambda_: float = parameter(0.98, least=0, most=1, doc="memory of the advantages")
    entropy_weight: float = parameter(0.0, least=0, doc="weight of the policy's entropy")
    value_weight: float = parameter(0.5, least=0, doc="weight of the critic's cost")
    environments: int = parameter(4, least=1, doc="environments side by side")
    walk: int = parameter(16, least=1, doc="steps of a walk in each environment")

    passes = 1
    batch = 0  # all of a walk is one update

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Mnih et al. 2016."""
        return holding(
            {
                f"{self.environments} environments in step with each other; the paper's act on "
                "their own (asynchronously).": True,
                "Advantages remember by lambda (Schulman et al. 2016); the paper sums rewards to "
                "the end of a walk.": self.lambda_ < 1,
                "Actor and critic are two networks; for a choice the paper's share all layers but "
                "the last.": True,
                f"{type(self.rules()['']).__name__}; the paper uses RMSProp.": (
                    type(self.rules()[""]).__name__ != "RMSprop"
                ),
                "A constant rate; the paper's falls to zero.": not self.anneal,
                "No reward for entropy; the paper's weight is .01.": self.entropy_weight == 0,
                "Actions that are numbers are a normal's, pressed between the bounds by tanh, "
                "with a density corrected for it; the paper's normal has no bounds.": True,
            }
        )

    def cost(
        self, task: OnPolicy, params: Any, rows: Lesson, hyper: Mapping[str, Any]
    ) -> tuple[jax.Array, dict[str, Any]]:
        """J of a walk."""
        log_pi, entropy = self.chance(task, params, rows)
        error = self.value(task, params, rows.observation) - rows.returned
        spread = rows.mean(entropy)
        cost = (
            -rows.mean(rows.advantage * log_pi)
            + hyper["value_weight"] * rows.mean(error**2)
            - hyper["entropy_weight"] * spread
        )
        return cost, {"entropy": spread}
