"""Sections of the report on a table: errors, calibration, uncertainty, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descend.report.page import listing, paragraph, picture, subheading, table
from descend.report.table import pictures
from descend.report.table.words import chance, interval, percent, said

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
MOST_CLASSES = 12  # of a confusion matrix; of more classes only the table of each is shown


# -- discrimination -------------------------------------------------------------------------------


def discrimination(d: Mapping[str, Any], clouds: Mapping[str, Any]) -> str:
    """The section; `clouds` as in `descend.report.table.page.render`."""
    if d["kind"] == "event":
        return _event(d)
    if d["kind"] == "classes":
        return _classes(d)
    if d["kind"] == "quantiles":
        rows = [[f"{one['level']:g}", said(one["pinball"])] for one in d["each"]]
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


def _event(d: Mapping[str, Any]) -> str:
    one = d["decisions"]
    counted = ", sums of weights" if d["weighted"] else ""
    rows = [
        [d["event"], said(one["true_positive"]), said(one["false_negative"])],
        [d["other"], said(one["false_positive"]), said(one["true_negative"])],
    ]
    head = ["actual", f"called {d['event']}", f"called {d['other']}"]
    parts = [
        paragraph(
            f"A row is called {d['event']} from a probability of {said(d['threshold'])} on "
            f"({d['threshold_how']})."
        ),
        table(f"Confusion matrix at the threshold {said(d['threshold'])}{counted}", head, rows),
    ]
    decided = [[n.replace("_", " "), said(one[n])] for n in DECIDED if one[n] is not None]
    parts.append(table("At this threshold", ["figure", "value"], decided))
    if d["threshold_choice"]:
        parts.append(_choice(d["threshold_choice"]))
    if "left_out" in d:
        return "".join(parts) + paragraph(f"Not shown: {d['left_out']}.")
    r, g = d["ranking"], d["gains"]
    ranked = [
        ["AUC", said(r["auc"])],
        ["Gini", said(r["gini"])],
        ["KS", said(r["ks"])],
        ["KS, at the probability", said(r["ks_at"])],
        ["average precision", said(r["average_precision"])],
        ["share of the event", percent(r["rate"])],
    ]
    parts.append(table("At all thresholds", ["figure", "value"], ranked))
    alt = (
        f"ROC and precision-recall curves. AUC {said(r['auc'])}, average precision "
        f"{said(r['average_precision'])}, KS {said(r['ks'])}."
    )
    told = f"Left: ROC curve. Right: precision and recall of {d['event']}."
    parts.append(picture(pictures.roc_and_precision(d), alt, told))
    rows = [
        [
            str(i + 1),
            *(said(g[name][i]) for name in ("rows", "positives")),
            chance(g["least"][i]),
            percent(g["rate"][i]),
            said(g["lift"][i]),
            percent(g["found"][i]),
        ]
        for i in range(len(g["rows"]))
    ]
    head = ["tenth", "weight" if d["weighted"] else "rows", d["event"], "least probability"]
    head += ["rate", "lift", "found so far"]
    caption = f"Gains: rows by their probability, the highest first{counted}"
    parts.append(table(caption, head, rows))
    return "".join(parts)


def _choice(d: Mapping[str, Any]) -> str:
    rows = [
        ["chosen", said(d["chosen"]), said(d["at_chosen"])],
        ["best for calibrated probabilities", said(d["calibrated"]), said(d["at_calibrated"])],
        ["never call it", "-", said(d["never"])],
        ["always call it", "-", said(d["always"])],
    ]
    costs = ", ".join(f"{k.replace('_', ' ')} {said(v)}" for k, v in d["costs"].items())
    caption = f"Mean cost a validation row, for the costs: {costs}"
    return table(caption, ["rule", "threshold", "mean cost"], rows)


def _classes(d: Mapping[str, Any]) -> str:
    parts = [paragraph("A row is called the class of the highest probability.")]
    if len(d["classes"]) <= MOST_CLASSES:
        rows = [
            [name, *map(said, counts)]
            for name, counts in zip(d["classes"], d["confusion"], strict=True)
        ]
        head = ["actual", *(f"called {name}" for name in d["classes"])]
        counted = ", sums of weights" if d["weighted"] else ""
        parts.append(table(f"Confusion matrix{counted}", head, rows))
    rows = [
        [
            c["class"],
            *(said(c[name]) for name in ("rows", "predicted")),
            *(percent(c[name]) for name in ("recall", "precision")),
            said(c["auc"]),
        ]
        for c in d["each"]
    ]
    head = ["class", "weight" if d["weighted"] else "rows", "called so", "recall", "precision"]
    head.append("AUC against the rest")
    parts.append(table("Each class", head, rows))
    parts.append(paragraph("ROC and precision-recall curves, KS and Gini are for two classes."))
    return "".join(parts)


def _values(d: Mapping[str, Any]) -> str:
    rows = [
        ["mean", said(d["mean"])],
        ["standard deviation", said(d["sd"])],
        *([f"quantile {q}", said(v)] for q, v in d["quantiles"].items()),
        ["correlation of truth and prediction", said(d["correlation"])],
    ]
    return table(
        f"{d['target']}: true less predicted, {d['rows']:,} rows", ["figure", "value"], rows
    )


def _cloud(target: str, y: Any, predicted: Any, what: str = "") -> str:
    alt = (
        f"A cloud of test rows, true {target} against {what or 'the '}prediction, around the line "
        "where they are equal; and a histogram of the difference."
    )
    told = f"Left: each point a test row; on the line {what or 'the '}prediction is the truth. "
    return picture(
        pictures.cloud(y, predicted, target), alt, told + "Right: distribution of the difference."
    )


# -- calibration ----------------------------------------------------------------------------------


def calibration(d: Mapping[str, Any]) -> str:
    """The section."""
    if d["kind"] == "quantiles":
        rows = [
            [f"{one['level']:g}", interval({**one, "estimate": one["share"]})] for one in d["each"]
        ]
        head = ["level", "share of test rows at or below"]
        return paragraph("A calibrated quantile has its level's share of rows below it.") + table(
            "Quantiles", head, rows
        )
    if d["kind"] == "means":
        return "".join(_means(one) for one in d["targets"])
    r, b, t, line = d["reliability"], d["brier"], d["temperature"], d["line"]
    rows = [
        [
            f"{chance(r['lower'][i])} to {chance(r['upper'][i])}",
            said(r["count"][i]),
            chance(r["predicted"][i]),
            chance(r["observed"][i]),
            f"{chance(r['low'][i])} to {chance(r['high'][i])}",
        ]
        for i in range(len(r["count"]))
    ]
    head = ["probability", "rows", "mean predicted", "observed share", "95%"]
    figures = [
        ["expected calibration error", said(r["expected_error"])],
        ["largest error of a bin", said(r["largest_error"])],
        ["Brier score", said(b["score"])],
        ["its reliability (0 is best)", said(b["reliability"])],
        ["its resolution (more is better)", said(b["resolution"])],
        ["its uncertainty (of the target)", said(b["uncertainty"])],
        ["Brier skill", said(b["skill"])],
        ["mean probability", chance(line["predicted"])],
        ["share of the event", chance(line["observed"])],
        ["calibration intercept (0 is best)", _with_error(line, "intercept")],
        ["calibration slope (1 is best)", _with_error(line, "slope")],
        ["log-loss", said(d["log_loss"])],
        ["log-loss without the temperature", said(d["without_temperature"])],
    ]
    tempered = "No temperature was learned: too few validation rows were predicted wrongly."
    if t is not None:
        tempered = (
            f"Probabilities are at the temperature {said(t['temperature'])}, learned on "
            f"{t['rows']:,} validation rows; above 1 the network was too sure."
        )
    alt = (
        f"Reliability curve of: {d['event']}. Expected calibration error "
        f"{said(r['expected_error'])}; the bins are in the table."
    )
    return (
        paragraph(f"Event: {d['event']}. {tempered}")
        + picture(pictures.reliability_curve(d), alt, "Observed against predicted; rows a bin.")
        + table("Reliability", head, rows)
        + table("Figures of calibration", ["figure", "value"], figures)
        + paragraph(
            "Intercept: how much more common the event is than its probabilities say, in log-odds. "
            "Slope: below 1 the probabilities are too extreme, above 1 too cautious. In brackets: "
            "standard errors over the test rows, for this one network."
        )
    )


def _with_error(d: Mapping[str, Any], name: str) -> str:
    if d[name] is None:
        return "- (the test cannot tell)"
    return f"{said(d[name])} ({said(d[f'{name}_error'])})"


def _means(d: Mapping[str, Any]) -> str:
    rows = [
        [str(i + 1), said(b["rows"]), said(b["predicted"]), said(b["observed"]), said(b["error"])]
        for i, b in enumerate(d["bins"])
    ]
    head = ["part", "rows", "mean predicted", "mean true", "error of the mean true, over rows"]
    alt = f"Mean true {d['target']} against mean prediction in tenths; the bins are in the table."
    return (
        subheading(d["target"])
        + paragraph("Brier score and calibration error are for classes; here means are compared.")
        + picture(pictures.means_curve(d, d["target"]), alt, "Rows in tenths by their prediction.")
        + table("Means by tenths of the prediction", head, rows)
    )


# -- uncertainty ----------------------------------------------------------------------------------


def uncertainty(d: Mapping[str, Any]) -> str:
    """The section."""
    spread = "The network is a single member: there is no spread over members."
    if d["spread"] is not None:
        spread = (
            f"Mean standard deviation over the {d['members']} members of the network: "
            f"{said(d['spread'])}. Members share weights; it understates what is unknown."
        )
    if d["refits"]:
        r = d["refits"]
        spread += (
            f" {r['count']} networks trained anew on rows drawn anew have, on the same test rows, "
            f"a {r['figure']} of {said(r['mean'])} on average, {said(r['least'])} to "
            f"{said(r['most'])}, standard deviation {said(r['sd'])}."
        )
    if "left_out" in d:
        return paragraph(spread) + paragraph(f"No intervals: {d['left_out']}.")
    parts = [paragraph(spread)]
    for one in [d] if d["kind"] == "sets" else d["targets"]:
        parts.append(_covered(one, d["kind"], d["calibrated_on"]))
    return "".join(parts)


def _covered(d: Mapping[str, Any], kind: str, rows: int) -> str:
    stated = percent(d["stated"])
    if kind == "sets":
        told = f"Sets of classes ({d['method'].upper()}) that should hold the true one in {stated}"
        sizes: Sequence[str] = ("mean classes", "empty sets", "sets of one class")
    else:
        margin = "infinite" if d["margin"] is None else said(d["margin"])
        told = f"Intervals of {d['target']} ({d['method']} errors, margin {margin}) that should "
        told += f"hold the truth in {stated}"
        sizes = ("mean width",)
    told += f" of new rows, calibrated on the {rows:,} validation rows by split-conformal "
    told += "prediction. On the test rows:"
    cells = []
    for part in d["parts"]:
        covered = interval(
            {n: part[k] for n, k in (("estimate", "share"), ("low", "low"), ("high", "high"))}
        )
        row = [part["group"] or "all rows", said(part["rows"]), covered, said(part["size"])]
        if kind == "sets":
            row += [percent(part["empty"]), percent(part["single"])]
        cells.append(row)
    head = ["rows of", "rows", f"covered (stated: {stated})", *sizes]
    found = paragraph(told) + table("Coverage on the test rows", head, cells)
    return found + (_by_class(d["by_class"], stated) if kind == "sets" else "")


def _by_class(d: Mapping[str, Any], stated: str) -> str:
    """Coverage by true class, of the sets and of those made class by class."""
    kinds = [name for name in ("sets", "class_sets") if name in d]
    rows = []
    for i, part in enumerate(d["sets"][1:], 1):
        row = [part["group"], said(part["rows"])]
        for name in kinds:
            one = d[name][i]
            row += [interval({**one, "estimate": one["share"]}), said(one["size"])]
        rows.append(row)
    head = ["true class", "rows", "covered", "mean classes"]
    head += ["by class: covered", "by class: mean classes"] * (len(kinds) - 1)
    told = (
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
        paragraph(told)
        + table("Coverage by true class on the test rows", head, rows)
        + (paragraph("Classes with too few rows to calibrate:") + listing(few) if few else "")
    )
