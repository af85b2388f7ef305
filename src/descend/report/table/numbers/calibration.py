"""Whether probabilities, means or quantiles are what comes true."""

from __future__ import annotations

import numpy as np

from descend.report.table.document.figures import (
    Calibration,
    MeanBin,
    ProbabilityCalibration,
    QuantileShare,
    TargetMeans,
)
from descend.report.table.evidence import Evidence, View
from descend.tables.judging import calibration as judging
from descend.tables.judging.plain import plain
from descend.tables.judging.recalibration import recalibration
from descend.tables.judging.weighted import (
    effective_rows,
    quantile,
    row_weights,
    share_interval,
    spread,
)

BINS = 10


def calibration(evidence: Evidence) -> Calibration:
    """Whether probabilities, means or quantiles are what comes true."""
    if evidence.classes:
        return _probabilities(evidence)
    if evidence.levels:
        y, q = evidence.y("test"), evidence.predicted["test"]
        w = row_weights(evidence.weight("test"), len(y))
        each: list[QuantileShare] = []
        for i, level in enumerate(evidence.levels):
            share, low, high = share_interval(y <= q[:, i], w)
            each.append({"level": level, "share": share, "low": low, "high": high})
        return {"kind": "quantiles", "each": each}
    w = row_weights(evidence.weight("test"), len(evidence.rows["test"]))
    return {"kind": "means", "targets": [_means(view, w) for view in evidence.views]}


def _probabilities(evidence: Evidence) -> ProbabilityCalibration:
    y, p = evidence.y("test"), evidence.predicted["test"]
    if evidence.binary:
        happened, chance, event = y == 1, np.clip(p[:, 1], 0, 1), evidence.classes[1]
    else:
        happened, chance = judging.top_class(y, p)
        event = "the most probable class is the right one"
    calibrated = evidence.fitted.predictor.calibrated
    temperature = None if calibrated is None else calibrated.temperature
    measure, weight = evidence.measures["log-loss"], evidence.weight("test")
    return {
        "kind": "probabilities",
        "event": event,
        "reliability": plain(judging.reliability(happened, chance, bins=BINS, weights=weight)),
        "line": plain(recalibration(happened, chance, weights=weight, clusters=evidence.clusters)),
        "brier": plain(judging.brier(happened, chance, bins=BINS, weights=weight)),
        "temperature": plain(temperature),
        "without_temperature": measure(y, evidence.members.mean(axis=1), weight),
        "log_loss": measure(y, p, weight),
    }


def _means(view: View, w: np.ndarray) -> TargetMeans:
    """Rows in tenths by their prediction: the mean prediction beside the mean truth.

    The error is that of the mean truth over so many rows, whatever was predicted.
    """
    y, mean = view.y["test"], view.predicted["test"]
    edges = quantile(mean, np.linspace(0, 1, BINS + 1)[1:-1], w)
    place = np.searchsorted(np.unique(edges), mean)
    bins: list[MeanBin] = []
    for i in np.unique(place[w > 0]):
        rows = (place == i) & (w > 0)
        own, n = w[rows], effective_rows(w[rows])
        bins.append(
            {
                "rows": int(rows.sum()),
                "predicted": float(np.average(mean[rows], weights=own)),
                "observed": float(np.average(y[rows], weights=own)),
                "error": spread(y[rows], own) / np.sqrt(n - 1) if n > 1 else None,
            }
        )
    return {"target": view.label, "bins": bins}
