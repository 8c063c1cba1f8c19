import asyncio
import hashlib
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from sql_generator.sources import Limits, Source, SourceUnreachable, StatementFailed, StatementTimedOut, worker_process
from sql_generator.sources.connect import ConnectPolicy, open_source

SHORT = Limits(seconds=1)
ENDLESS = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) "
# A single call that SQLite does not interrupt: 900,000 × 70,000 comparisons.
UNINTERRUPTIBLE = (
    "SELECT length(trim(x, y)) FROM (SELECT printf('%.*c', 900000, 'a') AS x, printf('%.*c', 70000, 'b') || 'a' AS y)"
)

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, tier TEXT, active BOOLEAN, password TEXT,
    "odd ""name""; --" TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES CUSTOMERS, amount REAL, receipt BLOB,
    doubled REAL GENERATED ALWAYS AS (amount * 2));
CREATE TABLE regions (code TEXT, country TEXT, PRIMARY KEY (country, code)) WITHOUT ROWID;
CREATE TABLE stores (id INTEGER PRIMARY KEY, land TEXT, region TEXT, gone INTEGER REFERENCES vanished,
    FOREIGN KEY (land, region) REFERENCES regions);
CREATE TABLE "odd ""table""; --" (a TEXT);
CREATE VIEW gold AS SELECT name, tier FROM customers WHERE tier = 'gold';
CREATE VIEW broken AS SELECT * FROM vanished;
CREATE VIRTUAL TABLE notes USING fts5(body);
INSERT INTO notes VALUES ('hello world');
INSERT INTO regions VALUES ('by', 'de');
INSERT INTO "odd ""table""; --" VALUES ('x');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
INSERT INTO customers SELECT i, 'customer ' || i, CASE i % 2 WHEN 0 THEN 'gold' ELSE 'silver' END, i % 2, 'hunter2', 'o'
FROM n;
INSERT INTO orders (customer_id, amount, receipt) SELECT id, id * 1.5, x'00ff' FROM customers;
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop?#%.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
    return path


@pytest.fixture
def source(database: Path) -> Source:
    return open_source("sqlite", str(database), policy=ConnectPolicy(files_root=database.parent))


def _workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "sqlite_worker" in " ".join(child.cmdline())]


async def _worker() -> psutil.Process:
    async with asyncio.timeout(10):
        while True:
            if workers := _workers():
                return workers[0]
            await asyncio.sleep(0.01)


def _content(path: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}


async def test_a_query_returns_rows_with_the_types_of_their_values(source: Source) -> None:
    result = await source.execute("SELECT id, amount, receipt, NULL AS n FROM orders ORDER BY id LIMIT 2", Limits())
    assert [(column.name, column.type) for column in result.columns] == [
        *(("id", "integer"), ("amount", "real"), ("receipt", "blob"), ("n", "null"))
    ]
    assert result.rows == ((1, 1.5, "\\x00ff", None), (2, 3.0, "\\x00ff", None))
    assert (result.row_count, result.truncated, result.truncated_by) == (2, False, None)
    assert result.elapsed_ms > 0
    found = await source.execute("SELECT body FROM notes WHERE notes MATCH 'hello'", Limits())
    assert found.rows == (("hello world",),)


async def test_the_schema_is_read_with_keys_estimates_and_samples(source: Source) -> None:
    schema = await source.introspect()
    tables = {table.name: table for table in schema.tables}
    assert schema.dialect == "sqlite"
    assert list(tables) == ["customers", "gold", "notes", 'odd "table"; --', "orders", "regions", "stores"]
    customers = {column.name: column for column in tables["customers"].columns}
    assert (customers["id"].primary_key, customers["id"].nullable) == (True, False)
    assert (customers["name"].type, customers["name"].nullable, customers["name"].samples) == ("VARCHAR(80)", False, ())
    assert customers["tier"].samples == ("gold", "silver")
    assert customers["active"].samples == ("0", "1")
    assert customers["password"].samples == ()
    assert customers['odd "name"; --'].samples == ("o",)
    assert (tables["customers"].row_estimate, tables["regions"].row_estimate) == (50, 1)
    assert tables["gold"].columns[1].samples == ("gold",)
    assert tables["gold"].row_estimate is None
    assert [column.name for column in tables["orders"].columns][-1] == "doubled"
    (key,) = tables["orders"].foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("customer_id",), "customers", ("id",))
    (key,) = tables["stores"].foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("land", "region"), "regions", ("country", "code"))


@pytest.mark.parametrize(
    "sql",
    [
        *("INSERT INTO orders (id) VALUES (99)", "UPDATE orders SET amount = 0", "DELETE FROM orders"),
        *(
            "DELETE FROM orders RETURNING id",
            "WITH x AS (SELECT 1) DELETE FROM orders",
            "REPLACE INTO orders (id) VALUES (1)",
        ),
        *("DROP TABLE orders", "CREATE TABLE t (a)", "CREATE TEMP TABLE t AS SELECT 1", "ALTER TABLE orders ADD x"),
        *("CREATE VIRTUAL TABLE t USING fts5(a)", "REINDEX", "ANALYZE", "VACUUM", "VACUUM INTO 'copy.db'"),
        *("ATTACH 'other.db' AS o", "ATTACH 'file:other.db?mode=rwc' AS o", "DETACH main"),
        *(
            "PRAGMA writable_schema = ON",
            "PRAGMA user_version = 7",
            "PRAGMA query_only = OFF",
            "PRAGMA journal_mode = WAL",
        ),
        *("PRAGMA hard_heap_limit = 0", "SELECT * FROM pragma_database_list", "SELECT * FROM sqlite_master"),
        *("BEGIN IMMEDIATE", "SAVEPOINT s", "COMMIT", "EXPLAIN DELETE FROM orders", "SELECT 1; DELETE FROM orders"),
        *("SELECT load_extension('x')", "SELECT fts3_tokenizer('simple')", "SELECT fts3_tokenizer('x', x'00')"),
        *(
            "INSERT INTO notes (notes) VALUES ('rebuild')",
            "SELECT 1 \x00",
            "SELECT ?",
            "SELECT nothing FROM orders",
            "",
        ),
        *("SELECT randomblob(1000000000)", "SELECT zeroblob(1000000000)", "SELECT '" + "x" * 300_000 + "'"),
    ],
)
async def test_anything_but_reading_tables_is_an_error_and_changes_nothing(
    database: Path, source: Source, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    before = _content(database)
    with pytest.raises(StatementFailed) as caught:
        await source.execute(sql, Limits(seconds=5))
    assert caught.value.detail
    assert _content(database) == before


@pytest.mark.parametrize(
    "sql", [ENDLESS + "SELECT count(*) FROM t", ENDLESS + "SELECT x FROM t ORDER BY -x", UNINTERRUPTIBLE]
)
async def test_a_statement_is_ended_at_its_time_limit_whatever_it_is_doing(source: Source, sql: str) -> None:
    started = time.monotonic()
    with pytest.raises(StatementTimedOut, match="after 1 s"):
        await source.execute(sql, SHORT)
    assert time.monotonic() - started < 3
    assert _workers() == []


async def test_an_endless_result_is_cut_at_the_cap_that_comes_first(source: Source) -> None:
    by_rows = await source.execute(ENDLESS + "SELECT x FROM t", Limits(rows=10))
    assert (by_rows.row_count, by_rows.truncated_by) == (10, "rows")
    by_bytes = await source.execute(ENDLESS + "SELECT printf('%.*c', 1000, 'x') FROM t", Limits(bytes=10_500))
    assert (by_bytes.row_count, by_bytes.truncated_by) == (10, "bytes")
    one_value = await source.execute("SELECT printf('%.*c', 2000000, 'x')", Limits())
    assert (one_value.rows, one_value.truncated_by) == ((), "bytes")


async def test_memory_is_bounded(source: Source) -> None:
    with pytest.raises(StatementFailed, match="memory"):
        await source.execute(ENDLESS + "SELECT json_group_array(b) FROM (SELECT zeroblob(7000000) AS b, x FROM t ORDER BY b, x)", Limits(seconds=20))  # fmt: skip


async def test_a_cancelled_statement_stops(source: Source) -> None:
    task = asyncio.create_task(source.execute(UNINTERRUPTIBLE, Limits(seconds=60)))
    await _worker()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _workers() == []


async def test_the_loop_stays_free_while_a_statement_runs(source: Source) -> None:
    task = asyncio.create_task(source.execute(UNINTERRUPTIBLE, SHORT))
    longest = 0.0
    while not task.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before)
    assert isinstance(task.exception(), StatementTimedOut)
    assert longest < 0.5


@pytest.mark.parametrize(
    ("sql", "scanned"),
    [
        ("SELECT count(*) FROM orders", ("orders",)),
        ("SELECT amount FROM orders AS o WHERE o.amount > 1", ("o",)),
        ("SELECT amount FROM orders WHERE id = 1", ()),
        ("SELECT o.id FROM orders AS o JOIN customers AS c ON c.id = o.customer_id", ("o",)),
        ("SELECT 1", ("CONSTANT",)),
    ],
)
async def test_explain_names_what_is_read_as_a_whole(source: Source, sql: str, scanned: tuple[str, ...]) -> None:
    assert await source.explain(sql, SHORT) == scanned


async def test_explain_finds_errors_without_running(source: Source) -> None:
    await source.explain("SELECT count(*) FROM orders", SHORT)
    await source.explain(UNINTERRUPTIBLE, SHORT)
    for sql in (
        "SELECT nothing FROM orders",
        "SELECT 1; SELECT 2",
        "DELETE FROM orders",
        "QUERY PLAN DELETE FROM orders",
    ):
        with pytest.raises(StatementFailed):
            await source.explain(sql, SHORT)


async def test_a_file_that_cannot_be_read_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "noise.db").write_bytes(os.urandom(8_192))
    noise = open_source("sqlite", str(tmp_path / "noise.db"), policy=ConnectPolicy())
    with pytest.raises(SourceUnreachable, match="not a database"):
        await noise.test()
    empty = tmp_path / "gone.db"
    empty.touch()
    gone = open_source("sqlite", str(empty), policy=ConnectPolicy())
    await gone.test()
    empty.unlink()
    for call in (gone.test(), gone.introspect(), gone.execute("SELECT 1", SHORT)):
        with pytest.raises(SourceUnreachable, match="cannot be read") as caught:
            await call
        assert str(tmp_path) not in caught.value.detail


async def test_a_writer_neither_blocks_nor_is_blocked_in_wal_mode(database: Path, source: Source) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM orders")
        assert (await source.execute("SELECT count(*) FROM orders", SHORT)).rows == ((50,),)
        writer.execute("COMMIT")
        assert (await source.execute("SELECT count(*) FROM orders", SHORT)).rows == ((0,),)


async def test_the_worker_sees_nothing_of_our_environment(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    task = asyncio.create_task(source.execute(UNINTERRUPTIBLE, Limits(seconds=60)))
    assert "SECRET_KEY" not in (await _worker()).environ()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_statements_beyond_the_number_of_workers_wait_and_the_wait_is_in_their_time(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_WORKERS", asyncio.Semaphore(1))
    endless = asyncio.create_task(source.execute(UNINTERRUPTIBLE, Limits(seconds=60)))
    await _worker()
    with pytest.raises(StatementTimedOut):
        await source.execute("SELECT 1", Limits(seconds=0.1))
    assert len(_workers()) == 1
    waiting = asyncio.create_task(source.execute("SELECT 1", Limits(seconds=20)))
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    assert (await waiting).rows == ((1,),)
