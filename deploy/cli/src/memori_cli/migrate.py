"""Brings Postgres and JetStream to what this version needs: roles, schemas, streams, durable consumers."""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import nats
from sqlalchemy import text

from contracts.topology import SERVICES
from messaging.provisioning import provision
from persistence import schema_of
from persistence.migrations import migrate, migrator
from persistence.roles import bootstrap


def migrations_of(service: str) -> Path | None:
    """The folder of a service's migrations, or None for a service that owns no tables or is not installed here."""
    package = importlib.util.find_spec(schema_of(service))
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "migrations"
    return folder if folder.is_dir() else None


async def migrate_database(
    admin_url: str, passwords: Mapping[str, str], say: Callable[[str], None] = lambda _: None
) -> None:
    """Create roles, schemas and tables of every service; safe to run twice and from several places at once.

    `passwords` maps the login roles (`memory_store_app`, `memory_store_worker`, …) to their passwords.
    """
    async with migrator(admin_url) as connection:
        async with connection.begin():
            await connection.execute(text("create extension if not exists vector schema public"))
            await connection.execute(text("revoke create on schema public from public"))
        for service in SERVICES:
            folder = migrations_of(service)
            if folder is None:
                continue
            async with connection.begin():
                await connection.run_sync(bootstrap, service, passwords)
            ran = await connection.run_sync(migrate, service, folder)
            say(f"{service}: {', '.join(ran) if ran else 'up to date'}")


async def migrate_streams(
    url: str, *, user: str | None = None, password: str | None = None, replicas: int = 1
) -> list[str]:
    """Create or update the streams and durable consumers of the topology; returns what was done."""
    credentials = {"user": user, "password": password} if user and password else {}
    client = await nats.connect(url, connect_timeout=5, max_reconnect_attempts=3, **credentials)
    try:
        return await provision(client.jetstream(timeout=10), replicas=replicas)
    finally:
        await client.close()
