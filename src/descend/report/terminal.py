"""Results as plain text: the learning curve, the confusion matrix, small tables.

Everything is ASCII without boxes, so that it reads alike in a terminal, in a log and in an e-mail;
`show` adds colour where there is a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.visible import on_one_line, visible

if TYPE_CHECKING:
    from rich.console import Console

TRAIN, VALIDATION, BOTH, BEST = "*", "o", "@", "^"


def make_console() -> Console:
    """A console on standard output; of text it changes the colour, and shows control characters."""
    from rich.console import Console

    class Plain(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*(visible(o) if isinstance(o, str) else o for o in objects), **options)

    return Plain(highlight=False, markup=False, emoji=False)


def learning_curve(
    train: Sequence[float],
    validation: Sequence[float] = (),
    *,
    best: int | None = None,
    width: int = 72,
    height: int = 12,
    label: str = "cost",
) -> str:
    """Cost against epoch as a text chart; the scale is logarithmic where the costs are far apart.

    Args:
        train: the cost of each epoch.
        validation: the validation cost of each epoch, if there was any.
        best: the epoch (from 1) of the best weights; marked below the axis.
        width, height: columns of the whole chart and rows of its plot.
        label: the label of the vertical axis.
    """
    series = [np.asarray(s, float) for s in (train, validation) if len(s)]
    every = np.concatenate(series)
    every = every[np.isfinite(every)]
    if not len(every):
        return "(no finite cost to draw)"
    low, high = float(every.min()), float(every.max())
    logarithmic = low > 0 and high > 8 * low
    scale = np.log if logarithmic else (lambda v: v)
    bottom, top = float(scale(low)), float(scale(high))
    span = (top - bottom) or 1.0
    ticks = {0: high, height - 1: low}
    middle = top - span * (height // 2) / (height - 1)
    ticks[height // 2] = float(np.exp(middle)) if logarithmic else middle
    margin = max(len(f"{v:.3g}") for v in ticks.values())
    epochs = len(series[0])
    columns = max(1, min(width - margin - 3, epochs * max(1, (width - margin - 3) // epochs)))
    cells = [[" "] * columns for _ in range(height)]
    for values, mark in zip(series, (TRAIN, VALIDATION), strict=False):
        for column, value in enumerate(_in_columns(values, columns)):
            if not np.isfinite(value):
                continue
            row = round((top - float(scale(value))) / span * (height - 1))
            cells[row][column] = BOTH if cells[row][column] not in (" ", mark) else mark
    head = f"{label}{' (log scale)' if logarithmic else ''}   {TRAIN} training"
    if len(series) > 1:
        head += f"   {VALIDATION} validation   {BOTH} both"
    lines = [head]
    for row, content in enumerate(cells):
        tick = f"{ticks[row]:.3g}" if row in ticks else ""
        lines.append(f"{tick:>{margin}} |{''.join(content).rstrip()}")
    lines.append(" " * margin + " +" + "-" * columns)
    if best is not None:
        place = min(columns - 1, (best - 1) * columns // epochs)
        mark = f"{BEST} best, epoch {best}"
        if place + len(mark) > columns:
            mark = f"best, epoch {best} {BEST}"
            place -= len(mark) - 1
        lines.append(" " * (margin + 2 + max(place, 0)) + mark)
    first, last = "epoch 1", f"epoch {epochs}"
    room = columns - len(last) - 1
    lines.append(" " * (margin + 2) + (f"{first:<{room}} {last}" if room > len(first) else last))
    return "\n".join(lines)


def _in_columns(values: np.ndarray, columns: int) -> np.ndarray:
    """The mean of the epochs that fall into each column; a long column repeats its epoch."""
    n = len(values)
    if n <= columns:
        return values[np.arange(columns) * n // columns]
    owner = np.arange(n) * columns // n
    with np.errstate(invalid="ignore"):
        return np.bincount(owner, values, columns) / np.bincount(owner, minlength=columns)


def text_table(rows: Sequence[Sequence[str]], *, left: int = 1, indent: int = 2) -> str:
    """Rows of cells as aligned columns: the first `left` to the left, numbers to the right."""
    rows = [[on_one_line(cell) for cell in row] for row in rows]
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        (
            " " * indent
            + "  ".join(
                cell.ljust(w) if i < left else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, wide, strict=True))
            )
        ).rstrip()
        for row in rows
    )


def confusion_table(
    classes: Sequence[str],
    confusion: Sequence[Sequence[float]],
    recall: Sequence[float],
    width: int = 80,
    counted: str = "rows",
) -> str:
    """The confusion matrix: rows actual, columns predicted, with each class's rows and recall.

    Where it does not fit `width`, names are cut in the columns' heads; then the matrix gives way
    to a list of the classes and of what each was mistaken for.
    """
    for most in (40, 16, 10, 7, 5, 4):
        short = [cut(c, most) for c in classes]
        if len(set(short)) < len(short):
            break
        first = [cut(c, max(most, 24)) for c in classes]
        text = _matrix(first, short, confusion, recall, counted)
        if max(map(len, text.splitlines())) <= width:
            return text
    return _mistakes(classes, confusion, recall, width, counted)


def _matrix(
    first: Sequence[str],
    short: Sequence[str],
    confusion: Sequence[Sequence[float]],
    recall: Sequence[float],
    counted: str,
) -> str:
    rows = [["actual", *short, counted, "recall"]]
    rows += [
        [name, *map(_count, counts), _count(sum(counts)), _share(r)]
        for name, counts, r in zip(first, confusion, recall, strict=True)
    ]
    text = text_table(rows)
    start = 2 + max(len(r[0]) for r in rows) + 2
    return " " * start + "predicted\n" + text


def _mistakes(
    classes: Sequence[str],
    confusion: Sequence[Sequence[float]],
    recall: Sequence[float],
    width: int,
    counted: str,
) -> str:
    rows = [["actual", "mistaken for", counted, "recall"]]
    room = max((width - 22) // 2, 9)
    for i, name in enumerate(classes):
        others = [(c, classes[j]) for j, c in enumerate(confusion[i]) if j != i and c]
        worst = max(others, default=(0, ""))
        wrong = f"{cut(worst[1], room - 6)} ({_count(worst[0])})" if others else "-"
        rows.append([cut(name, room), wrong, _count(sum(confusion[i])), _share(recall[i])])
    return text_table(rows, left=2)


def _count(value: float) -> str:
    """A number of rows, or a sum of weights to four digits."""
    return str(int(value)) if value == int(value) else f"{value:.4g}"


def cut(name: str, most: int) -> str:
    """A name of at most so many letters."""
    return name if len(name) <= most else name[: most - 2] + ".."


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
