"""The network and its training: architecture, loss and rule as they ran, and the costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.report.table import description
from descend.report.table.document.fit import Design, Learning, Trials
from descend.report.table.document.shared import LeftOut
from descend.report.table.evidence import Evidence
from descend.tables.judging.plain import plain
from descend.train.model.summary import summary


def design(evidence: Evidence) -> Design:
    """Architecture, loss and rule as they ran, and what else was tried."""
    fitted, prepared = evidence.fitted, evidence.prepared
    model, described = fitted.model, fitted.model.describe()
    return {
        "recipe": prepared.options.recipe,
        **description.network(described),
        "inputs": {
            "numbers": len(prepared.encoder.names()),
            "embedded": prepared.encoder.embedded,
            "words": max(prepared.encoder.vocabulary - 1, 0),
        },
        "cost_unit": evidence.head.unit,
        "asked": dict(fitted.trained.asked),
        "parameters": int(sum(model.parameter_counts().values())),
        "summary": summary(model),
        "options": plain(prepared.options.to_json()),
        "compiled": plain(described["compile"]),
        "trials": None if fitted.search is None else _trials(fitted.search),
    }


def _trials(search: dict[str, Any]) -> Trials:
    """The table of trials: settings, the figure they were judged by, how they ended."""
    settings = dict.fromkeys(name for trial in search["trials"] for name in trial["settings"])
    ends = ["epochs", "best_epoch", "seconds", "status"]
    rows = [
        [t["number"], *(t["settings"].get(name) for name in settings), t["figure"]]
        + [t[name] for name in ends]
        for t in search["trials"]
    ]
    return {"columns": ["trial", *settings, search["figure"], *ends], "rows": plain(rows)}


def learning(evidence: Evidence) -> Learning | LeftOut:
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
        + (" + penalty" if description.network(evidence.fitted.model.describe())["l2"] else ""),
        "curves": curves,
    }
