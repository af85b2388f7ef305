"""The coded checks of the network."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from descend.report.table.document.figures import Baselines, Uncertainty
from descend.report.table.document.fit import Learning
from descend.report.table.document.insight import Explanation, Stability
from descend.report.table.document.shared import LeftOut
from descend.report.table.evidence import Evidence
from descend.report.table.numbers.identity import saved
from descend.tables.checks import of_network
from descend.tables.checks.blocks import errors_of_costs
from descend.tables.checks.calibrated import calibration
from descend.tables.checks.too_good import explain, too_good
from descend.tables.checks.verdicts import Check
from descend.tables.judging.calibration import top_class
from descend.tables.network import scheduled
from descend.tables.scores import figures_of, simplest

BOOSTING = ("lightgbm", "boosting")


def checks(
    evidence: Evidence,
    baselines: Baselines,
    learning: Learning | LeftOut,
    uncertainty: Uncertainty,
    explanation: Explanation,
    stability: Stability,
) -> tuple[Check, ...]:
    """The checks of tables/checks/of_network.py, in the order of their codes.

    Args:
        evidence: the report's.
        baselines, learning, uncertainty, explanation, stability: sections of the document.
    """
    fitted, target = evidence.fitted, evidence.prepared.target
    train, _ = trained = evidence.cost("train")
    test, trivial = evidence.cost("test")
    errors, gain = _errors(evidence)
    counts = rarest = None
    if target.classifies:
        of_class = np.bincount(evidence.y("train"), minlength=len(target.classes))
        counts = dict(zip(target.classes, of_class.tolist(), strict=True))
        rarest = int(np.bincount(evidence.y("test"), minlength=len(target.classes)).min())
    importance = explanation["importance"]
    shifts = [*stability["columns"], *stability["scores"]]
    return (
        of_network.overfit(train, test, trivial, errors),
        of_network.underfit(*trained),
        of_network.beats_trivial(test, trivial, gain),
        *_boosting(evidence, baselines),
        of_network.imbalance(counts),
        of_network.golden_feature(
            {one["name"]: one["importance"] for one in importance},
            {one["name"]: one["low"] for one in importance},
        ),
        _calibration(evidence),
        of_network.drift(
            {one["name"]: (one["index"], one["chance"]) for one in shifts},
            "own test"
            if evidence.own_test
            else "by time"
            if evidence.prepared.options.time
            else "at random",
        ),
        of_network.small_test(len(evidence.rows["test"]), rarest),
        _seeds(evidence),
        of_network.ended(
            None if "left_out" in learning else learning["epochs"],
            evidence.prepared.options.chosen("epochs"),
            fitted.trained.best_epoch,
            scheduled(evidence.prepared.options),
        ),
        of_network.coverage(*_coverage(uncertainty), len(evidence.rows["validation"])),
        of_network.opened_once(len(fitted.seal.openings)),
        _too_good(evidence, test, trivial),
    )


def _errors(evidence: Evidence) -> tuple[float, float]:
    """Standard errors of test less training cost, and of network less simplest prediction."""
    _, measure = evidence.main
    parts, own = ("train", "test"), evidence.prepared.groups
    groups: dict[str, Any] = {
        p: None if own is None else own.iloc[evidence.rows[p]].to_numpy() for p in parts
    }
    y = {part: evidence.y(part) for part in parts}
    simple, _ = simplest(
        evidence.task, y["train"], len(y["test"]), evidence.classes, evidence.levels
    )

    def cost(part: str, rows: np.ndarray, predicted: np.ndarray | None = None) -> float:
        weight = evidence.weight(part)
        values = evidence.predicted[part] if predicted is None else predicted
        return measure(y[part][rows], values[rows], None if weight is None else weight[rows])

    sizes = {p: len(y[p]) for p in parts}
    return errors_of_costs(cost, partial(cost, "test", predicted=simple), sizes, groups)


def _too_good(evidence: Evidence, test: float, trivial: float) -> Check:
    auc = events = None
    if evidence.binary and "AUC" in evidence.measures:
        auc = evidence.measures["AUC"](evidence.y("test"), evidence.predicted["test"])
        events = int(np.bincount(evidence.y("test"), minlength=2).min())
    return too_good(
        test,
        trivial,
        auc=auc,
        events=events,
        rows=len(evidence.rows["test"]),
        explain=lambda: explain(evidence.prepared),
    )


def _seeds(evidence: Evidence) -> Check:
    """The spread over networks with all columns that an ablation trained, on validation rows."""
    ablation, prepared = evidence.fitted.ablation, evidence.prepared
    if ablation is None:
        return of_network.seed_dispersion(None, None)
    target, rows = prepared.target, prepared.split.validation
    levels = getattr(target.head, "levels", ())
    train = prepared.split.train
    mean, _ = simplest(
        target.task,
        prepared.y[train],
        len(rows),
        target.classes,
        levels,
        prepared.weights(train),
    )
    weight = prepared.weights(rows)
    figures = figures_of(target.task, prepared.y[rows], mean, levels, weight)
    return of_network.seed_dispersion(ablation["full"], figures[ablation["figure"]])


def _boosting(evidence: Evidence, baselines: Baselines) -> tuple[Check, Check]:
    """Against boosting: of several targets the one where the network does worst beside it."""
    pairs = []
    for target in baselines["targets"]:
        for name in BOOSTING:
            other = next((o for o in target["others"] if o["name"] == name), None)
            if other is not None and not other["failed"]:
                figure = other["figures"][baselines["main"]]
                less = figure["difference"]
                difference = (less["estimate"], less["low"], less["high"])
                pairs.append((other, (0.0, 0.0, 0.0) if figure["same"] else difference))
                break
    if not pairs:
        return (
            of_network.weaker_than_boosting(None, None),
            of_network.slower_than_baseline(None, None, None),
        )
    other, difference = max(pairs, key=lambda p: p[1][1] or float("-inf"))
    estimate, low, high = difference
    ends = None if low is None or high is None else (low, high)
    return (
        of_network.weaker_than_boosting(estimate, ends, other["words"]),
        of_network.slower_than_baseline(
            saved(evidence).get("seconds"), other["seconds"], ends, other["words"]
        ),
    )


def _calibration(evidence: Evidence) -> Check:
    y, p = evidence.y("test"), evidence.predicted["test"]
    if not evidence.classes:
        return calibration(None, None)
    groups = evidence.clusters
    if not evidence.binary:
        return calibration(*top_class(y, p), groups=groups)
    rates = {part: float((evidence.y(part) == 1).mean()) for part in ("train", "validation")}
    return calibration(y == 1, p[:, 1], rates=rates, groups=groups)


def _coverage(uncertainty: Uncertainty) -> tuple[int | None, int | None, float | None]:
    """(hits, rows, stated); of several targets of the worst covered."""
    if "left_out" in uncertainty:
        return None, None, None
    if uncertainty["kind"] == "sets":
        covered = [(uncertainty["parts"][0], uncertainty["stated"])]
    else:
        covered = [(one["parts"][0], one["stated"]) for one in uncertainty["targets"]]
    rows, stated = min(covered, key=lambda pair: pair[0]["share"] or 0.0)
    return round((rows["share"] or 0.0) * rows["rows"]), rows["rows"], stated
