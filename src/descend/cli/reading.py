"""Reading the table that a command is given, with a word where that takes a while."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from descend.data.sources import Table

LARGE = 20_000_000  # bytes; about a second of reading


def read_table(data: str, quiet: bool) -> Table:
    """`descend.data.sources.load`, saying on standard error when the file is large."""
    from descend.data import sources

    path = Path(data)
    if not quiet and path.is_file() and path.stat().st_size > LARGE:
        click.echo(f"reading {path} ({path.stat().st_size / 1e6:,.0f} MB) ...", err=True)
    return sources.load(data)
