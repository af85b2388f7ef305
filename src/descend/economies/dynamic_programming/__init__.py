"""Dynamic programming on a grid: solutions that no network had a part in."""

from descend.economies.dynamic_programming.grid import Grid
from descend.economies.dynamic_programming.policy_iteration import policy_iteration
from descend.economies.dynamic_programming.problem import Budget, Exogenous, Problem
from descend.economies.dynamic_programming.time_iteration import EulerPolicy, time_iteration
from descend.economies.dynamic_programming.value_iteration import ValueFunction, value_iteration

__all__ = [
    "Budget",
    "EulerPolicy",
    "Exogenous",
    "Grid",
    "Problem",
    "ValueFunction",
    "policy_iteration",
    "time_iteration",
    "value_iteration",
]
