"""SAC: an actor that is rewarded for staying undecided, and two critics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents import policies
from descend.agents.checks import Checked
from descend.agents.deterministic import OffPolicyActorCritic
from descend.agents.networks import outputs
from descend.agents.off_policy import Learning, OffPolicy
from descend.agents.replay import Experience
from descend.agents.settings import holding
from descend.agents.task import AgentTask
from descend.nn.graph import Graph
from descend.statement import parameter
from descend.train import rules as update_rules
from descend.train.rules import Adam, Optimizer


@dataclass(frozen=True)
class SAC(OffPolicyActorCritic):
    """A normal policy squashed between the bounds; its entropy is worth alpha.

        y = r + gamma (min_i Q'_i(s', a') - alpha log pi(a' | s')),  a' ~ pi(. | s')
        J_critic = sum_i mean (y - Q_i(s, a))^2
        J_actor  = mean (alpha log pi(a | s) - min_i Q_i(s, a)),  a = tanh(mu + sigma eps)
        J_alpha  = -log alpha mean (log pi(a | s) + target entropy)

    The target entropy is minus the number of entries of an action.

    Args:
        hidden: units of the hidden layers, or layers.
        actor, critic, temperature: update rules; that of log alpha is the last.
        anneal: whether the rates fall to zero over the budget.
        gamma: discount factor; None: the environment's, or 0.99 where it states none.
        tau: step of the slow copies.
        alpha: worth of entropy at first.
        lookahead: steps n of an n-step return.
        environments: environments side by side.
        updates: updates after a step in each environment.
        batch: rows of an update.
        capacity: rows of the replay memory.
        warmup: steps at random before learning.

    Raises:
        DescendError: a value out of range; an environment whose actions are a choice.

    Source: Haarnoja et al. 2018; scheidegger-2020, "Discrete & continuous actions".

    Example:
        >>> from descend.agents import SAC, make
        >>> sorted(SAC().rules())
        ['actor', 'critic', 'temperature']
    """

    temperature: Any = Adam(1e-3)  # noqa: RUF009
    tau: float = parameter(0.005, above=0, most=1, doc="step of the slow copies")
    alpha: float = parameter(1.0, above=0, doc="worth of entropy at first")
    lookahead: int = parameter(1, least=1, doc="steps n of an n-step return")
    environments: int = parameter(1, least=1, doc="environments side by side")
    updates: int = parameter(1, least=1, doc="updates after a step in each environment")
    batch: int = parameter(64, least=1, doc="rows of an update")
    capacity: int = parameter(100_000, least=1, doc="rows of the replay memory")
    warmup: int = parameter(1000, least=1, doc="steps at random before learning")

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Haarnoja et al. 2018."""
        return holding(
            {
                "The cost of the temperature is in log alpha, not in alpha, as in its authors' "
                "program.": True,
                "log sigma is cut to -5 to 2; log pi is per unit of the squashed action, between "
                "-1 and 1, whatever the bounds are.": True,
                f"Batches of {self.batch}; the paper's have 256 rows.": self.batch != 256,
            }
            | self.shared_deviations()
        )

    def rules(self) -> dict[str, Optimizer]:
        """Rules of actor, critics and log alpha."""
        return {**super().rules(), "temperature": update_rules.get(self.temperature)}

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """The actor (mean and log standard deviation) and two critics."""
        n = checked.actions.shape[0]
        return self.networks(checked, {"mean": (n, 0.01), "log_std": (n, 0.01)}, 2)

    def draw(self, task: AgentTask, key: jax.Array) -> dict[str, Any]:
        """Weights of the networks, and log alpha."""
        return {**super().draw(task, key), "temperature": jnp.zeros(())}

    def targets(self, params: Any) -> Any:
        """Slow copies of the critics alone."""
        return params["critic"]

    def normal(self, task: OffPolicy, actor: Any, seen: Any) -> tuple[jax.Array, jax.Array]:
        """mu and log sigma before the bounds, (batch, entries) each."""
        heads = outputs(task.graphs["actor"], actor, seen)
        return heads["mean"], jnp.clip(heads["log_std"], -5.0, 2.0)

    def greedy(self, task: OffPolicy, params: Any, seen: Any, legal: Any, key: Any) -> jax.Array:
        """tanh(mu) for one observation."""
        mean, _ = self.normal(task, params["actor"], seen[None])
        return self.within(task, jnp.tanh(mean[0]))

    def thoughts(self, task: OffPolicy, params: Any, seen: Any) -> dict[str, jax.Array]:
        """{"mean", "std"} before the bounds, {"q": the lower critic's of the mean}."""
        mean, log_std = self.normal(task, params["actor"], seen)
        q = self.q(task, params["critic"], seen, jnp.tanh(mean)).min(axis=0)
        return {"mean": mean, "std": jnp.exp(log_std), "q": q}

    def act(
        self,
        task: OffPolicy,
        params: Any,
        seen: Any,
        legal: Any,
        noise: Any,
        hyper: Mapping[str, Any],
        progress: Any,
    ) -> jax.Array:
        """An action drawn from the policy."""
        mean, log_std = self.normal(task, params["actor"], seen)
        return jnp.tanh(mean + jnp.exp(log_std) * noise)

    def update(
        self,
        task: OffPolicy,
        learning: Learning,
        rows: Experience,
        key: jax.Array,
        hyper: Mapping[str, Any],
        clock: Any,
    ) -> tuple[Learning, dict[str, Any]]:
        """One update of the critics, one of the actor, one of log alpha."""
        first, second = jax.random.normal(key, (2, *rows.action.shape))
        alpha = hyper["alpha"] * jnp.exp(learning.params["temperature"])

        def drawn(actor: Any, seen: Any, noise: Any) -> tuple[jax.Array, jax.Array]:
            mean, log_std = self.normal(task, actor, seen)
            u = mean + jnp.exp(log_std) * noise
            return jnp.tanh(u), policies.log_squashed(u, mean, log_std)

        action, log_pi = drawn(learning.params["actor"], rows.after, first)
        after = self.q(task, learning.target, rows.after, action).min(axis=0)
        y = rows.reward + rows.discount * (after - alpha * log_pi)

        def critic_cost(params: Any) -> tuple[jax.Array, Any]:
            q = self.q(task, params["critic"], rows.observation, rows.action)
            return jnp.sum(jnp.mean((y[None] - q) ** 2, axis=1)), q

        def actor_cost(params: Any) -> tuple[jax.Array, Any]:
            action, log_pi = drawn(params["actor"], rows.observation, second)
            q = self.q(task, params["critic"], rows.observation, action).min(axis=0)
            return jnp.mean(alpha * log_pi - q), log_pi

        learning, loss, q = self.improved(learning, "critic", critic_cost, hyper, clock)
        learning, _, log_pi = self.improved(learning, "actor", actor_cost, hyper, clock)
        excess = jnp.mean(log_pi) - rows.action.shape[-1]  # log pi + target entropy

        def temperature_cost(params: Any) -> tuple[jax.Array, Any]:
            return -params["temperature"] * excess, None

        learning, _, _ = self.improved(learning, "temperature", temperature_cost, hyper, clock)
        target = jax.tree.map(
            lambda a, b: a + hyper["tau"] * (b - a), learning.target, learning.params["critic"]
        )
        learning = learning._replace(target=target)
        return learning, {"loss": loss, "q": jnp.mean(q), "alpha": alpha}
