"""Walk, then learn: what REINFORCE, the actor-critic, PPO and PQN share.

A round: every one of `environments` copies is walked through for `walk` steps with the present
policy, what is to be learned is made of what was gained, and the steps are dealt into batches
`passes` times. A batch is one update. What was walked is used in that round only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.task import AgentTask
from descend.agents.walking import Episodes, Place, Transition, advance
from descend.errors import DescendError
from descend.train.engine.feeds import Steps
from descend.train.engine.task import Batch, Logs


class Walked(NamedTuple):
    """Steps of a walk, arrays (walk, environments, ...).

    passed: the transitions; their actions as the policy drew them.
    legal: what was legal where it acted (None: all).
    chance: logarithm of the probability with which the action was drawn.
    real: 1, and 0 behind the end of an episode where a walk is one episode.
    """

    passed: Transition
    legal: Any
    chance: jax.Array
    real: jax.Array


class OnPolicyState(NamedTuple):
    """The state of a run."""

    params: Any
    optimizer: Any
    places: Place
    key: jax.Array
    hyper: dict[str, jax.Array]
    steps: jax.Array  # updates made


class OnPolicy(AgentTask):
    """A task that learns from its own walks; the algorithm writes the policy and the cost."""

    @functools.cached_property
    def walk(self) -> int:
        """Steps of a walk: the algorithm's, or as many as an episode may have."""
        return self.algorithm.walk or self.environment.limit

    @property
    def round(self) -> int:
        """Steps of a round in all environments."""
        return self.walk * self.algorithm.environments

    @functools.cached_property
    def rounds(self) -> int:
        """Rounds that the budget is enough for."""
        return self.budget // self.round

    @functools.cached_property
    def per_round(self) -> int:
        """Updates of a round."""
        a = self.algorithm
        return a.passes * (max(self.round // a.batch, 1) if a.batch else 1)

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> OnPolicyState:
        """Draw the weights and begin an episode in every environment."""
        draw, first, key = jax.random.split(key, 3)
        numbers, params = self.numbers(hyper), self.draw(draw)
        places = self.beginnings(self.place_of(numbers), first, self.algorithm.environments)
        memory = self.algorithm.memories(params, numbers)
        return OnPolicyState(params, memory, places, key, numbers, jnp.zeros((), jnp.int32))

    def feed(self, evaluations: int) -> tuple[Steps, int]:
        """Epochs of equally many walks; the budget is not exceeded."""
        if self.rounds < 1:
            raise DescendError(
                f"{self.budget:,} steps are not enough: a round of {self.algorithm.label} takes "
                f"{self.round:,} (steps of a walk x environments)"
            )
        self.evaluations = epochs = min(evaluations, self.rounds)
        self.per_epoch = self.rounds // epochs
        return Steps(self.per_epoch * self.per_round, each=self.per_round), epochs

    def steps_after(self, epochs: int) -> int:
        """Steps of the environment that are behind so many epochs of `feed`."""
        return epochs * self.per_epoch * self.round

    def progress(self, state: Any) -> jax.Array:
        """Share of the budget that is used, 0 to 1."""
        return state.steps / max(self.rounds * self.per_round, 1)

    # -- its own data ---------------------------------------------------------------------------

    def collect(self, state: OnPolicyState, steps: int) -> tuple[OnPolicyState, Any]:
        """Walk; return the batches of `steps` updates, and what ended on the way."""
        walk_key, deal, key = jax.random.split(state.key, 3)
        places, walked, episodes = self._walk(state, walk_key)
        batches = self.dealt(state, walked, episodes, deal)
        return state._replace(places=places, key=key), batches

    def dealt(
        self, state: OnPolicyState, walked: Any, episodes: Any, key: jax.Array
    ) -> tuple[Any, Any]:
        """What a walk teaches, as the batches of its updates, (updates, batch, ...)."""
        a = self.algorithm
        lessons = a.lessons(self, state.params, walked, state.hyper)
        rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), lessons)
        size = min(a.batch or self.round, self.round)
        each = self.round // size
        luck = jax.random.uniform(key, (a.passes, self.round))
        order = jnp.argsort(luck, axis=1)[:, : each * size].reshape(self.per_round, size)
        batches = jax.tree.map(lambda x: x[order], rows)
        # the first batch of a round says what ended in it
        first = jnp.zeros(self.per_round).at[0].set(1.0)
        return batches, jax.tree.map(lambda x: first * x, episodes)

    def _walk(self, state: OnPolicyState, key: jax.Array) -> tuple[Place, Walked, Episodes]:
        a, environment = self.algorithm, self.place_of(state.hyper)
        shape = (self.walk, a.environments)
        act, chance, fresh, first = jax.random.split(key, 4)
        act, chance, fresh = (jax.random.split(k, shape) for k in (act, chance, fresh))
        resets = jax.vmap(jax.vmap(environment.reset))(fresh)
        whole = not a.walk  # a walk is one episode
        places = state.places
        if whole:
            places = self.beginnings(environment, first, a.environments)
        progress = self.progress(state)

        def one(carry: Any, luck: Any) -> tuple[Any, Any]:
            places, real = carry
            act, chance, fresh = luck
            seen = jax.vmap(environment.observe)(places.state)
            legal = jax.vmap(environment.legal)(places.state)
            action, log_chance = a.drawn(
                self, state.params, seen, legal, act, state.hyper, progress
            )
            places, passed, episodes = jax.vmap(advance, (None, 0, 0, 0, 0))(
                environment, places, a.within(self, action), chance, fresh
            )
            walked = Walked(passed._replace(action=action), legal, log_chance, real)
            ended = jax.tree.map(lambda x: jnp.sum(x * real), episodes)
            if whole:
                real = real * ~passed.ended
            return (places, real), (walked, ended)

        real = jnp.ones(a.environments)
        (places, _), (walked, ended) = jax.lax.scan(one, (places, real), (act, chance, resets))
        return places, walked, jax.tree.map(jnp.sum, ended)

    # -- one update -----------------------------------------------------------------------------

    def step(self, state: OnPolicyState, batch: Batch) -> tuple[OnPolicyState, Logs]:
        """One update."""
        rows, ended = batch.data
        a = self.algorithm
        hyper = a.annealed(state.hyper, self.progress(state))
        loss, logs, params, memory = self.rules[""].update(
            lambda params: a.cost(self, params, rows, hyper),
            state.params,
            state.optimizer,
            hyper,
            state.steps,
        )
        state = state._replace(params=params, optimizer=memory, steps=state.steps + 1)
        return state, {"loss": (loss, 1.0)} | {n: (v, 1.0) for n, v in logs.items()} | ended.logs()
