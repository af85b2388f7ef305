"""The linear forecaster in closed form: what stands beside every network.

    y_(t+h) - c_t = b_h + sum_j W_(jh) (y_(t-j) - c_t)        c_t the last value

W and b minimise the squared error of all windows plus a penalty on both, for all horizons at once;
the penalty is the one that forecasts the last windows of the history best. That the drift b is
shrunk too matters over long horizons. Source: Hoerl and Kennard
1970 (ridge); Zeng et al. 2023, "Are Transformers Effective for Time Series Forecasting?".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from descend.errors import DataError
from descend.forecasting.method import Method
from descend.forecasting.panel import Panel
from descend.forecasting.scaling import Scaling
from descend.forecasting.windows import (
    Shape,
    candidates,
    filled,
    parts,
    require_long,
    usual_context,
)
from descend.nn.checks import number, whole

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-12, 5))  # times the mean eigenvalue
USUAL = 0.1  # penalty where no windows can be held back
PIECE = 2048  # windows that are laid out at a time


class Line(NamedTuple):
    """A fitted map: weights (context, horizon), intercept (horizon,), and its penalty."""

    weights: np.ndarray
    intercept: np.ndarray
    penalty: float


@dataclass(frozen=True)
class LinearForecaster(Method):
    """Ridge regression of the next values on the last ones, in closed form.

    Every window of every series is one row of the regression. Covariates are not looked at.

    Args:
        context: values that are seen; by default by the season (36 for months).
        season: steps of the season; that of the panel where None.
        centre: what is taken off a window: its "last" value, its "mean", or None.
        scale: what it is divided by: "std", "season" or "mean" (absolute values), or None.
        penalty: share of the mean eigenvalue of X'X; by default the one that does best on the last
            windows of the history, after which all windows are used.
        validation: share of the history that these windows are forecasts of.
        anew: whether the weights are estimated anew on all windows when the penalty is chosen.

    Raises:
        DescendError: a context, penalty or share out of range.
        DataError: a series that is shorter than context and horizon, in a backtest.

    Source: Hoerl and Kennard 1970; Zeng et al. 2023.

    Example:
        >>> import numpy as np
        >>> from descend.forecasting import LinearForecaster, Panel
        >>> wave = Panel.of(np.sin(np.arange(100.0)), season=1)
        >>> found = LinearForecaster(context=4).backtest(wave, np.array([[90]]), 2, ())
        >>> bool(abs(found[0, 0, 0, :, 0] - wave.values[90:92]).max() < 1e-3)
        True
    """

    context: int | None = None
    season: int | None = None
    centre: str | None = "last"
    scale: str | None = None
    penalty: float | None = None
    validation: float = 0.2
    anew: bool = True

    def __post_init__(self) -> None:
        if self.context is not None:
            whole("LinearForecaster: context", self.context, 1, optional=True)
        if self.season is not None:
            whole("LinearForecaster: season", self.season, 1, optional=True)
        if self.penalty is not None:
            number("LinearForecaster: penalty", self.penalty, above=0, optional=True)
        share = number("LinearForecaster: validation", self.validation, least=0)
        if share >= 1:
            raise DataError(f"LinearForecaster: validation must be a share below 1, got {share:g}")
        Scaling(self.centre, self.scale, 1)

    def backtest(
        self,
        panel: Panel,
        origins: np.ndarray,
        horizon: int,
        levels: Sequence[float],
        refit: bool = True,
    ) -> np.ndarray:
        """See `Method.backtest`; quantiles are NaN."""
        season = panel.season if self.season is None else self.season
        context = self.context
        if context is None:
            context = usual_context(season, int(origins[origins > 0].min()), horizon)
        require_long(panel, origins, context, context + horizon, "a window")
        work = _Work(panel, Shape(context, horizon, Scaling(self.centre, self.scale, season)))
        result = np.full((1, *origins.shape, horizon, 1 + len(levels)), np.nan)
        line = None
        for i, origin in enumerate(origins):
            if refit or line is None:
                line = self._fitted(work, origin)
            result[0, i, :, :, 0] = work.forecast(line, origin)
        return result

    def _fitted(self, work: _Work, origin: np.ndarray) -> Line:
        """The map of the windows that had ended before an origin."""
        held = np.where(origin > 0, np.ceil(self.validation * origin).astype(int), 0)
        if self.penalty is not None:
            held = np.zeros_like(held)
        elif self.validation:
            held = np.where(origin > 0, np.maximum(held, work.shape.horizon), 0)
        split = parts(work.windows, work.shape, origin, held, None)
        every = parts(work.windows, work.shape, origin, 0 * held, None).train
        if 2 * len(split.train) < len(every) and self.penalty is None:
            split = split._replace(train=every, validation=every[:0])  # too short to hold some back
        train = work.moments(split.train)
        if self.penalty is not None or not len(split.validation):
            return train.solved(USUAL if self.penalty is None else self.penalty)
        penalty = train.chosen(work.moments(split.validation))
        if not self.anew:
            return train.solved(penalty)
        rest = np.setdiff1d(every, split.train, assume_unique=True)
        return train.joined(work.moments(rest)).solved(penalty)


class Moments:
    """Sums of products of windows, from which the map follows; nothing else of them is kept."""

    def __init__(self, context: int, horizon: int):
        self.n = 0
        self.x, self.y = np.zeros(context), np.zeros(horizon)
        self.xx, self.xy = np.zeros((context, context)), np.zeros((context, horizon))

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Add windows x (n, context) and y (n, horizon)."""
        self.n += len(x)
        self.x += x.sum(axis=0)
        self.y += y.sum(axis=0)
        self.xx += x.T @ x
        self.xy += x.T @ y

    def joined(self, other: Moments) -> Moments:
        """Those of both."""
        both = Moments(len(self.x), len(self.y))
        both.n = self.n + other.n
        for name in ("x", "y", "xx", "xy"):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    def with_ones(self, unit: float) -> tuple[np.ndarray, np.ndarray]:
        """Products of the inputs and a column of `unit`, and of both with the targets."""
        xx = np.block([[self.xx, unit * self.x[:, None]], [unit * self.x, unit**2 * self.n]])
        return xx, np.vstack([self.xy, unit * self.y])

    @property
    def unit(self) -> float:
        """How large an input is, root mean square; 1 where all are zero."""
        return float(np.sqrt(np.trace(self.xx) / max(self.n, 1) / len(self.x))) or 1.0

    def solved(self, penalty: float) -> Line:
        """The map of least squares with a penalty, on the drift too."""
        unit = self.unit
        xx, xy = self.with_ones(unit)
        both = np.linalg.solve(xx + penalty * np.trace(xx) / len(xx) * np.eye(len(xx)), xy)
        return Line(both[:-1], unit * both[-1], penalty)

    def chosen(self, check: Moments) -> float:
        """The penalty whose map has the least squared error on other windows."""
        xx, xy = self.with_ones(self.unit)
        values, vectors = np.linalg.eigh(xx)
        gram, cross = check.with_ones(self.unit)
        turned, cross = vectors.T @ xy, vectors.T @ cross
        gram = vectors.T @ gram @ vectors
        errors = []
        for penalty in PENALTIES:
            b = turned / (values.clip(0)[:, None] + penalty * values.mean())
            errors.append(float((b * (gram @ b)).sum() - 2 * (b * cross).sum()))
        return PENALTIES[int(np.argmin(errors))]


class _Work:
    """A panel's windows, laid out a piece at a time."""

    def __init__(self, panel: Panel, shape: Shape):
        self.shape, self.starts = shape, panel.starts[:-1]
        self.values, self.real = filled(panel)
        self.windows = candidates(panel, shape)

    def moments(self, rows: np.ndarray) -> Moments:
        """The sums over the windows that begin in these rows; a target that is missing: not."""
        total = Moments(self.shape.context, self.shape.horizon)
        for x, y in self._pieces(rows):
            total.add(x, y)
        return total

    def forecast(self, line: Line, origin: np.ndarray) -> np.ndarray:
        """What follows the last context of each series, (series, horizon); NaN for absent ones."""
        present = origin > 0
        rows = (self.starts + origin - self.shape.context)[present]
        past = self.values[rows[:, None] + np.arange(self.shape.context)]
        centre, spread = self.shape.scaling.of(past, np)
        z = (past - centre) / spread @ line.weights + line.intercept
        result = np.full((len(origin), self.shape.horizon), np.nan)
        result[present] = centre + spread * z
        return result

    def _pieces(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        steps = np.arange(self.shape.rows)
        for first in range(0, len(rows), PIECE):
            at = rows[first : first + PIECE, None] + steps
            at = at[self.real[at[:, self.shape.context :]].all(axis=1)]
            whole_windows = self.values[at]
            past = whole_windows[:, : self.shape.context]
            centre, spread = self.shape.scaling.of(past, np)
            scaled = (whole_windows - centre) / spread
            yield scaled[:, : self.shape.context], scaled[:, self.shape.context :]
