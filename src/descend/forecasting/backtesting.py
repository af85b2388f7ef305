"""Forecasts from many origins, each knowing only what was known there, side by side."""

from __future__ import annotations

import time as clocks
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DataError, DataWarning, DescendError
from descend.forecasting.backtested import Backtest
from descend.forecasting.histories import Histories, growing, in_real_time
from descend.forecasting.method import Method
from descend.forecasting.panel import Panel, panel
from descend.forecasting.progress import silence, working
from descend.forecasting.rivals.mean import Mean
from descend.forecasting.rivals.naive import Drift, Naive, SeasonalNaive
from descend.forecasting.scores import warn_of_repeats
from descend.forecasting.vintages import Vintages
from descend.nn import checks

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def backtest(
    methods: Method | Sequence[Method],
    frame: pd.DataFrame | Panel,
    *,
    time: str = "",
    target: str = "",
    by: str | None = None,
    known: Sequence[str] = (),
    observed: Sequence[str] = (),
    calendar: bool | Sequence[str] = (),
    frequency: str | None = None,
    season: int | None = None,
    horizon: int | None = None,
    origins: int = 36,
    step: int = 1,
    window: int | None = None,
    refit: bool = True,
    levels: Sequence[float] = LEVELS,
    vintage: str | None = None,
    outcome: str | int = "last",
    verbose: int = 1,
) -> Backtest:
    """Forecast from the last origins of a table, and judge what came.

    At each origin a method sees what was known there and nothing else, and is fitted anew. The
    naive forecasts are always beside: the last value, and where there is a season, the last season.

    Args:
        methods: a method or several: rivals (`AR`, `ETS`, ...), a `Forecaster`, one's own.
        frame: table with a row a date (and series); or a `Panel`, which holds what the arguments
            from `time` to `season` say.
        time: column of the dates.
        target: column to forecast.
        by: column that tells series apart.
        known: columns that are known in advance.
        observed: columns that are known up to the origin.
        calendar: features of the calendar, as in `panel`.
        frequency: pandas' alias; inferred where it is None.
        season: steps of the season; by default the frequency's.
        horizon: steps ahead; None for that of the methods (`Forecaster(horizon=12)`).
        origins: how many; the last whose outcomes are all there.
        step: steps between two origins.
        window: rows of each history (rolling origins); None for all before the origin.
        refit: whether parameters are estimated anew at each origin, else at the first alone.
        levels: of the quantiles; the outermost symmetric pair is the interval whose coverage is
            shown.
        vintage: column of the dates of publication. Then an origin is such a date, a history what
            was published by then, and `step` counts these dates.
        outcome: which published value is the outcome, with `vintage`: "first", "last", or k for
            the k-th.
        verbose: 0 for no bar.

    Returns:
        The `Backtest`.

    Raises:
        DataError: what `panel` raises; too few rows for the origins, a season or a method.
        DescendError: no horizon, or two; methods of the same name; levels out of (0, 1).

    Source: Tashman (2000), "Out-of-sample tests of forecasting accuracy"; with vintages: Croushore
    and Stark (2001).

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from descend.forecasting import AR, backtest
        >>> months = pd.date_range("2000-01", periods=120, freq="MS")
        >>> wave = np.sin(np.arange(120) * 2 * np.pi / 12)
        >>> sold = 10 + wave + np.random.default_rng(0).normal(0, 0.1, 120)
        >>> table = pd.DataFrame({"month": months, "sold": sold})
        >>> done = backtest(AR(), table, time="month", target="sold", horizon=3, origins=24)
        >>> done.table().index.tolist()
        ['AR', 'SeasonalNaive', 'Naive']
        >>> bool(done.table().loc["AR", "skill"] > 0)
        True
    """
    listed = _methods(methods)
    ahead = _horizon(listed, horizon)
    checks.whole("origins", origins, 1, error=DataError)
    checks.whole("step", step, 1, error=DataError)
    if window is not None:
        checks.whole("window", window, 2, error=DataError)
    chosen = _levels(levels)
    how: dict[str, Any] = {"known": known, "observed": observed, "calendar": calendar}
    how |= {"frequency": frequency, "season": season}
    if vintage is None:
        series = frame if isinstance(frame, Panel) else _series(frame, time, target, by, how)
        found = growing(series, ahead, origins, step, window)
    else:
        if isinstance(frame, Panel):
            raise DataError("a panel has no dates of publication: give the table itself")
        _named(time, target)
        dated = Vintages(frame, time=time, published=vintage, by=by)
        found = in_real_time(dated, target, ahead, origins, step, outcome, window, **how)
    listed = _with_naive(listed, found.season)
    with silence(not verbose), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        forecasts, seconds = _run(listed, found, ahead, chosen, refit)
        for method in listed:
            if not isinstance(method, (Naive, SeasonalNaive, Drift)):
                point = np.mean(forecasts[method.name][:, :, :, 0, 0], axis=0)
                truth = found.truth[:, :, 0]
                warn_of_repeats(method.name, truth, point, found.last, found.scale)
    for warning in told:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    said = [str(w.message) for w in told if issubclass(w.category, DataWarning)]
    return Backtest(
        methods={m.name: m for m in listed},
        forecasts=forecasts,
        histories=found,
        levels=chosen,
        rolling=window is not None,
        remarks=[*found.remarks, *said],
        seconds=seconds,
    )


def _methods(methods: Method | Sequence[Method]) -> list[Method]:
    listed = [methods] if isinstance(methods, Method) else list(methods)
    if not listed or not all(isinstance(m, Method) for m in listed):
        strange = next((m for m in listed if not isinstance(m, Method)), listed)
        raise DescendError(
            f"backtest takes methods such as AR(), ETS() or Forecaster(horizon=12), got {strange!r}"
        )
    names = [m.name for m in listed]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DescendError(f"two methods are named {twice!r}; give one of them a name of its own")
    return listed


def _with_naive(methods: list[Method], season: int) -> list[Method]:
    """The naive forecasts beside, where they are not there."""
    beside: list[Method] = [SeasonalNaive(), Naive()] if season > 1 else [Naive()]
    names = [m.name for m in methods]
    same = any(isinstance(m, SeasonalNaive) and m.season == season for m in methods)
    return methods + [
        m for m in beside if m.name not in names and not (same and isinstance(m, SeasonalNaive))
    ]


def _horizon(methods: Sequence[Method], horizon: int | None) -> int:
    own = {m.name: m.horizon for m in methods if m.horizon is not None}
    if horizon is None:
        if not own:
            raise DescendError("how many steps ahead? Give horizon=")
        horizon = next(iter(own.values()))
    checks.whole("horizon", horizon, 1)
    for name, steps in own.items():
        if steps != horizon:
            raise DescendError(
                f"{name} forecasts {steps} steps ahead, and {horizon} are asked for; all methods "
                "of a backtest have one horizon"
            )
    return int(horizon)


def _levels(levels: Sequence[float]) -> tuple[float, ...]:
    listed = tuple(levels) if isinstance(levels, (list, tuple, np.ndarray)) else (levels,)
    if not all(checks.is_number(v) and 0 < v < 1 for v in listed):
        raise DescendError(f"levels must be numbers in (0, 1), got {levels!r}")
    return tuple(sorted({float(v) for v in listed}))


def _named(time: str, target: str) -> None:
    if not time or not target:
        raise DataError("name the table's columns: time= of the dates, target= to forecast")


def _series(frame: Any, time: str, target: str, by: str | None, how: dict[str, Any]) -> Panel:
    _named(time, target)
    return panel(frame, time, target, by=by, **how)


def _words(method: Method, found: Histories) -> str:
    return f"{method.name}: {len(found.moments)} origins"


def _run(
    methods: Sequence[Method],
    found: Histories,
    horizon: int,
    levels: tuple[float, ...],
    refit: bool,
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Forecasts (seeds, O, S, H, 1 + levels) and seconds by method; a mean's parts run once."""
    done: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}

    def run(method: Method) -> np.ndarray:
        if method.name in done:
            return done[method.name]
        began = clocks.perf_counter()
        if isinstance(method, Mean):
            given = method.combine([run(part) for part in method.methods])
        else:
            words = nullcontext() if method.shows_progress else working(_words(method, found))
            with words:
                given = np.asarray(
                    method.backtest(found.panel, found.known, horizon, levels, refit), np.float64
                )
            wanted = (*found.known.shape, horizon, 1 + len(levels))
            if given.ndim != 5 or given.shape[1:] != wanted:
                raise DescendError(
                    f"{method.name}.backtest should return (seeds, origins, series, horizon, "
                    f"1 + levels) = (seeds, {', '.join(map(str, wanted))}), got {given.shape}"
                )
            given = found.gather(given)
        done[method.name], seconds[method.name] = given, clocks.perf_counter() - began
        return given

    return {m.name: run(m) for m in methods}, {m.name: seconds[m.name] for m in methods}
