"""From a table to a forecaster that is tested once, on the last part of its series.

Stages, each a function that a caller may use alone: `prepare_series` puts the last part aside and
seals it, `open_last_part` goes back to each of its origins and judges what is forecast from there,
`fit_prepared` does that and trains the forecaster, `FittedSeries.save` writes it; `fit_series` does
all but the writing.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import time as clocks
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from descend.data.table import Table
from descend.described import conforms
from descend.errors import DataError, DescendError
from descend.forecasting import dates
from descend.forecasting.backtested import Backtest
from descend.forecasting.backtesting import LEVELS, backtest
from descend.forecasting.beside import rivals_of
from descend.forecasting.forecaster import Forecaster
from descend.forecasting.method import Method
from descend.forecasting.prepare import PreparedSeries, before_last_part, prepare_series
from descend.forecasting.saving import understood
from descend.tables.seal import EXTRA, Seal, read_seal, require_same_rows
from descend.train.saving import checkpoint

FORMAT = 1
SERIES = "series"  # where a file keeps what `FittedSeries.describe` says
NO_FIGURES = ("seeds", "seconds", "MASE least", "MASE most")  # of a row of `Backtest.table`
COLUMNS = ("time", "target", "by", "known", "observed", "frequency", "calendar")
_PACKAGES = ("descend", "jax", "numpy", "pandas", "scikit-learn", "statsmodels")


class Described(TypedDict):
    """What a file says of the series."""

    format: int
    columns: dict[str, Any]
    horizon: int
    season: int
    origins: int
    step: int
    trained_before: str
    rivals: str
    seconds: float
    data: dict[str, Any]
    command: str | None
    when: str
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class FittedSeries:
    """A forecaster that was trained on the series of a table, and its test on their last part.

    Attributes:
        prepared: the series, and the part that was put aside.
        forecaster: trained on all of the series; on what came before the last part where that is
            sealed.
        test: forecasts from each origin of the last part, beside its rivals'; None while it is
            sealed.
        seal: seal of the last part, with each opening; None where there is none.
        trained_before: the first origin, where the training saw nothing behind it; else "".
        rivals: which methods stand beside, as `open_last_part` takes them.
        remarks: list of what was said of the rivals.
        seconds: time that the training took, compilation included.
        command: the command line that asked for it; None from Python.

    Raises:
        DescendError: `save` to a place that cannot be written.

    Source: Tashman (2000), "Out-of-sample tests of forecasting accuracy"; scheidegger-2020,
    "RECIPE FOR USING MLP (IV)".

    Example:
        >>> import numpy as np, pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.forecasting import Forecaster, fit_series
        >>> month = pd.date_range("2015-01", periods=60, freq="MS")
        >>> table = load_frame(pd.DataFrame({"month": month, "sold": np.arange(60.0) % 12}))
        >>> how = Forecaster(horizon=2, network="linear", updates=50, seeds=1)
        >>> fitted = fit_series(table, how, time="month", target="sold", origins=6, rivals="quick")
        >>> fitted.test.naive, fitted.seal.rows, len(fitted.seal.openings)
        ('SeasonalNaive', 7, 1)
    """

    prepared: PreparedSeries
    forecaster: Forecaster
    test: Backtest | None
    seal: Seal | None
    trained_before: str = ""
    rivals: str | Sequence[Method] = "auto"
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0
    command: str | None = None

    def predict(self) -> pd.DataFrame:
        """Forecast the dates that follow the table, see `Forecaster.predict`."""
        return self.forecaster.predict(self.prepared.panel)

    def describe(self) -> Described:
        """What is saved beside the weights, in JSON."""
        prepared, table = self.prepared, self.prepared.table
        return {
            "format": FORMAT,
            "columns": prepared.columns,
            "horizon": prepared.horizon,
            "season": prepared.panel.season,
            "origins": prepared.origins,
            "step": prepared.step,
            "trained_before": self.trained_before,
            "rivals": self.rivals if isinstance(self.rivals, str) else "auto",
            "seconds": self.seconds,
            "data": {
                "source": table.source,
                "sha256": table.digest,
                "rows": len(table.frame),
                "columns": [str(c) for c in table.frame.columns],
            },
            "command": self.command,
            "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
        }

    def save(self, path: str | Path) -> None:
        """Write forecaster, test and seal to one file, atomically.

        `Forecaster.load` and `reopen_series` read it.

        Args:
            path: file, conventionally `*.descend`.

        Raises:
            DescendError: the file cannot be written.
        """
        extra: dict[str, Any] = {SERIES: self.describe()}
        if self.seal is not None:
            extra[EXTRA] = self.seal.to_json()
        self.forecaster.save(path, extra)


# -- the test ------------------------------------------------------------------------------------


def open_last_part(
    fitted: FittedSeries, rivals: str | Sequence[Method] | None = None, *, verbose: int = 0
) -> FittedSeries:
    """Open the last part: forecast it from each of its origins, and write that into its seal.

    At each origin the forecaster and its rivals are trained anew, on what was known there.

    Args:
        fitted: FittedSeries whose last part is sealed; one that was opened is opened once more.
        rivals: "all", "quick" (without ETS and ARIMA), "auto" (quick where all take long), or a
            list of methods; by default as it was fitted.
        verbose: 1 for bars.

    Returns:
        The FittedSeries with `test`, and a seal with one more opening. A file is not touched: call
        `save` again.

    Raises:
        DescendError: there is no last part, since `origins` was 0.

    Source: Tashman (2000), "Out-of-sample tests of forecasting accuracy".

    Example:
        >>> import numpy as np, pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.forecasting import Forecaster, fit_series, open_last_part
        >>> month = pd.date_range("2015-01", periods=60, freq="MS")
        >>> table = load_frame(pd.DataFrame({"month": month, "sold": np.arange(60.0) % 12}))
        >>> how = Forecaster(horizon=2, network="linear", updates=50, seeds=1)
        >>> fitted = fit_series(
        ...     table, how, time="month", target="sold", origins=6, sealed=True
        ... )
        >>> opened = open_last_part(fitted, rivals="quick")
        >>> fitted.test, len(fitted.seal.openings), len(opened.seal.openings)
        (None, 0, 1)
    """
    prepared = fitted.prepared
    if prepared.histories is None or fitted.seal is None:
        raise DescendError(
            "no part of the series was put aside for a test; fit them with origins= above 0"
        )
    beside, remarks = rivals_of(prepared, fitted.rivals if rivals is None else rivals)
    test = backtest(
        [fitted.forecaster, *beside],
        prepared.panel,
        horizon=prepared.horizon,
        origins=prepared.origins,
        step=prepared.step,
        levels=_judged_levels(fitted.forecaster),
        verbose=verbose,
    )
    row = test.table().to_dict("index")[fitted.forecaster.name]
    figures = {str(n): float(v) for n, v in row.items() if n not in NO_FIGURES}
    seal = fitted.seal.open(figures, source=prepared.table.source)
    return replace(fitted, test=test, seal=seal, remarks=tuple(remarks))


def _judged_levels(forecaster: Forecaster) -> tuple[float, ...]:
    """The quantiles that it gives; where it gives none, those of the rivals alone."""
    return forecaster.levels if forecaster.loss in ("quantiles", "normal") else LEVELS


# -- all in a row --------------------------------------------------------------------------------


def fit_prepared(
    prepared: PreparedSeries,
    forecaster: Forecaster,
    *,
    rivals: str | Sequence[Method] = "auto",
    sealed: bool = False,
    verbose: int = 0,
    command: str | None = None,
) -> FittedSeries:
    """Test on the last part, then train on all; or leave it sealed, and train on the rest.

    Args:
        prepared: what `prepare_series` gave.
        forecaster: the settings.
        rivals: as in `open_last_part`.
        sealed: whether the last part is left unopened.
        verbose: 1 for bars, or ten lines where the output is no terminal.
        command: what the file keeps of it.

    Raises:
        DataError: a series that is too short.
        DescendError: training diverged; `sealed` without a last part.
    """
    if forecaster.horizon != prepared.horizon:
        raise DescendError(
            f"the series are prepared for {prepared.horizon} steps ahead, and the forecaster is "
            f"made for {forecaster.horizon}"
        )
    fitted = FittedSeries(prepared, forecaster, None, prepared.seal, rivals=rivals, command=command)
    columns = {name: prepared.columns[name] for name in COLUMNS}
    if sealed:
        if prepared.sealed_from is None:
            raise DescendError("sealed leaves a last part unopened, and origins=0 puts none aside")
        frame, before = before_last_part(prepared), dates.shown(prepared.sealed_from)
    else:
        frame, before = prepared.table.frame, ""
        if prepared.origins:
            fitted = open_last_part(fitted, verbose=verbose)
    began = clocks.perf_counter()
    trained = forecaster.fit(frame, verbose=verbose, **columns)
    seconds = clocks.perf_counter() - began
    return replace(fitted, forecaster=trained, trained_before=before, seconds=seconds)


def fit_series(
    table: Table,
    forecaster: Forecaster,
    *,
    time: str,
    target: str,
    by: str | None = None,
    known: Sequence[str] = (),
    observed: Sequence[str] = (),
    frequency: str | None = None,
    calendar: bool | Sequence[str] = (),
    origins: int = 12,
    step: int = 1,
    rivals: str | Sequence[Method] = "auto",
    sealed: bool = False,
    verbose: int = 0,
) -> FittedSeries:
    """All of the recipe: the last part put aside, the test on it, the training on everything.

    Args:
        table: Table of the rows (`descend.data.sources.load`, `descend.data.frames.load_frame`).
        forecaster: the settings of the network.
        time: column of the dates.
        target: column to forecast.
        by: column that tells the series apart.
        known: columns known in advance, also for the dates to come (rows without a target).
        observed: columns known up to the present only.
        frequency: pandas' alias of the frequency; inferred by default.
        calendar: True for the calendar's usual features, or names of them.
        origins: dates from which the last part is forecast; 0: no test.
        step: steps between two of them.
        rivals: "all", "quick" (without ETS and ARIMA), "auto" (quick where all take long), or a
            list of methods.
        sealed: whether the last part is left unopened; then it is not trained on either.
        verbose: 1 for bars, or ten lines where the output is no terminal.

    Returns:
        The FittedSeries: forecaster, test, and the seal of the last part.

    Raises:
        DataError: a table that cannot be used, a series that is too short.
        DescendError: training diverged; `sealed` with `origins=0`.

    Source: Tashman (2000), "Out-of-sample tests of forecasting accuracy".

    Example:
        >>> import numpy as np, pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.forecasting import Forecaster, fit_series
        >>> month = pd.date_range("2015-01", periods=60, freq="MS")
        >>> table = load_frame(pd.DataFrame({"month": month, "sold": np.arange(60.0) % 12}))
        >>> how = Forecaster(horizon=2, network="linear", updates=50, seeds=1)
        >>> fitted = fit_series(
        ...     table, how, time="month", target="sold", origins=6, sealed=True
        ... )
        >>> fitted.test is None, fitted.trained_before, fitted.predict()["month"].iloc[0].year
        (True, '2019-05-01', 2020)
    """
    prepared = prepare_series(
        table,
        forecaster.horizon,
        time=time,
        target=target,
        by=by,
        known=known,
        observed=observed,
        frequency=frequency,
        calendar=calendar,
        season=forecaster.season,
        origins=origins,
        step=step,
    )
    return fit_prepared(prepared, forecaster, rivals=rivals, sealed=sealed, verbose=verbose)


def reopen_series(path: str | Path, table: Table) -> FittedSeries:
    """What `FittedSeries.save` wrote, with the table; its last part must be that of the seal.

    Nothing is judged: `test` is None, `open_last_part` opens the last part.

    Args:
        path: the file.
        table: the table that the forecaster was fitted on.

    Raises:
        CheckpointError: the file is damaged, or holds no seal.
        DataError: another table; the message says what differs.
    """
    path = Path(path)
    forecaster, seal = Forecaster.load(path), read_seal(path)
    described = checkpoint.read(path)[0]["extra"].get(SERIES)
    with understood(path):
        conforms(described, Described, "its series")
    lacking = set(described["data"]["columns"]) - {str(c) for c in table.frame.columns}
    if lacking:
        raise DataError(
            f"{table.source} is not the table that {path} was fitted on "
            f"({described['data']['source']}): it lacks {', '.join(map(repr, sorted(lacking)))}"
        )
    prepared = prepare_series(
        table,
        described["horizon"],
        **described["columns"],
        season=described["season"],
        origins=described["origins"],
        step=described["step"],
    )
    assert prepared.seal is not None
    require_same_rows(path, seal, prepared.seal, table, described)
    return FittedSeries(
        prepared,
        forecaster,
        None,
        seal,
        described["trained_before"],
        described["rivals"],
        seconds=described["seconds"],
        command=described["command"],
    )
