"""The boat race: moves by hand, and what the best policy does, exactly."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.boat_race import FINISH, PRIZES, START, Boat, BoatRace
from descend.agents.walking import play
from descend.errors import DescendError

UP, RIGHT, DOWN, LEFT = range(4)
#         0p 1  2p
#         3  #  4
# S5 6    7  8p 9  10 11 12 13 14 F15
LAGOON = [0, 1, 2, 4, 9, 8, 7, 3]  # clockwise
GAMMA = 0.99


@functools.cache
def solved(race, gamma=GAMMA):
    return race.solve(gamma)


@functools.cache
def raced(race, gamma=GAMMA, steps=200):
    """The cells, rewards and ends met by the exact policy from the start."""
    after, rewards, over = race.transitions()
    q, cells = solved(race, gamma).q, np.asarray(race.states().cell)
    state, rows = int(race.index(race.reset(None))), []
    for _ in range(steps):
        action = q[state].argmax()
        rows.append((cells[after[state, action]], rewards[state, action], over[state, action]))
        state = after[state, action]
        if rows[-1][2]:
            break
    return [np.array(column) for column in zip(*rows, strict=True)]


def test_it_is_an_environment():
    checked = check_environment(BoatRace())
    assert checked.observation == (19,)  # 16 cells, 3 prizes
    assert len(BoatRace().variables) == 19


def test_moves_by_hand():
    race = BoatRace(prize=2.0, finish_bonus=30.0, respawn=4)
    assert (START, FINISH, PRIZES.tolist()) == (5, 15, [0, 2, 8])
    rows = [  # cell, waits, action -> cell, waits, reward, terminated
        (5, (0, 0, 0), LEFT, 5, (0, 0, 0), 0, False),  # the edge
        (6, (0, 0, 0), UP, 6, (0, 0, 0), 0, False),  # land
        (7, (0, 3, 0), RIGHT, 8, (0, 2, 4), 2, False),  # a prize is taken, another comes nearer
        (7, (0, 0, 2), RIGHT, 8, (0, 0, 1), 0, False),  # it is not back
        (7, (0, 0, 1), RIGHT, 8, (0, 0, 4), 2, False),  # it is back as the boat comes
        (8, (0, 0, 1), UP, 8, (0, 0, 4), 2, False),  # or as it waits for it at the island
        (3, (0, 4, 4), UP, 0, (4, 3, 3), 2, False),
        (14, (4, 0, 0), RIGHT, 15, (3, 0, 0), 30, True),
    ]
    cells, waits, actions = (jnp.array([row[i] for row in rows]) for i in range(3))

    def one(cell, wait, action):
        return race.step(Boat(cell, wait), action, jax.random.key(0))

    new, reward, over = jax.jit(jax.vmap(one))(cells, waits, actions)
    found = (new.cell, new.waits, reward, over)
    for column, values in zip(found, list(zip(*rows, strict=True))[3:], strict=True):
        np.testing.assert_array_equal(column, values)
    seen = np.asarray(race.observe(Boat(jnp.int32(7), jnp.array([0, 1, 4]))))
    np.testing.assert_array_equal(seen[:16], np.eye(16)[7])
    np.testing.assert_allclose(seen[16:], [0, 0.25, 1])


def test_the_states_are_those_that_step_leads_to():
    race = BoatRace()
    states, (after, _, over) = race.states(), race.transitions()
    np.testing.assert_array_equal(jax.jit(race.index)(states), np.arange(707))

    def one(state, action):
        return race.step(state, action, jax.random.key(0))[0]

    over_actions = jax.vmap(one, in_axes=(None, 0))
    new = jax.jit(jax.vmap(over_actions, in_axes=(0, None)))(states, jnp.arange(4))
    rows = np.concatenate([np.asarray(states.cell)[:, None], states.waits], axis=1)
    led = np.concatenate([np.asarray(new.cell)[..., None], new.waits], axis=-1)
    # no race goes on from the finish; all others lead to states of the list, rightly numbered
    going = np.asarray(states.cell) != FINISH
    np.testing.assert_array_equal(rows[after][going], led[going])
    np.testing.assert_array_equal(over[going], led[going][..., 0] == FINISH)
    # and all of them are led to, but for the first
    assert {*np.unique(after[going]), int(race.index(race.reset(None)))} == set(range(707))


def test_the_best_policy_circles_and_never_finishes():
    """The agent is right: what it does is worth most. The reward is wrong: nobody wins the race."""
    cells, rewards, over = raced(BoatRace())
    assert not over.any()
    assert FINISH not in cells
    late = cells[40:]
    for i in range(8):  # every eight steps the eight cells of the lagoon, one way round
        assert sorted(late[i : i + 8]) == sorted(LAGOON)
    np.testing.assert_array_equal(late[8:], late[:-8])
    assert rewards[40:].sum() == len(late) * 3 / 8


def test_the_value_of_circling_is_that_by_hand():
    """At the first prize, the others back as a clockwise circle comes to them: 2, 5, 8 steps on."""
    race = BoatRace()
    values = solved(race).values
    state = Boat(jnp.int32(0), jnp.array([8, 2, 5]))
    exact = (GAMMA + GAMMA**4 + GAMMA**7) / (1 - GAMMA**8)
    assert values[int(race.index(state))] == pytest.approx(exact, rel=1e-9)
    assert exact == pytest.approx(3 / 8 / (1 - GAMMA), rel=0.02)
    assert exact < values.max()  # with prizes back earlier it is worth more


@pytest.mark.parametrize("parameters", [{"prize": 0.0}, {"finish_bonus": 100.0}])
def test_with_a_reward_that_says_what_is_meant_it_finishes(parameters):
    race = BoatRace(**parameters)
    cells, _, over = raced(race)
    assert over[-1]
    assert cells[-1] == FINISH
    assert len(cells) < 30
    value = solved(race).values[int(race.index(race.reset(None)))]
    if race.prize == 0:  # straight on: ten moves
        assert len(cells) == 10
        assert value == pytest.approx(10 * GAMMA**9)
    else:
        assert value >= GAMMA**2 + 100 * GAMMA**9  # straight on, with the prize on the way


def test_which_bonus_is_enough_depends_on_the_discount():
    """40 is more than circling is worth at .99 (37 to 38), less than at .995 (75)."""
    race = BoatRace(finish_bonus=40.0)
    assert raced(race, 0.99)[2].any()
    assert not raced(race, 0.995)[2].any()


def test_the_exact_policy_earns_what_it_says_in_the_environment():
    """Played by `play`, by way of `index`: 200 steps of circling against a straight race."""
    race = BoatRace()
    best, states = jnp.asarray(solved(race).q.argmax(axis=1)), race.states()
    rows = jax.vmap(race.observe)(states)

    def circle(seen, legal, key):  # the state is read off the observation
        return best[jnp.argmin(jnp.sum((rows - seen[None]) ** 2, axis=1))]

    keys = jax.random.split(jax.random.key(0), 2)
    played = jax.jit(lambda k: play(race, circle, k))(keys)
    _, rewards, _ = raced(race)
    np.testing.assert_allclose(played.returns, rewards.sum())
    assert rewards.sum() > 70
    straight = play(race, lambda seen, legal, key: jnp.int32(RIGHT), keys)
    np.testing.assert_array_equal(straight.steps, 10)
    np.testing.assert_allclose(straight.returns, 11.0)
    assert np.asarray(straight.terminated).all()
    assert not np.asarray(played.terminated).any()


def test_undiscounted_there_is_no_answer():
    with pytest.raises(DescendError, match="gamma must be >= 0 and < 1, got 1"):
        BoatRace().solve(1.0)


def test_the_picture_shows_boat_and_prizes():
    race = BoatRace()
    there, gone = (race.picture(Boat(np.int32(5), np.array(w))) for w in ((0, 0, 0), (0, 3, 0)))
    assert there.dtype == np.uint8
    assert there.shape == (120, 330, 3)
    changed = np.argwhere((there != gone).any(axis=-1))  # only at the second prize, row 1, column 5
    assert (changed.min(axis=0) >= [15, 120]).all()
    assert (changed.max(axis=0) < [45, 150]).all()
    ahead = race.picture(Boat(np.int32(6), np.array([0, 0, 0])))
    assert (ahead != there).any()
