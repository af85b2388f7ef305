"""Calibration as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.page import paragraph, picture, subheading, table
from descend.report.table.document.figures import Calibration, ProbabilityCalibration, TargetMeans
from descend.report.table.page import pictures
from descend.report.table.words import chance, digits, interval


def calibration(d: Calibration) -> str:
    """The section "Calibration"."""
    if d["kind"] == "quantiles":
        rows = [[f"{one['level']:g}", interval(one, "share")] for one in d["each"]]
        head = ["level", "share of test rows at or below"]
        return paragraph("A calibrated quantile has its level's share of rows below it.") + table(
            "Quantiles", head, rows
        )
    if d["kind"] == "means":
        return "".join(_means(one) for one in d["targets"])
    return _probabilities(d)


def _probabilities(d: ProbabilityCalibration) -> str:
    r, b, t, line = d["reliability"], d["brier"], d["temperature"], d["line"]
    rows = [
        [
            f"{chance(r['lower'][i])} to {chance(r['upper'][i])}",
            digits(r["count"][i]),
            chance(r["predicted"][i]),
            chance(r["observed"][i]),
            f"{chance(r['low'][i])} to {chance(r['high'][i])}",
        ]
        for i in range(len(r["count"]))
    ]
    head = ["probability", "rows", "mean predicted", "observed share", "95%"]
    figures = [
        ["expected calibration error", digits(r["expected_error"])],
        ["largest error of a bin", digits(r["largest_error"])],
        ["Brier score", digits(b["score"])],
        ["its reliability (0 is best)", digits(b["reliability"])],
        ["its resolution (more is better)", digits(b["resolution"])],
        ["its uncertainty (of the target)", digits(b["uncertainty"])],
        ["Brier skill", digits(b["skill"])],
        ["mean probability", chance(line["predicted"])],
        ["share of the event", chance(line["observed"])],
        ["calibration intercept (0 is best)", _with_error(line, "intercept")],
        ["calibration slope (1 is best)", _with_error(line, "slope")],
        ["log-loss", digits(d["log_loss"])],
        ["log-loss without the temperature", digits(d["without_temperature"])],
    ]
    tempered = "No temperature was learned: too few validation rows were predicted wrongly."
    if t is not None:
        tempered = (
            f"Probabilities are at the temperature {digits(t['temperature'])}, learned on "
            f"{t['rows']:,} validation rows; above 1 the network was too sure."
        )
    alt = (
        f"Reliability curve of: {d['event']}. Expected calibration error "
        f"{digits(r['expected_error'])}; the bins are in the table."
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
    return f"{digits(d[name])} ({digits(d[f'{name}_error'])})"


def _means(d: TargetMeans) -> str:
    rows = [
        [
            str(i + 1),
            digits(b["rows"]),
            digits(b["predicted"]),
            digits(b["observed"]),
            digits(b["error"]),
        ]
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
