"""`descend report`: the sealed test opened, and the report on a fitted network written.

Of a file of agents the report is on these; they have no table and no test. Of a forecaster the
sealed part is the last one of its series.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from descend.cli.reading import reading_options
from descend.errors import DescendError

if TYPE_CHECKING:
    from descend.report.table.evidence import ReportOptions
    from descend.tables.recipe import FittedTable


@click.command("report")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="File for the report; its numbers go to a .json beside it.  [default: MODEL.html]",
)
@click.option("--test", metavar="FILE", help="Table of the test rows, where `fit` had --test.")
@click.option(
    "--group",
    metavar="COLUMN",
    help="Column of DATA; figures are also shown for each of its groups.",
)
@click.option(
    "--threshold",
    type=float,
    help="Probability from which the second of two classes is predicted.  [default: 0.5]",
)
@click.option(
    "--cost",
    type=float,
    nargs=2,
    metavar="FP FN",
    help="Costs of a false positive and a false negative, the second class being the positive one; "
    "they choose the threshold on the validation rows.",
)
@click.option(
    "--known-later",
    metavar="COLUMN",
    multiple=True,
    help="Column that is not known yet when predicting; repeatable.",
)
@click.option("--purpose", default="", help="Purpose of the network, for the report.")
@click.option(
    "--limitation",
    multiple=True,
    help="Limitation of the network that you know of, for the report; repeatable.",
)
@click.option(
    "--resamples",
    type=int,
    default=1000,
    show_default=True,
    help="Draws of the bootstrap intervals.",
)
@click.option(
    "--refits",
    type=int,
    default=0,
    metavar="N",
    help="Number of networks to train on resampled rows, for standard errors.  [default: 0]",
)
@click.option(
    "--episodes",
    type=int,
    default=100,
    show_default=True,
    help="Episodes that judge each agent, for a file of agents.",
)
@reading_options
@click.option("--quiet", "-q", is_flag=True, help="Print only the names of the files.")
@click.pass_context
def command(
    ctx: click.Context,
    model: Path,
    data: str | None,
    output: Path | None,
    test: str | None,
    episodes: int,
    quiet: bool,
    **settings: Any,
) -> None:
    """Open the test of MODEL, a file that `descend fit` saved, and write the report on it.

    DATA is the table it was fitted on. The same split is found again, and its test rows must be
    those of the seal in MODEL. The opening is written into MODEL before any figure is shown; a
    second opening says so.

    MODEL may also be a forecaster that `descend forecast` saved: then the last part of the series
    of DATA is opened. Or a file of agents, that `descend agent train` saved: then there is no DATA,
    and the agents play episodes that none has seen.

    \b
    descend report houses.descend houses.csv
    descend report loans.descend loans.csv --group region --cost 1 5 -o loans.html
    descend report flights.descend airpassengers
    descend report cart-pole.descend
    """
    from descend.cli.reading import READING, read_table
    from descend.report.page import report_files

    path = output or model.with_suffix(".html")
    report_files(path, (model, data, test))
    kind = _kind(model)
    if kind == "agents":
        _agents(ctx, model, path, episodes, quiet)
        return
    if ctx.get_parameter_source("episodes") is ParameterSource.COMMANDLINE:
        raise DescendError(f"--episodes judge agents, and {model} holds none")
    how = {name: settings.pop(name) for name in READING}
    if kind == "forecaster":
        from descend.cli.forecast_report import report_on

        words = f"{model} holds a forecaster, whose report is of dates and not of rows"
        _require_no_more(ctx, ("data", *READING), words)
        report_on(model, read_table(data, quiet, **how), path, quiet)
        return
    options = _options(**settings)
    table = read_table(data, quiet, **how)
    other = None
    if test is not None:
        plain = {name: value for name, value in how.items() if name not in ("sql", "db")}
        other = read_table(test, quiet, **plain)

    from descend.report.table.evidence import refuse
    from descend.report.table.write import table_report  # JAX starts here
    from descend.tables.recipe import calibrated
    from descend.tables.reopen import reopen

    def show(words: str) -> None:
        if not quiet:
            click.echo(f"{words} ...", err=True)

    fitted = reopen(model, table, other)
    if not fitted.finished:  # Ctrl-C came between training and calibration
        fitted = calibrated(fitted)
        fitted.save(model)
    refuse(fitted.prepared, options, other)  # what cannot be shown must not open the test
    fitted = _opened(fitted, model, other.source if other is not None else table.source)
    if fitted.seal.warning:
        click.echo(f"warning: {fitted.seal.warning}", err=True)
    files = table_report(fitted, path, options, test=other, show=show)
    if not quiet:
        _figures(fitted)
    for file in files:
        click.echo(str(file) if quiet else f"wrote {file}")


def _kind(model: Path) -> str:
    """What a file holds: "model", "agents", ...; raises CheckpointError."""
    from descend.train.saving import checkpoint  # JAX starts here

    return str(checkpoint.read(model)[0]["kind"])


def _agents(ctx: click.Context, file: Path, path: Path, episodes: int, quiet: bool) -> None:
    """Write the report on agents."""
    words = f"{file} holds agents, whose report is of episodes and not of a table"
    _require_no_more(ctx, ("episodes",), words)
    from descend.agents.loading import load_agents
    from descend.report.agents.write import agents_report

    def show(words: str) -> None:
        if not quiet:
            click.echo(f"{words} ...", err=True)

    for written in agents_report(load_agents(file), path, episodes=episodes, show=show):
        click.echo(str(written) if quiet else f"wrote {written}")


def _require_no_more(ctx: click.Context, taken: tuple[str, ...], words: str) -> None:
    """Raise DescendError for arguments that the report on this kind of file does not take."""
    own = ("model", "output", "quiet", *taken)
    others = [
        parameter.human_readable_name
        if isinstance(parameter, click.Argument)
        else parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in own
        and ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if others:
        raise DescendError(f"{words}: leave out {', '.join(others)}")


def _options(
    threshold: float | None,
    cost: tuple[float, float] | None,
    known_later: tuple[str, ...],
    limitation: tuple[str, ...],
    **settings: Any,
) -> ReportOptions:
    from descend.report.table.evidence import ReportOptions
    from descend.tables.judging.costs import Costs

    return ReportOptions(
        threshold=threshold,
        costs=Costs(*cost) if cost else None,
        known_later=known_later,
        limitations=limitation,
        **settings,
    )


def _opened(fitted: FittedTable, model: Path, source: str) -> FittedTable:
    """Score the test, and write that into the model file."""
    from dataclasses import replace

    from descend.tables.recipe import open_test
    from descend.tables.seal import record_opening

    opened = open_test(fitted)
    assert opened.scores is not None
    return replace(opened, seal=record_opening(model, opened.scores.figures, source=source))


def _figures(fitted: FittedTable) -> None:
    from descend.cli import show
    from descend.report.terminal import make_console

    console = make_console()
    show.test(console, fitted, quiet=True)
    show.sets(console, fitted)
