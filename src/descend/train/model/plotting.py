"""`plot_model`: a network as a drawing, in SVG that needs nothing else."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from descend.errors import DescendError
from descend.files import write_atomically
from descend.train.model.model import Model

# sizes in pixels; a character of the monospaced font is .6 of its height
FONT, LINE, PAD, GAP_X, GAP_Y, LANE = 13, 18, 10, 28, 34, 12


def plot_model(
    model: Model,
    to_file: str | Path | None = "model.svg",
    show_shapes: bool = True,
    show_layer_names: bool = True,
    **ignored: Any,
) -> str:
    """Draw a model: a box for each layer, from the inputs down, a line for what goes from one to
    the next.

    Args:
        model: Model that has seen a shape.
        to_file: SVG file that is written, or None.
        show_shapes: whether a box says the output's shape; None is the batch, or any size.
        show_layer_names: whether a box says the layer's name beside its type.
        ignored: other arguments of Keras's, such as dpi; a drawing of lines has no resolution.

    Returns:
        The SVG as text.

    Raises:
        DescendError: something that is no model; a file name of another kind; an unknown argument.

    Source: Keras's API, utils.plot_model.

    Example:
        >>> from descend import Dense, Input, Sequential, plot_model
        >>> model = Sequential([Input((4,)), Dense(8), Dense(1)])
        >>> drawing = plot_model(model, to_file=None)
        >>> drawing[:4], drawing.count("Dense")
        ('<svg', 2)
    """
    if not isinstance(model, Model):
        raise DescendError(f"plot_model draws a descend Model, got {type(model).__name__}")
    unknown = set(ignored) - {
        *("dpi", "rankdir", "expand_nested", "show_dtype", "show_layer_activations"),
        *("layer_range", "show_trainable"),
    }
    if unknown:
        raise DescendError(f"plot_model has no argument {sorted(unknown)[0]!r}")
    if to_file is not None and Path(to_file).suffix.lower() not in (".svg", ""):
        raise DescendError(
            f"plot_model writes SVG, which every browser shows and every editor turns into other "
            f"kinds: give a name that ends in .svg, not {Path(to_file).name!r}"
        )
    drawing = _drawing(model, show_shapes, show_layer_names)
    if to_file is not None:
        write_atomically(Path(to_file), drawing.encode())
    return drawing


def _drawing(model: Any, shapes: bool, names: bool) -> str:
    texts, sources = _boxes(model, shapes, names)
    rows = _rows(sources)
    wide = [max(map(len, lines)) * FONT * 0.6 + 2 * PAD for lines in texts]
    high = [len(lines) * LINE + PAD for lines in texts]
    width = max(sum(wide[i] for i in row) + GAP_X * (len(row) + 1) for row in rows)
    places: dict[int, tuple[float, float]] = {}  # upper left corners
    y = float(PAD)
    for row in rows:
        x = (width - sum(wide[i] for i in row) - GAP_X * (len(row) - 1)) / 2
        for i in row:
            places[i] = (x, y)
            x += wide[i] + GAP_X
        y += max(high[i] for i in row) + GAP_Y
    parts = []
    level = {i: number for number, row in enumerate(rows) for i in row}
    side = max(x + wide[i] for i, (x, _) in places.items())
    for i, inputs in enumerate(sources):
        for place, j in enumerate(sorted(inputs, key=lambda j: places[j])):
            (x0, y0), (x1, y1) = places[j], places[i]
            x0, y0 = x0 + wide[j] / 2, y0 + high[j]
            x1 += wide[i] * (place + 1) / (len(inputs) + 1)
            bend = ""
            if level[i] - level[j] > 1:  # a line past other rows goes round them, in its own lane
                side += LANE
                upper, lower = y0 + GAP_Y / 3, y1 - GAP_Y / 2
                corners = ((x0, upper), (side, upper), (side, lower), (x1, lower))
                bend = "".join(f"L {a:.1f} {b:.1f} " for a, b in corners)
            parts.append(
                f'<path d="M {x0:.1f} {y0:.1f} {bend}L {x1:.1f} {y1 - 4:.1f}" fill="none" '
                'stroke="#666" marker-end="url(#tip)"/>'
            )
    for i, lines in enumerate(texts):
        x, top = places[i]
        parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{wide[i]:.1f}" height="{high[i]}" rx="4" '
            'fill="#f4f6fa" stroke="#345"/>'
        )
        for number, text in enumerate(lines):
            weight = ' font-weight="bold"' if number == 0 else ""
            parts.append(
                f'<text x="{x + wide[i] / 2:.1f}" y="{top + (number + 1) * LINE:.1f}"{weight} '
                f'text-anchor="middle">{html.escape(text)}</text>'
            )
    width = max(width, side + GAP_X)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y:.0f}" '
        f'width="{width:.0f}" height="{y:.0f}" font-family="monospace" font-size="{FONT}">'
        f"<title>{html.escape(model.name)}</title>"
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="4" refY="4" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#666"/></marker></defs>'
        '<rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n"
    )


def _boxes(model: Any, shapes: bool, names: bool) -> tuple[list[list[str]], list[list[int]]]:
    """The lines in each box (inputs first, then calls), and the boxes each one takes from."""
    texts: list[list[str]] = []
    sources: list[list[int]] = []
    owner: dict[int, int] = {}  # the box of each value
    for place, (name, shape) in enumerate(zip(model.input_names, model.input_shapes, strict=True)):
        owner[place] = len(texts)
        texts.append([f"{name}: Input" if names else "Input"])
        if shapes:
            texts[-1].append(str((None, *shape)))
        sources.append([])
    for node in model.nodes:
        kind = type(node.layer).__name__ + ("" if node.layer.trainable else ", frozen")
        lines = [f"{node.layer.name}: {kind}" if names else kind]
        if shapes:
            lines += [str((None, *shape)) for shape in node.output_shapes]
        sources.append(list(dict.fromkeys(owner[i] for i in node.sources)))
        for part in range(len(node.output_shapes)):
            owner[node.place + part] = len(texts)
        texts.append(lines)
    return texts, sources


def _rows(sources: list[list[int]]) -> list[list[int]]:
    """The boxes of each row: below all that it takes from; an input just above its reader."""
    level: list[int] = []
    for inputs in sources:
        level.append(1 + max((level[j] for j in inputs), default=-1))
    for i, inputs in enumerate(sources):
        if not inputs:
            readers = [level[k] for k, others in enumerate(sources) if i in others]
            level[i] = min(readers, default=1) - 1
    return [[i for i, at in enumerate(level) if at == row] for row in range(max(level) + 1)]
