"""The classical methods that stand beside a forecaster, and those that would take too long."""

from __future__ import annotations

from collections.abc import Sequence

from descend.errors import DescendError
from descend.forecasting.linear import LinearForecaster
from descend.forecasting.method import Method
from descend.forecasting.prepare import PreparedSeries
from descend.forecasting.rivals.arima import ARIMA
from descend.forecasting.rivals.autoregression import AR
from descend.forecasting.rivals.base import Rival
from descend.forecasting.rivals.mean import Mean
from descend.forecasting.rivals.naive import Drift
from descend.forecasting.rivals.smoothing import ETS, Theta

SOON: tuple[Method, ...] = (Drift(), AR(), Theta())
LATER: tuple[Method, ...] = (ETS(), ARIMA())  # each fit is a search for a maximum
RIVALS = ("auto", "quick", "all")
WORK = 60_000  # fits x values x steps of the season up to which LATER do not take too long
SEARCH = 20  # fits that the choice of a form counts as


def rivals_of(
    prepared: PreparedSeries, which: str | Sequence[Method] = "auto"
) -> tuple[list[Method], list[str]]:
    """The methods that stand beside, and what is to be said of those left out.

    Args:
        prepared: the series.
        which: "all": drift, AR, ETS, ARIMA, Theta and the mean of these four, besides the linear
            forecaster and the naive forecasts; "quick" leaves out ETS and ARIMA; "auto" does where
            they would take long; or a list of methods.

    Raises:
        DescendError: another word.
    """
    if not isinstance(which, str):
        return list(which), []
    if which not in RIVALS:
        raise DescendError(f"rivals must be methods, or one of {', '.join(RIVALS)}, got {which!r}")
    assert prepared.histories is not None
    known, season = prepared.histories.known, prepared.panel.season
    fits, most = int((known > 0).sum()), int(known.max())
    work = (fits + SEARCH * len(prepared.panel)) * most * season
    remarks = []
    every = [*SOON, *LATER] if which == "all" or (which == "auto" and work <= WORK) else [*SOON]
    if which == "auto" and len(every) == len(SOON):
        remarks.append(
            f"ETS and ARIMA are left out: {fits:,} fits of up to {most:,} values take long; ask for"
            " rivals=all to have them"
        )
    least = int(known[known > 0].min())
    kept: list[Method] = []
    for method in every:
        needed = method.least(season) if isinstance(method, Rival) else 0
        if needed > least:
            remarks.append(
                f"{method.name} is left out: it needs {needed} values, and the shortest history "
                f"has {least}"
            )
        else:
            kept.append(method)
    averaged = tuple(m for m in kept if not isinstance(m, Drift))
    mean = [Mean(averaged)] if len(averaged) > 1 else []
    return [LinearForecaster(), *kept, *mean], remarks
