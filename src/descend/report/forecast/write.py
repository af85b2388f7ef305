"""The report on a forecaster: a page of HTML, and the same numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from descend.files import write_atomically
from descend.forecasting.recipe import FittedSeries
from descend.report.forecast.document import document_of
from descend.report.forecast.page import render
from descend.report.page import report_files


def forecast_report(
    fitted: FittedSeries,
    path: str | Path,
    *,
    command: str | None = None,
    show: Callable[[str], None] = lambda words: None,
) -> tuple[Path, Path]:
    """Write the report on a forecaster: `path`, and a JSON beside it, each atomically.

    Args:
        fitted: a forecaster whose last part is open.
        path: the page's, which ends in .html; the JSON has the same name with .json.
        command: the command that fitted it, to be shown.
        show: a function that is called with a word on what comes next.

    Returns:
        The two paths.

    Raises:
        DescendError: the last part is sealed; a file that cannot be written.
    """
    files = report_files(path)
    show("figures")
    document = document_of(fitted, command)
    show("drawing")
    text = render(document)
    numbers = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(files[0], text.encode())
    write_atomically(files[1], numbers.encode() + b"\n")
    return files
