"""PQN: Q-learning with a network on its own walks, without replay and without a target network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.on_policy import OnPolicy, Walked
from descend.agents.settings import holding
from descend.agents.tasks import on_policy
from descend.agents.value import ValueBased
from descend.statement import parameter
from descend.train.rules import Adam


class Target(NamedTuple):
    """What a step teaches: that Q(observation, action) is y."""

    observation: Any
    action: Any
    y: Any


@dataclass(frozen=True)
class PQN(ValueBased):
    """Q(s, a; w) learns from lambda-returns of a walk; layer normalisation keeps it sound.

        y_t = r_t + gamma ((1 - lambda) max_a Q(s_(t+1), a) + lambda y_(t+1))
        J = mean (y - Q(s, a; w))^2

    The defaults were found on seeds 100 to 119 of cart-pole.

    Args:
        hidden: units of the hidden layers, or layers.
        activation: activation of these layers.
        normalize: whether layer normalisation stands before each activation.
        optimizer: update rule.
        anneal: whether its rate falls to zero over the budget.
        gamma: discount factor; None: the environment's, or 0.99 where it states none.
        lambda_: memory of the returns.
        epsilon, epsilon_end: share of random actions, at first and later.
        exploring: share of the budget until then.
        environments: environments side by side.
        walk: steps of a walk in each environment.
        passes: times that a walk is learned from.
        batch: steps of an update.

    Raises:
        DescendError: a value out of range; an environment whose actions are numbers.

    Source: Gallici et al. 2025, Simplifying Deep Temporal Difference Learning; scheidegger-2020,
    "The Q-function".

    Example:
        >>> from descend.agents import PQN, make
        >>> task = PQN().task(make("cart-pole"), 100_000)
        >>> task.round, task.rounds, task.per_round  # steps of a round, rounds, updates of each
        (512, 195, 16)
    """

    normalize: bool = True
    optimizer: Any = Adam(4e-3, global_clipnorm=10.0)  # noqa: RUF009
    lambda_: float = parameter(0.98, least=0, most=1, doc="memory of the returns")
    epsilon: float = parameter(1.0, least=0, most=1, doc="share of random actions at first")
    epsilon_end: float = parameter(0.05, least=0, most=1, doc="share of random actions later")
    exploring: float = parameter(0.2, above=0, most=1, doc="share of the budget until then")
    environments: int = parameter(16, least=1, doc="environments side by side")
    walk: int = parameter(32, least=1, doc="steps of a walk in each environment")
    passes: int = parameter(4, least=1, doc="times that a walk is learned from")
    batch: int = parameter(128, least=1, doc="steps of an update")

    def make(self, *given: Any) -> OnPolicy:
        """The kind of its task."""
        return on_policy(*given)

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Gallici et al. 2025."""
        return holding(
            {
                f"{type(self.rules()['']).__name__} as the update rule; the paper uses RAdam.": (
                    type(self.rules()[""]).__name__ != "RAdam"
                ),
                "No layer normalisation, on which the paper's argument stands.": (
                    not self.normalize
                ),
                "The network puts out a value and advantages (dueling).": self.dueling,
            }
        )

    def drawn(
        self,
        task: OnPolicy,
        params: Any,
        seen: Any,
        legal: Any,
        keys: jax.Array,
        hyper: Mapping[str, Any],
        progress: Any,
    ) -> tuple[jax.Array, jax.Array]:
        """The best actions, or with probability epsilon any; there is no log pi."""
        noise = jax.vmap(lambda k: jax.random.uniform(k, (1 + task.actions.n,)))(keys)
        action = self.act(task, params, seen, legal, noise, hyper, progress)
        return action, jnp.zeros(len(action))

    def lessons(
        self, task: OnPolicy, params: Any, walked: Walked, hyper: Mapping[str, Any]
    ) -> Target:
        """The lambda-returns, made with the present network."""
        passed, shape = walked.passed, task.checked.observation
        flat = passed.after.reshape(-1, *shape)
        legal = None if passed.legal is None else passed.legal.reshape(-1, task.actions.n)
        best = self.q(task, params, flat, legal).max(axis=-1).reshape(passed.reward.shape)
        gamma, lambda_ = hyper["gamma"], hyper["lambda_"]

        def one(later: jax.Array, given: Any) -> tuple[jax.Array, jax.Array]:
            reward, best, terminated, ended = given
            # behind the end of an episode, as behind the walk, there is only the network's word
            after = jnp.where(ended, best, (1 - lambda_) * best + lambda_ * later)
            y = reward + jnp.where(terminated, 0.0, gamma * after)
            return y, y

        given = (passed.reward, best, passed.terminated, passed.ended)
        y = jax.lax.scan(one, best[-1], given, reverse=True)[1]
        return Target(passed.observation, passed.action, y)

    def cost(
        self, task: OnPolicy, params: Any, rows: Target, hyper: Mapping[str, Any]
    ) -> tuple[jax.Array, dict[str, Any]]:
        """J of a batch."""
        q = self.q(task, params, rows.observation)
        q = jnp.take_along_axis(q, rows.action[:, None], axis=-1)[:, 0]
        return jnp.mean((rows.y - q) ** 2), {"q": jnp.mean(q)}
