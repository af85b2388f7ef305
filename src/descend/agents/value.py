"""Agents that act by Q(s, a), the value of each action: what DQN and PQN share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents.algorithm import Algorithm
from descend.agents.checks import Checked
from descend.agents.environment import Choice, Environment
from descend.agents.networks import network, outputs
from descend.agents.task import AgentTask
from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.train.rules import Adam

LEAST = -1e9  # the value of an action that is not legal


@dataclass(frozen=True)
class ValueBased(Algorithm):
    """A network puts out Q(s, .), a number for each action; the best is done, or sometimes any.

    It is the first of the lecture's two ways of putting an action into a network; the second, the
    action as an input, is that of DDPG's critic.
    """

    _contract = True

    hidden: tuple[Any, ...] = (64, 64)
    activation: str = "relu"
    normalize: bool = False
    optimizer: Any = Adam(1e-3)  # noqa: RUF009
    anneal: bool = True
    dueling: bool = False

    def make(self, *given: Any) -> AgentTask:
        """The kind of its task."""
        raise NotImplementedError

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """One network: a value for each action."""
        n = checked.actions.n
        heads = {"value": (1, 1.0), "advantage": (n, 1.0)} if self.dueling else {"q": (n, 1.0)}
        q = network(
            checked.observation,
            self.hidden,
            heads,
            activation=self.activation,
            normalize=self.normalize,
            name="q",
        )
        return {"q": q}

    def task(self, environment: Environment, steps: int, traced: Sequence[str] = ()) -> AgentTask:
        """The task of learning in an environment for so many steps."""
        task = self.make(self, environment, steps, tuple(traced))
        if not isinstance(task.actions, Choice):
            raise DescendError(
                f"{self.label} chooses among actions, and {environment.label} has {task.actions}; "
                "for actions that are numbers: DDPG, TD3, SAC, PPO"
            )
        return task

    def q(self, task: AgentTask, params: Any, seen: Any, legal: Any = None) -> jax.Array:
        """Q(s, .) of a batch of observations, (batch, n)."""
        heads = outputs(task.graphs["q"], params["q"], seen)
        if self.dueling:
            advantage = heads["advantage"]
            q = heads["value"] + advantage - advantage.mean(axis=-1, keepdims=True)
        else:
            q = heads["q"]
        return q if legal is None else jnp.where(legal, q, LEAST)

    def thoughts(self, task: AgentTask, params: Any, seen: Any) -> dict[str, jax.Array]:
        """{"q": Q(s, .)}, (batch, n)."""
        return {"q": self.q(task, params, seen)}

    # -- acting ---------------------------------------------------------------------------------

    def greedy(self, task: AgentTask, params: Any, seen: Any, legal: Any, key: Any) -> jax.Array:
        """The best action for one observation."""
        legal = None if legal is None else legal[None]
        return jnp.argmax(self.q(task, params, seen[None], legal), axis=-1)[0]

    def noise(self, task: AgentTask, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """Numbers in [0, 1): whether to explore, and one for each action."""
        return jax.random.uniform(key, (*shape, 1 + task.actions.n))

    def random(self, task: AgentTask, legal: Any, noise: jax.Array) -> jax.Array:
        """A legal action, evenly."""
        noise = noise[..., 1:]
        return jnp.argmax(noise if legal is None else jnp.where(legal, noise, -1.0), axis=-1)

    def act(
        self,
        task: AgentTask,
        params: Any,
        seen: Any,
        legal: Any,
        noise: Any,
        hyper: Mapping[str, Any],
        progress: Any,
    ) -> jax.Array:
        """The best action, or with probability epsilon any."""
        share = jnp.minimum(progress / hyper["exploring"], 1.0)
        epsilon = hyper["epsilon"] + share * (hyper["epsilon_end"] - hyper["epsilon"])
        best = jnp.argmax(self.q(task, params, seen, legal), axis=-1)
        return jnp.where(noise[..., 0] < epsilon, self.random(task, legal, noise), best)
