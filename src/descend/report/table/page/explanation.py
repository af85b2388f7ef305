"""Importance, marginal effects and partial dependence as HTML."""

from __future__ import annotations

from descend.report.page import listing, paragraph, picture, subheading, table
from descend.report.table.document.insight import (
    Ablation,
    Effect,
    Effects,
    Explanation,
    NoEffects,
    WordChanges,
)
from descend.report.table.page import pictures
from descend.report.table.page.parts import MOST_ROWS, more
from descend.report.table.words import cell, digits, interval

MOST_EFFECTS = 60


def explanation(d: Explanation) -> str:
    """The section "Explanation"."""
    head = ["column", "importance", "standard deviation over permutations"]
    rows = [
        [one["name"], interval(one, "importance"), digits(one["spread"])]
        for one in d["importance"][:MOST_ROWS]
    ]
    first = ", ".join(one["name"] for one in d["importance"][:3])
    parts = [
        paragraph(
            f"Importance: how much worse the {d['measure']} ({digits(d['value'])}) gets on "
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
        *(_words(one) for one in d["words"]),
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
            [o["column"], o["of"], cell(o["values"][i]), digits(o["mean"][i])]
            for o in d["dependence"]
            for i in o["ends"]
        ]
        head = ["column", "prediction", "at", "mean prediction"]
        caption = "Ends of the curves; of levels without an order, the two that differ most"
        parts.append(table(caption, head, rows, words=2))
    return "".join(parts)


def _words(d: WordChanges) -> str:
    """Which words moved predictions: on average, and in a few texts."""
    parts = [
        subheading(f"Words of {d['column']} that moved the {d['of']}"),
        paragraph(
            f"The prediction less that without the word, on {d['rows']:,} test rows. What a word "
            "does depends on the others around it, and a change is no cause."
        ),
    ]
    if d["words"]:
        rows = [[w["word"], f"{w['rows']:,}", digits(w["change"])] for w in d["words"]]
        head = ["word", "rows", "mean change"]
        parts.append(table("Words that moved predictions most, up and down", head, rows))
    cells = [
        [
            digits(one["prediction"]),
            one["text"],
            ", ".join(f"{w['word']} {w['change']:+.3g}" for w in one["words"]),
        ]
        for one in d["examples"]
    ]
    if cells:
        head = ["prediction", "text", "words that moved it"]
        parts.append(table("Texts of the test rows, the highest and the lowest", head, cells))
    return "".join(parts)


def _left_out(count: int, done: int, what: str) -> str:
    if not count:
        return ""
    return (
        f" There are many columns: the {done:,} that go with the target most were {what}, "
        f"{count:,} were left out."
    )


def _effects(d: Effects | NoEffects) -> str:
    title = subheading(f"Average marginal effects on {d['of']}")
    if "effects" not in d:
        return title + paragraph(f"Not shown: {d['left_out']}.")
    effects = d["effects"][:MOST_EFFECTS]
    percents = f"{d['confidence']:.0%}"
    head = ["effect of", "change", "effect", f"spread over {d['drawn']}", f"{percents} of draws"]
    if d["refits"]:
        head[3:] = ["estimation error", f"{percents} interval"]
    head.append("rows")
    rows = [
        [
            e["name"],
            _change(e, d["of"]),
            digits(e["estimate"]),
            *_spread(e, bool(d["refits"])),
            digits(e["rows"]),
        ]
        for e in effects
    ]
    curved = [[e["name"], *_views(e)] for e in effects if e["curved"]]
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


def _spread(e: Effect, refits: bool) -> list[str]:
    """The error of estimation where networks were trained anew, else the spread over draws."""
    if refits:
        return [digits(e["error"]), f"{digits(e['low'])} to {digits(e['high'])}"]
    return [digits(e["spread"]), f"{digits(e['spread_low'])} to {digits(e['spread_high'])}"]


def _how(d: Effects) -> str:
    how = (
        "By how much the prediction changes, on average over test rows: with one more of a whole "
        "number or the next level of an order (over the rows where that is within what training "
        "saw), along the slope of other numbers (the mean derivative), or from the base level to "
        "another. "
    )
    if d["refits"]:
        units = "rows" if d["clusters"] is None else "groups"
        return how + (
            f"Estimation error: over {d['refits']} networks, each trained anew from another seed "
            f"on {units} drawn with replacement from those of training, and over draws of the test "
            f"{units}. Interval: effect -+ t({d['refits'] - 1}) errors."
        )
    return how + (
        f"The spread is over draws of the test {d['drawn']} of this one network. It is no standard "
        "error: it says nothing of how the effect would differ with another sample or seed, which "
        "may be many times as much. `descend report --refits 20` trains networks anew for that."
    )


def _change(e: Effect, of: str) -> str:
    return {
        "unit": "1 more",
        "slope": f"slope: {of} a unit of {e['column']}",
        "level up": "one level up",
        "level": f"{e['level']} against {e['base']}",
    }[e["kind"]]


def _views(e: Effect) -> list[str]:
    if e["kind"] == "unit":
        return [digits(e["estimate"]), "1", digits(e["other"]), digits(e["rows"])]
    return [digits(e["other"]), "1 sd", digits(e["estimate"]), "-"]


def _ablation(d: Ablation) -> str:
    figure = d["figure"].replace("_", " ")
    rows = [
        [
            c["column"],
            digits(c["figure"]),
            digits(c["change"]),
            "-" if c["low"] is None else f"{digits(c['low'])} to {digits(c['high'])}",
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
