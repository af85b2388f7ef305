"""A comparison against differences worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from descend.economies.accuracy import Size
from descend.economies.dynamic_programming import time_iteration
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.models.irreversible import IrreversibleGrowth
from descend.economies.solver import solve
from descend.errors import DescendError

SIZE = Size(paths=20, burn=50, periods=20, thin=2, box=100, stressed=100, stability=50)
UNTRAINED = {"seeds": 1, "updates": 0, "polish": None, "hidden": (4,), "size": SIZE, "verbose": 0}


@dataclass(frozen=True)
class Unknown(BrockMirman):
    """The same, and nobody knows its policies."""

    def exact(self, now):
        return {}


def test_the_closed_form_is_the_reference_unless_another_is_given(untrained):
    made = untrained.compare(points=500)
    # an untrained network saves 0.5; the closed form is alpha beta
    apart = 0.5 - 0.36 * 0.9
    assert made.reference == "its closed form"
    for on in ("ergodic", "box"):
        row = made.table.loc[(on, "saving")]
        for figure in ("mean", "p99", "max"):
            assert row[f"{figure} absolute"] == pytest.approx(apart)
            assert row[f"{figure} relative"] == pytest.approx(apart / (0.36 * 0.9))
    # definitions follow from the closed form: output is the state's, consumption is not
    assert made.figure("output") == 0
    assert made.figure("consumption") == pytest.approx(0.5 / (1 - 0.36 * 0.9) - 1, abs=1e-9) or (
        made.figure("consumption") == pytest.approx(1 - 0.5 / (1 - 0.36 * 0.9), abs=1e-9)
    )
    assert made.binding is None
    assert "BrockMirman beside its closed form" in str(made)


def test_a_function_of_states_is_a_reference(untrained):
    made = untrained.compare(lambda s: {"saving": 0.5 + 0.01 * (s["a"] > 0), "other": s["k"]})
    share = np.mean(made.states["box"]["a"] > 0)
    assert list(made.table.index) == [("ergodic", "saving"), ("box", "saving")]
    assert made.figure("saving", "mean absolute") == pytest.approx(0.01 * share)
    assert made.figure("saving", "max relative") == pytest.approx(0.01 / 0.51)


def test_a_reference_that_is_zero_somewhere_has_no_relative_difference(untrained):
    made = untrained.compare(lambda s: {"saving": np.where(s["a"] > 0, 0.5, 0.0)}, points=300)
    assert made.figure("saving", "max absolute") == pytest.approx(0.5)
    assert np.isnan(made.figure("saving", "max relative"))


def test_a_solution_is_a_reference(untrained):
    made = untrained.compare(untrained, points=200)
    assert made.table.to_numpy(float).max() == 0


@pytest.mark.slow
def test_constraints_and_the_kink(tmp_path):
    economy = IrreversibleGrowth()
    reference = time_iteration(economy, points=150)
    solution = solve(economy, **UNTRAINED)
    made = solution.compare(reference, points=1000)
    found = reference.policy(made.states["box"])
    shares = made.binding.loc[("box", "irreversible")]
    assert shares["reference"] == pytest.approx(np.mean(found["multiplier"] > 0))
    assert shares["solution"] == 0  # it always invests what the steady state needs
    assert made.binding.loc[("ergodic", "irreversible"), "solution"] == 0
    near, all_over = (reference.policy(made.states[s])["wanted"] for s in ("kink", "box"))
    assert len(near) == 50
    assert np.abs(near).max() <= np.sort(np.abs(all_over))[49] + 1e-12
    figure = made.plot(tmp_path / "made.png", over="a", names=["investment", "consumption"])
    assert (tmp_path / "made.png").stat().st_size > 5000
    axes = [ax for ax in figure.axes if ax.get_visible() and ax.get_ylabel()]
    assert {ax.get_ylabel() for ax in axes} == {
        "investment (model units)",
        "consumption (model units)",
    }
    assert all(ax.get_xlabel().startswith("a (model units") for ax in axes)


def test_what_is_refused(untrained, unsolved):
    with pytest.raises(DescendError, match="nothing in common: the solution has saving"):
        untrained.compare(lambda s: {"other": s["k"]}, points=50)
    with pytest.raises(DescendError, match="must return"):
        untrained.compare(lambda s: s["k"], points=50)
    with pytest.raises(DescendError, match="finite, of shape"):
        untrained.compare(lambda s: {"saving": s["k"][:3]}, points=50)
    with pytest.raises(DescendError, match="the reference must be None"):
        untrained.compare(3.0)
    with pytest.raises(DescendError, match="has no closed form"):
        unsolved(Unknown()).compare(points=50)
    made = untrained.compare(points=50)
    with pytest.raises(DescendError, match="policy of the comparison"):
        made.figure("savings")
    with pytest.raises(DescendError, match="state that is a number"):
        made.plot(over="z")
