import socket
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from memori_testing.mariadb import EmbeddedMariaDB, MariaDatabase
from sql_generator.sources import (
    ConnectionRejected,
    Limits,
    Source,
    SourceUnreachable,
    StatementFailed,
    StatementTimedOut,
)
from sql_generator.sources.connect import ConnectPolicy, open_source

SHORT = Limits(seconds=2)

SCHEMA = (
    """CREATE TABLE customers (
        id bigint unsigned AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL, tier text COMMENT 'gold or silver',
        password_hash char(40), `Odd ``na"me` text
    ) COMMENT 'Who buys'""",
    """CREATE TABLE orders (
        id bigint PRIMARY KEY, customer_id bigint unsigned NOT NULL, status enum('open', 'paid', 'cancelled') NOT NULL,
        amount decimal(10, 2), placed_at datetime, FOREIGN KEY (customer_id) REFERENCES customers (id)
    )""",
    "CREATE TABLE regions (country char(2), code char(2), PRIMARY KEY (country, code))",
    """CREATE TABLE stores (
        id int PRIMARY KEY, region char(2), land char(2), FOREIGN KEY (land, region) REFERENCES regions (country, code)
    )""",
    "CREATE TABLE counters (x int) ENGINE=MyISAM",
    "CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid'",
    "CREATE VIEW broken AS SELECT CAST('' AS CHAR) AS label FROM orders WHERE 1 = (SELECT 1 UNION SELECT 2)",
    "CREATE SEQUENCE numbers",
    "CREATE PROCEDURE sneaky() BEGIN COMMIT; DELETE FROM orders; SELECT 1; END",
    "CREATE FUNCTION sly() RETURNS int BEGIN DELETE FROM counters; RETURN 1; END",
    """INSERT INTO customers (name, tier, password_hash)
        SELECT concat('customer ', seq), if(seq % 2, 'silver', 'gold'), 'hash' FROM seq_1_to_50""",
    "INSERT INTO orders SELECT seq, 1 + seq % 50, 'paid', seq, '2024-05-01 12:00:00' FROM seq_1_to_200",
    "INSERT INTO counters VALUES (1)",
)


@pytest.fixture(scope="module")
def shop(mariadb_server: EmbeddedMariaDB) -> Iterator[MariaDatabase]:
    """A database that holds `SCHEMA`. No test changes it for good, which is what most of them are about."""
    made = mariadb_server.create_database("shop")
    made.execute(*SCHEMA)
    yield made
    mariadb_server.drop_database(made.name)


@pytest.fixture
def source(shop: MariaDatabase) -> Source:
    """The shop as someone who may do everything, which is the worst case."""
    return open_source("mysql", shop.admin_url, policy=ConnectPolicy())


@pytest.fixture
def reading(shop: MariaDatabase) -> Source:
    """The shop as someone who may only read it."""
    return open_source("mysql", shop.reader_url, policy=ConnectPolicy())


def state(shop: MariaDatabase) -> list[object]:
    """Everything that a statement could have changed for good."""
    queries = (
        "SELECT * FROM orders ORDER BY id",
        "SELECT * FROM customers ORDER BY id",
        "SELECT * FROM counters",
        "SELECT * FROM numbers",
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT * FROM mysql.global_priv ORDER BY Host, User",
        "SELECT * FROM mysql.proc ORDER BY name",
        "SELECT * FROM mysql.plugin",
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('max_connections', 'read_only', 'sql_mode', 'general_log')",
        "SELECT table_name FROM mysql.table_stats",
    )
    with shop.session() as run:
        found = [run(query) for query in queries]
    return found + sorted(file.name for file in shop.server.files.iterdir())


def sessions(shop: MariaDatabase) -> int:
    """How many sessions the source has on the server."""
    ((count,),) = shop.execute(
        "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    )
    return int(count)


async def test_a_query_returns_rows_with_names_types_and_values(reading: Source) -> None:
    result = await reading.execute(
        "SELECT id, amount, amount, status, placed_at, customer_id FROM orders ORDER BY id LIMIT 1", Limits()
    )
    assert [(column.name, column.type) for column in result.columns] == [
        ("id", "bigint"),
        ("amount", "decimal"),
        ("amount", "decimal"),
        ("status", "enum"),
        ("placed_at", "datetime"),
        ("customer_id", "bigint unsigned"),
    ]
    assert result.rows == ((1, 1, 1, "paid", "2024-05-01T12:00:00", 2),)
    assert (result.row_count, result.truncated) == (1, False)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("bit(10)", "b'101'", 5),
        ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
        ("decimal(5, 2)", "12.50", 12.5),
        ("decimal(30, 1)", "12345678901234567890123.5", "12345678901234567890123.5"),
        ("float", "0.1", 0.1),
        ("double", "1e300", 1e300),
        ("boolean", "true", 1),
        ("date", "'0000-00-00'", "0000-00-00"),
        ("date", "'9999-12-31'", "9999-12-31"),
        ("datetime", "'0000-00-00'", "0000-00-00 00:00:00"),
        ("datetime(3)", "'2024-05-01 10:00:00.250'", "2024-05-01T10:00:00.250"),
        ("timestamp(3) NULL", "'2024-05-01 10:00:00'", "2024-05-01T10:00:00"),
        ("time", "'12:30:00'", "12:30:00"),
        ("time(1)", "'-838:59:58.5'", "PT-838H-59M-58.5S"),
        ("time", "'24:00:00'", "PT24H"),
        ("year", "2024", 2024),
        ("set('a', 'b')", "'b,a'", "a,b"),
        ("varbinary(4)", "x'00ff'", "\\x00ff"),
        ("blob", "x'ff'", "\\xff"),
        ("text", "'ünï 🎉'", "ünï 🎉"),
        ("json", "'{\"a\": [1, null]}'", '{"a": [1, null]}'),
        ("point", "point(1, 2)", "\\x000000000101000000000000000000f03f0000000000000040"),
        ("uuid", "'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000"),
        ("inet6", "'::1'", "::1"),
        ("int", "NULL", None),
    ],
)
async def test_values_of_every_kind_become_json(
    mariadb_database: MariaDatabase, kind: str, value: str, expected: object
) -> None:
    mariadb_database.execute(
        f"CREATE TABLE t (x {kind})", f"SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES ({value})"
    )
    source = open_source("mysql", mariadb_database.reader_url, policy=ConnectPolicy())
    result = await source.execute("SELECT x FROM t", SHORT)
    assert result.rows == ((expected,),)
    assert result.columns[0].type != "unknown"


async def test_the_schema_is_read_with_keys_comments_estimates_and_samples(reading: Source) -> None:
    schema = await reading.introspect()
    tables = {table.name: table for table in schema.tables}
    assert schema.dialect == "mysql"
    assert list(tables) == ["broken", "counters", "customers", "orders", "paid", "regions", "stores"]
    assert (tables["customers"].comment, tables["customers"].row_estimate) == ("Who buys", 50)
    customers = {column.name: column for column in tables["customers"].columns}
    assert (customers["id"].type, customers["id"].primary_key, customers["id"].nullable) == (
        *("bigint(20) unsigned", True, False),
    )
    assert (customers["name"].type, customers["name"].nullable, customers["name"].samples) == ("varchar(80)", False, ())
    assert (customers["tier"].comment, customers["tier"].samples) == ("gold or silver", ("gold", "silver"))
    assert customers["password_hash"].samples == ()
    assert 'Odd `na"me' in customers
    assert tables["orders"].columns[2].samples == ("paid",)
    (key,) = tables["orders"].foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("customer_id",), "customers", ("id",))
    (key,) = tables["stores"].foreign_keys
    assert (key.columns, key.target_columns) == (("land", "region"), ("country", "code"))
    assert [column.primary_key for column in tables["regions"].columns] == [True, True]
    assert (tables["paid"].row_estimate, tables["paid"].comment) == (None, "")


async def test_only_what_the_login_can_read_is_in_the_schema(shop: MariaDatabase) -> None:
    login, password = "partial", "reads-a-part"
    shop.execute(
        f"CREATE USER {login} IDENTIFIED BY '{password}'",
        f"GRANT SELECT (id, name), INSERT (tier) ON customers TO {login}",
    )
    url = f"mysql://{login}:{password}@{shop.reader_url.rpartition('@')[2]}"
    (customers,) = (await open_source("mysql", url, policy=ConnectPolicy()).introspect()).tables
    shop.execute(f"DROP USER {login}")
    assert [column.name for column in customers.columns] == ["id", "name"]


async def test_a_locked_table_only_goes_without_samples(shop: MariaDatabase, reading: Source) -> None:
    with shop.session() as other:
        other("LOCK TABLES customers WRITE")
        tables = {table.name: table for table in (await reading.introspect()).tables}
    assert [column.samples for column in tables["customers"].columns] == [()] * 5
    assert tables["orders"].columns[2].samples == ("paid",)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO counters VALUES (2) RETURNING x",
        "UPDATE orders SET amount = 0",
        "DELETE FROM counters RETURNING x",
        "DELETE FROM orders",
        "ANALYZE DELETE FROM orders",
        "EXPLAIN DELETE FROM orders",
        "REPLACE INTO counters VALUES (2)",
        "TRUNCATE counters",
        "DROP TABLE counters",
        "RENAME TABLE counters TO c",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMPORARY TABLE customers AS SELECT 1",
        "SELECT 1 INTO OUTFILE '{files}/taken'",
        "SELECT 'x' INTO DUMPFILE '{files}/taken'",
        "SELECT id INTO @id FROM orders LIMIT 1",
        "SELECT sly()",
        "CALL sneaky()",
        "BEGIN NOT ATOMIC COMMIT; DELETE FROM orders; END",
        "EXECUTE IMMEDIATE 'DELETE FROM orders'",
        "/*!50000 DELETE FROM counters */",
        "/*M! DELETE FROM counters */",
        "SELECT nextval(numbers)",
        "SELECT setval(numbers, 7)",
        "SELECT * FROM orders FOR UPDATE",
        "LOCK TABLES orders WRITE",
        "HANDLER orders OPEN",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE counters",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE counters",
        "SET GLOBAL max_connections = 7",
        "SET SESSION TRANSACTION READ WRITE",
        "SET PASSWORD = PASSWORD('taken')",
        "SET STATEMENT max_statement_time = 0 FOR SELECT 1",
        "GRANT ALL ON *.* TO 'somebody'@'%' IDENTIFIED BY 'x'",
        "CREATE USER 'somebody'@'%'",
        "INSTALL SONAME 'ha_example'",
        "KILL 1",
        "FLUSH TABLES",
        "SHUTDOWN",
        "COMMIT",
        "XA START 'x'",
        "DO sleep(0)",
        "CHECK TABLE counters",
        "ANALYZE TABLE counters",
        "OPTIMIZE TABLE counters",
        "REPAIR TABLE counters",
        "SELECT 1; DELETE FROM orders",
        "SELECT 'a\\\\'; DELETE FROM orders; -- '",
        "SELECT ?",
        "SELECT 1 \x00",
        "SELECT '\ud800'",
        "",
    ],
)
async def test_even_as_administrator_anything_but_a_query_is_an_error_and_changes_nothing(
    shop: MariaDatabase, source: Source, sql: str
) -> None:
    before = state(shop)
    with pytest.raises(StatementFailed):
        await source.execute(sql.replace("{files}", str(shop.server.files)), Limits(seconds=5))
    assert state(shop) == before


async def test_the_text_means_what_the_guard_read_whatever_the_server_is_set_to(
    shop: MariaDatabase, reading: Source
) -> None:
    (mode,) = shop.execute("SELECT @@GLOBAL.sql_mode")[0]
    shop.execute("SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,ORACLE'")
    try:
        result = await reading.execute("""SELECT "status", 'it\\'s', 0 || 1, 'a' /* || 'b' */""", SHORT)
    finally:
        shop.execute(f"SET GLOBAL sql_mode = '{mode}'")
    assert result.rows == (("status", "it's", 1, "a"),)


async def test_settings_of_one_statement_do_not_reach_the_next(reading: Source) -> None:
    await reading.execute("SELECT @x := 1, get_lock('mine', 0)", SHORT)
    assert (await reading.execute("SELECT @x, is_free_lock('mine')", SHORT)).rows == ((None, 1),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sleep(100)",
        "SELECT benchmark(1000000000000, md5('x'))",
        "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e",
    ],
)
async def test_a_statement_is_ended_at_its_time_limit_on_the_server_too(
    shop: MariaDatabase, reading: Source, eventually: Callable[..., Awaitable[None]], sql: str
) -> None:
    started = time.monotonic()
    with pytest.raises(StatementTimedOut):
        await reading.execute(sql, Limits(seconds=1))
    assert time.monotonic() - started < 2.5
    await eventually(lambda: sessions(shop) == 0)


async def test_waiting_for_a_lock_ends_at_the_time_limit(shop: MariaDatabase, reading: Source) -> None:
    with shop.session() as other:
        other("LOCK TABLES orders WRITE")
        started = time.monotonic()
        with pytest.raises(StatementTimedOut):
            await reading.execute("SELECT * FROM orders", Limits(seconds=1))
        assert time.monotonic() - started < 2.5


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM seq_1_to_10000000",
        "SELECT o.id FROM orders o, orders p, orders q, (SELECT 1 UNION SELECT 2) AS r ORDER BY NULL",
    ],
)
async def test_ten_million_rows_are_cut_at_a_cap(
    shop: MariaDatabase, reading: Source, eventually: Callable[..., Awaitable[None]], sql: str
) -> None:
    by_rows = await reading.execute(sql, Limits(rows=300, seconds=20))
    assert (by_rows.row_count, by_rows.truncated_by) == (300, "rows")
    by_bytes = await reading.execute(sql, Limits(rows=10**9, bytes=5_000, seconds=20))
    assert by_bytes.truncated_by == "bytes"
    assert 800 < by_bytes.row_count < 1_300
    await eventually(lambda: sessions(shop) == 0)


async def test_a_result_of_exactly_the_row_cap_is_whole(reading: Source) -> None:
    result = await reading.execute("SELECT id FROM orders ORDER BY id LIMIT 16", Limits(rows=16))
    assert (result.row_count, result.truncated, result.rows[-1]) == (16, False, (16,))


async def test_what_the_server_would_only_warn_of_is_not_cut_off_in_silence(reading: Source) -> None:
    counting = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t WHERE x < 5000) SELECT count(*) FROM t"
    assert (await reading.execute(counting, SHORT)).rows == ((5_000,),)
    joined = "SELECT char_length(group_concat(repeat('x', 100))) FROM orders"
    assert (await reading.execute(joined, SHORT)).rows == ((200 * 101 - 1,),)


async def test_large_values_neither_fill_our_memory_nor_our_messages(shop: MariaDatabase, reading: Source) -> None:
    one = await reading.execute("SELECT repeat('x', 1000000)", Limits(seconds=20))
    assert (one.rows, one.truncated_by) == ((), "bytes")
    binary = await reading.execute("SELECT unhex(repeat('ff', 1000000)) FROM seq_1_to_100", Limits())
    assert binary.row_count == 100
    (packet,) = shop.execute("SELECT @@GLOBAL.max_allowed_packet")[0]
    shop.execute("SET GLOBAL max_allowed_packet = 268435456")
    try:
        with pytest.raises(StatementFailed, match="more than 32 MiB"):
            await reading.execute("SELECT repeat('x', 100000000)", Limits(seconds=20))
    finally:
        shop.execute(f"SET GLOBAL max_allowed_packet = {packet}")


async def test_explain_finds_errors_without_running(shop: MariaDatabase, source: Source) -> None:
    before = state(shop)
    assert await source.explain("SELECT sleep(100)", SHORT) == ()
    with pytest.raises(StatementFailed, match="Unknown column 'amout'"):
        await source.explain("SELECT amout FROM orders", SHORT)
    for sql in ("ANALYZE TABLE orders", "DELETE FROM orders", "SELECT 1; SELECT 2", "SELECT nothing()"):
        with pytest.raises(StatementFailed):
            await source.explain(sql, SHORT)
    assert state(shop) == before


async def test_explain_names_what_is_read_as_a_whole(reading: Source) -> None:
    assert await reading.explain("SELECT count(amount) FROM orders AS o WHERE amount > 1", SHORT) == ("o",)
    assert await reading.explain("SELECT amount FROM orders WHERE id = 7", SHORT) == ()
    derived = "SELECT count(*) FROM (SELECT DISTINCT amount FROM orders) AS d"
    assert await reading.explain(derived, SHORT) == ("orders",)
    assert await reading.explain("SHOW TABLES", SHORT) == ()


async def test_a_login_is_advised_of_what_it_could_do_beyond_reading(
    shop: MariaDatabase, source: Source, reading: Source
) -> None:
    assert "administrator" in (await source.role_warnings())[0]
    assert await reading.role_warnings() == ()
    shop.execute(
        "CREATE ROLE writer",
        "GRANT INSERT, UPDATE (amount) ON orders TO writer",
        f"GRANT writer TO {shop.name}",
        f"GRANT FILE, PROCESS, SELECT ON *.* TO {shop.name}",
    )
    warnings = " ".join(await reading.role_warnings())
    shop.execute("DROP ROLE writer", f"REVOKE FILE, PROCESS, SELECT ON *.* FROM {shop.name}")
    assert "files of the server" in warnings
    assert "administer the server (PROCESS)" in warnings
    assert f"can change `{shop.name}`.`orders` (INSERT, UPDATE)." in warnings
    assert "every database" in warnings
    assert f"GRANT SELECT, SHOW VIEW ON `{shop.name}`.* TO" in warnings


@pytest.mark.parametrize("change", [("//admin:", "//nobody:"), ("/test_", "/missing_"), ("@127", "x@127")])
async def test_refused_credentials_are_unreachable_and_not_repeated(
    mariadb_database: MariaDatabase, change: tuple[str, str]
) -> None:
    url = mariadb_database.admin_url.replace(*change, 1)
    password = url.partition("//")[2].partition("@")[0].partition(":")[2]
    with pytest.raises(SourceUnreachable) as caught:
        await open_source("mysql", url, policy=ConnectPolicy()).test()
    assert password not in caught.value.detail
    assert url not in caught.value.detail


async def test_a_password_of_any_characters_is_sent_as_the_server_keeps_it(mariadb_database: MariaDatabase) -> None:
    mariadb_database.execute(f"ALTER USER '{mariadb_database.name}'@'%' IDENTIFIED BY 'pässwörd→@/'")
    host = mariadb_database.reader_url.rpartition("@")[2]
    url = f"mysql://{mariadb_database.name}:p%C3%A4ssw%C3%B6rd%E2%86%92%40%2F@{host}"
    assert (await open_source("mysql", url, policy=ConnectPolicy()).test()).startswith("MariaDB 1")


async def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"mysql://u:hunter2@127.0.0.1:{unused.getsockname()[1]}/db"
        with pytest.raises(SourceUnreachable, match="cannot connect"):
            await open_source("mysql", url, policy=ConnectPolicy()).test()


async def test_tls_is_required_by_a_strict_policy_unless_the_url_says_otherwise(
    mariadb_database: MariaDatabase,
) -> None:
    strict = ConnectPolicy(strict=True, hosts=("127.0.0.0/8",))
    url = mariadb_database.reader_url
    cipher = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
    ((_, used),) = (await open_source("mysql", url, policy=strict).execute(cipher, SHORT)).rows
    assert used.startswith("TLS_")
    in_clear = open_source("mysql", f"{url}?ssl-mode=DISABLED", policy=strict)
    assert (await in_clear.execute(cipher, SHORT)).rows == (("Ssl_cipher", ""),)
    with pytest.raises(SourceUnreachable, match="TLS failed: CERTIFICATE_VERIFY_FAILED"):
        await open_source("mysql", f"{url}?ssl-mode=VERIFY_IDENTITY", policy=strict).test()
    with pytest.raises(ConnectionRejected, match="DATA_SOURCE_HOSTS"):
        await open_source("mysql", url, policy=ConnectPolicy(strict=True)).test()
