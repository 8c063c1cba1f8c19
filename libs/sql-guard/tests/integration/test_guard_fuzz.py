"""What passes the guard is run where it could do anything, and changes nothing.

The connections are an administrator's, writable, without any protection of an adapter; each statement runs in a
transaction that is looked at and rolled back. `make fuzz` tries 20,000 statements, the test suite a share of them.
"""

import asyncio
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import duckdb
import pymysql
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from memori_testing.mariadb import MariaDatabase
from memori_testing.statements import grafted, spliced
from sql_guard import Dialect, check

STATEMENTS = int(os.environ.get("MEMORI_FUZZ_STATEMENTS") or 80)
ROWS = 20
SECONDS = 1.0

TABLES = (
    """CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(100), email VARCHAR(100), region VARCHAR(20),
    country VARCHAR(20), meta {json}, created_at {moment})""",
    """CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, amount DECIMAL(12, 2), status VARCHAR(20),
    created_at {moment})""",
    "CREATE TABLE employees (id INTEGER, name VARCHAR(100), manager_id INTEGER)",
    "CREATE TABLE users (id INTEGER, name VARCHAR(100), password_hash VARCHAR(100))",
    """INSERT INTO customers VALUES (1, 'Ann', 'ann@x.org', 'EU', 'DE', '{{"tier": "gold", "tags": ["a"]}}',
    '2024-01-05 10:00:00'), (2, 'Bob', NULL, 'US', 'US', '{{"tags": []}}', '2024-02-05 11:00:00')""",
    """INSERT INTO orders VALUES (1, 1, 10.5, 'new', '2024-01-06 10:00:00'), (2, 1, 250, 'paid', '2024-01-20 09:00:00'),
    (3, 2, 30, 'paid', '2024-02-06 09:00:00')""",
    "INSERT INTO employees VALUES (1, 'Eve', NULL), (2, 'Fay', 1)",
    "INSERT INTO users VALUES (1, 'root', 'x')",
)
CONTENT = tuple(f"SELECT * FROM {table} ORDER BY 1" for table in ("customers", "orders", "employees", "users"))

Run = Callable[[str], bool]
"""Runs a statement and tells whether it came to its end; an AssertionError is a change."""


def tables(json: str, moment: str) -> list[str]:
    return [statement.format(json=json, moment=moment) for statement in TABLES]


@pytest.fixture
def sqlite_run() -> Iterator[Run]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in tables("TEXT", "TEXT"):
            connection.execute(statement)
        if hasattr(connection, "enable_load_extension"):
            connection.enable_load_extension(True)

        def state() -> object:
            pragmas = ("database_list", "user_version", "schema_version", "query_only", "foreign_keys")
            return (
                list(connection.iterdump()),
                connection.total_changes,
                [connection.execute(f"PRAGMA {name}").fetchall() for name in pragmas],
            )

        before = state()

        def run(sql: str) -> bool:
            steps = iter(range(200))
            connection.set_progress_handler(lambda: next(steps, None) is None, 10_000)
            connection.execute("BEGIN")
            try:
                connection.execute(sql).fetchmany(ROWS)
            except (sqlite3.Error, sqlite3.Warning):
                return False
            finally:
                connection.set_progress_handler(None, 0)
                assert state() == before
                connection.execute("ROLLBACK")
            return True

        yield run


@pytest.fixture
def duckdb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(tmp_path / "shop.duckdb", config={"memory_limit": "512MB", "threads": "1"}) as connection:
        for statement in tables("JSON", "TIMESTAMP"):
            connection.execute(statement)
        connection.execute("CREATE SEQUENCE s")
        looks = (
            *CONTENT,
            # Internal ones come into being when they are first asked for.
            *(f"SELECT * FROM duckdb_{name}() WHERE NOT internal" for name in ("tables", "views", "schemas")),
            "SELECT * FROM duckdb_sequences()",
            "SELECT name, value FROM duckdb_settings()",
            "SELECT database_name, path FROM duckdb_databases()",
            "SELECT function_name FROM duckdb_functions() WHERE NOT internal",
            "SELECT extension_name FROM duckdb_extensions() WHERE loaded",
            "SELECT name FROM duckdb_secrets()",
        )

        def state() -> object:
            files = sorted(path.name for path in tmp_path.rglob("*") if not path.name.endswith(".wal"))
            return [connection.execute(query).fetchall() for query in looks], files

        before = state()

        def run(sql: str) -> bool:
            timer = threading.Timer(SECONDS, connection.interrupt)
            connection.execute("BEGIN")
            try:
                timer.start()
                connection.execute(sql).fetchmany(ROWS)
                timer.cancel()
                timer.join()
                assert state() == before
            except duckdb.Error:
                return False
            finally:
                timer.cancel()
                timer.join()
                with suppress(duckdb.Error):  # the error has ended it
                    connection.execute("ROLLBACK")
            return True

        yield run
        assert state() == before


@pytest.fixture
def postgres_run(postgres_database: str) -> Iterator[Run]:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(postgres_database, statement_cache_size=0))
        for statement in (*tables("JSONB", "TIMESTAMP"), "CREATE SEQUENCE orders_id_seq"):
            runner.run(connection.execute(statement))
        # A transaction that changed anything, a sequence or a large object too, has an id by then.
        look = (
            "SELECT pg_current_xact_id_if_assigned()::text, (SELECT md5(string_agg(name || setting, ',' ORDER BY name))"
            " FROM pg_settings), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), current_user::text,"
            " (SELECT count(*) FROM pg_listening_channels())"
        )

        async def run(sql: str) -> bool:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(f"SET LOCAL statement_timeout = {int(SECONDS * 1_000)}")
                before = await connection.fetchrow(look)
                cursor = await connection.cursor(sql)
                await cursor.fetch(ROWS)
                assert await connection.fetchrow(look) == before
                assert before[0] is None
            except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, OverflowError):
                return False
            finally:
                await transaction.rollback()
            return True

        yield lambda sql: runner.run(run(sql))
        runner.run(connection.close())


@pytest.fixture
def mysql_run(mariadb_database: MariaDatabase) -> Iterator[Run]:
    mariadb_database.execute(*tables("JSON", "DATETIME"))
    url = urlsplit(mariadb_database.admin_url)
    with closing(
        pymysql.connect(
            host=url.hostname,
            port=url.port,
            user=url.username,
            password=url.password or "",
            database=url.path[1:],
            charset="utf8mb4",
        )
    ) as connection:

        def rows(sql: str) -> object:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchmany(10_000)

        looks = (*CONTENT, "SHOW TABLES", "SELECT DATABASE(), CURRENT_ROLE(), @@sql_mode, @@autocommit, @x")
        rows(f"SET max_statement_time = {SECONDS}")
        before = [rows(look) for look in looks]
        files = list(mariadb_database.server.files.rglob("*"))

        def run(sql: str) -> bool:
            connection.begin()
            try:
                rows(sql)
            except (pymysql.Error, ValueError):
                return False
            finally:
                assert [rows(look) for look in looks] == before
                assert list(mariadb_database.server.files.rglob("*")) == files
                connection.rollback()
            return True

        yield run


def fuzz(dialect: Dialect, run: Run) -> None:
    counts: Counter[str] = Counter()

    @settings(
        max_examples=STATEMENTS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(grafted(dialect), grafted(dialect), spliced(dialect)))
    def what_passes_changes_nothing(sql: str) -> None:
        counts["statements"] += 1
        verdict = check(sql, dialect)
        if verdict.allowed:
            counts["passed"] += 1
            counts["executed"] += run(verdict.sql)

    what_passes_changes_nothing()
    numbers = ", ".join(f"{name}={counts[name]}" for name in ("statements", "passed", "executed"))
    print(f"\n{dialect}: {numbers}, changed=0")  # noqa: T201  # what `make fuzz` is run for
    assert counts["executed"]


@pytest.mark.timeout(7_200)
def test_what_passes_changes_nothing_in_sqlite(sqlite_run: Run) -> None:
    fuzz("sqlite", sqlite_run)


@pytest.mark.timeout(7_200)
def test_what_passes_changes_nothing_in_duckdb(duckdb_run: Run) -> None:
    fuzz("duckdb", duckdb_run)


@pytest.mark.timeout(7_200)
def test_what_passes_changes_nothing_in_postgres(postgres_run: Run) -> None:
    fuzz("postgres", postgres_run)


@pytest.mark.timeout(7_200)
def test_what_passes_changes_nothing_in_mariadb(mysql_run: Run) -> None:
    fuzz("mysql", mysql_run)
