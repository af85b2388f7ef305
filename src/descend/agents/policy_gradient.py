"""Policies that are trained by their own gradient: REINFORCE, the actor-critic, PPO.

The slide's line is grad J = E[ A grad log pi(a | s) ]; the three differ in what stands for A and in
how often a walk is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents import policies
from descend.agents.algorithm import Algorithm
from descend.agents.checks import Checked
from descend.agents.environment import Choice, Environment
from descend.agents.networks import network, outputs
from descend.agents.on_policy import OnPolicy, Walked
from descend.agents.task import AgentTask
from descend.agents.tasks import on_policy
from descend.nn.graph import Graph
from descend.train.rules import Adam


@dataclass(frozen=True)
class PolicyGradient(Algorithm):
    """What the three share: a softmax or a normal policy, and a critic beside it."""

    _contract = True

    hidden: tuple[Any, ...] = (64, 64)
    activation: str = "tanh"
    optimizer: Any = Adam(1e-3, global_clipnorm=0.5)  # noqa: RUF009
    anneal: bool = True

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """The actor: logits, or means and log standard deviations; and the critic: a value."""
        actions, a = checked.actions, self
        discrete = isinstance(actions, Choice)
        n = actions.n if discrete else actions.shape[0]
        heads = {"logits": (n, 0.01)} if discrete else {"mean": (n, 0.01), "log_std": (n, 0.01)}
        shape = checked.observation
        options: Any = {"activation": a.activation}
        return {
            "actor": network(shape, a.hidden, heads, name="actor", **options),
            "critic": network(shape, a.hidden, {"value": (1, 1.0)}, name="critic", **options),
        }

    def task(self, environment: Environment, steps: int, traced: Sequence[str] = ()) -> OnPolicy:
        """The task of learning in an environment for so many steps."""
        return on_policy(self, environment, steps, tuple(traced))

    def thoughts(self, task: OnPolicy, params: Any, seen: Any) -> dict[str, jax.Array]:
        """{"probability": pi(. | s)} or {"mean", "std"} before the bounds, and {"value": V(s)}."""
        heads = outputs(task.graphs["actor"], params["actor"], seen)
        value = {"value": self.value(task, params, seen)}
        if isinstance(task.actions, Choice):
            return {"probability": jax.nn.softmax(heads["logits"], axis=-1)} | value
        return {"mean": heads["mean"], "std": jnp.exp(self.log_std(heads))} | value

    # -- acting ---------------------------------------------------------------------------------

    def greedy(self, task: OnPolicy, params: Any, seen: Any, legal: Any, key: Any) -> jax.Array:
        """The most likely action for one observation; of a normal policy its mean."""
        heads = outputs(task.graphs["actor"], params["actor"], seen[None])
        if isinstance(task.actions, Choice):
            legal = None if legal is None else legal[None]
            return jnp.argmax(policies.softmax_logits(heads["logits"], legal), axis=-1)[0]
        return self.within(task, heads["mean"][0])

    def within(self, task: AgentTask, action: jax.Array) -> jax.Array:
        """The action that the environment is given."""
        if isinstance(task.actions, Choice):
            return action
        return task.actions.within(jnp.tanh(action))

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
        """Actions drawn from the policy, (batch, ...), and their log pi, (batch,).

        Numbers are returned before tanh, where their density does not overflow.
        """
        heads = outputs(task.graphs["actor"], params["actor"], seen)
        if isinstance(task.actions, Choice):
            return policies.choose(policies.softmax_logits(heads["logits"], legal), keys)
        log_std = self.log_std(heads)
        u = policies.draw_normal(heads["mean"], log_std, keys)
        return u, policies.log_squashed(u, heads["mean"], log_std)

    def log_std(self, heads: Mapping[str, jax.Array]) -> jax.Array:
        """log sigma(s), kept between e^-5 and e^2."""
        return jnp.clip(heads["log_std"], -5.0, 2.0)

    def chance(self, task: OnPolicy, params: Any, rows: Lesson) -> tuple[jax.Array, jax.Array]:
        """log pi of the actions of a batch, (batch,), and the policy's entropy there, (batch,)."""
        heads = outputs(task.graphs["actor"], params["actor"], rows.observation)
        if isinstance(task.actions, Choice):
            log_pi = policies.softmax_logits(heads["logits"], rows.legal)
            return policies.log_of(log_pi, rows.action), policies.entropy(log_pi)
        log_std = self.log_std(heads)
        log_pi = policies.log_squashed(rows.action, heads["mean"], log_std)
        return log_pi, jnp.sum(log_std + 0.5 * (policies.LOG_2PI + 1), axis=-1)

    # -- what is learned ------------------------------------------------------------------------

    def value(self, task: OnPolicy, params: Any, seen: Any) -> jax.Array:
        """V(s) of observations (..., *shape)."""
        shape = task.checked.observation
        flat = seen.reshape(-1, *shape)
        value = outputs(task.graphs["critic"], params["critic"], flat)["value"]
        return value.reshape(seen.shape[: seen.ndim - len(shape)])

    def lessons(
        self, task: OnPolicy, params: Any, walked: Walked, hyper: Mapping[str, Any]
    ) -> Lesson:
        """Advantages by the critic; see `advantages`."""
        passed = walked.passed
        value = self.value(task, params, passed.observation)
        after = jnp.where(passed.terminated, 0.0, self.value(task, params, passed.after))
        gain = advantages(
            passed.reward, value, after, passed.ended, hyper["gamma"], hyper["lambda_"]
        )
        return Lesson(
            passed.observation,
            passed.action,
            walked.legal,
            walked.chance,
            gain,
            gain + value,
            walked.real,
        )


class Lesson(NamedTuple):
    """What a step teaches, (walk, environments, ...), or (batch, ...).

    chance: log pi with which the action was drawn; returned: what V(s) should have been; real: 0
    where the step does not count.
    """

    observation: Any
    action: Any
    legal: Any
    chance: Any
    advantage: Any
    returned: Any
    real: Any

    def mean(self, values: jax.Array) -> jax.Array:
        """The mean over the steps that count."""
        return jnp.sum(values * self.real) / jnp.maximum(jnp.sum(self.real), 1.0)


def advantages(
    reward: Any, value: Any, after: Any, ended: Any, gamma: Any, lambda_: Any
) -> jax.Array:
    """A_t = d_t + gamma lambda A_(t+1), d_t = r_t + gamma V(s_(t+1)) - V(s_t).

    The sum ends where an episode does; one that was cut short counts the value of where it was cut.

    Args:
        reward, value, after, ended: (walk, environments); `after` is the value of the observation
            that a step led to, 0 if the episode was terminated there.
        gamma, lambda_: numbers.

    Source: Schulman et al. 2016, Generalized Advantage Estimation.
    """
    error = reward + gamma * after - value
    keep = gamma * lambda_ * ~ended

    def one(later: jax.Array, given: Any) -> tuple[jax.Array, jax.Array]:
        error, keep = given
        now = error + keep * later
        return now, now

    return jax.lax.scan(one, jnp.zeros_like(error[0]), (error, keep), reverse=True)[1]
