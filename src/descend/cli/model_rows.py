"""A saved network, of `descend fit` or of Python, and rows of a table as it is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from descend.train.model.model import Model


def model_rows(
    path: Path, frame: pd.DataFrame, source: str, rows: tuple[int, ...], target: tuple[str, ...]
) -> tuple[Model, Any, Any]:
    """(network, inputs, targets) of some rows.

    Args:
        path: the network's file.
        frame, source: the table and how it is called.
        rows: which, from 0.
        target: columns that a network saved from Python is trained for; the last one by default.
    """
    from descend.errors import DataError, unknown
    from descend.train.saving.loading import load_with_extra

    for one in rows:
        if not 0 <= one < len(frame):
            raise DataError(
                f"{source} has {len(frame):,} rows, 0 to {len(frame) - 1}; there is no row {one}"
            )
    chosen = frame.iloc[list(rows)]
    model, extra = load_with_extra(path)
    if isinstance(extra.get("table"), dict):
        from descend.tables.predictor import TablePredictor

        if target:
            raise click.UsageError(f"{path} knows its target; leave out --target")
        predictor = TablePredictor.load(path)
        return (predictor.model, *predictor.training_rows(chosen, source))
    names = [str(c) for c in chosen.columns]
    wanted = list(target) or names[-1:]
    for name in wanted:
        if name not in names:
            raise unknown(f"column of {source}", name, names)
    chosen = chosen.set_axis(names, axis="columns")
    y = chosen[wanted[0]] if len(wanted) == 1 else chosen[wanted]
    return model, chosen.drop(columns=wanted), y
