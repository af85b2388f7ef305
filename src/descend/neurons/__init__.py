"""One-layer networks are econometrics: linear, logistic, softmax and Poisson units.

What came before gradients (threshold neurons, Hebb, the perceptron) is in `neurons.classic`.

    from descend.neurons import LogisticUnit, side_by_side

    unit = LogisticUnit(covariance="HC1").fit(X, y)
    print(unit.summary())               # coefficients, standard errors, p-values
    unit.marginal_effects().to_frame()

A unit is `Dense(1)` with an output activation, its weights found by Newton's method rather than by
small steps (raviv-2022, "Take the basic regression setup for example", "Now with logistic
regression", "Multinomial logistic regression").
"""

from descend.neurons.classic import (
    GATES,
    HebbAssociator,
    HebbUnit,
    InseparableError,
    McCullochPitts,
    Perceptron,
    ScratchClassifier,
    ScratchRegressor,
    ThresholdNetwork,
    boolean_network,
    bump_network,
    separability,
)
from descend.neurons.effects import MarginalEffects
from descend.neurons.side_by_side import side_by_side
from descend.neurons.table import RegressionTable
from descend.neurons.units import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit

__all__ = [
    "GATES",
    "HebbAssociator",
    "HebbUnit",
    "InseparableError",
    "LinearUnit",
    "LogisticUnit",
    "MarginalEffects",
    "McCullochPitts",
    "Perceptron",
    "PoissonUnit",
    "RegressionTable",
    "ScratchClassifier",
    "ScratchRegressor",
    "SoftmaxUnit",
    "ThresholdNetwork",
    "boolean_network",
    "bump_network",
    "separability",
    "side_by_side",
]
