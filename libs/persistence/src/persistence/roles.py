"""The roles of a service: an owner for DDL, an app under row-level security, a worker for what spans users."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

ROLES = ("owner", "app", "worker")


def schema_of(service: str) -> str:
    """The Postgres schema (and prefix of the roles) of a service: `memory-store` → `memory_store`."""
    return service.replace("-", "_")


def bootstrap(connection: Connection, service: str, passwords: Mapping[str, str]) -> None:
    """Create or align the roles and the schema of one service; safe to run again.

    `passwords` maps role names to passwords; a login role that is not in it keeps the password it has. Needs a
    connection that may create roles. The owner cannot log in: migrations run as it through `set role`.
    """
    schema = schema_of(service)
    for kind in ROLES:
        role = f"{schema}_{kind}"
        if not connection.scalar(text("select 1 from pg_roles where rolname = :role"), {"role": role}):
            connection.execute(text(f"create role {role}"))
        login = "nologin" if kind == "owner" else "login"
        connection.execute(text(f"alter role {role} {login} nosuperuser nobypassrls nocreatedb nocreaterole"))
        if role in passwords:
            # DDL takes no parameters; format quotes on the server.
            statement = connection.scalar(
                text("select format('alter role %I password %L', cast(:role as text), cast(:password as text))"),
                {"role": role, "password": passwords[role]},
            )
            connection.exec_driver_sql(str(statement))
    connection.execute(text(f"grant {schema}_owner to current_user"))
    connection.execute(text(f"create schema if not exists {schema} authorization {schema}_owner"))
    connection.execute(text(f"grant usage on schema {schema} to {schema}_app, {schema}_worker"))
    for kind in ("app", "worker"):
        connection.execute(text(f"alter role {schema}_{kind} set search_path = {schema}, public"))
