"""What a network makes of two of its inputs: its decisions, each hidden unit, its hidden space.

Sources: scheidegger-2020, "A geometric interpretation" (the crumpled paper that each layer smooths
out a little); raviv-2022, "What is learned in deep learning?"; hull-2023, "Deep Learning as Feature
Learning".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DescendError, ShapeError, unknown
from descend.glass.arguments import require_model, require_points
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from descend.train.model import rows
from descend.train.model.model import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKS = "osD^vPX"
MARGIN = 0.1  # of the data's extent, around it
MOST_UNITS = 64  # panels of `unit_surfaces`
DRAWN = 2000  # rows that are drawn as points


def layer_outputs(model: Model, x: Any) -> dict[str, np.ndarray]:
    """What every layer puts out at prediction, {layer: (n, ...)}; the last is the prediction.

    A layer's second use is "layer@2", a layer inside a layer "outer.inner".

    Args:
        model: Model, compiled or not, trained or not.
        x: rows as `predict` takes them: (n, ...), or a list of such arrays of several inputs.

    Returns:
        {layer: array with n rows}, in the order of computation.

    Raises:
        DescendError: something that is no Model.
        DataError, ShapeError: rows that `predict` would not take.

    Source: hull-2023, "Deep Learning Representations".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import layer_outputs
        >>> model = Sequential([Input((1,)), Dense(2, "relu", name="hidden"), Dense(1, name="out")])
        >>> model.set_weights([[[1.0, -1.0]], [0.0, 0.0], [[1.0], [1.0]], [0.0]])
        >>> {layer: a.tolist() for layer, a in layer_outputs(model, [[3.0]]).items()}
        {'hidden': [[3.0, 0.0]], 'out': [[3.0]]}
    """
    require_model(model, "layer_outputs")
    arrays = rows.make_inputs(model, x, "rows to look at")
    outputs: dict[str, np.ndarray] = {}

    def tap(name: str, _: Any, y: Any) -> None:
        uses = sum(1 for known in outputs if known.partition("@")[0] == name)
        outputs[name if not uses else f"{name}@{uses + 1}"] = np.asarray(y)

    inputs = tuple(jnp.asarray(a) for a in arrays)
    x = inputs[0] if model.single_input else inputs
    model.apply(model.params, model.layer_state, x, tap=tap)
    return outputs


@dataclass(frozen=True, eq=False)
class Surface:
    """A network over a grid of two inputs, the others at fixed values.

    Attributes:
        inputs: the two inputs' numbers; names: theirs.
        a, b: grid values of the first and second one.
        values: {layer: (points of b, points of a, units)}.
    """

    inputs: tuple[int, int]
    names: tuple[str, str]
    a: np.ndarray
    b: np.ndarray
    values: dict[str, np.ndarray]


def surface(
    model: Model,
    x: Any,
    inputs: tuple[int, int] = (0, 1),
    *,
    held: Any = None,
    points: int = 120,
    names: Sequence[str] | None = None,
) -> Surface:
    """Every layer of a network over two of its inputs.

    Args:
        model: Model with one input of shape (features,).
        x: rows (n, features): the two inputs run over their extent, a tenth more on each side.
        inputs: numbers of the two inputs, counted from 0; the others stay as in `held`.
        held: row of all features, (features,); by default that of the medians.
        points: number of grid points along each input.
        names: names of all features; by default a DataFrame's columns, or x1, x2, ...

    Returns:
        A Surface: grid values `a` and `b`, and `values` {layer: (points of b, points of a, units)}.

    Raises:
        ShapeError: a network of another kind, or a row `held` of another length.
        DescendError: something that is no Model, or bad arguments.
        DataError: rows that `predict` would not take.

    Source: scheidegger-2020, "A geometric interpretation"; hull-2023, "Deep Learning as Feature
    Learning".

    Example:
        A unit that takes the difference of its inputs, from 0 to 1 with a tenth of margin.

        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import surface
        >>> model = Sequential([Input((2,)), Dense(1, use_bias=False, name="unit")])
        >>> model.set_weights([[[1.0], [-1.0]]])
        >>> grid = surface(model, [[0.0, 0.0], [1.0, 1.0]], points=2)
        >>> grid.a.round(3).tolist(), grid.values["unit"][..., 0].astype(float).round(3).tolist()
        ([-0.1, 1.1], [[0.0, 1.2], [-1.2, 0.0]])
    """
    require_model(model, "a surface")
    require_points(points, "a surface")
    if not model.single_input or len(model.input_shapes[0]) != 1:
        raise ShapeError(
            f"a surface needs a network of one input of shape (features,), {model.name} has "
            f"{', '.join(map(str, model.input_shapes))}"
        )
    columns = list(getattr(x, "columns", [])) if names is None else list(names)
    (x,) = rows.make_inputs(model, x, "rows to look at")
    features = x.shape[1]
    if columns and len(columns) != features:
        raise DescendError(f"names must be {features}, one a feature, got {columns}")
    if len(set(inputs)) != 2 or not all(0 <= i < features for i in inputs):
        raise DescendError(
            f"inputs must be two different numbers from 0 to {features - 1}, got {inputs}"
        )
    row = np.median(x, axis=0) if held is None else np.asarray(held, float)
    if row.shape != (features,):
        raise ShapeError(f"held must be a row of {features} numbers, got shape {row.shape}")
    axes = []
    for i in inputs:
        low, high = float(x[:, i].min()), float(x[:, i].max())
        room = MARGIN * (high - low) or 1.0
        axes.append(np.linspace(low - room, high + room, points))
    a, b = np.meshgrid(*axes)
    grid = np.tile(row, (a.size, 1))
    grid[:, inputs[0]], grid[:, inputs[1]] = a.ravel(), b.ravel()
    values = {
        layer: outputs.reshape(points, points, -1)
        for layer, outputs in layer_outputs(model, grid).items()
    }
    first, second = (str(columns[i]) if columns else f"x{i + 1}" for i in inputs)
    return Surface((inputs[0], inputs[1]), (first, second), axes[0], axes[1], values)


def decision_surface(
    model: Model,
    x: Any,
    y: Any = None,
    inputs: tuple[int, int] = (0, 1),
    *,
    held: Any = None,
    points: int = 160,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """The network's decision over two inputs, with the rows on it.

    One output is drawn as a map (with the line of 1/2 for a probability, whose final activation is
    the sigmoid); several as the class of the greatest one, paler the less sure.

    Args:
        model: Model with one input of shape (features,).
        x: rows (n, features), drawn as points; the two inputs run over their extent.
        y: targets of the rows, (n,): classes, or numbers; with None all rows have one colour.
        inputs: numbers of the two inputs, counted from 0; the others stay as in `held`.
        held: row of all features, (features,); by default that of the medians.
        points: number of grid points along each input.
        names: names of all features; by default a DataFrame's columns, or x1, x2, ...
        classes: names of the classes.
        ax: matplotlib Axes to draw on; by default those of a new Figure.

    Returns:
        The matplotlib Axes; `.figure.savefig(...)` writes the picture.

    Raises:
        ShapeError: a network of another kind, targets that are not one a row.
        DescendError: something that is no Model, too few names, or bad arguments.
        DataError: rows that `predict` would not take.

    Source: scheidegger-2020, "A geometric interpretation"; raviv-2022, "What is Learned in deep
    learning? (example)".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import decision_surface
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> ax = decision_surface(model, [[0, 0], [1, 1]], [0, 1], points=5, names=["age", "wage"])
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('age', 'wage')
    """
    from matplotlib.colors import to_rgb

    grid = surface(model, x, inputs, held=held, points=points, names=names)
    (raw,) = rows.make_inputs(model, x, "rows to look at")
    target = None if y is None else _classes(y, len(raw))
    output = list(grid.values.values())[-1]
    wanted = 2 if output.shape[-1] == 1 else output.shape[-1]
    if classes is not None and len(classes) < wanted:
        raise DescendError(f"classes must be {wanted} names, got {list(classes)}")
    ax = _one() if ax is None else ax
    extent = (grid.a[0], grid.a[-1], grid.b[0], grid.b[-1])
    if output.shape[-1] == 1:
        sign = model.output_links()[0] == "sigmoid"
        limits = {"vmin": 0.0, "vmax": 1.0} if sign else {}
        shade = ax.imshow(
            output[..., 0], origin="lower", extent=extent, aspect="auto", cmap="cividis", **limits
        )
        ax.figure.colorbar(shade, ax=ax, label="output" if not sign else "probability")
        if sign:
            ax.contour(grid.a, grid.b, output[..., 0], [0.5], colors="white", linewidths=2)
    else:
        colours = np.array([to_rgb(CLASSES[k % 7]) for k in range(output.shape[-1])])
        best = output.argmax(axis=-1)
        low = 1 / output.shape[-1]
        sure = np.clip((output.max(axis=-1) - low) / (1 - low), 0, 1)[..., None]
        ax.imshow(
            1 - (0.15 + 0.35 * sure) * (1 - colours[best]),
            origin="lower",
            extent=extent,
            aspect="auto",
        )
        for k in range(output.shape[-1]):
            ax.contour(grid.a, grid.b, best == k, [0.5], colors="white", linewidths=1)
    _scatter(ax, raw[:, list(inputs)], target, classes)
    ax.set(xlabel=grid.names[0], ylabel=grid.names[1], xlim=extent[:2], ylim=extent[2:])
    return ax


def unit_surfaces(
    model: Model,
    x: Any,
    layer: str | None = None,
    inputs: tuple[int, int] = (0, 1),
    *,
    held: Any = None,
    points: int = 80,
    names: Sequence[str] | None = None,
) -> Figure:
    """What each unit of a hidden layer puts out over two inputs, a panel a unit.

    Args:
        model: Model with one input of shape (features,).
        x: rows (n, features): the two inputs run over their extent.
        layer: name of the layer; by default the first one's.
        inputs: numbers of the two inputs, counted from 0; the others stay as in `held`.
        held: row of all features, (features,); by default that of the medians.
        points: number of grid points along each input.
        names: names of all features; by default a DataFrame's columns, or x1, x2, ...

    Returns:
        A matplotlib Figure, of the first `MOST_UNITS` units where there are more.

    Raises:
        ShapeError: a network of another kind.
        DescendError: something that is no Model, an unknown layer, or bad arguments.
        DataError: rows that `predict` would not take.

    Source: scheidegger-2020, "A geometric interpretation"; hull-2023, "Deep Learning as Feature
    Learning".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import unit_surfaces
        >>> model = Sequential([Input((2,)), Dense(2, "tanh", name="hidden"), Dense(1)])
        >>> figure = unit_surfaces(model, [[0, 0], [1, 1]], points=5)
        >>> [panel.get_title() for panel in figure.axes][:2]
        ['unit 1', 'unit 2']
    """
    from matplotlib.figure import Figure

    grid = surface(model, x, inputs, held=held, points=points, names=names)
    layer = next(iter(grid.values)) if layer is None else layer
    if layer not in grid.values:
        raise unknown("layer", layer, grid.values)
    values = grid.values[layer]
    units = min(values.shape[-1], MOST_UNITS)
    columns = min(units, 8) if units > 4 else units
    lines = -(-units // columns)
    figure = Figure(figsize=(1.9 * columns + 1, 1.8 * lines + 0.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, columns, sharex=True, sharey=True)).ravel()
    top = float(np.abs(values[..., :units]).max()) or 1.0
    below = float(values[..., :units].min()) < 0
    extent = (grid.a[0], grid.a[-1], grid.b[0], grid.b[-1])
    for unit, ax in enumerate(axes):
        if unit >= units:
            ax.axis("off")
            continue
        shade = ax.imshow(
            values[..., unit],
            origin="lower",
            extent=extent,
            aspect="auto",
            cmap="PuOr" if below else "cividis",
            vmin=-top if below else 0.0,
            vmax=top,
        )
        ax.set_title(f"unit {unit + 1}", fontsize=8)
        ax.tick_params(labelsize=7)
    left = values.shape[-1] - units
    figure.supxlabel(grid.names[0] + (f"   ({left} more units not drawn)" if left else ""))
    figure.supylabel(grid.names[1])
    figure.colorbar(shade, ax=list(axes), label=f"output of {layer}", shrink=0.9)
    return figure


@dataclass(frozen=True, eq=False)
class HiddenSpace:
    """The rows as each layer has them: what `hidden_space` gives.

    Attributes:
        coordinates: {"input" or layer: (n, 2)}: the features themselves where they are two, else
            their two main directions.
        shares: {layer: share of the features' variance that the two coordinates hold}.
        separable: {layer: share of the rows that a linear classifier of the layer's features puts
            right}: whether the paper is smooth yet.
        target: classes (n,).

    Raises:
        Nothing of its own.

    Source: scheidegger-2020, "A geometric interpretation".

    Example:
        >>> import numpy as np
        >>> from descend.glass import HiddenSpace
        >>> at = {"input": np.array([[0.0, 0.0], [1.0, 1.0]])}
        >>> space = HiddenSpace(at, {"input": 1.0}, {"input": 0.5}, np.array([0, 1]))
        >>> space.plot().axes[0].get_title()
        'input\\na linear rule puts 50% right'
    """

    coordinates: dict[str, np.ndarray]
    shares: dict[str, float]
    separable: dict[str, float]
    target: np.ndarray

    def plot(self, classes: Sequence[str] | None = None) -> Figure:
        """Draw a panel a layer, from the crumpled paper to the smooth one."""
        from matplotlib.figure import Figure

        count = len(self.coordinates)
        figure = Figure(figsize=(3.6 * count, 3.8), layout="constrained")
        for ax, (name, at) in zip(
            np.atleast_1d(figure.subplots(1, count)), self.coordinates.items(), strict=True
        ):
            _scatter(ax, at, self.target, classes, legend=name == "input")
            share = self.shares[name]
            what = ("feature", "feature") if share == 1 else ("main direction", "main direction")
            ax.set(xlabel=f"{what[0]} 1", ylabel=f"{what[1]} 2")
            variance = "" if share == 1 else f", {share:.0%} of variance"
            ax.set_title(
                f"{name}{variance}\na linear rule puts {self.separable[name]:.0%} right", fontsize=9
            )
            ax.spines[["top", "right"]].set_visible(False)
        return figure


def hidden_space(model: Model, x: Any, y: Any, layers: Sequence[str] | None = None) -> HiddenSpace:
    """How the rows lie before and after each layer: does the network uncrumple the paper?

    Args:
        model: Model with one input, trained or not.
        x: rows as `predict` takes them, (n, ...).
        y: classes of the rows, (n,), or one-hot (n, classes).
        layers: names of layers; all whose output is (n, features), the last one left out, by
            default.

    Returns:
        The HiddenSpace; its `plot()` draws a panel a layer.

    Raises:
        ShapeError: a network of several inputs, or targets that are not one a row.
        DataError: rows of one class only, or that `predict` would not take.
        DescendError: something that is no Model, or an unknown layer.

    Source: scheidegger-2020, "A geometric interpretation".

    Example:
        No line separates XOR; two ReLU units fold the plane so that one does.

        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import hidden_space
        >>> model = Sequential([Input((2,)), Dense(2, "relu", name="hidden"), Dense(1)])
        >>> model.set_weights([[[1.0, 1.0], [1.0, 1.0]], [0.0, -1.0], [[1.0], [-2.0]], [0.0]])
        >>> space = hidden_space(model, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
        >>> space.separable["hidden"], space.separable["input"] < 1
        (1.0, True)
    """
    require_model(model, "a hidden space")
    if not model.single_input:
        raise ShapeError(f"a hidden space needs a network of one input, {model.name} has several")
    (raw,) = rows.make_inputs(model, x, "rows to look at")
    target = _classes(y, len(raw))
    if len(np.unique(target)) < 2:
        raise DataError("a hidden space needs rows of at least two classes")
    outputs = layer_outputs(model, x)
    if layers is None:
        layers = [name for name, y in list(outputs.items())[:-1] if y.ndim == 2]
    missing = [name for name in layers if name not in outputs]
    if missing:
        raise unknown("layer", missing[0], outputs)
    features = {"input": raw} | {name: outputs[name] for name in layers}
    coordinates, shares, separable = {}, {}, {}
    for name, values in features.items():
        flat = values.reshape(len(values), -1).astype(float)
        coordinates[name], shares[name] = _two(flat)
        separable[name] = _linear_share(flat, target)
    return HiddenSpace(coordinates, shares, separable, target)


def _two(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Two coordinates of the rows, and the share of the variance they hold."""
    if features.shape[1] == 2:
        return features, 1.0
    if features.shape[1] == 1:
        return np.column_stack([features, np.zeros(len(features))]), 1.0
    apart = features - features.mean(axis=0)
    left, lengths, _ = np.linalg.svd(apart, full_matrices=False)
    total = float(np.sum(lengths**2))
    return left[:, :2] * lengths[:2], float(np.sum(lengths[:2] ** 2)) / total if total else 1.0


def _linear_share(features: np.ndarray, target: np.ndarray) -> float:
    """The share of rows that a linear classifier, fitted on them, puts right."""
    from sklearn.linear_model import LogisticRegression

    deviation = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    # hardly any penalty: the question is whether a plane is there, not whether it generalises
    fitted = LogisticRegression(C=1e4, max_iter=2000).fit(scaled, target)
    return float(fitted.score(scaled, target))


def _classes(y: Any, n: int) -> np.ndarray:
    target = np.asarray(y)
    if target.ndim == 2:
        target = target[:, 0] if target.shape[1] == 1 else target.argmax(axis=1)
    if target.shape != (n,):
        raise ShapeError(f"y has shape {np.shape(y)}, expected {n} classes, one a row")
    return target


def _scatter(
    ax: Any, at: np.ndarray, target: Any, classes: Sequence[str] | None, legend: bool = True
) -> None:
    drawn = np.linspace(0, len(at) - 1, min(len(at), DRAWN)).astype(int)
    at = at[drawn]
    if target is None:
        ax.scatter(*at.T, s=9, color=BLACK, lw=0)
        return
    target = target[drawn]
    levels = np.unique(target)
    if len(levels) > len(CLASSES):  # a number
        ax.scatter(*at.T, s=12, c=target, cmap="cividis", edgecolors="white", linewidths=0.3)
        return
    for k, level in enumerate(levels):
        name = str(level) if classes is None else str(classes[k])
        ax.scatter(
            *at[target == level].T,
            s=14,
            color=CLASSES[k],
            marker=MARKS[k],
            edgecolors="white",
            linewidths=0.3,
            label=name,
        )
    if legend:
        ax.legend(fontsize=7, framealpha=0.9)


def _one() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(6.2, 4.8), layout="constrained").add_subplot()
