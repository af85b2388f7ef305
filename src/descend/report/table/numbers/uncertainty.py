"""The network's own intervals or sets, and how often they held on the test rows."""

from __future__ import annotations

import numpy as np

from descend.report.table.document.figures import (
    ClassCoverage,
    MemberSpread,
    Refits,
    TargetIntervals,
    Uncertainty,
)
from descend.report.table.evidence import Evidence, View
from descend.tables.calibrated import COVERAGE, LEAST, Calibrated
from descend.tables.judging.conformal import calibrate_intervals, rows_needed
from descend.tables.judging.coverage import by_true_class, interval_coverage, set_coverage
from descend.tables.judging.plain import plain


def uncertainty(evidence: Evidence) -> Uncertainty:
    """The network's own intervals or sets, made on the validation rows, and their test coverage."""
    calibrated, w = evidence.fitted.predictor.calibrated, evidence.weight("test")
    spread: MemberSpread = {
        "calibrated_on": len(evidence.rows["validation"]),
        "members": evidence.members.shape[1],
        "spread": _member_spread(evidence),
        "refits": _refits(evidence),
    }
    if len(evidence.rows["validation"]) < LEAST:
        return {**spread, "left_out": f"there are fewer than {LEAST} validation rows"}
    if calibrated is None:
        targets = [_intervals(evidence, view) for view in evidence.views]
        return {**spread, "kind": "intervals", "targets": targets}
    if calibrated.sets is not None:
        sets = calibrated.sets.sets(evidence.predicted["test"])
        coverage = set_coverage(evidence.y("test"), sets, groups=evidence.groups, weights=w)
        return {
            **spread,
            "kind": "sets",
            "method": calibrated.sets.method,
            "stated": calibrated.coverage,
            "parts": plain(coverage.parts),
            "by_class": _by_class(evidence, calibrated),
        }
    assert calibrated.intervals is not None
    lower, upper = calibrated.bounds(evidence.head, evidence.members)
    intervals = interval_coverage(
        evidence.y("test"), lower, upper, groups=evidence.groups, weights=w
    )
    target: TargetIntervals = {
        "target": evidence.views[0].label,
        "method": calibrated.intervals.method,
        "stated": calibrated.coverage,
        "margin": plain(calibrated.intervals.margins[0].quantile),
        "parts": plain(intervals.parts),
    }
    return {**spread, "kind": "intervals", "targets": [target]}


def _member_spread(evidence: Evidence) -> float | None:
    """The mean standard deviation over members; of a single member none."""
    if evidence.members.shape[1] == 1:
        return None
    deviation = evidence.members.std(axis=1, ddof=1).reshape(len(evidence.members), -1)
    return float(np.average(deviation.mean(axis=1), weights=evidence.weight("test")))


def _by_class(evidence: Evidence, calibrated: Calibrated) -> ClassCoverage:
    """Coverage among the test rows of each true class, of both kinds of sets."""
    assert calibrated.sets is not None
    y, p, w = evidence.y("test"), evidence.predicted["test"], evidence.weight("test")

    def coverage(sets: np.ndarray) -> list:
        return plain(by_true_class(y, sets, evidence.classes, weights=w).parts)

    of_sets: ClassCoverage = {"sets": coverage(calibrated.sets.sets(p))}
    if calibrated.class_sets is not None:
        of_sets["class_sets"] = coverage(calibrated.class_sets.sets(p))
        of_sets["margins"] = [
            {
                "class": label,
                "rows": margin.rows,
                "promised": margin.promised,
                "in_every_set": not np.isfinite(margin.quantile),
            }
            for label, margin in zip(
                evidence.classes, calibrated.class_sets.margins[1:], strict=True
            )
        ]
        of_sets["needed"] = rows_needed(calibrated.coverage)
    return of_sets


def _refits(evidence: Evidence) -> Refits | None:
    """The main figure of each network that was trained anew, on the same test rows."""
    if evidence.refits is None:
        return None
    name, measure = evidence.main
    predictions = evidence.refits.predict_encoded(evidence.prepared.x.rows(evidence.rows["test"]))
    values = [measure(evidence.y("test"), p, evidence.weight("test")) for p in predictions]
    return {
        "count": len(values),
        "figure": name,
        "values": values,
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)),
        "least": min(values),
        "most": max(values),
    }


def _intervals(evidence: Evidence, view: View) -> TargetIntervals:
    """The intervals of one of several targets, for which the network has none of its own."""
    margins = calibrate_intervals(
        view.y["validation"],
        view.predicted["validation"],
        coverage=COVERAGE,
        weights=evidence.weight("validation"),
    )
    lower, upper = margins.intervals(view.predicted["test"])
    coverage = interval_coverage(
        view.y["test"], lower, upper, groups=evidence.groups, weights=evidence.weight("test")
    )
    return {
        "target": view.label,
        "method": margins.method,
        "stated": COVERAGE,
        "margin": plain(margins.margins[0].quantile),
        "parts": plain(coverage.parts),
    }
