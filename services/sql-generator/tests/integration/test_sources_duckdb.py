import asyncio
import hashlib
import time
from pathlib import Path

import duckdb
import psutil
import pytest

from sql_generator.sources import Limits, Source, SourceUnreachable, StatementFailed, StatementTimedOut
from sql_generator.sources.connect import ConnectPolicy, open_source

SHORT = Limits(seconds=1)
ENDLESS = "SELECT count(*) FROM range(1000000000000)"

SCHEMA = """
CREATE TYPE tier AS ENUM ('silver', 'gold');
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, tier tier, active BOOLEAN, password VARCHAR,
    "odd ""name""; --" VARCHAR);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), amount DECIMAL(10, 2));
CREATE TABLE "odd ""table""; --" (a VARCHAR);
CREATE SCHEMA sales;
CREATE TABLE sales.regions (code VARCHAR, country VARCHAR, PRIMARY KEY (country, code));
CREATE TABLE gone (id INTEGER);
CREATE VIEW gold AS SELECT name, tier FROM customers WHERE tier = 'gold';
CREATE VIEW broken AS SELECT * FROM gone;
DROP TABLE gone;
COMMENT ON TABLE customers IS 'who buys';
COMMENT ON COLUMN customers.name IS 'full name';
INSERT INTO customers
SELECT i, 'customer ' || i, CASE i % 2 WHEN 0 THEN 'gold' ELSE 'silver' END::tier, i % 2 = 1, 'hunter2', 'o'
FROM range(1, 51) AS n(i);
INSERT INTO orders SELECT id, id, id * 1.5 FROM customers;
INSERT INTO "odd ""table""; --" VALUES ('x');
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop #%.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(SCHEMA)
    return path


@pytest.fixture
def source(database: Path) -> Source:
    return open_source("duckdb", str(database), policy=ConnectPolicy(files_root=database.parent))


def _workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "duckdb_worker" in " ".join(child.cmdline())]


def _content(path: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}


async def test_the_schema_is_read_with_keys_comments_estimates_and_samples(source: Source) -> None:
    schema = await source.introspect()
    tables = {table.name: table for table in schema.tables}
    assert schema.dialect == "duckdb"
    assert list(tables) == ["customers", "gold", 'odd "table"; --', "orders", "sales.regions"]
    customers = {column.name: column for column in tables["customers"].columns}
    assert (customers["id"].primary_key, customers["id"].nullable, customers["name"].nullable) == (True, False, False)
    assert (tables["customers"].comment, customers["name"].comment) == ("who buys", "full name")
    assert (customers["tier"].type, customers["tier"].samples) == ("ENUM('silver', 'gold')", ("gold", "silver"))
    assert customers["active"].samples == ("false", "true")
    assert customers["password"].samples == ()
    assert customers["name"].samples == ()
    assert customers['odd "name"; --'].samples == ("o",)
    assert (tables["customers"].row_estimate, tables["gold"].row_estimate) == (50, None)
    assert [column.primary_key for column in tables["sales.regions"].columns] == [True, True]
    (key,) = tables["orders"].foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("customer_id",), "customers", ("id",))


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("9223372036854775807", "BIGINT", 9223372036854775807),
        ("170141183460469231731687303715884105727", "HUGEINT", "170141183460469231731687303715884105727"),
        ("1.50::DECIMAL(10, 2)", "DECIMAL(10,2)", 1.5),
        ("'nan'::DOUBLE", "DOUBLE", None),
        ("[1, NULL, 3]", "INTEGER[]", [1, None, 3]),
        ("{'a': 1, 'b': [{'c': DATE '2024-02-29'}]}", "STRUCT(a INTEGER, b STRUCT(c DATE)[])", {"a": 1, "b": [{"c": "2024-02-29"}]}),
        ("MAP {'k': 1}", "MAP(VARCHAR, INTEGER)", {"k": 1}),
        ("INTERVAL '1 year 2 months -3 days 90.5 seconds'", "INTERVAL", "P1Y2M-3DT1M30.5S"),
        ("NULL::INTERVAL", "INTERVAL", None),
        ("TIMESTAMPTZ '2024-01-01 12:00:00+02'", "TIMESTAMP WITH TIME ZONE", "2024-01-01T10:00:00+00:00"),
        ("TIMESTAMP 'infinity'", "TIMESTAMP", "infinity"),
        ("DATE '10000-01-01'", "DATE", "10000-01-01"),
        ("TIME '12:30:00'", "TIME", "12:30:00"),
        ("'\\x00\\xFF'::BLOB", "BLOB", "\\x00ff"),
        ("UUID '3f2504e0-4f89-41d3-9a0c-0305e82c3301'", "UUID", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
        ("'silver'::tier", "ENUM('silver', 'gold')", "silver"),
        ("'0101'::BIT", "BIT", "0101"),
        ("'{\"a\": [1]}'::JSON", "JSON", {"a": [1]}),
        ("NULL", "NULL", None),
    ],
)  # fmt: skip
async def test_values_of_every_type_become_json(source: Source, expression: str, kind: str, value: object) -> None:
    result = await source.execute(f"SELECT {expression} AS v, 1 AS v", Limits())
    assert [(column.name, column.type) for column in result.columns] == [("v", kind), ("v", "INTEGER")]
    assert result.rows == ((value, 1),)


async def test_rows_with_intervals_keep_their_order(source: Source) -> None:
    sql = "SELECT to_days(id) AS lead, id FROM customers ORDER BY id DESC -- newest first"
    result = await source.execute(sql, Limits(rows=3))
    assert result.rows == (("P50D", 50), ("P49D", 49), ("P48D", 48))
    assert result.truncated_by == "rows"


@pytest.mark.parametrize(
    "sql",
    [
        *("INSERT INTO orders VALUES (99, 1, 1)", "UPDATE orders SET amount = 0", "DELETE FROM orders"),
        *("INSERT INTO orders VALUES (99, 1, 1) RETURNING id", "EXPLAIN ANALYZE DELETE FROM orders"),
        *("WITH x AS (INSERT INTO orders VALUES (99, 1, 1) RETURNING id) SELECT * FROM x", "CHECKPOINT"),
        *("DROP TABLE orders", "CREATE TABLE t (a INTEGER)", "CREATE TEMP TABLE t AS SELECT 1", "VACUUM"),
        *("ATTACH 'other.db'", "ATTACH ':memory:' AS m", "EXPORT DATABASE 'out'"),
        *("COPY orders TO 'out.csv'", "COPY orders FROM '/etc/passwd'", "SELECT * FROM '/etc/passwd'"),
        *("SELECT * FROM read_text('/proc/self/environ')"),
        *("SELECT * FROM glob('/*')", "SELECT * FROM read_parquet('https://example.com/x.parquet')"),
        *("INSTALL httpfs", "LOAD httpfs", "INSTALL spatial FROM community", "CREATE SECRET (TYPE s3)"),
        *("SET memory_limit = '8GB'", "SET enable_external_access = true"),
        *("PRAGMA enable_profiling", "PRAGMA memory_limit = '8GB'", "CALL pragma_version()", "SET VARIABLE x = 1"),
        *("SELECT 1; SELECT 2", "EXECUTE p", "", "SELECT ?", "SELECT nothing"),
        "SELECT list(range) FROM range(1000000000)",
    ],
)
async def test_anything_but_reading_tables_is_an_error_and_changes_nothing(
    database: Path, source: Source, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    before = _content(database)
    with pytest.raises(StatementFailed) as caught:
        await source.execute(sql, Limits(seconds=10))
    assert caught.value.detail
    assert _content(database) == before


async def test_a_statement_is_ended_at_its_time_limit(source: Source) -> None:
    started = time.monotonic()
    with pytest.raises(StatementTimedOut, match="after 1 s"):
        await source.execute(ENDLESS, SHORT)
    assert time.monotonic() - started < 4
    assert _workers() == []


async def test_an_endless_result_is_cut_at_the_cap_that_comes_first(source: Source) -> None:
    by_rows = await source.execute("SELECT range FROM range(1000000000000)", Limits(rows=10))
    assert (by_rows.row_count, by_rows.truncated_by) == (10, "rows")
    by_bytes = await source.execute("SELECT repeat('x', 1000) FROM range(1000000000000)", Limits(bytes=10_500))
    assert (by_bytes.row_count, by_bytes.truncated_by) == (10, "bytes")


async def test_a_cancelled_statement_stops(source: Source, eventually) -> None:
    task = asyncio.create_task(source.execute(ENDLESS, Limits(seconds=60)))
    await eventually(lambda: bool(_workers()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _workers() == []


async def test_explain_finds_errors_without_running(source: Source) -> None:
    await source.explain("SELECT count(*) FROM orders", SHORT)
    await source.explain(ENDLESS, SHORT)
    for sql in ("SELECT nothing FROM orders", "SELECT 1; SELECT 2", "DELETE FROM orders", "ANALYZE DELETE FROM orders"):
        with pytest.raises(StatementFailed):
            await source.explain(sql, SHORT)


async def test_a_file_that_is_no_database_is_unreachable_and_its_path_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "noise.duckdb").write_bytes(b"DUCK" * 4_096)
    noise = open_source("duckdb", str(tmp_path / "noise.duckdb"), policy=ConnectPolicy())
    for call in (noise.test(), noise.introspect(), noise.execute("SELECT 1", SHORT)):
        with pytest.raises(SourceUnreachable, match="cannot be read as a DuckDB database") as caught:
            await call
        assert str(tmp_path) not in caught.value.detail
