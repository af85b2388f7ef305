"""Stability as HTML."""

from __future__ import annotations

from descend.report.page import paragraph, picture, table
from descend.report.table.document.insight import Stability
from descend.report.table.page import pictures
from descend.report.table.page.parts import MOST_ROWS, more
from descend.report.table.words import digits


def stability(d: Stability) -> str:
    """The section "Stability"."""
    every = [*d["scores"], *d["columns"]]
    rows = [
        [s["name"], s["band"], digits(s["index"]), digits(s["noise"])] for s in every[:MOST_ROWS]
    ]
    worst = max(every, key=lambda s: s["index"])
    return (
        paragraph(
            "The population stability index compares the test rows with the training rows: below "
            "0.1 stable, from 0.25 on a large shift. An index within the 95% quantile of chance is "
            "no sign of a shift."
        )
        + picture(
            pictures.shift_bars(d),
            f"Bars of the stability index of columns and predictions. The largest is "
            f"{worst['name']}, {digits(worst['index'])}, {worst['band']}.",
            "Population stability index; dashed lines mark the usual bands.",
        )
        + table("Stability", ["column or prediction", "band", "index", "95% by chance"], rows, 2)
        + more(len(every), MOST_ROWS, "columns")
    )
