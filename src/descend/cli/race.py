"""`descend race`: update rules against each other on a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from descend.cli.fit import units
from descend.cli.reading import READING, reading_options


def numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """ "0.01,0.1" -> (0.01, 0.1); "own" -> None."""
    if value is None or value.strip().lower() == "own":
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"expected numbers divided by commas, such as 0.01,0.1, or own; got {value!r}"
        ) from None


@click.command("race")
@click.argument("data", required=False)
@click.option("--target", metavar="COLUMN", help="Column to predict.  [default: the last one]")
@click.option("--drop", metavar="COLUMN", multiple=True, help="Column to leave out; repeatable.")
@click.option(
    "--optimizer",
    "rules",
    metavar="NAME",
    multiple=True,
    help="Update rule; repeatable.  [default: sgd, momentum, nesterov, adagrad, rmsprop, adam]",
)
@click.option(
    "--rates",
    callback=numbers,
    default="0.001,0.003,0.01,0.03,0.1,0.3,1",
    show_default=True,
    help="Learning rates that every rule tries; 'own': each rule at its own default.",
)
@click.option(
    "--hidden",
    callback=units,
    default="64,64",
    show_default=True,
    help="Units of the hidden layers.",
)
@click.option(
    "--activation", default="relu", show_default=True, help="Activation of the hidden layers."
)
@click.option(
    "--epochs", type=int, default=30, show_default=True, help="Passes over the training rows."
)
@click.option("--batch-size", type=int, help="Rows per update.  [default: by the number of rows]")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of split, weights and batches."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="File for the curves: .png, .svg or .pdf.  [default: NAME-race.png]",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="Print only the table.")
def command(
    data: str | None,
    target: str | None,
    drop: tuple[str, ...],
    rules: tuple[str, ...],
    rates: tuple[float, ...] | None,
    epochs: int,
    output: Path | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Let update rules race on DATA: the lectures' network, the same weights, the same batches.

    Every rule runs at every rate, all as one compiled program, and stands in the table at its best.
    The cost is that of validation rows; the test rows stay closed.

    \b
    descend race iris
    descend race houses.csv --target price --optimizer sgd --optimizer adam --rates 0.01,0.1
    """
    from descend.cli.figures import picture_path, save_figure
    from descend.cli.reading import read_table
    from descend.tables.options import FitOptions
    from descend.tables.prepare import prepare_table

    reading = {name: chosen.pop(name) for name in READING}
    if output is not None:
        picture_path(output)
    options = FitOptions(recipe="mlp", target=target, drop=drop, epochs=epochs, **chosen)
    table = read_table(data, quiet, **reading)
    path = picture_path(output or Path(f"{table.name}-race.png"))
    prepared = prepare_table(table, options)
    from descend.glass.racing import FIELD, race
    from descend.tables.network import batch_size, compile_for
    from descend.tables.recipe import untrained

    model = untrained(prepared)
    train = prepared.part(prepared.split.train)
    validation = prepared.part(prepared.split.validation)
    compile_for(model, prepared.target.head, options, len(train.y))
    result = race(
        model,
        train.x.inputs(),
        train.y,
        rules or FIELD,
        rates=rates,
        epochs=epochs,
        batch_size=batch_size(len(train.y), options),
        validation_data=(validation.x.inputs(), validation.y),
        seed=options.seed,
        verbose=0 if quiet else 1,
    )
    click.echo(str(result))
    save_figure(result.plot(), path)
    if not quiet:
        click.echo(f"wrote {path}", err=True)
