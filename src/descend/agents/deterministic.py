"""DDPG and TD3: a policy mu(s) that follows the gradient of its critic Q(s, mu(s)).

The actor puts a number between -1 and 1 for each entry of an action; the critic sees the action
beside the state, the second of the lecture's two ways of putting an action into a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents.algorithm import Algorithm
from descend.agents.checks import Checked
from descend.agents.environment import Box, Environment
from descend.agents.networks import network, outputs
from descend.agents.off_policy import Learning, OffPolicy
from descend.agents.replay import Experience
from descend.agents.settings import holding
from descend.agents.task import AgentTask
from descend.agents.tasks import off_policy
from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.statement import parameter
from descend.train import rules as update_rules
from descend.train.engine.task import scoped
from descend.train.rules import Adam, Optimizer


@dataclass(frozen=True)
class OffPolicyActorCritic(Algorithm):
    """What DDPG, TD3 and SAC share: an actor, critics of (state, action), slow copies of both."""

    _contract = True

    hidden: tuple[Any, ...] = (64, 64)
    actor: Any = Adam(1e-3)  # noqa: RUF009
    critic: Any = Adam(1e-3)  # noqa: RUF009

    def rules(self) -> dict[str, Optimizer]:
        """A rule for the actor, one for the critics."""
        return {"actor": update_rules.get(self.actor), "critic": update_rules.get(self.critic)}

    def task(self, environment: Environment, steps: int, traced: Sequence[str] = ()) -> OffPolicy:
        """The task of learning in an environment for so many steps."""
        task = off_policy(self, environment, steps, tuple(traced))
        if not isinstance(task.actions, Box):
            raise DescendError(
                f"{self.label} acts by numbers, and {environment.label} has {task.actions}; "
                "for a choice among actions: DQN, PPO"
            )
        return task

    def networks(
        self, checked: Checked, heads: Mapping[str, tuple[int, float]], critics: int
    ) -> dict[str, Graph]:
        """The actor with its heads, and a critic with so many values."""
        shape, n = checked.observation, checked.actions.shape[0]
        graphs = {"actor": network(shape, self.hidden, heads, name="actor")}
        for name in [f"critic{i + 1}" for i in range(critics)]:
            graphs[name] = network(shape, self.hidden, {"q": (1, 1.0)}, beside=n, name=name)
        return graphs

    def draw(self, task: AgentTask, key: jax.Array) -> dict[str, Any]:
        """Weights: {"actor": ..., "critic": {"critic1": ...}}."""
        params = super().draw(task, key)
        return {"actor": params.pop("actor"), "critic": params}

    def weights_of(self, params: Any, name: str) -> Any:
        """The weights of one network, {layer: {array}}."""
        return params["actor"] if name == "actor" else params["critic"][name]

    def q(self, task: OffPolicy, critic: Any, seen: Any, action: Any) -> jax.Array:
        """Every critic's Q(s, a), (critics, batch)."""
        values = [
            outputs(task.graphs[name], params, seen, action)["q"][:, 0]
            for name, params in critic.items()
        ]
        return jnp.stack(values)

    def targets(self, params: Any) -> Any:
        """Slow copies of actor and critics."""
        return params

    def noise(self, task: OffPolicy, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """A standard normal number for each entry of an action."""
        return jax.random.normal(key, (*shape, *task.actions.shape))

    def random(self, task: OffPolicy, legal: Any, noise: jax.Array) -> jax.Array:
        """Any action, evenly: the normal's distribution function of its own numbers."""
        return 2 * jax.scipy.stats.norm.cdf(noise) - 1

    def shared_deviations(self) -> dict[str, bool]:
        """In what DDPG, TD3 and SAC may differ alike from their papers."""
        a: Any = self
        return {
            f"Hidden layers {', '.join(map(str, self.hidden))}; the paper's are wider (256 to "
            "400 units).": all(isinstance(h, int) and h < 256 for h in self.hidden),
            f"{a.capacity:,} rows of replay; the paper has 1,000,000.": a.capacity < 1_000_000,
            f"Returns of {a.lookahead} steps; the paper has one.": a.lookahead > 1,
            f"{a.environments} environments side by side and {a.updates} updates for a step in "
            "each; the paper has one and one.": (a.environments, a.updates) != (1, 1),
            "The rates fall to zero over the steps; the paper's are constant.": self.anneal,
        }

    def improved(
        self, learning: Learning, name: str, cost: Any, hyper: Mapping[str, Any], clock: Any
    ) -> tuple[Learning, jax.Array, Any]:
        """One update of one network by its rule: what was learned, the cost, anything else."""
        loss, rest, params, memory = self.rules()[name].update(
            lambda own: cost({**learning.params, name: own}),
            learning.params[name],
            learning.optimizer[name],
            scoped(hyper, name),
            clock,
        )
        learning = learning._replace(
            params={**learning.params, name: params},
            optimizer={**learning.optimizer, name: memory},
        )
        return learning, loss, rest

    def followed(self, learning: Learning, hyper: Mapping[str, Any]) -> Learning:
        """The slow copies a step of tau towards the networks."""
        target = jax.tree.map(
            lambda a, b: a + hyper["tau"] * (b - a), learning.target, learning.params
        )
        return learning._replace(target=target)


@dataclass(frozen=True)
class DDPG(OffPolicyActorCritic):
    """A policy mu(s) and its critic; noise is added to what it does.

        y = r + gamma Q'(s', mu'(s'))       J_critic = mean (y - Q(s, a))^2
                                            J_actor  = -mean Q(s, mu(s))

    mu' and Q' are slow copies, moved by tau a step.

    Args:
        hidden: units of the hidden layers, or layers.
        actor, critic: update rules.
        anneal: whether the rates fall to zero over the budget.
        gamma: discount factor; None: the environment's, or 0.99 where it states none.
        tau: step of the slow copies.
        noise_size: standard deviation of the noise, half of the bounds' distance being 1.
        lookahead: steps n of an n-step return.
        environments: environments side by side.
        updates: updates after a step in each environment.
        batch: rows of an update.
        capacity: rows of the replay memory.
        warmup: steps at random before learning.

    Raises:
        DescendError: a value out of range; an environment whose actions are a choice.

    Source: scheidegger-2020, "Discrete & continuous actions", notebook 06; Lillicrap et al. 2016.

    Example:
        >>> from descend.agents import DDPG, make
        >>> sorted(DDPG().task(make("pendulum"), 20_000).graphs)
        ['actor', 'critic1']
    """

    tau: float = parameter(0.005, above=0, most=1, doc="step of the slow copies")
    noise_size: float = parameter(0.1, least=0, doc="standard deviation of the noise")
    lookahead: int = parameter(1, least=1, doc="steps n of an n-step return")
    environments: int = parameter(1, least=1, doc="environments side by side")
    updates: int = parameter(1, least=1, doc="updates after a step in each environment")
    batch: int = parameter(64, least=1, doc="rows of an update")
    capacity: int = parameter(100_000, least=1, doc="rows of the replay memory")
    warmup: int = parameter(1000, least=1, doc="steps at random before learning")

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Lillicrap et al. 2016."""
        return holding(
            {
                f"The noise is a normal of deviation {self.noise_size:g}, anew at each step; the "
                "paper's (Ornstein-Uhlenbeck) wanders.": True,
                "The critic sees the action from its first layer on; the paper's from the second "
                "one on.": True,
                "No batch normalisation, and no decay of the critic's weights.": True,
                f"The slow copies move by {self.tau:g}; the paper's by .001.": self.tau != 0.001,
                "The actor's rate is another than the paper's 1e-4.": (
                    self.rules()["actor"].numbers().get("learning_rate") != 1e-4
                ),
            }
            | self.shared_deviations()
        )

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """The actor and one critic."""
        return self.networks(checked, {"mean": (checked.actions.shape[0], 0.01)}, 1)

    def mean(self, task: OffPolicy, actor: Any, seen: Any) -> jax.Array:
        """mu(s), (batch, entries), in -1 to 1."""
        return jnp.tanh(outputs(task.graphs["actor"], actor, seen)["mean"])

    def greedy(self, task: OffPolicy, params: Any, seen: Any, legal: Any, key: Any) -> jax.Array:
        """mu(s) for one observation."""
        return self.within(task, self.mean(task, params["actor"], seen[None])[0])

    def thoughts(self, task: OffPolicy, params: Any, seen: Any) -> dict[str, jax.Array]:
        """{"q": the lowest critic's Q(s, mu(s))}, (batch,)."""
        mean = self.mean(task, params["actor"], seen)
        return {"q": self.q(task, params["critic"], seen, mean).min(axis=0)}

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
        """mu(s) and noise, cut at the bounds."""
        mean = self.mean(task, params["actor"], seen)
        return jnp.clip(mean + hyper["noise_size"] * noise, -1, 1)

    def update(
        self,
        task: OffPolicy,
        learning: Learning,
        rows: Experience,
        key: jax.Array,
        hyper: Mapping[str, Any],
        clock: Any,
    ) -> tuple[Learning, dict[str, Any]]:
        """One update of the critic, then one of the actor."""
        target = learning.target
        action = self.mean(task, target["actor"], rows.after)
        y = rows.reward + rows.discount * self.q(task, target["critic"], rows.after, action)[0]

        def critic_cost(params: Any) -> tuple[jax.Array, Any]:
            q = self.q(task, params["critic"], rows.observation, rows.action)[0]
            return jnp.mean((y - q) ** 2), q

        def actor_cost(params: Any) -> tuple[jax.Array, Any]:
            action = self.mean(task, params["actor"], rows.observation)
            return -jnp.mean(self.q(task, params["critic"], rows.observation, action)[0]), None

        learning, loss, q = self.improved(learning, "critic", critic_cost, hyper, clock)
        learning, _, _ = self.improved(learning, "actor", actor_cost, hyper, clock)
        return self.followed(learning, hyper), {"loss": loss, "q": jnp.mean(q)}


@dataclass(frozen=True)
class TD3(DDPG):
    """DDPG with the lower of two critics, a smoothed target and an actor that moves less often.

        a' = mu'(s') + noise, cut       y = r + gamma min_i Q'_i(s', a')

    Args:
        smoothing: standard deviation of the target's noise, half of the bounds' distance being 1.
        cut: largest such noise.
        delay: updates of the critics for one of the actor.

    The other arguments are DDPG's.

    Raises:
        DescendError: a value out of range; an environment whose actions are a choice.

    Source: Fujimoto et al. 2018.

    Example:
        >>> from descend.agents import TD3, make
        >>> sorted(TD3().task(make("pendulum"), 20_000).graphs)
        ['actor', 'critic1', 'critic2']
    """

    smoothing: float = parameter(0.2, least=0, doc="standard deviation of the target's noise")
    cut: float = parameter(0.5, least=0, doc="largest noise of the target")
    delay: int = parameter(2, least=1, doc="updates of the critics for one of the actor")

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Fujimoto et al. 2018."""
        return holding(
            {
                f"Batches of {self.batch}; the paper's have 100 rows.": self.batch != 100,
                f"Noise of deviation {self.noise_size:g} while acting; the paper's is .1.": (
                    self.noise_size != 0.1
                ),
            }
            | self.shared_deviations()
        )

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """The actor and two critics."""
        return self.networks(checked, {"mean": (checked.actions.shape[0], 0.01)}, 2)

    def update(
        self,
        task: OffPolicy,
        learning: Learning,
        rows: Experience,
        key: jax.Array,
        hyper: Mapping[str, Any],
        clock: Any,
    ) -> tuple[Learning, dict[str, Any]]:
        """One update of the critics; every `delay`-th time one of the actor."""
        target = learning.target
        noise = hyper["smoothing"] * jax.random.normal(key, rows.action.shape)
        noise = jnp.clip(noise, -hyper["cut"], hyper["cut"])
        action = jnp.clip(self.mean(task, target["actor"], rows.after) + noise, -1, 1)
        after = self.q(task, target["critic"], rows.after, action).min(axis=0)
        y = rows.reward + rows.discount * after

        def critic_cost(params: Any) -> tuple[jax.Array, Any]:
            q = self.q(task, params["critic"], rows.observation, rows.action)
            return jnp.sum(jnp.mean((y[None] - q) ** 2, axis=1)), q

        def actor_cost(params: Any) -> tuple[jax.Array, Any]:
            action = self.mean(task, params["actor"], rows.observation)
            return -jnp.mean(self.q(task, params["critic"], rows.observation, action)[0]), None

        learning, loss, q = self.improved(learning, "critic", critic_cost, hyper, clock)
        moved, _, _ = self.improved(learning, "actor", actor_cost, hyper, clock // self.delay)
        moved = self.followed(moved, hyper)
        due = clock % self.delay == 0
        learning = jax.tree.map(lambda a, b: jnp.where(due, a, b), moved, learning)
        return learning, {"loss": loss, "q": jnp.mean(q)}
