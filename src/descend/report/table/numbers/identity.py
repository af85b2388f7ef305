"""What was fitted, when, from what; and how to do it reproduce."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from descend.data.table import Table
from descend.report.table.document.fit import Identity, Reproduce
from descend.report.table.evidence import Evidence
from descend.tables.judging.plain import plain
from descend.tables.options import FitOptions

PACKAGES = ("descend", "jax", "jaxlib", "numpy", "pandas", "scikit-learn", "statsmodels")
SUPPORTS = (
    "This report supports documentation of the network: how it was made and how it did on rows "
    "put aside for a test. It does not decide whether a use of it is appropriate."
)


def identity(evidence: Evidence, command: str | None) -> Identity:
    """What was fitted, when, from what, and each opening of its test."""
    fitted = evidence.fitted
    description = saved(evidence)
    target = evidence.prepared.target
    return {
        "purpose": evidence.options.purpose,
        "supports": SUPPORTS,
        "target": target.name,
        "task": target.task,
        "task_reason": target.reason,
        "target_note": evidence.prepared.target_note,
        "classes": list(target.classes),
        "fitted": description["when"],
        "fitted_with": description["versions"],
        "reported_with": versions(),
        "seed": evidence.prepared.options.seed,
        "source": evidence.prepared.table.source,
        "data_sha256": evidence.prepared.table.digest,
        "test_sha256": fitted.seal.digest,
        "openings": [plain(dataclasses.asdict(o)) for o in fitted.seal.openings],
        "warning": fitted.seal.warning,
        "command": command or description.get("command"),
    }


def saved(evidence: Evidence) -> dict[str, Any]:
    """The description in the model file; of a network in memory, the one it would get."""
    return evidence.fitted.predictor.described or evidence.fitted.describe()


def versions() -> dict[str, str]:
    """The versions of what the report is made with."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}",
    }


def reproduce(evidence: Evidence, command: str | None, test: Table | None) -> Reproduce:
    """The command, and the same in Python."""
    options = evidence.prepared.options
    usual = FitOptions()
    changed = {
        f.name: getattr(options, f.name)
        for f in dataclasses.fields(options)
        if getattr(options, f.name) != getattr(usual, f.name)
    }
    if options.formula is None:
        changed["target"] = _names(evidence.prepared.target.names)
    arguments = ", ".join(f"{name}={_literal(value)}" for name, value in changed.items())
    own_test = ""
    if evidence.own_test:
        own_test = f", test=load({test.source!r})" if test is not None else ", test=load(...)"
    lines = [
        "from descend.data.sources import load",
        "from descend.tables.options import FitOptions",
        "from descend.tables.recipe import fit_table",
        "",
        f"options = FitOptions({arguments})",
        f"fitted = fit_table(load({evidence.prepared.table.source!r}), options{own_test})",
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
