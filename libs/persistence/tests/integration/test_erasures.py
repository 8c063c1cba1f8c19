"""An erased user stays erased, whatever was under way."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from contracts.identity import Identity
from persistence.erasures import Erasures

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
SECRET = "s" * 32
NOTES = "op.execute('create table toy_service.notes (tenant_id text, user_id text, body text)')"
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture
async def app(toy):
    toy.revision(f"{NOTES}; isolate_users('toy_service', 'toy_service', 'notes')")
    toy.revision("create_erasures('toy_service', 'toy_service')", "drop_erasures('toy_service')")
    await toy.migrate()
    async with toy.database(pool_size=8) as database:
        yield database


@pytest.fixture
def erasures():
    return Erasures([SECRET], service="toy-service")


def ago(seconds):
    return datetime.now(UTC) - timedelta(seconds=seconds)


def entered(database, owner=ADA):
    return database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id)


async def write(transaction, owner=ADA):
    await transaction.execute(
        text("insert into notes values (:t, :u, 'x')"), {"t": owner.tenant_id, "u": owner.user_id}
    )


async def notes(database, owner=ADA):
    async with entered(database, owner) as transaction:
        return (await transaction.execute(text("select count(*) from notes"))).scalar_one()


async def erase(database, erasures, owner=ADA):
    async with entered(database, owner) as transaction:
        erased_at = await erasures.record(transaction, owner)
        await transaction.execute(text("delete from notes"))
    return erased_at


async def erase_past(database, erasures, at):
    """Whether it deleted anything."""
    async with entered(database) as transaction:
        if not await erasures.record_past(transaction, ADA, at):
            return False
        await transaction.execute(text("delete from notes"))
        return True


async def test_work_that_began_before_an_erasure_writes_nothing_after_it(app, erasures):
    began = ago(1)
    erased_at = await erase(app, erasures)
    async with entered(app) as transaction:
        assert not await erasures.hold(transaction, ADA, began)
        assert not await erasures.hold(transaction, ADA, erased_at)
        assert await erasures.hold(transaction, ADA, erased_at + timedelta(microseconds=1))
    async with entered(app, EVE) as transaction:
        assert await erasures.hold(transaction, EVE, began)


async def test_an_erasure_waits_for_who_holds_the_user_and_then_deletes_what_they_wrote(app, erasures):
    async with entered(app) as transaction:
        assert await erasures.hold(transaction, ADA, ago(1))
        await write(transaction)
        erasing = asyncio.create_task(erase(app, erasures))
        await waits_for_a_lock(app)
        assert not erasing.done()
    await erasing
    assert await notes(app) == 0


async def test_who_comes_while_an_erasure_is_under_way_waits_for_it_and_learns_of_it(app, erasures):
    async def late():
        async with entered(app) as transaction:
            if await erasures.hold(transaction, ADA, ago(60)):
                await write(transaction)
                return "wrote"
        return "wrote nothing"

    async with entered(app) as transaction:
        await erasures.record(transaction, ADA)
        working = asyncio.create_task(late())
        await waits_for_a_lock(app)
        assert not working.done()
    assert await working == "wrote nothing"
    assert await notes(app) == 0


async def waits_for_a_lock(database):
    """Until some transaction waits for an advisory lock."""
    waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
    async with asyncio.timeout(10):
        while True:
            async with database.worker_transaction() as transaction:
                if (await transaction.execute(waiting)).scalar_one():
                    return


async def test_many_writers_and_erasures_at_once_leave_nothing_that_is_older_than_the_last_erasure(app, erasures):
    async def work():
        for _ in range(10):
            async with entered(app) as transaction:
                if await erasures.hold(transaction, ADA, began):
                    await write(transaction)

    began = datetime.now(UTC)
    async with asyncio.timeout(30):
        await asyncio.gather(*(work() for _ in range(4)), erase(app, erasures), erase(app, erasures))
    assert await notes(app) == 0


async def test_who_holds_several_users_in_any_order_never_waits_in_a_circle_with_their_erasures(app, erasures):
    users = [Identity("acme", f"user {number}") for number in range(5)]

    async def hold(owners):
        for _ in range(15):
            async with app.worker_transaction() as transaction:
                await erasures.hold_each(transaction, owners, began)

    began = datetime.now(UTC)
    async with asyncio.timeout(60):
        await asyncio.gather(
            hold(users), hold(users[::-1]), hold(users[2:] + users[:2]), *(erase(app, erasures, user) for user in users)
        )


async def test_of_many_users_those_who_were_erased_are_told(app, erasures):
    await erase(app, erasures, ADA)
    async with app.worker_transaction() as transaction:
        assert await erasures.hold_each(transaction, [ADA, EVE], ago(5)) == {ADA}
        assert await erasures.hold_each(transaction, [], ago(5)) == set()
        assert set(await erasures.latest(transaction, [ADA, EVE, ADA])) == {("acme", "ada")}


async def test_an_erasure_that_was_decided_before_a_known_one_deletes_nothing(app, erasures):
    decided = ago(1)
    assert await erase_past(app, erasures, decided)
    async with entered(app) as transaction:
        await write(transaction)
    assert not await erase_past(app, erasures, decided)
    assert not await erase_past(app, erasures, decided - timedelta(hours=1))
    assert await notes(app) == 1
    assert await erase_past(app, erasures, decided + timedelta(milliseconds=1))
    assert await notes(app) == 0
    assert not await erase_past(app, erasures, await erase(app, erasures))


async def test_an_erasure_is_noted_only_when_it_commits(app, erasures):
    async def fail():
        async with entered(app) as transaction:
            await erasures.record(transaction, ADA)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with entered(app) as transaction:
        assert await erasures.hold(transaction, ADA, ago(60))


async def test_all_that_is_kept_is_a_hash_that_needs_the_key(app, erasures, toy):
    await erase(app, erasures)
    ((row,),) = await toy.admin("select memori_erasures::text from toy_service.memori_erasures")
    assert "ada" not in row
    assert "acme" not in row
    others = [Erasures(["t" * 32], service="toy-service"), Erasures([SECRET], service="another")]
    assert len({each.user_keys(ADA) for each in (erasures, *others)}) == 3


async def test_who_was_erased_under_the_previous_key_stays_erased(app, erasures):
    began = ago(1)
    erased_at = await erase(app, erasures)
    rotated = Erasures(["t" * 32, SECRET], service="toy-service")
    async with entered(app) as transaction:
        assert not await rotated.hold(transaction, ADA, began)
        assert not await rotated.record_past(transaction, ADA, erased_at)
        again = await rotated.record(transaction, ADA)
        assert again > erased_at
    async with entered(app) as transaction:
        assert not await rotated.hold(transaction, ADA, again)


async def test_nobody_takes_an_erasure_back(app, erasures):
    await erase(app, erasures)

    async def forget():
        async with entered(app) as transaction:
            await transaction.execute(text("delete from memori_erasures"))

    with pytest.raises(Exception, match="permission denied"):
        await forget()


async def test_the_table_goes_with_its_migration(app, toy):
    assert await toy.migrate(direction="downgrade", revision="0001") == ["0002"]
    assert await toy.admin("select to_regclass('toy_service.memori_erasures')") == [(None,)]
    assert await toy.migrate() == ["0002"]


@given(ids, ids, ids, ids)
def test_no_two_users_have_the_same_hash(one, two, three, four):
    erasures = Erasures([SECRET], service="toy-service")
    first, second = Identity(one, two), Identity(three, four)
    assert (erasures.user_keys(first) == erasures.user_keys(second)) == ((one, two) == (three, four))
    assert erasures.user_keys(Identity(one + two, three)) != erasures.user_keys(Identity(one, two + three))


def test_without_a_secret_there_are_no_erasures():
    with pytest.raises(ValueError, match="secret"):
        Erasures([], service="toy-service")
