"""Reading the table that a command is given, with a word where that takes a while."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from descend.data.table import Table

LARGE = 20_000_000  # bytes; about a second of reading

_OPTIONS = (
    click.option("--sql", metavar="QUERY", help="SELECT for the database --db, in place of DATA."),
    click.option(
        "--db",
        metavar="URL",
        envvar="DESCEND_DB",
        help="Address of the database, as sqlite:///shop.db or postgresql://me@host/shop; may be "
        "given as the environment variable DESCEND_DB, so that a password is not seen in the list "
        "of processes.",
    ),
    click.option(
        "--encoding", help="Encoding of a text file, such as cp1252.  [default: detected]"
    ),
    click.option(
        "--delimiter", help="Mark between the columns of a text file.  [default: detected]"
    ),
    click.option("--decimal", metavar="MARK", help="Decimal mark: . or ,  [default: detected]"),
    click.option(
        "--thousands", metavar="MARK", help="Mark between thousands.  [default: detected]"
    ),
    click.option(
        "--keep-na",
        metavar="COLUMN",
        multiple=True,
        help="Column in which words such as NA and None are text, not missing; repeatable.",
    ),
    click.option("--sheet", help="Sheet of a workbook, by name or number.  [default: the first]"),
)
READING = ("sql", "db", "encoding", "delimiter", "decimal", "thousands", "keep_na", "sheet")


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how DATA is to be read; they arrive as the names in `READING`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_table(
    data: str | None,
    quiet: bool,
    *,
    sql: str | None = None,
    db: str | None = None,
    **how: Any,
) -> Table:
    """`sources.load`, or `sql.load_sql`; says on standard error when a file is large.

    Raises:
        click.UsageError: neither or both of DATA and --sql, or --sql without --db.
        DataError: what `load` and `load_sql` raise.
    """
    settings = {name: value for name, value in how.items() if value not in (None, ())}
    if sql is not None:
        return _read_sql(data, sql, db, settings)
    if data is None:
        raise click.UsageError("Missing argument 'DATA' (a file, a built-in name, or --sql).")
    from descend.data import sources

    path = Path(data)
    if not quiet and path.is_file() and path.stat().st_size > LARGE:
        click.echo(f"reading {path} ({path.stat().st_size / 1e6:,.0f} MB) ...", err=True)
    return sources.load(data, **settings)


def _read_sql(data: str | None, sql: str, db: str | None, settings: dict[str, Any]) -> Table:
    if data is not None:
        raise click.UsageError(f"give either a file ({data}) or --sql, not both")
    if db is None:
        raise click.UsageError("--sql needs --db URL, or the environment's DESCEND_DB")
    if settings:
        raise click.UsageError(
            f"--{next(iter(settings)).replace('_', '-')} is for files, not for --sql"
        )
    from descend.data.sql import load_sql

    return load_sql(sql, db)
