"""`descend predict`: a saved network on a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli.output import echo_data
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
    help="File for the predictions; - is standard output.  [default: -]",
)
@click.option(
    "--intervals",
    is_flag=True,
    help="Also write the 90 % interval of each prediction, or the 90 % set of classes.",
)
@click.option(
    "--intervals-by",
    type=click.Choice(["row", "class"]),
    default="row",
    show_default=True,
    help="Whether the 90 % of a set of classes holds on average over all rows, or for each true "
    "class.",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="Write no remarks to standard error.")
def command(
    model: Path,
    data: str | None,
    output: Path | None,
    intervals: bool,
    intervals_by: str,
    quiet: bool,
    **reading: Any,
) -> None:
    """Predict the rows of DATA with the network in MODEL, a file that `descend fit` saved.

    Writes CSV, one line a row of DATA in its order: the predicted number, or the predicted class
    and the probability of each. DATA needs the columns of training; its target, if there, is not
    used. A cell that a spreadsheet would run as a formula gets an apostrophe in front.

    \b
    descend predict iris.descend iris
    descend predict houses.descend new_houses.csv -o prices.csv
    """
    from descend.cells import frame_as_text, remark
    from descend.files import writable, write_atomically

    if str(output) == "-":
        output = None
    if output is not None:
        writable(output, (model, data))
    from descend.cli.reading import read_table
    from descend.train.saving.checkpoint import read

    read(model)  # a wrong file is found before the data are read
    table = read_table(data, quiet, **reading)
    from descend.tables.predictor import TablePredictor

    predictor = TablePredictor.load(model)
    by_class = intervals_by == "class"
    predictions, noted = predictor.predict(
        table.frame, table.source, intervals=intervals, by_class=by_class
    )
    marked, changed = frame_as_text(predictions)
    text = marked.to_csv(index=False, float_format="%.7g", lineterminator="\n")
    if not predictor.finished:
        click.echo(
            f"warning: {model} was saved before it was calibrated; descend report does that",
            err=True,
        )
    if not quiet:
        notes = [*_unused(table.frame, predictor), *predictor.encoder.remarks(noted)]
        if by_class and predictor.calibrated is not None:
            notes += predictor.calibrated.too_few(predictor.target.classes)
        for line in [*notes, *([remark(changed)] if changed else [])]:
            click.echo(f"note: {line}", err=True)
    if output is None:
        echo_data(text)
        return
    write_atomically(output, text.encode())
    if not quiet:
        click.echo(
            f"wrote {len(predictions):,} predictions of {predictor.target.name} to {output}",
            err=True,
        )


def _unused(frame: pd.DataFrame, predictor: TablePredictor) -> list[str]:
    """Columns that training did not have."""
    known = predictor.described["data"]["columns"]
    extra = [str(name) for name in frame.columns if str(name) not in known]
    if not extra:
        return []
    more = f" and {len(extra) - MOST_LISTED} more" if len(extra) > MOST_LISTED else ""
    listed = ", ".join(extra[:MOST_LISTED])
    return [f"not used, as training had no such column: {listed}{more}"]
