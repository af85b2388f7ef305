"""`descend fit`: from a table to a tested network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from descend.tables.options import FitOptions


def units(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """ "64,64" -> (64, 64); "none" -> (), a linear model."""
    if value.strip().lower() in ("none", "0", ""):
        return ()
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", value):
        raise click.BadParameter(
            f"expected whole numbers divided by commas, such as 64,64, or none; got {value!r}"
        )
    return tuple(int(part) for part in value.split(","))


@click.command("fit")
@click.argument("data")
@click.option("--target", metavar="COLUMN", help="Column to predict.  [default: the last one]")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    help="In place of what the target suggests.",
)
@click.option("--drop", metavar="COLUMN", multiple=True, help="Leave a column out; repeatable.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to save the network.  [default: NAME.descend]",
)
@click.option(
    "--hidden",
    default="64,64",
    show_default=True,
    callback=units,
    metavar="UNITS",
    help="Units of the hidden layers; none for a linear model.",
)
@click.option("--activation", default="swish", show_default=True, help="Of the hidden layers.")
@click.option("--epochs", type=int, default=200, show_default=True, help="At most so many.")
@click.option(
    "--patience",
    type=int,
    default=20,
    show_default=True,
    help="Epochs without a better validation cost before training stops.",
)
@click.option("--batch-size", type=int, help="Rows an update.  [default: by the number of rows]")
@click.option("--optimizer", default="adam", show_default=True, help="Update rule.")
@click.option("--learning-rate", type=float, help="Step size.  [default: the optimizer's]")
@click.option("--dropout", type=float, default=0.0, help="Share of hidden units dropped.")
@click.option("--l2", type=float, default=0.0, help="Penalty on the squared weights.")
@click.option(
    "--validation-share", type=float, default=0.2, show_default=True, help="Rows to stop by."
)
@click.option("--test-share", type=float, default=0.2, show_default=True, help="Rows to test on.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything drawn.")
@click.option("--quiet", "-q", is_flag=True, help="Print only the test result and the file.")
def command(data: str, output: Path | None, quiet: bool, **chosen) -> None:
    """Train a network on DATA, test it once on rows it never saw, and save it.

    DATA is a built-in table (iris, digits, wine, breast_cancer, diabetes, fair, randhie) or a file
    (.csv, .csv.gz, .tsv, .parquet).

    \b
    descend fit iris
    descend fit houses.csv --target price --drop id -o houses.descend
    """
    # imported here: `descend fit --help` needs none of it
    from descend.tables.options import FitOptions

    _fit(data, FitOptions(**chosen), output, quiet)


def _fit(data: str, options: FitOptions, output: Path | None, quiet: bool) -> None:
    from descend.cli import show
    from descend.cli.reading import read_table
    from descend.files import writable
    from descend.report.terminal import make_console
    from descend.tables.prepare import prepare_table

    if output is not None:
        writable(output)  # now, not after the training
    table = read_table(data, quiet)
    path = writable(output or Path(f"{table.name}.descend"))
    prepared = prepare_table(table, options)
    console = make_console()
    if not quiet:
        show.prepared(console, prepared)

    from descend.tables.recipe import fit_prepared, network  # JAX starts here

    model = network(prepared)
    if not quiet:
        show.network(console, model)
    fitted = fit_prepared(prepared, model, verbose=0 if quiet else 1)
    if not quiet:
        show.training(console, fitted)
    fitted.save(path)
    show.test(console, fitted, quiet)
    show.saved(console, fitted, path, quiet)
