"""Of a report on a table: what was fitted, on which data, how it was designed and trained."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from descend.data.sources import Table
from descend.report.table.evidence import PARTS, Evidence
from descend.tables.checks.of_data import check_prepared
from descend.tables.checks.verdicts import Check
from descend.tables.encoder import Noted
from descend.tables.judging.plain import plain
from descend.tables.network import RATES, batch_size
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
        counts = {
            p: np.bincount(evidence.y(p), minlength=len(evidence.classes)).tolist() for p in PARTS
        }
        for i, name in enumerate(evidence.classes):
            rows = {p: counts[p][i] for p in PARTS}
            shares = {p: counts[p][i] / sum(counts[p]) for p in PARTS}
            found.append({"class": name, "rows": rows, "share": shares})
        return found
    for view in evidence.views:
        for part in PARTS:
            y = view.y[part]
            low, first, middle, third, high = np.quantile(y, [0, 0.25, 0.5, 0.75, 1]).tolist()
            found.append(
                {
                    "target": view.label,
                    "part": part,
                    "rows": len(y),
                    "mean": float(y.mean()),
                    "sd": float(y.std(ddof=1)) if len(y) > 1 else None,
                    "min": low,
                    "first_quartile": first,
                    "median": middle,
                    "third_quartile": third,
                    "max": high,
                    "zero": float((y == 0).mean()),
                }
            )
    return found


def _inputs(evidence: Evidence) -> list[dict[str, Any]]:
    """A row a column: its kind, and the share of rows where it is missing or was not known."""
    prepared = evidence.prepared
    missing: dict[str, pd.Series] = {
        p: prepared.columns.iloc[evidence.rows[p]].isna().mean() for p in PARTS
    }
    found = []
    for column in prepared.encoder.columns:
        noted = prepared.noted.get(column.name, Noted())
        label = prepared.table.labels.get(column.name, "")
        found.append(
            {
                "column": column.name,
                "label": label,
                "kind": column.kind + (", embedded" if column.embedded else ""),
                "levels": len(column.levels) or None,
                "missing": {p: float(missing[p][column.name]) for p in PARTS},
                "unreadable": noted.unreadable,
                "unseen": noted.unseen,
            }
        )
    return found


# -- the network ----------------------------------------------------------------------------------


def design(evidence: Evidence) -> dict[str, Any]:
    """Architecture, loss, rule, and what else was tried."""
    fitted, options = evidence.fitted, evidence.prepared.options
    model, head, prepared = fitted.model, evidence.head, evidence.prepared
    classifies = prepared.target.classifies
    rate: Any = options.learning_rate
    if rate is None:
        ours = options.recipe == "realmlp" and options.optimizer is None
        rate = RATES[classifies] if ours else "the rule's own"
    return {
        "recipe": options.recipe,
        "hidden": list(options.chosen("hidden")),
        "members": options.chosen("members"),
        "inputs": {"numbers": len(prepared.encoder.names()), "embedded": prepared.encoder.embedded},
        "outputs": head.outputs,
        "output_activation": head.activation,
        "loss": type(head.loss).__name__,
        "cost_unit": head.unit,
        "optimizer": options.chosen("optimizer"),
        "learning_rate": rate,
        "batch_size": batch_size(len(evidence.rows["train"]), options),
        "most_epochs": options.chosen("epochs"),
        "patience": options.patience,
        "dropout": options.dropout,
        "l2": options.l2,
        "parameters": int(sum(model.parameter_counts().values())),
        "summary": summary(model),
        "options": plain(options.to_json()),
        "compiled": plain(model.describe()["compile"]),
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
        "unit": evidence.head.unit + (" + penalty" if evidence.prepared.options.l2 else ""),
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
