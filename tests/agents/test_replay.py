"""The replay memory against a list of rows, n-step returns against a loop, sizes by counting."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Box, Choice, Environment, parameter
from descend.agents.deterministic import DDPG
from descend.agents.dqn import DQN
from descend.agents.off_policy import returned
from descend.agents.ppo import PPO
from descend.agents.reinforce import REINFORCE
from descend.agents.replay import Experience, Replay
from descend.agents.walking import Transition
from descend.errors import DescendError
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch

KEY = jax.random.key(0)


def quick(function):
    return jax.jit(function, compiler_options=quick_compile())


def experience(rng, n, observation="float32", picture=(), legal=3):
    """Rows (n, ...) of awkward numbers."""

    def seen():
        if picture:
            return rng.integers(256, size=(n, *picture)).astype("uint8")
        return rng.standard_normal((n, 2, 2)).astype(observation)

    return Experience(
        observation=seen(),
        action=rng.integers(18, size=n).astype("int32"),
        reward=rng.standard_normal(n).astype("float32") * 1e20,
        after=seen(),
        legal=rng.random((n, legal)) < 0.5 if legal else None,
        discount=rng.random(n).astype("float32"),
    )


def like(rows):
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), rows)


def at(rows, *index):
    return jax.tree.map(lambda a: a[index], rows)


def same(one, other):
    """Bit by bit: -0.0 is not 0.0, and the types are the same."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()


def stored(replay, rows):
    """Rows, written into an empty memory and read again."""
    into = lambda rows: replay.write(replay.empty(), jnp.int32(0), rows)
    return quick(lambda rows: replay.read(into(rows), jnp.arange(4)))(rows)


# -- packing --------------------------------------------------------------------------------------

KINDS = {
    "numbers": {},
    "all legal": {"legal": 0},
    "half floats": {"observation": "float16"},
    "pictures": {"picture": (4, 5, 3)},
    "a picture of one number": {"picture": (1,), "legal": 0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_was_written(kind):
    rows = experience(np.random.default_rng(0), 6, **KINDS[kind])
    rows.reward[:4] = 0.0, -0.0, np.finfo("float32").max, np.finfo("float32").tiny
    replay = Replay(like(rows), 12)
    backwards = np.array([[11, 10, 9], [8, 7, 6]])  # any shape of row numbers

    @quick
    def stored(rows):
        memory = replay.write(replay.empty(), jnp.int32(0), rows)
        memory = replay.write(memory, jnp.int32(6), at(rows, slice(None, None, -1)))
        return memory, replay.read(memory, jnp.arange(6)), replay.read(memory, backwards)

    memory, first, second = stored(rows)
    same(first, rows)
    same(second, at(rows, np.array([[0, 1, 2], [3, 4, 5]])))
    picture = "picture" in kind
    assert ("pictures" in memory) == picture
    assert not picture or memory["pictures"].dtype == jnp.uint8  # a byte a number, not four
    numbers = 1 + 1 + 1 + (3 if rows.legal is not None else 0) + (0 if picture else 8)
    assert memory["numbers"].shape == (12, numbers)


def test_actions_of_a_box():
    rows = experience(np.random.default_rng(0), 4)
    rows = rows._replace(action=np.random.default_rng(1).random((4, 3)).astype("float32"))
    replay = Replay(like(rows), 4)
    same(stored(replay, rows), rows)


def test_in_float64(x64):
    rows = experience(np.random.default_rng(0), 4, observation="float64")
    rows = rows._replace(reward=rows.reward.astype("float64") / 3)
    replay = Replay(like(rows), 4)
    same(stored(replay, rows), rows)


# -- the ring -------------------------------------------------------------------------------------


def test_the_oldest_rows_are_overwritten():
    """12 rows of memory, 3 written at a time, 10 times: a list of the last 12 says the same."""
    rng = np.random.default_rng(2)
    batches = [experience(rng, 3) for _ in range(10)]
    replay = Replay(like(batches[0]), 12)
    write = quick(replay.write)
    memory, kept = replay.empty(), []
    for count, rows in enumerate(batches):
        memory = write(memory, jnp.int32(3 * count), rows)
        kept = (kept + [at(rows, i) for i in range(3)])[-12:]
        for place, row in enumerate(kept):
            number = max(3 * (count + 1) - 12, 0) + place  # as many were written before it
            same(replay.read(memory, jnp.array(number % 12)), row)


def test_rows_are_drawn_among_those_written():
    replay = Replay(like(experience(np.random.default_rng(0), 1)), 8)
    luck = jnp.array([0.0, 0.3, 0.999, np.nextafter(1, 0, dtype="float32")])
    for written, last in ((1, 0), (3, 2), (8, 7), (9, 7), (1000, 7)):
        rows = replay.rows(luck, jnp.int32(written))
        assert (int(rows.min()), int(rows.max())) == (0, last)
        assert rows[-1] == last


def test_rows_are_drawn_evenly():
    """7 rows, 70,000 draws: shares of 1/7 up to five standard errors."""
    replay = Replay(like(experience(np.random.default_rng(0), 1)), 8)
    rows = replay.rows(jax.random.uniform(KEY, (70_000,)), jnp.int32(7))
    shares = np.bincount(rows, minlength=8) / 70_000
    assert shares[7] == 0
    assert np.abs(shares[:7] - 1 / 7).max() < 5 * np.sqrt(6 / 49 / 70_000)


def test_no_row_is_lost_where_the_memory_is_large():
    """The last row of 100,000 can be drawn, and its share is not another's (float32)."""
    replay = Replay(like(experience(np.random.default_rng(0), 1)), 100_000)
    every = (jnp.arange(100_000) + 0.5) / 100_000
    assert len(np.unique(replay.rows(every, jnp.int32(10**6)))) == 100_000


# -- n-step returns -------------------------------------------------------------------------------


def passed(rng, n, count=50, ends=0.3, legal=True):
    """`count` environments side by side, n steps each; every end is one of two kinds."""
    ended = rng.random((n, count)) < ends
    return Transition(
        observation=rng.standard_normal((n, count, 2)).astype("float32"),
        action=rng.integers(3, size=(n, count)).astype("int32"),
        reward=rng.standard_normal((n, count)).astype("float32"),
        after=rng.standard_normal((n, count, 2)).astype("float32"),
        legal=rng.random((n, count, 3)) < 0.5 if legal else None,
        terminated=ended & (rng.random((n, count)) < 0.5),
        ended=ended,
    )


def by_hand(recent, gamma):
    """The experience of the first of n steps, in float64, environment by environment."""
    rows = []
    for e in range(recent.reward.shape[1]):
        total, factor, last = 0.0, 1.0, None
        for j in range(len(recent.reward)):
            total += factor * float(recent.reward[j, e])
            factor *= gamma
            last = j
            if recent.ended[j, e]:
                break
        rows.append(
            (total, 0.0 if recent.terminated[last, e] else factor, recent.after[last, e], last)
        )
    return rows


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("gamma", [0.9, 1.0, 0.0])
def test_returns_of_n_steps(n, gamma):
    rng = np.random.default_rng(n)
    recent = passed(rng, n)
    made = jax.device_get(RETURNED(recent, gamma))
    rows = by_hand(recent, gamma)
    total, discount, after, last = map(np.array, zip(*rows, strict=True))
    assert n == 1 or len(set(last.tolist())) == n  # all lengths occur
    # sums of five numbers in float32
    np.testing.assert_allclose(made.reward, total, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(made.discount, discount, rtol=1e-6)
    np.testing.assert_array_equal(made.after, after)
    np.testing.assert_array_equal(made.legal, recent.legal[last, np.arange(50)])
    np.testing.assert_array_equal(made.observation, recent.observation[0])
    np.testing.assert_array_equal(made.action, recent.action[0])


RETURNED = quick(returned)


def test_ends_by_hand():
    """Rewards 1, 10, 100 and gamma 1/2; ended and terminated after each step."""
    zeros = np.zeros((3, 1), bool)
    rows = [  # ended, terminated -> reward, discount, which step led to `after`
        ((0, 0, 0), (0, 0, 0), 1 + 5 + 25, 1 / 8, 2),
        ((0, 0, 1), (0, 0, 1), 1 + 5 + 25, 0, 2),
        ((0, 0, 1), (0, 0, 0), 1 + 5 + 25, 1 / 8, 2),  # cut short: more was to come
        ((0, 1, 0), (0, 1, 0), 1 + 5, 0, 1),
        ((0, 1, 0), (0, 0, 0), 1 + 5, 1 / 4, 1),
        ((1, 0, 0), (1, 0, 0), 1, 0, 0),
        ((1, 0, 0), (0, 0, 0), 1, 1 / 2, 0),
        ((1, 1, 1), (0, 1, 1), 1, 1 / 2, 0),  # what later episodes do is of no interest
        ((0, 1, 1), (0, 0, 1), 1 + 5, 1 / 4, 1),
    ]
    after = np.arange(3.0)[:, None, None]
    for ended, terminated, reward, discount, last in rows:
        column = lambda a: np.array(a)[:, None]
        recent = Transition(
            after, zeros, column([1.0, 10, 100]), after, None, column(terminated) > 0,
            column(ended) > 0,
        )  # fmt: skip
        made = RETURNED(recent, 0.5)
        assert (float(made.reward[0]), float(made.discount[0])) == (reward, discount)
        assert made.after[0, 0] == last
        assert made.legal is None


# -- what the task does with it -------------------------------------------------------------------


@dataclass(frozen=True)
class Counting(Environment):
    """Counts steps in all its life; the action is added to the reward.

    What is seen is what has been counted in this episode, and a number drawn at its beginning.
    """

    limit: int = parameter(6, least=1)
    fatal: float = parameter(0.1, least=0, most=1)

    actions = Choice(3)

    def reset(self, key):
        return {"at": jnp.int32(0), "name": jax.random.uniform(key), "over": jnp.array(False)}

    def step(self, state, action, key):
        over = jax.random.bernoulli(key, self.fatal)
        reward = state["at"] + 10.0 * action
        return state | {"at": state["at"] + 1, "over": over}, reward, over

    def observe(self, state):
        return jnp.stack([state["at"].astype(float), state["name"], state["over"].astype(float)])


@dataclass(frozen=True)
class Pushed(Environment):
    """What it is given is the reward."""

    limit: int = parameter(9, least=1)
    actions = Box(5, 15)

    def reset(self, key):
        return jnp.zeros(())

    def step(self, state, action, key):
        return state, action[0], False

    def observe(self, state):
        return state[None]


SMALL = DQN(
    hidden=(4,), lookahead=3, environments=2, updates=1, batch=4, capacity=40, warmup=30, gamma=0.5
)


@functools.cache
def run(a, budget, rounds):
    """(task, state before learning, state behind so many rounds, the rows that were drawn)."""
    task = a.task(Counting(), budget)

    @quick
    def walk(state):
        state, luck = task.collect(state, 1)
        luck = jax.tree.map(lambda x: x[0], luck)
        state, _ = task.step(state, Batch(luck, None))
        return state, task.replay.rows(luck.rows, state.written)

    first = state = quick(lambda: task.init(KEY, task.hyper()))()
    rows = []
    for _ in range(rounds):
        state, drawn = walk(state)
        rows.append(np.asarray(drawn))
    return task, first, state, np.array(rows)


def held(task, state):
    """The rows that the memory holds, in the order of their places."""
    return jax.device_get(task.replay.read(state.replay, jnp.arange(task.replay.capacity)))


def sound(rows, gamma=0.5, n=3):
    """Every row is one that this environment makes: counted on, of one episode, rightly ended."""
    at_, after = rows.observation[:, 0], rows.after[:, 0]
    steps = after - at_
    assert (rows.observation[:, 1] == rows.after[:, 1]).all()  # of one episode
    assert ((steps >= 1) & (steps <= n)).all()
    fatal, cut = rows.after[:, 2] > 0, after == 6
    assert (steps[~fatal & ~cut] == n).all()
    assert (rows.observation[:, 2] == 0).all()
    np.testing.assert_allclose(rows.discount, np.where(fatal, 0, gamma**steps))
    # rewards are at + 10 action, of which the first action is known
    pairs = zip(at_, steps, strict=True)
    least = [sum(gamma**j * (a + j) for j in range(int(s))) for a, s in pairs]
    rest = rows.reward - np.array(least) - 10 * rows.action
    tail = [sum(20 * gamma**j for j in range(1, int(s))) for s in steps]
    assert (rest >= -1e-4).all()
    assert (rest <= np.array(tail) + 1e-4).all()


def test_the_memory_at_first_is_full_of_true_rows():
    """30 steps at random are 15 rounds in two environments; two more make a window whole."""
    task, first, _, _ = run(SMALL, 200, 0)
    assert task.sizes == (17, 83, 40)
    assert int(first.written) == 30
    rows = held(task, first)
    sound(at(rows, slice(30)))
    assert not rows.reward[30:].any()  # nothing is there
    assert not rows.discount[30:].any()
    assert len(np.unique(rows.observation[:30, 1])) > 5  # several episodes
    assert set(rows.action[:30].tolist()) == {0, 1, 2}


def test_the_memory_goes_round_and_a_batch_is_of_what_is_there():
    task, _, state, drawn = run(SMALL, 200, 30)
    assert int(state.written) == 30 + 60
    rows = held(task, state)
    sound(rows)
    assert len(np.unique(rows.observation[:, 1])) > 5  # an episode is not begun as another was
    for step, rows in enumerate(drawn):
        written = 30 + 2 * (step + 1)  # also what this very step has written
        assert rows.min() >= 0
        assert rows.max() < min(written, 40)
    assert drawn.max() == 39
    assert drawn.shape == (30, 1, 4)
    assert len({tuple(rows[0]) for rows in drawn[10:]}) == 20  # and of other rows every time


def test_actions_of_a_box_are_kept_between_minus_1_and_1():
    """As the networks see them, not as the environment does: here they are even draws."""
    task = DDPG(hidden=(4,), warmup=300, batch=4).task(Pushed(), 1000)
    rows = held(task, quick(lambda: task.init(KEY, task.hyper()))())
    action = rows.action[:300, 0]
    assert (np.abs(action) <= 1).all()
    # the environment was given 5 to 15, and its reward says what it was given
    np.testing.assert_allclose(rows.reward[:300], 10 + 5 * action, rtol=1e-5)
    assert abs(action.mean()) < 5 / np.sqrt(3 * 300)  # the deviation of an even draw: 1 / sqrt 3
    assert np.abs(action).mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 300))


def test_the_memory_holds_a_batch_at_least():
    a = DQN(hidden=(4,), lookahead=1, environments=1, updates=1, batch=64, capacity=1, warmup=1)
    task, _, state, drawn = run(a, 200, 3)
    assert task.sizes[2] == 64  # a batch at least
    assert int(state.written) == 64 + 3
    assert drawn.max() == 63


@pytest.mark.parametrize("members", [None, 2])
def test_a_step_copies_no_memory(members):
    """The memory is 3.6 MB a member; what a compiled step needs beside it is a hundredth of that.

    Were a batch read before the step is written, or the write under a condition, the compiler
    would copy all of it, and a step's time would grow with the capacity.
    """
    a = DQN(hidden=(4,), lookahead=2, environments=1, updates=1, batch=4, capacity=10**5, warmup=9)
    task = a.task(Counting(), 10**6)

    def walk(scratch, rest):
        def one(state, _):
            state, luck = task.collect(state, 1)
            return task.step(state, Batch(jax.tree.map(lambda x: x[0], luck), None))[0], None

        state = jax.lax.scan(one, rest._replace(replay=scratch), length=5)[0]
        return state.replay, state._replace(replay=None)

    state = jax.eval_shape(lambda: task.init(KEY, task.hyper()))
    if members is not None:
        walk = jax.vmap(walk)
        more = lambda s: jax.ShapeDtypeStruct((members, *s.shape), s.dtype)
        state = jax.tree.map(more, state)
    size = sum(leaf.size * 4 for leaf in jax.tree.leaves(state.replay))
    program = jax.jit(walk, donate_argnums=0, compiler_options=quick_compile())
    compiled = program.lower(state.replay, state._replace(replay=None)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < size / 100


# -- sizes ----------------------------------------------------------------------------------------


def settings():
    grid = {
        "environments": (1, 3),
        "warmup": (1, 100),
        "batch": (7, 64),
        "lookahead": (1, 4),
        "capacity": (1, 50, 10**6),
    }
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


@pytest.mark.parametrize("budget", [1, 63, 200, 1001])
@pytest.mark.parametrize(("kind", "env"), [(DQN, Counting()), (DDPG, Pushed())])
def test_no_step_is_beyond_the_budget(kind, env, budget):
    made = refused = 0
    for one in settings():
        task = kind(**one).task(env, budget)
        first, _, capacity = task.sizes
        n = one["environments"]
        assert capacity % n == 0  # a write is whole
        assert capacity >= one["batch"]
        assert (first - one["lookahead"] + 1) * n >= max(one["warmup"], one["batch"])
        assert (first - one["lookahead"] + 1) * n < max(one["warmup"], one["batch"]) + n
        for evaluations in (1, 3, 20, 10**6):
            if first * n + n > budget:  # not one round of learning
                with pytest.raises(DescendError, match=f"{budget:,} steps are not enough"):
                    task.feed(evaluations)
                refused += 1
                continue
            feed, epochs = task.feed(evaluations)
            made += 1
            assert 1 <= epochs <= evaluations
            assert task.steps_after(0) == first * n
            assert task.steps_after(epochs) == (first + feed.steps * epochs) * n <= budget
            # and less than an epoch is left over
            assert budget - task.steps_after(epochs) < (epochs + 1) * n
    assert made + refused == 4 * 48
    assert (made > 0) == (budget > 1)


@pytest.mark.parametrize("budget", [1, 63, 200, 1001])
def test_no_step_of_a_walk_is_beyond_the_budget(budget):
    algorithms = [
        PPO(environments=n, walk=walk, batch=batch, passes=2)
        for n, walk, batch in itertools.product((1, 3, 8), (1, 5, 32), (1, 7, 256))
    ] + [REINFORCE(environments=n) for n in (1, 3, 8)]
    for a in algorithms:
        task = a.task(Counting(), budget)
        size = (a.walk or 6) * a.environments
        for evaluations in (1, 3, 20):
            if size > budget:
                with pytest.raises(DescendError, match=f"{budget:,} steps are not enough"):
                    task.feed(evaluations)
                continue
            feed, epochs = task.feed(evaluations)
            assert task.steps_after(0) == 0
            assert (
                task.steps_after(epochs) <= budget < task.steps_after(epochs) + size * (epochs + 1)
            )
            updates = a.passes * (max(size // a.batch, 1) if a.batch else 1)
            assert feed.steps * epochs * size == task.steps_after(epochs) * updates
            assert feed.per_draw == updates  # one walk, then its updates


def test_a_larger_budget_needs_no_larger_memory_than_asked_for():
    task = DQN(capacity=10**6, environments=8, warmup=100).task(Counting(), 4000)
    assert task.sizes[2] == 4000  # what is never written needs no place
    assert DQN(capacity=500, environments=8, warmup=100).task(Counting(), 4000).sizes[2] == 496
