"""What the economies' tests share: what a quick solve is, and a solution that several look at."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from descend.economies import Plan
from descend.economies.accuracy import Accuracy, Measure, Size
from descend.economies.floats import precision
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.network import Shape
from descend.economies.problem import Problem
from descend.economies.solution import Solution
from descend.economies.solver import solve
from descend.economies.system import System

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

    A network whose last layer is zero puts out zeros, so that no solve is needed. With `told`, the
    name of a parameter, economies that differ in nothing else are judged by one program.
    """
    known = {}

    def measured(economy, aim=None, told=None):
        with precision("float64"):
            if told is None or (type(economy), told) not in known:
                numbers = {told: getattr(economy, told)} if told else None
                problem = Problem.of(economy, Plan(hidden=(), size=SMALL, homotopy=numbers))
                params = problem.graph.init(jax.random.key(0))[0]
                made = params, Measure(problem.judge, SMALL, problem.rule.name, 0)
                known[type(economy), told] = made
            params, measure = known[type(economy), told]
            numbers = {told: np.float64(getattr(economy, told))} if told else {}
            return measure(params, numbers, Plan(aim=aim).aims(economy)[0])

    return measured


@pytest.fixture(scope="session")
def unsolved():
    """unsolved(economy, over=None, far=0.0) is a solution that nobody solved.

    Its network is as it was drawn; paths from dispersed starts are said to end `far` apart.
    """

    def made(economy, over=None, far=0.0):
        with precision("float64"):
            system, network = System(economy, over), Shape((2,))
            params = network.graph(system).init(jax.random.key(0))[0]
            params = jax.tree.map(np.asarray, params)
        rules = ("gauss-hermite:3", "gauss-hermite:5")
        figures = {"ergodic": {"set back": 0.0, "conditions": {"half": {"mean": 0.0}}}}
        spread = {"first": 1.0, "half": far, "last": far, "periods": 10}
        accuracy = Accuracy(rules[1], rules[0], figures, spread)
        return Solution(
            economy, network, params, "float64", system.over, *rules, accuracy=accuracy, seeds=[]
        )

    return made


@pytest.fixture(scope="session")
def untrained():
    """Brock and Mirman with a policy that is known: half of output, as its network is at first."""
    return solve(BrockMirman(), **QUICK | {"seeds": 1, "updates": 0, "polish": None})


@pytest.fixture(scope="session")
def brock_mirman():
    """Three seeds to a mean residual of 1e-5 on simulated states, 1e-4 anywhere in the box."""
    aim = {"ergodic mean": 1e-5, "box max": 1e-4}
    return solve(BrockMirman(), aim=aim, seeds=3, **QUICK)
