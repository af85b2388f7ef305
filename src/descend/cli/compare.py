"""`descend compare`: two saved networks side by side."""

from __future__ import annotations

from pathlib import Path

import click

from descend.cli.reading import reading_options
from descend.cli.rendering import FORMATS, as_html, as_latex, echo_csv


@click.command("compare")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DATA",
    help="Table that both were fitted on: both tests are opened and compared row by row.",
)
@click.option("--test", metavar="FILE", help="Table of the test rows, where `fit` had --test.")
@click.option(
    "--resamples",
    type=int,
    default=2000,
    show_default=True,
    help="Draws of the bootstrap intervals.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Format of the tables.",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="Write nothing but warnings to standard error.")
def command(
    a: Path,
    b: Path,
    data: str | None,
    test: str | None,
    resamples: int,
    form: str,
    quiet: bool,
    **how: str | None,
) -> None:
    """Show two files of `descend fit` side by side: data, options that differ, test figures.

    Without --data, the figures are those that were recorded when the tests were opened. With it,
    both tests are opened (which is written into both files), and each difference has its interval
    from the same draws of the same rows.

    \b
    descend compare small.descend large.descend
    descend compare small.descend large.descend --data loans.csv --format latex
    """
    from descend.cli.reading import read_table
    from descend.errors import DescendError

    table = other = None
    if data is not None or how["sql"] is not None:
        table = read_table(data, quiet, **how)
    if test is not None:
        if table is None:
            raise DescendError("--test needs --data as well: the table both were fitted on")
        plain = {name: value for name, value in how.items() if name not in ("sql", "db")}
        other = read_table(test, quiet, **plain)

    from descend.report.table.compare import HEAD, side_by_side  # JAX starts here

    comparison = side_by_side(a, b, table, other, resamples=resamples)
    for warning in comparison.warnings:
        click.echo(f"warning: {warning}", err=True)
    caption = f"{a.name} (A) and {b.name} (B)"
    if form == "csv":
        echo_csv(HEAD, comparison.rows, quiet)
    elif form == "latex":
        click.echo(as_latex(HEAD, comparison.rows, caption), nl=False)
    elif form == "html":
        click.echo(as_html(HEAD, comparison.rows, caption), nl=False)
    else:
        from descend.report.terminal import make_console, text_table

        make_console().print(text_table([HEAD, *comparison.rows], left=4), soft_wrap=True)
