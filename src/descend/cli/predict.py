"""`descend predict`: a saved network on a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli.reading import reading_options

if TYPE_CHECKING:
    import pandas as pd

    from descend.tables.predictor import TablePredictor

MOST_LISTED = 12


@click.command("predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Where to write.  [default: standard output]",
)
@click.option(
    "--intervals",
    is_flag=True,
    help="Also the ends between which the target lies, or the set of classes, with 90 %.",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="No remarks on standard error.")
def command(
    model: Path, data: str | None, output: Path | None, intervals: bool, quiet: bool, **reading: Any
) -> None:
    """Predict the rows of DATA with the network in MODEL, a file that `descend fit` saved.

    Writes CSV, one line a row of DATA in its order: the predicted number, or the predicted class
    and the probability of each. DATA needs the columns of training; its target, if there, is not
    used.

    \b
    descend predict iris.descend iris
    descend predict houses.descend new_houses.csv -o prices.csv
    """
    from descend.files import writable, write_atomically

    if output is not None:
        writable(output, (model, data))
    from descend.cli.reading import read_table
    from descend.train.checkpoint import read

    read(model)  # a wrong file is found before the data are read
    table = read_table(data, quiet, **reading)
    from descend.tables.predictor import TablePredictor

    predictor = TablePredictor.load(model)
    found, noted = predictor.predict(table.frame, table.source, intervals=intervals)
    content = found.to_csv(index=False, float_format="%.7g", lineterminator="\n").encode()
    if not predictor.finished:
        click.echo(
            f"warning: {model} was saved before it was calibrated; descend report does that",
            err=True,
        )
    if not quiet:
        for line in [*_unused(table.frame, predictor), *predictor.encoder.remarks(noted)]:
            click.echo(f"note: {line}", err=True)
    if output is None:
        click.echo(content, nl=False)
        return
    write_atomically(output, content)
    if not quiet:
        click.echo(
            f"wrote {len(found):,} predictions of {predictor.target.name} to {output}", err=True
        )


def _unused(frame: pd.DataFrame, predictor: TablePredictor) -> list[str]:
    """Columns that training did not have."""
    known = predictor.described["data"]["columns"]
    extra = [str(name) for name in frame.columns if str(name) not in known]
    if not extra:
        return []
    more = f" and {len(extra) - MOST_LISTED} more" if len(extra) > MOST_LISTED else ""
    shown = ", ".join(extra[:MOST_LISTED])
    return [f"not used, as training had no such column: {shown}{more}"]
