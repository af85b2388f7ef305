"""A bar on a terminal for what is done one after the other and may take a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
_SILENT: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def silence(silent: bool = True) -> Iterator[None]:
    """Bars are not shown inside, where it is asked for."""
    before = _SILENT.set(silent or _SILENT.get())
    try:
        yield
    finally:
        _SILENT.reset(before)


def bars() -> int:
    """What `verbose=` is to be where a training shows a bar like these: 1 or 0."""
    return int(not _SILENT.get() and sys.stderr.isatty())


def shown(items: Sequence[Item], words: str) -> Iterator[Item]:
    """The items, with a bar on standard error where that is a terminal.

    Args:
        items: what is worked through.
        words: what is done, shown in front of the bar.
    """
    if _SILENT.get() or len(items) < 2 or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(words, total=len(items))
        for item in items:
            yield item
            bar.advance(line)


@contextmanager
def working(words: str) -> Iterator[None]:
    """Words on standard error, with the time, for as long as one piece of work takes.

    Args:
        words: what is done.
    """
    if _SILENT.get() or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(words, total=None)
        yield
