"""What an author can get wrong: each fault is an error (or a warning) that names the line."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies.checks import check_statement
from descend.economies.expectations import rule
from descend.economies.floats import precision
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.network import Shape
from descend.economies.outputs import Bounded, Positive, Share, Simplex
from descend.economies.shocks import Chain, Normal
from descend.economies.solver import solve
from descend.economies.statement import Economy, fb, fischer_burmeister
from descend.economies.system import System
from descend.errors import DescendError
from descend.statement import parameter


def check(economy: Economy, **options: Any) -> list[str]:
    """What a solve does first; the lines of its log."""
    said: list[str] = []
    with precision("float64"):
        system = System(economy, **options)
        graph = Shape((4,)).graph(system)
        check_statement(system, graph, rule("gauss-hermite:3", system.law.dimensions), said.append)
    return said


def refused(economy: Economy, words: str, line: str) -> str:
    """The error that `check` raises; it must name this file and the number of a line of it."""
    with pytest.raises(DescendError) as caught:
        check(economy)
    message = str(caught.value)
    assert words in message
    source = inspect.getsource(inspect.getmodule(type(economy))).splitlines()
    numbers = [i for i, text in enumerate(source, 1) if line in text and "refused(" not in text]
    assert any(f"({__file__}, line {n}" in message for n in numbers), message
    return message


def test_a_right_statement_says_nothing():
    assert check(BrockMirman()) == []
    assert check(BrockMirman(), over={"beta": (0.8, 0.95)}) == []
    assert check(BrockMirman(), traced=("alpha", "sigma")) == []


# -- errors that name a line --------------------------------------------------------------------


@dataclass(frozen=True)
class MissingPolicy(BrockMirman):
    def transition(self, now, policy, shock):
        saved = policy.savings * self.output(now)
        return {"k": saved, "a": self.rho * now.a + shock.e}


def test_a_missing_policy():
    message = refused(MissingPolicy(), "unknown policy 'savings'", "saved = policy.savings")
    assert "Did you mean 'saving'?" in message
    assert "saved = policy.savings * self.output(now)" in message  # its text too


@dataclass(frozen=True)
class UnknownState(BrockMirman):
    def output(self, state):
        return jnp.exp(state.z) * state.k**self.alpha


def test_an_unknown_state():
    refused(UnknownState(), "unknown state 'z'", "jnp.exp(state.z)")


@dataclass(frozen=True)
class UnknownShock(BrockMirman):
    def transition(self, now, policy, shock):
        return {"k": policy.saving * self.output(now), "a": self.rho * now.a + shock.eps}


def test_an_unknown_shock():
    refused(UnknownShock(), "unknown shock 'eps'", "+ shock.eps}")


@dataclass(frozen=True)
class TwoShapes(BrockMirman):
    def transition(self, now, policy, shock):
        income = jnp.ones(3) + jnp.ones(2)
        return {"k": policy.saving * income, "a": now.a}


def test_shapes_that_do_not_fit():
    refused(TwoShapes(), "incompatible shapes", "income = jnp.ones(3)")


@dataclass(frozen=True)
class VectorForANumber(BrockMirman):
    def transition(self, now, policy, shock):  # a vector where the box has a number
        return {"k": policy.saving * jnp.ones(2), "a": self.rho * now.a + shock.e}


def test_a_transition_of_another_shape_than_the_box():
    message = refused(VectorForANumber(), "'k' has shape (2,)", "shock):  # a vector where")
    assert "its box in states() has shape ()" in message


@dataclass(frozen=True)
class NotANumber(BrockMirman):
    def consumption(self, state, policy):
        eaten = 0.2 - policy.saving
        return jnp.log(eaten)


def test_a_nan_at_the_initial_state_by_its_line():
    message = refused(NotANumber(), "at the initial state", "return jnp.log(eaten)")
    assert "before training" in message


@dataclass(frozen=True)
class Infinite(BrockMirman):
    def conditions(self, now, policy, E):
        nothing = now.k - now.k
        price = 1 / nothing
        return {"euler": price * policy.saving}


def test_an_infinity_at_the_initial_state_by_its_line():
    refused(Infinite(), "at the initial state", "price = 1 / nothing")


@dataclass(frozen=True)
class NanInExpectation(BrockMirman):
    def conditions(self, now, policy, E):
        expected = E(lambda s, p, e: jnp.sqrt(-s.k))
        return {"euler": expected * policy.saving}


def test_a_nan_inside_an_expectation_by_its_line():
    refused(NanInExpectation(), "at the initial state", "lambda s, p, e: jnp.sqrt(-s.k)")


@dataclass(frozen=True)
class Forgets(BrockMirman):
    def transition(self, now, policy, shock):  # a is forgotten
        return {"k": policy.saving * self.output(now)}


@dataclass(frozen=True)
class KnowsMore(BrockMirman):
    def transition(self, now, policy, shock):  # b is no state
        return {"k": now.k, "a": now.a, "b": now.a}


def test_a_transition_that_misses_a_state_or_has_too_many():
    message = refused(Forgets(), "is missing a", "# a is forgotten")
    assert message.startswith("Forgets.transition (")  # not the method that called it
    refused(KnowsMore(), "has b, which it does not know", "# b is no state")


@dataclass(frozen=True)
class ListOfConditions(BrockMirman):
    def conditions(self, now, policy, E):  # a list
        return [policy.saving]


def test_conditions_that_are_a_list():
    refused(ListOfConditions(), "must return a dict {name: value}, got list", "E):  # a list")


@dataclass(frozen=True)
class MatrixCondition(BrockMirman):
    def conditions(self, now, policy, E):  # a matrix
        return {"euler": policy.saving * jnp.ones((2, 2))}


def test_a_condition_that_is_a_matrix():
    refused(MatrixCondition(), "'euler' has shape (2, 2)", "E):  # a matrix")


@dataclass(frozen=True)
class WrongExpectation(BrockMirman):
    def conditions(self, now, policy, E):
        expected = E(lambda s, p, e: jnp.stack([s.k, s.a]))
        return {"euler": jnp.array([1.0, 2.0, 3.0]) * expected}


def test_an_expectation_of_the_wrong_shape():
    refused(WrongExpectation(), "incompatible shapes", 'return {"euler": jnp.array')


@dataclass(frozen=True)
class NoFunction(BrockMirman):
    def conditions(self, now, policy, E):
        return {"euler": E(now.k) * policy.saving}


def test_an_expectation_of_no_function():
    words = "E takes a function of (next, policy, shock), such as E(lambda s, p, e: s.k)"
    refused(NoFunction(), words, 'return {"euler": E(now.k)')


@dataclass(frozen=True)
class NumPy(BrockMirman):
    def output(self, state):
        return np.exp(state.a) * state.k


@dataclass(frozen=True)
class Mathematics(BrockMirman):
    def output(self, state):
        return math.log(state.k) + state.k


@dataclass(frozen=True)
class If(BrockMirman):
    def output(self, state):
        if state.a > 0:
            return state.k
        return 2 * state.k


@dataclass(frozen=True)
class Largest(BrockMirman):
    def transition(self, now, policy, shock):
        return {"k": max(now.k, 0.1), "a": self.rho * now.a + shock.e}


@dataclass(frozen=True)
class Least(BrockMirman):
    def conditions(self, now, policy, E):
        return {"euler": E(lambda s, p, e: min(s.k, p.saving)) - policy.saving}


def test_python_and_numpy_on_a_state_say_what_to_write():
    for economy, words, line in (
        (NumPy(), "Write jnp.exp (import jax.numpy as jnp) for np.exp", "return np.exp(state.a)"),
        (
            Mathematics(),
            "Write jnp.log (import jax.numpy as jnp) for math.log",
            "math.log(state.k)",
        ),
        (If(), "Write jnp.where(condition, a, b) for `if`", "if state.a > 0:"),
        (Largest(), "Write jnp.maximum(a, b): Python's max", '"k": max(now.k, 0.1)'),
        (Least(), "Write jnp.minimum(a, b): Python's min", "min(s.k, p.saving)"),
    ):
        refused(economy, words, line)


@dataclass(frozen=True)
class KeepsState(BrockMirman):
    def transition(self, now, policy, shock):
        now.k = policy.saving
        return {"k": now.k, "a": now.a}


def test_setting_what_is_given():
    refused(KeepsState(), "state.k cannot be set", "now.k = policy.saving")


@dataclass(frozen=True)
class BadDefinitions(BrockMirman):
    def definitions(self, now, policy):
        return {"wage": now.wage}


@dataclass(frozen=True)
class BadConstraints(BrockMirman):
    def constraints(self, now, policy, E):
        return {"floor": policy.slack}


@dataclass(frozen=True)
class BadErrors(BrockMirman):
    def consumption_errors(self, now, policy, E):
        return {"euler": E(lambda s, p, e: p.consumption)}


def test_methods_that_only_reports_need_are_tried_too():
    refused(BadDefinitions(), "unknown state 'wage'", '{"wage": now.wage}')
    refused(BadConstraints(), "unknown policy 'slack'", '{"floor": policy.slack}')
    refused(BadErrors(), "unknown policy 'consumption'", "E(lambda s, p, e: p.consumption)")


@dataclass(frozen=True)
class BadChain(BrockMirman):
    def shocks(self):  # rows that are none
        return {"e": Normal(self.sigma), "z": Chain([1.0, 2.0], [[0.5, 0.5], [0.5, 0.6]])}


@dataclass(frozen=True)
class BadShock(BrockMirman):
    def shocks(self):  # a number
        return {"e": self.sigma}


def test_shocks_that_are_none():
    refused(BadChain(), "row 1 of its transition matrix sums to 1.1", "# rows that are none")
    refused(BadShock(), "must be a Normal or a Chain, got float", "def shocks(self):  # a number")


@dataclass(frozen=True)
class BadBox(BrockMirman):
    box: Any = None

    def states(self):  # of many kinds
        return {"k": self.box, "a": (-1, 1)}


@pytest.mark.parametrize(
    "box", [3.0, (1.0,), (2.0, 1.0), (1.0, np.inf), (np.nan, 1.0), ("a", "b"), ([1, 2], [3, 4, 5])]
)
def test_a_box_that_is_none(box):
    refused(BadBox(box=box), "'k' needs (low, high), finite, low < high", "# of many kinds")


@dataclass(frozen=True)
class ClassForOutput(BrockMirman):
    def policies(self):  # without its brackets
        return {"saving": Share}


@dataclass(frozen=True)
class BadOutput(BrockMirman):
    def policies(self):  # out of range
        return {"saving": Share(start=1.0)}


def test_outputs_that_are_none():
    refused(ClassForOutput(), "must be Share(), Positive(), ", "# without its brackets")
    refused(BadOutput(), "Share needs start in (0, 1), got 1.0", "# out of range")


@dataclass(frozen=True)
class BadStart(BrockMirman):
    def start(self):  # a is not there
        return {"k": 0.2}


def test_a_start_that_misses_a_state():
    refused(BadStart(), "is missing a", "# a is not there")


@dataclass(frozen=True)
class Clash(BrockMirman):
    def shocks(self):
        return {"e": Normal(self.sigma), "k": Chain([1.0, 2.0], np.eye(2))}


@dataclass(frozen=True)
class Nothing(Economy):
    def states(self):
        return {}

    def policies(self):
        return {}


def test_a_name_used_twice_and_an_empty_statement():
    with pytest.raises(DescendError, match="'k' is both a state and a chain"):
        check(Clash())
    with pytest.raises(DescendError, match="at least one state and one policy"):
        check(Nothing())


# -- warnings -----------------------------------------------------------------------------------


def doubted(economy: Economy, words: str) -> None:
    """`check` warns once, and says the same in the log."""
    with pytest.warns(UserWarning, match=words) as caught:
        said = check(economy)
    assert len(caught) == 1, [str(w.message) for w in caught]
    assert [line.startswith("warning: ") for line in said] == [True]


@dataclass(frozen=True)
class Tautology(BrockMirman):
    def conditions(self, now, policy, E):
        resources = self.output(now)
        left = resources - policy.saving * resources
        return {"euler": left / resources - 1 + policy.saving}


def test_a_condition_that_is_zero_whatever_the_policy():
    doubted(Tautology(), "'euler' is zero whatever the policy")


@dataclass(frozen=True)
class TooMany(BrockMirman):
    def conditions(self, now, policy, E):
        return super().conditions(now, policy, E) | {"again": policy.saving - 0.3}


@dataclass(frozen=True)
class TooFew(BrockMirman):
    def policies(self):
        return {"saving": Share(), "hours": Simplex((3,))}


def test_counts_that_differ():
    doubted(TooMany(), r"2 conditions \(euler \(1\), again \(1\)\) for 1 unknowns")
    said = r"1 conditions \(euler \(1\)\) for 3 unknowns \(saving \(1\), hours \(2\)\).* determine"
    with pytest.raises(DescendError, match=said):
        check(TooFew())


@dataclass(frozen=True)
class Twice(BrockMirman):
    def policies(self):
        return {"saving": Share(), "price": Positive()}

    def conditions(self, now, policy, E):
        euler = super().conditions(now, policy, E)["euler"]
        return {"euler": euler, "again": 2 * euler}


@dataclass(frozen=True)
class Deaf(BrockMirman):
    def shocks(self):
        return {"e": Normal(self.sigma), "z": Chain([0.0, 1.0], np.eye(2)), "u": Normal(1.0)}

    def transition(self, now, policy, shock):
        return super().transition(now, policy, shock) | {"a": now.a + shock.e + 0 * shock.z}


def test_what_says_nothing_is_seen():
    """One condition for two policies in other words; a shock that is stated and never read."""
    doubted(Twice(), "conditions 'euler', 'again' depend on each other whatever the policy")
    doubted(Deaf(), "the shock 'u' is read nowhere: write shock.u in transition")


@dataclass(frozen=True)
class Crossing(BrockMirman):
    def policies(self):  # between the two
        return {"saving": Bounded(low=0.9, high=self.beta)}

    beta: float = parameter(0.95, above=0, below=1)


def test_bounds_that_cross_within_a_range_of_parameters():
    assert check(Crossing(), over={"beta": (0.93, 0.97)}) == []
    said = r"low=0.9, high=0.8.*at beta = 0.8, an end of `over`. Narrow the range, or .*jnp.maximum"
    with pytest.raises(DescendError, match=said):
        check(Crossing(), over={"beta": (0.8, 0.97)})
    with pytest.raises(DescendError, match="low=0.9, high=0.8"):
        solve(Crossing(), homotopy={"beta": 0.8}, verbose=0)


@dataclass(frozen=True)
class CrossingInside(BrockMirman):
    """Its bounds are in order at both ends of a range and cross where beta is near 0.9."""

    def policies(self):
        return {"saving": Bounded(low=0.1, high=0.1 + 100 * (self.beta - 0.9) ** 2 - 0.001)}

    beta: float = parameter(0.95, above=0, below=1)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"over": {"beta": (0.85, 0.95)}}, "inside the range of `over`"),
        ({"over": {"beta": (0.85, 0.95), "rho": (0.5, 0.9)}}, "inside the range of `over`"),
        ({"homotopy": {"beta": 0.8}}, "inside the way of the homotopy"),
    ],
)
def test_bounds_that_cross_between_the_ends_name_policy_values_and_remedy(options, where):
    said = (
        r"policies \(.*line \d+.*policy 'saving': Bounded needs low < start < high, got low=0.1, "
        rf"high=0.0\d+, start=0.\d+ at beta = 0.(8|9)\d*.*{where}.*jnp.maximum\(high, low"
    )
    with pytest.raises(DescendError, match=said):
        solve(CrossingInside(), verbose=0, **options)


@dataclass(frozen=True)
class Constrained(BrockMirman):
    """Investment is at least `floor` of output: its head must be able to go there."""

    low: float = 0.3

    def policies(self):
        return {"saving": Bounded(low=self.low, high=0.9)}

    def constraints(self, now, policy, E):
        return {"floor": (policy.saving - 0.2, policy.saving)}


def test_a_constraint_that_the_head_cannot_reach():
    doubted(Constrained(low=0.3), "'floor' is out of.*reach.*: its slack stays above 0.1")
    assert check(Constrained(low=0.2)) == []


# -- parameters ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers(Economy):
    beta: float = parameter(0.96, above=0, below=1, doc="discount factor")
    gamma: float = parameter(2.0, above=0)
    delta: float = parameter(0.1, least=0, most=1)
    cohorts: int = parameter(6, least=2)
    free: float = parameter(0.0)
    note: str = "anything"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"beta": 1.0}, r"Numbers: beta \(discount factor\) must be > 0 and < 1, got 1"),
        ({"beta": 0}, "must be > 0 and < 1, got 0"),
        ({"gamma": -1.0}, "gamma must be > 0, got -1"),
        ({"gamma": np.inf}, "gamma must be > 0, got inf"),
        ({"delta": 1.1}, "delta must be >= 0 and <= 1, got 1.1"),
        ({"delta": float("nan")}, "delta must be .*, got nan"),
        ({"free": float("nan")}, "free must be finite, got nan"),
        ({"cohorts": 1}, "cohorts must be >= 2, got 1"),
        ({"cohorts": 6.5}, "cohorts must be a whole number, got 6.5"),
        ({"cohorts": np.float64(6.5)}, "cohorts must be a whole number"),
        ({"beta": "0.9"}, "beta must be a number, got '0.9'"),
        ({"beta": np.str_("0.9")}, "beta must be a number"),
        ({"beta": True}, "beta must be a number, got True"),
        ({"beta": np.True_}, "beta must be a number"),
    ],
)
def test_parameters_out_of_range(values, said):
    with pytest.raises(DescendError, match=said):
        Numbers(**values)
    with pytest.raises(DescendError, match=said):
        Numbers().with_parameters(values)


def test_parameters_in_range():
    economy = Numbers(delta=1, cohorts=np.int64(3), beta=np.float32(0.5), note="x")
    assert economy.with_parameters({"delta": 0.0}).delta == 0
    assert Numbers().parameters()["cohorts"] == 6
    with pytest.raises(
        DescendError, match="unknown parameter of Numbers 'bet'.*Did you mean 'beta'"
    ):
        Numbers().with_parameters({"bet": 0.5})


def test_a_class_that_is_not_decorated():
    class Forgotten(Economy):
        beta: float = parameter(0.96)

    with pytest.raises(DescendError, match=r"write @dataclass\(frozen=True\) above the class"):
        Forgotten()


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"beta": (0.8, 1.2)}, "beta .* must be > 0 and < 1, got 1.2"),
        ({"beta": (0.9, 0.8)}, "needs a range low < high"),
        ({"bet": (0.8, 0.9)}, "unknown parameter"),
    ],
)
def test_parameters_as_states_out_of_range(over, said):
    with pytest.raises(DescendError, match=said):
        System(BrockMirman(), over)


# -- complementarity ----------------------------------------------------------------------------


def test_fischer_burmeister_is_zero_where_one_is_zero_and_none_negative(x64):
    assert fb is fischer_burmeister
    for a, b in ((0.0, 0.0), (0.0, 3.0), (2.0, 0.0), (1e-9, 0.0)):
        assert float(fb(a, b)) == 0
    assert float(fb(3.0, 4.0)) == 2  # 3 + 4 - 5
    assert float(fb(-1.0, 0.0)) == -2
    a, b = np.random.default_rng(0).normal(size=(2, 1000))
    wrong = (np.minimum(a, b) != 0) & (abs(fb(a, b)) < 1e-9 * abs(np.minimum(a, b)))
    assert not wrong.any()
    # of the same sign as min(a, b), and of its size
    ratio = np.asarray(fb(a, b)) / np.minimum(a, b)
    assert ratio.min() > 2 - np.sqrt(2) - 1e-9
    assert ratio.max() < 2 + np.sqrt(2) + 1e-9


def test_its_gradient(x64):
    gradient = jax.grad(fb, (0, 1))
    assert gradient(0.0, 0.0) == (1, 1)
    assert gradient(0.0, 2.0) == (1, 0)
    np.testing.assert_allclose(gradient(3.0, 4.0), (1 - 3 / 5, 1 - 4 / 5))
