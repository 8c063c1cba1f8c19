"""The statements that put tables under row-level security; used by the services' migrations."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from sqlalchemy import BigInteger, LargeBinary, Text, cast, column, func, select, update
from sqlalchemy import table as table_named
from sqlalchemy.dialects.postgresql import JSONB

from contracts.identity import Identity

_OWN_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')"
_OWN_ROW = f"{_OWN_TENANT} and user_id = nullif(current_setting('app.user_id', true), '')"


def isolate_users(schema: str, service: str, *tables: str) -> None:
    """Let the service's app role see and write only rows of the user its transaction was opened for.

    An unset setting reads NULL or '' and matches no row. FORCE makes the policy hold for the tables' owner as well.
    """
    _isolate(schema, service, tables, _OWN_ROW)


def isolate_tenants(schema: str, service: str, *tables: str) -> None:
    """Let the service's app role see and write only rows of the tenant of the user its transaction was opened for.

    For what is counted of a tenant as a whole: such a table has no user, and holds nothing personal.
    """
    _isolate(schema, service, tables, _OWN_TENANT)


def _isolate(schema: str, service: str, tables: tuple[str, ...], own: str) -> None:
    app = f"{service}_app"
    for table in tables:
        name = f"{schema}.{table}"
        _own_rows(name, app, own)
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


@contextmanager
def every_row(schema: str, *tables: str) -> Iterator[None]:
    """Let a migration read and change everybody's rows: the tables' owner is under the policies too, and sees none."""
    for table in tables:
        op.execute(f"alter table {schema}.{table} no force row level security")
    yield
    for table in tables:
        op.execute(f"alter table {schema}.{table} force row level security")


def own_outbox(schema: str) -> None:
    """Give each row of an outbox its user, so that a user's rows can be erased, and a refused command a place to stay.

    The app role sees and deletes rows of its transaction's user only, and of those nothing but whose they are.
    """
    name, app, worker = f"{schema}.memori_outbox", f"{schema}_app", f"{schema}_worker"
    op.execute(f"""
        alter table {name}
            add tenant_id text,
            add user_id text,
            add failures integer not null default 0,
            add refused_at timestamptz""")
    _find_owners(schema)
    op.execute(f"alter table {name} alter tenant_id set not null, alter user_id set not null")
    op.execute(f"comment on column {name}.failures is 'How often the service that was asked failed'")
    op.execute(f"comment on column {name}.refused_at is 'A command that is asked again only when an operator says so'")
    op.execute(f"drop index {schema}.memori_outbox_commands")
    op.execute(f"""
        create index memori_outbox_commands on {name} (not_before) where kind = 'command' and refused_at is null""")
    _own_rows(name, app)
    op.execute(f"grant delete, select (tenant_id, user_id, created_at) on {name} to {app}")
    op.execute(f"create policy worker_rows on {name} to {worker} using (true) with check (true)")


def disown_outbox(schema: str) -> None:
    """Undo `own_outbox`; commands that were refused are asked again."""
    name, app = f"{schema}.memori_outbox", f"{schema}_app"
    op.execute(f"drop policy own_rows on {name}")
    op.execute(f"drop policy worker_rows on {name}")
    op.execute(f"alter table {name} no force row level security")
    op.execute(f"alter table {name} disable row level security")
    op.execute(f"revoke delete, select (tenant_id, user_id, created_at) on {name} from {app}")  # noqa: S608
    op.execute(f"drop index {schema}.memori_outbox_commands")
    op.execute(f"create index memori_outbox_commands on {name} (not_before) where kind = 'command'")
    op.execute(f"alter table {name} drop tenant_id, drop user_id, drop failures, drop refused_at")


def create_erasures(schema: str, service: str) -> None:
    """Where the service notes whom it erased: a keyed hash of each user and a time, which nobody takes back."""
    name = f"{schema}.memori_erasures"
    op.execute(f"""
        create table {name} (
            user_key bytea primary key check (octet_length(user_key) = 32),
            erased_at timestamptz not null
        )""")
    op.execute(f"comment on table {name} is 'Keeps late work from recreating an erased user; see persistence.erasures'")
    op.execute(f"grant select, insert, update on {name} to {service}_app, {service}_worker")


def drop_erasures(schema: str) -> None:
    """Undo `create_erasures`."""
    op.execute(f"drop table {schema}.memori_erasures")


def _own_rows(name: str, app: str, own: str = _OWN_ROW) -> None:
    op.execute(f"alter table {name} enable row level security")
    op.execute(f"alter table {name} force row level security")
    op.execute(f"create policy own_rows on {name} to {app} using ({own}) with check ({own})")


def _find_owners(schema: str) -> None:
    """Events name their user in the body, commands in their headers."""
    outbox = table_named(
        "memori_outbox",
        column("id", BigInteger),
        column("kind", Text),
        column("headers", JSONB),
        column("body", LargeBinary),
        column("tenant_id", Text),
        column("user_id", Text),
        schema=schema,
    )
    body = cast(func.convert_from(outbox.c.body, "UTF8"), JSONB)
    is_event = outbox.c.kind == "event"
    op.execute(update(outbox).where(is_event).values(tenant_id=body["tenantid"].astext, user_id=body["userid"].astext))
    connection = op.get_bind()
    for row in connection.execute(select(outbox.c.id, outbox.c.headers).where(~is_event)).all():
        owner = Identity.from_headers(row.headers)
        connection.execute(
            update(outbox).where(outbox.c.id == row.id).values(tenant_id=owner.tenant_id, user_id=owner.user_id)
        )
