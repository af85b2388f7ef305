"""What was fitted, and how to do it again, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from descend.report.page import (
    paragraph,
    preformatted,
    table,
)
from descend.report.table.document.fit import Identity, Opening, Reproduce
from descend.report.table.page.parts import pairs
from descend.report.table.words import digits, short_hash


def identity(d: Identity) -> str:
    """The section "What was fitted"."""
    note = f" ({d['target_note']})" if d["target_note"] else ""
    classes = f" of {len(d['classes'])} classes" if d["classes"] else ""
    tables = pairs(
        "Identity",
        [
            ("purpose", d["purpose"] or "not stated"),
            ("target", d["target"] + note),
            ("task", f"{d['task']}{classes}: {d['task_reason']}"),
            ("fitted", f"{d['fitted']}, descend {d['fitted_with'].get('descend', '?')}"),
            ("seed", d["seed"]),
            ("data", d["source"]),
            ("sha256 of the data", d["data_sha256"]),
            ("sha256 of the test rows", d["test_sha256"]),
        ],
    )
    return tables + openings(d["openings"], d["warning"])


def openings(found: Sequence[Opening], warning: str | None) -> str:
    """Each opening of a test, and what is to be said of a second one."""
    rows = [
        [o["when"], f"{o['rows']:,}", short_hash(o["digest"]), o["source"], _figures(o["figures"])]
        for o in found
    ]
    head = ["when (UTC)", "rows", "sha256", "source", "figures"]
    shown = table("Openings of the test", head, rows, words=5)
    return shown + (paragraph(warning, "status warn") if warning else "")


def _figures(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {digits(value)}" for name, value in figures.items())


def reproduce(d: Reproduce) -> str:
    """The section "To do it again"."""
    rows = [
        [name, d["fitted_with"].get(name, "-"), version]
        for name, version in d["reported_with"].items()
    ]
    return (
        (preformatted(d["command"], "command") if d["command"] else "")
        + preformatted(d["python"], "the same in Python")
        + table("Versions", ["of", "fitted with", "reported with"], rows, words=3)
    )
