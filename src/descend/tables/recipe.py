"""The recipe from a prepared table to a tested, saved network.

Stages, each a function that a caller may use alone: `prepare_table` (tables/prepare.py), `network`,
`fit_prepared` (train, then the test, once), `FittedTable.save`; `fit_table` does them all.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descend.data.sources import Table
from descend.nn.layers import Dense, Dropout
from descend.nn.regularizers import L2
from descend.nn.symbols import Input
from descend.tables.options import FitOptions
from descend.tables.prepare import Prepared, prepare_table
from descend.tables.scores import (
    ClassificationScores,
    RegressionScores,
    score_classes,
    score_values,
)
from descend.train import optimizers
from descend.train.callbacks import EarlyStopping
from descend.train.model import Model, Sequential

FORMAT = 1  # of what `FittedTable.save` puts beside the weights
UPDATES_PER_EPOCH = 40  # aimed at where nobody chose a batch size
_PACKAGES = ("descend", "jax", "numpy", "pandas", "scikit-learn")


@dataclass(frozen=True)
class FittedTable:
    """A network trained on a table, and its test.

    Attributes:
        prepared: the table as it was trained on.
        model: with the weights of the best epoch.
        best_epoch: counted from 1, by the validation cost.
        stopped: why training ended early, in words; None if it did not.
        scores: on the test part.
    """

    prepared: Prepared
    model: Model
    best_epoch: int
    stopped: str | None
    scores: ClassificationScores | RegressionScores

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return (self.stopped or "").startswith("interrupted")

    def describe(self) -> dict[str, Any]:
        """What is saved beside the weights, in JSON."""
        prepared, split = self.prepared, self.prepared.split
        return {
            "format": FORMAT,
            "target": prepared.target.to_json(),
            "encoder": prepared.encoder.to_json(),
            "options": prepared.options.to_json(),
            "rows": {"train": len(split.train), "validation": len(split.validation)},
            "test": self.scores.to_json(),
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "data": {
                "source": prepared.table.source,
                "sha256": prepared.table.digest,
                "rows": len(prepared.table.frame),
                "columns": [str(c) for c in prepared.table.frame.columns],
            },
            "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
        }

    def save(self, path: str | Path) -> None:
        """Write network, encoder and test to one file; `descend predict` reads it."""
        self.model.save(path, extra={"table": self.describe()})


def network(prepared: Prepared) -> Sequential:
    """The compiled, untrained network that the options ask for."""
    options, target = prepared.options, prepared.target
    penalty = L2(options.l2) if options.l2 else None
    layers: list[Any] = [Input((prepared.x.shape[1],))]
    for units in options.hidden:
        layers.append(Dense(units, options.activation, kernel_regularizer=penalty))
        if options.dropout:
            layers.append(Dropout(options.dropout))
    if target.classifies:
        layers.append(Dense(len(target.classes), "softmax", kernel_regularizer=penalty))
    else:
        layers.append(Dense(1, kernel_regularizer=penalty))
    model = Sequential(layers, name=_name(prepared.table.name), seed=options.seed)
    rule: dict[str, Any] = {"name": optimizers.get(options.optimizer).name}
    if options.learning_rate is not None:
        rule["learning_rate"] = options.learning_rate
    model.compile(
        optimizer=rule,
        loss="sparse_categorical_crossentropy" if target.classifies else "mse",
        metrics=["accuracy"] if target.classifies else [],
    )
    return model


def fit_prepared(
    prepared: Prepared,
    model: Model | None = None,
    *,
    callbacks: Sequence[Any] = (),
    verbose: int = 0,
) -> FittedTable:
    """Train with early stopping on the validation part, then test once.

    Args:
        prepared: what `prepare_table` gave.
        model: what `network` gave; made here if left out.
        callbacks: besides early stopping.
        verbose: as in `Model.fit`.

    Raises:
        DescendError: an option the optimizer or a layer refuses.
        DivergenceError: the cost became infinite or NaN.
        KeyboardInterrupt: before the end of the first epoch; later ones keep what was reached.
    """
    model = model or network(prepared)
    options, target, split = prepared.options, prepared.target, prepared.split
    x, y = prepared.x, target.scale(prepared.y)
    patience = EarlyStopping("val_loss", patience=options.patience)
    history = model.fit(
        x[split.train],
        y[split.train],
        batch_size=batch_size(prepared, model),
        epochs=options.epochs,
        validation_data=(x[split.validation], y[split.validation]),
        callbacks=[patience, *callbacks],
        seed=options.seed,
        verbose=verbose,
    )
    if not len(history):
        raise KeyboardInterrupt
    output = target.unscale(model.predict(x[split.test]))
    score = score_classes if target.classifies else score_values
    return FittedTable(
        prepared=prepared,
        model=model,
        best_epoch=int(patience.best_epoch) + 1,
        stopped=history.stopped,
        scores=score(prepared.y[split.test], output, prepared.y[split.train]),
    )


def fit_table(table: Table, options: FitOptions | None = None, *, verbose: int = 0) -> FittedTable:
    """All of the recipe: target, split, encoding, training, test.

    Example:
        >>> from descend.data.sources import load
        >>> fitted = fit_table(load("iris"))  # doctest: +SKIP
        >>> fitted.scores.accuracy  # doctest: +SKIP
    """
    return fit_prepared(prepare_table(table, options or FitOptions()), verbose=verbose)


def batch_size(prepared: Prepared, model: Model) -> int | None:
    """The rows of an update: as asked, or the power of two that gives about 40 updates an epoch."""
    if prepared.options.batch_size is not None:
        return prepared.options.batch_size
    if model.optimizer.full_batch:
        return None
    n = len(prepared.split.train)
    power = 1 << max(round(n / UPDATES_PER_EPOCH).bit_length() - 1, 0)
    return min(max(power, 8), 256, n)


def _name(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text) or "table"
