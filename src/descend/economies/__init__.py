"""Dynamic stochastic economies: stated as on paper, solved by a network, judged by a finer rule.

    from descend.economies import solve
    from descend.economies.models.brock_mirman import BrockMirman

    solution = solve(BrockMirman(), aim=1e-5)
    solution.status                                  # in words, whether the aim was met
    solution.policy({"k": 0.2, "a": 0.0})            # {"saving": ..., "consumption": ..., ...}

Names are loaded when first used, so that the list of models can be shown without JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Bounded": "outputs",
    "Chain": "shocks",
    "Economy": "statement",
    "Event": "progress",
    "Free": "outputs",
    "Normal": "shocks",
    "Plan": "plan",
    "Positive": "outputs",
    "Share": "outputs",
    "Simplex": "outputs",
    "Size": "accuracy",
    "Solution": "solution",
    "fb": "statement",
    "fischer_burmeister": "statement",
    "load_solution": "solution",
    "precision": "floats",
    "solve": "solver",
}
__all__ = [*_HOMES, "parameter"]

if TYPE_CHECKING:
    from descend.economies.accuracy import Size as Size
    from descend.economies.floats import precision as precision
    from descend.economies.outputs import Bounded as Bounded
    from descend.economies.outputs import Free as Free
    from descend.economies.outputs import Positive as Positive
    from descend.economies.outputs import Share as Share
    from descend.economies.outputs import Simplex as Simplex
    from descend.economies.plan import Plan as Plan
    from descend.economies.progress import Event as Event
    from descend.economies.shocks import Chain as Chain
    from descend.economies.shocks import Normal as Normal
    from descend.economies.solution import Solution as Solution
    from descend.economies.solution import load_solution as load_solution
    from descend.economies.solver import solve as solve
    from descend.economies.statement import Economy as Economy
    from descend.economies.statement import fb as fb
    from descend.economies.statement import fischer_burmeister as fischer_burmeister
    from descend.statement import parameter as parameter

_MODULES = {n: f"{__name__}.{m}" for n, m in _HOMES.items()}
__getattr__, __dir__ = names_of(__name__, _MODULES | {"parameter": "descend.statement"})
