"""Pictures of the report on a table, each a matplotlib Figure made of what the JSON holds.

Colours differ for any colour vision; line styles and markers say the same in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.palette import BLACK, BLUE, COLOURS, GREEN, VERMILION
from descend.report.table.document.figures import EventErrors, ProbabilityCalibration, TargetMeans
from descend.report.table.document.fit import Learning
from descend.report.table.document.insight import Dependence, Explanation, Stability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)), (0, (1, 3)))
PALE = "#888888"
MOST_DRAWN = 2000  # points of a cloud
MOST_BARS = 20


def learning_curve(d: Learning) -> Figure:
    """Cost against epoch, with the best epoch marked."""
    from matplotlib.ticker import MaxNLocator

    figure, (ax,) = _panels(1)
    for (name, label), colour, style in zip(
        (("loss", "training"), ("val_loss", "validation")), (BLUE, VERMILION), STYLES, strict=False
    ):
        values = d["curves"].get(name, ())
        known = [np.nan if v is None else v for v in values]
        ax.plot(range(1, len(known) + 1), known, color=colour, ls=style, label=label)
    ax.axvline(d["best_epoch"], color=PALE, lw=1, ls=":", label="best epoch")
    _dress(ax, "epoch", f"cost ({d['unit']})")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    costs = [v for name in ("loss", "val_loss") for v in d["curves"].get(name, ()) if v]
    if costs and min(costs) > 0 and max(costs) > 8 * min(costs):
        ax.set_yscale("log")
    ax.legend(frameon=False)
    return figure


def roc_and_precision(d: EventErrors) -> Figure:
    """The ROC curve and the precision-recall curve, the stated threshold marked on both."""
    figure, (left, right) = _panels(2)
    decisions, rate = d["decisions"], d["ranking"]["rate"]
    sensitivity, specificity = decisions["sensitivity"], decisions["specificity"]
    false_positives = None if specificity is None else 1 - specificity
    for ax, curve, x_mark, y_mark in (
        (left, d["roc"], false_positives, sensitivity),
        (right, d["precision_recall"], sensitivity, decisions["precision"]),
    ):
        x, y = np.array([point[:2] for point in curve["points"]]).T
        ax.plot(x, y, color=BLUE, label="network")
        if x_mark is not None and y_mark is not None:
            label = f"threshold {d['threshold']:.3g}"
            ax.plot(x_mark, y_mark, "D", color=VERMILION, label=label)
        _dress(ax, curve["x"], curve["y"])
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    left.plot([0, 1], [0, 1], color=PALE, ls=":", label="by chance")
    right.axhline(rate, color=PALE, ls=":", label="by chance")
    left.legend(frameon=False, loc="lower right")
    right.legend(frameon=False, loc="best")
    return figure


def cloud(y: np.ndarray, predicted: np.ndarray, target: str, seed: int = 0) -> Figure:
    """Truth against prediction, and the distribution of what is left."""
    figure, (left, right) = _panels(2)
    drawn = np.arange(len(y))
    if len(y) > MOST_DRAWN:
        drawn = np.random.default_rng(seed).choice(len(y), MOST_DRAWN, replace=False)
    left.plot(predicted[drawn], y[drawn], ".", ms=3, alpha=0.5, color=BLUE, rasterized=True)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    left.plot(ends, ends, color=BLACK, lw=1, ls="--")
    _dress(left, f"predicted {_short(target)}", f"true {_short(target)}")
    right.hist(y - predicted, bins=40, color=BLUE, alpha=0.8)
    right.axvline(0, color=BLACK, lw=1, ls="--")
    _dress(right, f"true less predicted {_short(target)}", "test rows")
    return figure


def reliability_curve(d: ProbabilityCalibration) -> Figure:
    """Observed shares against predicted probabilities, with the rows of each bin below."""
    from matplotlib.figure import Figure as New

    figure = New(figsize=(5.5, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    r = d["reliability"]
    x, y = np.array(r["predicted"]), np.array(r["observed"])
    off = np.clip([y - r["low"], np.asarray(r["high"]) - y], 0, None)
    above.plot([0, 1], [0, 1], color=BLACK, lw=1, ls="--", label="perfect")
    above.errorbar(x, y, yerr=off, fmt="o-", color=BLUE, capsize=3, label="network, 95% interval")
    _dress(above, "", "observed share")
    above.legend(frameon=False)
    below.bar(x, r["count"], width=0.02, color=BLUE)
    _dress(below, "predicted probability", "test rows")
    return figure


def means_curve(d: TargetMeans, target: str) -> Figure:
    """Mean truth against mean prediction, by tenths of the prediction."""
    figure, (ax,) = _panels(1)
    x, y = (np.array([b[name] for b in d["bins"]]) for name in ("predicted", "observed"))
    off = 1.96 * np.array([b["error"] or 0.0 for b in d["bins"]])
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    ax.plot(ends, ends, color=BLACK, lw=1, ls="--", label="perfect")
    ax.errorbar(x, y, yerr=off, fmt="o", color=BLUE, capsize=3, label="network, 95% interval")
    _dress(ax, f"mean predicted {_short(target)}", f"mean true {_short(target)}")
    ax.legend(frameon=False)
    return figure


def importance_bars(d: Explanation) -> Figure:
    """How much worse predictions get without each column, with intervals."""
    from matplotlib.figure import Figure as New

    columns = d["importance"][:MOST_BARS][::-1]
    figure = New(figsize=(7, 1.2 + 0.28 * len(columns)), layout="constrained")
    ax = figure.add_subplot()
    value = np.array([one["importance"] for one in columns])
    ends = np.array([[one["low"], one["high"]] for one in columns], float).T
    off = np.nan_to_num(np.clip([value - ends[0], ends[1] - value], 0, None))
    places = np.arange(len(columns))
    ax.barh(places, value, color=BLUE, alpha=0.75, height=0.6)
    ax.errorbar(value, places, xerr=off, fmt="none", color=BLACK, capsize=3)
    ax.set_yticks(places, [_short(one["name"]) for one in columns])
    ax.axvline(0, color=BLACK, lw=1)
    _dress(ax, f"how much worse the {d['measure']} gets when the column is shuffled", "")
    return figure


def dependence_curves(curves: Sequence[Dependence]) -> Figure:
    """Partial dependence, a panel a column, a line a predicted number."""
    columns = list(dict.fromkeys(one["column"] for one in curves))
    figure, panels = _panels(len(columns), rows=-(-len(columns) // 2), wide=min(2, len(columns)))
    outcomes = list(dict.fromkeys(one["of"] for one in curves))
    for name, ax in zip(columns, panels, strict=False):
        for i, one in enumerate([o for o in curves if o["column"] == name]):
            look: dict[str, Any] = {"color": COLOURS[i % 6], "label": _short(one["of"])}
            x, mean = _places(one), np.array(one["mean"])
            off = 1.96 * np.nan_to_num(np.array(one["spread"], float))
            if x is not None:
                ax.plot(x, mean, ls=STYLES[i % 6], **look)
                ax.fill_between(x, mean - off, mean + off, color=look["color"], alpha=0.15, lw=0)
            else:
                words = [_short(v, 16) for v in one["values"]]
                ax.errorbar(range(len(words)), mean, yerr=off, fmt="o", capsize=3, **look)
                turned = 90 if len(words) > 8 else 45 if max(map(len, words)) > 6 else 0
                ax.set_xticks(range(len(words)), words, rotation=turned)
            if x is not None and one["kind"] == "date":
                ax.tick_params(axis="x", rotation=30)
        _dress(
            ax, _short(name, 40), _short(outcomes[0], 30) if len(outcomes) == 1 else "prediction"
        )
        ax.ticklabel_format(axis="y", useOffset=False)
        if len(outcomes) > 1 and name == columns[0]:
            ax.legend(frameon=False, fontsize="small")
    for ax in panels[len(columns) :]:
        ax.set_visible(False)
    return figure


def _places(one: Dependence) -> np.ndarray | None:
    """Places of numbers and dates on their axis; None of categories and of unreadable dates."""
    if one["kind"] == "number":
        return np.array(one["values"], float)
    if one["kind"] != "date":
        return None
    try:
        return np.array(one["values"], "datetime64[s]")
    except ValueError:
        return None


def shift_bars(d: Stability, most: int = MOST_BARS) -> Figure:
    """The stability index of each column and score, with the usual bands."""
    from matplotlib.figure import Figure as New

    shifts = [*d["columns"][:most], *d["scores"]][::-1]
    figure = New(figsize=(7, 1.2 + 0.28 * len(shifts)), layout="constrained")
    ax = figure.add_subplot()
    places = np.arange(len(shifts))
    ax.barh(places, [s["index"] for s in shifts], color=BLUE, alpha=0.75, height=0.6)
    ax.plot([s["noise"] for s in shifts], places, "|", color=BLACK, ms=10, label="95% by chance")
    for at, colour, style in ((0.1, GREEN, "--"), (0.25, VERMILION, "-.")):
        ax.axvline(at, color=colour, ls=style, lw=1, label=f"{at:g}")
    ax.set_yticks(places, [_short(s["name"]) for s in shifts])
    _dress(ax, "population stability index, test against training rows", "")
    ax.legend(frameon=False, loc="lower right")
    return figure


def _short(name: Any, most: int = 28) -> str:
    """A name for an axis; "$" would begin a formula."""
    text = " ".join(str(name).split()).replace("$", r"\$")
    return text if len(text) <= most else text[: most - 2] + ".."


def _panels(count: int, rows: int = 1, wide: int | None = None) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure as New

    wide = wide or count
    size = (7.0, 4.0) if wide == 1 else (10.0, 4.0 * rows if rows == 1 else 3.4 * rows)
    figure = New(figsize=size, layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, wide)).ravel())


def _dress(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
