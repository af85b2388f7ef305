"""Where episodes end, against a loop of Python's own over an environment that counts."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Choice, Environment, parameter
from descend.agents.walking import Episodes, advance, begin, begun, play
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Task

KEY = jax.random.key(0)


@dataclass(frozen=True)
class Counting(Environment):
    """Counts up by 1 + action from where it began; a reward is what it counted up from."""

    end: int = parameter(5, least=1)
    begins: int = parameter(0, least=0)
    limit: int = parameter(4, least=1)

    actions = Choice(3)

    def reset(self, key):
        return jnp.int32(self.begins)

    def step(self, state, action, key):
        to = state + 1 + action
        return to, state.astype(float), to >= self.end

    def observe(self, state):
        return jnp.stack([state, 10 * state]).astype(float)

    def legal(self, state):
        return jnp.arange(3) <= state


@dataclass(frozen=True)
class Chancy(Environment):
    """A random walk whose rewards are drawn; beyond its end nothing is a number."""

    limit: int = parameter(30, least=1)

    actions = Choice(2)

    def reset(self, key):
        return jax.random.uniform(key)

    def step(self, state, action, key):
        to = state + jax.random.uniform(key, minval=0.0, maxval=0.5) + 0.1 * action
        reward = jnp.where(state > 3, jnp.nan, to)
        return jnp.where(state > 3, jnp.nan, to), reward, to > 3

    def observe(self, state):
        return state[None]


def loop(env, actions, first):
    """What `advance` should hand back, step by step: `first` is where later episodes begin."""
    state, steps, total, rows = env.begins, 0, 0.0, []
    for action in actions:
        to = state + 1 + action
        steps, total = steps + 1, total + state
        terminated = to >= env.end
        ended = terminated or steps == env.limit
        rows.append((state, action, state, to, terminated, ended, total if ended else 0.0))
        state = to
        if ended:
            state, steps, total = first, 0, 0.0
    return rows, (state, steps, total)


@functools.cache
def walker(env, first):
    """A program that walks by given actions."""

    def one(place, action):
        place, passed, ended = advance(env, place, action, KEY, jnp.int32(first))
        return place, (passed, ended)

    def walk(actions):
        return jax.lax.scan(one, begin(env, KEY), actions)

    return jax.jit(walk, compiler_options=quick_compile())


def walked(env, actions, first=0):
    return jax.device_get(walker(env, first)(jnp.asarray(actions, jnp.int32)))


@pytest.mark.parametrize(
    "env",
    [
        Counting(end=3, limit=100),  # always terminated
        Counting(end=1000, limit=4),  # always cut short
        Counting(end=7, limit=4),  # now this, now that
        Counting(end=4, limit=4, begins=1),
        Counting(end=1000, limit=1),
    ],
)
def test_steps_are_those_of_a_loop_by_hand(env):
    actions = np.random.default_rng(0).integers(3, size=40)
    place, (passed, ended) = walked(env, actions, first=2)
    rows, (state, steps, total) = loop(env, actions, first=2)
    seen, action, reward, after, terminated, over, returned = map(np.array, zip(*rows, strict=True))
    np.testing.assert_array_equal(passed.observation, np.stack([seen, 10 * seen], 1))
    np.testing.assert_array_equal(passed.action, action)
    np.testing.assert_array_equal(passed.reward, reward)
    np.testing.assert_array_equal(passed.after, np.stack([after, 10 * after], 1))
    np.testing.assert_array_equal(passed.legal, np.arange(3) <= after[:, None])
    np.testing.assert_array_equal(passed.terminated, terminated)
    np.testing.assert_array_equal(passed.ended, over)
    np.testing.assert_array_equal(ended.returns, returned)
    np.testing.assert_array_equal(ended.number, over)
    assert (place.state, place.steps, place.total) == (state, steps, total)


def test_terminated_is_not_truncated():
    _, (passed, _) = walked(Counting(end=4, limit=100), [0, 0, 0, 0])
    assert passed.terminated.tolist() == passed.ended.tolist() == [False, False, False, True]
    _, (passed, _) = walked(Counting(end=100, limit=4), [0, 0, 0, 0])
    assert passed.terminated.tolist() == [False] * 4
    assert passed.ended.tolist() == [False, False, False, True]


def test_both_at_once_is_terminated():
    _, (passed, ended) = walked(Counting(end=4, limit=4), [0, 0, 0, 0])
    assert (passed.terminated[-1], passed.ended[-1], ended.number.sum()) == (True, True, 1)


def test_the_last_observation_is_the_true_one_and_the_next_episode_begins_at_once():
    for env in (Counting(end=4, limit=100), Counting(end=100, limit=4)):
        _, (passed, _) = walked(env, [0] * 5, first=3)
        assert passed.after[3].tolist() == [4, 40]  # not [3, 30], the first of the next episode
        assert passed.observation[4].tolist() == [3, 30]  # no step is lost in between
        assert passed.after[4].tolist() == [4, 40]


def test_a_new_episode_counts_from_zero():
    place, (_, ended) = walked(Counting(end=1000, limit=4), [0] * 10)
    assert np.flatnonzero(ended.number).tolist() == [3, 7]
    assert ended.steps[[3, 7]].tolist() == [4, 4]
    assert ended.returns[[3, 7]].tolist() == [6, 6]  # 0 + 1 + 2 + 3, twice, not 12
    assert (place.steps, place.total) == (2, 1)


def test_sums_over_environments_side_by_side():
    """What `Episodes` sums up over environments and steps is the same, counted by hand."""
    env = Counting(end=6, limit=4)
    actions = np.random.default_rng(1).integers(3, size=(25, 5))

    def one(places, action):
        step = jax.vmap(advance, (None, 0, 0, None, None))
        places, _, ended = step(env, places, action, KEY, jnp.int32(0))
        return places, jax.tree.map(jnp.sum, ended)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def summed(actions):
        starts = jax.vmap(lambda s: begun(s))(jnp.zeros(5, jnp.int32))
        return jax.tree.map(jnp.sum, jax.lax.scan(one, starts, actions)[1])

    ended = summed(jnp.asarray(actions, jnp.int32))
    returns, steps, count = 0.0, 0, 0
    for column in actions.T:
        rows, _ = loop(env, column, first=0)
        over = np.flatnonzero([row[5] for row in rows])
        returns += sum(rows[i][6] for i in over)
        steps += int(over[-1]) + 1  # all steps up to the last end belong to episodes that ended
        count += len(over)
    assert (ended.returns, ended.steps, ended.number) == (returns, steps, count)
    assert count > 10
    logs = ended.logs()
    assert logs["return"][0] / logs["return"][1] == pytest.approx(returns / count, rel=1e-6)
    assert logs["length"][0] / logs["length"][1] == pytest.approx(steps / count, rel=1e-6)


def test_the_mean_of_no_episode_is_no_number():
    nothing = Episodes(*(np.zeros(()) for _ in range(3)))
    for name, (total, weight) in nothing.logs().items():
        with np.errstate(invalid="ignore"):
            assert np.isnan(Task().finish(name, total, weight)), name
    some = Episodes(np.float64(6.0), np.float64(8.0), np.float64(2.0)).logs()
    assert {n: Task().finish(n, *v) for n, v in some.items()} == {"return": 3.0, "length": 4.0}


# -- episodes to their end ------------------------------------------------------------------------


def program(env, policy):
    return jax.jit(functools.partial(play, env, policy), compiler_options=quick_compile())


def test_play_by_hand():
    """One action in all episodes; the sums 0 + 1 + 2 + ... up to where they end."""
    keys = jax.random.split(KEY, 3)
    always = lambda seen, legal, key: jnp.int32(0)
    rows = [  # end, limit -> return, steps, terminated
        (4, 10, 6, 4, True),
        (10, 4, 6, 4, False),
        (4, 4, 6, 4, True),  # both
        (1, 1, 0, 1, True),
        (9, 1, 0, 1, False),
    ]
    for end, limit, total, steps, terminated in rows:
        played = program(Counting(end=end, limit=limit), always)(keys)
        assert played.returns.tolist() == [total] * 3, (end, limit)
        assert played.steps.tolist() == [steps] * 3, (end, limit)
        assert played.terminated.tolist() == [terminated] * 3, (end, limit)


def test_play_asks_the_policy_with_what_it_sees_and_may_do():
    """The largest legal action: 0 from 0, 1 from 1, 2 from 3 on: 0, 1, 3, 6, 9."""
    largest = lambda seen, legal, key: jnp.sum(legal.astype(jnp.int32)) - 1
    played = program(Counting(end=9, limit=50), largest)(jax.random.split(KEY, 2))
    assert played.returns.tolist() == [0 + 1 + 3 + 6] * 2
    assert played.steps.tolist() == [4, 4]
    by_sight = lambda seen, legal, key: jnp.minimum(seen[1] / 10, 2).astype(jnp.int32)
    assert program(Counting(end=9, limit=50), by_sight)(KEY[None]).returns.tolist() == [10]


def coin(seen, legal, key):
    return jax.random.bernoulli(key).astype(jnp.int32)


PLAYED = program(Chancy(), coin)


def test_an_episode_is_the_same_in_every_company():
    """Alone, among others, in another order: bit-equal, and different from its neighbours."""
    keys = jax.random.split(KEY, 8)
    all_of_them = jax.device_get(PLAYED(keys))
    assert len(set(all_of_them.returns.tolist())) == 8
    assert len(set(all_of_them.steps.tolist())) > 1  # some end while others go on
    turned = jax.device_get(PLAYED(keys[::-1]))
    alone = [jax.device_get(PLAYED(keys[i : i + 1])) for i in range(8)]
    for name in ("returns", "steps", "terminated"):
        values = getattr(all_of_them, name)
        np.testing.assert_array_equal(getattr(turned, name)[::-1], values)
        np.testing.assert_array_equal([getattr(a, name)[0] for a in alone], values)


def test_nothing_is_counted_behind_an_end():
    """Behind its end this walk is NaN; steps differ, so that most wait there for the longest."""
    played = jax.device_get(PLAYED(jax.random.split(KEY, 8)))
    assert np.isfinite(played.returns).all()
    assert played.terminated.all()
    # each step of at most 0.6 counts where it led to: the last one beyond 3, at most 3.6
    assert (played.returns > 3).all()
    assert (played.returns <= 3.6 * played.steps).all()


def test_chance_differs_from_step_to_step_and_from_actions():
    """Were one key used for all steps, or for actions and chance alike, the shares would show it.

    1,000 episodes of 30 steps that only draw: the mean of 30,000 numbers, even on [0, 1), is 1/2
    up to five standard errors, 5 sqrt(1/12 / 30,000) = 0.0083, and that of an episode's mean has
    the deviation sqrt(1/12 / 30) = 0.0527, which is known to 2.3 per cent (one key: 0.289).
    """

    @dataclass(frozen=True)
    class Draws(Environment):
        limit: int = parameter(30, least=1)
        actions = Choice(2)

        def reset(self, key):
            return jnp.int32(0)

        def step(self, state, action, key):
            return state + action, jax.random.uniform(key) + 100.0 * action, False

        def observe(self, state):
            return jnp.zeros(1)

    played = program(Draws(), coin)(jax.random.split(KEY, 1000))
    heads = np.floor(np.asarray(played.returns, float) / 100)
    means = (np.asarray(played.returns, float) - 100 * heads) / 30
    assert abs(means.mean() - 0.5) < 0.0083
    assert means.std() == pytest.approx(0.0527, rel=0.12)
    assert heads.mean() == pytest.approx(15, abs=5 * np.sqrt(30 / 4 / 1000))
    assert abs(np.corrcoef(means, heads)[0, 1]) < 5 / np.sqrt(1000)
