"""Queries to SQLite and to a real PostgreSQL, which is started for the tests where there is one."""

import contextlib
import datetime
import decimal
import glob
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sqlalchemy")

from descend.data import sql
from descend.data.sql import load_sql, require_reading
from descend.errors import DataError, DescendError, MissingExtraError

PASSWORD = "s3cr:t@w/rd"
SPELT = "s3cr%3At%40w%2Frd"


# -- what is let through --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "  select * from t ; ",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT 'a; DELETE FROM t' AS words",
        "SELECT 'it''s; here' -- delete; this",
        '/* first; */ SELECT "update" FROM t',
        "SELECT $$a; drop$$, $q$ delete $q$",
        "SELECT replace(a, 'x', 'y'), updated_at FROM t",
    ],
)
def test_a_single_reading_query_is_let_through(query):
    assert require_reading(query) == query.strip().rstrip("; ")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "is empty"),
        (" ;; ", "is empty"),
        ("-- nothing", "is empty"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT 1; DROP TABLE t", "more than one statement"),
        ("SELECT '$$'; DELETE FROM t; SELECT '$$'", "more than one statement"),
        ("DELETE FROM t", "begins with DELETE"),
        ("drop table t", "begins with DROP"),
        ("UPDATE t SET a = 1", "begins with UPDATE"),
        ("PRAGMA writable_schema = 1", "begins with PRAGMA"),
        ("COPY t TO PROGRAM 'ls'", "begins with COPY"),
        ("/* SELECT */ INSERT INTO t VALUES (1)", "begins with INSERT"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "holds DELETE"),
        ("SELECT * INTO copied FROM t", "holds INTO"),
        ("SELECT * FROM t FOR UPDATE", "holds UPDATE"),
        (r"SELECT '\'; DELETE FROM t; -- '", "write a quote within a text twice"),
    ],
)
def test_anything_else_is_refused(query, message):
    with pytest.raises(DataError, match=message):
        require_reading(query)


# -- SQLite ---------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path):
    """A database file of three loans."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE loans (id INTEGER, rate REAL, town TEXT, note TEXT)")
        rows = [(1, 1.5, "Köln", "100%"), (2, None, "Ulm", ":x"), (3, 2.5, None, None)]
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


def test_the_rows_of_a_query(shop):
    table = load_sql("SELECT id, rate, town AS place FROM loans ORDER BY id", f"sqlite:///{shop}")
    frame = table.frame
    assert frame.columns.tolist() == ["id", "rate", "place"]
    assert frame["id"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(frame["rate"], [1.5, np.nan, 2.5])
    assert frame["place"].fillna("-").tolist() == ["Köln", "Ulm", "-"]
    assert table.name == "shop"
    assert "SELECT id, rate, town AS place" in table.note
    assert load_sql("SELECT 1 AS a", f"sqlite:///{shop}", name="one").name == "one"


def test_signs_that_a_driver_could_take_for_placeholders(shop):
    query = "SELECT note FROM loans WHERE note LIKE '%0%' OR note = ':x' OR note = '?' ORDER BY id"
    assert load_sql(query, f"sqlite:///{shop}").frame["note"].tolist() == ["100%", ":x"]


def test_rows_in_pieces_are_as_if_fetched_at_once(tmp_path, monkeypatch):
    path = tmp_path / "long.db"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"i": range(100), "x": rng.normal(size=100), "w": ["a", None] * 50})
    frame.loc[:60, "x"] = np.nan
    with sqlite3.connect(path) as connection:
        frame.to_sql("t", connection, index=False)
    connection.close()
    monkeypatch.setattr(sql, "ROWS", 9)
    found = load_sql("SELECT * FROM t", f"sqlite:///{path}").frame
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


def test_nothing_is_written(shop, monkeypatch):
    """Also where the query slips past the reading of its words."""
    monkeypatch.setattr(sql, "require_reading", lambda query: query)
    before = shop.read_bytes()
    for query in ("DELETE FROM loans", "CREATE TABLE x (a)", "INSERT INTO loans VALUES (4,1,1,1)"):
        with pytest.raises(DataError, match="readonly database"):
            load_sql(query, f"sqlite:///{shop}")
    assert shop.read_bytes() == before


def test_a_locked_database(shop):
    other = sqlite3.connect(shop, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(DataError, match="another program holds its lock"):
            load_sql("SELECT * FROM loans", f"sqlite:///{shop}", timeout=0.1)
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize(
    ("query", "url", "message"),
    [
        ("SELECT * FROM lones", "sqlite:///{shop}", "no such table: lones"),
        ("SELECT price FROM loans", "sqlite:///{shop}", "no such column: price"),
        ("SELECT 1 WHERE 1 = 0", "sqlite:///{shop}", "found no rows"),
        ("SELECT id, id FROM loans", "sqlite:///{shop}", "more than one column called 'id'"),
        ("SELEC 1", "sqlite:///{shop}", "begins with SELEC"),
        ("SELECT 1", "sqlite:///{shop}.none", "no database file"),
        ("SELECT 1", "sqlite://", "names no file"),
        ("SELECT 1", "shop.db", "cannot be read; expected one like sqlite:///shop.db"),
        ("SELECT 1", "oracel://host/db", "no database called 'oracel'"),
        ("SELECT * FROM x", "sqlite:///{text}", "file is not a database"),
    ],
)
def test_a_bad_query_or_address_is_one_clear_error(shop, query, url, message):
    text = shop.with_name("text.db")
    text.write_text("this is no database, but it is long enough to be read as one" * 20)
    with pytest.raises(DataError, match=message):
        load_sql(query, url.format(shop=shop, text=text))
    assert not shop.with_name("shop.db.none").exists()


def test_a_password_is_shown_nowhere():
    for url in (
        f"postgresql://me:{SPELT}@127.0.0.1:1/shop",
        f"postgresql://127.0.0.1:1/shop?user=me&password={SPELT}",
        f"nosuch://me:{SPELT}@host/db",
        f"postgresql://me:{SPELT}@host:port/db",
    ):
        with pytest.raises(DescendError) as caught:
            load_sql("SELECT 1", url, timeout=2)
        shown = f"{caught.value!r}{caught.value.__cause__!r}"
        assert PASSWORD not in shown
        assert SPELT not in shown


def test_without_sqlalchemy_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sqlalchemy.engine", None)
    with pytest.raises(MissingExtraError, match=r"'sqlalchemy'.*descend\[sql\]"):
        load_sql("SELECT 1", "sqlite:///a.db")


# -- PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    """The address of a PostgreSQL of our own; the tests skip where none is installed."""
    pytest.importorskip("pg8000")
    found = [*sorted(glob.glob("/usr/lib/postgresql/*/bin")), ""]
    initdb = shutil.which("initdb", path=os.pathsep.join([*found, os.environ["PATH"]]))
    if initdb is None:
        pytest.skip("PostgreSQL is not installed")
    tools = Path(initdb).parent
    folder = Path(tempfile.mkdtemp(prefix="descend-pg-"))
    how = {"cwd": folder, "capture_output": True, "text": True, "check": True, "timeout": 60}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        how |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    (folder / "word").write_text(PASSWORD)
    (folder / "word").chmod(0o644)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    data = folder / "data"
    try:
        secret = ["-U", "me", "-A", "scram-sha-256", "--pwfile", folder / "word"]
        plain = ["-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run([initdb, "-D", data, *secret, *plain], **how)
        settings = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        )
        start = [tools / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start"]
        # its output goes on living in the server: nobody may wait for it to end
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(start, **{**how, "capture_output": False, **quiet})
        try:
            yield f"postgresql://me:{SPELT}@127.0.0.1:{port}/postgres"
        finally:
            stop = [tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]
            subprocess.run(stop, **how)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def bank(server):
    """The address, with a table of loans in the database."""
    import pg8000.dbapi
    from sqlalchemy.engine import make_url

    url = make_url(server)
    given = {"host": url.host, "port": url.port, "database": url.database}
    with contextlib.closing(
        pg8000.dbapi.connect(url.username, password=url.password, **given)
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "CREATE TABLE loans (id int, amount numeric(12,2), rate real, town text, paid boolean,"
            " opened date, seen timestamptz, key uuid, tags int[])"
        )
        cursor.execute("CREATE SEQUENCE counter")
        rows = [
            (1, decimal.Decimal("1000.50"), 1.5, "Köln", True, datetime.date(2020, 1, 31)),
            (2, None, None, "100% 'Ulm'", None, None),
            (3, decimal.Decimal("3.25"), 2.5, None, False, datetime.date(2021, 2, 1)),
        ]
        for row in rows:
            cursor.execute(
                "INSERT INTO loans (id, amount, rate, town, paid, opened, seen, key, tags) VALUES "
                "(%s, %s, %s, %s, %s, %s, '2020-01-01 12:00+00', gen_random_uuid(), '{1,2}')",
                row,
            )
        connection.commit()
    return server


def test_postgresql_types(bank):
    table = load_sql("SELECT * FROM loans ORDER BY id", bank)
    frame = table.frame
    assert frame["id"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(frame["amount"].to_numpy(float), [1000.5, np.nan, 3.25])
    np.testing.assert_array_equal(frame["rate"].to_numpy(float), [1.5, np.nan, 2.5])
    assert frame["town"].fillna("-").tolist() == ["Köln", "100% 'Ulm'", "-"]
    assert frame["paid"].tolist() == [True, None, False]
    assert frame["opened"].dt.year.fillna(0).tolist() == [2020, 0, 2021]
    assert frame["seen"].iloc[0] == pd.Timestamp("2020-01-01 12:00", tz="UTC")
    assert frame["key"].str.len().tolist() == [36] * 3
    assert PASSWORD not in table.note + table.source + table.name
    assert SPELT not in table.note + table.source + table.name
    assert ":***@127.0.0.1" in table.note
    assert len(table.digest) == 64


def test_postgresql_signs_and_casts(bank):
    query = "SELECT town, id::text AS words FROM loans WHERE town LIKE '100%' AND '12:30' <> ':a'"
    assert load_sql(query, bank).frame["words"].tolist() == ["2"]


def test_postgresql_is_told_not_to_write(bank, monkeypatch):
    read_only = "SELECT current_setting('transaction_read_only') AS told"
    assert load_sql(read_only, bank).frame["told"].tolist() == ["on"]
    with pytest.raises(DataError, match=r"cannot execute nextval\(\) in a read-only transaction"):
        load_sql("SELECT nextval('counter') AS n", bank)
    monkeypatch.setattr(sql, "require_reading", lambda query: query)
    for query in (
        "DELETE FROM loans",
        "SELECT * INTO copied FROM loans",
        "WITH gone AS (DELETE FROM loans RETURNING *) SELECT * FROM gone",
    ):
        with pytest.raises(DataError):
            load_sql(query, bank)
    count = "SELECT (SELECT count(*) FROM loans) AS n, to_regclass('copied') IS NULL AS none"
    found = load_sql(count, bank).frame
    assert found["n"].tolist() == [3]
    assert found["none"].tolist() == [True]


def test_postgresql_many_rows_come_in_pieces(bank, monkeypatch):
    monkeypatch.setattr(sql, "ROWS", 1000)
    query = (
        "SELECT i, i / 4.0 AS x, CASE WHEN i > 9000 THEN 'late' END AS w "
        "FROM generate_series(1, 10000) AS i"
    )
    frame = load_sql(query, bank).frame
    assert frame["i"].sum() == 10000 * 10001 // 2
    np.testing.assert_allclose(frame["x"], np.arange(1, 10001) / 4)
    assert frame["w"].notna().sum() == 1000


def test_postgresql_faults_are_one_clear_error(bank):
    for query, message in (
        ("SELECT * FROM lones", 'relation "lones" does not exist'),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT FROM WHERE", "syntax error"),
    ):
        with pytest.raises(DataError, match=message):
            load_sql(query, bank)
    wrong = bank.replace(SPELT, "wr%40ng-word")
    with pytest.raises(DataError, match="password authentication failed") as caught:
        load_sql("SELECT 1", wrong)
    assert "wr@ng-word" not in str(caught.value)
    with pytest.raises(DataError, match="does not exist"):
        load_sql("SELECT 1", bank.replace("/postgres", "/nobase"))


def test_postgresql_that_is_not_there():
    pytest.importorskip("pg8000")
    began = time.monotonic()
    with pytest.raises(DataError, match="postgresql"):
        load_sql("SELECT 1", "postgresql://me:x@127.0.0.1:1/shop")
    assert time.monotonic() - began < 10


def test_options_of_a_postgresql_address(bank):
    with_query = bank.replace(f":{SPELT}", "") + f"?password={SPELT}&sslmode=prefer"
    assert load_sql("SELECT 7 % 4 AS n", with_query).frame["n"].tolist() == [3]
    for query, message in (
        ("sslmode=maybe", "unknown sslmode 'maybe'"),
        ("sslmod=require", "Did you mean 'sslmode'"),
        ("sslmode=require", "SSL"),  # this server has none
        ("sslmode=verify-full&sslrootcert=none.pem", "cannot be read"),
    ):
        with pytest.raises(DescendError, match=message):
            load_sql("SELECT 1", f"{bank}?{query}")
