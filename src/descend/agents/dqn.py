"""DQN: Q-learning with a network, a replay memory and a target network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents.off_policy import Learning, OffPolicy
from descend.agents.replay import Experience
from descend.agents.settings import holding
from descend.agents.tasks import off_policy
from descend.agents.value import ValueBased
from descend.statement import parameter
from descend.train.rules import Adam


@dataclass(frozen=True)
class DQN(ValueBased):
    """Q(s, a; w) learns from the value of the best next action.

        y = r + gamma max_a' Q(s', a'; w_target)        J = mean (y - Q(s, a; w))^2

    w_target is a slow copy of w, moved by tau an update. The defaults were found on seeds 100 to
    109 of cart-pole: returns of many steps and environments side by side make all seeds learn.

    Args:
        hidden: units of the hidden layers, or layers.
        activation: activation of these layers.
        normalize: whether layer normalisation stands before each activation.
        optimizer: update rule.
        anneal: whether its rate falls to zero over the budget.
        double: whether w chooses the best next action, and w_target only says what it is worth.
        dueling: whether Q = V + A - mean A, from two heads.
        huber: whether errors beyond 1 count linearly, as in Mnih et al.
        gamma: discount factor; None: the environment's, or 0.99 where it states none.
        tau: step of the target network.
        epsilon, epsilon_end: share of random actions, at first and later.
        exploring: share of the budget until then.
        lookahead: steps n of an n-step return.
        environments: environments side by side.
        updates: updates after a step in each environment.
        batch: rows of an update.
        capacity: rows of the replay memory.
        warmup: steps at random before learning.

    Raises:
        DescendError: a value out of range; an environment whose actions are numbers.

    Source: scheidegger-2020, "Example: RL & DNN"; Mnih et al. 2015; van Hasselt et al. 2016
    (double); Wang et al. 2016 (dueling).

    Example:
        >>> from descend.agents import DQN, make
        >>> agents = DQN(warmup=64).learn(make("cart-pole"), 400, evaluations=1, verbose=0)
        >>> agents[0].thoughts([0.0, 0.0, 0.1, 0.0])["q"].shape
        (2,)
    """

    optimizer: Any = Adam(5e-3)  # noqa: RUF009
    double: bool = True
    huber: bool = False
    tau: float = parameter(0.01, above=0, most=1, doc="step of the target network")
    epsilon: float = parameter(1.0, least=0, most=1, doc="share of random actions at first")
    epsilon_end: float = parameter(0.05, least=0, most=1, doc="share of random actions later")
    exploring: float = parameter(0.2, above=0, most=1, doc="share of the steps until then")
    lookahead: int = parameter(16, least=1, doc="steps n of an n-step return")
    environments: int = parameter(8, least=1, doc="environments side by side")
    updates: int = parameter(4, least=1, doc="updates after a step in each environment")
    batch: int = parameter(128, least=1, doc="rows of an update")
    capacity: int = parameter(100_000, least=1, doc="rows of the replay memory")
    warmup: int = parameter(1000, least=1, doc="steps at random before learning")

    def make(self, *given: Any) -> OffPolicy:
        """The kind of its task."""
        return off_policy(*given)

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Mnih et al. 2015."""
        return holding(
            {
                "The next action is chosen by the network and judged by its slow copy (double); "
                "the paper takes the slow copy's largest value.": self.double,
                "The network puts out a value and advantages (dueling).": self.dueling,
                f"Returns of {self.lookahead} steps, as they were acted, without a correction for "
                "what the present policy would have done; the paper has one step.": (
                    self.lookahead > 1
                ),
                f"{self.environments} environments side by side; the paper has one.": (
                    self.environments > 1
                ),
                f"{self.updates} updates for {self.environments} steps of the environments; the "
                "paper makes one for four.": True,
                f"The slow copy moves by {self.tau:g} at every update; the paper copies the "
                "network every 10,000 updates.": True,
                "The squared error as it is; the paper lets errors beyond 1 count linearly.": (
                    not self.huber
                ),
                f"{type(self.rules()['']).__name__}"
                f"{', with a rate that falls to zero' if self.anneal else ''}; the paper uses "
                "RMSProp at a constant rate.": True,
                "Layer normalisation before each activation.": self.normalize,
                f"{self.capacity:,} rows of replay, the first {self.warmup:,} steps at random; the "
                "paper has 1,000,000 and 50,000.": True,
                "Cutting rewards to -1 to 1, stacking pictures and ending an episode with a life "
                "are left to the environment (`from_atari` does them).": True,
                "Judged without exploring; the paper does 5 % of its actions at random.": True,
            }
        )

    # -- learning -------------------------------------------------------------------------------

    def targets(self, params: Any) -> Any:
        """The network that targets are made with."""
        return params

    def update(
        self,
        task: OffPolicy,
        learning: Learning,
        rows: Experience,
        key: jax.Array,
        hyper: Mapping[str, Any],
        clock: Any,
    ) -> tuple[Learning, dict[str, Any]]:
        """One update of w, and the target a step towards it."""
        after = self.q(task, learning.target, rows.after, rows.legal)
        if self.double:
            best = jnp.argmax(self.q(task, learning.params, rows.after, rows.legal), axis=-1)
            value = jnp.take_along_axis(after, best[:, None], axis=-1)[:, 0]
        else:
            value = after.max(axis=-1)
        y = rows.reward + rows.discount * value

        def cost(params: Any) -> tuple[jax.Array, Any]:
            q = self.q(task, params, rows.observation)
            q = jnp.take_along_axis(q, rows.action[:, None], axis=-1)[:, 0]
            error = y - q
            if self.huber:
                size = jnp.abs(error)
                return jnp.mean(jnp.where(size < 1, error**2, 2 * size - 1)), q
            return jnp.mean(error**2), q

        loss, q, params, memory = self.rules()[""].update(
            cost, learning.params, learning.optimizer, hyper, clock
        )
        target = jax.tree.map(lambda a, b: a + hyper["tau"] * (b - a), learning.target, params)
        return Learning(params, target, memory), {"loss": loss, "q": jnp.mean(q)}
