"""Losses: the error of one row; the cost is their weighted mean over the sample.

    J = 1/n sum_i w_i L(y_i, yhat_i)        (raviv-2022, "Cost- loss-, error-, ... function")

Weights w_i have mean one over the sample (the trainer scales them), so that J is the weighted mean
and one mini-batch estimates it without bias, also when it holds a single row.

A loss is a description; ours are frozen dataclasses. `loss.rows(y, prediction)` gives one number a
row, shape (n,); `loss(y, prediction, weight)` gives the cost. Shapes must agree exactly: (n,)
against (n, 1) raises.

Sources: hull-2023 ("Regression and Mean-Square Cost Function" to "Multi-Class Classification"),
scheidegger-2020 ("Binary cross entropy loss", "Cross entropy loss function", "Mean squared error"),
raviv-2022 ("Multinomial logistic regression", "Cross entropy loss").
"""

from descend.nn.losses.base import PROBABILITY_FLOOR, Formula, Loss
from descend.nn.losses.classification import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from descend.nn.losses.functional import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from descend.nn.losses.likelihood import NegativeLogLikelihood, Poisson, Tobit
from descend.nn.losses.names import (
    ALIASES,
    BY_NAME,
    FunctionLoss,
    MemberLoss,
    describe,
    get,
    with_logits,
)
from descend.nn.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Quantile,
    SquaredError,
)

__all__ = [
    "ALIASES",
    "BY_NAME",
    "PROBABILITY_FLOOR",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Formula",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "MemberLoss",
    "NegativeLogLikelihood",
    "Poisson",
    "Quantile",
    "SparseCategoricalCrossentropy",
    "SquaredError",
    "SquaredHinge",
    "Tobit",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "describe",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "with_logits",
]
