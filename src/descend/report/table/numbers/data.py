"""The data: source, split, target, columns, and the checks of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from descend.report.table.document.fit import (
    BaseRate,
    Contents,
    Data,
    Distribution,
    Input,
    TargetMove,
)
from descend.report.table.document.shared import PARTS
from descend.report.table.evidence import Evidence
from descend.tables.checks.of_data import check_prepared
from descend.tables.checks.verdicts import Check
from descend.tables.columns import dates, numbers, text, truths
from descend.tables.encoding import Column, Noted
from descend.tables.judging.plain import plain
from descend.tables.judging.weighted import (
    effective_rows,
    frequent_levels,
    quantile,
    row_weights,
    spread,
)


def check_data(evidence: Evidence) -> tuple[Check, ...]:
    """The checks of the data; of several targets, against the first."""
    options = evidence.options
    return check_prepared(evidence.prepared, known_later=options.known_later, seed=options.seed)


def data(evidence: Evidence, checks: tuple[Check, ...]) -> Data:
    """Source, split, target, columns with what is missing, checks."""
    prepared, split = evidence.prepared, evidence.prepared.split
    return {
        "source": prepared.table.source,
        "note": prepared.table.note,
        "rows": len(prepared.table.frame),
        "columns": len(prepared.table.frame.columns),
        "without_target": prepared.without_target,
        "split": split.how,
        "parts": {part: len(rows) for part, rows in evidence.rows.items()},
        "formula": prepared.options.formula,
        "left_out": len(split.left_out),
        "roles": {
            role: name
            for role in ("weight", "group", "time")
            if (name := getattr(prepared.options, role)) is not None
        },
        "target": _target(evidence),
        "moved": _moved(evidence),
        "inputs": _inputs(evidence),
        "dropped": {
            **dict.fromkeys(prepared.options.drop, "left out as asked for"),
            **prepared.encoder.dropped,
        },
        "checks": plain([check.to_json() for check in checks]),
        "checked_against": prepared.target.names[0],
    }


def _target(evidence: Evidence) -> list[BaseRate] | list[Distribution]:
    """Rows of each class a part, or the distribution of each target a part."""
    if evidence.classes:
        rates: list[BaseRate] = []
        for i, name in enumerate(evidence.classes):
            rows = {p: int((evidence.y(p) == i).sum()) for p in PARTS}
            shares = {
                p: float(np.average(evidence.y(p) == i, weights=evidence.weight(p))) for p in PARTS
            }
            rates.append({"class": name, "rows": rows, "share": shares})
        return rates
    distributions: list[Distribution] = []
    for view in evidence.views:
        for part in PARTS:
            y, w = view.y[part], row_weights(evidence.weight(part), len(view.y[part]))
            quartiles = quantile(y, [0, 0.25, 0.5, 0.75, 1], w)
            low, first, middle, third, high = quartiles.tolist()
            distributions.append(
                {
                    "target": view.label,
                    "part": part,
                    "rows": len(y),
                    "mean": float(np.average(y, weights=w)),
                    "sd": spread(y, w),
                    "min": low,
                    "first_quartile": first,
                    "median": middle,
                    "third_quartile": third,
                    "max": high,
                    "zero": float(np.average(y == 0, weights=w)),
                }
            )
    return distributions


def _moved(evidence: Evidence) -> list[TargetMove]:
    """The target's mean (or a class's share) in the test less that in training, and its error."""
    series: dict[str, dict[str, np.ndarray]] = {}
    if evidence.classes:
        counted = [1] if evidence.binary else range(len(evidence.classes))
        for i in counted:
            name = f"share of {evidence.classes[i]}"
            series[name] = {p: (evidence.y(p) == i).astype(float) for p in PARTS}
    else:
        series = {f"mean of {view.label}": view.y for view in evidence.views}
    moves: list[TargetMove] = []
    for name, y in series.items():
        mean, variance = {}, {}
        for part in ("train", "test"):
            w = row_weights(evidence.weight(part), len(y[part]))
            mean[part] = float(np.average(y[part], weights=w))
            variance[part] = spread(y[part], w) ** 2 / effective_rows(w)
        error = float(np.sqrt(variance["train"] + variance["test"]))
        moves.append(
            {
                "of": name,
                "train": mean["train"],
                "test": mean["test"],
                "difference": mean["test"] - mean["train"],
                "error": error,
            }
        )
    return moves


def _inputs(evidence: Evidence) -> list[Input]:
    """A row a column: its kind, and the share of rows where it is missing or was not known."""
    prepared = evidence.prepared
    missing: dict[str, pd.Series] = {
        p: prepared.columns.iloc[evidence.rows[p]].isna().mean() for p in PARTS
    }
    parts = {
        p: (prepared.columns.iloc[evidence.rows[p]], row_weights(evidence.weight(p), len(r)))
        for p, r in evidence.rows.items()
    }
    inputs: list[Input] = []
    for column in prepared.encoder.columns:
        contents = {p: _contents(frame[column.name], column, w) for p, (frame, w) in parts.items()}
        noted = prepared.noted.get(column.name, Noted())
        label = prepared.table.labels.get(column.name, "")
        inputs.append(
            {
                "column": column.name,
                "label": label,
                "kind": column.kind + (", embedded" if column.embedded else ""),
                "levels": _levels(column),
                "holds": contents,
                "missing": {p: float(missing[p][column.name]) for p in PARTS},
                "unreadable": noted.unreadable,
                "unseen": noted.unseen,
            }
        )
    return inputs


def _levels(column: Column) -> int | None:
    """How many levels a category has, and how many words and pairs of words a text."""
    return len(column.vocabulary.words) - 1 if column.vocabulary else len(column.levels) or None


def _contents(entries: pd.Series, column: Column, weights: np.ndarray) -> Contents:
    """Mean and spread of a number or of a text's words, or the level most rows have."""
    kind = column.kind
    if kind in ("number", "boolean", "text"):
        if column.vocabulary:
            split = column.vocabulary.words.words
            values = np.array([np.nan if pd.isna(t) else len(split(t)) for t in text(entries)])
        else:
            values = (numbers if kind == "number" else truths)(entries)[0]
        known = np.isfinite(values) & (weights > 0)
        if not known.any():
            return {}
        x, w = values[known], weights[known]
        return {"mean": float(np.average(x, weights=w)), "sd": spread(x, w)}
    words = dates(entries)[0] if kind == "date" else text(entries)
    known = words.notna().to_numpy(bool) & (weights > 0)
    if not known.any():
        return {}
    if kind == "date":
        return {"first": str(words[known].min()), "last": str(words[known].max())}
    top = frequent_levels(words[known], weights[known])[0]
    share = np.average(words[known] == top, weights=weights[known])
    return {"level": str(top), "share": float(share)}
