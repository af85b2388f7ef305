"""Of a report on a table: what the network looks at, whether rows moved, how groups fare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.report.table.evidence import Evidence, Explained
from descend.tables.checks.one_column import most_related
from descend.tables.columns import dates, numbers
from descend.tables.encoder import Encoded
from descend.tables.encoding import Column
from descend.tables.judging.by_group import classes_by_group, event_by_group, values_by_group
from descend.tables.judging.effects import average_marginal_effects
from descend.tables.judging.importance import Importance, partial_dependence, permutation_importance
from descend.tables.judging.plain import group_names, plain
from descend.tables.judging.stability import shift, stability
from descend.tables.network import outputs

MOST_EFFECTS = 20  # columns, the most important ones
MOST_CURVES = 4
MANY_COLUMNS = 60  # from here on each is permuted once, not five times
MOST_PERMUTED = 200  # columns, those that go with the target most
CURVE_ROWS = 500


def explain(evidence: Evidence, show: Callable[[str], None]) -> dict[str, Any]:
    """Permutation importance, average marginal effects, partial dependence."""
    name, _ = evidence.main
    show("permuting columns")
    found = _importance(evidence)
    order = [i.name for i in found.increase]
    show("marginal effects and partial dependence")
    return {
        "rows": len(evidence.some()),
        "measure": name,
        "value": found.value,
        "repeats": found.repeats,
        "not_permuted": len(evidence.used) - len(found.increase),
        "importance": plain(found.to_frame().to_dict("records")),
        "effects": [_effects(evidence, one, order) for one in evidence.explained],
        "dependence": _dependence(evidence, order),
        "ablation": evidence.fitted.ablation,
    }


def _importance(evidence: Evidence) -> Importance:
    options, rows = evidence.options, evidence.rows["test"][evidence.some()]
    frame, predict, blocks = _to_permute(evidence, rows)
    prepared, train = evidence.prepared, evidence.prepared.split.train
    chosen = most_related(
        prepared.inputs[list(evidence.used)].iloc[train],
        prepared.y[train],
        MOST_PERMUTED,
        classifies=prepared.target.classifies,
        seed=options.seed,
    )
    blocks = {name: block for name, block in blocks.items() if name in chosen}
    clusters, weight = evidence.clusters, evidence.weight("test")
    _, measure = evidence.main
    return permutation_importance(
        predict,
        frame,
        evidence.prepared.y[rows],
        measure,
        columns=blocks,
        repeats=5 if len(blocks) <= MANY_COLUMNS else 1,
        most_rows=None,
        clusters=None if clusters is None else clusters[evidence.some()],
        weights=None if weight is None else weight[evidence.some()],
        level=options.level,
        resamples=options.draws(len(rows)),
        seed=options.seed,
    )


def _to_permute(
    evidence: Evidence, rows: np.ndarray
) -> tuple[pd.DataFrame, Callable[[pd.DataFrame], np.ndarray], dict[str, tuple[str, ...]]]:
    """A frame, what predicts from it, and blocks of its columns by the name of the raw column.

    Without a formula the frame is of encoded rows: permuting all that a column became gives the
    same as permuting the column, and nothing is encoded anew.
    """
    prepared, predictor = evidence.prepared, evidence.fitted.predictor
    if prepared.design is not None:
        raw = prepared.inputs.iloc[rows].reset_index(drop=True)
        return raw, predictor.values, {name: (name,) for name in evidence.used}
    x = prepared.x.rows(rows)
    numbers = x.numbers.shape[1]
    frame = pd.DataFrame(
        np.concatenate([x.numbers, x.codes.astype(np.float64)], axis=1),
        columns=[str(i) for i in range(numbers + x.codes.shape[1])],
    )

    def predict(changed: pd.DataFrame) -> np.ndarray:
        values = changed.to_numpy()
        parts = values[:, :numbers].astype(np.float32), values[:, numbers:].astype(np.int32)
        return evidence.fitted.predictor.values_of(outputs(evidence.fitted.model, Encoded(*parts)))

    return frame, predict, _blocks(prepared.encoder.columns, numbers)


def _blocks(columns: tuple[Column, ...], numbers: int) -> dict[str, tuple[str, ...]]:
    """{column: places of what it became}: its numbers, its code."""
    blocks, place, code = {}, 0, numbers
    for column in columns:
        size = len(column.outputs())
        places = list(range(place, place + size))
        place += size
        if column.embedded:
            places.append(code)
            code += 1
        blocks[column.name] = tuple(map(str, places))
    return blocks


def _effects(evidence: Evidence, one: Explained, order: list[str]) -> dict[str, Any]:
    """Average marginal effects on one number, of the most important columns."""
    predictor, kinds = evidence.fitted.predictor, evidence.used
    frame = _read(evidence.inputs("test").iloc[evidence.some()].reset_index(drop=True), kinds)
    judged = [name for name in order[:MOST_EFFECTS] if kinds[name] != "date"]
    dates = [name for name in order[:MOST_EFFECTS] if kinds[name] == "date"]
    rest = frame.drop(columns=judged)
    if not judged:
        return {"of": one.label, "left_out": "no column but dates"}

    def whole(changed: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([changed, rest], axis="columns")

    def members(changed: pd.DataFrame) -> np.ndarray:
        return one.take(predictor.members(whole(changed))).T

    def refits(changed: pd.DataFrame) -> np.ndarray:
        assert evidence.refits is not None
        return one.take(evidence.refits.predict(whole(changed)))

    trained = _read(evidence.inputs("train"), kinds)
    effects_of = {name: _as_effect(kinds[name], frame[name]) for name in judged}
    numbers = [name for name in judged if effects_of[name] == "number"]
    weight, clusters, made = evidence.weight("test"), evidence.clusters, predictor.calibrated
    # at a temperature the prediction is no mean of the members
    several = evidence.members.shape[1] > 1 and (made is None or made.temperature is None)
    found = average_marginal_effects(
        lambda changed: one.take(predictor.values(whole(changed))),
        frame[judged],
        predict_members=members if several else None,
        predict_refits=None if evidence.refits is None else refits,
        kinds=effects_of,
        seen={name: (trained[name].min(), trained[name].max()) for name in numbers},
        weights=None if weight is None else weight[evidence.some()],
        clusters=None if clusters is None else clusters[evidence.some()],
        target=one.label,
        confidence=evidence.options.level,
        resamples=evidence.options.draws(len(frame)),
        seed=evidence.options.seed,
    )
    left_out = {**found.left_out, **dict.fromkeys(dates, "it holds dates")}
    return {**found.to_json(), "of": one.label, "drawn": found.drawn, "left_out": left_out}


def _as_effect(kind: str, column: pd.Series) -> str:
    """A number, unless it is 0 or 1 only; levels in their order; anything else by level."""
    if kind != "number":
        return "ordered" if kind == "ordered" else "category"
    values = pd.to_numeric(column, errors="coerce").dropna()
    return "category" if values.isin((0.0, 1.0)).all() and len(values) else "number"


def _read(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """With numbers and dates that came as text as what they are."""
    found = frame.copy()
    for name, column in frame.items():
        kind = kinds[str(name)]
        if kind == "number":
            found[name] = numbers(column)[0]
        elif kind == "date":
            found[name] = dates(column)[0]
    return found


def _predicting(evidence: Evidence, one: Explained) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: one.take(evidence.fitted.predictor.values(frame))


def _dependence(evidence: Evidence, order: list[str]) -> list[dict[str, Any]]:
    frame = evidence.inputs("test").iloc[evidence.some()].reset_index(drop=True)
    kinds, found, weight = evidence.used, [], evidence.weight("test")
    frame = _read(frame, kinds)
    for name in order[:MOST_CURVES]:
        curves = []
        for one in evidence.explained:
            try:
                curve = partial_dependence(
                    _predicting(evidence, one),
                    frame,
                    name,
                    most_rows=CURVE_ROWS,
                    curves=0,
                    weights=None if weight is None else weight[evidence.some()],
                    seed=evidence.options.seed,
                )
            except DataError:  # a column without a value in the test rows
                continue
            said = curve.to_json()
            del said["curves"]
            nominal = kinds[name] in ("category", "boolean")
            ends = [int(np.argmin(curve.mean)), int(np.argmax(curve.mean))]
            said["ends"] = ends if nominal else [0, len(curve.mean) - 1]
            if kinds[name] == "date":
                said["values"] = [str(v).removesuffix(" 00:00:00") for v in said["values"]]
            curves.append({"of": one.label, "kind": kinds[name], **said})
        found += curves
    return found


# -- stability ------------------------------------------------------------------------------------


def moved(evidence: Evidence) -> dict[str, Any]:
    """The stability index of each column, test against training rows, and of what is predicted.

    Predictions are compared with those of the validation rows: the network has fitted the training
    rows, so that its predictions for them are spread wider without anything having moved.
    """
    kinds = {c.name: c.kind for c in evidence.prepared.encoder.columns}
    train, test = (_read(evidence.columns(part), kinds) for part in ("train", "test"))
    told = {n: "number" if k == "number" else "category" for n, k in kinds.items() if k != "date"}
    groups = evidence.prepared.groups

    def units(part: str) -> Any:
        if groups is None:
            return None
        return groups.iloc[evidence.rows[part]].to_numpy(), groups.iloc[evidence.rows["test"]]

    columns = stability(train, test, kinds=told, units=units("train"), seed=evidence.options.seed)
    scores = [
        shift(
            one.take(evidence.predicted["validation"]),
            one.take(evidence.predicted["test"]),
            name=f"prediction: {one.label}",
            units=units("validation"),
            seed=evidence.options.seed,
        )
        for one in evidence.explained
    ]
    return {
        "columns": [s.to_json() for s in columns.shifts],
        "scores": [s.to_json() for s in scores],
    }


# -- groups ---------------------------------------------------------------------------------------


def by_group(evidence: Evidence, threshold: float | None) -> dict[str, Any]:
    """Figures of each group of the test rows."""
    groups = evidence.groups
    if groups is None:
        return {"left_out": "no group column was named (--group COLUMN)"}
    labels = group_names(groups, len(groups))
    p, w = evidence.predicted["test"], evidence.weight("test")
    if evidence.binary:
        assert threshold is not None
        y = evidence.y("test")
        found = [event_by_group(y, p[:, 1], labels, threshold=threshold, weights=w)]
    elif evidence.classes:
        found = [classes_by_group(evidence.y("test"), p, labels, weights=w)]
    elif evidence.levels:
        one = evidence.explained[0]
        found = [values_by_group(evidence.y("test"), one.take(p), labels, weights=w)]
    else:
        found = [
            values_by_group(v.y["test"], v.predicted["test"], labels, weights=w)
            for v in evidence.views
        ]
    names = (
        [e.label for e in evidence.explained]
        if evidence.levels
        else [v.label for v in evidence.views]
    )
    return {
        "column": evidence.options.group,
        "threshold": threshold,
        "targets": [
            {"target": name, **one.to_json()} for name, one in zip(names, found, strict=False)
        ],
    }
