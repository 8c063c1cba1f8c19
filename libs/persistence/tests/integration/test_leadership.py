"""Leadership among several processes' worth of connections on a real Postgres."""

import asyncio

import pytest
from sqlalchemy import text

from persistence import Database
from persistence.leadership import work_while_leading


class Worker:
    """Endless work that knows whether it is being done."""

    def __init__(self):
        self.at_work = False
        self.begun = 0

    async def work(self):
        self.at_work, self.begun = True, self.begun + 1
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work = False


class Process:
    """One that wants to lead: a pool of a single connection, and the work it would do."""

    def __init__(self, url, name, work):
        self.database = Database(url, application=name, pool_size=1, pool_timeout_seconds=1)
        self._task = asyncio.create_task(work_while_leading(self.database, name, *work))

    async def stop(self):
        self._task.cancel()
        await asyncio.wait([self._task])
        await self.database.close()


@pytest.fixture
async def start(postgres_database):
    started = []

    def start(name, *work):
        started.append(Process(postgres_database, name, work))
        return started[-1]

    yield start
    for process in started:
        await process.stop()


@pytest.fixture
async def sql(postgres_database):
    database = Database(postgres_database, application="test")

    async def rows(statement):
        async with database.worker_transaction() as transaction:
            return (await transaction.execute(text(statement))).all()

    yield rows
    await database.close()


async def cut_the_leader(sql):
    """End the connection that holds the lock, as a failover does."""
    ended = await sql(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    assert len(ended) == 1


async def test_one_of_two_does_the_work_and_the_other_takes_over_when_it_stops(start, sql, eventually):
    first, second = Worker(), Worker()
    leader = start("sweeps", first.work)
    await eventually(lambda: first.at_work)
    start("sweeps", second.work)

    async def was_refused():
        assert await sql(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and state = 'idle' and query like 'select pg_try_advisory_lock%'"
        )

    await eventually(was_refused)
    assert (first.at_work, second.begun) == (True, 0)

    await leader.stop()

    assert not first.at_work
    await eventually(lambda: second.at_work)


async def test_work_ends_when_the_connection_that_holds_the_lock_is_lost(start, sql, eventually):
    worker = Worker()
    start("sweeps", worker.work)
    await eventually(lambda: worker.at_work)

    await cut_the_leader(sql)

    await eventually(lambda: worker.begun == 2)
    assert worker.at_work


async def test_the_leader_takes_no_place_in_the_pool(start, eventually):
    worker = Worker()
    process = start("sweeps", worker.work)
    await eventually(lambda: worker.at_work)
    await process.database.ping()


async def test_who_stops_leaves_no_lock_behind(start, sql, eventually):
    worker = Worker()
    process = start("sweeps", worker.work)
    await eventually(lambda: worker.at_work)

    await process.stop()

    async def free():
        assert not await sql("select 1 from pg_stat_activity where application_name = 'sweeps'")

    await eventually(free)


async def test_another_name_is_another_lock(start, eventually):
    first, second = Worker(), Worker()
    start("sweeps", first.work)
    start("reconciler", second.work)
    await eventually(lambda: first.at_work and second.at_work)


async def test_work_that_fails_ends_what_is_beside_it_and_all_begins_again(start, eventually):
    worker, attempts = Worker(), []

    async def fail_once():
        attempts.append(None)
        if len(attempts) == 1:
            await eventually(lambda: worker.at_work)
            raise ZeroDivisionError
        await asyncio.Event().wait()

    start("sweeps", worker.work, fail_once)
    await eventually(lambda: worker.begun == len(attempts) == 2)
    assert worker.at_work


async def test_work_that_ends_begins_again(start, eventually):
    rounds = []

    async def end():
        rounds.append(None)

    start("sweeps", end)
    await eventually(lambda: len(rounds) == 2)
