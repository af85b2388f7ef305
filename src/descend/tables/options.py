"""What `fit` can be told, checked in one place for Python and for the command line."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from descend.errors import DescendError, unknown

TASKS = ("classification", "regression")


@dataclass(frozen=True)
class FitOptions:
    """Choices for training a network on a table; the defaults are the house's.

    Args:
        target: column to predict; None takes the table's own, or the last one.
        task: "classification" or "regression"; None decides from the target.
        drop: columns to leave out.
        hidden: units of each hidden layer; () for a linear model.
        activation: of the hidden layers.
        epochs: at most so many passes over the training rows.
        patience: epochs without a better validation cost that are waited out.
        batch_size: rows an update; None chooses a power of two by the number of rows.
        optimizer: a name of descend.train.optimizers.
        learning_rate: None for the optimizer's own.
        dropout: share of the hidden units dropped in training, in [0, 1).
        l2: strength of the penalty on the squared weights.
        seed: of split, weights, batches and dropout.
        validation_share, test_share: of the rows.

    Raises:
        DescendError: a value out of range.
    """

    target: str | None = None
    task: str | None = None
    drop: tuple[str, ...] = ()
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "swish"
    epochs: int = 200
    patience: int = 20
    batch_size: int | None = None
    optimizer: str = "adam"
    learning_rate: float | None = None
    dropout: float = 0.0
    l2: float = 0.0
    seed: int = 0
    validation_share: float = 0.2
    test_share: float = 0.2

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise unknown("task", self.task, TASKS)
        for size in self.hidden:
            _require("hidden: units", size, size >= 1, "a whole number >= 1")
        _require("epochs", self.epochs, self.epochs >= 1, "a whole number >= 1")
        _require("patience", self.patience, self.patience >= 1, "a whole number >= 1")
        rows, rate = self.batch_size, self.learning_rate
        _require("batch size", rows, rows is None or rows >= 1, "a whole number >= 1")
        sane = rate is None or (rate > 0 and math.isfinite(rate))
        _require("learning rate", rate, sane, "a number > 0")
        _require("dropout", self.dropout, 0 <= self.dropout < 1, "at least 0 and below 1")
        _require("l2", self.l2, self.l2 >= 0 and math.isfinite(self.l2), "a number >= 0")
        _require("seed", self.seed, 0 <= self.seed < 2**32, "a whole number from 0 to 2^32 - 1")

    def to_json(self) -> dict[str, Any]:
        """The options as plain JSON."""
        return asdict(self)


def _require(name: str, value: Any, holds: bool, wanted: str) -> None:
    if not holds:
        raise DescendError(f"{name} must be {wanted}, got {value!r}")
