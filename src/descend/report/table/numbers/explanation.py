"""What the network looks at: importance, marginal effects, partial dependence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.report.table.document.insight import Dependence, Effects, Explanation, NoEffects
from descend.report.table.evidence import Evidence, Explained, as_kinds
from descend.report.table.numbers.words import words
from descend.tables.checks.one_column import most_related
from descend.tables.encoder import Encoded
from descend.tables.encoding import Column
from descend.tables.judging.effects import average_marginal_effects
from descend.tables.judging.importance import Importance, partial_dependence, permutation_importance
from descend.tables.judging.plain import plain
from descend.tables.network import outputs

MOST_EFFECTS = 20  # columns, the most important ones
MOST_CURVES = 4
MANY_COLUMNS = 60  # from here on each is permuted once, not five times
MOST_PERMUTED = 200  # columns, those that go with the target most
CURVE_ROWS = 500
UNCHANGEABLE = {"date": "it holds dates", "text": "it holds texts"}  # by a unit or a level


def explanation(evidence: Evidence, show: Callable[[str], None]) -> Explanation:
    """Permutation importance, average marginal effects, partial dependence."""
    name, _ = evidence.main
    show("permuting columns")
    importance = _importance(evidence)
    order = [i.name for i in importance.increase]
    show("marginal effects and partial dependence")
    return {
        "rows": len(evidence.some()),
        "measure": name,
        "value": plain(importance.value),
        "repeats": importance.repeats,
        "not_permuted": len(evidence.used) - len(importance.increase),
        "importance": plain(importance.to_frame().to_dict("records")),
        "effects": [_effects(evidence, one, order) for one in evidence.explained],
        "dependence": _dependence(evidence, order),
        "words": words(evidence),
        "ablation": plain(evidence.fitted.ablation),
    }


def _importance(evidence: Evidence) -> Importance:
    options, rows = evidence.options, evidence.rows["test"][evidence.some()]
    frame, predict, blocks = _to_permute(evidence, rows)
    prepared, train = evidence.prepared, evidence.prepared.split.train
    related = most_related(
        prepared.inputs[list(evidence.used)].iloc[train],
        prepared.y[train],
        MOST_PERMUTED,
        classifies=prepared.target.classifies,
        seed=options.seed,
    )
    blocks = {name: block for name, block in blocks.items() if name in related}
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
    whole = np.concatenate([part.astype(np.float64) for part in x], axis=1)
    frame = pd.DataFrame(whole, columns=[str(i) for i in range(whole.shape[1])])
    ends = np.cumsum([part.shape[1] for part in x])[:-1]

    def predict(changed: pd.DataFrame) -> np.ndarray:
        parts = zip(np.split(changed.to_numpy(), ends, axis=1), x, strict=True)
        rows_of = Encoded(*(values.astype(part.dtype) for values, part in parts))
        return evidence.fitted.predictor.values_of(outputs(evidence.fitted.model, rows_of))

    return frame, predict, _blocks(prepared.encoder.columns, *map(int, ends))


def _blocks(columns: tuple[Column, ...], numbers: int, codes: int) -> dict[str, tuple[str, ...]]:
    """{column: places of what it became}: its numbers, its code, its words.

    Args:
        columns: those of the encoder.
        numbers, codes: places where the numbers end, and the codes behind them.
    """
    blocks, place, code, word = {}, 0, numbers, codes
    for column in columns:
        size = len(column.outputs())
        places = list(range(place, place + size))
        place += size
        if column.embedded:
            places.append(code)
            code += 1
        places += range(word, word + column.length)
        word += column.length
        blocks[column.name] = tuple(map(str, places))
    return blocks


def _effects(evidence: Evidence, one: Explained, order: list[str]) -> Effects | NoEffects:
    """Average marginal effects on one number, of the most important columns."""
    predictor, kinds = evidence.fitted.predictor, evidence.used
    frame = as_kinds(evidence.inputs("test").iloc[evidence.some()].reset_index(drop=True), kinds)
    changeable = [name for name in order[:MOST_EFFECTS] if kinds[name] not in UNCHANGEABLE]
    others = {
        name: UNCHANGEABLE[kinds[name]]
        for name in order[:MOST_EFFECTS]
        if kinds[name] in UNCHANGEABLE
    }
    rest = frame.drop(columns=changeable)
    if not changeable:
        return {"of": one.label, "left_out": f"no column but {' and '.join(_plural(others))}"}

    def whole(changed: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([changed, rest], axis="columns")

    def members(changed: pd.DataFrame) -> np.ndarray:
        return one.take(predictor.members(whole(changed))).T

    def refits(changed: pd.DataFrame) -> np.ndarray:
        assert evidence.refits is not None
        return one.take(evidence.refits.predict(whole(changed)))

    train = as_kinds(evidence.inputs("train"), kinds)
    effects_of = {name: _as_effect(kinds[name], frame[name]) for name in changeable}
    numbers = [name for name in changeable if effects_of[name] == "number"]
    weight, clusters, calibrated = evidence.weight("test"), evidence.clusters, predictor.calibrated
    # at a temperature the prediction is no mean of the members
    tempered = calibrated is not None and calibrated.temperature is not None
    several = evidence.members.shape[1] > 1 and not tempered
    effects = average_marginal_effects(
        lambda changed: one.take(predictor.values(whole(changed))),
        frame[changeable],
        predict_members=members if several else None,
        predict_refits=None if evidence.refits is None else refits,
        kinds=effects_of,
        seen={name: (train[name].min(), train[name].max()) for name in numbers},
        weights=None if weight is None else weight[evidence.some()],
        clusters=None if clusters is None else clusters[evidence.some()],
        target=one.label,
        confidence=evidence.options.level,
        resamples=evidence.options.draws(len(frame)),
        seed=evidence.options.seed,
    )
    left_out = {**effects.left_out, **others}
    section: Effects = plain(
        {**effects.to_json(), "of": one.label, "drawn": effects.drawn, "left_out": left_out}
    )
    return section


def _plural(others: dict[str, str]) -> list[str]:
    return sorted({why.removeprefix("it holds ") for why in others.values()})


def _as_effect(kind: str, column: pd.Series) -> str:
    """A number, unless it is 0 or 1 only; levels in their order; anything else by level."""
    if kind != "number":
        return "ordered" if kind == "ordered" else "category"
    values = pd.to_numeric(column, errors="coerce").dropna()
    return "category" if values.isin((0.0, 1.0)).all() and len(values) else "number"


def _predicting(evidence: Evidence, one: Explained) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: one.take(evidence.fitted.predictor.values(frame))


def _dependence(evidence: Evidence, order: list[str]) -> list[Dependence]:
    """The curves of the most important columns, for each number that is explained."""
    frame = evidence.inputs("test").iloc[evidence.some()].reset_index(drop=True)
    kinds, weight = evidence.used, evidence.weight("test")
    frame = as_kinds(frame, kinds)
    curves: list[Dependence] = []
    for name in [name for name in order if kinds[name] != "text"][:MOST_CURVES]:
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
            points = curve.to_json()
            del points["curves"]  # of single rows: none were asked for
            nominal = kinds[name] in ("category", "boolean")
            ends = [int(np.argmin(curve.mean)), int(np.argmax(curve.mean))]
            points["ends"] = ends if nominal else [0, len(curve.mean) - 1]
            if kinds[name] == "date":
                points["values"] = [str(v).removesuffix(" 00:00:00") for v in points["values"]]
            curves.append(plain({"of": one.label, "kind": kinds[name], **points}))
    return curves
