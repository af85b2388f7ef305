"""Wrong input of all kinds: each is one line that says what was wrong; nothing is half written.

Environments that are stated wrongly are in test_check_environment.py, surfaces in
test_agent_glass.py, wrong calls of `learn` also in test_learning.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import Dense, Input, Sequential
from descend.agents import DDPG, DQN, PPO, SARSA, Choice, Environment, QLearning, load_agents, make
from descend.agents import parameter as parameter_of
from descend.cli.main import run
from descend.errors import DescendError, DivergenceError
from descend.train.rules import Adam


@dataclass(frozen=True)
class Row(Environment):
    """Cells in a row; to the right it pays."""

    cells: int = parameter_of(5, least=2, doc="number of cells")
    pay: float = parameter_of(1.0, above=0)
    limit: int = parameter_of(10, least=1)

    actions = Choice(2, ("left", "right"))

    def reset(self, key):
        return jnp.int32(0)

    def step(self, state, action, key):
        to = jnp.clip(state + 2 * action - 1, 0, self.cells - 1)
        return to, self.pay * (to == self.cells - 1), False

    def observe(self, state):
        return jax.nn.one_hot(state, self.cells)


@dataclass(frozen=True)
class Unpaid(Row):
    """A row whose reward is no number."""

    def step(self, state, action, key):
        return state, jnp.nan, False


QUICK = {"evaluations": 1, "episodes": 2, "verbose": 0}
TABLE = QLearning()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Files in one folder: agents, a run in progress, a model, half a file; and the agents."""
    folder = tmp_path_factory.mktemp("shelf")
    agents = TABLE.learn(Row(), 20, seeds=2, checkpoint=folder / "run.descend", **QUICK)
    agents.save(folder / "row.descend")
    search = QLearning().learn(make("job-search"), 20, **QUICK)
    search.save(folder / "search.descend")
    Sequential([Input((1,)), Dense(1)]).save(folder / "model.descend")
    half = (folder / "row.descend").read_bytes()[:600]
    (folder / "half.descend").write_bytes(half)
    return folder, agents


def learn(**changed):
    """`learn` of the row by the table with something wrong."""
    given = {"environment": Row(), "steps": 20, **QUICK, **changed}
    algorithm = given.pop("algorithm", TABLE)
    return algorithm.learn(given.pop("environment"), given.pop("steps"), **given)


SETTINGS = {  # words of the error: what makes settings or an environment
    "unknown parameter of PPO 'gama'. Did you mean 'gamma'?": lambda: PPO(gama=0.9),
    "unknown parameter of SARSA 'epsilonend'. Did you mean 'epsilon_end'?": (
        lambda: SARSA(epsilonend=0.1)
    ),
    "unknown parameter of Row 'cell'. Did you mean 'cells'?": lambda: Row(cell=3),
    "Row: cells (number of cells) must be >= 2, got 1": lambda: Row(cells=1),
    "QLearning: rate (step of the first update of a pair) must be > 0, got nan": (
        lambda: QLearning(rate=float("nan"))
    ),
    "DQN: tau (step of the target network) must be > 0 and <= 1, got inf": (
        lambda: DQN(tau=float("inf"))
    ),
    "DDPG: batch must be a whole number, got '64'": lambda: DDPG(batch="64"),
    "unknown optimizer 'adma'. Did you mean 'adam'?": lambda: DDPG(actor="adma"),
    "Adam: learning_rate must be a finite number > 0, got -0.1": lambda: PPO(optimizer=Adam(-0.1)),
    "unknown environment 'cartpol'. Did you mean 'cart-pole'?": lambda: make("cartpol"),
    "unknown parameter of CartPole 'gravty'. Did you mean 'gravity'?": (
        lambda: make("cart-pole", gravty=3.0)
    ),
    "CartPole: gravity must be a number, got '3'": lambda: make("cart-pole", gravity="3"),
}


@pytest.mark.parametrize("words", SETTINGS)
def test_wrong_settings(words):
    one_line(words, SETTINGS[words])


CALLS = {  # words of the error: arguments of `learn`
    "DDPG acts by numbers, and Row has": {"algorithm": DDPG()},
    "CartPole.observe must be one-hot": {"environment": make("cart-pole")},
    "is for two players in turns": {"environment": make("tic-tac-toe")},
    "got the class Row": {"environment": Row},
    "steps must be a whole number >= 1, got nan": {"steps": float("nan")},
    "seeds must be a whole number >= 1, got 2.5": {"seeds": 2.5},
    "seeds must be a whole number >= 0, got 1.5": {"seeds": [0, 1.5]},
    "seeds has 3 twice: agents of one seed are the same agent": {"seeds": [3, 4, 3]},
    "a seed must be below 2^32": {"seeds": [2**32]},
    "seeds are no part of the grid": {"grid": {"seed": [1, 2]}},
    "the grid needs a list of values for 'gamma', got 0.9": {"grid": {"gamma": 0.9}},
    "the grid needs names of settings, got 3": {"grid": {3: [0.9]}},
    "the grid is empty": {"grid": []},
    "the setting 'gamma' must be a number, got [0.9]": {"grid": {"gamma": [[0.9]]}},
    "QLearning: gamma (discount factor) must be >= 0 and <= 1, got nan": {
        "grid": {"gamma": [float("nan")]}
    },
    "Known: anneal, environment.cells, environment.limit, environment.pay, epsilon, epsilon_end": {
        "grid": {"zzz": [1.0]}
    },  # each once
    "3 is no callback": {"callbacks": [3]},
    "cannot write no/run.descend: there is no folder no": {"checkpoint": "no/run.descend"},
    "half.descend is truncated": {"resume": "half.descend"},
    "row.descend holds agents, and not a run in progress": {"resume": "row.descend"},
    "model.descend holds a model without optimiser": {"resume": "model.descend"},
    "none.descend: there is no such file": {"resume": "none.descend"},
    "run.descend belongs to another run": {"resume": "run.descend", "environment": Row(pay=2.0)},
}


@pytest.mark.parametrize("words", CALLS)
def test_wrong_calls(words, folder):
    one_line(words, lambda: learn(**CALLS[words]))


@pytest.fixture
def folder(shelf, tmp_path, monkeypatch):
    """A folder with copies of the files, which stays as it is."""
    place = shelf[0]
    for file in place.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert {f.name for f in tmp_path.iterdir()} == {f.name for f in place.iterdir()}


QUESTIONS = {  # words of the error: what is asked of agents
    "unknown weights 'other'. Known: best, last.": lambda a: a.evaluate(2, "other"),
    "episodes must be a whole number >= 1, got 2.5": lambda a: a.evaluate(2.5),
    "level must be between 0 and 1, got 2.0": lambda a: a.evaluate(2).interval(2.0),
    "an observation of Row has shape (5,)": lambda a: a[0].act(np.zeros(4)),
    "holds finite numbers; entry (1,) is nan": lambda a: a[0].act([0, np.nan, 0, 0, 0]),
    "legal must allow an action in every row; in row 1": (
        lambda a: a[0].act(np.eye(5)[:2], legal=[[True, False], [False, False]])
    ),
    "seed must be below 4,292,967,296, got 8589934592": lambda a: a[0].episode(seed=2**33),
    "QLearning has no network; table()": lambda a: a[0].model(),
    "QLearning has a number for each state, and nothing between": (
        lambda a: a[0].surface("x0", "x1")
    ),
    "the number of an agent must be a whole number, got 'first'": lambda a: a["first"],
    "cannot write no/a.descend: there is no folder no": lambda a: a.save("no/a.descend"),
}


@pytest.mark.parametrize("words", QUESTIONS)
def test_wrong_questions(words, shelf, folder):
    one_line(words, lambda: QUESTIONS[words](shelf[1]))


def test_there_are_only_so_many_agents(shelf):
    with pytest.raises(IndexError, match="there are 2 agents, numbers 0 to 1, got 5"):
        shelf[1][5]


FILES = {  # words of the error: what is loaded
    "model.descend holds a model, not agents": lambda: load_agents("model.descend", Row),
    "run.descend holds a checkpoint, not agents": lambda: load_agents("run.descend", Row),
    "half.descend is truncated": lambda: load_agents("half.descend", Row),
    "row.descend is of agents in Row, and not in CartPole": (
        lambda: load_agents("row.descend", make("cart-pole"))
    ),
    "row.descend is of agents in Row, and not in 'Row'": lambda: load_agents("row.descend", "Row"),
}


@pytest.mark.parametrize("words", FILES)
def test_wrong_files(words, folder):
    one_line(words, FILES[words])


def test_a_reward_that_is_no_number_is_told():
    """All diverged at once: an error; later, or some of several: a warning, and the agents."""
    with pytest.raises(DivergenceError) as told:
        TABLE.learn(Unpaid(), 20, **QUICK)
    assert "1 of 1 agents by QLearning in Unpaid came to values that are no numbers" in str(
        told.value
    )
    assert "check_environment looks for rewards" in str(told.value)
    assert "\n" not in str(told.value)
    grid = {"rate": [0.1, 1e38]}
    with pytest.warns(UserWarning, match="1 of 2 agents by QLearning in Row came to values"):
        agents = TABLE.learn(Row(cells=2), 40, grid=grid, **QUICK)
    assert agents.to_frame()["diverged"].tolist() == [False, True]


COMMANDS = {  # words of the error: `descend ...`
    "Did you mean 'cart-pole'?": "agent train cartpole-v1",
    "unknown algorithm 'dnq'. Did you mean 'dqn'?": "agent train maze --algorithm dnq",
    "unknown parameter of Maze 'slipp'. Did you mean 'slip'?": "agent train maze -p slipp=1",
    "must be >= 0 and <= 1, got nan": "agent train maze -s gamma=nan",
    "-s gamma is given twice: .9 and .8": "agent train maze -s gamma=.9 -s gamma=.8",
    "-s takes NAME=VALUE, got 'gamma'": "agent train maze -s gamma",
    "seeds must be a whole number >= 1, got -1": "agent train maze --seeds -1",
    "there is no folder no": "agent train maze -o no/maze.descend",
    "--checkpoint and the agents are both": "agent train maze -o a.descend --checkpoint a.descend",
    "a report's name ends in .html": "agent train maze --report maze.txt",
    "row.descend holds agents, and not a run": "agent train maze --steps 9 --resume row.descend",
    "search.descend holds the agents 0 to 0, not 7": "agent watch search.descend --agent 7",
    "JobSearch has no picture(state)": "agent watch search.descend -o search.gif",
    "it is also read from": "agent watch search.descend -o search.descend",
    "episodes must be a whole number >= 1, got 0": "agent evaluate search.descend --episodes 0",
    "holds a model, not agents": "agent evaluate model.descend",
    "half.descend is truncated": "agent evaluate half.descend",
    "holds agents, whose report is of episodes": "report search.descend --group wage",
}


@pytest.mark.parametrize("words", COMMANDS)
def test_wrong_commands(words, folder, capsys):
    assert run(COMMANDS[words].split()) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1, errors
    assert errors[0].startswith("error: ")
    assert words in errors[0]


def one_line(words, act):
    """The error of a function, which is one line of no more than 600 characters."""
    with pytest.raises(DescendError) as told:
        act()
    text = str(told.value)
    assert words in text
    assert "\n" not in text
    assert len(text) < 600
