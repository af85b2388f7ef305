"""`descend predict`: a saved network on a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli.reading import reading_options

if TYPE_CHECKING:
    import pandas as pd

    from descend.tables.encoder import Noted
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
@click.option(
    "--intervals-by",
    type=click.Choice(["row", "class"]),
    default="row",
    show_default=True,
    help="Sets of classes that hold with 90 % on average over rows, or for each true class.",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="No remarks on standard error.")
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
    by_class = intervals_by == "class"
    found, noted = predictor.predict(
        table.frame, table.source, intervals=intervals, by_class=by_class
    )
    content = found.to_csv(index=False, float_format="%.7g", lineterminator="\n").encode()
    if not quiet:
        few = []
        if by_class and predictor.calibrated is not None:
            few = predictor.calibrated.too_few(predictor.target.classes)
        notes = [*_unused(table.frame, predictor), *_remarks(noted), *(f"note: {n}" for n in few)]
        for line in notes:
            click.echo(line, err=True)
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
    return [f"note: not used, as training had no such column: {shown}{more}"]


def _remarks(noted: dict[str, Noted]) -> list[str]:
    """What was missing or unknown, by column."""
    lines = []
    for name, one in noted.items():
        if one.missing:
            lines.append(f"{name}: {one.missing:,} missing")
        if one.unreadable:
            lines.append(
                f"{name}: {one.unreadable:,} not readable, the first {one.example!r} in row "
                f"{one.row:,}; as if missing"
            )
        if one.unseen:
            lines.append(
                f"{name}: {one.unseen:,} of a level that training did not see or keep, such as "
                f"{one.example!r}; as if none"
            )
    more = len(lines) - MOST_LISTED
    return [f"note: {line}" for line in lines[:MOST_LISTED]] + (
        [f"note: and {more} more such"] if more > 0 else []
    )
