"""The migrations, on a real database."""

from pathlib import Path

import sql_generator
from persistence.migrations import migrate, migrator

SCRIPTS = Path(sql_generator.__file__).parent / "migrations"
REVISIONS = sorted(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
SHAPE = """
    select table_name, column_name, data_type, is_nullable, column_default
    from information_schema.columns
    where table_schema = 'sql_generator' and table_name <> 'memori_schema_version' order by 1, 2
"""
POLICIES = "select tablename, policyname, roles::text from pg_policies where schemaname = 'sql_generator' order by 1, 2"


async def run(stack, **options):
    async with migrator(stack.admin_url) as connection:
        return await connection.run_sync(migrate, "sql-generator", SCRIPTS, **options)


async def test_down_leaves_nothing_and_up_again_the_same(stack, rows):
    before = await rows(SHAPE), await rows(POLICIES)
    assert {row.table_name for row in before[0]} == {
        "memori_data_sources",
        "memori_rules",
        "memori_file_uploads",
        "memori_query_patterns",
        "memori_outbox",
        "memori_source_terms",
        "memori_usage",
        "memori_tenant_usage",
        "memori_erasures",
    }
    assert await run(stack, direction="downgrade") == REVISIONS[::-1]
    assert (await rows(SHAPE), await rows(POLICIES)) == ([], [])
    assert await run(stack) == REVISIONS
    assert await run(stack) == []
    assert (await rows(SHAPE), await rows(POLICIES)) == before
