"""Sections of the report on a table: explanation, stability, groups, as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.page import listing, paragraph, picture, subheading, table
from descend.report.table import pictures
from descend.report.table.words import MOST_ROWS, cell, interval, more, percent, said

MOST_EFFECTS = 60


def explanation(d: Mapping[str, Any]) -> str:
    """The section."""
    head = ["column", "importance", "standard deviation over permutations"]
    rows = [
        [one["name"], interval({**one, "estimate": one["importance"]}), said(one["spread"])]
        for one in d["importance"][:MOST_ROWS]
    ]
    first = ", ".join(one["name"] for one in d["importance"][:3])
    parts = [
        paragraph(
            f"Importance: how much worse the {d['measure']} ({said(d['value'])}) gets on "
            f"{d['rows']:,} test rows when a column is shuffled, mean of {d['repeats']} shuffles."
            + _left_out(d["not_permuted"], len(d["importance"]), "shuffled")
        ),
        picture(
            pictures.importance_bars(d),
            f"Bars of permutation importance with intervals. Most important: {first}.",
            "Permutation importance; lines are bootstrap intervals over test rows of this one "
            "network.",
        ),
        table("Permutation importance", head, rows),
        more(len(d["importance"]), MOST_ROWS, "columns"),
        *(_effects(one) for one in d["effects"]),
        _ablation(d["ablation"]) if d["ablation"] else "",
    ]
    if d["dependence"]:
        names = ", ".join(dict.fromkeys(one["column"] for one in d["dependence"]))
        parts.append(subheading("Partial dependence"))
        parts.append(
            picture(
                pictures.dependence_curves(d["dependence"]),
                f"Mean prediction over values of {names}, a panel each; the ends are in the table.",
                "Mean prediction when the column is set to a value in every row; shaded or "
                "barred: 95% of draws of the rows, for this one network. Rows that do not exist "
                "may be among them.",
            )
        )
        rows = [
            [o["column"], o["of"], cell(o["values"][i]), said(o["mean"][i])]
            for o in d["dependence"]
            for i in o["ends"]
        ]
        head = ["column", "prediction", "at", "mean prediction"]
        caption = "Ends of the curves; of levels without an order, the two that differ most"
        parts.append(table(caption, head, rows, words=2))
    return "".join(parts)


def _left_out(count: int, done: int, what: str) -> str:
    if not count:
        return ""
    return (
        f" There are many columns: the {done:,} that go with the target most were {what}, "
        f"{count:,} were left out."
    )


def _effects(d: Mapping[str, Any]) -> str:
    title = subheading(f"Average marginal effects on {d['of']}")
    if "effects" not in d:
        return title + paragraph(f"Not shown: {d['left_out']}.")
    shown = d["effects"][:MOST_EFFECTS]
    percents = f"{d['confidence']:.0%}"
    head = ["effect of", "change", "effect", f"spread over {d['drawn']}", f"{percents} of draws"]
    names = ("spread", "spread_low", "spread_high")
    if d["refits"]:
        head[3:] = ["estimation error", f"{percents} interval"]
        names = ("error", "low", "high")
    head.append("rows")
    rows = [
        [
            e["name"],
            _change(e, d["of"]),
            said(e["estimate"]),
            said(e[names[0]]),
            f"{said(e[names[1]])} to {said(e[names[2]])}",
            said(e["rows"]),
        ]
        for e in shown
    ]
    curved = [[e["name"], *_views(e)] for e in shown if e["curved"]]
    left = [f"{name}: {why}" for name, why in d["left_out"].items()]
    views = ["column", "mean change of a step", "the step", "slope", "rows of the step"]
    return (
        title
        + paragraph(_how(d))
        + (table(f"Effects on {d['of']}", head, rows, words=2) if rows else "")
        + more(len(d["effects"]), MOST_EFFECTS, "effects")
        + (
            paragraph(
                "Where the prediction bends, a step and the slope tell different things, both here "
                "as a change for a unit of the column; look at the curves:"
            )
            + table("Steps and slopes that differ", views, curved)
            if curved
            else ""
        )
        + (paragraph("Without an effect:") + listing(left) if left else "")
    )


def _how(d: Mapping[str, Any]) -> str:
    told = (
        "By how much the prediction changes, on average over test rows: with one more of a whole "
        "number or the next level of an order (over the rows where that is within what training "
        "saw), along the slope of other numbers (the mean derivative), or from the base level to "
        "another. "
    )
    if d["refits"]:
        units = "rows" if d["clusters"] is None else "groups"
        return told + (
            f"Estimation error: over {d['refits']} networks, each trained anew from another seed "
            f"on {units} drawn with replacement from those of training, and over draws of the test "
            f"{units}. Interval: effect -+ t({d['refits'] - 1}) errors."
        )
    return told + (
        f"The spread is over draws of the test {d['drawn']} of this one network. It is no standard "
        "error: it says nothing of how the effect would differ with another sample or seed, which "
        "may be many times as much. `descend report --refits 20` trains networks anew for that."
    )


def _change(e: Mapping[str, Any], of: str) -> str:
    return {
        "unit": "1 more",
        "slope": f"slope: {of} a unit of {e['column']}",
        "level up": "one level up",
        "level": f"{e['level']} against {e['base']}",
    }[e["kind"]]


def _views(e: Mapping[str, Any]) -> list[str]:
    if e["kind"] == "unit":
        return [said(e["estimate"]), "1", said(e["other"]), said(e["rows"])]
    return [said(e["other"]), "1 sd", said(e["estimate"]), "-"]


def _ablation(d: Mapping[str, Any]) -> str:
    figure = d["figure"].replace("_", " ")
    rows = [
        [
            c["column"],
            said(c["figure"]),
            said(c["change"]),
            "-" if c["low"] is None else f"{said(c['low'])} to {said(c['high'])}",
        ]
        for c in d["columns"][:MOST_ROWS]
    ]
    head = ["column left out", figure, "change", f"{d['level']:.0%} interval"]
    return (
        subheading("Trained again without a column")
        + paragraph(
            f"Mean {figure} of {len(d['seeds'])} networks on the validation rows; smaller is "
            "better. Above 0 the network misses the column. The intervals hold over seeds, for "
            "these rows."
        )
        + table("Feature ablation", head, rows)
        + more(len(d["columns"]), MOST_ROWS, "columns")
    )


def stability(d: Mapping[str, Any]) -> str:
    """The section."""
    every = [*d["scores"], *d["columns"]]
    rows = [[s["name"], s["band"], said(s["index"]), said(s["noise"])] for s in every[:MOST_ROWS]]
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
            f"{worst['name']}, {said(worst['index'])}, {worst['band']}.",
            "Population stability index; dashed lines mark the usual bands.",
        )
        + table("Stability", ["column or prediction", "band", "index", "95% by chance"], rows, 2)
        + more(len(every), MOST_ROWS, "columns")
    )


def groups(d: Mapping[str, Any]) -> str:
    """The section."""
    if "left_out" in d:
        return paragraph(f"Not shown: {d['left_out']}.")
    at = f" Rows are called positive from {said(d['threshold'])} on." if d["threshold"] else ""
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


def _rate(figure: Any) -> str:
    if isinstance(figure, Mapping):
        if figure["share"] is None:
            return "-"
        ends = f"{percent(figure['low'])} to {percent(figure['high'])}"
        return f"{percent(figure['share'])} ({ends})"
    return said(figure)
