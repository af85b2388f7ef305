"""Act once, learn once: what DQN, DDPG, TD3 and SAC share.

A step: every one of `environments` copies is acted in once, the transitions are written into the
replay memory, and `updates` batches drawn from it each make one update. An epoch's luck (chance,
exploration, new episodes, which rows) is drawn at its head for all of its steps at once.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.environment import Environment
from descend.agents.replay import Experience, Frames, Replay
from descend.agents.task import AgentTask
from descend.agents.walking import Episodes, Place, Transition, advance, begun
from descend.errors import DescendError
from descend.train.engine.feeds import Steps
from descend.train.engine.task import Batch, Logs


class Learning(NamedTuple):
    """What an update changes."""

    params: Any
    target: Any  # slow copies of some networks
    optimizer: Any  # {rule: memory}, or the memory of the only one


class Luck(NamedTuple):
    """Chance of one step: noise for exploring, keys of the environments, new episodes, rows."""

    explore: Any  # in [0, 1), (environments, ...)
    key: jax.Array  # (environments,)
    fresh: Any  # states that episodes begin in, (environments, ...)
    rows: jax.Array  # in [0, 1), (updates, batch)
    update: jax.Array  # keys of the updates, (updates,)


class OffPolicyState(NamedTuple):
    """The state of a run.

    recent: the last n transitions of each environment, which an n-step return is made of.
    written: transitions in the replay so far.
    """

    params: Any
    target: Any
    optimizer: Any
    replay: Any
    recent: Transition
    written: jax.Array
    places: Place
    key: jax.Array
    hyper: dict[str, jax.Array]
    steps: jax.Array


class OffPolicy(AgentTask):
    """A task that learns from a replay memory; the algorithm writes `act` and `update`."""

    scratch = ("replay",)

    @functools.cached_property
    def sizes(self) -> tuple[int, int, int]:
        """(steps at random before learning, steps of learning, rows of the replay), in rounds of
        one step in each environment."""
        a, n = self.algorithm, self.algorithm.environments
        first = max(-(-a.warmup // n), -(-a.batch // n), 1) + a.lookahead - 1
        capacity = max(min(a.capacity, self.budget) // n, first)
        return first, max(self.budget // n - first, 0), capacity * n

    @functools.cached_property
    def passing(self) -> Transition:
        """The shapes of a transition."""
        environment = self.environment

        def one(key: jax.Array) -> Transition:
            state = environment.reset(key)
            return advance(environment, begun(state), self.actions.draw(key), key, state)[1]

        return jax.eval_shape(one, jax.eval_shape(lambda: jax.random.key(0)))

    @functools.cached_property
    def replay(self) -> Replay:
        """How experience is packed."""
        one = jax.tree.map(lambda s: jax.ShapeDtypeStruct((1, *s.shape), s.dtype), self.passing)
        row = jax.eval_shape(returned, one, 1.0)
        if self.environment.frames > 1 and self.algorithm.lookahead == 1:
            return Frames(row, self.sizes[2], self.algorithm.environments)
        return Replay(row, self.sizes[2])

    # -- state ----------------------------------------------------------------------------------

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> OffPolicyState:
        """Draw the weights, and fill the replay by acting at random."""
        draw, first, walk, key = jax.random.split(key, 4)
        numbers = self.numbers(hyper)
        environment = self.place_of(numbers)
        places = self.beginnings(environment, first, self.algorithm.environments)
        state = self.blank(draw, places, key, numbers)
        luck = self._luck(environment, walk, self.sizes[0], updates=0)

        def one(state: OffPolicyState, luck: Luck) -> tuple[OffPolicyState, None]:
            return self._walk(environment, state, luck, random=True)[0], None

        return jax.lax.scan(one, state, luck)[0]

    def blank(
        self, draw: jax.Array, places: Any, key: jax.Array, numbers: dict[str, jax.Array]
    ) -> OffPolicyState:
        """A run that begins: weights drawn, an empty replay."""
        a, count = self.algorithm, self.algorithm.environments
        params = self.draw(draw)
        recent = jax.tree.map(
            lambda s: jnp.zeros((a.lookahead, count, *s.shape), s.dtype), self.passing
        )
        return OffPolicyState(
            params,
            a.targets(params),
            a.memories(params, numbers),
            self.replay.empty(),
            recent,
            # what a window of n steps holds is whole from the n-th step on
            jnp.int32(-(a.lookahead - 1) * count),
            places,
            key,
            numbers,
            jnp.zeros((), jnp.int32),
        )

    def feed(self, evaluations: int) -> tuple[Steps, int]:
        """Epochs of equally many rounds; the budget is not exceeded."""
        rounds = self.sizes[1]
        if rounds < 1:
            raise DescendError(
                f"{self.budget:,} steps are not enough: {self.algorithm.label} makes "
                f"{self.sizes[0] * self.algorithm.environments:,} at random before it learns "
                "(warmup)"
            )
        self.evaluations = epochs = min(evaluations, rounds)
        self.per_epoch = rounds // epochs
        return Steps(self.per_epoch), epochs

    def steps_after(self, epochs: int) -> int:
        """Steps of the environment that are behind so many epochs of `feed`."""
        rounds = self.sizes[0] + epochs * self.per_epoch
        return rounds * self.algorithm.environments

    # -- its own data ---------------------------------------------------------------------------

    def collect(self, state: OffPolicyState, steps: int) -> tuple[OffPolicyState, Luck]:
        """Draw the luck of so many steps."""
        luck, key = jax.random.split(state.key)
        environment = self.place_of(state.hyper)
        drawn = self._luck(environment, luck, steps, self.algorithm.updates)
        return state._replace(key=key), drawn

    def _luck(self, environment: Environment, key: jax.Array, steps: int, updates: int) -> Luck:
        explore, chance, fresh, rows, update = jax.random.split(key, 5)
        a, count = self.algorithm, self.algorithm.environments
        resets = jax.random.split(fresh, (steps, count))
        return Luck(
            a.noise(self, explore, (steps, count)),
            jax.random.split(chance, (steps, count)),
            jax.vmap(jax.vmap(environment.reset))(resets),
            jax.random.uniform(rows, (steps, updates, a.batch)),
            jax.random.split(update, (steps, updates)),
        )

    # -- one step -------------------------------------------------------------------------------

    def step(self, state: OffPolicyState, batch: Batch) -> tuple[OffPolicyState, Logs]:
        """Act in every environment, write, and make the updates."""
        luck = batch.data
        state, episodes = self._walk(self.place_of(state.hyper), state, luck)
        state, logs = self.learned(state, luck.rows, luck.update)
        return state, {**logs, **episodes.logs()}

    def learned(
        self, state: OffPolicyState, luck: jax.Array, keys: jax.Array
    ) -> tuple[OffPolicyState, Logs]:
        """The updates of one step, on rows of the replay that numbers in [0, 1) choose."""
        a = self.algorithm
        rows = self.replay.rows(luck, state.written)
        passed = self.replay.read(state.replay, rows)  # (updates, batch, ...)
        clock = state.steps * a.updates + jnp.arange(a.updates)
        hyper = a.annealed(state.hyper, self.progress(state))

        def one(learning: Learning, given: Any) -> tuple[Learning, dict[str, Any]]:
            rows, key, clock = given
            return a.update(self, learning, rows, key, hyper, clock)

        learning = Learning(state.params, state.target, state.optimizer)
        learning, logs = jax.lax.scan(one, learning, (passed, keys, clock))
        state = state._replace(**learning._asdict(), steps=state.steps + 1)
        weight = jnp.asarray(float(a.updates))
        return state, {n: (jnp.sum(v), weight) for n, v in logs.items()}

    def progress(self, state: Any) -> jax.Array:
        """Share of the budget that is used, 0 to 1."""
        return state.steps / max(self.sizes[1], 1)

    def _walk(
        self, environment: Environment, state: OffPolicyState, luck: Luck, random: bool = False
    ) -> tuple[OffPolicyState, Episodes]:
        """One step in every environment, and the transition n steps back into the replay."""
        a, places = self.algorithm, state.places
        seen = jax.vmap(environment.observe)(places.state)
        legal = jax.vmap(environment.legal)(places.state)
        if random:
            action = a.random(self, legal, luck.explore)
        else:
            action = a.act(
                self,
                state.params,
                seen,
                legal,
                luck.explore,
                state.hyper,
                self.progress(state),
            )
        steps = places.steps
        places, passed, episodes = jax.vmap(advance, (None, 0, 0, 0, 0))(
            environment, places, a.within(self, action), luck.key, luck.fresh
        )
        state = self.remembered(state, passed._replace(action=action), steps)
        return state._replace(places=places), jax.tree.map(jnp.sum, episodes)

    def remembered(self, state: OffPolicyState, passed: Transition, steps: Any) -> OffPolicyState:
        """One step of every environment in the window, the one n steps back in the replay.

        Args:
            passed: the transitions.
            steps: steps that were behind in each episode before them.
        """
        recent = jax.tree.map(
            lambda old, new: jnp.concatenate([old[1:], new[None]]), state.recent, passed
        )
        row = returned(recent, state.hyper["gamma"])
        replay = self.replay.write(state.replay, jnp.maximum(state.written, 0), row, steps)
        written = state.written + self.algorithm.environments
        return state._replace(replay=replay, recent=recent, written=written)


def returned(recent: Transition, gamma: Any) -> Experience:
    """The experience that begins n steps ago, of the last n transitions (n, ...).

    The sum ends with the episode, and what is bootstrapped from is what its last step led to.
    """
    reward, power = recent.reward[0], jnp.ones_like(recent.reward[0])
    going = ~recent.ended[0]  # whether the next step belongs to the same episode
    last = jnp.zeros(reward.shape, jnp.int32)
    for j in range(1, len(recent.reward)):
        power = jnp.where(going, power * gamma, power)
        reward = reward + jnp.where(going, power * recent.reward[j], 0.0)
        last = jnp.where(going, j, last)
        going = going & ~recent.ended[j]

    def of_last(a: jax.Array) -> jax.Array:
        at = last.reshape(1, *last.shape, *(1,) * (a.ndim - 1 - last.ndim))
        return jnp.take_along_axis(a, at, axis=0)[0]

    after, legal, terminated = jax.tree.map(
        of_last, (recent.after, recent.legal, recent.terminated)
    )
    return Experience(
        jax.tree.map(lambda a: a[0], recent.observation),
        recent.action[0],
        reward,
        after,
        legal,
        jnp.where(terminated, 0.0, power * gamma),
    )
