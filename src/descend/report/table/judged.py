"""Of a report on a table: the coded checks of the network, the limitations, the first sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from descend.report.table.background import saved
from descend.report.table.evidence import Evidence
from descend.report.table.words import end, said
from descend.tables.checks import of_network as checks
from descend.tables.checks.blocks import errors_of_costs
from descend.tables.checks.calibrated import calibration
from descend.tables.checks.too_good import explain, too_good
from descend.tables.checks.verdicts import Check
from descend.tables.judging.calibration import top_class
from descend.tables.network import scheduled
from descend.tables.scores import figures_of, simplest

BOOSTING = ("lightgbm", "boosting")


def judge(evidence: Evidence, found: Mapping[str, Any]) -> tuple[Check, ...]:
    """The checks of tables/checks/of_network.py, in the order of their codes.

    Args:
        found: the sections of the report that are already there.
    """
    fitted, target = evidence.fitted, evidence.prepared.target
    train, _ = trained = evidence.cost("train")
    test, trivial = evidence.cost("test")
    errors, gain = _errors(evidence)
    counts = None
    if target.classifies:
        of_class = np.bincount(evidence.y("train"), minlength=len(target.classes))
        counts = dict(zip(target.classes, of_class.tolist(), strict=True))
    rarest = None
    if target.classifies:
        rarest = int(np.bincount(evidence.y("test"), minlength=len(target.classes)).min())
    learned = found["learning"]
    history = "left_out" not in learned
    return (
        checks.overfit(train, test, trivial, errors),
        checks.underfit(*trained),
        checks.beats_trivial(test, trivial, gain),
        *_boosting(evidence, found["baselines"]),
        checks.imbalance(counts),
        checks.golden_feature(
            {one["name"]: one["importance"] for one in found["explanation"]["importance"]},
            {one["name"]: one["low"] for one in found["explanation"]["importance"]},
        ),
        _calibration(evidence),
        checks.drift(
            {one["name"]: (one["index"], one["chance"]) for one in every_shift(found["stability"])},
            "own test"
            if evidence.own_test
            else "by time"
            if evidence.prepared.options.time
            else "at random",
        ),
        checks.small_test(len(evidence.rows["test"]), rarest),
        _seeds(evidence),
        checks.ended(
            learned["epochs"] if history else None,
            evidence.prepared.options.chosen("epochs"),
            fitted.trained.best_epoch,
            scheduled(evidence.prepared.options),
        ),
        checks.coverage(*_coverage(found["uncertainty"]), len(evidence.rows["validation"])),
        checks.opened_once(len(fitted.seal.openings)),
        _too_good(evidence, test, trivial),
    )


def every_shift(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of columns and of what is predicted."""
    return [*found["columns"], *found["scores"]]


def _errors(evidence: Evidence) -> tuple[float, float]:
    """Standard errors of test less training cost, and of network less simplest prediction."""
    _, measure = evidence.main
    parts, own = ("train", "test"), evidence.prepared.groups
    groups: dict[str, Any] = {
        p: None if own is None else own.iloc[evidence.rows[p]].to_numpy() for p in parts
    }
    y, said = ({p: f(p) for p in parts} for f in (evidence.y, evidence.predicted.__getitem__))
    simple, _ = simplest(
        evidence.task, y["train"], len(y["test"]), evidence.classes, evidence.levels
    )

    def cost(part: str, rows: np.ndarray, predicted: np.ndarray | None = None) -> float:
        weight = evidence.weight(part)
        given = said[part] if predicted is None else predicted
        return measure(y[part][rows], given[rows], None if weight is None else weight[rows])

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
    """Of the networks with all columns that an ablation trained, on the validation rows."""
    found, prepared = evidence.fitted.ablation, evidence.prepared
    if found is None:
        return checks.seed_dispersion(None, None)
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
    return checks.seed_dispersion(found["full"], figures[found["figure"]])


def _boosting(evidence: Evidence, found: Mapping[str, Any]) -> tuple[Check, Check]:
    """Against boosting: of several targets the one where the network does worst beside it."""
    pairs = []
    for target in found["targets"]:
        for name in BOOSTING:
            other = next((o for o in target["others"] if o["name"] == name), None)
            if other is not None and not other["failed"]:
                figure = other["figures"][found["main"]]
                none = {"estimate": 0.0, "low": 0.0, "high": 0.0}
                pairs.append((other, none if figure["same"] else figure["difference"]))
                break
    if not pairs:
        return (
            checks.weaker_than_boosting(None, None),
            checks.slower_than_baseline(None, None, None),
        )
    other, difference = max(pairs, key=lambda p: p[1]["low"] or float("-inf"))
    known = difference["low"] is not None and difference["high"] is not None
    ends = (difference["low"], difference["high"]) if known else None
    return (
        checks.weaker_than_boosting(difference["estimate"], ends, other["words"]),
        checks.slower_than_baseline(
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


def _coverage(found: Mapping[str, Any]) -> tuple[int | None, int | None, float | None]:
    """(hits, rows, stated); of several targets of the worst covered."""
    if "left_out" in found:
        return None, None, None
    parts = [found] if found["kind"] == "sets" else found["targets"]
    worst = min(parts, key=lambda p: p["parts"][0]["share"])
    whole = worst["parts"][0]
    return round(whole["share"] * whole["rows"]), whole["rows"], worst["stated"]


# -- limitations ----------------------------------------------------------------------------------


def limitations(evidence: Evidence, found: Mapping[str, Any], failed: Sequence[Check]) -> list[str]:
    """What a reader should not conclude; the author's own first."""
    prepared, options = evidence.prepared, evidence.options
    rows = len(evidence.rows["test"])
    lines = list(options.limitations)
    lines.append(
        f"All figures are of one split and one training (seed {prepared.options.seed}). Intervals "
        f"say what another test of {rows:,} such rows would have shown, not what another training "
        "would have; only estimation errors of effects (--refits) do that."
    )
    lines.append(
        "Importance, effects and curves describe what the network learned. They are no causal "
        "effects unless the way the data came about makes them so; columns that go together share "
        "their importance."
    )
    if "left_out" not in found["uncertainty"]:
        lines.append(
            "The validation rows that intervals or sets were calibrated on also chose the best "
            "epoch, so the stated coverage is not guaranteed exactly; the test says what it was."
        )
    if prepared.options.time is None and not evidence.own_test:
        lines.append(
            "Test rows were drawn from the same table as the training rows: the figures hold for "
            "new rows of the same kind, not for other times or places."
        )
    if prepared.without_target:
        lines.append(
            f"{prepared.without_target:,} rows without a target were left out; if they differ, the "
            "figures do not hold for them."
        )
    if len(evidence.fitted.seal.openings) > 1:
        lines.append(
            f"The test was opened {len(evidence.fitted.seal.openings)} times; if a choice was made "
            "in between, the figures flatter."
        )
    if evidence.weight("test") is not None:
        lines.append(
            "All figures are weighted as the rows are; what counts rows says rows. The indices of "
            "stability and the checks of the data count each row once."
        )
    missing = [c["column"] for c in found["data"]["inputs"] if max(c["missing"].values()) > 0]
    if missing:
        lines.append(
            f"Missing values of {len(missing)} column(s) are filled with what is usual, with an "
            "input that says so where training rows had any; that they are missing may itself "
            "carry information."
        )
    if evidence.groups is None:
        lines.append("Figures were not compared between groups: no group column was named.")
    issues = [f"{c.code} ({c.name})" for c in failed if c.level == "issue"]
    if issues:
        lines.append(f"These checks failed: {', '.join(issues)}.")
    return lines


def first_sentences(found: Mapping[str, Any]) -> list[str]:
    """The result in a few sentences."""
    name = found["baselines"]["main"]
    lines = []
    for target in found["baselines"]["targets"]:
        own = target["network"][name]
        several = len(found["baselines"]["targets"]) > 1
        lines.append(
            (f"{target['target']}: " if several else "")
            + f"{name} {said(own['estimate'])} ({end(own['low'])} to {end(own['high'])}) on "
            f"{own['rows']:,} test rows."
        )
        shown = [o for o in target["others"] if not o["failed"]]
        if not shown:
            continue
        best = min(shown, key=lambda o: o["figures"][name]["value"]["estimate"])
        pair = best["figures"][name]
        verdict = {
            "network": "the network is better",
            "baseline": "the baseline is better",
            None: "the difference may be chance",
        }[pair["winner"]]
        word = "no difference" if pair["same"] else verdict
        apart = pair["difference"]
        lines.append(
            f"Best baseline: {best['words']}, {said(pair['value']['estimate'])}; network minus "
            f"baseline {said(apart['estimate'])} ({end(apart['low'])} to {end(apart['high'])}): "
            f"{word}."
        )
    every = [*found["data"]["checks"], *found["checks"]]
    count = {s: sum(c["status"] == s for c in every) for s in ("passed", "failed", "not run")}
    issues = sum(c["status"] == "failed" and c["level"] == "issue" for c in every)
    lines.append(
        f"{len(every)} checks: {count['passed']} passed, {count['failed']} failed ({issues} of "
        f"them issues), {count['not run']} not run."
    )
    return lines
