"""What the series are, and what was lost on the way from the table to the figures."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from descend.forecasting import dates
from descend.forecasting.backtested import Backtest
from descend.forecasting.recipe import FittedSeries


def data(fitted: FittedSeries, test: Backtest) -> dict[str, Any]:
    """The section "What was lost"."""
    prepared = fitted.prepared
    series, frame, named = prepared.panel, prepared.table.frame, prepared.columns
    used = {*series.columns, *named["known"], *named["observed"]}
    values = np.isfinite(series.values)
    return {
        "source": prepared.table.source,
        "rows": len(frame),
        "columns": [str(c) for c in frame.columns],
        "unused_columns": [str(c) for c in frame.columns if str(c) not in used],
        "frequency": dates.in_words(series.frequency),
        "season": series.season,
        "first": dates.shown(series.times[values].min()),
        "last": dates.shown(series.times[values].max()),
        "values": int(values.sum()),
        "rows_left_out": series.lost.get("rows left out", 0),
        "dates_without_a_row": series.lost.get("dates without a row", 0),
        "rows_without_a_value": series.lost.get("rows without a value", 0),
        "filled": {
            name.removeprefix("filled: "): count
            for name, count in series.lost.items()
            if name.startswith("filled: ") and count
        },
        "series": _series(fitted, test),
        "judged": _judged(test),
        "remarks": list(series.remarks),
    }


def _series(fitted: FittedSeries, test: Backtest) -> list[dict[str, Any]]:
    """Each series: its length, gaps, and how many origins it takes part in."""
    series = fitted.prepared.panel
    part = (test.histories.places >= 0).sum(axis=0)
    rows = []
    for s, (a, b) in enumerate(itertools.pairwise(series.starts)):
        own = series.values[a : a + int(series.lengths[s])]
        rows.append(
            {
                "series": series.names[s],
                "first": dates.shown(series.times[a]),
                "last": dates.shown(series.times[a + len(own) - 1]),
                "values": int(np.isfinite(own).sum()),
                "gaps": int(np.isnan(own).sum()),
                "dates_to_come": int(b - a) - len(own),
                "origins": int(part[s]),
            }
        )
    return rows


def _judged(test: Backtest) -> dict[str, Any]:
    """How many of the forecasts could be judged, and why not the others."""
    past = test.histories
    part = past.places >= 0
    there = np.isfinite(past.truth)
    return {
        "forecasts": int(part.sum()) * past.horizon,
        "without_an_outcome": int((part[..., None] & ~there).sum()),
        "without_a_forecast": {
            name: lost
            for name, given in test.forecasts.items()
            if (lost := int((there & ~np.isfinite(given[..., 0]).all(axis=0)).sum()))
        },
        "judged": int(test.judged.sum()),
        "without_a_scale": [
            past.names[s] for s in np.flatnonzero((part & np.isnan(past.scale)).any(axis=0))
        ],
        "never": [past.names[s] for s in np.flatnonzero(~part.any(axis=0))],
    }
