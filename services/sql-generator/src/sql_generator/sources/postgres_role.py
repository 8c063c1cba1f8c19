"""What a PostgreSQL login could do beyond reading.

The transaction is read-only all the same; a role that can only read is what holds where a function works outside of
transactions.
"""

from typing import Final

import asyncpg

from sql_generator.sources.identifiers import quoted

_ROLE: Final = """
SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
FROM pg_catalog.pg_roles WHERE rolname = session_user
"""

_MEMBERSHIPS: Final = """
SELECT array_agg(r.rolname::text ORDER BY r.rolname) FROM pg_catalog.pg_roles r
WHERE r.rolname = ANY ('{pg_write_all_data,pg_read_server_files,pg_write_server_files,pg_execute_server_program,
pg_signal_backend,pg_checkpoint,pg_maintain,pg_create_subscription,rds_superuser,cloudsqlsuperuser}')
AND pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
"""

_WRITABLE: Final = """
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND (pg_catalog.has_table_privilege(session_user, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
     OR pg_catalog.has_any_column_privilege(session_user, c.oid, 'INSERT, UPDATE'))
"""

_CREATES: Final = """
SELECT array_agg(n.nspname::text ORDER BY n.nspname) FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND pg_catalog.has_schema_privilege(session_user, n.oid, 'CREATE')
"""

_DBLINK: Final = "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'dblink')"


async def role_warnings(connection: asyncpg.Connection, schema: str) -> tuple[str, ...]:
    """A sentence for each right the login should not have, and how to do better; empty for a role that only reads."""
    role = await connection.fetchrow(_ROLE)
    warnings = []
    if role["rolsuper"]:
        # A superuser may do everything below too, so saying more adds nothing.
        warnings.append(
            "The login is a superuser: it can read and write the server's files, run its programs and end sessions."
        )
    else:
        powers = {
            "rolcreaterole": "create roles",
            "rolcreatedb": "create databases",
            "rolreplication": "replicate the server",
            "rolbypassrls": "read past row-level security",
        }
        if held := [power for attribute, power in powers.items() if role[attribute]]:
            warnings.append(f"The login can {', '.join(held)}.")
        if groups := await connection.fetchval(_MEMBERSHIPS):
            warnings.append(f"The login is a member of {', '.join(groups)}.")
        if writable := await connection.fetchval(_WRITABLE):
            warnings.append(f"The login can change {writable} table{'s' if writable > 1 else ''}.")
        if schemas := await connection.fetchval(_CREATES):
            warnings.append(f"The login can create objects in {', '.join(schemas)}.")
    if await connection.fetchval(_DBLINK):
        warnings.append("The extension dblink is installed: a query can open connections from the server.")
    return (*warnings, _advice(quoted(schema))) if warnings else ()


def _advice(schema: str) -> str:
    return (
        "Create a role of its own for this: CREATE ROLE memori_reader LOGIN PASSWORD '…'; "
        f"GRANT USAGE ON SCHEMA {schema} TO memori_reader; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO memori_reader; "
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO memori_reader;"
    )
