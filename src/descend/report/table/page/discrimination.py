"""Discrimination and errors as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.page import paragraph, picture, table
from descend.report.table.document.figures import (
    ClassesErrors,
    Discrimination,
    EventErrors,
    ThresholdChoice,
    ValueErrors,
)
from descend.report.table.page import pictures
from descend.report.table.words import chance, digits, percent

DECIDED = (
    "accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "negative_precision",
    "f1",
    "balanced_accuracy",
    "matthews",
    "cost",
)
MOST_CLASSES = 12  # of a confusion matrix; of more classes there is only the table of each
Clouds = Mapping[str, tuple[Any, Any]]  # {target: (y, predicted)} of the test rows


def discrimination(d: Discrimination, clouds: Clouds) -> str:
    """The section "Discrimination and errors"."""
    if d["kind"] == "event":
        return _event(d)
    if d["kind"] == "classes":
        return _classes(d)
    if d["kind"] == "quantiles":
        rows = [[f"{one['level']:g}", digits(one["pinball"])] for one in d["each"]]
        return (
            paragraph("Quantiles have no confusion matrix and no residuals; their loss, by level:")
            + table("Pinball loss", ["level", "pinball loss"], rows)
            + "".join(
                _cloud(name, y, middle, "the middle quantile of ")
                for name, (y, middle) in clouds.items()
            )
        )
    return "".join(
        _values(one) + _cloud(one["target"], *clouds[one["target"]]) for one in d["targets"]
    )


def _event(d: EventErrors) -> str:
    one: Mapping[str, Any] = d["decisions"]
    counted = ", sums of weights" if d["weighted"] else ""
    rows = [
        [d["event"], digits(one["true_positive"]), digits(one["false_negative"])],
        [d["other"], digits(one["false_positive"]), digits(one["true_negative"])],
    ]
    head = ["actual", f"called {d['event']}", f"called {d['other']}"]
    parts = [
        paragraph(
            f"A row is called {d['event']} from a probability of {digits(d['threshold'])} on "
            f"({d['threshold_how']})."
        ),
        table(f"Confusion matrix at the threshold {digits(d['threshold'])}{counted}", head, rows),
    ]
    decided = [[n.replace("_", " "), digits(one[n])] for n in DECIDED if one[n] is not None]
    parts.append(table("At this threshold", ["figure", "value"], decided))
    if d["threshold_choice"]:
        parts.append(_choice(d["threshold_choice"]))
    if "left_out" in d:
        return "".join(parts) + paragraph(f"Not shown: {d['left_out']}.")
    r, g = d["ranking"], d["gains"]
    ranked = [
        ["AUC", digits(r["auc"])],
        ["Gini", digits(r["gini"])],
        ["KS", digits(r["ks"])],
        ["KS, at the probability", digits(r["ks_at"])],
        ["average precision", digits(r["average_precision"])],
        ["share of the event", percent(r["rate"])],
    ]
    parts.append(table("At all thresholds", ["figure", "value"], ranked))
    alt = (
        f"ROC and precision-recall curves. AUC {digits(r['auc'])}, average precision "
        f"{digits(r['average_precision'])}, KS {digits(r['ks'])}."
    )
    caption = f"Left: ROC curve. Right: precision and recall of {d['event']}."
    parts.append(picture(pictures.roc_and_precision(d), alt, caption))
    rows = [
        [
            str(i + 1),
            *(digits(g[name][i]) for name in ("rows", "positives")),
            chance(g["least"][i]),
            percent(g["rate"][i]),
            digits(g["lift"][i]),
            percent(g["found"][i]),
        ]
        for i in range(len(g["rows"]))
    ]
    head = ["tenth", "weight" if d["weighted"] else "rows", d["event"], "least probability"]
    head += ["rate", "lift", "found so far"]
    caption = f"Gains: rows by their probability, the highest first{counted}"
    parts.append(table(caption, head, rows))
    return "".join(parts)


def _choice(d: ThresholdChoice) -> str:
    rows = [
        ["chosen", digits(d["chosen"]), digits(d["at_chosen"])],
        ["best for calibrated probabilities", digits(d["calibrated"]), digits(d["at_calibrated"])],
        ["never call it", "-", digits(d["never"])],
        ["always call it", "-", digits(d["always"])],
    ]
    costs = ", ".join(f"{k.replace('_', ' ')} {digits(v)}" for k, v in d["costs"].items())
    caption = f"Mean cost a validation row, for the costs: {costs}"
    return table(caption, ["rule", "threshold", "mean cost"], rows)


def _classes(d: ClassesErrors) -> str:
    parts = [paragraph("A row is called the class of the highest probability.")]
    if len(d["classes"]) <= MOST_CLASSES:
        rows = [
            [name, *map(digits, counts)]
            for name, counts in zip(d["classes"], d["confusion"], strict=True)
        ]
        head = ["actual", *(f"called {name}" for name in d["classes"])]
        counted = ", sums of weights" if d["weighted"] else ""
        parts.append(table(f"Confusion matrix{counted}", head, rows))
    rows = [
        [
            c["class"],
            *(digits(c[name]) for name in ("rows", "predicted")),
            *(percent(c[name]) for name in ("recall", "precision")),
            digits(c["auc"]),
        ]
        for c in d["each"]
    ]
    head = ["class", "weight" if d["weighted"] else "rows", "called so", "recall", "precision"]
    head.append("AUC against the rest")
    parts.append(table("Each class", head, rows))
    parts.append(paragraph("ROC and precision-recall curves, KS and Gini are for two classes."))
    return "".join(parts)


def _values(d: ValueErrors) -> str:
    rows = [
        ["mean", digits(d["mean"])],
        ["standard deviation", digits(d["sd"])],
        *([f"quantile {q}", digits(v)] for q, v in d["quantiles"].items()),
        ["correlation of truth and prediction", digits(d["correlation"])],
    ]
    return table(
        f"{d['target']}: true less predicted, {d['rows']:,} rows", ["figure", "value"], rows
    )


def _cloud(target: str, y: Any, predicted: Any, what: str = "") -> str:
    alt = (
        f"A cloud of test rows, true {target} against {what or 'the '}prediction, around the line "
        "where they are equal; and a histogram of the difference."
    )
    caption = f"Left: each point a test row; on the line {what or 'the '}prediction is the truth. "
    return picture(
        pictures.cloud(y, predicted, target),
        alt,
        caption + "Right: distribution of the difference.",
    )
