"""`learn`: the same seed the same run, killed or not; what it hands back; what it refuses."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from dataclasses import dataclass
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Choice, Environment, make, parameter
from descend.agents.deterministic import DDPG
from descend.agents.dqn import DQN
from descend.agents.learning import Progress
from descend.agents.ppo import PPO
from descend.errors import CheckpointError, DescendError
from descend.train.callbacks import Callback, LambdaCallback
from descend.train.engine.training import InterruptedWarning
from descend.train.rules import Adam


@dataclass(frozen=True)
class Corridor(Environment):
    """The right end pays; on the way a step costs what was drawn at the beginning.

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
            "cost": jax.random.uniform(second, minval=0.01, maxval=0.02),
        }

    def step(self, state, action, key):
        to = jnp.maximum(state["cell"] + 2 * action - 1, 0)
        end = to == self.cells - 1
        return state | {"cell": to}, jnp.where(end, self.prize, 0.0) - state["cost"], end

    def observe(self, state):
        return jax.nn.one_hot(state["cell"], self.cells)


ADAM = Adam(0.01, global_clipnorm=1.0)
SMALL = {
    "DQN": DQN(
        hidden=(8,), optimizer=ADAM, environments=2, updates=1, batch=8, warmup=16, capacity=64,
        lookahead=2,
    ),
    "PPO": PPO(hidden=(8,), optimizer=ADAM, environments=2, walk=8, passes=2, batch=8),
}  # fmt: skip
QUICK = {"seeds": 2, "evaluations": 20, "episodes": 5, "verbose": 0}
BUDGET = 200


def learn(name, **options):
    return SMALL[name].learn(Corridor(), BUDGET, **{**QUICK, **options})


@functools.cache
def learned(name):
    """Two agents that learnt without a break."""
    return learn(name)


def weights(agent, which="last"):
    """An agent's weights, taken by NumPy: nothing is compiled for each of many comparisons."""
    return jax.tree.map(lambda a: np.asarray(a)[agent.index], getattr(agent.group, which))


def same(one, other):
    """Bit-equal in everything that training leaves."""
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.settings == b.settings
        assert a.history.history.keys() == b.history.history.keys()
        for name, values in a.history.history.items():
            np.testing.assert_array_equal(values, b.history.history[name], name)  # NaN is NaN
        assert (a.best_epoch, a.diverged) == (b.best_epoch, b.diverged)
        for which in ("last", "best"):
            jax.tree.map(np.testing.assert_array_equal, weights(a, which), weights(b, which))


def differ(one, other):
    leaves = map(jax.tree.leaves, (weights(one), weights(other)))
    return all((a != b).any() for a, b in zip(*leaves, strict=True))


# -- a run is a function of its seed --------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_is_the_same_run(name, capfd):
    learned(name)
    again = learn(name)
    assert capfd.readouterr() == ("", "")  # verbose=0
    same(learned(name), again)
    assert differ(*again)  # and another seed another


def test_seeds_may_be_named():
    agents = learn("PPO", seeds=[1, 0])
    same([agents[1], agents[0]], list(learned("PPO")))
    assert [a.settings for a in agents] == [{"seed": 1}, {"seed": 0}]


class Kill(Callback):
    """Ctrl-C in the evaluation of an epoch, before its checkpoint is written."""

    def __init__(self, epoch):
        self.at = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", SMALL)
def test_killed_and_resumed_is_as_if_nothing_had_happened(name, tmp_path):
    """Replay memory, episodes in progress, epsilon, rates and best weights included."""
    file = tmp_path / "run.descend"
    with pytest.warns(InterruptedWarning, match="after epoch 8 of"):
        learn(name, checkpoint=file, callbacks=[Kill(7)])
    again = learn(name, resume=file)  # which is of the seventh evaluation
    same(again, learned(name))


def test_ctrl_c_ends_all_programs_of_a_grid():
    """As in `sweep`: what has been trained so far is the result."""
    begun = []

    class Count(Kill):
        def on_train_begin(self, logs=None):
            begun.append(self.run.task.algorithm.hidden)

    with pytest.warns(InterruptedWarning):
        agents = learn("PPO", grid={"hidden": [(8,), (4,)]}, callbacks=[Count(1)])
    assert begun == [(8,)]
    assert [a.settings["hidden"] for a in agents] == [(8,), (8,)]


def test_ctrl_c_before_the_first_evaluation():
    def kill(epoch, logs):
        raise KeyboardInterrupt

    with pytest.warns(InterruptedWarning, match="before its first epoch ended"):
        agents = learn("PPO", callbacks=[LambdaCallback(on_epoch_begin=kill)])
    assert len(agents.curves()) == 0
    assert agents.to_frame()["return"].isna().all()
    assert agents.to_frame()["steps"].tolist() == [0, 0]
    same([agents[0]], [agents[0]])
    assert agents[0].act(np.eye(5), "best").shape == (5,)  # there are weights, the first ones


def test_a_run_that_was_stopped_keeps_what_it_reached():
    class Enough(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.run.stop("good enough")

    agents = learn("PPO", callbacks=[Enough()])
    for agent, whole in zip(agents, learned("PPO"), strict=True):
        curve = agent.history.history["val_return"]
        assert curve == whole.history.history["val_return"][:2]
    assert len(agents.curves()) == 2
    assert set(agents.to_frame()["steps"]) == {agents.curves().index[-1]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": [3, 4]}, "settings"),
        ({"grid": {"gamma": [0.5]}}, "settings"),
        ({"evaluations": 2}, "evaluations"),  # epochs of another length
        ({"episodes": 6}, "episodes"),  # other episodes to choose by
    ],
)
def test_another_call_cannot_go_on_from_it(changes, words, checkpoint):
    with pytest.raises(CheckpointError, match=f"belongs to another run: its {words}"):
        learn("PPO", resume=checkpoint, **changes)


@pytest.mark.parametrize(
    ("algorithm", "environment", "steps", "words"),
    [
        (dataclasses.replace(SMALL["PPO"], clip=0.3), Corridor(), BUDGET, "algorithm"),
        (SMALL["PPO"], Corridor(prize=2.0), BUDGET, "environment"),
        (SMALL["PPO"], Corridor(), BUDGET + 64, "steps"),
    ],
)
def test_nor_another_agent(algorithm, environment, steps, words, checkpoint):
    with pytest.raises(CheckpointError, match=f"belongs to another run: its {words}"):
        algorithm.learn(environment, steps, resume=checkpoint, **QUICK)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    file = tmp_path_factory.mktemp("runs") / "run.descend"
    learn("PPO", checkpoint=file)
    return file


# -- what is logged -------------------------------------------------------------------------------


def test_returns_in_training_are_those_of_finished_episodes():
    """Where none has finished, in some of DQN's epochs of 4 rounds, their mean is no number."""
    for name in SMALL:
        for agent in learned(name):
            history = agent.history.history
            returns, lengths = np.array(history["return"]), np.array(history["length"])
            none = np.isnan(lengths)
            np.testing.assert_array_equal(np.isnan(returns), none)
            assert (lengths[~none] >= 1).all()
            assert (lengths[~none] <= 12).all()
            # costs are 0.01 to 0.02 a step, the prize is 1
            assert (returns[~none] <= 1 - 0.01 * lengths[~none]).all()
            assert (returns[~none] >= -0.02 * lengths[~none] - 1e-6).all()
            assert (~none).sum() > 5
            for other in ("loss", "val_return", "val_length"):
                assert np.isfinite(history[other]).all()
    assert any(np.isnan(a.history.history["return"]).any() for a in learned("DQN"))


def test_steps_are_counted_and_not_beyond_the_budget():
    for name, first in (("DQN", 2 * 9), ("PPO", 0)):  # 16 at random, and one for the window
        frame = learned(name).to_frame()
        index = learned(name).curves().index
        assert len(index) == {"DQN": 20, "PPO": 12}[name]  # 12 walks of 16 steps
        assert (np.diff(index) == index[1] - index[0]).all()
        assert index[0] - (index[1] - index[0]) == first
        assert index[-1] <= BUDGET
        assert (frame["steps"] == index[-1]).all()


# -- what is shown --------------------------------------------------------------------------------


def test_verbose_1_shows_return_speed_and_time_left(capsys):
    learn("DQN", verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    first, *lines = err.splitlines()
    assert first == "DQN in Corridor: 2 agents, 200 steps each; compiling ..."
    assert len(lines) == 10
    curves = learned("DQN").curves()[1::2]
    for line, (steps, row) in zip(lines, curves.iterrows(), strict=True):
        found = re.fullmatch(
            r"(\d+) of 200 steps: return (\S+) \(median of 2; worst (\S+)\), [\d,]+ steps/s, "
            r"\d+ s left",
            line,
        )
        assert found, line
        assert int(found[1]) == steps
        assert float(found[2]) == pytest.approx(row.median(), rel=1e-3, abs=1e-4)  # four digits
        assert float(found[3]) == pytest.approx(row.min(), rel=1e-3, abs=1e-4)
    assert lines[-1].endswith(" 0 s left")


def test_who_diverged_is_left_out_of_what_is_shown(capsys):
    """Three agents, one of them without a number, then all of them."""
    task = SMALL["PPO"].task(Corridor(), 200)
    _, epochs = task.feed(3)
    shown = Progress(task, epochs, 3)
    shown.run = SimpleNamespace(epoch=-1)
    shown.on_epoch_begin(0)
    for epoch, returns in enumerate([[7.0, 1.0, 2.0], [5.0, np.nan, 1.0], [np.nan] * 3]):
        shown.on_epoch_end(epoch, {"val_return": np.array(returns)})
    lines = [line.split(", ")[0] for line in capsys.readouterr().err.splitlines()[1:]]
    assert lines == [
        "64 of 200 steps: return 2 (median of 3; worst 1)",
        "128 of 200 steps: return 3 (median of 3; worst 1)",
        "192 of 200 steps: diverged",
    ]


# -- what it refuses ------------------------------------------------------------------------------

PUSHED = make("pendulum")


REFUSED = {  # words of the error: (algorithm, environment, steps, options)
    "unknown setting of PPO 'gama'. Did you mean 'gamma'?": {"grid": {"gama": [0.9]}},
    "unknown parameter of Corridor 'price'. Did you mean 'prize'?": {
        "grid": {"environment.price": [1.0]}
    },
    "PPO: gamma (discount factor) must be >= 0 and <= 1, got 1.5": {"grid": {"gamma": [1.5]}},
    "Corridor: prize must be > 0, got -1": {"grid": {"environment.prize": [-1.0]}},
    "Corridor: cells must be a whole number, got 2.5": {"grid": {"environment.cells": [2.5]}},
    "'gamma' must be a number, got 'high'": {"grid": {"gamma": ["high"]}},
    "the grid is empty": {"grid": {"gamma": []}},
    "15 steps are not enough: a round of PPO takes 16": {"steps": 15},
    "50 steps are not enough: DQN makes": {
        "algorithm": DQN(warmup=64, environments=1), "steps": 50,
    },
    "steps must be a whole number >= 1, got 1000.0": {"steps": 1e3},
    "seeds must be a whole number >= 1, got 0": {"seeds": 0},
    "seeds is empty": {"seeds": []},
    "seeds must be a whole number >= 0, got -1": {"seeds": [-1]},
    "evaluations must be a whole number >= 1, got 0": {"evaluations": 0},
    "episodes must be a whole number >= 1, got 0": {"episodes": 0},
    "an instance of a subclass of Environment, got the class Corridor": {"environment": Corridor},
    "an instance of a subclass of Environment, got cart-pole": {"environment": "cart-pole"},
    "DQN chooses among actions, and Pendulum has": {
        "algorithm": DQN(), "environment": PUSHED, "steps": 5000,
    },
    "DDPG acts by numbers, and Corridor has": {"algorithm": DDPG(), "steps": 5000},
    "for a choice among actions: DQN, PPO": {"algorithm": DDPG(), "steps": 5000},
    "checkpoint and resume are of one program; a grid over hidden makes 2": {
        "grid": {"hidden": [(4,), (8,)]}, "checkpoint": "no.descend",
    },
    "no.descend": {"resume": "no.descend"},
    "on_batch_end": {"callbacks": [type("Hears", (), {"on_batch_end": print})()]},
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_wrong_calls_are_one_error(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"algorithm": SMALL["PPO"], "environment": Corridor(), "steps": BUDGET, **QUICK}
    given |= REFUSED[words]
    algorithm, environment = given.pop("algorithm"), given.pop("environment")
    with pytest.raises(DescendError) as info:
        algorithm.learn(environment, given.pop("steps"), **given)
    assert words in str(info.value)
    assert "\n" not in str(info.value)


def test_settings_that_are_no_settings():
    for made, words in (
        (lambda: PPO(gamma=2.0), r"PPO: gamma \(discount factor\) must be >= 0 and <= 1, got 2"),
        (lambda: DQN(batch=0), "DQN: batch .* must be >= 1, got 0"),
        (lambda: DQN(batch=2.5), "DQN: batch must be a whole number, got 2.5"),
        (lambda: DQN(double="no"), "DQN: double must be True or False, got 'no'"),
        (lambda: PPO(hidden=8), "hidden .*8"),
        (lambda: PPO(hidden=(0,)), r"hidden must be a tuple of units .* got \(0,\)"),
        (lambda: PPO(activation="rleu"), "unknown activation 'rleu'"),
        (lambda: PPO(optimizer="adm"), "unknown optimizer 'adm'"),
    ):
        with pytest.raises(DescendError, match=words):
            made()


def test_one_callback_is_as_good_as_a_list():
    seen = []
    learn("PPO", callbacks=LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)))
    assert seen == list(range(12))


def test_a_seed_is_not_another():
    """Seeds are whole numbers that make a key: 2^32 would be 0 again."""
    with contextlib.suppress(DescendError):  # it may be refused
        assert differ(*learn("PPO", seeds=[0, 2**32]))
