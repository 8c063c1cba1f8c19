from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import text

from persistence.migrations import migrate, migrator

SERVICE = "entity-extractor"
SCRIPTS = Path(find_spec("entity_extractor").origin).parent / "migrations"
DESCRIBED = text("""
    select c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text,
        (select array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
         from pg_attribute a where a.attrelid = c.oid and a.attnum > 0)
    from pg_class c where c.relnamespace = 'entity_extractor'::regnamespace and c.relname <> 'memori_schema_version'
    order by c.relname""")


async def described(connection):
    rows = (await connection.execute(DESCRIBED)).all()
    await connection.commit()
    return [row for row in rows if not row.relname.startswith("memori_schema_version")]


async def test_migrations_run_down_and_up_again(stack):
    async with migrator(stack.admin_url) as connection:
        before = await described(connection)
        assert any(row.relname == "memori_entities" for row in before)
        down = await connection.run_sync(migrate, SERVICE, SCRIPTS, direction="downgrade")
        assert await described(connection) == []
        up = await connection.run_sync(migrate, SERVICE, SCRIPTS)
        assert down == up[::-1]
        assert await described(connection) == before
