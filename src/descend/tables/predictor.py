"""Using a network that `descend fit` saved: a table in, a table of predictions out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from descend.errors import CheckpointError
from descend.tables.encoder import Encoder, Noted
from descend.tables.target import Target
from descend.train.loading import load_with_extra
from descend.train.model import Model

FORMAT = 1


@dataclass(frozen=True)
class TablePredictor:
    """A trained network with its encoder and target."""

    model: Model
    encoder: Encoder
    target: Target
    described: dict[str, Any]

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
        if described.get("format", 0) > FORMAT:
            raise CheckpointError(
                f"{path} was saved by a newer descend "
                f"({described.get('versions', {}).get('descend')}); upgrade descend"
            )
        encoder = Encoder.from_json(described["encoder"])
        return cls(model, encoder, Target.from_json(described["target"]), described)

    def predict(
        self, frame: pd.DataFrame, where: str = "the table"
    ) -> tuple[pd.DataFrame, dict[str, Noted]]:
        """Predictions for the rows of a table, in their order.

        Args:
            frame: the columns of training; the target and others may be there and are not used.
            where: names the table in an error.

        Returns:
            A frame with `predicted_<target>`, for classes also `p_<class>` for each of them; and
            what was missing or unknown, by column.

        Raises:
            DataError: columns that are not there, or cannot be read as in training.
        """
        x, noted = self.encoder.transform(frame, where)
        output = self.target.unscale(self.model.predict(x))
        name = f"predicted_{self.target.name}"
        if not self.target.classifies:
            return pd.DataFrame({name: output}, index=frame.index), noted
        found: dict[str, Any] = {name: [self.target.classes[i] for i in output.argmax(axis=1)]}
        found |= {f"p_{c}": output[:, i] for i, c in enumerate(self.target.classes)}
        return pd.DataFrame(found, index=frame.index), noted
