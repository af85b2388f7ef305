"""`descend fit`: from a table to a tested network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from descend.cli.again import command_line
from descend.cli.reading import READING, reading_options

if TYPE_CHECKING:
    from descend.tables.options import FitOptions


def units(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """ "64,64" -> (64, 64); "none" -> (), a linear model; None stays."""
    if value is None:
        return None
    if value.strip().lower() in ("none", "0", ""):
        return ()
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", value):
        raise click.BadParameter(
            f"expected whole numbers divided by commas, such as 64,64, or none; got {value!r}"
        )
    return tuple(int(part) for part in value.split(","))


@click.command("fit")
@click.argument("data", required=False)
@reading_options
@click.option("--test", metavar="FILE", help="Table of the test rows, in place of a share of DATA.")
@click.option(
    "--target",
    metavar="COLUMN",
    multiple=True,
    help="Column to predict; repeatable, if all are numbers.  [default: the last one]",
)
@click.option("--formula", help="Target and inputs as 'default ~ income + C(region) + income:age'.")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression", "count", "share", "quantile", "censored"]),
    help="Kind of prediction.  [default: what the target suggests]",
)
@click.option(
    "--level",
    "levels",
    type=float,
    multiple=True,
    help="Quantile to predict, with --task quantile; repeatable.  [default: .05, .5, .95]",
)
@click.option("--drop", metavar="COLUMN", multiple=True, help="Column to leave out; repeatable.")
@click.option(
    "--kind",
    "kinds",
    metavar="COLUMN=KIND",
    multiple=True,
    help="Kind of a column, where its values suggest another: number, boolean, category, ordered, "
    "date or text; repeatable.",
)
@click.option(
    "--text",
    metavar="COLUMN",
    multiple=True,
    help="Column of free text to predict from; repeatable.  [default: none, unless there is "
    "nothing else]",
)
@click.option(
    "--na",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Value that counts as missing, such as income=-9999, in `predict` too; repeatable.",
)
@click.option("--weight", metavar="COLUMN", help="Column of row weights.")
@click.option(
    "--group",
    metavar="COLUMN",
    help="Column of groups, each of which stays in one part of the split.",
)
@click.option(
    "--time", metavar="COLUMN", help="Column of times: validation and test take the latest rows."
)
@click.option("--gap", help="Time to leave out before each later part, with --time, as '30 days'.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File for the network.  [default: NAME.descend]",
)
@click.option(
    "--recipe",
    type=click.Choice(["realmlp", "mlp"]),
    default="realmlp",
    show_default=True,
    help="Network: a recent one for tables, or the multilayer perceptron of the lectures.",
)
@click.option(
    "--hidden",
    callback=units,
    metavar="UNITS",
    help="Units of hidden layers, such as 64,64; none: a linear model.  [default: the recipe's]",
)
@click.option(
    "--search",
    "trials",
    type=int,
    metavar="N",
    help="Number of networks with other options to train first; the options that do best on the "
    "validation rows are used.",
)
@click.option(
    "--search-method",
    type=click.Choice(["random", "halving"]),
    default="random",
    show_default=True,
    help="Method of --search: train every network to the end, or drop the worse half at three "
    "points on the way.",
)
@click.option(
    "--ablate",
    is_flag=True,
    help="Also train without each column in turn, to see what it is worth.",
)
@click.option("--activation", help="Activation of the hidden layers.  [default: the recipe's]")
@click.option(
    "--members",
    type=int,
    help="Number of networks to average, which share weights.  [default: the recipe's]",
)
@click.option(
    "--epochs", type=int, help="Passes over the training rows, at most.  [default: the recipe's]"
)
@click.option(
    "--patience",
    type=int,
    help="Epochs without a better validation cost before training stops.  [default: the recipe's]",
)
@click.option("--batch-size", type=int, help="Rows per update.  [default: by the number of rows]")
@click.option("--optimizer", help="Update rule.  [default: the recipe's]")
@click.option("--learning-rate", type=float, help="Step size.  [default: the recipe's]")
@click.option(
    "--dropout",
    type=float,
    help="Share of hidden units left out of each update.  [default: the recipe's]",
)
@click.option(
    "--l2",
    type=float,
    default=0.0,
    help="Strength of the penalty on squared weights.  [default: 0]",
)
@click.option(
    "--validation-share",
    type=float,
    default=0.2,
    show_default=True,
    help="Share of rows that choose the best epoch.",
)
@click.option(
    "--test-share", type=float, default=0.2, show_default=True, help="Share of rows for the test."
)
@click.option("--sealed", is_flag=True, help="Leave the test rows unopened, for `descend report`.")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed of split, weights, batches and dropout.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="File for the report on the test; its numbers go to FILE.json.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only the test result and the files.")
@click.pass_context
def command(
    ctx: click.Context,
    data: str | None,
    test: str | None,
    output: Path | None,
    report: Path | None,
    trials: int | None,
    search_method: str,
    ablate: bool,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Train a network on DATA, test it once on rows it never saw, and save it.

    DATA is a built-in table (iris, digits, wine, breast_cancer, diabetes, fair, randhie) or a file
    (.csv, .tsv, .txt, .parquet, .dta, .xlsx, .jsonl); with --sql and --db, the answer of a
    database.

    \b
    descend fit iris
    descend fit houses.csv --target price --drop id -o houses.descend
    descend fit loans.dta --formula "default ~ income + C(region)" --time granted
    """
    # imported here: `descend fit --help` needs none of it
    from descend.tables.describe import parse_kinds, parse_na
    from descend.tables.options import FitOptions

    reading = {name: chosen.pop(name) for name in READING}
    target = chosen.pop("target")
    chosen["target"] = target[0] if len(target) == 1 else (target or None)
    chosen["levels"] = chosen["levels"] or FitOptions.levels
    chosen["kinds"] = parse_kinds(chosen["kinds"])
    chosen["na"] = parse_na(chosen["na"])
    options = FitOptions(**chosen)
    if trials is None and ctx.get_parameter_source("search_method") is not ParameterSource.DEFAULT:
        raise click.UsageError("--search-method needs --search N")
    if trials is not None and trials < 1:
        raise click.UsageError(f"--search must be at least 1, got {trials}")
    if report is not None and options.sealed:
        raise click.UsageError("--report opens the test, --sealed leaves it closed: choose one")
    searched = None if trials is None else (trials, search_method)
    _fit(data, reading, test, options, output, report, searched, ablate, quiet, command_line(ctx))


def _fit(
    data: str | None,
    reading: dict[str, Any],
    test: str | None,
    options: FitOptions,
    output: Path | None,
    report: Path | None,
    searched: tuple[int, str] | None,
    ablate: bool,
    quiet: bool,
    again: str,
) -> None:
    from descend.cli import show
    from descend.cli.reading import read_table
    from descend.files import writable
    from descend.report.page import report_files
    from descend.report.terminal import make_console
    from descend.tables.prepare import prepare_table

    if output is not None:
        writable(output, (data, test), regular=True)  # now, not after the training
    if report is not None:
        report_files(report, (data, test))
    table = read_table(data, quiet, **reading)
    other = None if test is None else read_table(test, quiet)
    path = writable(output or Path(f"{table.name}.descend"), (data, test), regular=True)
    prepared = prepare_table(table, options, other)
    console = make_console()
    if not quiet:
        show.prepared(console, prepared)

    from descend.tables.recipe import fit_prepared, untrained  # JAX starts here

    def tell(words: str) -> None:
        if not quiet:
            click.echo(f"{words} ...", err=True)

    result = None
    if searched is not None:
        from descend.tables.choosing.search import search

        trials, method = searched
        result = search(prepared, trials=trials, method=method, show=tell)
        prepared = result.prepared
        if not quiet:
            show.search(console, result)
    without = None
    if ablate:
        from descend.tables.choosing.ablation import ablate as left_out

        without = left_out(prepared, show=tell)
        if not quiet:
            show.ablation(console, without)
    model = untrained(prepared)
    if not quiet:
        show.network(console, model)
    fitted = fit_prepared(
        prepared,
        model,
        verbose=0 if quiet else 1,
        command=again,
        search=None if result is None else result.to_json(),
        ablation=None if without is None else without.to_json(),
        path=path,
    )
    if not quiet:
        show.training(console, fitted)
    show.test(console, fitted, quiet)
    if not quiet:
        show.checks(console, fitted, report is not None)
    show.saved(console, fitted, path, data, quiet)
    if report is not None:
        from descend.report.table.write import table_report

        files = table_report(fitted, report, command=again, test=other, show=tell)
        for file in files:
            console.print(str(file) if quiet else f"report   {file}", soft_wrap=True)
