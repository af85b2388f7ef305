"""Of a report on a table: how good the predictions for the test rows are, beside baselines."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.errors import DataError
from descend.report.table.evidence import Evidence, View
from descend.tables.calibrated import COVERAGE, LEAST, Calibrated
from descend.tables.judging import calibration as calibrated
from descend.tables.judging.bootstrap import bootstrap, compare
from descend.tables.judging.conformal import calibrate_intervals, rows_needed
from descend.tables.judging.costs import choose_threshold, decide
from descend.tables.judging.coverage import by_true_class, interval_coverage, set_coverage
from descend.tables.judging.discrimination import (
    discrimination,
    gains,
    precision_recall_points,
    roc_points,
)
from descend.tables.judging.plain import plain
from descend.tables.judging.recalibration import recalibration
from descend.tables.judging.weighted import (
    effective_rows,
    quantile,
    row_weights,
    share_interval,
    spread,
)
from descend.tables.scores import simplest

PARTS_OF_GAINS = 10
BINS = 10
# of the figure of the simplest prediction: a difference that float32 predictions cannot tell from 0
TELLING = 1e-6
QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)  # of residuals


# -- beside baselines -----------------------------------------------------------------------------


def baselines(evidence: Evidence) -> dict[str, Any]:
    """Each figure of network and baselines with its interval, and that of the difference."""
    drawn = "rows"
    if evidence.clusters is not None:
        drawn = f"whole groups of {evidence.prepared.options.group!r}"
    options, rows = evidence.options, len(evidence.rows["test"])
    return {
        "level": options.level,
        "resamples": options.draws(rows),
        "drawn": drawn,
        "weighted": evidence.prepared.weight is not None,
        "main": next(iter(evidence.measures)),
        "better": {name: m.better for name, m in evidence.measures.items()},
        "targets": [_beside(evidence, view) for view in evidence.views],
    }


def _beside(evidence: Evidence, view: View) -> dict[str, Any]:
    options, y, said = evidence.options, view.y["test"], view.predicted["test"]
    how: dict[str, Any] = {
        "weights": evidence.weight("test"),
        "clusters": evidence.clusters,
        "level": options.level,
        "resamples": options.draws(len(y)),
        "seed": options.seed,
    }
    network = {
        name: bootstrap(m, y, said, **how).to_json() for name, m in evidence.measures.items()
    }
    simple, _ = simplest(
        evidence.task,
        view.y["train"],
        len(y),
        evidence.classes,
        evidence.levels,
        evidence.weight("train"),
    )
    least = {
        name: TELLING * abs(m(y, simple, evidence.weight("test")))
        for name, m in evidence.measures.items()
    }
    others = []
    for baseline in view.baselines:
        found: dict[str, Any] = {}
        if baseline.test is not None:
            for name, measure in evidence.measures.items():
                pair = compare(measure, y, said, baseline.test, **how)
                same = max(abs(pair.difference.low), abs(pair.difference.high)) <= least[name]
                winner = {"first": "network", "second": "baseline", None: None}[pair.winner]
                found[name] = {
                    "value": pair.second.to_json(),
                    "difference": pair.difference.to_json(),
                    "network_better": pair.first_better,
                    "same": same,
                    "winner": None if same else winner,
                }
        others.append(
            {
                "name": baseline.name,
                "words": baseline.words,
                "seconds": baseline.seconds,
                "note": baseline.note,
                "failed": baseline.failed,
                "figures": plain(found),
            }
        )
    return {"target": view.label, "network": network, "others": others}


# -- discrimination -------------------------------------------------------------------------------


def discriminate(evidence: Evidence) -> dict[str, Any]:
    """How well predictions part classes, or how far they are from values."""
    weighted = {"weighted": evidence.weight("test") is not None}
    if evidence.binary:
        return {"kind": "event", **weighted, **_event(evidence)}
    if evidence.classes:
        return {"kind": "classes", **weighted, **_classes(evidence)}
    if evidence.levels:
        return {"kind": "quantiles", **_quantiles(evidence)}
    w = row_weights(evidence.weight("test"), len(evidence.rows["test"]))
    return {"kind": "values", "targets": [_values(view, w) for view in evidence.views]}


def threshold(evidence: Evidence) -> tuple[float, str, Any]:
    """The threshold of two classes, where it comes from, and what was found if it was chosen."""
    options = evidence.options
    if options.costs is not None:
        p = evidence.predicted["validation"][:, 1]
        found = choose_threshold(
            evidence.y("validation"), p, options.costs, weights=evidence.weight("validation")
        )
        return found.chosen, "of least cost on the validation rows", found.to_json()
    if options.threshold is not None:
        return options.threshold, "as asked for", None
    return 0.5, "one half, where nobody chose another", None


def _event(evidence: Evidence) -> dict[str, Any]:
    y, p = evidence.y("test"), evidence.predicted["test"][:, 1]
    w = evidence.weight("test")
    at, how, chosen = threshold(evidence)
    found: dict[str, Any] = {
        "event": evidence.classes[1],
        "other": evidence.classes[0],
        "threshold": at,
        "threshold_how": how,
        "threshold_choice": chosen,
        "decisions": decide(y, p, at, evidence.options.costs, weights=w).to_json(),
    }
    try:
        return {
            **found,
            "ranking": discrimination(y, p, weights=w).to_json(),
            "roc": roc_points(y, p, weights=w).to_json(),
            "precision_recall": precision_recall_points(y, p, weights=w).to_json(),
            "gains": gains(y, p, parts=min(PARTS_OF_GAINS, len(y)), weights=w).to_json(),
        }
    except DataError as error:  # a test of one class
        return {**found, "left_out": f"no ranking: {error}"}


def _classes(evidence: Evidence) -> dict[str, Any]:
    scores, y, p = evidence.fitted.scores, evidence.y("test"), evidence.predicted["test"]
    assert scores is not None
    confusion, w = np.asarray(scores.confusion), evidence.weight("test")
    each = []
    for i, name in enumerate(evidence.classes):
        rows, called, right = confusion[i].sum(), confusion[:, i].sum(), confusion[i, i]
        both = 0 < rows < confusion.sum()
        clipped = np.clip(p[:, i], 0, 1)
        each.append(
            {
                "class": name,
                "rows": rows,
                "predicted": called,
                "recall": right / rows if rows else None,
                "precision": right / called if called else None,
                "auc": discrimination(y == i, clipped, weights=w).auc if both else None,
            }
        )
    return {
        "classes": list(evidence.classes),
        "confusion": confusion.tolist(),
        "each": plain(each),
    }


def _values(view: View, w: np.ndarray) -> dict[str, Any]:
    off = view.y["test"] - view.predicted["test"]
    ends = quantile(off, QUANTILES, w).tolist()
    return {
        "target": view.label,
        "rows": len(off),
        "mean": float(np.average(off, weights=w)),
        "sd": spread(off, w),
        "quantiles": {f"{q:g}": end for q, end in zip(QUANTILES, ends, strict=True)},
        "correlation": _correlation(view.y["test"], view.predicted["test"], w),
    }


def _correlation(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> float | None:
    kept = w > 0
    if np.ptp(a[kept]) == 0 or np.ptp(b[kept]) == 0:
        return None
    covariance = np.cov(a, b, aweights=w)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _quantiles(evidence: Evidence) -> dict[str, Any]:
    from sklearn.metrics import mean_pinball_loss

    y, q, w = evidence.y("test"), evidence.predicted["test"], evidence.weight("test")
    each = [
        {
            "level": level,
            "pinball": float(mean_pinball_loss(y, q[:, i], alpha=level, sample_weight=w)),
        }
        for i, level in enumerate(evidence.levels)
    ]
    return {"rows": len(y), "each": each}


# -- calibration ----------------------------------------------------------------------------------


def calibrate(evidence: Evidence) -> dict[str, Any]:
    """Whether probabilities, means or quantiles are what comes true."""
    if evidence.classes:
        return {"kind": "probabilities", **_probabilities(evidence)}
    if evidence.levels:
        y, q = evidence.y("test"), evidence.predicted["test"]
        w = row_weights(evidence.weight("test"), len(y))
        names = ("share", "low", "high")
        each = [
            {"level": level, **dict(zip(names, share_interval(y <= q[:, i], w), strict=True))}
            for i, level in enumerate(evidence.levels)
        ]
        return {"kind": "quantiles", "each": each}
    w = row_weights(evidence.weight("test"), len(evidence.rows["test"]))
    return {"kind": "means", "targets": [_means(view, w) for view in evidence.views]}


def _probabilities(evidence: Evidence) -> dict[str, Any]:
    y, p = evidence.y("test"), evidence.predicted["test"]
    if evidence.binary:
        happened, chance, event = y == 1, np.clip(p[:, 1], 0, 1), evidence.classes[1]
    else:
        happened, chance = calibrated.top_class(y, p)
        event = "the most probable class is the right one"
    made = evidence.fitted.predictor.calibrated
    found = None if made is None else made.temperature
    measure, weight = evidence.measures["log-loss"], evidence.weight("test")
    return {
        "event": event,
        "reliability": calibrated.reliability(
            happened, chance, bins=BINS, weights=weight
        ).to_json(),
        "line": recalibration(
            happened, chance, weights=weight, clusters=evidence.clusters
        ).to_json(),
        "brier": calibrated.brier(happened, chance, bins=BINS, weights=weight).to_json(),
        "temperature": None if found is None else found.to_json(),
        "without_temperature": measure(y, evidence.members.mean(axis=1), weight),
        "log_loss": measure(y, p, weight),
    }


def _means(view: View, w: np.ndarray) -> dict[str, Any]:
    """Rows in tenths by their prediction: the mean prediction beside the mean truth.

    The error is that of the mean truth over so many rows, whatever was predicted.
    """
    y, said = view.y["test"], view.predicted["test"]
    edges = quantile(said, np.linspace(0, 1, BINS + 1)[1:-1], w)
    place = np.searchsorted(np.unique(edges), said)
    bins = []
    for i in np.unique(place[w > 0]):
        rows = (place == i) & (w > 0)
        own, n = w[rows], effective_rows(w[rows])
        bins.append(
            {
                "rows": int(rows.sum()),
                "predicted": float(np.average(said[rows], weights=own)),
                "observed": float(np.average(y[rows], weights=own)),
                "error": spread(y[rows], own) / np.sqrt(n - 1) if n > 1 else None,
            }
        )
    return {"target": view.label, "bins": bins}


# -- uncertainty ----------------------------------------------------------------------------------


def uncertainty(evidence: Evidence) -> dict[str, Any]:
    """The network's own intervals or sets, made on the validation rows, and their test coverage."""
    made, members = evidence.fitted.predictor.calibrated, evidence.members.shape[1]
    w = evidence.weight("test")
    found: dict[str, Any] = {
        "calibrated_on": len(evidence.rows["validation"]),
        "members": members,
        "spread": None,
    }
    if members > 1:
        apart = evidence.members.std(axis=1, ddof=1).reshape(len(evidence.members), -1)
        found["spread"] = float(np.average(apart.mean(axis=1), weights=w))
    found["refits"] = _refits(evidence)
    if len(evidence.rows["validation"]) < LEAST:
        return {**found, "left_out": f"there are fewer than {LEAST} validation rows"}
    if made is None:
        each = [_intervals(evidence, view) for view in evidence.views]
        return {**found, "kind": "intervals", "targets": each}
    if made.sets is not None:
        inside = made.sets.sets(evidence.predicted["test"])
        covered = set_coverage(evidence.y("test"), inside, groups=evidence.groups, weights=w)
        stated = {"method": made.sets.method, "stated": made.coverage}
        by_class = _by_class(evidence, made)
        return {**found, "kind": "sets", **stated, **covered.to_json(), "by_class": by_class}
    assert made.intervals is not None
    lower, upper = made.bounds(evidence.head, evidence.members)
    covered_by = interval_coverage(
        evidence.y("test"), lower, upper, groups=evidence.groups, weights=w
    )
    one = {
        "target": evidence.views[0].label,
        "method": made.intervals.method,
        "stated": made.coverage,
        "margin": plain(made.intervals.margins[0].quantile),
        **covered_by.to_json(),
    }
    return {**found, "kind": "intervals", "targets": [one]}


def _by_class(evidence: Evidence, made: Calibrated) -> dict[str, Any]:
    """Coverage among the test rows of each true class, of both kinds of sets."""
    assert made.sets is not None
    y, p, w = evidence.y("test"), evidence.predicted["test"], evidence.weight("test")
    kinds = {"sets": made.sets, "class_sets": made.class_sets}
    found: dict[str, Any] = {}
    for name, sets in kinds.items():
        if sets is not None:
            parts = by_true_class(y, sets.sets(p), evidence.classes, weights=w).parts
            found[name] = [part.to_json() for part in parts]
    if made.class_sets is not None:
        found["margins"] = [
            {
                "class": label,
                "rows": margin.rows,
                "promised": margin.promised,
                "in_every_set": not np.isfinite(margin.quantile),
            }
            for label, margin in zip(evidence.classes, made.class_sets.margins[1:], strict=True)
        ]
        found["needed"] = rows_needed(made.coverage)
    return found


def _refits(evidence: Evidence) -> dict[str, Any] | None:
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


def _intervals(evidence: Evidence, view: View) -> dict[str, Any]:
    """Of one of several targets, for which the network has none of its own."""
    made = calibrate_intervals(
        view.y["validation"],
        view.predicted["validation"],
        coverage=COVERAGE,
        weights=evidence.weight("validation"),
    )
    lower, upper = made.intervals(view.predicted["test"])
    covered = interval_coverage(
        view.y["test"], lower, upper, groups=evidence.groups, weights=evidence.weight("test")
    )
    return {
        "target": view.label,
        "method": made.method,
        "stated": COVERAGE,
        "margin": plain(made.margins[0].quantile),
        **covered.to_json(),
    }
