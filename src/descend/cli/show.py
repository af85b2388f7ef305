"""What `descend fit` prints, part by part."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descend.report.terminal import confusion_table, learning_curve, text_table
from descend.tables.prepare import Prepared
from descend.tables.scores import ClassificationScores

if TYPE_CHECKING:
    from rich.console import Console

    from descend.tables.recipe import FittedTable

MOST_LISTED = 8  # columns of one kind of remark before the rest is only counted
PLOT_WIDTH = 76


def prepared(console: Console, found: Prepared) -> None:
    """The data, the target and the task, what was dropped, the split."""
    table, target, split = found.table, found.target, found.split
    rows, columns = table.frame.shape
    facts = [("data", f"{table.name}, {rows:,} rows x {columns} columns; {table.note}")]
    note = f" ({found.target_note})" if found.target_note else ""
    facts.append(("target", f"{target.name}{note}"))
    kind = f" of {len(target.classes)} classes" if target.classifies else ""
    why = f": {target.reason} (--task overrides)"
    if found.options.task is not None:
        why = ", as asked for"
    facts.append(("task", f"{target.task}{kind}{why}"))
    if found.without_target:
        facts.append(("left out", f"{found.without_target:,} rows without a target"))
    encoder = found.encoder
    facts.append(
        (
            "inputs",
            f"{_count(len(encoder.columns), 'column')} as {_count(found.x.shape[1], 'number')}",
        )
    )
    facts += [("dropped", line) for line in _grouped(encoder.dropped)]
    facts += [("missing", line) for line in _missing(found)]
    how = "drawn by class" if target.classifies else "drawn at random"
    parts = (split.train, split.validation, split.test)
    sizes = "{:,} training, {:,} validation, {:,} test rows".format(*map(len, parts))
    facts.append(("split", f"{sizes}; {how}, seed {found.options.seed}"))
    facts_table(console, facts)


def facts_table(console: Console, facts: list[tuple[str, str]]) -> None:
    """Pairs of a word and a remark; long remarks wrap beside their word."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    last = None
    for word, remark in facts:
        grid.add_row(Text("" if word == last else word), Text(remark))
        last = word
    _print_stripped(console, grid)


def _print_stripped(console: Console, renderable: Any) -> None:
    # rich fills lines with blanks to their width; in a file these are only noise
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as capture:
        console.print(renderable)
    lines = capture.get().splitlines()
    console.print("\n".join(line.rstrip() for line in lines), soft_wrap=True)


def _grouped(dropped: dict[str, str]) -> list[str]:
    """One line a reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in dropped.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"{_listed(names)}: {reason}" for reason, names in by_reason.items()]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _missing(found: Prepared) -> list[str]:
    lines = []
    lost = [
        f"{name} {n.missing + n.unreadable:,}"
        for name, n in found.noted.items()
        if n.missing + n.unreadable
    ]
    if lost:
        lines.append(
            f"{_listed(lost)} rows; filled with the training median (or no level), and a 0/1 input "
            "says so where training rows had any"
        )
    for name, noted in list(found.noted.items())[:MOST_LISTED]:
        if noted.unreadable:
            lines.append(f"{name}: {noted.unreadable:,} not readable, such as {noted.example!r}")
        if noted.unseen:
            lines.append(f"{name}: {noted.unseen:,} of rare levels, not used, as {noted.example!r}")
    return lines


def network(console: Console, model: Any) -> None:
    """The table of the network."""
    from descend.train.summary import summary

    console.print()
    console.print(summary(model), soft_wrap=True)
    console.print()


def training(console: Console, fitted: FittedTable) -> None:
    """The learning curve."""
    history = fitted.model.history.history  # type: ignore[union-attr]
    target = fitted.prepared.target
    unit = "cross-entropy" if target.classifies else f"squared error in sd of {target.name}"
    if fitted.prepared.options.l2:
        unit += " + penalty"
    chart = learning_curve(
        history["loss"],
        history["val_loss"],
        best=fitted.best_epoch,
        width=min(console.width, PLOT_WIDTH),
        label=f"cost, {unit}" if len(unit) < 30 else "cost",
    )
    console.print()
    console.print(_coloured(chart), soft_wrap=True)
    console.print()


def _coloured(chart: str) -> Any:
    from rich.text import Text

    text = Text(chart)
    head, *body = chart.splitlines()
    place = 0
    for line in [head, *body]:
        for column, mark in enumerate(line):
            style = {"*": "cyan", "o": "yellow", "@": "green"}.get(mark)
            alone = line is not head or line[column - 1 : column + 2] == f" {mark} "
            if style and alone and ("|" in line or line is head):
                text.stylize(style, place + column, place + column + 1)
        place += len(line) + 1
    return text


def test(console: Console, fitted: FittedTable, quiet: bool) -> None:
    """The test result, beside the simplest baseline."""
    target, scores = fitted.prepared.target, fitted.scores
    if not quiet:
        console.print(
            f"Test on {scores.rows:,} rows that training never saw", style="bold", soft_wrap=True
        )
    if isinstance(scores, ClassificationScores):
        rows = _classification(console, target.classes, scores, quiet)
    else:
        rows = [
            [f"in units of {target.name}", "RMSE", "MAE", "R2"],
            ["network", _figure(scores.rmse), _figure(scores.mae), _share(scores.r2)],
            [
                "predicting the mean",
                _figure(scores.baseline_rmse),
                _figure(scores.baseline_mae),
                _share(scores.baseline_r2),
            ],
        ]
    console.print(text_table(rows), soft_wrap=True)


def _classification(
    console: Console, classes: Sequence[str], scores: ClassificationScores, quiet: bool
) -> list[list[str]]:
    if not quiet:
        matrix = confusion_table(classes, scores.confusion, scores.recall, console.width)
        console.print(matrix, soft_wrap=True)
        console.print()
    common = classes[scores.baseline_class]
    return [
        ["", "accuracy", "log-loss"],
        ["network", f"{scores.accuracy:.3f}", _figure(scores.log_loss)],
        [
            f"predicting the most frequent class ({common})",
            f"{scores.baseline_accuracy:.3f}",
            _figure(scores.baseline_log_loss),
        ],
    ]


def _figure(value: float) -> str:
    """Four significant digits, without an exponent where a reader would not want one."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _share(value: float) -> str:
    """Three digits; no "-0.000"."""
    return f"{round(value, 3) + 0.0:.3f}"


def saved(console: Console, fitted: FittedTable, path: Path, quiet: bool = False) -> None:
    """Where the network is, and how to use it."""
    if fitted.interrupted:
        line = f"Training was {fitted.stopped}; its best weights were tested and saved."
        console.print(line, soft_wrap=True)
    if quiet:
        console.print(str(path), soft_wrap=True)
        return
    source = fitted.prepared.table.source
    again = shlex.join(["descend", "predict", str(path), source])
    console.print()
    console.print(f"saved    {path}", soft_wrap=True)
    console.print(f"predict  {again} --output predictions.csv", soft_wrap=True)
