"""Pictures of a backtest: the fan of one forecast, and the errors by horizon.

Colours are told apart with any colour vision, line styles tell the same in grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
STYLES = ("-", "--", "-.", ":")
SHOWN_BACK, LEAST_BACK = 3, 24  # horizons, and rows at least, of the history that are drawn


def two_panels() -> tuple[Figure, Any]:
    """A figure with two axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    return figure, figure.subplots(1, 2)


def back(horizon: int) -> int:
    """Rows of the history that are drawn in front of a forecast."""
    return max(SHOWN_BACK * horizon, LEAST_BACK)


def fan(
    axes: Axes,
    past: tuple[np.ndarray, np.ndarray],
    times: np.ndarray,
    truth: np.ndarray | None,
    forecast: np.ndarray,
    levels: Sequence[float],
    words: Mapping[str, str],
) -> None:
    """The last of a history, the outcome, and the forecast with its central intervals.

    Args:
        axes: where it is drawn.
        past: (times, values) of the history.
        times: (H,) dates ahead.
        truth: (H,) outcomes; None where they are still to come.
        forecast: (H, 1 + levels).
        levels: of the quantiles.
        words: "title", "time" and "target".
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    drawn = slice(-back(len(times)), None)
    axes.plot(past[0][drawn], past[1][drawn], color=BLACK, linewidth=1.2, label="known")
    if truth is not None:
        axes.plot(
            times, truth, color=BLACK, linestyle=":", marker="o", markersize=3, label="outcome"
        )
    # the fan opens at the last value that is known
    real = np.flatnonzero(np.isfinite(past[1]))[-1]
    when = np.concatenate([past[0][real : real + 1], times])
    ends = np.concatenate([np.full((1, forecast.shape[1]), past[1][real]), forecast])
    for i, level in enumerate(levels):
        mirror = [j for j, other in enumerate(levels) if abs(level + other - 1) < 1e-9 and j > i]
        if mirror:
            axes.fill_between(
                when,
                ends[:, 1 + i],
                ends[:, 1 + mirror[0]],
                color=BLUE,
                alpha=0.2,
                linewidth=0,
                label=f"{100 * (levels[mirror[0]] - level):.0f} % interval",
            )
    axes.plot(when, ends[:, 0], color=BLUE, linewidth=1.6, label="forecast")
    if np.issubdtype(times.dtype, np.datetime64):
        locator = AutoDateLocator(maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set(title=words["title"], xlabel=words["time"], ylabel=words["target"])
    axes.legend(frameon=False, fontsize=8)


def by_horizon(axes: Axes, errors: Mapping[str, np.ndarray], measure: str) -> None:
    """A line a method.

    Args:
        axes: where it is drawn.
        errors: {method: (H,)}.
        measure: its name.
    """
    for i, (name, values) in enumerate(errors.items()):
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=COLOURS[i % len(COLOURS)],
            linestyle=STYLES[(i // len(COLOURS) + i) % len(STYLES)],
            marker="o" if len(values) == 1 else None,
            label=name,
        )
    axes.set(title="Errors by horizon", xlabel="steps ahead", ylabel=measure)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
