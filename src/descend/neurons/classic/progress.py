"""A progress bar for training that is written out in Python and may take a while."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(verbose: int, total: int, what: str) -> Iterator[Callable[[int, float], None]]:
    """Gives `show(done, value)`, a bar on a terminal's standard error; elsewhere it does nothing.

    Args:
        verbose: 0 for silence.
        total: iterations at most.
        what: the number shown beside the bar, such as "cost".
    """
    if not verbose or not sys.stderr.isatty():
        yield lambda done, value: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("iteration {task.completed}/{task.total}"),
        BarColumn(bar_width=12),
        TextColumn(what + " {task.fields[value]:.4g}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task("", total=total, value=float("nan"))
        yield lambda done, value: bar.update(line, completed=done, value=value)
