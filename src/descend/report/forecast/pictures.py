"""Pictures of the report on a forecaster, each a matplotlib Figure made of what the JSON holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.forecasting import fans
from descend.palette import BLACK, BLUE, COLOURS, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":")
PALE = "#888888"
MOST_LINES = 6  # methods in one picture; the table has all


def panel(height: float = 4.0) -> tuple[Figure, Axes]:
    """One panel, of a width whose words can be read on a telephone too."""
    from matplotlib.figure import Figure as New

    figure = New(figsize=(7.0, height), layout="constrained")
    return figure, figure.subplots()


def ahead(d: Mapping[str, Any], one: Mapping[str, Any], words: Mapping[str, str]) -> Figure:
    """The fan behind the table.

    Args:
        d: the document's "forecast".
        one: one of its series.
        words: "title", "time" and "target".
    """
    figure, axes = panel()
    given = one["ahead"]
    columns = [given["forecast"], *given["quantiles"].values()]
    fans.fan(
        axes,
        (_times(one["past"]["times"], d["dated"]), numbers(one["past"]["values"])),
        _times(given["times"], d["dated"]),
        None,
        np.stack([numbers(c) for c in columns], axis=1),
        d["levels"],
        words,
    )
    _dress(axes)
    return figure


def tested(d: Mapping[str, Any], one: Mapping[str, Any], words: Mapping[str, str]) -> Figure:
    """The fan behind the last origin, with what came; arguments as of `ahead`."""
    figure, axes = panel()
    given = one["tested"]
    columns = [given["forecast"], *given["quantiles"]]
    fans.fan(
        axes,
        (_times(given["past"]["times"], d["dated"]), numbers(given["past"]["values"])),
        _times(given["times"], d["dated"]),
        numbers(given["outcome"]),
        np.stack([numbers(c) for c in columns], axis=1),
        given["levels"],
        words,
    )
    _dress(axes)
    return figure


def drawn(d: Mapping[str, Any]) -> list[str]:
    """The methods whose errors are drawn: the forecaster, the better naive one, and the best."""
    test = d["test"]
    names = [test["forecaster"], test["naive"]]
    names += [m["method"] for m in test["methods"] if m["method"] not in names]
    return names[:MOST_LINES]


def by_horizon(d: Mapping[str, Any], measure: str) -> Figure:
    """Errors against steps ahead, a line a method."""
    figure, axes = panel()
    errors = {name: numbers(d["by_horizon"][name][measure]) for name in drawn(d)}
    fans.by_horizon(axes, errors, measure)
    axes.set_title("")
    _steps(axes)
    _dress(axes)
    return figure


def coverage(d: Mapping[str, Any]) -> Figure:
    """The share of outcomes in the intervals, by steps ahead."""
    figure, axes = panel(3.4)
    found = d["intervals"]
    steps = np.arange(1, len(found["forecasts"]) + 1)
    look: dict[str, Any] = {"marker": "o", "markersize": 4}
    if found["own"]:
        axes.plot(steps, numbers(found["own"]), color=BLUE, label="as forecast", **look)
    calibrated = numbers([row["coverage"] for row in found["calibrated"]])
    if np.isfinite(calibrated).any():
        axes.plot(steps, calibrated, color=VERMILION, ls="--", label="calibrated", **look)
    axes.axhline(found["coverage"], color=BLACK, ls=":", lw=1, label="stated")
    axes.set(xlabel="steps ahead", ylabel="share of outcomes inside", ylim=(-0.02, 1.04))
    _steps(axes)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    _dress(axes)
    return figure


def learning(d: Mapping[str, Any]) -> Figure:
    """Costs against updates, a colour a seed, the update that was kept marked."""
    figure, axes = panel()
    for i, one in enumerate(d["learning"]["seeds"]):
        colour, label = COLOURS[i % len(COLOURS)], f"seed {one['seed']}"
        axes.plot(one["updates"], numbers(one["loss"]), color=colour, label=f"{label}, training")
        if one["val_loss"]:
            values = numbers(one["val_loss"])
            axes.plot(one["updates"], values, color=colour, ls="--", label=f"{label}, held back")
        if one["best"]:
            axes.axvline(one["best"], color=colour, lw=1, ls=":")
    axes.set(xlabel="updates", ylabel="cost, on the windows' own scale")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    _dress(axes)
    return figure


def numbers(values: Any) -> np.ndarray:
    """Values of a document as floats, NaN for None."""
    return np.array([np.nan if v is None else v for v in values], float)


def _times(shown: list[str], dated: bool) -> np.ndarray:
    return np.array(shown, "datetime64[ns]") if dated else np.array(shown, np.int64)


def _steps(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
