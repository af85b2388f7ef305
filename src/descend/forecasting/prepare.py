"""The series of a table, and their last part put aside for the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from descend.data.table import Table
from descend.forecasting import dates
from descend.forecasting.calendar import names_of
from descend.forecasting.histories import Histories, growing
from descend.forecasting.panel import Panel, panel
from descend.tables.seal import Seal


@dataclass(frozen=True, eq=False)
class PreparedSeries:
    """A table's series, with their last part put aside.

    Attributes:
        table: where they come from.
        columns: arguments of `Forecaster.fit` that name columns.
        panel: all of the series.
        horizon: steps ahead.
        step: steps between two origins.
        histories: what is known at each origin; None where there is no last part.
        seal: seal of the last part, unopened: the rows behind the first origin.
    """

    table: Table
    columns: dict[str, Any]
    panel: Panel
    horizon: int
    step: int
    histories: Histories | None
    seal: Seal | None

    @property
    def origins(self) -> int:
        """Origins from which the last part is forecast; 0 for no last part."""
        return 0 if self.histories is None else len(self.histories.moments)

    @property
    def sealed_from(self) -> np.generic | None:
        """The first origin: what lies behind it is sealed."""
        return None if self.histories is None else self.histories.moments[0]


def prepare_series(
    table: Table,
    horizon: int,
    *,
    time: str,
    target: str,
    by: str | None = None,
    known: Sequence[str] = (),
    observed: Sequence[str] = (),
    frequency: str | None = None,
    calendar: bool | Sequence[str] = (),
    season: int | None = None,
    origins: int = 12,
    step: int = 1,
) -> PreparedSeries:
    """Read the series of a table, and seal their last part.

    Args:
        table: Table of the rows (`descend.data.sources.load`, `descend.data.frames.load_frame`).
        horizon: steps ahead.
        time, target, by, known, observed, frequency, calendar: as in `Forecaster.fit`.
        season: steps of the season; by default the frequency's.
        origins: how many; the last whose outcomes are all there. 0: no part is put aside.
        step: steps between two origins.

    Raises:
        DataError: a table that cannot be used; too few rows for the origins.
    """
    columns: dict[str, Any] = {
        "time": time,
        "target": target,
        "by": by,
        "known": list(known),
        "observed": list(observed),
        "frequency": frequency,
        "calendar": calendar if isinstance(calendar, bool) else list(calendar),
    }
    series = panel(table.frame, season=season, **columns)
    # tables that are cut, or shorter, are read alike
    columns |= {"frequency": series.frequency or None, "calendar": list(series.calendar)}
    found = growing(series, horizon, origins, step) if origins else None
    seal = None if found is None else Seal.of(*_behind(series, found.moments[0]))
    return PreparedSeries(table, columns, series, horizon, step, found, seal)


def _behind(series: Panel, moment: np.generic) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows behind a date, up to each series' last value: what is known beside, and the target.

    By the panel and not by the table, so that the order of its rows does not matter; without
    features of the calendar, which are functions of the date.
    """
    own = len(series.known_names) - len(names_of(series.calendar))
    places = np.arange(len(series.values))
    of = np.repeat(np.arange(len(series)), np.diff(series.starts))
    last = series.starts[:-1] + series.lengths
    rows = np.flatnonzero((series.times > moment) & (places < last[of]))
    time, _, by = series.columns
    columns: dict[str, Any] = {time: series.times[rows]}
    if by:
        columns[by] = np.asarray(series.names, object)[of[rows]]
    columns |= {n: series.known[rows, i] for i, n in enumerate(series.known_names[:own])}
    columns |= {n: series.observed[rows, i] for i, n in enumerate(series.observed_names)}
    return pd.DataFrame(columns), series.values[rows]


def before_last_part(prepared: PreparedSeries) -> pd.DataFrame:
    """The table as it was at the first origin: nothing behind it but what is known in advance."""
    columns, frame = prepared.columns, prepared.table.frame
    frame = frame.copy() if columns["time"] in frame.columns else frame.reset_index()
    moments, _ = dates.read(frame[columns["time"]], columns["time"])
    later = moments > prepared.sealed_from
    for name in (columns["target"], *columns["observed"]):
        frame[name] = frame[name].where(~later)
    if columns["by"] is None:
        return frame
    begun = frame.groupby(columns["by"])[columns["target"]].transform("count") > 0
    return frame[begun]
