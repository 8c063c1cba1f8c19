"""Sources that are slow, locked, endless or gone: each question gets an answer in time, and others are answered meanwhile."""

import asyncio
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import asyncpg
import pytest

CREATE = (
    "CREATE TABLE items (id int PRIMARY KEY, label varchar(20))",
    "CREATE TABLE locked (id int PRIMARY KEY)",
)
ENDLESS = "SELECT a.id FROM items AS a CROSS JOIN items AS b"  # 16 million rows
SLOW = "SELECT COUNT(*) FROM items AS a CROSS JOIN items AS b CROSS JOIN items AS c WHERE a.id + b.id + c.id = -1"


class Postgres:
    def __init__(self, url):
        self.url = url

    async def fill(self):
        await self._run(*CREATE, "INSERT INTO items SELECT i, 'x' FROM generate_series(1, 4000) AS i")

    async def at_work(self):
        """The sessions that run the slow statement."""
        running = "SELECT pid FROM pg_stat_activity WHERE application_name = 'memori' AND query LIKE 'SELECT COUNT%= -1' AND state = 'active'"
        return [pid for (pid,) in await self._run(running)]

    async def stop(self):
        await self._run(*(f"SELECT pg_cancel_backend({pid})" for pid in await self.at_work()))

    @asynccontextmanager
    async def lock(self):
        connection = await asyncpg.connect(self.url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
            yield
        await connection.close()

    async def _run(self, *statements):
        connection = await asyncpg.connect(self.url)
        rows = [await connection.fetch(statement) for statement in statements]
        await connection.close()
        return rows[-1]


class MySql:
    def __init__(self, database):
        self._database = database
        self.url = database.admin_url

    async def fill(self):
        self._database.execute(*CREATE, "INSERT INTO items SELECT seq, 'x' FROM seq_1_to_4000")

    async def at_work(self):
        """The sessions that run the slow statement."""
        running = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT COUNT%= -1'"
        return [session for (session,) in self._database.execute(running)]

    async def stop(self):
        self._database.execute(*(f"KILL QUERY {session}" for session in await self.at_work()))

    @asynccontextmanager
    async def lock(self):
        with self._database.session() as run:
            run("LOCK TABLES locked WRITE")
            yield


@pytest.fixture(params=["postgres", "mysql"])
async def engine(request):
    """A server with a table of 4,000 rows."""
    if request.param == "postgres":
        made = Postgres(request.getfixturevalue("postgres_database"))
    else:
        made = MySql(request.getfixturevalue("mariadb_database"))
    await made.fill()
    made.kind = request.param
    return made


async def test_while_a_statement_is_slow_others_are_answered_cut_or_told_of_a_lock(
    service, ada, eve, engine, shop, others, model, says, eventually, monkeypatch
):
    monkeypatch.setattr(f"sql_generator.sources.{engine.kind}_connection.LOCK_SECONDS", 1.0)
    await others.start()
    async with service(model=model, query_timeout_seconds=60) as call:
        await call.source(ada, engine.url, kind=engine.kind)
        await call.source(eve, shop)
        model.enqueue(says(SLOW))
        slow = asyncio.create_task(call.ask(ada, "How many triples?", execute=True))

        async def is_at_work():
            return bool(await engine.at_work())

        await eventually(is_at_work)
        model.enqueue(says("SELECT COUNT(*) FROM customers"))
        other = await call.ask(eve, "How many customers?", execute=True)
        assert (other.status, other.result.rows) == ("executed", ((3,),))
        model.enqueue(says(ENDLESS))
        endless = await call.ask(ada, "All pairs?", execute=True)
        assert (endless.status, endless.result.row_count, endless.result.truncated_by) == ("executed", 1_000, "rows")
        async with engine.lock():
            model.enqueue(says("SELECT id FROM locked"))
            locked = await call.ask(ada, "Which are locked?", execute=True)
        assert (locked.status, locked.degraded) == ("failed", ("source",))
        assert "waited too long for a lock" in locked.reason
        assert not slow.done()
        await engine.stop()
        stopped = await slow
        assert (stopped.status, stopped.result) == ("failed", None)
        assert "stopped" in stopped.reason


async def test_a_server_that_went_away_is_said_to_be_and_is_asked_again_when_it_is_back(
    service, ada, engine, others, model, says
):
    await others.start()
    address = urlsplit(engine.url)

    async def relay(reader, writer):
        with suppress(OSError):
            there, back = await asyncio.open_connection(address.hostname, address.port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))

    relaying = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = relaying.sockets[0].getsockname()[1]
    async with service(model=model) as call:
        await call.source(ada, engine.url.replace(f":{address.port}/", f":{port}/"), kind=engine.kind)
        relaying.close()
        model.enqueue(says("SELECT COUNT(*) FROM items"))
        away = await call.ask(ada, "How many items?", execute=True)
        assert (away.status, away.degraded, away.sql) == ("failed", ("source",), "SELECT COUNT(*) FROM items")
        assert "cannot connect to the server" in away.reason
        relaying = await asyncio.start_server(relay, "127.0.0.1", port)
        model.enqueue(says("SELECT COUNT(*) FROM items AS i"))
        back = await call.ask(ada, "How many items are there?", execute=True)
        assert (back.status, back.result.rows) == ("executed", ((4_000,),))
        relaying.close()


async def _copy(reader, writer):
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
