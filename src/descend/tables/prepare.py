"""The recipe up to training: target, split, encoding; all learned from the training part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from descend.data.sources import Table, unknown_column
from descend.data.splits import Split, three_way
from descend.errors import DataError
from descend.tables.columns import numbers
from descend.tables.encoder import Encoder, Noted
from descend.tables.options import FitOptions
from descend.tables.target import Target, read_target


@dataclass(frozen=True)
class Prepared:
    """A table ready for a network.

    Attributes:
        table, options: as given.
        target: fitted on the training part.
        target_note: how the target column was found, where nobody named it.
        encoder: fitted on the training part.
        split: row numbers into x and y.
        x: (n, numbers) float32; y: (n,) class numbers or values in the target's units.
        without_target: rows left out because their target is missing.
        noted: what the encoding met in all rows, by column.
    """

    table: Table
    options: FitOptions
    target: Target
    target_note: str
    encoder: Encoder
    split: Split
    x: np.ndarray
    y: np.ndarray
    without_target: int
    noted: dict[str, Noted]


def prepare_table(table: Table, options: FitOptions) -> Prepared:
    """Find the target and the task, split the rows, fit the encoder on the training part.

    Raises:
        DataError: a column that is not there, a target that cannot be predicted, too few rows,
            nothing to predict from.
    """
    frame = table.frame
    columns = [str(c) for c in frame.columns]
    name, note = options.target or table.target, ""
    if name is None:
        name, note = columns[-1], "the last column; --target chooses another"
    if name not in columns:
        raise unknown_column(name, columns, table.source)
    for dropped in options.drop:
        if dropped not in columns:
            raise unknown_column(dropped, columns, table.source)
        if dropped == name:
            raise DataError(f"the column {name!r} cannot be both dropped and the target")
    # an entry such as "?" in a target of numbers is a missing one
    lost = frame[name].isna().to_numpy(bool)
    if not lost.all():
        strangers = numbers(frame[name])[1]
        few = strangers.sum() <= 0.1 * (~lost).sum()
        lost = lost | (strangers & few)
    if lost.all():
        raise DataError(f"the target {name!r} is missing in all {len(frame)} rows")
    kept = frame[~lost] if lost.any() else frame
    target, y = read_target(kept[name], options.task)
    split = three_way(
        len(kept),
        labels=np.asarray(target.classes)[y] if target.classifies else None,  # named in errors
        validation_share=options.validation_share,
        test_share=options.test_share,
        seed=options.seed,
    )
    inputs = kept.drop(columns=[name, *options.drop])
    encoder = Encoder.fit(inputs.iloc[split.train])
    x, noted = encoder.transform(inputs, table.source)
    return Prepared(
        table=table,
        options=options,
        target=target.fit(y[split.train]),
        target_note=note,
        encoder=encoder,
        split=split,
        x=x,
        y=y,
        without_target=int(lost.sum()),
        noted=noted,
    )
