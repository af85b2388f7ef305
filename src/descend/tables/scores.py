"""The test: how good predictions are, beside the simplest prediction there is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn import metrics


@dataclass(frozen=True)
class ClassificationScores:
    """Of a classifier on rows it was not trained on.

    Attributes:
        rows: how many.
        accuracy: share of rows whose most probable class is the true one.
        log_loss: mean of -log(probability of the true class), natural logarithm.
        confusion: confusion[i][j] rows of class i were predicted as class j.
        recall: for each class the share of its rows that was found; NaN where it has none.
        baseline_class: the most frequent class of the training part.
        baseline_accuracy: of predicting it always.
        baseline_log_loss: of predicting the training part's class shares always.
    """

    rows: int
    accuracy: float
    log_loss: float
    confusion: tuple[tuple[int, ...], ...]
    recall: tuple[float, ...]
    baseline_class: int
    baseline_accuracy: float
    baseline_log_loss: float

    def to_json(self) -> dict[str, Any]:
        """The scores as plain JSON; a recall that does not exist is null."""
        return {**asdict(self), "recall": [None if np.isnan(r) else r for r in self.recall]}


@dataclass(frozen=True)
class RegressionScores:
    """Of a regression on rows it was not trained on, in the target's units.

    Attributes:
        rows: how many.
        rmse: root of the mean squared error; mae: mean absolute error.
        r2: 1 - squared errors / squared deviations from the mean of these rows.
        baseline_rmse, baseline_mae, baseline_r2: of predicting the training part's mean always.
    """

    rows: int
    rmse: float
    mae: float
    r2: float
    baseline_rmse: float
    baseline_mae: float
    baseline_r2: float

    def to_json(self) -> dict[str, Any]:
        """The scores as plain JSON."""
        return asdict(self)


def score_classes(
    y: np.ndarray, probabilities: np.ndarray, y_train: np.ndarray
) -> ClassificationScores:
    """Scores of class probabilities.

    Args:
        y: (n,) true class numbers.
        probabilities: (n, k), rows sum to one.
        y_train: the class numbers of the training part, for the baseline.
    """
    k = probabilities.shape[1]
    classes = np.arange(k)
    guesses = probabilities.argmax(axis=1)
    confusion = metrics.confusion_matrix(y, guesses, labels=classes)
    members = confusion.sum(axis=1)
    recall = np.divide(confusion.diagonal(), members, out=np.full(k, np.nan), where=members > 0)
    shares = np.bincount(y_train, minlength=k) / len(y_train)
    common = int(shares.argmax())
    return ClassificationScores(
        rows=len(y),
        accuracy=float(metrics.accuracy_score(y, guesses)),
        log_loss=float(metrics.log_loss(y, probabilities, labels=classes)),
        confusion=tuple(tuple(int(c) for c in row) for row in confusion),
        recall=tuple(float(r) for r in recall),
        baseline_class=common,
        baseline_accuracy=float((y == common).mean()),
        baseline_log_loss=float(
            metrics.log_loss(y, np.broadcast_to(shares, (len(y), k)), labels=classes)
        ),
    )


def score_values(y: np.ndarray, predicted: np.ndarray, y_train: np.ndarray) -> RegressionScores:
    """Scores of predicted values.

    Args:
        y: (n,) true values; predicted: (n,).
        y_train: the values of the training part, for the baseline.
    """
    mean = np.full(len(y), y_train.mean())
    found = []
    for guess in (predicted, mean):
        found += [
            float(metrics.root_mean_squared_error(y, guess)),
            float(metrics.mean_absolute_error(y, guess)),
            float(metrics.r2_score(y, guess)),
        ]
    return RegressionScores(len(y), *found)
