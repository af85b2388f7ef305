"""Checks, of the data or of the network, as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from descend.report.page import (
    table,
)
from descend.report.table.document.shared import CheckResult


def checks(results: Sequence[CheckResult]) -> str:
    """A table of checks: failed ones first, issues before tips."""
    order = {"failed": 0, "not run": 1, "passed": 2}
    rows = [
        [
            c["code"],
            c["name"],
            _verdict(c),
            " ".join(filter(None, [c["words"] + ".", c["advice"], c["error_rates"]])),
        ]
        for c in sorted(
            results, key=lambda c: (order[c["status"]], c["level"] != "issue", c["code"])
        )
    ]
    head = ["code", "check", "outcome", "what was found, what to do, how often the check errs"]
    return table("Checks", head, rows, words=4)


def _verdict(check: CheckResult) -> str:
    return f"FAILED ({check['level']})" if check["status"] == "failed" else check["status"]
