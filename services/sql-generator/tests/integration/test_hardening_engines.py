"""The guard switched off: every attack goes to the engine as it is written, and none does harm.

Harm is looked for from outside: content and catalogs, files, connections, what the next statement of the source sees,
and secrets in what was answered.
"""

import asyncio
import dataclasses
import hashlib
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import duckdb
import pytest

from memori_testing.attacks import Attack, Canaries, attacks
from memori_testing.mariadb import MariaDatabase
from sql_generator.sources import Limits, Source, SourceError
from sql_generator.sources.connect import ConnectPolicy, open_source

TOGETHER = 4
SHARE = 20
PATIENT = Limits(rows=200, bytes=64 * 1024, seconds=5)
HASTY = Limits(rows=200, bytes=64 * 1024, seconds=0.5)
WAITS = ("sleep", "benchmark", "_wait", "wait_", "get_lock", "advisory")
LATEST = 10.0

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(100), email VARCHAR(100), region VARCHAR(20),
    country VARCHAR(20), meta VARCHAR(200), created_at TIMESTAMP);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, amount DECIMAL(12, 2), status VARCHAR(20),
    created_at TIMESTAMP);
CREATE TABLE employees (id INTEGER, name VARCHAR(100), manager_id INTEGER);
CREATE TABLE users (id INTEGER, name VARCHAR(100), password_hash VARCHAR(100));
INSERT INTO customers VALUES (1, 'Ann', 'ann@x.org', 'EU', 'DE', '{}', '2024-01-05'),
    (2, 'Bob', 'bob@y.org', 'US', 'US', '{}', '2024-02-05');
INSERT INTO orders VALUES (1, 1, 10.5, 'new', '2024-01-06'), (2, 1, 250, 'paid', '2024-01-20'),
    (3, 2, 30, 'paid', '2024-02-06');
INSERT INTO employees VALUES (1, 'Eve', NULL), (2, 'Fay', 1);
INSERT INTO users VALUES (1, 'root', 'x');
"""
MANY_ORDERS = "INSERT INTO orders SELECT id * 1000 + {n}, id, amount, status, created_at FROM orders WHERE id < 4;"


def chosen(dialect: str) -> list[Attack]:
    """A deterministic share of the attacks; with MEMORI_ALL_ATTACKS set (`make hardening`) all of them."""
    return attacks(dialect)[:: 1 if os.environ.get("MEMORI_ALL_ATTACKS") else SHARE]


@dataclass(frozen=True, slots=True)
class Victim:
    """A source, everything an attack on it could change, what the next statement sees, and what nobody may see."""

    source: Source
    state: Callable[[], Awaitable[object]]
    probe: str
    secrets: tuple[str, ...]


@pytest.fixture
def canaries() -> Iterator[Canaries]:
    # Not below pytest's own folder, which is closed to the accounts that servers run as.
    with Canaries(Path(tempfile.gettempdir())) as made:
        yield made


async def harm(victim: Victim, canaries: Canaries, tried: list[Attack]) -> list[str]:
    """What the attacks did, each beside the few among which it is."""
    found = []
    before, session = await victim.state(), await _answer(victim.source, victim.probe, PATIENT)
    for start in range(0, len(tried), TOGETHER):
        together = tried[start : start + TOGETHER]
        named = " | ".join(attack.sql for attack in together)
        for attack, said in zip(
            together,
            await asyncio.gather(*(_answer(victim.source, canaries.aim(a.sql), _limits(a)) for a in together)),
            strict=True,
        ):
            found += [
                f"a secret is shown: {attack.sql}" for secret in (*victim.secrets, canaries.token) if secret in said
            ]
        found += [f"{what}: {named}" for what in canaries.disturbed()]
        if await victim.state() != before:
            found.append(f"something changed: {named}")
            before = await victim.state()
        if await _answer(victim.source, victim.probe, PATIENT) != session:
            found.append(f"the next statement sees it: {named}")
    return found


def _limits(attack: Attack) -> Limits:
    return HASTY if attack.endless or any(word in attack.sql.lower() for word in WAITS) else PATIENT


async def _answer(source: Source, sql: str, limits: Limits) -> str:
    """What the source says, whatever it is; a source that hangs or breaks is an error."""
    async with asyncio.timeout(limits.seconds + LATEST):
        try:
            result = await source.execute(sql, limits)
        except SourceError as error:
            return f"{type(error).__name__}: {error.detail}"
    assert result.row_count <= limits.rows
    return str(result.rows)


def _hashes(folder: Path) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def _file_victim(kind: str, path: Path) -> Victim:
    async def state() -> object:
        return _hashes(path.parent)

    source = open_source(kind, str(path), policy=ConnectPolicy(files_root=path.parent))
    return Victim(source, state, "SELECT count(*) FROM orders", ("secret of the environment",))


@pytest.fixture
def sqlite_victim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Victim:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret of the environment")
    path = tmp_path / "source" / "shop.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES + "".join(MANY_ORDERS.format(n=n) for n in range(1, 40)))
        connection.executescript("CREATE VIRTUAL TABLE docs USING fts5(name); INSERT INTO docs VALUES ('foo bar');")
    return _file_victim("sqlite", path)


@pytest.fixture
def duckdb_victim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Victim:
    for name in ("ANTHROPIC_API_KEY", "A"):
        monkeypatch.setenv(name, "secret of the environment")
    path = tmp_path / "source" / "shop.duckdb"
    path.parent.mkdir()
    with duckdb.connect(path) as connection:
        connection.execute(TABLES + "".join(MANY_ORDERS.format(n=n) for n in range(1, 40)))
        connection.execute("CREATE SEQUENCE s")
    return _file_victim("duckdb", path)


_POSTGRES_STATE = (
    *(f"SELECT * FROM {table} ORDER BY 1" for table in ("customers", "orders", "employees", "users")),
    "SELECT last_value, is_called FROM orders_id_seq",
    "SELECT oid, relname, relfilenode, reloptions, relacl::text FROM pg_class ORDER BY oid",
    "SELECT rolname, rolpassword, rolsuper FROM pg_authid ORDER BY oid",
    "SELECT oid, proname, proacl::text FROM pg_proc ORDER BY oid",
    "SELECT oid, nspname, nspacl::text FROM pg_namespace ORDER BY oid",
    "SELECT oid FROM pg_largeobject_metadata ORDER BY oid",
    "SELECT extname FROM pg_extension",
    "SELECT slot_name FROM pg_replication_slots",
    "SELECT gid FROM pg_prepared_xacts",
    "SELECT name, setting FROM pg_settings ORDER BY name",
    "SELECT pg_conf_load_time(), pg_postmaster_start_time(), pg_current_logfile()",
    "SELECT stats_reset FROM pg_stat_database ORDER BY datid",
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
)


@pytest.fixture
async def postgres(postgres_database: str):
    """The administrator's connection to a database full of orders."""
    connection = await asyncpg.connect(postgres_database)
    await connection.execute(TABLES + "".join(MANY_ORDERS.format(n=n) for n in range(1, 40)))
    await connection.execute("CREATE SEQUENCE orders_id_seq; ANALYZE")
    yield connection
    await connection.close()


@pytest.fixture
async def reader(postgres: asyncpg.Connection, postgres_database: str):
    """The DSN of a role that can only read."""
    role = f"reader_{secrets.token_hex(4)}"
    await postgres.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'reads'; GRANT SELECT ON customers, orders, employees TO {role}"
    )
    yield f"postgresql://{role}:reads@{postgres_database.rpartition('@')[2]}"
    await postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def _postgres_victim(connection: asyncpg.Connection, dsn: str) -> Victim:
    async def state() -> object:
        # What this session runs is a secret, too.
        await connection.execute("SELECT 'secret of a session'")
        return [str(await connection.fetch(query)) for query in _POSTGRES_STATE]

    verifiers = await connection.fetch("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
    return Victim(
        open_source("postgres", dsn, policy=ConnectPolicy()),
        state,
        "SELECT current_user::text, current_setting('search_path'), current_setting('transaction_read_only'), "
        "current_setting('statement_timeout'), pg_catalog.pg_trigger_depth()",
        ("secret of a session", *(row["rolpassword"][-44:] for row in verifiers)),
    )


_MYSQL_STATE = (
    "CHECKSUM TABLE customers, orders, employees, users",
    "SELECT * FROM mysql.global_priv ORDER BY 1, 2",
    "SELECT * FROM mysql.db ORDER BY 1, 2, 3",
    "SELECT name FROM mysql.proc",
    "SELECT * FROM mysql.func",
    "SELECT * FROM mysql.plugin",
    "SELECT name, body FROM mysql.event",
    "SELECT schema_name FROM information_schema.schemata ORDER BY 1",
    "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2",
    # Of the server's own figures, and not of what somebody set.
    """SELECT variable_name, global_value FROM information_schema.system_variables
    WHERE variable_name NOT LIKE 'gtid%' AND variable_name NOT LIKE '%timestamp%' ORDER BY 1""",
)


def _mysql_victim(database: MariaDatabase, url: str) -> Victim:
    def look() -> object:
        return [database.execute(query) for query in _MYSQL_STATE], _hashes(database.server.files)

    async def state() -> object:
        return await asyncio.to_thread(look)

    others = (
        f"SELECT JSON_VALUE(priv, '$.authentication_string') FROM mysql.global_priv WHERE user <> '{database.name}'"
    )
    verifiers = database.execute(others)
    return Victim(
        open_source("mysql", url, policy=ConnectPolicy()),
        state,
        "SELECT CURRENT_USER(), DATABASE(), @@sql_mode, @@max_statement_time, @@tx_read_only, @x",
        tuple(row[0] for row in verifiers if row[0] and row[0].startswith("*")),
    )


@pytest.fixture
def mysql(mariadb_database: MariaDatabase) -> MariaDatabase:
    statements = TABLES + "".join(MANY_ORDERS.format(n=n) for n in range(1, 40))
    mariadb_database.execute(*(statement for statement in statements.split(";") if statement.strip()))
    return mariadb_database


@pytest.mark.timeout(1_200)
async def test_no_attack_harms_mysql_through_a_login_that_can_only_read(
    mysql: MariaDatabase, canaries: Canaries
) -> None:
    assert await harm(_mysql_victim(mysql, mysql.reader_url), canaries, chosen("mysql")) == []


@pytest.mark.timeout(1_200)
async def test_no_attack_changes_mysql_through_an_administrator(mysql: MariaDatabase, canaries: Canaries) -> None:
    # Who may read the table of accounts can have it shown: the advice is a login that can only read.
    victim = dataclasses.replace(_mysql_victim(mysql, mysql.admin_url), secrets=())
    assert await harm(victim, canaries, chosen("mysql")) == []


@pytest.mark.timeout(1_200)
async def test_no_attack_harms_postgres_through_a_login_that_can_only_read(
    postgres: asyncpg.Connection, reader: str, canaries: Canaries
) -> None:
    victim = await _postgres_victim(postgres, reader)
    assert await harm(victim, canaries, chosen("postgres")) == []


@pytest.mark.timeout(1_200)
async def test_no_attack_harms_postgres_through_a_superuser(
    postgres: asyncpg.Connection, postgres_database: str, canaries: Canaries
) -> None:
    victim = await _postgres_victim(postgres, postgres_database)
    assert await harm(victim, canaries, chosen("postgres")) == []


@pytest.mark.timeout(1_200)
async def test_no_attack_harms_sqlite(sqlite_victim: Victim, canaries: Canaries) -> None:
    assert await harm(sqlite_victim, canaries, chosen("sqlite")) == []


@pytest.mark.timeout(1_200)
async def test_no_attack_harms_duckdb(duckdb_victim: Victim, canaries: Canaries) -> None:
    assert await harm(duckdb_victim, canaries, chosen("duckdb")) == []
