"""The statements that put tables under row-level security; used by the services' migrations."""

from alembic import op

_OWN_ROW = (
    "tenant_id = nullif(current_setting('app.tenant_id', true), '')"
    " and user_id = nullif(current_setting('app.user_id', true), '')"
)


def isolate_users(schema: str, service: str, *tables: str) -> None:
    """Let the service's app role see and write only rows of the user its transaction was opened for.

    An unset setting reads NULL or '' and matches no row. FORCE makes the policy hold for the tables' owner as well.
    """
    app = f"{service}_app"
    for table in tables:
        name = f"{schema}.{table}"
        op.execute(f"alter table {name} enable row level security")
        op.execute(f"alter table {name} force row level security")
        op.execute(f"create policy own_rows on {name} to {app} using ({_OWN_ROW}) with check ({_OWN_ROW})")
        op.execute(f"grant select, insert, update, delete on {name} to {app}")


def allow_worker(schema: str, service: str, table: str, *privileges: str) -> None:
    """Let the service's worker role do exactly these things (select, insert, update, delete) to every user's rows."""
    worker, name = f"{service}_worker", f"{schema}.{table}"
    for privilege in privileges:
        check = {"insert": "with check (true)", "update": "using (true) with check (true)"}.get(
            privilege, "using (true)"
        )
        op.execute(f"create policy worker_{privilege} on {name} for {privilege} to {worker} {check}")
        op.execute(f"grant {privilege} on {name} to {worker}")


def create_outbox(schema: str, service: str) -> None:
    """The service's outbox: the app and worker roles add to it, only the worker role reads and empties it."""
    name = f"{schema}.memori_outbox"
    op.execute(f"""
        create table {name} (
            id bigint generated always as identity primary key,
            kind text not null check (kind in ('event', 'command')),
            subject text not null,
            message_id uuid not null,
            headers jsonb not null,
            body bytea not null,
            attempts integer not null default 0,
            not_before timestamptz not null default now(),
            created_at timestamptz not null default now()
        )""")
    op.execute(f"create index memori_outbox_commands on {name} (not_before) where kind = 'command'")
    op.execute(f"grant insert on {name} to {service}_app, {service}_worker")
    op.execute(f"grant select, update, delete on {name} to {service}_worker")


def drop_outbox(schema: str) -> None:
    """Undo `create_outbox`."""
    op.execute(f"drop table {schema}.memori_outbox")
