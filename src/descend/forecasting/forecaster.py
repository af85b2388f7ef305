"""Forecaster: the settings of a network that forecasts, its training, its forecasts."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from descend.errors import DataError, DescendError, NotFittedError, unknown
from descend.forecasting import saving
from descend.forecasting.heads import Quantiles, head_of, require_levels
from descend.forecasting.method import Method
from descend.forecasting.networks import NETWORKS
from descend.forecasting.panel import Panel, panel
from descend.forecasting.progress import bars
from descend.forecasting.scaling import Scaling
from descend.forecasting.training import Trained, Training, forecast, train
from descend.forecasting.windows import Shape, usual_context
from descend.nn.checks import is_whole, whole
from descend.statement import Statement, parameter
from descend.train.model.model import Model


def _listed(names: str | Sequence[str]) -> list[str]:
    """Names of columns; a single one may stand by itself."""
    return [names] if isinstance(names, str) else list(names)


class Fitted(NamedTuple):
    """What `fit` leaves.

    Attributes:
        networks: one a seed.
        tail: the end of each series, from which is forecast.
        how: arguments of `fit` that name columns, as it had them.
    """

    networks: Trained
    tail: Panel
    how: dict[str, Any]


@dataclass(frozen=True)
class Forecaster(Method, Statement):
    """A network that forecasts one or many series, from windows of their history.

    One network serves all series. Each window stands on its own scale, inside the program; so a
    forecast moves and stretches with its series. Several networks that differ by their seeds are
    trained as one program, and their forecasts are averaged; how far they lie apart is shown.

        f = Forecaster(horizon=12).fit(frame, time="month", target="passengers")
        f.predict()

    The last part of the history is held back from training, and chooses among its epochs.

    Args:
        horizon: steps ahead.
        context: steps of history that are seen; by default by the season (months 36, hours two
            weeks), and no more than half of what the shortest series has.
        season: steps of the season; by default that of the data's frequency.
        network: "linear", "mlp", "nbeats", "rnn", "gru", "lstm", "tcn", "transformer", or a Model
            (context, features) -> (horizon, outputs), of which a copy is trained. Where covariates
            are known in advance it has a second input, (horizon, covariates).
        hidden: units of the network's hidden layers; by default its usual ones.
        loss: "absolute", "squared", "quantiles" or "normal" (a distribution). Squared errors cost
            accuracy where a score counts absolute ones.
        levels: quantiles that are forecast, with the losses "quantiles" and "normal".
        centre: what is taken off a window: its "last" value, its "mean", or None.
        scale: what it is divided by; its standard deviation "std", the mean absolute value of its
            last "season" or of all of it ("mean"), or None.
        seeds: number of networks.
        seed: the first one's seed; the others have the next ones.
        updates: number of updates of each.
        batch_size: windows an update; by default 32, or 256 from 1000 windows on.
        learning_rate: first rate of Adam, which falls to zero along a cosine.
        validation: share of the history held back, at least a horizon; none where that would leave
            less than half of the windows.
        sample: rows before the origin that training looks at (a rolling window); None: all.

    Raises:
        DescendError: an argument that is unknown or out of range.
        NotFittedError: forecasts of what `fit` has not returned.

    Source: descend's own; the networks' sources: `descend.forecasting.networks`.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from descend.forecasting import Forecaster
        >>> month = pd.date_range("2015-01", periods=96, freq="MS")
        >>> frame = pd.DataFrame({"month": month, "sold": 10 + np.sin(np.arange(96) * np.pi / 6)})
        >>> forecaster = Forecaster(horizon=3, network="linear", updates=200, seeds=2)
        >>> ahead = forecaster.fit(frame, time="month", target="sold").predict()
        >>> ahead.columns.tolist(), ahead["month"].dt.strftime("%Y-%m").tolist()
        (['month', 'forecast', 'spread'], ['2023-01', '2023-02', '2023-03'])
        >>> bool(abs(ahead["forecast"] - 10 - np.sin(np.arange(96, 99) * np.pi / 6)).max() < 0.1)
        True
    """

    horizon: int
    context: int | None = None
    season: int | None = None
    network: str | Model = "mlp"
    hidden: tuple[int, ...] | None = None
    loss: str = "absolute"
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    centre: str | None = "last"
    scale: str | None = "std"
    seeds: int = parameter(3, least=1, doc="number of networks")
    seed: int = parameter(0, least=0, doc="seed of the first network")
    updates: int = parameter(1000, least=1, doc="number of updates")
    batch_size: int | None = None
    learning_rate: float = parameter(0.002, above=0, doc="first rate of Adam")
    validation: float = parameter(0.1, least=0, below=0.5, doc="share of the history held back")
    sample: int | None = None

    shows_progress = True

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("Forecaster: horizon", self.horizon, 1)
        for name in ("context", "season", "batch_size", "sample"):
            if getattr(self, name) is not None:
                whole(f"Forecaster: {name}", getattr(self, name), 1, optional=True)
        if not isinstance(self.network, Model) and self.network not in NETWORKS:
            raise unknown("network", self.network, NETWORKS)
        if self.hidden is not None:
            units = self.hidden if isinstance(self.hidden, (tuple, list)) else ()
            if not units or not all(is_whole(u) and u > 0 for u in units):
                raise DescendError(
                    "Forecaster: hidden must be a tuple of units (whole numbers >= 1), got "
                    f"{self.hidden!r}"
                )
            object.__setattr__(self, "hidden", tuple(int(u) for u in units))
        object.__setattr__(self, "levels", require_levels(self.levels))
        head_of(self.loss, self.levels)
        Scaling(self.centre, self.scale, 1)

    @property
    def name(self) -> str:
        """The network, with the settings that are not at their defaults."""
        network = self.network if isinstance(self.network, str) else self.network.name
        left_out = ("horizon", "context", "season", "network", "levels", "seeds", "seed")
        said = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in dataclasses.fields(self)
            if f.name not in left_out and getattr(self, f.name) != f.default
        ]
        return network + (f"({', '.join(said)})" if said else "")

    # -- training -----------------------------------------------------------------------------

    def fit(
        self,
        frame: Any,
        time: str | None = None,
        target: str | None = None,
        by: str | None = None,
        known: Sequence[str] = (),
        observed: Sequence[str] = (),
        frequency: str | None = None,
        calendar: bool | Sequence[str] = (),
        verbose: int = 0,
    ) -> Self:
        """Train on all of a table's history.

        Args:
            frame: pandas or polars frame, a row a date (and series); or a `Panel` of it.
            time: column of the dates: dates, periods, ISO text (2024-12, 2024Q4), whole numbers.
            target: column to forecast.
            by: column that tells the series apart.
            known: columns known in advance, also for the dates to come (rows without a target).
            observed: columns known up to the present only.
            frequency: pandas' alias of the frequency; inferred by default.
            calendar: True for the calendar's usual features, or names of them.
            verbose: verbosity: 0 silent, 1 a bar, 2 a line an epoch.

        Returns:
            A copy that is trained; this one stays as it is, and a second `fit` begins anew.

        Raises:
            DataError: a table that cannot be used, or a series that is too short.
            DescendError: training diverged.
        """
        how = {
            "time": time,
            "target": target,
            "by": by,
            "known": _listed(known),
            "observed": _listed(observed),
            "frequency": frequency,
            "calendar": calendar if isinstance(calendar, bool) else _listed(calendar),
        }
        series = self._panel(frame, how)
        if not isinstance(frame, Panel):
            # later tables are read alike, also where they are too short to infer it
            how["frequency"] = series.frequency or None
            how["calendar"] = list(series.calendar)
        origins = series.lengths[None]
        shape = self._shape(series, origins, self.horizon)
        networks = self._train(series, origins, shape, self.levels, verbose)
        return self._with(Fitted(networks, series.tail(shape.context), how))

    def _panel(self, frame: Any, how: dict[str, Any]) -> Panel:
        if isinstance(frame, Panel):
            return frame
        if how["time"] is None or how["target"] is None:
            raise DataError("name the columns of the table: time=, the dates, and target=")
        return panel(frame, season=self.season, **how)

    def _shape(self, series: Panel, origins: np.ndarray, horizon: int) -> Shape:
        """The windows: their context is chosen here where it is left open."""
        if not (origins > 0).any():
            raise DataError("there is no series with a history")
        season = self.season or series.season
        context = self.context
        if context is None:
            context = usual_context(season, int(origins[origins > 0].min()), horizon)
        return Shape(context, horizon, Scaling(self.centre, self.scale, season))

    def _train(
        self,
        series: Panel,
        origins: np.ndarray,
        shape: Shape,
        levels: Sequence[float],
        verbose: int = 0,
    ) -> Trained:
        how = Training(
            self.updates,
            self.batch_size,
            self.learning_rate,
            self.validation,
            self.sample,
            tuple(range(self.seed, self.seed + self.seeds)),
            verbose,
        )
        head = head_of(self.loss, levels)
        return train(series, origins, shape, head, self.network, self.hidden, how)

    def backtest(
        self,
        panel: Panel,
        origins: np.ndarray,
        horizon: int,
        levels: Sequence[float],
        refit: bool = True,
    ) -> np.ndarray:
        """Forecasts from several origins: with `refit` all networks are members of one program.

        See `Method.backtest`. Point forecasts are medians, with the loss "squared" means. Quantiles
        are NaN with the losses "absolute" and "squared".
        """
        asked = tuple(float(level) for level in levels)
        shape = self._shape(panel, origins, horizon)
        at = origins if refit else origins[:1]
        networks = self._train(panel, at, shape, (*self.levels, *asked), bars())
        return forecast(networks, panel, origins, asked, refit)

    # -- what is trained ----------------------------------------------------------------------

    def _with(self, fitted: Fitted) -> Self:
        trained = copy.copy(self)
        object.__setattr__(trained, "_fitted", fitted)
        return trained

    @property
    def fitted(self) -> Fitted:
        """What `fit` left; raises NotFittedError."""
        found: Fitted | None = self.__dict__.get("_fitted")
        if found is None:
            raise NotFittedError(
                "this Forecaster is not fitted; fit returns the one that is: "
                "forecaster = forecaster.fit(frame, time=..., target=...)"
            )
        return found

    @property
    def remarks(self) -> list[str]:
        """What was said of the table: frequency, gaps, dates."""
        return list(self.fitted.tail.remarks)

    @property
    def curves(self) -> pd.DataFrame:
        """Costs by seed and update, training and validation, on the windows' own scale."""
        networks = self.fitted.networks
        rows = [
            {"seed": self.seed + i, "updates": networks.steps * (epoch + 1)}
            | {name: values[place] for name, values in history.history.items()}
            for i, history in enumerate(networks.histories)
            for place, epoch in enumerate(history.epoch)
        ]
        return pd.DataFrame(rows)

    def predict(self, frame: Any = None) -> pd.DataFrame:
        """Forecast the dates that follow each series.

        Args:
            frame: history to forecast from, a table with the columns of `fit`'s, or a Panel; by
                default that which the networks were trained on. Known covariates of the dates to
                come stand in it as rows without a target.

        Returns:
            A row a series and date: its name (in the column `by`), the date, "forecast" (the mean
            over the seeds), quantiles "q0.1" where the loss gives them, and "spread", the standard
            deviation over the seeds, where there are several.

        Raises:
            NotFittedError: `fit` has not returned this Forecaster.
            DataError: a table that cannot be used, or a series shorter than the context.
        """
        networks, tail, how = self.fitted
        series = tail if frame is None else self._panel(frame, how)
        for what in ("known_names", "observed_names"):
            if getattr(series, what) != getattr(tail, what):
                raise DataError(
                    f"the networks were trained with the covariates {getattr(tail, what)} "
                    f"({what.partition('_')[0]}), and the panel has {getattr(series, what)}"
                )
        levels = self._levels()
        found = forecast(networks, series, series.lengths[None], levels)[:, 0]
        point = found[..., 0]
        time, _, by = series.columns
        count, horizon = len(series), networks.shape.horizon
        columns: dict[str, Any] = {}
        if by or count > 1:
            columns[by or "series"] = np.repeat(np.asarray(series.names, object), horizon)
        columns[time] = series.dates_ahead(horizon).ravel()
        columns["forecast"] = np.nanmean(point, axis=0).ravel()
        for place, level in enumerate(levels):
            columns[f"q{level:g}"] = np.nanmean(found[..., 1 + place], axis=0).ravel()
        if len(point) > 1:
            columns["spread"] = np.nanstd(point, axis=0).ravel()
        return pd.DataFrame(columns)

    def _levels(self) -> tuple[float, ...]:
        """Quantiles that the loss gives."""
        head = self.fitted.networks.head
        if isinstance(head, Quantiles):
            return tuple(level for level in head.levels if level in self.levels)
        return self.levels if self.loss == "normal" else ()

    def save(self, path: str | Path, extra: dict[str, Any] | None = None) -> None:
        """Write settings, networks and the end of each series to one file, atomically.

        Args:
            path: file, conventionally `*.descend`.
            extra: what the file keeps beside it, in JSON.

        Raises:
            NotFittedError: `fit` has not returned this Forecaster.
            DescendError: the file cannot be written.
        """
        settings = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        saving.save(path, settings, *self.fitted, extra)

    @classmethod
    def load(cls, path: str | Path) -> Forecaster:
        """Return a forecaster from a file of `save`; nothing in it is executed.

        Args:
            path: name of the file.

        Raises:
            CheckpointError: not such a file; truncated, edited, or from a newer version.
        """
        settings, networks, tail, how = saving.read(path)
        with saving.understood(path):
            made = cls(**settings)
        return made._with(Fitted(networks, tail, how))
