"""Pictures of the classic units: the boundary step by step, a certificate, Figure 4.9.

Each function returns a matplotlib Figure. Colours are told apart with any colour vision, and marks
and line styles tell the same in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from descend.errors import DataError, DescendError, NotFittedError, ShapeError
from descend.neurons.classic.bumps import bump, hill, localised_bump, ridge
from descend.neurons.classic.perceptron import Perceptron
from descend.neurons.classic.planes import Certificate
from descend.neurons.classic.reading import counts, numbers
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D"), (ORANGE, "v"))


def boundary_steps(
    unit: Perceptron, X: Any, y: Any, corrections: Sequence[int] | None = None
) -> Figure:
    """The lines of a perceptron of two inputs after some of its corrections, a panel each.

    The row whose correction led to the panel's line is ringed; the line before it is dashed.

    Args:
        unit: Perceptron fitted on X and y; one line a neuron is drawn.
        X: rows that `fit` was given, (n, 2), in the same order.
        y: their labels, (n,), for the marks.
        corrections: numbers of corrections made before each panel; by default up to eight, spread
            from none to all.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError, ShapeError: rows that are no numbers, or not of two inputs; labels that are not
            one a row.
        DescendError: no Perceptron; another count of corrections than there were.
        NotFittedError: a unit that is not fitted.

    Source: scheidegger-2020, "EXAMPLE: PERCEPTRON LEARNING: THE "OR" DATA-SET".

    Example:
        >>> from descend.neurons.classic import Perceptron, boundary_steps
        >>> rows, answers = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1]
        >>> unit = Perceptron(start="zeros").fit(rows, answers)
        >>> figure = boundary_steps(unit, rows, answers, corrections=[0, 4])
        >>> [panel.get_title() for panel in figure.axes]
        ['0 corrections', '4 corrections, all right']
    """
    if not isinstance(unit, Perceptron):
        raise DescendError(f"boundary_steps draws a fitted Perceptron, got {unit!r}")
    if not hasattr(unit, "updates_"):
        raise NotFittedError("this Perceptron is not fitted; call fit(X, y) first")
    x, labels = _rows(X, y)
    last = len(unit.updates_)
    if corrections is None:
        corrections = np.unique(np.linspace(0, last, min(last + 1, 8)).astype(int)).tolist()
    corrections = counts("corrections", corrections, 0, last)
    figure, panels = _panels(len(corrections))
    for ax, count in zip(panels, corrections, strict=True):
        _limits(ax, x)
        _points(ax, x, labels)
        if count:
            before = unit.weights_after(x, count - 1)
            for weights in before.T:
                _line(ax, weights, unit.bias_input, "--", "0.6")
            ax.plot(*x[unit.updates_[count - 1, 1]], "o", ms=18, mfc="none", mec=BLACK, mew=1.5)
        for weights in unit.weights_after(x, count).T:
            _line(ax, weights, unit.bias_input, "-", BLACK)
        title = f"{count} correction{'' if count == 1 else 's'}"
        ax.set_title(title + (", all right" if count == last and unit.converged_ else ""))
    panels[0].legend(loc="best", fontsize=8)
    return figure


def surface_steps(estimator: Any, X: Any, y: Any, iterations: Sequence[int]) -> Figure:
    """What an estimator of two inputs answers after some iterations, a panel each.

    The estimator is fitted anew with `max_iter` at each count, from the same random state.

    Args:
        estimator: classifier of this package; its `random_state` must be a number.
        X: rows of two inputs, (n, 2).
        y: their labels, (n,).
        iterations: numbers of iterations, each at least one, a panel each.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError, ShapeError: rows that are no numbers, or not of two inputs; labels that are not
            one a row.
        DescendError: no estimator, no fixed `random_state`, or a count of iterations below one.

    Source: descend's own.

    Example:
        >>> from descend.neurons.classic import Perceptron, surface_steps
        >>> rows, answers = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1]
        >>> figure = surface_steps(Perceptron(random_state=0), rows, answers, iterations=[1, 9])
        >>> [panel.get_title() for panel in figure.axes]
        ['1 iteration: 3 of 4 right', '9 iterations: 4 of 4 right']
    """
    if isinstance(estimator, type) or not hasattr(estimator, "set_params"):
        raise DescendError(f"surface_steps fits a classifier of this package, got {estimator!r}")
    x, labels = _rows(X, y)
    iterations = counts("iterations", iterations, 1)
    if not isinstance(getattr(estimator, "random_state", 0), (int, np.integer)):
        raise DescendError("set random_state to a number, or each panel shows another run")
    figure, panels = _panels(len(iterations))
    for ax, count in zip(panels, iterations, strict=True):
        fitted = clone(estimator).set_params(max_iter=count).fit(x, labels)
        _limits(ax, x)
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        first, second = np.meshgrid(np.linspace(left, right, 121), np.linspace(bottom, top, 121))
        answers = fitted.predict(np.column_stack([first.ravel(), second.ravel()]))
        places = np.searchsorted(fitted.classes_, answers).reshape(first.shape)
        colours = [CLASSES[i % len(CLASSES)][0] for i in range(len(fitted.classes_))]
        levels = np.arange(len(colours) + 1) - 0.5
        ax.contourf(first, second, places, levels, colors=colours, alpha=0.25)
        _points(ax, x, labels)
        good = int((fitted.predict(x) == labels).sum())
        word = "iteration" if count == 1 else "iterations"
        ax.set_title(f"{count} {word}: {good} of {len(x)} right")
    panels[0].legend(loc="best", fontsize=8)
    return figure


def draw_certificate(certificate: Certificate, X: Any, t: Any) -> Figure:
    """Two inputs: the rows a certificate needs, mixed to the one point both classes reach.

    Args:
        certificate: Certificate that no line separates the rows.
        X: rows it was made for, (n, 2).
        t: their targets, 0 or 1, (n,).

    Returns:
        A matplotlib Figure.

    Raises:
        DescendError: no Certificate.
        DataError, ShapeError: rows or targets that it was not made for, or not two inputs.

    Source: scheidegger-2020, "LIMITATIONS OF PERCEPTRONS".

    Example:
        >>> from descend.neurons.classic import draw_certificate, separability
        >>> rows, xor = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> figure = draw_certificate(separability(rows, xor).certificate, rows, xor)
        >>> figure.axes[0].get_title()
        'no line separates them'
    """
    if not isinstance(certificate, Certificate):
        raise DescendError(f"draw_certificate draws a Certificate, got {certificate!r}")
    x, targets = _rows(X, t)
    if len(x) <= max(certificate.rows) or not np.isin(targets, (0, 1)).all():
        raise DataError("draw_certificate needs the rows and 0/1 targets it was made for")
    figure, (ax,) = _panels(1, size=4.6)
    _limits(ax, x)
    for row, fires in zip(certificate.rows, certificate.fires, strict=True):
        style = "-" if fires else "--"
        ax.plot(*np.array([x[row], certificate.point]).T, style, color=CLASSES[fires][0], lw=2)
    _points(ax, x, targets.astype(int))
    place = ", ".join(f"{v:.3g}" for v in certificate.point)
    ax.plot(*certificate.point, "*", ms=18, color=BLACK, label=f"both mix to ({place})")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    ax.set_title("no line separates them")
    return figure


def draw_figure_4_9(steepness: float = 20.0) -> Figure:
    """Ridge, hill, bump and localised bump over the unit square, as surfaces.

    Args:
        steepness: number k of all ridges, 4 times the slope of their edges.

    Returns:
        A matplotlib Figure of four panels.

    Raises:
        DescendError: a steepness that is no finite number.

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figure 4.9.

    Example:
        >>> from descend.neurons.classic import draw_figure_4_9
        >>> [panel.get_title() for panel in draw_figure_4_9().axes][::3]
        ['(a) ridge: one neuron', '(d) localised bump']
    """
    from matplotlib.figure import Figure

    side = np.linspace(0, 1, 81)
    first, second = np.meshgrid(side, side)
    x = np.column_stack([first.ravel(), second.ravel()])
    low, high = (0.3, 0.3), (0.7, 0.7)
    shapes = (
        ("(a) ridge: one neuron", ridge(x, (1, 0), 0.3, steepness)),
        ("(b) hill: and a reversed one", hill(x, (1, 0), 0.3, 0.7, steepness)),
        ("(c) bump: hills at 90°", bump(x, low, high, steepness)),
        ("(d) localised bump", localised_bump(x, low, high, steepness, 20.0)),
    )
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    for place, (title, values) in enumerate(shapes, 1):
        ax: Any = figure.add_subplot(1, 4, place, projection="3d")
        height = values.reshape(first.shape)
        ax.plot_surface(first, second, height, cmap="cividis", lw=0, rcount=81, ccount=81)
        ax.set_box_aspect(None, zoom=0.78)
        ax.set(xlabel="$x_1$", ylabel="$x_2$", zlabel="output", title=title)
        ax.set_zlim(0, max(1.0, values.max()))
    return figure


def _rows(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two inputs and their labels."""
    x, labels = numbers("X", X, 2), np.asarray(y)
    if x.shape[1] != 2:
        raise ShapeError(f"a plane can only show two inputs, X (n, 2); got {x.shape}")
    if labels.shape != (len(x),) or not labels.size:
        raise ShapeError(f"labels must be one for each of {len(x)} row(s), got {labels.shape}")
    return x, labels


def _panels(count: int, size: float = 3.2) -> tuple[Figure, list[Any]]:
    from matplotlib.figure import Figure

    columns = min(count, 4)
    rows = -(-count // columns)
    figure = Figure(figsize=(size * columns, size * rows), layout="constrained")
    panels = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    for ax in panels:
        ax.spines[["top", "right"]].set_visible(False)
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
    return figure, panels


def _limits(ax: Any, x: np.ndarray) -> None:
    low, high = x.min(axis=0), x.max(axis=0)
    room = 0.25 * np.where(high > low, high - low, 1.0)
    ax.set_xlim(low[0] - room[0], high[0] + room[0])
    ax.set_ylim(low[1] - room[1], high[1] + room[1])


def _points(ax: Any, x: np.ndarray, labels: np.ndarray) -> None:
    for i, label in enumerate(np.unique(labels)):
        colour, mark = CLASSES[i % len(CLASSES)]
        rows = x[labels == label]
        ax.plot(*rows.T, mark, color=colour, mec="white", ms=9, ls="none", label=f"target {label}")


def _line(ax: Any, weights: np.ndarray, bias_input: float | None, style: str, colour: str) -> None:
    """w'x = 0 within the panel, and an arrow to the side where the neuron fires."""
    slope, offset = weights[-2:], 0.0
    if bias_input is not None:
        offset = weights[0] * bias_input
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    corners = np.array([[left, bottom], [right, bottom], [left, top], [right, top]])
    fires = corners @ slope + offset > 0
    if fires.all() or not fires.any():
        if style == "-":
            words = "fires everywhere" if fires.all() else "silent everywhere"
            ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", color=colour)
        return
    square = float(slope @ slope)
    centre = corners.mean(axis=0)
    foot = centre - (offset + slope @ centre) / square * slope
    reach = 2 * np.hypot(right - left, top - bottom) * np.array([-slope[1], slope[0]])
    ends = np.array([foot - reach / np.sqrt(square), foot + reach / np.sqrt(square)])
    look = {"color": colour, "lw": 2 if style == "-" else 1.2}
    ax.plot(*ends.T, style, scalex=False, scaley=False, **look)
    if style == "-" and left <= foot[0] <= right and bottom <= foot[1] <= top:
        tip = foot + 0.15 * (right - left) * slope / np.sqrt(square)
        ax.annotate("", tip, foot, arrowprops={"arrowstyle": "->", "color": colour, "lw": 2})
