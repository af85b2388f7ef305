"""`descend trace`: every number of one training step on given rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from descend.cli.reading import reading_options


@click.command("trace")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "--row",
    type=int,
    multiple=True,
    metavar="N",
    help="Row of DATA, counted from 0; several make a batch.  [default: 0]",
)
@click.option(
    "--unit",
    multiple=True,
    metavar="LAYER:N",
    help="Unit whose arithmetic is written out, such as dense:3; repeatable.",
)
@click.option(
    "--weight",
    multiple=True,
    metavar="LAYER/ARRAY:N,N",
    help="Weight whose chain rule is written out, such as dense/kernel:0,3; repeatable.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="File for a page with all of it.",
)
@click.option(
    "--target",
    metavar="COLUMN",
    multiple=True,
    help="Column to predict, for a network saved from Python; all others are its inputs; "
    "repeatable.  [default: the last one]",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="Print only what was asked for.")
def command(
    model: Path,
    data: str | None,
    row: tuple[int, ...],
    unit: tuple[str, ...],
    weight: tuple[str, ...],
    html: Path | None,
    target: tuple[str, ...],
    quiet: bool,
    **reading: Any,
) -> None:
    """Show the step that training would make next with the network in MODEL on rows of DATA.

    Forwards what each layer computes, backwards the gradient of the cost by it, then the gradient
    and the update of every weight. MODEL is a file that `descend fit` or `Model.save` wrote; it
    holds no memory of the update rule, which begins anew. Units, weights and rows are counted
    from 0.

    \b
    descend trace iris.descend iris --row 7
    descend trace iris.descend iris --row 7 --unit dense:3 --weight dense/kernel:0,3
    descend trace iris.descend iris --row 7 --html step.html
    """
    units = [_place(place, "--unit", "dense:3") for place in unit]
    weights = [_place(place, "--weight", "dense/kernel:0,3") for place in weight]
    if html is not None:
        from descend.report.page import report_files

        report_files(html, (model, data))
    from descend.cli.model_rows import model_rows
    from descend.cli.reading import read_table
    from descend.train.saving.checkpoint import read

    read(model)  # a wrong file is found before the data are read
    table = read_table(data, quiet, **reading)
    network, x, y = model_rows(model, table.frame, table.source, row or (0,), target)

    from descend.glass import trace

    step = trace(network, x, y)
    parts = [str(step.unit(name, index)) for name, index in units]
    parts += [str(step.weight(name, index)) for name, index in weights]
    if html is not None:
        from descend.report.trace import trace_report

        file = trace_report(step, html, units=units, weights=weights)
        parts.append(str(file) if quiet else f"wrote {file}")
    click.echo("\n\n".join(parts or [str(step)]))


def _place(text: str, option: str, example: str) -> tuple[str, tuple[int, ...]]:
    """("dense", (3,)) of "dense:3"."""
    name, _, index = text.rpartition(":")
    if not name or not re.fullmatch(r"\d+(,\d+)*", index):
        raise click.UsageError(f"{option} is a name, a colon, and whole numbers: {example}")
    return name, tuple(map(int, index.split(",")))
