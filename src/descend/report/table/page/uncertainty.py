"""Intervals or sets and their coverage as HTML."""

from __future__ import annotations

from descend.report.page import listing, paragraph, table
from descend.report.table.document.figures import (
    ClassCoverage,
    CoveredRows,
    Sets,
    TargetIntervals,
    Uncertainty,
)
from descend.report.table.words import digits, interval, percent


def uncertainty(d: Uncertainty) -> str:
    """The section "Uncertainty"."""
    spread = "The network is a single member: there is no spread over members."
    if d["spread"] is not None:
        spread = (
            f"Mean standard deviation over the {d['members']} members of the network: "
            f"{digits(d['spread'])}. Members share weights; it understates what is unknown."
        )
    if d["refits"]:
        r = d["refits"]
        spread += (
            f" {r['count']} networks trained anew on rows drawn anew have, on the same test rows, "
            f"a {r['figure']} of {digits(r['mean'])} on average, {digits(r['least'])} to "
            f"{digits(r['most'])}, standard deviation {digits(r['sd'])}."
        )
    if "left_out" in d:
        return paragraph(spread) + paragraph(f"No intervals: {d['left_out']}.")
    if d["kind"] == "sets":
        return paragraph(spread) + _sets(d)
    return paragraph(spread) + "".join(_intervals(one, d["calibrated_on"]) for one in d["targets"])


def _sets(d: Sets) -> str:
    stated = percent(d["stated"])
    text = f"Sets of classes ({d['method'].upper()}) that should hold the true one in {stated}"
    rows = [
        [*_coverage(part), percent(part["empty"]), percent(part["single"])] for part in d["parts"]
    ]
    sizes = ("mean classes", "empty sets", "sets of one class")
    return (
        paragraph(text + _how(d["calibrated_on"]))
        + table("Coverage on the test rows", _head(stated, *sizes), rows)
        + _by_class(d["by_class"], stated)
    )


def _intervals(d: TargetIntervals, calibrated_on: int) -> str:
    stated = percent(d["stated"])
    margin = "infinite" if d["margin"] is None else digits(d["margin"])
    text = f"Intervals of {d['target']} ({d['method']} errors, margin {margin}) that should "
    text += f"hold the truth in {stated}"
    rows = [_coverage(part) for part in d["parts"]]
    return paragraph(text + _how(calibrated_on)) + table(
        "Coverage on the test rows", _head(stated, "mean width"), rows
    )


def _how(rows: int) -> str:
    return (
        f" of new rows, calibrated on the {rows:,} validation rows by split-conformal prediction. "
        "On the test rows:"
    )


def _head(stated: str, *sizes: str) -> list[str]:
    return ["rows of", "rows", f"covered (stated: {stated})", *sizes]


def _coverage(part: CoveredRows) -> list[str]:
    share = interval(part, "share")
    return [part["group"] or "all rows", digits(part["rows"]), share, digits(part["size"])]


def _by_class(d: ClassCoverage, stated: str) -> str:
    """Coverage by true class, of the sets and of those made class by class."""
    class_sets = d.get("class_sets")
    rows = []
    for i, part in enumerate(d["sets"][1:], 1):
        row = [part["group"] or "", digits(part["rows"])]
        for one in [part] if class_sets is None else [part, class_sets[i]]:
            row += [interval(one, "share"), digits(one["size"])]
        rows.append(row)
    head = ["true class", "rows", "covered", "mean classes"]
    if class_sets is not None:
        head += ["by class: covered", "by class: mean classes"]
    text = (
        f"The {stated} hold on average over all rows; a rare class may be left out of nearly every "
        "set. Sets made class by class (descend predict --intervals-by class) state it among the "
        "rows of each true class, and are larger for that."
    )
    few = [
        f"{m['class']}: {m['rows']:,} validation rows, {d['needed']} of equal weight are needed. "
        f"The class is in every set; sets that may leave it out could promise {m['promised']:.0%} "
        "at most."
        for m in d.get("margins", ())
        if m["in_every_set"]
    ]
    return (
        paragraph(text)
        + table("Coverage by true class on the test rows", head, rows)
        + (paragraph("Classes with too few rows to calibrate:") + listing(few) if few else "")
    )
