"""Of a report on a table: what was fitted, on which data, how it was designed and trained."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from descend.data.table import Table
from descend.report.table import ran
from descend.report.table.evidence import PARTS, Evidence
from descend.tables.checks.of_data import check_prepared
from descend.tables.checks.verdicts import Check
from descend.tables.columns import dates, numbers, text, truths
from descend.tables.encoding import Noted
from descend.tables.judging.plain import plain
from descend.tables.judging.weighted import (
    effective_rows,
    frequent_levels,
    quantile,
    row_weights,
    spread,
)
from descend.tables.options import FitOptions
from descend.train.summary import summary

PACKAGES = ("descend", "jax", "jaxlib", "numpy", "pandas", "scikit-learn", "statsmodels")
SUPPORTS = (
    "This report supports documentation of the network: how it was made and how it did on rows "
    "put aside for a test. It does not decide whether a use of it is appropriate."
)


def identity(evidence: Evidence, command: str | None) -> dict[str, Any]:
    """What was fitted, when, from what, and each opening of its test."""
    fitted = evidence.fitted
    said = saved(evidence)
    target = evidence.prepared.target
    return {
        "purpose": evidence.options.purpose,
        "supports": SUPPORTS,
        "target": target.name,
        "task": target.task,
        "task_reason": target.reason,
        "target_note": evidence.prepared.target_note,
        "classes": list(target.classes),
        "fitted": said["when"],
        "fitted_with": said["versions"],
        "reported_with": versions(),
        "seed": evidence.prepared.options.seed,
        "source": evidence.prepared.table.source,
        "data_sha256": evidence.prepared.table.digest,
        "test_sha256": fitted.seal.digest,
        "openings": [plain(dataclasses.asdict(o)) for o in fitted.seal.openings],
        "warning": fitted.seal.warning,
        "command": command or said.get("command"),
    }


def saved(evidence: Evidence) -> dict[str, Any]:
    """What the model file says; of a network in memory, what it would say."""
    return evidence.fitted.predictor.described or evidence.fitted.describe()


def versions() -> dict[str, str]:
    """Of what the report was made with."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}",
    }


# -- the data -------------------------------------------------------------------------------------


def leakage(evidence: Evidence) -> tuple[Check, ...]:
    """The checks of the data; of several targets, against the first."""
    options = evidence.options
    return check_prepared(evidence.prepared, known_later=options.known_later, seed=options.seed)


def data(evidence: Evidence, checks: tuple[Check, ...]) -> dict[str, Any]:
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
        "checks": [check.to_json() for check in checks],
        "checked_against": prepared.target.names[0],
    }


def _target(evidence: Evidence) -> list[dict[str, Any]]:
    """Rows of each class a part, or the distribution of each target a part."""
    found: list[dict[str, Any]] = []
    if evidence.classes:
        for i, name in enumerate(evidence.classes):
            rows = {p: int((evidence.y(p) == i).sum()) for p in PARTS}
            shares = {
                p: float(np.average(evidence.y(p) == i, weights=evidence.weight(p))) for p in PARTS
            }
            found.append({"class": name, "rows": rows, "share": shares})
        return found
    for view in evidence.views:
        for part in PARTS:
            y, w = view.y[part], row_weights(evidence.weight(part), len(view.y[part]))
            quartiles = quantile(y, [0, 0.25, 0.5, 0.75, 1], w)
            low, first, middle, third, high = quartiles.tolist()
            found.append(
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
    return found


def _moved(evidence: Evidence) -> list[dict[str, Any]]:
    """The target's mean (or a class's share) in the test less that in training, and its error."""
    series: dict[str, dict[str, np.ndarray]] = {}
    if evidence.classes:
        shown = [1] if evidence.binary else range(len(evidence.classes))
        for i in shown:
            name = f"share of {evidence.classes[i]}"
            series[name] = {p: (evidence.y(p) == i).astype(float) for p in PARTS}
    else:
        series = {f"mean of {view.label}": view.y for view in evidence.views}
    found = []
    for name, y in series.items():
        mean, variance = {}, {}
        for part in ("train", "test"):
            w = row_weights(evidence.weight(part), len(y[part]))
            mean[part] = float(np.average(y[part], weights=w))
            variance[part] = spread(y[part], w) ** 2 / effective_rows(w)
        error = float(np.sqrt(variance["train"] + variance["test"]))
        found.append(
            {"of": name, **mean, "difference": mean["test"] - mean["train"], "error": error}
        )
    return found


def _inputs(evidence: Evidence) -> list[dict[str, Any]]:
    """A row a column: its kind, and the share of rows where it is missing or was not known."""
    prepared = evidence.prepared
    missing: dict[str, pd.Series] = {
        p: prepared.columns.iloc[evidence.rows[p]].isna().mean() for p in PARTS
    }
    parts = {
        p: (prepared.columns.iloc[evidence.rows[p]], row_weights(evidence.weight(p), len(r)))
        for p, r in evidence.rows.items()
    }
    found = []
    for column in prepared.encoder.columns:
        held = {p: _held(frame[column.name], column.kind, w) for p, (frame, w) in parts.items()}
        noted = prepared.noted.get(column.name, Noted())
        label = prepared.table.labels.get(column.name, "")
        found.append(
            {
                "column": column.name,
                "label": label,
                "kind": column.kind + (", embedded" if column.embedded else ""),
                "levels": len(column.levels) or None,
                "holds": held,
                "missing": {p: float(missing[p][column.name]) for p in PARTS},
                "unreadable": noted.unreadable,
                "unseen": noted.unseen,
            }
        )
    return found


def _held(column: pd.Series, kind: str, weights: np.ndarray) -> dict[str, Any]:
    """Mean and spread of a number, share of true values, or the level most rows have."""
    if kind in ("number", "boolean"):
        values = (numbers if kind == "number" else truths)(column)[0]
        known = np.isfinite(values) & (weights > 0)
        if not known.any():
            return {}
        x, w = values[known], weights[known]
        return {"mean": float(np.average(x, weights=w)), "sd": spread(x, w)}
    words = dates(column)[0] if kind == "date" else text(column)
    known = words.notna().to_numpy(bool) & (weights > 0)
    if not known.any():
        return {}
    if kind == "date":
        return {"first": str(words[known].min()), "last": str(words[known].max())}
    top = frequent_levels(words[known], weights[known])[0]
    share = np.average(words[known] == top, weights=weights[known])
    return {"level": str(top), "share": float(share)}


# -- the network ----------------------------------------------------------------------------------


def design(evidence: Evidence) -> dict[str, Any]:
    """Architecture, loss and rule as they ran, and what else was tried."""
    fitted, prepared = evidence.fitted, evidence.prepared
    model, described = fitted.model, fitted.model.describe()
    return {
        "recipe": prepared.options.recipe,
        **ran.network(described),
        "inputs": {"numbers": len(prepared.encoder.names()), "embedded": prepared.encoder.embedded},
        "cost_unit": evidence.head.unit,
        "asked": dict(fitted.trained.asked),
        "parameters": int(sum(model.parameter_counts().values())),
        "summary": summary(model),
        "options": plain(prepared.options.to_json()),
        "compiled": plain(described["compile"]),
        "trials": None if fitted.search is None else _tried(fitted.search),
    }


def _tried(search: dict[str, Any]) -> dict[str, Any]:
    """The table of trials: settings, the figure they were judged by, how they ended."""
    settings = dict.fromkeys(name for trial in search["trials"] for name in trial["settings"])
    ends = ["epochs", "best_epoch", "seconds", "status"]
    rows = [
        [t["number"], *(t["settings"].get(name) for name in settings), t["figure"]]
        + [t[name] for name in ends]
        for t in search["trials"]
    ]
    return {"columns": ["trial", *settings, search["figure"], *ends], "rows": plain(rows)}


def learning(evidence: Evidence) -> dict[str, Any]:
    """Cost an epoch, training and validation."""
    trained = evidence.fitted.trained
    curves = {name: plain(np.asarray(v)) for name, v in trained.history.history.items()}
    if "loss" not in curves:
        return {"left_out": "the file does not hold the costs of the epochs"}
    return {
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "stopped": evidence.fitted.stopped,
        "unit": evidence.head.unit
        + (" + penalty" if ran.network(evidence.fitted.model.describe())["l2"] else ""),
        "curves": curves,
    }


# -- to do it again -------------------------------------------------------------------------------


def again(evidence: Evidence, command: str | None, test: Table | None) -> dict[str, Any]:
    """The command, and the same in Python."""
    options = evidence.prepared.options
    usual = FitOptions()
    given = {
        f.name: getattr(options, f.name)
        for f in dataclasses.fields(options)
        if getattr(options, f.name) != getattr(usual, f.name)
    }
    if options.formula is None:
        given["target"] = _names(evidence.prepared.target.names)
    asked = ", ".join(f"{name}={_literal(value)}" for name, value in given.items())
    own = ""
    if evidence.own_test:
        own = f", test=load({test.source!r})" if test is not None else ", test=load(...)"
    lines = [
        "from descend.data.sources import load",
        "from descend.tables.options import FitOptions",
        "from descend.tables.recipe import fit_table",
        "",
        f"options = FitOptions({asked})",
        f"fitted = fit_table(load({evidence.prepared.table.source!r}), options{own})",
    ]
    return {
        "command": command or saved(evidence).get("command"),
        "python": "\n".join(lines),
        "fitted_with": saved(evidence)["versions"],
        "reported_with": versions(),
    }


def _names(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names[0] if len(names) == 1 else names


def _literal(value: Any) -> str:
    return repr(dict(value)) if isinstance(value, Mapping) else repr(value)
