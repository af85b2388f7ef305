"""Whether the test rows differ from the training rows, column by column."""

from __future__ import annotations

from typing import Any

from descend.report.table.document.insight import Stability
from descend.report.table.evidence import Evidence, as_kinds
from descend.tables.judging import stability as judging
from descend.tables.judging.plain import plain


def stability(evidence: Evidence) -> Stability:
    """The stability index of each column, test against training rows, and of what is predicted.

    Predictions are compared with those of the validation rows: the network has fitted the training
    rows, so that its predictions for them are spread wider without anything having moved.
    """
    columns = evidence.prepared.encoder.columns
    kinds = {c.name: c.kind for c in columns}
    train, test = (as_kinds(evidence.columns(part), kinds) for part in ("train", "test"))
    compared_as = {
        n: "number" if k in ("number", "text") else "category"
        for n, k in kinds.items()
        if k != "date"
    }
    for column in columns:  # of a text: how many words and pairs of it the network knows
        if column.vocabulary:
            for part in (train, test):
                ids = column.vocabulary.numbers(part[column.name])
                part[column.name] = (ids != 0).sum(axis=1)
    groups = evidence.prepared.groups

    def units(part: str) -> Any:
        if groups is None:
            return None
        return groups.iloc[evidence.rows[part]].to_numpy(), groups.iloc[evidence.rows["test"]]

    judged = judging.stability(
        train, test, kinds=compared_as, units=units("train"), seed=evidence.options.seed
    )
    scores = [
        judging.shift(
            one.take(evidence.predicted["validation"]),
            one.take(evidence.predicted["test"]),
            name=f"prediction: {one.label}",
            units=units("validation"),
            seed=evidence.options.seed,
        )
        for one in evidence.explained
    ]
    return {"columns": plain(judged.shifts), "scores": plain(scores)}
