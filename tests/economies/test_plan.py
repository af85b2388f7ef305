"""A Plan and the keywords of `solve` are one list of arguments; what a solve costs by default."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields, replace

import jax
import numpy as np
import pytest

from descend.cli.solve import command
from descend.economies import Plan, solve
from descend.economies.accuracy import Size
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.plan import plan_of
from descend.errors import DescendError

CALL = {"economy", "plan", "start_from", "verbose", "checkpoint", "resume"}


def test_the_keywords_of_solve_are_the_fields_of_a_plan():
    keywords = set(inspect.signature(solve).parameters) - CALL
    assert keywords == {f.name for f in fields(Plan)}
    for name, parameter in inspect.signature(solve).parameters.items():
        if name in keywords:
            assert parameter.kind == parameter.KEYWORD_ONLY


def test_every_field_is_documented():
    args = inspect.getdoc(Plan).partition("Args:")[2].partition("Raises:")[0]
    documented = [line.split(":")[0].strip() for line in args.splitlines() if ":" in line]
    assert [f.name for f in fields(Plan)] == [n for n in documented if n.isidentifier()]


def test_the_command_names_the_defaults_of_a_plan():
    helps = {p.name: getattr(p, "help", None) or "" for p in command.params}
    named = {n: re.search(r"\[default: ([\w.,]+)\]", text) for n, text in helps.items()}
    values = {n: found[1] for n, found in named.items() if found and hasattr(Plan(), n)}
    assert set(values) == {
        "seeds", "updates", "polishing_steps", "hidden", "box", "dtype", "seed"
    }  # fmt: skip
    for name, text in values.items():
        default = getattr(Plan(), name)
        assert text == (",".join(map(str, default)) if name == "hidden" else str(default))


@dataclass(frozen=True)
class Planned(BrockMirman):
    """A model that is solved in a way of its own."""

    def plan(self):
        return {"hidden": (16,), "updates": 0, "polish": None, "seeds": 1}


def test_a_model_has_a_plan_of_its_own_until_it_is_told(quick):
    economy, size = Planned(), quick["size"]
    solution = solve(economy, verbose=0, size=size)
    assert (solution.network.hidden, len(solution.seeds)) == ((16,), 1)
    told = plan_of(economy, None, {"hidden": (2,)})  # what `solve` makes of its arguments
    assert (told.hidden, told.seeds, told.updates) == ((2,), 1, 0)
    plan = Plan(updates=0, polish=None, size=size)
    assert plan_of(economy, plan, {}) == plan


@dataclass(frozen=True)
class Misplanned(BrockMirman):
    """A plan with a slip of the pen."""

    def plan(self):
        return {"hiden": (3,)}


@pytest.mark.slow
def test_a_plan_and_its_keywords_solve_alike(brock_mirman, quick):
    how = {k: v for k, v in quick.items() if k != "verbose"}
    plan = Plan(aim={"ergodic mean": 1e-5, "box max": 1e-4}, seeds=1, **how)
    assert plan_of(BrockMirman(), replace(plan, seeds=3), {}).seeds == 3
    # a keyword beside a plan is that field of it
    found = solve(BrockMirman(), plan, seeds=3, verbose=0)
    jax.tree.map(np.testing.assert_array_equal, found.params, brock_mirman.params)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Plan(seeds=0), "seeds must be a whole number >= 1, got 0"),
        (lambda: Plan(size=100), r"size must be a Size, such as Size\(\), got 100"),
        (lambda: Size(paths=0), "Size: paths must be a whole number >= 1, got 0"),
        (lambda: Size(burn=-1), "Size: burn must be a whole number >= 0, got -1"),
        (lambda: Size(box=1e4), "Size: box must be a whole number >= 1, got 10000.0"),
        (lambda: Size(stability=1), "Size: stability must be a whole number >= 2"),
        (lambda: Plan(over={"beta": (0.9, np.inf)}), "over must be"),
        (lambda: solve(BrockMirman(), start_from=3), "start_from must be a Solution"),
        (lambda: solve(BrockMirman(), 1e-5), r"expected a Plan .*, got 1e-05"),
        (lambda: solve(BrockMirman(), seed_=1), "argument of solve 'seed_'.*Did you mean 'seed'"),
        (lambda: solve(BrockMirman(), resumes=1), "Did you mean 'resume'"),
        (lambda: solve(Misplanned()), r"Misplanned.plan .*field of Plan 'hiden'.*Did you mean"),
    ],
)
def test_what_is_no_plan_is_refused(call, said):
    with pytest.raises(DescendError, match=said):
        call()
