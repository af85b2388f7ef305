"""What `descend solve` prints: progress, tables, the list of models."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli.show import facts_table
from descend.economies.accuracy import FIGURES, SETS
from descend.report.economy import share, small, worst_rows
from descend.report.terminal import text_table

if TYPE_CHECKING:
    from rich.console import Console

    from descend.economies.progress import Event
    from descend.economies.solution import Solution
    from descend.economies.statement import Economy


class Progress:
    """The progress of a solve on standard error: a bar in a terminal, else lines."""

    def __init__(self, quiet: bool):
        self.quiet = quiet
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        if console.is_terminal and not self.quiet:
            words = [TextColumn("{task.description}", markup=False), BarColumn()]
            self.bar = Bar(*words, TimeElapsedColumn(), console=console, transient=True)
            self.bar.start()
            self.task = self.bar.add_task("checking the statement, compiling", total=None)
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def show(self, event: Event) -> None:
        """A piece of news."""
        if self.quiet:
            return
        if self.bar is None:
            click.echo(str(event), err=True)
        elif event.residual is None:
            self.bar.console.print(str(event), soft_wrap=True)
        else:
            words = f"{event.where}: residual {event.residual:.1e}"
            if event.long:
                words += f", {event.ahead}"
            self.bar.update(self.task, description=words, completed=event.done, total=event.of)


def result(console: Console, solution: Solution, quiet: bool) -> None:
    """The status, worst news first, and the accuracy's tables."""
    accuracy = solution.accuracy
    if quiet:
        console.print(solution.status, soft_wrap=True)
    else:
        facts_table(console, [("status", line) for line in solution.verdict.lines])
        console.print()
        rows = [["set", "condition", *FIGURES]]
        for name in SETS:
            worst = worst_rows(accuracy.sets[name]["conditions"])
            rows += [
                ["" if i else name, condition, *(small(figures[f]) for f in FIGURES)]
                for i, (condition, figures) in enumerate(worst)
            ]
        head = f"|residual|, no units, by {accuracy.rule} (training: {accuracy.trained_by})"
        _part(console, head, text_table(rows, left=2))
        if accuracy.sets["ergodic"]["binding"]:
            _part(console, "Share of states where a constraint binds", _binding(solution))


def _binding(solution: Solution) -> str:
    groups: dict[str, list[str]] = {}
    for name in solution.accuracy.sets["ergodic"]["binding"]:
        stem, _, end = name.rpartition("_")
        groups.setdefault(stem if stem and end.isdigit() else name, []).append(name)
    rows = [["constraint", *SETS]]
    for stem, names in groups.items():
        cells = []
        for which in SETS:
            binding = solution.accuracy.sets[which]["binding"]
            low, high = min(binding[n] for n in names), max(binding[n] for n in names)
            cells.append(share(low) if len(names) == 1 else f"{share(low)} .. {share(high)}")
        rows.append([stem if len(names) == 1 else f"{stem}_1 .. {len(names)}", *cells])
    return text_table(rows)


def _part(console: Console, head: str, body: str) -> None:
    console.print(head, style="bold", soft_wrap=True)
    console.print(body, soft_wrap=True)
    console.print()


def files(console: Console, written: Sequence[Path], quiet: bool, module: str = "") -> None:
    """Where everything was written, and how to go on.

    Args:
        module: name of the module of an economy of the user's own, which a loading script imports.
    """
    if quiet:
        for path in written:
            console.print(str(path), soft_wrap=True)
        return
    words = ("solution", "report", "numbers")
    for word, path in zip(words, written, strict=False):
        console.print(f"{word:<9} {path}", soft_wrap=True)
    first = f"import {module}; " if module else ""
    load = f"descend.economies.load_solution({str(written[0])!r})"
    console.print(f"load      {first}{load}", soft_wrap=True)


def model(name: str, what: str, cls: type[Economy], gap: bool) -> None:
    """A model's name, what it is, and its parameters."""
    if gap:
        click.echo()
    click.echo(f"{name}  {what}")
    rows = [[f.name, _default(f), f.metadata.get("doc", "")] for f in dataclasses.fields(cls)]
    if rows:
        click.echo(text_table(rows, left=3))
    sys.stdout.flush()


def _default(field: dataclasses.Field) -> str:
    return "(needed)" if field.default is dataclasses.MISSING else f"{field.default}"
