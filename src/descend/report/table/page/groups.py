"""Figures by group as HTML."""

from __future__ import annotations

from descend.report.page import paragraph, table
from descend.report.table.document.insight import Groups, Rate
from descend.report.table.document.shared import LeftOut
from descend.report.table.words import digits, percent


def groups(d: Groups | LeftOut) -> str:
    """The section "Groups"."""
    if "left_out" in d:
        return paragraph(f"Not shown: {d['left_out']}.")
    at = f" Rows are called positive from {digits(d['threshold'])} on." if d["threshold"] else ""
    parts = [paragraph(f"Test rows by {d['column']}.{at}")]
    for target in d["targets"]:
        names = list(target["parts"][0]["figures"])
        rows = [
            [part["group"] or "all rows", f"{part['rows']:,}"]
            + [_rate(part["figures"][n]) for n in names]
            for part in target["parts"]
        ]
        head = ["group", "rows", *(n.replace("_", " ") for n in names)]
        parts.append(table(f"{target['target']} by {d['column']}", head, rows))
    return "".join(parts)


def _rate(figure: Rate | float | None) -> str:
    if isinstance(figure, dict):
        if figure["share"] is None:
            return "-"
        ends = f"{percent(figure['low'])} to {percent(figure['high'])}"
        return f"{percent(figure['share'])} ({ends})"
    return digits(figure)
