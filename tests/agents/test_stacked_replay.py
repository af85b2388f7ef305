"""A replay that keeps stacked pictures once gives what one that keeps them whole would."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents.dqn import DQN
from descend.agents.environment import Choice
from descend.agents.host import HostEnvironment
from descend.agents.off_policy import OffPolicy
from descend.agents.on_host import Walk
from descend.agents.replay import Experience, Frames, Replay
from descend.agents.walking import Episodes
from descend.nn.layers import Flatten
from descend.train.engine.task import Batch

STACK, EVERY, CAPACITY = 3, 2, 16


def walked(rounds, seed=0):
    """(experience, steps behind in the episode) of two environments; episodes are 1 to 6 steps."""
    draw = np.random.default_rng(seed)
    picture = lambda: draw.integers(0, 256, (2, 1), np.uint8)
    stacks, ages, lived = [None] * EVERY, [0] * EVERY, []
    lengths = [int(draw.integers(1, 7)) for _ in range(EVERY)]
    for number in range(rounds):
        row = {"observation": [], "after": [], "discount": []}
        behind = list(ages)
        for e in range(EVERY):
            if ages[e] == 0:
                stacks[e] = np.repeat(picture(), STACK, axis=-1)
            after = np.concatenate([stacks[e][:, 1:], picture()], axis=-1)
            row["observation"].append(stacks[e])
            row["after"].append(after)
            ages[e] += 1
            ended = ages[e] == lengths[e]
            # half of the episodes are cut short: what their last step led to is learned from
            row["discount"].append(0.0 if ended and draw.random() < 0.5 else 0.9)
            stacks[e] = after
            if ended:
                ages[e], lengths[e] = 0, int(draw.integers(1, 7))
        numbers = np.float32([2 * number, 2 * number + 1])
        lived.append(
            (
                Experience(
                    np.stack(row["observation"]),
                    numbers.astype(np.int32),
                    numbers,
                    np.stack(row["after"]),
                    None,
                    np.float32(row["discount"]),
                ),
                np.int32(behind),
            )
        )
    return lived


@pytest.mark.parametrize("rounds", [2, 7, 8, 9, 30])
def test_what_is_read_is_what_whole_stacks_would_be(rounds):
    lived = walked(rounds)
    like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), lived[0][0])
    whole, once = Replay(like, CAPACITY), Frames(like, CAPACITY, EVERY)
    one, other = whole.empty(), once.empty()
    # two pictures of two pixels and no stacks; beside them the age
    assert other["pictures"].shape == (CAPACITY, 2 * 2)
    for number, (rows, steps) in enumerate(lived):
        count = jnp.int32(number * EVERY)
        one, other = whole.write(one, count, rows), once.write(other, count, rows, steps)
    count = jnp.int32(rounds * EVERY)
    luck = jnp.asarray(np.random.default_rng(1).random((40, 8)))
    rows = once.rows(luck, count)
    expected, found = whole.read(one, rows), once.read(other, rows)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    # all rows whose pictures are there are drawn, and no other
    numbers = set(np.unique(found.reward).tolist())
    lost = (STACK - 1) * EVERY if rounds * EVERY > CAPACITY else 0
    first = max(rounds * EVERY - CAPACITY, 0) + lost
    assert numbers == set(range(first, rounds * EVERY))


class Pictures(HostEnvironment):
    """An environment of stacked pictures, of which only the shapes are asked for."""

    observation = ((2, 2, STACK), "uint8")
    actions = Choice(2)
    frames = STACK


def test_single_steps_keep_pictures_once_and_longer_returns_keep_them_whole():
    def kept(lookahead):
        dqn = DQN(lookahead=lookahead, environments=2, warmup=4, batch=4, capacity=64)
        task = dqn.task(Pictures(), 1000)
        assert isinstance(task, OffPolicy)
        return task.replay.empty()["pictures"].shape

    assert kept(1) == (64, 2 * 4)
    assert kept(2) == (64, 2 * 4 * STACK)


def test_a_step_on_the_host_copies_no_memory():
    """Two members; a replay that were copied, or selected by whether they learn, would show."""

    def scratch(capacity):
        dqn = DQN(
            hidden=(Flatten(), 8), lookahead=1, environments=2, updates=2, batch=16, warmup=64,
            capacity=capacity,
        )  # fmt: skip
        task = dqn.task(Pictures(), 1_000_000)
        task.feed(1)
        begin = jax.vmap(lambda key: task.init(key, task.hyper()))
        state = jax.eval_shape(lambda: begin(jax.random.split(jax.random.key(0), 2)))
        of = lambda shape, dtype: jax.ShapeDtypeStruct((2, 2, *shape), dtype)
        passed = jax.tree.map(lambda s: of(s.shape, s.dtype), task.passing)
        number = of((), jnp.float32)
        episodes = Episodes(number, number, number)
        walked = Walk(passed, of((), jnp.int32), number, number, episodes)

        def steps(state, walked):
            def one(state, _):
                state, data = task.absorb(state, walked)
                return task.step(state, Batch(data, None))[0], None

            return jax.lax.scan(one, state, None, length=4)[0]

        compiled = jax.jit(jax.vmap(steps), donate_argnums=0).lower(state, walked).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert scratch(200_000) == scratch(2000)
