"""What a backtest found: figures, tests, intervals, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DataError, DescendError, unknown
from descend.forecasting import dates, fans, measures
from descend.forecasting.conformal import conformal_intervals
from descend.forecasting.equal_accuracy import LOSSES, Difference, diebold_mariano
from descend.forecasting.histories import Histories
from descend.forecasting.method import Method
from descend.forecasting.rivals.naive import Naive, SeasonalNaive
from descend.forecasting.scores import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of several methods from the same origins; `backtest` makes one.

    Attributes:
        methods: dict of the methods by name.
        forecasts: dict of arrays (seeds, origins, series, horizon, 1 + levels), the point forecast
            first, NaN where a fit failed.
        histories: what was known at each origin, and what came.
        levels: levels of the quantiles, as numbers in (0, 1).
        rolling: whether histories were of one length.
        remarks: list of what was said of the data and the fits.
        seconds: dict of what each method took.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import Drift, Panel, backtest
        >>> line = Panel.of(np.arange(30.0))
        >>> done = backtest(Drift(), line, horizon=2, origins=10)
        >>> done.table()["MASE"].round(2).to_dict()
        {'Drift': 0.0, 'Naive': 1.5}
    """

    methods: Mapping[str, Method]
    forecasts: Mapping[str, np.ndarray]
    histories: Histories
    levels: tuple[float, ...]
    rolling: bool
    remarks: list[str]
    seconds: Mapping[str, float]

    @cached_property
    def judged(self) -> np.ndarray:
        """(origins, series, horizon): the outcome is there, and so is every method's forecast."""
        there = np.isfinite(self.histories.truth)
        for given in self.forecasts.values():
            there = there & np.isfinite(given[..., 0]).all(axis=0)
        return there

    @property
    def naive(self) -> str:
        """Name of the better of the naive forecasts, against which skill is counted."""
        kinds = (Naive, SeasonalNaive)
        names = [name for name, m in self.methods.items() if isinstance(m, kinds)]
        return min(names, key=lambda name: self._figures(name)["MASE"])

    def table(self) -> pd.DataFrame:
        """Show every method's figures over all origins, series and steps, the best MASE first.

        Returns:
            A row a method: "skill" (the share of the MASE of the better naive forecast that it
            takes away), "MASE", "sMAPE", "RMSE", "MAE", "pinball" (mean over levels), coverage and
            width of the widest central interval; with several seeds the mean over them, their
            number and the lowest and highest MASE; "seconds". All methods are judged where all have
            a forecast.

        Raises:
            DataError: there is no such place.
        """
        import pandas as pd

        if not self.judged.any():
            raise DataError("there is no outcome for which every method has a forecast")
        naive = self._figures(self.naive)["MASE"]
        many = max(len(given) for given in self.forecasts.values()) > 1
        rows = {}
        for name in self.methods:
            one = self._figures(name)
            row = {"skill": measures.skill(one["MASE"], naive), **one}
            if many:
                each = [self._of_seed(name, k)["MASE"] for k in range(len(self.forecasts[name]))]
                row |= {"seeds": len(each), "MASE least": min(each), "MASE most": max(each)}
            rows[name] = {**row, "seconds": self.seconds[name]}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
        return frame.sort_values("MASE", kind="stable")

    def by_horizon(self) -> pd.DataFrame:
        """Show every method's figures at each step ahead.

        Returns:
            A row for each (method, step); columns as in `table`, from "MASE" on, and the number of
            forecasts.

        Raises:
            Nothing of its own.
        """
        import pandas as pd

        rows = {}
        counts = self.judged.sum(axis=(0, 1))
        for name in self.methods:
            for h in range(self.histories.horizon):
                one = self._figures(name, slice(h, h + 1))
                rows[name, h + 1] = {**one, "forecasts": int(counts[h])}
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index = pd.MultiIndex.from_tuples(rows, names=["method", "step"])
        return frame

    def by_series(self, method: str | Method | None = None) -> pd.DataFrame:
        """Show a method's figures for each series.

        Args:
            method: a method of this backtest, or its name or class; by default the first.

        Returns:
            A row a series that has an outcome, the lowest MASE first; columns as in `by_horizon`.

        Raises:
            DescendError: a method that is not in this backtest.
        """
        import pandas as pd

        name = next(iter(self.methods)) if method is None else self._name(method)
        counts = self.judged.sum(axis=(0, 2))
        rows = {}
        for s in np.flatnonzero(counts):
            one = self._figures(name, series=slice(s, s + 1))
            rows[self.histories.names[s]] = {**one, "forecasts": int(counts[s])}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("series")
        return frame.sort_values("MASE", kind="stable")

    def compare(
        self,
        a: str | Method,
        b: str | Method,
        horizon: int | None = None,
        *,
        loss: str = "squared",
        alternative: str = "two-sided",
    ) -> Any:
        """Test whether two methods are equally accurate (`diebold_mariano`).

        The loss of an origin is the mean over its series (each in its unit of MASE, where there are
        several) and over a method's seeds. As many autocovariances enter as origins overlap.

        Args:
            a: a method of this backtest, or its name or class.
            b: the other.
            horizon: step ahead; None for each of them, and for their mean.
            loss: "squared" or "absolute".
            alternative: "two-sided"; "less": a is the better one; "greater": b is.

        Returns:
            For one horizon a `Difference`. Else a frame with a row a step, and one for the "mean":
            the statistic, its p-value, the mean difference of losses (negative: a is better), the
            number of origins, and in "note" why a test was refused.

        Raises:
            DescendError: a method that is not in this backtest, a loss not known.
            DataError: for one horizon, that it is not there, or a test that is refused.
        """
        import pandas as pd

        first, second = self._name(a), self._name(b)
        if first == second:
            raise DescendError(f"compare needs two methods, got {first!r} twice")
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)
        steps = self.histories.horizon
        nested = not self.rolling and self._nested(first, second)
        if horizon is not None:
            if not 1 <= horizon <= steps:
                raise DataError(f"this backtest looks 1 to {steps} steps ahead, got {horizon!r}")
            of = slice(horizon - 1, horizon)
            return self._test(first, second, of, horizon, loss, alternative, nested)
        rows: dict[Any, dict[str, Any]] = {}
        places: dict[Any, Any] = {h + 1: (slice(h, h + 1), h + 1) for h in range(steps)}
        places["mean"] = slice(None), steps
        for row, (of, h) in places.items():
            try:
                done = self._test(first, second, of, h, loss, alternative, nested)
                rows[row] = {
                    "statistic": done.statistic,
                    "p_value": done.p_value,
                    "mean": done.mean,
                    "origins": done.forecasts,
                    "note": "",
                }
                nested = False  # it is said once
            except DataError as error:
                rows[row] = {"statistic": np.nan, "p_value": np.nan, "mean": np.nan}
                rows[row] |= {"origins": self._losses(first, of, loss)[0].sum(), "note": str(error)}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("step")

    def conformal(self, coverage: float = 0.9) -> pd.DataFrame:
        """Compare each method's intervals with those calibrated on earlier origins.

        Args:
            coverage: wanted, in (0, 1).

        Returns:
            A row for each (method, step): number of origins that had enough earlier ones, coverage
            and mean width there of the calibrated intervals, and of the method's own where its
            levels have them.

        Raises:
            DataError: a coverage out of range.
        """
        import pandas as pd

        rows = {}
        there = self.judged
        for name in self.methods:
            low, high = self.intervals(name, coverage)
            own = self._ends(name, coverage)
            for h in range(self.histories.horizon):
                use = there[..., h] & np.isfinite(high[..., h])
                y = self.histories.truth[..., h][use]
                row = {
                    "forecasts": int(use.sum()),
                    "coverage": measures.coverage(y, low[..., h][use], high[..., h][use]),
                    "width": measures.width(low[..., h][use], high[..., h][use]),
                }
                if own is not None:
                    a, b = own[0][..., h][use], own[1][..., h][use]
                    row |= {"own coverage": measures.coverage(y, a, b)}
                    row |= {"own width": measures.width(a, b)}
                rows[name, h + 1] = row
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index = pd.MultiIndex.from_tuples(rows, names=["method", "step"])
        return frame

    def intervals(self, method: str | Method, coverage: float = 0.9) -> tuple[np.ndarray, ...]:
        """Calibrate a method's intervals on earlier origins (`conformal_intervals`).

        A method's own quantiles are widened or narrowed where its levels have the two; else the
        interval lies around its point forecast. Of several seeds the mean forecast counts.

        Args:
            method: a method of this backtest, or its name or class.
            coverage: wanted, in (0, 1).

        Returns:
            Lower and upper ends, (origins, series, horizon) each; infinite where too few earlier
            errors were known.

        Raises:
            DescendError: a method that is not in this backtest.
            DataError: a coverage out of range.
        """
        name, past = self._name(method), self.histories
        ends = self._ends(name, coverage)
        if ends is None:
            point = self.forecasts[name].mean(axis=0)[..., 0]
            ends = point, point
        return conformal_intervals(
            past.truth,
            *ends,
            coverage=coverage,
            clock=past.clock,
            seen=past.seen,
            scale=np.where(np.isfinite(past.scale), past.scale, 1.0),
        )

    def to_frame(self) -> pd.DataFrame:
        """List all forecasts.

        Returns:
            A row for each method, seed, origin, series and step: the origin, the date, the outcome,
            the point forecast and a column a level.

        Raises:
            Nothing of its own.
        """
        import pandas as pd

        past, frames = self.histories, []
        O, S, H = past.truth.shape
        i, s, h = (v.ravel() for v in np.indices((O, S, H)))
        there = past.places[i, s] >= 0
        i, s, h = i[there], s[there], h[there]
        for name, given in self.forecasts.items():
            for seed, one in enumerate(given):
                columns: dict[Any, Any] = {
                    "method": name,
                    "seed": seed,
                    "origin": past.moments[i],
                    "series": np.array(past.names, object)[s],
                    "step": h + 1,
                    "time": past.times[i, s, h],
                    "outcome": past.truth[i, s, h],
                    "forecast": one[i, s, h, 0],
                }
                columns |= {level: one[i, s, h, 1 + k] for k, level in enumerate(self.levels)}
                frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def plot(
        self,
        method: str | Method | None = None,
        *,
        series: str | None = None,
        origin: int = -1,
        measure: str = "MASE",
    ) -> Figure:
        """Draw one forecast with its fan, and the errors of all methods by horizon.

        Args:
            method: whose fan; by default the first.
            series: name of the series; by default the first.
            origin: number of the origin; -1 is the last.
            measure: a column of `by_horizon`.

        Returns:
            A matplotlib Figure.

        Raises:
            DescendError: a method, series or measure that is not there, an origin out of range.
        """
        name = next(iter(self.methods)) if method is None else self._name(method)
        past = self.histories
        if series is not None and series not in past.names:
            raise unknown("series", series, past.names)
        s = 0 if series is None else past.names.index(series)
        O = len(past.moments)
        if not -O <= origin < O:
            raise DescendError(f"origin must be a number from {-O} to {O - 1}, got {origin!r}")
        frame = self.by_horizon()
        if measure not in frame:
            raise unknown("measure", measure, frame.columns)
        place = past.places[origin, s]
        if place < 0:
            raise DescendError(
                f"series {past.names[s]!r} has no forecast at origin {origin}; choose another"
            )
        start, rows = past.panel.starts[place], past.known[origin, place]
        known = slice(start, start + rows)
        figure, (left, right) = fans.two_panels()
        fans.fan(
            left,
            (past.panel.times[known], past.panel.values[known]),
            past.times[origin, s],
            past.truth[origin, s],
            self.forecasts[name].mean(axis=0)[origin, s],
            self.levels,
            {
                "title": f"{name} from {dates.shown(past.moments[origin])}"
                + (f", {past.names[s]}" if past.names[s] else ""),
                "time": past.panel.columns[0],
                "target": past.panel.columns[1],
            },
        )
        errors = {n: frame.loc[n][measure].to_numpy() for n in self.methods}
        fans.by_horizon(right, errors, measure)
        return figure

    def _name(self, method: str | Method) -> str:
        """The name under which a method stands here; its class's name does where it is one's."""
        asked = method.name if isinstance(method, Method) else method
        if asked in self.methods:
            return asked
        of_class = [n for n, m in self.methods.items() if type(m).__name__ == asked]
        if len(of_class) == 1:
            return of_class[0]
        raise unknown("method of this backtest", asked, self.methods)

    def _figures(
        self, name: str, steps: slice = slice(None), series: slice = slice(None)
    ) -> dict[str, float]:
        """The mean over seeds of each figure."""
        each = [self._of_seed(name, k, steps, series) for k in range(len(self.forecasts[name]))]
        return {key: float(np.mean([one[key] for one in each])) for key in each[0]}

    def _of_seed(
        self, name: str, seed: int, steps: slice = slice(None), series: slice = slice(None)
    ) -> dict[str, float]:
        past = self.histories
        truth = np.where(self.judged, past.truth, np.nan)[:, series, steps]
        given = self.forecasts[name][seed][:, series, steps, :]
        return figures(truth, given, past.scale[:, series], self.levels)

    def _ends(self, name: str, coverage: float) -> tuple[np.ndarray, np.ndarray] | None:
        """The method's own central interval, the mean over seeds; None without such levels."""
        ends = []
        for wanted in ((1 - coverage) / 2, (1 + coverage) / 2):
            near = [k for k, level in enumerate(self.levels) if abs(level - wanted) < 1e-9]
            if not near:
                return None
            ends.append(self.forecasts[name].mean(axis=0)[..., 1 + near[0]])
        return ends[0], ends[1]

    def _nested(self, first: str, second: str) -> bool:
        """Whether one method says that the other's class is a special case of it."""
        a, b = self.methods[first], self.methods[second]
        return type(b).__name__ in a.nests or type(a).__name__ in b.nests

    def _losses(self, name: str, steps: slice, loss: str) -> tuple[np.ndarray, np.ndarray]:
        """Which origins count, and their losses."""
        past, of = self.histories, LOSSES[loss]
        unit = past.scale if len(past.names) > 1 else np.ones_like(past.scale)
        there = (self.judged & np.isfinite(unit)[..., None])[..., steps]
        errors = (past.truth[None] - self.forecasts[name][..., 0]) / unit[None, ..., None]
        each = np.where(there, of(errors[..., steps]).mean(axis=0), 0.0)
        counts = there.sum(axis=(1, 2))
        use = counts > 0
        return use, each.sum(axis=(1, 2))[use] / counts[use]

    def _test(
        self,
        first: str,
        second: str,
        steps: slice,
        horizon: int,
        loss: str,
        alternative: str,
        nested: bool,
    ) -> Difference:
        return diebold_mariano(
            self._losses(first, steps, loss)[1],
            self._losses(second, steps, loss)[1],
            self.histories.overlap(horizon),
            loss="none",
            alternative=alternative,
            nested=nested,
        )
