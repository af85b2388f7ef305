"""`descend report` of a file of a forecaster: its last part opened, and the report written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from descend.cli.forecast import judged, write_report

if TYPE_CHECKING:
    from descend.data.table import Table


def report_on(file: Path, table: Table, path: Path, quiet: bool) -> None:
    """Open the last part of the series, record that in the file, and write the report.

    Args:
        file: what `descend forecast` saved.
        table: the table that it was fitted on.
        path: the page's.
        quiet: whether only files and figures are named.
    """
    from dataclasses import replace

    from descend.forecasting.recipe import open_last_part, reopen_series
    from descend.tables.seal import record_opening

    opened = open_last_part(reopen_series(file, table), verbose=0 if quiet else 1)
    assert opened.seal is not None
    figures = opened.seal.openings[-1].figures
    opened = replace(opened, seal=record_opening(file, figures, source=table.source))
    assert opened.seal is not None
    if opened.seal.warning:
        click.echo(f"warning: {opened.seal.warning}", err=True)
    judged(opened, quiet)
    write_report(opened, path, quiet)
