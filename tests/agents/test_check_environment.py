"""Wrong environments, each of which is one error that says which method, and which line."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Box, Choice, Environment, check_environment, parameter
from descend.agents.dqn import DQN
from descend.agents.walking import play
from descend.errors import DescendError


@dataclass(frozen=True)
class Good(Environment):
    """A corridor, whose right end pays; nothing is wrong with it."""

    cells: int = parameter(5, least=2, doc="number of cells")
    prize: float = parameter(1.0, above=0)

    actions = Choice(2, ("left", "right"))

    def reset(self, key):
        return jnp.int32(0)

    def step(self, state, action, key):
        to = jnp.maximum(state + 2 * action - 1, 0)
        end = to == self.cells - 1
        return to, jnp.where(end, self.prize, 0.0), end

    def observe(self, state):
        return jax.nn.one_hot(state, self.cells)


def made(**members):
    """A copy of Good with other members; its name is Wrong."""
    return dataclass(frozen=True)(type("Wrong", (Good,), members))()


def told(environment) -> str:
    """The error, which is one line of at most 500 characters."""
    with pytest.raises(DescendError) as info:
        check_environment(environment)
    text = str(info.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


# -- what fails as it is traced: the line is named ------------------------------------------------


def asks(self, state, action, key):
    if state > 3:  # fails
        return state, 1.0, True
    return state + 1, 0.0, False


def asks_max(self, state, action, key):
    to = max(state + action, 0)  # fails
    return to, 0.0, False


def asks_and(self, state, action, key):
    return state, 0.0, (state > 3) and (action == 0)  # fails


def by_numpy(self, state):
    angle = 0.1 * state
    return jnp.stack([np.sin(angle), angle])  # fails


def by_math(self, state):
    return jnp.ones(2) * float(state)  # fails


def by_helper(self, state):
    return helper(state)


def helper(state):
    return jnp.ones(2) + jnp.ones(3) * state  # fails


def legal_asks(self, state):
    return jnp.array([True, True]) if state else jnp.array([True, False])  # fails


def reset_draws(self, key):
    return np.random.default_rng(key).integers(5)  # fails


def reset_alone(self):
    return jnp.int32(0)


def six(self, state, action, key):
    return state, state, 0.0, False, False, {}


def two(self, state, action, key):
    return state, 0.0


def no_number(self, state, action, key):
    return state, "much", False


def nothing(self, state, action, key):
    return state, None, False


def line_of(function):
    lines, first = inspect.getsourcelines(function)
    return first + next((i for i, line in enumerate(lines) if "# fails" in line), 0)


TRACED = [  # method, function, where it fails, words of the error
    ("step", asks, asks, "Write jnp.where(condition, a, b) for `if`"),
    ("step", asks_max, asks_max, "Write jnp.maximum(a, b)"),
    ("step", asks_and, asks_and, "& or | for `and` or `or`"),
    ("observe", by_numpy, by_numpy, "Write jnp.sin (import jax.numpy as jnp) for np.sin"),
    ("observe", by_math, by_math, "states are JAX's arrays"),
    ("observe", by_helper, helper, "(2,), (3,)"),
    ("legal", legal_asks, legal_asks, "jnp.where"),
    ("reset", reset_draws, reset_draws, ""),
    ("reset", reset_alone, reset_alone, "takes 1 positional argument but 2 were given"),
    ("step", six, six, "must return (state, reward, terminated), got 6 values"),
    ("step", two, two, "must return (state, reward, terminated), got 2 values"),
    ("step", no_number, no_number, "'much'"),
    ("step", nothing, nothing, "None"),
]


@pytest.mark.parametrize(
    ("method", "function", "where", "words"), TRACED, ids=[f.__name__ for _, f, _, _ in TRACED]
)
def test_the_line_is_named(method, function, where, words):
    text = told(made(**{method: function}))
    assert text.startswith(f"Wrong.{method} (")
    assert f"test_check_environment.py, line {line_of(where)}" in text
    assert words in text


def test_the_line_itself_stands_in_the_error():
    assert f"line {line_of(asks)}: if state > 3:" in told(made(step=asks))


# -- what is missing ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reset", "step", "observe", "actions"])
def test_a_missing_member_is_named(name):
    members = {n: v for n, v in vars(Good).items() if n in ("reset", "step", "observe", "actions")}
    del members[name]
    cells = {"__annotations__": {"cells": int}, "cells": parameter(5, least=2)}
    prize = parameter(1.0, above=0)
    cells["__annotations__"]["prize"], cells["prize"] = float, prize
    bare = dataclass(frozen=True)(type("Bare", (Environment,), members | cells))()
    text = told(bare)
    assert f"Bare has no {name}" in text
    assert "environment.py" not in text  # a line of descend's own is of no help


def test_a_class_is_no_environment():
    assert told(Good) == (
        "an environment is an instance of a subclass of Environment, got the class Good"
    )
    assert "got 3" in told(3)


def test_a_missing_decorator():
    class Bare(Environment):
        cells: int = parameter(5, least=2)
        actions = Choice(2)

    with pytest.raises(DescendError, match=r"Bare: cells .*@dataclass\(frozen=True\)"):
        Bare()


def test_a_parameter_that_no_annotation_makes_one():
    """`limit = 7` in a subclass is no field: the inherited 1000 must not win without a word."""
    with contextlib.suppress(DescendError):  # it may be refused
        assert made(limit=7).limit == 7


# -- what is returned -----------------------------------------------------------------------------

RETURNED = {  # name: (members, words of the error in their order)
    "state of another shape": (
        {"step": lambda self, s, a, k: (s[None], 0.0, False)},
        ("Wrong.step", "int32 of shape (1,) after a step", "int32 of shape () after reset"),
    ),
    "state of another type": (
        {"step": lambda self, s, a, k: (s + 0.5, 0.0, False)},
        ("Wrong.step", "float32 of shape () after a step", "int32 of shape () after reset"),
    ),
    "state of another structure": (
        {"step": lambda self, s, a, k: ({"cell": s}, 0.0, False)},
        ("Wrong.step", "made as that of reset", "'cell'"),
    ),
    "one entry of the state": (
        {
            "reset": lambda self, k: {"cell": jnp.int32(0), "wealth": jnp.zeros(())},
            "step": lambda self, s, a, k: (s | {"wealth": jnp.zeros(2)}, 0.0, False),
            "observe": lambda self, s: jnp.ones(2),
        },
        ("Wrong.step", "['wealth']", "shape (2,) after a step", "shape () after reset"),
    ),
    "state without arrays": (
        {"reset": lambda self, k: None},
        ("Wrong.reset", "at least one array", "None"),
    ),
    "reward a vector": (
        {"step": lambda self, s, a, k: (s, jnp.ones(1), False)},
        ("Wrong.step", "reward must be a number", "shape (1,)", "one environment has one"),
    ),
    "terminated a float": (
        {"step": lambda self, s, a, k: (s, 0.0, 0.0)},
        ("Wrong.step", "terminated must be a boolean", "float32", "comparison"),
    ),
    "terminated a vector": (
        {"step": lambda self, s, a, k: (s, 0.0, s[None] > 3)},
        ("Wrong.step", "terminated must be a boolean", "bool of shape (1,)"),
    ),
    "observation of whole numbers": (
        {"observe": lambda self, s: s[None]},
        ("Wrong.observe", "must return floats", "int32 of shape (1,)", ".astype(float)"),
    ),
    "observation of booleans": (
        {"observe": lambda self, s: s[None] > 3},
        ("Wrong.observe", "must return floats", "bool"),
    ),
    "observation a dict": (
        {"observe": lambda self, s: {"x": jnp.ones(2)}},
        ("Wrong.observe", "must return one array", "dict"),
    ),
    "observation a list": (
        {"observe": lambda self, s: [1.0 * s]},
        ("Wrong.observe", "must return one array", "list"),
    ),
    "no observation": (
        {"observe": lambda self, s: None},
        ("Wrong.observe", "must return one array", "NoneType"),
    ),
    "observation without an axis": (  # no network takes it
        {"observe": lambda self, s: 1.0 * s},
        ("Wrong.observe", "shape ()"),
    ),
    "legal of another shape": (
        {"legal": lambda self, s: jnp.ones(3, bool)},
        ("Wrong.legal", "booleans of shape (2,)", "bool of shape (3,)"),
    ),
    "legal of another type": (
        {"legal": lambda self, s: jnp.ones(2)},
        ("Wrong.legal", "booleans of shape (2,)", "float32 of shape (2,)"),
    ),
    "legal a list": (
        {"legal": lambda self, s: [True, False]},
        ("Wrong.legal", "booleans of shape (2,)", "list"),
    ),
    "legal for a Box": (
        {"actions": Box(-1, 1), "legal": lambda self, s: jnp.ones(1, bool)},
        ("Wrong.legal", "None, for actions of a Box"),
    ),
    "actions a number": ({"actions": 2}, ("Wrong.actions", "Choice(n) or Box(low, high)", "2")),
    "actions a class": ({"actions": Choice}, ("Wrong.actions", "Choice(n) or Box(low, high)")),
}


@pytest.mark.parametrize("name", RETURNED)
def test_what_a_method_returns(name):
    members, words = RETURNED[name]
    assert re.search(".*".join(map(re.escape, words)), told(made(**members)))


# -- what only shows on the way -------------------------------------------------------------------


def test_a_reward_that_is_no_number_after_some_steps():
    """sqrt(10 - s) from s = 0, 1, 2, ...: the twelfth step is from 11."""
    wrong = made(
        step=lambda self, s, a, k: (s + 1, jnp.sqrt(10.0 - s), False),
        observe=lambda self, s: jnp.ones(2),
    )
    assert "Wrong.step: the reward is nan in step 12 of a random walk, from the state 11" in told(
        wrong
    )


def test_a_last_observation_that_is_infinite():
    """It is only ever seen as what the last step of an episode led to."""
    text = told(made(observe=lambda self, s: 1 / (self.cells - 1.0 - s)[None]))
    assert re.match(r"Wrong\.observe: an entry is inf .* from the state 3 by the action 1", text)


def test_a_state_that_is_no_number():
    wrong = made(
        reset=lambda self, k: {"log": jnp.float32(3.0)},
        step=lambda self, s, a, k: ({"log": jnp.log(s["log"])}, 0.0, False),
        observe=lambda self, s: jnp.ones(2),
    )
    # log 3 = 1.099, 0.094, -2.364: the next is none, in the fifth state
    assert re.match(r"Wrong\.reset or step: a number of the state\['log'\] is nan", told(wrong))


def test_a_state_that_allows_nothing():
    wrong = made(
        step=lambda self, s, a, k: (s + 1, 0.0, s >= 9),
        observe=lambda self, s: jnp.ones(2),
        legal=lambda self, s: (jnp.arange(2) < 2) & (s < 3),
    )
    assert told(wrong) == "Wrong.legal allows no action in the state 3"


def test_an_action_that_is_never_allowed():
    text = told(made(legal=lambda self, s: jnp.arange(2) == 0))
    assert text.startswith("Wrong.legal allows the action right in no state of a random walk")


def test_the_walk_follows_from_its_seed():
    """A trap behind three draws of one in eight in a row, some 8 in 4,096 steps."""
    wrong = made(
        step=lambda self, s, a, k: (
            jnp.where(jax.random.bernoulli(k, 1 / 8), s + 1, 0),
            jnp.where(s == 3, jnp.inf, 0.0),
            False,
        )
    )
    texts = []
    for seed in (0, 0, 1):
        with pytest.raises(DescendError) as info:
            check_environment(wrong, seed=seed)
        texts.append(str(info.value))
    assert texts[0] == texts[1] != texts[2]


# -- actions and parameters -----------------------------------------------------------------------

REFUSED = {  # words of the error: how it is made
    "n must be a whole number >= 1, got 0": lambda: Choice(0),
    "n must be a whole number >= 1, got 2.0": lambda: Choice(2.0),
    "n must be a whole number >= 1, got True": lambda: Choice(True),
    "Choice of 2 actions has 1 names": lambda: Choice(2, ("left",)),
    "low must be below high, both finite, got 1 and 1": lambda: Box(1, 1),
    "low must be below high, both finite, got (0, 2) and (1, 1)": lambda: Box((0, 2), (1, 1)),
    "low must be below high, both finite, got -inf and 1": lambda: Box(-np.inf, 1),
    "low must be below high, both finite, got 0 and nan": lambda: Box(0, np.nan),
    "must be numbers or as many in both, got (0, 1) and (1, 2, 3)": lambda: Box((0, 1), (1, 2, 3)),
    "must be numbers or as many in both, got 'a' and 1": lambda: Box("a", 1),
    "Box of 1 entries has 2 names": lambda: Box(0, 1, ("force", "angle")),
    "Good: cells (number of cells) must be >= 2, got 1": lambda: Good(cells=1),
    "Good: cells must be a whole number, got 2.5": lambda: Good(cells=2.5),
    "Good: prize must be > 0, got 0": lambda: Good(prize=0),
    "Good: prize must be > 0, got nan": lambda: Good(prize=float("nan")),
    "Good: prize must be > 0, got inf": lambda: Good(prize=np.inf),
    "Good: prize must be a number, got 'much'": lambda: Good(prize="much"),
    "cut short) must be >= 1, got 0": lambda: Good(limit=0),
    "unknown parameter of Good 'cell'. Did you mean 'cells'? Known: cells, limit, prize": (
        lambda: Good().with_parameters({"cell": 3})
    ),
    "prize must be > 0, got -1": lambda: Good().with_parameters({"prize": -1.0}),
}


@pytest.mark.parametrize("words", REFUSED)
def test_actions_and_parameters_out_of_range(words):
    with pytest.raises(DescendError) as info:
        REFUSED[words]()
    assert words in str(info.value)


# -- learning refuses the same, and what is right passes ------------------------------------------


def test_learning_refuses_it_before_anything_is_compiled():
    for members, words in (
        ({"step": asks}, f"test_check_environment.py, line {line_of(asks)}"),
        ({"observe": lambda self, s: s[None]}, "must return floats"),
    ):
        with pytest.raises(DescendError, match=re.escape(words)):
            DQN().learn(made(**members), 10_000, verbose=0)


def test_what_it_says_of_a_good_one():
    checked = check_environment(Good())
    assert dataclasses.asdict(checked) == {
        "actions": {"n": 2, "names": ("left", "right")},
        "observation": (5,),
        "dtype": "float32",
        "legal": False,
        "state": 1,
    }


def test_what_passes_can_be_played():
    """Numbers of Python's own for a state, a picture, a flag, a legal action that is sometimes."""
    right = made(
        reset=lambda self, k: {"cell": 0, "wealth": 0.0, "open": False},
        step=lambda self, s, a, k: (
            {"cell": s["cell"] + a, "wealth": s["wealth"] + 1, "open": s["cell"] > 1},
            1,
            s["open"],
        ),
        observe=lambda self, s: jnp.full((4, 4, 1), s["cell"], jnp.uint8),
        legal=lambda self, s: (jnp.arange(2) == 1) | s["open"],
    )
    checked = check_environment(right)
    assert (checked.observation, checked.dtype, checked.legal) == ((4, 4, 1), "uint8", True)
    assert checked.state == 3
    policy = lambda seen, legal, key: jnp.argmax(legal)  # the first that is: 1, 1, 1, 0
    played = jax.jit(lambda keys: play(right, policy, keys))(jax.random.key(0)[None])
    # cells 0, 1, 2, 3; open from the step out of 2 on, and the next one ends
    assert (played.returns.tolist(), played.steps.tolist()) == ([4], [4])


def test_numbers_of_python_in_a_state_are_arrays_to_every_method():
    """As in tracing, which is where `check_environment` looks: 0.0 has an `astype` there."""
    plain = made(
        reset=lambda self, k: {"cell": 0, "open": False},
        step=lambda self, s, a, k: ({"cell": s["cell"] + a, "open": True}, 1.0, s["cell"] > 3),
        observe=lambda self, s: jnp.stack([s["cell"].astype(float), s["open"].astype(float)]),
    )
    check_environment(plain)
    assert DQN().task(plain, 10_000).passing.observation.shape == (2,)


# -- the bounds of a Box --------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_a_box_takes_any_number_of_actions_at_once(lead):
    """-1 is the low bound, 1 the high one, what lies between is linear."""
    box = Box((0.0, -2.0), (1.0, 6.0))
    unit = np.random.default_rng(0).uniform(-1, 1, (*lead, 2)).astype("float32")
    action = box.within(jnp.asarray(unit))
    wanted = np.array([0.5, 2.0]) + unit * np.array([0.5, 4.0])  # middle, half the distance
    np.testing.assert_allclose(action, wanted, atol=1e-6)  # float32
    np.testing.assert_allclose(box.unit(action), unit, atol=1e-6)
    for end, corner in ((-1.0, [0, -2]), (1.0, [1, 6])):
        actions = np.asarray(box.within(jnp.full((*lead, 2), end)))
        assert (actions == corner).all()


def test_draws_of_a_box_are_even():
    box = Box((0.0, -2.0), (1.0, 6.0))
    drawn = np.asarray(box.draw(jax.random.key(0), (40_000,)))
    assert drawn.shape == (40_000, 2)
    unit = (drawn - [0, -2]) / [1, 8]
    assert ((unit >= 0) & (unit < 1)).all()
    # five standard errors of a share of a tenth
    for column in unit.T:
        shares = np.histogram(column, np.linspace(0, 1, 11))[0] / 40_000
        assert np.abs(shares - 0.1).max() < 5 * np.sqrt(0.09 / 40_000)


def test_words_for_actions():
    assert [Choice(2, ("left", "right")).name(i) for i in range(2)] == ["left", "right"]
    assert Choice(3).name(np.int32(2)) == "2"
    assert (Choice(3).shape, Box(0, 1).shape, Box((0, 0), 1).shape) == ((), (1,), (2,))
