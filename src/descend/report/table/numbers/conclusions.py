"""What a reader should conclude, in a few sentences, and what not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from descend.report.table.document.figures import Baselines, Uncertainty
from descend.report.table.document.fit import Data
from descend.report.table.document.shared import CheckResult
from descend.report.table.evidence import Evidence
from descend.report.table.words import digits, end
from descend.tables.checks.verdicts import Check


def limitations(
    evidence: Evidence, data: Data, uncertainty: Uncertainty, failed: Sequence[Check]
) -> list[str]:
    """What a reader should not conclude; the author's own first.

    Args:
        evidence: the report's.
        data, uncertainty: sections of the document.
        failed: the checks that failed.
    """
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
    if "left_out" not in uncertainty:
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
    missing = [c["column"] for c in data["inputs"] if max(c["missing"].values()) > 0]
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


def summary(baselines: Baselines, checks: Sequence[CheckResult]) -> list[str]:
    """The result in a few sentences.

    Args:
        baselines: the section of the document.
        checks: all of them, of the data and of the network.
    """
    name = baselines["main"]
    lines = []
    for target in baselines["targets"]:
        own = target["network"][name]
        several = len(baselines["targets"]) > 1
        lines.append(
            (f"{target['target']}: " if several else "")
            + f"{name} {digits(own['estimate'])} ({end(own['low'])} to {end(own['high'])}) on "
            f"{own['rows']:,} test rows."
        )
        fitted = [o for o in target["others"] if not o["failed"]]
        if not fitted:
            continue
        best = min(fitted, key=lambda o: _finite(o["figures"][name]["value"]["estimate"]))
        pair = best["figures"][name]
        verdict = {
            "network": "the network is better",
            "baseline": "the baseline is better",
            None: "the difference may be chance",
        }[pair["winner"]]
        word = "no difference" if pair["same"] else verdict
        less = pair["difference"]
        lines.append(
            f"Best baseline: {best['words']}, {digits(pair['value']['estimate'])}; network minus "
            f"baseline {digits(less['estimate'])} ({end(less['low'])} to {end(less['high'])}): "
            f"{word}."
        )
    count = {s: sum(c["status"] == s for c in checks) for s in ("passed", "failed", "not run")}
    issues = sum(c["status"] == "failed" and c["level"] == "issue" for c in checks)
    lines.append(
        f"{len(checks)} checks: {count['passed']} passed, {count['failed']} failed ({issues} of "
        f"them issues), {count['not run']} not run."
    )
    return lines


def _finite(estimate: float | None) -> float:
    """A figure to be compared; one that does not exist comes last."""
    return math.inf if estimate is None else estimate
