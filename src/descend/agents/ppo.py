"""PPO: a policy gradient that uses a walk several times, and does not go far from where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents.on_policy import OnPolicy
from descend.agents.policy_gradient import Lesson, PolicyGradient
from descend.agents.settings import holding
from descend.statement import parameter


@dataclass(frozen=True)
class PPO(PolicyGradient):
    """The probability of an action is raised by its advantage, up to a factor 1 + clip.

        r = pi(a | s) / pi_walk(a | s)
        J = -mean min(r A, clip(r, 1 - c, 1 + c) A) + value_weight mean (V(s) - G)^2
            - entropy_weight mean entropy(pi)              G = A + V_walk(s)

    Args:
        hidden: units of the hidden layers of actor and critic, or layers.
        activation: activation of these layers.
        optimizer: update rule.
        anneal: whether the rate falls to zero over the budget.
        normalize: whether the advantages of a batch are scaled to mean 0 and deviation 1.
        gamma: discount factor; None: the environment's, or 0.98 where it states none.
        lambda_: memory of the advantages.
        clip: change of a probability that is allowed.
        entropy_weight: weight of the policy's entropy.
        value_weight: weight of the critic's cost.
        environments: environments side by side.
        walk: steps of a walk in each environment.
        passes: times that a walk is learned from.
        batch: steps of an update.

    Raises:
        DescendError: a value out of range.

    Source: scheidegger-2020, "Training policy gradients"; Schulman et al. 2017.

    Example:
        >>> from descend.agents import PPO, make
        >>> agents = PPO().learn(make("cart-pole"), 512, evaluations=1, verbose=0)
        >>> agents[0].thoughts([0.0, 0.0, 0.1, 0.0])["probability"].shape
        (2,)
    """

    normalize: bool = True
    lambda_: float = parameter(0.8, least=0, most=1, doc="memory of the advantages")
    clip: float = parameter(0.2, above=0, doc="change of a probability that is allowed")
    entropy_weight: float = parameter(0.0, least=0, doc="weight of the policy's entropy")
    value_weight: float = parameter(0.5, least=0, doc="weight of the critic's cost")
    environments: int = parameter(8, least=1, doc="environments side by side")
    walk: int = parameter(32, least=1, doc="steps of a walk in each environment")
    passes: int = parameter(20, least=1, doc="times that a walk is learned from")
    batch: int = parameter(256, least=1, doc="steps of an update")

    usual_gamma = 0.98

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Schulman et al. 2017."""
        return holding(
            {
                "Actions that are numbers are a normal's, pressed between the bounds by tanh, "
                "with a density corrected for it; its deviation depends on the state. The paper's "
                "normal has no bounds and a deviation of its own.": True,
                "Advantages of a batch are scaled to mean 0 and deviation 1; the paper does not "
                "say so.": self.normalize,
                "Gradients are cut to a norm; the paper does not say so.": (
                    self.rules()[""].numbers().get("global_clipnorm") is not None
                ),
                "The rate falls to zero, the clip stays; the paper lets both fall on Atari and "
                "keeps both on MuJoCo.": self.anneal,
                "Actor and critic are two networks, also where pictures are seen; there the "
                "paper's share layers.": True,
                "The value's error is not clipped, which many programs add to the paper.": True,
                "An episode that is cut short counts the critic's value of where it was cut.": (
                    True
                ),
            }
        )

    def cost(
        self, task: OnPolicy, params: Any, rows: Lesson, hyper: Mapping[str, Any]
    ) -> tuple[jax.Array, dict[str, Any]]:
        """J of a batch."""
        log_pi, entropy = self.chance(task, params, rows)
        advantage = rows.advantage
        if self.normalize:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        ratio, c = jnp.exp(log_pi - rows.chance), hyper["clip"]
        gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - c, 1 + c) * advantage)
        error = self.value(task, params, rows.observation) - rows.returned
        cost = (
            -jnp.mean(gain)
            + hyper["value_weight"] * jnp.mean(error**2)
            - hyper["entropy_weight"] * jnp.mean(entropy)
        )
        return cost, {"entropy": jnp.mean(entropy)}
