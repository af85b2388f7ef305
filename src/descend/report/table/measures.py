"""The figures of each task, as measures that a bootstrap can take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descend.tables.judging.measures import MEASURES, Measure, mean_loss
from descend.tables.judging.plain import class_numbers

LEAST_MEAN = 1e-12  # of a predicted count, for its logarithm
LEAST_SHARE = 1e-15


def measures(task: str, levels: Sequence[float] = (), classes: int = 0) -> dict[str, Measure]:
    """{figure: measure} of a task, by the names of `descend.tables.scores`; the main one first.

    Args:
        task: see `descend.tables.heads`.
        levels: the levels of quantiles.
        classes: the number of classes; AUC is a figure of two.
    """
    if task == "classification":
        of_classes = {
            "log-loss": MEASURES["log_loss"],
            "accuracy": mean_loss("accuracy", _right, "higher"),
        }
        return {**of_classes, "AUC": MEASURES["auc"]} if classes == 2 else of_classes
    if task == "quantile":
        return {
            "pinball": mean_loss("pinball", _pinball(tuple(levels))),
            "coverage": mean_loss("coverage", _inside, "higher"),
        }
    values = {"RMSE": MEASURES["rmse"], "MAE": MEASURES["mae"], "R2": MEASURES["r2"]}
    if task == "count":
        return {"deviance": mean_loss("deviance", _deviance), **values}
    if task == "share":
        return {"cross-entropy": mean_loss("cross-entropy", _cross_entropy), **values}
    return values


def several_targets(sd: Sequence[float]) -> Measure:
    """The mean over targets of the squared error in standard deviations of the training rows."""
    scale = np.asarray(sd, np.float64)
    return mean_loss(
        "squared error in sd",
        lambda y, predicted: np.mean((np.subtract(y, predicted) / scale) ** 2, axis=1),
    )


def _right(y: Any, p: Any) -> np.ndarray:
    p = np.asarray(p)
    return p.argmax(axis=1) == class_numbers("y", y, p.shape[1], len(p))


def _pinball(levels: tuple[float, ...]) -> Any:
    tau = np.asarray(levels)

    def loss(y: Any, predicted: Any) -> np.ndarray:
        over = np.asarray(y)[:, None] - np.asarray(predicted)
        return np.maximum(tau * over, (tau - 1) * over).mean(axis=1)

    return loss


def _inside(y: Any, predicted: Any) -> np.ndarray:
    return (y >= predicted[:, 0]) & (y <= predicted[:, -1])


def _deviance(y: Any, predicted: Any) -> np.ndarray:
    from scipy.special import xlogy

    m = np.maximum(predicted, LEAST_MEAN)
    return 2 * (xlogy(y, y / m) - (y - m))


def _cross_entropy(y: Any, predicted: Any) -> np.ndarray:
    p = np.clip(predicted, LEAST_SHARE, 1 - LEAST_SHARE)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))
