"""Update rules, by the names the lectures use, built on Optax.

Source: scheidegger-2020 ("Few variants of SGD", "Descent methods in general"), hull-2023
(Algorithms 1 and 2), radwan ("GD and SGD Differences"), itam-2023 (1.4).

Each rule is a frozen description. Its numbers (`learning_rate`, `momentum`, ...) may be swept: they
reach the update as traced arrays through `transform(numbers)`. Where the lecture's formula and that
of other libraries differ, the docstring says so and an argument chooses.
"""

from descend.train.rules.base import Numbers, Optimizer
from descend.train.rules.first_order import (
    SGD,
    Adadelta,
    AdaGrad,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    GradientDescent,
    Lion,
    Momentum,
    Nadam,
    Nesterov,
    RMSProp,
    RMSprop,
)
from descend.train.rules.names import BY_NAME, OptaxOptimizer, describe, get
from descend.train.rules.second_order import LBFGS, NewtonRaphson

__all__ = [
    "BY_NAME",
    "LBFGS",
    "SGD",
    "AdaGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "GradientDescent",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "NewtonRaphson",
    "Numbers",
    "OptaxOptimizer",
    "Optimizer",
    "RMSProp",
    "RMSprop",
    "describe",
    "get",
]
