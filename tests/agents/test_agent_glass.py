"""What an agent makes of states: by arithmetic, over two variables, step by step."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Box, Choice, Environment, parameter
from descend.agents.deterministic import DDPG
from descend.agents.dqn import DQN
from descend.agents.plots import followed, plot_curves, plot_episode, plot_frames
from descend.agents.reinforce import REINFORCE
from descend.agents.surfaces import surface_of, telling, worth
from descend.agents.tabular import QLearning
from descend.errors import DescendError, ShapeError
from descend.glass import trace

QUICK = {"evaluations": 1, "episodes": 3, "verbose": 0}


class Rod(NamedTuple):
    """A state of two numbers, seen as three."""

    angle: jax.Array
    spin: jax.Array


@dataclass(frozen=True)
class Wheel(Environment):
    """Turns on by itself, and is seen by cosine and sine; pushed one way or the other."""

    push: float = parameter(0.3, above=0)
    limit: int = parameter(20, least=1)

    actions = Choice(2, ("back", "forth"))
    variables = ("cosine", "sine", "spin, rad/s")

    def reset(self, key):
        return Rod(jax.random.uniform(key, minval=0.5, maxval=1.5), jnp.float32(0.1))

    def step(self, state, action, key):
        spin = state.spin + self.push * self.strength(action)
        return Rod(state.angle + 0.1 * spin, spin), -jnp.abs(state.angle), False

    def strength(self, action):
        return 2.0 * action - 1

    def observe(self, state):
        return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.spin])


@dataclass(frozen=True)
class Motor(Wheel):
    """The same, pushed by numbers."""

    actions = Box(-1.0, 1.0, ("torque",))

    def strength(self, action):
        return action[0]


@functools.cache
def chooser():
    """A DQN agent, hardly trained."""
    made = DQN(hidden=(4,), environments=2, updates=1, batch=8, warmup=16, lookahead=2)
    return made.learn(Wheel(), 80, **QUICK)[0]


@functools.cache
def pusher():
    """A DDPG agent, hardly trained."""
    return DDPG(hidden=(4,), batch=8, warmup=16).learn(Motor(), 60, **QUICK)[0]


# -- arithmetic -----------------------------------------------------------------------------------


def test_q_values_are_the_arithmetic_of_the_trace():
    """What `thoughts` says of a state is b + w x of the units that `trace` writes out."""
    agent = chooser()
    seen = played().observations[:1]
    q = agent.thoughts(seen)["q"]
    y = q + np.array([[0.0, 1.0]])  # a target that is one higher for the second action
    step = trace(agent.model(), seen, y)
    for action in range(2):
        unit = step.unit("q", action)
        assert float(unit.z) == pytest.approx(float(q[0, action]), rel=1e-5, abs=1e-6)
        hidden = step.frame("active1")["a"].to_numpy()
        weights = agent.weights()["q"]["q"]
        by_hand = weights["bias"][action] + hidden @ weights["kernel"][:, action]
        assert by_hand == pytest.approx(float(q[0, action]), rel=1e-5, abs=1e-6)
    delta = step.frame("q")["delta"].to_numpy()  # of the mean over two outputs
    np.testing.assert_allclose(delta, [0.0, -1.0], atol=1e-5)


def test_a_policy_is_traced_too_and_without_a_baseline_nothing_is_said_of_values():
    made = REINFORCE(hidden=(4,), environments=2, baseline=False)
    agent = made.learn(Wheel(limit=4), 8, **QUICK)[0]
    episode = agent.episode()
    seen = episode.observations[:1]
    step = trace(agent.model("actor"), seen, np.zeros((1, 2)))
    logits = np.array([float(step.unit("logits", action).z) for action in range(2)])
    share = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(share, episode.thoughts["probability"][0], rtol=1e-5)
    assert set(episode.thoughts) == {"probability"}
    assert worth(episode.thoughts) is None
    assert telling(agent, episode) is None
    with pytest.raises(DescendError, match="REINFORCE has no values of states"):
        surface_of(agent, episode, "cosine", "sine", points=3)


# -- surfaces -------------------------------------------------------------------------------------


def test_a_surface_is_what_the_agent_says_of_each_point():
    agent = chooser()
    found = agent.surface("cosine", "spin", points=5, at={"sine": 0.5})
    assert found.variables == ("cosine", "spin, rad/s")
    assert found.held == {"sine": 0.5}
    assert found.what == "max_a Q(s, a)"
    for i in (0, 2, 4):
        for j in (0, 3):
            seen = np.array([found.a[i], 0.5, found.b[j]])
            q = agent.thoughts(seen)["q"]
            assert found.values[j, i] == pytest.approx(q.max(), rel=1e-5)
            assert found.actions[j, i] == q.argmax() == agent.act(seen)
    frame = found.to_frame()
    assert list(frame.columns) == ["cosine", "spin, rad/s", "value", "action"]
    assert len(frame) == 25
    assert frame["value"].max() == pytest.approx(found.values.max())


def test_its_extent_and_what_is_held_are_those_of_an_episode():
    agent = chooser()
    played = agent.episode(seed=3)
    cosine, sine, spin = played.observations.T
    found = agent.surface("cosine", "spin, rad/s", points=3, seed=3)
    room = 0.1 * np.ptp(cosine)
    np.testing.assert_allclose(found.a[[0, -1]], [cosine.min() - room, cosine.max() + room], 1e-5)
    assert found.held == {"sine": pytest.approx(sine.mean(), rel=1e-5)}
    np.testing.assert_allclose(found.path, np.stack([cosine, spin], axis=1), rtol=1e-6)
    cut = agent.surface("cosine", "spin", span={"spin": (-1, 2)}, points=4)
    assert cut.b.tolist() == [-1, 0, 1, 2]


def test_variables_of_the_state_are_seen_as_the_environment_shows_them():
    agent = pusher()
    found = agent.surface("angle", "spin", points=4)
    assert found.what == "Q(s, mu(s))"
    assert found.held == {}
    a, b = found.a[1], found.b[2]
    seen = np.array([np.cos(a), np.sin(a), b])
    assert found.values[2, 1] == pytest.approx(agent.thoughts(seen)["q"], rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(found.actions[2, 1], agent.act(seen), rtol=1e-3, atol=1e-5)
    assert list(found.to_frame().columns) == ["angle", "spin", "value", "action"]
    # what is seen moves on a circle, so the state's numbers are those to draw
    assert telling(agent, agent.episode()) == ("angle", "spin")


def test_the_pictures_are_labelled():
    found = chooser().surface("cosine", "sine", points=4)
    values, actions = found.plot().axes[:2]
    assert (values.get_xlabel(), values.get_ylabel()) == ("cosine", "sine")
    assert actions.get_title() == "what the agent does"
    drawn = values.images[0].get_array()
    np.testing.assert_allclose(drawn, found.values)
    assert {t.get_text() for t in actions.get_legend().get_texts()} <= {"back", "forth"}
    numbers = pusher().surface("angle", "spin", points=3).plot().axes
    assert "torque" in {ax.get_ylabel() for ax in numbers}


WRONG = {  # words of the error: a surface's arguments
    "unknown variable of Wheel 'cosin'. Did you mean 'cosine'?": (("cosin", "sine"), {}),
    "'cosine' and 'angle' are not both seen": (("cosine", "angle"), {}),
    "a surface is over two variables, got 'sine' twice": (("sine", "sine"), {}),
    "the surface is over 'sine'": (("sine", "cosine"), {"at": {"sine": 0.0}}),
    "at: spin, rad/s must be a finite number, got nan": (
        ("sine", "cosine"), {"at": {"spin": float("nan")}},
    ),
    "unknown variable of Wheel 'weight'": (("sine", "cosine"), {"at": {"weight": 1.0}}),
    "span is of the two variables": (("sine", "cosine"), {"span": {"spin": (0, 1)}}),
    "span: sine must be (low, high), got 3": (("sine", "cosine"), {"span": {"sine": 3}}),
    "low must be below high of sine, got 1 and 0": (("sine", "cosine"), {"span": {"sine": (1, 0)}}),
    "points must be a whole number >= 2, got 1": (("sine", "cosine"), {"points": 1}),
    "points must be at most 500, got 501": (("sine", "cosine"), {"points": 501}),
    "unknown weights 'first'": (("sine", "cosine"), {"which": "first"}),
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_surface_is_one_error(words):
    variables, options = WRONG[words]
    agent = chooser()
    if "which" in options:
        with pytest.raises(DescendError) as info:
            agent.surface(*variables, **options)
    else:
        with pytest.raises(DescendError) as info:
            surface_of(agent, played(), *variables, **options)
    assert words in str(info.value)
    assert "\n" not in str(info.value)


@functools.cache
def played():
    """An episode of the chooser."""
    return chooser().episode()


def test_a_place_without_two_numbers_has_no_surface():
    seen, cell = np.ones((4, 1)), np.arange(5, dtype=np.int32)
    numb = dataclasses.replace(played(), observations=seen, states=cell)
    with pytest.raises(ShapeError, match="a surface needs variables that are numbers: Wheel"):
        surface_of(chooser(), numb, "x0", "x1")
    assert telling(chooser(), numb) is None


# -- an episode drawn -----------------------------------------------------------------------------


def test_what_followed_is_the_discounted_sum():
    np.testing.assert_allclose(followed(np.array([1.0, 2.0, 4.0]), 0.5), [3.0, 4.0, 4.0])


def test_an_episode_is_drawn_as_it_was():
    episode = played()
    figure = plot_episode(episode, 0.9)
    panels = {ax.get_ylabel(): ax for ax in figure.axes}
    assert list(panels) == ["seen", "done", "thought worth", "reward"]
    assert panels["reward"].get_xlabel() == "step"
    lines = {line.get_label(): line.get_ydata() for line in panels["thought worth"].lines}
    assert list(lines) == ["what followed", "Q, back", "Q, forth"]
    np.testing.assert_allclose(lines["Q, forth"], episode.thoughts["q"][:, 1])
    np.testing.assert_allclose(lines["what followed"], followed(episode.rewards, 0.9))
    np.testing.assert_array_equal(panels["done"].lines[0].get_ydata(), episode.actions)
    assert [t.get_text() for t in panels["done"].get_yticklabels()] == ["back", "forth"]
    assert plot_frames(episode) is None  # it has no picture


def test_learning_curves_name_what_is_drawn():
    curves = chooser_curves()
    figure = plot_curves(curves, {"": ([2.0, 3.0], [1.0, 2.0], [3.0, 4.0])}, "return")
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("steps of the environment", "return")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "each agent", "interquartile mean",
    ]  # fmt: skip
    assert ax.lines[-1].get_ydata().tolist() == [2.0, 3.0]
    assert ax.lines[1].get_ydata().tolist() == [2.0, 4.0]


def chooser_curves():
    import pandas as pd

    return pd.DataFrame({0: [2.0, 2.0], 1: [2.0, 4.0]}, index=[10, 20])


# -- deviations from the papers -------------------------------------------------------------------


def test_deviations_follow_the_settings():
    said = " ".join(DQN().deviations)
    assert "Returns of 16 steps" in said
    assert "(double)" in said
    as_published = DQN(double=False, huber=True, lookahead=1, environments=1)
    plain = " ".join(as_published.deviations)
    assert "Returns of" not in plain
    assert "(double)" not in plain
    assert "the paper lets errors beyond 1" not in plain
    assert "constant" in " ".join(DQN(anneal=False).deviations)
    assert "a rate that falls" not in " ".join(DQN(anneal=False).deviations)


def test_every_algorithm_states_some():
    from descend.agents.registry import ALGORITHMS, algorithm

    for name in ALGORITHMS:
        said = algorithm(name)().deviations
        assert said, name
        assert all(line.endswith(".") and "\n" not in line for line in said)
    assert QLearning(slowing=0.7).deviations != QLearning().deviations
