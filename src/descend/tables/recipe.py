"""The recipe from a prepared table to a tested, saved network.

Stages, each a function that a caller may use alone: `prepare_table` (tables/prepare.py),
`untrained`, `fit_prepared` (train, then `calibrated` and `open_test`), `FittedTable.save`;
`fit_table` does all.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from descend.data.table import Table
from descend.tables.calibrated import calibrate
from descend.tables.judging.coverage import by_true_class
from descend.tables.network import Trained, network, outputs, train_network
from descend.tables.options import FitOptions
from descend.tables.predictor import FORMAT, TablePredictor
from descend.tables.prepare import Prepared, prepare_table
from descend.tables.scores import Scores, score
from descend.tables.seal import EXTRA, Seal
from descend.train.model.model import Model

_PACKAGES = ("descend", "jax", "numpy", "pandas", "scikit-learn")


@dataclass(frozen=True)
class FittedTable:
    """A network trained on a table, and its test.

    Attributes:
        prepared: the table as it was trained on.
        predictor: network, encoder and target, with the weights of the best epoch.
        trained: the training.
        scores: figures on the test part; None while it is sealed.
        seal: seal of the test part, with each opening.
        seconds: time that the training took, compilation included.
        command: the command line that asked for it; None from Python.
        search: every trial of the search that chose the options, in JSON; None without one.
        ablation: what the network loses without each column, in JSON; None if it was not asked.
        finished: False between the end of training and calibration: then there are no intervals,
            and probabilities are as the network puts them out.

    Raises:
        DescendError: `save` to a place that cannot be written.

    Source: scheidegger-2020, "RECIPE FOR USING MLP (IV)".

    Example:
        >>> import pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.tables import FitOptions, fit_table
        >>> pay = load_frame(pd.DataFrame({"age": range(40), "pay": range(0, 80, 2)}))
        >>> fitted = fit_table(pay, FitOptions(target="pay", recipe="mlp", hidden=(), epochs=1))
        >>> fitted.describe()["rows"], sorted(fitted.scores.figures)
        ({'train': 24, 'validation': 8, 'test': 8}, ['MAE', 'R2', 'RMSE'])
    """

    prepared: Prepared
    predictor: TablePredictor
    trained: Trained
    scores: Scores | None
    seal: Seal
    seconds: float = 0.0
    command: str | None = None
    search: dict[str, Any] | None = None
    ablation: dict[str, Any] | None = None
    finished: bool = True

    @property
    def model(self) -> Model:
        """The network."""
        return self.trained.model

    @property
    def stopped(self) -> str | None:
        """Why training ended early, in words; None if it did not."""
        return self.trained.history.stopped

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.trained.history.interrupted

    def describe(self) -> dict[str, Any]:
        """What is saved beside the weights, in JSON."""
        prepared, split = self.prepared, self.prepared.split
        return {
            "format": FORMAT,
            "target": prepared.target.to_json(),
            "design": prepared.design and prepared.design.to_json(),
            "encoder": prepared.encoder.to_json(),
            "options": prepared.options.to_json(),
            "rows": {
                "train": len(split.train),
                "validation": len(split.validation),
                "test": len(split.test),
            },
            "split": split.how,
            "test": None if self.scores is None else self.scores.to_json(),
            "calibrated": self.predictor.calibrated and self.predictor.calibrated.to_json(),
            "best_epoch": self.trained.best_epoch,
            "asked": dict(self.trained.asked),
            "seconds": self.seconds,
            "stopped": self.stopped,
            "finished": self.finished,
            "data": {
                "source": prepared.table.source,
                "sha256": prepared.table.digest,
                "rows": len(prepared.table.frame),
                "columns": [str(c) for c in prepared.table.frame.columns],
            },
            "command": self.command,
            "search": self.search,
            "ablation": self.ablation,
            "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
        }

    def save(self, path: str | Path) -> None:
        """Write network, encoder and test to one file; `descend predict` reads it."""
        self.model.save(path, extra={"table": self.describe(), EXTRA: self.seal.to_json()})


def untrained(prepared: Prepared) -> Model:
    """The network that the options ask for."""
    name = _name(prepared.table.name)
    return network(prepared.encoder, prepared.target.head, prepared.options, name)


def fit_prepared(
    prepared: Prepared,
    model: Model | None = None,
    *,
    callbacks: Sequence[Any] = (),
    verbose: int = 0,
    command: str | None = None,
    search: dict[str, Any] | None = None,
    ablation: dict[str, Any] | None = None,
    path: str | Path | None = None,
) -> FittedTable:
    """Train with the best validation epoch put back, then test once (unless it stays sealed).

    Args:
        prepared: what `prepare_table` gave.
        model: what `untrained` gave; made here if left out.
        callbacks: callbacks besides early stopping.
        verbose: as in `Model.fit`.
        command, search, ablation: what the file keeps of them; see FittedTable.
        path: file to save to as soon as the network is trained, and again with its calibration and
            its test: whatever ends the call in between loses no training.

    Raises:
        DescendError: an option the optimizer or a layer refuses.
        DivergenceError: the cost became infinite or NaN.
        KeyboardInterrupt: before the end of the first epoch; later ones keep what was reached.
    """
    target, split = prepared.target, prepared.split
    began = time.perf_counter()
    trained = train_network(
        prepared.encoder,
        target.head,
        prepared.options,
        prepared.part(split.train),
        prepared.part(split.validation),
        model=model or untrained(prepared),
        callbacks=callbacks,
        verbose=verbose,
    )
    seconds = time.perf_counter() - began
    predictor = TablePredictor(
        trained.model, prepared.encoder, target, None, prepared.design, {}, prepared.options.na
    )
    fitted = FittedTable(
        *(prepared, predictor, trained, None, prepared.seal, seconds, command, search, ablation),
        finished=False,
    )
    if path is not None:
        fitted.save(path)
    try:
        for stage in (calibrated, open_test)[: 1 if prepared.options.sealed else 2]:
            fitted = stage(fitted)
            if path is not None:
                fitted.save(path)
    except BaseException as error:
        if path is not None:
            lacks = "its test" if fitted.finished else "its calibration and its test"
            error.add_note(f"{path} holds the trained network, without {lacks}")
        raise
    return fitted


def calibrated(fitted: FittedTable) -> FittedTable:
    """Learn from the validation rows: temperature, intervals, sets of classes."""
    prepared, target, split = fitted.prepared, fitted.prepared.target, fitted.prepared.split
    began = time.perf_counter()
    members = {
        name: target.head.backward(outputs(fitted.model, prepared.x.rows(rows)))
        for name, rows in (("validation", split.validation), ("train", split.train))
    }
    learned = calibrate(
        target.head,
        members["validation"],
        prepared.y[split.validation],
        members["train"],
        weights=prepared.weights(split.validation),
        training_weights=prepared.weights(split.train),
    )
    return replace(
        fitted,
        predictor=replace(fitted.predictor, calibrated=learned),
        seconds=fitted.seconds + time.perf_counter() - began,
        finished=True,
    )


def open_test(fitted: FittedTable) -> FittedTable:
    """Open the test part: score it, and write the opening into its seal.

    Args:
        fitted: FittedTable whose test is sealed; one that was opened is opened once more.

    Returns:
        The FittedTable with `scores`, and a seal with one more opening. A file is not touched: call
        `save` again.

    Raises:
        Nothing of its own.

    Source: scheidegger-2020, "RECIPE FOR USING MLP (IV)": "use the test data for the first (and
    only) time".

    Example:
        >>> import pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.tables import FitOptions, fit_table, open_test
        >>> pay = load_frame(pd.DataFrame({"age": range(40), "pay": range(0, 80, 2)}))
        >>> how = FitOptions(target="pay", recipe="mlp", hidden=(), epochs=1, sealed=True)
        >>> fitted = fit_table(pay, how)
        >>> opened = open_test(fitted)
        >>> fitted.scores, len(fitted.seal.openings), len(opened.seal.openings)
        (None, 0, 1)
    """
    prepared, target = fitted.prepared, fitted.prepared.target
    split = prepared.split
    predictions = fitted.predictor.values(prepared.inputs.iloc[split.test])
    scores = score(
        target.task,
        prepared.y[split.test],
        predictions,
        prepared.y[split.train],
        classes=target.classes,
        levels=getattr(target.head, "levels", ()),
        weight=prepared.weights(split.test),
        weight_train=prepared.weights(split.train),
    )
    calibration = fitted.predictor.calibrated
    if calibration is not None and calibration.sets is not None:
        truth, weight = prepared.y[split.test], prepared.weights(split.test)
        kinds = {"sets": calibration.sets, "class_sets": calibration.class_sets}
        covered: dict[str, Any] = {
            name: by_true_class(truth, sets.sets(predictions), target.classes, weights=weight)
            for name, sets in kinds.items()
            if sets is not None
        }
        scores = replace(scores, **covered)
    seal = fitted.seal.open(scores.figures, source=prepared.table.source)
    return replace(fitted, scores=scores, seal=seal)


def fit_table(
    table: Table,
    options: FitOptions | None = None,
    *,
    test: Table | None = None,
    verbose: int = 0,
) -> FittedTable:
    """All of the recipe: target, split, encoding, training, test.

    Args:
        table: Table of the rows (`descend.data.sources.load`, `descend.data.frames.load_frame`).
        options: FitOptions; by default the last column is predicted by the recipe "realmlp".
        test: Table of the user's own test rows; by default a share of the table's rows is put
            aside.
        verbose: number, 1 for a bar and the costs by epoch, 0 for silence.

    Returns:
        The FittedTable: network, predictor, scores on the test part, and its seal.

    Raises:
        DataError: a column that is not there, a target that cannot be predicted, too few rows,
            nothing to predict from.
        DescendError: an option that the optimizer or a layer refuses.
        DivergenceError: the cost became infinite or NaN.
        KeyboardInterrupt: before the end of the first epoch; later ones keep what was reached.

    Source: scheidegger-2020, "RECIPE FOR USING MLP" (I to IV).

    Example:
        >>> import pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.tables import FitOptions, fit_table
        >>> pay = load_frame(pd.DataFrame({"age": range(40), "pay": range(0, 80, 2)}))
        >>> fitted = fit_table(pay, FitOptions(target="pay", recipe="mlp", hidden=(), epochs=1))
        >>> predictions, _ = fitted.predictor.predict(pd.DataFrame({"age": [20, 30]}))
        >>> predictions.columns.tolist(), len(predictions)
        (['predicted_pay'], 2)
    """
    return fit_prepared(prepare_table(table, options or FitOptions(), test), verbose=verbose)


def _name(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text) or "table"
