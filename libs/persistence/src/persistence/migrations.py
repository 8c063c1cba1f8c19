"""Runs a service's Alembic migrations under its owner role, one migrator at a time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from persistence.roles import schema_of

# Any constant does: every migrator of this product asks for the same lock.
_LOCK = 6_366_107_001


@asynccontextmanager
async def migrator(admin_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection that holds the migration lock until the block ends; a second migrator waits for it."""
    engine = create_async_engine(make_url(admin_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        yield connection
    await engine.dispose()


def migrate(
    connection: Connection,
    service: str,
    scripts: Path,
    *,
    direction: Literal["upgrade", "downgrade"] = "upgrade",
    revision: str | None = None,
) -> list[str]:
    """Bring a service's schema to a revision (default: the newest, or none at all); returns the revisions that ran.

    `scripts` is the service's migrations folder, with its revisions in `versions/`. All of them run in one
    transaction, so that a failure leaves the schema as it was.
    """
    schema = schema_of(service)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    script = ScriptDirectory.from_config(config)
    ran: list[str] = []

    def steps(current: Any, _context: Any) -> list[Any]:
        plan: Callable[[str, Any], list[Any]] = (
            script._upgrade_revs if direction == "upgrade" else script._downgrade_revs  # noqa: SLF001  # as alembic.command does
        )
        found = plan(revision or ("head" if direction == "upgrade" else "base"), current)
        ran.extend(step.revision.revision for step in found)
        return found

    with connection.begin(), EnvironmentContext(config, script, fn=steps) as environment:
        connection.execute(text(f"set local role {schema}_owner"))
        connection.execute(text(f"set local search_path = {schema}, public"))
        environment.configure(connection=connection, version_table="memori_schema_version", version_table_schema=schema)
        environment.run_migrations()
    return ran
