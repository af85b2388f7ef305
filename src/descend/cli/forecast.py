"""`descend forecast`: from a table with dates to a forecast, judged on earlier dates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli.fit import units
from descend.cli.reading import READING, reading_options

if TYPE_CHECKING:
    import pandas as pd

NETWORKS = ("linear", "mlp", "nbeats", "rnn", "gru", "lstm", "tcn", "transformer")
SHOWN = ("skill", "MASE", "sMAPE", "RMSE", "seconds")


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
    type=int,
    default=12,
    show_default=True,
    help="Earlier dates from which forecasts are judged, refitted at each; 0: none.",
)
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
@click.option("--quiet", "-q", is_flag=True, help="Print only the judgement and the files.")
def command(
    data: str | None,
    horizon: int,
    season: int | None,
    origins: int,
    output: Path | None,
    forecasts: Path | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Forecast what follows the series of DATA, and say how good such forecasts have been.

    DATA is a file (.csv, .tsv, .txt, .parquet, .dta, .xlsx, .jsonl) or a built-in table
    (airpassengers, macrodata, sunspots, etth1, m4_hourly). The network is judged on the last
    --origins dates whose outcomes are known: trained anew at each on what was known there, beside
    a linear forecaster, an autoregression and the naive forecasts. Then it is trained on all.

    \b
    descend forecast airpassengers --time month --target passengers --horizon 12
    descend forecast shops.csv --time day --target sold --by shop --known offer --horizon 14
    """
    from descend.cli.reading import read_table
    from descend.files import writable

    table = read_table(data, quiet, **{name: chosen.pop(name) for name in READING})
    output = writable(output or Path(f"{table.name}.descend"), (data,), regular=True)
    forecasts = writable(forecasts or Path(f"{table.name}-forecast.csv"), (data, output))
    from descend.forecasting import Forecaster
    from descend.forecasting.panel import panel

    names = ("time", "target", "by", "known", "observed", "calendar", "frequency")
    columns = {name: chosen.pop(name) for name in names}
    settings = {k: v for k, v in chosen.items() if v not in (None, ())}
    forecaster = Forecaster(horizon=horizon, season=season, **settings)
    series = panel(table.frame, season=season, **columns)
    if not quiet:
        for remark in series.remarks:
            click.echo(f"note: {remark}", err=True)
    if origins:
        _judge(forecaster, series, origins, quiet)
    fitted = forecaster.fit(table.frame, verbose=0 if quiet else 1, **columns)
    ahead = fitted.predict()
    fitted.save(output)
    _write(ahead, forecasts, quiet)
    if not quiet:
        _show(ahead)
    click.echo(f"saved the forecaster to {output}, {len(ahead):,} forecasts to {forecasts}")


def _judge(forecaster: Any, series: Any, origins: int, quiet: bool) -> None:
    from descend.forecasting import AR, LinearForecaster, backtest

    methods = [forecaster, LinearForecaster(season=forecaster.season), AR()]
    found = backtest(methods, series, origins=origins, verbose=0 if quiet else 1)
    table = found.table()
    frame = table[[name for name in SHOWN if name in table.columns]].reset_index()
    click.echo(f"forecasts from {origins} earlier dates, 1 to {forecaster.horizon} steps ahead:")
    _show(frame)


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
