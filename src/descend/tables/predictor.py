"""A trained network with its encoder and target: a table in, a table of predictions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from descend.data.formula import Design
from descend.described import conforms
from descend.errors import CheckpointError, DataError
from descend.nn.layers import EmbeddingBag
from descend.tables.calibrated import Calibrated
from descend.tables.columns import KINDS, with_missing
from descend.tables.encoder import Encoder
from descend.tables.encoding import PARTS, Noted
from descend.tables.heads import Quantiles, Values
from descend.tables.network import outputs
from descend.tables.target import FittedTarget
from descend.train.model.model import Model
from descend.train.saving.checkpoint import understood
from descend.train.saving.loading import load_with_extra

FORMAT = 4


class Parts(TypedDict):
    """Rows of each part of a split."""

    train: int
    validation: int
    test: int


class Source(TypedDict):
    """The table that was fitted."""

    source: str
    sha256: str
    rows: int
    columns: list[str]


class Described(TypedDict):
    """What a file says of the training, besides its encoder, design and target."""

    encoder: dict[str, Any]
    design: dict[str, Any] | None
    target: dict[str, Any]
    calibrated: dict[str, Any] | None
    options: dict[str, Any]
    rows: Parts
    split: str
    best_epoch: int
    seconds: float
    stopped: str | None
    data: Source
    command: str | None
    when: str
    versions: dict[str, str]


@dataclass(frozen=True)
class TablePredictor:
    """What predicts from rows of raw columns: a trained network with its encoder and target.

    Attributes:
        model, encoder, target: trained and fitted on the same rows.
        design: design of the formula; None without one.
        calibrated: temperature, intervals and sets, or None where there are none.
        described: what a file says of the training; empty before it is saved.
        na: {column: values} that count as missing.

    Raises:
        CheckpointError: `load` of a file that is not descend's, damaged, or a model without a
            table's recipe.
        DataError: `predict` of columns that are not there or cannot be read as in training, or of
            intervals that the model has not.

    Source: descend's own.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.tables import FitOptions, TablePredictor, fit_table
        >>> pay = load_frame(pd.DataFrame({"age": range(40), "pay": range(0, 80, 2)}))
        >>> fitted = fit_table(pay, FitOptions(target="pay", recipe="mlp", hidden=(), epochs=1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fitted.save(f"{folder}/pay.descend")
        ...     predictor = TablePredictor.load(f"{folder}/pay.descend")
        >>> predictor.values(pd.DataFrame({"age": [20, 30]})).shape
        (2,)
    """

    model: Model
    encoder: Encoder
    target: FittedTarget
    calibrated: Calibrated | None
    design: Design | None
    described: dict[str, Any]
    na: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> TablePredictor:
        """Read what `FittedTable.save` wrote.

        Raises:
            CheckpointError: not a file of descend, damaged, or a model without a table's recipe.
        """
        model, extra = load_with_extra(path)
        with understood(path, "recipe of a table"):
            return cls._made(path, model, extra.get("table"))

    @classmethod
    def _made(cls, path: str | Path, model: Model, described: Any) -> TablePredictor:
        if not isinstance(described, dict):
            raise CheckpointError(
                f"{path} holds a network without a table's encoder, so columns cannot be put into "
                "it. Expected a file that `descend fit` saved; from Python use load_model(...)"
            )
        version = described.get("format", 0)
        if version != FORMAT:
            by = described.get("versions", {}).get("descend")
            cure = "upgrade descend" if version > FORMAT else "fit the table again"
            raise CheckpointError(f"{path} was saved by another version of descend ({by}); {cure}")
        conforms(described, Described, "the recipe")
        encoder = Encoder.from_json(described["encoder"])
        saved = described["calibrated"]
        calibrated = None if saved is None else Calibrated.from_json(saved)
        design = None if described["design"] is None else Design.from_json(described["design"])
        target = FittedTarget.from_json(described["target"])
        na = described["options"].get("na", {})
        predictor = cls(model, encoder, target, calibrated, design, described, na)
        conforms(predictor, cls, "the recipe")
        predictor._require_fit()
        return predictor

    def _require_fit(self) -> None:
        """Raise DataError unless the parts belong to one network."""
        target, head = self.target, self.target.head
        for column in self.encoder.columns:
            known = column.kind in KINDS and set(column.parts) <= {"years", *PARTS}
            if not known or (column.kind == "text") != (column.vocabulary is not None):
                raise DataError(f"its column {column.name!r} is encoded in an unknown way")
        sizes = (len(self.encoder.names()), len(self.encoder.embedded), self.encoder.length)
        inputs = [n for n in sizes if n]
        takes = [shape[-1] for shape in self.model.input_shapes]
        gives = [shape[-1] for shape in self.model.output_shapes]
        if inputs != takes or [head.outputs] != gives:
            raise DataError(
                f"its columns become {inputs} numbers, and its target asks for {head.outputs}; the "
                f"network takes {takes} and gives {gives}"
            )
        sets = None if self.calibrated is None else self.calibrated.sets
        spans = None if self.calibrated is None else self.calibrated.intervals
        if (sets and not sets.margins) or (spans and not spans.margins):
            raise DataError("its intervals or sets have no margin")
        classes = [len(target.classes)] + ([sets.classes] if sets else [])
        if target.classifies and set(classes) != {head.outputs}:
            raise DataError(f"it has {head.outputs} probabilities of {classes} classes")
        tables = [n.layer.input_dim for n in self.model.nodes if isinstance(n.layer, EmbeddingBag)]
        if tables != [self.encoder.vocabulary] * bool(self.encoder.length):
            raise DataError(
                f"its texts have a vocabulary of {self.encoder.vocabulary:,} numbers, the network "
                f"has vectors for {tables}"
            )
        if isinstance(head, Values):
            several = [len(target.names), *map(len, (head.mean, head.sd, head.low, head.high))]
            if len(set(several)) > 1:
                raise DataError(f"its numbers of {several} targets do not go together")

    @property
    def finished(self) -> bool:
        """Whether the fit came to its end; if not, it is not calibrated."""
        return bool(self.described.get("finished", True))

    def outputs(
        self, frame: pd.DataFrame, where: str = "the table"
    ) -> tuple[np.ndarray, dict[str, Noted]]:
        """What the network puts out, (n, members, ...), and what was missing or unknown."""
        frame = with_missing(frame, self.na)
        if self.design is not None:
            frame = self.design.apply(frame, targets=False)
        x, noted = self.encoder.transform(frame, where)
        return outputs(self.model, x), noted

    def training_rows(self, frame: pd.DataFrame, where: str = "the table") -> tuple[Any, Any]:
        """The rows as `fit` would train on them: (inputs of the model, targets).

        Args:
            frame: the columns of training, the target among them.
            where: names the table in an error.

        Raises:
            DataError: columns that are not there; a target that is missing, not a number, or of a
                class that training did not see.
        """
        frame = with_missing(frame, self.na)
        if self.design is not None:
            frame = self.design.apply(frame)
        x, _ = self.encoder.transform(frame, where)
        return x.inputs(), self.target.head.forward(self.target.read(frame, where))

    def members(self, frame: pd.DataFrame) -> np.ndarray:
        """Predict with every member, (n, members, ...); see `Head.backward`."""
        return self.target.head.backward(self.outputs(frame)[0])

    def values(self, frame: pd.DataFrame) -> np.ndarray:
        """Probabilities (n, classes), numbers (n,), or (n, targets) or (n, levels)."""
        return self.values_of(self.outputs(frame)[0])

    def values_of(self, output: np.ndarray) -> np.ndarray:
        """Predictions from the network's output; probabilities at the fitted temperature."""
        values = self.target.head.predict(output)
        if not self.target.classifies or self.calibrated is None:
            return values
        return self.calibrated.probabilities(values)

    def predict(
        self,
        frame: pd.DataFrame,
        where: str = "the table",
        *,
        intervals: bool = False,
        by_class: bool = False,
    ) -> tuple[pd.DataFrame, dict[str, Noted]]:
        """Predictions for the rows of a table, in their order.

        Args:
            frame: the columns of training; the target and others may be there and are not used.
            where: names the table in an error.
            intervals: whether to say how far each prediction can be trusted.
            by_class: whether sets of classes hold the true one with the stated probability among
                the rows of each true class, not only on average over all rows.

        Returns:
            A frame with `predicted_<target>`, for classes also `p_<class>` for each of them, for
            quantiles one column a level; with `intervals` also `lower` and `upper`, or the `set`
            of classes. And what was missing or unknown, by column.

        Raises:
            DataError: columns that are not there, or cannot be read as in training; intervals where
                the model has none; `by_class` where it has no sets by class.
        """
        if intervals and self.calibrated is None:
            raise DataError(
                "this model has no intervals: "
                + (
                    "it predicts several targets, or was validated on fewer than 20 rows"
                    if self.finished
                    else "its fit ended before it was calibrated; `descend report` does that"
                )
            )
        if by_class and (self.calibrated is None or self.calibrated.class_sets is None):
            raise DataError(
                "this model has no sets by class: it predicts no classes, was validated on fewer "
                "than 20 rows, or was saved before there were any (fit it again)"
            )
        target = self.target
        output, noted = self.outputs(frame, where)
        values = self.values_of(output)
        if target.classifies:
            names = [target.classes[i] for i in values.argmax(axis=1)]
            columns: dict[str, Any] = {f"predicted_{target.name}": names}
            columns |= {f"p_{c}": values[:, i] for i, c in enumerate(target.classes)}
        elif isinstance(target.head, Quantiles):
            levels = target.head.levels
            columns = {
                f"predicted_{target.name}_q{q:g}": values[:, i] for i, q in enumerate(levels)
            }
        elif values.ndim == 2:
            columns = {f"predicted_{n}": values[:, i] for i, n in enumerate(target.names)}
        else:
            columns = {f"predicted_{target.name}": values}
        if (intervals or by_class) and self.calibrated is not None:
            members = target.head.backward(output)
            columns |= dict(self.calibrated.columns(target.head, members, target.classes, by_class))
        return pd.DataFrame(
            {k: np.asarray(v) for k, v in columns.items()}, index=frame.index
        ), noted
