"""What `learn` hands back: agents that act, are judged, play and are looked at."""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Box, Choice, Environment, Episode, interquartile_mean, parameter
from descend.agents.dqn import DQN
from descend.agents.learning import CHOSEN
from descend.agents.walking import play
from descend.errors import DescendError, ShapeError
from descend.train.callbacks import Callback
from descend.train.rules import Adam


@dataclass(frozen=True)
class Corridor(Environment):
    """The right end pays; a step costs about what was drawn at the beginning, by chance.

    So no two episodes have the same return, and who goes right gets the most.
    """

    cells: int = parameter(5, least=2)
    prize: float = parameter(1.0, above=0)
    limit: int = parameter(12, least=1)

    actions = Choice(2, ("left", "right"))

    def reset(self, key):
        first, second = jax.random.split(key)
        return {
            "cell": jax.random.randint(first, (), 0, self.cells - 1),
            "cost": jax.random.uniform(second, minval=0.01, maxval=0.015),
        }

    def step(self, state, action, key):
        to = jnp.maximum(state["cell"] + 2 * action - 1, 0)
        end = to == self.cells - 1
        cost = state["cost"] * jax.random.uniform(key, minval=0.5, maxval=1.5)
        return state | {"cell": to}, jnp.where(end, self.prize, 0.0) - cost, end

    def observe(self, state):
        return jax.nn.one_hot(state["cell"], self.cells)


QUICK = {"seeds": 2, "evaluations": 4, "episodes": 5, "verbose": 0}
SMALL = DQN(
    hidden=(8,), optimizer=Adam(0.01), environments=2, updates=1, batch=8, warmup=16, lookahead=2,
)  # fmt: skip


@functools.cache
def learned():
    return SMALL.learn(Corridor(), 200, **QUICK)


# -- what it hands back ---------------------------------------------------------------------------


def test_agents_are_a_sequence():
    agents = learned()
    assert len(agents) == 2
    assert [a.settings["seed"] for a in agents] == [0, 1]
    assert agents[-1].settings == {"seed": 1}
    with pytest.raises(IndexError):
        agents[2]
    assert agents.algorithm == SMALL.with_parameters({"gamma": 0.99})  # what it learnt with
    assert agents.environment == Corridor()
    assert agents.seconds > 0


def test_frames():
    agents = learned()
    curves, frame = agents.curves(), agents.to_frame()
    assert curves.shape == (4, 2)
    assert curves.index.name == "steps"
    assert list(frame.columns) == [
        "seed", "return", "best return", "best at", "steps", "diverged",
    ]  # fmt: skip
    for i, row in frame.iterrows():
        assert row["return"] == curves[i].iloc[-1]
        assert row["best return"] == curves[i].max()
        assert row["best at"] == curves[i].idxmax()  # the first of equals
        assert row["seed"] == i
        assert not row["diverged"]
    assert curves[0].tolist() == agents[0].history.history["val_return"]


def test_one_observation_or_many():
    agent = learned()[0]
    every = np.eye(5)
    many = agent.act(every)
    assert many.shape == (5,)
    assert set(many.tolist()) <= {0, 1}
    assert [int(agent.act(row)) for row in every] == many.tolist()
    assert agent.act(every[0]).shape == ()
    q = agent.thoughts(every)["q"]
    assert q.shape == (5, 2)
    np.testing.assert_array_equal(q.argmax(axis=1), many)  # no exploring
    np.testing.assert_allclose(agent.thoughts(every[3])["q"], q[3], rtol=1e-5)
    only = agent.act(every, legal=np.tile([True, False], (5, 1)))
    assert not only.any()
    assert agent.act(every[0], legal=[False, True]) == 1
    assert agent.act(every.tolist()).tolist() == many.tolist()
    layers = jax.tree.map(np.asarray, agent.weights()["q"])
    hidden = np.maximum(every @ layers["hidden1"]["kernel"] + layers["hidden1"]["bias"], 0)
    by_hand = hidden @ layers["q"]["kernel"] + layers["q"]["bias"]
    np.testing.assert_allclose(q, by_hand, rtol=1e-4, atol=1e-5)  # float32


def test_one_episode_step_by_step():
    agent = learned()[1]
    played = agent.episode(seed=3)
    n = len(played)
    assert played.observations.shape == (n, 5)
    assert (played.actions.shape, played.rewards.shape) == ((n,), (n,))
    cells = played.states["cell"]
    assert len(cells) == n + 1
    # every step is what the corridor does
    np.testing.assert_array_equal(played.observations.argmax(axis=1), cells[:-1])
    np.testing.assert_array_equal(cells[1:], np.maximum(cells[:-1] + 2 * played.actions - 1, 0))
    np.testing.assert_array_equal(played.actions, agent.act(played.observations))
    assert played.terminated == (cells[-1] == 4)
    assert played.terminated or n == 12
    prizes = played.terminated * (np.arange(n) == n - 1)
    factors = (prizes - played.rewards) / played.states["cost"][0]
    assert ((factors > 0.499) & (factors < 1.501)).all()
    assert n == 1 or factors.std() > 0.01  # chance of its own at every step
    assert played.total == pytest.approx(played.rewards.sum(), rel=1e-6)
    assert played.state(n)["cell"] == cells[-1]
    frame = played.to_frame()
    assert list(frame.columns) == [
        "x0", "x1", "x2", "x3", "x4", "action", "reward", "q left", "q right",
    ]  # fmt: skip
    assert len(frame) == n
    assert set(frame["action"]) <= {"left", "right"}
    again = agent.episode(seed=3)
    np.testing.assert_array_equal(again.rewards, played.rewards)
    assert agent.episode(seed=4).states["cost"][0] != played.states["cost"][0]


def test_an_episode_is_one_of_those_that_judge():
    agents = learned()
    judged = agents.evaluate(3)
    for i, agent in enumerate(agents):
        played = agent.episode()
        assert played.total == pytest.approx(float(judged.returns[i, 0]), rel=1e-6)
        assert len(played) == judged.lengths[i, 0]
        assert played.terminated == judged.terminated[i, 0]


# -- how it is judged -----------------------------------------------------------------------------


def test_evaluation():
    agents = learned()
    judged = agents.evaluate(30)
    assert judged.returns.shape == judged.lengths.shape == judged.terminated.shape == (2, 30)
    assert judged.settings == [{"seed": 0}, {"seed": 1}]
    np.testing.assert_array_equal(agents.evaluate(30).returns, judged.returns)
    np.testing.assert_array_equal(agents.evaluate(7).returns, judged.returns[:, :7])
    other = agents.evaluate(30, seed=1)
    assert not np.isin(other.returns, judged.returns).any()
    assert judged.means.tolist() == judged.returns.mean(axis=1).tolist()
    assert judged.worst == int(judged.means.argmin())
    assert judged.worst_episode == judged.returns.min()
    assert judged.interquartile_mean == pytest.approx(interquartile_mean(judged.means))
    frame = judged.to_frame()
    assert list(frame.columns) == ["seed", "return", "worst episode", "length", "terminated"]
    low, high = judged.interval()
    assert judged.means.min() <= low <= high <= judged.means.max()
    assert re.match(r"return \S+ \(interquartile mean of 2 seeds, .* 30 episodes each", str(judged))


def test_who_acts_alike_gets_the_same_everywhere():
    """All agents are judged on the same episodes, and an episode does not depend on the agent."""
    agents = learned()
    judged = agents.evaluate(20)
    alike = [a.act(np.eye(5))[:4].tolist() for a in agents]
    if alike[0] == alike[1]:
        np.testing.assert_array_equal(judged.returns[0], judged.returns[1])
    right = [a for a, acts in zip(range(2), alike, strict=True) if acts == [1] * 4]
    for i in right:  # the way of those that always go right, from where they began
        assert judged.terminated[i].all()
        assert set(judged.lengths[i].tolist()) == {1, 2, 3, 4}


def test_evaluation_has_other_episodes_than_those_that_chose():
    """Every episode has a cost of its own: none of the 5 that chose is among 200 that judge."""
    agents = learned()
    env, agent = Corridor(), agents[0]
    seeds = jnp.arange(CHOSEN, CHOSEN + 5, dtype=jnp.uint32)
    keys = jax.vmap(jax.random.key)(seeds)
    policy = agent.task.policy(agent.weights(), agent.hyper)
    chose = jax.jit(lambda k: play(env, policy, k))(keys)
    # these are the ones that chose: the last evaluation in training is their mean
    last = agent.history.history["val_return"][-1]
    assert np.mean(chose.returns) == pytest.approx(last, rel=1e-6)
    judged = agents.evaluate(200).returns[0]
    assert not np.isin(np.asarray(chose.returns), judged).any()
    assert len(np.unique(judged)) > 190


class Meddle(Callback):
    """Puts a policy in the network's place: right from the second evaluation on, then left."""

    def __init__(self, right):
        self.right = right

    def on_epoch_begin(self, epoch, logs=None):
        old = self.run.state.params
        params = jax.tree.map(lambda w: np.zeros(w.shape, w.dtype), old)
        params["q"]["q"]["bias"][:, int(epoch in self.right)] = 1
        place = lambda new, old: jax.device_put(new, old.sharding)  # another would be recompiled
        self.run.state = self.run.state._replace(params=jax.tree.map(place, params, old))


def test_the_best_weights_are_not_the_last_where_those_are_worse():
    still = dataclasses.replace(SMALL, optimizer=Adam(1e-12))
    agents = still.learn(Corridor(), 200, callbacks=[Meddle(right=(1, 2))], **QUICK)
    for agent in agents:
        curve = np.array(agent.history.history["val_return"])
        assert (curve[1:3] > 0.9).all()
        assert (np.delete(curve, [1, 2]) < 0).all()
        assert agent.best_epoch == 1  # the first of equals
        assert agent.act(np.eye(5), "best").tolist() == [1] * 5
        assert agent.act(np.eye(5), "last").tolist() == agent.act(np.eye(5)).tolist() == [0] * 5
        assert agent.episode(which="best").terminated
        assert not agent.episode().terminated
    assert (agents.evaluate(9, "best").returns > 0.9).all()
    assert (agents.evaluate(9).returns < 0).all()
    frame = agents.to_frame()
    assert (frame["best at"] == agents.curves().index[1]).all()
    assert (frame["best return"] > frame["return"]).all()


WRONG = {  # words of the error: what is done with an agent
    "unknown weights 'worst'. Known: best, last": lambda a: a[0].act(np.zeros(5), "worst"),
    "unknown weights 'bets'. Did you mean 'best'?": lambda a: a.evaluate(3, "bets"),
    "an observation of Corridor has shape (5,) (or (n, 5) for n of them), got (4,)": (
        lambda a: a[0].act(np.zeros(4))
    ),
    "for n of them), got (2, 3, 5)": lambda a: a[0].thoughts(np.zeros((2, 3, 5))),
    "episodes must be a whole number >= 1, got 0": lambda a: a.evaluate(0),
    "seed must be a whole number >= 0, got -1": lambda a: a.evaluate(3, seed=-1),
    "seed must be": lambda a: a.evaluate(3, seed=10**6),  # beyond the seeds that there are
    "seed must be a whole number >= 0, got -2": lambda a: a[0].episode(seed=-2),
    "seed must be a whole number >= 0, got 'a'": lambda a: a[0].episode(seed="a"),
    "unknown network of DQN 'actor'. Known: q": lambda a: a[0].model("actor"),
    "legal": lambda a: a[0].act(np.eye(5), legal=[True]),
    "an observation of Corridor": lambda a: a[0].act("left"),
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_questions_are_one_error(words):
    with pytest.raises(DescendError) as info:
        WRONG[words](learned())
    assert words in str(info.value)


def test_a_wrong_shape_is_a_shape_error():
    with pytest.raises(ShapeError):
        learned()[0].act(np.zeros(4))


def test_words_for_the_entries_of_an_action():
    @dataclass(frozen=True)
    class Arm(Environment):
        actions = Box((-1.0, 0.0), (1.0, 5.0), ("turn", "lift"))
        variables = ("angle", "height", "weight")

    q, mean = np.array([1.0, 2]), np.array([[0.1, 0.2], [0.3, 0.4]])
    seen, done = np.arange(6.0).reshape(2, 3), np.array([[0.0, 4], [1, 5]])
    played = Episode(
        Arm(), np.zeros(3), seen, done, np.array([1.5, 2]), True, {"q": q, "mean": mean}
    )
    assert played.to_frame().to_dict("list") == {
        "angle": [0, 3],
        "height": [1, 4],
        "weight": [2, 5],
        "action turn": [0, 1],
        "action lift": [4, 5],
        "reward": [1.5, 2],
        "q": [1, 2],
        "mean turn": [0.1, 0.3],
        "mean lift": [0.2, 0.4],
    }
    assert (played.total, len(played)) == (3.5, 2)
