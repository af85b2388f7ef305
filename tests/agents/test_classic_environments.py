"""The classic environments beside Gymnasium's: step by step, on walks and all over their states."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Choice
from descend.agents.checks import inspect
from descend.agents.drawing import Canvas, cart_pole
from descend.agents.environments.acrobot import Acrobot, Links
from descend.agents.environments.cart_pole import Cart, CartPole
from descend.agents.environments.mountain_car import Car, MountainCar
from descend.agents.environments.mountain_car_continuous import MountainCarContinuous
from descend.agents.environments.pendulum import Pendulum, Rod
from descend.palette import BLUE, ORANGE

gymnasium = pytest.importorskip("gymnasium")

TURN = 2 * math.pi
# Gymnasium's name: (ours, type of its state, bounds of the states to try, which entries are angles)
CASES = {
    "CartPole-v1": (CartPole(), Cart, [2.6, 3, 0.23, 3], []),
    "Pendulum-v1": (Pendulum(), Rod, [7, 8], [0]),
    "Acrobot-v1": (Acrobot(), Links, [math.pi, math.pi, 4 * math.pi, 9 * math.pi], [0, 1]),
    "MountainCar-v0": (MountainCar(), Car, [[-1.2, -0.07], [0.6, 0.07]], []),
    "MountainCarContinuous-v0": (MountainCarContinuous(), Car, [[-1.2, -0.07], [0.6, 0.07]], []),
}
WALKS, STEPS, SPREAD = 4, 200, 600
every_case = pytest.mark.parametrize("name", CASES)


def theirs(name):
    environment = gymnasium.make(name, disable_env_checker=True).unwrapped
    environment.reset(seed=0)
    return environment


def places(name):
    """States (n, numbers) and actions: Gymnasium's own walks, and states all over their space."""
    environment, draw = theirs(name), np.random.default_rng(1)
    rows = []
    for seed in range(WALKS):
        environment.reset(seed=seed)
        environment.action_space.seed(seed)
        for _ in range(STEPS):
            state, action = np.array(environment.state, float), environment.action_space.sample()
            rows.append((state, action))
            if environment.step(action)[2]:
                environment.reset()
    bounds = CASES[name][2]
    low, high = bounds if isinstance(bounds[0], list) else (-np.array(bounds), bounds)
    for state in draw.uniform(low, high, (SPREAD, len(rows[0][0]))):
        rows.append((state, environment.action_space.sample()))
    return [np.array(column) for column in zip(*rows, strict=True)]


def stepped(name, states, actions):
    """What Gymnasium's environment makes of states and actions: next, seen, reward, terminated."""
    environment, discrete = theirs(name), isinstance(CASES[name][0].actions, Choice)
    rows = []
    for state, action in zip(states.astype(np.float64), actions, strict=True):
        environment.state = state
        environment.steps_beyond_terminated = None  # the cart-pole's count of steps too many
        seen, reward, over, cut, _ = environment.step(int(action) if discrete else action)
        rows.append((np.array(environment.state, float), seen, float(reward), over))
        assert not cut
    return [np.array(column) for column in zip(*rows, strict=True)]


def compare(name, tolerance):
    """Assert that our steps equal Gymnasium's; return which of them terminated."""
    environment, kind, _, angles = CASES[name]
    states, actions = places(name)
    width = jnp.result_type(float)
    states = states.astype(width)  # so that both step from the same, in float32 too

    def one(row, action):
        new, reward, over = environment.step(kind(*row), action, None)
        return jnp.stack(new), environment.observe(new), jnp.asarray(reward, width), over

    new, seen, reward, over = jax.device_get(jax.jit(jax.vmap(one))(states, actions))
    assert new.dtype == width
    to, observed, paid, ended = stepped(name, states, actions)
    away = to - new
    away[:, angles] = (away[:, angles] + math.pi) % TURN - math.pi
    assert np.abs(away / (1 + np.abs(to))).max() < tolerance
    # Gymnasium's observations are float32, whatever its state: 6e-8 of their size
    near = {"rtol": 1e-6 + tolerance, "atol": 1e-6 + 10 * tolerance}
    np.testing.assert_allclose(seen, observed, **near)
    np.testing.assert_allclose(reward, paid, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(np.broadcast_to(over, reward.shape), ended)
    return ended


@every_case
def test_every_step_is_gymnasiums_in_float64(name, x64):
    # rounding alone; the continuous mountain car of Gymnasium rounds its state to float32 (6e-8)
    over = compare(name, 1e-7 if name == "MountainCarContinuous-v0" else 1e-12)
    # both kinds of step are among them, so that terminated is compared for what it is worth
    walks, spread = over[:-SPREAD], over[-SPREAD:]
    assert spread.sum() == 0 if name == "Pendulum-v1" else 10 < spread.sum() < SPREAD - 10
    if name == "CartPole-v1":
        assert walks.sum() > 20  # a random walk falls after some 20 steps


@every_case
def test_every_step_is_gymnasiums_in_float32(name):
    # float32's 6e-8, times some steps; at the acrobot's bounds its 28 rad/s are squared, and an
    # error grows by 1e3 in the four rates of a step
    compare(name, 1e-3 if name == "Acrobot-v1" else 2e-6)


@every_case
def test_limit_actions_and_observation_are_gymnasiums(name):
    environment = CASES[name][0]
    checked, other = inspect(environment), theirs(name)
    assert environment.limit == gymnasium.spec(name).max_episode_steps
    assert checked.observation == other.observation_space.shape
    assert len(environment.variables) == checked.observation[0]
    if isinstance(environment.actions, Choice):
        assert environment.actions.n == other.action_space.n
    else:
        np.testing.assert_allclose(environment.actions.low, other.action_space.low)
        np.testing.assert_allclose(environment.actions.high, other.action_space.high)


@every_case
def test_episodes_begin_where_gymnasiums_do(name):
    environment, n = CASES[name][0], 300
    ours = jax.jit(jax.vmap(environment.reset))(jax.random.split(jax.random.key(0), n))
    ours = np.stack(jax.device_get(ours), -1)
    other = theirs(name)
    rows = []
    for _ in range(n):
        other.reset()
        rows.append(np.array(other.state, float))
    low, high = np.min(rows, axis=0), np.max(rows, axis=0)
    # of 300 even draws none lies in an outer twentieth with probability 2e-7
    width = np.maximum(high - low, 1e-6)
    assert (np.abs(ours.min(axis=0) - low) < 0.05 * width).all()
    assert (np.abs(ours.max(axis=0) - high) < 0.05 * width).all()
    assert (np.abs(np.median(ours, axis=0) - np.median(rows, axis=0)) < 0.2 * width).all()


def test_an_action_beyond_the_bounds_is_gymnasiums():
    for name in ("Pendulum-v1", "MountainCarContinuous-v0"):
        environment, kind, *_ = CASES[name]
        state, action = np.array([-0.3, 0.01]), np.array([3.0])
        new, reward, _ = environment.step(kind(*jnp.asarray(state)), jnp.asarray(action), None)
        to, _, paid, _ = stepped(name, state[None], action[None])
        np.testing.assert_allclose(np.stack(new), to[0], rtol=1e-5)
        np.testing.assert_allclose(reward, paid[0], rtol=1e-5)


def test_a_parameter_changes_the_step():
    """Gymnasium's pendulum takes its gravity too."""
    other = gymnasium.make("Pendulum-v1", g=9.81, disable_env_checker=True).unwrapped
    other.reset(seed=0)
    other.state = np.array([0.5, 0.2])
    other.step(np.array([1.0]))
    new, _, _ = Pendulum(gravity=9.81).step(Rod(0.5, 0.2), jnp.ones(1), None)
    np.testing.assert_allclose(np.stack(new), other.state, rtol=1e-6)
    assert abs(new.spin - Pendulum().step(Rod(0.5, 0.2), jnp.ones(1), None)[0].spin) > 1e-3


@every_case
def test_pictures_show_the_state(name):
    environment, kind, *_ = CASES[name]
    draw = environment.picture if name != "CartPole-v1" else lambda s: cart_pole(s, environment)
    one, other = (draw(kind(*[value] * len(kind._fields))) for value in (0.0, 0.2))
    assert one.dtype == np.uint8
    assert one.shape == other.shape
    assert one.shape[2] == 3
    assert (one != other).any()


def test_shapes_lie_where_they_are_drawn():
    canvas = Canvas(-2, -1, 2, 1, height=40)  # 20 pixels a unit
    canvas.rectangle((-2, -1), (0, 0), BLUE)
    canvas.disc((1, 0.5), 0.25, ORANGE)
    canvas.line((-1, 0.5), (-0.5, 0.5), 0.2, ORANGE)
    picture = canvas.picture()
    assert picture.shape == (40, 80, 3)
    blue, orange = [0, 0x72, 0xB2], [0xE6, 0x9F, 0]
    assert (picture[20:, :40] == blue).all()
    assert picture[10, 60].tolist() == orange
    # areas of a disc and of a line with round ends; of a mixed pixel its share counts
    share = (255 - picture[:20, :, 2].astype(float)) / 255
    assert share[:, 40:].sum() == pytest.approx(math.pi * 5**2, rel=0.02)
    assert share[:, :40].sum() == pytest.approx(10 * 4 + math.pi * 2**2, rel=0.03)
