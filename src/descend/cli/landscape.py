"""`descend landscape`: the cost around a saved network's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from descend.cli.reading import reading_options


@click.command("landscape")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File for the picture, .png, .svg or .pdf; or for its numbers, .csv.  "
    "[default: MODEL-landscape.png]",
)
@click.option(
    "--line", is_flag=True, help="Draw the cost along one direction, not over a plane of two."
)
@click.option(
    "--points", type=int, default=41, show_default=True, help="Points along each direction."
)
@click.option(
    "--span",
    type=float,
    default=1.0,
    show_default=True,
    help="Distance to go each way; at 1 the change of a unit's weights is as long as they are.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the directions.")
@click.option(
    "--target",
    metavar="COLUMN",
    multiple=True,
    help="Column to predict, for a network saved from Python; repeatable.  [default: the last one]",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="Print only the name of the file.")
def command(
    model: Path,
    data: str | None,
    output: Path | None,
    line: bool,
    points: int,
    span: float,
    seed: int,
    target: tuple[str, ...],
    quiet: bool,
    **reading: Any,
) -> None:
    """Draw the cost of the network in MODEL on DATA, around the weights that it has.

    Random directions are made as long as the weights, filter by filter (Li et al. 2018). MODEL is a
    file that `descend fit` or `Model.save` wrote.

    \b
    descend landscape iris.descend iris
    descend landscape iris.descend iris --line --points 201 -o line.csv
    """
    from descend.cli.figures import picture_path, save_figure
    from descend.cli.model_rows import model_rows
    from descend.cli.reading import read_table
    from descend.files import writable, write_atomically
    from descend.train.saving.checkpoint import read

    numbers = output is not None and output.suffix.lower() == ".csv"
    path = output or model.with_name(f"{model.stem}-landscape.png")
    path = writable(path, (model, data)) if numbers else picture_path(path, (model, data))
    read(model)  # a wrong file is found before the data are read
    table = read_table(data, quiet, **reading)
    every = tuple(range(len(table.frame)))
    network, x, y = model_rows(model, table.frame, table.source, every, target)
    from descend.glass.landscapes import landscape

    surface = landscape(
        network, x, y, dimensions=1 if line else 2, points=points, span=span, seed=seed
    )
    if numbers:
        content = surface.to_frame().to_csv(index=False, float_format="%.7g", lineterminator="\n")
        write_atomically(path, content.encode())
    else:
        save_figure(surface.plot().figure, path)
    if quiet:
        click.echo(str(path))
        return
    centre = float(network.evaluate(x, y, verbose=0, return_dict=True)["loss"])
    click.echo(f"cost here {centre:.5g}; {surface}\nwrote {path}")
