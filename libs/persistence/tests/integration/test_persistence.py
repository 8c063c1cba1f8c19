"""Roles, migrations and row-level security on a real Postgres, with a service made of one table."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from persistence import Database
from persistence.migrations import migrate, migrator
from persistence.roles import bootstrap

SERVICE = "toy-service"
PASSWORDS = {"toy_service_app": "it's a 100% %s \\ password", "toy_service_worker": "worker"}

FIRST = """
from alembic import op
from persistence.policies import allow_worker, create_outbox, drop_outbox, isolate_users

revision = "0001"
down_revision = None


def upgrade():
    op.execute("create table toy_service.notes (tenant_id text, user_id text, body text)")
    isolate_users("toy_service", "toy_service", "notes")
    allow_worker("toy_service", "toy_service", "notes", "select")
    create_outbox("toy_service", "toy_service")


def downgrade():
    drop_outbox("toy_service")
    op.execute("drop table toy_service.notes")
"""
BROKEN = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("create table toy_service.half (id int)")
    op.execute("select 1 / 0")


def downgrade():
    op.execute("drop table toy_service.half")
"""


MOVED = """
from alembic import op
from persistence.policies import every_row

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("update toy_service.notes set body = 'not reached'")
    with every_row("toy_service", "notes"):
        op.execute("update toy_service.notes set body = body || ', moved'")


def downgrade():
    pass
"""


@pytest.fixture
def scripts(tmp_path):
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0001_notes.py").write_text(FIRST)
    return tmp_path


async def apply(url, scripts: Path, **options):
    async with migrator(url) as connection:
        async with connection.begin():
            await connection.run_sync(bootstrap, SERVICE, PASSWORDS)
        return await connection.run_sync(migrate, SERVICE, scripts, **options)


def role(url, name):
    return make_url(url).set(username=name, password=PASSWORDS[name]).render_as_string(hide_password=False)


@pytest.fixture
async def app(postgres_database, scripts):
    await apply(postgres_database, scripts)
    database = Database(role(postgres_database, "toy_service_app"), application="test")
    yield database
    await database.close()


async def write(database, user, body):
    async with database.transaction(tenant_id="acme", user_id=user) as transaction:
        await transaction.execute(text("insert into notes values ('acme', :user, :body)"), {"user": user, "body": body})


async def read(database, user):
    async with database.transaction(tenant_id="acme", user_id=user) as transaction:
        return [row.body for row in await transaction.execute(text("select body from notes order by body"))]


async def test_migrations_run_once_and_can_be_undone(postgres_database, scripts):
    assert await apply(postgres_database, scripts) == ["0001"]
    assert await apply(postgres_database, scripts) == []
    assert await apply(postgres_database, scripts, direction="downgrade") == ["0001"]
    assert await apply(postgres_database, scripts) == ["0001"]


async def test_migrators_at_once_wait_for_each_other(postgres_database, scripts):
    ran = await asyncio.gather(*(apply(postgres_database, scripts) for _ in range(4)))
    assert sorted(ran) == [[], [], [], ["0001"]]


async def test_a_migration_that_fails_leaves_nothing_behind(postgres_database, scripts):
    await apply(postgres_database, scripts)
    (scripts / "versions" / "0002_broken.py").write_text(BROKEN)
    with pytest.raises(DBAPIError):
        await apply(postgres_database, scripts)
    async with migrator(postgres_database) as connection:
        assert await connection.scalar(text("select to_regclass('toy_service.half')")) is None
        version = await connection.scalar(text("select version_num from toy_service.memori_schema_version"))
        assert version == "0001"


async def test_a_migration_reaches_rows_when_it_says_so_and_they_are_guarded_again(app, postgres_database, scripts):
    await write(app, "ada", "hers")
    (scripts / "versions" / "0002_moved.py").write_text(MOVED)
    assert await apply(postgres_database, scripts) == ["0002"]
    assert await read(app, "ada") == ["hers, moved"]
    async with migrator(postgres_database) as connection:
        forced = await connection.scalar(
            text("select relforcerowsecurity from pg_class where oid = 'toy_service.notes'::regclass")
        )
    assert forced is True


async def test_a_user_sees_own_rows_only(app):
    await write(app, "ada", "mine")
    await write(app, "eve", "hers")
    assert await read(app, "ada") == ["mine"]
    assert await read(app, "eve") == ["hers"]


async def test_a_row_for_somebody_else_cannot_be_written(app):
    async def smuggle():
        async with app.transaction(tenant_id="acme", user_id="eve") as transaction:
            await transaction.execute(text("insert into notes values ('acme', 'ada', 'smuggled')"))

    with pytest.raises(DBAPIError, match="row-level security"):
        await smuggle()


async def test_without_a_user_there_are_no_rows_also_on_a_used_connection(app):
    await write(app, "ada", "mine")
    async with app.worker_transaction() as transaction:
        assert (await transaction.execute(text("select count(*) from notes"))).scalar_one() == 0


async def test_the_worker_may_do_what_its_policy_says_and_no_more(app, postgres_database):
    await write(app, "ada", "mine")
    worker = Database(role(postgres_database, "toy_service_worker"), application="test")

    async def destroy():
        async with worker.worker_transaction() as transaction:
            await transaction.execute(text("delete from notes"))

    async with worker.worker_transaction() as transaction:
        assert (await transaction.execute(text("select count(*) from notes"))).scalar_one() == 1
    with pytest.raises(DBAPIError, match="permission denied"):
        await destroy()
    await worker.close()


async def test_the_app_adds_to_the_outbox_and_cannot_read_it(app):
    async def peek():
        async with app.transaction(tenant_id="acme", user_id="ada") as transaction:
            await transaction.execute(text("select * from memori_outbox"))

    with pytest.raises(DBAPIError, match="permission denied"):
        await peek()


async def test_the_owner_cannot_log_in(postgres_database, scripts):
    await apply(postgres_database, scripts)
    async with migrator(postgres_database) as connection:
        login = await connection.scalar(text("select rolcanlogin from pg_roles where rolname = 'toy_service_owner'"))
    assert login is False


async def test_what_waits_for_a_commit_is_called_after_it_and_not_after_a_rollback(app):
    called = []

    async def fail():
        async with app.transaction(tenant_id="acme", user_id="ada") as transaction:
            transaction.after_commit(lambda: called.append("rolled back"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with app.transaction(tenant_id="acme", user_id="ada") as transaction:
        transaction.after_commit(lambda: called.append("committed"))
        assert called == []
    assert called == ["committed"]
