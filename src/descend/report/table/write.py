"""The report on a network fitted to a table: a page of HTML, and the same numbers as JSON.

The JSON document is made first, and the page of nothing but the document (and, for pictures of
single rows, the test predictions): so both say the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from descend.data.table import Table
from descend.files import write_atomically
from descend.report.page import report_files
from descend.report.table.background import again, data, design, identity, leakage, learning
from descend.report.table.evidence import Evidence, ReportOptions, gather
from descend.report.table.explained import by_group, explain, moved
from descend.report.table.figures import (
    baselines,
    calibrate,
    discriminate,
    threshold,
    uncertainty,
)
from descend.report.table.judged import first_sentences, judge, limitations
from descend.report.table.page import render
from descend.tables.judging.plain import plain
from descend.tables.recipe import FittedTable

FORMAT = 1


def table_report(
    fitted: FittedTable,
    path: str | Path,
    options: ReportOptions | None = None,
    *,
    command: str | None = None,
    test: Table | None = None,
    show: Callable[[str], None] = lambda words: None,
) -> tuple[Path, Path]:
    """Write the report on a fitted table: `path`, and a JSON beside it, each atomically.

    Args:
        fitted: with an opened test.
        path: ends in .html; the JSON has the same name with .json.
        options: of the report.
        command: that fitted the network, to be shown.
        test: the test table of the user's own; needed for a group column that is no input.
        show: is given a word on what comes next.

    Returns:
        The two paths.

    Raises:
        DescendError: the test is sealed; a file that cannot be written; an option that does not
            suit the target.
        DataError: a group column that is not there.
    """
    files = report_files(path)
    evidence = gather(fitted, options or ReportOptions(), test, show)
    document = document_of(evidence, command=command, test=test, show=show)
    show("drawing")
    text = render(document, _clouds(evidence))
    written = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(files[0], text.encode())
    write_atomically(files[1], written.encode() + b"\n")
    return files


def document_of(
    evidence: Evidence,
    *,
    command: str | None = None,
    test: Table | None = None,
    show: Callable[[str], None] = lambda words: None,
) -> dict[str, Any]:
    """All numbers of the report as plain JSON, by section; arguments as in `table_report`."""
    target = evidence.prepared.target
    show("checking the data")
    checks = leakage(evidence)
    found: dict[str, Any] = {
        "format": FORMAT,
        "title": f"{target.name} from {evidence.prepared.table.name}: a tested network",
        "identity": identity(evidence, command),
        "data": data(evidence, checks),
        "design": design(evidence),
    }
    show("bootstrap intervals")
    found["baselines"] = baselines(evidence)
    found["learning"] = learning(evidence)
    found["discrimination"] = discriminate(evidence)
    found["calibration"] = calibrate(evidence)
    found["uncertainty"] = uncertainty(evidence)
    found["explanation"] = explain(evidence, show)
    found["stability"] = moved(evidence)
    found["groups"] = by_group(evidence, threshold(evidence)[0] if evidence.binary else None)
    judged = judge(evidence, found)
    found["checks"] = [check.to_json() for check in judged]
    failed = [check for check in (*checks, *judged) if check.failed]
    found["limitations"] = limitations(evidence, found, failed)
    found["reproduce"] = again(evidence, command, test)
    found["summary"] = first_sentences(found)
    return plain(found)


def _clouds(evidence: Evidence) -> dict[str, Any]:
    """{target: (truth, one number predicted)} of the test rows; of classes none."""
    if evidence.classes:
        return {}
    if evidence.levels:
        one, view = evidence.explained[0], evidence.views[0]
        return {view.label: (view.y["test"], one.take(view.predicted["test"]))}
    return {v.label: (v.y["test"], v.predicted["test"]) for v in evidence.views}
