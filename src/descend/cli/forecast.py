"""`descend forecast`: from a table with dates to a forecast, tested on the last part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli.again import command_line
from descend.cli.fit import units
from descend.cli.reading import READING, reading_options

if TYPE_CHECKING:
    import pandas as pd

    from descend.forecasting.recipe import FittedSeries

NETWORKS = ("linear", "mlp", "nbeats", "rnn", "gru", "lstm", "tcn", "transformer")
COLUMNS = ("time", "target", "by", "known", "observed", "calendar", "frequency")
SHOWN = ("skill", "MASE", "sMAPE", "RMSE", "seconds")
MOST_SHOWN = 60  # forecasts that are printed; the file has all


@click.command("forecast")
@click.argument("data", required=False)
@reading_options
@click.option("--time", required=True, metavar="COLUMN", help="Column of the dates.")
@click.option("--target", required=True, metavar="COLUMN", help="Column to forecast.")
@click.option("--horizon", required=True, type=int, help="Steps ahead.")
@click.option("--by", metavar="COLUMN", help="Column that tells several series apart.")
@click.option(
    "--known",
    metavar="COLUMN",
    multiple=True,
    help="Column known in advance, also for the dates to come; repeatable.",
)
@click.option(
    "--observed",
    metavar="COLUMN",
    multiple=True,
    help="Column known up to the present; repeatable.",
)
@click.option("--calendar", is_flag=True, help="Let the network see month, weekday or hour.")
@click.option("--frequency", help="Frequency of the dates, such as MS or D.  [default: inferred]")
@click.option("--season", type=int, help="Steps of the season.  [default: by the frequency]")
@click.option(
    "--context", type=int, help="Steps of history that are seen.  [default: by the season]"
)
@click.option(
    "--network", type=click.Choice(NETWORKS), default="mlp", show_default=True, help="Network."
)
@click.option(
    "--hidden", callback=units, metavar="UNITS", help="Units of hidden layers, such as 64,64."
)
@click.option(
    "--loss",
    type=click.Choice(["absolute", "squared", "quantiles", "normal"]),
    default="quantiles",
    show_default=True,
    help="What is forecast: a median, a mean, quantiles, or a distribution.",
)
@click.option(
    "--level",
    "levels",
    type=float,
    multiple=True,
    help="Quantile to forecast; repeatable.  [default: .1, .5, .9]",
)
@click.option("--seeds", type=int, help="Networks that are averaged.  [default: 3]")
@click.option("--updates", type=int, help="Updates of each network.  [default: 1000]")
@click.option(
    "--origins",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    help="Earlier dates from which the last part is forecast, refitted at each; 0: no test.",
)
@click.option(
    "--step", type=click.IntRange(min=1), default=1, show_default=True, help="Steps between them."
)
@click.option(
    "--rivals",
    type=click.Choice(["auto", "quick", "all"]),
    default="auto",
    show_default=True,
    help="Classical methods beside: all, all but ETS and ARIMA, or those where all take long.",
)
@click.option("--sealed", is_flag=True, help="Leave the last part unopened, for `descend report`.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File for the forecaster.  [default: NAME.descend]",
)
@click.option(
    "--forecasts",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="File for the forecasts.  [default: NAME-forecast.csv]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="File for the report on the test; its numbers go to FILE.json.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only the test and the files.")
@click.pass_context
def command(
    ctx: click.Context,
    data: str | None,
    horizon: int,
    season: int | None,
    origins: int,
    step: int,
    rivals: str,
    sealed: bool,
    output: Path | None,
    forecasts: Path | None,
    report: Path | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Forecast what follows the series of DATA, and say how good such forecasts have been.

    DATA is a file (.csv, .tsv, .txt, .parquet, .dta, .xlsx, .jsonl) or a built-in table
    (airpassengers, macrodata, sunspots, etth1, m4_hourly). The last part of the series is put
    aside: it is forecast from the last --origins dates whose outcomes are known, by the network
    and by classical methods, trained anew at each on what was known there. Then the network is
    trained on all.

    \b
    descend forecast airpassengers --time month --target passengers --horizon 12
    descend forecast shops.csv --time day --target sold --by shop --known offer --horizon 14
    descend forecast sales.csv --time week --target sold --horizon 8 --report sales.html
    """
    from descend.cli.reading import read_table
    from descend.files import writable
    from descend.report.page import report_files

    if report is not None and sealed:
        raise click.UsageError("--report opens the last part, --sealed leaves it: choose one")
    if not origins and (sealed or report is not None):
        given = "--sealed" if sealed else "--report"
        raise click.UsageError(f"{given} needs a last part to test on: --origins above 0")
    if output is not None:
        writable(output, (data,), regular=True)  # now, not after the training
    if report is not None:
        report_files(report, (data,))
    table = read_table(data, quiet, **{name: chosen.pop(name) for name in READING})
    output = writable(output or Path(f"{table.name}.descend"), (data,), regular=True)
    forecasts = writable(forecasts or Path(f"{table.name}-forecast.csv"), (data, output))
    if forecasts == output:
        raise click.UsageError(f"-o and --forecasts are both to be {output}; give them two names")
    from descend.forecasting import Forecaster
    from descend.forecasting.recipe import fit_prepared, prepare_series

    columns = {name: chosen.pop(name) for name in COLUMNS}
    settings = {k: v for k, v in chosen.items() if v not in (None, ())}
    forecaster = Forecaster(horizon=horizon, season=season, **settings)
    how: dict[str, Any] = {"season": season, "origins": origins, "step": step, **columns}
    prepared = prepare_series(table, horizon, **how)
    if not quiet:
        for remark in prepared.panel.remarks:
            click.echo(f"note: {remark}", err=True)
    fitted = fit_prepared(
        prepared,
        forecaster,
        rivals=rivals,
        sealed=sealed,
        verbose=0 if quiet else 1,
        command=command_line(ctx),
    )
    fitted.save(output)  # it records the opening: only then are its figures shown
    judged(fitted, quiet)
    ahead = fitted.predict()
    _write(ahead, forecasts, quiet)
    if not quiet:
        _show(ahead.head(MOST_SHOWN))
        if len(ahead) > MOST_SHOWN:
            click.echo(f"... and {len(ahead) - MOST_SHOWN:,} more in {forecasts}")
    click.echo(f"saved the forecaster to {output}, {len(ahead):,} forecasts to {forecasts}")
    if sealed:
        again = f"descend report {output} {data or 'TABLE'}"
        click.echo(f"the last part, behind {fitted.trained_before}, is sealed; {again} opens it")
    if report is not None:
        write_report(fitted, report, quiet)


def judged(fitted: FittedSeries, quiet: bool) -> None:
    """Show the figures of the last part; nothing where it is sealed."""
    test = fitted.test
    if test is None:
        return
    table = test.table()
    frame = table[[name for name in SHOWN if name in table.columns]].reset_index()
    origins = len(test.histories.moments)
    click.echo(
        f"forecasts from {origins} earlier dates, 1 to {fitted.prepared.horizon} steps ahead:"
    )
    _show(frame)
    if not quiet:
        for remark in fitted.remarks:
            click.echo(f"note: {remark}", err=True)


def write_report(fitted: FittedSeries, path: Path, quiet: bool) -> None:
    """Write the page and its JSON, and say where."""
    from descend.report.forecast.write import forecast_report

    def show(words: str) -> None:
        if not quiet:
            click.echo(f"{words} ...", err=True)

    for file in forecast_report(fitted, path, show=show):
        click.echo(str(file) if quiet else f"wrote {file}")


def _show(frame: pd.DataFrame) -> None:
    from descend.visible import visible

    click.echo(visible(frame.to_string(index=False, float_format=lambda v: f"{v:.4g}")))


def _write(ahead: pd.DataFrame, path: Path, quiet: bool) -> None:
    from descend.cells import frame_as_text, remark
    from descend.files import write_atomically

    marked, changed = frame_as_text(ahead)
    text = marked.to_csv(index=False, float_format="%.7g", lineterminator="\n")
    write_atomically(path, text.encode())
    if changed and not quiet:
        click.echo(f"note: {remark(changed)}", err=True)
