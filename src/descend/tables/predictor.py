"""A trained network with its encoder and target: a table in, a table of predictions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from descend.data.formula import Design
from descend.errors import CheckpointError, DataError
from descend.tables.calibrated import Calibrated
from descend.tables.columns import with_missing
from descend.tables.encoder import Encoder
from descend.tables.encoding import Noted
from descend.tables.heads import Quantiles
from descend.tables.network import outputs
from descend.tables.target import Target
from descend.train.loading import load_with_extra
from descend.train.model import Model

FORMAT = 4


@dataclass(frozen=True)
class TablePredictor:
    """What predicts from rows of raw columns.

    Attributes:
        model, encoder, target: trained and fitted on the same rows.
        design: of a formula, or None.
        calibrated: temperature, intervals and sets, or None where there are none.
        described: what a file says of the training; empty before it is saved.
        na: {column: values} that count as missing.
    """

    model: Model
    encoder: Encoder
    target: Target
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
        described = extra.get("table")
        if not isinstance(described, dict):
            raise CheckpointError(
                f"{path} holds a network without a table's encoder, so columns cannot be put into "
                "it. Expected a file that `descend fit` saved; from Python use load_model(...)"
            )
        found = described.get("format", 0)
        if found != FORMAT:
            by = described.get("versions", {}).get("descend")
            cure = "upgrade descend" if found > FORMAT else "fit the table again"
            raise CheckpointError(f"{path} was saved by another version of descend ({by}); {cure}")
        encoder = Encoder.from_json(described["encoder"])
        saved = described["calibrated"]
        calibrated = None if saved is None else Calibrated.from_json(saved)
        design = None if described["design"] is None else Design.from_json(described["design"])
        target = Target.from_json(described["target"])
        na = described["options"]["na"]
        return cls(model, encoder, target, calibrated, design, described, na)

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
        assert self.target.head is not None
        frame = with_missing(frame, self.na)
        if self.design is not None:
            frame = self.design.apply(frame)
        x, _ = self.encoder.transform(frame, where)
        return x.inputs(), self.target.head.forward(self.target.read(frame, where))

    def members(self, frame: pd.DataFrame) -> np.ndarray:
        """Every member's predictions, (n, members, ...); see `Head.backward`."""
        assert self.target.head is not None
        return self.target.head.backward(self.outputs(frame)[0])

    def values(self, frame: pd.DataFrame) -> np.ndarray:
        """Probabilities (n, classes), numbers (n,), or (n, targets) or (n, levels)."""
        return self.values_of(self.outputs(frame)[0])

    def values_of(self, output: np.ndarray) -> np.ndarray:
        """Predictions from the network's output; probabilities at the fitted temperature."""
        assert self.target.head is not None
        found = self.target.head.predict(output)
        if not self.target.classifies or self.calibrated is None:
            return found
        return self.calibrated.probabilities(found)

    def predict(
        self, frame: pd.DataFrame, where: str = "the table", *, intervals: bool = False
    ) -> tuple[pd.DataFrame, dict[str, Noted]]:
        """Predictions for the rows of a table, in their order.

        Args:
            frame: the columns of training; the target and others may be there and are not used.
            where: names the table in an error.
            intervals: whether to say how far each prediction can be trusted.

        Returns:
            A frame with `predicted_<target>`, for classes also `p_<class>` for each of them, for
            quantiles one column a level; with `intervals` also `lower` and `upper`, or the `set`
            of classes. And what was missing or unknown, by column.

        Raises:
            DataError: columns that are not there, or cannot be read as in training; intervals where
                the model has none.
        """
        if intervals and self.calibrated is None:
            raise DataError(
                "this model has no intervals: it predicts several targets, or was validated on "
                "fewer than 20 rows"
            )
        target = self.target
        assert target.head is not None
        output, noted = self.outputs(frame, where)
        values = self.values_of(output)
        if target.classifies:
            names = [target.classes[i] for i in values.argmax(axis=1)]
            found: dict[str, Any] = {f"predicted_{target.name}": names}
            found |= {f"p_{c}": values[:, i] for i, c in enumerate(target.classes)}
        elif isinstance(target.head, Quantiles):
            levels = target.head.levels
            found = {f"predicted_{target.name}_q{q:g}": values[:, i] for i, q in enumerate(levels)}
        elif values.ndim == 2:
            found = {f"predicted_{n}": values[:, i] for i, n in enumerate(target.names)}
        else:
            found = {f"predicted_{target.name}": values}
        if intervals and self.calibrated is not None:
            members = target.head.backward(output)
            found |= dict(self.calibrated.columns(target.head, members, target.classes))
        return pd.DataFrame({k: np.asarray(v) for k, v in found.items()}, index=frame.index), noted
