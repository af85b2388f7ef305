"""What is known at each origin, and what came: the rows that a backtest stands on.

Histories grow along one panel, or each origin has rows of its own (a rolling window, the data of a
vintage): then every history is a series of the panel by itself, which takes part in its own origin
alone (see `Method.backtest`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.forecasting import dates
from descend.forecasting.measures import naive_scale
from descend.forecasting.panel import Panel, panel
from descend.forecasting.training import known_ahead
from descend.forecasting.vintages import Vintages

LEAST = 3  # values


@dataclass(frozen=True, eq=False)
class Histories:
    """Histories at O origins of S series, and H steps of outcomes.

    Attributes:
        panel: what methods are given.
        known: whole numbers (O, series of the panel): rows known, 0 where it takes no part.
        places: (O, S) the series of the panel that is this history; -1 where there is none.
        names: names of the S series.
        truth: (O, S, H) outcomes, NaN where there is none.
        times: (O, S, H) their dates.
        last: (O, S) the last value known.
        scale: (O, S) the unit of MASE, from the history; NaN where the history never changes.
        moments: (O,) the origins: dates of the last values, or of publication.
        position: (O, S) of the last date on the grid, in steps; -1 where there is no history.
        clock: (O, S) the origin, and `seen` (O, S, H) when the outcome is known, on one scale.
        season: steps of the season.
        remarks: what was said of the data.
    """

    panel: Panel
    known: np.ndarray
    places: np.ndarray
    names: tuple[str, ...]
    truth: np.ndarray
    times: np.ndarray
    last: np.ndarray
    scale: np.ndarray
    moments: np.ndarray
    position: np.ndarray
    clock: np.ndarray
    seen: np.ndarray
    season: int
    remarks: list[str]

    @property
    def horizon(self) -> int:
        """Steps ahead, H."""
        return self.truth.shape[2]

    def gather(self, forecasts: np.ndarray) -> np.ndarray:
        """What a method gave (seeds, O, series of the panel, H, ...) as (seeds, O, S, H, ...)."""
        out = np.full((forecasts.shape[0], *self.truth.shape, forecasts.shape[-1]), np.nan)
        i, s = np.nonzero(self.places >= 0)
        out[:, i, s] = forecasts[:, i, self.places[i, s]]
        return out

    def overlap(self, h: int) -> int:
        """How many origins on end a forecast h steps ahead overlaps, itself counted."""
        most = 1
        for s in range(self.position.shape[1]):
            at = self.position[self.position[:, s] >= 0, s]
            for k in range(1, len(at)):
                if (at[k:] - at[:-k] >= h).all():
                    break
                most = max(most, k + 1)
        return most


class Piece(NamedTuple):
    """The rows of one history: those known, and H behind them without values."""

    origin: int
    series: int
    rows: int
    values: np.ndarray
    times: np.ndarray
    known: np.ndarray
    observed: np.ndarray


def growing(
    series: Panel, horizon: int, origins: int, step: int, window: int | None = None
) -> Histories:
    """The last origins of a panel whose outcomes are all there.

    Args:
        series: the panel.
        horizon: steps ahead.
        origins: how many; `step` steps apart.
        step: steps between two origins.
        window: rows of each history; None for all that are known.

    Raises:
        DataError: too few rows.
    """
    lengths, S, H = series.lengths, len(series), horizon
    longest = int(lengths.argmax())
    ends = [series.times[series.starts[s] + lengths[s] - 1] for s in range(S)]
    latest = int(np.argmax(ends))
    clock = series.times[series.starts[latest] : series.starts[latest] + lengths[latest]]
    behind = H + step * np.arange(origins)[::-1]  # steps from an origin to the last value
    least = int(lengths[longest]) - int(behind[0])
    if least < 2:
        raise DataError(
            f"a horizon of {H} and {origins} origins {step} step(s) apart need at least "
            f"{int(behind[0]) + 2} values, the longest series has {lengths[longest]}; take a "
            "shorter horizon or fewer origins"
        )
    if len(clock) <= behind[0]:
        raise DataError(
            f"series {series.names[latest]!r}, which ends last, has {len(clock)} values, too few "
            f"for {origins} origins and a horizon of {H}"
        )
    moments = clock[len(clock) - 1 - behind]
    known = np.zeros((origins, S), np.int64)
    for s in range(S):
        own = series.times[series.starts[s] : series.starts[s] + lengths[s]]
        count = np.searchsorted(own, moments, side="right")
        known[:, s] = np.where(count + H <= lengths[s], count, 0)
    places = np.where(known > 0, np.arange(S), -1)
    position = np.where(known > 0, known - 1, -1)
    base = series.starts[:-1] + known
    ahead = np.minimum(base[..., None] + np.arange(H), len(series.values) - 1)
    part = (known > 0)[..., None]
    truth = np.where(part, series.values[ahead], np.nan)
    last, scale = _of_pasts(series, known, places, series.season, window)
    found = Histories(
        panel=series,
        known=known,
        places=places,
        names=series.names,
        truth=truth,
        times=series.times[ahead],
        last=last,
        scale=scale,
        moments=moments,
        position=position,
        clock=position,
        seen=position[..., None] + np.arange(1, H + 1),
        season=series.season,
        remarks=list(series.remarks),
    )
    return found if window is None else _rolling(found, window)


def _rolling(grown: Histories, window: int) -> Histories:
    """The same origins with the last `window` rows of each history alone."""
    series, H = grown.panel, grown.horizon
    pieces = []
    for i, s in zip(*np.nonzero(grown.known), strict=True):
        end = int(series.starts[s] + grown.known[i, s])
        begin = max(end - window, int(series.starts[s]))
        rows = slice(begin, end + H)
        pieces.append(
            Piece(
                int(i),
                int(s),
                end - begin,
                series.values[rows],
                series.times[rows],
                series.known[rows],
                series.observed[rows],
            )
        )
    return _laid_out(grown, series, pieces)


def in_real_time(
    vintages: Vintages,
    target: str,
    horizon: int,
    origins: int,
    step: int,
    outcome: str | int,
    window: int | None,
    **how: Any,
) -> Histories:
    """The last dates of publication whose outcomes are all there, with what was known at each.

    Args:
        vintages: the table.
        target: its column to forecast.
        horizon: steps ahead of the last value that was known.
        origins: how many, every `step`-th date of publication.
        step: dates of publication between two origins.
        outcome: which published value counts (`Vintages.outcomes`).
        window: rows of each history; None for all that were known.
        how: what `panel` takes.

    Raises:
        DataError: no origin whose outcomes are there; what `panel` raises.
    """
    time, by, H = vintages.time, vintages.by, horizon
    judged = vintages.outcomes(target, outcome)
    moments = vintages.moments
    told = dates.read(judged[vintages.published], vintages.published)[0]
    judged = judged.assign(**{vintages.published: np.searchsorted(moments, told).astype(float)})
    plain = {k: v for k, v in how.items() if k not in ("known", "observed", "calendar")}
    truths = panel(judged, time, target, by=by, **plain)
    when = panel(judged, time, vintages.published, by=by, **plain)
    how["frequency"] = truths.frequency or None
    grid = np.unique(truths.times)
    names = truths.names
    outcomes = [
        (truths.times[a:b], truths.values[a:b], when.values[a:b])
        for a, b in zip(truths.starts[:-1], truths.starts[1:], strict=True)
    ]
    S = len(names)
    chosen: list[tuple[int, list[tuple[int, Panel, int, np.ndarray, np.ndarray, np.ndarray]]]] = []
    m = len(moments) - 1
    while m >= 0 and len(chosen) < origins:
        found = []
        frame = _begun(vintages.at(moments[m]), target, by)
        snap = panel(frame, time, target, by=by, **how) if len(frame) else None
        for k in range(0 if snap is None else len(snap)):
            assert snap is not None
            s = names.index(snap.names[k]) if snap.names[k] in names else -1
            end = int(snap.starts[k] + snap.lengths[k])
            ahead = dates.after(snap.times[end - 1], H, snap.frequency, snap.step)
            values, seen = _looked_up(outcomes[s], ahead) if s >= 0 else (np.full(H, np.nan),) * 2
            if s >= 0 and np.isfinite(values).all():
                found.append((s, snap, k, ahead, values, seen))
        if found:
            chosen.append((m, found))
            m -= step
        else:
            m -= 1
    chosen.reverse()
    if len(chosen) < origins:
        raise DataError(
            f"{origins} origins were asked for, and {len(chosen)} of {len(moments)} dates of "
            f"publication ({dates.shown(moments[0])} to {dates.shown(moments[-1])}) have "
            f"{H} outcomes ({outcome}) behind them; take a shorter horizon or fewer origins"
        )
    O = len(chosen)
    blank = np.full((O, S, H), np.nan)
    truth, seen_at = blank.copy(), blank.copy()
    times = np.zeros((O, S, H), truths.times.dtype)
    position = np.full((O, S), -1)
    pieces = []
    for i, (_, found) in enumerate(chosen):
        for s, snap, k, ahead, values, seen in found:
            start, rows = int(snap.starts[k]), int(snap.lengths[k])
            first = 0 if window is None else max(rows - window, 0)
            truth[i, s], seen_at[i, s], times[i, s] = values, seen, ahead
            position[i, s] = int(np.searchsorted(grid, snap.times[start + rows - 1]))
            future = known_ahead(snap, snap.lengths[None], H)[0, k]
            here = slice(start + first, start + rows)
            pieces.append(
                Piece(
                    i,
                    s,
                    rows - first,
                    np.concatenate([snap.values[here], np.full(H, np.nan)]),
                    np.concatenate([snap.times[here], ahead]),
                    np.concatenate([snap.known[here], future]),
                    np.concatenate(
                        [snap.observed[here], np.full((H, snap.observed.shape[1]), np.nan)]
                    ),
                )
            )
    template = chosen[-1][1][0][1]
    base = Histories(
        panel=template,
        known=np.zeros((O, S), np.int64),
        places=np.full((O, S), -1),
        names=names,
        truth=truth,
        times=times,
        last=np.full((O, S), np.nan),
        scale=np.full((O, S), np.nan),
        moments=moments[[m for m, _ in chosen]],
        position=position,
        clock=np.repeat(np.array([m for m, _ in chosen])[:, None], S, axis=1),
        seen=seen_at,
        season=template.season,
        remarks=[*vintages.remarks, *template.remarks],
    )
    return _laid_out(base, template, pieces)


def _begun(frame: pd.DataFrame, target: str, by: str | None) -> pd.DataFrame:
    """The series that have values enough for a forecast."""
    if by is not None:
        return frame[frame.groupby(by)[target].transform("count") >= LEAST]
    return frame if frame[target].count() >= LEAST else frame[:0]


def _looked_up(
    of: tuple[np.ndarray, np.ndarray, np.ndarray], times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The outcomes at some dates, and when each was published; NaN where there is none."""
    own, values, published = of
    places = np.searchsorted(own, times).clip(0, len(own) - 1)
    there = own[places] == times
    return np.where(there, values[places], np.nan), np.where(there, published[places], np.nan)


def _laid_out(base: Histories, like: Panel, pieces: Sequence[Piece]) -> Histories:
    """A panel whose series are the pieces, each known at its own origin alone."""
    H = base.horizon
    starts = np.concatenate([[0], np.cumsum([len(p.values) for p in pieces])])
    values = np.concatenate([p.values for p in pieces])
    observed = np.concatenate([p.observed for p in pieces])
    known = np.zeros((len(base.moments), len(pieces)), np.int64)
    places = np.full(base.truth.shape[:2], -1)
    for j, piece in enumerate(pieces):
        known[piece.origin, j] = piece.rows
        places[piece.origin, piece.series] = j
        # what lies behind the origin is not in these rows at all
        values[starts[j + 1] - H : starts[j + 1]] = np.nan
        observed[starts[j + 1] - H : starts[j + 1]] = np.nan
    laid = dataclasses.replace(
        like,
        values=values,
        starts=starts,
        times=np.concatenate([p.times for p in pieces]),
        names=tuple(base.names[p.series] for p in pieces),
        known=np.concatenate([p.known for p in pieces]),
        observed=observed,
    )
    last, scale = _of_pasts(laid, known, places, base.season, None)
    return dataclasses.replace(base, panel=laid, known=known, places=places, last=last, scale=scale)


def _of_pasts(
    series: Panel, known: np.ndarray, places: np.ndarray, season: int, window: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """(O, S) last values, and the unit of MASE from what is known alone."""
    last, scale = np.full(places.shape, np.nan), np.full(places.shape, np.nan)
    for i, s in zip(*np.nonzero(places >= 0), strict=True):
        j = places[i, s]
        past = series.values[series.starts[j] : series.starts[j] + known[i, j]]
        past = past if window is None else past[-window:]
        here = past[np.isfinite(past)]
        if len(past) <= season or not len(here):
            of = f" of series {series.names[j]!r}" if series.names[j] else ""
            raise DataError(
                f"at origin {i + 1} of {len(places)} only {len(past)} values{of} are known, not "
                f"more than a season of {season}; take fewer origins, a longer series, or a "
                "shorter season (season=)"
            )
        unit = naive_scale(past, season)
        last[i, s], scale[i, s] = here[-1], unit if unit > 0 else np.nan
    return last, scale
