"""How well predictions part classes, or how far they are from values."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.errors import DataError
from descend.report.table.document.figures import (
    ClassesErrors,
    Discrimination,
    EventErrors,
    QuantileErrors,
    QuantilesErrors,
    ValueErrors,
)
from descend.report.table.evidence import Evidence, View
from descend.tables.judging.costs import choose_threshold, decide
from descend.tables.judging.discrimination import (
    discrimination as ranking,
)
from descend.tables.judging.discrimination import (
    gains,
    precision_recall_points,
    roc_points,
)
from descend.tables.judging.plain import plain
from descend.tables.judging.weighted import (
    quantile,
    row_weights,
    spread,
)

PARTS_OF_GAINS = 10
QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)  # of residuals


def discrimination(evidence: Evidence) -> Discrimination:
    """How well predictions part classes, or how far they are from values."""
    if evidence.binary:
        return _event(evidence)
    if evidence.classes:
        return _classes(evidence)
    if evidence.levels:
        return _quantiles(evidence)
    w = row_weights(evidence.weight("test"), len(evidence.rows["test"]))
    return {"kind": "values", "targets": [_values(view, w) for view in evidence.views]}


def threshold(evidence: Evidence) -> tuple[float, str, Any]:
    """The threshold of two classes, where it comes from, and the costs where it was chosen."""
    options = evidence.options
    if options.costs is not None:
        p = evidence.predicted["validation"][:, 1]
        choice = choose_threshold(
            evidence.y("validation"), p, options.costs, weights=evidence.weight("validation")
        )
        return choice.chosen, "of least cost on the validation rows", choice.to_json()
    if options.threshold is not None:
        return options.threshold, "as asked for", None
    return 0.5, "one half, where nobody chose another", None


def _event(evidence: Evidence) -> EventErrors:
    y, p = evidence.y("test"), evidence.predicted["test"][:, 1]
    w = evidence.weight("test")
    at, how, choice = threshold(evidence)
    at_threshold: EventErrors = {
        "kind": "event",
        "weighted": w is not None,
        "event": evidence.classes[1],
        "other": evidence.classes[0],
        "threshold": at,
        "threshold_how": how,
        "threshold_choice": choice,
        "decisions": plain(decide(y, p, at, evidence.options.costs, weights=w)),
    }
    try:
        return {
            **at_threshold,
            "ranking": plain(ranking(y, p, weights=w)),
            "roc": plain(roc_points(y, p, weights=w)),
            "precision_recall": plain(precision_recall_points(y, p, weights=w)),
            "gains": plain(gains(y, p, parts=min(PARTS_OF_GAINS, len(y)), weights=w)),
        }
    except DataError as error:  # a test of one class
        return {**at_threshold, "left_out": f"no ranking: {error}"}


def _classes(evidence: Evidence) -> ClassesErrors:
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
                "auc": ranking(y == i, clipped, weights=w).auc if both else None,
            }
        )
    return {
        "kind": "classes",
        "weighted": w is not None,
        "classes": list(evidence.classes),
        "confusion": confusion.tolist(),
        "each": plain(each),
    }


def _values(view: View, w: np.ndarray) -> ValueErrors:
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
    counted = w > 0
    if np.ptp(a[counted]) == 0 or np.ptp(b[counted]) == 0:
        return None
    covariance = np.cov(a, b, aweights=w)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _quantiles(evidence: Evidence) -> QuantilesErrors:
    from sklearn.metrics import mean_pinball_loss

    y, q, w = evidence.y("test"), evidence.predicted["test"], evidence.weight("test")
    each: list[QuantileErrors] = [
        {
            "level": level,
            "pinball": float(mean_pinball_loss(y, q[:, i], alpha=level, sample_weight=w)),
        }
        for i, level in enumerate(evidence.levels)
    ]
    return {"kind": "quantiles", "rows": len(y), "each": each}
