"""The answer of a database to one reading query, as a table."""

from __future__ import annotations

import datetime
import getpass
import re
import socket
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pandas as pd

from descend.data.frames import Pieces, require_names
from descend.data.table import Table, frame_digest
from descend.errors import DataError, MissingExtraError, unknown

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

ROWS = 50_000  # fetched at a time
TIMEOUT = 15.0  # seconds for a connection, or for another program's lock to go away
_HIDDEN = "***"
_SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
_POSTGRESQL = ("user", "password", "sslmode", "sslrootcert")  # of libpq's, what an address may ask
_WRITES = re.compile(r"\b(insert|update|delete|merge|into)\b", re.IGNORECASE)
_QUOTED = re.compile(
    r"""
    (?P<comment> --[^\n]*(?:\n|$) | /\*.*?\*/ )
  | (?P<tag> \$(?:[A-Za-z_]\w*)?\$ ) .*? (?P=tag)
  | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]\n]*\]
    """,
    re.VERBOSE | re.DOTALL,
)


def load_sql(query: str, url: str, *, name: str | None = None, timeout: float = TIMEOUT) -> Table:
    """The rows that a query finds.

    Nothing is written: only a single SELECT or WITH is accepted, PostgreSQL is told that the
    transaction is read-only and SQLite's file is opened for reading, and whatever happened is
    rolled back. Rows are fetched in pieces. A password is shown nowhere.

    Args:
        query: SQL of the database.
        url: address of the database, as SQLAlchemy writes it: "sqlite:///shop.db",
            "postgresql://me@host/shop".
        name: name of the table; by default that of the database.
        timeout: seconds for a connection, or for a lock of another program to go away.

    Raises:
        DataError: not one reading query, a URL that cannot be read, no connection, a query that the
            database refuses, no rows, two columns of one name.
        MissingExtraError: without SQLAlchemy or the database's driver.
    """
    one = require_reading(query)
    target = _parsed(url)
    address = _shown(target)
    with _faults(target, address):
        engine = _engine(target, timeout)
        try:
            with engine.connect() as connection:
                frame = _rows(_reading(connection, target), one)
                connection.rollback()
        finally:
            engine.dispose()
    name = name or Path(target.database or "").stem or "query"
    note = f"the answer of {address} to: {' '.join(one.split())}"
    return Table(name, note, frame, None, note, frame_digest(frame))


def require_reading(query: str) -> str:
    """The query without what ends it, after making sure that it is one SELECT or WITH.

    Raises:
        DataError: it is empty, several statements, or one that writes.
    """
    if "\\'" in query:  # whether it ends the text differs from one database to another
        raise DataError("the SQL holds \\'; write a quote within a text twice: 'it''s'")
    bare = _QUOTED.sub(lambda match: " " if match["comment"] else " '' ", query)
    bare, _, rest = bare.strip().partition(";")
    first = re.match(r"[\s(]*(\w+)", bare)
    if first is None:
        raise DataError("the SQL query is empty; expected a SELECT")
    if rest.strip(" \t\r\n;"):
        raise DataError("the SQL holds more than one statement; give a single SELECT")
    if first[1].lower() not in ("select", "with"):
        raise DataError(
            f"the SQL begins with {first[1].upper()}; only a single SELECT (or WITH ... SELECT) is "
            "run, so that nothing is ever changed"
        )
    if writes := _WRITES.search(bare):
        raise DataError(
            f"the SQL holds {writes[0].upper()}, which changes data; only reading is allowed. "
            'A column of that name must stand in quotes: "update"'
        )
    return query.strip().rstrip("; \t\r\n")


# -- the connection -----------------------------------------------------------------------------


def _parsed(url: str) -> URL:
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise MissingExtraError("sqlalchemy", "sql", "reading from a database") from None
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise DataError(
            "the database's address cannot be read; expected one like sqlite:///shop.db or "
            "postgresql://me:password@host:5432/shop (signs such as @ in a password as %40)"
        ) from None
    if address.drivername in (
        "postgresql",
        "postgres",
    ):  # SQLAlchemy's own default is not permissive
        address = address.set(drivername="postgresql+pg8000")
    return address


def _shown(url: URL) -> str:
    """The address without its secrets."""
    hidden = {key: _HIDDEN for key in url.query if _SECRET.search(key)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def _engine(url: URL, timeout: float) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    kind = url.get_backend_name()
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    if kind == "sqlite":
        options["creator"] = _sqlite(url, timeout)
    elif url.drivername == "postgresql+pg8000":
        options["creator"] = _postgresql(url, timeout)
    return create_engine(url, **options)


def _sqlite(url: URL, timeout: float) -> Callable[[], sqlite3.Connection]:
    """A connection that cannot write, nor make a new file where there is none."""
    name = url.database or ""
    if not name or name == ":memory:":
        raise DataError("sqlite:// names no file; expected sqlite:///shop.db")
    path = Path(name)
    if not path.is_file():
        raise DataError(f"there is no database file {name!r}")
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    return lambda: sqlite3.connect(address, uri=True, timeout=timeout, check_same_thread=False)


def _postgresql(url: URL, timeout: float) -> Callable[[], Any]:
    """A connection that waits no longer than `timeout` for the server, then as long as it takes."""
    settings = {
        key: value if isinstance(value, str) else value[-1] for key, value in url.query.items()
    }
    for key in settings:
        if key not in _POSTGRESQL:
            raise unknown("option of a postgresql address", key, _POSTGRESQL)
    context = _encryption(settings.get("sslmode", "prefer"), settings.get("sslrootcert"))
    import pg8000.dbapi  # type: ignore[import-untyped]

    host, port = url.host or "localhost", url.port or 5432

    def connect() -> Any:
        line = socket.create_connection((host, port), timeout)
        line.settimeout(None)
        return pg8000.dbapi.connect(
            settings.get("user") or url.username or getpass.getuser(),
            host=host,
            port=port,
            database=url.database,
            password=settings.get("password") or url.password,
            ssl_context=context,
            sock=line,
        )

    return connect


def _encryption(mode: str, authorities: str | None) -> ssl.SSLContext | None:
    """What libpq's sslmode asks for; "prefer" and less go without, as the server would let them."""
    if mode in ("disable", "allow", "prefer"):
        return None
    if mode not in ("require", "verify-ca", "verify-full"):
        raise unknown("sslmode", mode, ("disable", "require", "verify-ca", "verify-full"))
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise DataError(f"sslrootcert {authorities!r} cannot be read: {error}") from None
    context.check_hostname = mode == "verify-full"
    if mode == "require":  # encrypted, to whomever: so libpq understands it
        context.verify_mode = ssl.CERT_NONE
    return context


def _reading(connection: Connection, url: URL) -> Connection:
    options: dict[str, Any] = {"stream_results": True, "no_parameters": True}
    if url.get_backend_name() == "postgresql":
        options["postgresql_readonly"] = True
    return connection.execution_options(**options)


@contextmanager
def _faults(url: URL, address: str) -> Iterator[None]:
    """Whatever the database says, as one DataError without a password."""
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except DataError:
        raise
    except NoSuchModuleError:
        raise DataError(
            f"{address}: there is no database called {url.drivername!r}; well-known ones are "
            "sqlite, postgresql and mysql+pymysql"
        ) from None
    except ImportError as error:
        package = error.name or "the database's driver"
        raise MissingExtraError(package, "sql", f"reading {address}") from None
    except (SQLAlchemyError, sqlite3.Error, OSError, ValueError, TypeError) as error:
        cause = getattr(error, "orig", None) or error
        answer = cause.args[0] if cause.args else ""
        words = (
            answer["M"] if isinstance(answer, dict) and "M" in answer else str(cause)
        )  # pg8000's
        reason = _without_secrets(" ".join(words.split()), url)
        if "database is locked" in reason:
            reason = "another program holds its lock; close it, or try again"
        raise DataError(f"{address}: {reason}") from None


def _without_secrets(text: str, url: URL) -> str:
    secrets = [str(url.password)] if url.password else []
    for key, value in url.query.items():
        if _SECRET.search(key):
            secrets += [value] if isinstance(value, str) else list(value)
    for secret in secrets:
        for form in {secret, quote(secret), quote_plus(secret), quote(secret, safe="")} - {""}:
            text = text.replace(form, _HIDDEN)
    return text


# -- the rows -----------------------------------------------------------------------------------


def _rows(connection: Connection, query: str) -> pd.DataFrame:
    result = connection.exec_driver_sql(query)
    names = list(map(str, result.keys()))
    require_names("the query's answer (name its columns by AS)", names)
    pieces = Pieces()
    while rows := result.fetchmany(ROWS):
        pieces.add(_frame([tuple(row) for row in rows], names))
    if not pieces.rows:
        raise DataError("the query found no rows")
    return pieces.frame()


def _frame(rows: list[tuple[Any, ...]], names: list[str]) -> pd.DataFrame:
    # decimals as numbers: what is learned from them is float32 anyway
    frame = pd.DataFrame.from_records(rows, columns=names, coerce_float=True)
    for name in names:
        known = frame[name].dropna()
        if frame[name].dtype != object or known.empty:
            continue
        if isinstance(known.iloc[0], datetime.date):
            frame[name] = pd.to_datetime(frame[name], errors="coerce")
        elif type(known.iloc[0]).__name__ == "UUID":
            frame[name] = frame[name].map(str, na_action="ignore")
    return frame
