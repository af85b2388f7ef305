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
from descend.report.table.document.whole import Document
from descend.report.table.evidence import Evidence, ReportOptions, gather
from descend.report.table.numbers.baselines import baselines
from descend.report.table.numbers.calibration import calibration
from descend.report.table.numbers.checks import checks
from descend.report.table.numbers.conclusions import limitations, summary
from descend.report.table.numbers.data import check_data, data
from descend.report.table.numbers.design import design, learning
from descend.report.table.numbers.discrimination import discrimination, threshold
from descend.report.table.numbers.explanation import explanation
from descend.report.table.numbers.groups import groups
from descend.report.table.numbers.identity import identity, reproduce
from descend.report.table.numbers.stability import stability
from descend.report.table.numbers.uncertainty import uncertainty
from descend.report.table.page.render import render
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
        fitted: a network whose test is open.
        path: the page's, which ends in .html; the JSON has the same name with .json.
        options: the report's.
        command: the command that fitted the network, to be shown.
        test: the test table of the user's own; needed for a group column that is no input.
        show: a function that is called with a word on what comes next.

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
    numbers = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(files[0], text.encode())
    write_atomically(files[1], numbers.encode() + b"\n")
    return files


def document_of(
    evidence: Evidence,
    *,
    command: str | None = None,
    test: Table | None = None,
    show: Callable[[str], None] = lambda words: None,
) -> Document:
    """All numbers of the report as plain JSON, by section; arguments as in `table_report`."""
    target = evidence.prepared.target
    show("checking the data")
    data_checks = check_data(evidence)
    about_data = data(evidence, data_checks)
    show("bootstrap intervals")
    figures, costs = baselines(evidence), learning(evidence)
    errors, probabilities = discrimination(evidence), calibration(evidence)
    coverage = uncertainty(evidence)
    importance = explanation(evidence, show)
    shifts = stability(evidence)
    by_group = groups(evidence, threshold(evidence)[0] if evidence.binary else None)
    network_checks = checks(evidence, figures, costs, coverage, importance, shifts)
    results = [check.to_json() for check in network_checks]
    failed = [check for check in (*data_checks, *network_checks) if check.failed]
    document = Document(
        format=FORMAT,
        title=f"{target.name} from {evidence.prepared.table.name}: a tested network",
        identity=identity(evidence, command),
        data=about_data,
        design=design(evidence),
        baselines=figures,
        learning=costs,
        discrimination=errors,
        calibration=probabilities,
        uncertainty=coverage,
        explanation=importance,
        stability=shifts,
        groups=by_group,
        checks=plain(results),
        limitations=limitations(evidence, about_data, coverage, failed),
        reproduce=reproduce(evidence, command, test),
        summary=summary(figures, [*about_data["checks"], *plain(results)]),
    )
    return plain(document)


def _clouds(evidence: Evidence) -> dict[str, Any]:
    """{target: (truth, one number predicted)} of the test rows; of classes none."""
    if evidence.classes:
        return {}
    if evidence.levels:
        one, view = evidence.explained[0], evidence.views[0]
        return {view.label: (view.y["test"], one.take(view.predicted["test"]))}
    return {v.label: (v.y["test"], v.predicted["test"]) for v in evidence.views}
