"""What the economies' tests share: what a quick solve is, and a solution that several look at."""

from __future__ import annotations

import jax
import pytest

from descend.economies import Plan
from descend.economies.accuracy import Measure, Size
from descend.economies.floats import precision
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.problem import Problem
from descend.economies.solver import solve

SMALL = Size(paths=20, burn=50, periods=20, thin=2, box=500, stressed=200, stability=300)
QUICK = {
    "hidden": (16,),
    "paths": 64,
    "periods": 4,
    "batch": 64,
    "updates": 150,
    "polishing_steps": 25,
    "size": SMALL,
    "verbose": 0,
}


@pytest.fixture(scope="session")
def quick():
    """Arguments of a solve that takes seconds."""
    return dict(QUICK)


@pytest.fixture(scope="session")
def judged():
    """judged(economy, aim=None) is the accuracy of the policy that its outputs start from.

    A network whose last layer is zero puts out zeros, so that no solve is needed.
    """

    def measured(economy, aim=None):
        with precision("float64"):
            problem = Problem.of(economy, Plan(aim=aim, hidden=(), size=SMALL))
            params = problem.graph.init(jax.random.key(0))[0]
            measure = Measure(problem.judge, SMALL, problem.rule.name, 0)
            return measure(params, problem.numbers, problem.aims)

    return measured


@pytest.fixture(scope="session")
def brock_mirman():
    """Three seeds to a mean residual of 1e-5 on simulated states, 1e-4 anywhere in the box."""
    aim = {"ergodic mean": 1e-5, "box max": 1e-4}
    return solve(BrockMirman(), aim=aim, seeds=3, **QUICK)
