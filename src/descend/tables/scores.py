"""How good predictions are: the figures of each task, beside the simplest prediction there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from sklearn import metrics

from descend.tables.judging.coverage import Coverage
from descend.tables.judging.plain import plain
from descend.tables.judging.weighted import quantile, row_weights

# figure -> whether more of it is better
HIGHER_IS_BETTER = {
    "accuracy": True,
    "log-loss": False,
    "AUC": True,
    "RMSE": False,
    "MAE": False,
    "R2": True,
    "deviance": False,
    "cross-entropy": False,
    "pinball": False,
    "coverage": True,
}
# the figure that a task is judged by where one must do
MAIN = {
    "classification": "log-loss",
    "regression": "RMSE",
    "count": "deviance",
    "share": "cross-entropy",
    "quantile": "pinball",
    "censored": "RMSE",
}


@dataclass(frozen=True)
class Scores:
    """Of predictions for rows that were not trained on.

    Attributes:
        task: see `descend.tables.heads`.
        rows: how many; all figures are weighted where the rows are.
        figures: {figure: value}, in the target's units where it has units.
        baseline: the same of the simplest prediction, learned from the training rows.
        baseline_name: what that is, in words.
        confusion: confusion[i][j] rows of class i were predicted as class j, or the sum of their
            weights; () for numbers.
        recall: for each class the share of its rows that was found; NaN where it has none.
        sets: coverage of the sets of classes by true class, all rows first; None without sets.
        class_sets: the same of the sets that are made class by class.
    """

    task: str
    rows: int
    figures: dict[str, float]
    baseline: dict[str, float]
    baseline_name: str
    confusion: tuple[tuple[float, ...], ...] = ()
    recall: tuple[float, ...] = ()
    sets: Coverage | None = None
    class_sets: Coverage | None = None

    def to_json(self) -> dict[str, Any]:
        """The scores as plain JSON; a figure that does not exist is null."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def figures_of(
    task: str,
    y: np.ndarray,
    prediction: np.ndarray,
    levels: Sequence[float] = (),
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    """The figures of a task.

        log-loss = mean -log p_y          deviance = 2 mean y log(y / mu) - (y - mu)
        R2 = 1 - sum (y - yhat)^2 / sum (y - mean(y))^2
        pinball = mean over levels and rows of max(tau e, (tau - 1) e), e = y - yhat

    Args:
        y: (n,) class numbers or values; (n, targets) of several, whose figures are averaged.
        prediction: predictions as `Head.predict` gives them.
        levels: levels of quantiles; coverage is the share of rows between the outer two.
        weight: (n,).
    """
    if task == "classification":
        return _of_classes(y, prediction, weight)
    w = {"sample_weight": weight}
    if task == "quantile":
        losses = [
            metrics.mean_pinball_loss(y, prediction[:, i], alpha=tau, **w)
            for i, tau in enumerate(levels)
        ]
        inside = (y >= prediction[:, 0]) & (y <= prediction[:, -1])
        return {
            "pinball": float(np.mean(losses)),
            "coverage": float(np.average(inside, weights=weight)),
        }
    figures = {
        "RMSE": float(metrics.root_mean_squared_error(y, prediction, **w)),
        "MAE": float(metrics.mean_absolute_error(y, prediction, **w)),
        "R2": float(metrics.r2_score(y, prediction, **w)) if len(y) > 1 else float("nan"),
    }
    if task == "count":
        positive = np.maximum(prediction, 1e-12)
        return {"deviance": float(metrics.mean_poisson_deviance(y, positive, **w)), **figures}
    if task == "share":
        p = np.clip(prediction, 1e-15, 1 - 1e-15)
        rows = -(y * np.log(p) + (1 - y) * np.log1p(-p))
        return {"cross-entropy": float(np.average(rows, weights=weight)), **figures}
    return figures


def _of_classes(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None) -> dict[str, float]:
    classes, w = np.arange(p.shape[1]), {"sample_weight": weight}
    figures = {
        "accuracy": float(metrics.accuracy_score(y, p.argmax(axis=1), **w)),
        "log-loss": float(metrics.log_loss(y, p, labels=classes, **w)),
    }
    if p.shape[1] == 2 and len(np.unique(y)) == 2:
        figures["AUC"] = float(metrics.roc_auc_score(y, p[:, 1], **w))
    return figures


def simplest(
    task: str,
    y_train: np.ndarray,
    rows: int,
    classes: Sequence[str] = (),
    levels: Sequence[float] = (),
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, str]:
    """(prediction, what it is): of `rows` rows, what is best without looking at their inputs.

    Args:
        y_train: targets of the training rows; weight: their weights.
        rows: how many predictions.
    """
    w = row_weights(weight, len(y_train))
    if task == "classification":
        shares = np.bincount(y_train, w, minlength=len(classes)) / w.sum()
        name = f"predicting the most frequent class ({classes[int(shares.argmax())]})"
        return np.broadcast_to(shares, (rows, len(shares))), name
    if task == "quantile":
        quantiles = quantile(y_train, levels, w)
        return np.broadcast_to(
            quantiles, (rows, len(quantiles))
        ), "predicting the training quantiles"
    mean = np.average(y_train, axis=0, weights=w)
    return np.broadcast_to(mean, (rows, *mean.shape)), "predicting the mean"


def score(
    task: str,
    y: np.ndarray,
    prediction: np.ndarray,
    y_train: np.ndarray,
    *,
    classes: Sequence[str] = (),
    levels: Sequence[float] = (),
    weight: np.ndarray | None = None,
    weight_train: np.ndarray | None = None,
) -> Scores:
    """The scores of predictions, with those of the simplest prediction beside them.

    Args:
        y, prediction, levels, weight: as in `figures_of`.
        y_train, weight_train: the training part's targets and weights, for the baseline.
        classes: names of the classes.
    """
    constant, name = simplest(task, y_train, len(y), classes, levels, weight_train)
    confusion: tuple[tuple[float, ...], ...] = ()
    recall: tuple[float, ...] = ()
    if task == "classification":
        counts = metrics.confusion_matrix(
            y, prediction.argmax(axis=1), labels=np.arange(len(classes)), sample_weight=weight
        )
        members = counts.sum(axis=1)
        none = np.full(len(classes), np.nan)
        shares = np.divide(counts.diagonal(), members, out=none, where=members > 0)
        confusion = tuple(map(tuple, counts.tolist()))
        recall = tuple(float(r) for r in shares)
    return Scores(
        task,
        len(y),
        figures_of(task, y, prediction, levels, weight),
        figures_of(task, y, constant, levels, weight),
        name,
        confusion,
        recall,
    )
